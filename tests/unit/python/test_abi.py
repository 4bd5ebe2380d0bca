"""Shipped ABIs are those of the sources, and the codec reads what eth_abi writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkhead.chain import abi
from bulkhead.chain.abi.__main__ import drifted
from bulkhead.chain.abi.codec import Misfit, read_all, reader_of
from bulkhead.chain.errors import AbiMismatch, BadInput

ROOT = Path(__file__).resolve().parents[3]

STRUCT = {
    "type": "tuple",
    "name": "state",
    "components": [
        {"name": "owner", "type": "address"},
        {"name": "flag", "type": "bool"},
        {"name": "numbers", "type": "int256[]"},
        {"name": "pair", "type": "uint64[2]"},
        {"name": "text", "type": "string"},
    ],
}


def test_shipped_abis__are_what_the_sources_give():
    assert drifted(ROOT, ROOT / "bulkhead" / "chain" / "abi") == [], "run python -m bulkhead.chain.abi"


def test_load__unknown_contract__says_so():
    with pytest.raises(AbiMismatch, match="no ABI of a contract named Nothing"):
        abi.load("Nothing")


def test_digest__order_of_entries__does_not_count():
    entries = list(abi.load("Lens").entries)
    assert abi.digest(entries) == abi.digest(entries[::-1])
    assert abi.digest(entries) != abi.digest(entries[1:])


def test_encode__wrong_count_or_type__is_a_sentence():
    function = abi.load("Clearinghouse").function("deposit")
    with pytest.raises(BadInput, match="deposit takes 3 arguments, not 1"):
        function.encode([1])
    with pytest.raises(BadInput, match="arguments of deposit do not fit"):
        function.encode([1, "0x" + "11" * 20, "many"])


@st.composite
def states(draw):
    return (
        "0x" + draw(st.binary(min_size=20, max_size=20)).hex(),
        draw(st.booleans()),
        draw(st.lists(st.integers(-(2**255), 2**255 - 1), max_size=5)),
        draw(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=2)),
        draw(st.text(max_size=40)),
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(states(), max_size=3), st.binary(max_size=70), st.integers(0, 255))
def test_codec__reads_what_eth_abi_writes(items, blob, small):
    kinds = ["(address,bool,int256[],uint64[2],string)[]", "bytes", "uint8"]
    data = encode(kinds, [items, blob, small])
    readers = [reader_of({**STRUCT, "type": "tuple[]"}), reader_of({"type": "bytes"}), reader_of({"type": "uint8"})]
    found, bytes_back, small_back = read_all(readers, data)
    assert bytes_back == blob and small_back == small and len(found) == len(items)
    for record, item in zip(found, items, strict=True):
        assert record.owner.lower() == item[0] and record["flag"] == item[1]
        assert [record.numbers, record.pair, record.text] == [item[2], item[3], item[4]]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("uint8", (256).to_bytes(32, "big")),
        ("bool", (2).to_bytes(32, "big")),
        ("address", (2**160).to_bytes(32, "big")),
        ("int64", (2**63).to_bytes(32, "big")),
        ("bytes4", b"\xff" * 32),
        ("uint256", b"\0" * 31),
        ("bytes", (32).to_bytes(32, "big") + (100).to_bytes(32, "big")),
        ("uint256[]", (32).to_bytes(32, "big") + (2**200).to_bytes(32, "big")),
    ],
)
def test_codec__data_of_another_type__is_refused(kind, data):
    with pytest.raises(Misfit):
        read_all([reader_of({"type": kind})], data)


def test_decode__answer_of_another_contract__is_an_abi_mismatch():
    with pytest.raises(AbiMismatch, match="next_id"):
        abi.load("Clearinghouse").function("next_id").decode(b"")
