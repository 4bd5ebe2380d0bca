"""Why a price is or is not active, and until when, in words (OracleAdapter.condition)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bulkhead.chain.connection import Connection


class Reason(IntEnum):
    """Why a round or a market's price does not count (contracts/oracle/feeds)."""

    FINE = 0
    UNREACHABLE = 1
    BAD_ANSWER = 2
    INCOMPLETE = 3
    FUTURE = 4
    STALE = 5
    APART = 6
    SEQUENCER_DOWN = 7
    GRACE = 8
    WAITING = 9
    WINDOW_OPEN = 10
    BOUND = 11
    DECIMALS = 12


SENTENCES = {
    Reason.FINE: "nothing is wrong",
    Reason.UNREACHABLE: "the feed does not answer",
    Reason.BAD_ANSWER: "the feed answers zero, less, or an absurd number",
    Reason.INCOMPLETE: "the feed's newest round is incomplete",
    Reason.FUTURE: "the feed's newest round is stamped ahead of now",
    Reason.STALE: "the feed's newest round is older than its heartbeat and a tenth",
    Reason.APART: "primary and fallback are too far apart",
    Reason.SEQUENCER_DOWN: "the chain's sequencer is down, or its uptime feed does not answer",
    Reason.GRACE: "an outage or a restart of the sequencer ended less than the grace ago",
    Reason.WAITING: "only one source speaks, and the failover delay runs",
    Reason.WINDOW_OPEN: "the rounds of the settlement window are not all summed: anyone may call `fix`",
    Reason.BOUND: "the feed's answer is at or beyond one of its bounds",
    Reason.DECIMALS: "the feed's decimals are not those of the listing",
}


@dataclass(frozen=True)
class PriceCondition:
    """What the price of a cell may be used for, and why.

    Attributes:
        is_fresh: Whether it is young enough to value by.
        is_active: Whether opening and liquidating are allowed.
        uses_fallback: Whether the fallback gives it.
        in_outage: Whether the sequencer is down, or every source was lost.
        reason: Why it is not active; of a price that the fallback gives, what is wrong with the primary.
        fallback_reason: What is wrong with the fallback.
        fresh_until: When the price in force turns stale [unix seconds].
        apart_since: When a call recorded the feeds apart, 0 when they agree [unix seconds].
        waiting_until: When the failover delay ends, 0 when none runs [unix seconds].
        grace_until: When grace ends, 0 when there is none [unix seconds].
    """

    is_fresh: bool
    is_active: bool
    uses_fallback: bool
    in_outage: bool
    reason: Reason
    fallback_reason: Reason
    fresh_until: int
    apart_since: int
    waiting_until: int
    grace_until: int

    @classmethod
    def from_words(cls, words: Sequence[Any]) -> PriceCondition:
        """As the adapter returns it."""
        flags, (reason, fallback_reason), times = words[:4], words[4:6], words[6:10]
        is_fresh, is_active, uses_fallback, in_outage = map(bool, flags)
        return cls(
            is_fresh, is_active, uses_fallback, in_outage, Reason(reason), Reason(fallback_reason), *map(int, times)
        )

    @property
    def until(self) -> int:
        """When this ends by itself, 0 when only a feed or a call can end it [unix seconds].

        Of an active price that is when it turns stale, else when the failover delay or grace ends.
        """
        if self.is_active:
            return self.fresh_until
        return max(self.waiting_until, self.grace_until)

    @property
    def sentence(self) -> str:
        """Why the price is not active, "" when nothing is wrong."""
        if self.reason == Reason.FINE:
            return ""
        name = self.reason.name.lower().replace("_", " ")
        return f"{name}: {SENTENCES[self.reason]}"


def read(chain: Connection, market: int, expiry: int = 0) -> PriceCondition:
    """The condition of a cell's price now.

    Args:
        chain: Where.
        market: Index of the market.
        expiry: Of the cell [unix seconds], 0 for the market alone.
    """
    found = chain["OracleAdapter"].call("condition", market, expiry)
    return PriceCondition.from_words([getattr(found, name) for name in PriceCondition.__dataclass_fields__])
