"""Do the tests notice small mistakes? `make mutants`, or `python -m benchmarks.mutation --count 300 --seed 1`.

Draws mutants (benchmarks/mutation/operators.py) over contracts and package, applies each in a copy of the tree, runs
the tests of its room, and of what it survives the tests of its neighbours. Prints the score by room and every survivor.
Survivors that change nothing anybody can see are listed in equivalents.json, each with its reason, and are left out.

`--known` judges the mutants of known.json instead, each by the tests named there: mistakes that once went unnoticed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks.mutation.operators import Mutant, mutants
from benchmarks.mutation.rooms import TESTS, files, room_of

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENTS = Path(__file__).with_name("equivalents.json")
KNOWN = Path(__file__).with_name("known.json")
#: Seconds for one set of tests; one that takes longer has noticed.
PATIENCE = 900
CHECK = """
import sys
from pathlib import Path
from vyper.compiler import CompilerData
from vyper.compiler.input_bundle import FilesystemInputBundle
import snekmate
root = Path.cwd()
bundle = FilesystemInputBundle([root, Path(list(snekmate.__path__)[0]).resolve().parent])
CompilerData(bundle.load_file(sys.argv[1]), bundle).annotated_vyper_module
"""


@dataclass(frozen=True)
class Equivalent:
    """A mutant that changes nothing anybody can see.

    Attributes:
        file: Path from the root.
        line: The line it changes, as it stands, without indentation.
        original: What is replaced.
        text: By what.
        reason: Why nobody can see it.
    """

    file: str
    line: str
    original: str
    text: str
    reason: str


def equivalents() -> set[tuple[str, str, str, str]]:
    """Listed mutants, by what identifies them."""
    found = [Equivalent(**entry) for entry in json.loads(EQUIVALENTS.read_text())]
    return {(one.file, one.line, one.original, one.text) for one in found}


def line_of(root: Path, mutant: Mutant) -> str:
    """The line that a mutant changes."""
    return (root / mutant.file).read_text().splitlines()[mutant.line - 1].strip()


class Copy:
    """A copy of the tree in which one mutant at a time is applied."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        tracked = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True)
        for name in filter(None, tracked.stdout.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        self.cache = folder / ".cache" / "vyper"
        self.environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, *command: str, patience: float = PATIENCE) -> bool:
        """Whether a command passes in the copy."""
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return process.wait(patience) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            return False

    def tests_pass(self, paths: tuple[str, ...]) -> bool:
        """Whether the tests notice nothing."""
        return not paths or self.run("-m", "pytest", "-p", "no:ape_test", "-q", "-x", "-n", "0", *paths)

    def compiled_as_it_is(self) -> None:
        """The compiler's cache as it was before the mutant: its artifacts are of no use to the next one."""
        shutil.rmtree(self.cache, ignore_errors=True)
        if (ROOT / ".cache" / "vyper").is_dir():
            shutil.copytree(ROOT / ".cache" / "vyper", self.cache)


def known(root: Path) -> list[tuple[Mutant, tuple[str, ...]]]:
    """The mutants of known.json that tests can notice, each with its tests; others stand there with a reason.

    Args:
        root: The project.
    """
    found = []
    for entry in json.loads(KNOWN.read_text()):
        source = (root / entry["file"]).read_text()
        if source.count(entry["original"]) != 1:
            raise SystemExit(f"{entry['file']} does not hold {entry['original']!r} exactly once.")
        start = source.index(entry["original"])
        if not entry["tests"]:
            continue
        end, line = start + len(entry["original"]), source.count("\n", 0, start) + 1
        mutant = Mutant(entry["file"], start, end, entry["text"], entry["original"], line, "known")
        found.append((mutant, tuple(entry["tests"])))
    return found


def judge(copy: Copy, mutant: Mutant, wide: bool, tests: tuple[str, ...] = ()) -> str:
    """Applies one mutant: "invalid", "killed" or "survived".

    Args:
        copy: The tree to apply it in.
        mutant: The change.
        wide: Whether a survivor has to pass the tests of its neighbours too.
        tests: What to run instead of the tests of its room.
    """
    path = copy.root / mutant.file
    source = path.read_text()
    own, neighbours = (tests, ()) if tests else TESTS[room_of(mutant.file) or "bulkhead"]
    copy.compiled_as_it_is()
    path.write_text(mutant.applied(source))
    try:
        check = ("-c", CHECK, mutant.file) if mutant.file.endswith(".vy") else ("-m", "py_compile", mutant.file)
        if not copy.run(*check):
            path.write_text(source)
            if not copy.run(*check):
                raise SystemExit(f"{mutant.file} does not pass the check as it is: nothing would be judged.")
            return "invalid"
        if not copy.tests_pass(own):
            return "killed"
        return "survived" if not wide or copy.tests_pass(neighbours) else "killed"
    finally:
        path.write_text(source)


def draw(root: Path, seed: int, chosen: list[str]) -> Iterator[Mutant]:
    """All mutants of the chosen files in a random order that the seed decides."""
    made = [mutant for file in files(root) if file.startswith(tuple(chosen)) for mutant in mutants(root, file)]
    random.Random(seed).shuffle(made)
    yield from made


def table(outcomes: list[tuple[Mutant, str]]) -> str:
    """Score by room."""
    rooms = sorted({room_of(mutant.file) or "" for mutant, _ in outcomes})
    lines = [f"{'room':24} {'mutants':>8} {'killed':>8} {'score':>8}"]
    for room in [*rooms, "all"]:
        counted = Counter(what for mutant, what in outcomes if room in ("all", room_of(mutant.file)))
        total = counted["killed"] + counted["survived"]
        if total:
            score = f"{counted['killed'] / total:.1%}"
            lines.append(f"{room:24} {total:8} {counted['killed']:8} {score:>8}")
    return "\n".join(lines)


def main() -> None:
    """Draws, judges and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutation", description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="valid mutants to judge (300)")
    parser.add_argument("--seed", type=int, default=1, help="of the draw (1)")
    parser.add_argument("--own", action="store_true", help="only the tests of a mutant's own room")
    parser.add_argument("--only", action="append", default=[], help="files or folders to mutate, as prefixes of paths")
    parser.add_argument("--known", action="store_true", help="the mutants of known.json, each by its own tests")
    parser.add_argument("--list", action="store_true", help="print the draw and judge nothing")
    options = parser.parse_args()
    chosen = options.only or [""]
    if options.known:
        given = [(mutant, tests) for mutant, tests in known(ROOT) if mutant.file.startswith(tuple(chosen))]
        count = len(given)
    else:
        given = ((mutant, ()) for mutant in draw(ROOT, options.seed, chosen))
        count = options.count
    if options.list:
        for mutant, _ in islice(given, count):
            print(mutant.name)
        return
    listed, outcomes, began = equivalents(), [], time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bulkhead-mutants-") as folder:
        copy = Copy(Path(folder))
        for mutant, tests in given:
            if len(outcomes) == count:
                break
            if (mutant.file, line_of(ROOT, mutant), mutant.original, mutant.text) in listed:
                continue
            outcome = judge(copy, mutant, not options.own, tests)
            if outcome != "invalid":
                outcomes.append((mutant, outcome))
                print(f"{len(outcomes):4} {time.monotonic() - began:6.0f} s {outcome:8} {mutant.name}", flush=True)
    print(table(outcomes))
    for mutant, outcome in outcomes:
        if outcome == "survived":
            print(f"survived: {mutant.name}")


if __name__ == "__main__":
    main()
