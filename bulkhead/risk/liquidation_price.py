"""Spot prices at which a vault becomes liquidatable: the nearest below and the nearest above the present one.

Everything but spot stays: the forward keeps its ratio to spot, vols keep their place (a flat surface its level, SVI its
log-moneyness), time stands still. The search walks outwards over a grid, evaluates every point until one is
liquidatable, then narrows that step down. So of all crossings it finds the nearest, unless a vault becomes
liquidatable and healthy again between two neighbouring points (`bulkhead.risk.edges` finds those as well). Points lie
1 % apart within 20 % of spot, then each step is a tenth wider than the last, to a twentieth and to the twentyfold of
spot, in a market that counts coins to a ten-thousandth and back: there what is owed in quote grows without bound as the
price falls. The strikes of the vault are points as well, since that is where margins have their corners.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from bulkhead.risk import batch, exact, margin
from bulkhead.risk.batch import Book, Cells, Floats, Ints
from bulkhead.risk.marks import MAX_PRICE
from bulkhead.risk.words import LINEAR, Kind, Leg, Model, RiskWord, Snapshot, Units

#: Widest search in log-price, also in coins, its first step, where steps begin to grow, and by how much.
REACH, COIN_REACH, STEP, EVEN, GROWTH = math.log(20.0), math.log(10_000.0), 0.01, 0.20, 1.1
#: Relative width of the answer's bracket in floats.
PRECISION = 1e-10
#: Vaults looked at together.
BLOCK = 20_000
#: Wad in the smallest price the exact search tells apart (1e-8 quote, a feed's usual unit).
TICK = 10**10


def reach(units: Units) -> float:
    """How far from spot is searched, in log-price."""
    return COIN_REACH if units.inverse else REACH


def grid(units: Units = LINEAR) -> list[float]:
    """Distances from spot in log-price, nearest first."""
    points, step, most = [], STEP, reach(units)
    at = 0.0
    while at < most:
        if at >= EVEN - 1e-9:
            step *= GROWTH
        at = min(at + step, most)
        points.append(at)
    return points


# --- many vaults ---------------------------------------------------------------------------------------------------


def searches(
    book: Book, cells: Cells, risk: RiskWord, collateral: ArrayLike, threads: int, *, size: int = BLOCK
) -> Iterator[tuple[Ints, Search, Floats]]:
    """(places in the book, their search, their spot) of so many vaults at a time, as `liquidation_prices` asks."""
    held = np.broadcast_to(np.asarray(collateral, np.float64), (len(book),))
    for first in range(0, len(book), size):
        mine = np.arange(first, min(first + size, len(book)))
        some = book.take(mine)
        yield mine, Search(some, cells, risk, held[mine], threads), cells.spot[some.cell]


def liquidation_prices(
    book: Book, cells: Cells, risk: RiskWord, collateral: ArrayLike, threads: int = 2
) -> tuple[Floats, Floats]:
    """Nearest liquidatable spot below and above the present one, for every vault [quote].

    Minus infinity and infinity where there is none; the present spot, twice, for a vault that is liquidatable now.

    Args:
        book: The vaults.
        cells: Prices of their cells.
        risk: Risk parameters of the market.
        collateral: C of each vault [token].
        threads: As in `batch.assess`.
    """
    down, up = np.full(len(book), -np.inf), np.full(len(book), np.inf)
    for mine, search, spot in searches(book, cells, risk, collateral, threads):
        now = search.excess(np.arange(len(mine)), spot) < 0
        down[mine[now]] = up[mine[now]] = spot[now]
        rest = np.flatnonzero(~now)
        down[mine[rest]] = search.nearest(rest, spot[rest], -1)
        up[mine[rest]] = search.nearest(rest, spot[rest], 1)
    return down, up


class Search:
    """The walk and the narrowing for one block of vaults."""

    def __init__(self, book: Book, cells: Cells, risk: RiskWord, collateral: Floats, threads: int) -> None:
        self._book, self._cells, self._risk, self._held, self._threads = book, cells, risk, collateral, threads
        #: Share of the collateral within which an excess is 0.
        self.rounding = 0.0

    def excess(self, vaults: Ints, spots: Floats) -> Floats:
        """Equity less MM at other spots; negative when liquidatable [token]."""
        some = self._book.take(vaults)
        found = batch.assess(some, self._cells, self._risk, spots=spots, threads=self._threads)
        standing = batch.resolve(found, some, self._cells, self._risk, self._held[vaults], spots=spots)
        # a vault whose collateral covers its worst payoff cannot be touched, whatever rounding says
        gap = standing.equity - standing.maintenance_margin
        gap = np.where(np.abs(gap) <= self.rounding * np.abs(self._held[vaults]), 0.0, gap)
        return np.where(self._held[vaults] >= -found.v_min, np.maximum(gap, 0.0), gap)

    def nearest(self, vaults: Ints, spots: Floats, side: int) -> Floats:
        """First liquidatable price on one side of spot, infinite on that side when there is none."""
        result = np.full(len(vaults), side * np.inf)
        points = self.points(vaults, spots, side)
        open_, before = np.arange(len(vaults)), np.zeros(len(vaults))
        least = self._book.least[vaults]
        open_ = open_[self._held[vaults] < -least]
        low, high = np.zeros(len(vaults)), np.zeros(len(vaults))
        hit: list[Ints] = []
        for column in range(points.shape[1]):
            if not len(open_):
                break
            at = points[open_, column]
            bad = self.excess(vaults[open_], spots[open_] * np.exp(side * at)) < 0
            found = open_[bad]
            low[found], high[found] = before[found], at[bad]
            hit.append(found)
            before[open_] = at
            open_ = open_[~bad]
        chosen = np.concatenate(hit) if hit else np.zeros(0, np.int64)
        if len(chosen):
            edge = self.narrow(vaults[chosen], spots[chosen], side, low[chosen], high[chosen])
            result[chosen] = spots[chosen] * np.exp(side * edge)
        return result

    def points(self, vaults: Ints, spots: Floats, side: int) -> Floats:
        """Distances to look at, one row per vault, nearest first: the grid and the vault's strikes."""
        some = self._book.take(vaults)
        distances, most = grid(some.units), reach(some.units)
        base = np.broadcast_to(distances, (len(vaults), len(distances)))
        extra = np.full((len(vaults), int(some.counts.max(initial=0))), most)
        column = np.arange(len(some.kind)) - some.offsets[some.owner]
        with np.errstate(divide="ignore"):
            away = side * np.log(some.strike / spots[some.owner])
        keep = (some.kind <= Kind.PUT) & (away > 0) & (away < most)
        extra[some.owner[keep], column[keep]] = away[keep]
        return np.sort(np.concatenate((base, extra), axis=1), axis=1)

    def narrow(self, vaults: Ints, spots: Floats, side: int, low: Floats, high: Floats) -> Floats:
        """ITP between a healthy distance (`low`) and a liquidatable one; returns the liquidatable end."""
        a, b = low.copy(), high.copy()
        every = np.arange(len(vaults))
        at_a = self.excess(vaults, spots * np.exp(side * a))
        at_b = self.excess(vaults, spots * np.exp(side * b))
        width = np.maximum(b - a, PRECISION)
        steps = np.ceil(np.log2(width / PRECISION)).astype(np.int64) + 2
        for turn in range(int(steps.max(initial=0))):
            live = every[b - a > PRECISION]
            if not len(live):
                break
            lo, hi, f_lo, f_hi = a[live], b[live], at_a[live], at_b[live]
            middle = (lo + hi) / 2
            with np.errstate(divide="ignore", invalid="ignore"):
                straight = (hi * f_lo - lo * f_hi) / (f_lo - f_hi)
            straight = np.where(np.isfinite(straight), straight, middle)
            # interpolate, truncate towards the middle, project so that bisection's count is never exceeded by far
            towards = np.sign(middle - straight)
            nudge = np.maximum(0.2 * (hi - lo) ** 2 / width[live], PRECISION / 4)
            guess = np.where(nudge <= np.abs(middle - straight), straight + towards * nudge, middle)
            room = np.maximum(PRECISION / 2 * np.exp2(np.minimum(steps[live] - turn, 60)) - (hi - lo) / 2, 0.0)
            point = np.where(np.abs(guess - middle) <= room, guess, middle - towards * room)
            point = np.clip(point, lo, hi)
            value = self.excess(vaults[live], spots[live] * np.exp(side * point))
            bad = value < 0
            b[live[bad]], at_b[live[bad]] = point[bad], value[bad]
            a[live[~bad]], at_a[live[~bad]] = point[~bad], value[~bad]
        return b


