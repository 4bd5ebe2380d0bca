# pragma version 0.4.3
"""
@title Caps of the loss waterfall
@license AGPL-3.0-only
@notice Pure: what insurance may pay for a vault, a cell and a day, and what a claim is due
        (docs/waterfall.md). All amounts native unless they say wad. Roundings favour the protocol side.
"""
from contracts.math import scales
from contracts.vaults import leg

UNFLAGGED_SHARE: constant(uint256) = 10  # a vault that is not flagged: 1/10 of the expiry price per contract


@internal
@pure
def _draw_room(fund: uint256, first: uint256, drawn: uint256, cap: uint256) -> uint256:
    """
    @notice What one cap leaves: cumulative draws stay within a share of the fund now plus what was drawn, so that many
            small draws give what one gives.
    @param first Fund at the first draw that counts: the base is never more.
    @param cap Share of the base [wad].
    """
    limit: uint256 = min(fund + drawn, first) * cap // scales.WAD
    return limit - min(drawn, limit)


@internal
@pure
def _unflagged_risk(legs: DynArray[uint256, 16], price: uint256, inverse: bool) -> uint256:
    """
    @notice What stands for A in a vault that is not flagged when it is settled: a tenth of the expiry price, in an inverse
            market of a coin, for each contract of its short options and its delta legs [wad].
    @dev Long options lose nothing but their premium, which insurance does not pay.
    @param price Expiry price [wad].
    """
    counted: DynArray[uint256, 16] = []
    for word: uint256 in legs:
        if not leg._is_option(leg._kind(word)) or leg._quantity(word) < 0:
            counted.append(word)
    return leg._notional(counted, inverse, price, price) // (10**6 * UNFLAGGED_SHARE)


@internal
@pure
def _vault_room(risk: uint256, cap: uint256, native: uint256, drawn: uint256) -> uint256:
    """
    @notice Most that insurance still pays for one vault [native].
    @param risk Largest A recorded since the vault's flag, 0 included; without a flag `_unflagged_risk` [wad].
    @param cap Share of it [wad].
    @param native Wad in one native unit.
    @param drawn What top-ups have already paid for the vault [native].
    """
    limit: uint256 = risk * cap // (scales.WAD * native)
    return limit - min(drawn, limit)


@internal
@pure
def _due(amount: uint256, claims: uint256, received: uint256) -> uint256:
    """
    @notice A claim at the recovery ratio min(1, received / claims), rounded down.
    """
    if received >= claims:
        return amount
    return amount * received // claims


@internal
@pure
def _ratio(claims: uint256, received: uint256) -> uint256:
    """
    @notice Recovery ratio [wad].
    """
    if received >= claims:
        return scales.WAD
    return received * scales.WAD // claims
