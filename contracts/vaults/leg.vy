# pragma version 0.4.3
"""
@title Series ids and leg words
@license AGPL-3.0-only
@notice A series id is a uint128 `market 16 | kind 8 | expiry 40 | strike 64`. Market and expiry belong to the
        vault, so a leg is 128 bits `kind 2 | strike 62 | quantity 64`. Strike in 1e-8 quote per underlying,
        quantity a signed count of 1e-6 contracts (CASH: 1e-6 quote units).
        The money leg of a market pays one unit of its token: CASH in a linear market, FUTURE in an inverse one, whose token
        is the underlying. The other of the two is its delta leg. Rules ask for these, never for a kind.
"""
from contracts.math import payoff
from contracts.math import scales

CALL: constant(uint256) = 0
PUT: constant(uint256) = 1
FUTURE: constant(uint256) = 2
CASH: constant(uint256) = 3

MAX_LEGS: constant(uint256) = 16
STRIKE_WAD: constant(uint256) = 10**10     # 1e-8 -> wad
SIGNED_STRIKE_WAD: constant(int256) = payoff.STRIKE_UNIT
QUANTITY_WAD: constant(uint256) = 10**12   # 1e-6 -> wad
MAX_QUANTITY: constant(int256) = 2**63 - 1

QUANTITY_MASK: constant(uint256) = payoff.QUANTITY_MASK
STRIKE_MASK: constant(uint256) = payoff.STRIKE_MASK
LEG_MASK: constant(uint256) = 2**128 - 1


@internal
@pure
def _signed(word: uint256) -> int256:
    # reinterprets; `convert(uint256, int256)` would clamp
    return convert(convert(word, bytes32), int256)


@internal
@pure
def _unsigned(number: int256) -> uint256:
    return convert(convert(number, bytes32), uint256)


@internal
@pure
def _quantity(leg: uint256) -> int256:
    """
    @notice Signed quantity of a leg word [1e-6 contracts].
    """
    # move bit 63 to the sign bit and shift back arithmetically
    return convert(convert(leg << 192, bytes32), int256) >> 192


@internal
@pure
def _key(leg: uint256) -> uint256:
    """
    @notice `kind 2 | strike 62`: what tells two legs of one cell apart.
    """
    return leg >> 64


@internal
@pure
def _kind(leg: uint256) -> uint256:
    return leg >> 126


@internal
@pure
def _is_option(kind: uint256) -> bool:
    return kind < FUTURE


@internal
@pure
def _is_money(kind: uint256, inverse: bool) -> bool:
    """
    @notice Whether a kind pays one unit of the market's token whatever the price.
    """
    return kind == unsafe_sub(CASH, convert(inverse, uint256))


@internal
@pure
def _money(inverse: bool) -> uint256:
    """
    @notice Kind of the money leg, for loops: what is below it has lots (`_has_lot`), what is not it moves with the price.
    """
    return unsafe_sub(CASH, convert(inverse, uint256))


@internal
@pure
def _money_key(inverse: bool) -> uint256:
    """
    @notice `kind 2 | strike 62` of the money leg.
    """
    return self._money(inverse) << 62


@internal
@pure
def _is_delta(kind: uint256, inverse: bool) -> bool:
    """
    @notice Whether a kind is the future of the market.
    """
    return kind == unsafe_add(FUTURE, convert(inverse, uint256))


@internal
@pure
def _has_lot(kind: uint256, inverse: bool) -> bool:
    """
    @notice Whether quantities of a kind are whole lots: not of the money leg, nor of CASH, which is counted in quote.
    """
    # options, and below the money leg the delta leg of a linear market
    return kind < unsafe_sub(CASH, convert(inverse, uint256))


@internal
@pure
def _notional(legs: DynArray[uint256, 16], inverse: bool, spot: uint256, forward: uint256) -> uint256:
    """
    @notice Options and delta legs in the market's token: contracts times spot, or in an inverse market coins, CASH at 1/F.
    @param spot Price of the underlying [wad]. @param forward Expected settlement price [wad].
    @return [wad * 1e-6]
    """
    total: uint256 = 0
    for item: uint256 in legs:
        kind: uint256 = self._kind(item)
        size: uint256 = convert(abs(self._quantity(item)), uint256)
        if self._is_money(kind, inverse):
            continue
        if not inverse:
            total += size * spot
        elif self._is_option(kind):
            total += size * scales.WAD
        else:
            total += size * (scales.WAD * scales.WAD) // forward
    return total


@internal
@pure
def _strike(leg: uint256) -> uint256:
    """
    @notice Strike of a leg word [1e-8 quote].
    """
    return (leg >> 64) & STRIKE_MASK


@internal
@pure
def _pack(key: uint256, quantity: int256) -> uint256:
    """
    @notice Leg word from `kind 2 | strike 62` and a quantity within int64.
    """
    assert quantity <= MAX_QUANTITY and quantity >= -MAX_QUANTITY, "leg/quantity-range"
    return (key << 64) | (self._unsigned(quantity) & QUANTITY_MASK)


@internal
@pure
def _market_of(series: uint128) -> uint256:
    return convert(series, uint256) >> 112


@internal
@pure
def _expiry_of(series: uint128) -> uint256:
    return (convert(series, uint256) >> 64) & (2**40 - 1)


@internal
@pure
def _find(legs: DynArray[uint256, 16], key: uint256, hint: uint256) -> uint256:
    """
    @notice Position of a series among leg words, `len(legs)` when absent. Legs mostly keep their order: the hint is
            tried first.
    """
    count: uint256 = len(legs)
    if hint < count and legs[hint] >> 64 == key:
        return hint
    for i: uint256 in range(count, bound=16):
        if legs[i] >> 64 == key:
            return i
    return count
