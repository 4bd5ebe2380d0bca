"""What a draw wanted and what it got, where the two differ."""

from __future__ import annotations

import boa

from tests.worlds.liquidation import EXPIRY, MARKET, address

WEEK = 7 * 86_400


def test_insure__most_of_the_day_used_up__event_tells_what_was_wanted_and_what_was_there(world):
    world.insure(1_000)
    vault = world.short_put(600)
    world.expire(1_200)
    with boa.env.prank(world.at["Liquidator"]):
        world.fund.draw(MARKET, EXPIRY + WEEK, 7, address("taker"), 240 * world.unit)
        world.fund.draw(MARKET, EXPIRY + 2 * WEEK, 7, address("taker"), 180 * world.unit)
    there = world.fund.available(MARKET, EXPIRY)
    world.settlement.settle_many([vault, world.maker_id])
    (event,) = [e for e in world.settlement.get_logs() if type(e).__name__ == "CellInsured"]
    assert (event.market, event.expiry, event.ended) == (MARKET, EXPIRY, False)
    assert event.amount == there > 0 and event.wanted > there
    assert event.wanted == event.amount + world.settlement.insurable(MARKET, EXPIRY)
