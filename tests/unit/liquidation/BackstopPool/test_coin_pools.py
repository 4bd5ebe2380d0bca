"""Pools of coin markets: what is counted in units of the market is no whole coin."""

from __future__ import annotations

import boa
import pytest

from tests.worlds.fixtures import anchored, per_module
from tests.worlds.liquidation import address
from tests.worlds.system import with_markets

ALICE = address("alice")
WEEK = 7 * 86_400
#: (decimals, digits of the unit, units in one token) of a dollar and of coins like WETH and WBTC.
MARKETS = ((6, None, 1), (18, 3, 1_000), (8, 5, 100_000))

deployed = per_module(lambda: with_markets(*(market[:2] for market in MARKETS)))
system = anchored("deployed")


@pytest.mark.parametrize("index", range(3))
def test_request__a_unit_of_the_market__is_enough_to_leave(system, index):
    """A whole bitcoin was asked: who had bought less could not leave."""
    market, units = system.markets[index], MARKETS[index][2]
    pool, amount = system.pool(market), 10 * market.unit // units
    market.token.mint(ALICE, amount)
    with boa.env.prank(ALICE):
        market.token.approve(pool.address, amount)
        shares = pool.deposit(amount, ALICE)
        with boa.reverts("backstop/request-too-small"):
            pool.request_redeem(shares // 10 - 1, 0)
        pool.request_redeem(shares // 10, 0)
        pool.request_redeem(pool.balanceOf(ALICE), 0)
        boa.env.evm.patch.timestamp += WEEK
        system.push(2000.0, market)
        assert pool.serve(2) == 2
        assert pool.redeem(pool.maxRedeem(ALICE), ALICE, ALICE) == amount == market.token.balanceOf(ALICE)
