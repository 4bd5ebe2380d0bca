"""A RedStone price behind AggregatorV3: payloads signed with real keys, what is refused, OracleAdapter reading it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import boa
import pytest
from eth_account import Account
from eth_utils import keccak

from bulkhead.risk.volatility import OracleWord
from tests.contracts import deployer
from tests.worlds.oracle import EMPTY, HALF_WIDTH, PHASE, START, UNIT, WAD

FEED = b"ETH".ljust(32, b"\0")
OTHER = b"BTC".ljust(32, b"\0")
KEYS = sorted(("0x" + f"{n:064x}" for n in range(21, 26)), key=lambda key: int(Account.from_key(key).address, 16))
SIGNERS = [Account.from_key(key).address for key in KEYS]
STRANGER = "0x" + f"{99:064x}"
MARKER = bytes.fromhex("000002ed57011e0000")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def package(key: str, price: float, at_ms: int, feeds: Sequence[bytes] = (FEED,), size: int = 32) -> bytes:
    """One signer's package: points, milliseconds, size of a value, number of points, signature."""
    points = b"".join(
        feed + round(price * UNIT if feed == FEED else 7 * UNIT).to_bytes(size, "big") for feed in sorted(feeds)
    )
    body = points + at_ms.to_bytes(6, "big") + size.to_bytes(4, "big") + len(feeds).to_bytes(3, "big")
    return body + bytes(Account.unsafe_sign_hash(keccak(body), key).signature)


def payload(packages: Sequence[bytes], metadata: bytes = b"1.0#test", count: int | None = None) -> bytes:
    number = len(packages) if count is None else count
    return b"".join(packages) + number.to_bytes(2, "big") + metadata + len(metadata).to_bytes(3, "big") + MARKER


class Pull:
    """An adapter that wants three of five signers within 1 %, and a market of OracleAdapter on it."""

    def __init__(self) -> None:
        boa.env.timestamp = START
        self.feed = deployer("RedStoneAdapter").deploy(FEED, SIGNERS, 3, 100)
        self.caller = boa.env.generate_address("caller")
        self.bring([2000, 2000, 2000])
        self.parameters = boa.env.generate_address("parameters")
        self.oracle = deployer("OracleAdapter").deploy(self.parameters, EMPTY)
        feeds = [self.feed.address, EMPTY, EMPTY]
        self.oracle.list_market(1, feeds, [3600, 0], OracleWord().pack(), sender=self.parameters)

    def signed(self, prices: Sequence[float], age: float = 0, keys: Sequence[str] = KEYS) -> list[bytes]:
        at = round((boa.env.timestamp - age) * 1000)
        return [package(key, price, at) for key, price in zip(keys, prices, strict=False)]

    def send(self, *payloads: bytes, value: int = 0) -> int:
        return self.feed.update(list(payloads), sender=self.caller, value=value)

    def bring(self, prices: Sequence[float], age: float = 0) -> int:
        return self.send(payload(self.signed(prices, age)))


@pytest.fixture
def pull() -> Iterator[Pull]:
    with boa.env.anchor():
        yield Pull()


@pytest.mark.parametrize(
    ("prices", "median", "half_width"),
    [
        ([2010, 2000, 2005], 2005, 5),
        ([2000, 2000, 2000], 2000, 0),
        ([2004, 2000, 2002, 2012], 2003, 9),
        ([2001, 2009, 2003, 2000, 2002], 2002, 7),
    ],
)
def test_update__signed_by_enough__a_round_at_the_median(pull, prices, median, half_width):
    boa.env.timestamp += 10
    assert pull.bring(prices) == 2
    (event,) = [log for log in pull.feed.get_logs() if type(log).__name__ == "RoundKept"]
    assert (event.number, event.price, event.half_width) == (2, median * UNIT, half_width * UNIT)
    id_ = PHASE | 2
    now = boa.env.timestamp
    assert pull.feed.latestRoundData() == (id_, median * UNIT, now, now, id_, half_width * UNIT)
    facts = pull.oracle.snapshot(1, 0)
    assert facts[0] == median * WAD
    assert facts[HALF_WIDTH] == half_width * WAD
    assert facts[10] & 1
    assert pull.feed.decimals() == 8


