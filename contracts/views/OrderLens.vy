# pragma version 0.4.3
# pragma optimize codesize
"""
@title Order lens: what would become of signed orders
@license AGPL-3.0-only
@notice Tells, for many orders in one call and without ever reverting, whether they can be filled, how much of them and
        with which reason a fill would be refused. Whether an order stands it decides by the very rules of the Exchange
        (exchange/order_rules); what a fill of it would meet FillCheck tells. Views only; owns nothing, nothing depends
        on it.
@dev What only the token knows (a frozen account) shows at the fill alone.
"""
from interfaces import IClearinghouse
from interfaces import IExchange
from interfaces import IOrderLens

from contracts.math import scales
from contracts.exchange import order as order_form
from contracts.exchange import order_rules as rules
from contracts.vaults import vault_state as state
from contracts.views import fill_probe

implements: IOrderLens

# status of an order
INVALID: constant(uint256) = 0
OPEN: constant(uint256) = 1
CLOSING_ONLY: constant(uint256) = 2
NOT_NOW: constant(uint256) = 3
FILLED: constant(uint256) = 4
CANCELLED: constant(uint256) = 5
EXPIRED: constant(uint256) = 6

# more than any token has, so that a lying one overflows nothing
MAX_BALANCE: constant(uint256) = 2**127

CLEARINGHOUSE: immutable(address)
EXCHANGE: immutable(address)
OPERATORS: immutable(address)
FILL_CHECK: immutable(address)


@deploy
def __init__(clearinghouse: address, exchange: address, operators: address, fill_check: address):
    CLEARINGHOUSE = clearinghouse
    EXCHANGE = exchange
    OPERATORS = operators
    FILL_CHECK = fill_check


@internal
@view
def _largest(
    fill: fill_probe.Fill, least: uint256, most: uint256, step: uint256
) -> (uint256, String[32]):
    """
    @dev The largest size that passes, right to 1/256 of what lies between the least and the most; else why not even
         the least does.
    """
    if len(fill_probe._refusal(FILL_CHECK, fill, most)) == 0:
        return most, ""
    reason: String[32] = fill_probe._refusal(FILL_CHECK, fill, least)
    if len(reason) != 0:
        return 0, reason
    passes: uint256 = least
    refused: uint256 = most
    for i: uint256 in range(fill_probe.HALVINGS):
        middle: uint256 = unsafe_div(unsafe_add(passes, refused), 2)
        middle = unsafe_sub(middle, middle % step)
        if middle <= passes:
            break
        if len(fill_probe._refusal(FILL_CHECK, fill, middle)) == 0:
            passes = middle
        else:
            refused = middle
    return passes, ""


