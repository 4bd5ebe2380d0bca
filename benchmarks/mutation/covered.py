"""Which functions of the package each test file calls, and how long it takes; measured once for a file as it is.

What is found is kept in out/covered.jsonl. A mutant inside a function is tried on the files that call it, the fastest
first. What a test starts as another program is not seen; such files count as calling everything.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.mutation.tree import ROOT, Copy

KEPT = ROOT / "out" / "covered.jsonl"
#: What outside of functions is called.
OUTSIDE = "<module>"
#: Tests that start other programs, or threads of other programs, which are not watched.
_PROGRAMS = re.compile(r"\b(subprocess|multiprocessing|Popen)\b")


@dataclass(frozen=True)
class Cover:
    """What a test file does.

    Attributes:
        seconds: How long it takes.
        calls: "path function" of each function called, "path <module>" of what is imported.
        all: Whether it may call more than was seen.
    """

    seconds: float
    calls: frozenset[str]
    all: bool


class Covered:
    """What is known of test files; what is not is measured."""

    def __init__(self, copy: Copy, path: Path = KEPT) -> None:
        self.copy = copy
        self.path = path
        self.known: dict[tuple[str, str], Cover] = {}
        for line in path.read_text().splitlines() if path.exists() else []:
            entry = json.loads(line)
            cover = Cover(entry["seconds"], frozenset(entry["calls"]), entry["all"])
            self.known[entry["name"], entry["digest"]] = cover

    def knows(self, name: str) -> bool:
        """Whether a test file, as it is now, has been measured."""
        return (name, _digest((ROOT / name).read_text())) in self.known

    def of(self, name: str) -> Cover:
        """Of one test file; measured in the copy, which has to be as it is in the tree."""
        text = (ROOT / name).read_text()
        digest = _digest(text)
        if (name, digest) not in self.known:
            run, calls = self.copy.watched(name)
            found = Cover(round(run.seconds, 1), frozenset(calls), bool(_PROGRAMS.search(text)) or not run.passed)
            self.known[name, digest] = found
            self.path.parent.mkdir(exist_ok=True)
            entry = {"name": name, "digest": digest, "seconds": found.seconds, "calls": sorted(calls)}
            with self.path.open("a") as stream:
                stream.write(json.dumps({**entry, "all": found.all}) + "\n")
        return self.known[name, digest]

    def reaching(self, names: list[str], file: str, line: int) -> list[str]:
        """Of some test files those that may come to a line, the fastest first, other programs last."""
        place = f"{file} {function_at((ROOT / file).read_text(), line)}"
        covers = {name: self.of(name) for name in names}
        found = [name for name in names if covers[name].all or place in covers[name].calls]
        return sorted(found, key=lambda name: (place not in covers[name].calls, covers[name].seconds))

    def fastest(self, names: list[str]) -> list[str]:
        """Some test files, the fastest first."""
        return sorted(names, key=lambda name: self.of(name).seconds)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def _functions(source: str) -> list[tuple[int, int, str]]:
    found = []

    def look(node: ast.AST, inside: str) -> None:
        for one in ast.iter_child_nodes(node):
            if isinstance(one, ast.ClassDef):
                look(one, f"{inside}{one.name}.")
            elif isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)):
                # its decorators and defaults are outside of it
                found.append((one.body[0].lineno, one.end_lineno or one.lineno, inside + one.name))

    look(ast.parse(source), "")
    return found


def function_at(source: str, line: int) -> str:
    """Qualified name of the outermost function that a line is in."""
    return next((name for begin, end, name in _functions(source) if begin <= line <= end), OUTSIDE)
