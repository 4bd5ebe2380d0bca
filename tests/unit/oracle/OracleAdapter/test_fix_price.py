"""Expiry prices (7.1): the same whoever calls, with whichever hints."""

from __future__ import annotations

import boa
import pytest

from tests.unit.oracle.OracleAdapter.fixing import EXPIRY, PRIMARY, WINDOW, climb, fix, go, source, trade
from tests.worlds.oracle import PHASE, WAD, Mode, OracleWorld


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
    lone.primary.set_mode(Mode.HISTORY_REVERTS)
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
