"""What one look asks of the contracts, and what the answers have told so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bulkhead.chain.connection import Connection, Market
from bulkhead.chain.contract import Query
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.lens import CHUNK, CellView, VaultView
from bulkhead.chain.vaults_from_logs import Cell, VaultRecord
from bulkhead.keeper.calls import POKE_ROUNDS
from bulkhead.keeper.discovery import Discovery
from bulkhead.keeper.mandates import PAGE
from bulkhead.keeper.node import Head
from bulkhead.keeper.providers import Providers
from bulkhead.keeper.state import Quote
from bulkhead.risk.words import LINEAR, WAD, Units

#: Legs in one call: the Lens assesses a vault up to three times, which for sixteen legs is more than a million of gas.
MOST_LEGS = 200
#: Where OracleAdapter's words of a market tell when its clock was recorded last: the word, and the lowest of 34 bits.
STATE, RECORDED_AT = 3, 108
#: Claims asked about at one look.
MOST_CLAIMS = 100


@dataclass
class QueryBatch:
    """Queries of one post and what each is for."""

    queries: list[Query] = field(default_factory=list)
    names: list[tuple[str, Any]] = field(default_factory=list)

    def add(self, name: str, what: Any, query: Query) -> None:
        """One more."""
        self.names.append((name, what))
        self.queries.append(query)


@dataclass
class Look:
    """What the answers of one look have told so far.

    Attributes:
        vaults: Vaults read.
        unknown: Vaults that could not be read, and their cells.
        cells: Cells read.
        quotes: Of flagged vaults.
        numbers: Single figures, by what they are and what of.
        again: Vaults of a chunk that failed: to be read one by one.
        top_ups: (deposit, tip) of mandates that can be used [native].
        other_cells: Cells as a second node tells them otherwise.
        others: Vaults as a second node tells them otherwise.
        unsure: Queries about tokens of accounts to which a second node has another answer, by their places.
    """

    vaults: dict[int, VaultView] = field(default_factory=dict)
    unknown: dict[int, Cell] = field(default_factory=dict)
    cells: dict[Cell, CellView] = field(default_factory=dict)
    quotes: dict[int, Quote] = field(default_factory=dict)
    numbers: dict[tuple[str, Any], int] = field(default_factory=dict)
    again: list[int] = field(default_factory=list)
    top_ups: dict[int, tuple[int, int]] = field(default_factory=dict)
    other_cells: dict[Cell, CellView] = field(default_factory=dict)
    others: dict[int, VaultView] = field(default_factory=dict)
    unsure: list[int] = field(default_factory=list)


def quote_of(reply: Any) -> Quote:
    """What `Liquidator.quote` says."""
    return Quote(
        reason=reply.reason, fraction=reply.fraction, cash=reply.cash, top_up=reply.top_up,
        bonus_share=reply.bonus_share, equity=reply.equity, margin=reply.mm, elapsed=reply.elapsed, price=reply.price,
    )  # fmt: skip


class LookQueries:
    """Writes the queries of a deployment.

    Attributes:
        chain: The deployment.
        accounts: The keeper's addresses.
        discovery: Knows what the vaults hold.
        markets: What never changes of each market, once `meet_markets` has read it.
        prices: The market whose prices each market goes by.
        recorded: When each of those' clock had been recorded then [unix seconds].
    """

    def __init__(self, chain: Connection, accounts: Sequence[str], discovery: Discovery) -> None:
        self.chain, self.accounts, self.discovery = chain, accounts, discovery
        self.markets: dict[int, Market] = {}
        self.prices: dict[int, int] = {}
        self.recorded: dict[int, int] = {}

    async def meet_markets(self, providers: Providers, block: int) -> None:
        """Reads what never changes of each market.

        Raises:
            BulkheadError: The node failed.
        """
        entries = list(self.chain.deployment.markets.values())
        house, oracle = self.chain["Clearinghouse"], self.chain["OracleAdapter"]
        queries = [house.query("market", e.index) for e in entries]
        queries += [oracle.query("market_words", e.index) for e in entries]
        queries += [oracle.query("price_market", e.index) for e in entries]
        answers = await providers.read_each(queries, block)
        for answer in answers:
            if isinstance(answer, BulkheadError):
                raise answer
        count = len(entries)
        parts = (answers[i : i + count] for i in range(0, 3 * count, count))
        for entry, words, state, priced in zip(entries, *parts, strict=True):
            self.prices[entry.index] = priced
            self.recorded[priced] = state[STATE] >> RECORDED_AT & 2**34 - 1
            self.markets[entry.index] = self.chain.market_of(entry, words)

    def priced(self, cell: Cell) -> Cell:
        """The cell whose clock and expiry price a cell has: its own, or its price market's."""
        return self.prices.get(cell[0], cell[0]), cell[1]

    def units(self, market: int) -> Units:
        """What a market counts in; quote where no file names it: nothing is decided by its numbers then."""
        known = self.markets.get(market)
        return LINEAR if known is None else known.units

    def cells(self, wanted: QueryBatch, cells: Iterable[Cell]) -> None:
        """Prices of cells."""
        for cell in sorted(cells):
            wanted.add("cell", cell, self.chain["Lens"].query("market", *cell))

    def quotes(self, wanted: QueryBatch, vaults: Mapping[int, VaultRecord], ids: Iterable[int], head: Head) -> None:
        """What taking flagged vaults would do."""
        for vault_id in sorted(ids):
            record = vaults.get(vault_id)
            if record is not None and head.timestamp < record.expiry:
                wanted.add("quote", vault_id, self.chain["Liquidator"].query("quote", vault_id, WAD))

    def vaults(self, wanted: QueryBatch, ids: Iterable[int], chunk: int = CHUNK) -> None:
        """States of vaults, so many a call, and so many legs: nodes bound the gas of a call."""
        book, part, legs = self.discovery.book.vaults, list[int](), 0
        for vault_id in sorted(ids):
            more = len(book[vault_id].legs) if vault_id in book else 0
            if part and (len(part) == chunk or legs + more > MOST_LEGS):
                self._vaults(wanted, part)
                part, legs = [], 0
            part.append(vault_id)
            legs += more
        if part:
            self._vaults(wanted, part)

    def _vaults(self, wanted: QueryBatch, ids: list[int]) -> None:
        wanted.add("vaults", tuple(ids), self.chain["Lens"].query("vaults", ids))

    def shortages(self, wanted: QueryBatch, vaults: Mapping[int, VaultRecord], ids: Iterable[int]) -> None:
        """Tokens that vaults of the backstop pools lack."""
        for vault_id in sorted(ids):
            record = vaults.get(vault_id)
            if record is None or not record.legs or record.market not in self.markets:
                continue
            entry = self.chain.deployment.market(record.market)
            if entry.backstop and record.owner.lower() == entry.backstop.lower():
                wanted.add("shortage", vault_id, self.chain.backstop(entry).query("shortage", vault_id))

    def account(self, wanted: QueryBatch) -> None:
        """What the keeper could poke, and what each of its accounts has."""
        spender = self.chain["Clearinghouse"].address
        wanted.add("opened", 0, self.chain["Clearinghouse"].query("next_id"))
        for index in sorted(set(self.prices.values())):
            wanted.add("poke", index, self.chain["OracleAdapter"].query("poke", index, POKE_ROUNDS))
        for index, market in self.markets.items():
            for account in self.accounts:
                wanted.add("wallet", (index, account), market.token.query("balanceOf", account))
                wanted.add("allowance", (index, account), market.token.query("allowance", account, spender))

    def top_ups(self, wanted: QueryBatch, ids: Iterable[int]) -> None:
        """What the mandates of vaults would do now, and what the wallets behind them have."""
        due = sorted(ids)
        top_up = self.chain["AutoTopUp"]
        for i in range(0, len(due), PAGE):
            part = due[i : i + PAGE]
            wanted.add("top-ups", tuple(part), top_up.query("top_ups", part))
        for owner, token in sorted({self.payer(i) for i in due}):
            contract = self.chain.token(token)
            wanted.add("purse", (owner, token), contract.query("balanceOf", owner))
            wanted.add("allowed", (owner, token), contract.query("allowance", owner, top_up.address))

    def payer(self, vault_id: int) -> tuple[str, str]:
        """(owner, token) of an open vault: whose wallet its mandate draws on."""
        record = self.discovery.book.vaults[vault_id]
        return record.owner.lower(), self.markets[record.market].token.address

    def insurance(self, wanted: QueryBatch, uninsured: Iterable[Cell], flagged: Iterable[Cell]) -> None:
        """What cells can still draw from insurance, and what it would hold back for cells with losses."""
        for cell in sorted(uninsured):
            wanted.add("insure", cell, self.chain["Settlement"].query("insure", *cell))
        for cell in sorted(flagged):
            wanted.add("reserve", cell, self.chain["InsuranceFund"].query("reserve", *cell))

    def claims(
        self, wanted: QueryBatch, views: Mapping[Cell, CellView], claims: Mapping[int, Cell], settled: Iterable[Cell]
    ) -> None:
        """What claims would pay, and which cells have dust to sweep."""
        settlement = self.chain["Settlement"]
        ready = {c for c, v in views.items() if v.gross == 0 and v.expiry_price}
        for vault_id in sorted(i for i, cell in claims.items() if cell in ready)[:MOST_CLAIMS]:
            wanted.add("claim", vault_id, settlement.query("claim", vault_id))
        for cell in sorted((set(settled) & ready) - set(claims.values())):
            wanted.add("sweep", cell, settlement.query("sweep", *cell))
