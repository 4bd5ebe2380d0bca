"""One look at the market: logs, prices and the account in one post, then the vaults near their edge in another.

Unknown is never healthy: a vault that must be confirmed and cannot be read stays in the set until it can.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bulkhead.chain.book import Cell
from bulkhead.chain.connection import Connection, Market
from bulkhead.chain.contract import Query
from bulkhead.chain.errors import BulkheadError, NodeUnavailable, Reverted, UnknownVault
from bulkhead.chain.lens import CHUNK, MARGIN_CALL, CellView, VaultView, cell_view, vault_view
from bulkhead.chain.words import TokenWord
from bulkhead.keeper.calls import POKE_ROUNDS
from bulkhead.keeper.follow import Follower
from bulkhead.keeper.index import Index
from bulkhead.keeper.plan import ROLES, KeeperState, MarketView, Quote
from bulkhead.keeper.proofs import Prover
from bulkhead.keeper.providers import Head, Providers, decode
from bulkhead.keeper.sender import Outcome, Sender
from bulkhead.risk.words import WAD

#: Every vault is read again on chain within this time, at most so many at one look.
RECONCILE_SECONDS = 60
MOST_RECONCILED = 400
#: Claims asked about at one look.
MOST_CLAIMS = 100


@dataclass
class Wanted:
    """Queries of one post and what each is for."""

    queries: list[Query] = field(default_factory=list)
    names: list[tuple[str, Any]] = field(default_factory=list)

    def add(self, name: str, what: Any, query: Query) -> None:
        """One more."""
        self.names.append((name, what))
        self.queries.append(query)


@dataclass
class Look:
    """What the answers of one look have told so far."""

    vaults: dict[int, VaultView] = field(default_factory=dict)
    unknown: dict[int, Cell] = field(default_factory=dict)
    cells: dict[Cell, CellView] = field(default_factory=dict)
    quotes: dict[int, Quote] = field(default_factory=dict)
    numbers: dict[tuple[str, Any], int] = field(default_factory=dict)
    again: list[int] = field(default_factory=list)


class Observer:
    """Keeps book, index and account up to date.

    Attributes:
        follower: Book of vaults by the logs.
        index: Which of them may be near their edge.
        problems: What could not be read in the last look.
        outcomes: Transactions that ended in the last look.
        calls_seen: Vaults in a margin call, as last confirmed on chain.
        checked_at: When each vault was last read on chain [unix seconds of the chain].
    """

    def __init__(
        self, chain: Connection, providers: Providers, sender: Sender, roles: frozenset[str] = frozenset(ROLES)
    ) -> None:
        self.chain = chain
        self.providers = providers
        self.sender = sender
        # a flagged vault is read again at every block only for those who act on it
        self._quoting = bool(roles & {"take", "absorb", "wind_down"})
        self._minding = self._quoting or bool(roles & {"clear", "refresh"})
        self.follower = Follower(chain, providers)
        self.index = Index()
        self.prover = Prover(chain, providers)
        self.problems: list[str] = []
        self.outcomes: list[Outcome] = []
        self.calls_seen: dict[int, VaultView] = {}
        self.checked_at: dict[int, int] = {}
        self.mismatches = 0
        self._markets: dict[int, Market] = {}
        self._watch: set[int] = set()
        self._suspects: set[int] = set()
        self._flagged: set[int] = set()
        # the keeper's own vaults and those of the pools it minds
        self._own: set[int] = set()
        self._pools = {m.backstop.lower() for m in chain.deployment.markets.values() if m.backstop}
        self._debts: set[int] = set()
        self._live_cells: dict[Cell, int] = {}
        self._cell_of: dict[int, Cell] = {}
        self._views: dict[Cell, CellView] = {}
        self._refreshed: dict[Cell, int] = {}
        self._swept: set[Cell] = set()
        self._queue: list[int] = []
        self._reconciled_at = 0

    # --- set-up -----------------------------------------------------------------------------------------------

    async def _meet_markets(self, block: int) -> None:
        """Reads what never changes of each market."""
        entries = list(self.chain.deployment.markets.values())
        house = self.chain["Clearinghouse"]
        for entry, words in zip(
            entries,
            await self.providers.read_each([house.query("market", e.index) for e in entries], block),
            strict=True,
        ):
            if isinstance(words, BulkheadError):
                raise words
            token = TokenWord.unpack(words[0])
            self._markets[entry.index] = Market(
                entry.index, entry.symbol, self.chain.token(token.token), token.decimals, token.lot, words[1], words[2]
            )

    def market(self, index: int) -> Market:
        """What never changes of a market."""
        return self._markets[index]

    @property
    def keeper(self) -> str:
        """The keeper's address."""
        return self.sender.address

    # --- what is known of vaults --------------------------------------------------------------------------------

    def _take_changes(self) -> None:
        for vault_id in self.follower.changes():
            record = self.follower.book.vaults.get(vault_id)
            self.index.change(vault_id, record)
            before = self._cell_of.pop(vault_id, None)
            if before is not None:
                self._live_cells[before] -= 1
                if not self._live_cells[before]:
                    del self._live_cells[before]
            for group in (self._flagged, self._own, self._debts):
                group.discard(vault_id)
            if record is None:
                self.checked_at.pop(vault_id, None)
                self.calls_seen.pop(vault_id, None)
                self._suspects.discard(vault_id)
                continue
            if record.legs:
                self._cell_of[vault_id] = record.cell
                self._live_cells[record.cell] = self._live_cells.get(record.cell, 0) + 1
                if record.flagged:
                    self._flagged.add(vault_id)
            else:
                self.calls_seen.pop(vault_id, None)
            if record.owner.lower() in (self.keeper.lower(), *self._pools):
                self._own.add(vault_id)
            if record.debt:
                self._debts.add(vault_id)

    def _cells(self) -> set[Cell]:
        notes = self.follower.notes
        return set(self._live_cells) | set(notes.claims.values()) | (notes.settled - self._swept)

    # --- one look -----------------------------------------------------------------------------------------------

    async def look(self, head: Head) -> KeeperState:
        """The state at a block.

        Raises:
            BulkheadError: The nodes failed for the whole; nothing is known then, and nothing forgotten.
        """
        self.problems, self.outcomes = [], []
        if not self._markets:
            await self._meet_markets(head.number)
        reorgs = self.follower.reorgs
        await self.follower.catch_up(head)
        first = Wanted()
        self._want_cells(first, self._cells())
        self._want_quotes(first, self._minded() if self._quoting else (), head)
        self._want_account(first)
        self._want_claims(first)
        self._want_vaults(first, self._known(self._watch | self._own | self._minded()))
        follow, account = self.follower.calls(head), self.sender.calls(head)
        views = [query.request(head.number) for query in first.queries]
        answers = await self.providers.read([*follow, *account, *views], head.number)
        await self.follower.take_in(head, answers[: len(follow)])
        if self.follower.reorgs > reorgs:
            kept = self.follower.kept
            self.problems.append(f"the chain was reorganised after block {kept}")
            self.sender.reorganised(kept)
            account_answers = await self.providers.read(self.sender.calls(head), head.number)
        else:
            account_answers = answers[len(follow) : len(follow) + len(account)]
        self.outcomes = self.sender.take_in(head, account_answers)
        self._take_changes()
        look = Look()
        replies = answers[len(follow) + len(account) :]
        self._sort(look, first, [decode(q, r) for q, r in zip(first.queries, replies, strict=True)])
        await self._complete(look, head)
        return await self._state(look, head)

    def _minded(self) -> set[int]:
        """Flagged vaults that this keeper does something about."""
        return self._flagged if self._minding else set()

    def _known(self, ids: set[int]) -> set[int]:
        return {i for i in ids if i in self.follower.book.vaults}

    def _want_cells(self, wanted: Wanted, cells: Iterable[Cell]) -> None:
        for cell in sorted(cells):
            wanted.add("cell", cell, self.chain["Lens"].query("market", *cell))

    def _want_quotes(self, wanted: Wanted, ids: Iterable[int], head: Head) -> None:
        for vault_id in sorted(ids):
            record = self.follower.book.vaults.get(vault_id)
            if record is not None and head.timestamp < record.expiry:
                wanted.add("quote", vault_id, self.chain["Liquidator"].query("quote", vault_id, WAD))

    def _want_vaults(self, wanted: Wanted, ids: Iterable[int]) -> None:
        every = sorted(ids)
        for i in range(0, len(every), CHUNK):
            chunk = every[i : i + CHUNK]
            wanted.add("vaults", tuple(chunk), self.chain["Lens"].query("vaults", chunk))

    def _want_account(self, wanted: Wanted) -> None:
        spender = self.chain["Clearinghouse"].address
        for index, market in self._markets.items():
            wanted.add("poke", index, self.chain["OracleAdapter"].query("poke", index, POKE_ROUNDS))
            wanted.add("wallet", index, market.token.query("balanceOf", self.keeper))
            wanted.add("allowance", index, market.token.query("allowance", self.keeper, spender))

    def _want_claims(self, wanted: Wanted) -> None:
        settlement = self.chain["Settlement"]
        ready = {c for c, v in self._views.items() if v.gross == 0 and v.expiry_price}
        claims = self.follower.notes.claims
        for vault_id in sorted(i for i, cell in claims.items() if cell in ready)[:MOST_CLAIMS]:
            wanted.add("claim", vault_id, settlement.query("claim", vault_id))
        open_cells = set(claims.values())
        for cell in sorted((self.follower.notes.settled & ready) - open_cells - self._swept):
            wanted.add("sweep", cell, settlement.query("sweep", *cell))

    # --- answers --------------------------------------------------------------------------------------------------

    def _sort(self, look: Look, wanted: Wanted, replies: Sequence[Any]) -> None:
        for (name, what), reply in zip(wanted.names, replies, strict=True):
            if name == "vaults":
                self._sort_vaults(look, what, reply)
            elif isinstance(reply, BulkheadError):
                # a claim that cannot be paid yet, or a cell that cannot be swept, reverts with its reason: no problem
                if not (name in ("claim", "sweep") and isinstance(reply, Reverted)):
                    self.problems.append(f"{name} {what}: {reply}")
            elif name == "cell":
                look.cells[what] = cell_view(what, reply)
            elif name == "quote":
                look.quotes[what] = Quote(
                    reason=reply[0], fraction=reply[1], cash=reply[2], top_up=reply[4], bonus_share=reply[5],
                    equity=reply[7], margin=reply[8], elapsed=reply[10], price=reply[11],
                )  # fmt: skip
            else:
                look.numbers[name, what] = int(reply)

    def _sort_vaults(self, look: Look, ids: Sequence[int], reply: Any) -> None:
        if isinstance(reply, BulkheadError):
            look.again.extend(ids)
            return
        for vault_id, state in zip(ids, reply, strict=True):
            self._note_view(look, vault_id, vault_view(state))

    def _note_view(self, look: Look, vault_id: int, view: VaultView | BulkheadError) -> None:
        record = self.follower.book.vaults.get(vault_id)
        if record is None:
            return
        if isinstance(view, BulkheadError):
            why = "the Lens does not know it" if isinstance(view, UnknownVault) else str(view)
            self.problems.append(f"vault {vault_id}: {why}")
            look.unknown[vault_id] = record.cell
            self._suspects.add(vault_id)
            return
        look.vaults[vault_id] = view
        if view.legs != record.legs:
            self.problems.append(f"vault {vault_id}: legs by the logs differ from the Lens")
            self._suspects.add(vault_id)
            self.mismatches += 1
        else:
            self._suspects.discard(vault_id)
            if view.balance != record.balance:
                # tokens sent to it directly leave no log
                self.follower.book.vaults[vault_id] = replace(record, balance=view.balance)
                self.index.change(vault_id, self.follower.book.vaults[vault_id])
        if view.status & MARGIN_CALL and view.fresh and view.legs:
            self.calls_seen[vault_id] = view
        elif view.fresh:
            self.calls_seen.pop(vault_id, None)

    async def _complete(self, look: Look, head: Head) -> None:
        """Reads what the logs or the index have brought up, and single vaults of chunks that failed."""
        missing = Wanted()
        self._want_cells(missing, self._cells() - set(look.cells))
        self._sort(look, missing, await self.providers.read_each(missing.queries, head.number))
        second = Wanted()
        self._want_quotes(second, self._minded() - set(look.quotes) if self._quoting else (), head)
        near = self.index.near({**self._views, **look.cells}) | self._suspects
        self.problems += self.index.problems
        if not self._minding:
            near -= self._flagged
        self._watch = near
        due = self._known(near | self._own | self._minded())
        self._want_vaults(second, due - set(look.vaults) - set(look.again))
        for vault_id in set(look.again) & due:
            second.add("vaults", (vault_id,), self.chain["Lens"].query("vaults", [vault_id]))
        look.again = []
        if second.queries:
            try:
                replies = await self.providers.read_each(second.queries, head.number)
            except NodeUnavailable as error:
                replies = [error] * len(second.queries)
            self._sort(look, second, replies)
        await self._singly(look, head)
        for vault_id in look.vaults:
            self.checked_at[vault_id] = head.timestamp
        self._views = {**{c: v for c, v in self._views.items() if c in self._cells()}, **look.cells}

    async def _singly(self, look: Look, head: Head) -> None:
        """One vault that breaks a call must not hide the others."""
        ids, look.again = look.again, []
        if not ids:
            return
        queries = [self.chain["Lens"].query("vaults", [i]) for i in ids]
        try:
            replies = await self.providers.read_each(queries, head.number)
        except NodeUnavailable as error:
            replies = [error] * len(ids)
        for vault_id, reply in zip(ids, replies, strict=True):
            view = reply if isinstance(reply, BulkheadError) else vault_view(reply[0])
            self._note_view(look, vault_id, view)

    async def _state(self, look: Look, head: Head) -> KeeperState:
        now, notes, numbers = head.timestamp, self.follower.notes, look.numbers
        due: dict[Cell, list[int]] = {}
        for cell in self._live_cells:
            if cell[1] <= now:
                due[cell] = sorted(i for i, c in self._cell_of.items() if c == cell)
        expired = [c for c, v in look.cells.items() if c in due and v.expiry_price == 0]
        proofs = {cell: await self.prover.look(cell, head.number) for cell in expired}
        self.problems += self.prover.problems
        self.prover.problems = []
        markets = {
            i: MarketView(
                market=i,
                new_rounds=numbers.get(("poke", i), 0),
                native=market.native,
                wallet=numbers.get(("wallet", i), 0),
                recorded_at=notes.recorded.get(i, 0),
                allowance=numbers.get(("allowance", i), 0),
                pool=self.chain.deployment.market(i).backstop,
            )
            for i, market in self._markets.items()
        }
        return KeeperState(
            block=head.number,
            now=now,
            keeper=self.keeper,
            markets=markets,
            cells=look.cells,
            vaults=look.vaults,
            unknown=look.unknown,
            quotes=look.quotes,
            proofs=proofs,
            claims={i: (c, numbers.get(("claim", i), 0)) for i, c in notes.claims.items() if ("claim", i) in numbers},
            busy=frozenset(c[0] for c in self._live_cells if c[1] > now),
            due={cell: tuple(ids) for cell, ids in due.items()},
            debts=tuple(sorted(self._debts)),
            swept=self._sweepable(numbers),
            refreshed=dict(self._refreshed),
        )

    def _sweepable(self, numbers: Mapping[tuple[str, Any], int]) -> tuple[Cell, ...]:
        found = {what: amount for (name, what), amount in numbers.items() if name == "sweep"}
        self._swept |= {cell for cell, amount in found.items() if not amount}
        return tuple(sorted(cell for cell, amount in found.items() if amount))

    def refreshed(self, cell: Cell, now: int) -> None:
        """Notes that a cell's recorded deficit is being refreshed."""
        self._refreshed[cell] = now

    # --- reconciling ----------------------------------------------------------------------------------------------

    async def reconcile(self, head: Head) -> int:
        """Reads again, on chain, the vaults that were not read for longest; returns how many.

        Raises:
            BulkheadError: The nodes failed; the vaults stay due.
        """
        passed = min(max(head.timestamp - (self._reconciled_at or head.timestamp), 1), RECONCILE_SECONDS)
        self._reconciled_at = head.timestamp
        if not self._queue:
            await self._count(head)
            self._queue = sorted(self._cell_of, key=lambda i: self.checked_at.get(i, 0), reverse=True)
        budget = min(math.ceil(len(self._cell_of) * passed / RECONCILE_SECONDS), MOST_RECONCILED)
        chosen: list[int] = []
        while self._queue and len(chosen) < budget:
            vault_id = self._queue.pop()
            if (
                vault_id in self._cell_of
                and head.timestamp - self.checked_at.get(vault_id, 0) >= RECONCILE_SECONDS // 2
            ):
                chosen.append(vault_id)
        if not chosen:
            return 0
        wanted, look = Wanted(), Look()
        self._want_vaults(wanted, chosen)
        try:
            self._sort(look, wanted, await self.providers.read_each(wanted.queries, head.number))
            await self._singly(look, head)
        except BulkheadError:
            self._queue.extend(chosen)
            raise
        for vault_id, view in look.vaults.items():
            self.checked_at[vault_id] = head.timestamp
            if view.liquidatable and not view.flagged and vault_id not in self._watch:
                self.problems.append(f"vault {vault_id}: the Lens finds it liquidatable and the index did not")
                self._suspects.add(vault_id)
                self.mismatches += 1
        return len(chosen)

    async def _count(self, head: Head) -> None:
        """The logs must tell of as many vaults as the chain has opened; if not, they are read again from the start."""
        (following,) = await self.providers.read_each([self.chain["Clearinghouse"].query("next_id")], head.number)
        if isinstance(following, BulkheadError):
            raise following
        book = self.follower.book
        told = len(book.vaults) + len(book.closed)
        if told != following - 1:
            self.mismatches += 1
            self.problems.append(f"the logs tell of {told} vaults, the chain has opened {following - 1}: reading again")
            self.follower.restart()
