"""Which feed's settlement average is the price of an expiry: exact-integer mirror of ExpiryPrices.fix (docs/oracle.md).

The primary's, unless it did not live through the window; else the fallback's; after six hours what is known, however
old. Every question is answered by what the feeds show, and at a moment that the feeds decide, so that whoever calls
first chooses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from bulkhead.risk.settlement_average import History, NoPriceInForceError, average_price, counted_rounds
from bulkhead.risk.volatility import Round

BPS = 10_000
#: From then on an expiry without a price takes what is known [seconds].
LAST_RESORT_SECONDS = 6 * 3600


class Origin(IntEnum):
    """Where the price of an expiry came from; the numbers are those of ExpiryPriceFixed."""

    PRIMARY = 1
    FALLBACK = 2
    IN_FORCE = 3
    UNDISPUTED = 4
    FIRST_AFTER = 5


@dataclass(frozen=True)
class Terms:
    """What is fixed for a cell.

    Attributes:
        expiry: [unix seconds].
        window: Length of the settlement window [seconds].
        settle_delay: How long a round of the window may still be shown [seconds].
        deviation_bps: From where two feeds are apart.
    """

    expiry: int
    window: int = 1800
    settle_delay: int = 300
    deviation_bps: int = 500

    @property
    def start(self) -> int:
        """Beginning of the window."""
        return self.expiry - self.window


@dataclass(frozen=True)
class Source:
    """A feed at the moment when it is asked.

    Attributes:
        history: What it shows.
        heartbeat: [seconds].
        clamped: Rounds whose answer is at or beyond a bound of the feed, by id; in the history their price is 0.
    """

    history: History
    heartbeat: int
    clamped: frozenset[int] = frozenset()

    @property
    def age_limit(self) -> int:
        """A round older than this is stale [seconds]."""
        return self.heartbeat * 11 // 10


@dataclass(frozen=True)
class Lived:
    """How a feed went through a window.

    Attributes:
        average: Settlement average [wad].
        last: Round in force at the expiry.
        after: Counted rounds later than the expiry.
        has_own: Whether a counted round is stamped inside the window.
        counts: Whether its average may be the price.
    """

    average: int
    last: Round
    after: tuple[Round, ...]
    has_own: bool
    counts: bool


def live_through(source: Source, terms: Terms) -> Lived | None:
    """One feed's window, or None when no round of it was in force at the start."""
    try:
        rounds = counted_rounds(source.history, terms.start)
    except NoPriceInForceError:
        return None
    inside = [reading for reading in rounds if reading.stamp <= terms.expiry]
    last = inside[-1]
    counts = last.stamp + source.age_limit >= terms.expiry and not _is_clamped(source, terms, rounds[0].id)
    average = average_price(source.history, terms.start, terms.expiry)
    after = tuple(reading for reading in rounds if reading.stamp > terms.expiry)
    has_own = any(terms.start <= reading.stamp < terms.expiry for reading in inside)
    return Lived(average, last, after, has_own, counts)


def settle(
    primary: Source, fallback: Source | None, terms: Terms, now: int, undisputed: int = 0
) -> tuple[int, Origin] | None:
    """The price of an expiry and its origin at a moment, or None while it is not final.

    Args:
        primary: The market's first feed.
        fallback: Its second, if any.
        terms: Of the cell.
        now: [unix seconds].
        undisputed: The market's last undisputed price before the expiry [wad], 0 when nobody recorded one.
    """
    if now < terms.expiry + terms.settle_delay:
        return None
    first = live_through(primary, terms)
    second = live_through(fallback, terms) if fallback is not None else None
    if first is not None and first.counts:
        rival = second if second is not None and second.counts else None
        if rival is None or not _is_in_doubt(first, rival, terms):
            return first.average, Origin.PRIMARY
        # no later than the last resort, or there would be two prices
        deadline = min(first.last.stamp + primary.age_limit, terms.expiry + LAST_RESORT_SECONDS)
        arbiter = next((reading for reading in first.after if reading.stamp <= deadline), None)
        if arbiter is not None:
            witness = _last_before(rival, arbiter.stamp)
            follows = abs(arbiter.price - witness) < abs(arbiter.price - first.last.price)
            return (rival.average, Origin.FALLBACK) if follows else (first.average, Origin.PRIMARY)
        return (rival.average, Origin.FALLBACK) if now > deadline else None
    if second is not None and second.counts:
        return second.average, Origin.FALLBACK
    if now < terms.expiry + LAST_RESORT_SECONDS:
        return None
    return _last_resort(primary, fallback, first, second, terms, undisputed)


def _is_clamped(source: Source, terms: Terms, begun: int) -> bool:
    """Whether an answer of the window, after the round in force at its start, was at or beyond a bound."""
    rounds = (source.history.rounds.get(id) for id in source.clamped if begun < id <= source.history.newest)
    return any(reading is not None and reading.stamp <= terms.expiry for reading in rounds)


def _is_in_doubt(first: Lived, second: Lived, terms: Terms) -> bool:
    """Whether the primary said nothing in the window while the fallback did, and the two are apart."""
    apart = abs(first.average - second.average) * BPS > terms.deviation_bps * second.average
    return not first.has_own and second.has_own and apart


def _last_before(lived: Lived, at: int) -> int:
    """The last price of a feed before a moment after the expiry [wad]."""
    return next((reading.price for reading in reversed(lived.after) if reading.stamp < at), lived.last.price)


def _last_resort(
    primary: Source, fallback: Source | None, first: Lived | None, second: Lived | None, terms: Terms, undisputed: int
) -> tuple[int, Origin] | None:
    """What is known, however old."""
    shown = [lived.last for lived in (first, second) if lived is not None]
    if shown:
        return max(shown, key=lambda reading: reading.stamp).price, Origin.IN_FORCE
    if undisputed:
        return undisputed, Origin.UNDISPUTED
    for source in (primary, fallback):
        if source is None:
            continue
        for rounds in reversed(list(source.history.phases())):
            for reading in rounds:
                if reading.stamp > terms.expiry:
                    return reading.price, Origin.FIRST_AFTER
    return None
