"""The books on disk, in the journal's file: entries and the last holdings, for reports of a keeper that is stopped."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import astuple, dataclass

from bulkhead.keeper.books import Books, Entry

SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    chain TEXT NOT NULL, account TEXT NOT NULL, block INTEGER NOT NULL, position INTEGER NOT NULL,
    place INTEGER NOT NULL, hash TEXT NOT NULL, kind TEXT NOT NULL, market INTEGER NOT NULL, vault INTEGER NOT NULL,
    tokens TEXT NOT NULL, wallet TEXT NOT NULL, gain TEXT NOT NULL, taken INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (chain, account, block, position, place)
);
CREATE TABLE IF NOT EXISTS holdings (
    chain TEXT NOT NULL, account TEXT NOT NULL, market INTEGER NOT NULL, symbol TEXT NOT NULL, native TEXT NOT NULL,
    wallet TEXT NOT NULL, block INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (chain, account, market)
);
CREATE TABLE IF NOT EXISTS positions (
    chain TEXT NOT NULL, account TEXT NOT NULL, vault INTEGER NOT NULL, market INTEGER NOT NULL,
    value TEXT NOT NULL, open INTEGER NOT NULL, PRIMARY KEY (chain, account, vault)
);
"""


@dataclass(frozen=True)
class Holding:
    """What the account had in one market when the journal was last written.

    Attributes:
        market: Its index.
        symbol: Its name.
        native: Wad in one native unit.
        wallet: Tokens of the account [native].
        block: The block.
        at: Its stamp [unix seconds].
    """

    market: int
    symbol: str
    native: int
    wallet: int
    block: int
    at: int


@dataclass(frozen=True)
class Position:
    """What one own vault held then.

    Attributes:
        vault_id: The vault.
        market: Its market.
        value: Of its legs at mark [wad].
        open: It holds legs, or waits for a claim.
    """

    vault_id: int
    market: int
    value: int
    open: bool


class Ledger:
    """Entries and holdings of one account on one chain."""

    def __init__(self, db: sqlite3.Connection, chain: str, account: str, writes: bool = True) -> None:
        self._db, self._who = db, (chain, account)
        if writes:
            db.executescript("BEGIN IMMEDIATE;" + SCHEMA + "COMMIT;")

    def write(self, books: Books, holdings: Iterable[Holding], positions: Iterable[Position]) -> None:
        """Writes what is new, and what is held now.

        Raises:
            sqlite3.Error: Nothing was written.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            if books.undone >= 0:
                self._execute("DELETE FROM entries WHERE chain=? AND account=? AND block>?", books.undone)
            self._db.executemany(
                f"INSERT OR REPLACE INTO entries VALUES ({','.join('?' * 14)})", [self._row(e) for e in books.fresh]
            )
            for name in ("holdings", "positions"):
                self._execute(f"DELETE FROM {name} WHERE chain=? AND account=?")
            self._db.executemany(
                "INSERT INTO holdings VALUES (?,?,?,?,?,?,?,?)",
                [(*self._who, h.market, h.symbol, str(h.native), str(h.wallet), h.block, h.at) for h in holdings],
            )
            self._db.executemany(
                "INSERT INTO positions VALUES (?,?,?,?,?,?)",
                [(*self._who, p.vault_id, p.market, str(p.value), p.open) for p in positions],
            )
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise
        # what has no stamp yet is written again with one
        books.fresh, books.undone = [entry for entry in books.fresh if not entry.at], -1

    def _execute(self, sql: str, *more: object) -> sqlite3.Cursor:
        return self._db.execute(sql, (*self._who, *more))

    def _row(self, entry: Entry) -> tuple[object, ...]:
        block, index, place, transaction, kind, market, vault_id, *amounts, taken_id, at = astuple(entry)
        told = [str(amount) for amount in amounts]
        return (*self._who, block, index, place, transaction, kind, market, vault_id, *told, taken_id, at)

    def entries(self) -> list[Entry]:
        """All entries, in chain order."""
        rows = self._execute(
            "SELECT block, position, place, hash, kind, market, vault, tokens, wallet, gain, taken, at FROM entries "
            "WHERE chain=? AND account=? ORDER BY block, position, place"
        )
        return [Entry(*row[:7], *map(int, row[7:10]), *row[10:]) for row in rows]

    def stamps(self) -> dict[int, int]:
        """When blocks with entries were, as far as it is written down [unix seconds]."""
        return dict(self._execute("SELECT block, at FROM entries WHERE chain=? AND account=? AND at>0").fetchall())

    def holdings(self) -> list[Holding]:
        """What was held in each market when this was last written."""
        rows = self._execute(
            "SELECT market, symbol, native, wallet, block, at FROM holdings WHERE chain=? AND account=? ORDER BY market"
        )
        return [Holding(row[0], row[1], int(row[2]), int(row[3]), row[4], row[5]) for row in rows]

    def positions(self) -> list[Position]:
        """What own vaults held then."""
        rows = self._execute("SELECT vault, market, value, open FROM positions WHERE chain=? AND account=?")
        return [Position(row[0], row[1], int(row[2]), bool(row[3])) for row in rows]
