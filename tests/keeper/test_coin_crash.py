"""A crash over a dollar market and a coin market on one feed: one keeper, nothing crosses, the covered call stays."""

from __future__ import annotations

import io

import pytest

from bulkhead.keeper.json_log import JsonLog
from bulkhead.replay.keepers import InlineKeeper
from bulkhead.replay.market import unit_of
from bulkhead.replay.run import run
from bulkhead.report.model import RunRecord
from tests.worlds.played_market import fall


@pytest.fixture(scope="module")
def record() -> RunRecord:
    return run(fall(), lambda local: InlineKeeper(local, JsonLog(io.StringIO())), coins=True)


def test_crash__coin_market_beside_it__every_check_holds(record: RunRecord) -> None:
    assert record.passed, [check for check in record.checks if not check.passed]
    # flags and takes of both markets, each to the wei of the mirror
    told = {check.name: check.detail for check in record.checks}
    assert "never flagged, never taken from" in told["Covered call"]
    assert "equal to the mirror to the wei" in told["Flags"] and "equal to the mirror to the wei" in told["Takes"]
    assert told["Conservation"].startswith("tokens in less tokens out less tokens held: 0 native units")


def test_crash__coin_market_beside_it__the_summary_tells_what_became_of_it(record: RunRecord) -> None:
    covered, future, put = record.coins
    assert covered.startswith("covered call of Ada: untouched;") and covered.count("WETH") == 2
    # a fall by a quarter is more than ten times leverage bears, and more than 1.5 times the put's margin
    assert future.startswith("inverse future of Boris: taken over") and "short put in coins of Chen" in put


@pytest.mark.parametrize(("price", "unit"), [(200, "0.01"), (2_000, "0.001"), (95_000, "0.00001"), (1, "1")])
def test_unit_of__price__is_the_power_of_ten_nearest_to_one_quote(price: int, unit: str) -> None:
    assert unit_of(price * 10**8) == unit
