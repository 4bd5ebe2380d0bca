"""`python -m tests.stateful --steps 40000 --seed 1`: walks that print how often each action and reason was seen.

A machine's share of the steps is walked in parts, each with a seed of its own: an episode begins from the same scene
anyway. With `--keep FILE` what a part saw is written there as soon as it is done, and a run that was stopped goes on
with the parts that are missing, if no source has changed since.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import Any

from tests.stateful.machines import MACHINES, go

#: What a walk depends on.
SOURCES = ("contracts/**/*.vy", "interfaces/*.vyi", "bulkhead/**/*.py", "tests/**/*.py")
ROOT = Path(__file__).resolve().parents[2]


def digest() -> str:
    """Of all sources."""
    told = hashlib.sha256()
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            told.update(path.read_bytes())
    return told.hexdigest()


def kept_in(path: Path | None) -> dict[str, Any]:
    """Parts that were walked with the sources of now, by what they are called."""
    told = json.loads(path.read_text()) if path is not None and path.exists() else {}
    return told if told.get("sources") == digest() else {"sources": digest()}


def walked(name: str, steps: int, seed: int) -> dict[str, Any]:
    """One part: what it saw, in a form that can be kept."""
    began = time.monotonic()
    machine = go(name, steps, seed)
    seconds = round(time.monotonic() - began)
    print(f"{name}, seed {seed}, {seconds:,} s: {machine.text()}", flush=True)
    return {
        "steps": machine.steps, "seconds": seconds, "never": machine.never(),
        "accepted": sum(machine.seen.values()), "refused": sum(machine.refused.values()),
    }  # fmt: skip


def parts(name: str, steps: int, seed: int, most: int) -> dict[str, tuple[int, int]]:
    """(steps, seed) of each part of a machine's share, by how it is called in the file."""
    count = -(-steps // most)
    sizes = [steps // count + (i < steps % count) for i in range(count)]
    return {f"{name} {seed + 100 * i} {size}": (size, seed + 100 * i) for i, size in enumerate(sizes)}


def main() -> None:
    """Reads the command line and walks."""
    parser = argparse.ArgumentParser(prog="python -m tests.stateful", description=__doc__)
    parser.add_argument("--steps", type=int, default=40_000, help="of all machines together (40,000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=MACHINES, help="one machine alone")
    parser.add_argument("--part", type=int, default=4_000, help="steps of a part at most (4,000)")
    parser.add_argument("--keep", type=Path, help="where what is done is kept (JSON)")
    options = parser.parse_args()
    kept = kept_in(options.keep)
    missing, total = [], []
    for name, share in MACHINES.items():
        if options.only not in (None, name):
            continue
        steps = options.steps if options.only else options.steps * share // 100
        done = []
        for title, (size, seed) in parts(name, steps, options.seed, options.part).items():
            if title not in kept:
                kept[title] = walked(name, size, seed)
                if options.keep:
                    options.keep.write_text(json.dumps(kept, indent=1) + "\n")
            done.append(kept[title])
        # what no part has seen
        missing += [f"{name}: {one}" for one in done[0]["never"] if all(one in part["never"] for part in done)]
        total += done
        said = {key: sum(part[key] for part in done) for key in ("steps", "accepted", "refused", "seconds")}
        print(f"{name}: " + ", ".join(f"{number:,} {key}" for key, number in said.items()), flush=True)
    print(f"{sum(part['steps'] for part in total):,} steps, {sum(part['seconds'] for part in total):,} s")
    if missing:
        raise SystemExit(f"never accepted: {', '.join(missing)}")


if __name__ == "__main__":
    main()
