"""The keeper's loop: one tick per block, JSON log lines, a clean end on SIGTERM.

An error is logged with its reason and what it concerned is tried again with the next block; nothing is swallowed and
nothing that could not be read counts as healthy.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from dataclasses import asdict, dataclass
from threading import Event
from typing import Any, TextIO

from bulkhead.chain.connection import Connection
from bulkhead.chain.errors import BulkheadError, NodeUnavailable
from bulkhead.chain.sender import Sender
from bulkhead.keeper.actions import Executor
from bulkhead.keeper.decide import Action, Fix, KeeperState, Poke, Policy, decide
from bulkhead.keeper.state import Observer


@dataclass(frozen=True)
class Tick:
    """What one tick did.

    Attributes:
        block: Block it looked at; 0 when the node failed.
        planned: Actions planned.
        sent: Transactions mined.
        failed: Actions that failed.
    """

    block: int
    planned: int
    sent: int
    failed: int


class JsonLog:
    """One JSON object per line."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __call__(self, event: str, **fields: Any) -> None:
        """Writes one line."""
        line = {"time": round(time.time(), 3), "event": event, **fields}
        self.stream.write(json.dumps(line, default=str) + "\n")
        self.stream.flush()


class Keeper:
    """A keeper for one deployment."""

    def __init__(
        self,
        chain: Connection,
        sender: Sender,
        policy: Policy | None = None,
        log: JsonLog | None = None,
        dry_run: bool = False,
    ) -> None:
        self.chain = chain
        self.sender = sender
        self.policy = policy or Policy()
        self.log = log or JsonLog(sys.stdout)
        self.dry_run = dry_run
        self.observer = Observer(chain, sender.address)
        self.executor = Executor(chain, sender, self.log)
        self._stop = Event()

    def tick(self, head: int | None = None) -> Tick:
        """Looks at the newest block and acts once."""
        started = time.monotonic()
        try:
            block = self.chain.rpc.block_number() if head is None else head
            state = self.observer.look(block)
        except BulkheadError as error:
            self.log("read-failed", reason=str(error))
            return Tick(0, 0, 0, 1)
        for problem in self.observer.problems:
            self.log("unknown", block=block, reason=problem)
        actions = decide(state, self.policy)
        sent, failed = 0, 0
        for action in actions:
            done = self._act(state, action)
            sent += done
            failed += done == 0 and not self.dry_run
        self._report(state, actions, sent, failed, time.monotonic() - started)
        return Tick(block, len(actions), sent, failed)

    def _act(self, state: KeeperState, action: Action) -> int:
        fields = {"action": type(action).__name__.lower(), "block": state.block, **asdict(action)}
        if self.dry_run:
            self.log("would", **fields)
            return 0
        self.log("planned", **fields)
        try:
            sent = self.executor.run(state, action)
        except BulkheadError as error:
            self.log("action-failed", reason=str(error), **fields)
            return 0
        if isinstance(action, Poke):
            self.observer.recorded(action.market, state.now)
        elif isinstance(action, Fix):
            self.observer.tried(action.cell, state.now)
        return sent

    def _report(self, state: KeeperState, actions: list[Action], sent: int, failed: int, seconds: float) -> None:
        self.log(
            "tick",
            block=state.block,
            now=state.now,
            vaults=len(state.vaults),
            unknown=len(state.unknown),
            liquidatable=sum(v.liquidatable for v in state.vaults.values()),
            flagged=sum(v.flagged for v in state.vaults.values()),
            planned=len(actions),
            sent=sent,
            failed=failed,
            milliseconds=round(seconds * 1000),
        )

    def stop(self, *_: object) -> None:
        """Ends the loop after the tick that runs."""
        self._stop.set()

    def run(self, poll_seconds: float = 1.0, retry_seconds: float = 5.0) -> None:
        """Ticks with every new block, and again without one when something failed, until `stop`."""
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        self.log("started", keeper=self.sender.address, chain=self.chain.rpc.chain_id, dry_run=self.dry_run)
        last, retry_at = -1, 0.0
        while not self._stop.is_set():
            try:
                head = self.chain.rpc.block_number()
            except NodeUnavailable as error:
                self.log("read-failed", reason=str(error))
                self._stop.wait(retry_seconds)
                continue
            if head == last and not (retry_at and time.monotonic() >= retry_at):
                self._stop.wait(poll_seconds)
                continue
            done = self.tick(head)
            last = head if done.block else -1
            retry_at = time.monotonic() + retry_seconds if done.failed else 0.0
            if not done.block:
                self._stop.wait(poll_seconds)
        self.log("stopped")
