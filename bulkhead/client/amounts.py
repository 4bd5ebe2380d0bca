"""Amounts, prices and times between the caller's edge and the chain's integers.

The caller's side is `Decimal` or `int` in quote units and contracts. The chain's side is `int`: wad = 1e18, native
units of a token, contracts in 1e-6, strikes in 1e-8 quote.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal

from bulkhead.chain.errors import BadInput
from bulkhead.chain.words import Model

MAX_UINT = 2**256 - 1


def to_wad(amount: Decimal | int) -> int:
    """Quote units as wad."""
    return int(Decimal(amount).scaleb(18))


def to_native(amount: Decimal | int, decimals: int) -> int:
    """Quote units as native units of a token, rounded down.

    Raises:
        BadInput: The amount is negative or finer than the token can hold.
    """
    scaled = Decimal(amount).scaleb(decimals)
    whole = scaled.to_integral_value(rounding=ROUND_DOWN)
    if scaled < 0 or scaled != whole:
        raise BadInput(f"{amount} is not an amount of a token with {decimals} decimals.")
    return int(whole)


def from_wad(number: int) -> Decimal:
    """Wad as quote units."""
    return Decimal(number).scaleb(-18)


def to_quantity(amount: Decimal | int) -> int:
    """Contracts as 1e-6 contracts."""
    scaled = Decimal(amount).scaleb(6)
    if scaled != scaled.to_integral_value():
        raise BadInput(f"{amount} contracts are finer than 0.000001.")
    return int(scaled)


def to_strike(price: Decimal | int) -> int:
    """A strike as 1e-8 quote."""
    scaled = Decimal(price).scaleb(8)
    if scaled != scaled.to_integral_value() or scaled < 0:
        raise BadInput(f"{price} is not a strike.")
    return int(scaled)


def parse_expiry(text: str | int) -> int:
    """Expiry from unix seconds, a date (08:00 UTC of it) or an ISO time."""
    if isinstance(text, int) or text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is not an expiry: give a date, an ISO time or unix seconds.") from None
    if len(text) == 10:
        moment = moment.replace(hour=8)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def parse_model(name: str) -> Model:
    """A margin model by name."""
    try:
        return Model[name.upper()]
    except KeyError:
        raise BadInput(f"{name!r} is not a margin model; there are ES, GREEKS and STATIC.") from None
