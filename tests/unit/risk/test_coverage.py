"""Kupiec's and Christoffersen's tests against worked numbers, and against what they are to find."""

from __future__ import annotations

import numpy as np
import pytest

from bulkhead.risk.coverage import christoffersen, coverage, kupiec


def test_kupiec__binomial_likelihoods__their_ratio():
    from scipy.stats import binom, chi2

    hits, days, rate = 8, 255, 0.01
    ratio = 2 * (binom.logpmf(hits, days, hits / days) - binom.logpmf(hits, days, rate))
    assert kupiec(days, hits, rate) == pytest.approx(chi2.sf(ratio, 1), rel=1e-9)
    # his table: at 255 days and 1 % fewer than 7 exceedances are not rejected
    assert kupiec(255, 6, 0.01) > 0.05 > kupiec(255, 7, 0.01)


def test_kupiec__no_exceedance__likelihood_of_none():
    from scipy.stats import chi2

    assert kupiec(500, 0, 0.01) == pytest.approx(chi2.sf(-2 * 500 * np.log(0.99), 1), rel=1e-12)


def test_kupiec__rate_as_expected__one():
    assert kupiec(1000, 10, 0.01) == pytest.approx(1.0)


def test_christoffersen__exceedances_in_a_row__rejected():
    clustered, spread = np.zeros(1000, bool), np.zeros(1000, bool)
    clustered[100:110] = True
    spread[::100] = True
    assert coverage([clustered], 0.01).christoffersen < 1e-6
    assert coverage([spread], 0.01).christoffersen > 0.5
    assert coverage([clustered], 0.01).kupiec == coverage([spread], 0.01).kupiec


def test_christoffersen__no_exceedance__nothing_to_reject():
    assert christoffersen(np.array([[100, 0], [0, 0]])) == 1.0


def test_coverage__two_markets__last_day_of_one_is_not_before_the_other():
    last, first = np.array([False] * 50 + [True]), np.array([True] + [False] * 50)
    apart, joined = coverage([last, first], 0.01), coverage([np.concatenate([last, first])], 0.01)
    assert apart.hits == joined.hits == 2 and apart.christoffersen > joined.christoffersen


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1])
def test_coverage__no_rate__sentence(rate):
    with pytest.raises(ValueError, match="no rate between 0 and 1"):
        coverage([np.array([True])], rate)
    with pytest.raises(ValueError, match="no days"):
        coverage([], 0.01)
