"""Exact-integer mirror of contracts/math and EsEngine: the same numbers, bit for bit.

Pure functions over plain ints. `_div` truncates towards zero like the EVM's SDIV, `>>` rounds down like SAR. Every
refusal is a `ValueError` whose text is the contract's own reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

from bulkhead.risk.words import MAX_LEGS, NODES, WAD, WEIGHTS, Kind, Leg, RiskWord, Snapshot, Status

ONE = 2**64
YEAR = 365 * 86400
DAY = 86400
UNITS = 10**6
UNBOUNDED = -(2**255)
FORCE_FULL = -(2**255)

LN2 = 12786308645202655660
LOG2E = 26613026195688644983
SQRT2 = 26087635650665564425
INVERSE_SQRT_2PI = 7359186146747302452
LIMIT = 9 * ONE

# --- generated: coefficients, lowest order first
EXP = (
    36893488147419103417,
    3074457345618215595,
    -51240955757440341,
    1220022674446895,
    -30499434104556,
    762647609672,
)
ATANH = (
    36893488147419102871,
    12297829382473620889,
    7378697629205975140,
    5270498365838088594,
    4099269809928432862,
    3354377423972711481,
    2822635656547494758,
    2750290554960777059,
)
MILLS_P = (
    722486410469409514,
    725790421717894430,
    367726701470467266,
    111266559387773544,
    20912693912652330,
    2297928082720548,
    115694858556229,
    0,
)
MILLS_Q = (
    576460752303423488,
    1039046106039021097,
    834211927517169866,
    388176012314128128,
    113588286861436138,
    21026600523504781,
    2298015998089762,
    115692733879704,
)
# --- generated: end

TAIL_NODE = 3 * WAD
MIN_HORIZON = 3600
MAX_PRICE = 2**96
MIN_VOL = 10**15
MAX_VOL = 10**19
MIN_SHARE = 10**16
BODY_DOWN = 15 * 10**16
BODY_UP = 20 * 10**16
TAIL_UP = 40 * 10**16
LEAST_VOL = 20 * 10**16


def _div(a: int, b: int) -> int:
    quotient = abs(a) // abs(b)
    return quotient if (a >= 0) == (b > 0) else -quotient


def _horner(coefficients: Sequence[int], x: int) -> int:
    value = coefficients[-1]
    for c in coefficients[-2::-1]:
        value = (value * x >> 64) + c
    return value


def exp_q64(x: int) -> int:
    """e^x [Q64] of x [Q64]."""
    if x < -64 * ONE:
        return 0
    k = (x * LOG2E + 2**127) >> 128
    r = x - k * LN2
    p = _horner(EXP, r * r >> 64)
    e = _div((p + r) << 96, p - r)
    return e >> (32 - k) if k < 32 else e << (k - 32)


def ln_ratio(a: int, b: int) -> int:
    """ln(a/b) [Q64] of positive a and b."""
    z = _div((a - b) << 64, a + b)
    base = 0
    if z > 3165000000000000000 or z < -3165000000000000000:
        m = (a << 64) // b if a > b else (b << 64) // a
        k = (m >> 64).bit_length() - 1
        m >>= k
        if m > SQRT2:
            m >>= 1
            k += 1
        base = k * LN2
        z = _div((m - ONE) << 64, m + ONE)
        if a < b:
            base, z = -base, -z
    return base + (_horner(ATANH, z * z >> 64) * z >> 64)


def sqrt_ratio(a: int, b: int) -> int:
    """sqrt(a/b) [Q64], rounded down."""
    return isqrt((a << 128) // b)


def density(x: int) -> int:
    """phi(x) [Q64]."""
    if x >= LIMIT or x <= -LIMIT:
        return 0
    return exp_q64(-(x * x >> 65)) * INVERSE_SQRT_2PI >> 64


def mills(x: int) -> int:
    """Phi(-x)/phi(x) [Q64] for x >= 0."""
    y = x >> 8 if x < LIMIT else 9 * 2**56 - 1
    p, q = MILLS_P[-1], MILLS_Q[-1]
    for cp, cq in zip(MILLS_P[-2::-1], MILLS_Q[-2::-1], strict=True):
        p = (p * y >> 56) + cp
        q = (q * y >> 56) + cq
    return (p << 64) // q


def call_price(forward: int, strike: int, log_ratio: int, total_vol: int) -> tuple[int, int, int]:
    """Black-76 call [wad], Phi(d1) [Q64] and phi(d1) [Q64] (black76._call)."""
    intrinsic = max(forward - strike, 0)
    if total_vol == 0:
        return intrinsic, (ONE if forward > strike else 0), 0
    d1 = _div(log_ratio << 64, total_vol) + (total_vol >> 1)
    d2 = d1 - total_vol
    phi = density(d1)
    below1 = below2 = 0
    if phi:
        below1 = phi * mills(abs(d1))
        below2 = phi * mills(abs(d2))
    if d2 > 0:
        call = forward - strike + (forward * (below2 - below1) >> 128)
    elif d1 > 0:
        call = forward - (forward * (below1 + below2) >> 128)
    else:
        call = forward * (below1 - below2) >> 128
    probability = below1 >> 64
    if d1 > 0:
        probability = ONE - probability
    return min(max(call, intrinsic), forward), probability, phi


def option(spot: int, strike: int, vol: int, seconds: int, rate: int) -> tuple[int, int, int, int, int, int]:
    """Call, put, delta of the call, gamma*S, vega and theta of the call [wad] (black76._option)."""
    forward, growth = spot, ONE
    if rate and seconds:
        growth = exp_q64(_div(rate * seconds << 64, YEAR * WAD))
        forward = spot * growth >> 64
    root = sqrt_ratio(seconds, YEAR)
    total_vol = _div(vol * root, WAD)
    call, probability, phi = call_price(forward, strike, ln_ratio(forward, strike), total_vol)
    delta = (growth * probability >> 64) * WAD >> 64
    gamma_spot = vega = 0
    theta = -_div(_div(spot * delta * rate, WAD), WAD)
    if total_vol:
        gamma_spot = _div((growth * phi >> 64) * WAD, total_vol)
        weighted = forward * phi >> 64
        vega = weighted * root >> 64
        theta -= _div(weighted * vol << 63, root * WAD)
    return call, call - forward + strike, delta, gamma_spot, vega, theta


@dataclass(frozen=True)
class Assessment:
    """What the engine returns, in its order [wad].

    Attributes:
        value: Mark of the legs.
        margin: MM before the max-loss cap.
        v_min: Least payoff over all settlement prices; `UNBOUNDED` when there is none.
        delta: Contracts of spot.
        gamma: Contracts per quote.
        vega: Quote per 1.00 vol.
        theta: Quote per year.
        covered: 1 when the collateral covers the worst payoff and no scenario was run.
    """

    value: int
    margin: int
    v_min: int
    delta: int
    gamma: int
    vega: int
    theta: int
    covered: int

    def words(self) -> list[int]:
        """The int256[8] of the contract."""
        return [
            self.value,
            self.margin,
            self.v_min,
            self.delta,
            self.gamma,
            self.vega,
            self.theta,
            self.covered,
        ]


@dataclass(frozen=True)
class _Setting:
    base: int
    share: int
    fixed_part: int
    forward: int
    root: int
    scale: int


def check_legs(legs: Sequence[Leg]) -> None:
    """Refuses more than 16 legs, zero quantities and series named twice."""
    if len(legs) > MAX_LEGS:
        raise ValueError("es/too-many-legs")
    seen: set[int] = set()
    for leg in legs:
        if leg.quantity == 0:
            raise ValueError("es/zero-quantity")
        if leg.key in seen:
            raise ValueError("es/duplicate-series")
        seen.add(leg.key)


def max_loss(legs: Sequence[Leg]) -> int:
    """v_min: the least payoff over all settlement prices [wad], `UNBOUNDED` when there is none."""
    check_legs(legs)
    if sum(leg.quantity for leg in legs if leg.kind in (Kind.CALL, Kind.FUTURE)) < 0:
        return UNBOUNDED
    prices = {0} | {leg.strike for leg in legs if leg.kind <= Kind.PUT}
    return min(payoff(legs, price) for price in prices)


def payoff(legs: Sequence[Leg], price: int) -> int:
    """Payoff of the legs [wad] at a settlement price [1e-8 quote]."""
    total = 0
    for leg in legs:
        if leg.kind == Kind.CALL:
            total += leg.quantity * max(price - leg.strike, 0)
        elif leg.kind == Kind.PUT:
            total += leg.quantity * max(leg.strike - price, 0)
        elif leg.kind == Kind.FUTURE:
            total += leg.quantity * price
        else:
            total += leg.quantity * 10**8
    return total * 10**4


def _setting(snapshot: Snapshot) -> _Setting:
    if snapshot.spot == 0 or snapshot.forward == 0:
        raise ValueError("es/zero-spot")
    if snapshot.spot >= MAX_PRICE or snapshot.forward >= MAX_PRICE:
        raise ValueError("es/spot-range")
    if snapshot.seconds == 0:
        raise ValueError("es/expired")
    base = forward = snapshot.forward
    share, fixed_part = WAD, 0
    if snapshot.window_share:
        if snapshot.window_share > WAD:
            raise ValueError("es/window-share")
        if snapshot.window_average >= MAX_PRICE:
            raise ValueError("es/spot-range")
        share = WAD - snapshot.window_share
        fixed_part = snapshot.window_share * snapshot.window_average // WAD
        base = snapshot.spot
        forward = fixed_part + share * base // WAD
    return _Setting(
        base,
        share,
        fixed_part,
        forward,
        sqrt_ratio(snapshot.seconds, YEAR),
        sqrt_ratio(30 * DAY, max(snapshot.seconds, 2 * DAY)),
    )


def implied_vol_at(snapshot: Snapshot, strike: int) -> int:
    """Implied vol of the surface at a strike [wad]."""
    if snapshot.status & Status.SURFACE_SVI:
        raise ValueError("es/no-svi")
    if not MIN_VOL <= snapshot.surface_near <= MAX_VOL:
        raise ValueError("es/vol-range")
    return snapshot.surface_near


def _pricing_strike(setting: _Setting, strike: int) -> int:
    if setting.share == WAD:
        return strike
    if setting.share < MIN_SHARE:
        return 0
    return _div((strike - setting.fixed_part) * WAD, setting.share)


def _option(setting: _Setting, snapshot: Snapshot, leg: Leg) -> tuple[int, int, int, int, int]:
    strike = leg.strike * 10**10
    iv = implied_vol_at(snapshot, strike)
    inner = _pricing_strike(setting, strike)
    forward = setting.forward
    call = max(forward - strike, 0)
    delta = gamma = vega = theta = 0
    if inner <= 0:
        if forward > strike:
            delta = ONE
    else:
        total_vol = iv * setting.root // WAD
        price, delta, phi = call_price(setting.base, inner, ln_ratio(setting.base, inner), total_vol)
        call = min(max(setting.share * price // WAD, call), forward)
        if total_vol:
            weighted = (setting.base * phi >> 64) * setting.share // WAD
            gamma = (phi << 64) // total_vol
            vega = weighted * setting.root >> 64
            theta = -((weighted * iv << 63) // (setting.root * WAD))
    if leg.kind == Kind.PUT:
        return call - forward + strike, delta - ONE, gamma, vega, theta
    return call, delta, gamma, vega, theta


def mark(legs: Sequence[Leg], snapshot: Snapshot) -> int:
    """Value of the legs [wad] (EsEngine.value)."""
    check_legs(legs)
    setting = _setting(snapshot)
    total = 0
    for leg in legs:
        if leg.kind == Kind.CASH:
            total += leg.quantity * WAD
        elif leg.kind == Kind.FUTURE:
            total += leg.quantity * setting.forward
        else:
            total += leg.quantity * _option(setting, snapshot, leg)[0]
    return _div(total, UNITS)


def _revalue(
    outcomes: list[int],
    setting: _Setting,
    snapshot: Snapshot,
    leg: Leg,
    nodes: Sequence[int],
    shifts: Sequence[int],
    shocked: Sequence[int],
    iv_floor: int,
) -> None:
    strike = leg.strike * 10**10
    inner = _pricing_strike(setting, strike)
    if inner <= 0:
        for i, price in enumerate(shocked):
            worth = max(setting.fixed_part + setting.share * price // WAD - strike, 0)
            outcomes[2 * i] += leg.quantity * worth
            outcomes[2 * i + 1] += leg.quantity * worth
        return
    iv = implied_vol_at(snapshot, strike)
    up_base = max(iv, iv_floor)
    vols = (
        iv,
        iv + up_base * (TAIL_UP * setting.scale >> 64) // WAD,
        max(iv - iv * (BODY_DOWN * setting.scale >> 64) // WAD, iv * LEAST_VOL // WAD),
        iv + up_base * (BODY_UP * setting.scale >> 64) // WAD,
    )
    log_ratio = ln_ratio(setting.base, inner)
    for i, price in enumerate(shocked):
        branch = 0 if abs(nodes[i]) >= TAIL_NODE else 2
        for b in range(2):
            total_vol = vols[branch + b] * setting.root // WAD
            call = call_price(price, inner, log_ratio + shifts[i], total_vol)[0]
            if setting.share != WAD:
                call = setting.share * call // WAD
            outcomes[2 * i + b] += leg.quantity * call


def shortfall(losses: Sequence[int], weights: Sequence[int], tail: int) -> int:
    """Mean of the worst losses until their mass is `tail` [wad], at least 0, rounded up (EsEngine._shortfall).

    Args:
        losses: Loss of scenario 2*i + b.
        weights: Probability of node i [wad]; each branch has half, an odd unit goes to the second.
        tail: alpha [wad].
    """
    if not 0 < tail <= WAD:
        raise ValueError("es/tail-range")
    order = sorted(range(len(losses)), key=lambda i: (-losses[i], i))
    left, total = tail, 0
    for i in order:
        weight = min((weights[i // 2] + i % 2) // 2, left)
        total += losses[i] * weight
        left -= weight
        if left == 0:
            break
    return 0 if total <= 0 else (total + tail - 1) // tail


def assess(
    legs: Sequence[Leg],
    snapshot: Snapshot,
    risk: RiskWord,
    collateral: int = FORCE_FULL,
    nodes: Sequence[int] = NODES,
    weights: Sequence[int] = WEIGHTS,
) -> Assessment:
    """Value, margin and maximum loss of the legs of one vault (EsEngine.assess).

    Args:
        legs: Legs of one cell, each series at most once.
        snapshot: Prices of the cell.
        risk: Risk parameters of the market.
        collateral: C of the vault [wad]; `FORCE_FULL` forces the full assessment.
        nodes: Scenario nodes of the engine [wad].
        weights: Their probabilities [wad].
    """
    least = max_loss(legs)
    if len(legs) <= 4 and least != UNBOUNDED and collateral >= -least:
        return Assessment(0, 0, least, 0, 0, 0, 0, 1)
    setting = _setting(snapshot)
    if not MIN_VOL <= snapshot.sigma <= MAX_VOL:
        raise ValueError("es/sigma-range")
    horizon = min(risk.horizon_seconds, max(snapshot.seconds, MIN_HORIZON))
    move = sqrt_ratio(horizon, YEAR) * snapshot.sigma // WAD
    shifts = [_div(z * move, WAD) for z in nodes]
    shocked = [setting.base * exp_q64(shift) >> 64 for shift in shifts]

    outcomes = [0] * (2 * len(nodes))
    value = delta = gamma = vega = theta = slope = constant = short = 0
    for leg in legs:
        if leg.kind == Kind.CASH:
            constant += leg.quantity * WAD
            value += leg.quantity * WAD
            continue
        if leg.kind == Kind.FUTURE:
            slope += leg.quantity
            value += leg.quantity * setting.forward
            delta += leg.quantity * ONE
            continue
        if leg.quantity < 0:
            short -= leg.quantity
        if leg.kind == Kind.PUT:
            slope -= leg.quantity
            constant += leg.quantity * leg.strike * 10**10
        price, d, g, v, t = _option(setting, snapshot, leg)
        value += leg.quantity * price
        delta += leg.quantity * d
        gamma += leg.quantity * g
        vega += leg.quantity * v
        theta += leg.quantity * t
        _revalue(outcomes, setting, snapshot, leg, nodes, shifts, shocked, risk.iv_floor_bps * 10**14)

    losses: list[int] = []
    for i, price in enumerate(shocked):
        forward = price
        if setting.share != WAD:
            forward = setting.fixed_part + setting.share * forward // WAD
        linear = slope * forward + constant
        losses += [value - outcomes[2 * i] - linear, value - outcomes[2 * i + 1] - linear]

    margin = shortfall(losses, weights, risk.tail_bps * 10**14)
    floor = risk.short_floor_bps * 10**14 * snapshot.spot // WAD * short
    growth = _div((setting.forward - setting.fixed_part) << 64, snapshot.spot)
    delta = _div((delta * growth >> 64) * WAD, UNITS) >> 64
    gamma = _div(_div((gamma * growth >> 64) * WAD, snapshot.spot) * WAD, UNITS) >> 64
    theta = _div(theta, UNITS)
    if setting.share == WAD:
        theta -= _div(snapshot.rate * _div(snapshot.spot * delta, WAD), WAD)
    return Assessment(
        _div(value, UNITS),
        (margin + floor + UNITS - 1) // UNITS,
        least,
        delta,
        gamma,
        _div(vega, UNITS),
        theta,
        0,
    )
