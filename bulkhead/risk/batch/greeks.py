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


def move_loss(options: Options, worth: Floats, risk: RiskWord) -> Floats:
    """Worst move by Simpson's rule over delta, whole and half, up and down, and the vol move through vega [token].

    Args:
        options: The options, and what else the vaults hold.
        worth: Their value as calls, one per vault [quote].
        risk: Risk parameters of the market.
    """
    slope, up = options.slope, risk.greeks_move / 10 * options.move
    down = np.minimum(up, DEEPEST)
    scale = np.sqrt(30 * DAY / np.maximum(options.time, 2 * DAY))
    total_vol = np.maximum(options.iv * options.root, TINY)
    inverse = CELLS_PER_UNIT / total_vol
    at = options.log_ratio * inverse + (total_vol * (CELLS_PER_UNIT / 2) + (CENTRE + 1))
    held = options.quantity / exact.PHI_ONE

    def delta(factor: Floats | None) -> Floats:
        cells = at.copy() if factor is None else at + np.log(factor) * inverse
        return floats((held * phi_of_cells(cells)).sum(axis=0) + slope)

    def lost(loss: Floats, moved: Floats) -> Floats:
        # what is left is worth less of a coin the higher the price
        if not options.inverse:
            return loss
        rest = worth + options.constant
        return rest / options.forward - (rest - slope * moved - loss) / (options.forward + moved)

    here, worst = delta(None), np.zeros(len(slope))
    for move in (up, floats(-down)):
        middle, end, moved = delta(floats(1 + move / 2)), delta(floats(1 + move)), floats(move * options.base)
        amount = moved / 24
        worst = np.maximum(worst, lost(floats(-4 * amount * (here + 4 * middle + end)), moved))
        worst = np.maximum(worst, lost(floats(amount * (end - 5 * here - 8 * middle)), floats(moved / 2)))
    change = np.maximum(options.iv, risk.iv_floor_bps / 1e4) * 0.25 * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = (options.iv + change / 2) * options.root
        d1 = np.where(moved > 0, options.log_ratio / moved + moved / 2, 0.0)
    density = np.exp(-np.minimum(d1 * d1, 1000.0) / 2) / np.sqrt(2 * np.pi)
    density = np.where(np.abs(d1) < 9, density, 0.0)
    vega = np.abs((options.quantity * density * change).sum(axis=0)) * options.base * options.root
    return floats(worst + options.in_token(floats(vega)))
