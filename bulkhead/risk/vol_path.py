"""Realised vols along a price history as the adapter has them on chain, in floats: fast enough for years of prices.

`volatility.Realised` is the adapter to the unit, one round at a time; this is the same arithmetic over arrays. Returns
are taken between whole ten minutes of the clock and count at most 20 %, the four half-lives are the market's, sigma_m
and the anchors of the fallback surface move by their ramp, recorded at every instant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bulkhead.risk import volatility
from bulkhead.risk.scales import YEAR
from bulkhead.risk.volatility import GROWN, INSTANT, YOUNG, OracleWord

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: A return between two instants counts at most this.
MOST_RETURN = 0.2


@dataclass(frozen=True)
class VolPath:
    """One entry for each whole ten minutes, or for other moments (`through`).

    Attributes:
        at: The instants [unix seconds].
        price: In force then [quote].
        ratio: Fast over week vol, at least 1.
        realised: The larger of the day's and the week's vol.
        week: 7-day vol, ramped: where the fallback surface begins.
        long: 60-day vol, ramped: where it ends.
        word: Parameters of the market.
    """

    at: Ints
    price: Floats
    ratio: Floats
    realised: Floats
    week: Floats
    long: Floats
    word: OracleWord

    @classmethod
    def of(cls, at: ArrayLike, price: ArrayLike, word: OracleWord | None = None, vol: float = 0.0) -> VolPath:
        """The path of a feed.

        Args:
            at: Stamps of its rounds, rising [unix seconds].
            price: Their answers [quote].
            word: Parameters of the market; the defaults if left out.
            vol: That all vols start from; the floor of sigma_m if left out.

        Raises:
            ValueError: A history that does not rise, or with a price that is none.
        """
        stamps, answers = np.asarray(at, np.int64), np.asarray(price, np.float64)
        if len(stamps) < 2 or not (np.diff(stamps) > 0).all():
            raise ValueError("Stamps do not rise.")
        if not (answers > 0).all():
            raise ValueError("A price is not positive.")
        terms = word or OracleWord()
        instants = np.arange(-(-stamps[0] // INSTANT), stamps[-1] // INSTANT + 1) * INSTANT
        seen = answers[np.searchsorted(stamps, instants, "right") - 1]
        moves = np.abs(np.diff(np.log(seen), prepend=np.log(seen[0])))
        power = np.minimum(moves, MOST_RETURN) ** 2 * (YEAR / INSTANT)
        first = (vol or terms.sigma_floor_bps / 1e4) ** 2
        fast, day, week = (_mean(power, np.full(len(power), 2.0 ** (-INSTANT / h)), first) for h in terms.half_lives)
        long = np.sqrt(_mean(power, _left_of_long(instants - instants[0]), first))
        ratio = np.sqrt(np.maximum(fast / week, 1.0))
        start = float(np.sqrt(first))
        grown = volatility.growth(terms.ramp_bps, INSTANT) / 1e18
        return cls(
            instants,
            seen,
            ratio,
            np.sqrt(np.maximum(day, week)),
            _ramped(np.sqrt(week), grown, start, True),
            _ramped(long, grown, start, True),
            terms,
        )

    def __len__(self) -> int:
        return len(self.at)

    def sigma(self, share: float | None = None, stress: float | None = None) -> Floats:
        """Ramped sigma_m.

        Args:
            share: Of the stress vol; the market's if left out.
            stress: That vol; the market's if left out.
        """
        floor = self.word.sigma_floor_bps / 1e4
        part = self.word.stress_share_bps / 1e4 if share is None else share
        level = self.word.stress_vol_bps / 1e4 if stress is None else stress
        now = np.maximum((1 - part) * np.maximum(self.realised, floor) + part * level, floor)
        return _ramped(now, volatility.growth(self.word.ramp_bps, INSTANT) / 1e18, float(now[0]), False)

    def index(self, times: ArrayLike) -> Ints:
        """Entries in force at some times, which lie within the path."""
        return np.asarray(np.searchsorted(self.at, np.asarray(times, np.int64), "right") - 1, np.int64)

    def through(self, at: Ints, price: Floats) -> VolPath:
        """The path at other moments, with the prices in force then and the vols of the last instant."""
        entries = self.index(at)
        ratio, realised, week, long = (x[entries] for x in (self.ratio, self.realised, self.week, self.long))
        return VolPath(at, price, ratio, realised, week, long, self.word)

    def iv(self, entries: Ints, seconds: ArrayLike) -> Floats:
        """Vol of the fallback surface at some entries, for a time to expiry [seconds]."""
        left = np.broadcast_to(np.asarray(seconds, np.float64), np.shape(entries))
        factor = self.word.flat_factor_bps / 1e4
        return volatility.fallback_iv_float(self.week[entries], self.long[entries], left, factor)


def _left_of_long(age: Ints) -> Floats:
    """What an instant that ends at some age leaves of the long variance: half-lives grow with the market's age."""
    before = np.maximum(age - INSTANT, 0)
    passed = (np.minimum(age, YOUNG) - np.minimum(before, YOUNG)) / YOUNG
    passed += np.log(np.clip(age, YOUNG, GROWN) / np.clip(before, YOUNG, GROWN))
    passed += (np.maximum(age, GROWN) - np.maximum(before, GROWN)) / GROWN
    return np.asarray(2.0**-passed, np.float64)


def _mean(power: Floats, left: Floats, first: float) -> Floats:
    """An exponentially weighted mean, `left` being what each step leaves of the one before."""
    out = np.empty(len(power))
    variance = first
    left[0] = 1.0  # the first instant is where the market starts
    for i, (added, kept) in enumerate(zip(power.tolist(), left.tolist(), strict=True)):
        variance = variance * kept + added * (1 - kept)
        out[i] = variance
    return out


def _ramped(target: Floats, grown: float, first: float, falls_slowly: bool) -> Floats:
    """A number that rises by a factor a step at most, and falls by it where it may not fall at once."""
    out = np.empty(len(target))
    value = first
    for i, wanted in enumerate(target.tolist()):
        if wanted >= value:
            value = min(wanted, value * grown)
        else:
            value = max(wanted, value / grown) if falls_slowly else wanted
        out[i] = value
    return out
