import random

import boa
import pytest

from bulkhead.risk import exact
from bulkhead.risk.words import WAD

YEAR = 31_536_000


def quotes(count: int, seed: int):
    """Options whose time value is above 1e-4 of spot and visibly below its ceiling: (call, forward, strike, T, vol)."""
    draw = random.Random(seed)
    found = []
    while len(found) < count:
        forward = int(10 ** draw.uniform(-2, 7) * WAD)
        strike = int(forward * 10 ** (draw.gauss(0, 0.1) if draw.random() < 0.7 else draw.uniform(-3, 3)))
        vol = int(10 ** draw.uniform(-1.5, 1) * WAD)
        seconds = int(10 ** draw.uniform(3, 7.97))
        call = exact.option(forward, strike, vol, seconds, 0)[0]
        value = call - max(forward - strike, 0)
        if forward / 10**4 < value < 0.999 * min(forward, strike):
            found.append((call, forward, strike, seconds, vol))
    return found


def test_implied_vol__time_value_above_1e4_of_spot__always_found():
    for call, forward, strike, seconds, vol in quotes(4_000, seed=21):
        got = exact.implied_vol(call, forward, strike, seconds)
        # a price cannot say more about vol than its own last digit: one unit of it over vega
        vega = exact.option(forward, strike, vol, seconds, 0)[4]
        assert abs(got - vol) <= vol // 10**10 + 4 * WAD * WAD // max(vega, 1) // 10**15 + 4


def test_implied_vol__contract_equals_mirror_within_9000_gas(harness):
    used = []
    for call, forward, strike, seconds, _ in quotes(120, seed=22):
        assert harness.implied_vol(call, forward, strike, seconds) == exact.implied_vol(call, forward, strike, seconds)
        used.append(harness._computation.get_gas_used())
    assert sum(used) / len(used) <= 9_000


def test_implied_vol__at_the_money__is_found(harness):
    spot = 2000 * WAD
    call = exact.option(spot, spot, WAD // 2, YEAR // 12, 0)[0]
    got = harness.implied_vol(call, spot, spot, YEAR // 12)
    assert abs(got - WAD // 2) < 10**4
    assert got == exact.implied_vol(call, spot, spot, YEAR // 12)


@pytest.mark.parametrize(
    ("quote", "reason"),
    [
        ((10 * WAD, 2000 * WAD, 2000 * WAD, 0), "implied/expired"),
        ((10 * WAD, 0, 2000 * WAD, 1), "implied/price-range"),
        ((10 * WAD, 2000 * WAD, 0, 1), "implied/price-range"),
        ((0, 2000 * WAD, 2000 * WAD, 86_400), "implied/price-range"),
        ((100 * WAD, 2000 * WAD, 1900 * WAD, 86_400), "implied/price-range"),
        ((2000 * WAD, 2000 * WAD, 1900 * WAD, 86_400), "implied/price-range"),
        ((2000 * WAD, 2000 * WAD, 2100 * WAD, 86_400), "implied/price-range"),
    ],
)
def test_implied_vol__no_vol_gives_the_price__reverts(harness, quote, reason):
    with boa.reverts(reason):
        harness.implied_vol(*quote)
    with pytest.raises(ValueError, match=reason):
        exact.implied_vol(*quote)
