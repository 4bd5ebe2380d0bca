"""How the value of legs moves, and how moves add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bulkhead import pricing
from bulkhead.client.amounts import from_wad
from bulkhead.risk.words import LINEAR, WAD, Leg, Snapshot, Units


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
    def of(cls, legs: Sequence[Leg], snapshot: Snapshot, units: Units = LINEAR) -> Exposure:
        """Of legs at a snapshot, in quote terms; the money leg has none.

        Args:
            legs: The legs.
            snapshot: Prices.
            units: What the market counts in. In coins CASH is the delta leg: what it is worth in them falls as the
                price rises, by as much as a short future of its size.
        """
        held = tuple(leg for leg in legs if not leg.is_money(units.inverse))
        if not held:
            return cls()
        found = pricing.sensitivities(held, snapshot)
        delta = found.delta
        if units.inverse:
            cash = sum(leg.quantity for leg in held if leg.is_delta(True))
            delta -= cash * 10**12 * WAD // snapshot.settling()[1]
        return cls(from_wad(delta), from_wad(found.gamma), from_wad(found.vega) / 100)

    def __add__(self, other: Exposure) -> Exposure:
        return Exposure(self.delta + other.delta, self.gamma + other.gamma, self.vega + other.vega)

    def __neg__(self) -> Exposure:
        return Exposure(-self.delta, -self.gamma, -self.vega)

    def times(self, share: Decimal) -> Exposure:
        """So many times as much."""
        return Exposure(self.delta * share, self.gamma * share, self.vega * share)
