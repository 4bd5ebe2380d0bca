"""Header hashes, against the first block of Ethereum and the blocks of an Anvil."""

from __future__ import annotations

import pytest

from bulkhead.chain.anvil import Anvil
from bulkhead.chain.header_hash import FIRST, hash_of, shape

#: Ethereum's first block, as every node of that chain tells it.
EMPTY = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
GENESIS = {
    "hash": "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
    "parentHash": "0x" + "00" * 32,
    "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
    "miner": "0x" + "00" * 20,
    "stateRoot": "0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544",
    "transactionsRoot": EMPTY,
    "receiptsRoot": EMPTY,
    "logsBloom": "0x" + "00" * 256,
    "difficulty": "0x400000000",
    "number": "0x0",
    "gasLimit": "0x1388",
    "gasUsed": "0x0",
    "timestamp": "0x0",
    "extraData": "0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa",
    "mixHash": "0x" + "00" * 32,
    "nonce": "0x0000000000000042",
    "totalDifficulty": "0x400000000",
    "size": "0x21c",
    "transactions": [],
    "uncles": [],
}


@pytest.fixture(scope="module")
def told():
    """A block with a transaction, as an Anvil tells it."""
    with Anvil() as chain:
        one, other = chain.rpc.call("eth_accounts")[:2]
        chain.rpc.call("eth_sendTransaction", {"from": one, "to": other, "value": "0x1"})
        return chain.rpc.block()


def test_hash__first_block_of_ethereum__is_its_hash():
    assert shape(GENESIS) == FIRST
    assert hash_of(GENESIS) == GENESIS["hash"]


def test_hash__block_with_the_fields_of_later_forks__is_its_hash(told):
    assert "requestsHash" in shape(told) and told["transactions"]
    assert hash_of(told) == told["hash"]


@pytest.mark.parametrize("field", ["timestamp", "number", "baseFeePerGas", "gasLimit", "blobGasUsed"])
def test_hash__another_number_in_a_field__is_another(told, field):
    assert hash_of({**told, field: hex(int(told[field], 16) + 1)}) not in ("", told["hash"])


@pytest.mark.parametrize("field", ["parentHash", "stateRoot", "requestsHash"])
def test_hash__another_root__is_another(told, field):
    assert hash_of({**told, field: "0x" + "11" * 32}) not in ("", told["hash"])


@pytest.mark.parametrize(
    "change",
    [
        {"slotNumber": "0x1"},
        {"l1BlockNumber": "0x1"},
        {"baseFeePerGas": None},
        {"stateRoot": None},
        {"timestamp": "soon"},
        {"extraData": "0x1"},
        {"nonce": 7},
    ],
    ids=str,
)
def test_hash__fields_that_are_not_known_left_out_or_no_values__is_not_judged(told, change):
    assert hash_of({**told, **change}) == ""
