"""Expiry prices (7.1): the same whoever calls, with whichever hints, from whichever feed can prove it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boa
import pytest

from bulkhead.risk.volatility import OracleWord
from tests.worlds.oracle import (
    BURNS,
    HISTORY_BURNS,
    HISTORY_REVERTS,
    PHASE,
    REVERTS,
    START,
    UNIT,
    WAD,
    ZERO,
    OracleWorld,
)

EXPIRY = START + 86400
WINDOW = 1800
PRIMARY, FALLBACK, IN_FORCE, UNDISPUTED = 1, 2, 3, 4


def go(world: OracleWorld, after: int) -> None:
    """To so many seconds after the expiry."""
    boa.env.timestamp = EXPIRY + after


def fix(world: OracleWorld, *hints: int) -> int:
    return world.fix(EXPIRY, list(hints))


def source(world: OracleWorld) -> int:
    (event,) = world.fixed()
    assert event.market == 1
    assert event.expiry == EXPIRY
    assert event.price == world.price(EXPIRY)
    return event.source


def trade(world: OracleWorld) -> list[int]:
    """A day's end with four rounds around the window; the average is 2,100."""
    ids = []
    for after, price in ((-2400, 2000), (-900, 2100), (-450, 2300), (600, 3000)):
        go(world, after)
        ids.append(world.primary.push(price * UNIT, world.now))
        if world.fallback is not None:
            world.fallback.push((price + 10) * UNIT, world.now)
    return ids


def climb(world: OracleWorld, feed: Any = None) -> int:
    """2,000 from before the window and 2,200 for its second half, 2,100 on average; the hint for it."""
    go(world, -2400)
    if feed is None:
        world.push(2000)
        hint = world.primary.latest_id()
        go(world, -900)
        world.push(2200)
        return int(hint)
    hint = feed.push(2000 * UNIT, world.now)
    go(world, -900)
    feed.push(2200 * UNIT, world.now)
    return int(hint)


def test_fix__honest_hint__average_of_the_window(world: OracleWorld) -> None:
    ids = trade(world)
    assert fix(world, ids[0]) == 2100 * WAD
    assert source(world) == PRIMARY


def test_fix__again__same_price_no_event(world: OracleWorld) -> None:
    ids = trade(world)
    fix(world, ids[0])
    assert fix(world) == 2100 * WAD
    assert world.fixed() == []


def test_fix__before_the_window__reverts(world: OracleWorld) -> None:
    go(world, -WINDOW - 1)
    with boa.reverts("expiry/before-window"):
        fix(world, 1)


def test_fix__in_the_window_without_hints__no_price_yet(world: OracleWorld) -> None:
    go(world, -WINDOW)
    assert fix(world) == 0


def test_fix__in_the_window__keeps_the_place_but_no_price(world: OracleWorld) -> None:
    go(world, -2000)
    world.push(2000)
    go(world, -600)
    world.push(2300)
    assert fix(world, world.primary.latest_id() - 1) == 0
    assert world.price(EXPIRY) == 0
    go(world, 60)
    world.push(9000)
    assert fix(world) == 2100 * WAD


@pytest.mark.parametrize(
    "hints",
    [
        [0],  # far too early: walked from there
        [0, 1, 2, 3],
        [0, 2],
        [1],
        [1, 3],
    ],
)
def test_fix__any_useful_hints__same_price(world: OracleWorld, hints: list[int]) -> None:
    first = world.primary.latest_id()
    ids = [first, *trade(world)]
    assert fix(world, *(ids[i] for i in hints)) == 2100 * WAD


@pytest.mark.parametrize("hints", [[], [2], [3], [4], [99], [2, 3, 4, 99]])
def test_fix__no_useful_hint__found_among_the_newest_rounds(world: OracleWorld, hints: list[int]) -> None:
    ids = [0, *trade(world), *([2**255] * 95)]
    assert fix(world, *(ids[hint] for hint in hints)) == 2100 * WAD


