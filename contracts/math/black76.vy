# pragma version 0.4.3
"""
@title Black-76: undiscounted option prices and their Greeks
@license AGPL-3.0-only
@notice F*Phi(d1) - K*Phi(d2). One density serves everything, because F*phi(d1) = K*phi(d2).
@dev Prices in wad, logs and total vol s = sigma*sqrt(T) in Q64 (integers of 2^-64). The price is assembled from
     the smaller of each probability and its complement, so nothing cancels far from the money.
     `_price` is one long function on purpose: every call it saves is 60 gas in each leg of each assessment.
     Formula: F. Black, The pricing of commodity contracts, 1976.
"""

from contracts.math import fixed
from contracts.math import normal
from contracts.math import scales

WAD: constant(int256) = scales.SIGNED_WAD
ONE: constant(int256) = scales.SIGNED_Q64
LIMIT: constant(int256) = normal.LIMIT
LOW_LANE: constant(uint256) = normal.LOW_LANE
YEAR: constant(int256) = scales.SIGNED_YEAR


@internal
@pure
def _price(forward: int256, strike: int256, total_vol: int256) -> int256[4]:
    """
    @notice Call price, Phi(d1), phi(d1) and ln(F/K).
    @param forward F, positive, below 2^96 [wad].
    @param strike K, positive, below 2^104 [wad].
    @param total_vol s, not negative [Q64]; 0 gives the intrinsic value.
    @return (call within [max(F-K, 0), F] [wad], Phi(d1) [Q64], phi(d1) [Q64], ln(F/K) [Q64]).
    """
    # ln(F/K) as in fixed._ln_ratio, which also serves ratios outside [1/sqrt(2), sqrt(2)]
    log_ratio: int256 = unsafe_div(unsafe_sub(forward, strike) << 64, unsafe_add(forward, strike))
    u: int256 = unsafe_mul(log_ratio, log_ratio)
    if u > fixed.NEAR:
        log_ratio = fixed._ln_ratio(forward, strike)
    else:
        u = u >> 64
        log_ratio = unsafe_mul(
            log_ratio,
            unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
            unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
                fixed.LN_6, u) >> 64, fixed.LN_5), u) >> 64, fixed.LN_4), u) >> 64, fixed.LN_3), u) >> 64,
                fixed.LN_2), u) >> 64, fixed.LN_1), u) >> 64, fixed.LN_0)
        ) >> 64
    call: int256 = unsafe_sub(forward, strike)
    if call < 0:
        call = 0
    if total_vol == 0:
        if forward > strike:
            return [call, ONE, 0, log_ratio]
        return [0, 0, 0, log_ratio]

    d1: int256 = unsafe_add(unsafe_div(log_ratio << 64, total_vol), total_vol >> 1)
    # unsigned, so that one comparison tells |d1| >= LIMIT
    if convert(convert(unsafe_add(d1, LIMIT - 1), bytes32), uint256) >= 2 * 9 * 2**64 - 1:
        # phi(d1) is 0: the two probabilities are 0 or 1
        if d1 < 0:
            return [call, 0, 0, log_ratio]
        if d1 < total_vol:
            call = forward
        return [call, ONE, 0, log_ratio]

    # phi(d1) as in normal._density
    y: int256 = unsafe_mul(d1, d1) >> 65
    k: int256 = unsafe_add(unsafe_mul(y, fixed.LOG2E), fixed.HALF_SHIFTED) >> 128
    y = unsafe_sub(y, unsafe_mul(k, fixed.LN2))
    u = unsafe_mul(y, y) >> 64
    u = (
        unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
        unsafe_add(unsafe_mul(
            fixed.EXP5, u) >> 64, fixed.EXP4), u) >> 64, fixed.EXP3), u) >> 64, fixed.EXP2), u) >> 64,
            fixed.EXP1), u) >> 64, fixed.EXP0)
    )
    density: int256 = unsafe_div(
        unsafe_mul(unsafe_sub(u, y), normal.INVERSE_SQRT_2PI), unsafe_add(u, y)
    ) >> convert(convert(k, bytes32), uint256)

    # Phi(-|d1|) = phi(d1)*M(|d1|), K*Phi(-|d2|)/F = phi(d1)*M(|d2|), M as in normal._mills
    d2: int256 = unsafe_sub(d1, total_vol)
    x: uint256 = convert(convert(d1, bytes32), uint256) >> 8
    if d1 < 0:
        x = convert(convert(unsafe_sub(0, d1), bytes32), uint256) >> 8
    x = (
        unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
        unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
            normal.MILLS7, x) >> 56, normal.MILLS6), x) >> 56 & normal.LANES, normal.MILLS5), x) >> 56 &
            normal.LANES, normal.MILLS4), x) >> 56 & normal.LANES, normal.MILLS3), x) >> 56 & normal.LANES,
            normal.MILLS2), x) >> 56 & normal.LANES, normal.MILLS1), x) >> 56, normal.MILLS0)
    )
    below: int256 = unsafe_mul(
        density, convert(convert(unsafe_div(x >> 64, x & LOW_LANE), bytes32), int256)
    )
    x = convert(convert(d2, bytes32), uint256) >> 8
    if d2 < 0:
        x = convert(convert(unsafe_sub(0, d2), bytes32), uint256) >> 8
        if x >= 9 * 2**56:
            x = 9 * 2**56 - 1
    x = (
        unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
        unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
            normal.MILLS7, x) >> 56, normal.MILLS6), x) >> 56 & normal.LANES, normal.MILLS5), x) >> 56 &
            normal.LANES, normal.MILLS4), x) >> 56 & normal.LANES, normal.MILLS3), x) >> 56 & normal.LANES,
            normal.MILLS2), x) >> 56 & normal.LANES, normal.MILLS1), x) >> 56, normal.MILLS0)
    )
    y = unsafe_mul(
        density, convert(convert(unsafe_div(x >> 64, x & LOW_LANE), bytes32), int256)
    )

    if d1 <= 0:
        y = unsafe_mul(forward, unsafe_sub(below, y)) >> 128
        below = below >> 64
    else:
        if d2 > 0:
            # intrinsic plus the put
            y = unsafe_add(unsafe_sub(forward, strike), unsafe_mul(forward, unsafe_sub(y, below)) >> 128)
        else:
            y = unsafe_sub(forward, unsafe_mul(forward, unsafe_add(y, below)) >> 128)
        below = unsafe_sub(ONE, below >> 64)
    # rounding must not fall below the intrinsic value; F it cannot exceed
    if y > call:
        call = y
    return [call, below, density, log_ratio]


