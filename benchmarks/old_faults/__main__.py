"""After how many steps do the machines catch faults that once stood in the contracts? `make old-faults`.

Each fault of faults.json is put back alone, as replacements of source text in a copy of the tree; the machine that it
names (tests/stateful) walks there with a fixed seed until a promise breaks. What is found is kept in results.json,
fault by fault, so that a run goes on where the last one stopped; `--again` measures anew. Prints what
docs/invariants.md tells.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.mutation.tree import ROOT, Copy, warm

FAULTS = Path(__file__).with_name("faults.json")
RESULTS = Path(__file__).with_name("results.json")
#: Processor seconds of one walk.
CPU_SECONDS = 3 * 3600


@dataclass(frozen=True)
class Fault:
    """A fault that once stood in the contracts.

    Attributes:
        name: What it is called here.
        was: What could be done with it.
        machine: Which machine of tests/stateful catches it.
        changes: (file, what stands there, what stood there).
    """

    name: str
    was: str
    machine: str
    changes: tuple[tuple[str, str, str], ...]

    def put_back(self, root: Path) -> None:
        """Into a tree."""
        for file, original, text in self.changes:
            source = (root / file).read_text()
            (root / file).write_text(source.replace(original, text))

    def take_out(self, root: Path) -> None:
        """Out of it again."""
        for file, _, _ in self.changes:
            (root / file).write_text((ROOT / file).read_text())


@dataclass(frozen=True)
class Result:
    """What one walk found.

    Attributes:
        machine: That walked.
        step: At which a promise broke; 0 when none did.
        walked: Steps in all.
        said: What was broken.
    """

    machine: str
    step: int
    walked: int
    said: str

    def covers(self, steps: int) -> bool:
        """Whether a walk of so many steps would tell nothing new."""
        return bool(self.step) or self.walked >= steps

    @property
    def after(self) -> str:
        """As the table says it."""
        return f"{self.step:,} steps" if self.step else f"not within {self.walked:,}"


def results(seed: int) -> dict[str, Result]:
    """What is known of walks with a seed, by fault."""
    told = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return {name: Result(**one) for name, one in told.get(str(seed), {}).items()}


def keep(seed: int, known: dict[str, Result]) -> None:
    """Writes what is known of walks with a seed; others stay."""
    told = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    told[str(seed)] = {name: asdict(known[name]) for name in sorted(known)}
    RESULTS.write_text(json.dumps(told, indent=1) + "\n")


def table(known: dict[str, Result], chosen: list[Fault]) -> list[str]:
    """Lines of docs/invariants.md."""
    lines = ["| fault | machine | caught after | what was said |", "|---|---|---|---|"]
    for one in chosen:
        found = known[one.name]
        lines.append(f"| {one.name} | {found.machine} | {found.after} | {found.said} |")
    return lines


def faults() -> list[Fault]:
    """All of them; each replaces text that stands in its file exactly once."""
    found = []
    for entry in json.loads(FAULTS.read_text()):
        changes = tuple((one["file"], one["original"], one["text"]) for one in entry["changes"])
        for file, original, _ in changes:
            if (ROOT / file).read_text().count(original) != 1:
                raise SystemExit(f"{file} does not hold {original!r} exactly once.")
        found.append(Fault(entry["name"], entry["was"], entry["machine"], changes))
    return found


def caught(copy: Copy, fault: Fault, steps: int, seed: int) -> tuple[int, str]:
    """(steps until a promise broke, what was said); 0 steps when none did."""
    told = copy.root / ".cache" / "told.json"
    told.unlink(missing_ok=True)

    def work() -> int:
        from tests.stateful.machines import first_break

        told.write_text(json.dumps(first_break(fault.machine, steps, seed)))
        return 0

    copy.compiled_as_it_is()
    fault.put_back(copy.root)
    try:
        code = copy.call(work, cpu=CPU_SECONDS, log=copy.root / ".cache" / "log")
    finally:
        fault.take_out(copy.root)
    if code != 0:
        raise SystemExit(
            f"{fault.name}: the walk ended with {code}: {(copy.root / '.cache' / 'log').read_text()[-2000:]}"
        )
    step, said = json.loads(told.read_text())
    return step, said


def main() -> None:
    """Reads the command line and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.old_faults", description=__doc__)
    parser.add_argument("--steps", type=int, default=40_000, help="of a walk at most (40,000)")
    parser.add_argument("--seed", type=int, default=1, help="of each walk (1)")
    parser.add_argument("--only", default="", help="faults whose name holds this")
    parser.add_argument("--again", action="store_true", help="measure what is known too")
    options = parser.parse_args()
    chosen = [one for one in faults() if options.only in one.name]
    known = results(options.seed)
    wanted = [
        one for one in chosen if options.again or not known.get(one.name, Result("", 0, 0, "")).covers(options.steps)
    ]
    if wanted:
        warm()
        with tempfile.TemporaryDirectory(prefix="bulkhead-faults-") as folder:
            copy = Copy(Path(folder))
            for fault in wanted:
                step, said = caught(copy, fault, options.steps, options.seed)
                known[fault.name] = Result(fault.machine, step, step or options.steps, said)
                keep(options.seed, known)
                print(f"{fault.name}: {known[fault.name].after}", flush=True)
    print("\n".join(table(known, chosen)))
    missed = [one.name for one in chosen if not known[one.name].step]
    if missed:
        raise SystemExit(f"not caught: {', '.join(missed)}")


if __name__ == "__main__":
    main()