def test_fix__window_far_back_and_a_hint_within_it__the_search_goes_on(world: OracleWorld) -> None:
    ids = trade(world)
    for _ in range(100):
        world.push(3000)
    # within the window: no beginning
    assert [fix(world, ids[1]) for _ in range(3)] == [0, 0, 0]
    assert fix(world, ids[0]) == 2100 * WAD


def test_fix__silent_since_before_the_window__price_in_force(lone: OracleWorld) -> None:
    go(lone, -3900)
    lone.push(2000)
    go(lone, 0)
    assert fix(lone) == 2000 * WAD  # the newest round is the one in force: no hint needed
    assert source(lone) == PRIMARY


def test_fix__no_later_round_yet__newest_counts_to_the_end(lone: OracleWorld) -> None:
    hint = climb(lone)
    go(lone, 0)
    assert fix(lone, hint) == 2100 * WAD


def test_fix__early_hint_by_a_griefer__later_hint_jumps_ahead(lone: OracleWorld) -> None:
    first = lone.primary.latest_id()
    for i in range(300):
        lone.wait(60)
        lone.push(2000 + i % 5)
    ids = trade(lone)
    # its next round is before the window's start, too: no start, and nothing of it is kept
    assert fix(lone, first) == 2100 * WAD
    assert lone.expiries.progress(1, EXPIRY, lone.primary.address).begun == ids[0]


