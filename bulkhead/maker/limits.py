"""What a maker lets its desks hold: the most exposure of an expiry, and how prices lean against what is held."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bulkhead.chain.errors import BadInput
from bulkhead.client.exposure import Exposure


@dataclass(frozen=True)
class RiskLimits:
    """Most that a desk, one expiry, may hold either way; 0 for no limit.

    Attributes:
        delta: Contracts.
        gamma: Contracts for each quote unit of spot.
        vega: Quote for each vol point.
    """

    delta: Decimal = Decimal(0)
    gamma: Decimal = Decimal(0)
    vega: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if min(self.delta, self.gamma, self.vega) < 0:
            raise BadInput("A limit of a desk is not below 0.")

    def allows(self, held: Exposure, change: Exposure) -> bool:
        """Whether a change keeps within the limits, or brings what is beyond one nearer to zero."""
        for limit, before, by in (
            (self.delta, held.delta, change.delta),
            (self.gamma, held.gamma, change.gamma),
            (self.vega, held.vega, change.vega),
        ):
            if limit and abs(before + by) > limit and abs(before + by) >= abs(before):
                return False
        return True

    def lean(self, held: Exposure) -> Decimal:
        """How full the delta is, between -1 and 1; 0 without a limit."""
        if not self.delta:
            return Decimal(0)
        return max(min(held.delta / self.delta, Decimal(1)), Decimal(-1))
