# pragma version 0.4.3
"""
@title Realised vol and the fallback surface, exposed for tests and gas measurements
@license AGPL-3.0-only
@notice Not part of the protocol.
"""

from contracts.oracle import fallback_surface
from contracts.oracle import realised_vol


@external
@pure
def first(vol: uint256) -> uint256:
    """
    @notice Word of a market that starts.
    @param vol First vol [wad].
    @return Packed variances.
    """
    return realised_vol._first(vol)


@external
@view
def fold(
    word: uint256, old_price: uint256, new_price: uint256, elapsed: uint256, params: uint256, age: uint256
) -> (uint256, uint256):
    """
    @notice One return.
    @param word Packed variances.
    @param old_price Price before.
    @param new_price Price after.
    @param elapsed Time between them [seconds].
    @param params Oracle word.
    @param age Of the market [seconds].
    @return (packed variances, gas).
    """
    before: uint256 = msg.gas
    found: uint256 = realised_vol._fold(word, old_price, new_price, elapsed, params, age)
    return found, before - msg.gas


@external
@view
def decay(word: uint256, elapsed: uint256, params: uint256, age: uint256) -> (uint256, uint256):
    """
    @notice Instants without a new price.
    @param word Packed variances.
    @param elapsed Time of all of them [seconds].
    @param params Oracle word.
    @param age Of the market at the end [seconds].
    @return (packed variances, gas).
    """
    before: uint256 = msg.gas
    found: uint256 = realised_vol._decay(word, elapsed, params, age)
    return found, before - msg.gas


@external
@view
def vols(word: uint256) -> (realised_vol.Vols, uint256):
    """
    @notice What a snapshot needs.
    @param word Packed variances.
    @return (vols, gas).
    """
    before: uint256 = msg.gas
    found: realised_vol.Vols = realised_vol._vols(realised_vol._unpack(word))
    return found, before - msg.gas


@external
@view
def fallback_iv(week: uint256, long: uint256, seconds: uint256, factor: uint256) -> (uint256, uint256):
    """
    @notice Vol of the fallback surface.
    @param week 7-day vol [wad].
    @param long 60-day vol [wad].
    @param seconds Time to expiry.
    @param factor Factor [wad].
    @return (iv [wad], gas).
    """
    before: uint256 = msg.gas
    found: uint256 = fallback_surface._iv(week, long, seconds, factor)
    return found, before - msg.gas
