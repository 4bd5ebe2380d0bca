"""Single fields: numbers and times in the ways exchanges and spreadsheets write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import Enum, auto
from functools import lru_cache
from typing import Any

#: How files say that a field has no value.
MISSING = frozenset({"", "-", "--", "nan", "nat", "none", "null", "n/a", "na", "#n/a"})
#: Units of a numeric time in a second; their ranges do not overlap.
UNITS = (1, 10**3, 10**6, 10**9)
LEAST, MOST = 10**8, 10**10
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_POINTS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?")
#: Years first, as some write dates with points or strokes.
_DATE = re.compile(r"(\d{4})[./](\d{2})[./](\d{2})(?=\D|$)")
#: Longest that an error shows of a field.
MOST_SHOWN = 60
_DERIBIT = re.compile(r"(\d{1,2})([A-Za-z]{3})(\d{2}|\d{4})")
_COMPACT = re.compile(r"(19|20)\d{6}")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


class Comma(Enum):
    """What a comma within a number is: between thousands, before decimals, or one of the two."""

    THOUSANDS = auto()
    DECIMAL = auto()
    UNCLEAR = auto()


def shown(value: Any) -> str:
    """A field as errors show it."""
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 3] + "...")


def is_decimal_comma(text: str) -> bool:
    """Whether a text can only be a number with a decimal comma."""
    grouped = "," in text and _POINTS.fullmatch(text)
    return bool(grouped or (_DECIMAL_COMMA.fullmatch(text) and not _THOUSANDS.fullmatch(text)))


def is_missing(value: Any) -> bool:
    """Whether a field has no value."""
    if isinstance(value, str):
        return value.strip().lower() in MISSING
    # not a number and not a time differ from themselves
    return value is None or bool(value != value)


def is_number(value: Any) -> bool:
    """Whether a field is a finite number."""
    try:
        return number(value).is_finite()
    except ValueError:
        return False


def number(value: Any, comma: Comma = Comma.THOUSANDS) -> Decimal:
    """A number, exactly as it is written; a percent sign divides by a hundred.

    Args:
        value: Text, int, float or Decimal.
        comma: What a comma in it is.

    Raises:
        ValueError: It is none, or can be read in two ways.
    """
    if isinstance(value, bool):
        raise ValueError("not a number")
    text = str(value).strip().replace("\u00a0", "")
    share = text.endswith("%")
    text = text.removesuffix("%").strip()
    if "," in text or comma is Comma.DECIMAL:
        text = _without_commas(text, comma)
    if "_" in text:
        raise ValueError("not a number")
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise ValueError("not a number") from None
    return found / 100 if share else found


def _without_commas(text: str, comma: Comma) -> str:
    grouped = _THOUSANDS.fullmatch(text) is not None
    if comma is not Comma.THOUSANDS and _DECIMAL_COMMA.fullmatch(text):
        if grouped and comma is Comma.UNCLEAR and not text.lstrip("+-").startswith("0,"):
            raise ValueError("a number that can be read in two ways")
        return text.replace(",", ".")
    if comma is Comma.DECIMAL and _POINTS.fullmatch(text):
        if "," not in text:
            raise ValueError("a number that can be read in two ways")
        return text.replace(".", "").replace(",", ".")
    if grouped:
        return text.replace(",", "")
    if "," not in text:
        return text
    raise ValueError("not a number")


@lru_cache(maxsize=4096)
def _of_text(text: str, hour: int) -> int:
    if re.fullmatch(_COMPACT, text):
        return _on_day(datetime.strptime(text, "%Y%m%d").date(), hour)
    if is_number(text):
        return _of_number(number(text))
    named = _DERIBIT.fullmatch(text)
    if named is not None:
        day, month, year = named.groups()
        if month.upper() not in _MONTHS:
            raise ValueError("not a time")
        full = int(year) + (2000 if len(year) == 2 else 0)
        return _on_day(date(full, _MONTHS.index(month.upper()) + 1, int(day)), 8)
    plain = _DATE.sub(r"\1-\2-\3", text.removesuffix(" UTC").removesuffix(" GMT"), count=1)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", plain):
        return _on_day(date.fromisoformat(plain), hour)
    return _of_datetime(datetime.fromisoformat(plain))


def _on_day(day: date, hour: int) -> int:
    return int(datetime.combine(day, time(hour), UTC).timestamp())


def _of_datetime(moment_: datetime) -> int:
    return int((moment_ if moment_.tzinfo else moment_.replace(tzinfo=UTC)).timestamp())


def _of_number(value: Decimal) -> int:
    for unit in UNITS if value < MOST * UNITS[-1] else ():
        if LEAST <= value // unit < MOST:
            return int(value // unit)
    raise ValueError("not a time in seconds, milliseconds, microseconds or nanoseconds")


def moment(value: Any, hour: int = 0) -> int:
    """A time [unix seconds]; without a zone it is UTC.

    Args:
        value: A number of seconds, milli-, micro- or nanoseconds, told apart by size; ISO 8601; a Deribit date such as
            27MAR26, which is at 08:00; a date; or a datetime.
        hour: Hour of a date without one.

    Raises:
        ValueError: It is none; the text says what it is not.
    """
    if isinstance(value, datetime):
        if is_missing(value):
            raise ValueError("not a time")
        return _of_datetime(value)
    if isinstance(value, date):
        return _on_day(value, hour)
    if isinstance(value, bool) or is_missing(value):
        raise ValueError("not a time")
    try:
        return _of_text(str(value).strip(), hour)
    except OverflowError:
        raise ValueError("not a time") from None
    except ValueError as error:
        raise ValueError(str(error) if str(error).startswith("not a time") else "not a time") from None
