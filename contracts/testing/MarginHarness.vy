# pragma version 0.4.3
"""
@title The common margin rule, exposed to compare it with its mirror
@license AGPL-3.0-only
@notice Not part of the protocol.
"""

from interfaces import IMarginEngine
from interfaces import IOracleAdapter

from contracts.margin import standing


@external
@pure
def resolve(
    assessment: IMarginEngine.Assessment, collateral: int256, risk: uint256, prices: IOracleAdapter.Snapshot, proximity: bool
) -> standing.Standing:
    """
    @notice Equity, MM, IM and target (margin/standing).
    @param assessment What the engine returned. @param collateral C [wad].
    @param risk Packed risk word. @param prices Snapshot. @param proximity The action withdraws or adds risk.
    @return (equity, MM, IM, target) [wad].
    """
    return standing._resolve(assessment, collateral, risk, prices, proximity)


@external
@pure
def kappa(vol_ratio: uint256, risk: uint256) -> uint256:
    """
    @notice IM/MM [wad].
    @param vol_ratio Fast over slow realised vol [wad]. @param risk Packed risk word.
    @return [wad]
    """
    return standing._kappa(vol_ratio, risk)
