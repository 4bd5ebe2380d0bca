"""Tables as Parquet, for DuckDB and pandas: one file each, of a range of blocks or of all.

Whole numbers of 64 bits stay what they are. Amounts become decimals of 76 digits, all that Parquet has; a
longer one is refused rather than rounded. Words and bounds that may use all 256 bits are text, and so are lists (JSON).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import BigInteger, Boolean, Column, Connection, Integer, Table, select

from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.history import tables
from bulkhead.history.column_types import Exact, Listed

#: Rows in memory at once.
AT_ONCE = 20_000
#: Digits of a Parquet decimal.
DIGITS = 76
#: What may use all 256 bits: words, and what anybody may sign or set.
LONG, LONG_TABLES = {"word", "terms", "permissions", "good_until"}, {"parameters", "quotes", "cancels", "mandates"}
#: Tables that are of no use outside the index.
KEPT_BACK = {"blocks", "snapshots"}


@dataclass(frozen=True)
class Written:
    """One file.

    Attributes:
        table: Its table.
        path: Where it is.
        rows: How many it has.
    """

    table: str
    path: Path
    rows: int


def exportable() -> dict[str, Table]:
    """Tables by name."""
    return {table.name: table for table in tables.metadata.sorted_tables if table.name not in KEPT_BACK}


def export(
    reader: Connection, deployment: int, folder: Path, first: int, last: int, names: Sequence[str] = ()
) -> list[Written]:
    """Writes tables of one deployment into a folder, each file whole or not at all.

    Args:
        reader: The database.
        deployment: Its number there.
        folder: Where the files go.
        first: First block.
        last: Last block.
        names: Tables, all when empty.

    Raises:
        BadInput: There is no such table, or the range runs backwards, or the folder cannot be written.
    """
    known = exportable()
    for name in names:
        if name not in known:
            raise BadInput(f"There is no table {name!r} to export (there are: {', '.join(known)}).")
    if last < first:
        raise BadInput(f"The range ends at block {last}, before it begins at {first}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_write(reader, deployment, known[name], folder, (first, last)) for name in names or known]
    except (OSError, ValueError) as error:
        raise BadInput(f"The files cannot be written to {folder}: {error}.") from None


def _write(reader: Connection, deployment: int, table: Table, folder: Path, span: tuple[int, int]) -> Written:
    schema = pa.schema([(column.name, _type(column)) for column in table.columns])
    path, part = folder / f"{table.name}.parquet", folder / f"{table.name}.parquet.part"
    rows = 0
    try:
        with pq.ParquetWriter(part, schema, compression="zstd") as writer:
            for some in _rows(reader, deployment, table, span):
                columns = [
                    pa.array([_plain(column, row[i]) for row in some], _type(column))
                    for i, column in enumerate(table.columns)
                ]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
                rows += len(some)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    return Written(table.name, path, rows)


def _rows(
    reader: Connection, deployment: int, table: Table, span: tuple[int, int]
) -> Iterator[Sequence[Any]]:  # fmt: skip
    asked = select(table)
    if "deployment" in table.c:
        asked = asked.where(table.c.deployment == deployment)
    if "block" in table.c and table is not tables.deployments:
        asked = asked.where(table.c.block.between(*span))
    result = reader.execution_options(yield_per=AT_ONCE).execute(asked.order_by(*table.primary_key.columns))
    yield from result.partitions()


def _long(column: Column[Any]) -> bool:
    """Whether a number may use all 256 bits."""
    return column.name in LONG or column.table.name in LONG_TABLES


def _type(column: Column[Any]) -> pa.DataType:
    if isinstance(column.type, Exact):
        return pa.string() if _long(column) else pa.decimal256(DIGITS, 0)
    if isinstance(column.type, Boolean):
        return pa.bool_()
    if isinstance(column.type, BigInteger | Integer):
        return pa.int64()
    return pa.string()


def _plain(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, Exact):
        if _long(column):
            return str(value)
        if abs(value) >= 10**DIGITS:
            raise BulkheadError(f"{column.name} is {value}, which has more than the {DIGITS} digits of Parquet.")
        return Decimal(value)
    if isinstance(column.type, Listed):
        return json.dumps(value, separators=(",", ":"))
    return value
