"""What a vault paid for what it holds: average cost per package, as it was traded, never split over its legs.

All amounts are wad in the market's token, quantities 1e-6 contracts; integers only, so that every run gives the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from bulkhead.risk.words import Kind, Leg

#: (kind, strike, ratio) of each leg, in order, the first ratio above 0 and the ratios without a common divisor.
Shape = tuple[tuple[int, int, int], ...]
#: wad in 1e-6 contracts or 1e-6 quote.
MICRO_WAD = 10**12
MICRO = 10**6


def _by_series(legs: Iterable[Leg], inverse: bool) -> dict[tuple[int, int], int]:
    """Contracts by kind and strike, without legs of money."""
    merged: dict[tuple[int, int], int] = {}
    for leg in legs:
        if not leg.is_money(inverse):
            key = (int(leg.kind), leg.strike)
            merged[key] = merged.get(key, 0) + leg.quantity
    return {key: quantity for key, quantity in merged.items() if quantity}


def shape_of(legs: Iterable[Leg], inverse: bool) -> tuple[Shape, int]:
    """A package and how much of it some legs are, signed [1e-6]; legs of money do not count."""
    found = sorted(_by_series(legs, inverse).items())
    if not found:
        return (), 0
    size = math.gcd(*(quantity for _, quantity in found))
    if found[0][1] < 0:
        size = -size
    return tuple((kind, strike, quantity // size) for (kind, strike), quantity in found), size


def money_of(legs: Iterable[Leg], inverse: bool) -> int:
    """What legs of money are worth: premium that is deferred [wad]."""
    return sum(leg.quantity for leg in legs if leg.is_money(inverse)) * MICRO_WAD


def entry_price(size: int, cost: int) -> int:
    """What one package cost on average [wad], of so many [1e-6] that cost so much [wad]."""
    return cost * MICRO // size


@dataclass
class Lot:
    """Packages of one shape.

    Attributes:
        size: How many, signed [1e-6].
        cost: What they cost, signed: below 0 for what was sold [wad].
    """

    size: int
    cost: int

    @property
    def price(self) -> int:
        """What one cost on average [wad]."""
        return entry_price(self.size, self.cost)

    @staticmethod
    def legs(shape: Shape) -> tuple[Leg, ...]:
        """The legs of one package."""
        return tuple(Leg(Kind(kind), strike, ratio * MICRO) for kind, strike, ratio in shape)


@dataclass
class Packages:
    """All packages of a vault.

    Attributes:
        inverse: The market counts coins: another leg is money.
        lots: By shape.
        realised: What closing them has made [wad].
    """

    inverse: bool = False
    lots: dict[Shape, Lot] = field(default_factory=dict)
    realised: int = 0

    def trade(self, legs: Sequence[Leg], paid: int) -> None:
        """Legs that came in (or went out, below 0) for so much [wad]; what reduces leaves the average cost.

        Legs of money among them are part of the price.
        """
        shape, size = shape_of(legs, self.inverse)
        paid -= money_of(legs, self.inverse)
        if not shape:
            self.realised -= paid
            return
        lot = self.lots.get(shape)
        if lot is None:
            self.lots[shape] = Lot(size, paid)
            return
        if lot.size * size > 0:
            lot.size, lot.cost = lot.size + size, lot.cost + paid
            return
        closed = min(abs(size), abs(lot.size))
        cost_closed = lot.cost * closed // abs(lot.size)
        paid_closed = paid * closed // abs(size)
        self.realised -= paid_closed + cost_closed
        lot.cost, lot.size = lot.cost - cost_closed, lot.size + size
        if abs(size) > closed:
            # it went through zero: the rest is new
            lot.cost = paid - paid_closed
        if not lot.size:
            self.realised -= lot.cost
            del self.lots[shape]

    def give(self, legs: Sequence[Leg], paid: int) -> None:
        """Legs that went out by a take or to another vault, at mark: a share of the whole reduces every package by it.

        Takes round each leg to the market's lot, so the shares of legs differ by a little; the largest counts.
        """
        moved = _by_series(legs, self.inverse)
        held = self.legs()
        if (
            not held
            or shape_of(legs, self.inverse)[0] in self.lots
            or set(moved) != set(held)
            or any(moved[key] * held[key] > 0 or abs(moved[key]) > abs(held[key]) for key in held)
        ):
            self.trade(legs, paid)
            return
        key = max(held, key=lambda one: Fraction(abs(moved[one]), abs(held[one])))
        part, whole = abs(moved[key]), abs(held[key])
        self.realised -= paid - money_of(legs, self.inverse)
        for shape, lot in list(self.lots.items()):
            cost = lot.cost * part // whole
            size = abs(lot.size) * part // whole
            self.realised -= cost
            lot.cost -= cost
            lot.size -= size if lot.size > 0 else -size
            if not lot.size:
                self.realised -= lot.cost
                del self.lots[shape]

    def end(self) -> None:
        """Nothing is held any more: what packages cost is made or lost."""
        self.realised -= sum(lot.cost for lot in self.lots.values())
        self.lots.clear()

    def settle(self, net: int) -> None:
        """Everything ends and gives so much [wad]; what legs of money gave was part of prices and is not in it."""
        self.realised += net
        self.end()

    def legs(self) -> dict[tuple[int, int], int]:
        """Contracts by series that the packages amount to."""
        found: dict[tuple[int, int], int] = {}
        for shape, lot in self.lots.items():
            for kind, strike, ratio in shape:
                found[(kind, strike)] = found.get((kind, strike), 0) + ratio * lot.size
        return {key: quantity for key, quantity in found.items() if quantity}

    def dump(self) -> list[object]:
        """As the database keeps it."""
        return [[[list(leg) for leg in shape], lot.size, lot.cost] for shape, lot in self.lots.items()]

    @classmethod
    def load(cls, content: Sequence[Sequence[object]], realised: int, inverse: bool) -> Packages:
        """From the database."""
        lots: dict[Shape, Lot] = {}
        for shape, size, cost in content:
            assert isinstance(shape, list) and isinstance(size, int) and isinstance(cost, int)
            lots[tuple((int(k), int(s), int(r)) for k, s, r in shape)] = Lot(size, cost)
        return cls(inverse, lots, realised)
