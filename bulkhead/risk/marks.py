"""Exact-integer mirror of contracts/margin/marks: what every margin model starts from, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bulkhead.risk import svi
from bulkhead.risk.assessment import Assessment
from bulkhead.risk.black76 import call_price
from bulkhead.risk.coefficients import LARGEST_SCALE, MONTH_ROOT
from bulkhead.risk.fixed import ONE, divide, sqrt_ratio
from bulkhead.risk.normal import call_38
from bulkhead.risk.payoff import check_legs
from bulkhead.risk.scales import DAY, MICRO, WAD, YEAR
from bulkhead.risk.words import Kind, Leg, RiskWord, Snapshot, Status

UNITS = MICRO
STRIKE_WAD = 10**10
MIN_HORIZON = 3600
MAX_PRICE = 2**96
MAX_TENOR = 2**30
MIN_VOL = 10**15
MAX_VOL = 10**19
MAX_SHARE = 99 * 10**16


@dataclass(frozen=True)
class Setting:
    """What all legs of a cell share.

    Attributes:
        spot: S [wad].
        forward: F [wad].
        averaged: w*P, the part of the settlement price that has been averaged already [wad].
        base: F - w*P, the part still open [wad].
        time: In which variance runs: tau less what the average of the settlement window takes [seconds].
        root: Its root, 0 when less than 1 % of the settlement window is left [Q64].
    """

    spot: int
    forward: int
    averaged: int
    base: int
    time: int
    root: int


@dataclass(frozen=True)
class Option:
    """An option whose strike is still open, as a call on the open part of the forward.

    Attributes:
        quantity: Signed 1e-6 contracts.
        strike: K - w*P [wad].
        log_ratio: ln of the open forward over it [Q64].
        iv: Implied vol [wad].
    """

    quantity: int
    strike: int
    log_ratio: int
    iv: int


@dataclass(frozen=True)
class Marks:
    """Value and Greeks of the legs of one vault.

    Attributes:
        value: Of all legs [wad * 1e-6].
        calls: Of `options`, as calls [wad * 1e-6].
        longs: Of the options held long [wad * 1e-6].
        slope: What multiplies the forward in every scenario [1e-6 contracts].
        short: Contracts of short options [1e-6].
        delta: Contracts of spot [wad].
        gamma: Contracts per quote [wad].
        vega: Quote per 1.00 vol [wad].
        theta: Quote per year [wad].
        options: Options to revalue.
    """

    value: int
    calls: int
    longs: int
    slope: int
    short: int
    delta: int
    gamma: int
    vega: int
    theta: int
    options: tuple[Option, ...]

    def assessed(self, v_min: int, margin: int, initial: int = 0, *, worth: int) -> Assessment:
        """What an engine answers with these Greeks; margins [wad * 1e-6] are rounded up.

        Args:
            v_min: Least payoff [wad].
            margin: MM before the cap.
            initial: The model's own IM, 0 for none.
            worth: Value in the market's token [wad * 1e-6].
        """
        return Assessment(
            value=divide(worth, UNITS),
            margin=-(-margin // UNITS),
            v_min=v_min,
            delta=self.delta,
            gamma=self.gamma,
            vega=self.vega,
            theta=self.theta,
            initial=-(-initial // UNITS),
        )


def setting_of(snapshot: Snapshot) -> Setting:
    """What all legs of the cell share; refuses snapshots outside the engines' domain."""
    spot, forward, share = snapshot.spot, snapshot.forward, snapshot.window_share
    if spot == 0 or forward == 0:
        raise ValueError("es/zero-spot")
    if snapshot.seconds == 0:
        raise ValueError("es/expired")
    averaged = 0
    if share:
        if share >= WAD:
            raise ValueError("es/window-share")
        averaged = share * snapshot.window_average // WAD
        forward = averaged + (WAD - share) * spot // WAD
    if (spot | forward | snapshot.window_average) >= MAX_PRICE or snapshot.seconds >= MAX_TENOR:
        raise ValueError("es/snapshot-range")
    time = snapshot.seconds - 2 * min(snapshot.seconds, snapshot.window_seconds) // 3
    root = sqrt_ratio(time, YEAR) if share <= MAX_SHARE else 0
    return Setting(spot, forward, averaged, forward - averaged, time, root)


def _vol(word: int) -> int:
    if not MIN_VOL <= word <= MAX_VOL:
        raise ValueError("es/vol-range")
    return word


def iv_at(snapshot: Snapshot, base: int, strike: int) -> int:
    """Implied vol of the surface [wad] at a strike less the averaged part, of the open part of the forward."""
    if not snapshot.status & Status.SURFACE_SVI:
        return _vol(snapshot.surface_near)
    surface = snapshot.surface_near, snapshot.surface_far, snapshot.surface_weight
    return svi.iv_at(*surface, strike, base, snapshot.seconds)


