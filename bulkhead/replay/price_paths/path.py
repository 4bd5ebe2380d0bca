"""What a replay plays: oracle rounds up to one expiry of the grid, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bulkhead.chain.errors import BadInput
from bulkhead.replay.price_paths.bars import Bar
from bulkhead.replay.price_paths.rounds import Round, quiet_rounds, rounds_of

DAY = 86_400
WEEK = 7 * DAY
EXPIRY_HOUR = 8 * 3600
FRIDAY = 1


def choose_expiry(first_at: int, last_at: int) -> int:
    """The first expiry of the grid after the data, or the last one that can be traded at its start."""
    day = last_at // DAY * DAY + EXPIRY_HOUR
    expiry = day if day > last_at else day + DAY
    if expiry - first_at <= 7 * DAY:
        return expiry
    while expiry // DAY % 7 != FRIDAY:
        expiry += DAY
    while expiry - first_at > 56 * DAY:
        expiry -= 7 * DAY
    return expiry


@dataclass
class PricePath:
    """What a replay plays: rounds, and where they come from."""

    source: str
    symbol: str
    rounds: list[Round]
    expiry: int

    @classmethod
    def of(cls, bars: Sequence[Bar], source: str, symbol: str) -> PricePath:
        """From bars; what lies after the expiry is left out."""
        rounds = rounds_of(bars)
        expiry = choose_expiry(rounds[0].at, rounds[-1].at)
        played = [r for r in rounds if r.at < expiry]
        if len(played) < 2:
            raise BadInput("The price does not move enough for a replay: fewer than two oracle rounds.")
        played += quiet_rounds(played[-1], expiry)
        return cls(source, symbol, played, expiry)

    def starting_after(self, at: int) -> PricePath:
        """The same path so many whole weeks later that it starts after a stamp: its expiry stays on the grid."""
        weeks = max(-((self.rounds[0].at - at - 1) // WEEK), 0)
        if not weeks:
            return self
        rounds = [replace(r, at=r.at + weeks * WEEK) for r in self.rounds]
        return PricePath(f"{self.source}, {weeks:,} weeks later", self.symbol, rounds, self.expiry + weeks * WEEK)
