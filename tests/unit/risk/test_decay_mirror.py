"""What the command of ADR 32 measures, on a small sample."""

from __future__ import annotations

import numpy as np

from benchmarks import decay
from bulkhead.risk.calibration import History
from bulkhead.risk.scales import DAY, HOUR

START = 1_600_000_000 // DAY * DAY


def history(days: int, hourly: float) -> History:
    """A random walk of hourly closes."""
    moves = np.random.default_rng(1).normal(0, hourly, days * 24)
    return History("walk", START + HOUR * np.arange(len(moves), dtype=np.float64), 2000 * np.exp(np.cumsum(moves)))


def test_straddles__a_day_to_run__rarely_lose_more_than_their_margin() -> None:
    beyond = decay.straddles(history(90, 0.006), START + 60 * DAY, START + 90 * DAY)
    assert len(beyond) > 600
    assert np.mean(beyond > 0) < 0.01
    # a margin smaller by a fifth of the premium would not do: the measure can tell
    assert np.mean(beyond > -0.2) > 0.1


def test_shortfalls__near_the_expiry__what_catches_more_asks_more() -> None:
    found = decay.shortfalls(12, count=500)
    none, still, inside = found.values()
    assert (still <= none * (1 + 1e-9)).all() and (inside <= still * (1 + 1e-9)).all()
    assert np.mean(none > 1.1) > np.mean(still > 1.1) > np.mean(inside > 1.1) > 0
