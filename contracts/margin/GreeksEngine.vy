# pragma version 0.4.3
"""
@title Margin engine: delta, gamma, vega and decay
@license AGPL-3.0-only
@notice The requirement as a sum of terms that a front end can show one by one: what a move of a few standard deviations costs
        through delta and through gamma, a vol move through vega, the horizon through decay, and the floor for short options;
        never below 0.7 times the expected shortfall model. Stateless. Trusts: the EsEngine it is made with.
@dev Model: docs/margin.md. The loss of a move is the integral of delta: by Simpson's rule over S, S(1+-s/2) and S(1+-s), and for
     half the move from the same parabola, so that a short strike between two prices is seen. What the delta at S alone would
     lose is the delta term, the rest of the move the gamma term. Vega is taken at half the vol move.
     The EsEngine is asked for its number without decay: decay and floor are in the sum in full, so 0.7 of them never count.
     Value and Greeks are the EsEngine's. bulkhead/risk/greeks.py mirrors every number bit for bit.
"""

from contracts.math import fixed
from contracts.math import normal
from contracts.math import payoff
from contracts.math import phi_table
from contracts.math import scales
from contracts.vaults import leg as legs_
from contracts.margin import basis
from contracts.margin import marks as marks_
from contracts.governance import risk_word
from contracts.oracle import snapshot as prices
from interfaces import IGreeksEngine
from interfaces import IMarginEngine
from interfaces import IOracleAdapter

implements: IMarginEngine
implements: IGreeksEngine
initializes: phi_table

WAD: constant(int256) = scales.SIGNED_WAD
ONE: constant(int256) = scales.SIGNED_Q64
UNITS: constant(int256) = scales.SIGNED_MICRO
DEEPEST: constant(int256) = ONE * 99 // 100  # a price falls by at most this share
TERM: constant(int256) = 24 * UNITS << 38    # 24 times a loss [wad * 1e-6 * 2^-38] over this is in wad

ES_ENGINE: immutable(address)
# whether values and margins are in coins of the underlying
INVERSE: immutable(bool)


@deploy
def __init__(es_engine: address):
    """
    @param es_engine The EsEngine, whose number is the least this model asks; this one counts in the same token.
    """
    ES_ENGINE = es_engine
    INVERSE = staticcall IMarginEngine(es_engine).inverse()
    phi_table.__init__()


@external
@view
def assess(
    legs: DynArray[uint256, 16], snapshot: IOracleAdapter.Snapshot, risk: uint256, collateral: int256
) -> IMarginEngine.Assessment:
    """
    @notice Value, margin and maximum loss of the legs of one vault (IMarginEngine).
    @param legs Leg words of one cell, each series at most once, no zero quantity.
    @param snapshot Prices of the cell (oracle/snapshot).
    @param risk Packed risk word (governance/risk_word).
    @param collateral C of the vault [wad]; `min_value(int256)` forces the full assessment.
    @return The assessment.
    """
    result: IMarginEngine.Assessment = staticcall IMarginEngine(ES_ENGINE).assess(
        legs, snapshot, risk | risk_word.DECAY_APART, collateral
    )
    if result.basis == basis.ASSESSED:
        part: IGreeksEngine.Terms = self._terms(legs, snapshot, risk, result)
        result.margin = max(part.delta + part.gamma + part.vega + part.decay + part.floor, part.es)
    return result


@external
@view
def terms(legs: DynArray[uint256, 16], snapshot: IOracleAdapter.Snapshot, risk: uint256) -> IGreeksEngine.Terms:
    """
    @notice What the margin is made of: the larger of the first five together and the last.
    @param legs Leg words of one cell. @param snapshot Prices of the cell. @param risk Packed risk word.
    @return The terms [wad].
    """
    es: IMarginEngine.Assessment = staticcall IMarginEngine(ES_ENGINE).assess(
        legs, snapshot, risk | risk_word.DECAY_APART, payoff.UNBOUNDED
    )
    return self._terms(legs, snapshot, risk, es)


@external
@view
def inverse() -> bool:
    """
    @notice Whether values and margins are in coins of the underlying (IMarginEngine).
    @return False for quote.
    """
    return INVERSE


@external
@view
def max_loss(legs: DynArray[uint256, 16]) -> int256:
    """
    @notice The least payoff of the legs over all settlement prices (IMarginEngine).
    @param legs Leg words of one cell.
    @return [wad], `min_value(int256)` when unbounded.
    """
    return payoff._least(legs, INVERSE)


