"""Packages: what the buyer of one receives, as text such as "call:200" and as legs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bulkhead.chain import reasons
from bulkhead.chain.errors import BadInput
from bulkhead.client.amounts import Number, to_quantity, to_strike
from bulkhead.risk.words import Kind, Leg, Series


@dataclass(frozen=True)
class PackageLeg:
    """One leg of a package: how many contracts of a series the buyer of one package receives."""

    kind: Kind
    strike: Decimal
    ratio: int

    @classmethod
    def parse(cls, text: str) -> PackageLeg:
        """From "call:200", "-put:160", "2*call:200", "future" or "-cash"."""
        sign = -1 if text.startswith("-") else 1
        body = text.lstrip("+-")
        count, _, rest = body.rpartition("*")
        name, _, strike = rest.partition(":")
        try:
            return cls(Kind[name.upper()], Decimal(strike or 0), sign * int(count or 1))
        except (KeyError, ValueError, ArithmeticError):
            raise BadInput(f"{text!r} is not a leg: write call:200, -put:160, 2*call:200, future or -future.") from None

    def series(self, market: int, expiry: int) -> int:
        """Id of its series."""
        try:
            return Series(market, self.kind, expiry, to_strike(self.strike)).pack()
        except ValueError as error:
            raise BadInput(f"That is no series: {reasons.sentence(str(error))}") from None

    def moved(self, amount: Number) -> int:
        """Leg word of `amount` packages of this leg."""
        try:
            return Leg(self.kind, to_strike(self.strike), self.ratio * to_quantity(amount)).pack()
        except ValueError as error:
            raise BadInput(f"That is no leg of a vault: {reasons.sentence(str(error))}") from None


def package_leg(leg: PackageLeg | str) -> PackageLeg:
    """A leg, or the text of one."""
    return PackageLeg.parse(leg) if isinstance(leg, str) else leg
