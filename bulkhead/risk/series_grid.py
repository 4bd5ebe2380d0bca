"""Which series may gain open interest, equal to contracts/vaults/series.vy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bulkhead.risk.words import Kind

DAY = 86_400
EXPIRY_HOUR = 8 * 3_600
FRIDAY = 4
DAILY_REACH, WEEKLY_REACH, MONTHLY_REACH = 7 * DAY, 56 * DAY, 366 * DAY
#: Strikes lie within a tenth and ten times spot.
STRIKE_REACH = 10


def on_grid(expiry: int, now: int) -> bool:
    """08:00 UTC: any day up to 7 days out, Fridays up to 8 weeks, a month's last Friday up to a year.

    Args:
        expiry: Later than `now` [unix seconds].
        now: [unix seconds].
    """
    if expiry % DAY != EXPIRY_HOUR:
        return False
    ahead = expiry - now
    if ahead <= DAILY_REACH:
        return True
    day = datetime.fromtimestamp(expiry, UTC)
    if ahead > MONTHLY_REACH or day.weekday() != FRIDAY:
        return False
    return ahead <= WEEKLY_REACH or (day + timedelta(days=7)).month != day.month


def strike_valid(kind: Kind, strike: int, tick: int, spot: int) -> bool:
    """Whether a strike is a multiple of the tick and within reach of spot.

    Args:
        kind: Of the leg.
        strike: [1e-8 quote].
        tick: Step of strikes [1e-8 quote], 0 closes the market.
        spot: Price of the underlying [wad].
    """
    if tick == 0:
        return False
    if kind in (Kind.FUTURE, Kind.CASH):
        return True
    wad = strike * 10**10
    return strike % tick == 0 and wad * STRIKE_REACH >= spot and wad <= spot * STRIKE_REACH
