"""Exchange.fill: one test per refusal, and what reaches the Clearinghouse."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import boa
import pytest
from eth_account import Account

from bulkhead import orders
from bulkhead.orders import Flags, OrderLeg, PremiumStyle
from bulkhead.risk.words import Kind
from tests.worlds.exchange import DAY, EXPIRY, MARKET, MAX, RICH, SPOT, STRIKE, WAD, World, key, leg_word

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


# --- the order itself -----------------------------------------------------------------------------------------------


def test_fill__after_its_expiry__reverts(world: World) -> None:
    world.fill(world.order(expiry=world.now))
    world.refused_and_told(world.order(expiry=world.now - 1), "exchange/order-expired")


def test_fill__by_another_taker__reverts(world: World) -> None:
    world.refused(world.order(taker=world.maker.address), "exchange/wrong-taker")
    world.fill(world.order(taker=world.taker))


def test_fill__cancelled__reverts(world: World) -> None:
    order = world.order()
    world.exchange.cancel([world.hash(order)], sender=world.maker.address)
    world.refused_and_told(order, "exchange/cancelled")


def test_fill__filled_before__reverts(world: World) -> None:
    order = world.order()
    world.fill(order, MAX)
    world.refused_and_told(order, "exchange/filled")


@pytest.mark.parametrize("epoch", [0, 1, 3, 1 << 64])
def test_fill__another_vault_epoch__reverts(world: World, epoch: int) -> None:
    world.give_vault(world.maker_vault, world.maker.address, world.taker)
    world.give_vault(world.maker_vault, world.taker, world.maker.address)
    world.refused_and_told(world.order(epoch=epoch), "exchange/stale-epoch")
    world.fill(world.order(epoch=2))


def test_fill__counter_below_the_minimum__reverts(world: World) -> None:
    world.exchange.bump_epoch(world.maker_vault, 5, sender=world.maker.address)
    world.refused_and_told(world.order(epoch=4 << 64), "exchange/stale-epoch")
    world.fill(world.order(epoch=5 << 64))


def test_fill__series_cancelled__reverts(world: World) -> None:
    world.exchange.cancel_series(world.maker_vault, world.series(), 2, sender=world.maker.address)
    world.refused_and_told(world.order(epoch=1 << 64), "exchange/stale-epoch")
    world.fill(world.order(epoch=2 << 64))
    world.fill(world.order(legs=(OrderLeg(world.series(PUT), 1),)))


def test_fill__signer_sold_the_vault__reverts(world: World) -> None:
    world.give_vault(world.maker_vault, world.maker.address, world.taker)
    world.refused_and_told(world.order(), "exchange/stale-epoch")
    world.refused_and_told(world.order(epoch=1), "exchange/signer-not-owner")


def test_fill__unknown_maker_vault__reverts(world: World) -> None:
    world.refused_and_told(world.order(maker_vault=99), "exchange/signer-not-owner")
    zero = world.order(maker_vault=99, signer=orders.ZERO_ADDRESS)
    world.refused_and_told(zero, "exchange/signer-not-owner")


def test_fill__same_vault__reverts(world: World) -> None:
    world.refused(world.order(), "exchange/same-vault", vault=world.maker_vault)


def test_fill__into_anothers_vault__reverts(world: World) -> None:
    world.refused(world.order(), "exchange/not-taker-owner", sender=world.maker.address)
    world.refused(world.order(), "exchange/not-taker-owner", vault=77)


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 0},
        {"size": 2**63},
        {"price": 2**127 + 1},
        {"price": -(2**127) - 1},
        {"iv": 100 * WAD + 1},
        {"premium_style": 2},
        {"flags": 8},
        {"slip": 10_001},
        {"patience": 3_601, "slip": 1, "spot_min": 1},
    ],
)
def test_fill__number_out_of_range__reverts(world: World, changes: dict[str, int]) -> None:
    order = world.order(**changes)
    # an order of no size counts as filled
    reason = "exchange/filled" if changes == {"size": 0} else "order/out-of-range"
    world.refused_and_told(order, reason)


@pytest.mark.parametrize("ratio", [0, 2**63 - 1, -(2**63)])
def test_fill__ratio_out_of_range__reverts(world: World, ratio: int) -> None:
    world.refused_and_told(world.order(legs=(OrderLeg(world.series(), ratio),)), "order/out-of-range")


def test_fill__no_legs__reverts(world: World) -> None:
    world.refused_and_told(world.order(legs=()), "order/no-legs")


def test_fill__legs_not_ascending__reverts(world: World) -> None:
    low, high = OrderLeg(world.series(), 1), OrderLeg(world.series(PUT), 1)
    world.refused_and_told(world.order(legs=(high, low)), "order/legs-unsorted")
    world.refused_and_told(world.order(legs=(low, low)), "order/legs-unsorted")


@pytest.mark.parametrize(
    "series",
    [
        MARKET << 112 | 4 << 104 | EXPIRY << 64,  # no such kind
        MARKET << 112 | EXPIRY << 64,  # a call without a strike
        MARKET << 112 | 2 << 104 | EXPIRY << 64 | STRIKE,  # a future with one
        MARKET << 112 | EXPIRY << 64 | 2**62,  # a strike too large for a leg
    ],
)
def test_fill__impossible_series__reverts(world: World, series: int) -> None:
    world.refused_and_told(world.order(legs=(OrderLeg(series, 1),)), "order/bad-series")


def test_fill__legs_of_two_cells__reverts(world: World) -> None:
    near = OrderLeg(world.series(), 1)
    world.refused_and_told(
        world.order(legs=(near, OrderLeg(world.series(expiry=EXPIRY + DAY), -1))), "order/wrong-cell"
    )
    world.refused_and_told(world.order(legs=(near, OrderLeg(world.series(market=2), -1))), "order/wrong-cell")


def test_fill__only_cash__reverts(world: World) -> None:
    world.refused_and_told(world.order(legs=(OrderLeg(world.series(CASH), 1),)), "order/only-cash")


def test_fill__market_of_another_vault__reverts(world: World) -> None:
    world.refused_and_told(world.order(legs=(OrderLeg(world.series(market=2), 1),)), "exchange/wrong-market")


def test_fill__expired_series__reverts(world: World) -> None:
    world.system.wait(EXPIRY - world.now)
    world.refused_and_told(world.order(expiry=EXPIRY), "exchange/series-expired")


# --- size -----------------------------------------------------------------------------------------------------------


def test_fill__below_min_fill__reverts(world: World) -> None:
    world.refused(world.order(min_fill=2 * 10**6), "exchange/below-min-fill", 2 * 10**6 - 1)
    world.refused(world.order(), "exchange/below-min-fill", 0)


def test_fill__more_than_the_remainder__reverts(world: World) -> None:
    order = world.order()
    world.fill(order, 9 * 10**6)
    world.refused(order, "exchange/above-remainder", 10**6 + 1)
    world.fill(order, 10**6)


def test_fill__part_of_a_fill_or_kill__reverts(world: World) -> None:
    order = world.order(flags=Flags.FILL_OR_KILL)
    world.refused(order, "exchange/fill-or-kill", 10**7 - 1)
    world.fill(order, 10**7)


def test_fill__reduce_only_beyond_what_is_held__reverts(world: World) -> None:
    order = world.order(flags=Flags.REDUCE_ONLY)
    world.refused_and_told(order, "exchange/reduce-only")
    # short 3 contracts: a sale does not reduce, a purchase of 3 does
    world.fill(world.order(salt=1), 3 * 10**6)
    world.refused_and_told(order, "exchange/reduce-only")
    bid = world.order(flags=Flags.REDUCE_ONLY, is_bid=True)
    world.refused(bid, "exchange/reduce-only", 3 * 10**6 + 10**4)
    assert world.state(bid).fillable == 3 * 10**6
    world.fill(bid, 3 * 10**6)


def test_fill__reduce_only_in_another_cell__reverts(world: World) -> None:
    later = (OrderLeg(world.series(expiry=EXPIRY + DAY), 1),)
    world.fill(world.order(legs=later))
    world.refused_and_told(world.order(flags=Flags.REDUCE_ONLY, is_bid=True), "exchange/reduce-only")
    world.fill(world.order(legs=later, flags=Flags.REDUCE_ONLY, is_bid=True))


# --- spot and opening -----------------------------------------------------------------------------------------------


def test_fill__spot_outside_the_band__reverts(world: World) -> None:
    world.refused_and_told(world.order(spot_min=SPOT + 1), "exchange/spot-outside")
    world.refused_and_told(world.order(spot_max=SPOT - 1), "exchange/spot-outside")
    world.fill(world.order(spot_min=SPOT, spot_max=SPOT))


def short_three(world: World) -> None:
    """The maker sells three calls to the taker, which later fills can close."""
    world.fill(world.order(salt=99, price=25 * WAD), 3 * 10**6)


def closing_only(world: World, order: orders.Order, reason: str) -> None:
    """Refused when it raises open interest, and `order_states` says so."""
    world.refused(order, reason)
    state = world.state(order)
    assert (state.status, state.reason, state.fillable) == (2, reason, order.size)


def test_fill__band_or_vol_without_a_fresh_price__reverts(world: World) -> None:
    short_three(world)
    world.stale()
    back = {"is_bid": True, "price": 25 * WAD}
    world.refused_and_told(world.order(spot_min=1, **back), "exchange/spot-unknown")
    world.refused_and_told(world.order(iv=WAD, **back), "exchange/spot-unknown")
    # nothing is raised: without a band the margin gate decides
    world.fill(world.order(**back))


def test_fill__raising_while_the_price_is_not_fresh__reverts(world: World) -> None:
    world.stale()
    # neither side may take on risk then, so the lens does not call the maker's opening order closable
    order = world.order()
    world.refused_and_told(order, "margin/price-not-active")
    assert world.state(order).status == 3


def test_fill__raising_while_paused__reverts(world: World) -> None:
    short_three(world)
    world.system.RiskParameters.pause_opening(MARKET, sender=world.system.guardian)  # type: ignore[attr-defined]
    closing_only(world, world.order(), "exchange/paused")
    world.fill(world.order(is_bid=True, price=25 * WAD), 3 * 10**6)
    world.system.RiskParameters.resume_opening(MARKET, sender=world.system.owner)  # type: ignore[attr-defined]
    world.fill(world.order())


def test_fill__raising_in_the_last_half_hour__reverts(world: World) -> None:
    short_three(world)
    while world.now < EXPIRY - 1801:
        world.system.wait(min(1800, EXPIRY - 1801 - world.now), 2000.0)
    world.fill(world.order(price=25 * WAD))
    world.system.wait(1, 2000.0)
    closing_only(world, world.order(), "exchange/no-open-window")
    world.fill(world.order(is_bid=True, price=25 * WAD), 3 * 10**6)


@pytest.mark.parametrize("seconds", [3600, 8 * DAY, 63 * DAY])
def test_fill__raising_off_the_expiry_grid__reverts(world: World, seconds: int) -> None:
    legs = (OrderLeg(world.series(expiry=EXPIRY + seconds), 1),)
    closing_only(world, world.order(legs=legs), "exchange/expiry-off-grid")


@pytest.mark.parametrize("strike", [STRIKE + 1, STRIKE + 10**8, 20_050 * 10**8, 150 * 10**8])
def test_fill__raising_off_the_strike_grid__reverts(world: World, strike: int) -> None:
    legs = (OrderLeg(world.series(strike=strike), 1),)
    closing_only(world, world.order(legs=legs), "exchange/strike-off-grid")


@pytest.mark.parametrize("strike", [20_000 * 10**8, 200 * 10**8])
def test_fill__strike_at_the_edge_of_reach__passes(world: World, strike: int) -> None:
    world.fill(world.order(legs=(OrderLeg(world.series(strike=strike), 1),)))


def test_fill__raising_above_the_open_interest_cap__reverts(world: World) -> None:
    world.set_parameter("oi_cap", 4 * 10**6)
    # both sides count: two contracts make an open interest of four
    world.refused(world.order(), "exchange/open-interest-cap", 2 * 10**6 + 10**4)
    world.fill(world.order(), 2 * 10**6)
    world.refused(world.order(), "exchange/open-interest-cap", 10**4)
    world.fill(world.order(is_bid=True), 2 * 10**6)


def test_fill__bad_signature__reverts(world: World) -> None:
    order = world.order()
    other = Account.from_key(key(2))
    world.refused_and_told(order, "exchange/bad-signature", signature=orders.sign(order, world.domain, other.key))


# --- several at once ------------------------------------------------------------------------------------------------


def one(world: World, order: orders.Order, vault: int, size: int, limit: int | None = None) -> tuple[object, ...]:
    """One entry of `fill_many`."""
    return world.asked(order, size, vault=vault, limit=limit)


def test_fill_many__roll__closes_here_and_opens_there(world: World) -> None:
    world.fill(world.order(), 10**6)
    later_vaults = [world.system.open(owner, RICH) for owner in (world.maker.address, world.taker)]
    close = world.order(is_bid=True, price=24 * WAD, size=10**6)
    later = (OrderLeg(world.series(expiry=EXPIRY + DAY), 1),)
    open_ = world.order(maker_vault=later_vaults[0], legs=later, price=40 * WAD, size=10**6)
    fills = [one(world, close, world.taker_vault, MAX), one(world, open_, later_vaults[1], MAX)]
    world.exchange.fill_many(fills, 0, 0, 0, sender=world.taker)
    assert world.system.legs(world.taker_vault) == []
    assert [leg.quantity for leg in world.system.legs(later_vaults[1])] == [10**6]


def test_fill_many__one_is_refused__nothing_moves(world: World) -> None:
    world.fill(world.order(), 10**6)
    good = world.order(is_bid=True, price=24 * WAD)
    bad = world.order(is_bid=True, price=23 * WAD)
    fills = [one(world, good, world.taker_vault, 10**5), one(world, bad, world.taker_vault, 10**5, 24 * WAD)]
    with boa.reverts("exchange/limit-price"):
        world.exchange.fill_many(fills, 0, 0, 0, sender=world.taker)
    assert world.exchange.filled_of(world.maker.address, world.hash(good)) == (0, False)


def test_fill_many__close_all__against_several_makers(world: World) -> None:
    world.fill(world.order(), 3 * 10**6)
    other = world.system.open(world.maker.address, RICH)
    bids = [
        world.order(is_bid=True, price=24 * WAD, size=10**6),
        world.order(is_bid=True, price=23 * WAD, maker_vault=other),
    ]
    fills = [one(world, bids[0], world.taker_vault, MAX), one(world, bids[1], world.taker_vault, 2 * 10**6)]
    world.exchange.fill_many(fills, 0, 0, 0, sender=world.taker)
    assert world.system.legs(world.taker_vault) == []


def test_fill_many__same_order_twice__counts_both(world: World) -> None:
    order = world.order(size=10**6)
    fills = [one(world, order, world.taker_vault, 6 * 10**5)] * 2
    with boa.reverts("exchange/above-remainder"):
        world.exchange.fill_many(fills, 0, 0, 0, sender=world.taker)


def test_fill_many__roll__opens_a_vault_with_the_freed_tokens(world: World) -> None:
    world.fill(world.order(), 10**6)
    later_vault = world.system.open(world.maker.address, RICH)
    close = world.order(is_bid=True, price=24 * WAD, size=10**6)
    later = (OrderLeg(world.series(expiry=EXPIRY + DAY), 1),)
    ask = world.order(maker_vault=later_vault, legs=later, price=40 * WAD, size=10**6)
    fills = [one(world, close, world.taker_vault, MAX), one(world, ask, 0, MAX)]
    opened = world.exchange.fill_many(fills, 0, MAX, world.taker_vault, sender=world.taker)
    assert world.system.token_nft.ownerOf(opened) == world.taker
    assert [leg.quantity for leg in world.system.legs(opened)] == [10**6]
    assert world.system.balance(world.taker_vault) == 0
    # 100 paid, 24 back, 40 paid, and three fees
    assert RICH * 10**6 - 120 * 10**6 < world.system.balance(opened) < RICH * 10**6 - 116 * 10**6


def test_fill_many__moving_tokens__only_out_of_an_own_vault_without_legs(world: World) -> None:
    world.fill(world.order(), 2 * 10**6)
    own = world.system.open(world.taker, RICH)
    half = world.order(is_bid=True, price=24 * WAD, size=10**6)
    ask = world.order(price=40 * WAD, size=10**6)
    close = one(world, half, world.taker_vault, MAX)
    with boa.reverts("exchange/legs-left"):
        world.exchange.fill_many([close, one(world, ask, own, MAX)], 0, 1, 0, sender=world.taker)
    with boa.reverts("exchange/not-vault-owner"):
        world.exchange.fill_many([close, one(world, ask, world.maker_vault, MAX)], 0, 1, 0, sender=world.taker)
    stranger = str(boa.env.generate_address("stranger"))
    with boa.reverts("exchange/not-vault-owner"):
        world.exchange.fill_many([one(world, ask, own, MAX)], 0, 1, 0, sender=stranger)
    # one and the same vault
    with boa.reverts("clearinghouse/same-vault"):
        world.exchange.fill_many([one(world, ask, own, MAX)], 0, 1, 0, sender=world.taker)


def test_fill_many__must_end_flat__reverts_with_legs_left(world: World) -> None:
    world.fill(world.order(), 2 * 10**6)
    bid = world.order(is_bid=True, price=24 * WAD)
    with boa.reverts("exchange/legs-left"):
        fills = [one(world, bid, world.taker_vault, 10**6)]
        world.exchange.fill_many(fills, 0, 0, world.taker_vault, sender=world.taker)
    fills = [one(world, bid, world.taker_vault, 2 * 10**6)]
    world.exchange.fill_many(fills, 0, 0, world.taker_vault, sender=world.taker)
    assert world.exchange.epoch_for(world.taker_vault, []) >> 64 == 1


def test_fill_many__flat_vault_that_is_not_filled__reverts(world: World) -> None:
    """Whoever fills raises the counter of a vault it trades for, never a stranger's."""
    world.fill(world.order(), 10**6)
    bid = world.order(is_bid=True, price=24 * WAD)
    other = world.system.open(world.maker.address)
    fills = [one(world, bid, world.taker_vault, 10**6)]
    for flat in (other, world.maker_vault, 99):
        with boa.reverts("exchange/flat-not-filled"):
            world.exchange.fill_many(fills, 0, 0, flat, sender=world.taker)
    with boa.reverts("exchange/flat-not-filled"):
        world.exchange.fill_many([], 0, 0, other, sender=world.taker)
    assert world.exchange.epoch_for(other, []) == 0