# --- one vault, exactly --------------------------------------------------------------------------------------------


def exact_prices(
    legs: Sequence[Leg],
    snapshot: Snapshot,
    risk: RiskWord,
    collateral: int,
    model: Model = Model.ES,
    units: Units = LINEAR,
) -> tuple[int | None, int | None]:
    """Nearest liquidatable spot below and above the present one, in integers [wad, multiples of 1e-8 quote].

    At the price itself the vault is liquidatable as the chain decides it; one tick towards spot it is not. None where
    there is no such price; the present spot, twice, for a vault that is liquidatable now.

    Args:
        legs: Legs of the vault.
        snapshot: Prices of its cell.
        risk: Risk parameters of the market.
        collateral: C [wad].
        model: The margin model.
        units: What the market counts in.
    """
    least = exact.max_loss(legs, units.inverse)
    if least != exact.UNBOUNDED and collateral >= -least:
        return None, None

    def bad(spot: int) -> bool:
        moved = snapshot.at(spot)
        found = exact.assess(legs, moved, risk, model=model, inverse=units.inverse)
        standing = margin.resolve(found, collateral, risk, moved, units=units)
        return standing.equity < standing.maintenance_margin

    if bad(snapshot.spot):
        return snapshot.spot, snapshot.spot
    here, most = snapshot.spot // TICK, math.exp(reach(units))
    strikes = {leg.strike for leg in legs if leg.kind <= Kind.PUT and here / most < leg.strike < here * most}
    below, above = ({int(here * math.exp(side * x)) for x in grid(units)} | strikes for side in (-1, 1))
    return _nearest_tick(bad, here, below, -1), _nearest_tick(bad, here, above, 1)


def _nearest_tick(bad: Callable[[int], bool], here: int, ticks: set[int], side: int) -> int | None:
    inside = (t for t in ticks if (t - here) * side > 0 and 0 < t < MAX_PRICE // TICK)
    points = sorted(inside, reverse=side < 0)
    good = here
    for point in points:
        if bad(point * TICK):
            break
        good = point
    else:
        return None
    while abs(point - good) > 1:
        middle = (point + good) // 2
        if bad(middle * TICK):
            point = middle
        else:
            good = middle
    return point * TICK
