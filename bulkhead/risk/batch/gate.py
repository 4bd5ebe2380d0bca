"""What the margin gate makes of assessments: equity, margins and target of every vault."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bulkhead.risk.batch.arrays import Bools, Floats, floats
from bulkhead.risk.batch.book import Book
from bulkhead.risk.batch.cells import Cells
from bulkhead.risk.batch.models import Assessments
from bulkhead.risk.batch.static import STATIC_KAPPA
from bulkhead.risk.words import WAD, Model, RiskWord


@dataclass(frozen=True)
class Standings:
    """Where the vaults stand [token]; see `margin.Standing`.

    Attributes:
        equity: E = C + v.
        maintenance_margin: A, after the max-loss cap.
        initial_margin: IM with concentration and, when asked for, proximity.
        target: R_t.
    """

    equity: Floats
    maintenance_margin: Floats
    initial_margin: Floats
    target: Floats

    @property
    def health(self) -> Floats:
        """Equity over MM; infinite without MM and with equity, 0 without either."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.equity / self.maintenance_margin
        return np.where(self.maintenance_margin > 0, ratio, np.where(self.equity >= 0, np.inf, 0.0))

    @property
    def liquidatable(self) -> Bools:
        """E < MM; the cap makes `C < -v_min` follow."""
        return self.equity < self.maintenance_margin


def kappa(vol_ratio: Floats, risk: RiskWord) -> Floats:
    """IM/MM: the calm value up to a vol ratio of 1, linear to the stressed value at 3."""
    calm, stress = risk.kappa_calm_bps / 1e4, max(risk.kappa_stress_bps, risk.kappa_calm_bps) / 1e4
    return floats(calm + (stress - calm) * np.clip(vol_ratio - 1, 0.0, 2.0) / 2)


def _exposure(found: Assessments, book: Book, cells: Cells, spot: Floats) -> Floats:
    """What a vault's value moves by when the price doubles, along its delta [token] (`margin.exposure`)."""
    if not book.units.inverse:
        return floats(np.abs(found.delta) * spot)
    base = cells.base[book.cell] * (spot / cells.spot[book.cell])
    forward = base + cells.averaged[book.cell]
    return floats(np.abs(found.delta * spot - base * found.value) / forward)


def resolve(
    found: Assessments,
    book: Book,
    cells: Cells,
    risk: RiskWord,
    collateral: ArrayLike,
    proximity: bool = False,
    spots: ArrayLike | None = None,
) -> Standings:
    """Equity, MM, IM and target of every vault (`margin.resolve`).

    Args:
        found: What `assess` returned.
        book: The vaults.
        cells: Prices of their cells.
        risk: Risk parameters of the market.
        collateral: C of each vault [token].
        proximity: The action withdraws or adds risk: IM grows below a health of 1.5.
        spots: Other spot prices, as given to `assess`.
    """
    held = np.broadcast_to(np.asarray(collateral, np.float64), (len(book),))
    spot = cells.spot[book.cell] if spots is None else np.asarray(spots, np.float64)
    room = np.maximum(found.value - found.v_min, 0.0)
    mm = np.minimum(found.margin, room)
    equity = held + found.value
    ratio = kappa(cells.vol_ratio, risk)[book.cell]
    im = np.where(found.initial > 0, found.initial, found.margin * ratio)
    if risk.liquidity_scale:
        size = np.maximum(_exposure(found, book, cells, spot), 4 * mm)
        size = size / (risk.liquidity_scale * book.units.unit / WAD)
        im = im * np.clip(1 + risk.lambda_bps / 1e4 * (size - 1), 1.0, 2.0)
    if proximity:
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.clip(1.5 - equity / mm, 0.0, 0.5)
        add = risk.proximity_bps / 1e4 * 2 * np.where((mm > 0) & (equity > 0), distance, 0.0)
        im = im * (1 + add)
    theta = np.where(book.model == Model.STATIC, 1 + STATIC_KAPPA, 1 + ratio) / 2
    return Standings(equity, mm, np.minimum(im, room), np.minimum(mm * theta, room))
