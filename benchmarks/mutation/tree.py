"""A copy of the project in which one change at a time is tried, and tests that run there in a fork of this process.

A fork has the compiler, the EVM and pytest in its memory already, which spares each run the seconds of a start; the
project's own packages it imports from the copy.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
#: Processor seconds of a run, and seconds by the clock for what waits for a node: one that takes longer has noticed.
CPU_SECONDS, PATIENCE = 400, 1800
OWN = ("benchmarks", "bulkhead", "tests", "scripts", "examples")


@dataclass(frozen=True)
class Run:
    """How a run of tests ended.

    Attributes:
        passed: Whether nothing was noticed.
        by: The first test that failed, or why there is none.
        seconds: By the clock.
    """

    passed: bool
    by: str
    seconds: float


@dataclass(frozen=True)
class _First:
    """Pytest plugin: the first thing that failed."""

    path: Path

    def pytest_runtest_logreport(self, report: Any) -> None:
        self._note(report)

    def pytest_collectreport(self, report: Any) -> None:
        self._note(report)

    def _note(self, report: Any) -> None:
        if report.failed and not self.path.exists():
            self.path.write_text(report.nodeid)


class _Spy:
    """Notes which functions are called, in every thread."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._seen: dict[int, CodeType] = {}
        sys.settrace(self._called)
        threading.settrace(self._called)

    def _called(self, frame: FrameType, event: str, value: Any) -> None:
        self._seen.setdefault(id(frame.f_code), frame.f_code)

    def calls(self) -> list[str]:
        """Each outermost function of the package that was called, as "path function"."""
        sys.settrace(None)
        found = set()
        for code in list(self._seen.values()):
            path = Path(code.co_filename)
            if path.is_relative_to(self.root / "bulkhead"):
                name = code.co_qualname.split(".<locals>")[0]
                found.add(f"{path.relative_to(self.root).as_posix()} {name}")
        return sorted(found)


def warm() -> None:
    """Imports what every run needs and no change touches."""
    import boa  # noqa: F401
    import hypothesis  # noqa: F401
    import pytest  # noqa: F401
    import scipy.stats  # noqa: F401

    for entry in metadata.entry_points(group="pytest11"):
        if entry.name != "ape_test":
            entry.load()


class Copy:
    """The copy, with the compiler's cache as it is before any change.

    Attributes:
        root: Its folder.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        tracked = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True)
        for name in filter(None, tracked.stdout.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        # for tests that ask git which files there are
        for step in (("init", "-q"), ("add", "-A", "-f")):
            subprocess.run(["git", *step], cwd=folder, check=True, capture_output=True)
        # for tests that look for tools there
        for name in ("node_modules", ".venv"):
            if (ROOT / name).exists() and not (folder / name).exists():
                (folder / name).symlink_to((ROOT / name).resolve())
        self.cache = folder / ".cache" / "vyper"
        self.kept = folder / ".cache" / "kept"
        self.kept.mkdir(parents=True)
        if (ROOT / ".cache" / "vyper").is_dir():
            shutil.copytree(ROOT / ".cache" / "vyper", self.kept, dirs_exist_ok=True)

    def compiled_as_it_is(self) -> None:
        """The compiler's cache as it was before the change: its artifacts are of no use to the next one."""
        shutil.rmtree(self.cache, ignore_errors=True)
        shutil.copytree(self.kept, self.cache)
        shutil.rmtree(self.root / ".hypothesis", ignore_errors=True)

    @contextlib.contextmanager
    def holding(self, file: str, text: str) -> Iterator[None]:
        """A file with another text for a while."""
        kept = (self.root / file).read_text()
        (self.root / file).write_text(text)
        try:
            yield
        finally:
            (self.root / file).write_text(kept)

    def call(self, work: Callable[[], int], cpu: int = CPU_SECONDS, log: Path | None = None) -> int | None:
        """Runs something in a fork whose project is the copy: what it returns, None when it was ended for its time.

        Args:
            work: What to do.
            cpu: Processor seconds that it has.
            log: Where what it prints goes; nowhere without.
        """
        sys.stdout.flush()
        child = os.fork()
        if not child:
            self._inside(work, cpu, log)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                # what a test left running, a node for instance, was of its session
                _end(child)
                return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else None
            time.sleep(0.02)
        _end(child)
        os.waitpid(child, 0)
        return None

    def _inside(self, work: Callable[[], int], cpu: int, log: Path | None) -> None:
        code = 3
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 10))
            sink = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for stream in (1, 2):
                os.dup2(sink, stream)
            os.chdir(self.root)
            os.environ.update(PYTHONPATH=str(self.root), PYTHONDONTWRITEBYTECODE="1", HYPOTHESIS_PROFILE="default")
            sys.dont_write_bytecode = True
            here = {"", str(ROOT), str(Path.cwd())}
            sys.path[:] = [str(self.root), *(path for path in sys.path if path not in here)]
            for name in [one for one in sys.modules if one.split(".")[0] in OWN]:
                del sys.modules[name]
            code = work()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def watched(self, path: str) -> tuple[Run, list[str]]:
        """Runs tests and notes which functions of the package they call, as "path function"."""
        calls = self.root / ".cache" / "calls.json"
        calls.unlink(missing_ok=True)
        run = self.tests([path], calls=calls)
        return run, json.loads(calls.read_text()) if calls.exists() else []

    def tests(self, paths: Sequence[str], log: Path | None = None, calls: Path | None = None) -> Run:
        """Runs tests up to the first that fails.

        Args:
            paths: Files, in the order in which they run.
            log: Where what they print goes.
            calls: Where the functions of the package that they call are noted.
        """
        began, first = time.monotonic(), self.root / ".cache" / "first"
        first.unlink(missing_ok=True)

        def work() -> int:
            import hypothesis
            import pytest

            spy = _Spy(self.root) if calls else None

            # to find a failure is enough: it need not be the smallest one
            phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
            hypothesis.settings.register_profile("mutants", phases=phases, database=None, deadline=None)
            hypothesis.settings.load_profile("mutants")
            options = ["-p", "no:ape_test", "-p", "no:cacheprovider", "-q", "-x", "--no-header", "--tb=line"]
            code = int(pytest.main([*options, *paths], plugins=[_First(first)]))
            if calls and spy:
                calls.write_text(json.dumps(spy.calls()))
            return code

        code = self.call(work, log=log)
        by = first.read_text() if first.exists() else "took too long" if code is None else f"exit {code}"
        # 5: no tests were collected
        return Run(code in (0, 5), "" if code in (0, 5) else by, time.monotonic() - began)


def _end(child: int) -> None:
    try:
        os.killpg(child, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def without_digest(artifact: str) -> str:
    """Creation code of a cached artifact without what the compiler writes behind it: it names the sources."""
    code = bytes.fromhex(json.loads(artifact)["bytecode"])
    return code[: -int.from_bytes(code[-2:], "big")].hex()
