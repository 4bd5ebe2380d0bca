# pragma version 0.4.3
"""
@title Implied vol of an undiscounted option price
@license AGPL-3.0-only
@notice For prices quoted in vol. Works on the out-of-the-money side (a put is a call with F and K exchanged), starts at
        the price's inflection in total vol, s = sqrt(2*|ln(F/K)|), and takes Halley steps: on the price above the
        inflection, on its logarithm below, where the price is too flat for Newton.
@dev The start is Manaster and Koehler's (1982), the logarithm below it as in Jaeckel (2015). Each step triples the
     digits; three to four are enough.
"""

from contracts.math import fixed
from contracts.math import normal

WAD: constant(int256) = 10**18
ONE: constant(int256) = 2**64
UYEAR: constant(uint256) = 365 * 86400
STEPS: constant(uint256) = 24


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
    if flat:
        # ln(price) = a - b/s^2 with the value and the slope it has there: s^2 = sc^2*g/(g + 2*ln(price/target))
        slope: int256 = unsafe_div(unsafe_mul(vega, s), price)
        s = unsafe_mul(
            s,
            fixed._sqrt_ratio(
                fixed._unsigned(slope),
                fixed._unsigned(unsafe_add(slope, unsafe_mul(2, fixed._ln_ratio(price, target)))),
            ),
        ) >> 64
    else:
        s = unsafe_add(s, unsafe_div(unsafe_sub(target, price) << 64, vega))

    for _: uint256 in range(STEPS):
        # price = low*(Phi(d1) - e^distance*Phi(d2)) = low*phi(d1)*(M(-d1) - M(-d2))
        d1: int256 = unsafe_sub(s >> 1, unsafe_div(distance << 64, s))
        vega = unsafe_mul(low, normal._density(d1)) >> 64
        price = unsafe_mul(vega, normal._mills(unsafe_sub(s, d1)))
        if d1 > 0:
            price = unsafe_sub(unsafe_sub(low << 64, unsafe_mul(vega, normal._mills(d1))), price) >> 64
        else:
            price = unsafe_sub(unsafe_mul(vega, normal._mills(unsafe_sub(0, d1))), price) >> 64
        if price <= 0 or vega == 0:
            s = unsafe_mul(s, 3) >> 1
            continue
        # f''/f' = d1*d2/s, with f the price
        bend: int256 = unsafe_div(unsafe_mul(d1, unsafe_sub(d1, s)), s)
        step: int256 = 0
        if flat:
            step = unsafe_div(unsafe_mul(fixed._ln_ratio(price, target), price), vega)
            bend = unsafe_sub(bend, unsafe_div(vega << 64, price))
        else:
            step = unsafe_div(unsafe_sub(price, target) << 64, vega)
        step = unsafe_div(step << 64, min(max(unsafe_sub(ONE, unsafe_mul(step, bend) >> 65), ONE >> 1), ONE << 1))
        if step >= s:
            s = s >> 1
            continue
        s = unsafe_sub(s, step)
        # the next error is about the cube of this one
        if abs(step) < s >> 12:
            break
    return unsafe_div(unsafe_mul(s, WAD), fixed._sqrt_ratio(seconds, UYEAR))
