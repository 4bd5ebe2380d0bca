"""CSV files: both shapes are read, every mistake is a sentence with its line."""

from __future__ import annotations

import gzip

import pytest

from bulkhead.chain.errors import BadInput
from bulkhead.replay.price_paths.bars import Bar, parse_bars, read_bars
from tests.worlds import market_data

HEAD = "ts,open,high,low,close\n"
GOOD = HEAD + "2020-03-12T00:00:00Z,194.6,195,190,191\n2020-03-12T00:05:00Z,191,192,188.25,189\n"
DATA = market_data.FOLDER


def test_parse__columns_by_name__gives_bars():
    first, second = parse_bars(GOOD, "x.csv")
    assert first == Bar(1583971200, 300, 19_460_000_000, 19_500_000_000, 19_000_000_000, 19_100_000_000)
    assert second.at == 1583971500 and second.low == 18_825_000_000


def test_parse__names_in_any_order_and_case__gives_the_same():
    text = "Close,volume,TS,Low,High,Open\n191,7,1583971200,190,195,194.6\n189,9,1583971500,188.25,192,191\n"
    assert parse_bars(text, "x.csv") == parse_bars(GOOD, "x.csv")


@pytest.mark.parametrize("scale", [1, 1000, 1_000_000])
def test_parse__binance_order__takes_any_unit_of_time(scale):
    text = f"{1583971200 * scale},194.6,195,190,191,12.5\n{1583971500 * scale},191,192,188.25,189,1\n"
    assert parse_bars(text, "x.csv") == parse_bars(GOOD, "x.csv")


def test_parse__prefixed_columns__need_an_asset_when_there_are_two():
    text = "ts,eth_open,eth_high,eth_low,eth_close,btc_open,btc_high,btc_low,btc_close\n1583971200,1,1,1,1,2,2,2,2\n"
    text += "1583971500,1,1,1,1,2,2,2,2\n"
    assert parse_bars(text, "x.csv", "btc")[0].open == 2 * 10**8
    with pytest.raises(BadInput, match=r"several assets \(eth, btc\); choose one with --asset"):
        parse_bars(text, "x.csv")
    assert parse_bars(text, "x.csv", prefer="BTC") == parse_bars(text, "x.csv", "btc")
    with pytest.raises(BadInput, match="no columns of asset 'doge'"):
        parse_bars(text, "x.csv", "doge")


def test_parse__first_column_without_a_name__is_the_time_unless_another_is():
    unnamed = GOOD.replace("ts,", ",", 1)
    assert parse_bars(unnamed, "x.csv") == parse_bars(GOOD, "x.csv")
    rows = [f"{i},{row}" for i, row in enumerate(GOOD.splitlines())]
    numbered = "\n".join([f",{HEAD.strip()}", *rows[1:]]) + "\n"
    assert parse_bars(numbered, "x.csv") == parse_bars(GOOD, "x.csv")


def test_parse__hole_in_the_data__does_not_make_a_long_bar():
    text = GOOD + "2020-03-12T06:00:00Z,189,189,189,189\n2020-03-12T06:05:00Z,189,189,189,189\n"
    assert {bar.seconds for bar in parse_bars(text, "x.csv")} == {300}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.csv is empty"),
        (HEAD, "0 bars; at least two"),
        ("time,open,high,close\n1,1,1,1\n", "line 1: column low is missing"),
        ("open,high,low,close\n1,1,1,1\n", "line 1: no time column"),
        ("1583971200,1,1\n", "line 1: 3 columns and no header"),
        (GOOD + "2020-03-12T00:10:00Z,189,190\n", "line 4: 3 columns where at least 5"),
        (GOOD + "2020-03-12T00:10:00Z,abc,190,188,189\n", "line 4: open 'abc' is not a number"),
        (GOOD + "2020-03-12T00:10:00Z,189,190,-1,189\n", "line 4: low '-1' is not a price"),
        (GOOD + "2020-03-12T00:10:00Z,189,190,188,nan\n", "line 4: close 'nan' is not a price"),
        (GOOD + "2020-03-12T00:10:00Z,199,190,188,189\n", "line 4: open and close do not lie between low and high"),
        (GOOD + "yesterday,189,190,188,189\n", "line 4: 'yesterday' is not a time"),
        (GOOD + "17,189,190,188,189\n", "line 4: '17' is not a time in seconds"),
        (GOOD + "2020-03-12T00:05:00Z,189,190,188,189\n", "line 4: the time does not lie after"),
        (GOOD + '\n\n2020-03-12T00:10:00Z,"1,190,188,189\n', "line 6"),
    ],
)
def test_parse__malformed__is_a_sentence_with_its_line(text, message):
    with pytest.raises(BadInput, match=message.replace("(", r"\(")):
        parse_bars(text, "x.csv")


def test_read__gzip_and_plain__are_the_same(tmp_path):
    plain, packed = tmp_path / "a.csv", tmp_path / "a.csv.gz"
    plain.write_text(GOOD)
    packed.write_bytes(gzip.compress(GOOD.encode()))
    assert read_bars(plain) == read_bars(packed)


def test_read__unreadable_files__are_sentences(tmp_path):
    broken, binary = tmp_path / "b.csv.gz", tmp_path / "c.csv"
    broken.write_bytes(gzip.compress(GOOD.encode())[:-12])
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="There is no file"):
        read_bars(tmp_path / "none.csv")
    with pytest.raises(BadInput, match="broken gzip"):
        read_bars(broken)
    with pytest.raises(BadInput, match="not a text file"):
        read_bars(binary)
    with pytest.raises(BadInput, match="cannot be read"):
        read_bars(tmp_path)


@pytest.mark.skipif(not (DATA / "crash").is_dir(), reason="the market data folder is absent (BULKHEAD_DATA)")
def test_read__every_crash_file__is_good():
    files = sorted((DATA / "crash").glob("*.csv.gz"))
    assert len(files) == 6
    for file in files:
        assert len(read_bars(file, "eth")) == len(read_bars(file, "btc")) > 1000
