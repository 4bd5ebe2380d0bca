"""What the maker of a replay signs for a planned vault, and what both sides have to deposit, by the mirror."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal

from bulkhead.chain.lens import read_cells
from bulkhead.chain.parameters import PARAMETERS
from bulkhead.client import PackageLeg, from_wad, to_strike
from bulkhead.orders import PremiumStyle
from bulkhead.replay.market import LocalMarket
from bulkhead.replay.participants import EDGE, MAKER_VOL, NOTIONAL, PlannedVault
from bulkhead.risk import exact, margin
from bulkhead.risk.words import Kind, Leg, RiskWord, Snapshot

CENT = Decimal("0.01")
MICRO = Decimal("0.000001")


@dataclass(frozen=True)
class MarketTerms:
    """A cell as the maker sees it when signing.

    Attributes:
        snapshot: Its prices.
        risk: Risk parameters of the market.
        tick: Step of strikes [quote].
        lot: Step of sizes [contracts].
    """

    snapshot: Snapshot
    risk: RiskWord
    tick: Decimal
    lot: Decimal

    @classmethod
    def read(cls, local: LocalMarket, cell: tuple[int, int]) -> MarketTerms:
        """The terms of a cell now."""
        view = read_cells(local.chain, [cell])[cell]
        word = int(local.chain["RiskParameters"].call("trading", cell[0]))
        tick = Decimal(PARAMETERS["tick"].read(word)).scaleb(-8)
        return cls(view.snapshot, RiskWord.unpack(view.risk), tick, Decimal(view.lot).scaleb(-6))

    @property
    def spot(self) -> Decimal:
        """Price of one unit of underlying [quote]."""
        return from_wad(self.snapshot.spot)

    @property
    def locked(self) -> Decimal:
        """The liquidation deposit [quote]."""
        return Decimal(self.risk.deposit).scaleb(-6)

    def strike(self, share: Decimal) -> Decimal:
        """The strike of the grid nearest to a share of spot [quote]."""
        return (self.spot * share / self.tick).to_integral_value(rounding=ROUND_HALF_UP) * self.tick

    def size(self, notional: int) -> Decimal:
        """Whole lots of about a notional [contracts]."""
        return max((Decimal(notional) / self.spot / self.lot).to_integral_value() * self.lot, self.lot)

    def maker_value(self, legs: Sequence[Leg]) -> Decimal:
        """Value of legs at the vol at which the maker prices options [quote]."""
        quoted = replace(self.snapshot, surface_near=MAKER_VOL, surface_far=0, surface_weight=0)
        return from_wad(exact.assess(legs, quoted, self.risk).value)

    def standing(self, legs: Sequence[Leg]) -> margin.Standing:
        """Margins and value of legs without collateral."""
        return margin.resolve(exact.assess(legs, self.snapshot, self.risk), 0, self.risk, self.snapshot)


@dataclass(frozen=True)
class Offer:
    """What the maker signs for a planned vault, and what both sides need [quote].

    Attributes:
        legs: The package.
        side: The maker's side of it.
        price: Of one package.
        size: Packages.
        style: How the premium is paid.
        deposit: What the trader puts in.
        maker_margin: What the maker's side needs alone.
    """

    legs: tuple[PackageLeg, ...]
    side: str
    price: Decimal
    size: Decimal
    style: PremiumStyle
    deposit: Decimal
    maker_margin: Decimal


def offer_for(planned: PlannedVault, terms: MarketTerms) -> Offer:
    """Price, size and deposit of a planned vault at the present prices."""
    size = terms.size(NOTIONAL)
    legs = [PackageLeg(leg.kind, terms.strike(leg.strike), leg.ratio) for leg in planned.legs]
    unit = [Leg(leg.kind, to_strike(leg.strike), leg.ratio * 10**6) for leg in legs]
    mark = terms.maker_value(unit)
    edge = abs(mark) * EDGE if planned.legs[0].kind is not Kind.FUTURE else Decimal(0)
    price = (mark + edge if planned.buys else mark - edge).quantize(MICRO)
    sign = 1 if planned.buys else -1
    premium = price * size
    held = [Leg(leg.kind, leg.strike, sign * leg.quantity * int(size * 10**6) // 10**6) for leg in unit]
    if planned.deferred:
        held.append(Leg(Kind.CASH, 0, -sign * int((premium * 10**6).to_integral_value())))
    mine = terms.standing(held)
    other = terms.standing([Leg(leg.kind, leg.strike, -leg.quantity) for leg in held])
    upfront = Decimal(0) if planned.deferred else sign * premium
    deposit = upfront + terms.locked
    if planned.cushion:
        wanted = planned.cushion * from_wad(mine.initial_margin) - from_wad(mine.equity) + upfront + terms.locked
        # a premium is paid out of what is there before its legs are
        deposit = max(wanted, deposit)
    fee = max(abs(premium), abs(mark) * size, terms.spot * size / 100) / 8
    deposit = max(deposit + min(fee, terms.spot * size / 1000), terms.locked * 2)
    return Offer(
        legs=tuple(legs),
        side="sell" if planned.buys else "buy",
        price=price,
        size=size,
        style=PremiumStyle.DEFERRED if planned.deferred else PremiumStyle.UPFRONT,
        deposit=deposit.quantize(CENT, rounding=ROUND_UP),
        maker_margin=from_wad(other.initial_margin) + abs(upfront) + max(-from_wad(other.equity), Decimal(0)),
    )
