# pragma version 0.4.3
"""
@title Margin engine: fixed ratios
@license AGPL-3.0-only
@notice A requirement that nothing but the price of the underlying and of the long options moves: for every short option a share
        of spot less what it is out of the money, for every future a share of spot, and long options back nothing but
        themselves. The shares are those in force when the vault last took new risk: the caller brings them in the risk word.
        Stateless.
@dev Model: docs/margin.md. IM is the sum, MM is the short part over 1.3 and the long options. The max-loss cap (margin/standing)
     gives paid-up, covered and spread vaults their relief. bulkhead/risk/static.py mirrors every number bit for bit.
"""

from contracts.math import payoff
from contracts.math import scales
from contracts.vaults import leg as legs_
from contracts.margin import basis
from contracts.margin import marks as marks_
from contracts.governance import risk_word
from interfaces import IMarginEngine
from interfaces import IOracleAdapter

implements: IMarginEngine

WAD: constant(int256) = scales.SIGNED_WAD
UNITS: constant(int256) = scales.SIGNED_MICRO

ES_ENGINE: immutable(address)
# whether values and margins are in coins of the underlying
INVERSE: immutable(bool)


@deploy
def __init__(es_engine: address):
    """
    @param es_engine The EsEngine, which also judges actions of a STATIC vault that add risk or withdraw; this one counts in
           the same token.
    """
    ES_ENGINE = es_engine
    INVERSE = staticcall IMarginEngine(es_engine).inverse()


@external
@view
def dynamic() -> address:
    """
    @notice The engine whose initial margin a STATIC vault must meet as well when it adds risk, withdraws, splits or merges.
    @return The EsEngine.
    """
    return ES_ENGINE


@external
@view
def assess(
    legs: DynArray[uint256, 16], snapshot: IOracleAdapter.Snapshot, risk: uint256, collateral: int256
) -> IMarginEngine.Assessment:
    """
    @notice Value, margins and maximum loss of the legs of one vault (IMarginEngine).
    @param legs Leg words of one cell, each series at most once, no zero quantity.
    @param snapshot Prices of the cell (oracle/snapshot).
    @param risk Packed risk word with the vault's own ratios in it (`vault_state._engine_risk`).
    @param collateral C of the vault [wad]; `min_value(int256)` forces the full assessment.
    @return The assessment.
    """
    result: IMarginEngine.Assessment = empty(IMarginEngine.Assessment)
    inverse: bool = INVERSE
    result.v_min = payoff._least(legs, inverse)
    if len(legs) <= 4 and result.v_min != payoff.UNBOUNDED and collateral >= -result.v_min:
        result.basis = basis.COVERED
        return result

    marks: marks_.Marks = marks_._mark(legs, snapshot)
    forward: int256 = marks.setting.forward
    longs: int256 = marks.longs
    result.value = marks.value
    if inverse:
        longs = marks_._in_coins(longs, forward)
        result.value = marks_._in_coins(result.value, forward)
    result.value = unsafe_div(result.value, UNITS)
    result.delta = marks.delta
    result.gamma = marks.gamma
    result.vega = marks.vega
    result.theta = marks.theta

    spot: int256 = marks.setting.spot
    at_the_money: int256 = self._share(risk, 0, spot)
    shorts: int256 = 0  # requirement of short options and delta legs [wad * 1e-6]
    for leg: uint256 in legs:
        quantity: int256 = legs_._quantity(leg)
        kind: uint256 = legs_._kind(leg)
        if not legs_._is_option(kind):
            if legs_._is_delta(kind, inverse):
                shorts = unsafe_add(shorts, unsafe_mul(abs(quantity), self._delta_leg(risk, spot, forward)))
        elif quantity < 0:
            # a share of the underlying less what it is out of the money, or a least share
            strike: int256 = unsafe_mul(legs_._signed(legs_._strike(leg)), legs_.SIGNED_STRIKE_WAD)
            if inverse:
                shorts = unsafe_sub(shorts, unsafe_mul(quantity, self._short_in_coins(risk, kind == legs_.PUT, strike, spot)))
                continue
            out: int256 = unsafe_sub(strike, spot)
            least: int256 = spot
            if kind == legs_.PUT:
                out = unsafe_sub(0, out)
                least = min(spot, strike)
            each: int256 = max(unsafe_sub(at_the_money, max(out, 0)), self._share(risk, 1, least))
            shorts = unsafe_sub(shorts, unsafe_mul(quantity, each))
    # rounded up: shorts/1.3 and shorts
    result.margin = unsafe_div(
        unsafe_add(unsafe_div(unsafe_add(unsafe_mul(shorts, 10), 12), 13), unsafe_add(longs, UNITS - 1)), UNITS
    )
    result.initial = unsafe_div(unsafe_add(shorts, unsafe_add(longs, UNITS - 1)), UNITS)
    return result


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
    payoff._least(legs, INVERSE)  # refuses what are not legs
    marks: marks_.Marks = marks_._mark(legs, snapshot)
    return unsafe_div(marks_._in_token(marks.value, marks.setting.forward, INVERSE), UNITS)


@external
@view
def inverse() -> bool:
    """
    @notice Whether values and margins are in coins of the underlying (IMarginEngine).
    @return False for quote.
    """
    return INVERSE


@internal
@view
def _delta_leg(risk: uint256, spot: int256, forward: int256) -> int256:
    """
    @notice What one contract of the market's future needs, long or short [wad].
    """
    if INVERSE:
        # of CASH a unit of quote: its share of a coin at the forward
        return unsafe_div(unsafe_add(unsafe_mul(self._share(risk, 2, WAD), WAD), unsafe_sub(forward, 1)), forward)
    return self._share(risk, 2, spot)


@internal
@pure
def _short_in_coins(risk: uint256, is_put: bool, strike: int256, spot: int256) -> int256:
    """
    @notice What one short option needs in an inverse market: there a put moves by K/S of the price [wad].
    """
    out: int256 = unsafe_sub(spot, strike) if is_put else unsafe_sub(strike, spot)
    money: int256 = WAD
    if is_put:
        money = max(WAD, unsafe_div(unsafe_add(unsafe_mul(strike, WAD), unsafe_sub(spot, 1)), spot))
    return max(
        unsafe_sub(self._share(risk, 0, money), max(marks_._in_coins(out, spot), 0)), self._share(risk, 1, money)
    )


@internal
@pure
def _share(risk: uint256, ratio: uint256, price: int256) -> int256:
    """
    @notice A ratio of a price, rounded up [wad].
    """
    share: int256 = convert(convert(risk_word._static_ratio(risk, ratio), bytes32), int256)
    return unsafe_div(unsafe_add(unsafe_mul(share, price), WAD - 1), WAD)
