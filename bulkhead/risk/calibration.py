"""Scenario nodes and their probabilities from price history: bin means of standardised returns.

Every hour's return is divided by the vol an exponentially weighted mean of the squares before it would have forecast.
The sorted results are cut at fixed probabilities, symmetric and finer towards the tails; a node is the mean of its bin
and its probability the mass of the bin, so the discrete distribution keeps the tails' means, which is what an expected
shortfall reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bulkhead.risk.nodes import NODES, WEIGHTS
from bulkhead.risk.words import WAD

Floats = NDArray[np.float64]

HOUR = 3600
HALF_LIFE_HOURS = 72.0
#: Probabilities of the default bins.
MASSES = tuple(weight / WAD for weight in WEIGHTS)
#: Hours that only warm the vol up.
WARM_UP = 500
#: A half-life is shorter [hours].
LONGEST = 100_000
#: Fewest returns to cut twelve bins from: the outermost holds one in a thousand.
FEWEST = 5_000


@dataclass(frozen=True)
class Node:
    """One bin: its mean z [standard deviations], its mass p, and how many returns it holds."""

    z: float
    p: float
    count: int


@dataclass(frozen=True)
class History:
    """Closes of one file.

    Attributes:
        name: Where they come from.
        at: Stamps, ascending [unix seconds].
        close: Prices.
    """

    name: str
    at: Floats
    close: Floats

    @property
    def missing(self) -> int:
        """Hours that holes leave out."""
        return int((self.at[-1] - self.at[0]) / HOUR) + 1 - len(self.at)

    def returns(self, hours: int = 1, half_life_hours: float = HALF_LIFE_HOURS) -> Floats:
        """Returns over `hours`, overlapping, over the vol forecast for them; holes in the data are left out.

        Raises:
            ValueError: Prices that are not positive, stamps that do not rise, or a half-life that is none.
        """
        if not 0 < half_life_hours < LONGEST:
            raise ValueError(f"A half-life of {half_life_hours:g} h is none: it lies between 0 and {LONGEST:,}.")
        if len(self.at) != len(self.close) or not (np.diff(self.at) > 0).all():
            raise ValueError(f"{self.name}: stamps do not rise.")
        if not (self.close > 0).all():
            raise ValueError(f"{self.name}: a price is not positive.")
        steps = np.diff(np.log(self.close))
        whole = np.diff(self.at) == HOUR
        decay = 2.0 ** (-1.0 / half_life_hours)
        variance = np.empty(len(steps) + 1)
        seen = steps[whole]
        if len(seen) <= WARM_UP:
            return np.zeros(0)
        variance[0] = float(np.mean(seen[:WARM_UP] ** 2))
        for i, (step, usable) in enumerate(zip(steps, whole, strict=True)):
            kept = variance[i]
            variance[i + 1] = decay * kept + (1 - decay) * step * step if usable else kept
        # the forecast at the start of a stretch knows nothing of the stretch
        starts = np.arange(WARM_UP, len(steps) - hours + 1)
        total = np.concatenate(([0.0], np.cumsum(steps)))
        usable_count = np.concatenate(([0], np.cumsum(whole)))
        good = (usable_count[starts + hours] - usable_count[starts] == hours) & (variance[starts] > 0)
        starts = starts[good]
        moved = total[starts + hours] - total[starts]
        return np.asarray(moved / np.sqrt(variance[starts] * hours), np.float64)


def nodes_of(returns: Floats, masses: Sequence[float] = MASSES) -> list[Node]:
    """Bin means of standardised returns, lowest bin first.

    Args:
        returns: Standardised returns of any number of histories.
        masses: Probability of each bin; they add up to 1.

    Raises:
        ValueError: Too few returns, or masses that do not add up.
    """
    if len(returns) < FEWEST:
        raise ValueError(f"{len(returns):,} returns are too few for a tail of one in a thousand: at least {FEWEST:,}.")
    if abs(sum(masses) - 1) > 1e-12:
        raise ValueError("The masses of the bins do not add up to 1.")
    ordered = np.sort(returns)
    edges = np.rint(np.concatenate(([0.0], np.cumsum(masses))) * len(ordered)).astype(int)
    return [
        Node(float(ordered[first:last].mean()), float(mass), int(last - first))
        for first, last, mass in zip(edges, edges[1:], masses, strict=False)
    ]


def defaults() -> list[Node]:
    """The nodes that markets start with (`bulkhead.risk.nodes`)."""
    return [Node(z / WAD, p / WAD, 0) for z, p in zip(NODES, WEIGHTS, strict=True)]


def deviation(nodes: Sequence[Node]) -> float:
    """Standard deviation of the discrete distribution; 1 would be the forecast's own."""
    mean = sum(n.p * n.z for n in nodes)
    return float(np.sqrt(sum(n.p * (n.z - mean) ** 2 for n in nodes)))


def tail_mean(nodes: Sequence[Node], mass: float, side: int) -> float:
    """Mean of the outermost nodes on one side (-1 or 1) until their mass is reached [standard deviations]."""
    left, total = mass, 0.0
    for node in sorted(nodes, key=lambda n: -side * n.z):
        used = min(node.p, left)
        total, left = total + used * node.z, left - used
    return total / mass
