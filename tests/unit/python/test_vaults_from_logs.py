"""Vaults out of logs: tokens that come in behind the last `VaultUpdated` of a transaction are told by others."""

from __future__ import annotations

from typing import Any

import pytest

from bulkhead.chain.abi.codec import Record
from bulkhead.chain.contract import Log
from bulkhead.chain.vaults_from_logs import Book, vault_of
from bulkhead.keeper.logs import vaults_of

OPENED = {"vault_id": 7, "owner": "0x" + "11" * 20, "market": 1, "model": 0, "custody": "0x" + "22" * 20}
DEPOSITED = {"vault_id": 7, "balance": 100}


def log(contract: str, event: str, values: dict[str, Any], block: int = 1) -> Log:
    return Log(contract, event, Record(values), block, 0, "")


def book() -> Book:
    made = Book()
    made.apply([log("Clearinghouse", "VaultOpened", OPENED), log("Clearinghouse", "Deposited", DEPOSITED)])
    return made


@pytest.mark.parametrize(
    ("told", "more"),
    [
        (log("Liquidator", "VaultTaken", {"vault_id": 3, "into_id": 7, "top_up": 21}, 2), 21),
        (log("Liquidator", "VaultTaken", {"vault_id": 7, "into_id": 9, "top_up": 0}, 2), 0),
        (log("Settlement", "ClaimPaid", {"vault_id": 7, "amount": 5, "final": False}, 2), 5),
        # the end of a claim is told by `VaultUpdated` too
        (log("Settlement", "ClaimPaid", {"vault_id": 7, "amount": 5, "final": True}, 2), 0),
    ],
)
def test_apply__tokens_behind_the_last_update__are_counted_once(told: Log, more: int) -> None:
    made = book()
    touched = made.apply([told])
    assert made.vaults[7].balance == 100 + more
    assert (7 in touched) is bool(more) and vault_of(told) == (7 if more else None)
    # what a block touches is what is put back when the block is dropped
    assert vaults_of([told]) == touched
    assert made.vaults[7].updated_block == (2 if more else 1)


def test_apply__an_unknown_vault__is_left_out() -> None:
    made = book()
    made.apply([log("Liquidator", "VaultTaken", {"vault_id": 3, "into_id": 8, "top_up": 21}, 2)])
    assert set(made.vaults) == {7}
