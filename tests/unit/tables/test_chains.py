"""Option chains as exchanges and people write them: every shape is the same chain, and what is none is a sentence."""

from __future__ import annotations

import gzip
import json
import math
from datetime import UTC, datetime

import pandas as pd
import pytest

from bulkhead.chain.errors import BadInput
from bulkhead.vol import options

MADE_AT = 1_768_377_600
EXPIRIES = [MADE_AT + days * 86_400 for days in (9, 16, 44)]
QUOTES = [
    (at, strike, round(0.6 + 0.4 * math.log(strike / 3200) ** 2 - 0.1 * math.log(strike / 3200), 6))
    for at in EXPIRIES
    for strike in range(2000, 5001, 250)
]


def deribit_day(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%-d%b%y}".upper()


def text(at=str, iv=str, when=str, separator=",", point=".") -> str:
    """The chain as csv, with expiries, vols and stamps as functions write them."""
    lines = [separator.join(("currency", "expiry_datetime", "strike", "futures_price", "mark_iv", "snap_ts"))]
    for expiry, strike, vol in QUOTES:
        fields = ("ETH", at(expiry), f"{strike}", "3200.5".replace(".", point), iv(vol), when(MADE_AT))
        lines.append(separator.join(fields))
    return "\n".join(lines) + "\n"


def book_summary() -> str:
    """As Deribit's public/get_book_summary_by_currency answers, a future among the options."""
    rows = [
        {
            "instrument_name": f"ETH-{deribit_day(at)}-{strike}-{kind}",
            "base_currency": "ETH",
            "underlying_price": 3200.5,
            "mark_iv": round(vol * 100, 4),
            "bid_price": None,
            "creation_timestamp": MADE_AT * 1000 - 10 * number,
        }
        for number, (at, strike, vol) in enumerate(QUOTES)
        for kind in "CP"
    ]
    rows.append({"instrument_name": "ETH-PERPETUAL", "base_currency": "ETH", "mark_price": 1, "creation_timestamp": 1})
    return json.dumps({"jsonrpc": "2.0", "result": rows, "usIn": 1, "testnet": False})


def tickers() -> str:
    """Answers of Deribit's public/ticker, a line for each."""
    return "\n".join(
        json.dumps(
            {
                "result": {
                    "instrument_name": f"ETH-{deribit_day(at)}-{strike}-C",
                    "timestamp": MADE_AT * 1000,
                    "underlying_price": 3200.5,
                    "mark_iv": round(vol * 100, 4),
                    "greeks": {"delta": 0.5},
                }
            }
        )
        for at, strike, vol in QUOTES
    )


def tardis() -> str:
    """As Tardis sells it: times and expiries in microseconds, vols in percent."""
    names = "exchange,symbol,timestamp,local_timestamp,type,strike_price,expiration,bid_iv,mark_iv,underlying_price\n"
    return names + "\n".join(
        f"deribit,ETH-{deribit_day(at)}-{strike}-C,{MADE_AT}000000,1,call,{strike},{at}000000,,{vol * 100:.4f},3200.5"
        for at, strike, vol in QUOTES
    )


def okx() -> str:
    """As OKX's opt-summary answers."""
    rows = [
        {
            "instId": f"ETH-USD-{datetime.fromtimestamp(at, UTC):%y%m%d}-{strike}-C",
            "uly": "ETH-USD", "markVol": str(vol), "fwdPx": "3200.5", "ts": str(MADE_AT * 1000),
        }
        for at, strike, vol in QUOTES
    ]  # fmt: skip
    return json.dumps({"code": "0", "msg": "", "data": rows})


def text_of_binance() -> str:
    """Binance's symbols, with a forward and a time beside them: its own answers have neither."""
    return "symbol,markIV,forward,time\n" + "\n".join(
        f"ETH-{datetime.fromtimestamp(at, UTC):%y%m%d}-{strike}-C,{vol},3200.5,{MADE_AT}" for at, strike, vol in QUOTES
    )


