"""Every spot price at which vaults change between healthy and liquidatable, not only the nearest on each side.

A grid over prices, denser near spot and with the strikes in it, is evaluated whole. Where equity less MM has a local
least above zero, or a local greatest below it, a golden-section search looks whether it crosses zero in between; every
interval whose ends differ is then narrowed down. In a market that counts coins the grid reaches down to a
ten-thousandth of spot: what is owed in quote grows without bound as the price falls, so edges lie far below it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bulkhead.risk.batch import Book, Cells, Floats, Ints
from bulkhead.risk.liquidation_price import BLOCK, Search, searches
from bulkhead.risk.words import RiskWord

#: Share of the collateral that an excess of 0 may come out as: where equity is MM over a stretch of prices (a floor and
#: nothing else), its last bits are no edges.
ROUNDING = 1e-13
#: Share of an interval that golden-section search keeps, and how often it does: to a ten-millionth of the interval.
GOLDEN, TURNS = (math.sqrt(5) - 1) / 2, 34


@dataclass(frozen=True)
class Edges:
    """Edges of many vaults, flat and in ascending order of vault and price.

    Attributes:
        vault: Whose.
        price: Liquidatable price at the edge [quote]; its neighbour a hair further is healthy.
        healthy_above: The vault is liquidatable below the edge and healthy above it; else the other way round.
    """

    vault: Ints
    price: Floats
    healthy_above: Ints

    def of(self, vault: int) -> list[tuple[float, bool]]:
        """(price, healthy above it) of the edges of one vault."""
        mine = self.vault == vault
        return [(float(p), bool(h)) for p, h in zip(self.price[mine], self.healthy_above[mine], strict=True)]


def edges(book: Book, cells: Cells, risk: RiskWord, collateral: ArrayLike, threads: int = 2) -> Edges:
    """Every edge of every vault within the search's reach.

    Args:
        book: The vaults.
        cells: Prices of their cells.
        risk: Risk parameters of the market.
        collateral: C of each vault [token].
        threads: As in `batch.assess`.
    """
    parts = []
    # each vault is valued at some two hundred prices at once
    for mine, search, spot in searches(book, cells, risk, collateral, threads, size=BLOCK // 100):
        search.rounding = ROUNDING
        found = _Sweep(search, spot).run()
        parts.append((mine[found.vault], found.price, found.healthy_above))
    if not parts:
        return Edges(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))
    vault, price, above = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.lexsort((price, vault))
    return Edges(vault[order], price[order], above[order])


class _Sweep:
    """The grid and what lies between its points, for one block of vaults."""

    def __init__(self, search: Search, spots: Floats) -> None:
        self.search, self.spots = search, spots

    def run(self) -> Edges:
        """All edges, vaults numbered within the block."""
        every = np.arange(len(self.spots))
        far, near = self.search.points(every, self.spots, 1), self.search.points(every, self.spots, -1)
        grid = np.concatenate((-near[:, ::-1], np.zeros((len(every), 1)), far), axis=1)
        width = grid.shape[1]
        owner = np.repeat(every, width)
        gap = self._excess(owner, grid.ravel()).reshape(grid.shape)
        owners, lows, highs = [], [], []
        for vault, low, high in (self._intervals(grid, gap), self._dips(grid, gap)):
            owners.append(vault)
            lows.append(low)
            highs.append(high)
        return self._narrowed(np.concatenate(owners), np.concatenate(lows), np.concatenate(highs))

    def _excess(self, vaults: Ints, at: Floats) -> Floats:
        return self.search.excess(vaults, self.spots[vaults] * np.exp(at))

    @staticmethod
    def _intervals(grid: Floats, gap: Floats) -> tuple[Ints, Floats, Floats]:
        """Neighbouring points of which one is liquidatable."""
        bad = gap < 0
        vault, left = np.nonzero(bad[:, 1:] != bad[:, :-1])
        return vault, grid[vault, left], grid[vault, left + 1]

    def _dips(self, grid: Floats, gap: Floats) -> tuple[Ints, Floats, Floats]:
        """Two intervals for each pair of crossings that hides between points of one kind."""
        inner, left, right = gap[:, 1:-1], gap[:, :-2], gap[:, 2:]
        least = (inner >= 0) & (left >= 0) & (right >= 0) & (inner <= left) & (inner <= right)
        greatest = (inner < 0) & (left < 0) & (right < 0) & (inner >= left) & (inner >= right)
        vault, at = np.nonzero(least | greatest)
        low, high = grid[vault, at], grid[vault, at + 2]
        sign = np.where(least[vault, at], 1.0, -1.0)
        point = self._golden(vault, low, high, sign)
        crossed = (self._excess(vault, point) < 0) == (sign > 0)
        who, a, b, c = vault[crossed], low[crossed], point[crossed], high[crossed]
        return np.concatenate((who, who)), np.concatenate((a, b)), np.concatenate((b, c))

    def _golden(self, vault: Ints, low: Floats, high: Floats, sign: Floats) -> Floats:
        """Where `sign` times the excess is least between two points."""
        a, b = low.copy(), high.copy()
        c, d = b - GOLDEN * (b - a), a + GOLDEN * (b - a)
        at_c, at_d = sign * self._excess(vault, c), sign * self._excess(vault, d)
        for _ in range(TURNS):
            left = at_c < at_d
            a, b = np.where(left, a, c), np.where(left, d, b)
            kept, at_kept = np.where(left, c, d), np.where(left, at_c, at_d)
            new = np.where(left, b - GOLDEN * (b - a), a + GOLDEN * (b - a))
            at_new = sign * self._excess(vault, new)
            c, d = np.where(left, new, kept), np.where(left, kept, new)
            at_c, at_d = np.where(left, at_new, at_kept), np.where(left, at_kept, at_new)
        return np.where(at_c < at_d, c, d)

    def _narrowed(self, vault: Ints, low: Floats, high: Floats) -> Edges:
        """The edges in intervals whose ends differ."""
        above = self._excess(vault, high) >= 0
        price = np.empty(len(vault))
        for side, mine in ((1, np.flatnonzero(~above)), (-1, np.flatnonzero(above))):
            # distances grow from the healthy end to the other
            ends = (low[mine], high[mine]) if side > 0 else (-high[mine], -low[mine])
            found = self.search.narrow(vault[mine], self.spots[vault[mine]], side, *ends)
            price[mine] = self.spots[vault[mine]] * np.exp(side * found)
        return Edges(vault, price, above.astype(np.int64))
