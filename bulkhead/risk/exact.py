"""Exact-integer mirror of contracts/math and EsEngine: the same numbers, bit for bit.

Pure functions over plain ints. `_div` truncates towards zero like the EVM's SDIV, `>>` rounds down like SAR. Every
refusal is a `ValueError` whose text is the contract's own reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from bulkhead.risk.coefficients import (
    CHEBYSHEV,
    CHEBYSHEV_NODES,
    EXP,
    INVERSE_SQRT_2PI,
    LARGEST_SCALE,
    LOG2E,
    MILLS_P,
    MILLS_Q,
    MONTH_ROOT,
    MOVE,
)
from bulkhead.risk.coefficients import (
    LN2 as LN2,
)
from bulkhead.risk.fixed import ONE as ONE
from bulkhead.risk.fixed import divide as _div
from bulkhead.risk.fixed import exp_q64 as exp_q64
from bulkhead.risk.fixed import horner as _horner
from bulkhead.risk.fixed import ln_ratio as ln_ratio
from bulkhead.risk.fixed import sqrt_ratio as sqrt_ratio
from bulkhead.risk.words import MAX_LEGS, NODES, WAD, WEIGHTS, Kind, Leg, RiskWord, Snapshot, Status

YEAR = 365 * 86400
DAY = 86400
UNITS = 10**6
UNBOUNDED = -(2**255)
FORCE_FULL = -(2**255)

LIMIT = 9 * ONE

#: P and Q in the two 128-bit lanes of a word, and the mask that keeps them apart.
_MILLS = tuple(p << 128 | q for p, q in zip(MILLS_P, MILLS_Q, strict=True))
_LANES = (2**256 - 1) ^ (2**56 - 1 << 72)

TAIL_NODE = 3 * WAD
MIN_HORIZON = 3600
MAX_PRICE = 2**96
MAX_TENOR = 2**30
MIN_VOL = 10**15
MAX_VOL = 10**19
MAX_SHARE = 99 * 10**16
BODY_DOWN = 15 * 10**16
BODY_UP = 20 * 10**16
TAIL_UP = 40 * 10**16
LEAST_VOL = 20 * 10**16

CELLS_PER_UNIT = 20
CELLS = 12 * CELLS_PER_UNIT
CENTRE = CELLS << 95
PHI_ONE = 2**38


def density(x: int) -> int:
    """phi(x) [Q64]."""
    if x * x >= LIMIT * LIMIT:
        return 0
    y = x * x >> 65
    k = (y * LOG2E + 2**127) >> 128
    y -= k * LN2
    p = _horner(EXP, y * y >> 64)
    return (p - y) * INVERSE_SQRT_2PI // (p + y) >> k


def mills(x: int) -> int:
    """Phi(-x)/phi(x) [Q64] for x >= 0."""
    y = x >> 8 if x < LIMIT else 9 * 2**56 - 1
    w = _MILLS[-1]
    for c in _MILLS[-2:0:-1]:
        w = (w * y >> 56 & _LANES) + c
    w = (w * y >> 56) + _MILLS[0]
    return (w >> 64) // (w & 2**72 - 1)


def call_price(forward: int, strike: int, total_vol: int) -> tuple[int, int, int, int]:
    """Black-76 call [wad], Phi(d1), phi(d1) and ln(F/K) [Q64] (black76._price)."""
    log_ratio = ln_ratio(forward, strike)
    intrinsic = max(forward - strike, 0)
    if total_vol == 0:
        return intrinsic, (ONE if forward > strike else 0), 0, log_ratio
    d1 = _div(log_ratio << 64, total_vol) + (total_vol >> 1)
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
        forward = spot * exp_q64(_div(rate * seconds << 64, YEAR * WAD)) >> 64
    root = sqrt_ratio(seconds, YEAR)
    total_vol = _div(vol * root, WAD)
    call, delta, phi, _ = call_price(forward, strike, total_vol)
    weight = forward * phi
    theta = _div(weight * vol, -2 * root * WAD)
    if rate:
        delta = _div(forward * delta, spot)
        phi = _div(forward * phi, spot)
        theta -= _div((spot * delta >> 64) * rate, WAD)
    vega = (weight >> 64) * root >> 64
    return call, call - forward + strike, delta * WAD >> 64, _div(phi * WAD, total_vol), vega, theta


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
        slope = _div(vega * s, price)
        s = s * sqrt_ratio(slope, slope + 2 * ln_ratio(price, target)) >> 64
    else:
        s += _div((target - price) << 64, vega)
    for _ in range(24):
        d1 = (s >> 1) - _div(distance << 64, s)
        vega = low * density(d1) >> 64
        price = vega * mills(s - d1)
        price = ((low << 64) - vega * mills(d1) - price if d1 > 0 else vega * mills(-d1) - price) >> 64
        if price <= 0 or vega == 0:
            s = s * 3 >> 1
            continue
        bend = _div(d1 * (d1 - s), s)
        if flat:
            step = _div(ln_ratio(price, target) * price, vega)
            bend -= _div(vega << 64, price)
        else:
            step = _div((price - target) << 64, vega)
        step = _div(step << 64, min(max(ONE - (step * bend >> 65), ONE >> 1), ONE << 1))
        if step >= s:
            s >>= 1
            continue
        s -= step
        if abs(step) < s >> 12:
            break
    return _div(s * WAD, sqrt_ratio(seconds, YEAR))


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
        initial: The model's own IM before concentration, proximity and cap; 0 means kappa times margin.
    """

    value: int
    margin: int
    v_min: int
    delta: int
    gamma: int
    vega: int
    theta: int
    covered: int
    initial: int = 0

    def words(self) -> list[int]:
        """The int256[9] of the contract."""
        return [
            self.value,
            self.margin,
            self.v_min,
            self.delta,
            self.gamma,
            self.vega,
            self.theta,
            self.covered,
            self.initial,
        ]


