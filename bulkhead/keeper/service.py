"""The keeper's loop: one tick per block, whatever happens to nodes, to single vaults, or to itself.

A tick looks, decides and sends. Receipts, replacements, reconciling and the index's grids follow behind it, so that
nothing stands between a new price and the transactions it asks for.
"""

from __future__ import annotations

import asyncio
import signal
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from bulkhead.chain.connection import Connection
from bulkhead.chain.errors import BulkheadError
from bulkhead.keeper.alerts import Alerts
from bulkhead.keeper.bringer import FeedPlan
from bulkhead.keeper.brought import BringSamples
from bulkhead.keeper.calls import Call, call_of, kind
from bulkhead.keeper.complaints import node_complaints
from bulkhead.keeper.decide import BUGS, decide
from bulkhead.keeper.executor import Executor, SenderExecutor
from bulkhead.keeper.exposure import shortages
from bulkhead.keeper.journal import JournalUnavailable
from bulkhead.keeper.json_log import JsonLog
from bulkhead.keeper.node import Head
from bulkhead.keeper.observe import Observer
from bulkhead.keeper.plan import Action, Fix, Flag, FlagMany, KeeperState, Policy, Refresh
from bulkhead.keeper.providers import Providers
from bulkhead.keeper.schedule import BlockSchedule, Pace
from bulkhead.keeper.sender import Sender
from bulkhead.keeper.status import status_of
from bulkhead.keeper.telemetry import Health, Metrics
from bulkhead.risk.words import WAD

#: Margin calls told at one block: in a crash there are thousands, and the next block has other things to do.
MOST_CALLS = 20
#: With fewer coins than this not even an empty transaction is paid for [wei].
LEAST_COINS = 21_000 * 10**9
#: A block that has cost so many posts leaves reconciling to a later one.
POSTS_A_BLOCK = 3


@dataclass(frozen=True)
class Tick:
    """What one tick did.

    Attributes:
        block: Block it looked at; -1 when the look failed.
        planned: Actions planned.
        sent: Transactions sent.
        failed: Actions that were refused or could not be sent.
        pending: Transactions in flight afterwards.
    """

    block: int
    planned: int
    sent: int
    failed: int
    pending: int = 0


