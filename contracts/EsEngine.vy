# pragma version 0.4.3
"""
@title Margin engine: expected shortfall over 24 scenarios
@license AGPL-3.0-only
@notice Values the legs of one vault and their maintenance margin: 12 spot moves times 2 vol moves, full revaluation,
        the weighted mean of the worst 1 % of outcomes, plus a floor for short options. Stateless.
@dev Model: protocol 5.1 and 5.2. Inside, quantities stay in 1e-6 contracts and prices in wad; the sum is divided
     once. The expected shortfall of a set of legs is subadditive because every scenario is a sum over legs.
"""

from contracts.math import black76
from contracts.math import fixed
from contracts.math import payoff
from contracts.modules import leg as legs_
from contracts.modules import parameters
from contracts.modules import snapshot as prices
from interfaces import IMarginEngine

implements: IMarginEngine

NODES: constant(uint256) = 12
SCENARIOS: constant(uint256) = 24
WAD: constant(int256) = 10**18
UWAD: constant(uint256) = 10**18
ONE: constant(int256) = 2**64
YEAR: constant(uint256) = 365 * 86400
DAY: constant(uint256) = 86400
UNITS: constant(int256) = 10**6       # quantities are in 1e-6 contracts
TAIL_NODE: constant(int256) = 3 * 10**18  # nodes from here outwards take the tail's vol moves
MIN_HORIZON: constant(uint256) = 3600
MAX_PRICE: constant(uint256) = 2**96  # keeps every product below within 256 bits
MIN_VOL: constant(uint256) = 10**15   # 0.1 %
MAX_VOL: constant(uint256) = 10**19   # 1000 %
MIN_SHARE: constant(int256) = 10**16  # below 1 % of the settlement window left, options are worth intrinsic

# relative vol moves of the branches [wad], before the tenor's scale
BODY_DOWN: constant(int256) = 15 * 10**16
BODY_UP: constant(int256) = 20 * 10**16
TAIL_UP: constant(int256) = 40 * 10**16
LEAST_VOL: constant(int256) = 20 * 10**16  # a down-move leaves at least this share

# scenario nodes z [wad, standard deviations], ascending, and their probabilities [wad]
Z: public(immutable(int256[12]))
P: public(immutable(uint256[12]))


struct Setting:
    base: int256       # forward the options are priced on [wad]
    share: int256      # share of the settlement window left, 1 outside it [wad]
    fixed_part: int256 # w*P: the part of the settlement price already known [wad]
    forward: int256    # F [wad]
    root: int256       # sqrt(tau) [Q64]
    scale: int256      # tenor scale of vol moves [Q64]
    iv_floor: int256   # least iv of which an up-move takes its percentage [wad]


@deploy
def __init__(z: int256[12], p: uint256[12]):
    """
    @param z Scenario nodes [wad], strictly ascending, within +-20.
    @param p Their probabilities [wad], positive, summing to 1.
    """
    total: uint256 = 0
    previous: int256 = -20 * WAD
    for i: uint256 in range(NODES):
        assert z[i] > previous and z[i] < 20 * WAD, "es/nodes-ascending"
        assert p[i] > 1 and p[i] < UWAD, "es/weight-range"
        previous = z[i]
        total += p[i]
    assert total == UWAD, "es/weights-sum"
    Z = z
    P = p


