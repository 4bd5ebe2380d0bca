"""Whether losses exceed a margin as seldom as they should: rates, and the tests of Kupiec and Christoffersen.

Sources: Kupiec (1995), Techniques for verifying the accuracy of risk measurement models; Christoffersen (1998),
Evaluating interval forecasts. Both are likelihood ratios with one degree of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bulkhead.risk.batch import Bools


@dataclass(frozen=True)
class Coverage:
    """How often losses exceeded a margin.

    Attributes:
        days: Observations.
        hits: Exceedances.
        kupiec: p-value of the rate's being the one expected; small: it is another.
        christoffersen: p-value of exceedances coming independently of the day before; small: they come together.
    """

    days: int
    hits: int
    kupiec: float
    christoffersen: float

    @property
    def rate(self) -> float:
        """Share of days."""
        return self.hits / self.days if self.days else 0.0


def coverage(sequences: Sequence[Bools], expected: float) -> Coverage:
    """Tests of exceedances against an expected rate.

    Args:
        sequences: Whether each day exceeded, in order; one for each market, as days of one do not follow another's.
        expected: Expected rate, between 0 and 1.

    Raises:
        ValueError: A rate that is none, or no days.
    """
    if not 0 < expected < 1:
        raise ValueError(f"{expected} is no rate between 0 and 1.")
    days, hits = sum(len(s) for s in sequences), sum(int(np.sum(s)) for s in sequences)
    if not days:
        raise ValueError("There are no days to test.")
    counts = np.zeros((2, 2), np.int64)
    for given in sequences:
        seen = np.asarray(given, np.int64)
        np.add.at(counts, (seen[:-1], seen[1:]), 1)
    return Coverage(days, hits, kupiec(days, hits, expected), christoffersen(counts))


def kupiec(days: int, hits: int, expected: float) -> float:
    """p-value of a rate of exceedances (proportion of failures)."""
    return _tail(2 * (_likelihood(hits, days, hits / days) - _likelihood(hits, days, expected)))


def christoffersen(counts: np.ndarray[Any, np.dtype[np.int64]]) -> float:
    """p-value of independence; counts[i, j] are days in state j after a day in state i (1: exceeded)."""
    after_none, after_hit = counts[0].sum(), counts[1].sum()
    if after_hit == 0 or counts[:, 1].sum() == 0:
        return 1.0
    both = counts[:, 1].sum() / counts.sum()
    apart = _likelihood(counts[0, 1], after_none, counts[0, 1] / max(after_none, 1)) + _likelihood(
        counts[1, 1], after_hit, counts[1, 1] / after_hit
    )
    return _tail(2 * (apart - _likelihood(counts[:, 1].sum(), counts.sum(), both)))


def _likelihood(hits: float, days: float, rate: float) -> float:
    """Log of the probability of so many exceedances, but for the number of their orders."""
    found = 0.0
    if hits:
        found += hits * math.log(rate) if rate else -math.inf
    if days - hits:
        found += (days - hits) * math.log1p(-rate) if rate < 1 else -math.inf
    return found


def _tail(ratio: float) -> float:
    """P(chi-squared with one degree of freedom > ratio)."""
    return math.erfc(math.sqrt(max(ratio, 0.0) / 2))
