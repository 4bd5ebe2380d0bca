# pragma version 0.4.3
"""
@title Payoffs at expiry in exact integers
@license AGPL-3.0-only
@notice The payoff of a set of legs is linear between strikes, so its least value lies at 0 or at a strike, or is
        unbounded when the slope beyond the last strike is negative. In an inverse market the legs pay payoff(P)/P coins,
        which is a/P + b between strikes: least at a strike, far up, where the slope is left, or at a price near 0.
@dev Legs are words `kind 2 | strike 62 | quantity 64` (vaults/leg). Units inside: 1e-14 quote. One walk over the
     sorted strikes finds the least payoff and, on the way, series named twice.
"""
from contracts.math import scales

UNIT: constant(int256) = 10**4          # 1e-14 -> wad
CASH_UNIT: constant(int256) = 10**8     # 1e-6 quote -> 1e-14 quote
COIN_UNIT: constant(int256) = 10**12    # 1e-6 coin -> wad
PRICE_UNIT: constant(int256) = 10**8    # a price of 1 quote, as a strike
STRIKE_UNIT: constant(int256) = 10**10  # 1e-8 quote -> wad
UNBOUNDED: constant(int256) = min_value(int256)  # the least payoff of legs whose loss has no bound
QUANTITY_MASK: constant(uint256) = 2**64 - 1
STRIKE_MASK: constant(uint256) = 2**62 - 1


@internal
@pure
def _refuse(reason: String[32]):
    # one revert for all reasons of a contract: half the bytes of a literal assert
    raise reason


@internal
@pure
def _least(legs: DynArray[uint256, 16], inverse: bool) -> int256:
    """
    @notice v_min: the least payoff over all settlement prices. Refuses words that are not legs of one vault.
    @param inverse The legs pay coins, rounded down here.
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
        if quantity == 0:
            self._refuse("leg/zero-quantity")
        if (strike == 0) != (kind > 1):
            self._refuse("leg/strike-kind")
        if kind > 1:
            if seen & (1 << kind) != 0:
                self._refuse("leg/duplicate-series")
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
    if inverse:
        # near 0 a debt weighs without bound and a claim is no candidate; without either the first slope is left
        least = UNBOUNDED
        if payoff == 0:
            least = unsafe_mul(slope, COIN_UNIT)
        elif payoff > 0:
            least = max_value(int256)
    price: int256 = 0
    previous: uint256 = 0
    for i: uint256 in range(unsafe_sub(high, low), bound=16):
        entry: uint256 = strikes[unsafe_add(low, i)]
        if entry >> 64 == previous:
            self._refuse("leg/duplicate-series")
        previous = entry >> 64
        strike: int256 = convert(convert(entry >> 65, bytes32), int256)
        payoff = unsafe_add(payoff, unsafe_mul(slope, unsafe_sub(strike, price)))
        worth: int256 = payoff
        if inverse:
            worth = unsafe_mul(payoff, COIN_UNIT)
            if worth < 0:
                worth = unsafe_sub(worth, unsafe_sub(strike, 1))
            worth = unsafe_div(worth, strike)
        if worth < least:
            least = worth
        price = strike
        # a call starts to pay here, a put stops: either way the slope grows by the quantity
        slope = unsafe_add(slope, convert(convert(entry << 192, bytes32), int256) >> 192)
    if inverse:
        # far up the slope is left
        return min(least, unsafe_mul(slope, COIN_UNIT))
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
def _at_expiry_price(legs: DynArray[uint256, 16], price: uint256) -> int256:
    """
    @notice What the legs pay at the expiry price, exact; CASH counts 1.
    @param price [wad], below 2^96.
    @return [1e-24 quote], so that nothing is rounded before the caller does.
    """
    final: int256 = convert(convert(price, bytes32), int256)
    total: int256 = 0
    for leg: uint256 in legs:
        kind: uint256 = leg >> 126
        each: int256 = scales.SIGNED_WAD   # CASH
        if kind < 2:
            each = unsafe_sub(final, unsafe_mul(convert(convert((leg >> 64) & STRIKE_MASK, bytes32), int256), STRIKE_UNIT))
            if kind == 1:
                each = unsafe_sub(0, each)
            each = max(each, 0)
        elif kind == 2:
            each = final
        total = unsafe_add(total, unsafe_mul(convert(convert(leg << 192, bytes32), int256) >> 192, each))
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
    before: DynArray[uint256, 16],
    after: DynArray[uint256, 16],
    held: int256[2],
    share: int256[2],
    inverse: bool,
) -> bool:
    """
    @notice Whether legs and collateral after pay at least a share of what they paid before, at every settlement price.
    @param before Legs before; every strike of `after` is among theirs.
    @param after Legs after.
    @param held Collateral before and after [wad], coins in an inverse market.
    @param share Numerator and denominator.
    @param inverse The legs pay coins. Compared in quote: there collateral is a slope.
    """
    coins: int256[2] = [0, 0]
    if inverse:
        coins = held
    if (self._slope(after) * COIN_UNIT + coins[1]) * share[1] < (self._slope(before) * COIN_UNIT + coins[0]) * share[0]:
        return False
    # both sides are linear between strikes: at 0 and at each strike is everywhere
    for i: uint256 in range(len(before) + 1, bound=17):
        price: int256 = 0
        if i != 0:
            price = convert((before[i - 1] >> 64) & STRIKE_MASK, int256)
        # [wad * 1e-8], so that nothing is rounded
        unit: int256 = price if inverse else PRICE_UNIT
        left: int256 = self._at(after, price) * UNIT * PRICE_UNIT + held[1] * unit
        if left * share[1] < (self._at(before, price) * UNIT * PRICE_UNIT + held[0] * unit) * share[0]:
            return False
    return True


@internal
@pure
def _least_within(legs: DynArray[uint256, 16], lowest: int256, highest: int256, inverse: bool) -> int256:
    """
    @notice Least payoff over the settlement prices between two, and at every strike.
    @param lowest Above 0 when the legs pay coins [1e-8 quote, as a strike].
    @param highest [1e-8 quote, as a strike].
    @param inverse The legs pay coins.
    @return [wad]
    """
    prices: DynArray[int256, 18] = [lowest, highest]
    for leg: uint256 in legs:
        strike: int256 = convert((leg >> 64) & STRIKE_MASK, int256)
        if strike != 0:
            prices.append(strike)
    least: int256 = max_value(int256)
    for price: int256 in prices:
        worth: int256 = self._at(legs, price)
        least = min(least, worth * COIN_UNIT // price if inverse else worth * UNIT)
    return least
