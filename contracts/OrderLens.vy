# pragma version 0.4.3
# pragma optimize gas
"""
@title Order lens: what would become of signed orders
@license AGPL-3.0-only
@notice Tells, for many orders in one call and without ever reverting, whether they can be filled, how much of them and
        with which reason a fill would be refused. Decides by the very rules of the Exchange (modules/order_rules).
        The maker's side of a fill is margined by the gate itself. Views only; owns nothing, nothing depends on it.
"""
from interfaces import IClearinghouse
from interfaces import IExchange
from interfaces import IMarginGate
from interfaces import IOperators
from interfaces import IOracleAdapter
from interfaces import IOrderLens

from contracts.modules import leg
from contracts.modules import order as order_form
from contracts.modules import order_pricing as pricing
from contracts.modules import order_rules as rules
from contracts.modules import parameters
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

TRADE: constant(uint256) = 0
ALL: constant(uint256) = 7
STATE_OF: constant(bytes4) = method_id(
    "order_state((uint256,address,address,(uint128,int64)[],bool,int256,uint256,uint256,uint256,uint8,uint256,uint256,uint256,uint256,uint256,uint256,uint8),bytes)",
    output_type=bytes4,
)
# sizes looked at between the least and the whole: the answer is right to 1/256 of what is between them
HALVINGS: constant(uint256) = 8

CLEARINGHOUSE: immutable(address)
ORACLE: immutable(address)
EXCHANGE: immutable(address)
OPERATORS: immutable(address)
GATE: immutable(address)


@deploy
def __init__(
    clearinghouse: address, oracle: address, exchange: address, operators: address, gate: address
):
    CLEARINGHOUSE = clearinghouse
    ORACLE = oracle
    EXCHANGE = exchange
    OPERATORS = operators
    GATE = gate


@internal
@pure
def _step(order: IExchange.Order, lot: uint256) -> uint256:
    """
    @dev Least size of which every option and future is a whole number of lots [1e-6].
    """
    step: uint256 = 1
    for one: IExchange.OrderLeg in order.legs:
        if (convert(one.series, uint256) >> 104) & 255 == leg.CASH:
            continue
        ratio: uint256 = convert(abs(convert(one.ratio, int256)), uint256)
        # lot / gcd(lot, ratio), and the least common multiple of those
        step = step * self._over_gcd(self._over_gcd(lot, ratio), step)
    return step


