"""What a draw wanted and what it got, claims that are paid in parts, and what each step tells."""

from __future__ import annotations

import boa
import pytest

from tests.contracts import write
from tests.worlds.liquidation import EXPIRY, MARKET, address, put

WEEK = 7 * 86_400
FIELDS = {
    "VaultSettled": ("vault_id", "market", "expiry", "net", "received", "shortfall", "debt"),
    "ClaimPaid": ("vault_id", "amount", "paid", "claim", "final"),
    "DebtRepaid": ("vault_id", "amount", "debt"),
    "CellSwept": ("market", "expiry", "amount"),
}


def test_insure__most_of_the_day_used_up__event_tells_what_was_wanted_and_what_was_there(world):
    world.insure(1_000)
    vault = world.short_put(600)
    world.expire(1_200)
    with boa.env.prank(world.at["Liquidator"]):
        world.fund.draw(MARKET, EXPIRY + WEEK, 7, address("taker"), 240 * world.unit)
        world.fund.draw(MARKET, EXPIRY + 2 * WEEK, 7, address("taker"), 180 * world.unit)
    there = world.fund.available(MARKET, EXPIRY)
    world.settlement.settle_many([vault, world.maker_id])
    (event,) = [e for e in world.settlement.get_logs() if type(e).__name__ == "CellInsured"]
    assert (event.market, event.expiry, event.ended) == (MARKET, EXPIRY, False)
    assert event.amount == there > 0 and event.wanted > there
    assert event.wanted == event.amount + world.settlement.insurable(MARKET, EXPIRY)


def events(world, name: str) -> list[tuple]:
    """All fields of the events of a name that the last call left."""
    logs = [log for log in world.settlement.get_logs() if type(log).__name__ == name]
    return [tuple(getattr(log, field) for field in FIELDS[name]) for log in logs]


def frozen(world, holder: str, settle: int) -> None:
    """Settles a vault while the issuer lets nothing arrive at an address."""
    balance = world.balance(holder)
    write("MockERC20", world.token.address, "balanceOf", 2**256 - 1, holder)
    world.settlement.settle(settle)
    write("MockERC20", world.token.address, "balanceOf", balance, holder)


@pytest.fixture
def halves(world):
    """Two losers of 300 each, of whom the second could not pay in; the winner is settled too."""
    first, second = world.short_put(600, address("first")), world.short_put(600, address("second"))
    world.expire(1700)
    world.settlement.settle(first)
    frozen(world, world.cell, second)
    world.settlement.settle(world.maker_id)
    return first, second


def test_settle__events__tell_what_each_owes_gets_and_lacks(world):
    paid, debtor = world.short_put(600, address("first")), world.short_put(600, address("second"))
    short = world.short_put(600, address("third"))
    world.expire(1300)
    unit = world.unit
    world.settlement.settle(paid)
    (event,) = events(world, "VaultSettled")
    assert event == (paid, MARKET, EXPIRY, -700 * unit, event[4], 700 * unit - event[4], 0)
    assert 580 * unit < event[4] <= 600 * unit
    frozen(world, world.cell, debtor)
    (event,) = events(world, "VaultSettled")
    # what could not be moved is a debt and no shortfall
    assert event[3:5] == (-700 * unit, 0) and event[5] + event[6] == 700 * unit and event[6] > 0
    assert world.settlement.debt_of(debtor) == event[6]
    world.settlement.settle(short)
    world.settlement.settle(world.maker_id)
    (event,) = events(world, "VaultSettled")
    assert event == (world.maker_id, MARKET, EXPIRY, 2_100 * unit, 0, 0, 0)


def test_claim__in_parts__tells_what_now_and_in_all_and_when_it_ends(world, halves):
    unit = world.unit
    world.settlement.claim(world.maker_id)
    assert events(world, "ClaimPaid") == [(world.maker_id, 300 * unit, 300 * unit, 600 * unit, False)]
    assert world.settlement.cell_state(MARKET, EXPIRY).open_claims == 1
    with boa.reverts("settlement/claims-open"):
        world.settlement.sweep(MARKET, EXPIRY)
    world.settlement.repay(halves[1])
    assert events(world, "DebtRepaid") == [(halves[1], 300 * unit, 0)]
    world.settlement.claim(world.maker_id)
    assert events(world, "ClaimPaid") == [(world.maker_id, 300 * unit, 600 * unit, 600 * unit, True)]
    assert world.settlement.cell_state(MARKET, EXPIRY).open_claims == 0
    world.token.mint(world.cell, 3)
    assert world.settlement.sweep(MARKET, EXPIRY) == 3
    assert events(world, "CellSwept") == [(MARKET, EXPIRY, 3)]


def test_repay__less_than_the_debt__leaves_the_rest_and_the_mark(world, halves):
    """What the vault has of it goes, and the ratio rises by that alone."""
    debtor, unit = halves[1], world.unit
    world.settlement.claim(world.maker_id)
    left = world.custody(debtor)
    write("MockERC20", world.token.address, "balanceOf", 100 * unit, left)
    assert world.settlement.repay(debtor) == 100 * unit
    assert events(world, "DebtRepaid") == [(debtor, 100 * unit, 200 * unit)]
    assert world.settlement.debt_of(debtor) == 200 * unit and world.clearinghouse.vault_word(debtor) >> 188 & 4
    world.settlement.claim(world.maker_id)
    assert events(world, "ClaimPaid") == [(world.maker_id, 100 * unit, 400 * unit, 600 * unit, False)]
    # nothing is there to repay with
    with boa.reverts("settlement/transfer-refused"):
        world.settlement.repay(debtor)


def test_give_up__claim_paid_in_part__tells_what_it_had(world, halves):
    world.settlement.claim(world.maker_id)
    world.settlement.give_up(world.maker_id, sender=world.at["Clearinghouse"])
    assert events(world, "ClaimPaid") == [(world.maker_id, 0, 300 * world.unit, 600 * world.unit, True)]
    # the debt is still owed, and what it brings goes to insurance
    world.settlement.repay(halves[1])
    assert world.settlement.sweep(MARKET, EXPIRY) == 300 * world.unit


def test_claims__three_of_a_short_cell__are_rounded_down_each(world):
    """Thirds of what came in: each is rounded down, and the dust is the insurance's."""
    winners = [world.open(address(f"winner{i}"), 500) for i in range(3)]
    loser = world.open(address("loser"), 900)
    for winner in winners:
        world.trade(loser, winner, [put(2000, 1)], 20)
    world.expire(1000)
    world.settlement.settle_many([loser, *winners])
    received = world.settlement.cell_state(MARKET, EXPIRY).received
    paid = [world.settlement.claim(winner) for winner in winners]
    assert paid == [received // 3] * 3
    assert world.balance(world.cell) == received % 3 != 0
