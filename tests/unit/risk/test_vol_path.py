"""Vols along a history in floats are the adapter's own to the unit."""

from __future__ import annotations

import random

import numpy as np
import pytest

from bulkhead.risk import volatility
from bulkhead.risk.scales import WAD
from bulkhead.risk.vol_path import VolPath
from bulkhead.risk.volatility import INSTANT, OracleWord, Realised, Round

START = 1_700_000_400 // INSTANT * INSTANT


def test_of__random_rounds__are_the_adapters_vols_at_every_instant() -> None:
    draw = random.Random(3)
    at, price, stamp, value = [START], [2000.0], START, 2000.0
    while stamp < START + 80 * 86_400:
        stamp += draw.choice([60, 600, 3_600, 3_600, 7_300])
        jump = draw.choice([-0.4, 0.3]) if draw.random() < 0.002 else 0.0
        value = round(value * float(np.exp(draw.gauss(jump, 0.01))), 8)
        at.append(stamp)
        price.append(value)
    word = OracleWord(stress_share_bps=2_500, stress_vol_bps=12_000)
    path = VolPath.of(at, price, word)
    rounds = [Round(i, round(p * 10**8) * 10**10, t) for i, (t, p) in enumerate(zip(at, price, strict=True))]
    state = Realised.start(word.sigma_floor_bps * 10**14, rounds[0], START, word.half_lives)
    sigma = volatility.sigma_now(state.variances.vols(), word)
    week = long = word.sigma_floor_bps * 10**14
    upcoming = 1
    for i, instant in enumerate(path.at):
        while upcoming < len(rounds) and rounds[upcoming].stamp <= instant:
            state = state.add(rounds[upcoming])
            upcoming += 1
        state = state.close(int(instant))
        vols, passed = state.variances.vols(), INSTANT if i else 0
        sigma = volatility.ramp_sigma(sigma, volatility.sigma_now(vols, word), word.ramp_bps, passed)
        week = volatility.ramp_anchor(week, vols.week, word.ramp_bps, passed)
        long = volatility.ramp_anchor(long, vols.long, word.ramp_bps, passed)
        if i % 37 == 0:
            found = (path.ratio[i], path.realised[i], path.week[i], path.long[i], path.sigma()[i])
            assert np.allclose(found, [x / WAD for x in (vols.ratio, vols.sigma, week, long, sigma)], rtol=2e-6)
            iv = volatility.fallback_iv(week, long, 30 * 86_400, word.flat_factor_bps * 10**14) / WAD
            assert path.iv(np.array([i]), 30 * 86_400) == pytest.approx(iv, rel=2e-6)


@pytest.mark.parametrize(("at", "price"), [([0, 0], [1, 1]), ([600], [1]), ([0, 600], [1, 0])])
def test_of__history_that_is_none__is_refused(at: list[int], price: list[float]) -> None:
    with pytest.raises(ValueError, match="rise|positive"):
        VolPath.of(at, price)
