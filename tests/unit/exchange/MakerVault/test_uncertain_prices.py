"""What a quoter may sign is measured at every end of an uncertain price: of two feeds that differ one is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from bulkhead.orders import Order, OrderLeg
from bulkhead.risk.words import Kind, Leg, Status
from tests.worlds.exchange import EXPIRY, HOUR, STRIKE, WAD, World
from tests.worlds.maker import EDGE, Desk, two_feed_desk


def apart(desk: Desk, feeds: list[Any], prices: tuple[int, int]) -> Any:
    """The feeds differ for more than an hour: the primary counts, their distance is the half-width."""
    system = desk.world.system
    for _ in range(5):
        system.wait(HOUR // 3)
        for feed, price in zip(feeds, prices, strict=True):
            feed.push(price * 10**8, system.now)
        system.oracle.observe(2, EXPIRY)
    return system.oracle.snapshot(2, EXPIRY)


def mark(desk: Desk, prices: Any, spot: int) -> int:
    """Mark of the call at another spot [wad]."""
    at = prices._replace(spot=spot, forward=spot)
    return int(desk.world.system.EsEngine.value([Leg(Kind.CALL, STRIKE, 10**6).pack()], at))  # type: ignore[attr-defined]


def quote(desk: Desk, price: int, is_bid: bool) -> Order:
    legs = (OrderLeg(desk.world.series(market=2), 1),)
    return desk.order(legs=legs, price=price, is_bid=is_bid, size=10**6, max_fee=0)


@pytest.mark.parametrize("prices", [(2000, 3200), (3200, 2000)])
def test_quoter__feeds_far_apart__signs_nothing_at_the_primary(world: World, prices: tuple[int, int]) -> None:
    """No mark says what a call is worth: the other feed's is a thousand away."""
    desk, feeds = two_feed_desk(world)
    seen = apart(desk, feeds, prices)
    assert seen.status & Status.ACTIVE and seen.half_width * 10 > seen.spot
    here, edge = mark(desk, seen, seen.spot), prices[0] * WAD * EDGE // 10**4
    for is_bid, price in ((False, here + 2 * edge), (True, here - 2 * edge)):
        assert not desk.says(quote(desk, price, is_bid))


def test_quoter__feeds_apart_within_a_tenth__keeps_the_edge_at_each_end(world: World) -> None:
    """A call sold at the primary's mark and the edge is given away if the fallback, 8 % above, is right."""
    desk, feeds = two_feed_desk(world)
    seen = apart(desk, feeds, (2000, 2160))
    assert seen.status & Status.ACTIVE and 20 * seen.half_width > seen.spot > 10 * seen.half_width
    here, low, high = (mark(desk, seen, seen.spot + i * seen.half_width) for i in (0, -1, 1))
    edge = 2200 * WAD * EDGE // 10**4
    # 160 and 0 where the primary says 18
    assert high - here > 10 * edge and here - low > edge
    for is_bid, price in ((False, here + edge), (True, here - edge)):
        assert not desk.says(quote(desk, price, is_bid))
    assert desk.says(quote(desk, high + edge, False)) and desk.says(quote(desk, low - edge, True))
