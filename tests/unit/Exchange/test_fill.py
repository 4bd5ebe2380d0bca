"""Exchange.fill: one test per refusal, and what reaches the Clearinghouse."""

from __future__ import annotations

import boa
import pytest
from eth_account import Account

from bulkhead import orders
from bulkhead.orders import Flags, Kind, OrderLeg, PremiumStyle

from tests.exchange_world import DAY, EXPIRY, MARKET, MAX, NOW, SPOT, STRIKE, TRADING, WAD, World, keccak_key, leg_word, word

CALL, PUT, FUTURE, CASH = Kind.CALL, Kind.PUT, Kind.FUTURE, Kind.CASH

# --- what a fill moves ---------------------------------------------------------------------------------------------


def test_fill__upfront_ask__buyer_pays_and_receives_legs(world: World) -> None:
    order = world.order()
    digest = world.fill(order, 2 * 10**6)
    assert digest == world.hash(order)
    call = world.stand.last()
    assert (call.from_id, call.to_id, call.expiry) == (1, 2, EXPIRY)
    assert call.cash == -200 * 10**6
    # 3 bp and 1 bp of 2 * 2000
    assert call.fees == [400_000, 1_200_000]
    assert call.receiver == world.exchange.address
    assert world.stand.last_legs() == [leg_word(CALL, STRIKE, 2 * 10**6)]
    assert world.exchange.filled_of(world.maker.address, digest) == (2 * 10**6, False)


def test_fill__upfront_bid__maker_is_buyer(world: World) -> None:
    world.fill(world.order(is_bid=True), 2 * 10**6)
    call = world.stand.last()
    assert (call.from_id, call.to_id, call.cash) == (2, 1, -200 * 10**6)
    assert call.fees == [1_200_000, 400_000]


def test_fill__negative_price__seller_pays(world: World) -> None:
    legs = (OrderLeg(world.series(CALL), -1),)
    world.fill(world.order(legs=legs, price=-100 * WAD), 10**6)
    call = world.stand.last()
    assert call.cash == 100 * 10**6
    assert world.stand.last_legs() == [leg_word(CALL, STRIKE, -(10**6))]


def test_fill__deferred__premium_is_a_cash_leg(world: World) -> None:
    world.fill(world.order(premium_style=PremiumStyle.DEFERRED), 2 * 10**6)
    assert world.stand.last().cash == 0
    assert world.stand.last_legs() == [leg_word(CALL, STRIKE, 2 * 10**6), leg_word(CASH, 0, -200 * 10**6)]


def test_fill__deferred_future__notional_is_cash_owed(world: World) -> None:
    legs = (OrderLeg(world.series(FUTURE), 1),)
    world.fill(world.order(legs=legs, price=2003 * WAD, premium_style=PremiumStyle.DEFERRED), 10**6)
    assert world.stand.last_legs() == [leg_word(FUTURE, 0, 10**6), leg_word(CASH, 0, -2003 * 10**6)]


def test_fill__deferred_with_cash_leg__premium_joins_it(world: World) -> None:
    legs = (OrderLeg(world.series(CALL), 1_500_000), OrderLeg(world.series(CASH), -50_000_000))
    order = world.order(legs=legs, size=1, price=3 * WAD * 10**6, premium_style=PremiumStyle.DEFERRED)
    world.fill(order, 1)
    assert world.stand.last_legs() == [leg_word(CALL, STRIKE, 1_500_000), leg_word(CASH, 0, -53_000_000)]


