"""Price bars out of CSV files, with a sentence and a line number for everything that is wrong with one.

Two shapes are read, plain or gzipped: columns by name (`ts`, `open`, `high`, `low`, `close`, where the last four may
carry an asset's prefix such as `eth_`), or no header and the order of Binance klines (open time, open, high, low,
close, ...).
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from bulkhead.chain.errors import BadInput

#: Decimals of a price, those of a Chainlink USD feed.
PRICE_DECIMALS = 8
TIME_NAMES = ("ts", "timestamp", "time", "date", "datetime", "open_time")
PRICE_NAMES = ("open", "high", "low", "close")
MAX_PRICE = Decimal(10) ** 9


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


def read_bars(path: Path | str, asset: str | None = None, prefer: str = "") -> list[Bar]:
    """Bars of a file, oldest first.

    Args:
        path: A `.csv` or `.csv.gz` file.
        asset: Prefix of the price columns; needed when a file has several.
        prefer: Prefix to take when a file has several and none is named.

    Raises:
        BadInput: A sentence that names the file and the line.
    """
    file = Path(path)
    return parse_bars(_text(file), file.name, asset, prefer)


def parse_bars(text: str, name: str, asset: str | None = None, prefer: str = "") -> list[Bar]:
    """`read_bars` on a text; `name` is what errors call it."""
    rows = [(number, row) for number, row in _rows(text, name) if any(field.strip() for field in row)]
    if not rows:
        raise BadInput(f"{name} is empty.")
    columns: tuple[int, ...]
    number, head = rows[0]
    if _is_number(head[0].strip()):
        if len(head) < 5:
            raise BadInput(
                f"{name}, line {number}: {len(head)} columns and no header; Binance order needs open time, open, "
                "high, low, close."
            )
        columns = (0, 1, 2, 3, 4)
    else:
        columns = _columns(name, number, [field.strip().lower() for field in head], asset, prefer)
        rows = rows[1:]
    stamps: list[int] = []
    prices: list[tuple[int, int, int, int]] = []
    for number, row in rows:
        at, bar = _row(name, number, row, columns)
        if stamps and at <= stamps[-1]:
            raise BadInput(f"{name}, line {number}: the time does not lie after that of the line before.")
        stamps.append(at)
        prices.append(bar)
    if len(stamps) < 2:
        raise BadInput(f"{name} has {len(stamps)} bars; at least two are needed.")
    # the usual distance of two bars is the length of all: a hole in the data is not a long bar
    seconds = Counter(b - a for a, b in zip(stamps, stamps[1:], strict=False)).most_common(1)[0][0]
    return [Bar(at, seconds, *bar) for at, bar in zip(stamps, prices, strict=True)]


def _text(file: Path) -> str:
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"There is no file {file}.") from None
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.") from error
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise BadInput(f"{file.name} is a broken gzip file: {error}.") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{file.name} is not a text file: byte {error.start} is not UTF-8.") from error


def _rows(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text))
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise BadInput(f"{name}, line {reader.line_num}: {error}.") from error


def _is_number(field: str) -> bool:
    try:
        return Decimal(field).is_finite()
    except InvalidOperation:
        return False


def _columns(name: str, number: int, head: Sequence[str], asset: str | None, prefer: str) -> tuple[int, ...]:
    times = [n for n in TIME_NAMES if n in head]
    if not times:
        raise BadInput(f"{name}, line {number}: no time column (one of {', '.join(TIME_NAMES)}).")
    prefixes = [h.removesuffix("_open") for h in head if h.endswith("_open")]
    if asset is not None:
        prefix = f"{asset.lower()}_"
        if not any(h.startswith(prefix) for h in head):
            known = ", ".join(prefixes) or "none"
            raise BadInput(f"{name}, line {number}: no columns of asset '{asset}' (assets in the file: {known}).")
    elif "open" in head or not prefixes:
        prefix = ""
    elif len(prefixes) == 1:
        prefix = f"{prefixes[0]}_"
    elif prefer.lower() in prefixes:
        prefix = f"{prefer.lower()}_"
    else:
        raise BadInput(f"{name} holds several assets ({', '.join(prefixes)}); choose one with --asset.")
    missing = [prefix + n for n in PRICE_NAMES if prefix + n not in head]
    if missing:
        raise BadInput(f"{name}, line {number}: column {', '.join(missing)} is missing.")
    return (head.index(times[0]), *(head.index(prefix + n) for n in PRICE_NAMES))


def _row(name: str, number: int, row: Sequence[str], columns: Sequence[int]) -> tuple[int, tuple[int, int, int, int]]:
    if len(row) <= max(columns):
        raise BadInput(f"{name}, line {number}: {len(row)} columns where at least {max(columns) + 1} are needed.")
    at = _stamp(name, number, row[columns[0]].strip())
    opened, high, low, close = (
        _price(name, number, label, row[column].strip()) for label, column in zip(PRICE_NAMES, columns[1:], strict=True)
    )
    if not low <= min(opened, close) <= max(opened, close) <= high:
        raise BadInput(f"{name}, line {number}: open and close do not lie between low and high.")
    return at, (opened, high, low, close)


def _stamp(name: str, number: int, field: str) -> int:
    if _is_number(field):
        value = int(Decimal(field))
        # seconds, milliseconds or microseconds, told apart by size
        for scale in (1, 10**3, 10**6):
            if 10**8 <= value // scale < 10**10:
                return value // scale
        raise BadInput(f"{name}, line {number}: {field!r} is not a time in seconds, milliseconds or microseconds.")
    try:
        moment = datetime.fromisoformat(field)
    except ValueError:
        raise BadInput(f"{name}, line {number}: {field!r} is not a time.") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _price(name: str, number: int, label: str, field: str) -> int:
    try:
        value = Decimal(field)
    except InvalidOperation:
        raise BadInput(f"{name}, line {number}: {label} {field!r} is not a number.") from None
    if not value.is_finite() or not 0 < value < MAX_PRICE:
        raise BadInput(f"{name}, line {number}: {label} {field!r} is not a price.")
    return int(value.scaleb(PRICE_DECIMALS))
