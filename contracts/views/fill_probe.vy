# pragma version 0.4.3
"""
@title What lenses ask FillCheck, and which sizes they ask about
@license AGPL-3.0-only
@notice Calls that may revert are asked raw, so that a view answers with the reason.
"""
from interfaces import IExchange

from contracts.vaults import leg
from contracts.vaults import vault_state as state

# a fill as FillCheck is asked about it
struct Fill:
    order: IExchange.Order
    taker: address
    taker_vault: uint256
    opens: bool
    round_id: uint256

# sizes that a search looks at: the answer is right to 1/256 of what lies between its ends
HALVINGS: constant(uint256) = 8
CHECK: constant(bytes4) = method_id(
    "check_fill((uint256,address,address,(uint128,int64)[],bool,int256,uint256,uint256,uint256,uint256,uint256,uint8,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint8),uint256,address,uint256,bool,uint256)",
    output_type=bytes4,
)
ROUND: constant(bytes4) = method_id(
    "round_of((uint256,address,address,(uint128,int64)[],bool,int256,uint256,uint256,uint256,uint256,uint256,uint8,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint8))",
    output_type=bytes4,
)


@internal
@view
def _round_of(fill_check: address, order: IExchange.Order) -> uint256:
    """
    @notice What a filler of an order with patience would name: the oldest round that counts, 0 for none.
    """
    if order.patience == 0:
        return 0
    passed: bool = False
    answer: Bytes[64] = b""
    passed, answer = raw_call(
        fill_check,
        abi_encode(order, method_id=ROUND),
        max_outsize=64,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not passed or len(answer) < 64:
        return 0
    return extract32(answer, 0, output_type=uint256)


@internal
@pure
def _step(legs: DynArray[IExchange.OrderLeg, 4], token: uint256) -> uint256:
    """
    @notice Least size of which every leg that has lots is a whole number of them [1e-6].
    @param token Token word of the market.
    """
    lot: uint256 = state._lot(token)
    inverse: bool = state._is_inverse(token)
    step: uint256 = 1
    for one: IExchange.OrderLeg in legs:
        if not leg._has_lot((convert(one.series, uint256) >> 104) & 255, inverse):
            continue
        ratio: uint256 = convert(abs(convert(one.ratio, int256)), uint256)
        # lot / gcd(lot, ratio), and the least common multiple of those
        step = step * self._over_gcd(self._over_gcd(lot, ratio), step)
    return step


@internal
@pure
def _over_gcd(a: uint256, b: uint256) -> uint256:
    """
    @notice a / gcd(a, b).
    """
    x: uint256 = a
    y: uint256 = b
    for i: uint256 in range(128):
        if y == 0:
            break
        rest: uint256 = x % y
        x = y
        y = rest
    return a // x


@internal
@view
def _refusal(fill_check: address, fill: Fill, size: uint256) -> String[32]:
    """
    @notice What `check_fill` reverts with, empty when it passes.
    """
    passed: bool = False
    answer: Bytes[192] = b""
    passed, answer = raw_call(
        fill_check,
        abi_encode(
            fill.order, size, fill.taker, fill.taker_vault, fill.opens, fill.round_id, method_id=CHECK
        ),
        max_outsize=192,
        is_static_call=True,
        revert_on_failure=False,
    )
    return "" if passed else self._reason(answer)


@internal
@pure
def _reason(answer: Bytes[1536]) -> String[32]:
    """
    @notice The text of Error(string): selector, offset, length, text.
    """
    if len(answer) < 100:
        return "lens/no-answer"
    length: uint256 = min(extract32(answer, 36, output_type=uint256), 32)
    return convert(slice(answer, 68, length), String[32])
