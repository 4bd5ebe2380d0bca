# pragma version 0.4.3
"""
@title Margin engine: fixed ratios
@license AGPL-3.0-only
@notice A requirement that nothing but the price of the underlying and of the long options moves: for every short option a share
        of spot less what it is out of the money, for every future a share of spot, and long options back nothing but
        themselves. The shares are those in force when the vault last took new risk: the caller brings them in the risk word.
        Stateless.
@dev Model: protocol 5.2. IM is the sum, MM is the short part over 1.3 and the long options. The max-loss cap (margin/standing)
     gives paid-up, covered and spread vaults their relief. bulkhead/risk/static.py mirrors every number bit for bit.
"""

from contracts.math import payoff
from contracts.math import scales
from contracts.vaults import leg as legs_
from contracts.margin import basis
from contracts.margin import marks as marks_
from contracts.governance import parameters
from interfaces import IMarginEngine
from interfaces import IOracleAdapter

implements: IMarginEngine

WAD: constant(int256) = scales.SIGNED_WAD
UNITS: constant(int256) = scales.SIGNED_MICRO

ES_ENGINE: immutable(address)


@deploy
def __init__(es_engine: address):
    """
    @param es_engine The EsEngine, which also judges actions of a STATIC vault that add risk or withdraw.
    """
    ES_ENGINE = es_engine


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
    result.v_min = payoff._least(legs)
    if len(legs) <= 4 and result.v_min != payoff.UNBOUNDED and collateral >= -result.v_min:
        result.basis = basis.COVERED
        return result

    marks: marks_.Marks = marks_._mark(legs, snapshot)
    result.value = unsafe_div(marks.value, UNITS)
    result.delta = marks.delta
    result.gamma = marks.gamma
    result.vega = marks.vega
    result.theta = marks.theta

    spot: int256 = marks.setting.spot
    at_the_money: int256 = self._share(risk, 0, spot)
    shorts: int256 = 0  # requirement of short options and futures [wad * 1e-6]
    for leg: uint256 in legs:
        quantity: int256 = legs_._quantity(leg)
        kind: uint256 = legs_._kind(leg)
        if kind == legs_.FUTURE:
            shorts = unsafe_add(shorts, unsafe_mul(abs(quantity), self._share(risk, 2, spot)))
        elif kind <= legs_.PUT and quantity < 0:
            strike: int256 = unsafe_mul(legs_._signed(legs_._strike(leg)), legs_.SIGNED_STRIKE_WAD)
            out: int256 = unsafe_sub(strike, spot)
            least: int256 = self._share(risk, 1, spot)
            if kind == legs_.PUT:
                out = unsafe_sub(0, out)
                least = self._share(risk, 1, min(spot, strike))
            each: int256 = max(unsafe_sub(at_the_money, max(out, 0)), least)
            shorts = unsafe_sub(shorts, unsafe_mul(quantity, each))
    # rounded up: shorts/1.3 and shorts
    result.margin = unsafe_div(
        unsafe_add(unsafe_div(unsafe_add(unsafe_mul(shorts, 10), 12), 13), unsafe_add(marks.longs, UNITS - 1)), UNITS
    )
    result.initial = unsafe_div(unsafe_add(shorts, unsafe_add(marks.longs, UNITS - 1)), UNITS)
    return result


@external
@pure
def max_loss(legs: DynArray[uint256, 16]) -> int256:
    """
    @notice The least payoff of the legs over all settlement prices (IMarginEngine).
    @param legs Leg words of one cell.
    @return [wad], `min_value(int256)` when unbounded.
    """
    return payoff._least(legs)


@external
@view
def value(legs: DynArray[uint256, 16], snapshot: IOracleAdapter.Snapshot) -> int256:
    """
    @notice Mark of the legs, the first number of `assess` (IMarginEngine).
    @param legs Leg words of one cell.
    @param snapshot Prices of the cell (oracle/snapshot).
    @return [wad]
    """
    payoff._least(legs)  # refuses what are not legs
    return unsafe_div(marks_._mark(legs, snapshot).value, UNITS)


@internal
@pure
def _share(risk: uint256, ratio: uint256, price: int256) -> int256:
    """
    @notice A ratio of a price, rounded up [wad].
    """
    share: int256 = convert(convert(parameters._static_ratio(risk, ratio), bytes32), int256)
    return unsafe_div(unsafe_add(unsafe_mul(share, price), WAD - 1), WAD)
