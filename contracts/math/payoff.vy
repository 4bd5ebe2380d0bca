# pragma version 0.4.3
"""
@title Payoffs at expiry in exact integers
@license AGPL-3.0-only
@notice The payoff of a set of legs is linear between strikes, so its least value lies at 0 or at a strike, or is
        unbounded when the slope beyond the last strike is negative.
@dev Legs are words `kind 2 | strike 62 | quantity 64` (vaults/leg). Units inside: 1e-14 quote. One walk over the
     sorted strikes finds the least payoff and, on the way, series named twice.
"""

UNIT: constant(int256) = 10**4          # 1e-14 -> wad
CASH_UNIT: constant(int256) = 10**8     # 1e-6 quote -> 1e-14 quote
UNBOUNDED: constant(int256) = min_value(int256)  # the least payoff of legs whose loss has no bound
QUANTITY_MASK: constant(uint256) = 2**64 - 1
STRIKE_MASK: constant(uint256) = 2**62 - 1


@internal
@pure
def _least(legs: DynArray[uint256, 16]) -> int256:
    """
    @notice v_min: the least payoff over all settlement prices. Refuses words that are not legs of one vault.
    @return [wad], `min_value(int256)` when there is none.
    """
    # options as `strike 62 | put 1 | quantity 64`, ascending from `low` to `high`, zeros below. Legs often come in runs up and
    # down from the money: what goes to either end costs no moves
    strikes: uint256[33] = empty(uint256[33])
    low: uint256 = 16
    high: uint256 = 16
    payoff: int256 = 0  # at the price reached
    slope: int256 = 0   # beyond it
    seen: uint256 = 0   # futures 4, cash 8
    for leg: uint256 in legs:
        quantity: int256 = convert(convert(leg << 192, bytes32), int256) >> 192
        kind: uint256 = leg >> 126
        strike: uint256 = (leg >> 64) & STRIKE_MASK
        assert quantity != 0, "leg/zero-quantity"
        assert (strike == 0) == (kind > 1), "leg/strike-kind"
        if kind > 1:
            assert seen & (1 << kind) == 0, "leg/duplicate-series"
            seen = seen | (1 << kind)
            if kind == 2:
                slope = unsafe_add(slope, quantity)
            else:
                payoff = unsafe_add(payoff, unsafe_mul(quantity, CASH_UNIT))
            continue

        if kind == 1:
            # a put is worth its strike at 0
            payoff = unsafe_add(payoff, unsafe_mul(quantity, convert(convert(strike, bytes32), int256)))
            slope = unsafe_sub(slope, quantity)
        entry: uint256 = (((strike << 1) | kind) << 64) | (leg & QUANTITY_MASK)
        below: uint256 = strikes[unsafe_sub(high, 1)]
        if below > entry:
            if entry < strikes[low]:
                low = unsafe_sub(low, 1)
                strikes[low] = entry
                continue
            at: uint256 = high
            for _: uint256 in range(16):
                strikes[at] = below
                at = unsafe_sub(at, 1)
                below = strikes[unsafe_sub(at, 1)]
                if below < entry:
                    break
            strikes[at] = entry
        else:
            strikes[high] = entry
        high = unsafe_add(high, 1)

    least: int256 = payoff
    price: int256 = 0
    previous: uint256 = 0
    for i: uint256 in range(unsafe_sub(high, low), bound=16):
        entry: uint256 = strikes[unsafe_add(low, i)]
        assert entry >> 64 != previous, "leg/duplicate-series"
        previous = entry >> 64
        strike: int256 = convert(convert(entry >> 65, bytes32), int256)
        payoff = unsafe_add(payoff, unsafe_mul(slope, unsafe_sub(strike, price)))
        if payoff < least:
            least = payoff
        price = strike
        # a call starts to pay here, a put stops: either way the slope grows by the quantity
        slope = unsafe_add(slope, convert(convert(entry << 192, bytes32), int256) >> 192)
    if slope < 0:
        return UNBOUNDED
    return unsafe_mul(least, UNIT)


@internal
@pure
def _at(legs: DynArray[uint256, 16], price: int256) -> int256:
    """
    @notice Payoff of the legs at one settlement price.
    @param price [1e-8 quote, as a strike].
    @return [1e-14 quote]
    """
    total: int256 = 0
    for leg: uint256 in legs:
        quantity: int256 = convert(convert(leg << 192, bytes32), int256) >> 192
        strike: int256 = convert((leg >> 64) & STRIKE_MASK, int256)
        kind: uint256 = leg >> 126
        if kind == 0:
            total += quantity * max(price - strike, 0)
        elif kind == 1:
            total += quantity * max(strike - price, 0)
        elif kind == 2:
            total += quantity * price
        else:
            total += quantity * CASH_UNIT
    return total


@internal
@pure
def _slope(legs: DynArray[uint256, 16]) -> int256:
    """
    @notice What the legs gain per unit of price beyond the last strike [1e-6 contracts].
    """
    total: int256 = 0
    for leg: uint256 in legs:
        kind: uint256 = leg >> 126
        if kind == 0 or kind == 2:
            total += convert(convert(leg << 192, bytes32), int256) >> 192
    return total


@internal
@pure
def _keeps_share(
    before: DynArray[uint256, 16], after: DynArray[uint256, 16], held: int256[2], share: int256[2]
) -> bool:
    """
    @notice Whether legs and collateral after pay at least a share of what they paid before, at every settlement price.
    @param before Legs before; every strike of `after` is among theirs.
    @param after Legs after.
    @param held Collateral before and after [wad].
    @param share Numerator and denominator.
    """
    if self._slope(after) * share[1] < self._slope(before) * share[0]:
        return False
    # both sides are linear between strikes: at 0 and at each strike is everywhere
    for i: uint256 in range(len(before) + 1, bound=17):
        price: int256 = 0
        if i != 0:
            price = convert((before[i - 1] >> 64) & STRIKE_MASK, int256)
        left: int256 = self._at(after, price) * UNIT + held[1]
        if left * share[1] < (self._at(before, price) * UNIT + held[0]) * share[0]:
            return False
    return True


@internal
@pure
def _least_up_to(legs: DynArray[uint256, 16], highest: int256) -> int256:
    """
    @notice Least payoff over the settlement prices from 0 to `highest`, and at every strike.
    @param highest [1e-8 quote, as a strike].
    @return [wad]
    """
    least: int256 = min(self._at(legs, 0), self._at(legs, highest))
    for leg: uint256 in legs:
        least = min(least, self._at(legs, convert((leg >> 64) & STRIKE_MASK, int256)))
    return least * UNIT
