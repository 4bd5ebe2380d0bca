"""Exact-integer reference of the oracle's realised vol (contracts/oracle/volatility and OracleAdapter.poke).

Variances are annualised and in wad; one return r over t seconds moves each of the three to
`v*d + r^2*(year/t)*(1 - d)` with `d = 2^(-t/half_life)`. Equal to the chain to the unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from bulkhead.risk.coefficients import LN2
from bulkhead.risk.fixed import ONE, exp_q64, ln_ratio

Floats = NDArray[np.float64]

WAD = 10**18
YEAR = 365 * 86400
MAX_RETURN = ONE // 10
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
LANE_UNIT = 10
MAX_VARIANCE = 100 * WAD
SIGMA_UNIT = 10**3
FLAT_UNIT = 10**6
MAX_RATIO = 100 * WAD
MIN_IV = 10**16
MAX_IV = 10**19
MAX_BEHIND = 2048
RATE_OFFSET = 2**15


@dataclass(frozen=True)
class OracleWord:
    """The oracle parameters of a market (layout in contracts/governance/parameters).

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
        )
        word = shift = 0
        for value, bits in fields:
            if not 0 <= value < 1 << bits:
                raise ValueError("oracle/parameters")
            word |= value << shift
            shift += bits
        return word


def step(variance: int, power: int, elapsed: int, half_life: int) -> int:
    """One variance after a return with r^2*year = `power` [wad, Q64] over `elapsed` seconds."""
    if elapsed == 0:
        return min(variance + (power * (LN2 // half_life) >> 128), MAX_VARIANCE)
    decay = exp_q64(-(LN2 * elapsed // half_life))
    kept = variance * decay >> 64
    added = power // elapsed * (ONE - decay) >> 128
    return min(kept + added, MAX_VARIANCE)


def fold(
    variances: Sequence[int], old_price: int, new_price: int, elapsed: int, half_lives: Sequence[int]
) -> tuple[int, int, int]:
    """The (fast, day, week) variances after one more return."""
    size = min(abs(ln_ratio(new_price, old_price)), MAX_RETURN)
    power = (size * size * YEAR >> 64) * WAD
    fast, day, week = (step(v, power, elapsed, h) for v, h in zip(variances, half_lives, strict=True))
    return fast, day, week


def _left(exponent: int) -> int:
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
        """After one more return, which counts at most 20 %."""
        elapsed = max(elapsed, 1)
        size = min(abs(ln_ratio(new_price, old_price)), MAX_LOG_RETURN)
        power = (size * size * YEAR >> 64) * WAD // elapsed
        left = decays(elapsed, half_lives, age)
        return self._packed(
            min((v * d >> 64) + (power * (ONE - d) >> 128), MAX_VARIANCE)
            for v, d in zip(self.lanes(), left, strict=True)
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
        variances: (fast, day, week), annualised [wad].
        cursor: Id of the last round looked at.
        price: Price of the last good round [wad], 0 before the first.
        stamp: Its stamp [unix seconds].
    """

    variances: tuple[int, int, int]
    cursor: int = 0
    price: int = 0
    stamp: int = 0

    @classmethod
    def start(cls, sigma_floor_bps: int, first: Round | None = None) -> Realised:
        """What a market starts from: vols at the floor and the newest round of its feed, if any."""
        sigma = sigma_floor_bps * 10**14
        variance = sigma * sigma // WAD
        state = cls((variance, variance, variance))
        if first is None:
            return state
        return replace(state, cursor=first.id, price=first.price, stamp=first.stamp)

    def add(self, reading: Round, half_lives: Sequence[int]) -> Realised:
        """After one round; a bad or older one only moves the cursor."""
        if reading.price == 0 or reading.stamp < self.stamp:
            return replace(self, cursor=reading.id)
        variances = self.variances
        if self.price != 0:
            variances = fold(variances, self.price, reading.price, reading.stamp - self.stamp, half_lives)
        return Realised(variances, reading.id, reading.price, reading.stamp)

    def add_all(self, readings: Iterable[Round], half_lives: Sequence[int]) -> Realised:
        """After many rounds, oldest first."""
        state = self
        for reading in readings:
            state = state.add(reading, half_lives)
        return state

    def sigma_now(self, sigma_floor_bps: int) -> int:
        """sigma_m without the ramp [wad]."""
        _, day, week = self.variances
        sigma = max(isqrt(max(day, week) * WAD), sigma_floor_bps * 10**14)
        return sigma // SIGMA_UNIT * SIGMA_UNIT

    def vol_ratio(self) -> int:
        """Fast over slow vol, at least 1 and at most 100 [wad]."""
        fast, _, week = self.variances
        if fast <= week:
            return WAD
        return min(isqrt(fast * WAD * WAD // week), MAX_RATIO) if week else MAX_RATIO

    def flat_target(self, flat_factor_bps: int) -> int:
        """Where the flat iv moves to: the 7-day vol times a factor [wad]."""
        target = isqrt(self.variances[2] * WAD) * flat_factor_bps * 10**14 // WAD
        return min(max(target, MIN_IV), MAX_IV) // FLAT_UNIT * FLAT_UNIT


def growth(ramp_bps: int, elapsed: int) -> int:
    """Factor by which a ramped number may rise over `elapsed` seconds, one hour's step at most [wad]."""
    ramp = ramp_bps * 10**14
    rise = (ramp - ramp * ramp // (2 * WAD)) * min(elapsed, 3600) // 3600
    return WAD + rise + rise * rise // (2 * WAD)


def ramp_sigma(stored: int, sigma_now: int, ramp_bps: int, elapsed: int) -> int:
    """Ramped sigma_m after `elapsed` seconds at an active price [wad]."""
    return min(sigma_now, stored * growth(ramp_bps, elapsed) // WAD) // SIGMA_UNIT * SIGMA_UNIT


def ramp_flat(stored: int, target: int, ramp_bps: int, elapsed: int) -> int:
    """Flat iv after `elapsed` seconds at an active price: both ways by the ramp at most [wad]."""
    factor = growth(ramp_bps, elapsed)
    flat = max(min(target, stored * factor // WAD), stored * WAD // factor)
    return flat // FLAT_UNIT * FLAT_UNIT


def read_answer(answer: int, decimals: int = 8) -> int:
    """A feed's answer in wad, 0 for one that the adapter refuses."""
    price = answer * 10 ** (18 - decimals)
    return price if 0 < price < 2**96 else 0
