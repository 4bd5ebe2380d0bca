"""How often the loss of a vault over the horizon exceeds its maintenance margin, by delta, tenor and structure.

    python -m benchmarks.coverage [--since 2018]   # the numbers
    python -m benchmarks.coverage --docs           # and docs/coverage.md

Each day at 08:00 UTC of ETH and BTC a vault of every structure and tenor is margined; its loss until the end of the
horizon, marked at the surface in force then, is compared with its MM. Needs the market data (BULKHEAD_DATA, else
../shared/data beside the project).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.crash import data_folder, hourly
from benchmarks.crash_page import OURS, cells, table
from bulkhead.risk import batch
from bulkhead.risk.batch import Book, Cells, Floats
from bulkhead.risk.coverage import Coverage, coverage
from bulkhead.risk.crash import Tape
from bulkhead.risk.scales import DAY, YEAR
from bulkhead.risk.volatility import OracleWord, fallback_iv_float
from bulkhead.risk.words import Kind, Model, RiskWord

ROOT = Path(__file__).resolve().parents[1]
HOUR = 8
TENORS = (1, 2, 7, 30, 90)
#: Years whose returns chose the nodes, and years that no parameter has seen.
FIT, TEST = "2018-2021", "2022-2024"
#: An expected shortfall lies beyond the value that 1 % of losses exceed.
EXPECTED = 0.01
#: (name, legs as (kind, delta of the option, contracts)): delta 0 is a future.
Structure = tuple[str, tuple[tuple[Kind, float, float], ...]]
DELTAS = (0.05, 0.10, 0.25, 0.50, 0.75)
STRUCTURES: tuple[Structure, ...] = (
    *((f"short call, delta {d:.2f}", ((Kind.CALL, d, -1.0),)) for d in DELTAS),
    *((f"short put, delta {d:.2f}", ((Kind.PUT, d, -1.0),)) for d in DELTAS),
    ("short straddle", ((Kind.CALL, 0.5, -1.0), (Kind.PUT, 0.5, -1.0))),
    ("short strangle, delta 0.25", ((Kind.CALL, 0.25, -1.0), (Kind.PUT, 0.25, -1.0))),
    ("long straddle on credit", ((Kind.CALL, 0.5, 1.0), (Kind.PUT, 0.5, 1.0))),
    ("long call on credit, delta 0.25", ((Kind.CALL, 0.25, 1.0),)),
    ("put spread, 0.40 over 0.20", ((Kind.PUT, 0.4, -1.0), (Kind.PUT, 0.2, 1.0))),
    ("call ratio, 1 of 0.40 for 3 of 0.15", ((Kind.CALL, 0.4, 1.0), (Kind.CALL, 0.15, -3.0))),
    ("put ratio, 1 of 0.40 for 3 of 0.15", ((Kind.PUT, 0.4, 1.0), (Kind.PUT, 0.15, -3.0))),
    ("iron condor, 0.25 and 0.10", (
        (Kind.CALL, 0.25, -1.0), (Kind.CALL, 0.10, 1.0), (Kind.PUT, 0.25, -1.0), (Kind.PUT, 0.10, 1.0),
    )),
    ("risk reversal, 0.25", ((Kind.CALL, 0.25, 1.0), (Kind.PUT, 0.25, -1.0))),
    ("long future", ((Kind.FUTURE, 0.0, 1.0),)),
    ("short future", ((Kind.FUTURE, 0.0, -1.0),)),
)  # fmt: skip


@dataclass(frozen=True)
class Days:
    """What the oracle said each day and at the end of the horizon after it; one entry per day.

    Attributes:
        at: Stamp [unix seconds].
        now: (spot, sigma_m, 7-day vol, 60-day vol, vol ratio) then.
        later: The same at the end of the horizon.
    """

    at: Floats
    now: Floats
    later: Floats

    @classmethod
    def of(cls, tape: Tape, since: int, horizon: int) -> Days:
        """Days of a tape of hourly closes."""
        days = np.arange(-(-since // DAY) * DAY + HOUR * 3600, int(tape.at[-1]) - horizon, DAY)
        facts = np.stack([tape.price, tape.sigma, tape.week, tape.long, tape.vol_ratio])

        def seen(at: Floats) -> Floats:
            return facts[:, np.searchsorted(tape.at, at, "right") - 1]

        return cls(days, seen(days), seen(days + horizon))


def cells_of(facts: Floats, left: float) -> Cells:
    """One cell for each day, so long before its expiry [seconds]."""
    spot, sigma, week, long, ratio = facts
    iv = fallback_iv_float(week, long, np.full(len(spot), left), OracleWord().flat_factor_bps / 1e4)
    return Cells.flat_surface(spot, np.full(len(spot), left), sigma, iv, ratio)


def book_of(structure: Structure, spot: Floats, iv: Floats, seconds: float, model: Model) -> Book:
    """A vault of one structure for every day; strikes at the deltas of that day's vol."""
    from scipy.special import ndtri

    root, legs = np.sqrt(seconds / YEAR), structure[1]
    kinds, strikes, sizes = [], [], []
    for kind, delta, quantity in legs:
        if kind == Kind.FUTURE:
            strike = np.zeros(len(spot))
        else:
            d1 = ndtri(delta) if kind == Kind.CALL else -ndtri(delta)
            strike = spot * np.exp(iv * root * (iv * root / 2 - d1))
        kinds.append(np.full(len(spot), int(kind)))
        strikes.append(strike)
        sizes.append(np.full(len(spot), quantity))
    flat = (np.stack(part, axis=1).ravel() for part in (kinds, strikes, sizes))
    made = Book.flat(*flat, np.arange(len(spot) + 1) * len(legs), np.arange(len(spot)), model)
    made.prepare()
    return made


