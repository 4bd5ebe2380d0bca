"""A dollar market and a coin market of one underlying and one price: what they share, and that nothing else crosses."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from bulkhead.risk.words import WAD
from tests.evm import Env
from tests.worlds.system import Market, System, call, put, weekly

EXPIRY = weekly()
RICH = 1_000.0


@pytest.fixture(scope="module")
def deployed() -> Iterator[System]:
    with boa.swap_env(Env()):
        made = System()
        made.list_market(2, 18, digits=3, price_market=made.market)
        yield made


@pytest.fixture
def system(deployed: System) -> Iterator[System]:
    with boa.env.anchor():
        yield deployed


@pytest.fixture
def coin(system: System) -> Market:
    return system.markets[1]


def short_put(system: System, coin: Market, owner: str, other: int) -> int:
    """A vault that falls below MM at 1,500."""
    vault = system.open(owner, 0.9, coin)
    system.novate(vault, other, [put(2_000, 3)], EXPIRY, 0.1, market=coin)
    return vault


def test_take__observed_through_the_price_market_alone__its_clock_runs(system, coin, trader, maker):
    """One poke keeps the auctions of both markets running."""
    buyer, taker = system.open(maker, RICH, coin), system.open(maker, RICH, coin)
    vault = short_put(system, coin, trader, buyer)
    for spot in (1_700.0, 1_500.0):
        system.wait(300, spot)
    system.liquidator.flag(vault)
    for _ in range(4):
        system.wait(60, 1_500.0)
        system.oracle.poke(1, 64)
    assert system.snapshot(EXPIRY, coin).clock == system.snapshot(EXPIRY).clock
    before = system.balance(taker)
    with boa.env.prank(maker):
        system.liquidator.take(vault, WAD, taker, (-(2**255), 0, 0, 0, 0), system.now + 60, b"")
    assert system.balance(taker) > before and system.legs(taker)


def test_flag__price_market_degraded_or_in_grace__stops_both(system, coin, trader, maker):
    buyer = system.open(maker, RICH, coin)
    vault = short_put(system, coin, trader, buyer)
    system.wait(4 * 3_600)
    system.oracle.observe(1, 0)
    system.wait(12, 1_200.0)
    # the outage that a call for the dollar market recorded gives the coin market its grace as well
    with boa.reverts("liquidator/price-not-active"):
        system.liquidator.flag(vault)
    system.oracle.observe(1, 0)
    system.wait(3_700, 1_200.0)
    system.liquidator.flag(vault)


def test_settle__one_fix__pays_both_markets_and_nothing_crosses(system, coin, trader, maker):
    coins = [system.open(trader, 2.0, coin), system.open(maker, RICH, coin)]
    dollars = [system.open(trader, 10_000), system.open(maker, 10_000)]
    system.novate(*coins, [call(2_200, 1)], EXPIRY, 0.05, market=coin)
    system.novate(*dollars, [call(2_200, 1)], EXPIRY, 100)
    totals = [market.token.totalSupply() for market in system.markets]
    system.wait(EXPIRY - system.now - 1_800, 2_500.0)
    system.wait(1_800 + 400, 2_500.0)
    before = [system.balance(vault) for vault in dollars]
    price = int(system.settlement.fix(1, EXPIRY, []))
    assert price == system.expiries.price(2, EXPIRY) and price
    system.settlement.settle_many(coins)
    system.settlement.claim_many(coins)
    assert [system.balance(vault) for vault in dollars] == before
    assert [len(system.legs(vault)) for vault in dollars] == [1, 1]
    system.settlement.settle_many(dollars)
    system.settlement.claim_many(dollars)
    claims = [system.settlement.cell_state(market.index, EXPIRY) for market in system.markets]
    assert [cell.claims for cell in claims] == [300 * 10**6, 300 * WAD * WAD // price]
    assert [cell.ratio for cell in claims] == [WAD, WAD]
    assert [market.token.totalSupply() for market in system.markets] == totals


def test_settle__fixed_through_the_coin_market__is_the_same(system, coin, trader, maker):
    dollars = [system.open(trader, 10_000), system.open(maker, 10_000)]
    system.novate(*dollars, [call(2_200, 1)], EXPIRY, 100)
    system.wait(EXPIRY - system.now - 1_800, 2_500.0)
    system.wait(1_800 + 400, 2_500.0)
    price = int(system.settlement.fix(coin.index, EXPIRY, []))
    assert price == system.settlement.fix(1, EXPIRY, [])
    assert system.settlement.settle_many(dollars) == 2
