"""What coin-margined markets ask and lose beside dollar markets: worked cases, Deribit's marks, hours beyond MM.

    python -m benchmarks.coins            # the worked cases of docs/coins.md
    python -m benchmarks.coins --marks    # Deribit's chains marked in coins
    python -m benchmarks.coins --hours    # short puts from hour to hour, 2018 to 2024
    python -m benchmarks.coins --crash    # crashes, beside Deribit's rule in coins

Marks, hours and crashes need the market data (BULKHEAD_DATA, else ../shared/data beside the project).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.crash import data_folder, tape_of
from benchmarks.crash_page import CRASHES, cells, table
from bulkhead.risk import batch, crash, exact, margin, peers, static
from bulkhead.risk.batch import Book, Bools, Cells, Floats, black76
from bulkhead.risk.batch.static import STATIC_KAPPA
from bulkhead.risk.liquidation_price import exact_prices
from bulkhead.risk.scales import DAY, YEAR
from bulkhead.risk.words import LINEAR, WAD, Kind, Leg, Model, RiskWord, Snapshot, Units

COINS = Units(inverse=True, digits=3)
RISK = RiskWord()
#: Worked cases: ether at 2,000, 30 days, every option at 60 % vol, sigma_m 50 %.
SPOT, DAYS, IV, SIGMA = 2_000, 30, 60, 50
#: Strikes of the puts that are followed from hour to hour, as multiples of spot, and their tenor [days].
STRIKES, TENOR = (1.0, 1.5, 3.0, 5.0), 7
MODELS = {"ES": Model.ES, "GREEKS": Model.GREEKS, "STATIC": Model.STATIC}
CONTRACT = 10**6


# --- worked cases ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One position and what it is opened with, in each kind of market.

    Attributes:
        title: What it is.
        legs: Its legs.
        dollars: Collateral beside the liquidation deposit in a dollar market.
        coins: The same in a coin market.
    """

    title: str
    legs: tuple[Leg, ...]
    dollars: float
    coins: float


def _option(kind: Kind, strike: int, contracts: int = -1) -> Leg:
    return Leg(kind, strike * 10**8, contracts * CONTRACT)


def cases_of_page() -> tuple[Case, ...]:
    """Positions of one contract."""
    future = (Leg(Kind.FUTURE, 0, CONTRACT), Leg(Kind.CASH, 0, -SPOT * CONTRACT))
    back = tuple(Leg(leg.kind, 0, -leg.quantity) for leg in future)
    return (
        Case("short call 2,200, one underlying's worth", (_option(Kind.CALL, 2_200),), SPOT, 1),
        Case("short call 2,200, 0.15 of it", (_option(Kind.CALL, 2_200),), SPOT * 0.15, 0.15),
        Case("short put 1,800, its strike's worth", (_option(Kind.PUT, 1_800),), 1_800, 0.9),
        Case("short put 1,800, 0.15 of spot", (_option(Kind.PUT, 1_800),), SPOT * 0.15, 0.15),
        Case("long future at 5x", future, SPOT / 5, 0.2),
        Case("short future at 5x", back, SPOT / 5, 0.2),
    )


def snapshot() -> Snapshot:
    """The prices of the worked cases."""
    spot = SPOT * WAD
    return Snapshot(
        spot, spot, DAYS * DAY, SIGMA * WAD // 100, SIGMA * WAD // 100, surface_near=IV * WAD // 100,
        window_seconds=1_800,
    )  # fmt: skip


def worked() -> list[str]:
    """Rows of the page's table: MM, IM and liquidation prices in both kinds of market."""
    found = table(
        "position", "dollars: MM", "IM", "worst", "liquidated below, above", "coins: MM", "IM", "worst",
        "liquidated below, above",
    )  # fmt: skip
    for case in cases_of_page():
        sides: list[str] = []
        for units, held in ((LINEAR, case.dollars), (COINS, case.coins)):
            sides += _side(case.legs, units, int(round(held * 10**6)) * 10**12)
        found += cells(case.title, *sides)
    return found


def _side(legs: tuple[Leg, ...], units: Units, collateral: int) -> list[str]:
    at = snapshot()
    assessed = exact.assess(legs, at, RISK, inverse=units.inverse)
    standing = margin.resolve(assessed, collateral, RISK, at, units=units)
    places = 4 if units.inverse else 0
    worst = "unbounded" if assessed.v_min == exact.UNBOUNDED else f"{assessed.v_min / WAD:,.{places}f}"
    edges = exact_prices(legs, at, RISK, collateral, units=units)
    shown = ["none" if edge is None else f"{edge / WAD:,.0f}" for edge in edges]
    return [
        f"{standing.maintenance_margin / WAD:,.{places}f}", f"{standing.initial_margin / WAD:,.{places}f}", worst,
        ", ".join(shown),
    ]  # fmt: skip


