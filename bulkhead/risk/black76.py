"""Exact-integer mirror of contracts/math/black76 and implied: prices, Greeks and implied vol, bit for bit."""

from __future__ import annotations

from bulkhead.risk.coefficients import INVERSE_SQRT_2PI
from bulkhead.risk.fixed import ONE, divide, exp_q64, ln_ratio, sqrt_ratio
from bulkhead.risk.normal import LIMIT, density, mills
from bulkhead.risk.scales import WAD, YEAR


def call_price(forward: int, strike: int, total_vol: int) -> tuple[int, int, int, int]:
    """Black-76 call [wad], Phi(d1), phi(d1) and ln(F/K) [Q64] (black76._price)."""
    log_ratio = ln_ratio(forward, strike)
    intrinsic = max(forward - strike, 0)
    if total_vol == 0:
        return intrinsic, (ONE if forward > strike else 0), 0, log_ratio
    d1 = divide(log_ratio << 64, total_vol) + (total_vol >> 1)
    if d1 >= LIMIT:
        return (intrinsic if d1 >= total_vol else forward), ONE, 0, log_ratio
    if d1 <= -LIMIT:
        return intrinsic, 0, 0, log_ratio
    d2 = d1 - total_vol
    phi = density(d1)
    below1, below2 = phi * mills(abs(d1)), phi * mills(abs(d2))
    probability = below1 >> 64
    if d1 <= 0:
        call = forward * (below1 - below2) >> 128
    else:
        probability = ONE - probability
        if d2 > 0:
            call = forward - strike + (forward * (below2 - below1) >> 128)
        else:
            call = forward - (forward * (below2 + below1) >> 128)
    return max(call, intrinsic), probability, phi, log_ratio


def option(spot: int, strike: int, vol: int, seconds: int, rate: int) -> tuple[int, int, int, int, int, int]:
    """Call, put, delta of the call, gamma*S, vega and theta of the call [wad] (black76.option)."""
    forward = spot
    if rate:
        forward = spot * exp_q64(divide(rate * seconds << 64, YEAR * WAD)) >> 64
    root = sqrt_ratio(seconds, YEAR)
    total_vol = divide(vol * root, WAD)
    call, delta, phi, _ = call_price(forward, strike, total_vol)
    weight = forward * phi
    theta = divide(weight * vol, -2 * root * WAD)
    if rate:
        delta = divide(forward * delta, spot)
        phi = divide(forward * phi, spot)
        theta -= divide((spot * delta >> 64) * rate, WAD)
    vega = (weight >> 64) * root >> 64
    return call, call - forward + strike, delta * WAD >> 64, divide(phi * WAD, total_vol), vega, theta


def implied_vol(call: int, forward: int, strike: int, seconds: int) -> int:
    """The vol [wad] at which a call is worth `call` [wad] (implied.implied_vol)."""
    if seconds == 0:
        raise ValueError("implied/expired")
    if forward <= 0 or strike <= 0:
        raise ValueError("implied/price-range")
    low, high = min(forward, strike), max(forward, strike)
    target = call - max(forward - strike, 0)
    if not 0 < target < low:
        raise ValueError("implied/price-range")
    distance = ln_ratio(high, low)
    s = sqrt_ratio(distance, 2**63) or 1
    vega = low * INVERSE_SQRT_2PI >> 64
    price = max((low >> 1) - (vega * mills(s) >> 64), 1)
    flat = target < price
    if flat:
        slope, fall = divide(vega * s, price), ln_ratio(price, target)
        least = s * s >> 67
        gap = (slope >> 1) - least
        ratio = divide(fall << 65, slope)
        if gap > 0:
            bent = ln_ratio(3 * ONE + (2 * ratio * gap >> 64), 3 * ONE)
            ratio = divide(ratio * fall, (least * ratio >> 64) + (3 * bent >> 1))
        s = s * sqrt_ratio(ONE, ONE + ratio) >> 64
    else:
        t = divide((target - price) << 64, vega)
        y = divide(t * (2 * s + t), 2 * (s + t))
        y = y * y >> 64
        s += divide(t * (ONE - divide(11 * y, 60)), ONE - divide(7 * y, 20))
    for _ in range(24):
        q = divide(distance << 64, s)
        d1 = (s >> 1) - q
        vega = low * density(d1) >> 64
        price = vega * mills(s - d1)
        price = ((low << 64) - vega * mills(d1) - price if d1 > 0 else vega * mills(-d1) - price) >> 64
        if price <= 0 or vega == 0:
            s = s * 3 >> 1
            continue
        bend = divide(d1 * (d1 - s), s)
        q = divide(q << 64, s)
        twist = (bend * bend >> 64) - 3 * (q * q >> 64) - (ONE >> 2)
        if flat:
            step = divide(ln_ratio(price, target) * price, vega)
            q = divide(vega << 64, price)
            twist += q * (2 * q - 3 * bend) >> 64
            bend -= q
        else:
            step = divide((price - target) << 64, vega)
        bend = step * bend >> 64
        top = ONE - (bend >> 1)
        bottom = ONE - bend + divide((step * step >> 64) * twist >> 64, 6)
        if min(top, bottom) > ONE >> 2:
            step = divide(step * top, bottom)
        else:
            step = divide(step << 64, min(max(top, ONE >> 1), ONE << 1))
        if step >= s:
            s >>= 1
            continue
        s -= step
        if abs(step) < s >> (8 if flat else 9):
            break
    return divide(s * WAD, sqrt_ratio(seconds, YEAR))
