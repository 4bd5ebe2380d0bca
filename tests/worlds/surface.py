"""Vol surfaces for tests: smiles that hold together, publishers with keys, and a market to publish for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import boa
import pytest
from eth_account import Account

from bulkhead.risk.scales import DAY, YEAR
from bulkhead.risk.svi import SviSlice, total_variance_float
from bulkhead.risk.words import Snapshot
from bulkhead.vol import surface as vol
from bulkhead.vol.surface import HOUR, Surface
from tests.worlds.fixtures import anchored
from tests.worlds.system import System

#: Keys whose addresses ascend.
KEYS = sorted(("0x" + f"{n:064x}" for n in (11, 12, 13)), key=lambda key: int(Account.from_key(key).address, 16))
ACCOUNTS = [Account.from_key(key).address for key in KEYS]
TENORS = (1, 3, 7, 14, 30, 60, 91, 182)


def smile(vol_: float, seconds: float, skew: float = -0.25, wings: float = 0.6) -> SviSlice:
    """A mild smile with the given at-the-money vol: the same form in standard deviations at every tenor."""
    w = vol_ * vol_ * seconds / YEAR
    deviation = math.sqrt(w)
    # at k = 0 and m = 0 the level is a + b*sigma
    sigma = 1.2 * deviation
    b = wings * w / (2 * sigma)
    return SviSlice.from_floats(w - b * sigma, b, skew, 0.0, sigma)


def grid(now: int, days: Sequence[int] = TENORS) -> tuple[int, ...]:
    """Expiries at 08:00 UTC, so many days after today's."""
    today = now // DAY * DAY + HOUR
    return tuple(today + day * DAY for day in days)


def surface(now: int, vol_: float = 0.6, days: Sequence[int] = TENORS, **form: float) -> Surface:
    """A surface of one vol at the money, made now."""
    expiries = grid(now, days)
    return Surface(1, now, expiries, tuple(smile(vol_, at - now, **form) for at in expiries))


class SurfaceWorld(System):
    """A whole system whose market has publishers, two of three needed."""

    def __init__(self, cap_bps: int = 1000, heartbeat: int = 3600, publishers: bool = True, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.vol = self.VolSurface  # type: ignore[attr-defined]
        self.cap_bps = cap_bps
        self.live_seconds = heartbeat
        if publishers:
            self.set_publishers()

    def set_publishers(self, accounts: Sequence[str] = ACCOUNTS, threshold: int = 2, market: int = 1) -> None:
        self.vol.set_publishers(market, list(accounts), threshold, self.live_seconds, self.cap_bps, sender=self.owner)

    @property
    def vol_domain(self) -> vol.Domain:
        return vol.Domain(boa.env.evm.patch.chain_id, self.vol.address)

    @property
    def nonce(self) -> int:
        return int(self.vol.settings(1)[0])

    def publish(
        self, made: Surface, keys: Sequence[str] = KEYS[:2], nonce: int | None = None, sender: str | None = None
    ) -> None:
        number = self.nonce + 1 if nonce is None else nonce
        self.send(made, number, self.signed(made, number, keys), sender)

    def signed(self, made: Surface, nonce: int, keys: Sequence[str] = KEYS[:2]) -> list[bytes]:
        """Signatures under the present list of publishers."""
        return vol.sign(made, nonce, self.vol.settings(made.market)[1], self.vol_domain, keys)

    def send(self, made: Surface, nonce: int, signatures: Sequence[bytes], sender: str | None = None) -> None:
        self.vol.publish(
            made.market,
            nonce,
            made.made_at,
            made.index,
            made.words,
            list(signatures),
            sender=sender or boa.env.generate_address("anyone"),
        )

    def in_force(self) -> tuple[Surface | None, bool]:
        """The last publication, and whether marks depend on it."""
        return vol.decode(1, self.oracle.surface(1))

    def fade(self) -> int:
        """As recorded [wad]."""
        return int(self.oracle.surface(1)[0]) >> 64 & (2**60 - 1)

    def observe(self, expiry: int = 0) -> Snapshot:
        """A recorded snapshot."""
        return Snapshot.from_words(list(self.oracle.observe(1, expiry)))

    def days(self) -> tuple[int, ...]:
        """Days from today's expiry to those that a publication must hold now."""
        before = self.in_force()[0]
        if before is None:
            return TENORS
        today = self.now // DAY * DAY + HOUR
        return tuple((at - today) // DAY for at in before.expiries if at >= self.now + 1800)

    def moved(self, vol_: float) -> Surface:
        """What is in force, carried to now, with every smile at one vol at the money: it keeps its form in strikes."""
        before = self.in_force()[0]
        assert before is not None
        made = before.carried(self.now)
        slices = []
        for at, part in zip(made.expiries, made.slices, strict=True):
            a, b, *form = part.floats()
            factor = vol_ * vol_ * (at - self.now) / YEAR / float(total_variance_float(part.floats(), 0.0))
            slices.append(SviSlice.from_floats(a * factor, b * factor, *form))
        return Surface(1, self.now, made.expiries, tuple(slices))

    def publish_level(self, vol_: float, **form: Any) -> Surface:
        """Publishes one vol for the expiries there are; what marks depend on keeps its form."""
        is_new = form or not self.in_force()[1]
        made = surface(self.now, vol_, self.days(), **form) if is_new else self.moved(vol_)
        self.publish(made)
        return made

    def pass_hours(self, hours: float, spot: float = 2000.0, vol_: float | None = None, **form: Any) -> None:
        """Hours go by with a round, a record and, with a vol, a publication each quarter."""
        for _ in range(round(4 * hours)):
            self.wait(900, spot)
            if vol_ is not None:
                self.publish_level(vol_, **form)
            self.observe()

    def settle_in(self, vol_: float = 0.6, **form: Any) -> None:
        """Publishes one surface and lets it come in whole; a long heartbeat saves publications on the way."""
        heartbeat, self.live_seconds = self.live_seconds, DAY
        self.set_publishers()
        for hour in range(200):
            self.wait(3600, 2000.0)
            if hour % 23 == 0:
                self.publish_level(vol_, **form)
            self.observe()
            if self.fade() == 0:
                break
        self.live_seconds = heartbeat
        self.set_publishers()
        self.wait(60, 2000.0)
        self.publish_level(vol_, **form)
        assert self.fade() == 0


@pytest.fixture(scope="module")
def system() -> Iterator[SurfaceWorld]:
    """A system with two of three publishers and nothing published, once per file."""
    with boa.env.anchor():
        yield SurfaceWorld()


world = anchored("system")


@pytest.fixture(scope="module")
def settled_level() -> float:
    """The vol at which `settled` has settled; a file may say another."""
    return 0.6


@pytest.fixture(scope="module")
def settled_system(settled_level: float) -> Iterator[SurfaceWorld]:
    """A system whose surface is wholly in force, once per file."""
    with boa.env.anchor():
        built = SurfaceWorld()
        built.settle_in(settled_level)
        yield built


settled = anchored("settled_system")
