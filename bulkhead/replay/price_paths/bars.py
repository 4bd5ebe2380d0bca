"""Price bars out of files, with a sentence and a line number for everything that is wrong with one.

Columns are found by name (a time, `open`, `high`, `low`, `close`, where the last four may carry an asset's prefix such
as `eth_`); a file without names has the order of Binance klines (open time, open, high, low, close, ...). Rows may be
newest first. Which kinds of files there are, `bulkhead.tables` says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from bulkhead import tables
from bulkhead.chain.errors import BadInput
from bulkhead.tables import Row, Table

#: Decimals of a price, those of a Chainlink USD feed.
PRICE_DECIMALS = 8
TIME_NAMES = (
    "open_time", "opentime", "time_open", "timeopen", "start_time", "starttime", "started_at", "startedat", "ts",
    "timestamp", "unix", "unix_timestamp", "unix_time", "time", "ticks", "t", "date", "datetime",
)  # fmt: skip
#: What stands beside a column `date` when days and hours are apart.
CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")
PRICE_NAMES = ("open", "high", "low", "close")
MAX_PRICE = Decimal(10) ** 9
#: A price below this leaves too few digits for strikes: units are put together, a thousand at a time, as exchanges do.
LEAST_PRICE = Decimal("0.01")
BUNDLE = 1000


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        at: Its start [unix seconds].
        seconds: Its length.
        open: First price [1e-8 quote]; high, low and close likewise.
    """

    at: int
    seconds: int
    open: int
    high: int
    low: int
    close: int


@dataclass(frozen=True)
class Prices:
    """Bars of one file.

    Attributes:
        name: The file.
        bars: Oldest first.
        scale: Units of the coin that a price is for; 1 unless it is very cheap.
    """

    name: str
    bars: list[Bar]
    scale: int = 1

    def source(self, symbol: str) -> str:
        """Where the prices come from, and what they are prices of."""
        said = f"prices from {self.name}"
        return said if self.scale == 1 else f"{said}, each of {self.scale:,} {symbol}: one alone is too cheap for ticks"


def read_prices(path: Path | str, asset: str | None = None, prefer: str = "") -> Prices:
    """Bars of a file, with the scale that a cheap coin needs.

    Args:
        path: The file.
        asset: Prefix of the price columns; needed when a file has several.
        prefer: Prefix to take when a file has several and none is named.

    Raises:
        BadInput: A sentence that names the file and the line.
    """
    return _prices(tables.read(path), asset, prefer)


def read_bars(path: Path | str, asset: str | None = None, prefer: str = "") -> list[Bar]:
    """The bars of `read_prices`, oldest first."""
    return read_prices(path, asset, prefer).bars


def parse_bars(text: str, name: str, asset: str | None = None, prefer: str = "") -> list[Bar]:
    """`read_bars` on a text; `name` is what errors call it."""
    return _prices(tables.parse(text.encode(), name), asset, prefer).bars


def read_closes(path: Path | str, asset: str | None = None) -> list[tuple[int, Decimal]]:
    """Times [unix seconds] and closes [quote] of a file, oldest first; the other prices need not be there."""
    table = tables.read(path)
    columns = _columns(table, asset, "", ("close",)) if table.header is not None else (0, _kline_column(table))
    return [(at, prices[0]) for at, prices in _sorted(table, _rows(table, columns, ("close",)))]


def _prices(table: Table, asset: str | None, prefer: str) -> Prices:
    if table.header is None:
        _kline_column(table)
        columns: tuple[int, ...] = (0, 1, 2, 3, 4)
    else:
        columns = _columns(table, asset, prefer, PRICE_NAMES)
    rows = _sorted(table, _rows(table, columns, PRICE_NAMES))
    if len(rows) < 2:
        raise BadInput(f"{table.name} has {len(rows)} bar{'' if len(rows) == 1 else 's'}; at least two are needed.")
    # the usual distance of two bars is the length of all: a hole in the data is not a long bar
    seconds = Counter(b - a for (a, _), (b, _) in zip(rows, rows[1:], strict=False)).most_common(1)[0][0]
    low, high = min(prices[2] for _, prices in rows), max(prices[1] for _, prices in rows)
    scale = 1
    while low * scale < LEAST_PRICE and high * scale * BUNDLE < MAX_PRICE:
        scale *= BUNDLE
    if not int((low * scale).scaleb(PRICE_DECIMALS)):
        raise BadInput(f"{table.name}: prices from {low} to {high} do not fit a feed of {PRICE_DECIMALS} decimals.")
    bars = [Bar(at, seconds, *(int((p * scale).scaleb(PRICE_DECIMALS)) for p in prices)) for at, prices in rows]
    return Prices(table.name, bars, scale)


