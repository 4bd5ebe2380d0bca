"""Oracle rounds out of price bars: what a Chainlink feed would have written.

Each bar is walked open, low, high, close; a round is written when the price has moved by the deviation threshold
since the last one, or when the heartbeat has passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bulkhead.replay.price_paths.bars import Bar

HEARTBEAT_SECONDS = 3600
DEVIATION_BPS = 50


@dataclass(frozen=True)
class Round:
    """One oracle round: stamp [unix seconds] and answer [1e-8 quote]."""

    at: int
    answer: int


def walk(bars: Iterable[Bar]) -> Iterator[Round]:
    """Prices in the order a bar is taken to have seen them, spread evenly over it."""
    for bar in bars:
        for step, price in enumerate((bar.open, bar.low, bar.high, bar.close)):
            # the close belongs to the bar, not to the first second of the next
            yield Round(bar.at + min(bar.seconds * step // 3, bar.seconds - 1), price)


def rounds_of(
    bars: Iterable[Bar], deviation_bps: int = DEVIATION_BPS, heartbeat_seconds: int = HEARTBEAT_SECONDS
) -> list[Round]:
    """Rounds of a series of bars, strictly ascending in time."""
    found: list[Round] = []
    price = 0
    for point in walk(bars):
        if found:
            # a hole in the data: the last price stands and is confirmed every heartbeat
            while point.at - found[-1].at > heartbeat_seconds:
                found.append(Round(found[-1].at + heartbeat_seconds, price))
            last = found[-1]
            moved = abs(point.answer - last.answer) * 10_000 >= deviation_bps * last.answer
            due = point.at - last.at >= heartbeat_seconds
            if point.at > last.at and (moved or due):
                found.append(point)
        else:
            found.append(point)
        price = point.answer
    return found


def quiet_rounds(last: Round, until_at: int, heartbeat_seconds: int = HEARTBEAT_SECONDS) -> list[Round]:
    """Heartbeats at an unchanged price after `last`, up to and including `until_at`."""
    stamps = range(last.at + heartbeat_seconds, until_at + 1, heartbeat_seconds)
    return [Round(at, last.answer) for at in stamps]
