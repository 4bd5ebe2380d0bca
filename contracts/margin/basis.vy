# pragma version 0.4.3
"""
@title How an assessment was made
@license AGPL-3.0-only
@notice The values of `basis` in an `IMarginEngine.Assessment`.
"""

ASSESSED: constant(uint256) = 0  # by the model; where an assessment is passed on, that nothing is known yet
COVERED: constant(uint256) = 1   # not needed: collateral pays the worst settlement, only v_min is set
KNOWN: constant(uint256) = 2     # of an assessment just made, as the exact share of it: good as it is
ROUNDED: constant(uint256) = 3   # the same before legs were rounded to the lot: the gate bounds what that can cost
