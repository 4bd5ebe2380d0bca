"""A share of sigma_m may be a vol that does not move: margins swing less over a cycle."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bulkhead.risk.volatility import OracleWord
from tests.worlds.oracle import DAY, START, WAD, OracleWorld


@pytest.mark.parametrize(
    ("share", "stress", "expected"), [(0, 20_000, 0.40), (2_500, 7_500, 0.4875), (5_000, 30_000, 1.7)]
)
def test_snapshot__stress_share__blends_the_stress_vol_in(
    make_world: Callable[..., OracleWorld], share: int, stress: int, expected: float
) -> None:
    facts = make_world(stress_share_bps=share, stress_vol_bps=stress).look()
    assert facts.sigma_now == round(expected * 10**4) * 10**14


def test_snapshot__stress_vol_below_the_floor__leaves_the_floor(make_world: Callable[..., OracleWorld]) -> None:
    assert make_world(stress_share_bps=5_000, stress_vol_bps=1_000).look().sigma_now == 4 * WAD // 10


def test_configure__more_stress__is_ramped_and_less_falls_at_once(lone: OracleWorld) -> None:
    def blend(share: int) -> None:
        lone.adapter.configure(1, OracleWord(stress_share_bps=share, stress_vol_bps=30_000, settle_delay=0).pack(),
                               sender=lone.parameters)  # fmt: skip

    before = lone.look().sigma
    blend(5_000)
    assert lone.look().sigma == before
    lone.wait(1_800)
    lone.push(2000)
    assert before < lone.look().sigma < before * 103 // 100 < lone.look().sigma_now
    blend(0)
    assert lone.look().sigma == before


def test_snapshot__window_length__is_the_cells_own(lone: OracleWorld) -> None:
    """Far from the expiry and in the window alike; the market alone, and what has expired, have none."""
    expiry = START + DAY
    assert lone.look(expiry).window_seconds == 1_800
    assert lone.look(0).window_seconds == 0
    lone.observe(expiry)
    lone.adapter.configure(1, OracleWord(window_seconds=600, settle_delay=0).pack(), sender=lone.parameters)
    assert lone.look(expiry).window_seconds == 1_800
    assert lone.look(expiry + DAY).window_seconds == 600
    lone.wait(DAY - 60)
    lone.push(2000)
    assert lone.look(expiry).window_seconds == 1_800
    lone.wait(120)
    assert lone.look(expiry).window_seconds == 0
