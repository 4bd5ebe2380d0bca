"""Raw SVI, twice: the exact integers of contracts/math/svi and oracle/svi_slice, and floats for fitting and plots.

w(k) = a + b*(rho*(k - m) + sqrt((k - m)^2 + sigma^2)),  k = ln(K/F),  w = iv^2 * tau
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from bulkhead.risk.fixed import ONE, divide, ln_ratio, sqrt_ratio
from bulkhead.risk.scales import NANO, WAD, YEAR

Floats = NDArray[np.float64]

PICO = 10**12
MAX_A = 2**55 - 1
MAX_B = 2**56 - 1
LANE = 2**64 - 1
#: iv^2 [Q64] of 1 % and of just below 800 %.
LEAST = 2**64 // 10**4
MOST = 2**70 - 1

_FIELDS = (
    ("a", 0, 56, True),
    ("b", 56, 56, False),
    ("rho", 112, 32, True),
    ("m", 144, 40, True),
    ("sigma", 184, 40, False),
)


@dataclass(frozen=True)
class SviSlice:
    """The smile of one expiry, in the integers of its word.

    Attributes:
        a: Level [1e-12 total variance].
        b: Slope [1e-12 total variance].
        rho: Skew [1e-9].
        m: Centre [1e-9 log-moneyness].
        sigma: Width [1e-9 log-moneyness].
    """

    a: int
    b: int
    rho: int
    m: int
    sigma: int

    @classmethod
    def from_floats(cls, a: float, b: float, rho: float, m: float, sigma: float) -> SviSlice:
        """Rounds natural numbers to the word's units."""
        return cls(
            *(
                round(Decimal(float(value)) * unit)
                for value, unit in ((a, PICO), (b, PICO), (rho, NANO), (m, NANO), (sigma, NANO))
            )
        )

    def floats(self) -> tuple[float, float, float, float, float]:
        """(a, b, rho, m, sigma) as natural numbers."""
        return self.a / PICO, self.b / PICO, self.rho / NANO, self.m / NANO, self.sigma / NANO

    def pack(self) -> int:
        """The slice word.

        Raises:
            ValueError: A number does not fit its field.
        """
        word = 0
        for name, at, bits, is_signed in _FIELDS:
            value: int = getattr(self, name)
            low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if is_signed else (0, 2**bits)
            if not low <= value < high:
                raise ValueError(f"{name} of an SVI slice does not fit its {bits} bits")
            word |= (value & (2**bits - 1)) << at
        return word

    @classmethod
    def unpack(cls, word: int) -> SviSlice:
        """Reads a slice word; bits above the layout are ignored."""
        values = []
        for _, at, bits, is_signed in _FIELDS:
            value = word >> at & (2**bits - 1)
            values.append(value - 2**bits if is_signed and value >> (bits - 1) else value)
        return cls(*values)


def distance(x: int, s: int) -> int:
    """sqrt(x^2 + s^2) (svi._distance)."""
    n = x * x + s * s
    r = max(abs(x), s) + (min(abs(x), s) * 3 >> 3)
    for _ in range(4):
        r = (r + divide(n, r)) >> 1
    return r


def total_variance(slice_: SviSlice, k: int) -> int:
    """w(k) [Q64] of k = ln(K/F) [Q64] (svi._total_variance)."""
    x = k - divide(slice_.m << 64, NANO)
    inner = slice_.rho * x + NANO * distance(x, divide(slice_.sigma << 64, NANO))
    return max(divide((slice_.a * NANO << 64) + slice_.b * inner, PICO * NANO), 0)


