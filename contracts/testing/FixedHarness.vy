# pragma version 0.4.3
"""
@title The parts of the option maths, exposed for accuracy tests
@license AGPL-3.0-only
@notice Not part of the protocol.
"""

from contracts.math import fixed
from contracts.math import normal


@external
@pure
def exp(x: int256) -> int256:
    """
    @notice e^x [Q64].
    """
    return fixed._exp(x)


@external
@pure
def ln_ratio(a: int256, b: int256) -> int256:
    """
    @notice ln(a/b) [Q64].
    """
    return fixed._ln_ratio(a, b)


@external
@pure
def sqrt_ratio(a: uint256, b: uint256) -> int256:
    """
    @notice sqrt(a/b) [Q64].
    """
    return fixed._sqrt_ratio(a, b)


@external
@pure
def density(x: int256) -> int256:
    """
    @notice phi(x) [Q64].
    """
    return normal._density(x)


@external
@pure
def mills(x: int256) -> int256:
    """
    @notice Phi(-x)/phi(x) for x >= 0 [Q64].
    """
    return normal._mills(x)
