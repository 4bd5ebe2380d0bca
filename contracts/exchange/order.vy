# pragma version 0.4.3
"""
@title Orders: form, hash and legs
@license AGPL-3.0-only
@notice Pure knowledge about one order, shared by filling and by the views. Struct hashes follow EIP-712; the domain is
        the Exchange's. A form that does not hold is a reason, never a revert.
@dev An order is some thirty words and every call with one copies it: functions take the fields they need.
"""
from interfaces import IExchange

from contracts.vaults import leg

ORDER_TYPEHASH: constant(bytes32) = keccak256(
    "Order(uint256 maker_vault,address signer,address taker,OrderLeg[] legs,bool is_bid,int256 price,uint256 iv,uint256 slip,uint256 patience,uint256 size,uint256 min_fill,uint8 premium_style,uint256 max_fee,uint256 spot_min,uint256 spot_max,uint256 max_deficit,uint256 epoch,uint256 since,uint256 salt,uint256 expiry,uint8 flags)OrderLeg(uint128 series,int64 ratio)"
)
LEG_TYPEHASH: constant(bytes32) = keccak256("OrderLeg(uint128 series,int64 ratio)")

# premium styles
UPFRONT: constant(uint8) = 0
DEFERRED: constant(uint8) = 1

# flags
FILL_OR_KILL: constant(uint8) = 1
REDUCE_ONLY: constant(uint8) = 2
TOGETHER: constant(uint8) = 4

# bounds that rule out overflow in everything computed from an order
MAX_PRICE: constant(int256) = 2**127
MAX_IV: constant(uint256) = 100 * 10**18
# a bound of slip is at most all of spot, and is reached within an hour
MAX_SLIP: constant(uint256) = 10**4
MAX_PATIENCE: constant(uint256) = 3600


@internal
@pure
def _legs_hash(legs: DynArray[IExchange.OrderLeg, 4]) -> bytes32:
    """
    @notice EIP-712 encoding of the legs.
    """
    hashes: bytes32[4] = empty(bytes32[4])
    count: uint256 = len(legs)
    for i: uint256 in range(count, bound=4):
        hashes[i] = keccak256(abi_encode(LEG_TYPEHASH, legs[i].series, legs[i].ratio))
    return keccak256(slice(abi_encode(hashes), 0, 32 * count))


@internal
@pure
def _group(
    maker_vault: uint256, legs: DynArray[IExchange.OrderLeg, 4], is_bid: bool, salt: uint256
) -> bytes32:
    """
    @notice What orders signed with TOGETHER are counted under, per signer, so that they take from one another.
    """
    return keccak256(abi_encode(maker_vault, self._legs_hash(legs), is_bid, salt))


@internal
@pure
def _key(order: IExchange.Order, digest: bytes32) -> bytes32:
    """
    @notice Under which name, per signer, it is kept how far an order has gone.
    """
    if order.flags & TOGETHER == 0:
        return digest
    return self._group(order.maker_vault, order.legs, order.is_bid, order.salt)


@internal
@pure
def _struct_hash(order: IExchange.Order) -> bytes32:
    """
    @notice EIP-712 `hashStruct` of an order.
    """
    return keccak256(
        abi_encode(
            ORDER_TYPEHASH,
            order.maker_vault,
            order.signer,
            order.taker,
            self._legs_hash(order.legs),
            order.is_bid,
            order.price,
            order.iv,
            order.slip,
            order.patience,
            order.size,
            order.min_fill,
            order.premium_style,
            order.max_fee,
            order.spot_min,
            order.spot_max,
            order.max_deficit,
            order.epoch,
            order.since,
            order.salt,
            order.expiry,
            order.flags,
        )
    )


@internal
@pure
def _series(legs: DynArray[IExchange.OrderLeg, 4]) -> DynArray[uint128, 4]:
    """
    @notice Series ids of the legs.
    """
    series: DynArray[uint128, 4] = []
    for one: IExchange.OrderLeg in legs:
        series.append(one.series)
    return series


@internal
@pure
def _has_band(spot_min: uint256, spot_max: uint256) -> bool:
    return spot_min != 0 or spot_max != max_value(uint256)


