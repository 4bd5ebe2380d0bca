# pragma version 0.4.3
"""
@title The common margin rule, exposed to compare it with its mirror
@license AGPL-3.0-only
@notice Not part of the protocol.
"""

from interfaces import IClearinghouse
from interfaces import IMarginEngine
from interfaces import IOracleAdapter

from contracts.margin import standing


@external
@pure
def resolve(
    assessment: IMarginEngine.Assessment,
    collateral: int256,
    risk: uint256,
    prices: IOracleAdapter.Snapshot,
    proximity: bool,
    token: uint256 = 0,
) -> standing.Standing:
    """
    @notice Equity, MM, IM and target (margin/standing).
    @param assessment What the engine returned. @param collateral C [wad].
    @param risk Packed risk word. @param prices Snapshot. @param proximity The action withdraws or adds risk.
    @param token Token word of the market.
    @return (equity, MM, IM, target) [wad].
    """
    vault: IClearinghouse.Vault = empty(IClearinghouse.Vault)
    vault.risk = risk
    vault.token = token
    result: standing.Standing = standing._resolve(assessment, collateral, vault, prices)
    if proximity:
        result = standing._near_liquidation(result, assessment, risk)
    return result


@external
@pure
def kappa(vol_ratio: uint256, risk: uint256) -> uint256:
    """
    @notice IM/MM [wad].
    @param vol_ratio Fast over slow realised vol [wad]. @param risk Packed risk word.
    @return [wad]
    """
    return standing._kappa(vol_ratio, risk)