def mark_legs(legs: Sequence[Leg], snapshot: Snapshot, setting: Setting) -> Marks:
    """Value and Greeks of the legs, and their options (marks._mark)."""
    slope = constant = short = calls = longs = probability = phis = phi_vols = curvature = 0
    options: list[Option] = []
    for leg in legs:
        quantity = leg.quantity
        if leg.kind == Kind.CASH:
            constant += quantity * WAD
            continue
        if leg.kind == Kind.FUTURE:
            slope += quantity
            continue
        strike = leg.strike * STRIKE_WAD
        if leg.kind == Kind.PUT:
            slope -= quantity
            constant += quantity * strike
        short += max(-quantity, 0)
        inner = strike - setting.averaged
        if inner <= 0:
            slope += quantity
            constant -= quantity * strike
            if leg.kind == Kind.CALL:
                longs += max(quantity, 0) * (setting.base - inner)
            continue
        iv = iv_at(snapshot, setting.base, inner)
        total_vol = divide(iv * setting.root, WAD)
        call, upper, phi, log_ratio = call_price(setting.base, inner, total_vol)
        calls += quantity * call
        longs += max(quantity, 0) * (call - (setting.base - inner if leg.kind == Kind.PUT else 0))
        probability += quantity * upper
        phi *= quantity
        phis += phi
        phi_vols += phi * iv
        curvature += divide(phi << 64, total_vol)
        options.append(Option(quantity, inner, log_ratio, iv))
    value = calls + slope * setting.forward + constant

    growth = divide(setting.base << 64, setting.spot)
    delta = divide(((probability + (slope << 64)) * growth >> 64) * WAD, UNITS) >> 64
    gamma = vega = theta = 0
    if phis:
        gamma = divide(divide((curvature * growth >> 64) * WAD, snapshot.spot) * WAD, UNITS) >> 64
        vega = divide((setting.base * phis >> 64) * setting.root >> 64, UNITS)
        theta = divide(divide((setting.base * phi_vols >> 64) * (ONE // 2), setting.root), -UNITS * WAD)
    if snapshot.rate and setting.averaged == 0:
        theta -= divide(snapshot.rate * divide(snapshot.spot * delta, WAD), WAD)
    return Marks(value, calls, longs, slope, short, delta, gamma, vega, theta, tuple(options))


def in_coins(amount: int, price: int) -> int:
    """An amount of quote in coins at a price of the underlying [wad], in its own unit, rounded towards 0."""
    return divide(amount * WAD, price)


def in_token(amount: int, forward: int, inverse: bool) -> int:
    """A mark in quote in the market's token: an inverse one counts coins, at the forward."""
    return in_coins(amount, forward) if inverse else amount


def mark(legs: Sequence[Leg], snapshot: Snapshot, inverse: bool = False) -> int:
    """Value of the legs [wad] (`value` of every engine), in coins when the market is inverse."""
    check_legs(legs)
    setting = setting_of(snapshot)
    return divide(in_token(mark_legs(legs, snapshot, setting).value, setting.forward, inverse), UNITS)


def horizon(risk: RiskWord, seconds: int) -> int:
    """h: the parameter, or the time left when that is less, but an hour at least [seconds]."""
    return min(risk.horizon_seconds, max(seconds, MIN_HORIZON))


def move_of(risk: RiskWord, snapshot: Snapshot) -> int:
    """One standard deviation over the horizon, sigma_m*sqrt(h/year) [Q64]."""
    return divide(sqrt_ratio(horizon(risk, snapshot.seconds), YEAR) * _vol(snapshot.sigma), WAD)


def later_root(setting: Setting, risk: RiskWord) -> int:
    """The root of the time left at the end of the horizon, 0 when that is past the expiry [Q64]."""
    return sqrt_ratio(max(setting.time - risk.horizon_seconds, 0), YEAR)


def worth_later(options: Sequence[Option], setting: Setting, risk: RiskWord) -> int:
    """Options as calls at the end of the horizon, neither forward nor vols having moved [wad * 1e-6]."""
    root = later_root(setting, risk)
    calls = (
        option.quantity * call_38(setting.base, option.strike, option.log_ratio, divide(option.iv * root, WAD))
        for option in options
    )
    return sum(calls) >> 38


def decay_of(marks: Marks, setting: Setting, risk: RiskWord) -> int:
    """What the legs lose over the horizon when neither forward nor vols move [wad * 1e-6], negative when they gain."""
    return marks.calls - worth_later(marks.options, setting, risk)


def vol_scale(setting: Setting) -> int:
    """sqrt(30 days / max(tenor, 2 days)) [Q64]."""
    return divide(MONTH_ROOT, setting.root) if setting.time > 2 * DAY else LARGEST_SCALE


def floor_of(risk: RiskWord, spot: int, short: int) -> int:
    """Gap risk of far strikes: a share of spot for each short option [wad * 1e-6]; of a coin with WAD as `spot`."""
    return risk.short_floor_bps * 10**14 * spot // WAD * short
