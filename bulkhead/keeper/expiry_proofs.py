"""Where the proof of an expiry price can start: the feed rounds in force when the settlement window began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bulkhead.chain.book import Cell
from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import Contract
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.expiry_hints import feeds_with_rounds, raise_unless_reverted, stamp_of
from bulkhead.keeper.plan import ExpiryProof
from bulkhead.keeper.providers import Providers
from bulkhead.risk.feed_word import FeedWord
from bulkhead.risk.round_search import find_in_posts, find_start
from bulkhead.risk.settlement_average import PHASE_BITS


@dataclass(frozen=True)
class _Found:
    """What one search gave.

    Attributes:
        words: Feeds that keep rounds, of the cell's terms.
        phases: Of the newest round of each of them, None while it does not answer.
        hints: Rounds in force when the window began.
    """

    words: tuple[FeedWord, ...]
    phases: tuple[int | None, ...]
    hints: tuple[int, ...]


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
        self._found: dict[Cell, _Found] = {}
        self._places: dict[Cell, tuple[int, ...]] = {}
        self._tried: dict[Cell, tuple[int, ...]] = {}

    async def look(self, cell: Cell, block: int) -> ExpiryProof:
        """How the proof of a cell stands at a block."""
        if cell not in self._found:
            try:
                self._found[cell] = await self._search(cell, block)
            except BulkheadError as error:
                self.problems.append(f"hints for cell {cell}: {error}")
        known = cell in self._found
        found = self._found.get(cell, _Found((), (), ()))
        queries = [self.chain["Settlement"].query("fix", *cell, list(found.hints))]
        queries += [self._feed(word).query("latestRoundData") for word in found.words]
        queries += [self.chain["ExpiryPrices"].query("progress", *cell, word.source) for word in found.words]
        price, *told = await self.providers.read_each(queries, block)
        newest, kept = told[: len(found.words)], told[len(found.words) :]
        if found.phases != _phases(newest):
            # in a new phase progress is void and the start may be another
            self._found.pop(cell, None)
        if isinstance(price, BulkheadError):
            self.problems.append(f"fix of cell {cell}: {price}")
        place = _place(newest, kept)
        moves = cell in self._tried and self._tried[cell] != place and _is_behind(newest, kept)
        self._places[cell] = place
        final, walks = isinstance(price, int) and price != 0, bool(found.words) or not known
        return ExpiryProof(found.hints, final, self.tried_at.get(cell, 0), moves, walks)

    def tried(self, cell: Cell, now: int) -> None:
        """Notes a call, and how far the cell's sums had come before it."""
        self.tried_at[cell], self._tried[cell] = now, self._places.get(cell, ())

    def _feed(self, word: FeedWord) -> Contract:
        return self.chain.aggregator(word.source)

    async def _search(self, cell: Cell, block: int) -> _Found:
        (terms,) = await self.providers.read_each([self.chain["OracleAdapter"].query("cell_terms", *cell)], block)
        if isinstance(terms, BulkheadError):
            raise terms
        words = feeds_with_rounds(terms)
        newest = await self.providers.read_each([self._feed(word).query("latestRoundData") for word in words], block)
        hints = []
        for word, latest in zip(words, newest, strict=True):
            if isinstance(latest, BulkheadError):
                raise_unless_reverted(latest)
                continue
            hint = await self._start(word, int(latest[0]), cell[1] - terms.window, block)
            if hint is not None:
                hints.append(hint)
        return _Found(words, _phases(newest), tuple(hints))

    async def _start(self, word: FeedWord, newest: int, start: int, block: int) -> int | None:
        """The round of one feed in force at the window's start."""
        feed = self._feed(word)

        async def stamps_of(ids: list[int]) -> list[int]:
            rounds = await self.providers.read_each([feed.query("getRoundData", i) for i in ids], block)
            return [stamp_of(word, found) for found in rounds]

        return await find_in_posts(find_start(newest, start), stamps_of)


def _place(newest: list[Any], kept: list[Any]) -> tuple[int, ...]:
    """The round that the sum of each feed has come to."""
    pairs = zip(newest, kept, strict=True)
    return tuple(0 if isinstance(p, BulkheadError) or isinstance(n, BulkheadError) else int(p.id) for n, p in pairs)


def _is_behind(newest: list[Any], kept: list[Any]) -> bool:
    """Whether a sum that has begun has not come to its feed's newest round, nor to the end of its window."""
    return any(
        not isinstance(p, BulkheadError)
        and not isinstance(n, BulkheadError)
        and p.begun != 0
        and not p.done
        and p.id < int(n[0])
        for n, p in zip(newest, kept, strict=True)
    )


def _phases(newest: list[Any]) -> tuple[int | None, ...]:
    return tuple(None if isinstance(found, BulkheadError) else int(found[0]) >> PHASE_BITS for found in newest)
