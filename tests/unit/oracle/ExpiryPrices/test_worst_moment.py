"""Whoever calls `fix`, `observe` or `poke`, with any hint and gas, at the worst second: one price, and no stuck cell.

Each test is one row of the attacks on the settlement price in docs/threat-model.md.
"""

from __future__ import annotations

import boa
import pytest
from boa.contracts.base_evm_contract import BoaError

from bulkhead.risk.expiry import Source, Terms, live_through
from bulkhead.risk.round_search import find, find_start
from bulkhead.risk.settlement_average import average_price, round_at
from tests.worlds.feeds import PHASE, SETTLE_DELAY, UNIT, WINDOW, FeedScript, PlayedFeed, ScriptedRound
from tests.worlds.windows import EXPIRY, PAST, Cell, Oracle, move_to, new_oracle, with_past

START = EXPIRY - WINDOW
HOUR = 3600
DAY = 86400
WAD = 10**18


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return new_oracle()


def script(*rounds: tuple[int, float], **fields: int) -> FeedScript:
    """A feed of one phase; rounds as (seconds after the expiry, price), shown when stamped."""
    shown = tuple(
        ScriptedRound(EXPIRY + at, 3 * PHASE + n, int(price * UNIT), EXPIRY + at)
        for n, (at, price) in enumerate(rounds, 1)
    )
    return with_past(FeedScript(START, EXPIRY, shown, **fields))


def listed(oracle: Oracle, *scripts: FeedScript, heartbeat: int = HOUR) -> Cell:
    """A cell on feeds that play these scripts, at the moment of its listing."""
    feeds = tuple(PlayedFeed(played) for played in scripts)
    move_to(EXPIRY - PAST + 100, *feeds)
    return Cell(oracle, feeds, oracle.list(*feeds, heartbeat=heartbeat))


def prices_at(cell: Cell, moments: list[int]) -> dict[int, int]:
    """What is fixed if nobody calls before each of these moments [seconds after the expiry -> price in wad, 0 none]."""
    found = {}
    for moment in moments:
        with boa.env.anchor():
            move_to(EXPIRY + moment, *cell.feeds)
            found[moment] = cell.fix_honestly(EXPIRY + moment)
    return found


def average_of(played: FeedScript) -> int:
    """Settlement average of one feed [wad]."""
    return average_price(played.history(EXPIRY + DAY), START, EXPIRY)


STEADY = [(at, 2000.0) for at in range(-3000, 8 * HOUR, 600)]
FALLEN = [(at, 2000.0 if at < -1500 else 1400.0) for at in range(-3000, 2 * DAY, 1200)]


