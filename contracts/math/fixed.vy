# pragma version 0.4.3
"""
@title Binary fixed point: exp, ln and square root
@license AGPL-3.0-only
@notice Numbers named "Q64" are integers of 2^-64. Nothing here reverts inside the stated ranges.
@dev Coefficients are generated and compared by scripts.generate_coefficients.
     exp: e^r = (p + r)/(p - r) with p(r^2) = r*coth(r/2), minimax on |r| <= ln(2)/2.
     ln:  2*atanh((a-b)/(a+b)), minimax on a/b in [1/sqrt(2), sqrt(2)], range reduction outside.
"""
from contracts.math import scales

ONE: constant(int256) = scales.SIGNED_Q64
NEAR: constant(int256) = 3165000000000000000**2  # z^2 [Q128] of a/b just beyond sqrt(2)
HALF_SHIFTED: constant(int256) = 2**127

# generated: begin constants by python -m scripts.generate_coefficients
LN2: constant(int256) = 12786308645202655660
LOG2E: constant(int256) = 26613026195688644983
SQRT2: constant(int256) = 26087635650665564425
# generated: end constants

# generated: begin exp by python -m scripts.generate_coefficients
EXP0: constant(int256) = 36893488147419103417
EXP1: constant(int256) = 3074457345618215595
EXP2: constant(int256) = -51240955757440341
EXP3: constant(int256) = 1220022674446895
EXP4: constant(int256) = -30499434104556
EXP5: constant(int256) = 762647609672
# generated: end exp

# the same to 3e-13, for scenario moves
# generated: begin move by python -m scripts.generate_coefficients
MOVE0: constant(int256) = 36893488147641014929
MOVE1: constant(int256) = 3074457320958591023
MOVE2: constant(int256) = -51240216559455082
MOVE3: constant(int256) = 1211811084649997
# generated: end move

# generated: begin atanh by python -m scripts.generate_coefficients
LN_0: constant(int256) = 36893488147419151523
LN_1: constant(int256) = 12297829382412031585
LN_2: constant(int256) = 7378697651767443077
LN_3: constant(int256) = 5270494720983957355
LN_4: constant(int256) = 4099572126021550373
LN_5: constant(int256) = 3340947180099205953
LN_6: constant(int256) = 3126504021280796684
# generated: end atanh


@internal
@pure
def _signed(word: uint256) -> int256:
    # reinterprets; `convert(uint256, int256)` would clamp
    return convert(convert(word, bytes32), int256)


@internal
@pure
def _unsigned(number: int256) -> uint256:
    return convert(convert(number, bytes32), uint256)


@internal
@pure
def _exp(x: int256) -> int256:
    """
    @notice e^x, relative error below 1e-18 for |x| < 30.
    @param x Exponent [Q64], at most 77 * 2^64; far below zero the result is 0.
    @return [Q64]
    """
    if x < -64 * ONE:
        return 0
    k: int256 = unsafe_add(unsafe_mul(x, LOG2E), HALF_SHIFTED) >> 128
    r: int256 = unsafe_sub(x, unsafe_mul(k, LN2))
    u: int256 = unsafe_mul(r, r) >> 64
    u = (
        unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
        unsafe_add(unsafe_mul(
            EXP5, u) >> 64, EXP4), u) >> 64, EXP3), u) >> 64, EXP2), u) >> 64, EXP1), u) >> 64, EXP0)
    )
    # e^r in Q176 keeps 112 guard bits for the shift by k
    return unsafe_div(unsafe_add(u, r) << 176, unsafe_sub(u, r)) >> self._unsigned(unsafe_sub(112, k))


@internal
@pure
def _ln_ratio(a: int256, b: int256) -> int256:
    """
    @notice ln(a/b), absolute error below 4e-17.
    @param a Positive, below 2^128.
    @param b Positive, below 2^128.
    @return [Q64]
    """
    z: int256 = unsafe_div(unsafe_sub(a, b) << 64, unsafe_add(a, b))
    base: int256 = 0
    u: int256 = unsafe_mul(z, z)
    if u > NEAR:
        # outside 1/sqrt(2) .. sqrt(2): larger/smaller = 2^k * m with m in that range
        m: int256 = 0
        if a > b:
            m = unsafe_div(a << 64, b)
        else:
            m = unsafe_div(b << 64, a)
        n: uint256 = self._unsigned(m) >> 64
        k: uint256 = 0
        if n >= 2**16:
            k = convert(n >= 2**64, uint256) << 6
            k = k | (convert((n >> k) >= 2**32, uint256) << 5)
            k = k | (convert((n >> k) >= 2**16, uint256) << 4)
        k = k | (convert((n >> k) >= 2**8, uint256) << 3)
        k = k | (convert((n >> k) >= 2**4, uint256) << 2)
        k = k | (convert((n >> k) >= 2**2, uint256) << 1)
        k = k | convert((n >> k) >= 2, uint256)
        m = m >> k
        if m > SQRT2:
            m = m >> 1
            k = unsafe_add(k, 1)
        base = unsafe_mul(self._signed(k), LN2)
        z = unsafe_div(unsafe_sub(m, ONE) << 64, unsafe_add(m, ONE))
        if a < b:
            base = unsafe_sub(0, base)
            z = unsafe_sub(0, z)
        u = unsafe_mul(z, z)
    u = u >> 64
    u = (
        unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
        unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
            LN_6, u) >> 64, LN_5), u) >> 64, LN_4), u) >> 64, LN_3), u) >> 64, LN_2), u) >> 64, LN_1), u) >>
            64, LN_0)
    )
    return unsafe_add(base, unsafe_mul(u, z) >> 64)


@internal
@pure
def _sqrt_ratio(a: uint256, b: uint256) -> int256:
    """
    @notice sqrt(a/b), relative error below 2^-63.
    @dev A linear seed within 13 % after three comparisons, then Newton: errors 7e-3, 3e-5, 3e-10, 4e-20.
    @param a Below 2^64.
    @param b Positive, a/b below 2^6 and above 2^-25 (or a = 0).
    @return [Q64]
    """
    n: uint256 = unsafe_div(a << 128, b)
    if n == 0:
        return 0
    # n = 4^k * y * 2^102 with y in 1 .. 16, and sqrt(y) is about (7*y + 29)/32
    k: uint256 = convert(n >= 2**118, uint256) << 3
    k = k | (convert((n >> (k << 1)) >= 2**110, uint256) << 2)
    k = k | (convert((n >> (k << 1)) >= 2**106, uint256) << 1)
    r: uint256 = unsafe_add(unsafe_mul(n >> unsafe_add(k, 56), 7), (29 * 2**46) << k)
    r = unsafe_add(r, unsafe_div(n, r)) >> 1
    r = unsafe_add(r, unsafe_div(n, r)) >> 1
    r = unsafe_add(r, unsafe_div(n, r)) >> 1
    return convert(convert(unsafe_add(r, unsafe_div(n, r)) >> 1, bytes32), int256)
