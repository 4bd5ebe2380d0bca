"""Files into tables: what is inside decides, not the ending of the name."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from bulkhead.chain.errors import BadInput
from bulkhead.chain.files import read_bytes
from bulkhead.tables.fields import Comma, is_decimal_comma, is_number
from bulkhead.tables.table import Row, Table, key

#: Most bytes that a packed file may hold.
MOST_BYTES = 2**30
#: How lines on top begin that belong to no table.
ADDRESSES = ("http://", "https://", "www.", "#")
#: What spreadsheets write on top for one another: the delimiter of the file.
_SEPARATOR = re.compile(r"sep=(.)\s*", re.IGNORECASE)
#: How files begin that hold no table or a packed one, and what to do about it.
OTHERS = (
    (b"BZh", "packed with bzip2: unpack it first"),
    (b"\xfd7zXZ", "packed with xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd: unpack it first"),
    (b"7z\xbc\xaf", "packed with 7-Zip: unpack it first"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet of Excel: save it as csv"),
    (b"ARROW1", "an Arrow file: save it as parquet"),
    (b"SQLite format 3", "a database of SQLite: export its table as csv"),
    (b"%PDF", "a PDF, and no table"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself: `git lfs pull` fetches it"),
)
#: Files of a zip that say something about the table in it.
NOTES = (".checksum", ".md5", ".sha256", ".sha1")
#: The comma last: it may stand in numbers where another delimiter is used.
DELIMITERS = (";", "\t", "|", ",")


def read(path: Path | str) -> Table:
    """The table of a file: csv, gzip or zip of one, parquet, or JSON.

    Raises:
        BadInput: A sentence that names the file and, where there is one, the line.
    """
    file = Path(path)
    return parse(read_bytes(file), file.name)


def parse(raw: bytes, name: str) -> Table:
    """`read` of a file's bytes; `name` is what errors call it."""
    raw = _unpacked(raw, name)
    if raw[:4] == b"PAR1":
        return _parquet(raw, name)
    said = next((words for beginning, words in OTHERS if raw.startswith(beginning)), None)
    if said is not None:
        raise BadInput(f"{name} is {said}.")
    if raw[257:262] == b"ustar":
        raise BadInput(f"{name} is a tar archive: unpack it first.")
    text = _text(raw, name)
    if not text.strip():
        raise BadInput(f"{name} is empty.")
    if text.lstrip()[:200].lower().startswith(("<!doctype", "<html", "<?xml")):
        raise BadInput(f"{name} is a page of the web, and no table.")
    return _json(text, name) if text.lstrip()[:1] in ("[", "{") else _csv(text, name)


