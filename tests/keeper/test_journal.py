"""The journal, and the signature of what it holds."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from eth_utils import to_checksum_address

from bulkhead.chain import anvil
from bulkhead.chain.sender import account_from_key
from bulkhead.keeper.journal import MINED, OPEN, SCHEMA, Attempt, Journal, Send
from bulkhead.keeper.signing import Signer


def attempt(nonce: int = 3, **changed) -> Attempt:
    made = Attempt(f"id{nonce}", f"flag:{nonce}", "Liquidator.flag", "0x" + "11" * 20, b"\x01", 100_000, nonce,
                   2**90, OPEN, 7, fields={"vault_id": nonce})  # fmt: skip
    made.sends.append(Send(f"0x{nonce:064x}", b"raw", 2**70, 5, 7))
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def test_journal__written__is_read_back_by_the_next_process(tmp_path):
    path = tmp_path / "deep" / "journal.sqlite"
    with Journal(path, "chain", "me") as first:
        one, two = attempt(), attempt(4)
        first.write([one, two])
        two.state, two.mined_block = MINED, 9
        one.sends.append(Send("0xbb", b"more", 2**71, 6, 8))
        first.write([one, two])
    with Journal(path, "chain", "me") as second:
        (found,) = second.open()
        assert (found.nonce, found.cap, found.fields) == (3, 2**90, {"vault_id": 3})
        assert [(s.raw, s.max_fee) for s in found.sends] == [(b"raw", 2**70), (b"more", 2**71)]
        assert [a.state for a in second.all()] == [OPEN, MINED]


def test_journal__other_chain_or_account__sees_nothing(tmp_path):
    path = tmp_path / "journal.sqlite"
    with Journal(path, "chain", "me") as mine:
        mine.write([attempt()])
    for chain, account in (("chain", "you"), ("anew", "me")):
        with Journal(path, chain, account) as other:
            assert other.open() == []


def test_sign__any_transaction__is_what_eth_account_makes():
    account = account_from_key(anvil.key(4))
    signer = Signer(account, 31337)
    for nonce, data, fee in ((0, b"", 1), (300, b"\x00\x01" * 40, 2**60), (2**40, b"\xff", 10**12)):
        raw, name = signer.sign("0x" + "0a" * 20, data, nonce, 90_000, fee, fee // 2)
        wanted = account.sign_transaction(
            {"type": 2, "chainId": 31337, "nonce": nonce, "gas": 90_000, "maxFeePerGas": fee, "value": 0, "data": data,
             "maxPriorityFeePerGas": fee // 2, "to": to_checksum_address("0x" + "0a" * 20)}
        )  # fmt: skip
        assert raw == bytes(wanted.raw_transaction) and name == "0x" + bytes(wanted.hash).hex()


def test_open__journal_of_an_older_keeper__gets_what_it_lacks(tmp_path):
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(SCHEMA.replace(", value TEXT NOT NULL DEFAULT '0'", ""))
    old_and_new = [attempt(3), attempt(4, value=10**18)]
    with Journal(path, "chain", "me") as journal:
        journal.write(old_and_new)
    with Journal(path, "chain", "me") as journal:
        assert [found.value for found in journal.open()] == [0, 10**18]
