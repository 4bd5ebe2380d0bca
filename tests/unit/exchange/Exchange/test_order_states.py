"""What the lens says of the maker's side: sizes that margin and balance bear, in the words of the refusal."""

from __future__ import annotations

import boa

from bulkhead import orders
from bulkhead.orders import OrderLeg
from tests.worlds.exchange import EXPIRY, MAX, WAD, World


def test_order_states__maker_lacks_margin__says_the_largest_size_that_passes(world: World) -> None:
    desk = world.system.open(world.maker.address, 2000)
    order = world.order(maker_vault=desk, price=25 * WAD, size=100 * 10**6)
    signature = world.sign(order)
    state = world.state(order, signature)
    assert state.status == 1 and 0 < state.fillable < order.size
    step = 40 * 10**4
    with boa.env.anchor():
        world.refused(order, "margin/below-initial", state.fillable + 2 * step)
    world.fill(order, state.fillable)
    # nothing more fits, not even a lot, unless what is left of the margin bears it
    left = world.state(order, signature)
    assert left.fillable <= 2 * step and left.reason in ("", "margin/below-initial")


def test_order_states__maker_without_any_margin__says_why(world: World) -> None:
    desk = world.system.open(world.maker.address, 5)
    state = world.state(world.order(maker_vault=desk, price=25 * WAD, min_fill=10**6))
    assert (state.status, state.fillable, state.reason) == (3, 0, "margin/below-initial")


def test_order_states__min_fill_above_what_margin_bears__not_now(world: World) -> None:
    desk = world.system.open(world.maker.address, 2000)
    order = world.order(maker_vault=desk, price=25 * WAD, size=100 * 10**6, min_fill=90 * 10**6)
    assert world.state(order).reason == "margin/below-initial"
    world.refused(order, "margin/below-initial", 90 * 10**6)


def test_order_states__sizes_that_are_no_lots__told(world: World) -> None:
    whole = world.order(size=10**6 + 1)
    assert world.state(whole).fillable == 10**6
    odd = world.order(size=10**4 + 1, flags=orders.Flags.FILL_OR_KILL)
    assert world.state(odd).reason == "clearinghouse/not-a-lot"
    world.refused(odd, "clearinghouse/not-a-lot", MAX)
    # one micro-package of whole lots
    bundle = world.order(size=1, legs=(OrderLeg(world.series(), 10**6),), price=25 * WAD * 10**6)
    assert (world.state(bundle).status, world.state(bundle).fillable) == (1, 1)


def test_order_states__other_cell_of_the_maker__told(world: World) -> None:
    world.fill(world.order())
    order = world.order(legs=(OrderLeg(world.series(expiry=EXPIRY + 86400), 1),))
    world.refused(order, "clearinghouse/wrong-cell")
    assert world.state(order).reason == "clearinghouse/wrong-cell"


def test_order_states__seventeenth_leg__told(world: World) -> None:
    for i in range(4):
        legs = tuple(OrderLeg(world.series(strike=(1500 + 50 * (4 * i + j)) * 10**8), 1) for j in range(4))
        world.fill(world.order(legs=legs, salt=i, price=900 * WAD))
    order = world.order(legs=(OrderLeg(world.series(strike=2500 * 10**8), 1),))
    world.refused(order, "clearinghouse/too-many-legs")
    assert world.state(order).reason == "clearinghouse/too-many-legs"


def test_order_states__maker_fee_beyond_the_signed__told(world: World) -> None:
    order = world.order(max_fee=0)
    world.refused(order, "exchange/maker-fee")
    assert world.state(order).reason == "exchange/maker-fee"


def test_order_states__an_engine_that_cannot_answer__is_a_reason(world: World) -> None:
    # 10,000 % is beyond what any engine prices
    state = world.state(world.order(iv=100 * WAD))
    assert (state.status, state.reason) == (3, "es/vol-range")
