"""A table as it came out of a file: names of columns, rows, and where each row stood."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bulkhead.chain.errors import BadInput
from bulkhead.tables.fields import Comma, is_missing


def key(name: object) -> str:
    """A column's name without case, spaces and signs: "Open time" and "open-time" are `open_time`."""
    return re.sub(r"[^a-z0-9]+", "_", str(name).lower()).strip("_")


@dataclass(frozen=True)
class Row:
    """One row: its number in the file, and its fields."""

    number: int
    fields: Sequence[Any]


@dataclass(frozen=True)
class Table:
    """What a file holds.

    Attributes:
        name: What errors call the file.
        header: Names of the columns as `key` gives them; None when the file names none.
        rows: The rows, blank ones left out.
        unit: What `Row.number` counts: "line", "row" or "entry".
        first: Number of the header, or of the first row without one.
        comma: What a comma within a number is.
    """

    name: str
    header: tuple[str, ...] | None
    rows: Sequence[Row]
    unit: str = "line"
    first: int = 1
    comma: Comma = Comma.THOUSANDS

    def at(self, number: int) -> str:
        """A place in the file, for errors."""
        return f"{self.name}, {self.unit} {number}"

    @property
    def top(self) -> str:
        """The place of the names of the columns."""
        return self.at(self.first)

    def column(self, names: Iterable[str]) -> int | None:
        """The column with the first of some names that the table has."""
        header = self.header or ()
        return next((header.index(name) for name in names if name in header), None)

    def field(self, row: Row, column: int, needed: int) -> Any:
        """One field, text without spaces around it.

        Args:
            row: The row.
            column: Which.
            needed: Columns that every row needs, for the error.
        """
        if column >= len(row.fields):
            raise BadInput(f"{self.at(row.number)}: {len(row.fields)} columns where at least {needed} are needed.")
        most = len(self.header or self.rows[0].fields)
        if len(row.fields) > most and not all(is_missing(field) for field in row.fields[most:]):
            # which of them is one too many nobody knows
            raise BadInput(f"{self.at(row.number)}: {len(row.fields)} columns where the first has {most}.")
        value = row.fields[column]
        return value.strip() if isinstance(value, str) else value
