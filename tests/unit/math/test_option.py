"""Black-76 with all Greeks against mpmath at 50 digits: accuracy by region, edges, identities, gas."""

import random

import pytest
from mpmath import mp, mpf

from benchmarks.accuracy import errors, sample
from bulkhead.risk import exact
from bulkhead.risk.fixed import divide
from bulkhead.risk.words import WAD

mp.dps = 50
YEAR = 31_536_000


def test_option__ten_thousand_points__within_the_stated_errors():
    worst = errors(sample(10_000, seed=11))
    assert worst["near"]["price"].max() <= 1e-15  # of spot
    assert worst["far"]["price"].max() <= 1e-13  # of the larger of spot and strike
    for region in worst.values():
        assert region["delta"].max() <= 1e-15
        assert region["vega"].max() <= 1e-15
        assert region["gamma"].max() <= 1e-12
        assert region["theta"].max() <= 1e-12


def test_option__random_points__contract_equals_mirror(harness):
    draw = random.Random(12)
    for point in sample(200, seed=12):
        assert tuple(harness.option(*point)) == exact.option(*point)
    for _ in range(60):
        spot = int(10 ** draw.uniform(-2, 7) * WAD)
        point = (spot, int(spot * 10 ** draw.uniform(-3, 3)), draw.choice([0, 1, 10**9, 10**19]), draw.randint(0, 3), 0)
        assert tuple(harness.option(*point)) == exact.option(*point)


SPOT = 2000 * WAD


@pytest.mark.parametrize(
    ("strike", "vol", "seconds", "rate"),
    [
        (SPOT, 0, 86_400, 0),
        (SPOT, 6 * 10**17, 0, 0),
        (1900 * WAD, 0, 86_400, 0),
        (2100 * WAD, 6 * 10**17, 0, 0),
        (1900 * WAD, 0, YEAR, WAD // 2),
        (2100 * WAD, 0, YEAR, -WAD // 2),
    ],
)
def test_option__no_time_or_no_vol__is_intrinsic_on_the_forward(harness, strike, vol, seconds, rate):
    call, put, delta, gamma, vega, theta = harness.option(SPOT, strike, vol, seconds, rate)
    forward = SPOT * exact.exp_q64(divide(rate * seconds * 2**64, YEAR * WAD)) >> 64
    assert (call, put) == (max(forward - strike, 0), max(strike - forward, 0))
    assert gamma == vega == 0
    assert delta == ((forward * WAD // SPOT) if forward > strike else 0) or abs(delta - forward * WAD // SPOT) <= 2
    if rate == 0:
        assert theta == 0


@pytest.mark.parametrize("factor", [WAD // 1000, 1000 * WAD])
@pytest.mark.parametrize("vol", [1, 10**16, 10**19])
@pytest.mark.parametrize("seconds", [1, 3 * YEAR])
@pytest.mark.parametrize("rate", [-WAD // 2, 0, WAD // 2])
def test_option__corners_of_the_domain__never_revert(harness, factor, vol, seconds, rate):
    for spot in (WAD // 100, 10**7 * WAD):
        strike = spot * factor // WAD
        point = (spot, strike, vol, seconds, rate)
        got = harness.option(*point)
        assert tuple(got) == exact.option(*point)
        call, put = got[0], got[1]
        assert call >= 0 and put >= 0 and put <= strike


def test_option__put_call_parity__is_exact(harness):
    for spot, strike, vol, seconds, _ in sample(30, seed=13):
        call, put, *_ = harness.option(spot, strike, vol, seconds, 0)
        assert call - put == spot - strike


def test_option__monotone_and_convex():
    def call(spot=SPOT, strike=SPOT, vol=6 * 10**17, seconds=30 * 86_400):
        return exact.option(spot, strike, vol, seconds, 0)[0]

    step = WAD // 10
    spots = [call(spot=SPOT + k * 5 * WAD) for k in range(-100, 100)]
    assert spots == sorted(spots)
    vols = [call(vol=10**16 * k) for k in range(1, 200)]
    assert vols == sorted(vols)
    times = [call(seconds=3600 * k) for k in range(1, 200)]
    assert times == sorted(times)
    strikes = [call(strike=SPOT + k * 20 * WAD) for k in range(-60, 60)]
    assert strikes == sorted(strikes, reverse=True)
    second = [a - 2 * b + c for a, b, c in zip(strikes, strikes[1:], strikes[2:], strict=False)]
    assert min(second) > -step


def test_option__greeks__are_finite_differences_of_the_price():
    for spot, strike, vol, seconds, rate in sample(300, seed=14, near=True):
        if seconds < 86_400 or vol < 10**17:
            continue
        _, _, delta, gamma, vega, theta = exact.option(spot, strike, vol, seconds, rate)

        def call(s=spot, v=vol, t=seconds, strike=strike, rate=rate):
            return mpf(exact.option(s, strike, v, t, rate)[0])

        h = spot // 10_000
        up, mid, down = call(s=spot + h), call(), call(s=spot - h)
        assert abs((up - down) / (2 * h) - mpf(delta) / WAD) < 2e-5
        assert abs((up - 2 * mid + down) / h**2 * spot - mpf(gamma) / WAD) < 2e-3 * (1 + mpf(gamma) / WAD)
        dv = vol // 10_000
        assert abs((call(v=vol + dv) - call(v=vol - dv)) / (2 * dv) - mpf(vega) / WAD) < 1e-6 * spot / WAD + 1e-9
        dt = max(seconds // 10_000, 1)
        slope = (call(t=seconds - dt) - call(t=seconds + dt)) / (2 * dt) * YEAR / WAD
        assert abs(slope - mpf(theta) / WAD) < 1e-4 * (abs(mpf(theta)) / WAD + spot / WAD / 1000)


def test_option__gas_near_the_money__reaches_the_goal(harness):
    draw = random.Random(15)
    used = []
    for _ in range(40):
        strike = int(SPOT * draw.uniform(0.8, 1.2))
        harness.option(SPOT, strike, int(draw.uniform(0.3, 1) * WAD), draw.randint(86_400, 90 * 86_400), 0)
        used.append(harness._computation.get_gas_used())
    assert sum(used) / len(used) <= 2_800
