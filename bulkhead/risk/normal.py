"""Exact-integer mirror of contracts/math/normal and phi_table: the normal law, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from bulkhead.risk.coefficients import (
    CHEBYSHEV,
    CHEBYSHEV_NODES,
    EXP,
    INVERSE_SQRT_2PI,
    LN2,
    LOG2E,
    MILLS_P,
    MILLS_Q,
)
from bulkhead.risk.fixed import ONE, horner

LIMIT = 9 * ONE

#: P and Q in the two 128-bit lanes of a word, and the mask that keeps them apart.
_MILLS = tuple(p << 128 | q for p, q in zip(MILLS_P, MILLS_Q, strict=True))
_LANES = (2**256 - 1) ^ (2**56 - 1 << 72)

CELLS_PER_UNIT = 20
CELLS = 12 * CELLS_PER_UNIT
CENTRE = CELLS << 95
PHI_ONE = 2**38


def density(x: int) -> int:
    """phi(x) [Q64]."""
    if x * x >= LIMIT * LIMIT:
        return 0
    y = x * x >> 65
    k = (y * LOG2E + 2**127) >> 128
    y -= k * LN2
    p = horner(EXP, y * y >> 64)
    return (p - y) * INVERSE_SQRT_2PI // (p + y) >> k


def mills(x: int) -> int:
    """Phi(-x)/phi(x) [Q64] for x >= 0."""
    y = x >> 8 if x < LIMIT else 9 * 2**56 - 1
    w = _MILLS[-1]
    for c in _MILLS[-2:0:-1]:
        w = (w * y >> 56 & _LANES) + c
    w = (w * y >> 56) + _MILLS[0]
    return (w >> 64) // (w & 2**72 - 1)


def _signed_256(word: int) -> int:
    word &= 2**256 - 1
    return word - 2**256 if word >> 255 else word


@cache
def phi_table() -> tuple[tuple[int, int, int, int], ...]:
    """Phi as 240 packed cubics (math/phi_table), each word already shifted the four ways a cubic needs."""

    def below(x: int) -> int:
        return density(x) * mills(-x) >> 64

    def cubic(values: Sequence[int]) -> int:
        word = 0
        for row, bits in zip(CHEBYSHEV, (23, 28, 34, 40), strict=True):
            coefficient = sum(c * v for c, v in zip(row, values, strict=True)) >> 90
            word = word << bits | coefficient & 2**bits - 1
        return word << 3

    lower, upper = [], []
    for i in range(CELLS // 2):
        left = i * ONE // CELLS_PER_UNIT - 6 * ONE
        values = [below(left + t // CELLS_PER_UNIT) for t in CHEBYSHEV_NODES]
        lower.append(cubic(values))
        upper.append(cubic([ONE - v for v in reversed(values)]))
    cells = lower + upper[::-1]
    words = []
    for i, cell in enumerate(cells):
        # an odd cell shares its word with the even one before, below it: noise
        word = cell << 128 | cells[i + 1] if i % 2 == 0 else cell << 128
        words.append(
            (
                _signed_256(word) >> 101,
                _signed_256(word << 23),
                _signed_256(word << 51),
                _signed_256(word << 85),
            )
        )
    return tuple(words)


def phi_38(d: int) -> int:
    """Phi [2^-38] as scenarios see it; d in table cells from -6 [2^-96]."""
    if d < 0:
        return 0
    if d >= CELLS << 96:
        return PHI_ONE
    top, second, third, fourth = phi_table()[d >> 96]
    t = d & 2**96 - 1
    return ((((top * t + second) >> 102) * t + third >> 102) * t + fourth) >> 216


def call_38(base: int, strike: int, log_ratio: int, total_vol: int) -> int:
    """Black-76 call as scenarios see it [wad * 2^-38]; no total vol gives the intrinsic value (phi_table._call)."""
    if total_vol == 0:
        return max(base - strike, 0) << 38
    width = total_vol * CELLS_PER_UNIT << 32
    d = log_ratio * ((CELLS_PER_UNIT << 96) // total_vol) + (width >> 1) + CENTRE
    return base * phi_38(d) - strike * phi_38(d - width)
