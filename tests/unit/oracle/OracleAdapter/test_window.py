"""The settlement window in a snapshot: share, average and forward (5.1)."""

from __future__ import annotations

from collections.abc import Callable

import boa
import pytest

from tests.worlds.oracle import FALLBACK_USED, START, UNIT, WAD, WINDOW_OPEN, Mode, OracleWorld

EXPIRY = START + 86400
WINDOW = 1800


def go(world: OracleWorld, before: int) -> None:
    """To so many seconds before the expiry."""
    world.wait(EXPIRY - before - world.now)


def test_window__before_it__spot(world: OracleWorld) -> None:
    go(world, WINDOW + 1)
    world.push(2000)
    facts = world.look(EXPIRY)
    assert (facts.window_share, facts.window_average, facts.seconds) == (0, 0, WINDOW + 1)
    assert facts.forward == facts.spot


def test_window__its_first_second__still_spot(world: OracleWorld) -> None:
    go(world, WINDOW)
    world.push(2000)
    facts = world.look(EXPIRY)
    assert (facts.window_share, facts.window_average) == (0, 0)
    assert facts.is_active


def test_window__one_round_in_force__its_price(world: OracleWorld) -> None:
    go(world, WINDOW + 500)
    world.push(2100)
    go(world, WINDOW - 600)
    facts = world.look(EXPIRY)
    assert facts.window_share == WAD // 3
    assert facts.window_average == facts.forward == 2100 * WAD


@pytest.mark.parametrize("kept", [False, True])
def test_window__rounds_in_it__time_weighted(world: OracleWorld, kept: bool) -> None:
    go(world, WINDOW + 100)
    world.push(2000)
    for before, price in ((1500, 2100), (1000, 2200), (900, 1900), (700, 1950), (600, 2000)):
        go(world, before)
        world.push(price)
        if kept:
            world.observe(EXPIRY)
    go(world, 450)
    facts = world.look(EXPIRY)
    total = 2000 * 300 + 2100 * 500 + 2200 * 100 + 1900 * 200 + 1950 * 100 + 2000 * 150
    assert facts.window_share == WAD * 1350 // 1800
    assert facts.window_average == total * WAD // 1350
    assert facts.forward == (total * WAD // 1350 * 1350 + 2000 * WAD * 450) // 1800
    assert facts.is_active
    assert (world.expiries.progress(1, EXPIRY, world.primary.address).begun != 0) is kept


def test_window__more_rounds_than_one_call_sums__not_fresh_until_observed(world: OracleWorld) -> None:
    go(world, WINDOW + 100)
    world.push(2000)
    world.poke()
    hint = world.primary.latest_id()
    go(world, 1500)
    for i in range(60):
        world.wait(5)
        world.push(2000 + i)
    facts = world.look(EXPIRY)
    assert facts.reason == WINDOW_OPEN
    assert not facts.is_fresh
    assert world.look(EXPIRY + 86400).is_active  # another cell of the market does not care
    # a hint begins the sum, observing carries it on
    assert world.fix(EXPIRY, [hint]) == 0
    facts = world.observe(EXPIRY)
    assert facts.is_active
    total = 2000 * 305 + sum(2000 + i for i in range(59)) * 5
    assert facts.window_average == total * WAD // (world.now - EXPIRY + WINDOW)


def test_window__history_unreadable__cell_not_fresh(world: OracleWorld) -> None:
    go(world, 1000)
    world.push(2000)
    world.primary.set_mode(Mode.HISTORY_REVERTS)
    facts = world.look(EXPIRY)
    assert facts.reason == WINDOW_OPEN
    assert not facts.is_fresh


def test_window__unreadable_round_inside__skipped(world: OracleWorld) -> None:
    go(world, 2000)
    world.push(2000)
    go(world, 1000)
    bad = world.primary.push(9999 * UNIT, world.now)
    world.primary.erase(bad)
    world.primary.push(2100 * UNIT, world.now)
    go(world, 800)
    world.fallback.push(2100 * UNIT, world.now)
    assert world.look(EXPIRY).window_average == (2000 * 800 + 2100 * 200) * WAD // 1000


def test_window__failed_over__average_of_the_fallback(world: OracleWorld) -> None:
    go(world, 3700)
    world.push(2000)
    world.primary.set_mode(Mode.REVERTS)
    world.observe()
    go(world, 900)
    world.fallback.push(2100 * UNIT, world.now)
    go(world, 60)
    assert world.observe().flags & FALLBACK_USED == FALLBACK_USED
    facts = world.look(EXPIRY)
    assert facts.window_average == (2000 * 900 + 2100 * 840) * WAD // 1740


def test_window__new_phase_inside__not_fresh_until_expiry(world: OracleWorld) -> None:
    go(world, 2000)
    world.push(2000)
    go(world, 1000)
    world.primary.set_phase(2)
    world.push(2100)
    assert world.look(EXPIRY).reason == WINDOW_OPEN
    go(world, 900)
    world.observe(EXPIRY)
    assert not world.look(EXPIRY).is_fresh
    assert world.look(EXPIRY + 86400).is_active


def test_window__zero_length__never_opens(make_world: Callable[..., OracleWorld]) -> None:
    world = make_world(window_seconds=0)
    go(world, 1)
    world.push(2000)
    facts = world.look(EXPIRY)
    assert (facts.window_share, facts.forward) == (0, 2000 * WAD)


def test_window__after_expiry__fixed_price_is_the_forward(world: OracleWorld) -> None:
    go(world, 2000)
    world.push(2000)
    hint = world.primary.latest_id()
    go(world, 900)
    world.push(2200)
    go(world, -10)
    facts = world.look(EXPIRY)
    assert (facts.seconds, facts.window_share, facts.forward) == (0, 0, 2200 * WAD)
    assert world.fix(EXPIRY, [hint]) == 2100 * WAD
    facts = world.look(EXPIRY)
    assert (facts.window_share, facts.window_average, facts.forward) == (WAD, 2100 * WAD, 2100 * WAD)


def test_window__observed_prefix_and_fix__same_price(world: OracleWorld) -> None:
    go(world, 2000)
    world.push(2000)
    hint = world.primary.latest_id()
    for before in range(1700, 0, -200):
        go(world, before)
        world.push(2000 + before % 7)
    go(world, -1)
    with boa.env.anchor():
        alone = world.fix(EXPIRY, [hint])
    boa.env.timestamp = EXPIRY - 50
    world.observe(EXPIRY)
    assert world.expiries.progress(1, EXPIRY, world.primary.address).begun != 0
    go(world, -1)
    assert world.fix(EXPIRY, []) == alone
