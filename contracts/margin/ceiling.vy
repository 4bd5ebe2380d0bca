# pragma version 0.4.3
"""
@title A ceiling on what the ES model asks of a vault
@license AGPL-3.0-only
@notice Most actions are by vaults far above their margin. From one price a leg this makes an assessment that is at
        least as strict as EsEngine's: what passes by it passes by the model. It can accept, never refuse.
@dev Why it holds (ADR 53): the shortfall, decay and the floor are subadditive, so legs add up. Of a leg alone the worst outcomes
     lie on one side, falling from the outermost node inwards, and the up branch of the vols is the worse one: the tail's mass
     is spent on those, and what the three outer nodes do not have goes to the innermost of them. A long option loses no more
     than it is worth. Prices are bounded by `_most`. Where a mark is only bounded, value and margin are moved by the same
     amount, upwards, which is strict because IM is no less than margin: equity - IM only falls, and so does equity/MM.
"""

from interfaces import IMarginEngine
from interfaces import IOracleAdapter

from contracts.math import fixed
from contracts.math import normal
from contracts.math import payoff
from contracts.math import scales
from contracts.vaults import leg
from contracts.margin import basis
from contracts.margin import marks as marks_
from contracts.governance import risk_word
from contracts.oracle import snapshot as prices

WAD: constant(int256) = scales.SIGNED_WAD
ONE: constant(int256) = scales.SIGNED_Q64
UNITS: constant(int256) = scales.SIGNED_MICRO
FARTHEST: constant(int256) = 9 * ONE  # standard deviations beyond which a time value is bounded as if there
# scenarios may be off by 1e-8 of forward and strike, the last digits of a table: 2^-24 is six times as much
INACCURACY: constant(uint256) = 24
# moves of the horizon that a guess adds to the vol of an option, and asks one and a half times the price: of 300 random short books at 1.15 times
# their initial margin that says "in vain" of 29 in 30, and of 1 in 50 at three times it
GUESS_MOVES: constant(int256) = 11
# below this price no amount of coins is bounded: it might not fit [wad]
LEAST_PRICE: constant(int256) = 2**48

# scenario nodes, outermost first: z [wad] << 64 | probability [wad]
LOW: immutable(int256[3])
HIGH: immutable(int256[3])


# what the tail comes to on one side; open parts of the forward [wad]
struct Side:
    mean: int256    # over the tail, 0 while nobody asked
    gap: int256     # by how much a price above the mean exceeds it in the mean
    lowest: int256
    highest: int256


@deploy
def __init__(z: int256[12], p: uint256[12]):
    """
    @param z Scenario nodes of the EsEngine [wad]. @param p Their probabilities [wad].
    """
    low: int256[3] = empty(int256[3])
    high: int256[3] = empty(int256[3])
    for i: uint256 in range(3):
        low[i] = z[i] << 64 | convert(p[i], int256)
        high[i] = z[11 - i] << 64 | convert(p[11 - i], int256)
    LOW = low
    HIGH = high


@internal
@pure
def _most(forward: int256, strike: int256, is_put: bool, total_vol: int256) -> int256:
    """
    @notice No less than the Black-76 price of an option.
    @dev The time value is sqrt(F*K) times the integral over u from 0 to s of phi(k/u)*e^(-u^2/8), k = ln(K/F): at most
         Bachelier's s'*g(|F-K|/s'), s' = s*(F+K)/2, because sqrt(F*K) <= (F+K)/2 and |k| >= 2*|F-K|/(F+K). And
         g(y) = phi(y) - y*Phi(-y) <= phi(0)/(1 + 1.25*y + y^2 + 1.5*y^4), within 0.005.
    @param strike At or below 0 once a call is sure to end in the money.
    @param total_vol s [Q64].
    @return [wad]
    """
    inner: int256 = unsafe_sub(forward, strike)
    if strike <= 0:
        if is_put:
            return 0
        return inner
    width: int256 = unsafe_add(unsafe_mul(total_vol, unsafe_add(forward, strike)) >> 65, 1)
    worth: int256 = 1  # rounded up
    if inner < 0:
        inner = unsafe_sub(0, inner)
        if is_put:
            worth = inner
    elif not is_put:
        worth = inner
    y: int256 = unsafe_div(inner << 64, width)
    if y > FARTHEST:
        y = FARTHEST
    inner = unsafe_mul(y, y) >> 64
    return unsafe_add(worth, unsafe_add(unsafe_div(
        unsafe_mul(width, normal.INVERSE_SQRT_2PI),
        unsafe_add(
            unsafe_add(ONE, unsafe_add(y, y >> 2)),
            unsafe_mul(inner, unsafe_add(ONE, unsafe_add(inner, inner >> 1))) >> 64,
        ),
    ), 1))


