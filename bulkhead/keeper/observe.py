"""One look at the market: logs, prices and the account in one post, then the vaults near their edge in another.

Unknown is never healthy: a vault that must be confirmed and cannot be read stays in the set until it can.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import filterfalse
from typing import Any

from bulkhead.chain.connection import Connection
from bulkhead.chain.errors import BulkheadError, NodeUnavailable, Reverted
from bulkhead.chain.lens import CellView, VaultView, cell_view, vault_view
from bulkhead.chain.vaults_from_logs import Cell
from bulkhead.keeper.discovery import Discovery
from bulkhead.keeper.disputes import disputed, doubt, settle
from bulkhead.keeper.expiry_proofs import ExpiryProver
from bulkhead.keeper.mandates import NEAR, DueTopUp
from bulkhead.keeper.node import Head
from bulkhead.keeper.outcomes import Outcome
from bulkhead.keeper.policy import ROLES
from bulkhead.keeper.price_updater import Bringer, FeedPlan
from bulkhead.keeper.price_updates import BroughtFeed
from bulkhead.keeper.providers import RECEIPT, Providers, decode, pinned
from bulkhead.keeper.queries import Look, LookQueries, QueryBatch, quote_of
from bulkhead.keeper.readers import FanOut, readers
from bulkhead.keeper.reconcile import Reconciler
from bulkhead.keeper.safe_ranges import SafeRanges
from bulkhead.keeper.state import ExpiryProof, KeeperState, MarketView
from bulkhead.keeper.vault_registry import VaultRegistry
from bulkhead.keeper.wallets import Wallets, flagging_of, takers_of, taking_of
from bulkhead.keeper.windows import needs_sum

#: A second node is asked for views as well, and for these.
COMPARED = ("eth_getLogs", RECEIPT, "eth_getTransactionCount", "eth_getBalance")


class Observer:
    """Keeps book, safe ranges and accounts up to date.

    Attributes:
        discovery: Book of vaults by the logs.
        ranges: Which of them may be near their edge.
        known: What is known of each vault.
        asker: Writes the queries.
        problems: What could not be read in the last look.
        outcomes: Transactions that ended in the last look.
        views: Cells as last read.
        watch: Vaults near their edge at the last look.
        views_of: Markets as each of the wallets has them, at the last look.
        mine: Tells which vaults are read when they are near their edge or flagged: those of its shard.
    """

    def __init__(
        self,
        chain: Connection,
        providers: Providers,
        wallets: Wallets,
        roles: frozenset[str] = frozenset(ROLES),
        plans: Sequence[FeedPlan] = (),
        mine: Callable[[int], bool] = lambda vault_id: True,
    ) -> None:
        self.chain = chain
        self.providers = providers
        self.wallets = wallets
        # a flagged vault is read again at every block only for those who act on it
        self._quoting = bool(roles & {"take", "absorb"})
        self._minding = self._quoting or bool(roles & {"clear", "refresh"})
        # prices are brought for the vaults of all shards
        self.mine: Callable[[int], bool] = (lambda vault_id: True) if plans else mine
        self._topping = "top_up" in roles and "AutoTopUp" in chain.contracts
        self._due_since: dict[int, int] = {}
        self._claiming, self._refreshing = "claim" in roles, "refresh" in roles
        self.discovery = Discovery(chain, providers, wallets.addresses)
        self.ranges = SafeRanges()
        own = [*wallets.addresses, *(m.backstop for m in chain.deployment.markets.values() if m.backstop)]
        self.registry = VaultRegistry(self.discovery, self.ranges, frozenset(address.lower() for address in own))
        self.queries = LookQueries(chain, wallets.addresses, self.discovery)
        self.prover = ExpiryProver(chain, lambda head: readers(providers, head))
        self.fan_out = FanOut()
        self.bringer = Bringer(chain, providers, plans)
        self.outcomes: list[Outcome] = []
        self.views: dict[Cell, CellView] = {}
        self.watch: set[int] = set()
        self.views_of: list[dict[int, MarketView]] = []
        self._refreshed: dict[Cell, int] = {}
        self._observed: dict[Cell, int] = {}
        self._swept: set[Cell] = set()
        self.reconciler = Reconciler(self)

    @property
    def problems(self) -> list[str]:
        """What could not be read in the last look."""
        return self.registry.problems

    def _cells(self) -> set[Cell]:
        return self.registry.cells() | (self.discovery.notes.settled - self._swept)

    def _reserving(self) -> set[Cell]:
        """Cells whose losses insurance may have to pay, or is recorded to."""
        if not self._refreshing:
            return set()
        return self.registry.cells_of(self.registry.flagged) | set(self.discovery.notes.reserves)

    def _minded(self) -> set[int]:
        """Flagged vaults that this keeper does something about."""
        return set(filter(self.mine, self.registry.flagged)) if self._minding else set()

    # --- one look -----------------------------------------------------------------------------------------------

    async def look(self, head: Head) -> KeeperState:
        """The state at a block.

        Raises:
            BulkheadError: The nodes failed for the whole; nothing is known then, and nothing forgotten.
        """
        self.registry.problems, self.outcomes = [], []
        if not self.queries.markets:
            await self.queries.meet_markets(self.providers, head.number)
            self.discovery.notes.recorded.update(self.queries.recorded)
            for books in self.discovery.books:
                books.natives.update({i: market.native for i, market in self.queries.markets.items()})
        reorgs = self.discovery.reorgs
        await self.discovery.catch_up(head)
        vaults, notes, minded = self.discovery.book.vaults, self.discovery.notes, self._minded()
        first = QueryBatch()
        self.queries.cells(first, self._cells())
        self.queries.quotes(first, vaults, minded if self._quoting else (), head)
        self.queries.shortages(first, vaults, self.registry.kept if self._quoting else ())
        self.queries.account(first)
        self.queries.claims(first, self.views, notes.claims, notes.settled - self._swept)
        self.queries.insurance(first, notes.uninsured if self._claiming else (), self._reserving())
        self.queries.vaults(first, self.registry.existing(self.watch | self.registry.kept | minded))
        follow, account = self.discovery.calls(head), self.wallets.calls(head)
        views = [pinned(query, head) for query in first.queries]
        offset = len(follow) + len(account)
        asked = [*follow, *account, *views]
        compared = [i for i, (method, _) in enumerate(asked) if i >= offset or method in COMPARED]
        answers, others = await self.providers.witnessed(asked, head, len(follow), compared)
        self.discovery.unsure |= self.discovery.logs.join(answers, others)
        self.wallets.join(asked, answers, others, head.number)
        await self.discovery.take_in(head, answers[: len(follow)])
        if self.discovery.reorgs > reorgs:
            kept = self.discovery.kept
            self.problems.append(f"the chain was reorganised after block {kept}")
            self.wallets.reorganised(kept)
            self.bringer.reorganised()
            account_answers = await self.providers.read(self.wallets.calls(head), head.number)
        else:
            account_answers = answers[len(follow) : offset]
        self.outcomes = self.wallets.take_in(head, account_answers)
        for outcome in self.outcomes:
            role, _, what = outcome.attempt.key.partition(":")
            # one that moved nothing leaves no event
            if role == "poke" and not outcome.reason:
                self.discovery.notes.recorded[int(what)] = head.timestamp
            elif role == "observe" and not outcome.reason:
                market, expiry = map(int, what.split("-"))
                self.discovery.notes.recorded[market] = self._observed[market, expiry] = head.timestamp
        self.registry.take_changes()
        look = Look()
        replies = answers[offset:]
        self._sort(look, first, [decode(q, r) for q, r in zip(first.queries, replies, strict=True)])
        told = {i - offset: decode(first.queries[i - offset], r) for i, r in others.items() if i >= offset}
        doubt(look, first, told, self.queries.units)
        await settle(look, first, self.providers, self.fan_out, head)
        self.reconciler.count(look.numbers)
        await self._complete(look, head)
        return await self._state(look, head)

    async def _complete(self, look: Look, head: Head) -> None:
        """Reads what the logs or the mirror have brought up, and single vaults of chunks that failed."""
        missing, second = QueryBatch(), QueryBatch()
        self.queries.cells(missing, self._cells() - set(look.cells))
        replies, others = await self.providers.read_twice(missing.queries, head)
        self._sort(look, missing, replies)
        doubt(look, missing, others, self.queries.units)
        # of a cell whose price could not be read every vault is near
        near = self.ranges.near(self._valued(look.cells))
        self.registry.problems += self.ranges.problems
        if look.other_cells:
            near |= self.ranges.near(self._valued({**look.cells, **look.other_cells}))
        near = set(filter(self.mine, near)) | self.registry.suspects
        if not self._minding:
            near -= self.registry.flagged
        self.watch = near
        minded = self._minded()
        due = self.registry.existing(near | self.registry.kept | minded)
        quoted = minded - set(look.quotes) if self._quoting else set()
        self.queries.quotes(second, self.discovery.book.vaults, quoted, head)
        self.queries.vaults(second, due - set(look.vaults) - set(look.again))
        self.queries.top_ups(second, self._mandated(look, head))
        again, look.again = look.again, []
        self.queries.vaults(second, set(again) & due, chunk=1)
        await self._ask(look, second, head)
        await self._singly(look, head)
        for vault_id in look.vaults:
            self.registry.checked_at[vault_id] = head.timestamp
        self.views = {**{c: v for c, v in self.views.items() if c in self._cells()}, **look.cells}

    def _valued(self, cells: Mapping[Cell, CellView]) -> dict[Cell, CellView]:
        """Cells that the mirror can value: what a market counts in that no file names is not known."""
        return {cell: view for cell, view in cells.items() if cell[0] in self.queries.markets}

    async def _ask(self, look: Look, wanted: QueryBatch, head: Head) -> None:
        """Asks and sorts; when no node answers, every answer is that."""
        if not wanted.queries:
            return
        replies: list[Any]
        others: dict[int, Any] = {}
        try:
            replies, others = await self.providers.read_twice(wanted.queries, head)
        except NodeUnavailable as error:
            replies = [error] * len(wanted.queries)
        self._sort(look, wanted, replies)
        doubt(look, wanted, others, self.queries.units)
        look.unsure.clear()  # of a purse that is not sure nothing is expected

    def _mandated(self, look: Look, head: Head) -> set[int]:
        """Vaults with a mandate whose trigger may be reached."""
        if not self._topping:
            return set()
        mandates = self.discovery.notes.mandates
        levels = {i: terms.trigger * NEAR for i, terms in mandates.items() if terms.expires_at > head.timestamp}
        book, markets = self.discovery.book.vaults, self.queries.markets
        return {
            i for i in self.ranges.below(look.cells, levels) if i in book and book[i].market in markets and self.mine(i)
        }

    def _due_top_ups(self, look: Look, head: Head) -> tuple[DueTopUp, ...]:
        book = self.discovery.book.vaults
        # only while it stays due: what has failed since is not waited for again
        self._due_since = {i: min(self._due_since.get(i, head.number), head.number) for i in look.top_ups}
        found: list[DueTopUp] = []
        for i, (amount, tip) in sorted(look.top_ups.items()):
            if i not in book:
                continue
            payer = self.queries.payer(i)
            held, allowed = (look.numbers.get((name, payer)) for name in ("purse", "allowed"))
            # of a wallet that could not be read nothing is expected
            if held is not None and allowed is not None:
                purse = min(held, allowed)
                found.append(DueTopUp(i, book[i].market, amount, tip, self._due_since[i], payer, purse))
        return tuple(found)

    async def ask(self, look: Look, wanted: QueryBatch, head: Head) -> None:
        """Asks, sorts, and asks again one by one of chunks that failed.

        Raises:
            BulkheadError: The nodes failed.
        """
        replies, others = await self.providers.read_twice(wanted.queries, head)
        self._sort(look, wanted, replies)
        doubt(look, wanted, others, self.queries.units)
        await self._singly(look, head)

    async def _singly(self, look: Look, head: Head) -> None:
        """One vault that breaks a call must not hide the others."""
        ids, look.again = look.again, []
        alone = QueryBatch()
        self.queries.vaults(alone, ids, chunk=1)
        await self._ask(look, alone, head)
        look.again = []

    # --- answers --------------------------------------------------------------------------------------------------

    def _sort(self, look: Look, wanted: QueryBatch, replies: Sequence[Any]) -> None:
        for (name, what), reply in zip(wanted.names, replies, strict=True):
            if name == "vaults":
                self._sort_vaults(look, what, reply)
            elif isinstance(reply, BulkheadError):
                # a claim that cannot be paid yet, or a cell that cannot be swept, reverts with its reason: no problem
                if not (name in ("claim", "sweep", "shortage", "insure") and isinstance(reply, Reverted)):
                    self.problems.append(f"{name} {what}: {reply}")
                elif name == "insure" and "nothing-to-insure" in str(reply):
                    # its seven days are over
                    self.discovery.notes.uninsured.discard(what)
            elif name == "top-ups":
                told = zip(what, reply, strict=False)
                look.top_ups.update({i: (t.amount, t.tip) for i, t in told if not t.reason})
            elif name == "cell":
                look.cells[what] = cell_view(what, reply, self.queries.units(what[0]))
            elif name == "quote":
                look.quotes[what] = quote_of(reply)
            else:
                look.numbers[name, what] = int(reply)

    def _sort_vaults(self, look: Look, ids: Sequence[int], reply: Any) -> None:
        if not isinstance(reply, BulkheadError) and len(reply) != len(ids):
            reply = NodeUnavailable(f"The node describes {len(reply)} vaults instead of {len(ids)}.")
        failed = isinstance(reply, BulkheadError)
        if failed and len(ids) > 1:
            look.again.extend(ids)
            return
        for vault_id, state in zip(ids, [reply] if failed else reply, strict=True):
            view = state if failed else self._view(vault_id, state)
            if not self.registry.confirm(vault_id, view):
                look.unknown[vault_id] = self.discovery.book.vaults[vault_id].cell
            elif not isinstance(view, BulkheadError) and vault_id in self.discovery.book.vaults:
                look.vaults[vault_id] = view
                look.unknown.pop(vault_id, None)

    def _view(self, vault_id: int, state: Mapping[str, Any]) -> VaultView | BulkheadError:
        """What the Lens says of a vault; nonsense about one must not hide the others."""
        try:
            view = vault_view(state, self.queries.units)
        except (ValueError, KeyError) as error:
            return NodeUnavailable(f"The node describes no vault ({error}).")
        if isinstance(view, VaultView) and view.vault_id != vault_id:
            return NodeUnavailable(f"The node describes vault {view.vault_id} instead.")
        return view

    async def _state(self, look: Look, head: Head) -> KeeperState:
        now, notes, numbers, flying = head.timestamp, self.discovery.notes, look.numbers, self._flying(head)
        look.unknown.update(disputed(look))
        due = {cell: tuple(sorted(ids)) for cell, ids in self.registry.members.items() if cell[1] <= now}
        unpriced = sorted({
            self.queries.priced(cell)
            for cell, view in look.cells.items()
            if (cell in due and view.expiry_price == 0) or needs_sum(view, now)
        })  # fmt: skip
        self._observed = {cell: at for cell, at in self._observed.items() if cell[1] > now}
        self.views_of = [
            {i: self._market(i, account, numbers) for i in self.queries.markets} for account in self.wallets.addresses
        ]
        return KeeperState(
            block=head.number,
            now=now,
            keeper=self.wallets.addresses[0],
            markets=self.views_of[0],
            cells=look.cells,
            vaults=look.vaults,
            unknown=look.unknown,
            quotes=look.quotes,
            expiry_proofs=await self._expiry_proofs(unpriced, head),
            claims={i: (c, numbers.get(("claim", i), 0)) for i, c in notes.claims.items() if ("claim", i) in numbers},
            shortages={i: amount for (name, i), amount in numbers.items() if name == "shortage"},
            busy=frozenset(c[0] for c in self.registry.members if c[1] > now),
            elsewhere=frozenset(self.registry.cells_of(filterfalse(self.mine, self.registry.flagged))),
            due=due,
            debts=tuple(sorted(self.registry.debts)),
            swept=self._sweepable(numbers),
            refreshed=dict(self._refreshed),
            deficits=dict(notes.deficits),
            reserves={c: (notes.reserves.get(c, 0), n) for (name, c), n in numbers.items() if name == "reserve"},
            insurable=tuple(sorted(c for (name, c), n in numbers.items() if name == "insure" and n)),
            observed=dict(self._observed),
            flagging=flagging_of(flying),
            taking=taking_of(flying),
            takers=takers_of(flying),
            brought=await self._brought(head),
            top_ups=self._due_top_ups(look, head),
            ramps={key: due for key, (_, due) in notes.ramps.items()},
        )

    def _market(self, index: int, account: str, numbers: Mapping[tuple[str, Any], int]) -> MarketView:
        priced = self.queries.prices.get(index, index)
        return MarketView(
            market=index,
            new_rounds=numbers.get(("poke", priced), 0), native=self.queries.markets[index].native,
            wallet=numbers.get(("wallet", (index, account)), 0),
            recorded_at=self.discovery.notes.recorded.get(priced, 0),
            allowance=numbers.get(("allowance", (index, account)), 0),
            pool=self.chain.deployment.market(index).backstop,
            units=self.queries.units(index), price_market=priced,
        )  # fmt: skip

    async def _expiry_proofs(self, cells: Sequence[Cell], head: Head) -> dict[Cell, ExpiryProof]:
        found = {cell: await self.prover.look(cell, head) for cell in cells}
        self.registry.problems += self.prover.problems
        self.providers.differ(self.prover.differing)
        self.prover.problems, self.prover.differing = [], set()
        return found

    async def _brought(self, head: Head) -> tuple[BroughtFeed, ...]:
        flying = [fields for _, fields in self._flying(head) if fields.get("action") == "bringsamples"]
        minutes = {(str(fields["feed"]), int(at)) for fields in flying for at in fields["minutes"]}
        found = await self.bringer.look(head, {self.queries.priced(cell) for cell in self.registry.members}, minutes)
        self.registry.problems += self.bringer.problems
        return found

    def _flying(self, head: Head) -> list[tuple[str, dict[str, Any]]]:
        """(account, action) of what is in flight, and of what was mined in a block that this look does not see."""
        ended = [o.attempt for o in self.outcomes if o.attempt.mined_block > head.number]
        return [(attempt.account, attempt.fields) for attempt in [*self.wallets.pending, *ended]]

    def _sweepable(self, numbers: Mapping[tuple[str, Any], int]) -> tuple[Cell, ...]:
        found = {what: amount for (name, what), amount in numbers.items() if name == "sweep"}
        self._swept |= {cell for cell in found if not found[cell]}
        return tuple(sorted(cell for cell in found if found[cell]))

    def refreshed(self, cell: Cell, now: int) -> None:
        """Notes that a cell's recorded deficit is being refreshed."""
        self._refreshed[cell] = now

    async def reconcile(self, head: Head, spare: bool = True) -> int:
        """Reads vaults again that were not read for longest, and those of which logs were lost; returns how many."""
        return await self.reconciler.run(head, spare)
