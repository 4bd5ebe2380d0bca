"""Scenario nodes fitted to prices: returns over the horizon in units of the sigma_m that scales them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bulkhead.risk.calibration import Node, nodes_of
from bulkhead.risk.frontier.market import WARM_UP, Market
from bulkhead.risk.nodes import TAIL_NODE
from bulkhead.risk.scales import HOUR, YEAR

#: Where the nearest node of the tails lies; the engine's text wants them beyond three deviations.
LEAST = 3.02


def measured(markets: Sequence[Market], first: int, last: int, hours: int) -> list[Node]:
    """Bin means of the returns of all markets between two moments, as they were.

    Args:
        markets: Prices and vols.
        first: From when [unix seconds].
        last: Until before when [unix seconds].
        hours: Length of a return.

    Raises:
        ValueError: Too few returns.
    """
    parts = []
    for market in markets:
        path, sigma = market.path, market.path.sigma()
        begin, end = max(first, int(path.at[0]) + WARM_UP), min(last, int(path.at[-1])) - hours * HOUR
        times = np.arange(-(-begin // HOUR), end // HOUR) * HOUR
        start, later = path.index(times), path.index(times + hours * HOUR)
        moved = np.log(path.price[later] / path.price[start])
        parts.append(moved / (sigma[start] * np.sqrt(hours * HOUR / YEAR)))
    return nodes_of(np.concatenate(parts))


def nodes(found: Sequence[Node]) -> tuple[int, ...]:
    """The same as the engine takes them [wad], scaled until three on each side are tails: the scale is the horizon's.

    Raises:
        ValueError: Other nodes than three on each side are tails, which the engine's text does not know.
    """
    nearest = min(abs(node.z) for i, node in enumerate(found) if i < 3 or i > 8)
    scaled = tuple(round(1000 * node.z * LEAST / nearest) * 10**15 for node in found)
    if [abs(z) >= TAIL_NODE for z in scaled] != [i < 3 or i > 8 for i in range(len(scaled))]:
        raise ValueError("The fitted nodes do not have three on each side beyond three deviations.")
    return scaled
