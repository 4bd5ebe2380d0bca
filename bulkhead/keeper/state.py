"""Reads the state of the market for `decide`: logs since the last look, then one batch of views at that block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bulkhead.chain.book import Book, Cell
from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import Contract, Query, decode_logs, read, read_each
from bulkhead.chain.errors import BulkheadError, Reverted, UnknownVault
from bulkhead.chain.lens import CHUNK, CellView, VaultView, cell_view, vault_view
from bulkhead.chain.rpc import to_hex, to_int
from bulkhead.keeper.decide import KeeperState, MarketView, Proof, Quote

#: Rounds that one poke may fold in.
POKE_ROUNDS = 64
#: Rounds looked at in one post when searching for the start of a settlement window.
SEARCH = 40
#: Logs of so many blocks are asked for at once.
LOG_BLOCKS = 5_000


@dataclass
class Observer:
    """Keeps the book of vaults up to date and reads what cannot be known from logs.

    Attributes:
        chain: The connection.
        keeper: The keeper's address.
        book: All vaults by the logs so far.
        problems: What could not be read in the last look, for the log.
    """

    chain: Connection
    keeper: str

    def __post_init__(self) -> None:
        self.book = Book(block=self.chain.deployment.block - 1)
        self.problems: list[str] = []
        self._markets = {e.index: self.chain.market(e.index) for e in self.chain.deployment.markets.values()}
        self._claims: dict[int, Cell] = {}
        self._recorded: dict[int, int] = {}
        self._tried: dict[Cell, int] = {}

    # --- logs -------------------------------------------------------------------------------------------------

    def _follow(self, head: int) -> int:
        """Applies logs up to `head`; returns its stamp. All or nothing, so a failed look is simply repeated."""
        rpc = self.chain.rpc
        addresses = [c.address for c in self.chain.speakers.values()]
        ranges = [
            (first, min(first + LOG_BLOCKS - 1, head)) for first in range(self.book.block + 1, head + 1, LOG_BLOCKS)
        ]
        header, *parts = rpc.batch_strict(
            [
                ("eth_getBlockByNumber", (to_hex(head), False)),
                *(
                    (
                        "eth_getLogs",
                        ({"address": addresses, "fromBlock": to_hex(first), "toBlock": to_hex(last)},),
                    )
                    for first, last in ranges
                ),
            ]
        )
        if header is None:
            raise BulkheadError(f"The node announced block {head} and does not know it.")
        logs = decode_logs([entry for part in parts for entry in part], self.chain.speakers)
        self.book.apply(logs)
        now = to_int(header["timestamp"])
        for log in logs:
            if log.event in ("VolUpdated", "StatusRecorded"):
                self._recorded[log.values.market] = now
            elif log.event == "VaultSettled" and log.values.net > 0:
                self._claims[log.values.vault_id] = (log.values.market, log.values.expiry)
            elif log.event == "ClaimPaid" and log.values.final:
                self._claims.pop(log.values.vault_id, None)
        self.book.block = head
        return now

    def recorded(self, market: int, now: int) -> None:
        """Notes that the keeper's own poke has recorded a market's clock."""
        self._recorded[market] = now

    # --- views ------------------------------------------------------------------------------------------------

    def look(self, head: int) -> KeeperState:
        """The state at a block.

        Raises:
            BulkheadError: The node failed for the whole; nothing is known then.
        """
        self.problems = []
        now = self._follow(head)
        lens, liquidator = self.chain["Lens"], self.chain["Liquidator"]
        ids = [i for i, v in sorted(self.book.vaults.items()) if v.legs or v.owner.lower() == self.keeper.lower()]
        chunks = [ids[i : i + CHUNK] for i in range(0, len(ids), CHUNK)]
        cells = sorted(self.book.cells())
        flagged = [i for i in ids if self.book.vaults[i].flagged and now < self.book.vaults[i].expiry]
        claims = sorted(self._claims)
        queries: list[Query] = [
            *(lens.query("vaults", chunk) for chunk in chunks),
            *(lens.query("market", *cell) for cell in cells),
            *(liquidator.query("quote", i, 10**18) for i in flagged),
            *(self.chain["OracleAdapter"].query("poke", m, POKE_ROUNDS) for m in self._markets),
            *(m.token.query("balanceOf", self.keeper) for m in self._markets.values()),
            *(self.chain["Settlement"].query("claim", i) for i in claims),
        ]
        replies = iter(read_each(self.chain.rpc, queries, head))
        vaults, unknown = self._vaults(chunks, [next(replies) for _ in chunks], head)
        cell_views = self._cells(cells, [next(replies) for _ in cells])
        quotes = {i: q for i in flagged if (q := self._quote(i, next(replies))) is not None}
        rounds = [self._rounds(m, next(replies)) for m in self._markets]
        wallets = [self._wallet(next(replies)) for _ in self._markets]
        due = {i: (self._claims[i], self._due(next(replies))) for i in claims}
        markets = {
            m: MarketView(m, new, self._markets[m].native, wallet, self._recorded.get(m, 0))
            for m, new, wallet in zip(self._markets, rounds, wallets, strict=True)
        }
        expired = [c for c, v in cell_views.items() if c[1] <= now and v.expiry_price == 0]
        proofs = {cell: self._proof(cell, head) for cell in expired}
        return KeeperState(
            block=head,
            now=now,
            keeper=self.keeper,
            markets=markets,
            cells=cell_views,
            vaults=vaults,
            unknown=unknown,
            quotes=quotes,
            proofs=proofs,
            claims=due,
        )

    def _vaults(
        self, chunks: Sequence[Sequence[int]], replies: Sequence[object], head: int
    ) -> tuple[dict[int, VaultView], dict[int, Cell]]:
        found: dict[int, VaultView | BulkheadError] = {}
        again: list[int] = []
        for chunk, reply in zip(chunks, replies, strict=True):
            if isinstance(reply, BulkheadError):
                again.extend(chunk)
                continue
            assert isinstance(reply, list)
            found.update({int(state["vault_id"]): vault_view(state) for state in reply})
        if again:
            # one vault that breaks a call must not hide the others
            singles = read_each(self.chain.rpc, [self.chain["Lens"].query("vaults", [i]) for i in again], head)
            for vault_id, reply in zip(again, singles, strict=True):
                found[vault_id] = reply if isinstance(reply, BulkheadError) else vault_view(reply[0])
        vaults: dict[int, VaultView] = {}
        unknown: dict[int, Cell] = {}
        for vault_id, view in found.items():
            record = self.book.vaults[vault_id]
            if isinstance(view, UnknownVault):
                self.problems.append(f"the Lens does not know vault {vault_id} that the logs opened")
                unknown[vault_id] = record.cell
            elif isinstance(view, BulkheadError):
                self.problems.append(f"vault {vault_id}: {view}")
                unknown[vault_id] = record.cell
            else:
                vaults[vault_id] = view
                if view.legs != record.legs:
                    self.problems.append(f"vault {vault_id}: legs by the logs differ from the Lens")
        return vaults, unknown

    def _cells(self, cells: Sequence[Cell], replies: Sequence[object]) -> dict[Cell, CellView]:
        found: dict[Cell, CellView] = {}
        for cell, reply in zip(cells, replies, strict=True):
            if isinstance(reply, BulkheadError):
                self.problems.append(f"cell {cell}: {reply}")
            else:
                assert isinstance(reply, dict)
                found[cell] = cell_view(cell, reply)
        return found

    def _quote(self, vault_id: int, reply: object) -> Quote | None:
        if isinstance(reply, BulkheadError):
            self.problems.append(f"quote of vault {vault_id}: {reply}")
            return None
        assert isinstance(reply, list)
        return Quote(
            reason=reply[0],
            fraction=reply[1],
            cash=reply[2],
            top_up=reply[4],
            bonus_share=reply[5],
            equity=reply[7],
            margin=reply[8],
        )

    def _rounds(self, market: int, reply: object) -> int:
        if isinstance(reply, BulkheadError):
            self.problems.append(f"poke of market {market}: {reply}")
            return 0
        assert isinstance(reply, int)
        return reply

    def _wallet(self, reply: object) -> int:
        if isinstance(reply, BulkheadError):
            self.problems.append(f"own balance: {reply}")
            return 0
        assert isinstance(reply, int)
        return reply

    def _due(self, reply: object) -> int:
        # a claim that cannot be paid yet reverts with its reason; that is no problem
        if isinstance(reply, Reverted):
            return 0
        if isinstance(reply, BulkheadError):
            self.problems.append(f"claim: {reply}")
            return 0
        assert isinstance(reply, int)
        return reply

    # --- expiry price -----------------------------------------------------------------------------------------

    def _proof(self, cell: Cell, head: int) -> Proof:
        hints = self._hints(cell, head)
        final = False
        try:
            final = int(self.chain["Settlement"].call("fix", *cell, list(hints), block=head)) != 0
        except BulkheadError as error:
            self.problems.append(f"fix of cell {cell}: {error}")
        return Proof(hints, final, self._tried.get(cell, 0))

    def tried(self, cell: Cell, now: int) -> None:
        """Notes a call for the expiry price of a cell."""
        self._tried[cell] = now

    def _hints(self, cell: Cell, head: int) -> tuple[int, ...]:
        """Round in force when the settlement window of a cell began, if the feed still tells it."""
        market, expiry = cell
        feed = self.chain.feed(self.chain.deployment.market(market))
        try:
            words = self.chain["RiskParameters"].call("oracle", market, block=head)
            start = expiry - (words >> 112 & 65535)
            return self._round_before(feed, start, head)
        except BulkheadError as error:
            self.problems.append(f"hints for cell {cell}: {error}")
            return ()

    def _round_before(self, feed: Contract, start: int, head: int) -> tuple[int, ...]:
        latest = feed.call("latestRoundData", block=head)
        newest = int(latest[0])
        while newest & (2**64 - 1):
            ids = list(range(newest, max(newest - SEARCH, newest >> 64 << 64), -1))
            for found in read(self.chain.rpc, [feed.query("getRoundData", i) for i in ids], head):
                if 0 < int(found[3]) <= start:
                    return (int(found[0]),)
            newest = ids[-1] - 1
        return ()
