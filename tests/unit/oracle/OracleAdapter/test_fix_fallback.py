"""Expiry prices (7.1) where the primary cannot prove one: the fallback, then what is in force or undisputed."""

from __future__ import annotations

from collections.abc import Callable

import boa
import pytest

from bulkhead.risk.volatility import OracleWord
from tests.unit.oracle.OracleAdapter.fixing import (
    EXPIRY,
    FALLBACK,
    IN_FORCE,
    PRIMARY,
    UNDISPUTED,
    WINDOW,
    climb,
    fix,
    go,
    source,
    trade,
)
from tests.worlds.oracle import START, UNIT, WAD, Mode, OracleWorld


def test_fix__primary_stale_fallback_fresh__price_of_the_fallback(world: OracleWorld) -> None:
    go(world, -3961)
    world.primary.push(1000 * UNIT, world.now)
    hint = climb(world, world.fallback)
    go(world, 10)
    for _ in range(60):
        world.fallback.push(9000 * UNIT, world.now)
    assert fix(world) == 0  # so many rounds later the fallback wants its own hint
    assert fix(world, hint) == 2100 * WAD
    assert source(world) == FALLBACK


def test_fix__primary_back_after_expiry__proof_shows_the_hole_then_fallback(world: OracleWorld) -> None:
    world.fallback.skip_rounds(100)  # or its ids would be hints for the primary too
    go(world, -5000)
    before = world.primary.push(1000 * UNIT, world.now)
    hint = climb(world, world.fallback)
    go(world, 10)
    for _ in range(60):
        world.primary.push(9000 * UNIT, world.now)
    assert fix(world, hint) == 0  # the hole is not shown yet
    assert fix(world, before, hint) == 2100 * WAD  # now it is
    assert source(world) == FALLBACK


@pytest.mark.parametrize("age", [3960, 3961])
def test_fix__primary_at_the_edge_of_its_heartbeat(world: OracleWorld, age: int) -> None:
    go(world, -age)
    world.primary.push(1000 * UNIT, world.now)
    go(world, -2400)
    hint = world.fallback.push(2000 * UNIT, world.now)
    go(world, 10)
    assert fix(world, hint) == (1000 if age == 3960 else 2000) * WAD


@pytest.mark.parametrize("mode", [Mode.REVERTS, Mode.BURNS_GAS, Mode.HISTORY_REVERTS, Mode.HISTORY_BURNS_GAS])
def test_fix__primary_cannot_answer__fallback(world: OracleWorld, mode: int) -> None:
    climb(world)
    hint = world.fallback.latest_id() - 1
    go(world, 10)
    world.push(9000)
    world.primary.set_mode(mode)
    assert fix(world, hint) == 2100 * WAD
    assert source(world) == FALLBACK


def test_fix__too_little_gas__reverts_instead_of_falling_back(world: OracleWorld) -> None:
    ids = trade(world)
    world.primary.set_mode(Mode.REVERTS)
    with boa.reverts("oracle/gas"):
        world.expiries.fix(1, EXPIRY, [ids[0]], gas=300_000)


def test_fix__primary_provable__fallback_hints_change_nothing(world: OracleWorld) -> None:
    ids = trade(world)
    world.fallback.skip_rounds(1000)
    world.fallback.push(1 * UNIT, world.now)
    for _ in range(50):
        world.primary.push(3000 * UNIT, world.now)
    assert fix(world, world.fallback.latest_id()) == 0
    assert fix(world, ids[0]) == 2100 * WAD
    assert source(world) == PRIMARY


def test_fix__nothing_provable__last_good_price_after_six_hours(lone: OracleWorld) -> None:
    go(lone, -5000)
    lone.push(1500)
    go(lone, 6 * 3600 - 1)
    assert fix(lone) == 0
    go(lone, 6 * 3600)
    assert fix(lone) == 1500 * WAD
    assert source(lone) == IN_FORCE


def feeds_end(world: OracleWorld, fallback_mode: int) -> None:
    """Both feeds said 1,700 half an hour before the expiry; then the primary reverts and the fallback does as told."""
    go(world, -2000)
    world.push(1700)
    world.poke()
    world.primary.set_mode(Mode.REVERTS)
    world.fallback.set_mode(fallback_mode)


def test_fix__feeds_dead__last_undisputed_price(world: OracleWorld) -> None:
    feeds_end(world, Mode.REVERTS)
    go(world, 6 * 3600)
    assert fix(world) == 1700 * WAD
    assert source(world) == UNDISPUTED


def test_fix__primary_dead_and_fallback_answers_nonsense__a_day_later(world: OracleWorld) -> None:
    # its history may still prove a price, so nothing else counts before a day has passed
    feeds_end(world, Mode.ZERO)
    go(world, 86_400 - 1)
    assert fix(world) == 0
    go(world, 86_400)
    assert fix(world) == 1700 * WAD