@internal
@pure
def _form(order: IExchange.Order, inverse: bool) -> String[32]:
    """
    @notice Nothing, or the reason why this is not an order at all. After it nothing computed from the order overflows.
    """
    count: uint256 = len(order.legs)
    if count == 0:
        return "order/no-legs"
    if (
        order.size == 0
        or order.size > convert(leg.MAX_QUANTITY, uint256)
        or order.price > MAX_PRICE
        or order.price < -MAX_PRICE
        or order.iv > MAX_IV
        or order.premium_style > DEFERRED
        or order.flags > FILL_OR_KILL | REDUCE_ONLY | TOGETHER
        or order.slip > MAX_SLIP
        or order.patience > MAX_PATIENCE
    ):
        return "order/out-of-range"
    # equal orders of salt 0 are nobody's pair
    if order.flags & TOGETHER != 0 and order.salt == 0:
        return "order/together-without-salt"
    if order.iv != 0 and order.slip != 0:
        return "order/slip-with-iv"
    # what nothing triggers, and what grows from nothing to nothing
    if order.patience != 0:
        if order.slip == 0 or not self._has_band(order.spot_min, order.spot_max):
            return "order/patience-without-bounds"
    cell: uint256 = 0
    last: uint256 = 0
    only_money: bool = True
    for i: uint256 in range(count, bound=4):
        series: uint256 = convert(order.legs[i].series, uint256)
        ratio: int256 = convert(order.legs[i].ratio, int256)
        kind: uint256 = (series >> 104) & 255
        strike: uint256 = series & (2**64 - 1)
        # a series id without its kind and strike
        own_cell: uint256 = (series >> 112 << 40) | ((series >> 64) & (2**40 - 1))
        if i == 0:
            cell = own_cell
        elif series <= last:
            return "order/legs-unsorted"
        last = series
        if own_cell != cell:
            return "order/wrong-cell"
        if kind > leg.CASH or strike > leg.STRIKE_MASK or (strike == 0) != (kind >= leg.FUTURE):
            return "order/bad-series"
        if ratio == 0 or convert(abs(ratio), uint256) * order.size > convert(leg.MAX_QUANTITY, uint256):
            return "order/out-of-range"
        if not leg._is_money(kind, inverse):
            only_money = False
    if only_money:
        return "order/only-cash"
    return ""


@internal
@pure
def _legs(
    signed: DynArray[IExchange.OrderLeg, 4], size: uint256
) -> DynArray[uint256, 16]:
    """
    @notice Leg words that the buyer receives; `_form` holds.
    """
    legs: DynArray[uint256, 16] = []
    for one: IExchange.OrderLeg in signed:
        series: uint256 = convert(one.series, uint256)
        kind: uint256 = (series >> 104) & 255
        quantity: int256 = convert(one.ratio, int256) * convert(size, int256)
        legs.append(leg._pack((kind << 62) | (series & leg.STRIKE_MASK), quantity))
    return legs


@internal
@pure
def _div_up(a: int256, b: int256) -> int256:
    """
    @notice a / b rounded towards plus infinity, b > 0.
    """
    return -self._div_down(-a, b)


@internal
@pure
def _div_down(a: int256, b: int256) -> int256:
    """
    @notice a / b rounded towards minus infinity, b > 0.
    """
    # `//` truncates towards zero for signed numbers
    return a // b if a >= 0 or a % b == 0 else a // b - 1


@internal
@pure
def _premium(price: int256, size: uint256, unit: uint256, taker_buys: bool) -> int256:
    """
    @notice What the buyer pays for the package, rounded against the taker.
    @param unit Wad times 1e-6 in one unit of the result.
    """
    total: int256 = price * convert(size, int256)
    if taker_buys:
        return self._div_up(total, convert(unit, int256))
    return self._div_down(total, convert(unit, int256))


@internal
@pure
def _with_money(legs: DynArray[uint256, 16], quantity: int256, inverse: bool) -> DynArray[uint256, 16]:
    """
    @notice The legs with a quantity of the money leg added [1e-6 token].
    """
    joined: DynArray[uint256, 16] = legs
    key: uint256 = leg._money_key(inverse)
    # CASH sorts last of a cell
    last: uint256 = len(legs) - 1
    at: uint256 = leg._find(legs, key, last)
    sum: int256 = quantity
    if at <= last:
        sum += leg._quantity(legs[at])
    # engines know no leg of no quantity
    if sum == 0:
        if at <= last:
            joined[at] = legs[last]
            joined.pop()
    elif at <= last:
        joined[at] = leg._pack(key, sum)
    else:
        joined.append(leg._pack(key, sum))
    return joined
