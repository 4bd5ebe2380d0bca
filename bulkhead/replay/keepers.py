"""A keeper as a process of its own, exactly as `bulkhead keeper run` starts it, and what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

from bulkhead.chain.errors import BulkheadError
from bulkhead.replay.market import Stage

#: Environment variable that hands the key over.
KEY_ENV = "BULKHEAD_KEEPER_KEY"
#: What a busy machine may need for one look or for an orderly end [seconds].
PATIENCE_SECONDS = 120.0

Line = dict[str, Any]


class KeeperProcess:
    """A keeper of a stage. Use it in a `with`: whatever happens, the process is gone afterwards.

    Attributes:
        lines: What it has said so far.
        process: The process.
    """

    def __init__(
        self, stage: Stage, key: str, folder: Path, roles: Iterable[str] = (), stream: TextIO | None = None
    ) -> None:
        """Starts it.

        Args:
            stage: The market it keeps.
            key: Its private key.
            folder: For its settings and journal.
            roles: What it does; all by default.
            stream: Where its lines are copied to.
        """
        where = folder / "addresses.json"
        stage.chain.deployment.save(where)
        settings = folder / "keeper.toml"
        chosen = f"roles = {json.dumps(list(roles))}\n" if roles else ""
        settings.write_text(
            f'deployment = "{where}"\nkey_env = "{KEY_ENV}"\njournal = "{folder / "journal.sqlite"}"\n{chosen}'
            f'[[providers]]\nurl = "{stage.anvil.url}"\nws = "ws://127.0.0.1:{stage.anvil.port}"\n'
            f"timeout_seconds = {PATIENCE_SECONDS}\n"
        )
        self.lines: list[Line] = []
        self._stream = stream
        self._news = threading.Condition()
        command = [sys.executable, "-m", "bulkhead", "keeper", "run", "--config", str(settings)]
        self.process = subprocess.Popen(command, env={**os.environ, KEY_ENV: key}, stdout=subprocess.PIPE, text=True)
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
        self.process.wait()
        self._reader.join(timeout=PATIENCE_SECONDS)

    def events(self, name: str) -> list[Line]:
        """Lines of one event."""
        return [line for line in list(self.lines) if line["event"] == name]

    def wait_for(self, fits: Callable[[Line], bool], start: int = 0) -> tuple[Line, int]:
        """The first line at or after `start` that fits, once it is there, and the place after it.

        Raises:
            BulkheadError: The keeper has ended, or says nothing of the kind.
        """
        at = start
        with self._news:
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

    def stop(self) -> Line:
        """SIGTERM and a clean end; returns its last line, with what it did in all."""
        self.process.terminate()
        self.process.wait(timeout=PATIENCE_SECONDS)
        self._reader.join(timeout=PATIENCE_SECONDS)
        (last,) = self.events("stopped")
        return last
