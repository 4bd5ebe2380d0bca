"""A Pyth price behind AggregatorV3: what becomes spot, what a sample is, what is refused by name."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest
from eth_abi import encode

from tests.contracts import deployer
from tests.worlds.brought import MINUTE, OTHER_ID, PYTH_ID, PythWorld
from tests.worlds.doubles import brought_until_90_minutes_later
from tests.worlds.oracle import PHASE, START, UNIT


@pytest.fixture
def pull() -> Iterator[PythWorld]:
    with boa.env.anchor():
        yield PythWorld()


@pytest.mark.parametrize("expo", [-8, -5, -10, 0])
def test_update__newer_price__spot_with_eight_decimals(pull, expo):
    boa.env.timestamp += 10
    assert pull.update(2100, 3, expo=expo)
    (event,) = [log for log in pull.feed.get_logs() if type(log).__name__ == "SpotBrought"]
    assert (event.price, event.half_width, event.published_at) == (2100 * UNIT, 3 * UNIT, boa.env.timestamp)
    now = boa.env.timestamp
    # no sample yet: its id is that of minute 0
    assert pull.feed.latestRoundData() == (PHASE, 2100 * UNIT, now, now, PHASE, 3 * UNIT)
    assert pull.feed.decimals() == 8


def test_update__same_or_older_publish_time__spot_stays(pull):
    boa.env.timestamp += 10
    for age in (10, 11, 5000):
        assert not pull.update(9999, age=age)
    assert pull.spot() == 2000 * UNIT


def test_update__later_than_a_minute__no_spot_so_nobody_picks_the_past(pull):
    boa.env.timestamp += 3600
    for age in (1_692, 61):
        assert not pull.update(2060, age=age)
    assert pull.update(2060, age=60)


def test_update__publish_time_ahead__no_spot_until_then(pull):
    assert not pull.update(2100, age=-30)
    boa.env.timestamp += 30
    assert pull.feed.update([], sender=pull.caller)


def test_update__wide_interval__no_spot(pull):
    boa.env.timestamp += 10
    assert not pull.update(2000, 20.01)
    assert not pull.update(2000, 20)  # its publish time is known already
    boa.env.timestamp += 1
    assert pull.update(2000, 20)


@pytest.mark.parametrize("price", [0, -5])
def test_update__price_not_positive__no_spot(pull, price):
    boa.env.timestamp += 10
    assert not pull.update(price, 0)


@pytest.mark.parametrize(("price", "expo"), [(2000, -30), (2000, 12), (2**62, 0)])
def test_update__absurd_exponent_or_size__no_spot(pull, price, expo):
    boa.env.timestamp += 10
    now = boa.env.timestamp
    message = encode(
        ["bytes32", "int64", "uint64", "int32", "uint256", "uint256"], [PYTH_ID, price, 0, expo, now, now - 1]
    )
    assert not pull.feed.update([message], value=1, sender=pull.caller)


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


def test_update__brought_by_others__is_taken_without_data(pull):
    boa.env.timestamp += 10
    pull.pyth.updatePriceFeeds([pull.message(2050, 1, boa.env.timestamp)], value=1, sender=pull.caller)
    assert pull.feed.update([], sender=pull.caller)
    assert pull.spot() == 2050 * UNIT


def test_update__another_price__changes_nothing(pull):
    boa.env.timestamp += 10
    message = pull.message(1, 0, boa.env.timestamp, id_=OTHER_ID)
    assert not pull.feed.update([message], value=1, sender=pull.caller)


def test_bring__first_price_of_a_minute__a_round_under_its_id(pull):
    at = START + MINUTE
    event = pull.sample_of_2100(at, after=300)
    assert (event.at, event.price, event.signers) == (at, 2100 * UNIT, 1)
    # five minutes old: spot stays, under the new id
    assert pull.feed.latestRoundData()[:4] == (PHASE | at // MINUTE, 2000 * UNIT, START, START)


def test_bring__made_within_the_last_minute__is_spot_too(pull):
    at = pull.minute(10)
    pull.bring(at, pull.sample(2100, at, conf=3))
    assert pull.feed.latestRoundData()[1:4] == (2100 * UNIT, at + 2, at + 2)
    assert pull.feed.latestRoundData()[5] == 3 * UNIT


def test_bring__a_later_price_of_the_minute__is_no_sample(pull):
    at = pull.minute(MINUTE)
    with boa.reverts("pyth/no-such-sample"):
        pull.bring(at, pull.message(2100, 1, at + 5, before=at))
    pull.bring(at, pull.message(2100, 1, at, before=at - 1))


@pytest.mark.parametrize("made", [-1, -60, 60, 61, 3600])
def test_bring__a_price_of_another_minute__reverts(pull, made):
    at = pull.minute(4000)
    with boa.reverts("pyth/no-such-sample"):
        pull.bring(at, pull.message(2100, 1, at + made, before=at - 100))


def test_bring__nothing_in_a_minute__the_next_price_is_not_its_sample(pull):
    at = pull.minute(4000)
    with boa.reverts("pyth/no-such-sample"):
        pull.bring(at, pull.message(2100, 1, at + 70, before=at - 5))


def test_bring__another_id__reverts(pull):
    at = pull.minute(10)
    with boa.reverts("pyth/no-such-sample"):
        pull.bring(at, pull.message(2100, 1, at, id_=OTHER_ID))


def test_bring__twice__reverts_and_the_first_stays(pull):
    at = pull.minute(10)
    pull.bring(at, pull.sample(2100, at))
    with boa.reverts("pull/sample-known"):
        pull.bring(at, pull.sample(2200, at))
    assert pull.feed.getRoundData(PHASE | at // MINUTE)[1] == 2100 * UNIT


def test_bring__until_90_minutes_later__then_too_late(pull):
    brought_until_90_minutes_later(pull, START + MINUTE)


def test_bring__before_its_minute_or_no_minute__reverts(pull):
    at = START + MINUTE
    with boa.reverts("pull/too-early"):
        pull.bring(at, pull.sample(2100, at))
    boa.env.timestamp = at + 70
    with boa.reverts("pull/not-a-minute"):
        pull.bring(at + 1, pull.sample(2100, at))


def test_bring__unsure_or_unusable__reverts(pull):
    at = pull.minute(10)
    for message in (pull.sample(2000, at, conf=21), pull.sample(0, at, conf=0)):
        with boa.reverts("pull/unsure"):
            pull.bring(at, message)


def test_bring__fee__as_of_an_update(pull):
    at = pull.minute(10)
    with boa.reverts("pyth/fee"):
        pull.bring(at, pull.sample(2100, at), wei=0)
    before = boa.env.get_balance(pull.caller)
    pull.bring(at, pull.sample(2100, at), wei=1000)
    assert boa.env.get_balance(pull.caller) == before - 1


def test_bring__pyth_refuses__its_own_reason_is_passed_on(pull):
    at = pull.minute(10)
    with boa.reverts("mock/message"):
        pull.bring(at, b"\x01" * 30)


def test_bring_many__out_of_order_some_known_one_too_late__the_rest_is_kept(pull):
    minutes = [START + k * MINUTE for k in range(1, 96)]
    boa.env.timestamp = minutes[-1] + 30
    pull.bring(minutes[40], pull.sample(2040, minutes[40]))
    asked = [minutes[3], minutes[41], minutes[40], minutes[20], minutes[41]]
    before = boa.env.get_balance(pull.caller)
    assert pull.bring_many(asked, [pull.sample(2000 + (at - START) // MINUTE, at) for at in asked]) == 2
    assert boa.env.get_balance(pull.caller) == before - 2
    assert pull.feed.getRoundData(PHASE | minutes[20] // MINUTE)[1] == 2021 * UNIT
    assert pull.feed.getRoundData(PHASE | minutes[40] // MINUTE)[1] == 2040 * UNIT
    with boa.reverts("pull/no-round"):
        pull.feed.getRoundData(PHASE | minutes[3] // MINUTE)


def test_bring_many__bad_data_or_lengths__reverts_as_a_whole(pull):
    at = pull.minute(100)
    with boa.reverts("pull/lengths"):
        pull.bring_many([at, at + MINUTE], [pull.sample(2000, at)])
    with boa.reverts("pyth/no-such-sample"):
        pull.bring_many([at, at + MINUTE], [pull.sample(2000, at), pull.sample(2000, at)])
    with boa.reverts("pull/not-a-minute"):
        pull.bring_many([at + 1], [pull.sample(2000, at)])


def test_get_round_data__unknown__reverts(pull):
    for id_ in (0, 1, PHASE, PHASE | 2, 2 * PHASE | 1, PHASE | (START // MINUTE)):
        with boa.reverts("pull/no-round"):
            pull.feed.getRoundData(id_)


def test_latest_round_data__nothing_yet__reverts(pull):
    fresh = deployer("PythAdapter").deploy(pull.pyth.address, PYTH_ID, 100)
    with boa.reverts("pull/no-round"):
        fresh.latestRoundData()


def test_deploy__out_of_range__reverts(pull):
    with boa.reverts("pyth/no-code"):
        deployer("PythAdapter").deploy(pull.caller, PYTH_ID, 100)
    for width in (0, 1001):
        with boa.reverts("pyth/width-range"):
            deployer("PythAdapter").deploy(pull.pyth.address, PYTH_ID, width)