def test_fix__many_rounds__several_calls(lone: OracleWorld) -> None:
    go(lone, -2400)
    lone.push(2000)
    hint = lone.primary.latest_id()
    total, last, at = 0, 2000, -1800
    for i in range(120):
        after = -1790 + 14 * i
        go(lone, after)
        total, last, at = total + last * (after - at), 2000 + i, after
        lone.push(last)
    total += last * (0 - at)
    go(lone, 10)
    calls = [fix(lone, hint), fix(lone), fix(lone)]
    assert calls == [0, 0, total * WAD // 1800]
    assert source(lone) == PRIMARY


def late(lone: OracleWorld, rounds: int) -> int:
    """The window of `climb` with many rounds after it; nobody called. Returns the hint."""
    hint = climb(lone)
    go(lone, 10)
    for _ in range(rounds):
        lone.wait(30)
        lone.push(9000)
    return hint


@pytest.mark.parametrize(("rounds", "is_found"), [(46, True), (47, False), (200, False)])
def test_fix__no_hint_and_the_window_far_back__48_rounds_are_looked_at(lone, rounds, is_found):
    hint = late(lone, rounds)
    assert [fix(lone) for _ in range(3)] == [2100 * WAD if is_found else 0] * 3
    assert fix(lone, hint) == 2100 * WAD
    assert lone.price(EXPIRY) == 2100 * WAD


def test_fix__hint_in_the_middle_of_a_search__taken(lone: OracleWorld) -> None:
    hint = late(lone, 200)
    assert fix(lone) == 0
    assert fix(lone, hint) == 2100 * WAD


def test_fix__search_through_a_history_that_is_silent__begins_again_when_it_answers(lone: OracleWorld) -> None:
    late(lone, 60)
    lone.primary.set_mode(HISTORY_REVERTS)
    for _ in range(4):
        assert fix(lone) == 0
    lone.primary.set_mode(0)
    assert fix(lone, lone.primary.latest_id() - 61) == 2100 * WAD


def test_fix__phase_changes_in_a_search__the_window_is_still_found(lone: OracleWorld) -> None:
    hint = late(lone, 60)
    assert fix(lone) == 0
    lone.primary.set_phase(2)
    for _ in range(60):
        lone.push(9500)
    # the new phase has no round at the window's start: its end is the end of the search, and a hint is needed
    assert [fix(lone) for _ in range(3)] == [0, 0, 0]
    found = [fix(lone, hint) for _ in range(3)]
    assert 2100 * WAD in found


def test_snapshot__window_open_and_a_search_begun__sums_from_the_newest_all_the_same(lone: OracleWorld) -> None:
    go(lone, -2400)
    lone.push(2000)
    go(lone, -1700)
    for _ in range(60):
        lone.push(2000)
    lone.wait(600)
    assert fix(lone, 1) == 0
    assert lone.look(EXPIRY).reason == 10  # 48 rounds do not reach the start
    # the start, and 48 of the 60 rounds behind it; the rest is one call away
    assert fix(lone, lone.primary.latest_id() - 60) == 0
    assert lone.look(EXPIRY).is_active
    go(lone, 5)
    assert fix(lone) == 2000 * WAD


def test_fix__two_rounds_in_one_second__the_later_counts(lone: OracleWorld) -> None:
    go(lone, -1800)
    lone.push(1000)
    lone.push(2000)
    hint = lone.primary.latest_id() - 1
    go(lone, 0)
    lone.push(5000)
    lone.push(6000)
    assert fix(lone, hint) == 2000 * WAD


def test_fix__unreadable_round_inside__skipped(lone: OracleWorld) -> None:
    ids = trade(lone)
    lone.primary.erase(ids[1])
    assert fix(lone, ids[0]) == (2000 * 1350 + 2300 * 450) * WAD // 1800


# --- phases --------------------------------------------------------------------------------------------------


def test_fix__new_phase_inside_the_window__crossed(lone: OracleWorld) -> None:
    go(lone, -2400)
    lone.push(2000)
    hint = lone.primary.latest_id()
    go(lone, -900)
    lone.primary.set_phase(2)
    lone.push(2200)
    go(lone, 10)
    lone.push(9000)
    assert fix(lone, hint) == 2100 * WAD


def test_fix__new_phase_after_expiry__old_phase_ends_the_window(lone: OracleWorld) -> None:
    hint = climb(lone)
    go(lone, 10)
    lone.primary.set_phase(3)
    lone.push(9000)
    assert fix(lone, hint) == 2100 * WAD


def test_fix__hint_of_a_phase_that_was_over__not_taken(lone: OracleWorld) -> None:
    old = lone.primary.latest_id()
    go(lone, -2400)
    lone.primary.set_phase(2)
    lone.push(2000)
    new = lone.primary.latest_id()
    go(lone, -900)
    lone.push(2200)
    go(lone, 10)
    lone.push(9000)
    assert old >> 64 == 1
    assert new == 2 * PHASE + 1
    for _ in range(50):
        lone.push(9000)
    assert fix(lone, old) == 0
    assert lone.expiries.progress(1, EXPIRY, lone.primary.address).begun == 0
    assert fix(lone, old, new) == 2100 * WAD


# --- when the primary cannot ---------------------------------------------------------------------------------


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


@pytest.mark.parametrize("mode", [REVERTS, BURNS, HISTORY_REVERTS, HISTORY_BURNS])
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
    world.primary.set_mode(REVERTS)
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


def test_fix__feeds_dead__last_undisputed_price(world: OracleWorld) -> None:
    go(world, -2000)
    world.push(1700)
    world.poke()
    world.primary.set_mode(REVERTS)
    world.fallback.set_mode(REVERTS)
    go(world, 6 * 3600)
    assert fix(world) == 1700 * WAD
    assert source(world) == UNDISPUTED


def test_fix__primary_dead_and_fallback_answers_nonsense__a_day_later(world: OracleWorld) -> None:
    # its history may still prove a price, so nothing else counts before a day has passed
    go(world, -2000)
    world.push(1700)
    world.poke()
    world.primary.set_mode(REVERTS)
    world.fallback.set_mode(ZERO)
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
    lone.primary.set_mode(REVERTS)
    go(lone, 6 * 3600)
    assert fix(lone) == 2200 * WAD
    assert source(lone) == UNDISPUTED


def test_fix__nobody_called_before_expiry__the_price_of_the_listing_and_never_a_later_one(lone: OracleWorld) -> None:
    go(lone, 50)
    lone.push(1900)
    lone.poke()
    lone.primary.set_mode(REVERTS)
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
