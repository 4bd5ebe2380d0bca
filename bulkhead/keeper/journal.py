"""The write-ahead journal: every transaction is in SQLite, signed, before any node hears of it.

After a crash the keeper knows from it which nonces it may have used and what for, and sends the same bytes again
rather than a second transaction. A journal belongs to one keeper on one chain, told apart by its first block's hash: an
Anvil that was started anew is another chain. Each row says which of the keeper's accounts it is of.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.keeper.books_store import Ledger

SCHEMA = """
CREATE TABLE IF NOT EXISTS attempts (
    id TEXT PRIMARY KEY, chain TEXT NOT NULL, account TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL,
    receiver TEXT NOT NULL, data BLOB NOT NULL, gas INTEGER NOT NULL, nonce INTEGER NOT NULL, cap TEXT NOT NULL,
    state TEXT NOT NULL, planned_block INTEGER NOT NULL, mined_block INTEGER, gas_used INTEGER, at REAL NOT NULL,
    fields TEXT NOT NULL, value TEXT NOT NULL DEFAULT '0', paid TEXT NOT NULL DEFAULT '0',
    coin_price TEXT NOT NULL DEFAULT '0'
);
CREATE TABLE IF NOT EXISTS sends (
    hash TEXT PRIMARY KEY, attempt TEXT NOT NULL REFERENCES attempts(id), raw BLOB NOT NULL, max_fee TEXT NOT NULL,
    tip TEXT NOT NULL, block INTEGER NOT NULL, at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS attempts_by_state ON attempts(chain, account, state);
CREATE INDEX IF NOT EXISTS sends_by_attempt ON sends(attempt);
"""
#: What a journal of an older keeper lacks: columns of `attempts`.
ADDED = ("value", "paid", "coin_price")
COLUMNS = (
    "id, chain, account, key, name, receiver, data, gas, nonce, cap, state, planned_block, mined_block, gas_used, at, "
    "fields, value, paid, coin_price"
)
#: In flight: signed and perhaps known to a node.
OPEN = "open"
#: Ends: mined well, mined and reverted, replaced by an empty transaction, nonce used by somebody else, never accepted.
MINED, REVERTED, CANCELLED, FOREIGN, REJECTED = "mined", "reverted", "cancelled", "foreign", "rejected"


@dataclass
class Send:
    """One signed version of an attempt."""

    hash: str
    raw: bytes
    max_fee: int
    tip: int
    block: int
    cancels: bool = False


@dataclass
class Attempt:
    """One use of a nonce.

    Attributes:
        id: What all its log lines carry.
        key: What must not be in flight twice.
        name: Contract and function.
        to: Receiver.
        data: Call data.
        gas: Gas limit.
        nonce: The nonce.
        cap: Most to pay per gas [wei].
        account: Whose nonce.
        value: Coins that go along [wei].
        state: One of the words above.
        planned_block: Block of the state it was planned on.
        sends: Signed versions, oldest first.
        accepted: Some node has said that it has it.
        mined_block: Block of its receipt.
        gas_used: Gas of its receipt.
        missing_since: Block at which its nonce was found used without a receipt, 0 for never.
        fields: The action, for the log.
        paid: What its gas has cost [wei].
        coin_price: Quote for a coin when it was mined [wad], 0 when unknown.
        at: When it was first written down [unix seconds].
    """

    id: str
    key: str
    name: str
    to: str
    data: bytes
    gas: int
    nonce: int
    cap: int
    state: str
    planned_block: int
    sends: list[Send] = field(default_factory=list)
    accepted: bool = False
    mined_block: int = 0
    gas_used: int = 0
    missing_since: int = 0
    fields: dict[str, Any] = field(default_factory=dict)
    value: int = 0
    paid: int = 0
    coin_price: int = 0
    at: float = 0.0
    account: str = ""

    @property
    def last(self) -> Send:
        """Its newest version."""
        return self.sends[-1]


class JournalUnavailable(BulkheadError):
    """The journal cannot be written: what is not in it must not be sent."""


class Journal:
    """Attempts of one account on one chain. Every method that writes returns after the data is on disk.

    The file is locked while it is open: two keepers with one account would take each other's nonces.
    """

    def __init__(self, path: Path | str, chain: str, account: str) -> None:
        """Opens the file, and makes it when there is none.

        Raises:
            BadInput: It cannot be opened, or another keeper has it open.
        """
        try:
            if path != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA busy_timeout=1000")
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript("BEGIN IMMEDIATE;" + SCHEMA + "COMMIT;")
            there = [row[1] for row in self._db.execute("PRAGMA table_info(attempts)")]
            for column in ADDED:
                if column not in there:
                    self._db.execute(f"ALTER TABLE attempts ADD COLUMN {column} TEXT NOT NULL DEFAULT '0'")
            self.ledger = Ledger(self._db, chain, account)
        except (sqlite3.Error, OSError) as error:
            raise BadInput(_cure(path, error)) from None
        self.chain, self.account = chain, account

    def beside(self, account: str) -> Journal:
        """The rows of another account of the same keeper, in the same file under the same lock."""
        return self._over(self._db, self.chain, account)

    @classmethod
    def _over(cls, db: sqlite3.Connection, chain: str, account: str, writes: bool = True) -> Journal:
        """The rows of an account in a file that is open already."""
        journal = cls.__new__(cls)
        journal._db, journal.chain, journal.account = db, chain, account
        journal.ledger = Ledger(db, chain, account, writes=writes)
        return journal

    def accounts_in_flight(self) -> list[str]:
        """Accounts of this chain that have something in flight by this file."""
        rows = self._db.execute(
            "SELECT DISTINCT account FROM attempts WHERE chain = ? AND state = ? ORDER BY account", (self.chain, OPEN)
        )
        return [str(row[0]) for row in rows]

    @classmethod
    def reading(cls, path: Path | str) -> list[Journal]:
        """The accounts in a journal that no keeper has open, to be read only: those of the chain used last.

        Raises:
            BadInput: There is no such file, a keeper has it open, or it is no journal.
        """
        found: list[Journal] = []
        try:
            if not Path(path).is_file():
                raise BadInput(f"There is no journal {path}.")
            db = sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True)
            rows = db.execute("SELECT chain, account FROM holdings ORDER BY at DESC").fetchall()
            for chain, account in dict.fromkeys(rows):
                if chain == rows[0][0]:
                    found.append(cls._over(db, chain, account, writes=False))
        except sqlite3.Error as error:
            if "locked" in str(error):
                raise BadInput(f"A keeper has the journal {path} open: ask the keeper itself, with --at.") from None
            raise BadInput(f"{path} is no journal with books ({error}).") from None
        return found

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def write(self, attempts: Iterable[Attempt]) -> None:
        """Writes attempts with all their versions, in one transaction.

        Raises:
            JournalUnavailable: They are not on disk.
        """
        now = time.time()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for a in attempts:
                self._db.execute(
                    f"INSERT INTO attempts ({COLUMNS}) VALUES ({','.join('?' * 19)}) ON CONFLICT(id) DO UPDATE SET "
                    "state=excluded.state, mined_block=excluded.mined_block, gas_used=excluded.gas_used, "
                    "paid=excluded.paid, coin_price=excluded.coin_price",
                    (
                        a.id, self.chain, self.account, a.key, a.name, a.to, a.data, a.gas, a.nonce, str(a.cap),
                        a.state, a.planned_block, a.mined_block, a.gas_used, now, json.dumps(a.fields, default=str),
                        str(a.value), str(a.paid), str(a.coin_price),
                    ),
                )  # fmt: skip
                self._db.executemany(
                    "INSERT OR IGNORE INTO sends VALUES (?,?,?,?,?,?,?)",
                    [(s.hash, a.id, s.raw, str(s.max_fee), str(s.tip), s.block, now) for s in a.sends],
                )
            self._db.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise JournalUnavailable(f"The journal cannot be written ({error}).") from None
            raise

    def open(self) -> list[Attempt]:
        """Attempts that may still be in flight, by nonce."""
        return self._read("state = ?", OPEN)

    def all(self) -> list[Attempt]:
        """Every attempt, by nonce."""
        return self._read("1 = ?", 1)

    def _read(self, condition: str, value: object) -> list[Attempt]:
        rows = self._db.execute(
            "SELECT id, key, name, receiver, data, gas, nonce, cap, state, planned_block, mined_block, gas_used, "
            "fields, value, paid, coin_price, at FROM attempts "
            f"WHERE chain = ? AND account = ? AND {condition} ORDER BY nonce, at",
            (self.chain, self.account, value),
        ).fetchall()
        found: list[Attempt] = []
        for row in rows:
            sends = self._db.execute(
                "SELECT hash, raw, max_fee, tip, block FROM sends WHERE attempt = ? ORDER BY at, rowid", (row[0],)
            ).fetchall()
            found.append(
                Attempt(
                    id=row[0], key=row[1], name=row[2], to=row[3], data=row[4], gas=row[5], nonce=row[6],
                    cap=int(row[7]), state=row[8], planned_block=row[9], mined_block=row[10] or 0,
                    gas_used=row[11] or 0, fields=json.loads(row[12]), value=int(row[13]),
                    paid=int(row[14]), coin_price=int(row[15]), at=row[16], account=self.account,
                    # an empty transaction is one without the attempt's data
                    sends=[Send(h, raw, int(fee), int(tip), at, row[4] not in raw) for h, raw, fee, tip, at in sends],
                )
            )  # fmt: skip
        return found


def _cure(path: Path | str, error: Exception) -> str:
    """What is wrong with a journal that cannot be opened, and what to do."""
    words = str(error).lower()
    if "malformed" in words or "not a database" in words or "corrupt" in words:
        return (
            f"The journal {path} is damaged ({error}): move it away. The keeper then starts anew from the chain, "
            "and what is still in flight under its old nonces it replaces or lets pass, never sends twice."
        )
    if "readonly" in words or "read-only" in words or isinstance(error, PermissionError):
        return f"The journal {path} cannot be written ({error}): give its folder to the keeper's user."
    if "full" in words or "no space" in words:
        return f"The journal {path} cannot be written ({error}): make room on its disk."
    return f"The journal {path} cannot be opened ({error}): is it another keeper's? Each keeper wants its own."
