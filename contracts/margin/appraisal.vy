# pragma version 0.4.3
"""
@title What a vault is worth to who holds shares in it
@license AGPL-3.0-only
@notice Buyers of shares pay the mark with unpaid claims; who leaves gets the mark without them, less the cell's known
        deficit and a haircut on initial margin. Never below 0: nobody owes a vault anything.
"""
from interfaces import IClearinghouse
from interfaces import IMarginEngine
from interfaces import IOracleAdapter
from interfaces import ISettlement

from contracts.math import scales
from contracts.margin import standing
from contracts.oracle import snapshot as price
from contracts.vaults import vault_state as state


@internal
@view
def _worth(
    clearinghouse: address,
    oracle: address,
    settlement: address,
    vault_id: uint256,
    haircut: int256,
    buying: bool,
) -> (bool, uint256):
    """
    @notice (known, worth [native], up for who buys and down for who leaves). Unknown between expiry and settlement,
            and while the price is not active: with two feeds apart it may be the wrong one's.
    @param haircut Share of IM that leaving costs [wad].
    """
    vault: IClearinghouse.Vault = empty(IClearinghouse.Vault)
    legs: DynArray[uint256, 16] = []
    vault, legs = staticcall IClearinghouse(clearinghouse).load(vault_id)
    word: uint256 = vault.word
    if len(legs) == 0:
        worth: uint256 = vault.balance
        if word & state.DEBT != 0:
            worth -= min(staticcall ISettlement(settlement).debt_of(vault_id), worth)
        if buying and word & state.CLAIM != 0:
            expired: uint256 = 0
            claimed: uint256 = 0
            paid: uint256 = 0
            expired, claimed, paid = staticcall ISettlement(settlement).claim_of(vault_id)
            worth += claimed - paid
        return True, worth
    prices: IOracleAdapter.Snapshot = staticcall IOracleAdapter(oracle).snapshot(
        state._market(word), state._expiry(vault.terms)
    )
    if prices.seconds == 0 or not price._is_active(prices):
        return False, 0
    unit: int256 = convert(state._native_wad(vault.token), int256)
    engine: IMarginEngine = IMarginEngine(vault.engine)
    if buying:
        # the liquidation deposit comes back at closing: who buys pays for it
        value: int256 = staticcall engine.value(legs, prices)
        worth: int256 = convert(vault.balance, int256) * unit + value
        return True, convert(max((worth + unit - 1) // unit, 0), uint256)
    collateral: int256 = state._collateral(vault.balance, vault.terms, vault.token)
    assessed: IMarginEngine.Assessment = staticcall engine.assess(
        legs, prices, state._engine_risk(vault), standing.NO_COLLATERAL
    )
    result: standing.Standing = standing._resolve(
        assessed,
        collateral,
        vault.risk,
        prices,
        False,
    )
    backed: int256 = collateral + assessed.value
    if assessed.value > 0:
        backed = collateral + max(assessed.value - convert(state._deficit(vault.cell), int256), 0)
    # `//` truncates towards zero: down for what is positive
    left: int256 = backed - (result.im * haircut + (scales.SIGNED_WAD - 1)) // scales.SIGNED_WAD
    return True, convert(max(left, 0) // unit, uint256)
