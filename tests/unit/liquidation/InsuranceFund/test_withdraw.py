from __future__ import annotations

import boa
import pytest

from tests.contracts import write
from tests.worlds.liquidation import EXPIRY, MARKET, address

PAYER = address("insurer")
WEEK = 7 * 86_400


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


def test_withdraw__long_after__reverts(world, funded):
    """A standing request would be an exit option before every loss."""
    request(world, funded)
    world.wait(2 * WEEK)
    with boa.reverts("insurance/request-expired"):
        withdraw(world)


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


def test_withdraw__known_deficit__keeps_the_reserve(world, funded):
    request(world, funded)
    world.wait(WEEK)
    vault = world.short_put(600)
    world.move(1100)
    world.flag(vault, address("keeper"))
    assert world.fund.refresh(MARKET, EXPIRY) == 250 * world.unit == world.fund.reserved(MARKET)
    with boa.reverts("insurance/below-reserve"):
        withdraw(world)
    world.deposit(vault, 2000, address("friend"))
    assert world.fund.refresh(MARKET, EXPIRY) == 0 == world.fund.reserved(MARKET)
    assert withdraw(world) > 999 * world.unit


def test_refresh__unknown_market__reverts(world):
    with boa.reverts("insurance/unknown-market"):
        world.fund.refresh(77, EXPIRY)


def test_withdraw__token_refuses__reverts(world, funded):
    request(world, funded)
    world.wait(WEEK)
    write("MockERC20", world.token.address, "balanceOf", 2**256 - 1, PAYER)
    with boa.reverts():
        withdraw(world)
    assert world.fund.shares(MARKET, PAYER) == funded
