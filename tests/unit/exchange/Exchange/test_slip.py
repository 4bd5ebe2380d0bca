"""Slip and patience: what an order trades at when nobody can say a price beforehand, as a stop cannot."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from eth_account import Account

from bulkhead import orders, pricing
from bulkhead.chain import system
from bulkhead.chain.listing import feeds_argument
from bulkhead.orders import Flags, Order, OrderLeg
from bulkhead.risk.words import Kind, Leg, Snapshot
from tests.contracts import deployer
from tests.worlds.brought import PythWorld
from tests.worlds.exchange import EXPIRY, MARKET, MAX, RICH, SPOT, STRIKE, WAD, World, key, leg_word
from tests.worlds.system import EMPTY, Market

PHASE = 2**64
LOT = 10**4
SHORT = 3 * 10**6
TRIGGER = 2100
MINUTE = 60
OWNER = Account.from_key(key(5))


def shorted(world: World) -> None:
    """The maker has sold three calls."""
    world.fill(world.order(salt=99, price=25 * WAD), SHORT)


def stop(world: World, **changes: Any) -> Order:
    """Buys the calls back once spot is at the trigger, at up to 3 % of spot over mark, in half an hour."""
    values: dict[str, Any] = {
        "is_bid": True, "price": 1000 * WAD, "size": SHORT, "slip": 300, "patience": 1800, "since": world.now,
        "spot_min": TRIGGER * WAD, "flags": Flags.REDUCE_ONLY, "expiry": world.now + 10**5,
    }  # fmt: skip
    return world.order(**{**values, **changes})


def newest(world: World) -> int:
    return int(world.system.market.feed.latest_id())


def rise(world: World, spot: float = TRIGGER, wait: int = MINUTE) -> int:
    """A round later, with its id."""
    world.system.wait(wait, spot)
    return newest(world)


def mark(world: World, strike: int = STRIKE) -> int:
    snapshot = world.system.oracle.snapshot(MARKET, EXPIRY)
    return int(world.system.EsEngine.value([leg_word(Kind.CALL, strike, 10**6)], snapshot))  # type: ignore[attr-defined]


# --- how far from mark ---------------------------------------------------------------------------------------------


def ripe(world: World, minutes: int, maker_buys: bool) -> tuple[Order, int, int]:
    """A stop of either side, the spot that set it off so many minutes ago, and the round of that."""
    if maker_buys:
        shorted(world)
        order, spot = stop(world), TRIGGER
    else:
        world.fill(world.order(is_bid=True, salt=99, price=25 * WAD), SHORT)
        order, spot = stop(world, is_bid=False, price=-1000 * WAD, spot_min=0, spot_max=1900 * WAD), 1900
    named = rise(world, spot)
    world.system.wait(minutes * MINUTE)
    return order, spot, named


@pytest.mark.parametrize(("minutes", "bps"), [(0, 0), (3, 30), (15, 150), (40, 300)])
@pytest.mark.parametrize("maker_buys", [True, False])
def test_slip__grows_with_the_age_of_the_named_round(world: World, minutes: int, bps: int, maker_buys: bool) -> None:
    """Of a stop of either side, and what its taker pays or gets at the limit of that price, to the wei."""
    order, spot, named = ripe(world, minutes, maker_buys)
    slip = spot * WAD * bps // 10**4
    expected = mark(world) + slip if maker_buys else mark(world) - slip
    better = expected + 1 if maker_buys else expected - 1
    world.refused(order, "exchange/limit-price", 10**6, limit=better, round_id=named)
    world.fill(order, 10**6, limit=expected, round_id=named)
    event = world.log("OrderFilled")
    assert event.price == expected
    paid = event.premium * 10**12
    assert expected - 10**12 < paid <= expected if maker_buys else expected <= paid < expected + 10**12


def test_slip__without_patience__is_there_at_once(world: World) -> None:
    order = world.order(price=0, slip=50)
    world.fill(order, 10**6)
    assert world.log("OrderFilled").price == mark(world) - SPOT * 50 // 10**4


def test_slip__of_a_package__counts_every_option_and_future_and_no_cash(world: World) -> None:
    legs = (
        OrderLeg(world.series(Kind.CALL), 2), OrderLeg(world.series(Kind.PUT), -1), OrderLeg(world.series(Kind.CASH), 7)
    )  # fmt: skip
    order = world.order(legs=legs, price=-(10**4) * WAD, slip=10)
    snapshot = Snapshot.from_words(list(world.system.oracle.snapshot(MARKET, EXPIRY)))
    worth = pricing.mark(tuple(Leg(k, s, q) for k, s, q in (
        (Kind.CALL, STRIKE, 2 * 10**6), (Kind.PUT, STRIKE, -(10**6)), (Kind.CASH, 0, 7 * 10**6),
    )), snapshot)  # fmt: skip
    world.fill(order, 10**6)
    assert world.log("OrderFilled").price == worth - 3 * SPOT * 10 // 10**4


@pytest.mark.parametrize("is_bid", [True, False])
def test_slip__is_a_bound_beside_the_signed_price(world: World, is_bid: bool) -> None:
    """The better of both for the maker."""
    better = mark(world) - 10 * WAD if is_bid else mark(world) + 10 * WAD
    order = world.order(is_bid=is_bid, price=better, slip=10)
    world.fill(order, 10**6)
    assert world.log("OrderFilled").price == better


@pytest.mark.parametrize("minutes", [0, 7, 30, 50])
@pytest.mark.parametrize("maker_buys", [True, False])
def test_slip__mirror__says_the_same_price(world: World, minutes: int, maker_buys: bool) -> None:
    """Of a size that divides nothing, either side: a bid is rounded down, an ask up."""
    order, _, named = ripe(world, minutes, maker_buys)
    snapshot = Snapshot.from_words(list(world.system.oracle.snapshot(MARKET, EXPIRY)))
    fees = pricing.Fees.unpack(world.exchange.trading(MARKET))
    terms = pricing.terms(order, 123 * LOT, 6, fees, snapshot, minutes * MINUTE)
    world.fill(order, 123 * LOT, round_id=named)
    event = world.log("OrderFilled")
    assert (event.price, event.premium, event.maker_fee, event.taker_fee) == (
        terms.price, terms.premium, terms.maker_fee, terms.taker_fee
    )  # fmt: skip


def test_slip__without_a_round__is_mark(world: World) -> None:
    shorted(world)
    order = stop(world)
    rise(world)
    world.system.wait(10 * MINUTE)
    world.fill(order, 10**6)
    assert world.log("OrderFilled").price == mark(world)


# --- which round ---------------------------------------------------------------------------------------------------


def test_named_round__outside_the_band__is_refused(world: World) -> None:
    shorted(world)
    order = stop(world, since=0)
    before = newest(world)
    rise(world)
    world.refused(order, "limits/round-outside", round_id=before)
    world.fill(order, round_id=newest(world))


def test_named_round__before_one_outside_the_band__is_refused(world: World) -> None:
    shorted(world)
    order = stop(world)
    first, dip, last = rise(world), rise(world, TRIGGER - 0.01), rise(world, 2110)
    assert [first, dip, last] == [first, first + 1, first + 2]
    world.refused(order, "limits/round-outside", round_id=first)
    world.fill(order, round_id=last)


def test_named_round__stamped_before_since__is_refused(world: World) -> None:
    shorted(world)
    early = rise(world)
    order = stop(world, since=world.now + 1)
    late = rise(world)
    world.refused(order, "limits/round-before-since", round_id=early)
    world.fill(order, round_id=late)


def test_named_round__older_than_an_hour__is_refused(world: World) -> None:
    shorted(world)
    order = stop(world)
    named = rise(world)
    world.system.wait(3600)
    with boa.env.anchor():
        world.fill(order, round_id=named)
        assert world.log("OrderFilled").price == mark(world) + TRIGGER * WAD * 3 // 100
    world.system.wait(1)
    world.refused(order, "limits/round-too-old", round_id=named)


def test_named_round__48_rounds_back__is_refused(world: World) -> None:
    shorted(world)
    order = stop(world)
    named = [rise(world, wait=30) for _ in range(49)]
    world.refused(order, "limits/round-too-old", round_id=named[0])
    world.fill(order, round_id=named[1])


def test_named_round__of_another_phase_or_none__is_refused(world: World) -> None:
    shorted(world)
    order = stop(world)
    old = rise(world)
    world.system.market.feed.set_phase(old // PHASE + 1)
    named = rise(world)
    assert named // PHASE > old // PHASE
    for unknown in (old, named + 1, named + PHASE, MAX):
        world.refused(order, "limits/round-unknown", round_id=unknown)
    world.fill(order, round_id=named)


def test_named_round__that_the_feed_does_not_answer__is_none(world: World) -> None:
    """A later id without an answer is no round, and stands in nobody's way."""
    shorted(world)
    order = stop(world)
    named, gone, _ = rise(world), rise(world, 2000), rise(world)
    world.refused(order, "limits/round-outside", round_id=named)
    world.system.market.feed.erase(gone)
    world.refused(order, "limits/round-unknown", round_id=gone)
    world.fill(order, round_id=named)


