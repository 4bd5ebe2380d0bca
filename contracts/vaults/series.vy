# pragma version 0.4.3
"""
@title Which series may gain open interest
@license AGPL-3.0-only
@notice Series are not registered: a series may be opened when its expiry lies on the grid, its strike on the tick and
        near spot, and the market is not paused (docs/trader.md). Pure: values in, verdict out.
"""
from contracts.math import scales
from contracts.vaults import leg

EXPIRY_HOUR: constant(uint256) = 8 * 3600        # 08:00 UTC
DAILY_REACH: constant(uint256) = 7 * scales.DAY
WEEKLY_REACH: constant(uint256) = 56 * scales.DAY
MONTHLY_REACH: constant(uint256) = 366 * scales.DAY
STRIKE_REACH: constant(uint256) = 10             # strikes lie within [1/10, 10] of spot

# 1970-01-01 was a Thursday
FRIDAY: constant(uint256) = 1
# days from 0000-03-01 to 1970-01-01 in the proleptic Gregorian calendar, and days in 400 years
EPOCH_SHIFT: constant(uint256) = 719468
DAYS_IN_ERA: constant(uint256) = 146097


@internal
@pure
def _month(day: uint256) -> uint256:
    """
    @notice Month of a day counted from 1970-01-01, 0 for March to 11 for February.
    @dev Years that begin in March put the leap day last; 153 days are five such months.
    """
    of_era: uint256 = (day + EPOCH_SHIFT) % DAYS_IN_ERA
    year: uint256 = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year: uint256 = of_era - (365 * year + year // 4 - year // 100)
    return (5 * of_year + 2) // 153


@internal
@pure
def _on_grid(expiry: uint256, now: uint256) -> bool:
    """
    @notice True for 08:00 UTC: any day up to 7 days out, Fridays up to 8 weeks, a month's last Friday up to a year.
    @param expiry Later than `now` [unix seconds].
    """
    if expiry % scales.DAY != EXPIRY_HOUR:
        return False
    ahead: uint256 = expiry - now
    if ahead <= DAILY_REACH:
        return True
    day: uint256 = expiry // scales.DAY
    if ahead > MONTHLY_REACH or day % 7 != FRIDAY:
        return False
    return ahead <= WEEKLY_REACH or self._month(day) != self._month(day + 7)


@internal
@pure
def _strike_valid(word: uint256, tick: uint256, spot: uint256) -> bool:
    """
    @notice True when the strike of a leg word is a multiple of the tick and within reach of spot.
    @param tick Step of strikes [1e-8 quote], 0 closes the market.
    @param spot Price of the underlying [wad].
    """
    if tick == 0:
        return False
    if leg._kind(word) >= leg.FUTURE:
        return True
    strike: uint256 = leg._strike(word)
    wad: uint256 = strike * leg.STRIKE_WAD
    return strike % tick == 0 and wad * STRIKE_REACH >= spot and wad <= spot * STRIKE_REACH
