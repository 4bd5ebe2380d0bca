# pragma version 0.4.3
"""
@title Implied vol of an undiscounted option price
@license AGPL-3.0-only
@notice For prices quoted in vol. Works on the out-of-the-money side (a put is a call with F and K exchanged), starts at
        the price's inflection in total vol, s = sqrt(2*|ln(F/K)|), and takes Householder steps of the third order: on the price
        above the inflection, on its logarithm below, where the price is too flat for Newton.
@dev The inflection is Manaster and Koehler's start (1982), the logarithm below it and the steps as in Jaeckel (2015).
     From the inflection the first guess follows the shape of the price: above it a normal law in d1, below it
     ln(price) in 1/s^2, whose slope falls to -ln(F/K)^2/2. Each step quadruples the digits; two are mostly enough.
"""

from contracts.math import fixed
from contracts.math import normal
from contracts.math import scales

WAD: constant(int256) = scales.SIGNED_WAD
ONE: constant(int256) = scales.SIGNED_Q64
STEPS: constant(uint256) = 24
FAR: constant(uint256) = 9 * 2**64       # normal.LIMIT
HIGHEST: constant(uint256) = 9 * 2**56 - 1


@external
@pure
def implied_vol(call: int256, forward: int256, strike: int256, seconds: uint256) -> int256:
    """
    @notice The vol at which a call is worth `call`. For a put pass put + forward - strike.
    @dev Reverts when no vol gives the price: it must lie strictly between max(F - K, 0) and F.
    @param call Price, not discounted [wad].
    @param forward F [wad].
    @param strike K [wad].
    @param seconds Time to expiry [seconds].
    @return sigma per year [wad]
    """
    assert seconds != 0, "implied/expired"
    assert forward > 0 and strike > 0, "implied/price-range"
    # the out-of-the-money option of the pair
    low: int256 = min(forward, strike)
    high: int256 = max(forward, strike)
    target: int256 = call - max(forward - strike, 0)
    assert target > 0 and target < low, "implied/price-range"

    distance: int256 = fixed._ln_ratio(high, low)
    s: int256 = fixed._sqrt_ratio(fixed._unsigned(distance), 2**63)
    if s == 0:
        s = 1
    # there d1 = 0: the price is low/2 - low*phi(0)*M(s)
    vega: int256 = unsafe_mul(low, normal.INVERSE_SQRT_2PI) >> 64
    price: int256 = max(unsafe_sub(low >> 1, unsafe_mul(vega, normal._mills(s)) >> 64), 1)
    flat: bool = target < price
    reach: uint256 = 9
    if flat:
        reach = 8
        # with v = (inflection/s)^2, ln(price) falls by e*(v - 1) + 3/2*ln((v + b)/(1 + b)), e = inflection^2/8, and b
        # such that the slope at v = 1 is the true one; solved by one secant from the straight line
        slope: int256 = unsafe_div(unsafe_mul(vega, s), price)
        fall: int256 = fixed._ln_ratio(price, target)
        least: int256 = unsafe_mul(s, s) >> 67
        gap: int256 = unsafe_sub(slope >> 1, least)
        ratio: int256 = unsafe_div(fall << 65, slope)  # v - 1
        if gap > 0:
            bent: int256 = fixed._ln_ratio(
                unsafe_add(3 * ONE, unsafe_mul(unsafe_mul(2, ratio), gap) >> 64), 3 * ONE
            )
            ratio = unsafe_div(
                unsafe_mul(ratio, fall), unsafe_add(unsafe_mul(least, ratio) >> 64, unsafe_mul(3, bent) >> 1)
            )
        s = unsafe_mul(s, fixed._sqrt_ratio(2**64, fixed._unsigned(unsafe_add(ONE, ratio)))) >> 64
    else:
        # the price grows like a normal law in d1, whose inverse is t*(1 + d1^2/6 + 7*d1^4/120 ..), here as a fraction
        t: int256 = unsafe_div(unsafe_sub(target, price) << 64, vega)
        y: int256 = unsafe_div(unsafe_mul(t, unsafe_add(unsafe_mul(2, s), t)), unsafe_mul(2, unsafe_add(s, t)))
        y = unsafe_mul(y, y) >> 64
        s = unsafe_add(
            s,
            unsafe_div(
                unsafe_mul(t, unsafe_sub(ONE, unsafe_div(unsafe_mul(11, y), 60))),
                unsafe_sub(ONE, unsafe_div(unsafe_mul(7, y), 20)),
            ),
        )

    for _: uint256 in range(STEPS):
        # price = low*(Phi(d1) - e^distance*Phi(d2)) = low*phi(d1)*(M(-d1) - M(-d2))
        q: int256 = unsafe_div(distance << 64, s)
        d1: int256 = unsafe_sub(s >> 1, q)
        size: uint256 = convert(convert(max(d1, unsafe_sub(0, d1)), bytes32), uint256)
        if size >= FAR:
            # phi(d1) is 0
            s = unsafe_mul(s, 3) >> 1
            continue
        # phi(d1) as in normal._density and both M as in normal._mills, without calls
        step: int256 = unsafe_mul(d1, d1) >> 65
        k: int256 = unsafe_add(unsafe_mul(step, fixed.LOG2E), fixed.HALF_SHIFTED) >> 128
        step = unsafe_sub(step, unsafe_mul(k, fixed.LN2))
        price = unsafe_mul(step, step) >> 64
        price = (
            unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
            unsafe_add(unsafe_mul(
                fixed.EXP5, price) >> 64, fixed.EXP4), price) >> 64, fixed.EXP3), price) >> 64, fixed.EXP2), price) >>
                64, fixed.EXP1), price) >> 64, fixed.EXP0)
        )
        vega = unsafe_div(
            unsafe_mul(unsafe_sub(price, step), normal.INVERSE_SQRT_2PI), unsafe_add(price, step)
        ) >> convert(convert(k, bytes32), uint256)
        vega = unsafe_mul(low, vega) >> 64
        x: uint256 = min(convert(convert(unsafe_sub(s, d1), bytes32), uint256) >> 8, HIGHEST)
        x = (
            unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
            unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
                normal.MILLS7, x) >> 56, normal.MILLS6), x) >> 56 & normal.LANES, normal.MILLS5), x) >> 56 &
                normal.LANES, normal.MILLS4), x) >> 56 & normal.LANES, normal.MILLS3), x) >> 56 & normal.LANES,
                normal.MILLS2), x) >> 56 & normal.LANES, normal.MILLS1), x) >> 56, normal.MILLS0)
        )
        price = unsafe_mul(vega, convert(convert(unsafe_div(x >> 64, x & normal.LOW_LANE), bytes32), int256))
        x = size >> 8
        x = (
            unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
            unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
                normal.MILLS7, x) >> 56, normal.MILLS6), x) >> 56 & normal.LANES, normal.MILLS5), x) >> 56 &
                normal.LANES, normal.MILLS4), x) >> 56 & normal.LANES, normal.MILLS3), x) >> 56 & normal.LANES,
                normal.MILLS2), x) >> 56 & normal.LANES, normal.MILLS1), x) >> 56, normal.MILLS0)
        )
        upper: int256 = unsafe_mul(
            vega, convert(convert(unsafe_div(x >> 64, x & normal.LOW_LANE), bytes32), int256)
        )
        if d1 > 0:
            price = unsafe_sub(unsafe_sub(low << 64, upper), price) >> 64
        else:
            price = unsafe_sub(upper, price) >> 64
        if price <= 0 or vega == 0:
            s = unsafe_mul(s, 3) >> 1
            continue
        # over the first derivative of the price: the second, d1*d2/s, and the third, its square - 3*distance^2/s^4 - 1/4
        bend: int256 = unsafe_div(unsafe_mul(d1, unsafe_sub(d1, s)), s)
        q = unsafe_div(q << 64, s)
        twist: int256 = unsafe_sub(
            unsafe_sub(unsafe_mul(bend, bend) >> 64, unsafe_mul(3, unsafe_mul(q, q) >> 64)), ONE >> 2
        )
        if flat:
            # the same of ln(price)
            step = unsafe_div(unsafe_mul(fixed._ln_ratio(price, target), price), vega)
            q = unsafe_div(vega << 64, price)
            twist = unsafe_add(
                twist, unsafe_mul(q, unsafe_sub(unsafe_mul(2, q), unsafe_mul(3, bend))) >> 64
            )
            bend = unsafe_sub(bend, q)
        else:
            step = unsafe_div(unsafe_sub(price, target) << 64, vega)
        bend = unsafe_mul(step, bend) >> 64
        top: int256 = unsafe_sub(ONE, bend >> 1)
        bottom: int256 = unsafe_add(
            unsafe_sub(ONE, bend), unsafe_div(unsafe_mul(unsafe_mul(step, step) >> 64, twist) >> 64, 6)
        )
        if min(top, bottom) > ONE >> 2:
            step = unsafe_div(unsafe_mul(step, top), bottom)
        else:
            step = unsafe_div(step << 64, min(max(top, ONE >> 1), ONE << 1))
        if step >= s:
            s = s >> 1
            continue
        s = unsafe_sub(s, step)
        # the next error is about the fourth power of this one, smaller still of the logarithm
        if abs(step) < s >> reach:
            break
    return unsafe_div(unsafe_mul(s, WAD), fixed._sqrt_ratio(seconds, scales.YEAR))
