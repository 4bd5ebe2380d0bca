"""Split, merge and regroup between vaults of one owner."""

import boa
import pytest

from tests.contracts import write
from tests.worlds.system import call, cash, future, put, weekly

EXPIRY = weekly(2)


@pytest.fixture
def pod(system, trader, maker):
    """An iron condor in one vault."""
    vault, other = system.open(trader, 1_000), system.open(maker, 50_000)
    condor = [put(1800, -1), put(1700, 1), call(2200, -1), call(2300, 1)]
    system.novate(other, vault, condor, EXPIRY, -30)
    return vault


def test_transfer_legs__split__moves_legs_and_cash_to_an_own_vault(system, trader, pod):
    wing = system.open(trader)
    before = system.clearinghouse.market(1)[2]
    with boa.env.prank(trader):
        system.clearinghouse.transfer_legs(pod, wing, [put(1800, -1), put(1700, 1)], 200 * 10**6)
    assert [leg.strike for leg in system.legs(wing)] == [1800 * 10**8, 1700 * 10**8]
    assert [leg.strike for leg in system.legs(pod)] == [2200 * 10**8, 2300 * 10**8]
    assert system.balance(wing) == 200 * 10**6
    assert system.balance(pod) == 830 * 10**6
    assert system.clearinghouse.market(1)[2] == before  # nothing was opened


def test_transfer_legs__merge__empties_the_first_vault(system, trader, pod):
    target = system.open(trader, 20)
    legs = [leg.pack() for leg in system.legs(pod)]
    with boa.env.prank(trader):
        system.clearinghouse.transfer_legs(pod, target, legs, 1_000 * 10**6)
    assert system.legs(pod) == []
    assert len(system.legs(target)) == 4
    with boa.env.prank(trader):
        system.clearinghouse.close(pod, trader)


def test_transfer_legs__either_side_unmargined__refused(system, trader, pod):
    wing = system.open(trader, 11)
    with boa.env.prank(trader), boa.reverts("margin/below-initial"):
        system.clearinghouse.transfer_legs(pod, wing, [put(1800, -1)], 0)
    with boa.env.prank(trader), boa.reverts("margin/below-initial"):
        system.clearinghouse.transfer_legs(pod, wing, [put(1700, 1), call(2300, 1)], 900 * 10**6)


def test_transfer_legs__to_or_from_a_vault_of_another__refused(system, trader, stranger, pod):
    foreign = system.open(stranger, 100)
    with boa.env.prank(trader), boa.reverts("clearinghouse/not-owner"):
        system.clearinghouse.transfer_legs(pod, foreign, [put(1700, 1)], 0)
    with boa.env.prank(stranger), boa.reverts("clearinghouse/not-owner"):
        system.clearinghouse.transfer_legs(pod, foreign, [put(1700, 1)], 0)


def test_transfer_legs__from_a_vault_without_legs__refused(system, trader, pod):
    empty = system.open(trader, 100)
    with boa.env.prank(trader), boa.reverts("clearinghouse/no-legs"):
        system.clearinghouse.transfer_legs(empty, pod, [put(1700, 1)], 0)


def test_transfer_legs__stale_price__refused(system, trader, pod):
    other = system.open(trader, 5_000)
    system.wait(5 * 3600)
    with boa.env.prank(trader), boa.reverts("margin/price-not-active"):
        system.clearinghouse.transfer_legs(pod, other, [put(1700, 1)], 0)


def test_transfer_legs__flagged_side__refused(system, trader, pod):
    flagged = system.words(pod)[0] | 1 << 188
    write("Clearinghouse", system.clearinghouse.address, "words", flagged, pod)
    other = system.open(trader, 5_000)
    with boa.env.prank(trader), boa.reverts("margin/flagged"):
        system.clearinghouse.transfer_legs(pod, other, [put(1700, 1)], 0)


def test_transfer_legs__bits_above_a_leg_word__refused(system, trader, pod):
    """Such bits were once margined as cash and stored as a future, or written into the neighbour's half of a slot."""
    wing = system.open(trader, 50)
    future_as_cash = (1 << 128) | future(100)
    neighbour = [((5 << 128) | put(1800, -1)), cash(1)]
    for legs in ([future_as_cash], neighbour):
        with boa.env.prank(trader), boa.reverts("clearinghouse/not-a-lot"):
            system.clearinghouse.transfer_legs(pod, wing, legs, 0)


def test_transfer_legs__series_the_vault_does_not_hold__opens_nothing(system, trader, pod):
    """Open interest, its caps and the guardian's pause are the Exchange's: regrouping cannot go around them."""
    wing = system.open(trader, 500)
    for legs in ([put(0.00000001, 1000)], [put(1700, 2)], [call(2200, 1)]):
        with boa.env.prank(trader), boa.reverts("clearinghouse/opens-interest"):
            system.clearinghouse.transfer_legs(pod, wing, legs, 100 * 10**6)
