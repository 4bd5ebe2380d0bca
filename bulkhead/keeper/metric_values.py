"""What a look has found and a sender has done, as figures for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from bulkhead.keeper.observe import Observer
from bulkhead.keeper.state import KeeperState
from bulkhead.keeper.telemetry import Metrics
from bulkhead.keeper.wallets import Wallets
from bulkhead.risk.words import WAD


def show(
    metrics: Metrics, observer: Observer, wallets: Wallets, states: Sequence[KeeperState], vaults: Mapping[str, int]
) -> None:
    """Sets the figures.

    Args:
        metrics: Where.
        observer: What is known.
        wallets: What was sent.
        states: The last look, as each of them sees it.
        vaults: How many there are, by what is said of them.
    """
    counts, state = wallets.counts, states[0]
    metrics.finished.set(state.block)
    metrics.lag.set(max(time.time() - state.now, 0.0))
    for name, count in vaults.items():
        metrics.vaults.labels(name).set(count)
    metrics.pending.set(len(wallets.pending))
    for name in ("sent", "bumped", "mined", "reverted", "refused", "cancelled", "foreign"):
        metrics.transactions.labels(name).set(getattr(counts, name))
    metrics.gas.labels("all").set(counts.gas)
    metrics.gas.labels("reverted").set(counts.gas_reverted)
    for name, paid in counts.gas_of.items():
        metrics.gas_of.labels(name).set(paid)
    for symbol, outcome, number in observer.bringer.figures():
        metrics.samples.labels(symbol, outcome).set(number)
    metrics.balance.set(min(sender.balance for sender in wallets.senders))
    for market in state.markets.values():
        symbol = observer.queries.markets[market.market].symbol
        held = sum(seen.markets[market.market].wallet for seen in states)
        metrics.tokens.labels(symbol).set(held * market.native / WAD)
    for node in observer.providers.nodes:
        metrics.posts.labels(node.name).set(node.posts)
        metrics.failures.labels(node.name).set(node.failures)
        metrics.node_head.labels(node.name).set(node.head)
    metrics.mismatches.set(observer.registry.mismatches)
    metrics.reorgs.set(observer.discovery.reorgs)
