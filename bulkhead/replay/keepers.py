"""The keepers of a replay: in this process, ticked by hand, or as a process of its own.

The process is started exactly as `bulkhead keeper run` starts it and talks JSON-RPC only. A replay waits for it by
reading its log lines, so that it does not run ahead of it on a slow machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TextIO

from bulkhead.chain import anvil
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.sender import account_from_key
from bulkhead.keeper.json_log import JsonLog
from bulkhead.keeper.launch import assemble
from bulkhead.keeper.node import Node
from bulkhead.keeper.policy import Policy
from bulkhead.progress import doing
from bulkhead.replay.market import LocalMarket
from bulkhead.replay.participants import ROLES

#: Environment variable that hands the key over.
KEY_ENV = "BULKHEAD_KEEPER_KEY"
#: What a busy machine may need for one look or for an orderly end [seconds].
PATIENCE_SECONDS = 120.0
#: Looks of the keeper at one moment; more means that it acts without end.
MOST_LOOKS = 60

#: After a look that failed.
PAUSE_SECONDS = 0.5
#: Looks in a row at which something is in flight and nothing new was sent, before it counts as lost.
PATIENT_LOOKS = 3

Line = dict[str, Any]


class KeeperDriver(Protocol):
    """What a replay needs of its keeper: that it has had its say at the newest block."""

    def settle_down(self) -> None:
        """Returns when the keeper has nothing to do at the newest block."""
        ...

    def stop(self) -> None:
        """Ends it."""
        ...


class InlineKeeper:
    """The keeper in this process, for the replay: the same loop body, ticked by hand."""

    def __init__(
        self,
        local: LocalMarket,
        log: JsonLog,
        policy: Policy | None = None,
        most_looks: int = MOST_LOOKS,
        key: str = anvil.key(ROLES.index("keeper")),
    ) -> None:
        self._most_looks, self._anvil = most_looks, local.anvil
        self._runner = asyncio.Runner()
        account = account_from_key(key)
        nodes = [Node(local.anvil.url, timeout_seconds=60)]
        self.keeper = self._runner.run(assemble(local.chain.deployment, nodes, account, ":memory:", log, policy))

    def settle_down(self) -> None:
        """Ticks until nothing is sent and nothing is in flight; what the node has lost goes out again in a later block.

        Raises:
            BulkheadError: It acts without end, or does not see the chain.
        """
        lost, done = 0, None
        for _ in range(self._most_looks):
            # a node may answer a send before it mines it
            self._anvil.wait_until_mined(PATIENCE_SECONDS)
            done = self._runner.run(self.keeper.tick())
            if done.block >= 0 and not done.sent and not done.pending:
                return
            if done.block < 0:
                time.sleep(PAUSE_SECONDS)
                continue
            lost = lost + 1 if not done.sent else 0
            if lost >= PATIENT_LOOKS:
                # Anvil mines no block by itself, and a keeper sends nothing twice in one block
                self._anvil.mine()
                self._runner.run(self.keeper.wallets.maintain(self._runner.run(self.keeper.providers.head())))
        waits = [attempt.key for attempt in self.keeper.wallets.pending]
        raise BulkheadError(
            f"The keeper acted {self._most_looks} times at one moment; something is wrong with it: its last look, "
            f"{done}, with {waits or 'nothing'} in flight."
        )

    def stop(self) -> None:
        """Closes connections and the loop."""
        self._runner.run(self.keeper.close())
        self._runner.close()


class KeeperProcess:
    """A keeper of a local. Use it in a `with`: whatever happens, the process is gone afterwards.

    Attributes:
        lines: What it has said so far.
        process: The process.
    """

    def __init__(self, local: LocalMarket, roles: Iterable[str] = (), stream: TextIO | None = None) -> None:
        """Starts it.

        Args:
            local: The market it keeps.
            roles: What it does; all by default.
            stream: Where its lines are copied to.
        """
        self._local = local
        self._tick: Line = {"block": -1}
        self._place = 0
        # its settings and journal
        self._folder = tempfile.TemporaryDirectory(prefix="bulkhead-keeper-")
        folder = Path(self._folder.name)
        where = folder / "addresses.json"
        local.chain.deployment.save(where)
        settings = folder / "keeper.toml"
        chosen = f"roles = {json.dumps(list(roles))}\n" if roles else ""
        settings.write_text(
            f'deployment = "{where}"\nkey_env = "{KEY_ENV}"\njournal = "{folder / "journal.sqlite"}"\n{chosen}'
            f'[[providers]]\nurl = "{local.anvil.url}"\nws = "ws://127.0.0.1:{local.anvil.port}"\n'
            f"timeout_seconds = {PATIENCE_SECONDS}\n"
        )
        self.lines: list[Line] = []
        self._stream = stream
        self._news = threading.Condition()
        command = [sys.executable, "-m", "bulkhead", "keeper", "run", "--config", str(settings)]
        self.process = subprocess.Popen(
            command, env={**os.environ, KEY_ENV: anvil.key(ROLES.index("keeper"))}, stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            with self._news:
                self.lines.append(json.loads(text))
                self._news.notify_all()
            if self._stream is not None:
                self._stream.write(text)
        with self._news:
            self._news.notify_all()

    def __enter__(self) -> KeeperProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self._end()

    def _end(self) -> None:
        self.process.wait(timeout=PATIENCE_SECONDS)
        self._reader.join(timeout=PATIENCE_SECONDS)
        self._folder.cleanup()

    def events(self, name: str) -> list[Line]:
        """Lines of one event."""
        return [line for line in list(self.lines) if line["event"] == name]

    def wait_for(self, fits: Callable[[Line], bool], start: int = 0) -> tuple[Line, int]:
        """The first line at or after `start` that fits, once it is there, and the place after it.

        Raises:
            BulkheadError: The keeper has ended, or says nothing of the kind.
        """
        at = start
        with doing("waiting for the keeper"), self._news:
            while True:
                while at < len(self.lines):
                    at += 1
                    if fits(self.lines[at - 1]):
                        return self.lines[at - 1], at
                if self.process.poll() is not None and not self._reader.is_alive():
                    raise BulkheadError(f"The keeper has ended: {self.lines[-3:]}")
                if not self._news.wait(PATIENCE_SECONDS) and self.process.poll() is None:
                    raise BulkheadError(f"The keeper has said nothing new: {self.lines[-3:]}")

    def wait_for_look(self, block: int, start: int = 0) -> tuple[Line, int]:
        """As `wait_for`, for a look at a block or a later one."""
        return self.wait_for(lambda line: line["event"] == "tick" and line["block"] >= block, start)

    def peak_megabytes(self) -> float:
        """Peak resident set."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in text.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024

    def settle_down(self) -> None:
        """Waits until the keeper has looked at the newest block and sent nothing more."""
        while True:
            head = self._local.anvil.rpc.block_number()
            if self._tick["block"] >= head and not self._tick["sent"] and not self._tick["pending"]:
                return
            self._tick, self._place = self.wait_for_look(head, self._place)

    def stop(self) -> None:
        """SIGTERM and a clean end, if it still runs."""
        if self.process.poll() is None:
            self.process.terminate()
        self._end()

    def last_line(self) -> Line:
        """What a stopped keeper said of all that it did."""
        (last,) = self.events("stopped")
        return last