@external
@view
def assess(
    legs: DynArray[uint256, 16], snapshot: uint256[16], risk: uint256, collateral: int256
) -> int256[8]:
    """
    @notice Value, margin and maximum loss of the legs of one vault (IMarginEngine).
    @dev Keeps INV-07 and INV-13: a vault of at most 4 legs that is fully collateralised needs no price at all.
    @param legs Leg words of one cell, each series at most once, no zero quantity.
    @param snapshot Prices of the cell (modules/snapshot).
    @param risk Packed risk word (modules/parameters).
    @param collateral C of the vault [wad]; `min_value(int256)` forces the full assessment.
    @return (value, margin, v_min, delta, gamma, vega, theta, covered), wad.
    """
    self._check_legs(legs)
    least: int256 = payoff._least(legs)
    if len(legs) <= 4 and least != min_value(int256) and collateral >= -least:
        return [0, 0, least, 0, 0, 0, 0, 1]

    setting: Setting = self._setting(snapshot, parameters._iv_floor(risk))
    sigma: uint256 = snapshot[prices.SIGMA]
    assert sigma >= MIN_VOL and sigma <= MAX_VOL, "es/sigma-range"

    # forwards of the nodes
    horizon: uint256 = min(parameters._horizon_seconds(risk), max(snapshot[prices.SECONDS], MIN_HORIZON))
    move: int256 = fixed._sqrt_ratio(horizon, YEAR) * convert(sigma, int256) // WAD
    shifts: int256[12] = empty(int256[12])
    shocked: int256[12] = empty(int256[12])
    for i: uint256 in range(NODES):
        shifts[i] = Z[i] * move // WAD
        shocked[i] = (setting.base * fixed._exp(shifts[i])) >> 64

    outcomes: int256[24] = empty(int256[24])
    result: int256[8] = empty(int256[8])
    slope: int256 = 0      # multiplies the forward in every scenario
    constant_: int256 = 0
    short: int256 = 0      # contracts of short options
    for leg: uint256 in legs:
        quantity: int256 = legs_._quantity(leg)
        kind: uint256 = legs_._kind(leg)
        if kind == legs_.CASH:
            constant_ += quantity * WAD
            result[0] += quantity * WAD
            continue
        if kind == legs_.FUTURE:
            slope += quantity
            result[0] += quantity * setting.forward
            result[3] += quantity * ONE
            continue
        if quantity < 0:
            short -= quantity
        strike: int256 = convert(legs_._strike(leg), int256) * 10**10
        if kind == legs_.PUT:
            # put = call - F + K in every scenario
            slope -= quantity
            constant_ += quantity * strike
        mark: int256[5] = self._option(setting, snapshot, strike, kind)
        result[0] += quantity * mark[0]
        result[3] += quantity * mark[1]
        result[4] += quantity * mark[2]
        result[5] += quantity * mark[3]
        result[6] += quantity * mark[4]
        outcomes = self._revalue(outcomes, setting, snapshot, strike, quantity, shifts, shocked)

    for i: uint256 in range(NODES):
        forward: int256 = shocked[i]
        if setting.share != WAD:
            forward = setting.fixed_part + setting.share * forward // WAD
        linear: int256 = slope * forward + constant_
        outcomes[2 * i] = result[0] - outcomes[2 * i] - linear
        outcomes[2 * i + 1] = result[0] - outcomes[2 * i + 1] - linear

    margin: int256 = self._shortfall(outcomes, parameters._tail(risk))
    # floor on short options, rounded up
    floor_: int256 = (
        convert(parameters._short_floor(risk), int256) * convert(snapshot[prices.SPOT], int256) // WAD * short
    )
    spot: int256 = convert(snapshot[prices.SPOT], int256)
    # from per contract of F to per unit of spot: dF/dS = (F - w*P)/S
    growth: int256 = ((setting.forward - setting.fixed_part) << 64) // spot
    delta: int256 = ((result[3] * growth) >> 64) * WAD // UNITS >> 64
    gamma: int256 = (((result[4] * growth) >> 64) * WAD // spot) * WAD // UNITS >> 64
    theta: int256 = result[6] // UNITS
    if setting.share == WAD:
        # carry of the forward
        theta -= fixed._signed(snapshot[prices.RATE]) * (spot * delta // WAD) // WAD
    return [
        result[0] // UNITS,
        (margin + floor_ + UNITS - 1) // UNITS,
        least,
        delta,
        gamma,
        result[5] // UNITS,
        theta,
        0,
    ]


@external
@pure
def max_loss(legs: DynArray[uint256, 16]) -> int256:
    """
    @notice The least payoff of the legs over all settlement prices (IMarginEngine).
    @return [wad], `min_value(int256)` when unbounded.
    """
    self._check_legs(legs)
    return payoff._least(legs)


@external
@view
def value(legs: DynArray[uint256, 16], snapshot: uint256[16]) -> int256:
    """
    @notice Mark of the legs, the first number of `assess` (IMarginEngine).
    @return [wad]
    """
    self._check_legs(legs)
    setting: Setting = self._setting(snapshot, 0)
    total: int256 = 0
    for leg: uint256 in legs:
        quantity: int256 = legs_._quantity(leg)
        kind: uint256 = legs_._kind(leg)
        if kind == legs_.CASH:
            total += quantity * WAD
        elif kind == legs_.FUTURE:
            total += quantity * setting.forward
        else:
            strike: int256 = convert(legs_._strike(leg), int256) * 10**10
            mark: int256[5] = self._option(setting, snapshot, strike, kind)
            total += quantity * mark[0]
    return total // UNITS


@internal
@pure
def _check_legs(legs: DynArray[uint256, 16]):
    """
    @notice Refuses zero quantities, options without a strike and series named twice.
    """
    for i: uint256 in range(len(legs), bound=16):
        key: uint256 = legs[i] >> 64
        assert legs[i] & legs_.QUANTITY_MASK != 0, "es/zero-quantity"
        assert (key & legs_.STRIKE_MASK == 0) == (key >> 63 != 0), "es/strike-kind"
        for j: uint256 in range(i, bound=16):
            assert legs[j] >> 64 != key, "es/duplicate-series"


@internal
@view
def _setting(snapshot: uint256[16], iv_floor: uint256) -> Setting:
    """
    @notice What all legs of a cell share.
    """
    assert snapshot[prices.SPOT] != 0 and snapshot[prices.FORWARD] != 0, "es/zero-spot"
    assert snapshot[prices.SPOT] < MAX_PRICE and snapshot[prices.FORWARD] < MAX_PRICE, "es/spot-range"
    assert snapshot[prices.SECONDS] != 0, "es/expired"
    forward: int256 = convert(snapshot[prices.FORWARD], int256)
    base: int256 = forward
    share: int256 = WAD
    fixed_part: int256 = 0
    if snapshot[prices.WINDOW_SHARE] != 0:
        assert snapshot[prices.WINDOW_SHARE] <= UWAD, "es/window-share"
        assert snapshot[prices.WINDOW_AVERAGE] < MAX_PRICE, "es/spot-range"
        share -= convert(snapshot[prices.WINDOW_SHARE], int256)
        fixed_part = (WAD - share) * convert(snapshot[prices.WINDOW_AVERAGE], int256) // WAD
        base = convert(snapshot[prices.SPOT], int256)
        forward = fixed_part + share * base // WAD
    return Setting(
        base=base,
        share=share,
        fixed_part=fixed_part,
        forward=forward,
        root=fixed._sqrt_ratio(snapshot[prices.SECONDS], YEAR),
        scale=fixed._sqrt_ratio(30 * DAY, max(snapshot[prices.SECONDS], 2 * DAY)),
        iv_floor=convert(iv_floor, int256),
    )


@internal
@view
def _iv(snapshot: uint256[16], strike: int256) -> int256:
    """
    @notice Implied vol at a strike: the one place that reads the surface.
    @return [wad]
    """
    # published SVI slices go here (math/svi); until then the surface is flat
    assert snapshot[prices.STATUS] & prices.SURFACE_SVI == 0, "es/no-svi"
    iv: uint256 = snapshot[prices.SURFACE_NEAR]
    assert iv >= MIN_VOL and iv <= MAX_VOL, "es/vol-range"
    return convert(iv, int256)


@internal
@pure
def _pricing_strike(setting: Setting, strike: int256) -> int256:
    """
    @notice K' of 5.1: the strike on what is still open of the settlement average; K outside the window.
    @return [wad], 0 or less when the option is worth its intrinsic value on F.
    """
    if setting.share == WAD:
        return strike
    if setting.share < MIN_SHARE:
        return 0
    return (strike - setting.fixed_part) * WAD // setting.share


@internal
@view
def _option(setting: Setting, snapshot: uint256[16], strike: int256, kind: uint256) -> int256[5]:
    """
    @notice Mark and Greeks of one option.
    @return (price [wad], delta on F [Q64], gamma on F times F [Q64], vega [wad], theta without carry [wad]).
    """
    iv: int256 = self._iv(snapshot, strike)
    inner: int256 = self._pricing_strike(setting, strike)
    forward: int256 = setting.forward
    call: int256 = max(forward - strike, 0)
    result: int256[5] = [0, 0, 0, 0, 0]
    if inner <= 0:
        # intrinsic on F
        if forward > strike:
            result[1] = ONE
    else:
        density: int256 = 0
        total_vol: int256 = iv * setting.root // WAD
        price: int256 = 0
        price, result[1], density = black76._call(
            setting.base, inner, fixed._ln_ratio(setting.base, inner), total_vol
        )
        # dF = (1-w)*dS, so delta on F is Phi(d1) and gamma on F is 1/(1-w) of that on S
        call = min(max(setting.share * price // WAD, call), forward)
        if total_vol != 0:
            weighted: int256 = ((setting.base * density) >> 64) * setting.share // WAD
            result[2] = (density << 64) // total_vol
            result[3] = (weighted * setting.root) >> 64
            result[4] = -((weighted * iv << 63) // (setting.root * WAD))
    if kind == legs_.PUT:
        result[0] = call - forward + strike
        result[1] -= ONE
    else:
        result[0] = call
    return result


@internal
@view
def _revalue(
    outcomes: int256[24],
    setting: Setting,
    snapshot: uint256[16],
    strike: int256,
    quantity: int256,
    shifts: int256[12],
    shocked: int256[12],
) -> int256[24]:
    """
    @notice Adds quantity * call price to every scenario. Scenario 2*i + b is node i with vol branch b.
    """
    totals: int256[24] = outcomes
    inner: int256 = self._pricing_strike(setting, strike)
    if inner <= 0:
        for i: uint256 in range(NODES):
            payoff_: int256 = max(setting.fixed_part + setting.share * shocked[i] // WAD - strike, 0)
            totals[2 * i] += quantity * payoff_
            totals[2 * i + 1] += quantity * payoff_
        return totals

    iv: int256 = self._iv(snapshot, strike)
    up_base: int256 = max(iv, setting.iv_floor)
    vols: int256[4] = [
        iv,
        iv + up_base * (TAIL_UP * setting.scale >> 64) // WAD,
        max(iv - iv * (BODY_DOWN * setting.scale >> 64) // WAD, iv * LEAST_VOL // WAD),
        iv + up_base * (BODY_UP * setting.scale >> 64) // WAD,
    ]
    log_ratio: int256 = fixed._ln_ratio(setting.base, inner)
    for i: uint256 in range(NODES):
        branch: uint256 = 2
        if Z[i] >= TAIL_NODE or Z[i] <= -TAIL_NODE:
            branch = 0
        for b: uint256 in range(2):
            call: int256 = black76._call(
                shocked[i], inner, log_ratio + shifts[i], vols[branch + b] * setting.root // WAD
            )[0]
            if setting.share != WAD:
                call = setting.share * call // WAD
            totals[2 * i + b] += quantity * call
    return totals


@internal
@view
def _shortfall(losses: int256[24], tail: uint256) -> int256:
    """
    @notice Mean of the worst losses, weighted by probability until their mass is `tail`; at least 0.
    @dev Takes the largest again and again: the tail is exhausted after a few. Ties: the lower index first.
    @param losses Loss of scenario 2*i + b.
    @param tail alpha [wad].
    @return In the unit of the losses, rounded up.
    """
    assert tail != 0 and tail <= UWAD, "es/tail-range"
    left: uint256 = tail
    rest: int256[24] = losses
    sum: int256 = 0
    for pick: uint256 in range(SCENARIOS):
        worst: int256 = min_value(int256)
        at: uint256 = 0
        for i: uint256 in range(SCENARIOS):
            if rest[i] > worst:
                worst = rest[i]
                at = i
        # both branches are equally likely; an odd unit goes to the second
        weight: uint256 = (P[at // 2] + at % 2) // 2
        rest[at] = min_value(int256)
        weight = min(weight, left)
        sum += worst * convert(weight, int256)
        left -= weight
        if left == 0:
            break
    if sum <= 0:
        return 0
    return (sum + convert(tail, int256) - 1) // convert(tail, int256)
