# pragma version 0.4.3
"""
@title Many assessments in one call
@license AGPL-3.0-only
@notice Compares an engine with its mirror on many vaults without a call for each. Not part of the protocol.
"""

from contracts.margin import basis

from interfaces import IGreeksEngine
from interfaces import IMarginEngine
from interfaces import IOracleAdapter

VAULTS: constant(uint256) = 40
DIFFERENT: constant(uint256) = 255


@external
@view
def assess(
    engine: address,
    legs: DynArray[DynArray[uint256, 16], VAULTS],
    snapshots: DynArray[IOracleAdapter.Snapshot, VAULTS],
    risks: DynArray[uint256, VAULTS],
    collaterals: DynArray[int256, VAULTS],
) -> DynArray[IMarginEngine.Assessment, VAULTS]:
    """
    @notice What the engine says of each vault; `basis` is DIFFERENT where `value` says another value.
    @param engine The engine. @param legs Leg words by vault. @param snapshots Prices by vault.
    @param risks Risk words by vault. @param collaterals C by vault [wad].
    @return One assessment for each vault.
    """
    results: DynArray[IMarginEngine.Assessment, VAULTS] = []
    for i: uint256 in range(len(legs), bound=VAULTS):
        result: IMarginEngine.Assessment = staticcall IMarginEngine(engine).assess(
            legs[i], snapshots[i], risks[i], collaterals[i]
        )
        if result.basis == basis.ASSESSED and staticcall IMarginEngine(engine).value(legs[i], snapshots[i]) != result.value:
            result.basis = DIFFERENT
        results.append(result)
    return results


@external
@view
def terms(
    engine: address,
    legs: DynArray[DynArray[uint256, 16], VAULTS],
    snapshots: DynArray[IOracleAdapter.Snapshot, VAULTS],
    risks: DynArray[uint256, VAULTS],
) -> DynArray[IGreeksEngine.Terms, VAULTS]:
    """
    @notice The terms of each vault's margin in the GREEKS model.
    @param engine The GreeksEngine. @param legs Leg words by vault. @param snapshots Prices by vault.
    @param risks Risk words by vault.
    @return The terms of each vault.
    """
    results: DynArray[IGreeksEngine.Terms, VAULTS] = []
    for i: uint256 in range(len(legs), bound=VAULTS):
        results.append(staticcall IGreeksEngine(engine).terms(legs[i], snapshots[i], risks[i]))
    return results
