"""Exact-integer reference of the oracle's realised vol: realised_vol, fallback_surface and OracleAdapter.poke.

Variances are annualised and in wad. Returns are taken between whole ten minutes of the clock, the price in force at one
over that at the one before; a return r over t seconds moves each variance to `v*d + r^2*(year/t)*(1 - d)`, with d what
its half-life leaves of it. Equal to the chain to the unit, for rounds read in the same portions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from bulkhead.risk import calibrated
from bulkhead.risk.coefficients import LN2
from bulkhead.risk.fixed import ONE, exp_q64, ln_ratio
from bulkhead.risk.scales import BPS, WAD, YEAR

Floats = NDArray[np.float64]

#: A return between two instants counts at most 20 % [Q64].
MAX_LOG_RETURN = ONE // 5
#: Returns are taken between whole ten minutes of the clock [seconds].
INSTANT = 600
YOUNG = 7 * 86400
GROWN = 60 * 86400
#: A realised variance reverts to its long value with this time constant [seconds].
REVERSION = 8 * 86400
MAX_SECONDS = 2**40
LANE = 2**64 - 1
#: Below it e^-x is a fraction of third degree, exact to 4e-14 [Q64].
NEAR_ZERO = 2**60
LANE_UNIT = 10
MAX_VARIANCE = 100 * WAD
#: sigma_m and the anchors of the fallback surface are stored in this unit [wad].
VOL_UNIT = 10**6
MAX_VOL = 10**19
MAX_RATIO = 100 * WAD
MIN_IV = 10**16
MAX_IV = 10**19
RATE_OFFSET = 2**15


@dataclass(frozen=True)
class OracleWord:
    """The oracle parameters of a market (layout in contracts/governance/risk_word).

    Attributes:
        deviation_bps: Distance of primary and fallback from which they disagree.
        grace_seconds: After an outage or a sequencer restart.
        failover_seconds: Until one source alone counts.
        sigma_floor_bps: Least sigma_m.
        ramp_bps: Largest rise of sigma_m per hour.
        flat_factor_bps: Flat iv over realised vol.
        rate_bps: Signed rate per year that carries spot to the forward.
        window_seconds: Settlement window.
        half_lives: Of the fast, day and week EWMA [seconds].
        settle_delay: From an expiry until its price can be final [seconds].
        stress_share_bps: Share of the stress vol in sigma_m.
        stress_vol_bps: The vol that share draws sigma_m to.
    """

    deviation_bps: int = 500
    grace_seconds: int = 3600
    failover_seconds: int = 3600
    sigma_floor_bps: int = 4000
    ramp_bps: int = 500
    flat_factor_bps: int = 12500
    rate_bps: int = 0
    window_seconds: int = 1800
    half_lives: tuple[int, int, int] = (6 * 3600, 24 * 3600, 7 * 86400)
    settle_delay: int = 300
    stress_share_bps: int = calibrated.STRESS_SHARE_BPS
    stress_vol_bps: int = calibrated.STRESS_VOL_BPS

    def pack(self) -> int:
        """The packed word."""
        fields = (
            (self.deviation_bps, 16),
            (self.grace_seconds, 16),
            (self.failover_seconds, 16),
            (self.sigma_floor_bps, 16),
            (self.ramp_bps, 16),
            (self.flat_factor_bps, 16),
            (self.rate_bps + RATE_OFFSET, 16),
            (self.window_seconds, 16),
            *((half_life, 24) for half_life in self.half_lives),
            (self.settle_delay, 12),
            (self.stress_share_bps, 16),
            (self.stress_vol_bps, 16),
        )
        word = shift = 0
        for value, bits in fields:
            if not 0 <= value < 1 << bits:
                raise ValueError("oracle/parameters")
            word |= value << shift
            shift += bits
        return word


def _left(exponent: int) -> int:
    """e^-exponent [Q64] (realised_vol._left)."""
    if exponent < NEAR_ZERO:
        square = exponent * exponent >> 64
        even, odd = 120 * ONE + 12 * square, exponent * (60 * ONE + square) >> 64
        return (even - odd << 64) // (even + odd)
    return exp_q64(-exponent)


def decays(elapsed: int, half_lives: Sequence[int], age: int) -> tuple[int, int, int, int]:
    """What is left of the four variances after `elapsed` seconds [Q64] (realised_vol._decays).

    Args:
        elapsed: Seconds; 0 counts as 1.
        half_lives: Of the fast, day and week EWMA [seconds].
        age: Of the market at the end [seconds]; the long half-life is that, within 7 and 60 days.
    """
    elapsed = max(elapsed, 1)
    fast, day, week = (_left(LN2 * elapsed // half_life) for half_life in half_lives)
    return fast, day, week, _left(_long_exponent(elapsed, age))


def _long_exponent(elapsed: int, age: int) -> int:
    """ln(2) times the integral of dt/half-life [Q64]."""
    before = age - min(elapsed, age)
    if before >= GROWN:
        return LN2 * elapsed // GROWN
    exponent = LN2 * (min(age, YOUNG) - min(before, YOUNG)) // YOUNG + LN2 * (max(age, GROWN) - GROWN) // GROWN
    if age > YOUNG:
        exponent += LN2 * max(ln_ratio(min(age, GROWN), max(before, YOUNG)), 0) >> 64
    return exponent


@dataclass(frozen=True)
class Variances:
    """Realised variances of a market, annualised [wad] (contracts/oracle/realised_vol).

    Attributes:
        fast: Half-life of about 6 hours.
        day: Of about 24 hours.
        week: Of about 7 days.
        long: Of 60 days, and the age of the market while that is less, at least 7 days.
    """

    fast: int
    day: int
    week: int
    long: int

    @classmethod
    def first(cls, vol: int) -> Variances:
        """All four at one vol [wad]."""
        return cls.from_word(cls(*[min(vol * vol // WAD, MAX_VARIANCE)] * 4).word())

    @classmethod
    def from_word(cls, word: int) -> Variances:
        """Reads the packed word."""
        return cls(*((word >> shift & LANE) * LANE_UNIT for shift in (0, 64, 128, 192)))

    def lanes(self) -> tuple[int, int, int, int]:
        """(fast, day, week, long)."""
        return self.fast, self.day, self.week, self.long

    def word(self) -> int:
        """The packed word."""
        return sum(v // LANE_UNIT << shift for v, shift in zip(self.lanes(), (0, 64, 128, 192), strict=True))

    def fold(self, old_price: int, new_price: int, elapsed: int, half_lives: Sequence[int], age: int) -> Variances:
        """After one more return, as stored."""
        return self._packed(self.moved(old_price, new_price, elapsed, half_lives, age).lanes())

    def moved(self, old_price: int, new_price: int, elapsed: int, half_lives: Sequence[int], age: int) -> Variances:
        """After one more return, which counts at most 20 %; not rounded to what is stored (realised_vol._moved)."""
        elapsed = max(elapsed, 1)
        size = min(abs(ln_ratio(new_price, old_price)), MAX_LOG_RETURN)
        power = (size * size * YEAR >> 64) * WAD // elapsed
        left = decays(elapsed, half_lives, age)
        return Variances(
            *(
                min((v * d >> 64) + (power * (ONE - d) >> 128), MAX_VARIANCE)
                for v, d in zip(self.lanes(), left, strict=True)
            )
        )

    def decay(self, elapsed: int, half_lives: Sequence[int], age: int) -> Variances:
        """After instants at which nothing new came, `elapsed` seconds of them."""
        return self._packed(v * d >> 64 for v, d in zip(self.lanes(), decays(elapsed, half_lives, age), strict=True))

    @staticmethod
    def _packed(lanes: Iterable[int]) -> Variances:
        return Variances(*(v // LANE_UNIT * LANE_UNIT for v in lanes))

    def vols(self) -> Vols:
        """What a snapshot needs of them."""
        ratio = WAD
        if self.fast > self.week:
            ratio = min(isqrt(self.fast * WAD * WAD // self.week), MAX_RATIO) if self.week else MAX_RATIO
        return Vols(isqrt(max(self.day, self.week) * WAD), ratio, isqrt(self.week * WAD), isqrt(self.long * WAD))


@dataclass(frozen=True)
class Vols:
    """Realised vols [wad].

    Attributes:
        sigma: The larger of the 24-hour and the 7-day vol.
        ratio: 6-hour over 7-day vol, at least 1 and at most 100.
        week: 7-day vol.
        long: 60-day vol.
    """

    sigma: int
    ratio: int
    week: int
    long: int


def fallback_iv(week: int, long: int, seconds: int, factor: int) -> int:
    """Vol of a market without a published surface [wad] (fallback_surface._iv).

    Args:
        week: 7-day vol, ramped [wad].
        long: 60-day vol, ramped [wad].
        seconds: Time to expiry.
        factor: Flat iv over realised vol [wad].
    """
    share = ONE
    x = (min(seconds, MAX_SECONDS) << 64) // REVERSION
    if x:
        share = min((ONE - min(exp_q64(-x), ONE) << 64) // x, ONE)
    square = week * week * share + long * long * (ONE - share) >> 64
    return min(max(isqrt(square) * factor // WAD, MIN_IV), MAX_IV)


def fallback_iv_float(week: Floats, long: Floats, seconds: Floats, factor: Floats | float) -> Floats:
    """The same over arrays of plain numbers (1.0 = 100 %)."""
    x = np.asarray(seconds, dtype=np.float64) / REVERSION
    share = np.where(x > 0, -np.expm1(-x) / np.where(x > 0, x, 1.0), 1.0)
    square = np.square(long) + (np.square(week) - np.square(long)) * share
    return np.asarray(np.clip(np.sqrt(square) * factor, MIN_IV / WAD, MAX_IV / WAD), dtype=np.float64)


@dataclass(frozen=True)
class Round:
    """A round of a feed; `price` is 0 when it cannot be read or used [wad]."""

    id: int
    price: int
    stamp: int


@dataclass(frozen=True)
class Realised:
    """Realised vol of one market as the adapter stores it.

    Attributes:
        variances: The four of them.
        listed_at: When the market was listed [unix seconds].
        cursor: Id of the last round looked at.
        price: Price of the last round that counted [wad].
        stamp: Its stamp [unix seconds].
        base: Price in force at the last folded instant [wad].
        instant: That instant [10 minutes].
        half_lives: Of the fast, day and week EWMA [seconds].
    """

    variances: Variances
    listed_at: int
    cursor: int
    price: int
    stamp: int
    base: int
    instant: int
    half_lives: tuple[int, int, int] = OracleWord().half_lives

    @classmethod
    def start(
        cls, vol: int, first: Round, now: int, half_lives: tuple[int, int, int] = OracleWord().half_lives
    ) -> Realised:
        """What a market starts from: all vols at the one named at listing [wad], its feed's newest round, the time."""
        variances = Variances.first(vol)
        return cls(variances, now, first.id, first.price, first.stamp, first.price, now // INSTANT, half_lives)

    def add(self, reading: Round) -> Realised:
        """After one round; one that cannot be used or is older than the last only moves the cursor."""
        if reading.price == 0 or reading.stamp < self.stamp:
            return replace(self, cursor=reading.id)
        passed = self.close(reading.stamp - 1)
        return replace(passed, cursor=reading.id, price=reading.price, stamp=reading.stamp)

    def add_all(self, readings: Iterable[Round], now: int | None = None) -> Realised:
        """After many rounds, oldest first, the last of them in force until now."""
        state = self
        for reading in readings:
            state = state.add(reading)
        return state if now is None else state.close(now)

    def close(self, upto: int) -> Realised:
        """With every instant up to a moment folded, the last price being in force at all of them."""
        return self.fold_upto(self.price, upto)

    def fold_upto(self, price: int, upto: int) -> Realised:
        """With every instant up to a moment folded, one price [wad] in force at all of them."""
        instant = upto // INSTANT
        if instant <= self.instant:
            return self
        first_at = (self.instant + 1) * INSTANT
        age = first_at - min(self.listed_at, first_at)
        variances = self.variances.fold(self.base, price, INSTANT, self.half_lives, age)
        more = instant - self.instant - 1
        if more:
            variances = variances.decay(more * INSTANT, self.half_lives, instant * INSTANT - self.listed_at)
        return replace(self, variances=variances, base=price, instant=instant)

    def seen(self, now: int, price: int | None = None) -> Vols:
        """Vols of a snapshot: with the return, unstored, from the last instant to the newest price [wad]."""
        newest = self.price if price is None else price
        at = self.instant * INSTANT
        if newest == self.base or now <= at:
            return self.variances.vols()
        return self.variances.moved(self.base, newest, now - at, self.half_lives, now - self.listed_at).vols()


def sigma_now(vols: Vols, word: OracleWord, at_the_money: int = 0) -> int:
    """sigma_m without the ramp [wad].

    Args:
        vols: Realised.
        word: Parameters of the market.
        at_the_money: 30-day vol of a published surface in force, 0 for none [wad].
    """
    floor, share = word.sigma_floor_bps * BPS, word.stress_share_bps * BPS
    sigma = max(vols.sigma, floor, at_the_money)
    sigma = max((sigma * (WAD - share) + word.stress_vol_bps * BPS * share) // WAD, floor)
    return sigma // VOL_UNIT * VOL_UNIT


def growth(ramp_bps: int, elapsed: int) -> int:
    """Factor by which a ramped number may rise over `elapsed` seconds, one hour's step at most [wad]."""
    ramp = ramp_bps * 10**14
    rise = (ramp - ramp * ramp // (2 * WAD)) * min(elapsed, 3600) // 3600
    return WAD + rise + rise * rise // (2 * WAD)


def _grown(vol: int, factor: int) -> int:
    return vol * factor // (WAD * VOL_UNIT) * VOL_UNIT


def ramp_sigma(stored: int, now: int, ramp_bps: int, elapsed: int) -> int:
    """Ramped sigma_m after `elapsed` seconds at an active price [wad]."""
    return min(now, _grown(stored, growth(ramp_bps, elapsed)))


def ramp_anchor(stored: int, vol: int, ramp_bps: int, elapsed: int) -> int:
    """An anchor of the fallback surface after `elapsed` seconds at an active price [wad], both ways by the ramp."""
    target = min(vol, MAX_VOL) // VOL_UNIT * VOL_UNIT
    factor = growth(ramp_bps, elapsed)
    if target >= stored:
        return min(target, _grown(stored, factor))
    return max(target, stored * WAD // factor // VOL_UNIT * VOL_UNIT)


def read_answer(answer: int, decimals: int = 8) -> int:
    """A feed's answer in wad, 0 for one that the adapter refuses."""
    price = answer * 10 ** (18 - decimals)
    return price if 0 < price < 2**96 else 0
