"""Which feed's average is the price of an expiry, case by case of docs/oracle.md."""

from __future__ import annotations

import random

import pytest

from bulkhead.risk.expiry import Origin, Source, Terms, settle
from bulkhead.risk.settlement_average import History
from bulkhead.risk.volatility import Round
from tests.worlds.feeds import WINDOW, FeedScript, random_pair
from tests.worlds.windows import with_past

EXPIRY = 1_800_000_000
START = EXPIRY - WINDOW
HOUR = 3600
LIMIT = 3960  # an hour and a tenth
TERMS = Terms(EXPIRY)
FIXING = EXPIRY + 300


def source(*rounds: tuple[int, int], clamped: tuple[int, ...] = ()) -> Source:
    """A feed with an hour's heartbeat; rounds as (price, seconds after the expiry)."""
    shown = [Round(n, 0 if n in clamped else price, EXPIRY + at) for n, (price, at) in enumerate(rounds, 1)]
    return Source(History.of(shown), HOUR, frozenset(clamped))


ALIVE = source((100, -2000), (200, -900))
OTHER = source((300, -2000), (300, -100))


def test_settle__primary_lived_through_the_window__its_average_once_the_delay_is_over() -> None:
    assert settle(ALIVE, OTHER, TERMS, FIXING - 1) is None
    assert settle(ALIVE, OTHER, TERMS, FIXING) == (150, Origin.PRIMARY)
    assert settle(ALIVE, None, TERMS, FIXING) == (150, Origin.PRIMARY)


def test_settle__primary_older_than_its_heartbeat_at_expiry__the_fallback() -> None:
    assert settle(source((100, -LIMIT)), None, TERMS, FIXING) == (100, Origin.PRIMARY)
    assert settle(source((100, -LIMIT - 1)), OTHER, TERMS, FIXING) == (300, Origin.FALLBACK)
    assert settle(source((100, -1000)), OTHER, TERMS, FIXING) == (300, Origin.FALLBACK)


def test_settle__primary_at_a_bound_inside_the_window__the_fallback() -> None:
    inside = source((100, -2000), (1, -900), (100, -800), clamped=(2,))
    assert settle(inside, OTHER, TERMS, FIXING) == (300, Origin.FALLBACK)
    # in force at the start, though it came before it
    assert settle(source((100, -2000), (1, -1900), clamped=(2,)), OTHER, TERMS, FIXING) == (300, Origin.FALLBACK)
    for outside in (
        source((100, -2000), (1, 1), clamped=(2,)),
        source((100, -2000), (1, -1900), (100, -1850), clamped=(2,)),
    ):
        assert settle(outside, source((100, -2000)), TERMS, FIXING) == (100, Origin.PRIMARY)


SILENT = source((2000, -3590))


def test_settle__primary_silent_and_apart__the_first_round_after_the_expiry_decides() -> None:
    fallen = source((2000, -3000), (1400, -1000), (1400, 100), (1390, 200))
    follows = source((2000, -3590), (1450, 250))
    stays = source((2000, -3590), (1950, 250))
    average = (2000 * 800 + 1400 * 1000) // 1800
    assert settle(follows, fallen, TERMS, FIXING) == (average, Origin.FALLBACK)
    assert settle(stays, fallen, TERMS, FIXING) == (2000, Origin.PRIMARY)


def test_settle__primary_silent_and_apart_and_stays_silent__the_fallback_once_it_is_stale() -> None:
    fallen = source((2000, -3000), (1400, -1000), (1400, 100))
    deadline = EXPIRY - 3590 + LIMIT
    assert settle(SILENT, fallen, TERMS, deadline) is None
    assert settle(SILENT, fallen, TERMS, deadline + 1) == ((2000 * 800 + 1400 * 1000) // 1800, Origin.FALLBACK)
    # a round at that very second still decides
    just = source((2000, -3590), (2000, deadline - EXPIRY))
    assert settle(just, fallen, TERMS, deadline + 1) == (2000, Origin.PRIMARY)
    # a round that comes after that changes nothing
    late = source((2000, -3590), (2000, deadline + 1 - EXPIRY))
    assert settle(late, fallen, TERMS, deadline + HOUR) == settle(SILENT, fallen, TERMS, deadline + 1)


def test_settle__primary_silent_but_not_apart__the_primary() -> None:
    assert settle(SILENT, source((1910, -3000), (1910, -10)), TERMS, FIXING) == (2000, Origin.PRIMARY)
    # neither spoke: neither knows better
    assert settle(SILENT, source((1000, -3000)), TERMS, FIXING) == (2000, Origin.PRIMARY)


def test_settle__no_average_counts__after_six_hours_the_later_price_in_force() -> None:
    first, second = source((100, -9000)), source((200, -8000))
    assert settle(first, second, TERMS, EXPIRY + 6 * HOUR - 1) is None
    assert settle(first, second, TERMS, EXPIRY + 6 * HOUR) == (200, Origin.IN_FORCE)
    assert settle(second, first, TERMS, EXPIRY + 6 * HOUR) == (200, Origin.IN_FORCE)


def test_settle__nothing_in_force__the_undisputed_price_and_then_the_first_after() -> None:
    first, second = source((100, 500)), source((200, 400))
    at = EXPIRY + 6 * HOUR
    assert settle(first, second, TERMS, at, undisputed=77) == (77, Origin.UNDISPUTED)
    assert settle(first, second, TERMS, at) == (100, Origin.FIRST_AFTER)
    assert settle(source(), second, TERMS, at) == (200, Origin.FIRST_AFTER)
    assert settle(source(), None, TERMS, at) is None


@pytest.mark.parametrize("batch", range(4))
def test_settle__any_two_feeds__one_price_whenever_it_is_called(batch: int) -> None:
    origins = set()
    for seed in range(200 * batch, 200 * (batch + 1)):
        rng = random.Random(seed)
        pair = [with_past(script) for script in random_pair(rng, EXPIRY, HOUR) if script.rounds]
        if not pair:
            continue
        times = sorted([FIXING, EXPIRY + 6 * HOUR, *(EXPIRY + rng.randrange(8 * HOUR) for _ in range(12))])
        results = [settled for now in times if (settled := settle_scripts(pair, now)) is not None]
        assert len(set(results)) <= 1, (seed, set(results))
        origins |= {origin for _, origin in results}
    assert {Origin.PRIMARY, Origin.FALLBACK, Origin.IN_FORCE} <= origins


def settle_scripts(pair: list[FeedScript], now: int) -> tuple[int, Origin] | None:
    """The mirror on what two scripts show at a moment."""
    sources = [Source(script.history(now), HOUR, script.clamped(now)) for script in pair]
    return settle(sources[0], sources[1] if len(sources) > 1 else None, TERMS, now)
