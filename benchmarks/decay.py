"""What time takes from vaults that hold options: how often it exceeds their margin, and what else could be asked for.

python -m benchmarks.decay [--from 2018] [--to 2024]     # market data in BULKHEAD_DATA

The first table: a straddle at the money bought each hour with a day to run, its premium deferred, left alone over the
horizon; the share of them that lose more than their MM. The second: random vaults of two to four options and a future,
one at least held long, near their expiry: by how much the expected shortfall at the end of the horizon, the whole
scenario set, exceeds the margin, with decay alone and with the ways to catch more that were tried (docs/adr/0032).
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bulkhead.replay.price_paths.history import read_history
from bulkhead.risk import batch
from bulkhead.risk.batch import Book, Cells, Floats, Ints, es
from bulkhead.risk.batch.arrays import floats
from bulkhead.risk.batch.options import Options
from bulkhead.risk.batch.phi import black76
from bulkhead.risk.calibration import History
from bulkhead.risk.nodes import NODES
from bulkhead.risk.scales import DAY, HOUR, WAD, YEAR
from bulkhead.risk.vol_path import VolPath
from bulkhead.risk.words import Kind, RiskWord

RISK = RiskWord()
#: Hours to the expiry of the second table.
NEAR = (1, 4, 8, 12, 14, 16, 20, 24, 28, 42, 72)
#: Implied vol and sigma_m of its cells.
MARKETS = ((0.5, 0.5), (0.4, 0.8), (1.0, 0.5), (1.2, 1.2))


def straddles(history: History, first: int, last: int) -> Floats:
    """Loss over the horizon less MM, over the premium, of each straddle opened between two moments [unix seconds]."""
    path = VolPath.of(history.at, history.close)
    sigma, horizon = path.sigma(), RISK.horizon_seconds
    opened = np.arange(-(-first // HOUR), last // HOUR) * HOUR
    opened = opened[(opened >= path.at[0]) & (opened + horizon <= path.at[-1])]
    start, end = path.index(opened), path.index(opened + horizon)
    strike = path.price[start]

    def book(entries: Ints) -> Book:
        count = len(entries)
        kinds, strikes = np.tile([Kind.CALL, Kind.PUT], count), np.repeat(strike, 2)
        return Book.flat(kinds, strikes, np.ones(2 * count), np.arange(0, 2 * count + 1, 2), np.arange(count))

    def assessed(entries: Ints, seconds: int) -> batch.Assessments:
        cells = Cells.flat_surface(
            path.price[entries], seconds, sigma[entries], path.iv(entries, seconds), window=path.word.window_seconds
        )
        return batch.assess(book(entries), cells, RISK)

    before, after = assessed(start, DAY), assessed(end, DAY - horizon)
    mm = np.minimum(before.margin, before.value)
    return floats((before.value - after.value - mm) / before.value)


@dataclass(frozen=True)
class Pods:
    """Random vaults of one cell that hold an option, in units of spot."""

    options: Options

    @property
    def slope(self) -> Floats:
        """What multiplies the forward in every scenario [contracts]."""
        return self.options.slope

    @classmethod
    def draw(cls, count: int, legs: int, hours: float, vols: tuple[float, float], seed: int) -> Pods:
        """Strikes lie within a few standard deviations, quantities are 1 to 3."""
        draw = np.random.default_rng(seed)
        iv, sigma = vols
        seconds = hours * HOUR
        width = max(iv * np.sqrt(seconds / YEAR), sigma * np.sqrt(RISK.horizon_seconds / YEAR))
        strike = np.exp(draw.normal(0, 1.2, (legs, count)) * width)
        quantity = draw.choice([-1.0, 1.0], (legs, count)) * draw.integers(1, 4, (legs, count))
        quantity[0] = np.abs(quantity[0])
        slope = -np.where(draw.random((legs, count)) < 0.5, quantity, 0).sum(axis=0)
        slope += np.where(draw.random(count) < 0.3, draw.integers(-3, 4, count), 0)
        one, horizon = np.ones(count), min(RISK.horizon_seconds, max(seconds, HOUR))
        options = Options(
            quantity,
            strike,
            np.log(1 / strike),
            np.full(strike.shape, iv),
            one * np.sqrt(seconds / YEAR),
            one,
            one * sigma * np.sqrt(horizon / YEAR),
            one * seconds,
            averaged=0 * one,
            slope=slope,
            constant=0 * one,
        )
        return cls(options)

    @property
    def worth(self) -> Floats:
        """Value of the options as calls."""
        o = self.options
        return floats((o.quantity * black76(o.base, o.strike, o.log_ratio, o.iv * o.root)[0]).sum(axis=0))

    def later(self) -> Floats:
        """Expected shortfall with every scenario at the end of the horizon."""
        o = self.options
        left = np.sqrt(np.maximum(o.time - RISK.horizon_seconds, 0) / YEAR)
        return es.shortfall(replace(o, root=left), self.worth, RISK)

    def at_expiry(self, nodes: Floats) -> Floats:
        """Largest loss when options pay at once and the forward is at one of some nodes [standard deviations]."""
        prices = np.exp(nodes[:, None] * self.options.move)
        pays = (self.options.quantity * np.maximum(prices[:, None] - self.options.strike, 0)).sum(axis=1)
        return floats(np.max(self.worth - pays - self.slope * (prices - 1), axis=0))

    def capped(self, margin: Floats) -> Floats:
        """MM of a margin: with the floor, and at most what the vault can lose."""
        o, worth = self.options, self.worth
        floor = RISK.short_floor_bps / 1e4 * np.maximum(-o.quantity, 0).sum(axis=0)
        at = np.concatenate([np.zeros((1, len(worth))), o.strike])
        pays = (o.quantity * np.maximum(at[:, None] - o.strike, 0)).sum(axis=1) + self.slope * (at - 1)
        least = np.where(o.quantity.sum(axis=0) + self.slope < 0, -np.inf, pays.min(axis=0))
        return floats(np.minimum(margin + floor, np.maximum(worth - least, 0)))


def rules(pods: Pods) -> dict[str, Floats]:
    """MM of every vault by each way to look at time."""
    now = es.shortfall(pods.options, pods.worth, RISK)
    still = np.maximum(now, es.decay(pods.options, pods.worth, RISK))
    horizon = RISK.horizon_seconds
    share = np.clip(2 - pods.options.time / horizon, 0, 1)
    inside = share * pods.at_expiry(np.array(NODES[3:9]) / WAD)
    return {
        "no decay": pods.capped(now),
        "decay": pods.capped(still),
        "decay, and what options pay at six nodes": pods.capped(np.maximum(still, inside)),
        "the whole set later": pods.capped(np.maximum(still, pods.later())),
    }


def shortfalls(hours: float, count: int = 8_000, seed: int = 1) -> dict[str, Floats]:
    """By rule, the margin of the whole set at the later time over that of the rule, one for each vault."""
    parts: dict[str, list[Floats]] = {}
    for vols in MARKETS:
        for legs in (2, 3, 4):
            found = rules(Pods.draw(count, legs, hours, vols, seed))
            whole = found.pop("the whole set later")
            counts = whole > 1e-3
            for name, margin in found.items():
                parts.setdefault(name, []).append(whole[counts] / np.maximum(margin[counts], 1e-9))
    return {name: np.concatenate(ratios) for name, ratios in parts.items()}


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="first", type=int, default=2018, help="first year")
    parser.add_argument("--to", dest="last", type=int, default=2024, help="last year")
    given = parser.parse_args()
    if "BULKHEAD_DATA" not in os.environ:
        raise SystemExit("decay: BULKHEAD_DATA names no folder of market data.")
    span = (f"{given.first}-01-01", f"{given.last + 1}-01-01")
    first, last = (int(np.datetime64(day, "s").astype(np.int64)) for day in span)
    print("| one-day straddles | opened | lose more than MM | the worst, of the premium |\n|---|---|---|---|")
    for file in sorted((Path(os.environ["BULKHEAD_DATA"]) / "ohlc").glob("*_1h_*")):
        beyond = straddles(read_history(file), first, last)
        print(f"| {file.name[:3]} | {len(beyond):,} | {np.mean(beyond > 0):.3%} | {max(beyond.max(), 0):.1%} |")
    print("\n| hours left | rule | median | 99.9 % | worst | short by over 10 % |\n|---|---|---|---|---|---|")
    for hours in NEAR:
        for name, ratio in shortfalls(hours).items():
            print(
                f"| {hours} | {name} | {np.median(ratio):.2f} | {np.quantile(ratio, 0.999):.2f} "
                f"| {min(ratio.max(), 99):.2f} | {np.mean(ratio > 1.1):.1%} |"
            )


if __name__ == "__main__":
    main()
