"""What one unit is, in each form that numbers take here: contracts/math/scales (a test compares)."""

from __future__ import annotations

#: 1 in decimal fixed point, one basis point of it, and basis points in 1.
WAD = 10**18
BPS = 10**14
BPS_IN_ONE = 10**4
#: 1 in binary fixed point.
Q64 = 2**64
#: 1 of what is counted in millionths (quantities, packages, quote) and in thousand-millionths (slices).
MICRO = 10**6
NANO = 10**9
#: Seconds.
MINUTE = 60
HOUR = 3600
DAY = 86400
YEAR = 365 * DAY
