"""Logs as rows: what strangers can put into a log fits into the columns, or an index would stand still for good."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import BigInteger, Integer, create_engine, insert, select

from bulkhead.chain import abi
from bulkhead.chain.abi.codec import Record
from bulkhead.history import tables
from bulkhead.history.rows import NO_VAULT, READERS


def filled(kind: dict[str, Any], largest: bool) -> Any:
    """The largest or the least value of a type of an ABI, two of each list."""
    name = kind["type"]
    if name.endswith("[]"):
        return [filled({**kind, "type": name[:-2]}, largest)] * 2
    if name == "tuple":
        return Record({one["name"]: filled(one, largest) for one in kind["components"]})
    if name.startswith("uint"):
        return 2 ** int(name[4:]) - 1 if largest else 0
    if name.startswith("int"):
        return 2 ** (int(name[3:]) - 1) - 1 if largest else -(2 ** (int(name[3:]) - 1))
    if name.startswith("bytes"):
        return b"\xff" * 32
    return {"address": "0x" + "ff" * 20, "bool": largest}[name]


@pytest.mark.parametrize("largest", [True, False])
def test_quote__whatever_a_stranger_posts__fits_into_its_row(largest):
    event = next(e for e in abi.load("QuoteBoard").entries if e["type"] == "event" and e["name"] == "QuotePosted")
    table, reader = READERS["QuoteBoard", "QuotePosted"]
    row = reader(Record({one["name"]: filled(one, largest) for one in event["inputs"]}))
    for name, value in row.items():
        if isinstance(table.c[name].type, (BigInteger, Integer)):
            assert -(2**63) <= value < 2**63, name
    engine = create_engine("sqlite://")
    tables.metadata.create_all(engine)
    with engine.begin() as connection:
        place = {"deployment": 1, "block": 1, "log_index": 1, "at": 1, "tx": "0x" + "0" * 64}
        connection.execute(insert(table), [{**place, **row}])
        (found,) = connection.execute(select(table))
    assert (
        found.maker_vault == (NO_VAULT if largest else 0) and found.order["maker_vault"] == row["order"]["maker_vault"]
    )
