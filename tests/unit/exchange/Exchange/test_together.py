"""Orders signed together: a stop and its take-profit take from one another and end with one another."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from bulkhead import orders
from bulkhead.orders import Flags, Order, OrderLeg
from bulkhead.risk.words import Kind
from tests.worlds.exchange import MAX, RICH, WAD, World

SALT = 7
LOT = 10**4
SHORT = 3 * 10**6
PAIR = Flags.REDUCE_ONLY | Flags.TOGETHER
DAY = 86_400


def pair(world: World, **changes: Any) -> tuple[Order, Order]:
    """A stop and a take-profit that buy three sold calls back."""
    world.fill(world.order(salt=99, price=25 * WAD), SHORT)
    common = {"is_bid": True, "size": SHORT, "flags": PAIR, "salt": SALT, "expiry": world.now + DAY, **changes}
    stop = world.order(**common, price=1000 * WAD, slip=300, spot_min=1990 * WAD)
    profit = world.order(**common, price=25 * WAD)
    return stop, profit


def test_together__fills__count_for_both_and_never_close_more_than_the_size(world: World) -> None:
    stop, profit = pair(world)
    digest, key = world.hash(profit), orders.order_key(profit, world.domain)
    assert key == orders.order_key(stop, world.domain) != digest
    world.fill(profit, 2 * 10**6)
    event = world.log("OrderFilled")
    assert (event.order_hash, event.key, event.filled) == (digest, key, 2 * 10**6)
    # the position doubles; what was signed for the first one does not
    world.fill(world.order(salt=98, price=25 * WAD), SHORT)
    world.refused(stop, "exchange/above-remainder", 10**6 + LOT)
    assert world.state(stop).fillable == 10**6
    world.fill(stop, MAX)
    assert (world.log("OrderFilled").size, world.log("OrderFilled").filled) == (10**6, SHORT)
    for order in (stop, profit):
        world.refused_and_told(order, "exchange/filled", LOT)
    assert [leg.quantity for leg in world.system.legs(world.maker_vault)] == [-SHORT]


def test_together__key__is_of_vault_legs_side_and_salt_alone(world: World) -> None:
    lens, stop, profit = world.order_lens, *pair(world)
    assert lens.key_of(stop.to_tuple()) == lens.key_of(profit.to_tuple()) == orders.order_key(stop, world.domain)
    others: dict[str, Any] = {
        "maker_vault": 7, "is_bid": False, "salt": 8, "legs": (OrderLeg(world.series(Kind.PUT), 1),)
    }  # fmt: skip
    keys = {bytes(lens.key_of(orders.with_changes(stop, **{name: value}).to_tuple())) for name, value in others.items()}
    assert len(keys | {orders.order_key(stop, world.domain)}) == len(others) + 1
    ratio = orders.with_changes(stop, legs=(OrderLeg(world.series(), 2),))
    assert bytes(lens.key_of(ratio.to_tuple())) == orders.order_key(ratio, world.domain)
    # without the flag the key is the hash
    alone = orders.with_changes(stop, flags=Flags.REDUCE_ONLY)
    assert bytes(lens.key_of(alone.to_tuple())) == world.hash(alone) == orders.order_key(alone, world.domain)
    assert lens.key_of(world.order(legs=()).to_tuple()) == world.hash(world.order(legs=()))


def test_together__salt_zero__is_no_order(world: World) -> None:
    order = world.order(flags=Flags.TOGETHER, salt=0)
    world.refused_and_told(order, "order/together-without-salt")
    world.fill(orders.with_changes(order, salt=1))


def test_together__fill_or_kill__takes_what_the_other_left(world: World) -> None:
    stop, profit = pair(world)
    whole = orders.with_changes(stop, flags=PAIR | Flags.FILL_OR_KILL)
    world.fill(profit, 10**6)
    world.refused(whole, "exchange/fill-or-kill", 10**6)
    world.fill(whole, 2 * 10**6)
    world.refused(profit, "exchange/filled", LOT)


def test_together__another_signer_or_side__is_another_pair(world: World) -> None:
    stop, _ = pair(world)
    world.fill(stop, MAX)
    # the maker sells as many again under the same salt
    sold = world.order(is_bid=False, price=25 * WAD, salt=SALT, flags=Flags.TOGETHER)
    assert world.state(sold).fillable == sold.size
    world.fill(sold, MAX)


# --- ending ----------------------------------------------------------------------------------------------------------


def legs_of(order: Order) -> list[tuple[int, int]]:
    return [(leg.series, leg.ratio) for leg in order.legs]


@pytest.mark.parametrize("who", ["signer", "owner"])
def test_cancel_together__by_signer_or_owner__ends_both(world: World, who: str) -> None:
    stop, profit = pair(world)
    world.fill(profit, 10**6)
    bot = str(boa.env.generate_address("bot"))
    if who == "signer":
        caller, signer = world.maker.address, world.maker.address
    else:
        # an operator's orders end by the hand of the vault's owner
        caller, signer = world.maker.address, bot
    world.exchange.cancel_together(signer, stop.maker_vault, legs_of(stop), True, SALT, sender=caller)
    event = world.log("OrderCancelled")
    assert (event.order_hash, event.signer) == (orders.order_key(stop, world.domain), signer)
    filled, cancelled = world.exchange.filled_of(signer, orders.order_key(stop, world.domain))
    assert cancelled and filled == (10**6 if who == "signer" else 0)
    if who == "signer":
        for order in (stop, profit):
            world.refused_and_told(order, "exchange/cancelled")
    else:
        world.fill(stop)


def test_cancel_together__by_a_stranger__refused(world: World) -> None:
    stop, _ = pair(world)
    for caller in (world.taker, world.system.owner):
        with boa.reverts("exchange/not-vault-owner"):
            world.exchange.cancel_together(
                world.maker.address, stop.maker_vault, legs_of(stop), True, SALT, sender=caller
            )
    # one's own key beside another's vault ends nothing of that vault's
    world.exchange.cancel_together(world.taker, stop.maker_vault, legs_of(stop), True, SALT, sender=world.taker)
    world.fill(stop)


def test_cancel_together__by_the_new_owner__ends_what_the_old_one_signed(world: World) -> None:
    stop, _ = pair(world)
    world.give_vault(stop.maker_vault, world.maker.address, world.taker)
    world.exchange.cancel_together(world.maker.address, stop.maker_vault, legs_of(stop), True, SALT, sender=world.taker)
    assert world.exchange.filled_of(world.maker.address, orders.order_key(stop, world.domain)) == (0, True)


def test_cancel__by_key__ends_both_and_by_hash_neither(world: World) -> None:
    stop, profit = pair(world)
    world.exchange.cancel([world.hash(stop), world.hash(profit)], sender=world.maker.address)
    assert world.state(stop).status == 1
    world.exchange.cancel([orders.order_key(stop, world.domain)], sender=world.maker.address)
    for order in (stop, profit):
        world.refused_and_told(order, "exchange/cancelled")


def test_reduce_only__sleeps_without_a_position_and_wakes_with_the_next(world: World) -> None:
    stop, _ = pair(world)
    world.fill(stop, 2 * 10**6)
    other = world.system.open(world.maker.address, RICH)
    # bought back elsewhere: one is left and goes
    world.fill(world.order(is_bid=True, price=25 * WAD), 10**6)
    assert world.system.legs(world.maker_vault) == [] and other
    world.refused_and_told(stop, "exchange/reduce-only", 10**6)
    world.fill(world.order(salt=97, price=25 * WAD), 5 * LOT)
    assert world.state(stop).fillable == 5 * LOT
    world.refused(stop, "exchange/reduce-only", 6 * LOT)
    world.fill(stop, MAX)
    assert world.log("OrderFilled").filled == 2 * 10**6 + 5 * LOT
