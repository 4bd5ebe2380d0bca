"""Caps of makers on the net delta and vega that others fill before the counter is raised."""

from __future__ import annotations

import boa
import pytest

from bulkhead.orders import OrderLeg
from bulkhead.risk.words import Kind
from tests.worlds.exchange import WAD, World


def used(world: World, counter: int = 0, epoch: int = 0) -> tuple[int, int]:
    _, _, delta, vega = world.limits.caps_of(world.maker_vault, epoch, counter)
    return int(delta), int(vega)


def future(world: World) -> tuple[OrderLeg, ...]:
    return (OrderLeg(world.series(Kind.FUTURE), 1),)


def sell(world: World, size: int, salt: int = 0, **changes: object) -> None:
    """The maker sells futures: minus one delta each."""
    world.fill(world.order(legs=future(world), price=2000 * WAD, premium_style=1, salt=salt, **changes), size)


def test_caps__delta__fills_up_to_it_and_no_further(world: World) -> None:
    world.exchange.set_caps(world.maker_vault, 2 * WAD, 0, sender=world.maker.address)
    sell(world, 15 * 10**5)
    assert used(world)[0] == -15 * WAD // 10
    with boa.reverts("limits/delta-cap"):
        sell(world, 10**6, 1)
    sell(world, 5 * 10**5, 1)
    # the other way makes room again: the cap is on the net
    sell(world, 3 * 10**6, 2, is_bid=True)
    assert used(world)[0] == WAD


def test_caps__vega__bounds_options(world: World) -> None:
    world.exchange.set_caps(world.maker_vault, 0, 300 * WAD, sender=world.maker.address)
    world.fill(world.order(), 10**6)
    vega = used(world)[1]
    assert -300 * WAD < vega < 0
    with boa.reverts("limits/vega-cap"):
        world.fill(world.order(), 9 * 10**6)


def test_caps__beyond_a_lowered_cap__only_fills_that_come_back_pass(world: World) -> None:
    world.exchange.set_caps(world.maker_vault, 5 * WAD, 0, sender=world.maker.address)
    sell(world, 4 * 10**6)
    with boa.reverts("limits/delta-cap"):
        sell(world, 2 * 10**6, 1)
    sell(world, 8 * 10**6, 2, is_bid=True)
    assert used(world)[0] == 4 * WAD


def test_caps__new_counter_or_new_caps__count_anew(world: World) -> None:
    world.exchange.set_caps(world.maker_vault, WAD, 0, sender=world.maker.address)
    sell(world, 10**6)
    with boa.reverts("limits/delta-cap"):
        sell(world, 10**5, 1)
    world.exchange.bump_epoch(world.maker_vault, 1, sender=world.maker.address)
    assert used(world, 1) == (0, 0)
    sell(world, 10**6, 1, epoch=1 << 64)
    world.exchange.set_caps(world.maker_vault, WAD, 0, sender=world.maker.address)
    sell(world, 10**6, 2, epoch=1 << 64)
    world.exchange.set_caps(world.maker_vault, 0, 0, sender=world.maker.address)
    sell(world, 5 * 10**6, 3, epoch=1 << 64)


def test_caps__as_the_taker__do_not_bind_the_owner(world: World) -> None:
    world.exchange.set_caps(world.taker_vault, 1, 1, sender=world.taker)
    sell(world, 10**6)


def test_caps__of_a_series__survive_in_one_word_with_series_minimums(world: World) -> None:
    world.exchange.cancel_series(world.maker_vault, world.series(), 2, sender=world.maker.address)
    world.exchange.set_caps(world.maker_vault, WAD, 0, sender=world.maker.address)
    assert world.exchange.epoch_for(world.maker_vault, [world.series()]) >> 64 == 2
    assert world.exchange.epoch_for(world.maker_vault, []) >> 64 == 0
    with boa.reverts("limits/delta-cap"):
        sell(world, 2 * 10**6)
    world.exchange.bump_epoch(world.maker_vault, 1, sender=world.maker.address)
    with boa.reverts("limits/delta-cap"):
        sell(world, 2 * 10**6, epoch=1 << 64)


def test_caps__after_a_transfer__are_gone(world: World) -> None:
    world.exchange.set_caps(world.maker_vault, WAD, WAD, sender=world.maker.address)
    world.give_vault(world.maker_vault, world.maker.address, world.taker)
    assert tuple(world.limits.caps_of(world.maker_vault, 1, 0)) == (0, 0, 0, 0)


@pytest.mark.parametrize("caps", [(2**128, 0), (0, 2**128)])
def test_set_caps__out_of_range__reverts(world: World, caps: tuple[int, int]) -> None:
    with boa.reverts("limits/out-of-range"):
        world.exchange.set_caps(world.maker_vault, *caps, sender=world.maker.address)
