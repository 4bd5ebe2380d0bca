from __future__ import annotations

import boa
import pytest

from tests.contracts import write
from tests.worlds.liquidation import EXPIRY, MARKET, WAD, address

PAYER = address("insurer")
DAY = 86_400
WEEK = 7 * DAY


@pytest.fixture
def funded(world):
    world.insure(1000)
    return world.fund.shares(MARKET, PAYER)


def request(world, shares, payer=PAYER):
    with boa.env.prank(payer):
        world.fund.request(MARKET, shares)


def withdraw(world, payer=PAYER):
    with boa.env.prank(payer):
        return world.fund.withdraw(MARKET, payer)


def test_withdraw__after_the_cooldown__pays_the_share(world, funded):
    request(world, funded // 4)
    assert world.fund.request_of(MARKET, PAYER) == (funded // 4, world.now + WEEK)
    world.wait(WEEK)
    paid = withdraw(world)
    assert abs(paid - 250 * world.unit) <= 1
    assert world.balance(PAYER) == paid
    assert world.fund.shares(MARKET, PAYER) == funded - funded // 4


def test_withdraw__two_depositors__share_gains_and_losses(world, funded):
    world.insure(1000, address("second"))
    world.token.mint(world.pot, 200 * world.unit)
    with boa.env.prank(world.at["Settlement"]):
        world.fund.draw(MARKET, EXPIRY, 0, address("cell"), 400 * world.unit)
    request(world, funded)
    world.wait(WEEK)
    assert abs(withdraw(world) - 900 * world.unit) <= 3


def test_withdraw__never_pays_out_more_than_paid_in(world):
    world.insure(0.000001)
    for i in range(3):
        world.insure(0.000003, address(f"payer{i}"))
    total = 0
    for payer in [PAYER, *(address(f"payer{i}") for i in range(3))]:
        request(world, world.fund.shares(MARKET, payer), payer)
    world.wait(WEEK)
    for payer in [PAYER, *(address(f"payer{i}") for i in range(3))]:
        total += withdraw(world, payer)
    assert total <= 10


def test_withdraw__before_the_cooldown__reverts(world, funded):
    request(world, funded)
    world.wait(WEEK - 1)
    with boa.reverts("insurance/cooling-down"):
        withdraw(world)


def test_withdraw__two_days_after_the_cooldown__reverts(world, funded):
    """A standing request would be an exit option before every loss."""
    request(world, funded)
    world.wait(WEEK + 2 * DAY)
    with boa.reverts("insurance/request-expired"):
        withdraw(world)
    world.wait(-1)
    assert withdraw(world) > 999 * world.unit


def test_withdraw__nothing_requested__reverts(world, funded):
    with boa.reverts("insurance/nothing-requested"):
        withdraw(world)
    request(world, funded)
    request(world, 0)
    world.wait(WEEK)
    with boa.reverts("insurance/nothing-requested"):
        withdraw(world)


def test_request__more_than_held__reverts(world, funded):
    with boa.reverts("insurance/too-many-shares"):
        request(world, funded + 1)


def loss(world, spot=1000):
    """A flagged vault with a deficit beyond the cell's cap, recorded."""
    vault = world.short_put(600, address("loser"))
    world.move(spot)
    world.flag(vault, address("keeper"))
    return vault


def test_withdraw__known_loss__is_in_the_price(world):
    """Who leaves bears what who stays bears: nobody is repaid at par beside a recorded loss."""
    world.insure(500, PAYER)
    world.insure(500, address("second"))
    for payer in (PAYER, address("second")):
        request(world, world.fund.shares(MARKET, payer), payer)
    world.wait(WEEK)
    vault = loss(world)
    assert world.fund.reserve(MARKET, EXPIRY) == 250 * world.unit == world.fund.reserved(MARKET)
    with boa.env.anchor():
        world.deposit(vault, 2000, address("friend"))
        assert world.fund.reserve(MARKET, EXPIRY) == 0 == world.fund.reserved(MARKET)
        assert withdraw(world) > 499 * world.unit
    left = withdraw(world)
    assert abs(left - 375 * world.unit) <= 1
    # the cap is a quarter of what is there now, so the loss itself costs less than was kept back
    world.fund.reserve(MARKET, EXPIRY)
    assert withdraw(world, address("second")) >= left
    assert world.balance(world.pot) >= 125 * world.unit


def test_withdraw__deficit_below_the_cap__is_priced_as_it_is(world, funded):
    request(world, funded // 2)
    world.wait(WEEK)
    vault = loss(world, 1350)
    equity = world.standing(vault)[0]
    missing = -equity * world.unit // WAD + 1
    assert 0 < missing < 250 * world.unit
    assert abs(world.fund.reserve(MARKET, EXPIRY) - missing) <= 1
    assert abs(withdraw(world) - (1000 * world.unit - missing) // 2) <= 2


def test_deposit__beside_a_known_loss__buys_at_the_whole_fund(world, funded):
    loss(world)
    world.fund.reserve(MARKET, EXPIRY)
    world.insure(1000, address("second"))
    assert abs(world.fund.shares(MARKET, address("second")) - funded) <= funded // 10**6


def test_settle__flagged_vault__moves_its_part_in_the_same_call(world, funded):
    """From the recorded deficits to the shortfall not yet drawn, and from there into what the cell was paid."""
    vault = loss(world)
    margin = world.words(vault)[1] >> 120 & (2**64 - 1)
    assert world.fund.reserve(MARKET, EXPIRY) == 250 * world.unit > margin
    world.expire(1000)
    with boa.env.prank(address("keeper")):
        world.settlement.settle(vault)
    # the deficit counted whole, the shortfall up to what insurance pays for this vault
    assert world.settlement.insurable(MARKET, EXPIRY) == margin == world.fund.reserved(MARKET)
    world.settlement.settle(world.maker_id)
    assert world.fund.reserved(MARKET) == 0 == world.fund.reserves(MARKET << 40 | EXPIRY)
    assert world.balance(world.pot) == 1000 * world.unit - margin


def test_settle__vault_never_recorded__is_reserved_for_at_once(world, funded):
    vault = world.short_put(600)
    world.expire(1200)
    world.settlement.settle(vault)
    assert world.fund.reserved(MARKET) == 120 * world.unit == world.settlement.insurable(MARKET, EXPIRY)


def test_draw__top_up__lowers_the_reserve(world, funded):
    loss(world)
    before = world.fund.reserve(MARKET, EXPIRY)
    with boa.env.prank(world.at["Liquidator"]):
        world.fund.draw(MARKET, EXPIRY, 7, address("taker"), 100 * world.unit)
    assert world.fund.reserved(MARKET) == before - 100 * world.unit


def test_reserve__unknown_market__reverts(world):
    with boa.reverts("insurance/unknown-market"):
        world.fund.reserve(77, EXPIRY)


def test_withdraw__token_refuses__reverts(world, funded):
    request(world, funded)
    world.wait(WEEK)
    write("MockERC20", world.token.address, "balanceOf", 2**256 - 1, PAYER)
    with boa.reverts():
        withdraw(world)
    assert world.fund.shares(MARKET, PAYER) == funded
