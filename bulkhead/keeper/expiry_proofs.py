"""Where the proof of an expiry price can start: the feed round in force when the settlement window began."""

from __future__ import annotations

from bulkhead.chain.book import Cell
from bulkhead.chain.connection import Connection
from bulkhead.chain.errors import BulkheadError
from bulkhead.keeper.plan import ExpiryProof
from bulkhead.keeper.providers import Providers

#: Rounds looked at in one post.
SEARCH = 40
#: Posts of one search: beyond that the proof is tried without a hint.
MOST_POSTS = 60


class ExpiryProver:
    """Finds hints and remembers what was tried.

    Attributes:
        tried_at: Stamp of this keeper's last call for each cell [unix seconds].
        problems: What could not be read.
    """

    def __init__(self, chain: Connection, providers: Providers) -> None:
        self.chain = chain
        self.providers = providers
        self.tried_at: dict[Cell, int] = {}
        self.problems: list[str] = []
        self._hints: dict[Cell, tuple[int, ...]] = {}

    async def look(self, cell: Cell, block: int) -> ExpiryProof:
        """How the proof of a cell stands at a block."""
        if cell not in self._hints:
            try:
                self._hints[cell] = await self._search(cell, block)
            except BulkheadError as error:
                self.problems.append(f"hints for cell {cell}: {error}")
        hints = self._hints.get(cell, ())
        (price,) = await self.providers.read_each([self.chain["Settlement"].query("fix", *cell, list(hints))], block)
        if isinstance(price, BulkheadError):
            self.problems.append(f"fix of cell {cell}: {price}")
        return ExpiryProof(hints, isinstance(price, int) and price != 0, self.tried_at.get(cell, 0))

    async def _search(self, cell: Cell, block: int) -> tuple[int, ...]:
        market, expiry = cell
        feed = self.chain.feed(self.chain.deployment.market(market))
        words, latest = await self.providers.read_each(
            [self.chain["RiskParameters"].query("oracle", market), feed.query("latestRoundData")], block
        )
        for answer in (words, latest):
            if isinstance(answer, BulkheadError):
                raise answer
        start = expiry - (words >> 112 & 65535)
        newest = int(latest[0])
        for _ in range(MOST_POSTS):
            if not newest & (2**64 - 1):
                break
            ids = list(range(newest, max(newest - SEARCH, newest >> 64 << 64), -1))
            for found in await self.providers.read_each([feed.query("getRoundData", i) for i in ids], block):
                # a round that cannot be read is passed over: the contract does the same
                if not isinstance(found, BulkheadError) and 0 < int(found[3]) <= start:
                    return (int(found[0]),)
            newest = ids[-1] - 1
        return ()
