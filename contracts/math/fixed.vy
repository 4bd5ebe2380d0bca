# pragma version 0.4.3
"""
@title Binary fixed point: exp, ln and square root
@license AGPL-3.0-only
@notice Numbers named "Q64" are integers of 2^-64. Nothing here reverts inside the stated ranges.
@dev Coefficients are generated and compared by benchmarks/generate_coefficients.py.
     exp: e^r = (p + r)/(p - r) with p(r^2) = r*coth(r/2), minimax on |r| <= ln(2)/2.
     ln:  2*atanh((a-b)/(a+b)), minimax on a/b in [1/sqrt(2), sqrt(2)], range reduction outside.
"""

ONE: constant(int256) = 2**64
LN2: constant(int256) = 12786308645202655660
LOG2E: constant(int256) = 26613026195688644983
SQRT2: constant(int256) = 26087635650665564425
HALF_SHIFTED: constant(int256) = 2**127

# --- generated: exp
EXP0: constant(int256) = 36893488147419103417
EXP1: constant(int256) = 3074457345618215595
EXP2: constant(int256) = -51240955757440341
EXP3: constant(int256) = 1220022674446895
EXP4: constant(int256) = -30499434104556
EXP5: constant(int256) = 762647609672
# --- generated: end

# --- generated: atanh
LN_0: constant(int256) = 36893488147419102871
LN_1: constant(int256) = 12297829382473620889
LN_2: constant(int256) = 7378697629205975140
LN_3: constant(int256) = 5270498365838088594
LN_4: constant(int256) = 4099269809928432862
LN_5: constant(int256) = 3354377423972711481
LN_6: constant(int256) = 2822635656547494758
LN_7: constant(int256) = 2750290554960777059
# --- generated: end


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
    @param x Exponent [Q64], at most 128 * 2^64; far below zero the result is 0.
    @return [Q64]
    """
    if x < -64 * ONE:
        return 0
    k: int256 = unsafe_add(unsafe_mul(x, LOG2E), HALF_SHIFTED) >> 128
    r: int256 = unsafe_sub(x, unsafe_mul(k, LN2))
    u: int256 = unsafe_mul(r, r) >> 64
    p: int256 = unsafe_add(unsafe_mul(EXP5, u) >> 64, EXP4)
    p = unsafe_add(unsafe_mul(p, u) >> 64, EXP3)
    p = unsafe_add(unsafe_mul(p, u) >> 64, EXP2)
    p = unsafe_add(unsafe_mul(p, u) >> 64, EXP1)
    p = unsafe_add(unsafe_mul(p, u) >> 64, EXP0)
    # e^r in Q96 keeps 32 guard bits for the shift by k
    e: int256 = unsafe_div(unsafe_add(p, r) << 96, unsafe_sub(p, r))
    if k < 32:
        return e >> convert(unsafe_sub(32, k), uint256)
    return e << convert(unsafe_sub(k, 32), uint256)


@internal
@pure
def _ln_ratio(a: int256, b: int256) -> int256:
    """
    @notice ln(a/b), absolute error below 2e-19 near a = b and 2e-18 far away.
    @param a Positive, below 2^128.
    @param b Positive, below 2^128.
    @return [Q64]
    """
    z: int256 = unsafe_div(unsafe_sub(a, b) << 64, unsafe_add(a, b))
    base: int256 = 0
    if z > 3165000000000000000 or z < -3165000000000000000:
        # outside 1/sqrt(2) .. sqrt(2): larger/smaller = 2^k * m with m in that range
        m: int256 = 0
        if a > b:
            m = unsafe_div(a << 64, b)
        else:
            m = unsafe_div(b << 64, a)
        k: uint256 = 0
        n: int256 = m >> 64
        if n >= 2**64:
            k = 64
            n = n >> 64
        if n >= 2**32:
            k = unsafe_add(k, 32)
            n = n >> 32
        if n >= 2**16:
            k = unsafe_add(k, 16)
            n = n >> 16
        if n >= 2**8:
            k = unsafe_add(k, 8)
            n = n >> 8
        if n >= 2**4:
            k = unsafe_add(k, 4)
            n = n >> 4
        if n >= 2**2:
            k = unsafe_add(k, 2)
            n = n >> 2
        if n >= 2:
            k = unsafe_add(k, 1)
        m = m >> k
        if m > SQRT2:
            m = m >> 1
            k = unsafe_add(k, 1)
        base = unsafe_mul(convert(k, int256), LN2)
        z = unsafe_div(unsafe_sub(m, ONE) << 64, unsafe_add(m, ONE))
        if a < b:
            base = -base
            z = -z
    u: int256 = unsafe_mul(z, z) >> 64
    p: int256 = unsafe_add(unsafe_mul(LN_7, u) >> 64, LN_6)
    p = unsafe_add(unsafe_mul(p, u) >> 64, LN_5)
    p = unsafe_add(unsafe_mul(p, u) >> 64, LN_4)
    p = unsafe_add(unsafe_mul(p, u) >> 64, LN_3)
    p = unsafe_add(unsafe_mul(p, u) >> 64, LN_2)
    p = unsafe_add(unsafe_mul(p, u) >> 64, LN_1)
    p = unsafe_add(unsafe_mul(p, u) >> 64, LN_0)
    return unsafe_add(base, unsafe_mul(p, z) >> 64)


@internal
@pure
def _sqrt_ratio(a: uint256, b: uint256) -> int256:
    """
    @notice sqrt(a/b), rounded down.
    @param a Below 2^127. @param b Positive.
    @return [Q64]
    """
    return convert(isqrt(unsafe_div(a << 128, b)), int256)
