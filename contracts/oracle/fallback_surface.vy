# pragma version 0.4.3
"""
@title The surface of a market that nobody publishes one for
@license AGPL-3.0-only
@notice One vol for every strike of an expiry, from the 7-day and the 60-day vol of the market:
            vol(tau) = factor * sqrt(long^2 + (week^2 - long^2)*(1 - e^-x)/x),   x = tau / 8 days.
        That is the mean of a variance that reverts to its long value with a time constant of 8 days: total variance rises
        with tau, and a crash does not mark a two-month option at the vol of the crash.
@dev When both anchors move by at most a ramp, so does every vol: its square lies between theirs.
     bulkhead/risk/volatility.py is the same arithmetic in Python, to the unit.
"""

from contracts.math import fixed
from contracts.math import scales

ONE: constant(uint256) = scales.Q64
WAD: constant(uint256) = scales.WAD
REVERSION: constant(uint256) = 8 * 86400
MIN_IV: constant(uint256) = 10**16
MAX_IV: constant(uint256) = 10**19
MAX_SECONDS: constant(uint256) = 2**40


@internal
@pure
def _iv(week: uint256, long: uint256, seconds: uint256, factor: uint256) -> uint256:
    """
    @notice The fallback surface's vol, between 1 % and 1000 % [wad].
    @param week 7-day vol, ramped, at most 1000 % [wad].
    @param long 60-day vol, ramped, at most 1000 % [wad].
    @param seconds Time to expiry; what is beyond 2^40 counts as that.
    @param factor Of the market's parameters, at most 1000 % [wad].
    """
    share: uint256 = ONE
    x: uint256 = unsafe_div(min(seconds, MAX_SECONDS) << 64, REVERSION)
    if x != 0:
        # (1 - e^-x)/x; e^-x is exact to 2^-60, so rounding may carry it a hair beyond 1
        left: uint256 = convert(fixed._exp(unsafe_sub(0, convert(x, int256))), uint256)
        share = min(unsafe_div(unsafe_sub(ONE, min(left, ONE)) << 64, x), ONE)
    square: uint256 = unsafe_add(
        unsafe_mul(unsafe_mul(week, week), share),
        unsafe_mul(unsafe_mul(long, long), unsafe_sub(ONE, share)),
    ) >> 64
    return min(max(unsafe_div(unsafe_mul(isqrt(square), factor), WAD), MIN_IV), MAX_IV)