@internal
@pure
def _side(nodes: int256[3], base: int256, move: int256, tail: int256) -> Side:
    """
    @notice Where the tail lies on one side: the outer nodes as far as their mass goes, the rest of it at the innermost.
    @param nodes Outermost first. @param base Open part of the forward [wad]. @param move One standard deviation [Q64].
    @param tail alpha [wad].
    """
    outer: int256 = unsafe_mul(base, fixed._exp(unsafe_div(unsafe_mul(nodes[0] >> 64, move), WAD))) >> 64
    middle: int256 = unsafe_mul(base, fixed._exp(unsafe_div(unsafe_mul(nodes[1] >> 64, move), WAD))) >> 64
    inner: int256 = unsafe_mul(base, fixed._exp(unsafe_div(unsafe_mul(nodes[2] >> 64, move), WAD))) >> 64
    first: int256 = min(nodes[0] & marks_.LOW, tail)
    second: int256 = min(nodes[1] & marks_.LOW, unsafe_sub(tail, first))
    # from the innermost
    out: int256 = unsafe_mul(unsafe_sub(outer, inner), first)
    mean: int256 = unsafe_add(
        inner, unsafe_div(unsafe_add(out, unsafe_mul(unsafe_sub(middle, inner), second)), tail)
    )
    # the middle one may lie within the mean: then this is more
    gap: int256 = unsafe_add(
        unsafe_mul(abs(unsafe_sub(outer, mean)), first), unsafe_mul(abs(unsafe_sub(middle, mean)), second)
    )
    return Side(
        mean=mean, gap=unsafe_add(unsafe_div(gap, tail), 2), lowest=min(outer, inner), highest=max(outer, inner)
    )


@internal
@pure
def _seems_too_much(legs: DynArray[uint256, 16], forward: int256, middle: int256, room: int256) -> bool:
    """
    @notice Whether the tail makes more than two thirds of `room` out of the short options, roughly and for little gas. No bound.
    @dev A line for the time value: half of what is out of the money goes off the price at the money, down to a fifth of it.
    @param middle Price at the money [wad]. @param room Collateral [wad * 1e-6 quote].
    """
    left: int256 = unsafe_div(unsafe_mul(2, room), 3)
    least: int256 = unsafe_div(middle, 5)
    for item: uint256 in legs:
        # the top bit of kinds without a strike, the sign of the quantity
        if (item >> 127) | ((item >> 63) & 1 ^ 1) != 0:
            continue
        inner: int256 = unsafe_sub(
            forward, unsafe_mul(convert(convert((item >> 64) & leg.STRIKE_MASK, bytes32), int256), leg.SIGNED_STRIKE_WAD)
        )
        if item >> 126 != 0:
            inner = unsafe_sub(0, inner)
        worth: int256 = unsafe_add(middle, inner >> 1)
        if worth < inner:
            worth = inner
        if worth < least:
            worth = least
        left = unsafe_add(left, unsafe_mul(convert(convert(item << 192, bytes32), int256) >> 192, worth))
        if left < 0:
            return True
    return left < 0


