"""Do the tests notice small mistakes? `make mutants`, or `python -m benchmarks.mutation --count 300 --seed 1`.

Draws mutants (benchmarks/mutation/operators.py) over contracts and package, applies each in a copy of the tree, runs
the tests of its room, and of what it survives the tests of its neighbours. Prints the score by room and every survivor.
Survivors that change nothing anybody can see are listed in equivalents.json, each with its reason, and are left out;
so is a change after which every contract has the code that it had.

What was judged is kept in out/mutants.jsonl: a run that was broken off goes on where it was. `--again` judges what has
survived once more, with the tests as they are now. `--known` judges the mutants of known.json instead, each by the
tests named there: mistakes that once went unnoticed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks.mutation.judge import Judge, Verdict, compiled_once
from benchmarks.mutation.operators import Mutant, mutants
from benchmarks.mutation.rooms import files, room_of
from benchmarks.mutation.tree import ROOT, Copy, warm

EQUIVALENTS = Path(__file__).with_name("equivalents.json")
KNOWN = Path(__file__).with_name("known.json")
KEPT = ROOT / "out" / "mutants.jsonl"
Key = tuple[str, str, str, str, int, int]


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


def keys(root: Path, file: str, made: Sequence[Mutant]) -> list[Key]:
    """What identifies mutants while lines around them come and go; of equal lines also how many precede it."""
    source = (root / file).read_text()
    lines = [line.strip() for line in source.splitlines()]
    found = []
    for mutant in made:
        line = lines[mutant.line - 1]
        column = mutant.start - (source.rfind("\n", 0, mutant.start) + 1)
        before = lines[: mutant.line - 1].count(line)
        found.append((file, line, mutant.original, mutant.text, column, before))
    return found


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


def draw(root: Path, seed: int, chosen: list[str]) -> Iterator[Mutant]:
    """All mutants of the chosen files in a random order that the seed decides.

    A mutant's place depends on itself alone: changes elsewhere leave the draw, and what was judged of it, as they are.
    """
    placed = []
    for file in files(root):
        if file.startswith(tuple(chosen)):
            made = mutants(root, file)
            for mutant, key in zip(made, keys(root, file, made), strict=True):
                placed.append((hashlib.sha256(json.dumps([seed, *key]).encode()).digest(), mutant))
    yield from (mutant for _, mutant in sorted(placed, key=lambda one: one[0]))


class Results:
    """What was judged, kept in a file as it comes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.by_key: dict[Key, Verdict] = {}
        lines = path.read_text().splitlines() if path.exists() else []
        for entry in map(json.loads, lines):
            self.by_key[tuple(entry["key"])] = Verdict(entry["outcome"], entry["by"], entry["seconds"])

    def keep(self, key: Key, verdict: Verdict) -> None:
        """One more."""
        self.by_key[key] = verdict
        self.path.parent.mkdir(exist_ok=True)
        with self.path.open("a") as stream:
            entry = {"key": key, "outcome": verdict.outcome, "by": verdict.by, "seconds": round(verdict.seconds, 1)}
            stream.write(json.dumps(entry) + "\n")

    @property
    def noticed(self) -> list[tuple[str, str]]:
        """(file, test that noticed) of all that were killed."""
        return [(key[0], verdict.by) for key, verdict in self.by_key.items() if verdict.outcome == "killed"]


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


def run(given: Iterable[tuple[Mutant, tuple[str, ...]]], count: int, options: argparse.Namespace) -> None:
    """Judges so many and prints."""
    listed, began = equivalents(), time.monotonic()
    outcomes: list[tuple[Mutant, str]] = []
    results = Results(Path(options.keep))
    warm()
    with tempfile.TemporaryDirectory(prefix="bulkhead-mutants-") as folder:
        judge: Judge | None = None
        for mutant, tests in given:
            if len(outcomes) == count:
                break
            key = keys(ROOT, mutant.file, [mutant])[0]
            if key[:4] in listed:
                continue
            verdict = results.by_key.get(key)
            if options.quick and (verdict is not None or not mutant.file.endswith(".py")):
                continue
            old = verdict is not None and not (options.again and verdict.outcome == "survived") and not tests
            if not old:
                if options.minutes and time.monotonic() - began > options.minutes * 60:
                    break
                if judge is None:
                    copy = Copy(Path(folder))
                    judge = Judge(copy, not options.own, results.noticed, options.quick)
                    if not options.quick:
                        compiled_once(copy, judge.reach)
                verdict = judge.judge(mutant, tests)
                if not tests and verdict.outcome != "undecided":
                    results.keep(key, verdict)
            assert verdict is not None
            if verdict.outcome in ("killed", "survived", "undecided"):
                outcomes.append((mutant, verdict.outcome))
                when = "before" if old else f"{time.monotonic() - began:4.0f} s"
                by = f", by {verdict.by}" if verdict.by else ""
                print(f"{len(outcomes):4} {when:>8} {verdict.outcome:8} {mutant.name}{by}", flush=True)
    print(table(outcomes))
    for mutant, outcome in outcomes:
        if outcome != "killed":
            print(f"{outcome}: {mutant.name}")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutation", description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="mutants to judge that change something (300)")
    parser.add_argument("--seed", type=int, default=1, help="of the draw (1)")
    parser.add_argument("--own", action="store_true", help="only the tests of a mutant's own room")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a first pass over what is not judged yet: some seconds of tests of the package; what they notice is kept",
    )
    parser.add_argument("--only", action="append", default=[], help="files or folders to mutate, as prefixes of paths")
    parser.add_argument("--known", action="store_true", help="the mutants of known.json, each by its own tests")
    parser.add_argument("--again", action="store_true", help="judge once more what has survived before")
    parser.add_argument("--keep", default=str(KEPT), help="where verdicts are kept (out/mutants.jsonl)")
    parser.add_argument("--minutes", type=float, default=0, help="begin no mutant after so long; the next run goes on")
    parser.add_argument("--list", action="store_true", help="print the draw and judge nothing")
    options = parser.parse_args()
    chosen = options.only or [""]
    given: Iterable[tuple[Mutant, tuple[str, ...]]]
    if options.known:
        given = [(mutant, tests) for mutant, tests in known(ROOT) if mutant.file.startswith(tuple(chosen))]
        count = len(list(given))
    else:
        given = ((mutant, ()) for mutant in draw(ROOT, options.seed, chosen))
        count = options.count
    if options.list:
        for mutant, _ in islice(given, count):
            print(mutant.name)
        return
    run(given, count, options)


if __name__ == "__main__":
    main()
