# pragma version 0.4.3
"""
@title Payoff at expiry and caps of the loss waterfall
@license AGPL-3.0-only
@notice Pure: what legs pay at expiry, what insurance may pay for a vault, a cell and a day, and what a claim is due
        (docs/waterfall.md). All amounts native unless they say wad. Roundings favour the protocol side.
"""
from contracts.math import scales
from contracts.vaults import leg

UNFLAGGED_SHARE: constant(uint256) = 10  # a vault that is not flagged: 1/10 of the expiry price per contract


@internal
@pure
def _payoff(legs: DynArray[uint256, 16], price: uint256) -> int256:
    """
    @notice What all legs of a vault pay at the settlement price, exact.
    @param price [wad].
    @return [1e-24 quote], so that nothing is rounded before the caller does.
    """
    # prices and strikes are below 2^96, quantities below 2^63
    final: int256 = leg._signed(price)
    total: int256 = 0
    for word: uint256 in legs:
        kind: uint256 = leg._kind(word)
        each: int256 = scales.SIGNED_WAD   # CASH: 1
        if leg._is_option(kind):
            each = unsafe_sub(final, unsafe_mul(leg._signed(leg._strike(word)), leg.SIGNED_STRIKE_WAD))
            if kind == leg.PUT:
                each = unsafe_sub(0, each)
            each = max(each, 0)
        elif kind == leg.FUTURE:
            each = final
        total = unsafe_add(total, unsafe_mul(leg._quantity(word), each))
    return total


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
