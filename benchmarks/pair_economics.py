"""What a pair of own vaults, one long and one short, earns from gaps that exceed the loser's margin.

python -m benchmarks.pair_economics          # prints the tables; BULKHEAD_DATA names the folder with the market data
python -m benchmarks.pair_economics --docs   # writes them into docs/threat-model.md

Worst case for everybody else: nobody flags or takes within a bar, and the loss counted is at the bar's low or high.
Margins are those in force, by the vectorised mirror at the vols that the adapter's averages would have had; the loser
stands at IM, or at MM, at the start of every bar. What it cannot pay is what insurance and the cell's other winners
lose, and what the pair earns.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import generated
from bulkhead.chain.parameters import PARAMETERS
from bulkhead.risk import batch
from bulkhead.risk.volatility import fallback_iv_float
from bulkhead.risk.words import WAD, Kind, Leg, RiskWord, Snapshot

PAGE = generated.ROOT / "docs" / "threat-model.md"
NAME, GENERATOR = "pair economics", "benchmarks.pair_economics"
Floats = np.ndarray
SPOT, HOUR, YEAR_HOURS = 1_000, 3600, 8760
RISK = RiskWord()
FLOOR, RAMP, FACTOR = 0.4, 0.05, 1.25
HALF_LIVES = {"fast": 6.0, "day": 24.0, "week": 168.0, "long": 1440.0}  # [hours]
#: Instruments: kind, strike over spot, hours to expiry.
PAIRS = [
    *((Kind.FUTURE, 1.0, hours) for hours in (3, 24, 168)),
    *((Kind.PUT, strike, hours) for strike in (1.0, 0.9, 0.8) for hours in (3, 24, 168)),
    *((Kind.CALL, strike, hours) for strike in (1.0, 1.1, 1.2) for hours in (3, 24, 168)),
]
CRASHES = [
    ("2020-03_black_thursday_5min", 5),
    ("2021-05_china_ban_1min", 1),
    ("2024-08_yen_unwind_1min", 1),
]


@dataclass(frozen=True)
class Bars:
    """Prices of one asset.

    Attributes:
        minutes: Length of a bar.
        low: Lowest price of the next bar over the close before it.
        high: Highest price of it over the same.
        vols: Vols at each close: sigma_m ramped, its kappa ratio, week and long.
    """

    minutes: int
    low: Floats
    high: Floats
    sigma: Floats
    ratio: Floats
    week: Floats
    long: Floats


def averages(close: Floats, minutes: int) -> dict[str, Floats]:
    """Vols by half-life, of bars that lie so many minutes apart."""
    hours = minutes / 60
    squares = np.r_[0.0, np.clip(np.log(close[1:] / close[:-1]), -0.2, 0.2) ** 2] * YEAR_HOURS / hours
    found = {}
    for name, half_life in HALF_LIVES.items():
        kept = 0.5 ** (hours / half_life)
        now, path = max(FLOOR**2, float(squares[: round(24 / hours)].mean())), np.empty(len(squares))
        for i, square in enumerate(squares):
            now = now * kept + square * (1 - kept)
            path[i] = now
        found[name] = np.sqrt(path)
    return found


def bars(close: Floats, low: Floats, high: Floats, minutes: int) -> Bars:
    """Bars with the vols that the adapter would have had; bars with broken prices count for nothing."""
    vols = averages(close, minutes)
    current = np.maximum(np.maximum(vols["day"], vols["week"]), FLOOR)
    ramped = current.copy()
    step = (1 + RAMP) ** (minutes / 60)
    for i in range(1, len(ramped)):
        ramped[i] = min(current[i], ramped[i - 1] * step)
    down, up = low[1:] / close[:-1], high[1:] / close[:-1]
    sound = (down > 0.3) & (up < 3)
    down, up = np.where(sound, down, 1.0), np.where(sound, up, 1.0)
    rest = [a[:-1] for a in (ramped, vols["fast"] / vols["week"], vols["week"], vols["long"])]
    return Bars(minutes, np.minimum(down, 1), np.maximum(up, 1), *rest)


def cells(of: Bars, hours: float, spots: Floats) -> batch.Cells:
    """The cell at each bar, so many hours before its expiry, at these spots."""
    seconds = max(round(hours * HOUR), 1)
    iv = np.clip(fallback_iv_float(of.week, of.long, np.array(float(seconds)), FACTOR), 0.01, 9.9)
    one = batch.Cells.of(
        [Snapshot(spot=SPOT * WAD, forward=SPOT * WAD, seconds=seconds, sigma=WAD, sigma_now=WAD, surface_near=WAD)]
    )
    count = len(spots)
    wide = {name: np.repeat(value, count, axis=-1) for name, value in vars(one).items()}
    return replace(one, **{**wide, "spot": spots, "base": spots, "sigma": of.sigma, "vol_ratio": of.ratio, "flat": iv})


def stand(leg: Leg, at: batch.Cells) -> batch.Standings:
    """A vault of one leg and no tokens, in every cell."""
    count = len(at.spot)
    book = batch.Book.of([[leg]] * count, cell=np.arange(count))
    return batch.resolve(batch.assess(book, at, RISK), book, at, RISK, np.zeros(count))


@dataclass(frozen=True)
class Outcome:
    """What one pair earns.

    Attributes:
        capital: What both vaults hold, on average [share of spot].
        margin: MM of the loser, on average [share of spot].
        gaps: Bars in which the loser cannot pay, started at IM.
        earned: Mean of what it cannot pay a bar, started at IM [share of spot].
        earned_at_mm: The same started at MM.
        worst: Largest, started at IM [share of spot].
        worst_at_mm: Largest, started at MM.
    """

    capital: float
    margin: float
    gaps: int
    earned: float
    earned_at_mm: float
    worst: float
    worst_at_mm: float


def outcome(of: Bars, kind: Kind, strike: float, hours: float, passed: float | None = None) -> Outcome:
    """A pair over all bars; both sides of a future may lose, of an option its seller.

    Args:
        of: The bars.
        kind: Of the instrument.
        strike: Over spot.
        hours: To expiry, at the start of each bar.
        passed: Until somebody acts [hours]; a bar when left out.
    """
    start = cells(of, hours, np.full(len(of.low), float(SPOT)))
    left = max(hours - (of.minutes / 60 if passed is None else passed), 0.0)
    capital, missing, missing_at_mm, margin = 0.0, 0.0, 0.0, 0.0
    for quantity in (-1, 1) if kind == Kind.FUTURE else (-1,):
        leg = Leg(kind, 0 if kind == Kind.FUTURE else round(strike * SPOT * 10**8), quantity * 10**6)
        before = stand(leg, start)
        falls = kind == Kind.PUT or (kind == Kind.FUTURE and quantity > 0)
        after = stand(leg, cells(of, left, SPOT * (of.low if falls else of.high)))
        lost = before.equity - after.equity
        missing = missing + np.maximum(lost - before.initial_margin, 0) / SPOT
        missing_at_mm = missing_at_mm + np.maximum(lost - before.maintenance_margin, 0) / SPOT
        margin += float(before.maintenance_margin.mean()) / SPOT
        # a buyer brings the premium, which lies in the seller's vault
        capital += float(before.initial_margin.mean() + (0 if kind == Kind.FUTURE else -before.equity.mean())) / SPOT
    gaps = np.asarray(missing)
    at_mm = np.asarray(missing_at_mm)
    sides = 2 if kind == Kind.FUTURE else 1
    return Outcome(
        capital,
        margin / sides,
        int((gaps > 0).sum()),
        float(gaps.mean()),
        float(at_mm.mean()),
        float(gaps.max()),
        float(at_mm.max()),
    )


def label(kind: Kind, strike: float) -> str:
    """As the tables name an instrument."""
    return "future" if kind == Kind.FUTURE else f"{kind.name.lower()} at {strike:.0%} of spot"


def fees(hours: float, capital: float) -> float:
    """Taker's fees of opening a pair anew at every expiry [share of its capital a year]."""
    bps = PARAMETERS["taker_fee_bps"].default
    return bps / 1e4 * YEAR_HOURS / hours / capital


