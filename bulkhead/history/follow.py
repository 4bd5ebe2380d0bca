"""The indexer: follows deployments from their first block, undoes what a reorganisation undid, and goes on.

A stretch of blocks and the tip are written in one transaction, so whoever is killed goes on where the last one ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection as Writer

from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import read_each
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import BadInput, BulkheadError, NodeUnavailable, RpcError
from bulkhead.chain.lens import CellView, read_cells
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.words import TokenWord
from bulkhead.history.fold import Fold, Prices, moments_of, receivers_in, vaults_in
from bulkhead.history.source import Block, Shifted, Source, Stretch, speakers
from bulkhead.history.store import Store
from bulkhead.profit.accounts import Account
from bulkhead.progress import doing
from bulkhead.risk.words import Snapshot

#: Blocks nearer to the head than this are read one by one by hash, for they may still change.
UNSURE = 64
#: Blocks of these that are read at once.
TOGETHER = 64
#: Vaults that are kept in memory between stretches.
REMEMBERED = 20_000
#: A price of a pool's shares is kept every so many seconds of the chain.
SHARE_PRICE_SECONDS = 300
#: How often a chain that changes while it is read is read again at once.
TRIES = 5


@dataclass
class Progress:
    """What one look did.

    Attributes:
        block: Newest block that is in.
        head: Newest block of the chain.
        logs: Logs added.
        undone: Blocks taken out.
    """

    block: int = 0
    head: int = 0
    logs: int = 0
    undone: int = 0


@dataclass
class Follower:
    """Follows one deployment into a database.

    Attributes:
        source: Its nodes.
        store: Its rows.
        receipts: Read receipts, for the table of gas.
    """

    source: Source
    store: Store
    receipts: bool = True
    _accounts: dict[int, Account] = field(default_factory=dict)
    _tokens: dict[int, TokenWord] = field(default_factory=dict)
    _priced: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, writer: Writer, deployment: Deployment, nodes: Sequence[Rpc], receipts: bool = True) -> Follower:
        """Joins a deployment, its nodes and the writer of a database."""
        source = Source(deployment, nodes)
        # a deployment that is not there must not leave a row
        source.head()
        return cls(source, Store(writer, deployment), receipts)

    def __post_init__(self) -> None:
        self._tokens = self.store.tokens()
        chain = self.source.ask(lambda chain: chain)
        self._addresses = {name: contract.address for name, contract in speakers(chain).items()}

    def step(self) -> Progress:
        """Reads one stretch, or undoes what is no longer in the chain.

        Raises:
            BulkheadError: No node answers, or the database does not.
        """
        for attempt in range(TRIES):
            try:
                return self._step()
            except Shifted:
                if attempt == TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    def catch_up(self, told: Callable[[Progress], None] = lambda progress: None) -> Progress:
        """Reads until nothing is missing."""
        total = Progress()
        with doing("reading logs") as activity:
            while True:
                found = self.step()
                total.block, total.head = found.block, found.head
                total.logs, total.undone = total.logs + found.logs, total.undone + found.undone
                activity.text = f"reading logs, block {found.block} of {found.head}"
                told(found)
                if found.block >= found.head:
                    return total

    def _step(self) -> Progress:
        head, tip = self.source.head(), self.store.tip()
        keep = self._kept(tip, head)
        if keep.number < tip.number:
            self.store.undo(keep)
            self._accounts.clear()
            self._tokens = self.store.tokens()
            return Progress(keep.number, head.number, 0, tip.number - keep.number)
        if head.number <= tip.number:
            return Progress(tip.number, tip.number)
        first, sure = tip.number + 1, head.number - UNSURE
        if first <= sure:
            stretch = self.source.far(first, sure, self.receipts)
        else:
            last = min(first + TOGETHER - 1, head.number)
            stretch = self.source.near(tip if tip.hash else None, first, last, self.receipts)
        self._add(tip, stretch)
        if stretch.last.number == head.number:
            self._look(stretch.last)
        return Progress(stretch.last.number, head.number, len(stretch.logs))

    def _kept(self, tip: Block, head: Block) -> Block:
        """The highest block that is in and still in the chain.

        A node whose head is below the tip may only be behind: what it has must differ before anything is undone.
        """
        if not tip.hash:
            return tip
        at = min(tip.number, head.number)
        while True:
            known = self.store.headers_below(at, UNSURE)
            if not known:
                first = self.source.deployment.block - 1
                return Block(first, "", "", 0)
            chain = self.source.headers([block.number for block in known])
            for block, found in zip(known, chain, strict=True):
                if found is not None and found.hash == block.hash:
                    return tip if head.number < tip.number and block is known[0] else block
            at = known[-1].number - 1

    def _add(self, tip: Block, stretch: Stretch) -> None:
        prices = self._prices(stretch)
        missing = vaults_in(stretch.logs) - set(self._accounts)
        receivers = receivers_in(stretch.logs)
        if receivers:
            receivers -= {account.custody for account in self._accounts.values()}
        found = self.store.accounts(missing, receivers, self._tokens)
        # what is in memory is as new as what is read, and other parts point at it
        self._accounts = {**found, **self._accounts}
        fold = Fold(self.store.id, self._addresses, self._accounts, self._tokens)
        try:
            rows = fold.take(stretch.logs, stretch.blocks, prices)
            self.store.add(tip, stretch, rows)
        except BaseException:
            # accounts went ahead of what was written
            self._accounts.clear()
            self.store.connection.rollback()
            raise
        if len(self._accounts) > REMEMBERED:
            self._accounts.clear()

    def _prices(self, stretch: Stretch) -> Prices:
        """Prices of the moments at which legs moved without a price of their own; None where the node forgot them."""
        found: dict[tuple[int, int, int], Snapshot | None] = {}
        by_block: dict[int, list[tuple[int, int, int]]] = {}
        for moment in sorted(moments_of(stretch.logs)):
            by_block.setdefault(moment[2], []).append(moment)
        for block, moments in by_block.items():
            answers = self.source.ask(partial(_snapshots, moments=moments, block=block))
            for moment, answer in zip(moments, answers, strict=True):
                if isinstance(answer, NodeUnavailable):
                    raise answer
                found[moment] = None if isinstance(answer, BulkheadError) else Snapshot(**answer)
        return found

    def _look(self, block: Block) -> None:
        """Reads the prices of now, for marks and for the shares of pools."""
        try:
            views, shares = self.source.ask(lambda chain: self._views(chain, block))
        except BulkheadError:
            return  # they say at which block they were read; history goes on without
        deployment = self.store.id
        rows = [
            {
                "deployment": deployment, "market": cell[0], "expiry": cell[1], "read_block": block.number,
                "at": block.at, "snapshot": asdict(view.snapshot), "expiry_price": view.expiry_price,
                "deficit": view.deficit, "insured": view.insured, "insurance": view.insurance,
                "open_interest": view.open_interest,
            }
            for cell, view in views.items()
        ]  # fmt: skip
        self.store.put_snapshots(rows, shares)

    def _views(
        self, chain: Connection, block: Block
    ) -> tuple[Mapping[tuple[int, int], CellView], list[dict[str, Any]]]:
        views = read_cells(chain, self.store.open_cells(), block.number)
        shares: list[dict[str, Any]] = []
        for market in chain.deployment.markets.values():
            if not market.backstop or block.at - self._priced.get(market.backstop, 0) < SHARE_PRICE_SECONDS:
                continue
            pool = chain.backstop(market)
            one = 10 ** self._tokens[market.index].decimals
            queries = [pool.query("totalAssets"), pool.query("convertToAssets", one)]
            assets, price = read_each(chain.rpc, queries, block.number)
            if isinstance(assets, int) and isinstance(price, int):
                self._priced[market.backstop] = block.at
                shares.append(
                    {
                        "deployment": self.store.id, "pool": pool.address, "block": block.number, "at": block.at,
                        "market": market.index, "assets": assets, "share_price": price,
                    }
                )  # fmt: skip
        return views, shares


def _snapshots(chain: Connection, moments: Sequence[tuple[int, int, int]], block: int) -> list[Any]:
    oracle = chain["OracleAdapter"]
    return read_each(chain.rpc, [oracle.query("snapshot", market, expiry) for market, expiry, _ in moments], block)


def followers(
    writer: Writer, deployments: Sequence[Deployment], urls: Sequence[str], receipts: bool = True
) -> list[Follower]:
    """One follower for each deployment, with the nodes of its chain.

    Raises:
        BadInput: A deployment has no node of its chain, or is named twice.
        BulkheadError: No node answers.
    """
    places = {(d.chain_id, d.address("Clearinghouse").lower()) for d in deployments}
    if len(places) < len(deployments):
        raise BadInput("A deployment is named twice.")
    by_chain: dict[int, list[Rpc]] = {}
    failure: BulkheadError | None = None
    for url in urls:
        rpc = Rpc(url)
        try:
            by_chain.setdefault(rpc.chain_id, []).append(rpc)
        except NodeUnavailable as error:
            failure = failure or error
            for one in {d.chain_id for d in deployments} if len({d.chain_id for d in deployments}) == 1 else ():
                # it may come back, and there is only one chain that it can be of
                by_chain.setdefault(one, []).append(rpc)
    found: list[Follower] = []
    for deployment in deployments:
        nodes = by_chain.get(deployment.chain_id)
        if not nodes:
            if failure is not None:
                raise failure
            known = ", ".join(str(chain) for chain in sorted(by_chain)) or "none"
            raise BadInput(
                f"The deployment on {deployment.network} is on chain {deployment.chain_id}, and no node given serves "
                f"it (they serve: {known})."
            )
        found.append(Follower.of(writer, deployment, nodes, receipts))
    return found


def run(
    following: Sequence[Follower], poll_seconds: float, once: bool, told: Callable[[Follower, Progress], None]
) -> None:
    """Follows deployments for ever, or until nothing is missing.

    A node that fails, or refuses what it should answer, is waited for, unless one look is all that is wanted.
    """
    while True:
        moved = False
        for one in following:
            try:
                done = one.catch_up(partial(told, one))
                moved |= bool(done.logs or done.undone)
            except (NodeUnavailable, RpcError) as error:
                if once:
                    raise
                with doing(f"waiting for a node ({error})"):
                    time.sleep(min(max(poll_seconds, 1.0), 5.0))
        if once:
            return
        if not moved:
            time.sleep(poll_seconds)