class Keeper:
    """A keeper for one deployment.

    Attributes:
        observer: What it knows.
        sender: What it sends with.
        health: Whether it still ticks.
        metrics: Figures for Prometheus.
        ticked: Set after every tick.
        last: The last tick.
        coin_market: Market whose spot is the price of the native coin; -1 leaves that price as it is.
        completed: Newest block that was acted on, and what follows a tick done; -1 before the first.
        schedule: When the next block is due.
    """

    def __init__(
        self,
        chain: Connection,
        providers: Providers,
        sender: Sender,
        log: JsonLog,
        policy: Policy | None = None,
        alerts: Alerts | None = None,
        executor: Executor | None = None,
        dry_run: bool = False,
        pace: Pace | None = None,
        plans: Sequence[FeedPlan] = (),
    ) -> None:
        self.chain, self.providers, self.sender, self.log = chain, providers, sender, log
        self.policy = policy or Policy()
        self.alerts = alerts or Alerts("", 900.0, log)
        self.executor: Executor = executor or SenderExecutor(sender)
        self.dry_run = dry_run
        self.pace = pace or Pace()
        self.schedule = BlockSchedule(self.pace.poll)
        self.coin_market = -1
        self.observer = Observer(
            chain, providers, sender, self.policy.roles, plans if "bring" in self.policy.roles else ()
        )
        self.health = Health()
        self.metrics = Metrics()
        self.ticked = asyncio.Event()
        self.last = Tick(-1, 0, 0, 0)
        self.completed = -1
        self._stop = asyncio.Event()
        self._seen: Head | None = None
        self._checked_at = 0.0
        self._posts = 0
        self._drawing: asyncio.Task[None] | None = None

    # --- one tick ---------------------------------------------------------------------------------------------

    async def tick(self, head: Head | None = None) -> Tick:
        """Looks at a block, the newest if none is given, and acts once."""
        started = time.monotonic()
        try:
            if head is None:
                head = await self.providers.head()
            state = await self.observer.look(head)
        except BulkheadError as error:
            self.metrics.read_failures.inc()
            self._cannot_see(error)
            return self._done(Tick(-1, 0, 0, 1, len(self.sender.pending)))
        self._take_outcomes(head)
        self._tell_problems(head)
        self._price_coin(state)
        actions = decide(state, self.policy, lambda role, error: self._bug(error, role=role, block=head.number))
        sent, failed = await self._act(state, actions, head)
        seconds = time.monotonic() - started
        tick = Tick(head.number, len(actions), sent, failed, len(self.sender.pending))
        self._report(state, tick, seconds, head)
        self._tell_shortages(state)
        return self._done(tick)

    def _price_coin(self, state: KeeperState) -> None:
        """What gas may cost follows the price of the coin it is paid in."""
        for (market, _), view in state.cells.items():
            if market == self.coin_market and view.snapshot.spot:
                self.sender.fees = replace(self.sender.fees, coin_price=view.snapshot.spot)

    def _bug(self, error: Exception, **fields: Any) -> None:
        """Tells of a bug, loudly; the watch goes on."""
        self.log("bug", reason=repr(error), trace=traceback.format_exc(), **fields)
        self.alerts("bug", type(error).__name__, f"The keeper hit a bug: {error!r}")

    def _cannot_see(self, error: BulkheadError) -> None:
        self.log("read-failed", reason=str(error))
        complaint = self.health.complaint()
        if complaint:
            self.alerts("blind", self.sender.address, f"The keeper does not see the chain: {complaint}.")

    def _tell_problems(self, head: Head) -> None:
        """Logs what could not be read, or differed, since the last time."""
        problems, self.observer.registry.problems = self.observer.problems, []
        for problem in problems:
            self.metrics.problems.inc()
            self.log("unknown", block=head.number, reason=problem)

    def _done(self, tick: Tick) -> Tick:
        self.last = tick
        self.ticked.set()
        return tick

    def _take_outcomes(self, head: Head) -> None:
        for outcome in self.observer.outcomes:
            attempt = outcome.attempt
            role = attempt.key.partition(":")[0]
            if outcome.reason:
                self.log("attempt-ended", id=attempt.id, key=attempt.key, reason=outcome.reason, block=head.number)
            if outcome.reason == "reverted":
                self.alerts("reverted", role, f"A transaction for {attempt.key} was mined and reverted.", id=attempt.id)

    async def _act(self, state: KeeperState, actions: Sequence[Action], head: Head) -> tuple[int, int]:
        if self.dry_run:
            for action in actions:
                self.log("would", block=head.number, **call_of(self.chain, state.keeper, state.now, action).fields())
            return 0, 0
        calls: list[Call] = []
        for action in actions:
            if isinstance(action, Fix):
                self.observer.prover.tried(action.cell, state.now)
            elif isinstance(action, Refresh):
                self.observer.refreshed(action.cell, state.now)
            elif isinstance(action, BringSamples):
                self.observer.bringer.sent(action)
            try:
                calls.append(call_of(self.chain, state.keeper, state.now, action))
            except BUGS as error:
                # what cannot be written as a call must not keep the others from going out
                self._bug(error, action=kind(action), block=head.number)
        try:
            sent, refused = await self.executor.submit(calls, head) if calls else (0, [])
            if calls:
                self.health.cannot_send = ""
        except BulkheadError as error:
            if isinstance(error, JournalUnavailable):
                self.alerts("journal", self.sender.address, f"Nothing can be sent: {error}")
                self.health.cannot_send = f"nothing can be sent: {error}"
            self.log("send-failed", reason=str(error), block=head.number, planned=len(calls))
            return 0, len(calls)
        for call, reason in refused:
            if isinstance(call.action, BringSamples):
                self.observer.bringer.refused(call.action)
            self.log("action-failed", reason=reason, block=head.number, key=call.key, **call.fields())
        dear = [call for call, reason in refused if isinstance(call.action, Flag | FlagMany) and "dearer" in reason]
        if dear:
            self.alerts(
                "gas-cap", self.sender.address, "Flags wait: gas is dearer than they are worth (gas_share, stake).",
                waiting=len(dear),
            )  # fmt: skip
        if any("too few for gas" in reason for _, reason in refused):
            self.alerts(
                "no-funds", self.sender.address, "The keeper cannot pay for gas.", balance=str(self.sender.balance)
            )
        return sent, len(refused)

    async def after(self, head: Head) -> None:
        """What follows a tick: replacements, reconciling, grids, alerts."""
        reconciled = 0
        try:
            if not self.dry_run:
                await self.sender.maintain(head)
            reconciled = await self.observer.reconcile(head, self.providers.posts - self._posts < POSTS_A_BLOCK)
        except BulkheadError as error:
            self.log("after-failed", reason=str(error), block=head.number)
        self._tell_problems(head)
        if self.observer.index.due and (self._drawing is None or self._drawing.done()):
            self._drawing = asyncio.create_task(self.observer.index.draw())
        told = 0
        for vault_id, view in self.observer.registry.margin_calls.items():
            told += self.alerts(
                "margin-call", vault_id, f"Vault {vault_id} is below 1.2 times its maintenance margin.",
                owner=view.owner, equity=round(view.equity / WAD, 2), margin=round(view.maintenance_margin / WAD, 2),
            )  # fmt: skip
            if told == MOST_CALLS:
                break
        for kind_, about, text in self.observer.bringer.complaints(head.timestamp):
            self.alerts(kind_, about, text)
        self._tell_nodes()
        self._posts = self.providers.posts
        self.log("completed", block=head.number, reconciled=reconciled, posts=self._posts)

    def _report(self, state: KeeperState, tick: Tick, seconds: float, head: Head) -> None:
        flagged = sum(v.flagged for v in state.vaults.values())
        unsafe = sum(v.liquidatable for v in state.vaults.values())
        vaults = len(self.observer.discovery.book.vaults)
        self.health.finished, self.health.finished_at = head.number, time.monotonic()
        m, counts = self.metrics, self.sender.counts
        m.tick_seconds.observe(seconds)
        m.finished.set(head.number)
        m.lag.set(max(time.time() - head.timestamp, 0.0))
        for name, count in (
            ("open", vaults), ("near", len(state.vaults)), ("unknown", len(state.unknown)), ("liquidatable", unsafe),
            ("flagged", flagged), ("margin-call", len(self.observer.registry.margin_calls)),
        ):  # fmt: skip
            m.vaults.labels(name).set(count)
        m.pending.set(tick.pending)
        for name in ("sent", "bumped", "mined", "reverted", "refused", "cancelled", "foreign"):
            m.transactions.labels(name).set(getattr(counts, name))
        m.gas.labels("all").set(counts.gas)
        m.gas.labels("reverted").set(counts.gas_reverted)
        for name, paid in counts.gas_of.items():
            m.gas_of.labels(name).set(paid)
        for symbol, outcome, number in self.observer.bringer.figures():
            m.samples.labels(symbol, outcome).set(number)
        m.balance.set(self.sender.balance)
        for market in state.markets.values():
            m.tokens.labels(self.observer.queries.markets[market.market].symbol).set(
                market.wallet * market.native / WAD
            )
        for node in self.providers.nodes:
            m.posts.labels(node.name).set(node.posts)
            m.failures.labels(node.name).set(node.failures)
            m.node_head.labels(node.name).set(node.head)
        m.mismatches.set(self.observer.registry.mismatches)
        m.reorgs.set(self.observer.discovery.reorgs)
        m.alerts.set(self.alerts.told)
        self.log(
            "tick", block=head.number, now=state.now, vaults=vaults, near=len(state.vaults), unknown=len(state.unknown),
            liquidatable=unsafe, flagged=flagged, planned=tick.planned, sent=tick.sent, failed=tick.failed,
            pending=tick.pending, milliseconds=round(seconds * 1000), posts=self.providers.posts,
        )  # fmt: skip

    # --- the loop ---------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ends the loop after the tick that runs."""
        self._stop.set()
        self.providers.wake.set()

    def catch_signals(self) -> None:
        """SIGTERM and SIGINT end the loop cleanly."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.stop)

    async def run(self) -> None:
        """Ticks with every new block, and again without one when something failed, until `stop`."""
        self.log(
            "started", keeper=self.sender.address, chain=self.chain.deployment.chain_id, dry_run=self.dry_run,
            nodes=[node.name for node in self.providers.nodes], roles=sorted(self.policy.roles),
        )  # fmt: skip
        retry_at = 0.0
        while not self._stop.is_set():
            try:
                head = await self._news(retry_at)
                if head is None:
                    continue
                done = await self.tick(head)
                if done.block >= 0:
                    await self.after(head)
                    self._seen, self.completed = head, head.number
                retry_at = time.monotonic() + self.pace.retry if done.failed else 0.0
                patience = self.schedule.patience(self.providers.listening)
                await self._pause(min(patience, self.pace.retry) if done.failed else patience)
            except BulkheadError as error:
                self._cannot_see(error)
                await self._pause(self.pace.poll)
            except BUGS as error:
                self._bug(error)
                await self._pause(max(self.pace.poll, 0.2))
        await self.close()
        self.log("stopped", **self.summary())

    async def close(self) -> None:
        """Waits for what runs beside the loop and closes connections and journal."""
        if self._drawing is not None:
            self._drawing.cancel()
            await asyncio.gather(self._drawing, return_exceptions=True)
        await self.observer.bringer.close()
        await self.alerts.close()
        await self.executor.close()
        await self.providers.close()

    async def watch(self, seconds: float) -> None:
        """Waits until nothing is in flight any more, at most so long; sends nothing new."""
        deadline = time.monotonic() + seconds
        while self.sender.pending and time.monotonic() < deadline:
            head = await self.providers.head()
            self.sender.take_in(head, await self.providers.read(self.sender.calls(head), head.number))
            await asyncio.sleep(self.pace.poll if self.sender.pending else 0)

    async def _news(self, retry_at: float) -> Head | None:
        """Waits for a block that is not the last one, or until a failed tick is due again; None to look anew."""
        now = time.monotonic()
        check = now - self._checked_at >= self.pace.check and len(self.providers.nodes) > 1
        if check:
            self._checked_at = now
        self.providers.wake.clear()
        self.providers.quorum.interval = self.schedule.interval
        told = self.providers.take_announced()
        head = await (self.providers.heard() if told is not None and not check else self.providers.head(check))
        self._tell_nodes()
        self.health.heard_at = time.monotonic()
        self.health.head = head.number
        self.metrics.head.set(head.number)
        last = self._seen
        if last is None or head.hash != last.hash:
            if last is None or head.number != last.number:
                self.schedule.arrived()
            self.health.news_at, self.health.interval = time.monotonic(), self.schedule.interval
            return head
        if retry_at and now >= retry_at:
            return head
        await self._pause(self.schedule.patience(self.providers.listening))
        return None

    def _tell_shortages(self, state: KeeperState) -> None:
        """Tells of missing capital and of limits, once each, and shows them as long as they last."""
        found = shortages(state, self.policy)
        for kind_, about, text in found:
            self.alerts(kind_, about, text)
        details = {f"{kind_}:{about}": text for kind_, about, text in found}
        details |= {f"{kind_}:{node}": text for node, kind_, text in node_complaints(self.providers)}
        if self.sender.counts.poor and self.sender.balance < LEAST_COINS:
            details[f"no-funds:{self.sender.address}"] = "The keeper cannot pay for gas."
        self.health.details = details
        self.health.status = partial(status_of, state, self.policy, self.sender, self.providers)

    def _tell_nodes(self) -> None:
        """Tells of nodes that are not believed, each by its name."""
        for node, kind_, text in node_complaints(self.providers):
            self.alerts(kind_, node, text)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.providers.wake.wait(), seconds)
        except TimeoutError:
            return

    def summary(self) -> dict[str, Any]:
        """What the keeper did so far."""
        counts = self.sender.counts
        return {**vars(counts), "posts": self.providers.posts, "mismatches": self.observer.registry.mismatches}
