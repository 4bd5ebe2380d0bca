"""Tables as people have them: every shape gives the same rows, and what is none is a sentence with its line."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from datetime import UTC, datetime

import pandas as pd
import pytest

from bulkhead import tables
from bulkhead.chain.errors import BadInput
from bulkhead.replay.price_paths.bars import parse_bars, read_bars, read_prices
from bulkhead.replay.price_paths.history import read_history

START = 1_584_000_000
ROWS = [(START + 3600 * i, 180 + i % 5, 186, 178, 181 + i % 3) for i in range(48)]
LINES = "\n".join(f"{t},{o},{h},{low},{c}" for t, o, h, low, c in ROWS)
NAMES = "ts,open,high,low,close\n"
BY_NAME = NAMES.strip().split(",")
BARS = parse_bars(NAMES + LINES, "plain.csv")


def zipped(**files: str | bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return held.getvalue()


def parquet(**options) -> bytes:
    frame = pd.DataFrame(ROWS, columns=["ts", "open", "high", "low", "close"]).astype(
        dict.fromkeys(("open", "high", "low", "close"), float)
    )
    frame["ts"] = pd.to_datetime(frame.ts, unit="s", utc=True)
    held = io.BytesIO()
    (frame.set_index("ts") if options.get("index") else frame).to_parquet(held)
    return held.getvalue()


def columns() -> dict:
    return {
        "jsonrpc": "2.0",
        "result": {
            "ticks": [r[0] * 1000 for r in ROWS],
            "status": "ok",
            **{n: [r[i] for r in ROWS] for i, n in enumerate(("open", "high", "low", "close"), 1)},
        },
    }


def by_day(form: str) -> str:
    """The rows with times as `strftime` writes them."""
    return "\n".join(f"{datetime.fromtimestamp(t, UTC):{form}}{o},{h},{low},{c}" for t, o, h, low, c in ROWS)


KLINES = [[t * 1000, str(o), str(h), str(low), str(c), "1.0", t * 1000 + 3_599_999] for t, o, h, low, c in ROWS]
SHAPES = {
    "names": NAMES + LINES,
    "no names": LINES,
    "byte order mark and CRLF": ("\ufeff" + NAMES + LINES).replace("\n", "\r\n"),
    "CR alone": (NAMES + LINES).replace("\n", "\r"),
    "UTF-16 of a spreadsheet": (NAMES + LINES).encode("utf-16"),
    "semicolons": (NAMES + LINES).replace(",", ";"),
    "tabs": (NAMES + LINES).replace(",", "\t"),
    "semicolons and decimal commas": NAMES.replace(",", ";")
    + "\n".join(f"{t};{o},0;{h},0;{low},00;{c},0" for t, o, h, low, c in ROWS),
    "semicolons, thousands with points": NAMES.replace(",", ";")
    + "\n".join(f"{t};0.{o},0;0.{h},00;0.{low},0;0.{c},000" for t, o, h, low, c in ROWS),
    "sep= of a spreadsheet": "sep=;\r\n" + (NAMES + LINES).replace(",", ";").replace("\n", "\r\n"),
    "every field in quotes": "\n".join(
        ",".join(f'"{field}"' for field in line.split(",")) for line in (NAMES + LINES).split("\n")
    ),
    "a delimiter too many": (NAMES + LINES).replace("\n", ",\n") + ",",
    "spaces after commas": (NAMES + LINES).replace(",", ", "),
    "an address on top": "https://www.CryptoDataDownload.com\n" + NAMES + LINES,
    "newest first": NAMES + "\n".join(LINES.split("\n")[::-1]),
    "open time, as Binance says": "Open time,Open,High,Low,Close\n" + LINES,
    "Unix beside a date": "Unix,Date,Open,High,Low,Close\n"
    + "\n".join(line.replace(",", ",x,", 1) for line in LINES.split("\n")),
    "days and hours apart": "date,time,open,high,low,close\n" + by_day("%Y-%m-%d,%H:%M,"),
    "MetaTrader": "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>\n" + by_day("%Y.%m.%d,%H:%M:%S,"),
    "PostgreSQL's times": "time,open,high,low,close\n" + by_day("%Y-%m-%d %H:%M:%S+00,"),
    "CoinMarketCap": "timeOpen;timestamp;open;high;low;close\n"
    + by_day("%Y-%m-%dT%H:%M:%S.000Z,%Y-%m-%dT%H:59:59.999Z,").replace(",", ";"),
    "CryptoDataDownload, seconds and milliseconds": "Unix Timestamp,Date,Symbol,Open,High,Low,Close\n"
    + "\n".join(f"{t * (1 if i < 9 else 1000)},x,ETH,{o},{h},{low},{c}" for i, (t, o, h, low, c) in enumerate(ROWS)),
    "Kraken's csv": LINES.replace("\n", ",12.5,33\n") + ",1,1",
    "microseconds of Binance's archive": "\n".join(f"{t}000000,{o}.0,{h},{low},{c},1" for t, o, h, low, c in ROWS),
    "an index without a name": ",open,high,low,close\n" + by_day("%Y-%m-%d %H:%M:%S,"),
    "a hole": NAMES + LINES + f"\n{ROWS[-1][0] + 3600},null,null,,NaN\n",
    "names again in the middle": NAMES + LINES[: LINES.index("\n")] + "\n" + NAMES + LINES[LINES.index("\n") + 1 :],
    "the sign at the end of DOS": NAMES + LINES + "\r\n\x1a",
    "gzip in two parts": gzip.compress((NAMES + LINES[:200]).encode()) + gzip.compress(LINES[200:].encode()),
    "zip of a gzip, with its checksum": zipped(
        **{"data/x.csv.gz": gzip.compress(LINES.encode()), "data/x.csv.gz.CHECKSUM": "0a", "__MACOSX/x": "x"}
    ),
    "gzip": gzip.compress((NAMES + LINES).encode()),
    "zip": zipped(**{"ETHUSDT-1h.csv": LINES}),
    "parquet": parquet(),
    "parquet with times as index": parquet(index=True),
    "klines of Binance's interface": json.dumps(KLINES),
    "chart data of Deribit's interface": json.dumps(columns()),
    "Kraken's interface": json.dumps({"error": [], "result": {"XETHZUSD": [[*row, 1] for row in ROWS], "last": 7}}),
    "Bybit's interface": json.dumps({"retCode": 0, "result": {"symbol": "ETH", "list": KLINES[::-1]}, "time": 1}),
    "OKX's interface": json.dumps({"code": "0", "msg": "", "data": KLINES[::-1]}),
    "CryptoCompare's interface": json.dumps(
        {"Response": "Success", "Data": {"TimeTo": 1, "Data": [dict(zip(BY_NAME, row, strict=True)) for row in ROWS]}}
    ),
    "pandas, split": pd.DataFrame(ROWS, columns=BY_NAME).to_json(orient="split"),
    "list of objects": json.dumps([dict(zip(NAMES.strip().split(","), r, strict=True)) for r in ROWS]),
    "a line of JSON for each": "\n".join(json.dumps(dict(zip(NAMES.strip().split(","), r, strict=True))) for r in ROWS),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_read_bars__every_shape__gives_the_same_bars(tmp_path, shape):
    file, held = tmp_path / "prices.data", SHAPES[shape]
    file.write_bytes(held if isinstance(held, bytes) else held.encode())
    assert read_bars(file) == BARS
    history = read_history(file)
    assert list(history.at) == [r[0] for r in ROWS] and list(history.close) == [r[4] for r in ROWS]


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
@pytest.mark.parametrize("packed", [False, True])
def test_read_history__integer_stamps__same_in_csv_and_parquet(tmp_path, unit, packed):
    frame = pd.DataFrame([(t * unit, float(c)) for t, *_, c in ROWS], columns=["ts", "close"])
    file = tmp_path / "h"
    frame.to_parquet(file) if packed else frame.to_csv(file, index=False)
    assert list(read_history(file).at) == [r[0] for r in ROWS]


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (b"", "is empty"),
        (b"https://example.org\n", "is empty"),
        (zipped(**{"a.csv": LINES, "b.csv": LINES}), "holds 2 files where one table is needed"),
        (zipped(), "holds 0 files"),
        (zipped(**{"a.csv": LINES})[:-30], "a zip file that cannot be unpacked"),
        (gzip.compress(LINES.encode())[:-20], "a broken gzip file"),
        (parquet()[:-40], "a broken parquet file"),
        (b"PAR1", "a broken parquet file"),
        ((NAMES + LINES.replace("186", "186,9,9", 1)).encode(), "line 2: 7 columns where the first has 5"),
        ((NAMES + LINES.replace(",186", "", 1)).encode(), "line 2: 4 columns where at least 5 are needed"),
        (f"{LINES}\n{START * 1000},2".encode(), "line 49: 2 columns where at least 5"),
        ((LINES + ",9").encode(), "line 48: 6 columns where the first has 5"),
        (json.dumps([[r[0], r[1], r[4], r[2], r[3]] for r in ROWS]).encode(), "is read in Binance's order"),
        (b"<!DOCTYPE html><html>404</html>", "is a page of the web"),
        (zipped(**{"[Content_Types].xml": "", "xl/workbook.xml": ""}), "a spreadsheet of Excel: save it as csv"),
        (bz2.compress(LINES.encode()), "packed with bzip2: unpack it first"),
        (lzma.compress(LINES.encode()), "packed with xz: unpack it first"),
        (b"\0" * 257 + b"ustar", "a tar archive: unpack it first"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "a pointer of Git LFS"),
        ((NAMES + LINES).encode("utf-16-le"), "is not a text file"),
        ((NAMES + LINES + "\nTotal,1,2,3,4\n").encode(), "line 50: 'Total' is not a time"),
        ((NAMES + "x" * 100 + ",1,1,1,1\n").encode(), "line 2: 'xxxxx"),
        ((NAMES + '"' + LINES).encode(), "1 columns where at least 5"),
        (b'{"code": "50011", "msg": "Too Many Requests"}', "says an error: Too Many Requests"),
        (b"a\0b", "not a text file"),
        (b"[1, 2", "line 1: not JSON"),
        (b"[]", "holds no entries"),
        (b"[1, 2]", "no list of rows"),
        (b'{"a": [1], "b": [1, 2]}', "columns of different lengths: a, b"),
        (b'{"code": -1121, "msg": "Invalid symbol."}', "says an error: Invalid symbol"),
        (b'{"jsonrpc": "2.0", "error": {"code": 13, "message": "not_found"}}', "says an error: not_found"),
        ((NAMES.replace(",", ";") + f"{START};1,234;2;1;1\n").encode(), "line 2: open '1,234' is a number that can be"),
        ((NAMES.replace(",", ";") + f"{START};1.234;2;1,5;1\n").encode(), "line 2: open '1.234' is a number that can"),
        (b"[[1584000000000, 1, 1, 1, 1], [1584003600000, 1, 1, null, 1]]", "entry 2: low 'None' is not a number"),
    ],
    # what is packed holds the time it was packed at
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_read_bars__what_is_no_table__is_one_sentence(tmp_path, held, said):
    file = tmp_path / "prices.data"
    file.write_bytes(held)
    with pytest.raises(BadInput) as error:
        read_bars(file)
    assert said in str(error.value) and "prices.data" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(("price", "scale"), [("180", 1), ("0.02", 1), ("0.000009", 1000), ("1e-10", 10**9)])
def test_read_prices__cheap_coin__is_told_in_bundles(tmp_path, price, scale):
    file = tmp_path / "coin.csv"
    file.write_text("\n".join(f"{(START + 3600 * i) * 1000},{price},{price},{price},{price}" for i in range(3)))
    found = read_prices(file)
    assert found.scale % scale == 0 and found.scale >= scale
    assert found.bars[0].close >= 10**6
    assert ("each of" in found.source("COIN")) == (scale > 1)


@pytest.mark.parametrize(
    ("given", "at"),
    [
        (1_774_598_400, 1_774_598_400),
        ("1774598400000", 1_774_598_400),
        (1_774_598_400_000_000, 1_774_598_400),
        (1.7745984e18, 1_774_598_400),
        ("2026-03-27T08:00:00Z", 1_774_598_400),
        ("2026-03-27 08:00:00 UTC", 1_774_598_400),
        ("2026-03-27 10:00:00+02:00", 1_774_598_400),
        (pd.Timestamp("2026-03-27 08:00"), 1_774_598_400),
        ("27MAR26", 1_774_598_400),
        ("2026-03-27", 1_774_598_400),
        ("20260327", 1_774_598_400),
        (20260327, 1_774_598_400),
    ],
)
def test_moment__every_way_to_write_it__is_the_same(given, at):
    assert tables.moment(given, 8) == at


@pytest.mark.parametrize("given", ["", "x", "17", None, pd.NaT, "31FEB26", "27XXX26", True, "20261399", 1e300])
def test_moment__none__is_refused(given):
    with pytest.raises(ValueError, match="not a time"):
        tables.moment(given)


@pytest.mark.parametrize(
    ("given", "value"), [("1,234.5", 1234.5), ("45.2%", 0.452), (" 7 ", 7), ("1e-10", 1e-10), ("1,234,567", 1234567)]
)
def test_number__ways_to_write_it__are_read(given, value):
    assert float(tables.number(given)) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("given", ["1,5", "1,23,4", "", "one", "1_000", None, True])
def test_number__none__is_refused(given):
    with pytest.raises(ValueError, match="not a number"):
        tables.number(given)
