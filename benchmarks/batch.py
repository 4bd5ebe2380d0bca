"""Seconds that the vectorised margin models need for many vaults, and how far they are from the exact mirror.

python -m benchmarks.batch [--vaults 100000] [--sample 500] [--threads 2]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from bulkhead.risk import batch, exact
from bulkhead.risk.words import WAD, Kind, Leg, Model, RiskWord, Snapshot

DAY = 86400
CELLS = 50
STAMP = (0.15, 0.10, 0.10)


def snapshots(draw: np.random.Generator) -> list[Snapshot]:
    """Fifty expiries of a market at 2,000, flat surfaces."""
    return [
        Snapshot(
            spot=2000 * WAD,
            forward=2000 * WAD,
            seconds=int(days * DAY),
            sigma=int(draw.uniform(0.4, 1.5) * WAD),
            surface_near=int(draw.uniform(0.3, 1.5) * WAD),
        )
        for days in draw.uniform(0.5, 180, CELLS)
    ]


def book(draw: np.random.Generator, count: int) -> batch.Book:
    """Vaults of one to four legs of all kinds around the money."""
    legs = draw.integers(1, 5, count)
    offsets = np.concatenate(([0], np.cumsum(legs)))
    total = int(offsets[-1])
    kind = draw.choice([Kind.CALL, Kind.CALL, Kind.PUT, Kind.PUT, Kind.FUTURE, Kind.CASH], total)
    strike = np.where(kind <= Kind.PUT, np.round(2000 * np.exp(draw.normal(0, 0.2, total)), 2), 0.0)
    quantity = np.round(draw.choice([-1, 1], total) * draw.integers(1, 2000, total) / 100, 2)
    quantity = np.where(kind == Kind.CASH, quantity * 2000, quantity)
    return batch.Book.flat(kind, strike, quantity, offsets, draw.integers(0, CELLS, count), ratios=STAMP)


def legs_of(vaults: batch.Book, index: int) -> list[Leg]:
    """One vault for the exact mirror."""
    mine = range(int(vaults.offsets[index]), int(vaults.offsets[index + 1]))
    return [
        Leg(Kind(int(vaults.kind[i])), round(vaults.strike[i] * 1e8), round(vaults.quantity[i] * 1e6)) for i in mine
    ]


def distance(vaults: batch.Book, cells: list[Snapshot], sample: int) -> float:
    """Largest error of the ES model over the first vaults, over their margin or a hundredth of their notional."""
    risk, worst, taken = RiskWord(), 0.0, 0
    found = batch.assess(vaults, batch.Cells.of(cells), risk)
    for i in range(len(vaults)):
        legs = legs_of(vaults, i)
        if len({leg.key for leg in legs}) < len(legs):
            continue
        true = exact.assess(legs, cells[int(vaults.cell[i])], risk)
        notional = sum(abs(leg.quantity) * (1 if leg.kind == Kind.CASH else 2000) / 1e6 for leg in legs)
        worst = max(worst, abs(found.margin[i] - true.margin / 1e18) / max(true.margin / 1e18, notional / 100))
        worst = max(worst, abs(found.value[i] - true.value / 1e18) / max(abs(true.value) / 1e18, notional / 100))
        taken += 1
        if taken == sample:
            break
    return worst


def main() -> None:
    """Prints seconds and errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vaults", type=int, default=100_000)
    parser.add_argument("--sample", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    draw = np.random.default_rng(given.seed)
    prices = snapshots(draw)
    cells, risk, vaults = batch.Cells.of(prices), RiskWord(), book(draw, given.vaults)
    batch.assess(vaults.take(np.arange(10)), cells, risk)
    begun = time.perf_counter()
    vaults = batch.Book(**{f: getattr(vaults, f) for f in vaults.__dataclass_fields__})
    vaults.prepare()
    total = time.perf_counter() - begun
    print(f"{given.vaults:,} vaults, {len(vaults.kind):,} legs, {given.threads} threads")
    print(f"{'grouping and v_min':24}{total:8.3f} s")
    for name, model in (("ES", Model.ES), ("GREEKS", Model.GREEKS), ("STATIC", Model.STATIC)):
        mine = vaults.under(model)
        begun = time.perf_counter()
        found = batch.assess(mine, cells, risk, threads=given.threads)
        batch.resolve(found, mine, cells, risk, collateral=1000.0)
        spent = time.perf_counter() - begun
        total += spent
        print(f"{name:24}{spent:8.3f} s")
    print(f"{'all three models':24}{total:8.3f} s")
    print(
        f"largest error of {given.sample} vaults against the exact mirror: {distance(vaults, prices, given.sample):.1e}"
    )


if __name__ == "__main__":
    main()
