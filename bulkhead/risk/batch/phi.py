"""The engine's Phi and Black-76 in floats."""

from __future__ import annotations

from functools import cache

import numpy as np

from bulkhead.risk import exact
from bulkhead.risk.batch.arrays import Floats
from bulkhead.risk.coefficients import MILLS_P, MILLS_Q

CELLS_PER_UNIT = float(exact.CELLS_PER_UNIT)
CENTRE = 6.0 * CELLS_PER_UNIT
#: Least total vol of a scenario, as in the engine (one unit of Q64).
TINY = 2.0**-64


@cache
def table() -> tuple[Floats, Floats, Floats, Floats]:
    """Coefficients of t^3 to t^0 per cell of the engine's table [2^-38], with a constant cell at either end."""
    units = (-132, -228, -222, -216)
    rows = [[float(c) * 2.0**u for c, u in zip(words, units, strict=True)] for words in exact.phi_table()]
    edges = ([0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, float(exact.PHI_ONE)])
    found = np.array([edges[0], *rows, edges[1]])
    cubic, square, linear, constant = (np.ascontiguousarray(found[:, i]) for i in range(4))
    return cubic, square, linear, constant


def phi_of_cells(x: Floats) -> Floats:
    """Phi as scenarios see it, rounded down [2^-38]; x in table cells from -6, shifted by one, and overwritten."""
    cubic, square, linear, constant = table()
    np.minimum(np.maximum(x, 0.0, out=x), exact.CELLS + 1.5, out=x)
    index = x.astype(np.intp)
    x -= index
    result = cubic.take(index)
    result *= x
    result += square.take(index)
    result *= x
    result += linear.take(index)
    result *= x
    result += constant.take(index)
    np.floor(result, out=result)
    return result


def _mills(x: Floats) -> Floats:
    """Phi(-x)/phi(x) for x in [0, 9]."""
    p = np.full_like(x, float(MILLS_P[-1]))
    q = np.full_like(x, float(MILLS_Q[-1]))
    for a, b in zip(MILLS_P[-2::-1], MILLS_Q[-2::-1], strict=True):
        p *= x
        p += float(a)
        q *= x
        q += float(b)
    p /= q
    return p


def black76(base: Floats, strike: Floats, log_ratio: Floats, total_vol: Floats) -> tuple[Floats, Floats, Floats]:
    """Call, Phi(d1) and phi(d1) (`exact.call_price`); `strike` may be below 0 where `log_ratio` is `BEYOND`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        d1 = log_ratio / total_vol + total_vol / 2
    # 0/0: no vol at the strike itself
    d1 = np.where(total_vol > 0, d1, np.where(log_ratio > 0, np.inf, -np.inf))
    d2 = d1 - total_vol
    inside = np.abs(d1) < 9
    low, high = np.clip(d1, -9, 9), np.clip(d2, -9, 9)
    phi = np.where(inside, np.exp(-low * low / 2) / np.sqrt(2 * np.pi), 0.0)
    below1, below2 = phi * _mills(np.abs(low)), np.where(np.abs(d2) < 9, phi * _mills(np.abs(high)), 0.0)
    intrinsic = np.maximum(base - strike, 0.0)
    call = np.where(
        d1 <= 0,
        base * (below1 - below2),
        np.where(d2 > 0, base - strike + base * (below2 - below1), base - base * (below2 + below1)),
    )
    call = np.maximum(call, intrinsic)
    outside = np.where((d1 >= 9) & (d2 < 0), base, intrinsic)
    upper = np.where(d1 <= 0, below1, 1 - below1)
    upper = np.where(inside, upper, np.where(d1 > 0, 1.0, 0.0))
    return np.where(inside, call, outside), upper, phi