def test_fix__at_any_second_around_the_delay__nothing_before_it_and_one_price_from_then_on(oracle: Oracle) -> None:
    played = script(*[(at, 2000 + (at // 60) % 50) for at in range(-3000, 3000, 77)])
    cell = listed(oracle, played)
    found = prices_at(cell, [0, 1, SETTLE_DELAY - 1, SETTLE_DELAY, SETTLE_DELAY + 1, HOUR, 5 * HOUR, 6 * HOUR, DAY])
    assert [found[at] for at in (0, 1, SETTLE_DELAY - 1)] == [0, 0, 0]
    assert {price for at, price in found.items() if at >= SETTLE_DELAY} == {average_of(played)}


def test_fix__little_gas__a_revert_or_progress_but_never_another_price(oracle: Oracle) -> None:
    played, other = script(*STEADY), script(*[(at, 1500.0) for at in range(-3000, HOUR, 600)])
    cell = listed(oracle, played, other)
    now = EXPIRY + SETTLE_DELAY
    move_to(now, *cell.feeds)
    outcomes = set()
    for gas in [*range(40_000, 800_000, 10_000), 1_000_000, 2_000_000]:
        with boa.env.anchor():
            try:
                outcomes.add(int(oracle.expiry_prices.fix(cell.market, EXPIRY, [], gas=gas)))
            except BoaError:
                outcomes.add(0)
            assert cell.fix_honestly(now) == average_of(played)
    assert outcomes == {0, average_of(played)}


def test_fix__feed_clamped_since_before_the_window__the_fallback(oracle: Oracle) -> None:
    clamped = script((-3400, 2000), (-2900, 5000), most=3000 * WAD)
    alive = script(*[(at, 5000.0) for at in range(-3000, HOUR, 600)])
    assert set(prices_at(listed(oracle, clamped, alive), [SETTLE_DELAY, 6 * HOUR, 2 * DAY]).values()) == {5000 * WAD}


def test_fix__phase_with_other_decimals__never_a_price_ten_times_as_high(oracle: Oracle) -> None:
    old = [
        ScriptedRound(EXPIRY + at, 3 * PHASE + n, 2000 * UNIT, EXPIRY + at) for n, at in enumerate((-3000, -2000), 1)
    ]
    new = [
        ScriptedRound(EXPIRY + at, 4 * PHASE + n, 20_000 * UNIT, EXPIRY + at)
        for n, at in enumerate(range(-900, HOUR, 300), 1)
    ]
    changed = with_past(FeedScript(START, EXPIRY, (*old, *new), strange=(EXPIRY - 900, 2**40), strange_decimals=9))
    alive = script(*[(at, 1990.0) for at in range(-3000, HOUR, 600)])
    cell = listed(oracle, changed, alive)
    move_to(EXPIRY - 300, *cell.feeds)
    oracle.adapter.observe(cell.market, EXPIRY)
    assert cell.live_sum() is None
    found = prices_at(cell, [SETTLE_DELAY, HOUR, 6 * HOUR, 2 * DAY])
    assert set(found.values()) - {0} == {1990 * WAD}, found


def test_fix__old_phases_do_not_answer_any_more__the_fallback_and_no_stuck_cell(oracle: Oracle) -> None:
    new = tuple(
        ScriptedRound(EXPIRY + at, 4 * PHASE + n, 2100 * UNIT, EXPIRY + at)
        for n, at in enumerate(range(-900, HOUR, 300), 1)
    )
    alive = script(*[(at, 1990.0) for at in range(-3000, HOUR, 600)])
    primary = with_past(FeedScript(START, EXPIRY, (*script((-3000, 2000)).rounds[2:], *new)))
    cell = listed(oracle, primary, alive)
    cell.feeds[0].forget(3)
    found = prices_at(cell, [SETTLE_DELAY, HOUR, 6 * HOUR, DAY, 2 * DAY])
    assert set(found.values()) - {0} == {1990 * WAD}, found
    assert found[DAY]


def test_fix__slow_primary_silent_and_fallback_fallen__one_price_whoever_waits(oracle: Oracle) -> None:
    for revival, price in ((7 * HOUR, 2000.0), (7 * HOUR, 1400.0), (25 * HOUR, 2000.0), (25 * HOUR, 1400.0)):
        cell = listed(oracle, script((-3000, 2000), (revival, price)), script(*FALLEN), heartbeat=DAY)
        moments = [SETTLE_DELAY, 6 * HOUR, 7 * HOUR - 1, 7 * HOUR, DAY - 1, DAY, 25 * HOUR - 1, 25 * HOUR, 27 * HOUR]
        found = prices_at(cell, moments)
        assert len(set(found.values()) - {0}) == 1, (revival, price, found)


def test_fix__more_rounds_than_one_call_walks__anyones_calls_complete_the_sum(oracle: Oracle) -> None:
    played = script(*[(at, 2000 + at % 7) for at in range(-1900, -900, 4)])
    cell = listed(oracle, played)
    now = EXPIRY - 800
    move_to(now, *cell.feeds)
    assert cell.live_sum() is None
    # 25 of its rounds are before the start, so that the walk starts at the last of them
    cell.fix([find(find_start(played.newest(now), START), {r.id: r.stamp for r in played.rounds}.__getitem__)])
    for _ in range(4):
        oracle.adapter.observe(cell.market, EXPIRY)
    assert cell.live_sum() is not None


def test_fix__many_rounds_before_the_one_that_judges__calls_or_a_hint_find_the_fallbacks_price(oracle: Oracle) -> None:
    """The primary's first round after the expiry bears the fallback out, of which 120 rounds came between the two."""
    silent = script((-3000, 2000), (600, 1410), (1200, 1410))
    minutes, seconds = range(-3000, 0, 60), range(5, 2600, 5)
    lived = script(*[(at, 1400.0) for at in minutes], *[(at, 1400.0) for at in seconds])
    cell = listed(oracle, silent, lived)
    now = EXPIRY + 2500
    move_to(now, *cell.feeds)
    starts = [round_at(played.history(now), START).id for played in (silent, lived)]
    judged_at = round_at(lived.history(now), EXPIRY + 599).id
    with boa.env.anchor():
        assert cell.fix(starts) == 0
        assert cell.fix([*starts, judged_at - 1]) == 0
        # nobody names a round: each call goes on where the last one stood
        assert cell.fix([]) == average_of(lived)
    assert cell.fix([*starts, judged_at]) == average_of(lived)


@pytest.mark.parametrize("minute", range(-2, 33))
def test_fix__phase_changes_at_a_minute_of_the_window__the_keepers_search_proves_it(
    oracle: Oracle, minute: int
) -> None:
    change = START + 60 * minute
    old = [(at, 2000.0 + at % 11) for at in range(change - 9000, change, 60)]
    rounds = [ScriptedRound(at, 3 * PHASE + n, int(price * UNIT), at) for n, (at, price) in enumerate(old, 1)]
    for n, at in enumerate(range(change, EXPIRY + 900, 60), 1):
        rounds.append(ScriptedRound(at, 4 * PHASE + n, (2100 + n % 5) * UNIT, at))
    played = with_past(FeedScript(START, EXPIRY, tuple(rounds)))
    cell = listed(oracle, played)
    now = EXPIRY + SETTLE_DELAY
    move_to(now, *cell.feeds)
    stamps = {r.id: r.stamp for r in played.rounds}
    hint = find(find_start(played.newest(now), START), lambda id: stamps.get(id, 0))
    assert hint is not None
    price = next((p for p in (cell.fix([hint]) for _ in range(4)) if p), 0)
    lived = live_through(Source(played.history(now), HOUR), Terms(EXPIRY))
    assert lived is not None
    assert price == lived.average
