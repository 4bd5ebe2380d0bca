"""Realised vol and the fallback surface: the mirror equals the contract to the wei, and what the formulas promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkhead.risk.volatility import (
    GROWN,
    INSTANT,
    WAD,
    YEAR,
    YOUNG,
    OracleWord,
    Variances,
    fallback_iv,
    fallback_iv_float,
)
from tests.contracts import deployer

WORD = OracleWord()
DAY = 86400
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

prices = st.integers(1, 2**96 - 1)
vols = st.integers(10**15, 10**19)
ages = st.one_of(st.integers(0, 80 * DAY), st.sampled_from([YOUNG, YOUNG + 600, GROWN, GROWN + 600, 1000 * DAY]))
times = st.one_of(st.integers(0, 7200), st.integers(0, 100 * DAY), st.sampled_from([INSTANT, 3600]))
half_lives = st.tuples(*[st.integers(1800, 2**24 - 1)] * 3)


@pytest.fixture(scope="module")
def harness():
    return deployer("VolatilityHarness").deploy()


@SETTINGS
@given(first=vols, steps=st.lists(st.tuples(prices, prices, times), min_size=1, max_size=4), age=ages, lives=half_lives)
def test_fold__any_return__mirror_to_the_wei(harness, first, steps, age, lives):
    params = OracleWord(half_lives=lives).pack()
    word, mirror = harness.first(first), Variances.first(first)
    assert word == mirror.word()
    for old, new, elapsed in steps:
        age += elapsed
        word = harness.fold(word, old, new, elapsed, params, age)[0]
        mirror = mirror.fold(old, new, elapsed, lives, age)
        assert word == mirror.word()
        assert tuple(harness.vols(word)[0]) == (lambda v: (v.sigma, v.ratio, v.week, v.long))(mirror.vols())


@SETTINGS
@given(first=vols, elapsed=times, age=ages, lives=half_lives)
def test_decay__any_time__mirror_to_the_wei(harness, first, elapsed, age, lives):
    params = OracleWord(half_lives=lives).pack()
    mirror = Variances.first(first)
    found = harness.decay(mirror.word(), elapsed, params, age)[0]
    assert found == mirror.decay(elapsed, lives, age).word()


@SETTINGS
@given(week=st.integers(0, 10**19), long=st.integers(0, 10**19), seconds=times, factor=st.integers(10**18, 3 * 10**18))
def test_fallback_iv__any_anchors__mirror_to_the_wei_and_batch_to_1e9(harness, week, long, seconds, factor):
    found = harness.fallback_iv(week, long, seconds, factor)[0]
    assert found == fallback_iv(week, long, seconds, factor)
    (batch,) = fallback_iv_float(
        np.array([week / WAD]), np.array([long / WAD]), np.array([float(seconds)]), factor / WAD
    )
    assert math.isclose(batch, found / WAD, rel_tol=1e-9)


def test_fallback_iv__limits__week_now_and_long_far_ahead(harness):
    factor = 125 * 10**16
    assert harness.fallback_iv(WAD, WAD // 2, 0, factor)[0] == factor
    assert harness.fallback_iv(WAD, WAD // 2, 2**40, factor)[0] == pytest.approx(factor // 2, rel=1e-4)
    # one day after a crash: the near option moves, the two-month one much less
    near, far = (harness.fallback_iv(2 * WAD, 6 * WAD // 10, days * DAY, factor)[0] / WAD for days in (1, 60))
    assert near == pytest.approx(1.25 * math.sqrt(0.36 + 3.64 * (1 - math.exp(-1 / 8)) * 8), rel=1e-12)
    assert far < 0.6 * near


@SETTINGS
@given(week=vols, long=vols, seconds=st.integers(600, 400 * DAY), later=st.integers(600, 30 * DAY))
def test_fallback_iv__later_expiry__never_less_total_variance(week, long, seconds, later):
    first, second = (fallback_iv(week, long, t, WAD) ** 2 * t for t in (seconds, seconds + later))
    # the vol is rounded down and held within 1 % and 1000 %
    assert second >= first * (1 - 1e-12)


@SETTINGS
@given(week=vols, long=vols, moves=st.tuples(st.floats(1 / 1.05, 1.05), st.floats(1 / 1.05, 1.05)), seconds=times)
def test_fallback_iv__anchors_move_by_a_ramp__so_does_every_vol(week, long, moves, seconds):
    before = fallback_iv(week, long, seconds, 2 * WAD)
    after = fallback_iv(int(week * moves[0]), int(long * moves[1]), seconds, 2 * WAD)
    assert before / 1.0500001 <= after <= before * 1.0500001


@SETTINGS
@given(first=vols, parts=st.lists(st.integers(1, 300), min_size=2, max_size=8), age=st.integers(0, 80 * DAY))
def test_decay__in_any_portions__the_same_but_for_rounding(first, parts, age):
    whole = Variances.first(first).decay(sum(parts) * INSTANT, WORD.half_lives, age + sum(parts) * INSTANT)
    state = Variances.first(first)
    for part in parts:
        age += part * INSTANT
        state = state.decay(part * INSTANT, WORD.half_lives, age)
    for one, other in zip(whole.lanes(), state.lanes(), strict=True):
        assert abs(one - other) <= 100 + one * 10**-12


def test_fold__steady_returns__every_ewma_finds_the_vol():
    state, price, age = Variances.first(40 * WAD // 100), 2000 * WAD, 0
    up, down = (math.exp(sign * 0.8 * math.sqrt(INSTANT / YEAR)) for sign in (1, -1))
    for i in range(70 * 144):
        age += INSTANT
        after = int(price * (up if i % 2 else down))
        state = state.fold(price, after, INSTANT, WORD.half_lives, age)
        price = after
    found = state.vols()
    assert found.sigma == pytest.approx(0.8 * WAD, rel=1e-3)
    # the long one remembers the first days
    assert found.long == pytest.approx(0.8 * WAD, rel=0.05)


def test_fold__a_jump_of_half__counts_as_20_percent():
    state = Variances.first(40 * WAD // 100)
    far, capped = (state.fold(2000, 2000 * move, INSTANT, WORD.half_lives, 100 * DAY).lanes() for move in (2, 50))
    assert far == capped
    assert far[1] > Variances.first(40 * WAD // 100).fold(10000, 12000, INSTANT, WORD.half_lives, 100 * DAY).day


@pytest.mark.parametrize(("age", "half_life"), [(0, 7), (3, 7), (7, 7), (30, 30), (59, 59), (60, 60), (400, 60)])
def test_decay__long_half_life__is_the_age_within_7_and_60_days(age, half_life):
    found = Variances.first(WAD).decay(INSTANT, WORD.half_lives, age * DAY + INSTANT).long
    assert found / WAD == pytest.approx(2 ** (-INSTANT / (half_life * DAY)), rel=1e-6)