def exceeded(structure: Structure, days: Days, tenor: int, model: Model, risk: RiskWord) -> tuple[Floats, Floats]:
    """(loss less MM, spot) of each day; above 0 the margin was not enough."""
    seconds = float(tenor * DAY)
    now, later = cells_of(days.now, seconds), cells_of(days.later, seconds - risk.horizon_seconds)
    spot = days.now[0]
    iv = fallback_iv_float(days.now[2], days.now[3], np.full(len(spot), seconds), OracleWord().flat_factor_bps / 1e4)
    book = book_of(structure, spot, iv, seconds, model)
    if model == Model.STATIC:
        from bulkhead.risk import static

        stamps = [batch.ratios(static.stamp(risk, round(s * 1e6) * 10**12)) for s in days.now[1]]
        book = Book.flat(book.kind, book.strike, book.quantity, book.offsets, book.cell, model, np.array(stamps))
        book.prepare()
    found = batch.assess(book, now, risk, threads=1)
    margin = batch.resolve(found, book, now, risk, 0.0).maintenance_margin
    return found.value - batch.assess(book, later, risk, threads=1).value - margin, spot


@dataclass(frozen=True)
class Line:
    """One structure at one tenor: coverage in the years of the fit and of the test, and the worst excess [of spot]."""

    structure: str
    tenor: int
    fit: Coverage
    test: Coverage
    worst: float


def lines(markets: list[Days], model: Model, risk: RiskWord) -> Iterator[Line]:
    """Every structure at every tenor."""
    split = datetime(2022, 1, 1, tzinfo=UTC).timestamp()
    for structure in STRUCTURES:
        for tenor in TENORS:
            fit, test, worst = [], [], 0.0
            for days in markets:
                excess, spot = exceeded(structure, days, tenor, model, risk)
                # rounding of floats is no loss
                hit, early = excess > 1e-9 * spot, days.at < split
                fit.append(hit[early])
                test.append(hit[~early])
                worst = max(worst, float((excess / spot).max()))
            yield Line(structure[0], tenor, coverage(fit, EXPECTED), coverage(test, EXPECTED), worst)


