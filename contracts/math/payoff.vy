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
