"""Brought prices: a Pyth and a RedStone with their adapters, and the messages that their services would sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import boa
from eth_abi import encode
from eth_account import Account
from eth_utils import keccak

from bulkhead.chain.listing import feeds_argument
from bulkhead.risk.volatility import OracleWord
from tests.contracts import deployer
from tests.worlds.oracle import EMPTY, PHASE, START, UNIT, deploy_oracle

MINUTE = 60
PYTH_ID = bytes.fromhex("ff" * 32)
OTHER_ID = bytes.fromhex("ee" * 32)
FEED = b"ETH".ljust(32, b"\0")
OTHER = b"BTC".ljust(32, b"\0")
KEYS = sorted(("0x" + f"{n:064x}" for n in range(21, 26)), key=lambda key: int(Account.from_key(key).address, 16))
SIGNERS = [Account.from_key(key).address for key in KEYS]
MARKER = bytes.fromhex("000002ed57011e0000")


class Brought:
    """A feed of brought prices."""

    feed: Any

    def spot(self) -> int:
        """Its newest price [1e-8]."""
        return self.feed.latestRoundData()[1]

    @staticmethod
    def minute(later: int) -> int:
        """The first minute after the start [unix seconds]; now it is so many seconds later."""
        at = START + MINUTE
        boa.env.timestamp = at + later
        return at

    def sample_of_2100(self, at: int, after: int) -> Any:
        """Brings a minute's sample so many seconds after it; the event, once its round is there."""
        boa.env.timestamp = at + after
        self.bring(at, self.sample(2100, at))
        (event,) = [log for log in self.feed.get_logs() if type(log).__name__ == "SampleBrought"]
        id_ = PHASE | at // MINUTE
        assert self.feed.getRoundData(id_) == (id_, 2100 * UNIT, at, at, id_)
        return event


class PythWorld(Brought):
    """A Pyth, and an adapter that allows intervals of 1 %."""

    all_signers = 1

    def __init__(self, at: int = START) -> None:
        boa.env.timestamp = at
        self.pyth = deployer("MockPyth").deploy()
        self.feed = deployer("PythAdapter").deploy(self.pyth.address, PYTH_ID, 100)
        self.caller = boa.env.generate_address("caller")
        boa.env.set_balance(self.caller, 10**18)
        self.update(2000)

    @staticmethod
    def message(
        price: float, conf: float, at: int, expo: int = -8, id_: bytes = PYTH_ID, before: int | None = None
    ) -> bytes:
        """A message made at a second, the one before it `before` (a second earlier)."""
        raw = [round(number * 10**-expo) for number in (price, conf)]
        times = [at, at - 1 if before is None else before]
        return encode(["bytes32", "int64", "uint64", "int32", "uint256", "uint256"], [id_, *raw, expo, *times])

    def update(self, price: float, conf: float = 1.0, age: int = 0, expo: int = -8, wei: int = 1) -> bool:
        return self.feed.update(
            [self.message(price, conf, boa.env.timestamp - age, expo)], value=wei, sender=self.caller
        )

    def sample(self, price: float, at: int, conf: float = 1.0) -> bytes:
        """The message with the sample of a minute: made in its third second, the one before in the minute before."""
        return self.message(price, conf, at + 2, before=at - 1)

    def bring(self, at: int, message: bytes, wei: int = 1) -> None:
        self.feed.bring(at, message, value=wei, sender=self.caller)

    def bring_many(self, at: Sequence[int], messages: Sequence[bytes]) -> int:
        return self.feed.bring_many(list(at), list(messages), value=len(at), sender=self.caller)


def package(key: str, price: float, at_ms: int, feeds: Sequence[bytes] = (FEED,), size: int = 32) -> bytes:
    """One signer's package: points, milliseconds, size of a value, number of points, signature."""
    points = b"".join(
        feed + round(price * UNIT if feed == FEED else 7 * UNIT).to_bytes(size, "big") for feed in sorted(feeds)
    )
    body = points + at_ms.to_bytes(6, "big") + size.to_bytes(4, "big") + len(feeds).to_bytes(3, "big")
    return body + bytes(Account.unsafe_sign_hash(keccak(body), key).signature)


def payload(packages: Sequence[bytes], metadata: bytes = b"1.0#test", count: int | None = None) -> bytes:
    """Packages as RedStone's service hands them out."""
    number = len(packages) if count is None else count
    return b"".join(packages) + number.to_bytes(2, "big") + metadata + len(metadata).to_bytes(3, "big") + MARKER


class RedStoneWorld(Brought):
    """An adapter that wants three of five signers within 1 %."""

    all_signers = len(SIGNERS)

    def __init__(self) -> None:
        boa.env.timestamp = START
        self.feed = deployer("RedStoneAdapter").deploy(FEED, SIGNERS, 3, 100)
        self.caller = boa.env.generate_address("caller")
        self.update([2000, 2000, 2000])

    def signed(self, prices: Sequence[float], age: float = 0, keys: Sequence[str] = KEYS) -> list[bytes]:
        at = round((boa.env.timestamp - age) * 1000)
        return [package(key, price, at) for key, price in zip(keys, prices, strict=False)]

    def send(self, *payloads: bytes, value: int = 0) -> bool:
        return self.feed.update(list(payloads), sender=self.caller, value=value)

    def update(self, prices: Sequence[float], age: float = 0) -> bool:
        return self.send(payload(self.signed(prices, age)))

    @staticmethod
    def sample(price: float, at: int, signers: int = len(SIGNERS)) -> bytes:
        """The payload of a minute, by so many signers of one mind."""
        return payload([package(key, price, at * 1000) for key in KEYS[:signers]])

    def bring(self, at: int, message: bytes, **options: Any) -> None:
        self.feed.bring(at, message, sender=self.caller, **options)

    def bring_many(self, at: Sequence[int], messages: Sequence[bytes]) -> int:
        return self.feed.bring_many(list(at), list(messages), sender=self.caller)


class BroughtMarket:
    """Market 1 of an oracle adapter on a world's brought prices, which has spot and the first two samples."""

    def __init__(self, world: PythWorld | RedStoneWorld, fallback: str = EMPTY, **word: Any) -> None:
        self.world = world
        boa.env.timestamp = START + 3 * MINUTE
        for at in (START + MINUTE, START + 2 * MINUTE):
            world.bring(at, world.sample(2000, at))
        self.spot(2000)
        self.parameters = boa.env.generate_address("parameters")
        self.expiry_prices, self.oracle = deploy_oracle(self.parameters, EMPTY)
        feeds = feeds_argument(1, (world.feed.address, fallback, EMPTY), (3600, 3600), kinds=(2, 0))
        self.oracle.list_market(1, feeds, OracleWord(**word).pack(), sender=self.parameters)

    def spot(self, price: float) -> None:
        """Brings spot as of now."""
        if isinstance(self.world, RedStoneWorld):
            assert self.world.update([price] * 5)
        else:
            assert self.world.update(price)

    def bring(self, minutes: dict[int, float]) -> int:
        """Brings samples (minute: price), 32 a call."""
        at, kept = list(minutes), 0
        for begin in range(0, len(at), 32):
            part = at[begin : begin + 32]
            kept += self.world.bring_many(part, [self.world.sample(minutes[t], t) for t in part])
        return kept

    def look(self, expiry: int = 0) -> Any:
        return self.oracle.snapshot(1, expiry)