def hourly_table(assets: dict[str, Bars]) -> list[str]:
    """By instrument and time to expiry, from hourly bars."""
    heads = (
        "asset", "instrument", "hours to expiry", "capital, % of spot", "gaps a year",
        "earned, % of capital a year: loser at IM", "at MM", "fees of opening anew, % of capital a year",
        "worst gap from IM, % of spot",
    )  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for name, of in assets.items():
        years = len(of.low) * of.minutes / 60 / YEAR_HOURS
        for kind, strike, hours in PAIRS:
            one = outcome(of, kind, strike, hours)
            earned, at_mm = (x * YEAR_HOURS / one.capital for x in (one.earned, one.earned_at_mm))
            cells_of_row = (
                name, label(kind, strike), f"{hours}", f"{one.capital:.1%}", f"{one.gaps / years:.2f}", f"{earned:.1%}",
                f"{at_mm:.1%}", f"{fees(hours, one.capital):.0%}", f"{one.worst:.1%}",
            )  # fmt: skip
            lines.append("| " + " | ".join(cells_of_row) + " |")
    return lines


def crash_table(crashes: Iterable[tuple[str, str, Floats, Floats, Floats, int]]) -> list[str]:
    """The worst start of each crash, by how long nobody acts."""
    waits = (5, 15, 30)
    lines = [
        "| crash | asset | instrument | hours to expiry | " + " | ".join(f"{w} min" for w in waits) + " |",
        "|---|---|---|---|" + "---|" * len(waits),
    ]
    for crash, asset, close, low, high, minutes in crashes:
        of = bars(close, low, high, minutes)
        for kind, strike, hours in ((Kind.FUTURE, 1.0, 3), (Kind.FUTURE, 1.0, 24), (Kind.PUT, 0.9, 24)):
            worst = []
            for wait in waits:
                count = wait // minutes
                reach = len(close) - count
                falls = np.min([low[1 + i : 1 + i + reach] for i in range(count)], axis=0) / close[:reach]
                rises = np.max([high[1 + i : 1 + i + reach] for i in range(count)], axis=0) / close[:reach]
                rest = [np.r_[a, a[-1]][:reach] for a in (of.sigma, of.ratio, of.week, of.long)]
                cut = Bars(minutes, np.minimum(falls, 1), np.maximum(rises, 1), *rest)
                worst.append(outcome(cut, kind, strike, hours, wait / 60).worst_at_mm)
            shown = " | ".join(f"{one:.2%}" for one in worst)
            lines.append(f"| {crash} | {asset} | {label(kind, strike)} | {hours} | {shown} |")
    return lines


