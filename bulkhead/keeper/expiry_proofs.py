"""Where the proof of an expiry price can start: the feed rounds in force when the settlement window began.

Every node that is believed is asked for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import Contract
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.expiry_hints import feeds_with_rounds, raise_unless_reverted, stamp_of
from bulkhead.chain.vaults_from_logs import Cell
from bulkhead.keeper.node import Head
from bulkhead.keeper.readers import FanOut, Reader
from bulkhead.keeper.state import ExpiryProof
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


@dataclass(frozen=True)
class _Seen:
    """How a proof stands by one reader.

    Attributes:
        found: Where it can start.
        price: What one more call would fix [wad], 0 for nothing yet, None where that is not known.
        place: The round that the sum of each feed has come to.
        behind: A sum has not come to its feed's newest round.
        problem: Why the price is not known.
    """

    found: _Found
    price: int | None
    place: tuple[int, ...]
    behind: bool
    problem: str = ""


class ExpiryProver:
    """Finds hints, of each node its own, and remembers what was tried.

    Useless hints are ignored on chain: one node that knows the rounds is enough, whatever the others say.

    Attributes:
        tried_at: Stamp of this keeper's last call for each cell [unix seconds].
        problems: What could not be read, and what nodes say differently.
        differing: Nodes that did not say the same about a proof at the last look.
    """

    def __init__(self, chain: Connection, readers: Callable[[Head], Sequence[Reader]]) -> None:
        self.chain = chain
        self.readers = readers
        self.fan_out = FanOut()
        self.tried_at: dict[Cell, int] = {}
        self.problems: list[str] = []
        self.differing: set[str] = set()
        self._found: dict[tuple[Cell, str], _Found] = {}
        self._places: dict[tuple[Cell, str], tuple[int, ...]] = {}
        self._tried: dict[tuple[Cell, str], tuple[int, ...]] = {}

    async def look(self, cell: Cell, head: Head) -> ExpiryProof:
        """How the proof of a cell stands at a block."""
        told, failed = await self.fan_out.each(cell, self.readers(head), lambda reader: self._by(reader, cell, head))
        for seen in told.values():
            failed += [seen.problem] if seen.problem else []
        self.problems += [f"proof of cell {cell}: {reason}" for reason in failed]
        if not told:
            return ExpiryProof((), False, self.tried_at.get(cell, 0), False, True)
        moves = False
        for name, seen in told.items():
            before = self._tried.get((cell, name))
            moves |= before is not None and before != seen.place and seen.behind
            self._places[cell, name] = seen.place
        hints = dict.fromkeys(hint for seen in told.values() for hint in seen.found.hints)
        finals = [bool(seen.price) for seen in told.values()]
        differ = len({(seen.found, seen.price) for seen in told.values()}) > 1
        if differ:
            self.differing |= told.keys()
            self.problems.append(f"proof of cell {cell}: {' and '.join(sorted(told))} differ about it")
        # what only some call final may cost gas for nothing: it is tried as one that is not, which is now and then
        walks = differ or any(seen.found.words for seen in told.values())
        return ExpiryProof(tuple(hints), all(finals), self.tried_at.get(cell, 0), moves, walks)

    def tried(self, cell: Cell, now: int) -> None:
        """Notes a call, and how far the cell's sums had come before it."""
        self.tried_at[cell] = now
        self._tried.update({key: place for key, place in self._places.items() if key[0] == cell})

    async def _by(self, reader: Reader, cell: Cell, head: Head) -> _Seen:
        """How a proof stands by one reader.

        Raises:
            BulkheadError: It cannot say where the proof starts.
        """
        key = (cell, reader.name)
        if key not in self._found:
            self._found[key] = await self._search(reader, cell, head)
        found = self._found[key]
        queries = [self.chain["Settlement"].query("fix", *cell, list(found.hints))]
        queries += [self._feed(word).query("latestRoundData") for word in found.words]
        queries += [self.chain["ExpiryPrices"].query("progress", *cell, word.source) for word in found.words]
        price, *told = await reader.read(queries, head)
        newest, kept = told[: len(found.words)], told[len(found.words) :]
        if found.phases != _phases(newest):
            # in a new phase progress is void and the start may be another
            self._found.pop(key, None)
        known = int(price) if isinstance(price, int) else None
        problem = f"fix: {price}" if isinstance(price, BulkheadError) else ""
        return _Seen(found, known, _place(newest, kept), _is_behind(newest, kept), problem)

    def _feed(self, word: FeedWord) -> Contract:
        return self.chain.aggregator(word.source)

    async def _search(self, reader: Reader, cell: Cell, head: Head) -> _Found:
        (terms,) = await reader.read([self.chain["OracleAdapter"].query("cell_terms", *cell)], head)
        if isinstance(terms, BulkheadError):
            raise terms
        words = feeds_with_rounds(terms)
        newest = await reader.read([self._feed(word).query("latestRoundData") for word in words], head)
        hints = []
        for word, latest in zip(words, newest, strict=True):
            if isinstance(latest, BulkheadError):
                raise_unless_reverted(latest)
                continue
            hint = await self._start(reader, word, int(latest[0]), cell[1] - terms.window, head)
            if hint is not None:
                hints.append(hint)
        return _Found(words, _phases(newest), tuple(hints))

    async def _start(self, reader: Reader, word: FeedWord, newest: int, start: int, head: Head) -> int | None:
        """The round of one feed in force at the window's start."""
        feed = self._feed(word)

        async def stamps_of(ids: list[int]) -> list[int]:
            rounds = await reader.read([feed.query("getRoundData", i) for i in ids], head)
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