@external
@view
def value(legs: DynArray[uint256, 16], snapshot: IOracleAdapter.Snapshot) -> int256:
    """
    @notice Mark of the legs, the first number of `assess` (IMarginEngine).
    @param legs Leg words of one cell.
    @param snapshot Prices of the cell (oracle/snapshot).
    @return [wad]
    """
    return staticcall IMarginEngine(ES_ENGINE).value(legs, snapshot)


@internal
@view
def _terms(
    legs: DynArray[uint256, 16], snapshot: IOracleAdapter.Snapshot, risk: uint256, es: IMarginEngine.Assessment
) -> IGreeksEngine.Terms:
    """
    @notice The terms of `terms`, given the EsEngine's assessment.
    """
    setting: marks_.Setting = marks_._setting(snapshot)
    up: int256 = unsafe_div(
        unsafe_mul(
            convert(convert(risk_word._greeks_move(risk), bytes32), int256),
            marks_._move(risk, snapshot.sigma, snapshot.seconds),
        ),
        WAD,
    )
    down: int256 = min(up, DEEPEST)
    # ln of the moves to S(1+s/2), S(1+s), S(1-s/2), S(1-s) [Q64]
    shifts: int256[4] = [
        fixed._ln_ratio(ONE + (up >> 1), ONE),
        fixed._ln_ratio(ONE + up, ONE),
        fixed._ln_ratio(ONE - (down >> 1), ONE),
        fixed._ln_ratio(ONE - down, ONE),
    ]
    scale: int256 = marks_._vol_scale(setting)
    later: int256 = marks_._later_root(setting, risk)
    iv_floor: int256 = convert(convert(risk_word._iv_floor(risk), bytes32), int256)

    here: int256 = 0                 # delta at S [1e-6 * 2^-38], of the open part of the forward
    there: int256[4] = [0, 0, 0, 0]  # after the moves
    vega: int256 = 0                 # sum of q*phi*dvol [1e-6 * Q64]
    slope: int256 = 0
    short: int256 = 0
    fixed_: int256 = 0               # what does not move [wad * 1e-6]
    worth: int256 = 0                # of the options at the end of the horizon, as calls [wad * 1e-6 * 2^-38]
    iv: int256 = 0
    is_flat: bool = snapshot.status & prices.SURFACE_SVI == 0
    # only who holds options loses by time: others need no value at the end of the horizon
    holds: bool = self._holds(legs)
    for leg: uint256 in legs:
        quantity: int256 = legs_._quantity(leg)
        kind: uint256 = legs_._kind(leg)
        if kind > legs_.PUT:
            # in quote FUTURE moves with the forward and CASH does not, whichever of them is the market's money
            if kind == legs_.FUTURE:
                slope = unsafe_add(slope, quantity)
            else:
                fixed_ = unsafe_add(fixed_, unsafe_mul(quantity, WAD))
            continue
        strike: int256 = unsafe_mul(legs_._signed(legs_._strike(leg)), legs_.SIGNED_STRIKE_WAD)
        if quantity < 0:
            short = unsafe_sub(short, quantity)
        if kind == legs_.PUT:
            slope = unsafe_sub(slope, quantity)
            fixed_ = unsafe_add(fixed_, unsafe_mul(quantity, strike))
        inner: int256 = unsafe_sub(strike, setting.known)
        if inner <= 0:
            slope = unsafe_add(slope, quantity)
            fixed_ = unsafe_sub(fixed_, unsafe_mul(quantity, strike))
            continue
        if iv == 0 or not is_flat:
            iv = marks_._iv(snapshot, setting.base, inner)
        log_ratio: int256 = fixed._ln_ratio(setting.base, inner)

        total_vol: int256 = max(unsafe_div(unsafe_mul(iv, setting.root), WAD), 1)
        inverse: int256 = unsafe_div(phi_table.PER_UNIT << 96, total_vol)
        at: int256 = unsafe_add(
            unsafe_add(unsafe_mul(log_ratio, inverse), unsafe_mul(total_vol, phi_table.PER_UNIT << 32) >> 1),
            phi_table.CENTRE,
        )
        here = unsafe_add(here, unsafe_mul(quantity, phi_table._phi(at)))
        for i: uint256 in range(4):
            there[i] = unsafe_add(
                there[i], unsafe_mul(quantity, phi_table._phi(unsafe_add(at, unsafe_mul(shifts[i], inverse))))
            )
        if holds:
            worth = unsafe_add(worth, unsafe_mul(quantity, phi_table._call(
                setting.base, inner, log_ratio, unsafe_div(unsafe_mul(iv, later), WAD)
            )))

        change: int256 = unsafe_mul(max(iv, iv_floor) >> 2, scale) >> 64
        total_vol = unsafe_div(unsafe_mul(unsafe_add(iv, change >> 1), setting.root), WAD)
        density: int256 = normal._density(
            unsafe_add(unsafe_div(log_ratio << 64, total_vol), total_vol >> 1)
        )
        vega = unsafe_add(vega, unsafe_mul(quantity, unsafe_div(unsafe_mul(density, change), WAD)))

    slope = slope << 38
    here = unsafe_add(here, slope)
    # the worst of the four moves and what of it the delta at S explains, 24 times [wad * 1e-6 * 2^-38]; of coins [wad]
    inverse: bool = INVERSE
    worst: int256 = 0
    straight: int256 = 0
    amount: int256 = unsafe_mul(up, setting.base) >> 64  # by which the forward moves [wad]
    for i: uint256 in range(2):
        if i == 1:
            amount = unsafe_sub(0, unsafe_mul(down, setting.base) >> 64)
        at: uint256 = unsafe_mul(2, i)
        middle: int256 = unsafe_add(there[at], slope)
        end: int256 = unsafe_add(there[unsafe_add(at, 1)], slope)
        loss: int256 = unsafe_mul(
            amount, unsafe_mul(-4, unsafe_add(unsafe_add(here, unsafe_mul(4, middle)), end))
        )
        if inverse:
            loss = self._loss_in_coins(loss, es.value, setting.forward, amount)
        if loss > worst:
            worst = loss
            straight = unsafe_mul(amount, unsafe_mul(-24, here))
            if inverse:
                straight = self._loss_in_coins(straight, es.value, setting.forward, amount)
        loss = unsafe_mul(
            amount, unsafe_sub(end, unsafe_add(unsafe_mul(5, here), unsafe_mul(8, middle)))
        )
        if inverse:
            loss = self._loss_in_coins(loss, es.value, setting.forward, amount >> 1)
        if loss > worst:
            worst = loss
            straight = unsafe_mul(amount, unsafe_mul(-12, here))
            if inverse:
                straight = self._loss_in_coins(straight, es.value, setting.forward, amount >> 1)

    # every term is rounded up
    move: int256 = worst
    if not inverse:
        move = unsafe_div(unsafe_add(worst, TERM - 1), TERM)
        straight = unsafe_div(straight, TERM)
    vega = unsafe_mul(unsafe_mul(setting.base, abs(vega)) >> 64, setting.root) >> 64
    if inverse:
        vega = marks_._in_coins(vega, setting.forward)
    decay: int256 = 0
    if holds:
        fixed_ = unsafe_add(fixed_, unsafe_mul(slope >> 38, setting.forward))
        worth = unsafe_add(worth >> 38, fixed_)
        if inverse:
            worth = marks_._in_coins(worth, setting.forward)
        decay = max(unsafe_sub(unsafe_mul(es.value, UNITS), worth), 0)
    return IGreeksEngine.Terms(
        delta=straight,
        gamma=unsafe_sub(move, straight),
        vega=unsafe_div(unsafe_add(vega, UNITS - 1), UNITS),
        decay=unsafe_div(unsafe_add(decay, UNITS - 1), UNITS),
        floor=unsafe_div(unsafe_add(marks_._floor(risk, WAD if inverse else setting.spot, short), UNITS - 1), UNITS),
        es=unsafe_div(unsafe_add(unsafe_mul(es.margin, 7), 9), 10),
    )


@internal
@pure
def _loss_in_coins(loss: int256, worth: int256, forward: int256, amount: int256) -> int256:
    """
    @notice A loss of quote over a move as an inverse market counts it: what is left is worth less coins the higher the price
            [wad].
    @param loss 24 times the loss [wad * 1e-6 * 2^-38]. @param worth v in coins [wad]. @param amount By how much F moves [wad].
    """
    left: int256 = unsafe_sub(unsafe_div(unsafe_mul(worth, forward), WAD), unsafe_div(loss, TERM))
    return unsafe_sub(worth, marks_._in_coins(left, unsafe_add(forward, amount)))


@internal
@pure
def _holds(legs: DynArray[uint256, 16]) -> bool:
    """
    @notice Whether any option is held long.
    """
    for leg: uint256 in legs:
        if (leg >> 127) | ((leg >> 63) & 1) == 0:
            return True
    return False
