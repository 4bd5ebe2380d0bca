# pragma version 0.4.3
"""
@title Payoff at expiry and caps of the loss waterfall
@license AGPL-3.0-only
@notice Pure: what legs pay at expiry, what insurance may pay for a vault, a cell and a day, and what a claim is due
        (protocol sections 6.6 and 7). All amounts native unless they say wad. Roundings favour the protocol side.
"""
from contracts.math import scales
from contracts.vaults import leg

NEVER_FLAGGED_SHARE: constant(uint256) = 10  # a vault never flagged: 1/10 of the expiry price per contract


@internal
@pure
def _payoff(legs: DynArray[uint256, 16], price: uint256) -> int256:
    """
    @notice What all legs of a vault pay at the settlement price, exact.
    @param price [wad].
    @return [1e-24 quote], so that nothing is rounded before the caller does.
    """
    final: int256 = convert(price, int256)
    total: int256 = 0
    for word: uint256 in legs:
        kind: uint256 = leg._kind(word)
        each: int256 = convert(scales.WAD, int256)   # CASH: 1
        if kind == leg.FUTURE:
            each = final
        elif kind != leg.CASH:
            each = final - convert(leg._strike(word) * leg.STRIKE_WAD, int256)
            if kind == leg.PUT:
                each = -each
            each = max(each, 0)
        total += leg._quantity(word) * each
    return total


@internal
@pure
def _draw_room(fund: uint256, first: uint256, drawn: uint256, cap: uint256) -> uint256:
    """
    @notice What one cap leaves: cumulative draws stay within a share of the smaller of the fund now and at first.
    @param cap Share of the fund [wad].
    """
    limit: uint256 = min(fund, first) * cap // scales.WAD
    if drawn >= limit:
        return 0
    return limit - drawn


@internal
@pure
def _vault_room(
    legs: DynArray[uint256, 16],
    flag_margin: uint256,
    price: uint256,
    cap: uint256,
    native: uint256,
    drawn: uint256,
) -> uint256:
    """
    @notice Most that insurance pays for one vault's shortfall.
    @param flag_margin A at the vault's flag [wad], 0 when it has none.
    @param price Expiry price [wad].
    @param cap Share of A [wad].
    @param native Wad in one native unit.
    @param drawn What top-ups have already paid for it.
    """
    risk: uint256 = flag_margin
    if risk == 0:
        contracts: uint256 = 0
        for word: uint256 in legs:
            if leg._kind(word) != leg.CASH:
                contracts += convert(abs(leg._quantity(word)), uint256)
        risk = contracts * price // (10**6 * NEVER_FLAGGED_SHARE)
    limit: uint256 = risk * cap // (scales.WAD * native)
    if drawn >= limit:
        return 0
    return limit - drawn


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