def test_fill__ratios__scale_with_size(world: World) -> None:
    legs = (
        OrderLeg(world.series(CALL), 2),
        OrderLeg(world.series(CALL, STRIKE + 100 * 10**8), -3),
        OrderLeg(world.series(PUT), 1),
        OrderLeg(world.series(PUT, STRIKE + 50 * 10**8), -1),
    )
    world.fill(world.order(legs=legs), 10**4)
    assert world.stand.last_legs() == [
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
    world.fill(order, MAX)
    assert world.exchange.filled_of(world.maker.address, world.hash(order)) == (10**7, False)


def test_fill__event__tells_the_whole_fill(world: World) -> None:
    order = world.order(is_bid=True)
    world.fill(order, 10**6)
    [event] = [log for log in world.exchange.get_logs() if type(log).__name__ == "OrderFilled"]
    assert event.order_hash == world.hash(order)
    assert (event.maker_vault, event.taker_vault, event.size, event.filled) == (1, 2, 10**6, 10**6)
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
    if style == PremiumStyle.UPFRONT:
        assert world.stand.last().cash == -premium
    else:
        assert world.stand.last_legs()[1] == leg_word(CASH, 0, -premium)


@pytest.mark.parametrize("decimals", [6, 8, 18])
def test_fill__token_decimals__scale_premium_and_fees(new_world, decimals: int) -> None:  # type: ignore[no-untyped-def]
    world = new_world(decimals)
    world.fill(world.order(), 10**6)
    unit = 10**decimals
    assert world.stand.last().cash == -100 * unit
    assert world.stand.last().fees == [2 * unit // 10, 6 * unit // 10]


def test_fill__uneven_fee__is_rounded_up(world: World) -> None:
    world.prices(spot=SPOT + 1)
    world.fill(world.order(), 10**4)
    assert world.stand.last().fees == [2_001, 6_001]


# --- fees ------------------------------------------------------------------------------------------------------------


def test_fill__cheap_option__fee_is_capped_by_the_price(world: World) -> None:
    world.prices(mark=2 * WAD)
    world.fill(world.order(price=4 * WAD), 10**6)
    # 12.5 % of 4 is 0.5, below 3 bp of 2000
    assert world.stand.last().fees == [200_000, 500_000]


def test_fill__price_below_mark__fee_is_capped_by_the_mark(world: World) -> None:
    world.prices(mark=24 * WAD // 10)
    world.fill(world.order(price=WAD), 10**6)
    assert world.stand.last().fees == [200_000, 300_000]


def test_fill__fee_above_the_makers_limit__reverts(world: World) -> None:
    world.refused(world.order(max_fee=2 * 10**17 - 10**12), "exchange/maker-fee")
    world.fill(world.order(max_fee=2 * 10**17))


def test_fill__fee_above_the_takers_limit__reverts(world: World) -> None:
    world.refused(world.order(), "exchange/taker-fee", max_fee=599_999)
    world.fill(world.order(), max_fee=600_000)


# --- price -----------------------------------------------------------------------------------------------------------


def test_fill__ask_above_the_takers_limit__reverts(world: World) -> None:
    world.refused(world.order(), "exchange/limit-price", limit=100 * WAD - 1)
    world.fill(world.order(), limit=100 * WAD)


def test_fill__bid_below_the_takers_limit__reverts(world: World) -> None:
    world.refused(world.order(is_bid=True), "exchange/limit-price", limit=100 * WAD + 1)
    world.fill(world.order(is_bid=True), limit=100 * WAD)


@pytest.mark.parametrize(
    ("is_bid", "cap", "expected"), [(False, 40, 62), (False, 70, 70), (True, 70, 62), (True, 40, 40)]
)
def test_fill__price_by_vol__never_worse_than_the_signed_cap(
    world: World, is_bid: bool, cap: int, expected: int
) -> None:
    # the stand-in marks a package at its vol in quote
    order = world.order(is_bid=is_bid, price=cap * WAD, iv=62 * WAD)
    world.fill(order, 10**6)
    assert world.stand.last().cash == -expected * 10**6


# --- the order itself ------------------------------------------------------------------------------------------------


def test_fill__after_its_expiry__reverts(world: World) -> None:
    world.fill(world.order(expiry=NOW))
    world.refused_and_told(world.order(expiry=NOW - 1), "exchange/order-expired")


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


@pytest.mark.parametrize("epoch", [0, 2, 1 << 16])
def test_fill__another_vault_epoch__reverts(world: World, epoch: int) -> None:
    world.stand.set_vault(1, word(world.maker.address, epoch=1), 0, 10**12, [])
    world.refused_and_told(world.order(epoch=epoch), "exchange/stale-epoch")
    world.fill(world.order(epoch=1))


def test_fill__counter_below_the_minimum__reverts(world: World) -> None:
    world.exchange.bump_epoch(1, 5, sender=world.maker.address)
    world.refused_and_told(world.order(epoch=4 << 16), "exchange/stale-epoch")
    world.fill(world.order(epoch=5 << 16))


def test_fill__series_cancelled__reverts(world: World) -> None:
    world.exchange.cancel_series(1, world.series(), 2, sender=world.maker.address)
    world.refused_and_told(world.order(epoch=1 << 16), "exchange/series-cancelled")
    world.fill(world.order(epoch=2 << 16))
    world.fill(world.order(legs=(OrderLeg(world.series(PUT), 1),)))


def test_fill__signer_sold_the_vault__reverts(world: World) -> None:
    world.stand.set_vault(1, word(world.taker), 0, 10**12, [])
    world.refused_and_told(world.order(), "exchange/signer-not-owner")


def test_fill__unknown_maker_vault__reverts(world: World) -> None:
    world.refused_and_told(world.order(maker_vault=99), "exchange/signer-not-owner")
    zero = world.order(maker_vault=99, signer=orders.ZERO_ADDRESS)
    world.refused_and_told(zero, "exchange/signer-not-owner")


def test_fill__same_vault__reverts(world: World) -> None:
    world.refused(world.order(), "exchange/same-vault", vault=1)


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
        {"flags": 4},
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
    boa.env.evm.patch.timestamp = EXPIRY
    world.refused_and_told(world.order(expiry=EXPIRY), "exchange/series-expired")


# --- size --------------------------------------------------------------------------------------------------------------


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
    world.stand.set_vault(1, word(world.maker.address), EXPIRY, 10**12, [leg_word(CALL, STRIKE, -3 * 10**6)])
    world.refused_and_told(order, "exchange/reduce-only")
    bid = world.order(flags=Flags.REDUCE_ONLY, is_bid=True)
    world.refused(bid, "exchange/reduce-only", 3 * 10**6 + 1)
    assert world.state(bid).fillable == 3 * 10**6
    world.fill(bid, 3 * 10**6)


def test_fill__reduce_only_in_another_cell__reverts(world: World) -> None:
    held = [leg_word(CALL, STRIKE, -3 * 10**6)]
    world.stand.set_vault(1, word(world.maker.address), EXPIRY + DAY, 10**12, held)
    world.refused_and_told(world.order(flags=Flags.REDUCE_ONLY, is_bid=True), "exchange/reduce-only")


# --- spot and opening --------------------------------------------------------------------------------------------------


def test_fill__spot_outside_the_band__reverts(world: World) -> None:
    world.refused_and_told(world.order(spot_min=SPOT + 1), "exchange/spot-outside")
    world.refused_and_told(world.order(spot_max=SPOT - 1), "exchange/spot-outside")
    world.fill(world.order(spot_min=SPOT, spot_max=SPOT))


def test_fill__band_or_vol_without_a_fresh_price__reverts(world: World) -> None:
    world.prices(status=0)
    world.refused_and_told(world.order(spot_min=1), "exchange/spot-unknown")
    world.refused_and_told(world.order(iv=WAD), "exchange/spot-unknown")
    # nothing is raised: without a band the Clearinghouse decides
    world.fill(world.order())


def raised(world: World, open_interest: int = 0) -> World:
    """The Clearinghouse reports that some series' open interest rose."""
    world.stand.set_outcome(1, open_interest)
    return world


def closing_only(world: World, order: orders.Order, reason: str) -> None:
    """Refused when it raises open interest, allowed when not, and `order_states` says so."""
    raised(world).refused(order, reason)
    state = world.state(order)
    assert (state.status, state.reason, state.fillable) == (2, reason, order.size)
    world.stand.set_outcome(0, 0)
    world.fill(order)


def test_fill__raising_while_the_price_is_not_active__reverts(world: World) -> None:
    world.prices(status=1)
    closing_only(world, world.order(), "exchange/price-not-active")


def test_fill__raising_while_paused__reverts(world: World) -> None:
    world.exchange.configure(MARKET, TRADING | (NOW + 1) << 208, sender=world.stand.address)
    closing_only(world, world.order(), "exchange/paused")
    boa.env.evm.patch.timestamp = NOW + 1
    raised(world).fill(world.order(salt=1))


def test_fill__raising_in_the_last_half_hour__reverts(world: World) -> None:
    boa.env.evm.patch.timestamp = EXPIRY - 1800
    closing_only(world, world.order(expiry=EXPIRY), "exchange/no-open-window")


def test_fill__raising_off_the_expiry_grid__reverts(world: World) -> None:
    legs = (OrderLeg(world.series(expiry=EXPIRY + 3600), 1),)
    closing_only(world, world.order(legs=legs), "exchange/expiry-off-grid")


@pytest.mark.parametrize("strike", [STRIKE + 1, 20_050 * 10**8, 150 * 10**8])
def test_fill__raising_off_the_strike_grid__reverts(world: World, strike: int) -> None:
    legs = (OrderLeg(world.series(strike=strike), 1),)
    closing_only(world, world.order(legs=legs), "exchange/strike-off-grid")


@pytest.mark.parametrize("strike", [20_000 * 10**8, 200 * 10**8])
def test_fill__strike_at_the_edge_of_reach__passes(world: World, strike: int) -> None:
    raised(world).fill(world.order(legs=(OrderLeg(world.series(strike=strike), 1),)))


def test_fill__raising_in_a_market_without_parameters__reverts(world: World) -> None:
    world.exchange.configure(MARKET, 0, sender=world.stand.address)
    closing_only(world, world.order(), "exchange/strike-off-grid")


def test_fill__raising_above_the_open_interest_cap__reverts(world: World) -> None:
    raised(world, 1000 * 10**6 + 1).refused(world.order(), "exchange/open-interest-cap")
    raised(world, 1000 * 10**6).fill(world.order())


def test_fill__bad_signature__reverts(world: World) -> None:
    order = world.order()
    other = Account.from_key(keccak_key(2))
    world.refused_and_told(order, "exchange/bad-signature", signature=orders.sign(order, world.domain, other.key))
