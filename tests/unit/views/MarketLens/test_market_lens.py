"""MarketLens: markets, parameters and wallets, decoded."""

from __future__ import annotations

import boa
import pytest

from bulkhead.chain.parameters import PARAMETERS
from bulkhead.risk.marks import iv_at, setting_of
from tests.worlds.system import DAY, EMPTY, WAD, put, weekly

EXPIRY = weekly(2)


def test_markets__a_listed_one__is_decoded(system, trader, maker):
    system.novate(system.open(trader, 5_000), system.open(maker, 50_000), [put(1800, 2)], EXPIRY)
    system.market.token.mint(system.insurance.pot(1), 7 * 10**6)
    system.wait(90)
    answer = system.MarketLens.markets(0, 8)
    assert (answer.block_number, answer.timestamp, answer.next) == (boa.env.evm.patch.block_number, system.now, 0)
    (found,) = answer.markets
    assert (found.market, found.token, found.symbol, found.decimals) == (1, system.market.token.address, "USD", 6)
    assert found.lot == 10_000 and found.has_es and found.has_greeks and found.has_static
    assert (found.price.state, found.price.spot, found.price.age) == ("active", 2000 * WAD, 90)
    prices = system.snapshot(system.now // DAY * DAY + DAY + 8 * 3600)
    assert (found.price.sigma, found.price.sigma_now) == (prices.sigma, prices.sigma_now)
    assert (found.price.vol_ratio, found.price.rate) == (prices.vol_ratio, prices.rate)
    assert found.flat_iv == prices.surface_near and not found.price.uses_fallback
    assert found.surface.made_at == 0 and found.surface.slices == []
    assert found.open_interest == 4 * 10**6 and found.insurance == 7 * 10**6
    assert found.open_interest_cap == system.parameters.words[1] >> 128 & (2**80 - 1)
    assert found.paused_until == 0 and found.pool == EMPTY and found.pool_assets == 0
    system.wait(7_200)
    (found,) = system.MarketLens.markets(0, 1).markets
    assert found.price.state == "stale" and found.price.age == 7_290


def test_markets__pool_and_pause__are_told(system, trader):
    pool = system.pool()
    system.fund(trader, 100)
    with boa.env.prank(trader):
        system.market.token.approve(pool.address, 2**256 - 1)
        pool.deposit(100 * 10**6, trader)
    with boa.env.prank(system.guardian):
        system.RiskParameters.pause_opening(1)
    (found,) = system.MarketLens.markets(0, 1).markets
    assert found.pool == pool.address and found.pool_assets == pool.totalAssets() == 100 * 10**6
    assert found.paused_until == system.RiskParameters.trading(1) >> 208 > system.now
    system.wait(14 * DAY)
    assert system.MarketLens.markets(0, 1).markets[0].paused_until == 0
    (held,) = system.MarketLens.account(trader, 0, 1).holdings
    assert held.pool_shares == pool.balanceOf(trader) and held.to_pool == system.market.token.allowance(
        trader, pool.address
    )


def test_markets__a_published_surface__is_told_expiry_by_expiry(system):
    system.pass_hours(2, vol_=0.7)
    (found,) = system.MarketLens.markets(0, 1).markets
    made, _ = system.in_force()
    told = found.surface
    assert (told.made_at, told.live_until) == (made.made_at, made.made_at + system.live_seconds)
    assert told.is_live and told.fade == system.fade() and found.flat_iv == 0
    assert [one.expiry for one in told.slices] == list(made.expiries)
    for one, known in zip(told.slices, made.slices, strict=True):
        prices = system.snapshot(one.expiry)
        assert one.forward == prices.forward
        assert one.atm_iv == iv_at(prices, prices.forward, prices.forward) and setting_of(prices).forward == one.forward
        floats = [one.a / 1e12, one.b / 1e12, one.rho / 1e9, one.m / 1e9, one.sigma / 1e9]
        assert floats == pytest.approx(list(known.floats()), abs=1e-12)
    system.wait(system.live_seconds + 1, 2000)
    assert not system.MarketLens.markets(0, 1).markets[0].surface.is_live


def test_markets__market_with_a_price_market__shows_its_prices_and_its_own_books(system):
    system.pass_hours(2, vol_=0.7)
    system.list_market(2, 18, digits=3, price_market=system.market)
    with boa.env.prank(system.guardian):
        system.RiskParameters.pause_opening(1)
    ether, coin = system.MarketLens.markets(0, 2).markets
    assert (ether.price_market, coin.price_market) == (1, 1)
    assert (coin.price, coin.surface, coin.flat_iv) == (ether.price, ether.surface, ether.flat_iv)
    assert ether.paused_until > 0 and coin.paused_until == 0
    told = [{one.name: one for one in system.MarketLens.parameters(market).parameters} for market in (1, 2)]
    assert told[0] == told[1]


def test_pages__go_through_all_markets(system, trader):
    for index in range(2, 11):
        system.list_market(index)
    first = system.MarketLens.markets(0, 8)
    assert [one.market for one in first.markets] == list(range(1, 9)) and first.next == 8
    second = system.MarketLens.markets(8, 8)
    assert [one.market for one in second.markets] == [9, 10] and second.next == 0
    assert system.MarketLens.markets(99, 8).markets == []
    held = system.MarketLens.account(trader, 0, 10)
    assert len(held.holdings) == 10 and held.next == 0
    assert system.MarketLens.account(trader, 0, 9).next == 9


@pytest.mark.parametrize(("call", "most"), [("markets", 0), ("markets", 9), ("account", 0), ("account", 33)])
def test_page__size_out_of_range__reverts(system, trader, call, most):
    arguments = (0, most) if call == "markets" else (trader, 0, most)
    with boa.reverts("market-lens/page-size"):
        getattr(system.MarketLens, call)(*arguments)


def test_parameters__every_number__with_bounds_and_ramp(system):
    with boa.env.prank(system.owner):
        system.RiskParameters.set_parameter(1, "tail_bps", 120)
    answer = system.MarketLens.parameters(1)
    assert answer.market == 1 and answer.timestamp == system.now
    assert [one.name for one in answer.parameters] == list(PARAMETERS)
    for one in answer.parameters:
        known = PARAMETERS[one.name]
        assert one.value == system.RiskParameters.parameter(1, one.name)
        assert (one.least, one.greatest) == (known.least, known.greatest)
        assert (one.target, one.stepped_at) == ((120, system.now) if one.name == "tail_bps" else (0, 0))
    with boa.reverts("parameters/unknown-market"):
        system.MarketLens.parameters(2)


def test_account__balance_and_allowances(system, trader):
    system.fund(trader, 25)
    token = system.market.token
    spenders = {"to_insurance": system.insurance.address, "to_top_up": system.at["AutoTopUp"]}
    with boa.env.prank(trader):
        token.approve(system.at["Clearinghouse"], 11)
        for n, spender in enumerate(spenders.values(), 12):
            token.approve(spender, n)
    boa.env.set_balance(trader, 5 * WAD)
    answer = system.MarketLens.account(trader, 0, 32)
    assert (answer.account, answer.gas_money, answer.timestamp) == (trader, 5 * WAD, system.now)
    (held,) = answer.holdings
    assert (held.market, held.token, held.symbol, held.decimals) == (1, token.address, "USD", 6)
    assert held.balance == 25 * 10**6
    assert (held.to_clearinghouse, held.to_insurance, held.to_top_up, held.to_pool) == (11, 12, 13, 0)


def test_gas__eight_markets_with_surfaces(system):
    system.pass_hours(0.5, vol_=0.7)
    system.MarketLens.markets(0, 1)
    used = system.MarketLens._computation.get_gas_used()
    print(f"markets: one with a surface of {len(system.in_force()[0].expiries)} expiries {used:,} gas")
    assert 8 * used < 30_000_000
