"""Exchange.fill_many: closing and opening at once, all or none."""

from __future__ import annotations

import boa
from eth_account import Account

from bulkhead import orders
from bulkhead.orders import Flags, OrderLeg
from bulkhead.risk.words import Kind
from tests.worlds.exchange import DAY, EXPIRY, MAX, RICH, WAD, World, key

CALL, PUT, FUTURE, CASH = Kind.CALL, Kind.PUT, Kind.FUTURE, Kind.CASH


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
