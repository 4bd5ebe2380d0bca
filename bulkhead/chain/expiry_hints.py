"""Hints for the proof of an expiry price: the rounds of a cell's feeds that were in force when the window began."""

from __future__ import annotations

from typing import Any

from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import read_each
from bulkhead.chain.errors import BulkheadError, Reverted
from bulkhead.chain.vaults_from_logs import Cell
from bulkhead.risk.feed_word import FeedKind, FeedWord
from bulkhead.risk.round_search import find_in_parts, find_start


def feeds_with_rounds(terms: Any) -> tuple[FeedWord, ...]:
    """Feeds of a cell's terms that keep rounds; brought prices need no hint."""
    packed = [word for word in (terms.primary, terms.fallback_feed) if word]
    return tuple(word for word in map(FeedWord.unpack, packed) if word.kind != FeedKind.BROUGHT)


def raise_unless_reverted(error: BulkheadError) -> None:
    """A node's failure must not pass for a round that the feed does not have."""
    if not isinstance(error, Reverted):
        raise error


def stamp_of(word: FeedWord, found: Any) -> int:
    """When a round was answered [unix seconds], 0 if it does not count."""
    if isinstance(found, BulkheadError):
        raise_unless_reverted(found)
        return 0
    return int(found[3]) if word.least < int(found[1]) * 10 ** (18 - word.decimals) < word.most else 0


def expiry_hints(chain: Connection, cell: Cell) -> list[int]:
    """Hints for `Settlement.fix` of a cell.

    Raises:
        BulkheadError: The node failed, or the cell has no terms.
    """
    terms = chain["OracleAdapter"].call("cell_terms", *cell)
    hints: list[int] = []
    for word in feeds_with_rounds(terms):
        feed = chain.aggregator(word.source)

        def stamps_of(ids: list[int], word: FeedWord = word) -> list[int]:
            queries = [chain.aggregator(word.source).query("getRoundData", i) for i in ids]
            return [stamp_of(word, found) for found in read_each(chain.rpc, queries)]

        try:
            newest = int(feed.call("latestRoundData")[0])
        except Reverted:
            continue
        found = find_in_parts(find_start(newest, cell[1] - terms.window), stamps_of)
        if found is not None:
            hints.append(found)
    return hints