def test_fix__both_feeds_alive_after_six_hours__an_old_hint_is_not_the_price(
    make_world: Callable[..., OracleWorld],
) -> None:
    # a price of weeks ago, and then rounds every 20 minutes that nobody asked to be fixed
    world = make_world(fallback=True, spot=1000, at=START - 20 * 86_400)
    old = world.primary.latest_id()
    for _ in range(1_700):
        world.wait(1_200)
        if world.now > EXPIRY + 7 * 3600:
            break
        world.push(2000)
    while world.poke() != 0:
        pass
    assert fix(world, old) == 2000 * WAD
    assert source(world) == PRIMARY


def test_fix__more_rounds_than_one_call_walks__same_price_before_and_after_six_hours(lone: OracleWorld) -> None:
    go(lone, -1_900)
    lone.push(2000)
    hint = int(lone.primary.latest_id())
    for k in range(60):
        go(lone, 29 * k - 1_771)
        lone.push(2000 + 5 * k)
    go(lone, 600)
    lone.push(2400)
    lone.poke()
    prices = []
    for late in (6 * 3600 - 1, 6 * 3600):
        with boa.env.anchor():
            go(lone, late)
            assert fix(lone, hint) == 0
            prices.append((fix(lone), source(lone)))
    assert prices[0] == prices[1] and prices[0][1] == PRIMARY


def test_fix__half_summed_then_dead__last_undisputed_price(lone: OracleWorld) -> None:
    hint = climb(lone)
    fix(lone, hint)
    lone.observe()
    go(lone, 50)
    lone.push(9000)
    lone.poke()
    lone.primary.set_mode(Mode.REVERTS)
    go(lone, 6 * 3600)
    assert fix(lone) == 2200 * WAD
    assert source(lone) == UNDISPUTED


def test_fix__nobody_called_before_expiry__the_price_of_the_listing_and_never_a_later_one(lone: OracleWorld) -> None:
    go(lone, 50)
    lone.push(1900)
    lone.poke()
    lone.primary.set_mode(Mode.REVERTS)
    go(lone, 6 * 3600 - 1)
    assert fix(lone) == 0
    go(lone, 6 * 3600)
    assert fix(lone) == 2000 * WAD
    assert source(lone) == UNDISPUTED


@pytest.mark.parametrize("delay", [0, 300, 3600])
def test_fix__before_the_delay_is_over__no_price(make_world: Callable[..., OracleWorld], delay: int) -> None:
    world = make_world(fallback=False, settle_delay=delay)
    hint = climb(world)
    if delay:
        go(world, delay - 1)
        assert fix(world, hint) == 0
    go(world, delay)
    assert fix(world) == 2100 * WAD


def test_fix__sequencer_down__makes_no_difference(rollup: OracleWorld) -> None:
    ids = trade(rollup)
    rollup.sequencer.push_status(1, rollup.now, rollup.now)
    assert fix(rollup, ids[0]) == 2100 * WAD


def test_fix__window_changed_after_it_began__keeps_its_own(world: OracleWorld) -> None:
    hint = climb(world)
    fix(world, hint)
    world.adapter.configure(1, OracleWord(window_seconds=600).pack(), sender=world.parameters)
    go(world, 1)
    world.push(9000)
    assert fix(world) == 2100 * WAD


def test_cell_terms__deviation_changed_after_the_first_observe__the_cell_keeps_its_own(world: OracleWorld) -> None:
    world.observe(EXPIRY)
    world.adapter.configure(1, OracleWord(deviation_bps=100).pack(), sender=world.parameters)
    assert world.adapter.cell_terms(1, EXPIRY).deviation == WAD // 20
    assert world.adapter.cell_terms(1, EXPIRY + 86_400).deviation == WAD // 100
    world.adapter.stamp_cell(1, EXPIRY + 86_400)
    world.adapter.configure(1, OracleWord().pack(), sender=world.parameters)
    assert world.adapter.cell_terms(1, EXPIRY + 86_400).deviation == WAD // 100


def test_fix__zero_window__price_in_force(make_world: Callable[..., OracleWorld]) -> None:
    world = make_world(fallback=False, window_seconds=0)
    go(world, -600)
    world.push(2000)
    hint = world.primary.latest_id()
    go(world, 1)
    world.push(9000)
    assert fix(world, hint) == 2000 * WAD


def test_carry__stranger__reverts(lone: OracleWorld) -> None:
    with boa.reverts("expiry/only-oracle"):
        lone.expiries.carry((1, EXPIRY, EXPIRY - WINDOW, 0, int(lone.primary.address, 16)))