def _unpacked(raw: bytes, name: str) -> bytes:
    # a zip may hold a csv.gz
    for _ in range(2):
        if raw[:2] == b"\x1f\x8b":
            raw = _gunzipped(raw, name)
        elif raw[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
            raw = _unzipped(raw, name)
    return raw


def _gunzipped(raw: bytes, name: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as stream:
            found = stream.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{name} is a broken gzip file: {error}.") from error
    if len(found) > MOST_BYTES:
        raise BadInput(f"{name} unpacks to more than {MOST_BYTES >> 20} MB.")
    return found


def _unzipped(raw: bytes, name: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            if "[Content_Types].xml" in archive.namelist():
                raise BadInput(f"{name} is a spreadsheet of Excel: save it as csv.")
            members = [
                m
                for m in archive.infolist()
                if not (m.is_dir() or m.filename.startswith("__MACOSX") or m.filename.lower().endswith(NOTES))
            ]
            if len(members) != 1:
                held = ", ".join(m.filename for m in members[:4]) or "nothing"
                raise BadInput(f"{name} holds {len(members)} files where one table is needed ({held}).")
            if members[0].file_size > MOST_BYTES:
                raise BadInput(f"{name} unpacks to more than {MOST_BYTES >> 20} MB.")
            return archive.read(members[0])
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, zlib.error) as error:
        raise BadInput(f"{name} is a zip file that cannot be unpacked: {error}.") from error


def _text(raw: bytes, name: str) -> str:
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        kind = "UTF-16" if encoding == "utf-16" else "UTF-8"
        raise BadInput(f"{name} is not a text file: byte {error.start} is not {kind}.") from error
    if "\0" in text:
        raise BadInput(f"{name} is not a text file: it holds a zero byte.")
    # DOS ended texts with a sign of their own
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\x1a")


def _parquet(raw: bytes, name: str) -> Table:
    try:
        import pandas as pd
    except ImportError:
        raise BadInput(f"Reading {name} needs pandas and pyarrow: install bulkhead[data].") from None
    try:
        frame = pd.read_parquet(io.BytesIO(raw))
    except ImportError:
        raise BadInput(f"Reading {name} needs pyarrow: install bulkhead[data].") from None
    except (ValueError, OSError, KeyError) as error:
        raise BadInput(f"{name} is a broken parquet file: {str(error).splitlines()[0]}.") from error
    if frame.index.name is not None or isinstance(frame.index, pd.DatetimeIndex):
        frame = frame.reset_index(names=frame.index.name or "time")
    columns = [frame[name].tolist() for name in frame.columns]
    rows = [Row(number, fields) for number, fields in enumerate(zip(*columns, strict=True), 1)]
    return Table(name, tuple(key(column) for column in frame.columns), rows, unit="row")


def _csv(text: str, name: str) -> Table:
    delimiter, text = _delimiter(text)
    found = [Row(number, row) for number, row in _rows(text, name, delimiter) if any(f.strip() for f in row)]
    # some publishers put their address on top
    while found and found[0].fields[0].strip().lower().startswith(ADDRESSES):
        found = found[1:]
    if not found:
        raise BadInput(f"{name} is empty.")
    comma = Comma.THOUSANDS
    if delimiter == ";":
        proven = any(is_decimal_comma(field.strip()) for row in found for field in row.fields)
        comma = Comma.DECIMAL if proven else Comma.UNCLEAR
    return _table(name, found, "line", comma)


def _delimiter(text: str) -> tuple[str, str]:
    """What stands most often in the first line that is not an address, or is said on top; and the text below that.

    The line is left empty: lines keep their numbers.
    """
    top, _, below = text.partition("\n")
    said = _SEPARATOR.fullmatch(top)
    if said is not None:
        return said[1], "\n" + below
    lines = (line for line in text.split("\n") if line.strip() and not line.lower().startswith(ADDRESSES))
    first = next(lines, "")
    return (max(DELIMITERS, key=first.count) if any(d in first for d in DELIMITERS) else ","), text


def _rows(text: str, name: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise BadInput(f"{name}, line {reader.line_num}: {error}.") from error


def _table(name: str, rows: Sequence[Row], unit: str, comma: Comma = Comma.THOUSANDS) -> Table:
    """Rows whose first may be the names of the columns: then none of its fields is a number.

    Files put together from several repeat the names.
    """
    first = rows[0]
    if any(is_number(field) for field in first.fields):
        return Table(name, None, rows, unit, first.number, comma)
    below = [row for row in rows[1:] if row.fields != first.fields]
    return Table(name, tuple(key(field) for field in first.fields), below, unit, first.number, comma)


# --- JSON as the interfaces of exchanges return it ------------------------------------------------------------------


def _json(text: str, name: str) -> Table:
    try:
        found = json.loads(text, parse_float=Decimal, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        found = _json_lines(text)
        if found is None:
            raise BadInput(f"{name}, line {error.lineno}: not JSON: {error.msg}.") from error
    except RecursionError:
        raise BadInput(f"{name} is JSON of too many levels for a table.") from None
    found = _inner(found, name)
    if isinstance(found, dict):
        found = _only_rows(found)
    if isinstance(found, dict):
        lists = {n: column for n, column in found.items() if isinstance(column, list)}
        found = _transposed(lists, name) if lists else [found]
    if not found:
        raise BadInput(f"{name} holds no entries.")
    entries = [_inner(entry, name) if isinstance(entry, dict) else entry for entry in found]
    if all(isinstance(entry, list) and entry for entry in entries):
        return _table(name, [Row(i, entry) for i, entry in enumerate(entries, 1)], "entry")
    if not all(isinstance(entry, dict) for entry in entries):
        raise BadInput(f"{name} is JSON, but no list of rows.")
    names = list(dict.fromkeys(n for entry in entries for n in entry))
    rows = [Row(i, [entry.get(n) for n in names]) for i, entry in enumerate(entries, 1)]
    return Table(name, tuple(key(n) for n in names), rows, "entry")


def _json_lines(text: str) -> list[Any] | None:
    lines = [line for line in text.split("\n") if line.strip()]
    try:
        return [json.loads(line, parse_float=Decimal) for line in lines] if len(lines) > 1 else None
    except json.JSONDecodeError:
        return None


def _inner(found: Any, name: str) -> Any:
    """What an answer of an exchange carries."""
    while isinstance(found, dict):
        error = found.get("error")
        if error:
            said = error.get("message", error) if isinstance(error, dict) else error
            raise BadInput(f"{name} is an answer that says an error: {said}.")
        if "msg" in found and str(found.get("code", "0")) != "0":
            raise BadInput(f"{name} is an answer that says an error: {found['msg']}.")
        inside = next((found[n] for n in ("result", "data", "Data") if isinstance(found.get(n), list | dict)), None)
        if inside is None:
            break
        found = inside
    return found


def _only_rows(found: dict[str, Any]) -> Any:
    """The one list of rows that an object holds beside other things, under whatever name; else the object."""
    lists = [value for value in found.values() if isinstance(value, list)]
    is_rows = len(lists) == 1 and bool(lists[0]) and all(isinstance(row, list | dict) for row in lists[0])
    return lists[0] if is_rows else found


def _transposed(columns: dict[str, list[Any]], name: str) -> list[dict[str, Any]]:
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1:
        raise BadInput(f"{name} holds columns of different lengths: {', '.join(columns)}.")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
