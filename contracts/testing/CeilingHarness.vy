# pragma version 0.4.3
"""
@title The ceiling on the ES model beside the model, many vaults in one call
@license AGPL-3.0-only
@notice Not part of the protocol.
"""

from contracts.margin import basis
from contracts.margin import ceiling
from contracts.margin import standing

from interfaces import IClearinghouse
from interfaces import IMarginEngine
from interfaces import IOracleAdapter

initializes: ceiling

VAULTS: constant(uint256) = 40
AMPLE: constant(int256) = 2**150  # collateral that bears anything
STEPS: constant(uint256) = 12  # collaterals tried, from what passes without proximity upwards


struct Compared:
    is_known: bool  # the ceiling says something
    breaches: uint256  # collaterals that pass by it and not by the model
    asked: int256   # least collateral that passes by the ceiling, without proximity [wad]
    needed: int256  # and by the model [wad]


@deploy
def __init__(z: int256[12], p: uint256[12]):
    ceiling.__init__(z, p)


@internal
@pure
def _passes(
    assessed: IMarginEngine.Assessment,
    collateral: int256,
    vault: IClearinghouse.Vault,
    prices: IOracleAdapter.Snapshot,
    proximity: bool,
) -> bool:
    result: standing.Standing = standing._resolve(assessed, collateral, vault, prices)
    if proximity:
        result = standing._near_liquidation(result, assessed, vault.risk)
    return result.equity >= result.im


@external
@view
def compare(
    engine: address,
    legs: DynArray[DynArray[uint256, 16], VAULTS],
    snapshots: DynArray[IOracleAdapter.Snapshot, VAULTS],
    risks: DynArray[uint256, VAULTS],
    token: uint256,
) -> DynArray[Compared, VAULTS]:
    """
    @notice What passes by the ceiling and by the model, by vault.
    @param engine The ES engine of the market's kind. @param legs Leg words by vault. @param snapshots Prices by vault.
    @param risks Risk words by vault. @param token Token word of the market.
    @return One comparison for each vault.
    """
    inverse: bool = staticcall IMarginEngine(engine).inverse()
    results: DynArray[Compared, VAULTS] = []
    for i: uint256 in range(len(legs), bound=VAULTS):
        bound: IMarginEngine.Assessment = ceiling._assess(legs[i], snapshots[i], risks[i], inverse, AMPLE)
        result: Compared = empty(Compared)
        result.is_known = bound.basis == basis.KNOWN
        if result.is_known:
            model: IMarginEngine.Assessment = staticcall IMarginEngine(engine).assess(
                legs[i], snapshots[i], risks[i], standing.NO_COLLATERAL
            )
            vault: IClearinghouse.Vault = empty(IClearinghouse.Vault)
            vault.risk = risks[i]
            vault.token = token
            asked: standing.Standing = standing._resolve(bound, 0, vault, snapshots[i])
            needed: standing.Standing = standing._resolve(model, 0, vault, snapshots[i])
            result.asked = asked.im - bound.value
            result.needed = needed.im - model.value
            for step: uint256 in range(STEPS):
                # the last ones are where proximity no longer adds
                collateral: int256 = result.asked + asked.im * convert(step, int256) // 100
                for proximity: bool in [False, True]:
                    if self._passes(bound, collateral, vault, snapshots[i], proximity) and not self._passes(
                        model, collateral, vault, snapshots[i], proximity
                    ):
                        result.breaches += 1
        results.append(result)
    return results


@external
@view
def assess(
    legs: DynArray[uint256, 16], snapshot: IOracleAdapter.Snapshot, risk: uint256, inverse: bool
) -> IMarginEngine.Assessment:
    """
    @notice The ceiling alone (margin/ceiling).
    @param legs Leg words. @param snapshot Prices. @param risk Risk word. @param inverse The market counts coins.
    @return The assessment.
    """
    return ceiling._assess(legs, snapshot, risk, inverse, AMPLE)
