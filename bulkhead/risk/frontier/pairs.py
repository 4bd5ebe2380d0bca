"""A pair of own vaults: one at its IM loses, one on the other side wins what insurance and its cell pay.

Nobody acts within the hour, and the loss counted is at the hour's worst price. What such a pair earns an hour must not
be worth the fee of opening it again when its tenor is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bulkhead.risk.batch import Book, Cells, Floats, black76
from bulkhead.risk.frontier.measure import ours
from bulkhead.risk.frontier.setting import Setting
from bulkhead.risk.scales import HOUR, YEAR
from bulkhead.risk.vol_path import VolPath
from bulkhead.risk.words import Kind

#: Fee of a taker and the least of it, shares of notional, and its cap, a share of premium.
FEE, LEAST_FEE, FEE_CAP = 0.0003, 0.00003, 0.125
#: An hour's move from which a pair may win at all.
LEAST_MOVE = 0.02
#: (kind, side, strike over spot, hours to expiry) of the leg that loses.
LEGS = (
    (Kind.FUTURE, 1, 0.0, 3), (Kind.FUTURE, 1, 0.0, 24), (Kind.FUTURE, 1, 0.0, 168), (Kind.FUTURE, -1, 0.0, 3),
    (Kind.FUTURE, -1, 0.0, 24), (Kind.PUT, -1, 1.0, 24), (Kind.PUT, -1, 0.95, 24), (Kind.PUT, -1, 0.9, 24),
    (Kind.PUT, -1, 0.85, 24), (Kind.PUT, -1, 0.95, 3), (Kind.PUT, -1, 0.9, 3), (Kind.PUT, -1, 0.9, 168),
    (Kind.CALL, -1, 1.05, 24), (Kind.CALL, -1, 1.1, 24), (Kind.CALL, -1, 1.1, 3), (Kind.CALL, -1, 1.2, 168),
)  # fmt: skip


@dataclass(frozen=True)
class Bars:
    """Hours of a market: when each begins, its open (the close before), its lowest and highest price."""

    at: Floats
    open: Floats
    low: Floats
    high: Floats


def worst(found: Sequence[tuple[Bars, VolPath]], setting: Setting) -> tuple[str, float]:
    """The leg whose pair earns most in any market, and what; negative is well."""
    best = ("", -np.inf)
    for bars, path in found:
        sigma = path.sigma(setting.stress_share_bps / 1e4, setting.stress_vol_bps / 1e4)
        best = max(best, *gains(bars, path, sigma, setting).items(), key=lambda one: one[1])
    return best[0], float(best[1])


def gains(bars: Bars, path: VolPath, sigma: Floats, setting: Setting) -> dict[str, float]:
    """By leg, what a pair earns until its expiry less the fee of opening it, over notional; negative is well."""
    counts = (bars.at >= path.at[0]) & (bars.at <= path.at[-1])
    moved = np.maximum(bars.open - bars.low, bars.high - bars.open) > LEAST_MOVE * bars.open
    some = np.flatnonzero(counts & moved)
    entries = path.index(bars.at[some])
    spot, hours = bars.open[some], int(counts.sum())
    grown = setting.risk.kappa_stress_bps - setting.risk.kappa_calm_bps
    kappa = (setting.risk.kappa_calm_bps + grown * np.clip(path.ratio[entries] - 1, 0, 2) / 2) / 1e4
    rule, found, size = ours(setting), {}, len(some)
    for kind, side, ratio, tenor in LEGS:
        iv = path.iv(entries, tenor * HOUR)
        strike = ratio * spot
        cells = Cells.flat_surface(spot, tenor * HOUR, sigma[entries], iv, path.ratio[entries])
        book = Book.flat(np.full(size, kind), strike, np.full(size, float(side)), np.arange(size + 1), np.arange(size))
        asked = rule(book, cells)
        im = np.minimum(kappa * asked.initial, asked.room)
        falls = kind == Kind.PUT or (kind == Kind.FUTURE and side > 0)
        later = side * _worth(kind, (bars.low if falls else bars.high)[some], strike, iv, tenor - 1)
        short = np.maximum(-(im + later - asked.value), 0) / spot
        premium = np.abs(asked.value) / spot
        fees = np.full(size, FEE) if kind == Kind.FUTURE else np.clip(FEE_CAP * premium, LEAST_FEE, FEE)
        fee = float(fees.mean()) if size else FEE
        name = f"{'long' if side > 0 else 'short'} {kind.name.lower()}{f' {ratio:.0%}' if ratio else ''} {tenor} h"
        found[name] = float(short.sum() / hours * tenor - fee)
    return found


def _worth(kind: Kind, price: Floats, strike: Floats, iv: Floats, hours: float) -> Floats:
    """Mark of one contract."""
    if kind == Kind.FUTURE:
        return price
    log_ratio = np.log(price / strike)
    call = black76(price, strike, log_ratio, iv * np.sqrt(hours * HOUR / YEAR))[0]
    return np.asarray(call + strike - price if kind == Kind.PUT else call, np.float64)
