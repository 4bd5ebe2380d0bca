# pragma version 0.4.3
"""
@title SVI arithmetic, exposed for tests
@license AGPL-3.0-only
@notice Not part of the protocol.
"""

from contracts.math import fixed
from contracts.oracle import svi_slice


@external
@pure
def total_variance(word: uint256, k: int256) -> int256:
    """
    @notice w(k).
    @param word Slice.
    @param k Log-moneyness [Q64].
    @return [Q64]
    """
    return svi_slice._total_variance(word, k)


@external
@pure
def scale(word: uint256, numerator: uint256, denominator: uint256) -> uint256:
    """
    @notice The slice at another time to expiry.
    @param word Slice.
    @param numerator Time left.
    @param denominator Time it was made for.
    @return Slice.
    """
    return svi_slice._scale(word, numerator, denominator)


@external
@view
def iv(near: uint256, far: uint256, mix: uint256, strike: int256, forward: int256, seconds: uint256) -> (
    int256, uint256
):
    """
    @notice Implied vol and what it costs.
    @param near Slice at or before.
    @param far Slice at or after.
    @param mix Mix word.
    @param strike Strike [any unit].
    @param forward Forward, same unit.
    @param seconds Time to expiry.
    @return (iv [wad], gas without the logarithm).
    """
    k: int256 = fixed._ln_ratio(strike, forward)
    before: uint256 = msg.gas
    found: int256 = svi_slice._iv(near, far, mix, k, seconds)
    return found, before - msg.gas