@dataclass(frozen=True)
class _Setting:
    spot: int
    forward: int
    known: int
    base: int
    root: int


def check_legs(legs: Sequence[Leg]) -> None:
    """Refuses more than 16 legs, zero quantities and series named twice."""
    if len(legs) > MAX_LEGS:
        raise ValueError("leg/too-many-legs")
    seen: set[int] = set()
    for leg in legs:
        if leg.quantity == 0:
            raise ValueError("leg/zero-quantity")
        if leg.key in seen:
            raise ValueError("leg/duplicate-series")
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
    spot, forward, share = snapshot.spot, snapshot.forward, snapshot.window_share
    if spot == 0 or forward == 0:
        raise ValueError("es/zero-spot")
    if snapshot.seconds == 0:
        raise ValueError("es/expired")
    known = 0
    if share:
        if share >= WAD:
            raise ValueError("es/window-share")
        known = share * snapshot.window_average // WAD
        forward = known + (WAD - share) * spot // WAD
    if (spot | forward | snapshot.window_average) >= MAX_PRICE or snapshot.seconds >= MAX_TENOR:
        raise ValueError("es/snapshot-range")
    root = sqrt_ratio(snapshot.seconds, YEAR) if share <= MAX_SHARE else 0
    return _Setting(spot, forward, known, forward - known, root)


def implied_vol_at(snapshot: Snapshot, strike: int) -> int:
    """Implied vol of the surface at a strike [wad]."""
    if snapshot.status & Status.SURFACE_SVI:
        raise ValueError("es/no-svi")
    if not MIN_VOL <= snapshot.surface_near <= MAX_VOL:
        raise ValueError("es/vol-range")
    return snapshot.surface_near


def mark(legs: Sequence[Leg], snapshot: Snapshot) -> int:
    """Value of the legs [wad] (EsEngine.value)."""
    check_legs(legs)
    setting = _setting(snapshot)
    total = 0
    for leg in legs:
        if leg.kind == Kind.CASH:
            total += leg.quantity * WAD
            continue
        if leg.kind == Kind.FUTURE:
            total += leg.quantity * setting.forward
            continue
        strike = leg.strike * 10**10
        call = setting.forward - strike
        if strike > setting.known:
            total_vol = _div(implied_vol_at(snapshot, strike) * setting.root, WAD)
            call = call_price(setting.base, strike - setting.known, total_vol)[0]
        if leg.kind == Kind.PUT:
            call = call - setting.forward + strike
        total += leg.quantity * call
    return _div(total, UNITS)


def _signed_256(word: int) -> int:
    word &= 2**256 - 1
    return word - 2**256 if word >> 255 else word


