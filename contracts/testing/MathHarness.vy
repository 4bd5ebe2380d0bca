# pragma version 0.4.3
"""
@title Option maths, exposed for accuracy tests and gas measurements
@license AGPL-3.0-only
@notice Not part of the protocol.
"""

from contracts.math import black76


@external
@pure
def option(
    spot: int256, strike: int256, vol: int256, seconds: uint256, rate: int256
) -> (int256, int256, int256, int256, int256, int256):
    """
    @notice Everything about a European option on F = S*exp(r*T), undiscounted.
    @param spot S [wad]. @param strike K [wad]. @param vol sigma per year [wad].
    @param seconds Time to expiry [seconds]. @param rate r per year [wad].
    @return (call, put, delta_call, gamma_spot, vega, theta_call) [wad]: vega per 1.00 vol, theta per year.
    """
    return black76._option(spot, strike, vol, seconds, rate)
