"""Attacks on settlement, and tokens that freeze, answer false or keep a fee."""

from __future__ import annotations

import boa
import pytest

from tests.contracts import deployer
from tests.evm import Env
from tests.worlds.liquidation import EXPIRY, MARKET, WAD, World, address, call, cash, put, unchanged

OWNER = address("owner")


@pytest.fixture(scope="module")
def _hostile():
    env = Env()
    with boa.swap_env(env):
        made = World(token=deployer("HostileERC20").deploy(6))
    return env, made


@pytest.fixture
def hostile(_hostile):
    # other tests of this file live in another environment
    env, made = _hostile
    with boa.swap_env(env), env.anchor():
        state = dict(vars(made))
        yield made
        vars(made).clear()
        vars(made).update(state)


@pytest.mark.parametrize("quiet", [False, True])
def test_frozen_loser__pay_in_fails__owes_and_is_locked(hostile, quiet):
    """A failed pay-in must not forgive the debt, and must not stop the cell."""
    world = hostile
    bad, good = world.short_put(600, OWNER), world.short_put(600, address("good"))
    world.token.misbehave(quiet, 0)
    world.token.freeze(world.custody(bad), True)
    world.expire(1700)
    assert world.settlement.settle_many([bad, good, world.maker_id]) == 3
    assert world.settlement.debt_of(bad) == 300 * world.unit
    assert world.settlement.claim(world.maker_id) == 300 * world.unit
    world.token.freeze(world.custody(bad), False)
    for action in ("withdraw", "close"):
        with boa.env.prank(OWNER), unchanged(world, bad), boa.reverts():
            if action == "withdraw":
                world.clearinghouse.withdraw(bad, 1, OWNER)
            else:
                world.clearinghouse.close(bad, OWNER)
    assert world.settlement.repay(bad) == 300 * world.unit
    assert world.settlement.claim(world.maker_id) == 300 * world.unit
    with boa.env.prank(OWNER):
        world.clearinghouse.close(bad, OWNER)


@pytest.mark.parametrize("quiet", [False, True])
def test_frozen_winner__claim_fails__others_are_paid(hostile, quiet):
    world = hostile
    winner = world.open(address("winner"), 300)
    loser = world.short_put(600, OWNER)
    world.trade(loser, winner, [put(1500, 0.5)], 10)
    world.token.misbehave(quiet, 0)
    world.token.freeze(world.custody(winner), True)
    world.expire(1400)
    assert world.settlement.settle_many([loser, winner, world.maker_id]) == 3
    assert world.settlement.claim_many([winner, world.maker_id]) == 1
    with boa.reverts("settlement/transfer-refused"):
        world.settlement.claim(winner)
    # what the frozen one is due stays in the cell
    with boa.reverts("settlement/claims-open"):
        world.settlement.sweep(MARKET, EXPIRY)
    world.token.freeze(world.custody(winner), False)
    assert world.settlement.claim(winner) > 0


def test_frozen_keeper__tip_fails__settles_all_the_same(hostile):
    world = hostile
    vault = world.short_put(600, OWNER)
    world.expire(1700)
    keeper = address("frozen keeper")
    world.token.freeze(keeper, True)
    with boa.env.prank(keeper):
        world.settlement.settle(vault)
    assert world.balance(world.cell) == 300 * world.unit
    assert world.balance(vault) == 300 * world.unit


def test_fee_token__claims_share_what_arrived(hostile):
    """A fee on transfer hurts the market that listed the token; the cell never promises what it does not hold."""
    world = hostile
    vault = world.short_put(600, OWNER)
    second = world.open(address("second"), 600)
    world.trade(vault, second, [put(1900, 0.5)], 20)
    world.token.misbehave(False, 100)
    world.expire(1700)
    world.settlement.settle_many([vault, second, world.maker_id])
    received = world.settlement.cell_state(MARKET, EXPIRY).received
    assert received == world.balance(world.cell)
    paid = world.settlement.claim(second) + world.settlement.claim(world.maker_id)
    assert paid <= received


def test_fee_token__insurance__counts_what_arrived(hostile):
    world = hostile
    world.insure(100_000)
    vault = world.short_put(600, OWNER)
    world.token.misbehave(False, 100)
    world.expire(1200)
    world.settlement.settle_many([vault, world.maker_id])
    assert world.settlement.cell_state(MARKET, EXPIRY).received == world.balance(world.cell)


def test_close__with_an_unpaid_claim__gives_it_up_and_nobody_is_paid_it(world):
    """A stranger's frozen debt holds nobody (7.4); what is given up goes to insurance with the last sweep."""
    vault = world.short_put(600)
    world.expire(1700)
    world.settlement.settle(world.maker_id)
    claimed = world.settlement.claim_of(world.maker_id)[1]
    assert claimed > 0
    with boa.env.prank(address("maker")):
        world.clearinghouse.close(world.maker_id, address("maker"))
    assert world.settlement.claim_of(world.maker_id)[1] == 0
    world.settlement.settle(vault)
    with boa.reverts():
        world.settlement.claim(world.maker_id)
    pot = world.balance(world.pot)
    world.settlement.sweep(MARKET, EXPIRY)
    assert world.balance(world.pot) - pot == claimed


