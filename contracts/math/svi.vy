# pragma version 0.4.3
"""
@title Raw SVI: total variance of one expiry as a function of log-moneyness
@license AGPL-3.0-only
@notice w(k) = a + b*(rho*(k - m) + sqrt((k - m)^2 + sigma^2)), five numbers per expiry (Gatheral 2004). Nothing here
        reverts inside the stated ranges. bulkhead/risk/svi.py is the same arithmetic in Python, to the unit.
"""
from contracts.math import scales

ONE: constant(int256) = scales.SIGNED_Q64
PICO: constant(int256) = 10**12
UNIT: constant(int256) = 10**21  # 1e-12 of a and b times 1e-9 of rho


@internal
@pure
def _distance(x: int256, s: int256) -> int256:
    """
    @notice sqrt(x^2 + s^2), relative error below 1e-19.
    @dev The seed max + 3/8 min is within 7 %, then Newton: errors 3e-3, 3e-6, 3e-12, 4e-24.
    @param x Any sign, below 2^80 in size.
    @param s Positive, below 2^80.
    @return Same unit.
    """
    size: int256 = abs(x)
    n: int256 = unsafe_add(unsafe_mul(x, x), unsafe_mul(s, s))
    r: int256 = unsafe_add(max(size, s), unsafe_mul(min(size, s), 3) >> 3)
    r = unsafe_add(r, unsafe_div(n, r)) >> 1
    r = unsafe_add(r, unsafe_div(n, r)) >> 1
    r = unsafe_add(r, unsafe_div(n, r)) >> 1
    return unsafe_add(r, unsafe_div(n, r)) >> 1


@internal
@pure
def _total_variance(a: int256, b: int256, rho: int256, m: int256, sigma: int256, k: int256) -> int256:
    """
    @notice w(k), at least 0, error below 1e-15 for parameters within the bounds of VolSurface.
    @param a Level, below 2^56 in size [1e-12].
    @param b Slope, 0 to 2^56 [1e-12].
    @param rho Skew, -1e9 to 1e9 [1e-9].
    @param m Centre, below 2^40 in size [1e-9].
    @param sigma Width, 1 to 2^40 [1e-9].
    @param k Log-moneyness ln(K/F), below 2^72 in size [Q64].
    @return [Q64]
    """
    x: int256 = unsafe_sub(k, unsafe_div(m << 64, scales.SIGNED_NANO))
    inner: int256 = unsafe_add(
        unsafe_mul(rho, x), unsafe_mul(scales.SIGNED_NANO, self._distance(x, unsafe_div(sigma << 64, scales.SIGNED_NANO)))
    )
    return max(unsafe_div(unsafe_add(unsafe_mul(a, scales.SIGNED_NANO) << 64, unsafe_mul(b, inner)), UNIT), 0)


@internal
@pure
def _density(
    a: int256, b: int256, rho: int256, m: int256, sigma: int256, k: int256
) -> (int256, int256):
    """
    @notice w(k) and Durrleman's g(k), whose sign is that of the risk-neutral density: g >= 0 is no butterfly arbitrage.
            g = (1 - k*w'/(2*w))^2 - w'^2/4*(1/w + 1/4) + w''/2 (Gatheral and Jacquier 2014, 2.1).
    @dev Parameters as in `_total_variance`; b*(1 + |rho|) at most 4.
    @return (w [Q64], g [Q64]; g is -1 where w is 0).
    """
    x: int256 = unsafe_sub(k, unsafe_div(m << 64, scales.SIGNED_NANO))
    s: int256 = unsafe_div(sigma << 64, scales.SIGNED_NANO)
    r: int256 = self._distance(x, s)
    inner: int256 = unsafe_add(unsafe_mul(rho, x), unsafe_mul(scales.SIGNED_NANO, r))
    w: int256 = unsafe_div(unsafe_add(unsafe_mul(a, scales.SIGNED_NANO) << 64, unsafe_mul(b, inner)), UNIT)
    if w <= 0:
        return 0, -1
    slope: int256 = unsafe_div(
        unsafe_mul(b, unsafe_div(unsafe_add(unsafe_mul(rho, r), unsafe_mul(scales.SIGNED_NANO, x)) << 64, r)), UNIT
    )
    u: int256 = unsafe_div(s << 64, r)
    bend: int256 = unsafe_div(unsafe_mul(b, unsafe_mul(u, u) >> 64) << 64, unsafe_mul(r, PICO))
    tilt: int256 = unsafe_sub(ONE, unsafe_div(unsafe_mul(k, slope), unsafe_mul(w, 2)))
    g: int256 = unsafe_sub(
        unsafe_add(unsafe_mul(tilt, tilt) >> 64, bend >> 1),
        unsafe_mul(unsafe_mul(slope, slope) >> 64, unsafe_add(unsafe_div(ONE << 64, w), ONE >> 2)) >> 66,
    )
    return w, g
