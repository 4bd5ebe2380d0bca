"""Arbitrage in smiles on a dense grid: what the contract checks at ten strikes, looked at everywhere people trade."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bulkhead.risk.svi import Floats, SviSlice, total_variance_float

#: The grid, in standard deviations of the smile.
REACH = 5.0
POINTS = 401


@dataclass(frozen=True)
class Worst:
    """The worst of one smile on the grid.

    Attributes:
        density: Least of Durrleman's g; below 0 a butterfly would cost less than nothing.
        calendar: Least of total variance over that of the expiry before, less 1; below 0 a calendar spread would.
            Infinite without an expiry before.
    """

    density: float
    calendar: float

    @property
    def is_free(self) -> bool:
        """There is no arbitrage."""
        return self.density >= 0 and self.calendar >= 0


def natural_density(x: Floats, k: Floats) -> tuple[Floats, Floats]:
    """Total variance and Durrleman's g at k, of natural SVI numbers; a row of each for a row of numbers."""
    a, b, rho, m, sigma = x.T[..., None]
    y = k - m
    r = np.sqrt(y * y + sigma * sigma)
    w = a + b * (rho * y + r)
    slope = b * (rho + y / r)
    bend = b * sigma * sigma / r**3
    safe = np.maximum(w, 1e-12)
    g = (1 - k * slope / (2 * safe)) ** 2 - slope * slope / 4 * (1 / safe + 0.25) + bend / 2
    return w, g


def worst(smile: SviSlice, before: SviSlice | None = None, points: int = POINTS) -> Worst:
    """The worst of a smile within five of its own standard deviations.

    Args:
        smile: The smile.
        before: The smile of the expiry before.
        points: How many strikes are looked at.
    """
    numbers = smile.floats()
    deviation = float(np.sqrt(total_variance_float(numbers, 0.0)))
    k = np.linspace(-REACH, REACH, points) * deviation
    w, g = natural_density(np.array(numbers), k)
    calendar = np.inf
    if before is not None:
        calendar = float(np.min(w / np.maximum(total_variance_float(before.floats(), k), 1e-12))) - 1
    return Worst(float(g.min()), calendar)
