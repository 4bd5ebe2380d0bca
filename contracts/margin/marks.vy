# pragma version 0.4.3
"""
@title What every margin model starts from: the cell's prices, the marks of the legs and their Greeks
@license AGPL-3.0-only
@notice One pass over the legs of a vault gives its value and Greeks and, for the models that revalue, each option as a call on
        the open part of the forward. Also the horizon, the vol move's tenor scale and the floor that the models share.
@dev Model: docs/margin.md. Quantities stay in 1e-6 contracts and prices in wad; sums are divided once. Puts are calls plus
     K - F, which is linear and kept apart. bulkhead/risk/marks.py mirrors every number bit for bit.
"""

from interfaces import IOracleAdapter

from contracts.math import black76
from contracts.math import fixed
from contracts.math import payoff
from contracts.math import scales
from contracts.vaults import leg as legs_
from contracts.governance import risk_word
from contracts.oracle import snapshot as prices
from contracts.oracle import svi_slice

WAD: constant(int256) = scales.SIGNED_WAD
ONE: constant(int256) = scales.SIGNED_Q64
LOW: constant(int256) = 2**64 - 1
YEAR: constant(uint256) = scales.YEAR
UNITS: constant(int256) = scales.SIGNED_MICRO  # quantities are in 1e-6 contracts
MIN_HORIZON: constant(uint256) = 3600
MAX_PRICE: constant(uint256) = 2**96
MAX_TENOR: constant(uint256) = 2**30
MIN_VOL: constant(uint256) = 10**15         # 0.1 %
MAX_VOL: constant(uint256) = 10**19         # 1000 %
MAX_SHARE: constant(uint256) = 99 * 10**16  # of the settlement window; beyond it options are worth intrinsic
TAIL_UP: constant(int256) = 40 * 10**16     # relative vol move of a tail node's up branch, before the tenor's scale

# the tenor's scale of vol moves, sqrt(30 days / max(tenor, 2 days)): sqrt(15) [Q64] and sqrt(30/365) [Q128]
# generated: begin constants by python -m scripts.generate_coefficients
LARGEST_SCALE: constant(int256) = 71443932589227456047
MONTH_ROOT: constant(int256) = 97555922523983343856803566329452224511
# generated: end constants


struct Setting:
    spot: int256       # S [wad]
    forward: int256    # F [wad]
    known: int256      # w*P: the part of the settlement price already known, 0 outside the window [wad]
    base: int256       # F - w*P: the part still open [wad]
    time: uint256      # in which variance runs: tau less what the average of the settlement window takes [seconds]
    root: int256       # its root, 0 when less than 1 % of the window is left [Q64]


struct Marks:
    setting: Setting
    value: int256      # of all legs [wad * 1e-6]
    calls: int256      # of the options below, as calls [wad * 1e-6]
    longs: int256      # of the options held long [wad * 1e-6]
    slope: int256      # multiplies the forward in every scenario [1e-6 contracts]
    short: int256      # contracts of short options [1e-6]
    delta: int256      # [contracts, wad]
    gamma: int256      # [contracts per quote, wad]
    vega: int256       # [quote per 1.00 vol, wad]
    theta: int256      # [quote per year, wad]
    count: uint256     # options whose strike is still open
    # two words each, as memory is what a short book pays for
    terms: int256[16]  # (K - w*P) [wad] << 64 | quantity 64
    vols: int256[16]   # ln of the open forward over it [Q64] << 64 | iv 64 [wad]


@internal
@pure
def _setting(snapshot: IOracleAdapter.Snapshot) -> Setting:
    """
    @notice What all legs of a cell share.
    @dev In the settlement window an option pays (1-w)*max(S - K', 0) with K' = (K - w*P)/(1-w) (5.1). Black-76 is
         homogeneous, so it is priced as an option on the open part F - w*P with strike K - w*P.
         The average of a window has a third of the variance of its end: two thirds of it, or of what is left, are no time.
    """
    spot: uint256 = snapshot.spot
    forward: uint256 = snapshot.forward
    seconds: uint256 = snapshot.seconds
    share: uint256 = snapshot.window_share
    known: uint256 = 0
    if spot == 0 or forward == 0:
        payoff._refuse("es/zero-spot")
    if seconds == 0:
        payoff._refuse("es/expired")
    if share >= scales.WAD:
        payoff._refuse("es/window-share")
    if share != 0:
        known, forward = prices._settling(spot, forward, share, snapshot.window_average)
    # bounds that keep every product below within 256 bits
    if (spot | forward | snapshot.window_average) >= MAX_PRICE or seconds >= MAX_TENOR:
        payoff._refuse("es/snapshot-range")
    time: uint256 = unsafe_sub(seconds, unsafe_div(unsafe_mul(2, min(seconds, snapshot.window_seconds)), 3))
    root: int256 = 0
    if share <= MAX_SHARE:
        root = fixed._sqrt_ratio(time, YEAR)
    return Setting(
        spot=convert(convert(spot, bytes32), int256),
        forward=convert(convert(forward, bytes32), int256),
        known=convert(convert(known, bytes32), int256),
        base=convert(convert(unsafe_sub(forward, known), bytes32), int256),
        time=time,
        root=root,
    )


