"""The ceiling on the ES model on many random vaults: `python -m benchmarks.ceiling [--vaults N] [--parts N]`.

Vaults of every kind of leg, flat and with smiles, in the window and far from it, all parameters within their bounds, so
many in quote and as many in coins. Ends with an error when one passes by the ceiling that the model refuses; prints how
far the ceiling is above it (ADR 53).
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import quantiles

from bulkhead.risk.words import WAD
from tests.worlds.ceiling import case, compared, made

#: Vaults made at once, and the first one's number: others than the tests try.
AT_ONCE, FIRST = 4_000, 10**6


@dataclass(frozen=True)
class Found:
    """Vaults of one kind of market.

    Attributes:
        kind: quote or coins.
        vaults: Tried.
        bounded: Of which the ceiling said something.
        breaches: That passed by it and not by the model, at one of a dozen collaterals.
        median: Of the collateral that it asks over what the model asks.
        most: Of 95 % of them.
    """

    kind: str
    vaults: int
    bounded: int
    breaches: int
    median: float
    most: float


@dataclass
class Part:
    """What some of the vaults of one kind of market gave.

    Attributes:
        bounded: Of which the ceiling said something.
        breaches: That passed by it and not by the model.
        above: Collateral that it asks over what the model asks, of each bounded vault that needs some.
    """

    bounded: int = 0
    breaches: int = 0
    above: list[float] = field(default_factory=list)


def part(inverse: bool, first: int, count: int) -> Part:
    """Compares both on `count` vaults from number `first` on, on a node of its own."""
    found = Part()
    with made() as ceiling:
        for start in range(first, first + count, AT_ONCE):
            seeds = range(start, min(start + AT_ONCE, first + count))
            for _, said in compared(ceiling, [case(seed) for seed in seeds], inverse):
                found.breaches += said["breaches"] != 0
                found.bounded += said["is_known"]
                if said["is_known"] and said["needed"] > WAD // 1000:
                    found.above.append(said["asked"] / said["needed"])
    return found


def measure(count: int, parts: int = 1) -> list[Found]:
    """Compares both on `count` vaults of each kind of market, each kind in so many parts side by side."""
    step = -(-count // parts)
    pieces = [(FIRST + at, min(step, count - at)) for at in range(0, count, step)]
    found = []
    with ProcessPoolExecutor(2 * parts) as pool:
        waited = {
            inverse: [pool.submit(part, inverse, first, size) for first, size in pieces] for inverse in (False, True)
        }
        for inverse, futures in waited.items():
            given = [future.result() for future in futures]
            cuts = quantiles([ratio for one in given for ratio in one.above], n=20)
            bounded, breaches = sum(one.bounded for one in given), sum(one.breaches for one in given)
            found.append(Found("coins" if inverse else "quote", count, bounded, breaches, cuts[9], cuts[18]))
    return found


def main(arguments: list[str] | None = None) -> int:
    """Prints what was found; 1 when the ceiling is none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vaults", type=int, default=200_000, help="of each kind of market")
    parser.add_argument("--parts", type=int, default=1, help="of each kind, side by side")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    options = parser.parse_args(arguments)
    every = measure(options.vaults, options.parts)
    for one in every:
        print(
            f"{one.kind}: {one.vaults:,} vaults, {one.bounded:,} bounded, {one.breaches} pass that the model refuses;"
        )
        print(f"  collateral asked over needed: median {one.median:.2f}, 95 % below {one.most:.2f}")
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in every], indent=2) + "\n")
    return int(any(one.breaches for one in every))


if __name__ == "__main__":
    sys.exit(main())