def hourly(folder: Path, asset: str) -> Bars:
    """Hourly bars of an asset out of the data folder."""
    frame = pd.read_parquet(folder / "ohlc" / f"{asset}USD_1h_2017-2024.parquet")
    close, low, high = (frame[name].to_numpy(float) for name in ("close", "low", "high"))
    return bars(close, low, high, 60)


def crashes(folder: Path) -> Iterable[tuple[str, str, Floats, Floats, Floats, int]]:
    """Bars of minutes around the crashes."""
    for name, minutes in CRASHES:
        frame = pd.read_csv(folder / "crash" / f"{name}.csv.gz")
        for asset in ("ETH", "BTC"):
            columns = [f"{asset.lower()}_{part}" for part in ("close", "low", "high")]
            if all(column in frame for column in columns):
                kept = frame[columns].dropna().to_numpy(float)
                yield name.rsplit("_", 1)[0], asset, kept[:, 0], kept[:, 1], kept[:, 2], minutes


def body(folder: Path) -> str:
    """Both tables."""
    assets = {asset: hourly(folder, asset) for asset in ("ETH", "BTC")}
    between = (
        "What the loser cannot pay, in % of spot, when it stands at MM as the move begins and nobody acts for so long, "
        "at the worst start of the crash:"
    )
    return "\n".join([*hourly_table(assets), "", between, "", *crash_table(crashes(folder))])


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints or writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/threat-model.md")
    chosen = parser.parse_args(arguments)
    folder = os.environ.get("BULKHEAD_DATA")
    if not folder or not Path(folder).is_dir():
        print("Set BULKHEAD_DATA to the folder with the market data.")
        return 1
    text = body(Path(folder))
    if chosen.docs:
        PAGE.write_text(generated.with_block(PAGE.read_text(), NAME, text, GENERATOR, generated.MARKDOWN))
    else:
        print(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
