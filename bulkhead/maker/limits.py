"""What a maker lets its desks hold: exposure per expiry, the most of it, and how prices lean against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bulkhead import pricing
from bulkhead.chain.errors import BadInput
from bulkhead.client.amounts import from_wad
from bulkhead.risk.words import Kind, Leg, Snapshot


@dataclass(frozen=True)
class Exposure:
    """How the value of legs moves.

    Attributes:
        delta: Contracts of the underlying.
        gamma: Contracts for each quote unit of spot.
        vega: Quote for each vol point (0.01).
    """

    delta: Decimal = Decimal(0)
    gamma: Decimal = Decimal(0)
    vega: Decimal = Decimal(0)

    @classmethod
    def of(cls, legs: Sequence[Leg], snapshot: Snapshot) -> Exposure:
        """Of legs at a snapshot; cash has none."""
        held = tuple(leg for leg in legs if leg.kind != Kind.CASH)
        if not held:
            return cls()
        found = pricing.sensitivities(held, snapshot)
        return cls(from_wad(found.delta), from_wad(found.gamma), from_wad(found.vega) / 100)

    def __add__(self, other: Exposure) -> Exposure:
        return Exposure(self.delta + other.delta, self.gamma + other.gamma, self.vega + other.vega)

    def __neg__(self) -> Exposure:
        return Exposure(-self.delta, -self.gamma, -self.vega)

    def times(self, share: Decimal) -> Exposure:
        """So many times as much."""
        return Exposure(self.delta * share, self.gamma * share, self.vega * share)


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
