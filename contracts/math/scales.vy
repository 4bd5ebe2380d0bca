# pragma version 0.4.3
"""
@title Scales and units of time
@license AGPL-3.0-only
@notice What one unit is, in each form that numbers take here. Every contract reads these; none writes its own.
"""

# 1 in decimal fixed point, and one basis point of it
WAD: constant(uint256) = 10**18
SIGNED_WAD: constant(int256) = 10**18
BPS: constant(uint256) = 10**14
# basis points in 1
BPS_IN_ONE: constant(uint256) = 10**4

# 1 in binary fixed point
Q64: constant(uint256) = 2**64
SIGNED_Q64: constant(int256) = 2**64

# 1 of what is counted in millionths: quantities, packages, quote
MICRO: constant(uint256) = 10**6
SIGNED_MICRO: constant(int256) = 10**6
# ... and in thousand-millionths: parameters of slices
SIGNED_NANO: constant(int256) = 10**9

# seconds
MINUTE: constant(uint256) = 60
HOUR: constant(uint256) = 3600
DAY: constant(uint256) = 86400
YEAR: constant(uint256) = 365 * 86400
SIGNED_YEAR: constant(int256) = 365 * 86400
