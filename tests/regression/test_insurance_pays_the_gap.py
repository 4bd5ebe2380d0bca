"""Insurance pays what a vault lost by a gap: no premium, nothing for a flag that risked nothing, not by the day.

One kind: a cap that depends on something other than the loss it is for. "No margin" was read as "never flagged", long
options counted as risk, and the day that somebody picked for the only draw decided what a cell was paid.
"""

from __future__ import annotations

import boa
import pytest

from tests.contracts import write
from tests.worlds.liquidation import EXPIRY, MARKET, address, call, cash, put

DAY = 86_400


def state(world):
    return world.settlement.cell_state(MARKET, EXPIRY)


def fill_the_day(world):
    """Other cells use up what the fund pays today."""
    with boa.env.prank(world.at["Liquidator"]):
        for week in range(1, 4):
            world.fund.draw(MARKET, EXPIRY + week * 7 * DAY, 7, address("taker"), 10**30)
    assert world.fund.available(MARKET, EXPIRY) == 0 < world.fund.cell_room(MARKET, EXPIRY)


def short_cell(world, fund=1000):
    """A cell that lacks 210, of which its cap allows 120; settled but for its last vault."""
    world.insure(fund)
    vault = world.short_put(600)
    world.expire(1200)
    world.settlement.settle(vault)
    return vault


@pytest.mark.parametrize(("flagged", "paid"), [(False, 120), (True, 0)])
def test_cap__flag_with_no_margin__is_not_the_cap_of_a_vault_without_flag(world, flagged, paid):
    world.insure(100_000)
    vault = world.short_put(600)
    if flagged:
        with boa.env.prank(world.at["Liquidator"]):
            world.clearinghouse.flag(vault, address("keeper"), world.clock, 0, -1)
    world.expire(1200)
    world.settlement.settle_many([vault, world.maker_id])
    assert state(world).received == (590 + paid) * world.unit
    assert world.balance(world.pot) == (100_000 - paid) * world.unit


def test_cap__straddle_bought_on_credit__premium_is_not_insured(world):
    """Nothing moved: what is missing is the premium, which the seller lent."""
    world.insure(100_000)
    buyer, seller = world.open(address("buyer"), 120), world.open(address("seller"), 100_000)
    world.trade(seller, buyer, [call(2000, 1), put(2000, 1), cash(-150)])
    world.expire(2000)
    world.settlement.settle_many([buyer, seller])
    assert (state(world).claims, state(world).received) == (150 * world.unit, 110 * world.unit)
    assert world.balance(world.pot) == 100_000 * world.unit
    assert state(world).insured and world.settlement.insurable(MARKET, EXPIRY) == 0


def test_insure__day_was_used_up__pays_on_a_later_day(world):
    """Whoever settles the last vault picks the day, and must not pick by it what the cell is paid."""
    short_cell(world)
    fill_the_day(world)
    world.settlement.settle(world.maker_id)
    assert state(world).received == 590 * world.unit and not state(world).insured
    assert world.settlement.insure(MARKET, EXPIRY) == 0
    first = world.settlement.claim(world.maker_id)
    assert first == 590 * world.unit and world.settlement.claim_of(world.maker_id)[0] == EXPIRY
    world.wait(DAY)
    # 500 are left in the fund: the cell may have a quarter, and lacks less
    assert world.settlement.insure(MARKET, EXPIRY) == 120 * world.unit
    assert state(world).insured and world.settlement.claim(world.maker_id) == 120 * world.unit
    assert world.settlement.claim_of(world.maker_id) == (0, 0, 0)
    with boa.reverts("settlement/nothing-to-insure"):
        world.settlement.insure(MARKET, EXPIRY)


def test_insure__cell_cap_used_up__ends_the_draws(world):
    short_cell(world, 200)
    world.settlement.settle(world.maker_id)
    assert state(world).received == 640 * world.unit and state(world).insured
    world.insure(100_000)
    world.wait(DAY)
    with boa.reverts("settlement/nothing-to-insure"):
        world.settlement.insure(MARKET, EXPIRY)
    world.settlement.claim(world.maker_id)
    assert world.settlement.claim_of(world.maker_id) == (0, 0, 0)


@pytest.mark.parametrize("late", [False, True])
def test_insure__seven_days__are_the_last(world, late):
    short_cell(world)
    fill_the_day(world)
    world.settlement.settle(world.maker_id)
    world.settlement.claim(world.maker_id)
    world.wait(7 * DAY - (not late))
    if late:
        with boa.reverts("settlement/nothing-to-insure"):
            world.settlement.insure(MARKET, EXPIRY)
        assert world.fund.reserve(MARKET, EXPIRY) == 0
        assert world.settlement.claim(world.maker_id) == 0
        assert world.settlement.claim_of(world.maker_id) == (0, 0, 0)
    else:
        assert world.settlement.insure(MARKET, EXPIRY) == 120 * world.unit


def test_claim__pot_frozen_for_good__is_final_after_seven_days(world):
    """No token that refuses keeps a winner's vault for ever."""
    short_cell(world)
    balance = world.balance(world.cell)
    write("MockERC20", world.token.address, "balanceOf", 2**256 - 1, world.cell)
    world.settlement.settle(world.maker_id)
    write("MockERC20", world.token.address, "balanceOf", balance, world.cell)
    world.settlement.claim(world.maker_id)
    assert world.settlement.claim_of(world.maker_id)[0] == EXPIRY
    world.wait(7 * DAY)
    world.settlement.claim(world.maker_id)
    assert world.clearinghouse.vault_word(world.maker_id) >> 188 & 15 == 0
