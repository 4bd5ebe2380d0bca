"""exp, ln, sqrt, phi and Mills' ratio: contract = mirror, and both against 50 digits."""

import random

import pytest
from mpmath import erfc, exp, log, mp, mpf, npdf, pi, sqrt

from bulkhead.risk import exact

ONE = 2**64
mp.dps = 50


def test_exp__range__within_1e18_relative(parts):
    draw = random.Random(1)
    for i in range(300):
        x = int(draw.uniform(-30, 30) * ONE)
        got = exact.exp_q64(x)
        if i < 40:
            assert parts.exp(x) == got
        true = exp(mpf(x) / ONE)
        assert abs(mpf(got) / ONE - true) <= true * mpf("1e-18") + mpf(2) ** -63


@pytest.mark.parametrize("x", [0, 1, -1, -64 * ONE, -64 * ONE - 1, -(10**40), 77 * ONE])
def test_exp__edges__equal_mirror(parts, x):
    assert parts.exp(x) == exact.exp_q64(x)


def test_ln_ratio__nine_decades__within_4e17(parts):
    draw = random.Random(2)
    for i in range(400):
        a = int(10 ** draw.uniform(16, 25))
        b = int(a * 10 ** (draw.gauss(0, 0.1) if i % 2 else draw.uniform(-9, 9))) or 1
        got = exact.ln_ratio(a, b)
        if i < 60:
            assert parts.ln_ratio(a, b) == got
        assert abs(mpf(got) / ONE - log(mpf(a) / b)) < mpf("6e-17")


def test_ln_ratio__equal__is_zero(parts):
    assert parts.ln_ratio(5, 5) == exact.ln_ratio(5, 5) == 0


@pytest.mark.parametrize("a", [0, 1, 2, 59, 3600, 86_400, 31_536_000, 94_608_000, 2**30])
def test_sqrt_ratio__seconds_in_years__within_2_pow_63(parts, a):
    got = parts.sqrt_ratio(a, 31_536_000)
    assert got == exact.sqrt_ratio(a, 31_536_000)
    true = sqrt(mpf(a) / 31_536_000) * ONE
    assert abs(got - true) <= true * mpf(2) ** -62 + 1


def test_density_and_mills__whole_range__within_5e17(parts):
    draw = random.Random(3)
    for i in range(400):
        x = int(draw.uniform(0, 9) * ONE)
        phi, ratio = exact.density(x), exact.mills(x)
        if i < 40:
            assert (parts.density(x), parts.density(-x), parts.mills(x)) == (phi, phi, ratio)
        real = mpf(x) / ONE
        assert abs(mpf(phi) / ONE - npdf(real)) < mpf("2e-19")
        true = exp(real**2 / 2) * sqrt(pi / 2) * erfc(real / sqrt(mpf(2)))
        assert abs(mpf(ratio) / ONE - true) * npdf(real) < mpf("5e-17")


@pytest.mark.parametrize("x", [9 * ONE, 9 * ONE - 1, 20 * ONE, 10**30])
def test_density_and_mills__beyond_nine__are_held(parts, x):
    assert parts.density(x) == exact.density(x)
    assert parts.mills(x) == exact.mills(x)


def test_phi_table__every_cell__within_2e9():
    draw = random.Random(4)
    from mpmath import ncdf

    worst = 0
    for i in range(2000):
        x = draw.uniform(-6.5, 6.5) if i % 2 else -6 + draw.randint(0, 240) / 20
        cells = int(mpf(x) * 20 * 2**96) + exact.CENTRE
        worst = max(worst, abs(mpf(exact.phi_38(cells)) / exact.PHI_ONE - ncdf(mpf(x))))
    assert worst < 2e-9
