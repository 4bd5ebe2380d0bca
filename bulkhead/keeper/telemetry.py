"""/healthz and /metrics over HTTP, and the figures behind them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

#: Blocks without a finished tick after which the keeper calls itself unhealthy.
LATE_BLOCKS = 3
#: Seconds without an answer of any node, or without a tick, that are always allowed.
LEAST_SECONDS = 10.0


class Metrics:
    """Prometheus metrics of one keeper."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.tick_seconds = Histogram(
            "bulkhead_keeper_tick_seconds", "From seeing a block to having acted on it", registry=r,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )  # fmt: skip
        self.head = Gauge("bulkhead_keeper_head_block", "Newest block seen", registry=r)
        self.finished = Gauge("bulkhead_keeper_finished_block", "Newest block acted on", registry=r)
        self.lag = Gauge("bulkhead_keeper_lag_seconds", "Clock time less the stamp of the newest block", registry=r)
        self.vaults = Gauge("bulkhead_keeper_vaults", "Vaults known, by state", ["state"], registry=r)
        self.pending = Gauge("bulkhead_keeper_pending", "Transactions in flight", registry=r)
        self.transactions = Gauge(
            "bulkhead_keeper_transactions_total", "Transactions, by outcome", ["outcome"], registry=r
        )
        self.gas = Gauge("bulkhead_keeper_gas_wei_total", "Paid for gas, by outcome", ["outcome"], registry=r)
        self.gas_of = Gauge(
            "bulkhead_keeper_call_gas_wei_total", "Paid for gas, by function called", ["call"], registry=r
        )
        self.samples = Gauge(
            "bulkhead_keeper_samples_total", "Samples of brought prices: on chain or lost", ["market", "outcome"],
            registry=r,
        )  # fmt: skip
        self.balance = Gauge("bulkhead_keeper_balance_wei", "Native coin of the account", registry=r)
        self.tokens = Gauge("bulkhead_keeper_tokens", "Quote tokens of the account, by market", ["market"], registry=r)
        self.profit = Gauge(
            "bulkhead_keeper_profit", "Profit in quote by market: realised, marked, tips", ["market", "part"],
            registry=r,
        )  # fmt: skip
        self.takes = Gauge("bulkhead_keeper_takes_total", "Takes, by market", ["market"], registry=r)
        self.bonus = Gauge(
            "bulkhead_keeper_bonus_total", "Gain of takes at mark when they were made, in quote", ["market"], registry=r
        )
        self.capital = Gauge(
            "bulkhead_keeper_capital", "Tokens brought in from outside, in quote", ["market"], registry=r
        )
        self.posts = Gauge("bulkhead_keeper_rpc_posts_total", "HTTP posts, by node", ["node"], registry=r)
        self.failures = Gauge("bulkhead_keeper_rpc_failures_total", "Failed posts, by node", ["node"], registry=r)
        self.node_head = Gauge("bulkhead_keeper_node_head_block", "Newest block of a node", ["node"], registry=r)
        self.problems = Counter("bulkhead_keeper_problems", "Things that could not be read", registry=r)
        self.mismatches = Gauge("bulkhead_keeper_mismatches_total", "Differences found by reconciling", registry=r)
        self.reorgs = Gauge("bulkhead_keeper_reorgs_total", "Reorganisations seen", registry=r)
        self.alerts = Gauge("bulkhead_keeper_alerts_total", "Alerts told", registry=r)
        self.read_failures = Counter("bulkhead_keeper_read_failures", "Looks that failed as a whole", registry=r)

    def page(self) -> bytes:
        """The metrics as text."""
        return bytes(generate_latest(self.registry))


@dataclass
class Health:
    """Whether blocks and ticks still come.

    Attributes:
        head: Newest block seen.
        finished: Newest block with a finished tick.
        interval: Seconds between blocks, 0 while unknown or irregular.
        heard_at: When a node last answered with a head [monotonic seconds].
        finished_at: When a tick last finished.
        cannot_send: Why nothing can be sent, empty when it can.
        status: Tells what it holds and watches, when somebody asks.
        report: Tells what it has earned.
        details: What keeps it from its work though it runs: sentences by what they are about.
    """

    head: int = -1
    finished: int = -1
    interval: float = 0.0
    heard_at: float = field(default_factory=time.monotonic)
    news_at: float = field(default_factory=time.monotonic)
    finished_at: float = field(default_factory=time.monotonic)
    cannot_send: str = ""
    details: dict[str, str] = field(default_factory=dict)
    status: Callable[[], dict[str, Any]] = dict
    report: Callable[[], dict[str, Any]] = dict

    def complaint(self) -> str:
        """What is wrong, empty when nothing is."""
        now = time.monotonic()
        patience = max(LATE_BLOCKS * self.interval, LEAST_SECONDS)
        if self.cannot_send:
            return self.cannot_send
        if self.head - self.finished >= LATE_BLOCKS and self.finished >= 0:
            return f"{self.head - self.finished} blocks without a finished tick"
        if self.finished < 0 and now - self.finished_at > patience:
            return "no tick has finished yet"
        if now - self.heard_at > patience:
            return f"no node has answered for {now - self.heard_at:.0f} s"
        if self.interval and now - self.news_at > patience:
            return f"no new block for {now - self.news_at:.0f} s"
        # blocks may come rarely: what counts is how long the newest one has waited
        if self.head > self.finished and now - self.news_at > patience:
            return f"no tick has finished for {now - self.finished_at:.0f} s"
        return ""


class Server:
    """Serves the pages on one port."""

    def __init__(self, metrics: Metrics, health: Health, host: str, port: int) -> None:
        self.metrics, self.health = metrics, health
        self.host, self.port = host, port
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listens; port 0 takes a free one and says which."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/status", self._status)
        app.router.add_get("/report", self._report)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stops listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, request: web.Request) -> web.Response:
        del request
        complaint = self.health.complaint()
        body: dict[str, object] = {"head": self.health.head, "finished": self.health.finished, "complaint": complaint}
        body["details"] = self.health.details
        return web.json_response(body, status=503 if complaint else 200)

    async def _status(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({**self.health.status(), "details": self.health.details})

    async def _report(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(self.health.report())

    async def _metrics(self, request: web.Request) -> web.Response:
        del request
        return web.Response(body=self.metrics.page(), headers={"content-type": CONTENT_TYPE_LATEST})
