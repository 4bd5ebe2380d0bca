"""Exchange.fill: what reaches the Clearinghouse: legs, tokens, fees, prices."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import pytest
from eth_account import Account

from bulkhead import orders
from bulkhead.orders import Flags, OrderLeg, PremiumStyle
from bulkhead.risk.words import Kind
from tests.worlds.exchange import DAY, EXPIRY, MARKET, MAX, RICH, STRIKE, WAD, World, key, leg_word

CALL, PUT, FUTURE, CASH = Kind.CALL, Kind.PUT, Kind.FUTURE, Kind.CASH

# --- what a fill moves ---------------------------------------------------------------------------------------------


def test_fill__upfront_ask__buyer_pays_and_receives_legs(world: World) -> None:
    order = world.order()
    digest = world.fill(order, 2 * 10**6)
    assert digest == world.hash(order)
    # 1 bp and 3 bp of 2 * 2000
    assert world.novation() == (
        world.maker_vault, world.taker_vault, -200 * 10**6, [400_000, 1_200_000], [leg_word(CALL, STRIKE, 2 * 10**6)]
    )  # fmt: skip
    assert world.exchange.filled_of(world.maker.address, digest) == (2 * 10**6, False)
    assert world.token.balanceOf(world.exchange.address) == 1_600_000
    assert world.system.balance(world.maker_vault) == RICH * 10**6 + 200_000_000 - 400_000
    assert world.system.balance(world.taker_vault) == RICH * 10**6 - 200_000_000 - 1_200_000


def test_fill__upfront_bid__maker_is_buyer(world: World) -> None:
    world.fill(world.order(is_bid=True), 2 * 10**6)
    seller, buyer, cash, fees, _ = world.novation()
    assert (seller, buyer, cash) == (world.taker_vault, world.maker_vault, -200 * 10**6)
    assert fees == [1_200_000, 400_000]


def test_fill__negative_price__seller_pays(world: World) -> None:
    legs = (OrderLeg(world.series(CALL), -1),)
    world.fill(world.order(legs=legs, price=-100 * WAD), 10**6)
    _, _, cash, _, moved = world.novation()
    assert cash == 100 * 10**6
    assert moved == [leg_word(CALL, STRIKE, -(10**6))]


def test_fill__deferred__premium_is_a_cash_leg(world: World) -> None:
    world.fill(world.order(premium_style=PremiumStyle.DEFERRED), 2 * 10**6)
    _, _, cash, _, moved = world.novation()
    assert cash == 0
    assert moved == [leg_word(CALL, STRIKE, 2 * 10**6), leg_word(CASH, 0, -200 * 10**6)]


def test_fill__deferred_future__notional_is_cash_owed(world: World) -> None:
    legs = (OrderLeg(world.series(FUTURE), 1),)
    world.fill(world.order(legs=legs, price=2003 * WAD, premium_style=PremiumStyle.DEFERRED), 10**6)
    assert world.novation()[4] == [leg_word(FUTURE, 0, 10**6), leg_word(CASH, 0, -2003 * 10**6)]


def test_fill__deferred_with_cash_leg__premium_joins_it(world: World) -> None:
    legs = (OrderLeg(world.series(CALL), 1_500_000), OrderLeg(world.series(CASH), -50_000_000))
    order = world.order(legs=legs, size=1, price=3 * WAD * 10**6, premium_style=PremiumStyle.DEFERRED)
    world.fill(order, 1)
    assert world.novation()[4] == [leg_word(CALL, STRIKE, 1_500_000), leg_word(CASH, 0, -53_000_000)]


def test_fill__bought_deferred_and_closed_with_its_cash__leaves_nothing(world: World) -> None:
    world.fill(world.order(premium_style=PremiumStyle.DEFERRED), 10**6)
    legs = (OrderLeg(world.series(CALL), 10**6), OrderLeg(world.series(CASH), -100 * 10**6))
    # the maker buys the package back whole for 2 a contract
    world.fill(world.order(legs=legs, size=1, price=2 * WAD * 10**6, is_bid=True, flags=Flags.FILL_OR_KILL), 1)
    assert world.novation()[2] == -2 * 10**6
    assert world.system.legs(world.maker_vault) == [] == world.system.legs(world.taker_vault)


def test_fill__ratios__scale_with_size(world: World) -> None:
    legs = (
        OrderLeg(world.series(CALL), 2),
        OrderLeg(world.series(CALL, STRIKE + 100 * 10**8), -3),
        OrderLeg(world.series(PUT), 1),
        OrderLeg(world.series(PUT, STRIKE + 50 * 10**8), -1),
    )
    world.fill(world.order(legs=legs), 10**4)
    assert world.novation()[4] == [
        leg_word(CALL, STRIKE, 20_000),
        leg_word(CALL, STRIKE + 100 * 10**8, -30_000),
        leg_word(PUT, STRIKE, 10_000),
        leg_word(PUT, STRIKE + 50 * 10**8, -10_000),
    ]


def test_fill__all_that_is_left__takes_the_exact_remainder(world: World) -> None:
    order = world.order(size=10**7, min_fill=4 * 10**6)
    world.fill(order, 4 * 10**6)
    world.fill(order, 5 * 10**6)
    # one package is left, below min_fill: it can still be taken whole
    world.refused(order, "exchange/below-min-fill", 10**6 - 10**4)
    world.fill(order, MAX)
    assert world.exchange.filled_of(world.maker.address, world.hash(order)) == (10**7, False)


def test_fill__event__tells_the_whole_fill(world: World) -> None:
    order = world.order(is_bid=True)
    world.fill(order, 10**6)
    event = world.log("OrderFilled")
    assert event.order_hash == world.hash(order)
    assert (event.maker_vault, event.taker_vault) == (world.maker_vault, world.taker_vault)
    assert (event.size, event.filled) == (10**6, 10**6)
    assert (event.price, event.premium, event.maker_fee, event.taker_fee) == (100 * WAD, 100 * 10**6, 200_000, 600_000)


# --- rounding ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("is_bid", "price", "premium"),
    [
        (False, 100 * WAD + 1, 1_000_001),  # taker buys: pays up
        (False, -(100 * WAD + 1), -1_000_000),  # taker buys for a credit: receives less
        (True, 100 * WAD + 1, 1_000_000),  # taker sells: receives less
        (True, -(100 * WAD + 1), -1_000_001),  # taker sells and pays: pays up
    ],
)
@pytest.mark.parametrize("style", list(PremiumStyle))
def test_fill__uneven_premium__is_rounded_against_the_taker(
    world: World, is_bid: bool, price: int, premium: int, style: PremiumStyle
) -> None:
    world.fill(world.order(is_bid=is_bid, price=price, premium_style=style), 10**4)
    _, _, cash, _, moved = world.novation()
    if style == PremiumStyle.UPFRONT:
        assert cash == -premium
    else:
        assert moved[1] == leg_word(CASH, 0, -premium)


@pytest.mark.parametrize("decimals", [8, 18])
def test_fill__token_decimals__scale_premium_and_fees(new_world: Callable[[int], World], decimals: int) -> None:
    world = new_world(decimals)
    world.fill(world.order(), 10**6)
    unit = 10**decimals
    _, _, cash, fees, _ = world.novation()
    assert cash == -100 * unit
    assert fees == [2 * unit // 10, 6 * unit // 10]


def test_fill__uneven_fee__is_rounded_up(world: World) -> None:
    world.system.push(2000.00000001)
    world.fill(world.order(), 10**4)
    # 1 bp and 3 bp of 0.01 * 2000.00000001
    assert world.novation()[3] == [2_001, 6_001]


# --- fees -----------------------------------------------------------------------------------------------------------


def far_call(world: World) -> tuple[OrderLeg, ...]:
    """A call worth nearly nothing."""
    return (OrderLeg(world.series(CALL, 3000 * 10**8), 1),)


def test_fill__cheap_option__fee_is_capped_by_the_price(world: World) -> None:
    world.fill(world.order(legs=far_call(world), price=4 * WAD), 10**6)
    # 12.5 % of 4 is 0.5, below 3 bp of 2000
    assert world.novation()[3] == [200_000, 500_000]


def test_fill__price_below_mark__fee_is_capped_by_the_mark(world: World) -> None:
    world.system.wait(60, 2020)
    legs = (OrderLeg(world.series(CALL, 2100 * 10**8), 1),)
    [engine_leg] = [leg_word(CALL, 2100 * 10**8, 10**6)]
    snapshot = world.system.oracle.snapshot(MARKET, EXPIRY)
    mark = world.system.EsEngine.value([engine_leg], snapshot)  # type: ignore[attr-defined]
    assert WAD // 2 < mark < 4 * WAD
    world.fill(world.order(legs=legs, price=1), 10**6)
    assert world.novation()[3][1] == -(-mark // 8 // 10**12)


def test_fill__package_worth_nothing__costs_the_taker_a_tenth_of_the_rate(world: World) -> None:
    """One-tick spreads at price 0 between own vaults would fill the open-interest cap for nothing."""
    legs = (OrderLeg(world.series(PUT, 200 * 10**8), 1), OrderLeg(world.series(PUT, 250 * 10**8), -1))
    order = world.order(legs=legs, price=0, is_bid=True, size=100 * 10**6)
    cost = 2 * 100 * 60_000  # 200 contracts of 2,000 at 0.3 bp
    world.refused(order, "exchange/taker-fee", 100 * 10**6, max_fee=cost - 1)
    world.fill(order, 100 * 10**6)
    assert world.novation()[3] == [cost, 0]
    # an open interest of four for each package: 0.15 bp of spot for each contract that a cap counts
    assert world.clearinghouse.market(MARKET)[2] == 400 * 10**6


def test_fill__fee_above_the_makers_limit__reverts(world: World) -> None:
    world.refused(world.order(max_fee=2 * 10**17 - 10**12), "exchange/maker-fee")
    world.fill(world.order(max_fee=2 * 10**17))


def test_fill__fee_above_the_takers_limit__reverts(world: World) -> None:
    world.refused(world.order(), "exchange/taker-fee", max_fee=599_999)
    world.fill(world.order(), max_fee=600_000)


def test_fill__out_of_negative_equity__costs_that_side_no_fee(world: World) -> None:
    trader = Account.from_key(key(5))
    short = world.system.open(trader.address, 400)
    sold = world.order(signer=trader.address, maker_vault=short)
    world.fill(sold, 10**6, signature=orders.sign(sold, world.domain, trader.key))
    world.system.wait(60, 2600.0)
    world.system.liquidator.flag(short, sender=world.taker)
    assert world.system.state(short).equity < 0
    bid = world.order(signer=trader.address, maker_vault=short, is_bid=True, price=400 * WAD)
    world.fill(bid, 5 * 10**5, signature=orders.sign(bid, world.domain, trader.key))
    assert world.novation()[3] == [390_000, 0]


# --- price ----------------------------------------------------------------------------------------------------------


def test_fill__ask_above_the_takers_limit__reverts(world: World) -> None:
    world.refused(world.order(), "exchange/limit-price", limit=100 * WAD - 1)
    world.fill(world.order(), limit=100 * WAD)


def test_fill__bid_below_the_takers_limit__reverts(world: World) -> None:
    world.refused(world.order(is_bid=True), "exchange/limit-price", limit=100 * WAD + 1)
    world.fill(world.order(is_bid=True), limit=100 * WAD)


@pytest.mark.parametrize("is_bid", [False, True])
def test_fill__price_by_vol__is_black_76_within_the_signed_cap(world: World, is_bid: bool) -> None:
    # variance time: the settlement price is an average, two thirds of its window count for nothing
    vol, years = 0.8, (EXPIRY - world.now - 1200) / (365 * DAY)
    fair = 2000 * (2 * NormalDist().cdf(vol * years**0.5 / 2) - 1)
    loose = world.order(is_bid=is_bid, price=int((fair + (5 if is_bid else -5)) * 10**18), iv=8 * 10**17)
    world.fill(loose, 10**6)
    assert world.log("OrderFilled").price / 1e18 == pytest.approx(fair, abs=1e-6)
    capped = world.order(is_bid=is_bid, price=int((fair - (5 if is_bid else -5)) * 10**18), iv=8 * 10**17)
    world.fill(capped, 10**6)
    assert world.log("OrderFilled").price == capped.price
