"""A pull oracle behind AggregatorV3: what becomes a round, and OracleAdapter reading it like any feed."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest
from eth_abi import encode

from bulkhead.risk.volatility import OracleWord
from tests.contracts import deployer
from tests.worlds.oracle import EMPTY, FALLBACK_USED, HALF_WIDTH, PHASE, START, UNIT, WAD, Facts

ID = bytes.fromhex("ff" * 32)
OTHER = bytes.fromhex("ee" * 32)


class Pull:
    """A Pyth, an adapter that allows intervals of 1 %, and a market of OracleAdapter on it."""

    def __init__(self) -> None:
        boa.env.timestamp = START
        self.pyth = deployer("MockPyth").deploy()
        self.feed = deployer("PythAdapter").deploy(self.pyth.address, ID, 100)
        self.caller = boa.env.generate_address("caller")
        boa.env.set_balance(self.caller, 10**18)
        self.update(2000)
        self.parameters = boa.env.generate_address("parameters")
        self.oracle = deployer("OracleAdapter").deploy(self.parameters, EMPTY)
        feeds = [self.feed.address, EMPTY, EMPTY]
        self.oracle.list_market(1, feeds, [3600, 0], OracleWord().pack(), sender=self.parameters)

    @staticmethod
    def message(price: float, conf: float, at: int, expo: int = -8, id_: bytes = ID) -> bytes:
        raw = [round(number * 10**-expo) for number in (price, conf)]
        return encode(["bytes32", "int64", "uint64", "int32", "uint256"], [id_, *raw, expo, at])

    def update(self, price: float, conf: float = 1.0, age: int = 0, expo: int = -8, wei: int = 1) -> int:
        return self.feed.update(
            [self.message(price, conf, boa.env.timestamp - age, expo)], value=wei, sender=self.caller
        )


@pytest.fixture
def pull() -> Iterator[Pull]:
    with boa.env.anchor():
        yield Pull()


@pytest.mark.parametrize("expo", [-8, -5, -10, 0])
def test_update__newer_price__a_round_with_eight_decimals(pull, expo):
    boa.env.timestamp += 10
    assert pull.update(2100, 3, expo=expo) == 2
    (event,) = [log for log in pull.feed.get_logs() if type(log).__name__ == "RoundKept"]
    assert (event.number, event.price, event.half_width) == (2, 2100 * UNIT, 3 * UNIT)
    assert event.published_at == boa.env.timestamp
    id_ = PHASE | 2
    assert pull.feed.latestRoundData() == (id_, 2100 * UNIT, boa.env.timestamp, boa.env.timestamp, id_, 3 * UNIT)
    assert pull.feed.half_width(id_) == 3 * UNIT
    assert pull.feed.half_width(PHASE | 3) == 0
    assert pull.feed.decimals() == 8


def test_update__same_or_older_publish_time__no_round(pull):
    boa.env.timestamp += 10
    for age in (10, 11, 5000):
        assert pull.update(9999, age=age) == 1
    assert pull.feed.latestRoundData()[1] == 2000 * UNIT


def test_update__later_than_a_minute__no_round_so_nobody_picks_the_past(pull):
    # the first update after a pause: a wick of half an hour ago would count for the whole window
    expiry = START + 86_400
    boa.env.timestamp = expiry - 1_900
    assert pull.update(2000) == 2
    boa.env.timestamp = expiry + 12
    for age in (1_692, 61):
        assert pull.update(2060, age=age) == 2
    assert pull.update(2060, age=60) == 3
    # in force for the last 48 seconds
    assert pull.oracle.fix_price(1, expiry, []) == (2000 * (1_800 - 48) + 2060 * 48) * WAD // 1_800


def test_update__publish_time_ahead__no_round_until_then(pull):
    assert pull.update(2100, age=-30) == 1
    boa.env.timestamp += 30
    assert pull.feed.update([], sender=pull.caller) == 2


def test_update__wide_interval__no_round_and_the_price_grows_stale(pull):
    boa.env.timestamp += 10
    assert pull.update(2000, 20.01) == 1
    assert pull.oracle.snapshot(1, 0)[10] & 1
    boa.env.timestamp += 3961
    pull.update(2000, 500)
    assert pull.oracle.snapshot(1, 0)[10] & 1 == 0
    assert pull.update(2000, 20) == 1  # its publish time is known already
    boa.env.timestamp += 1
    assert pull.update(2000, 20) == 2
    assert pull.oracle.snapshot(1, 0)[10] & 1


def test_snapshot__interval_of_the_round__is_its_half_width(pull):
    assert pull.oracle.snapshot(1, 0)[HALF_WIDTH] == WAD
    boa.env.timestamp += 10
    pull.update(2100, 20.5)
    assert pull.oracle.snapshot(1, 0)[HALF_WIDTH] == 205 * WAD // 10
    # and of a price that has grown stale all the same
    boa.env.timestamp += 5000
    assert pull.oracle.snapshot(1, 0)[HALF_WIDTH] == 205 * WAD // 10


def test_snapshot__failed_over_to_a_pull_feed__half_width_of_that_feed(pull):
    primary = deployer("MockAggregator").deploy(8, "TEST / USD")
    primary.push(2000 * UNIT, boa.env.timestamp)
    feeds = [primary.address, pull.feed.address, EMPTY]
    pull.oracle.list_market(2, feeds, [3600, 3600], OracleWord().pack(), sender=pull.parameters)
    assert pull.oracle.snapshot(2, 0)[HALF_WIDTH] == 0  # an AggregatorV3 tells none
    for _ in range(3):
        boa.env.timestamp += 3700
        pull.update(2000, 7)
        pull.oracle.observe(2, 0)
    facts = Facts(pull.oracle.snapshot(2, 0))
    assert facts.flags & FALLBACK_USED
    assert facts[HALF_WIDTH] == 7 * WAD


def test_snapshot__two_feeds_apart__half_width_is_the_wider_of_distance_and_interval(pull):
    fallback = deployer("MockAggregator").deploy(8, "TEST / USD")
    fallback.push(1850 * UNIT, boa.env.timestamp)
    feeds = [pull.feed.address, fallback.address, EMPTY]
    pull.oracle.list_market(2, feeds, [3600, 3600], OracleWord().pack(), sender=pull.parameters)
    assert pull.oracle.snapshot(2, 0)[HALF_WIDTH] == 150 * WAD


@pytest.mark.parametrize("price", [0, -5])
def test_update__price_not_positive__no_round(pull, price):
    boa.env.timestamp += 10
    assert pull.update(price, 0) == 1


@pytest.mark.parametrize("expo", [-30, 12])
def test_update__absurd_exponent__no_round(pull, expo):
    boa.env.timestamp += 10
    message = encode(["bytes32", "int64", "uint64", "int32", "uint256"], [ID, 2000, 0, expo, boa.env.timestamp])
    assert pull.feed.update([message], value=1, sender=pull.caller) == 1


def test_update__more_wei_than_the_fee__comes_back(pull):
    boa.env.timestamp += 10
    before = boa.env.get_balance(pull.caller)
    pull.update(2100, wei=1000)
    assert boa.env.get_balance(pull.caller) == before - 1
    assert boa.env.get_balance(pull.feed.address) == 0


def test_update__too_little_wei__reverts(pull):
    boa.env.timestamp += 10
    with boa.reverts("pyth/fee"):
        pull.update(2100, wei=0)


def test_update__brought_by_others__is_kept_without_data(pull):
    boa.env.timestamp += 10
    pull.pyth.updatePriceFeeds([pull.message(2050, 1, boa.env.timestamp)], value=1, sender=pull.caller)
    assert pull.feed.update([], sender=pull.caller) == 2
    assert pull.feed.latestRoundData()[1] == 2050 * UNIT


def test_update__another_price__changes_nothing(pull):
    boa.env.timestamp += 10
    message = pull.message(1, 0, boa.env.timestamp, id_=OTHER)
    assert pull.feed.update([message], value=1, sender=pull.caller) == 1


def test_get_round_data__unknown__reverts(pull):
    for id_ in (0, 1, PHASE, PHASE | 2, 2 * PHASE | 1):
        with boa.reverts("pull/no-round"):
            pull.feed.getRoundData(id_)
    assert pull.feed.getRoundData(PHASE | 1)[1] == 2000 * UNIT


def test_deploy__out_of_range__reverts(pull):
    with boa.reverts("pyth/no-code"):
        deployer("PythAdapter").deploy(pull.caller, ID, 100)
    for width in (0, 1001):
        with boa.reverts("pyth/width-range"):
            deployer("PythAdapter").deploy(pull.pyth.address, ID, width)


def test_feed__in_the_oracle__spot_vol_and_expiry_price_come_from_its_rounds(pull):
    expiry = START + 86400
    for before, price in ((2400, 2000), (900, 2100), (450, 2300)):
        boa.env.timestamp = expiry - before
        pull.update(price)
    facts = Facts(pull.oracle.observe(1, expiry))
    assert facts[0] == 2300 * WAD
    assert facts.is_active
    assert pull.oracle.poke(1, 16) == 3
    boa.env.timestamp = expiry + 5
    pull.update(3000)
    assert pull.oracle.fix_price(1, expiry, []) == 2100 * WAD


def test_feed__publish_time_between_old_ones__cannot_be_slipped_into_a_settled_window(pull):
    expiry = START + 3600
    boa.env.timestamp = expiry - 1000
    pull.update(2000)
    boa.env.timestamp = expiry + 10
    pull.update(2000)
    # an older, signed price inside the window arrives late: no round, the average stays
    assert pull.update(5000, age=500) == 3
    assert pull.oracle.fix_price(1, expiry, []) == 2000 * WAD
