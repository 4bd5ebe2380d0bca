# pragma version 0.4.3
"""
@title What both margin gates ask of one vault
@license AGPL-3.0-only
@notice Collateral, coverage and standing of a vault, and what it had before a change: MarginGate's and CloseGate's one source.
"""
from interfaces import IClearinghouse
from interfaces import IMarginEngine
from interfaces import IMarginGate
from interfaces import IOracleAdapter

from contracts.margin import standing
from contracts.math import payoff
from contracts.vaults import vault_state as state


@internal
@view
def _assess(
    vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], prices: IOracleAdapter.Snapshot, collateral: int256
) -> IMarginEngine.Assessment:
    if len(legs) == 0:
        return empty(IMarginEngine.Assessment)
    return staticcall IMarginEngine(vault.engine).assess(
        legs, prices, state._engine_risk(vault), collateral
    )


@internal
@pure
def _collateral(vault: IClearinghouse.Vault) -> int256:
    return state._collateral(vault.balance, vault.terms, vault.token)


@internal
@pure
def _covered(vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], missing: int256) -> bool:
    v_min: int256 = payoff._least(legs, state._is_inverse(vault.token))
    return v_min != payoff.UNBOUNDED and self._collateral(vault) - missing >= -v_min


@internal
@view
def _full(
    vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], prices: IOracleAdapter.Snapshot, collateral: int256
) -> standing.Standing:
    return standing._resolve(
        self._assess(vault, legs, prices, standing.NO_COLLATERAL),
        collateral,
        vault,
        prices)


@internal
@pure
def _charged(change: IMarginGate.Change, vault: IClearinghouse.Vault) -> int256:
    """
    @dev The fee [wad].
    """
    return convert(change.fee * state._native_wad(vault.token), int256)


@internal
@pure
def _collateral_before(change: IMarginGate.Change, vault: IClearinghouse.Vault) -> int256:
    """
    @dev C before a fill, by the deposit of now [wad].
    """
    native: int256 = convert(state._native_wad(vault.token), int256)
    return self._collateral(vault) - change.received * native + self._charged(change, vault)


@internal
@pure
def _is_flagged(vault: IClearinghouse.Vault) -> bool:
    return vault.word & state.FLAGGED != 0