def test_named_round__later_one_that_is_no_price__is_refused(world: World) -> None:
    """A round that shows itself without a price may have been anywhere."""
    shorted(world)
    order = stop(world)
    named, odd, _ = rise(world), rise(world), rise(world)
    for answer in (0, -1, 10**30):
        world.system.market.feed.overwrite(odd, answer, world.now)
        world.refused(order, "limits/round-outside", round_id=named)


def with_fallback(world: World) -> tuple[Market, Any]:
    """A second market whose fallback has answers of its own, in a phase of its own."""
    primary, second = (deployer("MockAggregator").deploy(8, "TEST / USD") for _ in range(2))
    second.set_phase(7)
    for feed in (primary, second):
        for ago in (60, 0):
            feed.push(2000 * 10**8, world.now - ago)
    words = world.system.parameters.words
    world.system.RiskParameters.list_market(  # type: ignore[attr-defined]
        2, world.token.address, (LOT, False, 0, 0), list(system.engines(world.system.at)),
        feeds_argument(2, (primary.address, second.address, EMPTY), (3600, 86_400)), *words, sender=world.system.owner,
    )  # fmt: skip
    return Market(2, world.token, primary, 6), second


def short_in(world: World, market: Market) -> tuple[int, dict[str, Any]]:
    """A taker's vault, and what an order of the maker's vault names that is short in a second market."""
    desk, into = (world.system.open(owner, RICH, market) for owner in (world.maker.address, world.taker))
    legs = (OrderLeg(world.series(market=2), 1),)
    world.fill(world.order(maker_vault=desk, legs=legs, price=25 * WAD), SHORT, vault=into)
    return into, {"maker_vault": desk, "legs": legs}


