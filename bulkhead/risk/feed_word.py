"""What a market keeps of a price feed, packed in one word (oracle/feeds)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class FeedKind(IntEnum):
    """How a price feed keeps its past (oracle/feeds)."""

    HISTORY = 0
    RECORDER = 1
    BROUGHT = 2


@dataclass(frozen=True)
class FeedWord:
    """What a market keeps of one feed (oracle/feeds).

    Attributes:
        source: Its address.
        age_limit: How old a fresh price may be [seconds].
        decimals: Of its answers.
        kind: How it keeps its past.
        threshold_bps: Move at which it answers anew.
        least: Answers at or below are no price [wad].
        most: Answers at or above are no price [wad].
    """

    source: str
    age_limit: int
    decimals: int
    kind: FeedKind
    threshold_bps: int
    least: int
    most: int

    @classmethod
    def unpack(cls, word: int) -> FeedWord:
        """Reads a feed word of OracleAdapter."""
        return cls(
            source=f"0x{word & 2**160 - 1:040x}",
            age_limit=word >> 160 & 2**18 - 1,
            decimals=word >> 178 & 31,
            kind=FeedKind(word >> 183 & 3),
            threshold_bps=word >> 185 & 1023,
            least=(word >> 195 & 2**22 - 1) << (word >> 217 & 127),
            most=(word >> 224 & 2**22 - 1) << (word >> 246 & 127),
        )
