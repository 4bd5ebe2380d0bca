"""Leg words as tests write them."""

from __future__ import annotations

from bulkhead.risk.words import Kind, Leg


def call(strike: float, quantity: float) -> int:
    """Leg word of calls."""
    return Leg(Kind.CALL, round(strike * 10**8), round(quantity * 10**6)).pack()


def put(strike: float, quantity: float) -> int:
    """Leg word of puts."""
    return Leg(Kind.PUT, round(strike * 10**8), round(quantity * 10**6)).pack()


def future(quantity: float) -> int:
    """Leg word of futures."""
    return Leg(Kind.FUTURE, 0, round(quantity * 10**6)).pack()


def cash(quote: float) -> int:
    """Leg word of cash."""
    return Leg(Kind.CASH, 0, round(quote * 10**6)).pack()