def day(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


SHAPES = {
    "numbers": text(),
    "milliseconds": text(at=lambda t: str(t * 1000), when=lambda t: str(t * 1000)),
    "nanoseconds": text(when=lambda t: str(t * 10**9)),
    "ISO": text(at=lambda t: f"{datetime.fromtimestamp(t, UTC).isoformat()}"),
    "date-only expiries": text(at=day),
    "Deribit's days": text(at=deribit_day),
    "percent": text(iv=lambda v: f"{v * 100:.4f}"),
    "percent signs": text(iv=lambda v: f"{v * 100:.4f}%"),
    "semicolons and decimal commas": text(iv=lambda v: str(v).replace(".", ","), separator=";", point=","),
    "byte order mark, CRLF, an address": "\ufeffhttps://www.deribit.com\r\n" + text().replace("\n", "\r\n"),
    "book summary of Deribit's interface": book_summary(),
    "tickers of Deribit's interface": tickers(),
    "Deribit's linear options": book_summary().replace('"ETH-', '"ETH_USDC-'),
    "Tardis": tardis(),
    "OKX's interface": okx(),
    "Binance's names": text_of_binance(),
    "thousands in quotes": text().replace(",3200.5,", ',"3,200.5",'),
    "sep= of a spreadsheet": "sep=;\n" + text(separator=";"),
    "vols that could be thousands, among decimal commas": text(
        iv=lambda v: f"{v * 100:.4f}".rstrip("0").replace(".", ","), separator=";", point=","
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("packed", [False, True])
def test_read__every_shape__is_the_same_chain(tmp_path, shape, packed):
    file, held = tmp_path / "chain", SHAPES[shape].encode()
    file.write_bytes(gzip.compress(held) if packed else held)
    (chain,) = options.read(file, "ETH")
    assert chain.made_at == MADE_AT and [e.at for e in chain.expiries] == EXPIRIES
    for expiry in chain.expiries:
        wanted = [vol for at, _, vol in QUOTES if at == expiry.at]
        assert expiry.forward == 3200.5 and expiry.iv == pytest.approx(wanted, abs=1e-6)
    assert options.read(file, "BTC") == []


def test_read__parquet_of_times__is_the_same_chain(tmp_path):
    frame = pd.DataFrame(QUOTES, columns=["expiry_datetime", "strike", "mark_iv"])
    frame["expiry_datetime"] = pd.to_datetime(frame.expiry_datetime, unit="s", utc=True)
    frame["snap_ts"] = pd.Timestamp(MADE_AT, unit="s", tz="UTC")
    frame["currency"], frame["futures_price"] = pd.Categorical(["ETH"] * len(frame)), 3200.5
    frame.to_parquet(tmp_path / "chain.parquet")
    (chain,) = options.read(tmp_path / "chain.parquet", "ETH")
    assert chain.made_at == MADE_AT and [e.at for e in chain.expiries] == EXPIRIES


def test_read__two_moments__are_two_chains(tmp_path):
    later = text(when=lambda t: str(t + 30)).split("\n", 1)[1]
    (tmp_path / "two.csv").write_text(text() + later)
    assert [chain.made_at for chain in options.read(tmp_path / "two.csv", "ETH")] == [MADE_AT, MADE_AT + 30]


def test_read__rows_without_a_vol__are_left_out(tmp_path):
    (tmp_path / "holes.csv").write_text(text().replace(str(QUOTES[3][2]), "-"))
    (chain,) = options.read(tmp_path / "holes.csv", "ETH")
    assert [len(expiry.k) for expiry in chain.expiries] == [12, 12, 12]


PERCENT, SHARES = (
    "is a share, but most vols of the file are percent",
    "is percent, but most vols of the file are shares",
)


@pytest.mark.parametrize(
    ("most", "odd", "said"),
    [
        (100, "{0:.4f}", PERCENT),
        (100, "{1:.4f}%", PERCENT),
        (100, "3", PERCENT),
        (1, "{1:.4f}", SHARES),
        (1, "999", SHARES),
    ],
)
@pytest.mark.parametrize("row", [0, 7, len(QUOTES) - 1])
def test_read__percent_and_shares_in_one_file__are_refused_with_the_line(tmp_path, most, odd, said, row):
    """Read with one unit, half of the file would be a hundredth or the hundredfold, and left out without a word."""
    vols = [f"{vol * most:.4f}" for _, _, vol in QUOTES]
    vols[row] = odd.format(QUOTES[row][2], QUOTES[row][2] * 100)
    given = iter(vols)
    (tmp_path / "mixed.csv").write_text(text(iv=lambda _: next(given)))
    with pytest.raises(BadInput) as error:
        options.read(tmp_path / "mixed.csv", "ETH")
    assert said in str(error.value) and f"mixed.csv, line {row + 2}: mark_iv" in str(error.value)


@pytest.mark.parametrize("unit", [1, 100])
def test_read__vols_of_a_crash__are_of_one_unit(tmp_path, unit):
    """5.5 is 550 % among shares and 5.5 % nowhere; both files are what they say."""
    wild = {QUOTES[0][2]: 5.5}
    (tmp_path / "wild.csv").write_text(text(iv=lambda v: f"{wild.get(v, v) * unit:.6f}"))
    (chain,) = options.read(tmp_path / "wild.csv", "ETH")
    assert max(max(expiry.iv) for expiry in chain.expiries) == pytest.approx(5.5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("2000", "two thousand"), "line 2: strike 'two thousand' is not a number"),
        ((str(EXPIRIES[0]), "never"), "line 2: expiry_datetime 'never' is not a time"),
        ((str(EXPIRIES[0]), ""), "line 2: expiry_datetime '' is missing"),
        (("mark_iv", "vola"), "it has no column mark_iv"),
        ((f"{MADE_AT}\n", "\n"), "line 2: snap_ts '' is missing"),
        (("0.6", "0.6.1"), "is not a number"),
    ],
)
def test_read__what_is_no_chain__is_one_sentence(tmp_path, change, said):
    (tmp_path / "bad.csv").write_text(text().replace(*change, 1))
    with pytest.raises(BadInput) as error:
        options.read(tmp_path / "bad.csv", "ETH")
    assert said in str(error.value) and "bad.csv" in str(error.value)
