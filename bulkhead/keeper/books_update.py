"""Keeps the books: writes what is new into the journal, and tells of profit."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.rpc import to_hex, to_int
from bulkhead.keeper.books import Books
from bulkhead.keeper.books_store import Holding, Position
from bulkhead.keeper.journal import Journal
from bulkhead.keeper.node import Head
from bulkhead.keeper.observe import Observer
from bulkhead.keeper.outcomes import Report
from bulkhead.keeper.report import Account, merged, report_of, results
from bulkhead.keeper.state import KeeperState
from bulkhead.keeper.telemetry import Metrics
from bulkhead.risk.words import WAD

#: Holdings are written so often where nothing happens [seconds of the chain], and blocks are asked for their stamps in
#: posts of so many.
EVERY_SECONDS, STAMPS = 60, 50


@dataclass
class Page:
    """What one of the keeper's accounts has.

    Attributes:
        books: Its movements.
        journal: Its rows of the journal.
        holdings: What it has in each market, as last seen.
        positions: What its vaults hold.
    """

    books: Books
    journal: Journal
    holdings: list[Holding] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)

    def see(self, state: KeeperState, symbols: Mapping[int, str]) -> None:
        """Takes in what a look has found, as this account sees it."""
        self.holdings = [
            Holding(i, symbols[i], view.native, view.wallet, state.block, state.now)
            for i, view in sorted(state.markets.items())
        ]
        self.positions = [
            Position(v.vault_id, v.market, v.value if v.legs else 0, bool(v.legs or v.claim or v.debt))
            for v in state.vaults.values()
            if state.own(v)
        ]

    @property
    def is_due(self) -> bool:
        """Something is not in the journal yet."""
        return bool(self.books.fresh) or self.books.undone >= 0

    def write(self) -> None:
        """Writes what is new.

        Raises:
            sqlite3.Error: Nothing was written.
        """
        self.journal.ledger.write(self.books, self.holdings, self.positions)

    def account(self, attempts: bool = True) -> Account:
        """What a report is made of."""
        return Account(self.books.entries, self.holdings, self.positions, self.journal.all() if attempts else [])


class Bookkeeper:
    """Books of one keeper, all of its accounts.

    Attributes:
        pages: Those of each account, in their order.
        states: The last look, as each of them sees it.
    """

    def __init__(self, observer: Observer, journals: Sequence[Journal], metrics: Metrics, log: Report) -> None:
        self.observer, self.metrics, self.log = observer, metrics, log
        self.pages = [Page(books, journal) for books, journal in zip(observer.discovery.books, journals, strict=True)]
        self.states: list[KeeperState] = []
        self._written_at = 0
        self._told = ""

    @property
    def state(self) -> KeeperState | None:
        """The last look, as the first account sees it."""
        return self.states[0] if self.states else None

    @property
    def positions(self) -> list[Position]:
        """What the vaults of all accounts hold."""
        return [position for page in self.pages for position in page.positions]

    def see(self, states: Sequence[KeeperState]) -> None:
        """Takes in what a look has found."""
        self.states = list(states)
        symbols = {i: market.symbol for i, market in self.observer.queries.markets.items()}
        for page, state in zip(self.pages, states, strict=True):
            page.see(state, symbols)

    async def keep(self, head: Head) -> None:
        """Writes what is new; a journal that cannot be written is told of and tried again.

        Raises:
            BulkheadError: The nodes failed.
        """
        if not any(page.is_due for page in self.pages) and head.timestamp - self._written_at < EVERY_SECONDS:
            return
        try:
            for page in self.pages:
                if not self._written_at:
                    page.books.stamped(page.journal.ledger.stamps())
                await self._stamp(page.books)
                page.write()
        except sqlite3.Error as error:
            if str(error) != self._told:
                self.log("books-failed", reason=str(error))
            self._told = str(error)
            return
        self._written_at, self._told = head.timestamp, ""
        for symbol, result in results(self.account(attempts=False)).items():
            for part in ("realised", "marked", "tips"):
                self.metrics.profit.labels(symbol, part).set(getattr(result, part) / WAD)
            self.metrics.takes.labels(symbol).set(result.takes)
            self.metrics.bonus.labels(symbol).set(result.bonus / WAD)
            self.metrics.capital.labels(symbol).set(result.brought / WAD)

    async def _stamp(self, books: Books) -> None:
        blocks = books.unstamped()[:STAMPS]
        if not blocks:
            return
        answers = await self.observer.providers.read([("eth_getBlockByNumber", (to_hex(b), False)) for b in blocks])
        found = {b: a for b, a in zip(blocks, answers, strict=True) if isinstance(a, dict) and "timestamp" in a}
        for answer in answers:
            if isinstance(answer, BulkheadError):
                raise answer
        books.stamped({b: to_int(a["timestamp"]) for b, a in found.items()})

    def account(self, attempts: bool = True) -> Account:
        """What a report is made of."""
        return merged([page.account(attempts) for page in self.pages])

    def report(self) -> dict[str, Any]:
        """The report as of the last look."""
        return report_of(self.account())
