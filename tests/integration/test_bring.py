"""A market on brought prices, on a real node, with one honest bringer: vol is folded, and a window settles."""

from __future__ import annotations

import pytest

from bulkhead.chain import price_messages as messages
from bulkhead.replay.price_service import SERVICE
from tests.worlds.pulled import EXPIRY, INSTANT, MINUTE, RIVAL, WINDOW, Bringing, PulledMarket, by_minutes, pulled

ROLES = ("bring", "poke", "fix", "settle", "claim", "flag")


@pytest.mark.parametrize("form", ["redstone", "pyth"])
def test_bring__one_honest_keeper__folds_vol_and_settles_at_the_average(form):
    with pulled(form) as market, Bringing(market, ROLES) as bringing:
        desk, bought = market.trade()
        by_minutes(market, EXPIRY + 12 * MINUTE, bringing.settle_down)
        average = sum(market.honest(at) for at in range(EXPIRY - WINDOW, EXPIRY, MINUTE)) * MINUTE * 10**10 // WINDOW
        price = market.chain["ExpiryPrices"].call("price", 1, EXPIRY)
        print(price, average, (price / average - 1) * 1e4)
        assert abs(price - average) * 10_000 <= average
        assert not market.trader.vaults.get(bought).legs and not market.maker.vaults.get(desk).legs
        for line in bringing.said("mined"):
            print(line["call"], line["gas"], line.get("minutes"))
        assert not bringing.said("bug") and not bringing.said("alert"), bringing.said("alert")