def density(slice_: SviSlice, k: int) -> tuple[int, int]:
    """w(k) and Durrleman's g(k) [Q64]; g >= 0 is no butterfly arbitrage (svi._density)."""
    x = k - divide(slice_.m << 64, NANO)
    s = divide(slice_.sigma << 64, NANO)
    r = distance(x, s)
    w = divide((slice_.a * NANO << 64) + slice_.b * (slice_.rho * x + NANO * r), PICO * NANO)
    if w <= 0:
        return 0, -1
    slope = divide(slice_.b * divide((slice_.rho * r + NANO * x) << 64, r), PICO * NANO)
    u = divide(s << 64, r)
    bend = divide(slice_.b * (u * u >> 64) << 64, r * PICO)
    tilt = ONE - divide(k * slope, 2 * w)
    g = (tilt * tilt >> 64) + (bend >> 1) - ((slope * slope >> 64) * (divide(ONE << 64, w) + (ONE >> 2)) >> 66)
    return w, g


def scale(word: int, numerator: int, denominator: int) -> int:
    """The slice word with total variance times numerator/denominator (svi_slice._scale)."""
    part = SviSlice.unpack(word)
    a = min(max(divide(part.a * numerator, denominator), -MAX_A), MAX_A)
    b = min(divide(part.b * numerator, denominator), MAX_B)
    return SviSlice(a, b, part.rho, part.m, part.sigma).pack()


@dataclass(frozen=True)
class Mix:
    """The SURFACE_WEIGHT word of a snapshot.

    Attributes:
        weight: Weight of the far slice in total variance [wad].
        fade: Share of the flat iv in variance, 0 while the surface is live [wad].
        flat: Flat iv [wad]; only there while it fades.
    """

    weight: int = 0
    fade: int = 0
    flat: int = 0

    def pack(self) -> int:
        """The mix word."""
        return self.weight | self.fade << 64 | self.flat << 128

    @classmethod
    def unpack(cls, word: int) -> Mix:
        """Reads a mix word."""
        return cls(word & LANE, word >> 64 & LANE, word >> 128 & LANE)


def iv(near: int, far: int, mix: int, k: int, seconds: int) -> int:
    """Implied vol [wad] at k = ln(K/F) [Q64], from the surface words of a snapshot (svi_slice._iv)."""
    parts = Mix.unpack(mix)
    variance = total_variance(SviSlice.unpack(near), k)
    if parts.weight:
        variance += divide((total_variance(SviSlice.unpack(far), k) - variance) * parts.weight, WAD)
    variance = divide(variance * YEAR, seconds)
    if parts.fade:
        variance += divide((divide(parts.flat * parts.flat << 64, WAD * WAD) - variance) * parts.fade, WAD)
    variance = min(max(variance, LEAST), MOST)
    return sqrt_ratio(variance, ONE) * WAD >> 64


def iv_at(near: int, far: int, mix: int, strike: int, forward: int, seconds: int) -> int:
    """Implied vol [wad] at a strike, both in one unit."""
    return iv(near, far, mix, ln_ratio(strike, forward), seconds)


def total_variance_float(parameters: Sequence[float] | Floats, k: Floats | float) -> Floats:
    """w(k) of natural numbers (a, b, rho, m, sigma); for arrays of slices give columns and k of matching shape."""
    a, b, rho, m, sigma = parameters
    x = np.asarray(k, dtype=np.float64) - m
    return np.asarray(a + b * (rho * x + np.sqrt(x * x + sigma * sigma)), dtype=np.float64)


def iv_float(near: int, far: int, mix: int, k: Floats | float, seconds: float) -> Floats:
    """Implied vol (1.0 = 100 %) over an array of k = ln(K/F), from the surface words of a snapshot."""
    parts = Mix.unpack(mix)
    weight, fade = parts.weight / WAD, parts.fade / WAD
    variance = np.maximum(total_variance_float(SviSlice.unpack(near).floats(), k), 0.0)
    if weight:
        variance = variance + weight * (
            np.maximum(total_variance_float(SviSlice.unpack(far).floats(), k), 0.0) - variance
        )
    variance = variance * (YEAR / seconds)
    if fade:
        variance = variance + fade * ((parts.flat / WAD) ** 2 - variance)
    return np.asarray(np.sqrt(np.clip(variance, LEAST / ONE, MOST / ONE)), dtype=np.float64)
