"""Errors of the option maths against mpmath at 50 digits, by region, as a table and a plot.

    python -m benchmarks.accuracy [--points 10000] [--plot docs/accuracy.svg]

The integer mirror is what is measured; tests prove that the contract gives the same integers.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict

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


def plot(points: list[Point], path: str) -> None:
    """Price error over spot against moneyness."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    mp.dps = 50
    x, y = [], []
    for point in points:
        call = exact.option(*point)[0]
        x.append(point[1] / point[0])
        y.append(max(float(abs(mpf(call) - reference(point)[0] * WAD) / point[0]), 1e-21))
    figure, axis = plt.subplots(figsize=(8, 4.5))
    axis.scatter(x, y, s=2, alpha=0.4)
    axis.set(xscale="log", yscale="log", xlabel="strike / spot", ylabel="|error| of the call / spot")
    axis.axhline(1e-15, color="tab:red", linewidth=0.8, label="goal near the money")
    axis.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--plot", default="")
    arguments = parser.parse_args()
    points = sample(arguments.points, seed=1)
    print(table(errors(points)))
    if arguments.plot:
        plot(points, arguments.plot)


if __name__ == "__main__":
    main()
