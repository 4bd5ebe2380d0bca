"""Payoffs at expiry in exact integers: the mirror of contracts/math/payoff."""

from __future__ import annotations

from collections.abc import Sequence

from bulkhead.risk.assessment import UNBOUNDED, Assessment, Basis
from bulkhead.risk.words import MAX_LEGS, Kind, Leg


def check_legs(legs: Sequence[Leg]) -> None:
    """Refuses more than 16 legs, zero quantities and series named twice."""
    if len(legs) > MAX_LEGS:
        raise ValueError("leg/too-many-legs")
    seen: set[int] = set()
    for leg in legs:
        if leg.quantity == 0:
            raise ValueError("leg/zero-quantity")
        if leg.key in seen:
            raise ValueError("leg/duplicate-series")
        seen.add(leg.key)


def max_loss(legs: Sequence[Leg], inverse: bool = False) -> int:
    """v_min: the least payoff over all settlement prices [wad], `UNBOUNDED` when there is none.

    Args:
        legs: Legs of one cell.
        inverse: They pay payoff(P)/P coins: least at a strike, far up (the slope) or near 0; rounded down.
    """
    check_legs(legs)
    slope = sum(leg.quantity for leg in legs if leg.kind in (Kind.CALL, Kind.FUTURE))
    strikes = sorted({leg.strike for leg in legs if leg.kind <= Kind.PUT})
    if not inverse:
        return UNBOUNDED if slope < 0 else min(payoff(legs, price) for price in (0, *strikes))
    at_zero = payoff(legs, 0)
    if at_zero < 0:
        return UNBOUNDED
    first = slope - sum(leg.quantity for leg in legs if leg.kind <= Kind.PUT)
    near = [first * 10**12] if at_zero == 0 else []
    return min([slope * 10**12, *near, *(payoff(legs, strike) * 10**8 // strike for strike in strikes)])


def payoff(legs: Sequence[Leg], price: int) -> int:
    """Payoff of the legs [wad] at a settlement price [1e-8 quote]."""
    total = 0
    for leg in legs:
        if leg.kind == Kind.CALL:
            total += leg.quantity * max(price - leg.strike, 0)
        elif leg.kind == Kind.PUT:
            total += leg.quantity * max(leg.strike - price, 0)
        elif leg.kind == Kind.FUTURE:
            total += leg.quantity * price
        else:
            total += leg.quantity * 10**8
    return total * 10**4


def covered(legs: Sequence[Leg], collateral: int, inverse: bool = False) -> Assessment | None:
    """The engines' early answer: up to 4 legs whose worst payoff the collateral covers need no price."""
    least = max_loss(legs, inverse)
    if len(legs) <= 4 and least != UNBOUNDED and collateral >= -least:
        return Assessment(0, 0, least, 0, 0, 0, 0, Basis.COVERED)
    return None