def test_dust_vaults__cannot_hold_up_a_cell(world):
    """Many one-lot vaults only costs their owner: anyone settles them and is tipped for each."""
    dust = []
    for i in range(6):
        vault = world.open(address(f"dust{i}"), 60)
        world.trade(vault, world.maker(), [put(1000, 0.01)])
        dust.append(vault)
    loser = world.short_put(600)
    world.expire(1700)
    keeper = address("keeper")
    with boa.env.prank(keeper):
        assert world.settlement.settle_many([*dust, loser, world.maker_id]) == 8
    assert world.balance(keeper) == 8 * 2 * world.unit
    assert world.settlement.claim(world.maker_id) == 300 * world.unit


def test_vault_taken_over_whole__owes_nothing_at_settlement(world):
    vault = world.short_put(600)
    world.move(1300)
    world.flag(vault, address("keeper"))
    world.wait(100)
    into = world.open(address("taker"), 5000)
    world.take(vault, into, address("taker"))
    world.expire(1250)
    with boa.reverts("settlement/no-legs"):
        world.settlement.settle(vault)
    world.settlement.settle_many([into, world.maker_id])
    assert world.settlement.claim(world.maker_id) == 750 * world.unit


def to_be_taken(world):
    """A flagged vault a minute into its auction, and a vault to take it into."""
    vault = world.short_put(600, OWNER)
    into = world.open(address("taker"), 3000)
    world.move(1500)
    world.flag(vault, address("keeper"))
    world.wait(60)
    return vault, into


@pytest.mark.parametrize("quiet", [False, True])
def test_frozen_pot__take__goes_on_without_the_cut(hostile, quiet):
    """An issuer that freezes the insurance pot must not stop liquidation: the 2 % stay in the vault."""
    world = hostile
    vault, into = to_be_taken(world)
    quoted = world.liquidator.quote(vault, WAD)
    assert quoted.cut > 0
    world.token.misbehave(quiet, 0)
    world.token.freeze(world.pot, True)
    before = world.balance(vault), world.balance(into)
    assert world.take(vault, into, address("taker")) == quoted.cash
    tip = 3 * world.unit
    assert world.balance(vault) == before[0] - quoted.cash - tip
    assert world.balance(into) == before[1] + quoted.cash + tip
    assert world.balance(world.pot) == 0 and not world.is_flagged(vault)


def test_frozen_pot__taker_that_pays__goes_on_without_the_cut(hostile):
    world = hostile
    vault = world.open(OWNER, 20)
    world.trade(world.maker(), vault, [call(1000, 3), cash(-2000)])
    into = world.open(address("taker"), 20_000)
    world.move(1840)
    world.flag(vault, address("keeper"))
    world.wait(30)
    quoted = world.liquidator.quote(vault, WAD)
    assert quoted.cash < 0 < quoted.cut
    world.token.freeze(world.pot, True)
    before = world.balance(vault)
    world.take(vault, into, address("taker"))
    assert world.balance(vault) == before - quoted.cash - 3 * world.unit


def test_frozen_taker__take__reverts_and_changes_nothing(hostile):
    """Only the cut is skipped: tokens between the two vaults move or nothing does."""
    world = hostile
    vault, into = to_be_taken(world)
    world.token.freeze(world.custody(into), True)
    with unchanged(world, vault, into), boa.reverts("clearinghouse/transfer-refused"):
        world.take(vault, into, address("taker"))


LEAVER = """
# pragma version 0.4.3
from ethereum.ercs import IERC20
from interfaces import IInsuranceFund

fund: IInsuranceFund
market: uint256
expiry: uint256
paid: public(uint256)

@external
def enter(fund: address, token: address, market: uint256, expiry: uint256, amount: uint256):
    self.fund = IInsuranceFund(fund)
    self.market = market
    self.expiry = expiry
    extcall IERC20(token).approve(fund, amount)
    extcall self.fund.request(market, extcall self.fund.deposit(market, amount))

@external
def leave():
    extcall self.fund.reserve(self.market, self.expiry)
    self.paid = extcall self.fund.withdraw(self.market, self)
"""


def test_insurance_leaver__called_by_the_token_while_a_vault_is_settled__bears_its_part(hostile):
    """The deficit is no more counted then, and the shortfall is not yet: no reserve is recorded in between."""
    world = hostile
    world.insure(500)
    leaver = boa.loads(LEAVER)
    world.token.mint(leaver.address, 500 * world.unit)
    loser = world.short_put(600, OWNER)
    world.move(1200)
    world.flag(loser, address("keeper"))
    world.wait(EXPIRY - world.now - 7 * 86_400)
    leaver.enter(world.fund.address, world.token.address, MARKET, EXPIRY, 500 * world.unit)
    world.expire(1200)
    with boa.env.anchor():
        leaver.leave()
        fair = leaver.paid()
    assert fair < 450 * world.unit
    world.token.arm(leaver.address, leaver.leave.prepare_calldata())
    world.settlement.settle(loser)
    assert world.token.hook_calls() == 1
    if not world.token.hook_passed():
        leaver.leave()
    assert abs(leaver.paid() - fair) <= 1
