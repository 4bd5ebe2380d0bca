# pragma version 0.4.3
"""
@title Many assessments in one call
@license AGPL-3.0-only
@notice Compares an engine with its mirror on many vaults without a call for each. Not part of the protocol.
"""

from interfaces import IMarginEngine
from interfaces import IOracleAdapter

VAULTS: constant(uint256) = 40

interface IGreeksEngine:
    def terms(
        legs: DynArray[uint256, 16], snapshot: IOracleAdapter.Snapshot, risk: uint256
    ) -> int256[6]: view


@external
@view
def assess(
    engine: address,
    legs: DynArray[DynArray[uint256, 16], VAULTS],
    snapshots: DynArray[IOracleAdapter.Snapshot, VAULTS],
    risks: DynArray[uint256, VAULTS],
    collaterals: DynArray[int256, VAULTS],
) -> DynArray[int256[9], VAULTS]:
    """
    @notice What the engine says of each vault; the value of `value` is added to slot 7 as 2 when it differs.
    @param engine The engine. @param legs Leg words by vault. @param snapshots Prices by vault.
    @param risks Risk words by vault. @param collaterals C by vault [wad].
    @return One assessment for each vault.
    """
    results: DynArray[int256[9], VAULTS] = []
    for i: uint256 in range(len(legs), bound=VAULTS):
        result: int256[9] = staticcall IMarginEngine(engine).assess(
            legs[i], snapshots[i], risks[i], collaterals[i]
        )
        if result[7] == 0 and staticcall IMarginEngine(engine).value(legs[i], snapshots[i]) != result[0]:
            result[7] = 2
        results.append(result)
    return results


@external
@view
def terms(
    engine: address,
    legs: DynArray[DynArray[uint256, 16], VAULTS],
    snapshots: DynArray[IOracleAdapter.Snapshot, VAULTS],
    risks: DynArray[uint256, VAULTS],
) -> DynArray[int256[6], VAULTS]:
    """
    @notice The terms of each vault's margin in the GREEKS model.
    @param engine The GreeksEngine. @param legs Leg words by vault. @param snapshots Prices by vault.
    @param risks Risk words by vault.
    @return Six terms for each vault.
    """
    results: DynArray[int256[6], VAULTS] = []
    for i: uint256 in range(len(legs), bound=VAULTS):
        results.append(staticcall IGreeksEngine(engine).terms(legs[i], snapshots[i], risks[i]))
    return results
