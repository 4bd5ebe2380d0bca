"""Exact-integer mirror of the settlement average (contracts/oracle/ExpiryPrices; docs/oracle.md).

The price of an expiry is the sum, over every second of the settlement window, of the feed's price in force at that
second, divided by the seconds of the window and rounded down. The live average of an open window is the same sum over
the seconds that have passed. Both are functions of what a feed answers, and of nothing that anybody called before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bulkhead.risk.volatility import Round

#: Rounds of a proxy are numbered `phase << 64 | round of the aggregator`.
PHASE_BITS = 64
#: So many ids in a row that cannot be read end an older phase, and hide the beginning of a later one.
END_OF_PHASE = 8


class NoPriceInForceError(ValueError):
    """No phase of the feed has a round at or before the moment asked for."""


@dataclass(frozen=True)
class History:
    """What `getRoundData` answers at one moment.

    Attributes:
        rounds: By id; a price of 0, like an id that is missing, is a round that cannot be read or is not inside the
            feed's bounds.
        newest: Id of `latestRoundData`; later ids do not exist yet.
    """

    rounds: Mapping[int, Round]
    newest: int

    @classmethod
    def of(cls, rounds: Sequence[Round]) -> History:
        """A history that shows all of these rounds, and has nothing behind them."""
        by_id = {reading.id: reading for reading in rounds}
        return cls(by_id, max(by_id, default=0))

    def phases(self) -> Iterator[tuple[Round, ...]]:
        """The readable rounds of each phase in the order of their ids, newest phase first."""
        by_phase: dict[int, list[Round]] = {}
        for id in sorted(self.rounds):
            if id <= self.newest and self.rounds[id].price:
                by_phase.setdefault(id >> PHASE_BITS, []).append(self.rounds[id])
        for phase in sorted(by_phase, reverse=True):
            yield tuple(by_phase[phase])


def round_at(history: History, at: int) -> Round:
    """The round that a sum from `at` on starts with.

    It is the highest id, in the newest phase that has one, with a stamp at or before that moment.

    Raises:
        NoPriceInForceError: There is none.
    """
    return counted_rounds(history, at)[0]


def counted_rounds(history: History, start: int) -> list[Round]:
    """The rounds that count from `start` on, each in force from its stamp to the next one's.

    Ids give the order; a stamp that goes back does not count. Where the round in force at the start is of an older
    phase, that phase and each between end at the stamp of the first round after them.

    Raises:
        NoPriceInForceError: No phase has a round at or before the start.
    """
    later: list[Round] = []
    end: int | None = None
    for rounds in history.phases():
        held = [position for position, reading in enumerate(rounds) if reading.stamp <= start]
        later = [*_until(rounds[held[-1] if held else 0 :], end), *later]
        if held:
            return _forward_only(later)
        opening = rounds[0]
        if opening.id % (1 << PHASE_BITS) <= END_OF_PHASE:
            end = opening.stamp if end is None else min(end, opening.stamp)
    raise NoPriceInForceError("no round at or before the window's start")


def price_seconds(history: History, start: int, until: int) -> int:
    """Sum, over the seconds from `start` to just before `until`, of the price in force [wad * seconds].

    Raises:
        NoPriceInForceError: No phase has a round at or before the start.
    """
    rounds = counted_rounds(history, start)
    ends = [reading.stamp for reading in rounds[1:]] + [until]
    return sum(
        reading.price * max(0, min(end, until) - max(reading.stamp, start))
        for reading, end in zip(rounds, ends, strict=True)
    )


def average_price(history: History, start: int, until: int) -> int:
    """Average of the price in force over [start, until), rounded down [wad]; the price in force where that is empty.

    Raises:
        NoPriceInForceError: No phase has a round at or before the start.
    """
    if until <= start:
        return round_at(history, start).price
    return price_seconds(history, start, until) // (until - start)


def last_in_force(history: History, start: int, at: int) -> Round:
    """The counted round in force at a moment, on the walk that begins at `start`.

    Raises:
        NoPriceInForceError: No phase has a round at or before the start.
    """
    return [reading for reading in counted_rounds(history, start) if reading.stamp <= at][-1]


def _until(rounds: Sequence[Round], end: int | None) -> list[Round]:
    """What an older phase still shows: up to a gap of unreadable ids, or to where the next phase begins."""
    if end is None:
        return list(rounds)
    shown: list[Round] = []
    for reading in rounds:
        if reading.stamp >= end or (shown and reading.id - shown[-1].id > END_OF_PHASE):
            break
        shown.append(reading)
    return shown


def _forward_only(rounds: Sequence[Round]) -> list[Round]:
    """Without the rounds whose stamp is earlier than that of the last one that counts."""
    counted: list[Round] = []
    for reading in rounds:
        if not counted or reading.stamp >= counted[-1].stamp:
            counted.append(reading)
    return counted
