"""Whether tests notice a change: what it changes is compiled first, and the likeliest tests come first.

A change that leaves the code of every contract as it is cannot be noticed and is not counted. The order of tests: files
that noticed earlier changes of the same source, tests of the contracts that it changes, the rest of its room, and only
then the neighbours. Of a change to the package only test files that call the changed function are run. Every test file
that notices something is run once without any change too: one that fails by itself in the copy notices nothing and is
left out.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.mutation.covered import Covered
from benchmarks.mutation.operators import Mutant
from benchmarks.mutation.reach import Reach
from benchmarks.mutation.rooms import EVERYWHERE, NEVER, ON_A_NODE, room_of, tests_of
from benchmarks.mutation.tree import ROOT, Copy, without_digest

#: How many of the files that noticed earlier changes are asked first.
FIRST = 3
#: Seconds of the fastest test files that are asked before those.
QUICK_SECONDS = 10


@dataclass(frozen=True)
class Verdict:
    """What came of a mutant.

    Attributes:
        outcome: "killed", "survived", "invalid" (does not compile), "same" (changes no contract's code) or "undecided".
        by: The test that noticed.
        seconds: By the clock.
    """

    outcome: str
    by: str
    seconds: float


def test_files(root: Path, paths: Sequence[str]) -> list[str]:
    """Test files below some paths, sorted, but for those that read sources as text."""
    found = []
    for path in map(root.joinpath, paths):
        found += sorted(path.rglob("test_*.py")) if path.is_dir() else [path]
    names = (one.relative_to(root).as_posix() for one in found)
    return [name for name in dict.fromkeys(names) if name not in NEVER]


def importing(file: str, tests: Sequence[str]) -> list[str]:
    """Tests that import a module by name, wherever they are; not those that need a node of their own."""
    dotted = file.removesuffix(".py").replace("/", ".")
    package, _, module = dotted.rpartition(".")
    pattern = re.compile(rf"from {re.escape(dotted)} import|from {re.escape(package)} import [^\n]*\b{module}\b")
    found = [name for name in tests if not name.startswith(ON_A_NODE)]
    return [name for name in found if pattern.search((ROOT / name).read_text())]


class Judge:
    """Judges one mutant after the other.

    Attributes:
        copy: The tree to apply them in.
        wide: Whether a survivor of its room's tests has to pass those of its neighbours too.
        quick: Only the fastest tests are asked: what they do not notice is undecided.
    """

    def __init__(self, copy: Copy, wide: bool, noticed: Sequence[tuple[str, str]] = (), quick: bool = False) -> None:
        self.copy = copy
        self.wide = wide
        self.quick = quick
        self.reach = Reach(ROOT)
        self.covered = Covered(copy)
        self._noticed: dict[str, Counter[str]] = {}
        self._sound: dict[str, bool] = {}
        for file, by in noticed:
            self._remember(file, by)

    def _remember(self, file: str, by: str) -> None:
        name = by.split("::")[0]
        if name.endswith(".py") and (ROOT / name).is_file():
            self._noticed.setdefault(file, Counter())[name] += 1

    def judge(self, mutant: Mutant, tests: Sequence[str] = ()) -> Verdict:
        """Applies a mutant and takes it back.

        Args:
            mutant: The change.
            tests: What to run instead of the tests of its room.
        """
        began = time.monotonic()
        path = self.copy.root / mutant.file
        source = path.read_text()
        self.copy.compiled_as_it_is()
        try:
            path.write_text(mutant.applied(source))
            outcome, by = self._judged(mutant, source, tests)
        finally:
            path.write_text(source)
        return Verdict(outcome, by, time.monotonic() - began)

    def _judged(self, mutant: Mutant, source: str, tests: Sequence[str]) -> tuple[str, str]:
        changed: list[str] = []
        if mutant.file.endswith(".vy"):
            changed = self.reach.changed_by(mutant.file, mutant.line)
            told = self._compiled(mutant, changed)
        else:
            told = "" if _compiles(mutant.applied(source)) else "invalid"
        if told:
            return told, ""
        stages = [test_files(ROOT, tests)] if tests else self._stages(mutant, changed)
        done: set[str] = set()
        for stage in stages:
            files = [name for name in stage if name not in done and self._sound.get(name, True)]
            done.update(files)
            by = self._noticed_by(mutant, source, files) if files else ""
            if by:
                self._remember(mutant.file, by)
                return "killed", by
            if self.quick:
                return "undecided", ""
        return "survived", ""

    def _noticed_by(self, mutant: Mutant, source: str, files: list[str]) -> str:
        """The test that notices, empty when none does."""
        waiting = list(files)
        while waiting:
            run = self.copy.tests(waiting)
            name = run.by.split("::")[0]
            if run.passed or name not in waiting or self._is_sound(name, mutant, source):
                return run.by
            # it fails by itself: the files behind it have not been asked
            waiting.remove(name)
        return ""

    def _is_sound(self, name: str, mutant: Mutant, source: str) -> bool:
        if name not in self._sound:
            path = self.copy.root / mutant.file
            path.write_text(source)
            try:
                self._sound[name] = self.copy.tests([name]).passed
            finally:
                path.write_text(mutant.applied(source))
        return self._sound[name]

    def _stages(self, mutant: Mutant, changed: list[str]) -> Iterator[list[str]]:
        file = mutant.file
        own, neighbours = tests_of(room_of(file) or "bulkhead")
        if file.endswith(".py"):
            everywhere = test_files(ROOT, (EVERYWHERE,))
            near = importing(file, everywhere)
            if self.quick:
                # of what has been measured, whatever its room
                near += [name for name in everywhere if name not in near and self.covered.knows(name)]
            yield from self._reaching(mutant, near)
            for part in (own, neighbours) if self.wide else (own,):
                yield from self._reaching(mutant, test_files(ROOT, part))
            return
        yield [name for name, _ in self._noticed.get(file, Counter()).most_common(FIRST)]
        folders = [f"{path}/{name}" for path in own for name in changed if (ROOT / path / name).is_dir()]
        with self.copy.holding(file, (ROOT / file).read_text()):
            near, room = (self.covered.fastest(test_files(ROOT, paths)) for paths in (folders[:2], own))
        yield near
        yield room
        if self.wide:
            yield test_files(ROOT, neighbours)

    def _reaching(self, mutant: Mutant, files: list[str]) -> Iterator[list[str]]:
        """Those that come to the line: some seconds of the fastest, then what noticed before, then the others."""
        with self.copy.holding(mutant.file, (ROOT / mutant.file).read_text()):
            found = self.covered.reaching(files, mutant.file, mutant.line)
        quick, seconds = 0, 0.0
        while quick < len(found) and seconds < QUICK_SECONDS:
            seconds += self.covered.of(found[quick]).seconds
            quick += 1
        yield found[:quick]
        before = [name for name, _ in self._noticed.get(mutant.file, Counter()).most_common(FIRST)]
        yield [name for name in before if name in found]
        yield found[quick:]

    def _compiled(self, mutant: Mutant, changed: list[str]) -> str:
        """Artifacts of contracts that stay as they are take their new names; "same" when none changes."""

        def work() -> int:
            from bulkhead.chain import compiler
            from bulkhead.chain.errors import BulkheadError

            found = 1
            for name in self.reach.contracts:
                source = compiler.find_source(self.copy.root, name)
                digest = compiler._digest(self.copy.root, source)[:32]
                target = self.copy.cache / f"{name}-{digest}.json"
                kept = next(iter(sorted(self.copy.kept.glob(f"{name}-*.json"))), None)
                if target.exists() or kept is None:
                    continue
                if name not in changed:
                    shutil.copy2(kept, target)
            for name in changed:
                try:
                    compiler.compile_contract(self.copy.root, name)
                except BulkheadError:
                    return 2
                made = next(self.copy.cache.glob(f"{name}-*.json"))
                kept = next(self.copy.kept.glob(f"{name}-*.json"))
                if without_digest(made.read_text()) != without_digest(kept.read_text()):
                    found = 0
                    break
            return found

        code = self.copy.call(work)
        if code not in (0, 1, 2):
            raise SystemExit(f"{mutant.name}: the contracts could not be compiled.")
        return ("", "same", "invalid")[code]


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def compiled_once(copy: Copy, reach: Reach) -> None:
    """One artifact of every contract as it is, and no other, to compare with."""

    def work() -> int:
        from bulkhead.chain import compiler

        for name in reach.contracts:
            made = compiler.compile_contract(copy.root, name)
            kept = copy.cache / f"{name}-{compiler._digest(copy.root, compiler.find_source(copy.root, name))[:32]}.json"
            assert json.loads(kept.read_text())["bytecode"] == made.bytecode.hex()
            for old in copy.cache.glob(f"{name}-*.json"):
                if old != kept:
                    old.unlink()
        return 0

    copy.compiled_as_it_is()
    if copy.call(work, cpu=1200) != 0:
        raise SystemExit("The contracts do not compile as they are.")
    shutil.rmtree(copy.kept)
    shutil.copytree(copy.cache, copy.kept)
