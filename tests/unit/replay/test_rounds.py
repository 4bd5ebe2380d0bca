"""Rounds as a Chainlink feed writes them, the bundled scenario, and the expiry a replay trades."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkhead.replay import scenarios
from bulkhead.replay.price_paths.bars import Bar
from bulkhead.replay.price_paths.path import choose_expiry
from bulkhead.replay.price_paths.rounds import HEARTBEAT_SECONDS, Round, quiet_rounds, rounds_of, walk

START = 1_583_971_200


def bars(*quads):
    return [Bar(START + 300 * i, 300, *(round(p * 10**8) for p in quad)) for i, quad in enumerate(quads)]


def test_walk__takes_open_low_high_close():
    assert [p.answer for p in walk(bars((3, 4, 1, 2)))] == [3 * 10**8, 10**8, 4 * 10**8, 2 * 10**8]
    assert [p.at - START for p in walk(bars((3, 4, 1, 2)))] == [0, 100, 200, 299]


def test_rounds__small_moves__are_left_out_until_they_add_up():
    found = rounds_of(bars((100, 100.2, 99.8, 100), (100, 100.49, 100, 100.49), (100.5, 100.5, 100.5, 100.5)))
    assert [r.answer for r in found] == [100 * 10**8, 10_050_000_000]


def test_rounds__hole_in_the_data__is_filled_with_heartbeats():
    first, last = bars((100, 100, 100, 100))[0], Bar(START + 3 * 3600 + 60, 300, *[100 * 10**8] * 4)
    found = rounds_of([first, last])
    assert [r.at - START for r in found] == [0, 3600, 7200, 10800]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(50, 200), min_size=2, max_size=60))
def test_rounds__any_path__never_wait_longer_than_a_heartbeat_and_only_move_by_the_threshold(closes):
    path = bars(*((c, c, c, c) for c in closes))
    found = rounds_of(path)
    for a, b in pairwise(found):
        assert 0 < b.at - a.at <= HEARTBEAT_SECONDS + 300
        assert abs(b.answer - a.answer) * 200 >= a.answer or b.at - a.at >= HEARTBEAT_SECONDS


def test_quiet_rounds__go_up_to_the_end():
    assert [r.at for r in quiet_rounds(Round(0, 7), 7200)] == [3600, 7200]


def test_scenario__meets_its_levels_and_is_always_the_same():
    path = scenarios.bars()
    assert path == scenarios.bars() and path != scenarios.bars(seed=1)
    assert path[0].open == 19_460_000_000 and path[288].open == 10_940_000_000
    low = min(path, key=lambda bar: bar.low)
    assert 86 * 10**8 <= low.low <= 88 * 10**8
    assert abs(datetime.fromtimestamp(low.at, UTC) - datetime(2020, 3, 13, 2, tzinfo=UTC)).total_seconds() <= 300
    assert all(bar.low <= min(bar.open, bar.close) and bar.high >= max(bar.open, bar.close) for bar in path)
    assert "reconstruction" in scenarios.LABEL and len(scenarios.LEVELS) >= 12


@pytest.mark.parametrize("days", [1, 2, 6, 8, 30, 100])
def test_choose_expiry__is_on_the_grid(days):
    expiry = choose_expiry(START, START + days * 86400)
    assert expiry % 86400 == 8 * 3600
    assert expiry - START <= 7 * 86400 or (expiry // 86400 % 7 == 1 and expiry - START <= 56 * 86400)
    assert days > 50 or expiry > START + days * 86400
