"""A market whose token is its underlying, beside a linear one: the same rules, counted in coins (docs/coins.md)."""

from __future__ import annotations

import random
from collections.abc import Iterator

import boa
import pytest
from eth_account import Account

from bulkhead import orders
from bulkhead.orders import Order, OrderLeg, PremiumStyle
from bulkhead.risk import exact, margin
from bulkhead.risk.payoff import payoff
from bulkhead.risk.words import WAD, Kind, Leg, Model, RiskWord, Series, Units
from tests.evm import Env
from tests.worlds.system import Market, System, call, cash, future, put, weekly, with_markets

EXPIRY = weekly()
#: (decimals, digits of the unit) of each coin: like WETH, like WBTC, and the fewest that a token may have.
COINS = ((18, 3), (8, 5), (6, 3))
RICH = 1000.0


@pytest.fixture(scope="module")
def deployed() -> Iterator[System]:
    with boa.swap_env(Env()):
        yield with_markets((6, None), *COINS)


@pytest.fixture
def system(deployed: System) -> Iterator[System]:
    with boa.env.anchor():
        yield deployed


@pytest.fixture(params=range(1, 4), ids=["18 decimals", "8 decimals", "6 decimals"])
def coin(request: pytest.FixtureRequest, system: System) -> Market:
    return system.markets[request.param]


def deposit_of(market: Market) -> int:
    """The liquidation deposit, 10 units [native]."""
    digits = {18: 3, 8: 5, 6: 3}[market.decimals]
    return 10 * market.unit // 10**digits


def covered_call(system: System, market: Market, owner: str, buyer: int, premium: float = 0.0) -> int:
    """A vault with one coin besides its deposit that has sold one call."""
    vault = system.open(owner, 0, market)
    market.token.mint(owner, market.unit + deposit_of(market))
    with boa.env.prank(owner):
        market.token.approve(system.at["Clearinghouse"], 2**256 - 1)
        system.clearinghouse.deposit(vault, owner, market.unit + deposit_of(market))
    system.novate(vault, buyer, [call(2200, 1)], EXPIRY, premium, market=market)
    return vault


def settle(system: System, market: Market, price: float, ids: list[int]) -> int:
    """Lets the cell expire at a price and settles and claims everything; the expiry price [wad]."""
    minutes = (EXPIRY - system.now) // 60
    system.wait(minutes * 60 - 1800 + EXPIRY % 60, price) if minutes > 31 else None
    for where in system.markets:
        system.push(price, where)
    system.wait(1800 + 400)
    for where in system.markets:
        system.push(price, where)
    final = int(system.settlement.fix(market.index, EXPIRY, []))
    assert final
    system.settlement.settle_many(ids)
    system.settlement.claim_many(ids)
    return final


