"""The grid of expiries against Python's calendar, and the edges of strikes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkhead.risk import series_grid
from bulkhead.risk.words import Kind
from tests.contracts import deployer
from tests.worlds.exchange import DAY, WAD, leg_word


@pytest.fixture(scope="module")
def harness() -> Any:
    """The series module by itself."""
    return deployer("SeriesHarness").deploy()


def allowed(expiry: datetime, now: datetime) -> bool:
    """The rule of docs/trader.md, by the calendar."""
    if (expiry.hour, expiry.minute, expiry.second) != (8, 0, 0):
        return False
    ahead = expiry - now
    if ahead <= timedelta(days=7):
        return True
    if expiry.weekday() != 4 or ahead > timedelta(days=366):
        return False
    return ahead <= timedelta(weeks=8) or (expiry + timedelta(days=7)).month != expiry.month


@settings(max_examples=8, deadline=None)
@given(start=st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2105, 1, 1)))
def test_on_grid__every_day_of_a_year_ahead__as_the_calendar_says(harness: Any, start: datetime) -> None:
    now = start.replace(microsecond=0, tzinfo=UTC)
    first = now.replace(hour=8, minute=0, second=0) + timedelta(days=1)
    days = [first + timedelta(days=i) for i in range(400)]
    found = harness.on_grid([int(day.timestamp()) for day in days], int(now.timestamp()))
    assert list(found) == [allowed(day, now) for day in days]
    assert list(found) == [series_grid.on_grid(int(day.timestamp()), int(now.timestamp())) for day in days]
    assert 7 <= sum(found) <= 7 + 8 + 12


@pytest.mark.parametrize("offset", [-3600, -1, 1, 3600, 12 * 3600])
def test_on_grid__another_time_of_day__is_refused(harness: Any, offset: int) -> None:
    now = int(datetime(2026, 1, 7, 12, tzinfo=UTC).timestamp())
    friday = int(datetime(2026, 1, 9, 8, tzinfo=UTC).timestamp())
    assert harness.on_grid([friday], now) == [True]
    assert harness.on_grid([friday + offset], now) == [False]


def test_on_grid__leap_day__is_the_last_friday_of_its_month(harness: Any) -> None:
    # 29 February 2036 is a Friday
    now = int(datetime(2035, 9, 1, tzinfo=UTC).timestamp())
    leap = int(datetime(2036, 2, 29, 8, tzinfo=UTC).timestamp())
    assert harness.on_grid([leap, leap - 7 * DAY], now) == [True, False]


@pytest.mark.parametrize(
    ("kind", "strike", "valid"),
    [
        (0, 200 * 10**8, True),
        (0, 199 * 10**8, False),
        (1, 20_000 * 10**8, True),
        (1, 20_001 * 10**8, False),
        (0, 2000 * 10**8 + 1, False),
        (2, 0, True),
        (3, 0, True),
    ],
)
def test_strike_valid__edges__are_a_tenth_and_ten_times_spot(harness: Any, kind: int, strike: int, valid: bool) -> None:
    assert harness.strike_valid(leg_word(kind, strike, 10**6), 10**8, 2000 * WAD) == valid
    assert series_grid.strike_valid(Kind(kind), strike, 10**8, 2000 * WAD) == valid


def test_strike_valid__market_without_a_tick__is_closed(harness: Any) -> None:
    assert not harness.strike_valid(leg_word(2, 0, 10**6), 0, 2000 * WAD)
    assert not series_grid.strike_valid(Kind.FUTURE, 0, 0, 2000 * WAD)
