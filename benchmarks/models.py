"""For whom each margin model is: what it asks of common structures, and what a late taker finds in crashes.

python -m benchmarks.models [--json]     # market data in BULKHEAD_DATA

Every structure, in expiries of 2 to 60 days, stands exactly at its MM at some moment of a crash and is taken half an
hour later. What its own money does not cover then is the loss, over its notional: the worst moment of all files, ETH
and BTC, and the share of moments at which anything is lost. STATIC's ratios are those of a vault that was stamped in a
calm market.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from bulkhead.replay.price_paths.history import read_history, read_window
from bulkhead.risk import batch, static
from bulkhead.risk.batch import Book, Cells
from bulkhead.risk.crash.tape import TENORS, expiries_after
from bulkhead.risk.frontier import Market
from bulkhead.risk.frontier.measure import Asked, Rule, hold
from bulkhead.risk.scales import DAY, WAD
from bulkhead.risk.words import Kind, Model, RiskWord

#: sigma_m at which STATIC vaults were stamped [wad].
CALM = 5 * WAD // 10
#: How late a taker comes [seconds].
LATE = 1_800
#: (kind, strike over spot at the opening, contracts) of the legs of each structure.
Legs = Sequence[tuple[Kind, float, float]]
C, P, F = Kind.CALL, Kind.PUT, Kind.FUTURE
STRUCTURES: dict[str, Legs] = {
    "long future": ((F, 0, 1),),
    "short future": ((F, 0, -1),),
    "short straddle": ((C, 1, -1), (P, 1, -1)),
    "short strangle, 10 % away": ((C, 1.1, -1), (P, 0.9, -1)),
    "short put, 20 % away": ((P, 0.8, -1),),
    "1x3 put ratio": ((P, 0.95, 1), (P, 0.85, -3)),
    "1x3 call ratio": ((C, 1.05, 1), (C, 1.15, -3)),
    "put ratio, far": ((P, 0.9, 1), (P, 0.75, -3)),
    "condor": ((P, 0.85, 1), (P, 0.9, -1), (C, 1.1, -1), (C, 1.15, 1)),
    "covered call": ((F, 0, 1), (C, 1.05, -1)),
}


def rule(model: Model, risk: RiskWord) -> Rule:
    """A model of ours; `initial` is IM, before the cap."""
    stamp = batch.ratios(static.stamp(risk, CALM))

    def asked(book: Book, cells: Cells) -> Asked:
        mine = book.under(model, stamp)
        found = batch.assess(mine, cells, risk, threads=1)
        room = np.maximum(found.value - found.v_min, 0.0)
        kappas = batch.kappa(cells.vol_ratio, risk)[mine.cell]
        initial = np.where(found.initial > 0, found.initial, found.margin * kappas)
        return Asked(found.value, np.minimum(found.margin, room), initial, room)

    return asked


def vaults(spot: float, legs: Legs) -> Book:
    """The structure in each expiry."""
    kinds = [int(kind) for kind, _, _ in legs] * len(TENORS)
    strikes = [ratio * spot for _, ratio, _ in legs] * len(TENORS)
    sizes = [size for _, _, size in legs] * len(TENORS)
    offsets = np.arange(len(TENORS) + 1) * len(legs)
    return Book.flat(kinds, strikes, sizes, offsets, np.arange(len(TENORS)))


@dataclass(frozen=True)
class Found:
    """One structure under one model: mean MM over notional, share of moments with a loss, the worst loss."""

    mm: float
    lost: float
    worst: float


def through(markets: Sequence[Market], legs: Legs, model: Model, risk: RiskWord) -> Found:
    """Every moment of every crash, a taker half an hour late."""
    asked, losses = [], []
    for market in markets:
        for window, path in market.windows:
            sigma = path.sigma()[path.index(window.at)]
            fine, book = path.through(window.at, window.price), vaults(float(window.price[0]), legs)
            held = hold(rule(model, risk), fine, sigma, window.at, book, expiries_after(int(window.at[0])))
            steps = LATE // int(window.at[1] - window.at[0])
            moved = held.gain[steps:] - held.gain[:-steps]
            lost = np.maximum(-(held.maintenance[:-steps] + moved), 0.0) / held.notional
            alive = held.alive[steps:]
            asked.append((held.maintenance[:-steps] / held.notional)[alive])
            losses.append(lost[alive])
    everything = np.concatenate(losses)
    return Found(float(np.concatenate(asked).mean()), float(np.mean(everything > 1e-9)), float(everything.max()))


def markets(folder: Path) -> list[Market]:
    """ETH and BTC with their crashes."""
    found = []
    for file in sorted((folder / "ohlc").glob("*_1h_*")):
        history = read_history(file)
        windows = [read_window(f, file.name[:3].lower()) for f in sorted((folder / "crash").glob("*.csv.gz"))]
        first = int(windows[0].at[0]) - 400 * DAY
        kept = history.at >= first
        found.append(Market.of(file.name[:3], history.at[kept].astype(np.int64), history.close[kept], windows))
    return found


def table(found: Sequence[Market], risks: dict[str, tuple[Model, RiskWord]]) -> Iterator[tuple[str, dict[str, Found]]]:
    """Every structure under every model."""
    for name, legs in STRUCTURES.items():
        yield name, {title: through(found, legs, model, risk) for title, (model, risk) in risks.items()}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.add_argument("--static-future", type=int, default=RiskWord().static_future, help="STATIC c [1e-3 of spot]")
    parser.add_argument("--greeks-move", type=int, default=RiskWord().greeks_move, help="GREEKS k [0.1 deviations]")
    given = parser.parse_args()
    if "BULKHEAD_DATA" not in os.environ:
        raise SystemExit("models: BULKHEAD_DATA names no folder of market data.")
    risk = replace(RiskWord(), static_future=given.static_future, greeks_move=given.greeks_move)
    rows = table(markets(Path(os.environ["BULKHEAD_DATA"])), {m.name: (m, risk) for m in Model})
    if given.json:
        print(json.dumps({name: {title: asdict(one) for title, one in found.items()} for name, found in rows}))
        return
    print("| structure | " + " | ".join(f"{m.name}: MM | lost in | worst" for m in Model) + " |")
    print("|---|" + "---|---|---|" * len(Model))
    for name, found in rows:
        cells = (f"{one.mm:.1%} | {one.lost:.2%} | {one.worst * 1e4:.0f} bp" for one in found.values())
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