def test_covered_call__sold_and_its_premium_withdrawn__asks_no_engine(system, coin, trader, maker):
    buyer = system.open(maker, RICH, coin)
    engines = {engine: boa.env.get_code(engine) for engine in system.clearinghouse.engines()}
    for engine in engines:
        boa.env.set_code(engine, b"\xfe")  # whoever calls it fails
    # who buys a call owes nothing either
    vault = covered_call(system, coin, trader, buyer, 0.02)
    with boa.env.prank(trader):
        system.clearinghouse.withdraw(vault, round(0.01 * 10**6) * coin.unit // 10**6, trader)
    # a put is not covered by coins: there the model is asked
    other = system.open(trader, 2.0, coin, Model.GREEKS)
    with pytest.raises(boa.BoaError):
        system.novate(other, buyer, [put(1800, 1)], EXPIRY, market=coin)
    for engine, code in engines.items():
        boa.env.set_code(engine, code)
    system.novate(other, buyer, [put(1800, 1)], EXPIRY, market=coin)


def test_covered_call__premium_withdrawn_without_a_price_and_never_flagged(system, coin, trader, maker):
    buyer = system.open(maker, RICH, coin)
    vault = covered_call(system, coin, trader, buyer, 0.02)
    # the premium is free at once, and no scenario is asked: the feed is long silent
    system.wait(4 * 3600)
    with boa.env.prank(trader):
        system.clearinghouse.withdraw(vault, round(0.02 * 10**6) * coin.unit // 10**6, trader)
    for spot in (400.0, 2000.0, 9000.0):
        system.wait(900)
        system.push(spot, coin)
        system.wait(3700)
        system.push(spot, coin)
        with boa.reverts("liquidator/healthy"):
            system.liquidator.flag(vault)


def test_money_and_delta_leg__swap__cash_is_the_future_and_coins_are_money(system, coin, trader, maker):
    long, short = system.open(trader, 2.0, coin), system.open(maker, RICH, coin)
    # a long of 10,000 quote at 2,000: owes 10,000 CASH, holds 5 coins
    system.novate(short, long, [cash(-10_000), future(5)], EXPIRY, market=coin)
    counted = system.clearinghouse.market(coin.index).open_interest
    # CASH alone is open interest, in its own unit; coins are money
    assert counted == 2 * 10_000 * 10**6 << 128
    state = system.state(long)
    words = system.snapshot(EXPIRY, coin)
    legs = system.legs(long)
    risk = RiskWord.unpack(system.parameters.words[0])
    assessed = exact.assess(legs, words, risk, inverse=True)
    standing = margin.resolve(assessed, state.collateral, risk, words, units=Units(True, 3))
    assert (state.value, state.equity) == (assessed.value, standing.equity)
    assert state.maintenance_margin == standing.maintenance_margin
    # closing the future leaves coins: any amount, no lot
    system.novate(short, long, [cash(10_000), future(-4.987654)], EXPIRY, market=coin)
    assert system.legs(long) == [Leg(Kind.FUTURE, 0, 12_346)]
    assert system.clearinghouse.market(coin.index).open_interest == 0


def test_settle__random_pods__conserves_to_the_unit_and_pays_exact_payoffs(system, coin, trader, maker):
    draw = random.Random(coin.decimals)
    ids = [system.open(owner, RICH, coin) for owner in (trader, maker, maker, trader)]
    for _ in range(12):
        giver, receiver = draw.sample(ids, 2)
        legs = [
            draw.choice([call, put])(
                draw.choice([1600, 1800, 2000, 2300]), draw.choice([-1, 1]) * draw.randint(1, 300) / 100
            ),
            cash(draw.randint(-3000_000000, 3000_000000) / 10**6),
            future(draw.randint(-(10**6), 10**6) / 10**6),
        ]
        system.novate(giver, receiver, legs, EXPIRY, market=coin)
    # a linear market beside it: nothing crosses
    aside = [system.open(trader, 10**6), system.open(maker, 10**6)]
    system.novate(*aside, [call(2000, 1), cash(-50)], EXPIRY)
    before = {i: (system.legs(i), system.balance(i)) for i in ids}
    untouched = [system.words(i) for i in aside]
    total = coin.token.totalSupply()
    price = settle(system, coin, 2345.6789, ids)
    unit = 10 ** (18 - coin.decimals)
    for i in ids:
        legs, held = before[i]
        # N = floor of the payoff in coins: debts up, claims down; the settle tip leaves too
        due = payoff(legs, price // 10**10) if price % 10**10 == 0 else None
        assert due is not None
        net = due * WAD // (price * unit)
        assert held + net - system.balance(i) in (0, deposit_of(coin) - deposit_of(coin) * 8 // 10)
        assert system.legs(i) == []
    assert coin.token.totalSupply() == total
    cell = system.clearinghouse.cell_custody(coin.index, EXPIRY)
    assert coin.token.balanceOf(cell) <= len(ids)
    assert system.clearinghouse.market(coin.index).open_interest == 0
    assert [system.words(i) for i in aside] == untouched


def test_take__short_put_in_coins__tips_bonus_and_deposit_are_in_coins(system, coin, trader, maker):
    buyer, taker = system.open(maker, RICH, coin), system.open(maker, RICH, coin)
    vault = system.open(trader, 0, coin)
    system.deposit(vault, 0.9, trader, coin)
    system.novate(vault, buyer, [put(2000, 3)], EXPIRY, 0.1, market=coin)
    system.wait(600)
    for spot in (1700.0, 1500.0):
        system.wait(300)
        system.push(spot, coin)
    stranger = boa.env.generate_address("flagger")
    with boa.env.prank(stranger):
        system.liquidator.flag(vault)
    assert coin.token.balanceOf(stranger) == deposit_of(coin) // 2
    # C counts what is left of the deposit: half of it has been paid
    assert system.state(vault).collateral == (system.balance(vault) - deposit_of(coin) // 2) * 10 ** (
        18 - coin.decimals
    )
    for _ in range(3):
        system.wait(60)
        system.push(1500.0, coin)
        system.oracle.observe(coin.index, EXPIRY)
    with boa.env.prank(maker):
        system.liquidator.take(vault, WAD, taker, (-(2**255), 0, 0, 0, 0), system.now + 60, b"")
    assert any(leg.kind == Kind.PUT for leg in system.legs(taker))
    # what stays pays at least its share at every price: INV-09 in coins
    state = system.state(vault)
    assert state.equity >= state.maintenance_margin or not system.legs(vault)


def signed(system: System, market: Market, legs: tuple[OrderLeg, ...], **terms: object) -> tuple[object, int]:
    """An order of a maker vault in a market, with its signature, and the vault."""
    account = Account.from_key(b"\7" * 32)
    vault = system.open(account.address, RICH, market)
    order = Order(
        maker_vault=vault, signer=account.address, legs=legs, is_bid=False, expiry=system.now + 60,
        max_deficit=2**256 - 1, **terms,
    )  # fmt: skip
    return (order, orders.sign(order, system.domain, account.key)), vault


def cash_order(system: System, market: Market, quote: int) -> tuple[Order, bytes]:
    """A signed order that sells so many quote units for coins at 2,000, paid at the expiry."""
    leg = OrderLeg(Series(market.index, Kind.CASH, EXPIRY).pack(), 1)
    style = PremiumStyle.DEFERRED
    made, _ = signed(system, market, (leg,), price=WAD // 2000, size=quote * 10**6, premium_style=style)
    return made


def take_quote(system: System, trader: str, made: tuple[Order, bytes], taker: int, quote: int) -> None:
    """Fills so many quote units of an order into a vault."""
    asked = orders.Asked(2**255 - 1, taker, quote * 10**6, 2**256 - 1, 2**256 - 1, 0).to_tuple(*made)
    with boa.env.prank(trader):
        system.exchange.fill(asked)


def test_fill__order_of_cash__is_an_inverse_future_with_deferred_coins_and_fees_in_coins(system, coin, trader):
    # 6,000 quote at 2,000: 3 coins
    made = cash_order(system, coin, 6_000)
    taker = system.open(trader, RICH, coin)
    take_quote(system, trader, made, taker, 6_000)
    assert system.legs(taker) == [Leg(Kind.CASH, 0, 6_000 * 10**6), Leg(Kind.FUTURE, 0, -3 * 10**6)]
    # 3 bp of 3 coins, capped at an eighth of the price: the price is the notional
    fee = coin.token.balanceOf(system.exchange.address)
    assert fee == -(-3 * coin.unit * 3 // 10_000)


def test_fill__order_of_money_alone__is_refused(system, coin, trader):
    series = Series(coin.index, Kind.FUTURE, EXPIRY).pack()
    made, _ = signed(system, coin, (OrderLeg(series, 1),), price=WAD, size=10**6)
    taker = system.open(trader, RICH, coin)
    asked = orders.Asked(2**255 - 1, taker, 10**6, 2**256 - 1, 2**256 - 1, 0).to_tuple(*made)
    with boa.env.prank(trader), boa.reverts("order/only-cash"):
        system.exchange.fill(asked)


def test_fill__legs_of_two_markets__are_refused(system, coin, trader):
    legs = tuple(
        sorted(
            (OrderLeg(Series(m, Kind.CALL, EXPIRY, 2000 * 10**8).pack(), 1) for m in (1, coin.index)),
            key=lambda one: one.series,
        )
    )
    made, _ = signed(system, coin, legs, price=WAD, size=10**6)
    asked = orders.Asked(2**255 - 1, system.open(trader, RICH, coin), 10**6, 2**256 - 1, 2**256 - 1, 0)
    with boa.env.prank(trader), boa.reverts("order/wrong-cell"):
        system.exchange.fill(asked.to_tuple(*made))


def test_cap__open_interest__counts_cash_at_the_forward(system, coin, trader):
    with boa.env.prank(system.owner):
        system.RiskParameters.set_parameter(coin.index, "oi_cap", 7 * 10**6)
    made = cash_order(system, coin, 20_000)
    taker = system.open(trader, RICH, coin)
    # both sides count: 7,000 quote are 3.5 contracts each
    with boa.reverts("exchange/open-interest-cap"):
        take_quote(system, trader, made, taker, 7_002)
    take_quote(system, trader, made, taker, 6_998)
