# pragma version 0.4.3
"""
@title Black-76: undiscounted option prices and their Greeks
@license AGPL-3.0-only
@notice F*Phi(d1) - K*Phi(d2). One density serves everything, because F*phi(d1) = K*phi(d2).
@dev Prices in wad, logs and total vol s = sigma*sqrt(T) in Q64 (integers of 2^-64).
     Formula: F. Black, The pricing of commodity contracts, 1976.
"""

from contracts.math import fixed
from contracts.math import normal

WAD: constant(int256) = 10**18
ONE: constant(int256) = 2**64
YEAR: constant(uint256) = 365 * 86400


@internal
@pure
def _call(forward: int256, strike: int256, log_ratio: int256, total_vol: int256) -> (int256, int256, int256):
    """
    @notice Call price, Phi(d1) and phi(d1).
    @param forward F, below 2^96 [wad].
    @param strike K, positive, below 2^96 [wad].
    @param log_ratio ln(F/K) [Q64].
    @param total_vol s, not negative [Q64]; 0 gives the intrinsic value.
    @return (call within [max(F-K, 0), F] [wad], Phi(d1) [Q64], phi(d1) [Q64]).
    """
    intrinsic: int256 = max(unsafe_sub(forward, strike), 0)
    if total_vol == 0:
        if forward > strike:
            return intrinsic, ONE, 0
        return intrinsic, 0, 0

    d1: int256 = unsafe_add(unsafe_div(log_ratio << 64, total_vol), total_vol >> 1)
    d2: int256 = unsafe_sub(d1, total_vol)
    density: int256 = normal._density(d1)
    below1: int256 = 0  # Phi(-|d1|)
    below2: int256 = 0  # K*Phi(-|d2|)/F = phi(d1)*M(|d2|)
    if density != 0:
        below1 = unsafe_mul(density, normal._mills(abs(d1)))
        below2 = unsafe_mul(density, normal._mills(abs(d2)))

    call: int256 = 0
    if d2 > 0:
        # both in the money: intrinsic plus the put
        call = unsafe_add(
            unsafe_sub(forward, strike), unsafe_mul(forward, unsafe_sub(below2, below1)) >> 128
        )
    elif d1 > 0:
        call = unsafe_sub(forward, unsafe_mul(forward, unsafe_add(below1, below2)) >> 128)
    else:
        call = unsafe_mul(forward, unsafe_sub(below1, below2)) >> 128
    probability: int256 = below1 >> 64
    if d1 > 0:
        probability = unsafe_sub(ONE, probability)
    return min(max(call, intrinsic), forward), probability, density


@internal
@pure
def _option(
    spot: int256, strike: int256, vol: int256, time: uint256, rate: int256
) -> (int256, int256, int256, int256, int256, int256):
    """
    @notice Call, put, delta of the call, gamma*S, vega and theta of the call, with F = S*exp(r*T), not discounted.
    @dev Greeks are with respect to spot: delta = dC/dS, gamma*S = S*d2C/dS2, vega per 1.00 vol, theta = dC/dt per
         year at constant spot. With T = 0 or vol = 0 the price is intrinsic on F, gamma and vega are 0.
    @param spot S [wad]. @param strike K [wad]. @param vol sigma [wad]. @param time T [seconds]. @param rate r [wad].
    @return (call, put, delta_call, gamma_spot, vega, theta_call) [wad].
    """
    forward: int256 = spot
    growth: int256 = ONE
    if rate != 0 and time != 0:
        growth = fixed._exp(
            unsafe_div(unsafe_mul(rate, convert(time, int256)) << 64, 31536000 * WAD)
        )
        forward = unsafe_mul(spot, growth) >> 64
    root: int256 = fixed._sqrt_ratio(time, YEAR)
    total_vol: int256 = unsafe_div(unsafe_mul(vol, root), WAD)
    log_ratio: int256 = fixed._ln_ratio(forward, strike)
    call: int256 = 0
    probability: int256 = 0
    density: int256 = 0
    call, probability, density = self._call(forward, strike, log_ratio, total_vol)
    delta: int256 = unsafe_mul(unsafe_mul(growth, probability) >> 64, WAD) >> 64
    gamma_spot: int256 = 0
    vega: int256 = 0
    theta: int256 = -unsafe_div(unsafe_mul(unsafe_mul(spot, delta), rate) // WAD, WAD)
    if total_vol != 0:
        gamma_spot = unsafe_div(unsafe_mul(unsafe_mul(growth, density) >> 64, WAD), total_vol)
        weighted: int256 = unsafe_mul(forward, density) >> 64
        vega = unsafe_mul(weighted, root) >> 64
        theta = unsafe_sub(theta, unsafe_div(unsafe_mul(weighted, vol) << 63, unsafe_mul(root, WAD)))
    return call, call - forward + strike, delta, gamma_spot, vega, theta