@cache
def phi_table() -> tuple[tuple[int, int, int, int], ...]:
    """Phi as 240 packed cubics (math/phi_table), each word already shifted the four ways a cubic needs."""

    def below(x: int) -> int:
        return density(x) * mills(-x) >> 64

    def cubic(values: Sequence[int]) -> int:
        word = 0
        for row, bits in zip(CHEBYSHEV, (23, 28, 34, 40), strict=True):
            coefficient = sum(c * v for c, v in zip(row, values, strict=True)) >> 90
            word = word << bits | coefficient & 2**bits - 1
        return word << 3

    lower, upper = [], []
    for i in range(CELLS // 2):
        left = i * ONE // CELLS_PER_UNIT - 6 * ONE
        values = [below(left + t // CELLS_PER_UNIT) for t in CHEBYSHEV_NODES]
        lower.append(cubic(values))
        upper.append(cubic([ONE - v for v in reversed(values)]))
    cells = lower + upper[::-1]
    words = []
    for i, cell in enumerate(cells):
        # an odd cell shares its word with the even one before, below it: noise
        word = cell << 128 | cells[i + 1] if i % 2 == 0 else cell << 128
        words.append(
            (
                _signed_256(word) >> 101,
                _signed_256(word << 23),
                _signed_256(word << 51),
                _signed_256(word << 85),
            )
        )
    return tuple(words)


def phi_38(d: int) -> int:
    """Phi [2^-38] as scenarios see it; d in table cells from -6 [2^-96]."""
    if d < 0:
        return 0
    if d >= CELLS << 96:
        return PHI_ONE
    top, second, third, fourth = phi_table()[d >> 96]
    t = d & 2**96 - 1
    return ((((top * t + second) >> 102) * t + third >> 102) * t + fourth) >> 216


def shortfall(losses: Sequence[int], weights: Sequence[int], tail: int) -> int:
    """Mean of the worst losses until their mass is `tail` [wad], at least 0, rounded up.

    Args:
        losses: Loss of scenario 2*i + b.
        weights: Probability of node i [wad]; each branch has half, an odd unit goes to the second.
        tail: alpha [wad].
    """
    if not 0 < tail <= WAD:
        raise ValueError("es/tail-range")
    order = sorted(range(len(losses)), key=lambda i: losses[i], reverse=True)
    left, total = tail, 0
    for i in order:
        weight = min((weights[i // 2] + i % 2) // 2, left)
        total += losses[i] * weight
        left -= weight
        if left == 0:
            break
    return 0 if total <= 0 else (total + tail - 1) // tail


def scenario_vols(iv: int, seconds: int, root: int, iv_floor: int) -> tuple[int, int, int, int]:
    """Vol after the moves of (tail, body) in the first and in the second branch [wad]."""
    scale = MONTH_ROOT // root if seconds > 2 * DAY else LARGEST_SCALE
    floored = max(iv, iv_floor)
    return (
        iv,
        iv * max(WAD - (BODY_DOWN * scale >> 64), LEAST_VOL) // WAD,
        iv + floored * (TAIL_UP * scale >> 64) // WAD,
        iv + floored * (BODY_UP * scale >> 64) // WAD,
    )


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
        raise ValueError("es/vol-range")

    slope = constant = short = calls = probability = phis = phi_vols = curvature = 0
    options: list[tuple[int, int, int, int]] = []
    for leg in legs:
        quantity = leg.quantity
        if leg.kind == Kind.CASH:
            constant += quantity * WAD
            continue
        if leg.kind == Kind.FUTURE:
            slope += quantity
            continue
        strike = leg.strike * 10**10
        if quantity < 0:
            short -= quantity
        if leg.kind == Kind.PUT:
            slope -= quantity
            constant += quantity * strike
        inner = strike - setting.known
        if inner <= 0:
            slope += quantity
            constant -= quantity * strike
            continue
        iv = implied_vol_at(snapshot, strike)
        total_vol = _div(iv * setting.root, WAD)
        call, upper, phi, log_ratio = call_price(setting.base, inner, total_vol)
        calls += quantity * call
        probability += quantity * upper
        phi *= quantity
        phis += phi
        phi_vols += phi * iv
        curvature += _div(phi << 64, total_vol)
        options.append((quantity, inner, log_ratio, iv))
    value = calls + slope * setting.forward + constant

    horizon = min(risk.horizon_seconds, max(snapshot.seconds, MIN_HORIZON))
    move = _div(sqrt_ratio(horizon, YEAR) * snapshot.sigma, WAD)
    shifts = [_div(z * move, WAD) for z in nodes]
    shocked = [setting.base * exp_q64(shift, MOVE) >> 64 for shift in shifts]

    losses = [0] * (2 * len(nodes))
    for branch in range(2):
        sums = [0] * len(nodes)
        for quantity, strike, log_ratio, iv in options:
            vols = scenario_vols(iv, snapshot.seconds, setting.root, risk.iv_floor_bps * 10**14)
            terms = []
            for vol in vols[2 * branch : 2 * branch + 2]:
                total_vol = max(_div(vol * setting.root, WAD), 1)
                inverse, width = (CELLS_PER_UNIT << 96) // total_vol, total_vol * CELLS_PER_UNIT << 32
                terms.append((log_ratio * inverse + (width >> 1) + CENTRE, inverse, width))
            for j, price in enumerate(shocked):
                base, inverse, width = terms[0] if j < 3 or j > 8 else terms[1]
                d1 = base + shifts[j] * inverse
                sums[j] += quantity * (price * phi_38(d1) - strike * phi_38(d1 - width))
        for j, price in enumerate(shocked):
            losses[2 * j + branch] = calls - slope * (price - setting.base) - (sums[j] >> 38)

    margin = shortfall(losses, weights, risk.tail_bps * 10**14)
    margin += risk.short_floor_bps * 10**14 * snapshot.spot // WAD * short

    growth = _div(setting.base << 64, snapshot.spot)
    delta = _div(((probability + (slope << 64)) * growth >> 64) * WAD, UNITS) >> 64
    gamma = vega = theta = 0
    if phis:
        gamma = _div(_div((curvature * growth >> 64) * WAD, snapshot.spot) * WAD, UNITS) >> 64
        vega = _div((setting.base * phis >> 64) * setting.root >> 64, UNITS)
        theta = -_div(_div((setting.base * phi_vols >> 64) * (ONE // 2), setting.root), UNITS * WAD)
    if snapshot.rate and setting.known == 0:
        theta -= _div(snapshot.rate * _div(snapshot.spot * delta, WAD), WAD)
    return Assessment(_div(value, UNITS), (margin + UNITS - 1) // UNITS, least, delta, gamma, vega, theta, 0)