@internal
@pure
def _over_gcd(a: uint256, b: uint256) -> uint256:
    """
    @dev a / gcd(a, b).
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
@pure
def _joined(
    held: DynArray[uint256, 16], moved: DynArray[uint256, 16], receives: bool
) -> (DynArray[uint256, 16], bool):
    """
    @dev Legs after a fill, and whether a vault can hold them.
    """
    legs: DynArray[uint256, 16] = held
    for item: uint256 in moved:
        quantity: int256 = leg._quantity(item)
        if not receives:
            quantity = -quantity
        at: uint256 = leg._find(legs, leg._key(item), 0)
        if at == len(legs):
            if at == leg.MAX_LEGS:
                return [], False
            legs.append(leg._pack(leg._key(item), quantity))
        else:
            quantity += leg._quantity(legs[at])
            if abs(quantity) > leg.MAX_QUANTITY:
                return [], False
            legs[at] = leg._pack(leg._key(item), quantity)
    kept: DynArray[uint256, 16] = []
    for item: uint256 in legs:
        if leg._quantity(item) != 0:
            kept.append(item)
    return kept, True


@internal
@view
def _maker_refusal(
    order: IExchange.Order,
    size: uint256,
    words: uint256[9],
    held: DynArray[uint256, 16],
    trading: uint256,
    prices: uint256[16],
) -> String[32]:
    """
    @dev What a fill of this size would meet on the maker's side: fee limit, tokens, legs, and the margin gate.
    """
    expiry: uint256 = order_form._expiry(order)
    token: uint256 = words[state.TOKEN]
    terms: pricing.Terms = pricing._terms(CLEARINGHOUSE, order, size, token, trading, prices)
    if terms.maker_fee > pricing._maker_fee_limit(order, size, token):
        return "exchange/maker-fee"
    if words[state.VAULT] & (state.DEBT | state.CLAIM) != 0:
        return "clearinghouse/unsettled"
    if len(held) != 0 and state._expiry(words[state.TERMS]) != expiry:
        return "clearinghouse/wrong-cell"
    received: int256 = terms.cash if order.is_bid else -terms.cash
    balance: int256 = (
        convert(words[state.BALANCE], int256) + received - convert(terms.maker_fee, int256)
    )
    if balance < 0:
        return "exchange/low-balance"
    legs: DynArray[uint256, 16] = []
    fits: bool = False
    legs, fits = self._joined(held, terms.legs, order.is_bid)
    if not fits:
        return "clearinghouse/too-many-legs"
    after: uint256[9] = words
    after[state.BALANCE] = convert(balance, uint256)
    if len(legs) == 0:
        return ""
    if len(held) == 0:
        after[state.TERMS] = expiry | (
            parameters._liquidation_deposit(words[state.RISK]) << state.DEPOSIT_AT
        )
        after[state.CELL] = staticcall IClearinghouse(CLEARINGHOUSE).cell(
            state._market(words[state.VAULT]), expiry
        )
    passed: bool = False
    answer: Bytes[192] = b""
    passed, answer = raw_call(
        GATE,
        abi_encode(
            TRADE,
            after,
            held,
            legs,
            prices,
            received,
            terms.maker_fee,
            empty(int256[9]),
            method_id=method_id(
                "check(uint256,uint256[9],uint256[],uint256[],uint256[16],int256,uint256,int256[9])"
            ),
        ),
        max_outsize=192,
        is_static_call=True,
        revert_on_failure=False,
    )
    if passed:
        return ""
    return self._reason(answer)


@internal
@pure
def _reason(answer: Bytes[192]) -> String[32]:
    """
    @dev The text of Error(string): selector, offset, length, text.
    """
    if len(answer) < 100:
        return "lens/no-answer"
    length: uint256 = min(extract32(answer, 36, output_type=uint256), 32)
    return convert(slice(answer, 68, length), String[32])


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
    rights: uint256 = 0
    if word != 0:
        rights = ALL
        if state._owner(word) != order.signer:
            rights = staticcall IOperators(OPERATORS).permissions_of(
                order.maker_vault, state._epoch(word), order.signer
            )
    reason: String[32] = rules._standing(
        order,
        digest,
        signature,
        empty(address),
        filled | mark,
        word,
        rights,
        least >> rules.EPOCH_BITS,
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
    step: uint256 = self._step(order, state._lot(words[state.TOKEN]))
    fillable -= fillable % step
    least_size += (step - least_size % step) % step
    if fillable < least_size:
        return IOrderLens.OrderState(
            status=NOT_NOW, fillable=0, reason="clearinghouse/not-a-lot"
        )

    # the largest size that the maker's margin bears, found by asking the gate
    trading: uint256 = staticcall IExchange(EXCHANGE).trading(market)
    reason = self._maker_refusal(order, fillable, words, held, trading, prices)
    if len(reason) != 0 and fillable != least_size:
        reason = self._maker_refusal(order, least_size, words, held, trading, prices)
        if len(reason) == 0:
            passes: uint256 = least_size
            refused: uint256 = fillable
            for i: uint256 in range(HALVINGS):
                middle: uint256 = (passes + refused) // 2
                middle -= middle % step
                if middle <= passes:
                    break
                if len(self._maker_refusal(order, middle, words, held, trading, prices)) == 0:
                    passes = middle
                else:
                    refused = middle
            fillable = passes
    if len(reason) != 0:
        return IOrderLens.OrderState(status=NOT_NOW, fillable=0, reason=reason)

    legs: DynArray[uint256, 16] = []
    contracts: uint256 = 0
    legs, contracts = order_form._legs(order, fillable)
    reason = rules._opening_refusal(legs, expiry, trading, prices)
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
    @dev The taker is not checked. Where the maker's margin bounds the size, the answer passes and is within 1/256 of the
         largest that does. Caps of makers and limits of session keys (TradeLimits) are not asked.
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
        # an engine that cannot price an order must not silence the others
        answered: bool = False
        answer: Bytes[192] = b""
        answered, answer = raw_call(
            self,
            abi_encode(orders[i], signature, method_id=STATE_OF),
            max_outsize=192,
            is_static_call=True,
            revert_on_failure=False,
        )
        if answered:
            states.append(abi_decode(answer, IOrderLens.OrderState))
        else:
            states.append(
                IOrderLens.OrderState(status=NOT_NOW, fillable=0, reason=self._reason(answer))
            )
    return states


@external
@view
def order_state(order: IExchange.Order, signature: Bytes[1024]) -> IOrderLens.OrderState:
    """
    @notice `order_states` of one order; reverts where an engine cannot price it.
    @param order The order.
    @param signature Its signature.
    @return As in `order_states`.
    """
    return self._state(order, signature)
