"""SVI on chain against its integer mirror, and the mirror against floats."""

from __future__ import annotations

import math
import random

import pytest

from bulkhead.risk import svi
from bulkhead.risk.fixed import ONE, ln_ratio
from bulkhead.risk.words import WAD
from tests.contracts import deployer

DAY = 86400
YEAR = 365 * DAY


@pytest.fixture(scope="module")
def harness():
    return deployer("SviHarness").deploy()


def draw_slice(draw: random.Random, seconds: int) -> svi.SviSlice:
    """A smile that a market could have, for options of `seconds`."""
    tau = seconds / YEAR
    atm = draw.uniform(0.1, 3.0) ** 2 * tau
    sigma = draw.uniform(0.01, 0.6)
    rho = draw.uniform(-0.95, 0.95)
    b = draw.uniform(0, 0.9) * min(atm / sigma, 2 / (1 + abs(rho)))
    return svi.SviSlice.from_floats(atm - b * sigma * draw.uniform(0, 1), b, rho, draw.uniform(-0.3, 0.3), sigma)


def extreme_slice(draw: random.Random) -> svi.SviSlice:
    """Any word at all."""
    return svi.SviSlice.unpack(draw.getrandbits(224))


@pytest.mark.parametrize("seed", range(150))
def test_iv__random_surface__contract_equals_mirror(harness, seed):
    draw = random.Random(seed)
    seconds = round(math.exp(draw.uniform(math.log(60), math.log(2 * YEAR))))
    make = extreme_slice if seed % 5 == 0 else lambda d: draw_slice(d, seconds)
    near, far = make(draw).pack(), make(draw).pack()
    weight = draw.choice([0, WAD, draw.randint(0, WAD)])
    fade = draw.choice([0, WAD, draw.randint(0, WAD)])
    mix = svi.Mix(weight, fade, draw.randint(10**16, 10**19) if fade else 0).pack()
    forward = round(draw.uniform(0.01, 1e6) * WAD)
    strike = max(1, round(forward * math.exp(draw.uniform(-4, 4))))
    k = ln_ratio(strike, forward)
    assert harness.total_variance(near, k) == svi.total_variance(svi.SviSlice.unpack(near), k)
    found, _ = harness.iv(near, far, mix, strike, forward, seconds)
    assert found == svi.iv_at(near, far, mix, strike, forward, seconds)
    assert WAD // 100 - 1 <= found <= 8 * WAD
    if make is not extreme_slice:
        assert found / WAD == pytest.approx(float(svi.iv_float(near, far, mix, k / ONE, seconds)), rel=1e-7)


@pytest.mark.parametrize("a", [1, 0, -1, -(10**6), -svi.MAX_A])
def test_total_variance__slice_at_or_below_zero__is_none_on_both_sides(harness, a):
    """Of a slice without slope it is its level, and never less than nothing."""
    flat = svi.SviSlice(a, 0, 0, 0, 10**8)
    found = svi.total_variance(flat, ONE // 3)
    assert found == harness.total_variance(flat.pack(), ONE // 3)
    assert found == (a * ONE // svi.PICO if a > 0 else 0)


@pytest.mark.parametrize("seed", range(30))
def test_scale__any_slice__contract_equals_mirror(harness, seed):
    draw = random.Random(seed)
    word = (extreme_slice(draw) if seed % 2 else draw_slice(draw, 30 * DAY)).pack()
    top, bottom = draw.randint(0, 2**40), draw.randint(1, 2**40)
    scaled = harness.scale(word | draw.getrandbits(32) << 224, top, bottom)
    assert scaled == svi.scale(word, top, bottom)
    assert scaled >> 112 == word >> 112


def test_scale__half_the_time_left__same_vol_at_every_strike():
    word = svi.SviSlice.from_floats(0.01, 0.05, -0.3, 0.02, 0.2).pack()
    half = svi.scale(word, 15, 30)
    for k in (-0.8, -0.1, 0.0, 0.3, 1.0):
        whole = svi.iv(word, 0, 0, round(k * ONE), 30 * DAY)
        assert svi.iv(half, 0, 0, round(k * ONE), 15 * DAY) == pytest.approx(whole, rel=1e-9)


def test_pack__field_too_large__refused():
    with pytest.raises(ValueError, match="rho of an SVI slice"):
        svi.SviSlice(0, 0, 2**31, 0, 1).pack()


def test_iv__one_slice_and_two__gas_is_known(harness):
    word = svi.SviSlice.from_floats(0.01, 0.05, -0.3, 0.02, 0.2).pack()
    assert harness.iv(word, 0, 0, 11, 10, 30 * DAY)[1] < 2_400
    assert harness.iv(word, word, WAD // 2, 11, 10, 30 * DAY)[1] < 3_900


@pytest.mark.parametrize("seed", range(40))
def test_density__any_point__is_durrlemans(seed):
    """w and g of the mirror, beside their formulas in floats: the slices of surfaces are refused by them."""
    draw = random.Random(seed)
    slice_ = draw_slice(draw, round(draw.uniform(0.01, 2) * YEAR))
    k = draw.uniform(-2, 2)
    a, b, rho, m, s = slice_.a / 1e12, slice_.b / 1e12, slice_.rho / 1e9, slice_.m / 1e9, slice_.sigma / 1e9
    r = math.hypot(k - m, s)
    w, slope, bend = a + b * (rho * (k - m) + r), b * (rho + (k - m) / r), b * s * s / r**3
    g = (1 - k * slope / (2 * w)) ** 2 - slope**2 / 4 * (1 / w + 1 / 4) + bend / 2
    found = svi.density(slice_, round(k * ONE))
    assert found[0] / ONE == pytest.approx(w, rel=1e-6) and found[1] / ONE == pytest.approx(g, rel=1e-5, abs=1e-6)


def test_density__no_variance__is_arbitrage():
    assert svi.density(svi.SviSlice(0, 0, 0, 0, 10**9), 0) == (0, -1)
