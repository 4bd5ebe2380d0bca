"""Exact-integer mirror of contracts/math/fixed: exp, ln and square root in Q64, bit for bit.

`divide` truncates towards zero like the EVM's SDIV and gives 0 for a zero divisor; `>>` rounds down like SAR.
"""

from __future__ import annotations

from collections.abc import Sequence

from bulkhead.risk.coefficients import ATANH, EXP, LN2, LOG2E, SQRT2
from bulkhead.risk.scales import Q64

ONE = Q64
NEAR = 3165000000000000000**2


def divide(a: int, b: int) -> int:
    """a/b, truncated towards zero; 0 when b is 0."""
    if b == 0:
        return 0
    quotient = abs(a) // abs(b)
    return quotient if (a >= 0) == (b > 0) else -quotient


def horner(coefficients: Sequence[int], x: int) -> int:
    """Polynomial [Q64] at x [Q64], lowest coefficient first."""
    value = coefficients[-1]
    for c in coefficients[-2::-1]:
        value = (value * x >> 64) + c
    return value


def exp_q64(x: int, coefficients: Sequence[int] = EXP) -> int:
    """e^x [Q64] of x [Q64]; scenario moves use the shorter polynomial `MOVE`."""
    if x < -64 * ONE:
        return 0
    k = (x * LOG2E + 2**127) >> 128
    r = x - k * LN2
    p = horner(coefficients, r * r >> 64)
    return ((p + r) << 176) // (p - r) >> (112 - k)


def ln_ratio(a: int, b: int) -> int:
    """ln(a/b) [Q64] of positive a and b."""
    z = divide((a - b) << 64, a + b)
    base = 0
    if z * z > NEAR:
        m = (a << 64) // b if a > b else (b << 64) // a
        k = (m >> 64).bit_length() - 1
        m >>= k
        if m > SQRT2:
            m >>= 1
            k += 1
        base = k * LN2
        z = divide((m - ONE) << 64, m + ONE)
        if a < b:
            base, z = -base, -z
    return base + (horner(ATANH, z * z >> 64) * z >> 64)


def sqrt_ratio(a: int, b: int) -> int:
    """sqrt(a/b) [Q64] for a/b within 2^-25 .. 2^6, or a = 0."""
    n = (a << 128) // b
    if n == 0:
        return 0
    k = (n >= 2**118) << 3
    k |= (n >> 2 * k >= 2**110) << 2
    k |= (n >> 2 * k >= 2**106) << 1
    r = (n >> k + 56) * 7 + ((29 * 2**46) << k)
    for _ in range(4):
        r = (r + n // r) >> 1
    return r
