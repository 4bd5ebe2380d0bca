"""Array types and units that the vectorised models share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bulkhead.risk import exact

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

YEAR = float(exact.YEAR)
DAY = 86400.0
#: A log-moneyness beyond every table: an option whose strike the settlement window has already passed.
BEYOND = 1e6


def floats(values: ArrayLike) -> Floats:
    """Anything as an array of floats."""
    return np.asarray(values, np.float64)
