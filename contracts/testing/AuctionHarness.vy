# pragma version 0.4.3
"""
@title Test harness: internals of liquidation/auction and liquidation/waterfall
@license AGPL-3.0-only
@notice For tests only.
"""
from interfaces import IMarginEngine

from contracts.liquidation import auction
from contracts.liquidation import waterfall


@external
@pure
def path(word: uint256, life: uint256) -> (uint256, uint256):
    """
    @notice auction._path.
    """
    return auction._path(word, life)


@external
@pure
def shares(word: uint256, elapsed: uint256, life: uint256) -> (uint256, uint256):
    """
    @notice auction._shares.
    """
    return auction._shares(word, elapsed, life)


@external
@pure
def plan(
    wanted: uint256,
    equity: int256,
    margin: uint256,
    target: uint256,
    missing: uint256,
    collateral: int256,
    beta: uint256,
    g: uint256,
    phi: uint256,
    dust: uint256,
    native: uint256,
) -> (uint256, int256, uint256, uint256, int256, bool):
    """
    @notice auction._plan: (fraction, cash, cut, top-up, price, ends).
    """
    result: auction.Plan = auction._plan(
        wanted, equity, margin, target, missing, collateral, beta, g, phi, dust, native
    )
    return result.fraction, result.cash, result.cut, result.top_up, result.price, result.ends


@external
@pure
def split(
    legs: DynArray[uint256, 16], fraction: uint256, lot: uint256, inverse: bool = False
) -> (DynArray[uint256, 16], bool):
    """
    @notice auction._split.
    """
    return auction._split(legs, fraction, lot, inverse)


@external
@pure
def scale(assessment: IMarginEngine.Assessment, fraction: uint256, basis: uint256) -> IMarginEngine.Assessment:
    """
    @notice auction._scale.
    """
    return auction._scale(assessment, fraction, basis)


@external
@pure
def draw_room(fund: uint256, first: uint256, drawn: uint256, cap: uint256) -> uint256:
    """
    @notice waterfall._draw_room.
    """
    return waterfall._draw_room(fund, first, drawn, cap)


@external
@pure
def unflagged_risk(legs: DynArray[uint256, 16], price: uint256, inverse: bool = False) -> uint256:
    """
    @notice waterfall._unflagged_risk.
    """
    return waterfall._unflagged_risk(legs, price, inverse)


@external
@pure
def vault_room(risk: uint256, cap: uint256, native: uint256, drawn: uint256) -> uint256:
    """
    @notice waterfall._vault_room.
    """
    return waterfall._vault_room(risk, cap, native, drawn)


@external
@pure
def due(amount: uint256, claims: uint256, received: uint256) -> uint256:
    """
    @notice waterfall._due.
    """
    return waterfall._due(amount, claims, received)
