from __future__ import annotations

import boa
import pytest

from bulkhead.risk.auction import WAD
from tests.worlds.liquidation import FOREVER, LIMITS, address, unchanged

KEEPER, TAKER = address("keeper"), address("taker")


def take_many(world, vaults, intos, fractions=None, limits=LIMITS, deadline=FOREVER):
    with boa.env.prank(TAKER):
        return world.liquidator.take_many(vaults, fractions or [WAD] * len(vaults), intos, limits, deadline)


def test_take_many__some_fail__takes_the_others(world):
    weak = [world.short_put(600, address(f"weak{i}")) for i in range(3)]
    healthy = world.short_put(5000, address("healthy"))
    unflagged = world.short_put(600, address("unflagged"))
    empty = world.open(address("empty"), 10)
    world.move(1500)
    for vault in weak:
        world.flag(vault, KEEPER)
    into, poor, foreign = world.open(TAKER, 9000), world.open(TAKER, 11), world.open(address("other"), 9000)
    vaults = [weak[0], healthy, 999, unflagged, weak[1], empty, weak[2], weak[2]]
    intos = [into, into, into, into, poor, into, foreign, into]
    with unchanged(world, healthy, unflagged, empty, poor, foreign, weak[1]):
        assert take_many(world, vaults, intos) == 1 | 1 << 7
    assert not world.is_flagged(weak[0]) and not world.is_flagged(weak[2])


@pytest.mark.parametrize("terms", [{"limits": [0, WAD, 0, 0, 0]}, {"fractions": [0]}], ids=["limits", "zero-fraction"])
def test_take_many__outside_limits_or_zero_fraction__is_skipped(world, flagged, terms):
    into = world.open(TAKER, 9000)
    with unchanged(world, flagged, into):
        assert take_many(world, [flagged], [into], **terms) == 0


def insolvent(world):
    """A flagged vault that owes more than it has, at the end of its auction, with insurance to help."""
    world.insure(10_000)
    vault = world.short_put(600)
    world.move(1350)
    world.flag(vault, KEEPER)
    world.wait(900)
    return vault


def test_take_many__insolvent__gets_the_top_up(world):
    vault = insolvent(world)
    into = world.open(TAKER, 9000)
    top_up = world.liquidator.quote(vault, WAD).top_up
    pot = world.balance(world.pot)
    assert top_up > 0 and take_many(world, [vault], [into]) == 1
    assert world.balance(world.pot) == pot - top_up


def test_take_many__failed_item__draws_no_insurance(world):
    vault = insolvent(world)
    poor = world.open(TAKER, 11)
    pot = world.balance(world.pot)
    with unchanged(world, vault, poor):
        assert take_many(world, [vault], [poor]) == 0
    assert world.balance(world.pot) == pot


def test_take_many__deadline_passed__reverts(world):
    with boa.reverts("liquidator/past-deadline"):
        take_many(world, [], [], deadline=world.now - 1)


def test_take_many__lengths_differ__reverts(world):
    with boa.reverts("liquidator/length"):
        take_many(world, [1], [], fractions=[WAD])