def test_fill_many__flat__ends_what_was_signed_for_the_position(world: World) -> None:
    """A stop of a position that was closed by hand does not wake with the next one in the same vault."""
    world.fill(world.order(is_bid=True, salt=5, price=25 * WAD), 10**6)
    stop = world.order(is_bid=True, price=200 * WAD, flags=Flags.REDUCE_ONLY)
    # the other side holds the calls short now: the maker of the stop is the taker of the close
    other = Account.from_key(key(8))
    desk = world.system.open(other.address, RICH)
    sold = world.order(signer=other.address, maker_vault=desk, price=25 * WAD)
    world.fill(sold, 10**6, signature=orders.sign(sold, world.domain, other.key))
    stop = orders.with_changes(stop, signer=other.address, maker_vault=desk)
    signature = orders.sign(stop, world.domain, other.key)
    assert world.state(stop, signature).status == 1
    ask = world.order(price=25 * WAD, size=10**6)
    with boa.env.anchor():
        # closed without `flat` it wakes
        world.exchange.fill_many([one(world, ask, desk, MAX)], 0, 0, 0, sender=other.address)
        assert world.state(stop, signature).reason == "exchange/reduce-only"
        world.fill(sold, 10**6, signature=orders.sign(sold, world.domain, other.key))
        assert world.state(stop, signature).status == 1
    world.exchange.fill_many([one(world, ask, desk, MAX)], 0, 0, desk, sender=other.address)
    assert world.state(stop, signature).reason == "exchange/stale-epoch"
    again = orders.with_changes(sold, epoch=1 << 64)
    world.fill(again, 10**6, signature=orders.sign(again, world.domain, other.key))
    world.refused(stop, "exchange/stale-epoch", signature=signature)