def test_update__any_three_in_any_order__counts(pull):
    for keys in (KEYS[2:], KEYS[::-2], KEYS[::-1]):
        boa.env.timestamp += 10
        before = pull.feed.latestRoundData()[0]
        pull.send(payload(pull.signed([2001] * 5, keys=keys)))
        assert pull.feed.latestRoundData()[0] == before + 1


def test_update__too_few__reverts(pull):
    boa.env.timestamp += 10
    with boa.reverts("redstone/too-few-signers"):
        pull.bring([2000, 2000])


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
        pull.bring([2000] * 3, 61)
    with boa.reverts("redstone/from-the-future"):
        pull.bring([2000] * 3, -1)
    assert pull.bring([2000] * 3, 60) == 2


def test_update__not_newer_than_the_last__no_round(pull):
    boa.env.timestamp += 100
    assert pull.bring([2100] * 3, 50) == 2
    # once more, older, and within the same second
    assert pull.bring([2200] * 3, 50) == 2
    assert pull.bring([2200] * 3, 60) == 2
    assert pull.bring([2200] * 3, 49.5) == 2
    assert pull.feed.latestRoundData()[1] == 2100 * UNIT


def test_update__signers_far_apart__no_round_and_the_price_grows_stale(pull):
    boa.env.timestamp += 3961
    assert pull.bring([2000, 2000, 2020.1]) == 1
    assert pull.oracle.snapshot(1, 0)[10] & 1 == 0
    assert pull.bring([2000, 2000, 2020]) == 2
    assert pull.oracle.snapshot(1, 0)[10] & 1


def test_update__one_of_five_lies__nothing_beyond_the_honest_values(pull):
    boa.env.timestamp += 10
    assert pull.bring([2000, 2001, 2002, 2003, 2015]) == 2
    assert pull.feed.latestRoundData()[1] == 2002 * UNIT
    boa.env.timestamp += 10
    assert pull.bring([2000, 2001, 2002, 2003, 20000]) == 2  # a wild one is no round at all
    # and without it there is one
    assert pull.bring([2000, 2001, 2002, 2003]) == 3


def test_update__two_payloads__oldest_first_both_kept(pull):
    boa.env.timestamp += 100
    old, new = (payload(pull.signed([price] * 3, age)) for price, age in ((2100, 60), (2200, 0)))
    assert pull.send(old, new) == 3
    boa.env.timestamp += 100
    old, new = (payload(pull.signed([price] * 3, age)) for price, age in ((2300, 60), (2400, 0)))
    assert pull.send(new, old) == 4


def test_update__packages_of_many_feeds__the_right_value(pull):
    boa.env.timestamp += 10
    at = boa.env.timestamp * 1000
    assert pull.send(payload([package(key, 2050, at, (FEED, OTHER)) for key in KEYS[:3]])) == 2
    assert pull.feed.latestRoundData()[1] == 2050 * UNIT
    with boa.reverts("redstone/no-such-feed"):
        pull.send(payload([package(key, 2050, at, (OTHER,)) for key in KEYS[:3]]))


def test_update__price_zero_or_absurd__no_round_or_refused(pull):
    boa.env.timestamp += 10
    assert pull.bring([0, 0, 0]) == 1
    with boa.reverts("redstone/malformed"):
        pull.bring([10**30] * 3)


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
    assert pull.send(good) == 2


def test_update__wei__refused(pull):
    boa.env.set_balance(pull.caller, 1)
    with boa.reverts("redstone/no-fee"):
        pull.send(value=1)


def test_update__nothing__nothing(pull):
    assert pull.send() == 1


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