def _kline_column(table: Table) -> int:
    """The column of closes in the order of Binance klines."""
    count = len(table.rows[0].fields)
    if count < 5:
        raise BadInput(
            f"{table.top}: {count} columns and no header; Binance order needs open time, open, high, low, close."
        )
    return 4


def _sorted(table: Table, rows: list[tuple[int, int, list[Decimal]]]) -> list[tuple[int, list[Decimal]]]:
    """Oldest first; refuses what is in no order."""
    if len(rows) > 1 and rows[0][1] > rows[-1][1]:
        rows = rows[::-1]
    for (_, before, _), (number, at, _) in zip(rows, rows[1:], strict=False):
        if at <= before:
            raise BadInput(f"{table.at(number)}: the time does not lie after that of the line before.")
    return [(at, prices) for _, at, prices in rows]


def _columns(table: Table, asset: str | None, prefer: str, names: Sequence[str]) -> tuple[int, ...]:
    head = table.header or ()
    time = table.column(TIME_NAMES)
    if time is None and head[0] == "":
        time = 0  # an index without a name
    if time is None:
        raise BadInput(f"{table.top}: no time column (one of {', '.join(TIME_NAMES)}).")
    prefixes = [h.removesuffix("_close") for h in head if h.endswith("_close") and h != "adj_close"]
    if asset is not None:
        prefix = f"{tables.key(asset)}_"
        if not any(h.startswith(prefix) for h in head):
            others = ", ".join(prefixes) or "none"
            raise BadInput(f"{table.top}: no columns of asset '{asset}' (assets in the file: {others}).")
    elif "close" in head or not prefixes:
        prefix = ""
    elif len(prefixes) == 1:
        prefix = f"{prefixes[0]}_"
    elif prefer.lower() in prefixes:
        prefix = f"{prefer.lower()}_"
    else:
        raise BadInput(f"{table.name} holds several assets ({', '.join(prefixes)}); choose one with --asset.")
    missing = [prefix + n for n in names if prefix + n not in head]
    if missing:
        raise BadInput(f"{table.top}: column {', '.join(missing)} is missing.")
    return (time, *(head.index(prefix + n) for n in names))


def _rows(table: Table, columns: Sequence[int], names: Sequence[str]) -> list[tuple[int, int, list[Decimal]]]:
    """Number, time and prices of each row; one without any price is a hole in the data."""
    needed = max(columns) + 1
    days = table.column(("date",))
    found = []
    for row in table.rows:
        if all(tables.is_missing(table.field(row, column, needed)) for column in columns[1:]):
            continue
        stamp = table.field(row, columns[0], needed)
        if days is not None and isinstance(stamp, str) and CLOCK.fullmatch(stamp):
            stamp = f"{table.field(row, days, needed)} {stamp}"
        found.append(_row(table, row, columns, names, stamp))
    return found


def _row(
    table: Table, row: Row, columns: Sequence[int], names: Sequence[str], stamp: object
) -> tuple[int, int, list[Decimal]]:
    needed = max(columns) + 1
    try:
        at = tables.moment(stamp)
    except ValueError as error:
        raise BadInput(f"{table.at(row.number)}: {tables.shown(stamp)} is {error}.") from None
    prices = [
        _price(table, row, name, table.field(row, column, needed))
        for name, column in zip(names, columns[1:], strict=True)
    ]
    if len(prices) == 4:
        opened, high, low, close = prices
        if not low <= min(opened, close) <= max(opened, close) <= high:
            order = "" if table.header is not None else " (a file without names is read in Binance's order: open time, "
            order += "open, high, low, close)" if order else ""
            raise BadInput(f"{table.at(row.number)}: open and close do not lie between low and high{order}.")
    return row.number, at, prices


def _price(table: Table, row: Row, label: str, field: object) -> Decimal:
    try:
        value = tables.number(field, table.comma)
    except ValueError as error:
        raise BadInput(f"{table.at(row.number)}: {label} {tables.shown(field)} is {error}.") from None
    if not value.is_finite() or not 0 < value < MAX_PRICE:
        raise BadInput(f"{table.at(row.number)}: {label} {tables.shown(field)} is not a price.")
    return value