@internal
@view
def _state(
    order: IExchange.Order, signature: Bytes[1024], taker: address, taker_vault: uint256
) -> IOrderLens.OrderState:
    # what can revert is asked through a raw call: one order must not silence the others
    digest: bytes32 = staticcall IExchange(EXCHANGE).hash_order(order)
    gone: IExchange.Filled = staticcall IExchange(EXCHANGE).filled_of(
        order.signer, order_form._key(order, digest)
    )
    filled: uint256 = gone.packages
    word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(order.maker_vault)
    least: uint256 = staticcall IExchange(EXCHANGE).epoch_for(
        order.maker_vault, order_form._series(order.legs)
    )
    reason: String[32] = rules._standing(
        order,
        digest,
        signature,
        taker,
        filled | (rules.CANCELLED if gone.cancelled else 0),
        word,
        rules._rights(OPERATORS, order.maker_vault, word, order.signer),
        least >> rules.EPOCH_BITS,
        (staticcall IClearinghouse(CLEARINGHOUSE).market(state._market(word))).token_word,
    )
    if len(reason) != 0:
        status: uint256 = INVALID
        if block.timestamp > order.expiry:
            status = EXPIRED
        elif gone.cancelled:
            status = CANCELLED
        elif filled >= order.size:
            status = FILLED
        return IOrderLens.OrderState(status=status, fillable=0, reason=reason)

    result: IOrderLens.OrderState = IOrderLens.OrderState(status=NOT_NOW, fillable=0, reason="")
    answered: bool = False
    answer: Bytes[864] = b""
    answered, answer = raw_call(
        CLEARINGHOUSE,
        abi_encode(order.maker_vault, method_id=method_id("load(uint256)")),
        max_outsize=864,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not answered:
        # the token does not tell what the maker has
        result.reason = "lens/no-answer"
        return result
    loaded: IClearinghouse.Loaded = abi_decode(answer, IClearinghouse.Loaded)
    vault: IClearinghouse.Vault = loaded.vault
    held: DynArray[uint256, 16] = loaded.legs
    left: uint256 = order.size - filled
    if order.flags & order_form.REDUCE_ONLY != 0:
        left = min(left, rules._reducible(order.legs, order.is_bid, vault, held, False))
    result.reason = rules._size_refusal(order.size - filled, left, order.min_fill, order.flags, left)
    # it sleeps
    if len(result.reason) != 0:
        return result
    least = left if order.flags & order_form.FILL_OR_KILL != 0 else min(max(order.min_fill, 1), left)
    most: uint256 = left
    # a bound that a search need not find: what the maker's tokens can pay
    pays: bool = order.is_bid == (order.price > 0)
    if order.premium_style == order_form.UPFRONT and order.iv | order.slip == 0 and order.price != 0 and pays:
        free: uint256 = min(vault.balance, MAX_BALANCE) * state._native_wad(vault.token)
        most = min(most, free * scales.MICRO // convert(abs(order.price), uint256))
    step: uint256 = fill_probe._step(order.legs, vault.token)
    most -= most % step
    # the least size of whole lots, unless what is left has none
    if least % step != 0 and least + step - least % step <= left:
        least += step - least % step
    most = max(most, least)

    # whom the order passes although it raises open interest: anyone
    fill: fill_probe.Fill = fill_probe.Fill(
        order=order,
        taker=taker,
        taker_vault=taker_vault,
        opens=True,
        round_id=fill_probe._round_of(FILL_CHECK, order),
    )
    result.fillable, result.reason = self._largest(fill, least, most, step)
    if len(result.reason) == 0:
        result.status = OPEN
    elif taker_vault == 0:
        reason = result.reason
        fill.opens = False
        result.fillable, result.reason = self._largest(fill, least, most, step)
        if len(result.reason) == 0:
            result.status = CLOSING_ONLY
            result.reason = reason
    return result


@external
@view
def key_of(order: IExchange.Order) -> bytes32:
    """
    @notice Under which key of its signer the Exchange keeps how far an order has gone (`Exchange.filled_of`).
    @param order Any order, valid or not.
    @return Its digest; of one signed together with others what they share.
    """
    return order_form._key(order, staticcall IExchange(EXCHANGE).hash_order(order))


@external
@view
def order_states(
    orders: DynArray[IExchange.Order, 16],
    signatures: DynArray[Bytes[1024], 16],
    taker: address,
    taker_vault: uint256,
) -> DynArray[IOrderLens.OrderState, 16]:
    """
    @notice What would become of each order now, whoever fills it, or for one taker and its vault. Never reverts.
    @dev An order with patience is looked at as filled by who names the oldest round that counts. Where not all of an order passes, the size found passes and is within 1/256 of the largest that does; where none
         does, the reason is that of the least size that the order allows.
    @param orders Orders.
    @param signatures Theirs, in the same order; a missing one counts as empty.
    @param taker Who would fill; empty: anyone.
    @param taker_vault A vault the taker owns or may trade for; 0: any, then only the maker's side is looked at.
    @return Per order: status (0 invalid, 1 open, 2 closing only: may not raise open interest, 3 not now, 4 filled,
            5 cancelled, 6 expired), the largest size that may pass, the reason when it may not pass.
    """
    states: DynArray[IOrderLens.OrderState, 16] = []
    for i: uint256 in range(len(orders), bound=16):
        signature: Bytes[1024] = b""
        if i < len(signatures):
            signature = signatures[i]
        states.append(self._state(orders[i], signature, taker, taker_vault))
    return states