@external
@pure
def option(
    spot: int256, strike: int256, vol: int256, seconds: uint256, rate: int256
) -> (int256, int256, int256, int256, int256, int256):
    """
    @notice Call, put, delta of the call, gamma*S, vega and theta of the call, with F = S*exp(r*T), not discounted.
    @dev Greeks are with respect to spot: delta = dC/dS, gamma*S = S*d2C/dS2, vega per 1.00 vol, theta = dC/dt per
         year at constant spot. With T = 0 or vol = 0 the price is intrinsic on F, gamma and vega are 0.
         External so that a contract can export it without one more call; deployed by MathHarness only.
    @param spot S [wad].
    @param strike K [wad].
    @param vol sigma per year [wad].
    @param seconds T [seconds].
    @param rate r per year [wad].
    @return (call, put, delta_call, gamma_spot, vega, theta_call) [wad].
    """
    forward: int256 = spot
    if rate != 0:
        forward = unsafe_mul(
            spot,
            fixed._exp(unsafe_div(unsafe_mul(rate, convert(convert(seconds, bytes32), int256)) << 64, YEAR * WAD)),
        ) >> 64
    # sqrt(T) as in fixed._sqrt_ratio
    root: int256 = 0
    if seconds != 0:
        n: uint256 = unsafe_div(seconds << 128, scales.YEAR)
        k: uint256 = convert(n >= 2**118, uint256) << 3
        k = k | (convert((n >> (k << 1)) >= 2**110, uint256) << 2)
        k = k | (convert((n >> (k << 1)) >= 2**106, uint256) << 1)
        r: uint256 = unsafe_add(unsafe_mul(n >> unsafe_add(k, 56), 7), (29 * 2**46) << k)
        r = unsafe_add(r, unsafe_div(n, r)) >> 1
        r = unsafe_add(r, unsafe_div(n, r)) >> 1
        r = unsafe_add(r, unsafe_div(n, r)) >> 1
        root = convert(convert(unsafe_add(r, unsafe_div(n, r)) >> 1, bytes32), int256)
    total_vol: int256 = unsafe_div(unsafe_mul(vol, root), WAD)
    price: int256[4] = self._price(forward, strike, total_vol)
    weight: int256 = unsafe_mul(forward, price[2])
    # F*phi*sigma/(2*sqrt(T)); with s = 0 divisors are 0 and so are the EVM's quotients
    theta: int256 = unsafe_div(unsafe_mul(weight, vol), unsafe_mul(root, -2 * WAD))
    if rate != 0:
        # from F to spot: dF/dS = F/S, and the carry of the forward
        price[1] = unsafe_div(unsafe_mul(forward, price[1]), spot)
        price[2] = unsafe_div(unsafe_mul(forward, price[2]), spot)
        theta = unsafe_sub(theta, unsafe_div(unsafe_mul(unsafe_mul(spot, price[1]) >> 64, rate), WAD))
    return (
        price[0],
        unsafe_add(unsafe_sub(price[0], forward), strike),
        unsafe_mul(price[1], WAD) >> 64,
        unsafe_div(unsafe_mul(price[2], WAD), total_vol),
        unsafe_mul(weight >> 64, root) >> 64,
        theta,
    )
