"""The GREEKS model over many vaults: worst move and vol move."""

from __future__ import annotations

import numpy as np

from bulkhead.risk import exact
from bulkhead.risk.batch.arrays import DAY, Floats, floats
from bulkhead.risk.batch.options import Options
from bulkhead.risk.batch.phi import CELLS_PER_UNIT, CENTRE, TINY, phi_of_cells
from bulkhead.risk.words import RiskWord

#: Least share of the ES model's number.
LEAST_OF_ES = 0.7
#: A price falls by at most this share.
DEEPEST = 0.99


def move_loss(options: Options, slope: Floats, risk: RiskWord) -> Floats:
    """Worst move by Simpson's rule over delta, whole and half, up and down, and the vol move through vega."""
    up = risk.greeks_move / 10 * options.move
    down = np.minimum(up, DEEPEST)
    scale = np.sqrt(30 * DAY / np.maximum(options.time, 2 * DAY))
    total_vol = np.maximum(options.iv * options.root, TINY)
    inverse = CELLS_PER_UNIT / total_vol
    at = options.log_ratio * inverse + (total_vol * (CELLS_PER_UNIT / 2) + (CENTRE + 1))
    held = options.quantity / exact.PHI_ONE

    def delta(factor: Floats | None) -> Floats:
        cells = at.copy() if factor is None else at + np.log(factor) * inverse
        return floats((held * phi_of_cells(cells)).sum(axis=0) + slope)

    here, worst = delta(None), np.zeros(len(slope))
    for move in (up, floats(-down)):
        middle, end, amount = delta(floats(1 + move / 2)), delta(floats(1 + move)), move * options.base / 24
        worst = np.maximum(worst, -4 * amount * (here + 4 * middle + end))
        worst = np.maximum(worst, amount * (end - 5 * here - 8 * middle))
    change = np.maximum(options.iv, risk.iv_floor_bps / 1e4) * 0.25 * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = (options.iv + change / 2) * options.root
        d1 = np.where(moved > 0, options.log_ratio / moved + moved / 2, 0.0)
    density = np.exp(-np.minimum(d1 * d1, 1000.0) / 2) / np.sqrt(2 * np.pi)
    density = np.where(np.abs(d1) < 9, density, 0.0)
    vega = np.abs((options.quantity * density * change).sum(axis=0)) * options.base * options.root
    return floats(worst + vega)
