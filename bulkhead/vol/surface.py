"""One published surface: its integers, its EIP-712 digest and signatures, and every check of VolSurface.publish.

A refusal is a `SurfaceError` whose text is the contract's own reason, so a publisher knows before it signs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import isqrt
from typing import Any

from eth_account import Account

from bulkhead import eip712 as eip712
from bulkhead.eip712 import Domain as Domain
from bulkhead.risk import svi
from bulkhead.risk.fixed import ONE, divide, sqrt_ratio
from bulkhead.risk.scales import BPS, DAY, WAD, YEAR
from bulkhead.risk.svi import SviSlice

NAME = "Bulkhead VolSurface"
VERSION = "1"
TYPES: eip712.Types = {
    "Surface": eip712.fields(
        "uint256 market, uint256 version, uint256 nonce, uint256 made_at, uint256 index, uint256[] slices"
    )
}

#: Expiries are at 08:00 UTC.
HOUR = 8 * 3600
MONTH = 30 * DAY
MAX_EXPIRIES = 16
MAX_AGE = 600
MIN_TENOR = 1800
MAX_TENOR = 400 * DAY
MIN_REACH = 7 * DAY
SHORT_TENOR = 2 * DAY
MAX_RHO = 999 * 10**6
MAX_M = 2 * 10**9
MIN_SIGMA = 10**6
MAX_SIGMA = 4 * 10**9
MAX_SLOPE = 2 * 10**21
#: 5 % and 500 % squared [Q64].
MIN_VARIANCE = ONE // 400
MAX_VARIANCE = 25 * ONE
#: Checked strikes, in quarters of the slice's own standard deviation: near ones, where vols have bounds, and far ones.
NEAR = (-10, -5, 0, 5, 10)
FAR = (-20, 20)
#: How many of the checked strikes must lie above the expiry before: all but the farthest two.
CALENDAR = len(NEAR) + len(FAR) + 1
#: The farthest two [Q64 of ln(K/F)]: strikes open within a factor of ten of spot, ln(10) = 2.3.
REACH = 5 * ONE // 2


class SurfaceError(ValueError):
    """A surface that VolSurface would refuse; the text is its reason."""


@dataclass(frozen=True)
class Surface:
    """The smiles of one market at one moment.

    Attributes:
        market: Market index.
        made_at: When it was made [unix seconds].
        expiries: Expiries, ascending [unix seconds, 08:00 UTC].
        slices: Their smiles.
    """

    market: int
    made_at: int
    expiries: tuple[int, ...]
    slices: tuple[SviSlice, ...]

    @property
    def index(self) -> int:
        """The index word."""
        word = 0
        for lane, expiry in enumerate(self.expiries):
            if expiry % DAY != HOUR:
                raise SurfaceError("an expiry is not at 08:00 UTC")
            word |= expiry // DAY << 16 * lane
        return word

    @property
    def words(self) -> list[int]:
        """The slice words."""
        return [part.pack() for part in self.slices]

    @classmethod
    def from_words(cls, market: int, made_at: int, index: int, words: Sequence[int]) -> Surface:
        """Reads an index word and slice words as OracleAdapter.surface gives them."""
        lanes = [index >> 16 * i & 65535 for i in range(MAX_EXPIRIES)]
        days = [day for day in lanes if day]
        return cls(
            market,
            made_at,
            tuple(day * DAY + HOUR for day in days),
            tuple(SviSlice.unpack(word) for word in words[: len(days)]),
        )

    def message(self, nonce: int, version: int) -> dict[str, Any]:
        """What is signed, for one nonce and one list of publishers."""
        return {
            "market": self.market,
            "version": version,
            "nonce": nonce,
            "made_at": self.made_at,
            "index": self.index,
            "slices": self.words,
        }

    def neighbours(self, expiry: int, now: int) -> tuple[int, int, int]:
        """Published expiries around one, and the weight of the far one [wad] (surface._neighbours)."""
        near = max((at for at in self.expiries if now < at <= expiry), default=0)
        far = min((at for at in self.expiries if at > expiry), default=0)
        if near == 0:
            return far, 0, 0
        if far == 0 or near == expiry:
            return near, 0, 0
        return near, far, (expiry - near) * WAD // (far - near)

    def place(self, expiry: int, now: int) -> tuple[int, int, int]:
        """Near slice, far slice (0 for none) scaled to the time left, and the far weight [wad]; zeros without any."""
        near, far, weight = self.neighbours(expiry, now)
        if near == 0:
            return 0, 0, 0
        if far == 0:
            return self._scaled(near, expiry - now), 0, 0
        return self._scaled(near, near - now), self._scaled(far, far - now), weight

    def carried(self, now: int) -> Surface:
        """What is in force later, when nothing is published: the same vols, for the expiries that stay."""
        kept = tuple(at for at in self.expiries if at >= now + MIN_TENOR)
        return Surface(self.market, now, kept, tuple(SviSlice.unpack(self._scaled(at, at - now)) for at in kept))

    def _scaled(self, at: int, left: int) -> int:
        return svi.scale(self.slices[self.expiries.index(at)].pack(), left, at - self.made_at)

    def sigma_atm(self) -> int:
        """At-the-money vol at 30 days [wad]."""
        return svi.iv(*self.place(self.made_at + MONTH, self.made_at), 0, MONTH)


def typed_data(surface: Surface, nonce: int, version: int, domain: Domain) -> dict[str, Any]:
    """EIP-712 typed data of a publication.

    Args:
        surface: The surface.
        nonce: The market's last nonce plus one.
        version: Version of the market's list of publishers (VolSurface.settings).
        domain: Chain and contract.
    """
    where = eip712.domain(NAME, VERSION, domain.chain_id, domain.contract)
    return eip712.document(TYPES, where, surface.message(nonce, version))


def digest(surface: Surface, nonce: int, version: int, domain: Domain) -> bytes:
    """What publishers sign (VolSurface.digest)."""
    return eip712.digest(typed_data(surface, nonce, version, domain))


def sign(surface: Surface, nonce: int, version: int, domain: Domain, keys: Sequence[str | bytes]) -> list[bytes]:
    """Signatures of several keys, in the ascending order of their addresses that the contract wants."""
    message = eip712.signable(typed_data(surface, nonce, version, domain))
    signed = {
        int(Account.from_key(key).address, 16): bytes(Account.sign_message(message, key).signature) for key in keys
    }
    return [signed[account] for account in sorted(signed)]


def growth(ramp: int, elapsed: int) -> int:
    """Factor by which a ramped number may rise [wad] (surface._growth)."""
    step = (ramp - ramp * ramp // (2 * WAD)) * min(elapsed, 3600) // 3600
    return WAD + step + step * step // (2 * WAD)


def cap_at(cap_bps: int, tenor: int) -> int:
    """Largest relative change of a vol in one hour at a tenor [wad] (VolSurface._cap)."""
    cap = cap_bps * BPS
    if tenor >= MONTH:
        return cap
    return min(cap * sqrt_ratio(MONTH, max(tenor, SHORT_TENOR)) >> 64, WAD)


def check(surface: Surface, before: Surface | None = None, cap_bps: int = 0) -> tuple[int, int]:
    """Every check of VolSurface.publish but nonce, age and signatures.

    Args:
        surface: The new surface.
        before: The one in force, None when marks depend on none.
        cap_bps: The market's cap [bps per hour].

    Returns:
        Lowest and highest vol at the checked strikes [bps, rounded down].

    Raises:
        SurfaceError: The contract would refuse it, and why.
    """
    if before is not None and surface.made_at <= before.made_at:
        raise SurfaceError("surface/not-newer")
    _check_index(surface, before)
    return check_slices(surface, before, cap_bps)


def check_slices(surface: Surface, before: Surface | None = None, cap_bps: int = 0) -> tuple[int, int]:
    """The checks of `check` on the smiles alone, whatever expiries there are; the same arguments and result."""
    low, high = MAX_VARIANCE, 0
    previous: SviSlice | None = None
    for expiry, part in zip(surface.expiries, surface.slices, strict=True):
        for variance in _check_slice(surface, expiry, part, previous, before, cap_bps):
            low, high = min(low, variance), max(high, variance)
        previous = part
    return isqrt(low * 10**8 >> 64), isqrt(high * 10**8 >> 64)


def _check_index(surface: Surface, before: Surface | None) -> None:
    if not surface.expiries:
        raise SurfaceError("surface/no-slices")
    if len(surface.expiries) > MAX_EXPIRIES:
        raise SurfaceError(f"a surface holds at most {MAX_EXPIRIES} expiries")
    last = surface.made_at + MIN_TENOR - 1
    for expiry in surface.expiries:
        if expiry <= last:
            raise SurfaceError("surface/expiry-order")
        last = expiry
    kept = set(surface.expiries)
    if before is not None and any(at not in kept for at in before.expiries if at >= surface.made_at + MIN_TENOR):
        raise SurfaceError("surface/expiry-dropped")
    if last < surface.made_at + MIN_REACH:
        raise SurfaceError("surface/too-short")
    if last > surface.made_at + MAX_TENOR:
        raise SurfaceError("surface/too-long")


def _vol_squared(w: int, seconds: int) -> int:
    variance = divide(w * YEAR, seconds)
    if not MIN_VARIANCE <= variance <= MAX_VARIANCE:
        raise SurfaceError("surface/vol-range")
    return variance


def _check_slice(
    surface: Surface, expiry: int, part: SviSlice, previous: SviSlice | None, before: Surface | None, cap_bps: int
) -> list[int]:
    if not (
        abs(part.rho) <= MAX_RHO
        and abs(part.m) <= MAX_M
        and MIN_SIGMA <= part.sigma <= MAX_SIGMA
        and part.b * (10**9 + abs(part.rho)) <= MAX_SLOPE
    ):
        raise SurfaceError("surface/slice-range")
    root = sqrt_ratio(10**18 - part.rho * part.rho, WAD)
    if (part.a << 64) + divide(part.b * part.sigma * root, 10**9) < 0:
        raise SurfaceError("surface/negative-variance")
    tenor = expiry - surface.made_at
    middle = svi.total_variance(part, 0)
    _vol_squared(middle, tenor)
    deviation = sqrt_ratio(middle, ONE)
    near = far = weight = square = 0
    if before is not None:
        near, far, weight = before.place(expiry, surface.made_at)
        factor = growth(cap_at(cap_bps, tenor), surface.made_at - before.made_at)
        square = factor * factor // WAD
    found = []
    for lane, k in enumerate(_strikes(part, deviation, root)):
        w, g = svi.density(part, k)
        if g < 0:
            raise SurfaceError("surface/butterfly")
        if lane < len(NEAR):
            found.append(_vol_squared(w, tenor))
        if previous is not None and lane < CALENDAR and w < svi.total_variance(previous, k):
            raise SurfaceError("surface/calendar")
        if before is not None:
            old = svi.total_variance(SviSlice.unpack(near), k)
            if weight:
                old += divide((svi.total_variance(SviSlice.unpack(far), k) - old) * weight, WAD)
            if w * WAD > old * square or old * WAD > w * square:
                raise SurfaceError("surface/too-fast")
    return found


def _strikes(part: SviSlice, deviation: int, root: int) -> list[int]:
    """The checked strikes [Q64 of ln(K/F)], in the contract's order.

    After those in standard deviations where the smile is lowest, m - rho*sigma/sqrt(1 - rho^2), then the farthest two.
    """
    inner = [divide(deviation * step, 4) for step in (*NEAR, *FAR)]
    bottom = divide(part.m << 64, 10**9) - divide(part.rho * part.sigma << 128, root * 10**18)
    return [*inner, min(max(bottom, -REACH), REACH), -REACH, REACH]


def decode(market: int, answer: Mapping[str, Any] | Sequence[Any]) -> tuple[Surface | None, bool]:
    """Reads OracleAdapter.surface: the last publication, None when there was none, and whether marks depend on it."""
    word, index, words, in_force = list(answer.values()) if isinstance(answer, Mapping) else list(answer)
    if word == 0:
        return None, False
    return Surface.from_words(market, word & (2**32 - 1), index, words), bool(in_force)


def fade_after(
    fade: int, is_live: bool, ends_bps: tuple[int, int], flats: tuple[int, int], ramp: int, elapsed: int
) -> int:
    """The fade [wad] after `elapsed` seconds (surface._fade_after).

    Args:
        fade: Share of the flat iv in variance before [wad].
        is_live: Whether the surface comes back or goes.
        ends_bps: Lowest and highest iv of the surface, as its word has them [bps].
        flats: Flat iv of the nearest and of the farthest expiry there could be [wad].
        ramp: Largest relative move of a vol in one hour [wad].
        elapsed: Seconds since the last step; one hour counts at most.
    """
    if elapsed == 0 or fade == (0 if is_live else WAD):
        return fade
    share = 2 * ramp - ramp * ramp // WAD
    speed = WAD
    for end, flat in product(ends_bps, flats):
        a, b = end * end * 10**10, flat * flat // WAD
        now = (a * (WAD - fade) + b * fade) // WAD
        if a != b:
            speed = min(speed, share * now // abs(a - b))
    step = speed * min(elapsed, 3600) // 3600
    return max(fade - step, 0) if is_live else min(fade + step, WAD)
