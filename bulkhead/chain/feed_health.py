"""Whether the feeds of a market answer as they should: with a price within bounds, young enough, near one another."""

from __future__ import annotations

from dataclasses import dataclass

from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import read, read_each
from bulkhead.chain.deployment import MarketEntry
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.parameters import ParameterSet
from bulkhead.risk.feed_word import FeedKind, FeedWord

#: A finding: whether it holds, and in words.
Finding = tuple[bool, str]
WAD = 10**18


@dataclass(frozen=True)
class _Answer:
    """Newest answer of a feed: price [wad], 0 for none, and stamp [unix seconds]."""

    price: int
    at: int
    said: str


def check_feeds(chain: Connection, entry: MarketEntry) -> list[Finding]:
    """What primary, fallback and sequencer feed of a market answer now, and what the oracle makes of it."""
    oracle = chain["OracleAdapter"]
    words, packed, snapshot = read(
        chain.rpc,
        [
            oracle.query("market_words", entry.index),
            chain["RiskParameters"].query("words", entry.index),
            oracle.query("snapshot", entry.index, 0),
        ],
    )
    now = chain.rpc.timestamp()
    findings: list[Finding] = []
    prices: list[int] = []
    for role, word in zip(("primary", "fallback"), words[:2], strict=True):
        if not word:
            continue
        feed = FeedWord.unpack(word)
        name = f"{entry.symbol}'s {role} feed"
        answer = _answer(chain, feed)
        is_bounded = feed.least < answer.price < feed.most
        findings.append((is_bounded, f"{name} at {feed.source} answers {answer.said}"))
        if is_bounded:
            prices.append(answer.price)
            findings.append(_age(name, answer.at, now, feed))
    if len(prices) == 2:
        most = ParameterSet.unpack(packed).values["deviation_bps"]
        apart = abs(prices[0] - prices[1]) * 10_000 // min(prices)
        findings.append((apart <= most, f"{entry.symbol}'s feeds are {apart} bp apart, at most {most}"))
    findings += _sequencer(chain, entry)
    spot = int(snapshot.spot)
    findings.append((spot in prices and spot > 0, f"{entry.symbol} has a spot of {spot / WAD:,.2f}"))
    return findings


def _answer(chain: Connection, feed: FeedWord) -> _Answer:
    source = chain.aggregator(feed.source)
    found, decimals = read_each(chain.rpc, [source.query("latestRoundData"), source.query("decimals")])
    for one in (found, decimals):
        if isinstance(one, BulkheadError):
            return _Answer(0, 0, f"nothing ({one})")
    if decimals != feed.decimals:
        return _Answer(0, 0, f"with {decimals} decimals, and was listed with {feed.decimals}")
    price, at = int(found[1]) * 10 ** (18 - feed.decimals), int(found[3])
    return _Answer(price, at, f"{price / WAD:,.4f}")


def _age(name: str, at: int, now: int, feed: FeedWord) -> Finding:
    if feed.kind == FeedKind.BROUGHT:
        return True, f"{name} is brought with each call, its last price is {now - at:,} s old"
    return 0 <= now - at <= feed.age_limit, f"{name} answered {now - at:,} s ago, at most {feed.age_limit:,}"


def _sequencer(chain: Connection, entry: MarketEntry) -> list[Finding]:
    address = entry.feeds[2] if len(entry.feeds) > 2 else ""
    if not address:
        return []
    (found,) = read_each(chain.rpc, [chain.aggregator(address).query("latestRoundData")])
    name = f"{entry.symbol}'s sequencer feed at {address}"
    if isinstance(found, BulkheadError):
        return [(False, f"{name} answers nothing ({found})")]
    return [(int(found[1]) == 0, f"{name} says {'up' if int(found[1]) == 0 else 'down'}")]
