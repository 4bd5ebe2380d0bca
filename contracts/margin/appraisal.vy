# pragma version 0.4.3
"""
@title What vaults are worth to who holds shares in them
@license AGPL-3.0-only
@notice Buyers of shares pay the mark with unpaid claims; who leaves gets the mark without them, less a haircut on initial
        margin and, in each cell, its known deficit as far as the vaults' positive values reach. No vault counts below 0:
        nobody owes it anything.
"""
from interfaces import IClearinghouse
from interfaces import IMarginEngine
from interfaces import IOracleAdapter
from interfaces import ISettlement

from contracts.math import scales
from contracts.margin import standing
from contracts.oracle import snapshot as price
from contracts.vaults import vault_state as state

# how long after its expiry a claim is waited for
CLAIM_SECONDS: constant(uint256) = 30 * scales.DAY

struct Roles:
    clearinghouse: address
    oracle: address
    settlement: address


@internal
@view
def _load(clearinghouse: address, vault_id: uint256) -> IClearinghouse.Loaded:
    """
    @notice A vault and its legs.
    """
    return staticcall IClearinghouse(clearinghouse).load(vault_id)


@internal
@view
def _snapshot(oracle: address, market: uint256, expiry: uint256) -> IOracleAdapter.Snapshot:
    """
    @notice Prices of a cell.
    """
    return staticcall IOracleAdapter(oracle).snapshot(market, expiry)


@internal
@view
def _assess(
    vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], prices: IOracleAdapter.Snapshot
) -> (IMarginEngine.Assessment, standing.Standing):
    """
    @notice (assessment, result of margin/standing) at ramped values, as the gate of a take counts.
    """
    assessed: IMarginEngine.Assessment = staticcall IMarginEngine(vault.engine).assess(
        legs, prices, state._engine_risk(vault), standing.NO_COLLATERAL
    )
    collateral: int256 = state._collateral(vault.balance, vault.terms, vault.token)
    return assessed, standing._resolve(assessed, collateral, vault, prices)


@internal
@view
def _total(
    roles: Roles, vaults: DynArray[uint256, 64], haircut: int256, buying: bool
) -> (bool, uint256):
    """
    @notice (priced, worth of vaults of one market [native], up for who buys and down for who leaves). Not priced: legs
            count at the undisputed price, for views alone, as between expiry and settlement and while the price is not
            active or its half-width above 10 %: with two feeds apart it may be the wrong one's (ADR 38).
    @param haircut Share of IM that leaving costs [wad].
    """
    priced: bool = True
    total: uint256 = 0
    # cells with legs above 0, and what is left of their deficits [wad]
    cells: DynArray[uint256, 64] = []
    deficits: int256[64] = empty(int256[64])
    prices: IOracleAdapter.Snapshot = empty(IOracleAdapter.Snapshot)
    expiry: uint256 = 0
    for vault_id: uint256 in vaults:
        loaded: IClearinghouse.Loaded = self._load(roles.clearinghouse, vault_id)
        vault: IClearinghouse.Vault = loaded.vault
        legs: DynArray[uint256, 16] = loaded.legs
        if len(legs) == 0:
            total += self._tokens(roles.settlement, vault_id, vault.balance, buying)
            continue
        if state._expiry(vault.terms) != expiry:
            expiry = state._expiry(vault.terms)
            prices = self._snapshot(roles.oracle, state._market(vault.word), expiry)
            if not price._is_usable(prices):
                priced = False
                if prices.window_share >= scales.WAD:
                    # the cell's price is final
                    prices.undisputed = prices.window_average
                    prices.window_share = 0
                # for views alone: a second before the expiry, at the undisputed price, which legs cannot be without
                prices.spot = prices.undisputed
                prices.forward = prices.undisputed
                prices.seconds = max(prices.seconds, 1)
        worth: int256 = 0
        positive: int256 = 0
        worth, positive = self._held(vault, legs, prices, haircut, buying)
        if positive > 0:
            for i: uint256 in range(64):
                if i == len(cells):
                    cells.append(expiry)
                    deficits[i] = convert(state._deficit(vault.cell), int256)
                if cells[i] == expiry:
                    cut: int256 = min(deficits[i], positive)
                    deficits[i] -= cut
                    worth -= cut
                    break
        total += convert(max(worth, 0), uint256) // state._native_wad(vault.token)
    return priced, total


@internal
@view
def _is_claim_open(settlement: address, vault_id: uint256) -> bool:
    """
    @notice Whether a vault's claim may still be paid: closing would give the rest of it up, and no frozen debt holds a place for good.
    """
    return (staticcall ISettlement(settlement).claim_of(vault_id)).expiry + CLAIM_SECONDS > block.timestamp


@internal
@view
def _tokens(
    settlement: address, vault_id: uint256, balance: uint256, buying: bool
) -> uint256:
    """
    @notice Worth of a vault without legs [native].
    """
    worth: uint256 = balance
    worth -= min(staticcall ISettlement(settlement).debt_of(vault_id), worth)
    if buying:
        claim: ISettlement.Claim = staticcall ISettlement(settlement).claim_of(vault_id)
        worth += claim.amount - claim.paid
    return worth


@internal
@view
def _held(
    vault: IClearinghouse.Vault,
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
    haircut: int256,
    buying: bool,
) -> (int256, int256):
    """
    @notice (worth of a vault with legs [wad], what of it the cell's deficit may take: its value for who leaves).
    """
    assessed: IMarginEngine.Assessment = empty(IMarginEngine.Assessment)
    result: standing.Standing = empty(standing.Standing)
    assessed, result = self._assess(vault, legs, prices)
    if buying:
        # the liquidation deposit comes back at closing: who buys pays for it, up to the next unit
        unit: int256 = convert(state._native_wad(vault.token), int256)
        return convert(vault.balance, int256) * unit + assessed.value + (unit - 1), 0
    cut: int256 = (result.im * haircut + (scales.SIGNED_WAD - 1)) // scales.SIGNED_WAD
    return result.equity - cut, assessed.value
