"""Tokens, flags and hedges leave a vault at an active price, or at one that nobody disputes.

What an uncertain price hides counts at both ends of it. Each case is one way in which a price that is fresh, and wrong,
would be worth something to somebody.
"""

from __future__ import annotations

import contextlib

import boa
import pytest

from bulkhead.risk.auction import WAD
from bulkhead.risk.words import Status
from tests.worlds.liquidation import address, call, cash, future, put, unchanged

OWNER, KEEPER, FRIEND, HONEST = address("owner"), address("keeper"), address("friend"), address("honest")
ACTIVE = Status.FRESH | Status.ACTIVE
DISPUTED = Status.FRESH | Status.DEGRADED


def mark(world, legs):
    return world.engine.value(legs, world.snapshot().words()) / WAD


def equity(world, vault):
    return world.standing(vault)[0] / WAD


def withdraw_most(world, vault):
    """The owner takes out what initial margin leaves, to one unit of the token."""
    low, high = 0, world.balance(vault)
    while high - low > 10**6:
        middle = (low + high) // 2
        try:
            with boa.env.anchor(), boa.env.prank(OWNER):
                world.clearinghouse.withdraw(vault, middle, OWNER)
            low = middle
        except boa.BoaError:
            high = middle
    with boa.env.prank(OWNER):
        world.clearinghouse.withdraw(vault, low, OWNER)


@pytest.fixture
def seller(world):
    """Ten puts sold to an honest buyer, and a lot of calls with a friend; what initial margin leaves is withdrawn."""
    vault, honest, friend = world.open(OWNER, 100_000), world.open(HONEST, 1_000_000), world.open(FRIEND, 3_000)
    world.trade(vault, honest, [put(2000, 10)], mark(world, [put(2000, 10)]))
    world.trade(vault, friend, [call(3000, 0.01)])
    withdraw_most(world, vault)
    return vault, honest, friend


@pytest.mark.parametrize("factor", [1.5, 2, 4])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_closing__feeds_apart__is_no_withdrawal(world, seller, factor, share):
    """At the wrong price the puts are worth little, and a lot bought back from a friend would pay out the rest."""
    vault, _, friend = seller
    world.move(2000 * factor, status=DISPUTED)
    held = world.balance(vault) / 10**6
    with unchanged(world, vault, friend), boa.env.anchor(), boa.reverts("margin/stale-close-price"):
        world.trade(friend, vault, [call(3000, 0.01)], held * share)
    with boa.env.prank(OWNER), boa.reverts("margin/price-not-active"):
        world.clearinghouse.withdraw(vault, 10**6, OWNER)
    # at the price that nobody disputes it may close
    world.trade(friend, vault, [call(3000, 0.01)], 0.1)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.2, 2])
def test_reducing__flagged_hedge_at_a_disputed_price__is_not_handed_to_a_friend(world, factor):
    """Far above the strikes the hedge is worth nothing, so that giving it away looks as if it cost nothing."""
    vault, friend, honest = world.open(OWNER, 3_200), world.open(FRIEND, 20_000), world.open(HONEST, 200_000)
    world.trade(friend, vault, [put(1950, 10)], mark(world, [put(1950, 10)]))
    for other in (honest, friend):
        world.trade(vault, other, [put(1900, 10)], mark(world, [put(1900, 10)]))
    for spot in range(1990, 1500, -10):
        world.move(float(spot))
        if equity(world, vault) < world.standing(vault)[1] / WAD:
            break
    world.flag(vault, KEEPER)
    before, true = equity(world, vault), world.spot
    for back in (0, 0.05, 1, 5, 9.9):
        legs = [put(1950, 10)] + ([put(1900, -back)] if back else [])
        with boa.env.anchor():
            world.move(true * factor, status=DISPUTED)
            price = mark(world, legs) + 0.001
            with contextlib.suppress(boa.BoaError):
                world.trade(vault, friend, legs, price)
            world.move(true, status=ACTIVE)
            # whatever passed took no more than half a percent of what it closed
            assert equity(world, vault) >= before - 0.005 * true * (10 + back) - 0.01
        world.move(true, status=ACTIVE)


@pytest.mark.parametrize("width", [0.01, 0.05, 0.1, 0.5])
def test_withdrawal__half_width__counts_what_the_other_end_would_take(world, width):
    """The primary reads too high and counts, as the older of two that stay apart: its distance is the half-width."""
    vault, honest = world.open(OWNER, 100_000), world.open(HONEST, 1_000_000)
    world.trade(vault, honest, [put(2000, 10)], mark(world, [put(2000, 10)]))
    wrong = 2000 / (1 - width)
    world.move(wrong, status=ACTIVE, width=wrong * width)
    withdraw_most(world, vault)
    world.move(2000, status=ACTIVE, width=0.0)
    standing = world.standing(vault)
    assert standing[0] >= standing[1]


@pytest.mark.parametrize("flagged", [False, True])
def test_insolvent_owner__closing_before_the_flag__does_not_switch_insurance_off(world, flagged):
    """What stays after such a close is a bare debt: margin 0, and so nothing that insurance may pay."""
    world.insure(1_000_000)
    vault = world.open(OWNER, 2_610)
    maker, friend = world.open(HONEST, 100_000), world.open(FRIEND, 100_000)
    world.trade(maker, vault, [future(10), cash(-20_000)])
    world.move(1500)
    if flagged:
        world.flag(vault, KEEPER)
        world.trade(vault, friend, [future(10), cash(-15_000)])
        return
    with unchanged(world, vault, friend), boa.reverts("margin/adds-risk"):
        world.trade(vault, friend, [future(10), cash(-15_000)])


@pytest.mark.parametrize("extra", [5, 50, 249])
def test_insolvent_owner__closing_without_a_price__gives_a_friend_nothing(world, extra):
    """A deferred premium above the mark is a claim on the honest holders of the cell."""
    vault, friend, honest = world.open(OWNER, 2_600), world.open(FRIEND, 20_000), world.open(HONEST, 200_000)
    for other in (honest, friend):
        world.trade(vault, other, [call(2000, 5)], mark(world, [call(2000, 5)]))
    world.move(2500.0)
    world.flag(vault, KEEPER)
    world.move(status=0)
    fair = mark(world, [call(2000, 5)])
    with unchanged(world, vault, friend), boa.reverts("margin/stale-close-price"):
        world.trade(friend, vault, [call(2000, 5), cash(-(fair + extra))])
    world.trade(friend, vault, [call(2000, 5), cash(-(fair - 0.001))])


def test_solvent_owner__both_feeds_dead__closes_at_the_price_the_market_has(world):
    """What ends fully collateralised passes at any price: nobody else can lose by it."""
    vault, honest = world.open(OWNER, 100_000), world.open(HONEST, 200_000)
    world.trade(vault, honest, [call(2000, 10)], mark(world, [call(2000, 10)]))
    world.move(status=0)
    world.trade(honest, vault, [call(2000, 10)], 10 * 620)
    assert world.legs(vault) == []


def test_flag__at_a_disputed_price__does_not_end(world):
    """A deposit of one unit at the wrong price would end a flag that the right one upholds."""
    vault = world.short_put(600, OWNER)
    world.move(1500)
    world.flag(vault, KEEPER)
    world.move(3000, status=DISPUTED)
    world.deposit(vault, 1, OWNER)
    assert world.is_flagged(vault)
    world.move(3000, status=ACTIVE, width=400.0)
    world.deposit(vault, 1, OWNER)
    assert world.is_flagged(vault)
    world.move(3000, status=ACTIVE, width=0.0)
    world.deposit(vault, 1, OWNER)
    assert not world.is_flagged(vault)
