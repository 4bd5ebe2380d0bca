"""The play of stops: what a slip that grows and a fixed one do on a tape made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.stops import EDGE, fixed, growing, needed
from bulkhead.client.stops import PATIENCE, SLIP_BPS
from bulkhead.risk.crash import Tape


def tape(*prices: float, step: int = 600) -> Tape:
    """Rounds ten minutes apart at a vol of 80 %."""
    at, flat = np.arange(len(prices), dtype=np.int64) * step, np.full(len(prices), 0.8)
    return Tape(at, np.array(prices), flat, np.ones(len(prices)), flat, flat)


def test_growing__is_filled_when_the_slip_reaches_what_is_wanted() -> None:
    calm = growing(tape(100, 90, 90, 90), 1, 95, 90, 0)
    assert calm.paid == pytest.approx(EDGE, abs=SLIP_BPS * 12 / PATIENCE)
    assert calm.wait == pytest.approx(PATIENCE * EDGE / SLIP_BPS, abs=12)
    nervous = growing(tape(100, 90, 90, 90, 90, 90, 90), 1, 95, 90, 0.25)
    assert nervous.paid is not None and calm.paid is not None and nervous.paid > 3 * calm.paid
    assert needed(tape(100, 90), 1, 0, 90, 0, 0.25) > nervous.paid  # the jump has begun to fade


def test_growing__starts_anew_when_the_price_left_the_band() -> None:
    there = growing(tape(100, 90, 96, 90, 90, step=100), 1, 95, 90, 0)
    assert there.wait == pytest.approx(200 + PATIENCE * EDGE / SLIP_BPS, abs=12)
    assert growing(tape(100, 90, 96, 96, step=100), 1, 95, 90, 0).paid is None


def test_fixed__trades_at_once_or_waits() -> None:
    prices = tape(*([100] + [90] * 60))
    assert fixed(prices, 1, 95, 90, 0, 50).wait == 0
    assert fixed(prices, 1, 95, 90, 0.25, 300).wait == 0
    slow = fixed(prices, 1, 95, 90, 0.5, 50)
    assert slow.paid is None or slow.wait > 3_600
