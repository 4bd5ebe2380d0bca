"""A RedStone price behind AggregatorV3: payloads signed with real keys, spot and samples, what is refused by name."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from tests.contracts import deployer
from tests.worlds.brought import FEED, KEYS, MARKER, MINUTE, OTHER, SIGNERS, RedStoneWorld, package, payload
from tests.worlds.doubles import brought_until_90_minutes_later
from tests.worlds.oracle import EMPTY, PHASE, START, UNIT

STRANGER = "0x" + f"{99:064x}"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def pull() -> Iterator[RedStoneWorld]:
    with boa.env.anchor():
        yield RedStoneWorld()


@pytest.mark.parametrize(
    ("prices", "median", "half_width"),
    [
        ([2010, 2000, 2005], 2005, 5),
        ([2000, 2000, 2000], 2000, 0),
        ([2004, 2000, 2002, 2012], 2003, 9),
        ([2001, 2009, 2003, 2000, 2002], 2002, 7),
    ],
)
def test_update__signed_by_enough__spot_is_the_median(pull, prices, median, half_width):
    boa.env.timestamp += 10
    assert pull.update(prices)
    (event,) = [log for log in pull.feed.get_logs() if type(log).__name__ == "SpotBrought"]
    assert (event.price, event.half_width) == (median * UNIT, half_width * UNIT)
    now = boa.env.timestamp
    assert pull.feed.latestRoundData() == (PHASE, median * UNIT, now, now, PHASE, half_width * UNIT)
    assert pull.feed.decimals() == 8


def test_update__any_three_in_any_order__counts(pull):
    for keys in (KEYS[2:], KEYS[::-2], KEYS[::-1]):
        boa.env.timestamp += 10
        assert pull.send(payload(pull.signed([2001] * 5, keys=keys)))


def test_update__too_few__reverts(pull):
    boa.env.timestamp += 10
    with boa.reverts("redstone/too-few-signers"):
        pull.update([2000, 2000])


def test_update__one_signer_twice__reverts(pull):
    boa.env.timestamp += 10
    first, second, _ = pull.signed([2000, 2000, 2000])
    with boa.reverts("redstone/signed-twice"):
        pull.send(payload([first, second, first]))
    r, s, v = second[-65:-33], int.from_bytes(second[-33:-1], "big"), second[-1]
    twin = second[:-65] + r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])
    with boa.reverts("redstone/not-a-signer"):
        pull.send(payload([first, second, twin]))


def test_update__a_stranger_among_them__reverts(pull):
    boa.env.timestamp += 10
    with boa.reverts("redstone/not-a-signer"):
        pull.send(payload(pull.signed([2000] * 3, keys=[*KEYS[:2], STRANGER])))


@pytest.mark.parametrize("at", [0, 31, 40, 63, 69, 77, 80, 141])
def test_update__one_byte_of_a_package_changed__reverts(pull, at):
    boa.env.timestamp += 10
    packages = pull.signed([2000] * 3)
    changed = bytearray(packages[1])
    changed[at] ^= 1
    with pytest.raises(boa.BoaError, match="redstone/(not-a-signer|malformed)"):
        pull.send(payload([packages[0], bytes(changed), packages[2]]))


def test_update__different_times__reverts(pull):
    boa.env.timestamp += 10
    mixed = [*pull.signed([2000] * 2), *pull.signed([2000], 0.001, KEYS[2:])]
    with boa.reverts("redstone/timestamps-differ"):
        pull.send(payload(mixed))


def test_update__too_old_or_ahead__reverts(pull):
    boa.env.timestamp += 1000
    with boa.reverts("redstone/too-old"):
        pull.update([2000] * 3, 61)
    with boa.reverts("redstone/from-the-future"):
        pull.update([2000] * 3, -1)
    assert pull.update([2000] * 3, 60)


def test_update__not_newer_than_the_last__spot_stays(pull):
    boa.env.timestamp += 100
    assert pull.update([2100] * 3, 50)
    # once more, older, and within the same second
    for age in (50, 60, 49.5):
        assert not pull.update([2200] * 3, age)
    assert pull.spot() == 2100 * UNIT


def test_update__signers_far_apart__no_spot(pull):
    boa.env.timestamp += 3961
    assert not pull.update([2000, 2000, 2020.1])
    assert pull.update([2000, 2000, 2020])


def test_update__one_of_five_lies__nothing_beyond_the_honest_values(pull):
    boa.env.timestamp += 10
    assert pull.update([2000, 2001, 2002, 2003, 2015])
    assert pull.spot() == 2002 * UNIT
    boa.env.timestamp += 10
    assert not pull.update([2000, 2001, 2002, 2003, 20000])  # a wild one is no price at all
    # and without it there is one
    assert pull.update([2000, 2001, 2002, 2003])


def test_update__two_payloads__the_newest_is_spot(pull):
    for first in (False, True):
        boa.env.timestamp += 100
        old, new = (payload(pull.signed([price] * 3, age)) for price, age in ((2100, 60), (2200, 0)))
        assert pull.send(*((new, old) if first else (old, new)))
        assert pull.spot() == 2200 * UNIT


def test_update__packages_of_many_feeds__the_right_value(pull):
    boa.env.timestamp += 10
    at = boa.env.timestamp * 1000
    assert pull.send(payload([package(key, 2050, at, (FEED, OTHER)) for key in KEYS[:3]]))
    assert pull.spot() == 2050 * UNIT
    with boa.reverts("redstone/no-such-feed"):
        pull.send(payload([package(key, 2050, at, (OTHER,)) for key in KEYS[:3]]))


def test_update__price_zero_or_absurd__no_spot_or_refused(pull):
    boa.env.timestamp += 10
    assert not pull.update([0, 0, 0])
    assert not pull.update([2**53] * 3)
    with boa.reverts("redstone/malformed"):
        pull.update([10**30] * 3)


def test_update__bytes_that_are_no_payload__revert(pull):
    boa.env.timestamp += 10
    good = payload(pull.signed([2000] * 3))
    with boa.reverts("redstone/marker"):
        pull.send(good[:-1] + b"\x01")
    packages = pull.signed([2000] * 3)
    at = boa.env.timestamp * 1000
    for bad in (
        b"",
        good[-13:],
        payload([], count=3),
        payload(packages[:2], count=3),
        payload(packages, count=9),
        b"\0\0\xff\xff\xff" + MARKER,
        payload([package(key, 2000, at, size=16) for key in KEYS[:3]]),
        payload([packages[0][:-68] + b"\xff\xff\xff" + packages[0][-65:], *packages[1:]]),
        payload([packages[0][:-68] + b"\0\0\0" + packages[0][-65:], *packages[1:]]),
    ):
        with pytest.raises(boa.BoaError, match="redstone/(malformed|not-a-signer)"):
            pull.send(bad)
    assert pull.send(good)


def test_update__wei__refused(pull):
    boa.env.set_balance(pull.caller, 1)
    with boa.reverts("redstone/no-fee"):
        pull.send(value=1)


def test_update__nothing__nothing(pull):
    assert not pull.send()


def test_bring__packages_of_a_minute__a_round_under_its_id(pull):
    at = START + MINUTE
    event = pull.sample_of_2100(at, after=300)
    assert (event.at, event.price, event.signers) == (at, 2100 * UNIT, 5)
    assert pull.feed.latestRoundData()[:2] == (PHASE | at // MINUTE, 2000 * UNIT)


def test_bring__within_the_minute__is_spot_too(pull):
    at = pull.minute(10)
    pull.bring(at, pull.sample(2100, at))
    assert pull.feed.latestRoundData()[1:4] == (2100 * UNIT, at, at)


def test_bring__more_signers__replace_fewer_and_never_the_other_way(pull):
    at = pull.minute(600)
    best_three = payload(
        [package(key, price, at * 1000) for key, price in zip(KEYS[2:], (2002, 2003, 2004), strict=True)]
    )
    all_five = payload(
        [package(key, price, at * 1000) for key, price in zip(KEYS, (2000, 2001, 2002, 2003, 2004), strict=True)]
    )
    id_ = PHASE | at // MINUTE
    pull.bring(at, best_three)
    assert pull.feed.getRoundData(id_)[1] == 2003 * UNIT
    with boa.reverts("pull/sample-known"):
        pull.bring(at, pull.sample(2050, at, 3))
    pull.bring(at, pull.sample(2001, at, 4))
    pull.bring(at, all_five)
    assert pull.feed.getRoundData(id_)[1] == 2002 * UNIT
    for signers in (3, 4, 5):
        with boa.reverts("pull/sample-known"):
            pull.bring(at, pull.sample(2100, at, signers))


def test_bring__another_minute__reverts(pull):
    at = pull.minute(600)
    for made in (at - MINUTE, at + MINUTE, at + 1):
        with boa.reverts("redstone/another-minute"):
            pull.bring(at, pull.sample(2100, made))
    late = payload([package(key, 2100, at * 1000 + 1) for key in KEYS])
    with boa.reverts("redstone/another-minute"):
        pull.bring(at, late)


def test_bring__another_feed_too_few_or_wei__reverts(pull):
    at = pull.minute(600)
    with boa.reverts("redstone/no-such-feed"):
        pull.bring(at, payload([package(key, 2050, at * 1000, (OTHER,)) for key in KEYS]))
    with boa.reverts("redstone/too-few-signers"):
        pull.bring(at, pull.sample(2100, at, 2))
    with boa.reverts("pull/unsure"):
        pull.bring(at, payload([package(key, p, at * 1000) for key, p in zip(KEYS, (2000, 2000, 2100), strict=False)]))
    boa.env.set_balance(pull.caller, 2)
    with boa.reverts("redstone/no-fee"):
        pull.bring(at, pull.sample(2100, at), value=1)
    with boa.reverts("redstone/no-fee"):
        pull.feed.bring_many([at], [pull.sample(2100, at)], value=1, sender=pull.caller)


def test_bring__until_90_minutes_later__then_too_late(pull):
    brought_until_90_minutes_later(pull, START + MINUTE)


def test_bring_many__some_known_some_better__the_rest_is_kept(pull):
    minutes = [START + k * MINUTE for k in (1, 2, 3, 4)]
    boa.env.timestamp = minutes[-1] + 5340
    pull.bring(minutes[2], pull.sample(2010, minutes[2], 3))
    pull.bring(minutes[3], pull.sample(2010, minutes[3]))
    # the first is too late, the last is known
    asked = [minutes[3], minutes[0], minutes[2]]
    assert pull.bring_many(asked, [pull.sample(2020, at) for at in asked]) == 1
    assert pull.feed.getRoundData(PHASE | minutes[2] // MINUTE)[1] == 2020 * UNIT
    assert pull.feed.getRoundData(PHASE | minutes[3] // MINUTE)[1] == 2010 * UNIT
    with boa.reverts("pull/lengths"):
        pull.bring_many(asked, [pull.sample(2020, asked[0])])


def test_get_round_data__unknown__reverts(pull):
    for id_ in (0, 1, PHASE, PHASE | 2, 2 * PHASE | 1):
        with boa.reverts("pull/no-round"):
            pull.feed.getRoundData(id_)


@pytest.mark.parametrize(
    ("signers", "threshold", "width", "reason"),
    [
        (SIGNERS, 0, 100, "redstone/threshold"),
        (SIGNERS, 6, 100, "redstone/threshold"),
        ([], 1, 100, "redstone/threshold"),
        (SIGNERS, 3, 0, "redstone/width-range"),
        (SIGNERS, 3, 1001, "redstone/width-range"),
        (SIGNERS[::-1], 3, 100, "redstone/signer-order"),
        ([SIGNERS[0]] * 3, 3, 100, "redstone/signer-order"),
        ([EMPTY, *SIGNERS], 3, 100, "redstone/signer-order"),
    ],
)
def test_deploy__out_of_range__reverts(signers, threshold, width, reason):
    with boa.reverts(reason):
        deployer("RedStoneAdapter").deploy(FEED, signers, threshold, width)
