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
from dataclasses import dataclass
from functools import partial
from typing import Any

from bulkhead.chain.background import end
from bulkhead.chain.connection import Connection
from bulkhead.chain.errors import BulkheadError
from bulkhead.keeper.books_update import Bookkeeper
from bulkhead.keeper.calls import Call, call_of, kind
from bulkhead.keeper.complaints import node_complaints, tell_margin_calls, tell_refusals
from bulkhead.keeper.decide import BUGS
from bulkhead.keeper.executor import Executor, SenderExecutor
from bulkhead.keeper.journal import JournalUnavailable
from bulkhead.keeper.json_log import JsonLog
from bulkhead.keeper.metric_values import show
from bulkhead.keeper.node import Head
from bulkhead.keeper.observe import Observer
from bulkhead.keeper.offerer import Offerer
from bulkhead.keeper.plan import Action, Fix, Refresh
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.price_updater import FeedPlan
from bulkhead.keeper.price_updates import BringSamples
from bulkhead.keeper.providers import Providers
from bulkhead.keeper.rehearsal import Rehearsal
from bulkhead.keeper.schedule import BlockSchedule, Pace
from bulkhead.keeper.shortages import shortages
from bulkhead.keeper.state import KeeperState
from bulkhead.keeper.status import status_of
from bulkhead.keeper.telemetry import Health, Metrics
from bulkhead.keeper.wallets import LEAST_COINS, Wallet, Wallets
from bulkhead.keeper.webhook import Alerts

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
        wallets: What it sends with.
        sender: The first of them.
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
        wallets: Sequence[Wallet],
        log: JsonLog,
        policy: Policy | None = None,
        alerts: Alerts | None = None,
        executor: Executor | None = None,
        dry_run: bool = False,
        pace: Pace | None = None,
        plans: Sequence[FeedPlan] = (),
    ) -> None:
        self.chain, self.providers, self.log = chain, providers, log
        self.policy = policy or Policy()
        self.wallets = Wallets(wallets, self.policy.shard[1])
        self.sender = self.wallets.all[0].sender
        self.alerts = alerts or Alerts("", 900.0, log)
        self.executor: Executor = executor or SenderExecutor(self.wallets)
        self.dry_run, self.rehearsal = dry_run, Rehearsal()
        self.pace = pace or Pace()
        self.schedule = BlockSchedule(self.pace.poll)
        self.coin_market = -1
        self.observer = Observer(
            chain, providers, self.wallets, self.policy.roles, plans if "bring" in self.policy.roles else (),
            self.policy.mine,
        )  # fmt: skip
        self.health, self.metrics = Health(), Metrics()
        journals = [sender.journal for sender in self.wallets.senders]
        self.bookkeeper = Bookkeeper(self.observer, journals, self.metrics, log)
        self.health.report = self.bookkeeper.report
        self.offerers: list[Offerer] = []
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
            self._cannot_see(error)
            await self.providers.doubt(head)
            return self._done(Tick(-1, 0, 0, 1, len(self.wallets.pending)))
        self._take_outcomes(head)
        self._tell_problems(head)
        self._price_coin(state)
        states = self.wallets.states(state, self.policy, self.observer.views_of)
        self.bookkeeper.see(states)
        decided = self.wallets.decide(
            states, self.policy, lambda role, error: self._bug(error, role=role, block=head.number)
        )
        sent, failed = await self._act(decided, head)
        seconds = time.monotonic() - started
        tick = Tick(head.number, sum(len(actions) for _, actions in decided), sent, failed, len(self.wallets.pending))
        self._report(state, tick, seconds, head)
        self._tell_shortages(states)
        return self._done(tick)

    def _price_coin(self, state: KeeperState) -> None:
        """What gas may cost follows the price of the coin it is paid in."""
        for (market, _), view in state.cells.items():
            if market == self.coin_market and view.snapshot.spot:
                self.wallets.priced(view.snapshot.spot)

    def _bug(self, error: Exception, **fields: Any) -> None:
        """Tells of a bug, loudly; the watch goes on."""
        self.log("bug", reason=repr(error), trace=traceback.format_exc(), **fields)
        self.alerts("bug", type(error).__name__, f"The keeper hit a bug: {error!r}")

    def _cannot_see(self, error: BulkheadError) -> None:
        self.metrics.read_failures.inc()
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

    async def _act(self, decided: Sequence[tuple[KeeperState, Sequence[Action]]], head: Head) -> tuple[int, int]:
        """Sends what each of the wallets is to do; returns how many went out and how many did not."""
        calls = [call for state, actions in decided for call in self._calls(state, actions, head)]
        if self.dry_run:
            for call in self.rehearsal.new(calls, head.timestamp):
                self.log("would", block=head.number, **self._wallet_of(call), **call.fields())
            return 0, 0
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
        tell_refusals(self.alerts, self.wallets, refused)
        return sent, len(refused)

    def _calls(self, state: KeeperState, actions: Sequence[Action], head: Head) -> list[Call]:
        """Actions of one wallet as calls, noted as tried."""
        calls: list[Call] = []
        for action in actions:
            if not self.dry_run:
                self._note(action, state.now)
            try:
                calls.append(call_of(self.chain, state.keeper, state.now, action))
            except BUGS as error:
                # what cannot be written as a call must not keep the others from going out
                self._bug(error, action=kind(action), block=head.number)
        return calls

    def _wallet_of(self, call: Call) -> dict[str, str]:
        """Which wallet a call is for, where there are several."""
        return {"wallet": call.wallet} if call.wallet and len(self.wallets.all) > 1 else {}

    def _note(self, action: Action, now: int) -> None:
        """Notes what is about to be tried."""
        if isinstance(action, Fix):
            self.observer.prover.tried(action.cell, now)
        elif isinstance(action, Refresh):
            self.observer.refreshed(action.cell, now)
        elif isinstance(action, BringSamples):
            self.observer.bringer.sent(action)

    async def after(self, head: Head) -> None:
        """What follows a tick: replacements, reconciling, grids, alerts."""
        reconciled = 0
        try:
            if not self.dry_run:
                await self.wallets.maintain(head)
            reconciled = await self.observer.reconcile(head, self.providers.posts - self._posts < POSTS_A_BLOCK)
            await self.bookkeeper.keep(head)
            await self._offer(head)
        except BulkheadError as error:
            self.log("after-failed", reason=str(error), block=head.number)
        self._tell_problems(head)
        if self.observer.ranges.due and (self._drawing is None or self._drawing.done()):
            self._drawing = asyncio.create_task(self.observer.ranges.draw())
        tell_margin_calls(self.alerts, self.wallets, self.observer.registry)
        for kind_, about, text in self.observer.bringer.complaints(head.timestamp):
            self.alerts(kind_, about, text)
        self._tell_nodes()
        self._posts = self.providers.posts
        self.log("completed", block=head.number, reconciled=reconciled, posts=self._posts)

    async def _offer(self, head: Head) -> None:
        """Offers what the own vaults hold, beside the loop's own work."""
        if self.dry_run or not self.bookkeeper.states:
            return
        for offerer, state, page in zip(self.offerers, self.bookkeeper.states, self.bookkeeper.pages, strict=False):
            posts = await offerer.run(state, head, page.books.entries)
            if posts:
                await self._act([(state, posts)], head)

    def _report(self, state: KeeperState, tick: Tick, seconds: float, head: Head) -> None:
        flagged = sum(v.flagged for v in state.vaults.values())
        unsafe = sum(v.liquidatable for v in state.vaults.values())
        vaults = len(self.observer.discovery.book.vaults)
        self.health.finished, self.health.finished_at = head.number, time.monotonic()
        counted = {
            "open": vaults, "near": len(state.vaults), "unknown": len(state.unknown), "liquidatable": unsafe,
            "flagged": flagged, "margin-call": len(self.observer.registry.margin_calls),
        }  # fmt: skip
        show(self.metrics, self.observer, self.wallets, self.bookkeeper.states, counted)
        self.metrics.tick_seconds.observe(seconds)
        self.metrics.alerts.set(self.alerts.told)
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
            **({"wallets": self.wallets.addresses} if len(self.wallets.all) > 1 else {}),
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
            await end([self._drawing])
        await self.observer.bringer.close()
        await self.alerts.close()
        await self.executor.close()
        await self.providers.close()

    async def watch(self, seconds: float) -> None:
        """Waits until nothing is in flight any more, at most so long; sends nothing new."""
        deadline = time.monotonic() + seconds
        while self.wallets.pending and time.monotonic() < deadline:
            head = await self.providers.head()
            self.wallets.take_in(head, await self.providers.read(self.wallets.calls(head), head.number))
            await asyncio.sleep(self.pace.poll if self.wallets.pending else 0)

    async def _news(self, retry_at: float) -> Head | None:
        """Waits for a block that is not the last one, or until a failed tick is due again; None to look anew."""
        now = time.monotonic()
        check = now - self._checked_at >= self.pace.check and len(self.providers.nodes) > 1
        self._checked_at = now if check else self._checked_at
        self.providers.wake.clear()
        self.providers.quorum.interval = self.schedule.interval
        told = self.providers.take_announced()
        head = await (self.providers.heard() if told is not None and not check else self.providers.head(check))
        self._tell_nodes()
        self.health.heard_at, self.health.head = time.monotonic(), head.number
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

    def _tell_shortages(self, states: Sequence[KeeperState]) -> None:
        """Tells of missing capital and of limits, once each, and shows them as long as they last."""
        found = [one for i, state in enumerate(states) for one in shortages(state, self.wallets.policy(self.policy, i))]
        for kind_, about, text in found:
            self.alerts(kind_, about, text)
        details = {f"{kind_}:{about}": text for kind_, about, text in found}
        details |= {f"{kind_}:{node}": text for node, kind_, text in node_complaints(self.providers)}
        for sender in self.wallets.senders:
            if sender.counts.poor and sender.balance < LEAST_COINS:
                details[f"no-funds:{sender.address}"] = "The keeper cannot pay for gas."
        self.health.details = details
        self.health.status = partial(status_of, states, self.policy, self.wallets, self.providers)

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
        counts = self.wallets.counts
        return {**vars(counts), "posts": self.providers.posts, "mismatches": self.observer.registry.mismatches}