def with_brought(world: World) -> tuple[Market, PythWorld]:
    """A second market on prices that anybody brings, with the samples of its last two minutes."""
    brought = PythWorld(world.now // MINUTE * MINUTE + 2 * MINUTE + 5)
    for at in (world.now // MINUTE * MINUTE, world.now // MINUTE * MINUTE - MINUTE):
        brought.bring(at, brought.sample(2000, at))
    words = world.system.parameters.words
    world.system.RiskParameters.list_market(  # type: ignore[attr-defined]
        2, world.token.address, (LOT, False, 0, 0), list(system.engines(world.system.at)),
        feeds_argument(2, (brought.feed.address, EMPTY, EMPTY), (3600, 0), kinds=(2, 0)), *words,
        sender=world.system.owner,
    )  # fmt: skip
    return Market(2, world.token, brought.feed, 6), brought


@pytest.mark.parametrize("brings_the_last", [False, True])
def test_named_round__brought_minutes_left_out_after_it__were_outside_for_all_one_knows(
    world: World, brings_the_last: bool
) -> None:
    """Spot is at the trigger for two moments half an hour apart; who brings nothing between gets no slip for it."""
    market, brought = with_brought(world)
    into, short = short_in(world, market)
    order = stop(world, **short)
    first, spot = world.now // MINUTE * MINUTE + MINUTE, TRIGGER + 5  # the half-width is 1
    last = first + 30 * MINUTE
    boa.env.timestamp = first + 5
    brought.bring(first, brought.sample(spot, first))
    named = PHASE | first // MINUTE
    boa.env.timestamp = last + 5
    if brings_the_last:
        brought.bring(last, brought.sample(spot, last))
    assert brought.update(spot)
    world.refused(order, "limits/round-outside", vault=into, round_id=named)
    # whose every minute is there and in the band it grows for
    for at in range(first + MINUTE, last, MINUTE):
        brought.bring(at, brought.sample(spot, at))
    world.fill(order, vault=into, round_id=named)


def test_named_round__of_the_feed_whose_price_counts(world: World) -> None:
    """The fallback's rounds mean nothing until its price counts; then the primary's do not."""
    market, second = with_fallback(world)
    into, short = short_in(world, market)
    order = stop(world, **short)
    world.system.wait(MINUTE)
    for feed in (market.feed, second):
        feed.push(TRIGGER * 10**8, world.now)
    mine, other = market.feed.latest_id(), second.latest_id()
    world.refused(order, "limits/round-unknown", vault=into, round_id=other)
    with boa.env.anchor():
        world.fill(order, vault=into, round_id=mine)
    # the primary falls silent, and an hour later the fallback is the price, 0.5 % wide: grace follows
    for _ in range(18):
        world.system.wait(600)
        second.push(2200 * 10**8, world.now)
        world.system.oracle.observe(2, EXPIRY)
    assert world.system.snapshot(EXPIRY, market).status & 16 and world.system.snapshot(EXPIRY, market).is_active
    world.refused(order, "limits/round-unknown", vault=into, round_id=mine)
    world.fill(order, vault=into, round_id=second.latest_id())


def test_stop__half_width_across_its_trigger__sleeps(world: World) -> None:
    """An uncertain price counts with both its ends in the band; for an order of fixed price it counts as it is."""
    market, second = with_fallback(world)
    into, short = short_in(world, market)
    for spot in [2000] * 17 + [TRIGGER]:
        world.system.wait(600)
        second.push(spot * 10**8, world.now)
        world.system.oracle.observe(2, EXPIRY)
    snapshot = world.system.snapshot(EXPIRY, market)
    assert snapshot.is_active and snapshot.half_width == TRIGGER * WAD // 200
    resting = {**short, "is_bid": True, "price": 25 * WAD, "spot_min": TRIGGER * WAD}
    asleep = [
        stop(world, **{**resting, "since": 0}),
        world.order(**resting, slip=1),
        world.order(**resting, flags=Flags.REDUCE_ONLY),
    ]
    for order in asleep:
        world.refused_and_told(order, "exchange/spot-outside", LOT, vault=into)
    world.fill(world.order(**resting), LOT, vault=into)
    # the lower end comes to the trigger
    second.push(round(TRIGGER / 0.995 * 10**8) + 1, world.now)
    for order in asleep:
        world.fill(order, LOT, vault=into)


def test_band_vol_and_slip__need_an_active_price(world: World) -> None:
    """Fresh is not enough: in grace, say, the price in force may be the one before an outage."""
    shorted(world)
    world.system.wait(2 * 3600)
    world.system.oracle.observe(MARKET, EXPIRY)
    world.system.wait(MINUTE, 2000)
    snapshot = world.system.snapshot(EXPIRY)
    assert snapshot.is_fresh and not snapshot.is_active
    reduces = {"is_bid": True, "size": SHORT, "flags": Flags.REDUCE_ONLY, "price": 25 * WAD}
    for bound in ({"spot_min": 1}, {"spot_max": MAX - 1}, {"iv": WAD}, {"slip": 1}):
        world.refused_and_told(world.order(**reduces, **bound), "exchange/spot-unknown", LOT)
    # one without them closes at any price that the margin table lets it
    world.fill(world.order(**reduces), LOT)


# --- asking first --------------------------------------------------------------------------------------------------


def test_round_of__names_where_slip_is_largest(world: World) -> None:
    shorted(world)
    lens = world.system.FillCheck  # type: ignore[attr-defined]
    order = stop(world)
    assert tuple(lens.round_of(order.to_tuple())) == (0, 0)
    rise(world)
    rise(world, 2050)
    first = rise(world)
    stamp = world.now
    for _ in range(3):
        rise(world)
    assert tuple(lens.round_of(order.to_tuple())) == (first, stamp)
    world.fill(order, LOT, round_id=first)
    # since, an hour, and 48 rounds end the walk as they refuse a name
    assert lens.round_of(stop(world, since=stamp + 1).to_tuple()).id == first + 1
    world.system.wait(3600 - 2 * MINUTE, 2150)
    world.refused(order, "limits/round-too-old", LOT, round_id=first)
    found = lens.round_of(order.to_tuple()).id
    assert found == first + 1
    world.fill(order, LOT, round_id=found)
    for _ in range(60):
        rise(world, 2150, wait=1)
    found = lens.round_of(order.to_tuple()).id
    assert found == newest(world) - 47
    world.refused(order, "limits/round-too-old", LOT, round_id=found - 1)
    world.fill(order, LOT, round_id=found)
    # a new phase starts over
    world.system.market.feed.set_phase(9)
    found = rise(world, 2150)
    assert lens.round_of(order.to_tuple()).id == found == 9 * PHASE + 1
    assert tuple(lens.round_of(orders.with_changes(order, patience=0).to_tuple())) == (0, 0)


def test_order_states__of_a_stop__as_whoever_waits_longest_fills_it(world: World) -> None:
    """The maker's margin and tokens are asked at the price that the largest slip makes."""
    poor = world.system.open(OWNER.address, 560)
    sold = world.order(signer=OWNER.address, maker_vault=poor, size=10**6, price=25 * WAD)
    world.fill(sold, 10**6, signature=orders.sign(sold, world.domain, OWNER.key))
    order = stop(world, signer=OWNER.address, maker_vault=poor, size=10**6, flags=Flags.REDUCE_ONLY, slip=5000)
    signature = orders.sign(order, world.domain, OWNER.key)
    assert (world.state(order, signature).status, world.state(order, signature).reason) == (3, "exchange/spot-outside")
    named = rise(world)
    assert world.state(order, signature).status == 1
    world.system.wait(25 * MINUTE)
    state = world.state(order, signature)
    assert state.fillable < 10**6
    with boa.env.anchor():
        world.refused(order, "clearinghouse/transfer-refused", 10**6, signature=signature, round_id=named)
    world.fill(order, 10**6, signature=signature)


# --- what is left of a stop ------------------------------------------------------------------------------------------


def taken(world: World) -> int:
    """A flagged vault, short one call, of which a liquidator has taken a part."""
    vault = world.system.open(OWNER.address, 460)
    sold = world.order(signer=OWNER.address, maker_vault=vault, size=10**6, price=25 * WAD)
    world.fill(sold, 10**6, signature=orders.sign(sold, world.domain, OWNER.key))
    spot = 2000.0
    while not world.system.state(vault).status & 32:
        spot *= 1.01
        rise(world, spot)
    world.system.liquidator.flag(vault, sender=world.taker)
    rise(world, spot, 20)
    limits = (-(2**255), 0, 0, 0, MAX)
    world.system.liquidator.take(vault, WAD // 4, world.taker_vault, limits, world.now, b"", sender=world.taker)
    return vault


@pytest.mark.parametrize("kind", ["plain", "min_fill", "fill-or-kill"])
def test_stop__position_shrunk_by_a_take__closes_what_is_left(world: World, kind: str) -> None:
    vault = taken(world)
    [leg] = world.system.legs(vault)
    left = -leg.quantity
    assert 0 < left < 10**6
    changes = {"min_fill": {"min_fill": 10**6}, "fill-or-kill": {"flags": Flags.REDUCE_ONLY | Flags.FILL_OR_KILL}}
    order = stop(world, signer=OWNER.address, maker_vault=vault, size=10**6, since=0, **changes.get(kind, {}))
    signature = orders.sign(order, world.domain, OWNER.key)
    how = {"signature": signature, "round_id": newest(world)}
    assert world.state(order, signature).fillable == left
    world.refused(order, "exchange/reduce-only", left + LOT, **how)
    world.refused(order, "exchange/above-remainder", 10**6 + LOT, **how)
    smaller = {"min_fill": "exchange/below-min-fill", "fill-or-kill": "exchange/fill-or-kill"}
    if kind in smaller:
        world.refused(order, smaller[kind], left - LOT, **how)
    world.fill(order, MAX, **how)
    event = world.log("OrderFilled")
    # a fill uses a fill-or-kill up; of the others the rest waits for another position
    assert (event.size, event.filled) == (left, 10**6 if kind == "fill-or-kill" else left)
    assert world.system.legs(vault) == []
    asleep = "exchange/filled" if kind == "fill-or-kill" else "exchange/reduce-only"
    world.refused(order, asleep, LOT, **how)
    assert world.state(order, signature).reason == asleep


def test_stop__feeds_apart__sleeps_until_they_meet(world: World) -> None:
    """Which of two prices is right nobody knows: a trigger that one of them has reached is not reached."""
    market, second = with_fallback(world)
    into, short = short_in(world, market)
    order = stop(world, **short)
    world.system.wait(MINUTE)
    market.feed.push(TRIGGER * 10**8, world.now)
    second.push(1900 * 10**8, world.now)
    assert not world.system.snapshot(EXPIRY, market).is_active
    named = market.feed.latest_id()
    for round_id in (0, named):
        world.refused(order, "exchange/spot-unknown", vault=into, round_id=round_id)
    assert world.state(order).reason == "exchange/spot-unknown"
    second.push(TRIGGER * 10**8, world.now)
    assert world.system.snapshot(EXPIRY, market).is_active
    world.fill(order, vault=into, round_id=named)
