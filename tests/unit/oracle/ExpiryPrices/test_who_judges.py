"""Which of two feeds the first round after an expiry bears out: of brought prices nobody chooses by leaving some out.

The samples of a window are waited for; those by which two windows are judged must be as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boa
import pytest

from bulkhead.chain.listing import feeds_argument
from bulkhead.risk.volatility import OracleWord
from tests.contracts import deployer
from tests.worlds.brought import MINUTE, BroughtMarket, PythWorld, RedStoneWorld
from tests.worlds.oracle import EMPTY, START, UNIT, WAD, deploy_oracle

EXPIRY = START + 86_400
BEGIN = EXPIRY - 1800
HOUR = 3600


@pytest.fixture(params=[PythWorld, RedStoneWorld], ids=lambda world: world.__name__)
def world(request) -> Iterator[Any]:
    with boa.env.anchor():
        yield request.param()


def pushed() -> Any:
    """A pushed feed with a history, at 2,000."""
    boa.env.timestamp = START
    feed = deployer("MockAggregator").deploy(8, "TEST / USD")
    for age in (60, 0):
        feed.push(2000 * UNIT, START - age)
    return feed


def test_fix__brought_fallback_without_the_sample_that_judges__waits_for_it(world):
    """Without the tenth minute's 1,690 the 1,400 before is in force, and the primary's 1,700 bears out its 2,000."""
    primary = pushed()
    market = BroughtMarket(world)
    expiries, adapter = deploy_oracle(market.parameters, EMPTY)
    feeds = feeds_argument(1, (primary.address, world.feed.address, EMPTY), (86_400, HOUR), kinds=(0, 2))
    adapter.list_market(1, feeds, OracleWord().pack(), sender=market.parameters)

    judged = EXPIRY + 10 * MINUTE
    boa.env.timestamp = judged + 40
    market.bring(dict.fromkeys(range(BEGIN, judged, MINUTE), 1400))
    primary.push(1700 * UNIT, judged + 30)
    assert expiries.fix(1, EXPIRY, []) == 0
    with boa.env.anchor():
        market.bring({judged: 1690})
        assert expiries.fix(1, EXPIRY, []) == 1400 * WAD
    # what is not brought within the hour counts no more than in the window
    boa.env.timestamp = judged + HOUR - 1
    assert expiries.fix(1, EXPIRY, []) == 0
    boa.env.timestamp = judged + HOUR
    assert expiries.fix(1, EXPIRY, []) == 2000 * WAD


def test_fix__silent_brought_primary__first_sample_after_the_expiry_is_not_picked(world):
    """The minute in which the market was back at 1,990 does not judge while the earlier one at 1,405 may be brought."""
    fallback = pushed()
    market = BroughtMarket(world, fallback.address)
    boa.env.timestamp = BEGIN - 500
    market.bring({BEGIN - 600: 2000})
    for at in range(BEGIN - 3000, EXPIRY + HOUR, 600):
        boa.env.timestamp = max(at, boa.env.timestamp)
        fallback.push(1400 * UNIT, at)
    boa.env.timestamp = EXPIRY + HOUR
    market.bring({EXPIRY + 20 * MINUTE: 1990})
    assert market.expiry_prices.fix(1, EXPIRY, []) == 0
    with boa.env.anchor():
        market.bring({EXPIRY + 5 * MINUTE: 1405})
        boa.env.timestamp = EXPIRY + 5 * MINUTE + HOUR
        assert market.expiry_prices.fix(1, EXPIRY, []) == 1400 * WAD
    boa.env.timestamp = EXPIRY + 19 * MINUTE + HOUR - 1
    assert market.expiry_prices.fix(1, EXPIRY, []) == 0
    boa.env.timestamp += 1
    assert market.expiry_prices.fix(1, EXPIRY, []) == 2000 * WAD