# --- Deribit's marks -------------------------------------------------------------------------------------------------


def marks_of(forward: Floats, strike: Floats, iv: Floats, years: Floats, put: Bools) -> Floats:
    """Marks in coins: Black-76 without discounting, over the forward."""
    log_ratio = np.log(forward / strike)
    call, _, _ = black76(forward, strike, log_ratio, iv * np.sqrt(years))
    return np.where(put, call - forward + strike, call) / forward


def deribit(folder: Path) -> dict[str, Floats]:
    """Columns of all chains there are: what Deribit marks, and what it marks with.

    Years are those from the snapshot to the expiry: the file's own column of them divides by another year.
    """
    import pyarrow.parquet as pq

    names = ("futures_price", "index_price", "strike", "mark_iv", "mark_price")
    columns: dict[str, list[Floats]] = {name: [] for name in (*names, "years", "put")}
    for file in sorted((folder / "deribit").glob("deribit_chains_*.parquet")):
        read = pq.read_table(file, columns=[*names, "option_type", "expiry_datetime", "snap_ts"]).to_pydict()
        for name in names:
            columns[name].append(np.array(read[name], np.float64))
        spans = zip(read["expiry_datetime"], read["snap_ts"], strict=True)
        columns["years"].append(np.array([(expiry - now).total_seconds() / YEAR for expiry, now in spans]))
        columns["put"].append(np.array([one == "put" for one in read["option_type"]], np.float64))
    found = {name: np.concatenate(parts) for name, parts in columns.items()}
    good = np.isfinite(np.stack(list(found.values()))).all(axis=0) & (found["mark_iv"] > 0) & (found["years"] > 0)
    return {name: column[good] for name, column in found.items()}


def marks(folder: Path) -> Iterator[str]:
    """How far marks in coins lie from Deribit's own, from the future's price and from the index."""
    chain = deribit(folder)
    for name in ("futures_price", "index_price"):
        ours = marks_of(chain[name], chain["strike"], chain["mark_iv"], chain["years"], chain["put"] > 0)
        away = np.abs(ours - chain["mark_price"])
        yield (
            f"{len(away):,} options, from {name}: median error {np.median(away):.2e} coin, p99 "
            f"{np.percentile(away, 99):.2e}, worst {away.max():.2e}"
        )


# --- hours beyond MM -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hours:
    """Hours of one asset: (spot, sigma_m, iv) at the close, and the lowest price of the next hour."""

    spot: Floats
    sigma: Floats
    iv: Floats
    low: Floats

    @classmethod
    def of(cls, folder: Path, asset: str) -> Hours:
        """Every hour from 2018 on, with the vols that the adapter would have from hourly closes."""
        import pyarrow.parquet as pq

        (file,) = (folder / "ohlc").glob(f"{asset.upper()}USD_1h_*.parquet")
        read = pq.read_table(file, columns=["ts", "close", "low"])
        at = read["ts"].cast("int64").to_numpy() // 10**9
        close, low = read["close"].to_numpy(), read["low"].to_numpy()
        tape = crash.Tape.record([(int(t), round(float(p) * 1e8)) for t, p in zip(at + 3_599, close, strict=True)])
        since = int(datetime(2018, 1, 1, tzinfo=UTC).timestamp())
        mine = np.flatnonzero(at[:-1] >= since)
        following = mine[at[mine + 1] - at[mine] <= 3_600]
        iv = np.maximum(tape.week, 0.4)
        return cls(tape.price[following], tape.sigma[following], iv[following], low[following + 1])


