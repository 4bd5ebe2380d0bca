"""Exchange.fill: one test per refusal, of the order itself, of its size, of spot and of what opens."""

from __future__ import annotations

import pytest
from eth_account import Account

from bulkhead import orders
from bulkhead.orders import Flags, OrderLeg
from bulkhead.risk.words import Kind
from tests.worlds.exchange import DAY, EXPIRY, MARKET, MAX, SPOT, STRIKE, WAD, World, key

CALL, PUT, FUTURE, CASH = Kind.CALL, Kind.PUT, Kind.FUTURE, Kind.CASH


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
