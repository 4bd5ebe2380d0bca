# pragma version 0.4.3
"""
@title Realised volatility: time-weighted EWMAs of squared log-returns
@license AGPL-3.0-only
@notice Three annualised variances (half-lives of about 6 h, 24 h and 7 d) share one word, 85 bits each, in wad.
        One return r over a time t moves each of them to
            v' = v*d + r^2*(year/t)*(1 - d),   d = 2^(-t/half_life),
        which for two rounds in one second (t = 0) is its limit v + r^2*year*ln(2)/half_life.
@dev bulkhead/risk/volatility.py is the same arithmetic in Python, to the unit.
"""

from contracts.math import fixed
from contracts.oracle import oracle_word

ONE: constant(uint256) = 2**64
LN2: constant(uint256) = 12786308645202655660  # [Q64]
WAD: constant(uint256) = 10**18
YEAR: constant(uint256) = 365 * 86400

# a single return counts at most 10 %: what one bad round can do is bounded, a real feed's rounds stay far below
MAX_RETURN: constant(int256) = 2**64 // 10  # [Q64]
MAX_VARIANCE: constant(uint256) = 100 * 10**18  # vol of 1000 %
LANE: constant(uint256) = 2**85 - 1


@internal
@pure
def _pack(fast: uint256, day: uint256, week: uint256) -> uint256:
    return fast | (day << 85) | (week << 170)


@internal
@pure
def _fast(variances: uint256) -> uint256:
    return variances & LANE


@internal
@pure
def _day(variances: uint256) -> uint256:
    return (variances >> 85) & LANE


@internal
@pure
def _week(variances: uint256) -> uint256:
    return variances >> 170


@internal
@pure
def _fold(variances: uint256, old_price: uint256, new_price: uint256, elapsed: uint256, word: uint256) -> uint256:
    """
    @notice The three variances after one more return.
    @param variances Packed variances. @param old_price Price before, positive, below 2^96 [any unit].
    @param new_price Price after, same unit. @param elapsed Time between them, below 2^40 [seconds].
    @param word Packed oracle parameters.
    """
    log_return: int256 = fixed._ln_ratio(convert(new_price, int256), convert(old_price, int256))
    size: uint256 = convert(min(abs(log_return), MAX_RETURN), uint256)
    # r^2 * year [wad, Q64]
    power: uint256 = unsafe_mul(unsafe_mul(unsafe_mul(size, size), YEAR) >> 64, WAD)
    return self._pack(
        self._step(self._fast(variances), power, elapsed, oracle_word._half_life_fast(word)),
        self._step(self._day(variances), power, elapsed, oracle_word._half_life_day(word)),
        self._step(self._week(variances), power, elapsed, oracle_word._half_life_week(word)),
    )


@internal
@pure
def _step(variance: uint256, power: uint256, elapsed: uint256, half_life: uint256) -> uint256:
    if elapsed == 0:
        rise: uint256 = unsafe_mul(power, unsafe_div(LN2, half_life)) >> 128
        return min(unsafe_add(variance, rise), MAX_VARIANCE)
    decay: uint256 = convert(
        fixed._exp(-convert(unsafe_div(unsafe_mul(LN2, elapsed), half_life), int256)), uint256
    )
    kept: uint256 = unsafe_mul(variance, decay) >> 64
    added: uint256 = unsafe_mul(unsafe_div(power, elapsed), unsafe_sub(ONE, decay)) >> 128
    return min(unsafe_add(kept, added), MAX_VARIANCE)
