# pragma version 0.4.3
"""
@title Payoffs at expiry in exact integers
@license AGPL-3.0-only
@notice The payoff of a set of legs is linear between strikes, so its least value lies at 0 or at a strike, or is
        unbounded when the slope beyond the last strike is negative.
@dev Legs are words `kind 2 | strike 62 | quantity 64` (modules/leg). Units inside: 1e-14 quote.
"""

UNIT: constant(int256) = 10**4          # 1e-14 -> wad
CASH_UNIT: constant(int256) = 10**8     # 1e-6 quote -> 1e-14 quote
UNBOUNDED: constant(int256) = min_value(int256)


@internal
@pure
def _least(legs: DynArray[uint256, 16]) -> int256:
    """
    @notice v_min: the least payoff over all settlement prices.
    @return [wad], `min_value(int256)` when there is none.
    """
    slope: int256 = 0     # beyond the last strike
    constant_: int256 = 0 # cash
    futures: int256 = 0
    options: DynArray[uint256, 16] = []
    for leg: uint256 in legs:
        quantity: int256 = convert(convert(leg << 192, bytes32), int256) >> 192
        kind: uint256 = leg >> 126
        if kind == 3:
            constant_ += quantity * CASH_UNIT
        elif kind == 2:
            futures += quantity
            slope += quantity
        else:
            if kind == 0:
                slope += quantity
            options.append(leg)
    if slope < 0:
        return UNBOUNDED

    least: int256 = self._at(0, options) + constant_
    for leg: uint256 in options:
        price: int256 = convert((leg >> 64) & (2**62 - 1), int256)
        least = min(least, self._at(price, options) + futures * price + constant_)
    return least * UNIT


@internal
@pure
def _at(price: int256, options: DynArray[uint256, 16]) -> int256:
    """
    @notice Payoff of options at a settlement price.
    @param price [1e-8 quote].
    @return [1e-14 quote]
    """
    total: int256 = 0
    for leg: uint256 in options:
        inside: int256 = price - convert((leg >> 64) & (2**62 - 1), int256)
        if leg >> 126 == 1:
            inside = -inside
        if inside > 0:
            total += (convert(convert(leg << 192, bytes32), int256) >> 192) * inside
    return total


@internal
@pure
def _settled(price: uint256, legs: DynArray[uint256, 16]) -> int256:
    """
    @notice Payoff of all legs at the final settlement price, exact.
    @param price [wad].
    @return [1e-24 quote], so that nothing is rounded before the caller does.
    """
    final: int256 = convert(price, int256)
    total: int256 = 0
    for leg: uint256 in legs:
        kind: uint256 = leg >> 126
        each: int256 = 10**18          # CASH: 1
        if kind == 2:
            each = final
        elif kind != 3:
            each = final - convert((leg >> 64) & (2**62 - 1), int256) * 10**10
            if kind == 1:
                each = -each
            each = max(each, 0)
        total += (convert(convert(leg << 192, bytes32), int256) >> 192) * each
    return total
