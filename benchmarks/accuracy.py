"""Errors of the option maths against mpmath at 50 digits, by region, as a table and a plot.

    python -m benchmarks.accuracy [--points 10000]
    python -m benchmarks.accuracy --docs     # and docs/accuracy.md with its figure

The integer mirror is what is measured; tests prove that the contract gives the same integers.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
from mpmath import exp, log, mp, mpf, ncdf, npdf, sqrt

from bulkhead.risk import exact
from bulkhead.risk.words import WAD

YEAR = 31_536_000
Point = tuple[int, int, int, int, int]


def sample(count: int, seed: int, near: bool = False) -> list[Point]:
    """Points (spot, strike, vol, seconds, rate) of the stated domain; half of them near the money, edges included."""
    draw = random.Random(seed)
    points: list[Point] = []
    for i in range(count):
        spot = int(10 ** draw.uniform(-2, 7) * WAD)
        close = near or i % 2 == 0
        strike = int(spot * (10 ** draw.gauss(0, 0.08) if close else 10 ** draw.uniform(-3, 3)))
        vol = int(draw.uniform(0.05, 2) * WAD) if close else int(draw.uniform(0.001, 10) * WAD)
        seconds = int(10 ** draw.uniform(0, 7.97)) if i % 3 else draw.randint(1, 3 * YEAR)
        rate = 0 if i % 4 == 0 else int(draw.uniform(-0.5, 0.5) * WAD)
        points.append((spot, min(max(strike, spot // 1000), spot * 1000), vol, seconds, rate))
    return points


def reference(point: Point) -> tuple[mpf, ...]:
    """Call, put, delta, gamma*S, vega and theta at 50 digits."""
    spot, strike, vol, rate = (mpf(point[i]) / WAD for i in (0, 1, 2, 4))
    time = mpf(point[3]) / YEAR
    growth = exp(rate * time)
    forward, root = spot * growth, sqrt(time)
    width = vol * root
    d1 = log(forward / strike) / width + width / 2
    d2 = d1 - width
    upper, phi = ncdf(d1), npdf(d1)
    call = forward * upper - strike * ncdf(d2)
    put = strike * ncdf(-d2) - forward * ncdf(-d1)
    theta = -(rate * forward * upper + forward * phi * vol / (2 * root))
    return call, put, growth * upper, growth * phi / width, forward * phi * root, theta


def errors(points: list[Point]) -> dict[str, dict[str, np.ndarray]]:
    """Errors per region and quantity.

    Prices and vega are over spot (prices of far strikes over the strike), gamma and theta over their own scale at the
    money. Delta is absolute, but logs have a grain of 2^-64 and forwards one of 1e-18: a tiny total vol magnifies it.
    """
    mp.dps = 50
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for point in points:
        spot, strike, vol, seconds, _ = point
        got, true = exact.option(*point), reference(point)
        region = "near" if spot // 3 <= strike <= 3 * spot else "far"
        scale = max(spot, strike) if region == "far" else spot
        unit = mpf(1)  # half a unit of the last place is not an error of the method
        root = mpf(seconds) / YEAR
        scales = (
            mpf(scale),
            mpf(scale),
            mpf(WAD) * max(mpf(1), (mpf("1e-4") + mpf("5e-4") * WAD / spot) / (mpf(vol) / WAD * sqrt(root))),
            mpf(WAD) * (1 + 1 / (mpf(vol) / WAD * sqrt(root))),
            mpf(spot),
            mpf(spot) * (1 + mpf(vol) / WAD / sqrt(root)),
        )
        e = [max(abs(mpf(g) - t * WAD) - unit, 0) / s for g, t, s in zip(got, true, scales, strict=True)]
        rows = found[region]
        rows["price"].append(float(max(e[0], e[1])))
        rows["delta"].append(float(e[2]))
        rows["gamma"].append(float(e[3]))
        rows["vega"].append(float(e[4]))
        rows["theta"].append(float(e[5]))
    return {region: {k: np.array(v) for k, v in rows.items()} for region, rows in found.items()}


def table(found: dict[str, dict[str, np.ndarray]]) -> str:
    """Largest and 99th percentile error per region and quantity."""
    lines = ["| region | quantity | largest | p99 |", "|---|---|---|---|"]
    for region, rows in found.items():
        for name, values in rows.items():
            lines.append(f"| {region} | {name} | {values.max():.2e} | {np.quantile(values, 0.99):.2e} |")
    return "\n".join(lines)


def plot(points: list[Point], found: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    """Error of the call by moneyness, and of every quantity by region."""
    from benchmarks.figures import grid, save

    mp.dps = 50
    place, error = [], []
    for point in points:
        call = exact.option(*point)[0]
        true = reference(point)[0] * WAD
        place.append(float(np.log10(point[1] / point[0])))
        error.append(max(float(max(abs(mpf(call) - true) - 1, 0) / max(point[0], point[1])), 1e-22))
    drawn, axes = grid(1, 2, height=4.0)
    edges = np.linspace(-3, 3, 41)
    at, sizes = np.digitize(place, edges), np.array(error)
    middle = 10 ** ((edges[1:] + edges[:-1]) / 2)
    bins = [sizes[at == i + 1] for i in range(40)]
    left, right = axes[0]
    left.plot(middle, [b.max() if len(b) else np.nan for b in bins], color="#d9532c", label="largest")
    left.plot(middle, [np.quantile(b, 0.99) if len(b) else np.nan for b in bins], color="#1f5fbf", label="p99")
    left.plot(middle, [np.median(b) if len(b) else np.nan for b in bins], color="#8c8c8c", label="median")
    left.axhline(1e-15, color="#2a9d4f", linewidth=0.8, linestyle="--")
    left.axvspan(1 / 3, 3, color="#f3f1ea")
    left.set(xscale="log", yscale="log", xlabel="strike / spot (shaded: near)", ylabel="|error| of the call")
    left.set_title("price over the larger of spot and strike")
    left.legend(frameon=False)
    names = [(region, name) for region in found for name in found[region]]
    for row, (region, name) in enumerate(reversed(names)):
        values = found[region][name]
        right.plot([np.quantile(values, 0.99), values.max()], [row, row], color="#9aa1ab", linewidth=1, zorder=1)
        right.scatter([values.max()], [row], color="#d9532c", s=22, zorder=2)
        right.scatter([np.quantile(values, 0.99)], [row], color="#1f5fbf", s=22, zorder=2)
    right.set_yticks(range(len(names)), [f"{name}, {region}" for region, name in reversed(names)])
    right.axvline(1e-15, color="#2a9d4f", linewidth=0.8, linestyle="--")
    right.set(xscale="log", title="every quantity in its own scale: p99 and largest")
    save(drawn, path)


PAGE = """# Accuracy of the option maths

Written by `python -m benchmarks.accuracy --docs`: {points:,} random points of the domain (spot 1e-2 to 1e7,
strike over spot 1e-3 to 1e3, a second to three years, vol 0.1 % to 1000 %, rate within 50 %) against mpmath at 50
digits. The integer mirror is measured; tests prove that `contracts/math/black76.vy` gives the same integers
(`tests/unit/math`).

![Errors by moneyness and region](accuracy.svg)

{table}

*Near* is a strike between a third and the threefold of spot. Prices are over spot, of far strikes over the larger of
strike and spot; vega over spot; gamma and theta over their own scale at the money; delta is absolute. One unit of the
last place (1e-18) is not counted. The dashed line is the goal of 1e-15.
"""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--docs", action="store_true", help="write docs/accuracy.md and docs/accuracy.svg")
    given = parser.parse_args()
    points = sample(given.points, seed=1)
    found = errors(points)
    print(table(found))
    if given.docs:
        docs = Path(__file__).resolve().parents[1] / "docs"
        plot(points, found, docs / "accuracy.svg")
        (docs / "accuracy.md").write_text(PAGE.format(points=given.points, table=table(found)))


if __name__ == "__main__":
    main()