@internal
@view
def _assess(
    legs: DynArray[uint256, 16], snapshot: IOracleAdapter.Snapshot, risk: uint256, inverse: bool, collateral: int256
) -> IMarginEngine.Assessment:
    """
    @notice An assessment at least as strict as the EsEngine's, for the initial margin of a vault; KNOWN, or of any other basis
            when it cannot tell.
    @param inverse The market counts coins.
    @param collateral C [wad]: beyond what it can bear nothing is looked at.
    """
    result: IMarginEngine.Assessment = empty(IMarginEngine.Assessment)
    setting: marks_.Setting = marks_._setting(snapshot)
    base: int256 = setting.base
    tail: int256 = leg._signed(risk_word._tail(risk))
    if tail == 0 or base < LEAST_PRICE:
        return result
    move: int256 = marks_._move(risk, snapshot.sigma, snapshot.seconds)
    # at the money 0.4 standard deviations; the vol of the horizon's moves comes to that of the options, taken to be sigma
    middle: int256 = unsafe_add(unsafe_div(unsafe_mul(setting.root, leg._signed(snapshot.sigma)), WAD), unsafe_mul(GUESS_MOVES, move))
    middle = unsafe_div(unsafe_mul(setting.forward, middle) >> 63, 5)
    room: int256 = unsafe_mul(collateral, UNITS)
    if inverse:
        room = unsafe_mul(unsafe_div(room, WAD), setting.forward)
    if self._seems_too_much(legs, setting.forward, middle, room):
        # most likely the model has to be asked all the same
        return result
    low: Side = empty(Side)
    high: Side = empty(Side)
    value: int256 = 0   # [wad * 1e-6]
    margin: int256 = 0
    units: int256 = 0   # by which the value moves at most when the price doubles, of spot or in coins [wad * 1e-6]
    short: int256 = 0   # contracts of short options [1e-6]
    farthest: int256 = base  # highest open part looked at [wad]
    iv: int256 = 0
    vol: int256 = 0     # of the up branch, to the expiry [Q64]
    is_flat: bool = snapshot.status & prices.SURFACE_SVI == 0
    for item: uint256 in legs:
        quantity: int256 = convert(convert(item << 192, bytes32), int256) >> 192
        kind: uint256 = item >> 126
        strike: int256 = unsafe_mul(convert(convert((item >> 64) & leg.STRIKE_MASK, bytes32), int256), leg.SIGNED_STRIKE_WAD)
        is_option: bool = leg._is_option(kind)
        if is_option != (strike != 0):
            # no series: for the engine to refuse
            return result
        if leg._is_money(kind, inverse):
            value = unsafe_add(value, unsafe_mul(quantity, WAD))
            continue
        is_short: bool = quantity < 0
        size: int256 = quantity
        if is_short:
            size = unsafe_sub(0, quantity)
        is_put: bool = kind == leg.PUT
        # short puts and long futures lose below; in coins the future is a claim on quote
        loses_low: bool = is_put
        if not is_option:
            loses_low = is_short == inverse
        if is_short or not is_option:
            if loses_low:
                if low.mean == 0:
                    low = self._side(LOW, base, move, tail)
            elif high.mean == 0:
                high = self._side(HIGH, base, move, tail)
                farthest = high.highest
        if not is_option:
            side: Side = high
            if loses_low:
                side = low
            here: int256 = setting.forward
            there: int256 = unsafe_add(side.mean, setting.known)
            if inverse:
                # 1/F is convex: at most on the chord
                ends: int256 = unsafe_add(side.lowest, setting.known)
                there = unsafe_div(
                    unsafe_mul(unsafe_sub(unsafe_add(unsafe_add(ends, side.highest), setting.known), there), WAD),
                    unsafe_div(unsafe_mul(ends, unsafe_add(side.highest, setting.known)), WAD),
                )
                here = unsafe_div(WAD * WAD, here)
                if quantity > 0:
                    # what a claim on quote loses is concave
                    there = unsafe_div(WAD * WAD, unsafe_add(side.mean, setting.known))
            value = unsafe_add(value, unsafe_mul(quantity, here))
            moved: int256 = unsafe_add(abs(unsafe_sub(there, here)), unsafe_add(unsafe_add(there, here) >> INACCURACY, 4))
            margin = unsafe_add(margin, unsafe_mul(size, moved))
            units = unsafe_add(units, unsafe_mul(size, here if inverse else WAD))
            continue
        open: int256 = unsafe_sub(strike, setting.known)  # the part of the strike that the open part of the forward must reach
        if open > 0 and (iv == 0 or not is_flat):
            iv = marks_._iv(snapshot, base, open)
            vol = unsafe_mul(marks_.TAIL_UP, marks_._vol_scale(setting)) >> 64
            vol = unsafe_mul(max(iv, leg._signed(risk_word._iv_floor(risk))), vol)
            vol = unsafe_div(unsafe_mul(unsafe_add(iv, unsafe_div(vol, WAD)), setting.root), WAD)
        if is_short:
            short = unsafe_add(short, size)
            mean: int256 = high.mean
            gap: int256 = high.gap
            if is_put:
                mean = low.mean
                gap = low.gap
            # a price is convex with slopes within 1: above its price at the mean by the gap at most
            worst: int256 = unsafe_add(
                unsafe_add(self._most(mean, open, is_put, vol), gap), unsafe_add(farthest, strike) >> INACCURACY
            )
            # its mark is at least intrinsic
            now_: int256 = unsafe_sub(base, open)
            if is_put:
                now_ = unsafe_sub(0, now_)
            if now_ < 0:
                now_ = 0
            if inverse:
                now_ = marks_._in_coins(now_, setting.forward)
                mean = low.lowest if is_put else high.lowest
                worst = unsafe_add(marks_._in_coins(worst, unsafe_add(mean, setting.known)), 1)
            value = unsafe_sub(value, unsafe_mul(size, now_))
            margin = unsafe_add(margin, unsafe_mul(size, unsafe_sub(worst, now_)))
        else:
            most: int256 = self._most(base, open, is_put, unsafe_div(unsafe_mul(iv, setting.root), WAD))
            most = unsafe_add(most, unsafe_add(setting.forward, strike) >> INACCURACY)
            if inverse:
                most = unsafe_add(marks_._in_coins(most, setting.forward), 1)
            value = unsafe_add(value, unsafe_mul(size, most))
            margin = unsafe_add(margin, unsafe_mul(size, most))
        if inverse:
            units = unsafe_add(units, unsafe_mul(size, marks_._in_coins(strike, setting.forward)))
        units = unsafe_add(units, unsafe_mul(size, WAD))
    margin = unsafe_add(margin, marks_._floor(risk, WAD if inverse else setting.spot, short))
    result.basis = basis.KNOWN
    result.v_min = payoff.UNBOUNDED
    result.value = unsafe_div(value, UNITS)
    result.margin = unsafe_add(unsafe_div(margin, UNITS), 2)
    # its sign is the one that adds to what the value itself moves
    slope: int256 = unsafe_mul(unsafe_div(units, UNITS), setting.forward if inverse else base)
    result.delta = unsafe_add(unsafe_div(slope, setting.spot), 2)
    if result.value >= 0:
        result.delta = unsafe_sub(0, result.delta)
    return result
