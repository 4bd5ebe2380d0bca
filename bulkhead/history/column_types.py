"""Column types that lose nothing: whole numbers of 256 bits with a sign, and lists as JSON.

SQLite has no number of more than 64 bits and turns larger ones into floats without a word, so there they are text of
one length whose order is that of the numbers.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Dialect, Numeric, String, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

#: Added to every number in SQLite, so that text sorts as the numbers do; digits of the sum.
OFFSET, DIGITS = 2**256, 79


class Exact(TypeDecorator[int]):
    """A whole number of up to 256 bits and a sign."""

    impl = Numeric(78, 0)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """NUMERIC where that is exact."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(DIGITS))
        return dialect.type_descriptor(Numeric(78, 0))

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        """As the database holds it."""
        if value is None:
            return None
        number = int(value)
        if abs(number) >= OFFSET:
            raise ValueError(f"{number} has more than 256 bits")
        return f"{number + OFFSET:0{DIGITS}d}" if dialect.name == "sqlite" else number

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        """As Python has it."""
        if value is None:
            return None
        return int(value) - OFFSET if dialect.name == "sqlite" else int(value)


class Listed(TypeDecorator[Any]):
    """Lists and mappings of whole numbers and text, as JSON. Numbers beyond 53 bits are exact in Python's JSON."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """As the database holds it."""
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """As Python has it."""
        return None if value is None else json.loads(value)