@internal
@pure
def _vol(word: uint256) -> int256:
    """
    @notice A vol within its bounds [wad].
    """
    if word < MIN_VOL or word > MAX_VOL:
        payoff._refuse("es/vol-range")
    return convert(convert(word, bytes32), int256)


@internal
@pure
def _iv(snapshot: IOracleAdapter.Snapshot, base: int256, strike: int256) -> int256:
    """
    @notice Implied vol at a strike: the one place that reads the surface.
    @param base Open part of the forward [wad]. @param strike K less the known part, positive [wad].
    @return [wad]
    """
    if snapshot.status & prices.SURFACE_SVI == 0:
        return self._vol(snapshot.surface_near)
    return svi_slice._iv(
        snapshot.surface_near,
        snapshot.surface_far,
        snapshot.surface_weight,
        fixed._ln_ratio(strike, base),
        snapshot.seconds,
    )


@internal
@pure
def _mark(legs: DynArray[uint256, 16], snapshot: IOracleAdapter.Snapshot) -> Marks:
    """
    @notice Value and Greeks of the legs, and their options.
    """
    marks: Marks = empty(Marks)
    setting: Setting = self._setting(snapshot)
    marks.setting = setting
    constant_: int256 = 0   # [wad * 1e-6]
    probability: int256 = 0 # sum of q*Phi(d1) [Q64 * 1e-6]
    density: int256 = 0     # sum of q*phi(d1)
    density_vol: int256 = 0 # sum of q*phi(d1)*iv
    curvature: int256 = 0   # sum of q*phi(d1)/s
    iv: int256 = 0
    is_flat: bool = snapshot.status & prices.SURFACE_SVI == 0
    for leg: uint256 in legs:
        quantity: int256 = convert(convert(leg << 192, bytes32), int256) >> 192
        kind: uint256 = leg >> 126
        if kind > legs_.PUT:
            if kind == legs_.CASH:
                constant_ = unsafe_add(constant_, unsafe_mul(quantity, WAD))
            else:
                marks.slope = unsafe_add(marks.slope, quantity)
            continue
        strike: int256 = unsafe_mul(convert(convert((leg >> 64) & legs_.STRIKE_MASK, bytes32), int256), legs_.SIGNED_STRIKE_WAD)
        if kind == legs_.PUT:
            marks.slope = unsafe_sub(marks.slope, quantity)
            constant_ = unsafe_add(constant_, unsafe_mul(quantity, strike))
        if quantity < 0:
            marks.short = unsafe_sub(marks.short, quantity)
        inner: int256 = unsafe_sub(strike, setting.known)
        if inner <= 0:
            # a call is sure to end in the money: F - K in every scenario
            marks.slope = unsafe_add(marks.slope, quantity)
            constant_ = unsafe_sub(constant_, unsafe_mul(quantity, strike))
            if quantity > 0 and kind == legs_.CALL:
                marks.longs = unsafe_add(marks.longs, unsafe_mul(quantity, unsafe_sub(setting.base, inner)))
            continue
        if not is_flat:
            iv = self._iv(snapshot, setting.base, inner)
        elif iv == 0:
            # read once
            iv = self._vol(snapshot.surface_near)
        total_vol: int256 = unsafe_div(unsafe_mul(iv, setting.root), WAD)
        # (call, Phi(d1), phi(d1), ln(F/K))
        price: int256[4] = black76._price(setting.base, inner, total_vol)
        worth: int256 = unsafe_mul(quantity, price[0])
        marks.calls = unsafe_add(marks.calls, worth)
        if quantity > 0:
            if kind == legs_.PUT:
                worth = unsafe_sub(worth, unsafe_mul(quantity, unsafe_sub(setting.base, inner)))
            marks.longs = unsafe_add(marks.longs, worth)
        probability = unsafe_add(probability, unsafe_mul(quantity, price[1]))
        phi: int256 = unsafe_mul(quantity, price[2])
        density = unsafe_add(density, phi)
        density_vol = unsafe_add(density_vol, unsafe_mul(phi, iv))
        curvature = unsafe_add(curvature, unsafe_div(phi << 64, total_vol))
        marks.terms[marks.count] = (inner << 64) | (quantity & LOW)
        marks.vols[marks.count] = (price[3] << 64) | iv
        marks.count = unsafe_add(marks.count, 1)
    marks.value = unsafe_add(marks.calls, unsafe_add(unsafe_mul(marks.slope, setting.forward), constant_))

    # from F to spot: dF/dS = (F - w*P)/S
    growth: int256 = unsafe_div(setting.base << 64, setting.spot)
    probability = unsafe_add(probability, marks.slope << 64)
    marks.delta = unsafe_div(unsafe_mul(unsafe_mul(probability, growth) >> 64, WAD), UNITS) >> 64
    if density != 0:
        marks.gamma = unsafe_div(
            unsafe_mul(unsafe_div(unsafe_mul(unsafe_mul(curvature, growth) >> 64, WAD), setting.spot), WAD), UNITS
        ) >> 64
        marks.vega = unsafe_div(unsafe_mul(unsafe_mul(setting.base, density) >> 64, setting.root) >> 64, UNITS)
        marks.theta = unsafe_div(
            unsafe_div(unsafe_mul(unsafe_mul(setting.base, density_vol) >> 64, ONE // 2), setting.root), -UNITS * WAD
        )
    rate: int256 = snapshot.rate
    if rate != 0 and setting.known == 0:
        # carry of the forward
        marks.theta = unsafe_sub(
            marks.theta, unsafe_div(unsafe_mul(rate, unsafe_div(unsafe_mul(setting.spot, marks.delta), WAD)), WAD)
        )
    return marks


@internal
@pure
def _in_coins(amount: int256, price: int256) -> int256:
    """
    @notice An amount of quote in coins at a price of the underlying [wad], in the amount's own unit, rounded towards 0.
    """
    return unsafe_div(unsafe_mul(amount, WAD), price)


@internal
@pure
def _in_token(amount: int256, forward: int256, inverse: bool) -> int256:
    """
    @notice A mark in quote in the market's token: an inverse one counts coins, at the forward.
    """
    if inverse:
        return self._in_coins(amount, forward)
    return amount


@internal
@pure
def _horizon(risk: uint256, seconds: uint256) -> uint256:
    """
    @notice h: the parameter, or the time left when that is less, but an hour at least [seconds].
    """
    return min(risk_word._horizon_seconds(risk), max(seconds, MIN_HORIZON))


@internal
@pure
def _move(risk: uint256, sigma: uint256, seconds: uint256) -> int256:
    """
    @notice One standard deviation over the horizon, sigma_m*sqrt(h/year) [Q64].
    """
    return unsafe_div(
        unsafe_mul(fixed._sqrt_ratio(self._horizon(risk, seconds), YEAR), self._vol(sigma)), WAD
    )


@internal
@pure
def _later_root(setting: Setting, risk: uint256) -> int256:
    """
    @notice The root of the time left at the end of the horizon, 0 when that is past the expiry [Q64].
    """
    horizon: uint256 = risk_word._horizon_seconds(risk)
    return fixed._sqrt_ratio(unsafe_sub(max(setting.time, horizon), horizon), YEAR)


@internal
@pure
def _vol_scale(setting: Setting) -> int256:
    """
    @notice sqrt(30 days / max(tenor, 2 days)) [Q64].
    """
    if setting.time > 2 * scales.DAY:
        return unsafe_div(MONTH_ROOT, setting.root)
    return LARGEST_SCALE


@internal
@pure
def _floor(risk: uint256, spot: int256, short: int256) -> int256:
    """
    @notice Gap risk of far strikes: a share of spot for each short option [wad * 1e-6].
    """
    if short == 0:
        return 0
    share: int256 = convert(convert(risk_word._short_floor(risk), bytes32), int256)
    return unsafe_mul(unsafe_div(unsafe_mul(share, spot), WAD), short)
