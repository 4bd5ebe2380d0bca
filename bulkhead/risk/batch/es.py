"""The ES model over many vaults: expected shortfall of the scenarios."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bulkhead.risk import exact
from bulkhead.risk.batch.arrays import DAY, YEAR, Floats, floats
from bulkhead.risk.batch.options import Options
from bulkhead.risk.batch.phi import CELLS_PER_UNIT, CENTRE, TINY, phi_of_cells
from bulkhead.risk.nodes import NODES, TAIL_NODE, WEIGHTS
from bulkhead.risk.words import WAD, RiskWord

TAIL = tuple(j for j, z in enumerate(NODES) if abs(z) >= TAIL_NODE)
BODY = tuple(j for j, z in enumerate(NODES) if abs(z) < TAIL_NODE)


def shortfall(options: Options, worth: Floats, risk: RiskWord, nodes: Sequence[int] = NODES) -> Floats:
    """Expected shortfall of every vault over the 24 scenarios, at least 0 [token].

    Args:
        options: The options, and what else the vaults hold.
        worth: Their value as calls, one per vault [quote].
        risk: Risk parameters of the market.
        nodes: Other nodes than those in force, the outer three on each side the tails' [wad].
    """
    shifts = np.array(nodes)[:, None] / WAD * options.move
    prices = np.exp(shifts) * options.base
    losses = np.empty((len(NODES), 2, len(worth)))
    if options.inverse:
        losses[:] = -options.constant
    else:
        losses[:] = (worth - options.slope * (prices - options.base))[:, None]
    if len(options.quantity):
        scale = np.sqrt(30 * DAY / np.maximum(options.time, 2 * DAY))
        floored = np.maximum(options.iv, risk.iv_floor_bps / 1e4)
        vols = {
            (TAIL, 0): options.iv,
            (BODY, 0): options.iv * np.maximum(1 - 0.15 * scale, 0.2),
            (TAIL, 1): options.iv + floored * (0.4 * scale),
            (BODY, 1): options.iv + floored * (0.2 * scale),
        }
        held = options.quantity / exact.PHI_ONE
        owed = held * options.strike
        for (rows, branch), vol in vols.items():
            which = list(rows)
            total_vol = np.maximum(vol * options.root, TINY)
            inverse, width = CELLS_PER_UNIT / total_vol, total_vol * CELLS_PER_UNIT
            d1 = shifts[which][:, None] * inverse
            d1 += options.log_ratio * inverse + (width / 2 + (CENTRE + 1))
            d2 = d1 - width
            got = phi_of_cells(d1)
            got *= held
            got *= prices[which][:, None]
            less = phi_of_cells(d2)
            less *= owed
            got -= less
            losses[which, branch] -= got.sum(axis=1)
    if options.inverse:
        # the slope is coins at any price
        losses /= (options.averaged + prices)[:, None]
        losses += (worth + options.constant) / options.forward
    return _worst(np.ascontiguousarray(losses.reshape(2 * len(NODES), -1).T), risk.tail_bps / 1e4)


def decay(options: Options, worth: Floats, risk: RiskWord) -> Floats:
    """What every vault with long options loses over the horizon when neither forward nor vols move, at least 0 [token].

    Args:
        options: The options.
        worth: Their value as calls now, one per vault [quote].
        risk: Risk parameters of the market.
    """
    root = np.sqrt(np.maximum(options.time - risk.horizon_seconds, 0.0) / YEAR)
    total_vol = np.maximum(options.iv * root, TINY)
    width = total_vol * CELLS_PER_UNIT
    d1 = options.log_ratio * (CELLS_PER_UNIT / total_vol) + (width / 2 + (CENTRE + 1))
    less = phi_of_cells(d1 - width) * options.strike
    later = phi_of_cells(d1) * options.base - less
    lost = worth - (options.quantity * later).sum(axis=0) / exact.PHI_ONE
    lost = options.in_token(np.maximum(lost, 0.0))
    return floats(np.where((options.quantity > 0).any(axis=0), lost, 0.0))


def _worst(losses: Floats, tail: float) -> Floats:
    """Mean of the worst losses of each row until their mass is `tail`, at least 0.

    The low five bits of a loss are given up for the scenario's number, so that one plain sort keeps both together.
    """
    weights = np.zeros(32)
    halves = [((w + i) // 2) / WAD for w in WEIGHTS for i in (0, 1)]
    weights[: len(halves)] = halves
    # how many of the lightest scenarios fill the tail: no other set needs more
    most = int(np.searchsorted(np.cumsum(np.sort(halves)), tail - 1e-15)) + 1
    tagged = losses.view(np.int64)
    tagged &= ~np.int64(31)
    tagged |= np.arange(losses.shape[1])
    losses.sort(axis=1)
    left = np.full(len(losses), tail)
    total = np.zeros(len(losses))
    for i in range(1, min(most, losses.shape[1]) + 1):
        loss = losses[:, -i].copy()
        weight = np.minimum(weights[loss.view(np.int64) & 31], left)
        total += loss * weight
        left -= weight
    return np.maximum(total / tail, 0.0)
