"""An oracle adapter alone with test feeds: what the tests of OracleAdapter build on."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

import boa
import pytest

from bulkhead.chain.condition import Reason
from bulkhead.chain.listing import feeds_argument, shared_prices
from bulkhead.risk.volatility import OracleWord, Round, Variances, read_answer
from bulkhead.risk.words import Snapshot, Status
from tests.contracts import deployer
from tests.worlds import market_data

EMPTY = "0x" + "00" * 20
UNIT = 10**8  # one quote in feed decimals
WAD = 10**18
START = 1_800_000_000  # 2027-01-15 08:00 UTC, an expiry of the grid
DAY = 86400
ROOT = Path(__file__).resolve().parents[2]
PHASE = 2**64

FRESH, ACTIVE, DEGRADED, FALLBACK_USED = Status.FRESH, Status.ACTIVE, Status.DEGRADED, Status.FALLBACK_USED
GRACE_BIT, LIVE, SVI, NO_PRICE = Status.GRACE, Status.SURFACE_LIVE, Status.SURFACE_SVI, Status.NO_PRICE

# reason codes
(
    FINE, UNREACHABLE, BAD_ANSWER, INCOMPLETE, FUTURE, STALE, APART, SEQUENCER_DOWN, GRACE, WAITING, WINDOW_OPEN,
    BOUND, WRONG_DECIMALS,
) = Reason  # fmt: skip


class Mode(IntEnum):
    """How a MockAggregator answers."""

    NORMAL = 0
    REVERTS = 1
    ZERO = 2
    NEGATIVE = 3
    INCOMPLETE = 4
    FUTURE = 5
    BURNS_GAS = 6
    HISTORY_REVERTS = 7
    HISTORY_BURNS_GAS = 8


class Facts(Snapshot):
    """A snapshot as the adapter answered it, with the parts of its status."""

    @property
    def flags(self) -> int:
        return self.status & 255

    @property
    def reason(self) -> int:
        return self.status >> 8 & 15

    @property
    def fallback_reason(self) -> int:
        return self.status >> 12 & 15

    @property
    def restart(self) -> int:
        return self.restarted_at


def deploy_oracle(parameters: str, surface_setter: str) -> tuple[Any, Any]:
    """ExpiryPrices and the adapter that asks it, with what they are built on."""
    expiries = boa.env.generate_address("expiries")
    check, folder = deployer("FeedCheck").deploy(), deployer("VolFolder").deploy()
    adapter = deployer("OracleAdapter").deploy(parameters, surface_setter, expiries, check.address, folder.address)
    return deployer("ExpiryPrices").deploy(adapter.address, override_address=expiries), adapter


class OracleWorld:
    """One adapter with one market (index 1) whose feeds the test writes."""

    def __init__(
        self,
        fallback: bool = True,
        sequencer: bool = False,
        spot: float | None = 2000,
        heartbeat: int = 3600,
        at: int = START,
        **word: Any,
    ) -> None:
        boa.env.timestamp = at
        self.parameters = boa.env.generate_address("parameters")
        self.surface_setter = boa.env.generate_address("surface")
        self.expiries, self.adapter = deploy_oracle(self.parameters, self.surface_setter)
        self.primary = self.feed()
        self.fallback = self.feed() if fallback else None
        self.sequencer = self.feed(0) if sequencer else None
        self.word = OracleWord(**word)
        self.heartbeat = heartbeat
        if self.sequencer is not None:
            self.sequencer.push_status(0, at - 10 * DAY, at - 10 * DAY)
        if spot is not None:
            # a listing asks for a history
            self.push(spot, 60)
            self.push(spot)
        self.list(1, self.primary, self.fallback, self.sequencer)

    @staticmethod
    def feed(decimals: int = 8) -> Any:
        return deployer("MockAggregator").deploy(decimals, "TEST / USD")

    def list(self, market: int, primary: Any, fallback: Any = None, sequencer: Any = None) -> None:
        first, second, third = (feed.address if feed is not None else EMPTY for feed in (primary, fallback, sequencer))
        feeds = feeds_argument(market, (first, second, third), (self.heartbeat, self.heartbeat))
        self.adapter.list_market(market, feeds, self.word.pack(), sender=self.parameters)

    def share(self, market: int, price_market: int) -> None:
        """Lists a market that goes by the prices of another."""
        self.adapter.list_market(market, shared_prices(price_market), 0, sender=self.parameters)

    @property
    def now(self) -> int:
        return boa.env.timestamp

    def wait(self, seconds: int) -> None:
        boa.env.timestamp += seconds

    def push(self, price: float, age: int = 0, fallback: float | None = None) -> None:
        """A round of the primary, and of the fallback at the same or another price."""
        self.primary.push(round(price * UNIT), self.now - age)
        if self.fallback is not None:
            self.fallback.push(round((price if fallback is None else fallback) * UNIT), self.now - age)

    def look(self, expiry: int = 0, market: int = 1) -> Facts:
        return Facts.from_words(self.adapter.snapshot(market, expiry))

    def observe(self, expiry: int = 0, market: int = 1) -> Facts:
        return Facts.from_words(self.adapter.observe(market, expiry))

    def fix(self, expiry: int, hints: Sequence[int] = (), market: int = 1) -> int:
        """One call of `fix`: the price, or 0."""
        return self.expiries.fix(market, expiry, list(hints))

    def price(self, expiry: int, market: int = 1) -> int:
        """The final price of a cell, or 0."""
        return self.expiries.price(market, expiry)

    def fixed(self) -> list[Any]:
        """Events of the last call: prices that became final."""
        return [log for log in self.expiries.get_logs() if type(log).__name__ == "ExpiryPriceFixed"]

    def poke(self, rounds: int = 256, market: int = 1) -> int:
        return self.adapter.poke(market, rounds)

    def variances(self, market: int = 1) -> tuple[int, int, int, int]:
        return Variances.from_word(self.adapter.market_words(market)[6]).lanes()

    def events(self, name: str) -> list[Any]:
        return [log for log in self.adapter.get_logs() if type(log).__name__ == name]


def read(rows: list[tuple[int, int, int]]) -> list[Round]:
    """Rounds as the reference takes them, from (id, answer, stamp)."""
    return [Round(id, read_answer(answer), stamp) for id, answer, stamp in rows]


@cache
def real_rounds() -> list[tuple[int, int, int]]:
    """(round id, answer, updatedAt) of the real ETH/USD feed, in order of their ids."""
    folder = market_data.FOLDER
    path = folder / "chainlink" / "chainlink_ETHUSD_rounds_2023-04_2024-01.csv.gz"
    if not path.exists():
        pytest.skip(f"no market data at {path}: set BULKHEAD_DATA to the data folder")
    with gzip.open(path, "rt") as file:
        rows = [(int(r["roundId"]), int(r["answer"]), int(r["updatedAt"])) for r in csv.DictReader(file)]
    return sorted(rows)
