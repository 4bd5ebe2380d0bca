"""The rows of the margin table, asked of one vault before and after a call: by which may it have passed?

Stated from the specification over the mirror, coarser than the gate where the gate is only cheaper: whatever an owner
does, or an order they signed, one of the rows must hold for each vault whose legs, model or tokens it changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bulkhead.chain.words import VaultWord, legs_of
from bulkhead.risk import exact, margin
from bulkhead.risk.invariants import VaultBook
from bulkhead.risk.words import LINEAR, WAD, Kind, Leg, Model, RiskWord, Snapshot, Units

#: One millionth of a quote, the unit of fees and deposits, in wad.
MICRO = 10**12
#: Of the notional closed, what may be given away where no price is active.
TOLERATED_BPS = 50


@dataclass(frozen=True)
class Side:
    """A vault as the rows want it.

    Attributes:
        legs: Its legs.
        collateral: C by the deposit of now [wad].
        word: Owner, model and flags.
        risk: Of the market, with the ratios of its stamp.
    """

    legs: list[Leg]
    collateral: int
    word: VaultWord
    risk: RiskWord


@dataclass(frozen=True)
class Terms:
    """What a market's vaults are judged by at one moment.

    Attributes:
        prices: Of the cell, as the call saw them.
        native: Wad of one unit of the token.
        units: What the market counts in.
    """

    prices: Snapshot
    native: int = MICRO
    units: Units = LINEAR


@dataclass(frozen=True)
class Change:
    """A vault before and after a call, and what the world looked like.

    Attributes:
        old: Before.
        new: After.
        prices: Of its cell, as the call saw them.
        fee: The most that it can have paid in fees [wad].
        units: What the market counts in.
    """

    old: Side
    new: Side
    prices: Snapshot
    fee: int
    units: Units = LINEAR

    @classmethod
    def of(cls, books: tuple[VaultBook, VaultBook], risk_word: int, terms: Terms, fee: int) -> Change:
        """From two readings of the books, before and after.

        Args:
            books: The vault before and after.
            risk_word: Of its market.
            terms: Of its market, at that moment.
            fee: As above.
        """
        new, risk = books[1], RiskWord.unpack(risk_word)
        deposit = new.stored * terms.native - new.collateral
        if VaultWord.unpack(new.own[0]).model == Model.STATIC:
            risk = risk.stamped(new.own[1] >> 225)
        before, after = (
            Side(list(legs_of(book.legs)), book.stored * terms.native - deposit, VaultWord.unpack(book.own[0]), risk)
            for book in books
        )
        return cls(before, after, terms.prices, fee, terms.units)


def row_of(change: Change, fill: bool) -> int:
    """A row that a change passes by, 0 for none.

    Args:
        change: Of one vault.
        fill: It is a side of a fill, which may pass because it closes.
    """
    if _fully_paid(change):
        return 2
    if _healthy(change):
        return 1
    if not fill or not closes(change.old.legs, change.new.legs, change.units.inverse):
        return 0
    if _keeps_share(change):
        return 2
    if change.prices.is_usable:
        return 3 if all(_safer(change, at) for at in change.prices.points()) else 0
    if change.prices.undisputed and change.prices.seconds:
        return 4 if _gives_little(change, change.prices.at(change.prices.undisputed)) else 0
    return 0


def closes(old: list[Leg], new: list[Leg], inverse: bool) -> bool:
    """No option or delta leg grows or changes sign."""
    money = Kind.FUTURE if inverse else Kind.CASH
    had = {leg.key: leg.quantity for leg in old}
    kept = ((had.get(leg.key, 0), leg.quantity) for leg in new if leg.kind != money)
    return all(before * now > 0 and abs(now) <= abs(before) for before, now in kept)


def _fully_paid(change: Change) -> bool:
    """Row 2, first form: C covers the worst settlement, and no debt."""
    least = exact.max_loss(change.new.legs, change.units.inverse)
    return not change.new.word.debt and least != exact.UNBOUNDED and change.new.collateral >= -least


def _healthy(change: Change) -> bool:
    """Row 1: unflagged, no debt, a usable price, equity >= IM at each point of it."""
    new = change.new
    if new.word.flagged or new.word.debt or not change.prices.is_usable:
        return False
    if not new.legs:
        return new.collateral >= 0
    value = exact.assess(new.legs, change.prices, new.risk, model=new.word.model, inverse=change.units.inverse).value
    needed = margin.required(
        new.legs, change.prices, new.risk, new.collateral, model=new.word.model, units=change.units
    )
    return new.collateral + value >= needed


def _keeps_share(change: Change) -> bool:
    """Row 2 for a side that closes: what stays pays at least 1-f of what was there, at every settlement price."""
    if change.new.word.debt:
        return False
    old, new = change.old, change.new
    left = {leg.key: leg.quantity for leg in new.legs}
    shares = [
        (0 if left.get(one.key, 0) * one.quantity <= 0 else abs(left[one.key]), abs(one.quantity)) for one in old.legs
    ]
    share, whole = min(shares, key=lambda one: one[0] / one[1], default=(1, 1))
    joined: dict[int, Leg] = {}
    for legs, factor in ((new.legs, whole), (old.legs, -share)):
        for one in legs:
            before = joined[one.key].quantity if one.key in joined else 0
            joined[one.key] = replace(one, quantity=before + factor * one.quantity)
    rest = [one for one in joined.values() if one.quantity]
    tokens = whole * new.collateral - share * old.collateral
    if len(rest) > 16:
        return True
    least = exact.max_loss(rest, change.units.inverse) if rest else 0
    return least != exact.UNBOUNDED and least >= -tokens


def _standing(side: Side, change: Change, prices: Snapshot) -> margin.Standing:
    inverse = change.units.inverse
    assessed = exact.assess(side.legs, prices, change.new.risk, model=change.new.word.model, inverse=inverse)
    return margin.resolve(assessed, side.collateral, change.new.risk, prices, units=change.units)


def _safer(change: Change, prices: Snapshot) -> bool:
    """Row 3: IM not higher, neither equity - MM nor equity/MM lower; who is below zero must be flagged."""
    old, new = _standing(change.old, change, prices), _standing(change.new, change, prices)
    if new.initial_margin > old.initial_margin:
        return False
    if new.equity < 0:
        return change.new.word.flagged and new.equity + change.fee >= old.equity
    return (
        new.equity - new.maintenance_margin >= old.equity - old.maintenance_margin
        and new.equity * old.maintenance_margin >= old.equity * new.maintenance_margin
    )


def _gives_little(change: Change, prices: Snapshot) -> bool:
    """Row 4: MM not higher, and little equity given away at the undisputed price."""
    old, new = _standing(change.old, change, prices), _standing(change.new, change, prices)
    if new.maintenance_margin > old.maintenance_margin or (new.equity < 0 and not change.new.word.flagged):
        return False
    inverse = change.units.inverse
    tolerated = notional(change.old.legs, prices, inverse) - notional(change.new.legs, prices, inverse)
    freed = old.maintenance_margin - new.maintenance_margin
    lost = old.equity - new.equity - change.fee
    return lost <= min(tolerated * TOLERATED_BPS // 10_000, freed, max(new.equity, 0))


def notional(legs: list[Leg], prices: Snapshot, inverse: bool) -> int:
    """Options and delta legs [wad token]."""
    total = 0
    _, forward = prices.settling()
    for one in legs:
        if not inverse:
            total += 0 if one.kind == Kind.CASH else abs(one.quantity) * prices.spot
        elif one.kind <= Kind.PUT:
            total += abs(one.quantity) * WAD
        elif one.kind == Kind.CASH:
            total += abs(one.quantity) * WAD * WAD // forward
    return total // 10**6
