# pragma version 0.4.3
"""
@title What the margin gate is asked about
@license AGPL-3.0-only
@notice Codes between the Clearinghouse, which knows what happens to a vault, and the MarginGate, which knows what that
        needs (docs/margin.md).
"""

# modes of `check`: a fill, an action of the vault's owner, a liquidator's take
TRADE: constant(uint256) = 0
OWN: constant(uint256) = 1
TAKE: constant(uint256) = 2

# actions of `check_own`, which leave the legs as they are
WITHDRAWAL: constant(uint256) = 0
STAY: constant(uint256) = 1    # a check under the vault's model
SWITCH: constant(uint256) = 2  # under a new one

# what `review` answers
LIQUIDATABLE: constant(uint256) = 0
HEALTHY: constant(uint256) = 1    # equity >= MM: the auction starts anew
AT_TARGET: constant(uint256) = 2  # the flag ends
CANNOT_TELL: constant(uint256) = 3  # no usable price
