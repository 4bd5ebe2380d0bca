"""Amounts, prices and times between the caller's edge and the chain's integers.

The caller's side is `Decimal` or `int` in quote units and contracts. The chain's side is `int`: wad = 1e18, native
units of a token, contracts in 1e-6, strikes in 1e-8 quote.
"""

from __future__ import annotations

import operator
import re
from datetime import UTC, datetime
from decimal import Context, Decimal

from eth_utils import is_checksum_address, is_hex_address, to_checksum_address

from bulkhead.chain.errors import BadInput
from bulkhead.chain.words import Model

MAX_UINT = 2**256 - 1


#: An exact number as a caller writes it; text such as "0.1" too.
Number = Decimal | int | str
#: Digits that every step between caller and chain keeps.
EXACT = Context(prec=100)
#: Unix seconds have no more digits before the year 5138.
MOST_SECONDS_DIGITS = 11
#: No amount on chain has more digits before its point.
MOST_DIGITS = 60
#: A stretch of time, and the seconds of its units.
SPAN = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
SPAN_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}


def to_decimal(number: Number) -> Decimal:
    """A number without a rounding error in it.

    Raises:
        BadInput: A float, or no finite number.
    """
    if isinstance(number, float):
        raise BadInput(f'{number} is a float, and amounts are exact: give an int, a Decimal or text such as "0.1".')
    try:
        found = Decimal(number if isinstance(number, Decimal | str) else operator.index(number))
    except (ArithmeticError, TypeError, ValueError):
        raise BadInput(f"{number!r} is not a number.") from None
    if not found.is_finite() or found.adjusted() > MOST_DIGITS:
        raise BadInput(f"{number} is not an amount.")
    return found


def _price(number: Number | float) -> Decimal:
    # a price comes from models and feeds, which speak in floats: it is taken as it reads
    return to_decimal(repr(float(number)) if isinstance(number, float) else number)


def to_wad(price: Number | float) -> int:
    """Quote units as wad; a float is taken as it reads."""
    return int(_price(price).scaleb(18, EXACT))


def to_native(amount: Number, decimals: int) -> int:
    """Quote units as native units of a token.

    Raises:
        BadInput: The amount is a float, negative or finer than the token can hold.
    """
    scaled = to_decimal(amount).scaleb(decimals, EXACT)
    if scaled < 0 or scaled != scaled.to_integral_value(context=EXACT):
        raise BadInput(f"{amount} is not an amount of a token with {decimals} decimals.")
    return int(scaled)


def from_wad(number: int) -> Decimal:
    """Wad as quote units."""
    return Decimal(number).scaleb(-18, EXACT)


def from_native(number: int, decimals: int) -> Decimal:
    """Native units of a token as quote units."""
    return Decimal(number).scaleb(-decimals, EXACT)


def to_quantity(amount: Number) -> int:
    """Contracts as 1e-6 contracts.

    Raises:
        BadInput: The amount is a float or finer than a millionth.
    """
    scaled = to_decimal(amount).scaleb(6, EXACT)
    if scaled != scaled.to_integral_value(context=EXACT):
        raise BadInput(f"{amount} contracts are finer than 0.000001.")
    return int(scaled)


def to_strike(price: Number | float) -> int:
    """A strike as 1e-8 quote; a float is taken as it reads."""
    scaled = _price(price).scaleb(8, EXACT)
    if scaled != scaled.to_integral_value(context=EXACT) or scaled < 0:
        raise BadInput(f"{price} is not a strike.")
    return int(scaled)


def parse_expiry(text: str | int) -> int:
    """Expiry from unix seconds, a date (08:00 UTC of it) or an ISO time."""
    if isinstance(text, int) or (text.isascii() and text.isdigit() and len(text) <= MOST_SECONDS_DIGITS):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is not an expiry: give a date, an ISO time or unix seconds.") from None
    if len(text) == 10:
        moment = moment.replace(hour=8)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def parse_address(text: str) -> str:
    """An address with its checksum.

    Raises:
        BadInput: It is none, or a digit of it is mistyped.
    """
    if not is_hex_address(text) or not text.startswith("0x"):
        raise BadInput(f"{text!r} is not an address.")
    if text != text.lower() and not is_checksum_address(text):
        raise BadInput(f"{text} has a wrong checksum: a digit is mistyped.")
    return str(to_checksum_address(text))


def parse_model(name: str) -> Model:
    """A margin model by name."""
    try:
        return Model[name.upper()]
    except KeyError:
        raise BadInput(f"{name!r} is not a margin model; there are ES, GREEKS and STATIC.") from None


def parse_span(text: str | int) -> int:
    """Seconds of a stretch of time such as 90s, 30m, 2h, 5d or 8w.

    Raises:
        BadInput: It is none.
    """
    if isinstance(text, int):
        return text
    found = SPAN.fullmatch(text)
    if found is None:
        raise BadInput(f"{text!r} is no stretch of time; write 90s, 30m, 2h, 5d or 8w.")
    return int(found.group(1)) * SPAN_SECONDS[found.group(2)]
