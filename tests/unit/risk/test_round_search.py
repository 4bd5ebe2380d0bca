"""Starts of settlement windows in any phase of a feed: which phase, which round, in how many posts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from bulkhead.risk.round_search import Search, find, find_in_posts, find_start
from bulkhead.risk.settlement_average import History, NoPriceInForceError, round_at
from tests.worlds.feeds import PHASE, WINDOW, Temper, random_script

EXPIRY = 1_800_000_000
START = EXPIRY - WINDOW
#: Most that a search reads at once.
POST = 48


@dataclass
class Reader:
    """Answers a search and counts what it asks."""

    stamp_of: Callable[[int], int]
    posts: int = 0
    largest: int = 0
    asked: list[int] = field(default_factory=list)

    def find(self, search: Search) -> int | None:
        async def post(ids: Sequence[int]) -> list[int]:
            self.posts += 1
            self.largest = max(self.largest, len(ids))
            self.asked += ids
            return [self.stamp_of(id) for id in ids]

        return asyncio.run(find_in_posts(search, post))


@dataclass(frozen=True)
class Aggregator:
    """Rounds every `gap` seconds in one phase, from `first_at`; `shown` of them are there."""

    phase: int
    first_at: int
    gap: int
    shown: int

    def stamp(self, n: int) -> int:
        return self.first_at + (n - 1) * self.gap if 1 <= n <= self.shown else 0

    def last_before(self, at: int) -> int:
        return min((at - self.first_at) // self.gap + 1, self.shown)


def proxy(aggregators: Sequence[Aggregator]) -> Callable[[int], int]:
    by_phase = {a.phase: a for a in aggregators}
    return lambda id: by_phase[id >> 64].stamp(id % PHASE) if id >> 64 in by_phase else 0


def rounds_until(at: int, first_at: int, gap: int) -> int:
    return max(0, (at - first_at - 1) // gap + 1)


@pytest.mark.parametrize("minute", range(-5, 36))
def test_find_start__phase_changes_at_any_minute_of_the_window__the_round_in_force(minute: int) -> None:
    change = START + 60 * minute
    for gap in (12, 60, 1200):
        for earlier in (0, 200, 3000):
            for length in (40, 5_000, 1_000_000):
                old_first = min(change, START) - gap * length
                old = Aggregator(3, old_first, gap, rounds_until(change, old_first, gap))
                new_first = change - earlier
                new = Aggregator(4, new_first, gap, rounds_until(EXPIRY + 1200, new_first, gap))
                reader = Reader(proxy([old, new]))
                found = reader.find(find_start(4 * PHASE + new.shown, START))
                holder = new if new.first_at <= START else old
                assert found == holder.phase * PHASE + holder.last_before(START)
                assert reader.posts <= 16
                assert reader.largest <= POST


def test_find_start__two_changes_in_one_window__the_oldest_phase() -> None:
    old = Aggregator(7, START - 10_000_000, 60, rounds_until(START + 300, START - 10_000_000, 60))
    between = Aggregator(8, START + 300, 60, 10)
    new = Aggregator(9, START + 900, 60, 15)
    found = Reader(proxy([old, between, new])).find(find_start(9 * PHASE + 15, START))
    assert found == 7 * PHASE + old.last_before(START)


def test_find_start__phase_numbers_left_out__goes_on_to_older_ones() -> None:
    old = Aggregator(3, START - 6000, 60, 105)
    new = Aggregator(9, START + 300, 60, 25)
    assert Reader(proxy([old, new])).find(find_start(9 * PHASE + 25, START)) == 3 * PHASE + old.last_before(START)


def test_find_start__feed_without_phases__its_own_ids() -> None:
    feed = Aggregator(0, START - 600_000, 60, rounds_until(EXPIRY, START - 600_000, 60))
    assert Reader(proxy([feed])).find(find_start(feed.shown, START)) == feed.last_before(START)


def test_find_start__no_round_is_old_enough__none() -> None:
    feeds = [Aggregator(1, START + 1, 60, 5), Aggregator(2, START + 400, 60, 10)]
    reader = Reader(proxy(feeds))
    assert reader.find(find_start(2 * PHASE + 10, START)) is None
    assert reader.posts == 2


def test_find_start__newest_phase_full_of_long_gaps__still_the_round_in_force() -> None:
    for seed in range(200):
        rng = random.Random(seed)
        stamps: dict[int, int] = {}
        n, at = 1, START - 200_000
        while at < EXPIRY:
            stamps[PHASE + n] = at
            n += rng.choice([1, 1, 1, 5, 40, 300])
            at += rng.randrange(1, 2000)
        expected = max(id for id, stamp in stamps.items() if stamp <= START)
        newest = max(stamps)
        assert find(find_start(newest, START), lambda id, stamps=stamps: stamps.get(id, 0)) == expected, seed


def test_find_start__reads_nothing_behind_the_newest_round() -> None:
    feed = Aggregator(2, START - 6000, 60, 110)
    reader = Reader(proxy([feed]))
    reader.find(find_start(2 * PHASE + 110, START))
    assert max(reader.asked) <= 2 * PHASE + 110


def test_find_start__random_feeds_in_order__the_mirror() -> None:
    found = 0
    for seed in range(400):
        rng = random.Random(seed)
        temper = Temper(gap=rng.choice([10, 60, 300, 1200]), bad=rng.choice([0, 0.05, 0.2]))
        found += check(random_script(rng, EXPIRY, temper).history(EXPIRY + 300), in_order=True)
    assert found > 300


def test_find_start__random_feeds_out_of_order__a_start_that_the_walk_corrects() -> None:
    found = 0
    for seed in range(400):
        rng = random.Random(seed)
        temper = Temper(gap=rng.choice([10, 60, 300]), disorder=0.3, ahead=0.05)
        found += check(random_script(rng, EXPIRY, temper).history(EXPIRY + 300), in_order=False)
    assert found > 300


def check(history: History, in_order: bool) -> bool:
    """One search against the mirror; whether there was a start."""
    stamps = {r.id: r.stamp for r in history.rounds.values() if r.price}
    found = find(find_start(history.newest, START), lambda id: stamps.get(id, 0))
    try:
        expected = round_at(history, START).id
    except NoPriceInForceError:
        assert found is None
        return False
    if in_order or found is None:
        assert found == expected
        return True
    assert found >> 64 <= expected >> 64
    assert stamps[found] <= START
    for phase in range((found >> 64) + 1, (expected >> 64) + 1):
        assert stamps[min(id for id in stamps if id >> 64 == phase)] > START
    behind = [id for id in sorted(stamps) if found < id <= found + 8]
    assert not behind or stamps[behind[0]] > START
    return True


def test_find_in_posts__the_reader_fails__its_error() -> None:
    async def fail(ids: Sequence[int]) -> Sequence[int]:
        raise ConnectionError(str(len(ids)))

    with pytest.raises(ConnectionError):
        asyncio.run(find_in_posts(find_start(3 * PHASE + 100, START), fail))
