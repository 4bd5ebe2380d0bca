"""Runs documented commands one after the other, pages with blocks as one shell each, and says what failed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.documented.extract import ROOT, Command, commands
from tests.documented.plan import PLAN, Listed, Minutes, RunBy, Serves, Typed, Way

#: Longest that one may take [seconds], and that one which serves may take until it does.
LONGEST, LONGEST_START = 1_800, 900
#: Pages whose blocks start a chain of their own.
OWN_CHAIN = ("deployments/README.md", "docs/deployments.md")
#: Pages whose blocks a test of their own runs as written: one trades what another one of theirs settles, weeks later.
RUN_BY_A_TEST = {"docs/trader.md": "tests/architecture/test_docs.py"}
#: What a page takes for granted.
BEFORE = {
    "docs/top-ups.md": "vault=$(bulkhead vault open --deposit 500)\n"
    "desk=$(bulkhead vault open --deposit 5000 --key-env MAKER_KEY)\n"
    "bulkhead order sign $desk buy call:200 --expiry 2027-01-29 --price 12 --size 1 --key-env MAKER_KEY > bid.json\n"
    "bulkhead order fill bid.json --vault $vault",
}
COMMENT = re.compile(r"\s+#.*$")


@dataclass(frozen=True)
class Outcome:
    """What came of a command."""

    command: Command
    seconds: float
    failure: str = ""
    remark: str = ""


def way_of(text: str) -> Way | None:
    """How a command is run; None as it is written."""
    return PLAN.get(COMMENT.sub("", text).strip())


def skipped(way: Way | None, all_of_them: bool) -> bool:
    """Whether a command is left out."""
    return isinstance(way, Listed | RunBy) or (isinstance(way, Minutes) and not all_of_them)


def sign_of(way: Way | None) -> str:
    """What a command prints once it serves; nothing where it ends by itself."""
    return "" if way is None else way.sign


def script_of(blocks: list[Command], all_of_them: bool) -> str:
    """The blocks of a page as one script, without the lines that are left out or run until they are interrupted."""
    lines: list[str] = [BEFORE.get(blocks[0].page, "")]
    for line in (line for block in blocks for line in block.text.splitlines()):
        way = way_of(line)
        if not skipped(way, all_of_them) and not sign_of(way):
            lines.append(way.note if isinstance(way, Typed) else line)
    return "\n".join(lines)


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-12:])


class Place:
    """A clone with its environment."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment

    @contextmanager
    def _started(self, text: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
        """A shell in a session of its own, of which nothing is left afterwards."""
        # who starts this in the background has Ctrl-C ignored, and what runs until it is interrupted would inherit that
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        with tempfile.NamedTemporaryFile() as out:
            shell = ["bash", "-euo", "pipefail", "-c", text]
            process = subprocess.Popen(
                shell, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
            try:
                yield process, Path(out.name)
            finally:
                for number in (signal.SIGTERM, signal.SIGKILL):
                    try:
                        os.killpg(process.pid, number)
                        time.sleep(0.5)
                    except ProcessLookupError:
                        break
                process.wait()

    def run(self, text: str) -> str:
        """Runs to its end; returns why it failed."""
        with self._started(text) as (process, out):
            try:
                code = process.wait(LONGEST)
            except subprocess.TimeoutExpired:
                return f"did not end within {LONGEST} s\n{_tail(out.read_text())}"
            return f"exit code {code}\n{_tail(out.read_text())}" if code else ""

    def serve(self, text: str, sign: str) -> str:
        """Runs until it has printed a sign, then interrupts; returns why it failed."""
        with self._started(text) as (process, out):
            deadline = time.monotonic() + LONGEST_START
            while sign not in out.read_text():
                if process.poll() is not None or time.monotonic() > deadline:
                    return f"{sign!r} did not come\n{_tail(out.read_text())}"
                time.sleep(0.1)
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                return "does not end when it is interrupted"
            return "Traceback\n" + _tail(out.read_text()) if "Traceback" in out.read_text() else ""

    @contextmanager
    def market(self) -> Iterator[Place]:
        """The same place while a market is there, with what it prints in the environment."""
        with self._started("exec python -m tests.documented.market") as (process, out):
            deadline = time.monotonic() + LONGEST_START
            while "export OWNER_KEY" not in out.read_text():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"no market came up:\n{_tail(out.read_text())}")
                time.sleep(0.1)
            told = dict(re.findall(r"^export (\w+)=(.*)$", out.read_text(), re.MULTILINE))
            yield Place(self.folder, {**self.environment, **told})


def _tried(command: Command, run: Callable[[], str]) -> Outcome:
    """Runs it, and once more when it fails: a busy machine can make a node or a server answer too late."""
    started = time.monotonic()
    first = run()
    failure = first and run()
    remark = "" if not first or failure else f", at the second try; first: {first.splitlines()[-1]}"
    return Outcome(command, time.monotonic() - started, failure, remark)


def _one(place: Place, command: Command) -> Outcome:
    way = way_of(command.text)
    text = way.note if isinstance(way, Typed | Serves) and way.note else command.text
    return _tried(command, lambda: place.serve(text, sign_of(way)) if sign_of(way) else place.run(text))


def _page(place: Place, blocks: list[Command], all_of_them: bool) -> Outcome:
    shown = Command(blocks[0].page, f"the blocks of {blocks[0].page}", block=True)
    return _tried(shown, lambda: place.run(script_of(blocks, all_of_them)))


def outcomes(place: Place, all_of_them: bool, only: str = "") -> Iterator[Outcome]:
    """Runs everything: pages with a chain of their own first, the rest beside a market."""
    found = [c for c in commands() if only in c.page or only in c.text]
    pages: dict[str, list[Command]] = {}
    for command in found:
        if (
            command.block
            and command.page not in RUN_BY_A_TEST
            and script_of([Command("", command.text, block=True)], all_of_them).strip()
        ):
            pages.setdefault(command.page, []).append(command)
    lines: dict[str, Command] = {}
    single = [c for c in found if not c.block]
    served = [line for c in found if c.block for line in c.text.splitlines() if sign_of(way_of(line))]
    for command in [*single, *(Command("", COMMENT.sub("", line).strip()) for line in served)]:
        if not skipped(way_of(command.text), all_of_them):
            lines.setdefault(command.text, command)
    serving = [c for c in lines.values() if c.text.startswith(("make market", "make app"))]
    for page in OWN_CHAIN:
        for block in [pages.pop(page)] if page in pages else []:
            chain = [b for b in block if "bulkhead govern" not in b.text]
            yield _page(place, chain, all_of_them)
            if rest := [b for b in block if b not in chain]:
                pages[page] = rest
    for command in serving:
        yield _one(place, command)
    with place.market() as beside:
        for blocks in pages.values():
            yield _page(beside, blocks, all_of_them)
        for command in lines.values():
            if command not in serving:
                yield _one(beside, command)


def stale() -> list[str]:
    """Entries of the plan for what no document names, or with a test that is not there."""
    named = {COMMENT.sub("", line).strip() for c in commands() for line in c.text.splitlines()}
    missing = [way.note for way in PLAN.values() if isinstance(way, RunBy) and not (ROOT / way.note).exists()]
    return sorted(set(PLAN) - named) + missing