def beyond(hours: Hours, multiple: float, model: Model, units: Units) -> tuple[Floats, Floats]:
    """(loss beyond MM of each hour as a share of notional, and the same for STATIC without K/S)."""
    count, seconds = len(hours.spot), float(TENOR * DAY)
    now = Cells.flat_surface(hours.spot, np.full(count, seconds), hours.sigma, hours.iv)
    stamps = np.array([batch.ratios(static.stamp(RISK, round(s * 1e6) * 10**12)) for s in hours.sigma])
    strike = multiple * hours.spot
    book = Book.flat(
        np.full(count, int(Kind.PUT)), strike, -np.ones(count), np.arange(count + 1), np.arange(count), model, stamps,
        units,
    )  # fmt: skip
    found = batch.assess(book, now, RISK, threads=1)
    mm = np.minimum(found.margin, np.maximum(found.value - found.v_min, 0.0))
    left = np.full(count, (seconds - 3_600) / YEAR)
    worth = marks_of(hours.low, strike, hours.iv, left, np.ones(count, np.bool_))
    one = 1.0 if units.inverse else hours.spot
    loss = found.value + (worth if units.inverse else worth * hours.low)
    plain = stamps[:, 0] / STATIC_KAPPA * one
    return np.maximum(loss - mm, 0.0) / one, np.maximum(loss - plain, 0.0) / one


def hours_page(folder: Path, only: str = "") -> Iterator[str]:
    """Rows: how many hours lose more than MM, and how much of notional on average over all hours [1e-6]."""
    yield from table(
        "asset", "strike over spot", "model", "hours, dollars", "1e-6 of notional", "hours, coins", "1e-6 of notional"
    )
    for asset in ("eth", "btc"):
        if only not in asset:
            continue
        hours = Hours.of(folder, asset)
        for multiple in STRIKES:
            for name, model in MODELS.items():
                sides: list[str] = []
                for units in (LINEAR, COINS):
                    excess, _ = beyond(hours, multiple, model, units)
                    sides += [f"{int((excess > 1e-9).sum()):,}", f"{excess.mean() * 1e6:.3f}"]
                yield from cells(asset.upper(), f"{multiple:g}", name, *sides)
            excess, plain = beyond(hours, multiple, Model.STATIC, COINS)
            yield from cells(
                asset.upper(), f"{multiple:g}", "STATIC without K/S", "", "", f"{int((plain > 1e-9).sum()):,}",
                f"{plain.mean() * 1e6:.3f}",
            )  # fmt: skip


# --- crashes ---------------------------------------------------------------------------------------------------------


def crashes(folder: Path, vaults: int, only: str = "") -> Iterator[str]:
    """Rows: the same legs in dollars and in coins through every crash, under ES and Deribit's standard margin."""
    ours = {"ES": crash.Ours(Model.ES), "Deribit standard": crash.Theirs(peers.DeribitStandard())}
    yield from table(
        "crash", "rule", "counts", "IM of notional", "flagged", "below 0", "loss, bp", "paid for takes, bp"
    )
    for asset in ("eth", "btc"):
        for name in CRASHES:
            if only not in f"{asset} {name}":
                continue
            tape = tape_of(folder, name, asset, 50)
            spot = float(tape.price[0])
            for units in (LINEAR, COINS):
                # a unit is near 1 quote: what is counted in units is that much of a coin
                unit = 10.0 ** -round(np.log10(spot)) if units.inverse else 1.0
                book = crash.population(vaults, spot, 7, units)
                for rule, asks in ours.items():
                    settings = crash.Settings(dust=10 * unit, deposit=8 * unit)
                    out = crash.Play(book, tape, asks, settings).run()
                    lost = float(out.each.lost.sum()) / out.notional * 1e4
                    yield from cells(
                        f"{asset.upper()} {name}", rule, "coins" if units.inverse else "dollars",
                        f"{out.initial / out.notional:.1%}", str(out.flagged), str(int(out.each.below.sum())),
                        f"{lost:.2f}", f"{float(out.each.paid.sum()) / out.notional * 1e4:.1f}",
                    )  # fmt: skip


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--marks", action="store_true", help="Deribit's chains marked in coins")
    parser.add_argument("--hours", action="store_true", help="short puts from hour to hour, 2018 to 2024")
    parser.add_argument("--crash", action="store_true", help="crashes, beside Deribit's rule in coins")
    parser.add_argument("--vaults", type=int, default=150, help="vaults in each crash")
    parser.add_argument("--only", default="", help='an asset, or a crash such as "eth 2020-03"')
    given = parser.parse_args()
    if given.crash:
        for line in crashes(data_folder(), given.vaults, given.only):
            print(line, flush=True)
    if given.marks:
        print("\n".join(marks(data_folder())))
    if given.hours:
        for line in hours_page(data_folder(), given.only):
            print(line, flush=True)
    if not (given.marks or given.hours or given.crash):
        print("\n".join(worked()))


if __name__ == "__main__":
    main()