def row(one: Line) -> list[str]:
    """A line as a row of the table; rates above the expected one that Kupiec's test rejects in bold."""

    def tests(found: Coverage) -> list[str]:
        rate = f"{found.rate:.2%}"
        too_many = found.rate > EXPECTED and found.kupiec < 0.05
        return [f"**{rate}**" if too_many else rate, f"{found.kupiec:.3f}", f"{found.christoffersen:.3f}"]

    return cells(one.structure, str(one.tenor), *tests(one.fit), *tests(one.test), f"{one.worst:.2%}")


def page(by_model: dict[str, list[Line]], first: int, days: tuple[int, int]) -> str:
    """docs/coverage.md."""
    out = [HEAD.format(first=first, fit=FIT, test=TEST, fit_days=days[0], test_days=days[1])]
    out += table(
        "model", f"mean rate {FIT}", f"mean rate {TEST}", f"rejected as too many, {FIT}", f"{TEST}", "worst excess"
    )
    for name, found in by_model.items():
        counts = [
            sum(c.rate > EXPECTED and c.kupiec < 0.05 for c in part)
            for part in ([one.fit for one in found], [one.test for one in found])
        ]
        out += cells(
            name, f"{np.mean([one.fit.rate for one in found]):.3%}", f"{np.mean([one.test.rate for one in found]):.3%}",
            f"{counts[0]} of {len(found)}", f"{counts[1]} of {len(found)}", f"{max(one.worst for one in found):.2%}",
        )  # fmt: skip
    for name, found in by_model.items():
        out += ["", f"## {name}", ""]
        out += table(
            "structure", "days to expiry", f"exceeded, {FIT}", "Kupiec p", "Christoffersen p", f"exceeded, {TEST}",
            "Kupiec p", "Christoffersen p", "worst excess, of spot",
        )  # fmt: skip
        for one in found:
            out += row(one)
    return "\n".join(out) + "\n"


HEAD = """# How often a loss exceeds the maintenance margin

Written by `python -m benchmarks.coverage --docs` ([market data](development.md#market-data)).

Each day at 08:00 UTC since {first}, ETH and BTC, a vault of every structure and tenor below is margined at the vols
that the adapter would have from hourly closes and at the surface it falls back to. Its loss until the
end of the horizon, marked the same way then, is compared with its MM, cap and floor included. Days do not overlap.

MM is an expected shortfall at 99 %, so fewer than 1 % of days should exceed it. *Kupiec p*: how likely such a rate
would be if 1 % were right; a rate above 1 % with p below 0.05 is bold, and a small p beside a smaller rate only
says that the margin is ample. *Christoffersen p*: how likely the exceedances would come as they do if each came
independently of the day before; small says that they come together, as they do in crashes. {fit} has the years that
the nodes were fitted on ({fit_days} days of both markets), {test} those that no parameter has seen ({test_days}
days).
"""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--since", type=int, default=2018, help="first year")
    parser.add_argument("--models", nargs="*", choices=list(OURS), default=list(OURS))
    parser.add_argument("--docs", action="store_true", help="write docs/coverage.md")
    given = parser.parse_args()
    if not 2018 <= given.since <= 2021:
        raise SystemExit(
            "coverage: --since must be a year from 2018 to 2021, so that the years of the fit are not empty."
        )
    folder, risk, markets = data_folder(), RiskWord(), []
    since = int(datetime(given.since, 1, 1, tzinfo=UTC).timestamp())
    for asset in ("eth", "btc"):
        at, close = hourly(folder, asset)
        mine = at > since - 60 * DAY
        rounds = [(int(t), round(float(p) * 1e8)) for t, p in zip(at[mine], close[mine], strict=True)]
        markets.append(Days.of(Tape.record(rounds), since, risk.horizon_seconds))
    found = {}
    for name in given.models:
        found[name] = list(lines(markets, OURS[name], risk))
        for one in found[name]:
            print(f"{name} {one.structure}, {one.tenor} d: {one.fit.rate:.2%} then {one.test.rate:.2%}", flush=True)
    if given.docs:
        days = found[given.models[0]][0].fit.days, found[given.models[0]][0].test.days
        (ROOT / "docs" / "coverage.md").write_text(page(found, given.since, days))


if __name__ == "__main__":
    main()
