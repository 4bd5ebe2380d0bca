# pragma version 0.4.3
# pragma optimize gas
"""
@title Order lens: what would become of signed orders
@license AGPL-3.0-only
@notice Tells, for many orders in one call and without ever reverting, whether they can be filled, how much of them and
        with which reason a fill would be refused. Decides by the very rules of the Exchange (modules/order_rules).
        Views only; owns nothing, nothing depends on it.
"""
from interfaces import IClearinghouse
from interfaces import IExchange
from interfaces import IOracleAdapter
from interfaces import IOrderLens

from contracts.modules import order as order_form
from contracts.modules import order_rules as rules
from contracts.modules import vault_state as state

implements: IOrderLens

# status of an order
INVALID: constant(uint256) = 0
OPEN: constant(uint256) = 1
CLOSING_ONLY: constant(uint256) = 2
NOT_NOW: constant(uint256) = 3
FILLED: constant(uint256) = 4
CANCELLED: constant(uint256) = 5
EXPIRED: constant(uint256) = 6

CLEARINGHOUSE: immutable(address)
ORACLE: immutable(address)
EXCHANGE: immutable(address)


@deploy
def __init__(clearinghouse: address, oracle: address, exchange: address):
    CLEARINGHOUSE = clearinghouse
    ORACLE = oracle
    EXCHANGE = exchange


@internal
@view
def _state(order: IExchange.Order, signature: Bytes[1024]) -> IOrderLens.OrderState:
    # every call below is a view that answers for any vault and any market that a vault can have
    digest: bytes32 = staticcall IExchange(EXCHANGE).hash_order(order)
    filled: uint256 = 0
    cancelled: bool = False
    filled, cancelled = staticcall IExchange(EXCHANGE).filled_of(order.signer, digest)
    mark: uint256 = rules.CANCELLED if cancelled else 0
    word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(order.maker_vault)
    least: uint256 = staticcall IExchange(EXCHANGE).epoch_for(
        order.maker_vault, order_form._series(order)
    )
    reason: String[32] = rules._standing(
        order, digest, signature, empty(address), filled | mark, word, least >> rules.EPOCH_BITS
    )
    if len(reason) != 0:
        status: uint256 = INVALID
        if block.timestamp > order.expiry:
            status = EXPIRED
        elif cancelled:
            status = CANCELLED
        elif filled >= order.size:
            status = FILLED
        return IOrderLens.OrderState(status=status, fillable=0, reason=reason)

    left: uint256 = order.size - filled
    whole: bool = order.flags & order_form.FILL_OR_KILL != 0
    if whole and filled != 0:
        return IOrderLens.OrderState(status=INVALID, fillable=0, reason="exchange/fill-or-kill")
    market: uint256 = order_form._market(order)
    expiry: uint256 = order_form._expiry(order)
    prices: uint256[16] = staticcall IOracleAdapter(ORACLE).snapshot(market, expiry)
    reason = rules._spot_refusal(order, prices)
    if len(reason) != 0:
        return IOrderLens.OrderState(status=NOT_NOW, fillable=0, reason=reason)

    words: uint256[9] = empty(uint256[9])
    held: DynArray[uint256, 16] = []
    words, held = staticcall IClearinghouse(CLEARINGHOUSE).load(order.maker_vault)
    least_size: uint256 = left if whole else min(max(order.min_fill, 1), left)
    fillable: uint256 = left
    if order.flags & order_form.REDUCE_ONLY != 0:
        fillable = min(fillable, rules._reducible(order, words[state.TERMS], held))
        if fillable < least_size:
            return IOrderLens.OrderState(status=NOT_NOW, fillable=0, reason="exchange/reduce-only")
    # what the maker would pay comes out of its vault, whatever its margin says
    pays: bool = order.is_bid == (order.price > 0)
    if order.premium_style == order_form.UPFRONT and order.iv == 0 and order.price != 0 and pays:
        free: uint256 = words[state.BALANCE] * state._native_wad(words[state.TOKEN])
        fillable = min(fillable, free * order_form.MICRO // convert(abs(order.price), uint256))
        if fillable < least_size:
            return IOrderLens.OrderState(status=NOT_NOW, fillable=0, reason="exchange/low-balance")

    legs: DynArray[uint256, 16] = []
    contracts: uint256 = 0
    legs, contracts = order_form._legs(order, fillable)
    reason = rules._opening_refusal(
        legs, expiry, staticcall IExchange(EXCHANGE).trading(market), prices
    )
    if len(reason) != 0:
        return IOrderLens.OrderState(status=CLOSING_ONLY, fillable=fillable, reason=reason)
    return IOrderLens.OrderState(status=OPEN, fillable=fillable, reason="")


@external
@view
def order_states(
    orders: DynArray[IExchange.Order, 16], signatures: DynArray[Bytes[1024], 16]
) -> DynArray[IOrderLens.OrderState, 16]:
    """
    @notice What would become of each order now, as far as it can be told without a trade. Never reverts.
    @dev The taker is not checked, and neither is a margin that only the fill can compute.
    @param orders Orders.
    @param signatures Theirs, in the same order; a missing one counts as empty.
    @return Per order: status (0 invalid, 1 open, 2 closing only: may not raise open interest, 3 not now, 4 filled,
            5 cancelled, 6 expired), the largest size that may pass, the reason when it may not pass.
    """
    states: DynArray[IOrderLens.OrderState, 16] = []
    for i: uint256 in range(len(orders), bound=16):
        signature: Bytes[1024] = b""
        if i < len(signatures):
            signature = signatures[i]
        states.append(self._state(orders[i], signature))
    return states
