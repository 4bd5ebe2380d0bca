# pragma version 0.4.3
# pragma optimize codesize
"""
@title Order lens: what would become of signed orders
@license AGPL-3.0-only
@notice Tells, for many orders in one call and without ever reverting, whether they can be filled, how much of them and
        with which reason a fill would be refused. Decides by the very rules of the Exchange (exchange/order_rules), in
        its order; limits and margins are those of TradeLimits and the gate themselves. Views only; owns nothing,
        nothing depends on it.
@dev What only the token knows (a frozen account) shows at the fill alone.
"""
from interfaces import IClearinghouse
from interfaces import IExchange
from interfaces import IMarginEngine
from interfaces import IMarginGate
from interfaces import IOperators
from interfaces import IOracleAdapter
from interfaces import IOrderLens
from interfaces import ITradeLimits

from contracts.vaults import leg
from contracts.exchange import order as order_form
from contracts.exchange import order_pricing as pricing
from contracts.exchange import order_rules as rules
from contracts.governance import parameters
from contracts.oracle import snapshot as price_of
from contracts.exchange import trading_word
from contracts.vaults import vault_state as state

implements: IOrderLens

# status of an order
INVALID: constant(uint256) = 0
OPEN: constant(uint256) = 1
CLOSING_ONLY: constant(uint256) = 2
NOT_NOW: constant(uint256) = 3
FILLED: constant(uint256) = 4
CANCELLED: constant(uint256) = 5
EXPIRED: constant(uint256) = 6

# mode of the margin gate
GATE_TRADE: constant(uint256) = 0
# permissions of operators; an owner has them all
TRADE: constant(uint256) = 1
WITHDRAW: constant(uint256) = 2
ALL: constant(uint256) = 7
# why TradeLimits is asked
KEY: constant(uint256) = 1
CAPS: constant(uint256) = 2
FLAGS: constant(uint256) = state.FLAGGED | state.MARKED
CHECK: constant(bytes4) = method_id(
    "check_fill((uint256,address,address,(uint128,int64)[],bool,int256,uint256,uint256,uint256,uint8,uint256,uint256,uint256,uint256,uint256,uint256,uint8),uint256,address,uint256,bool)",
    output_type=bytes4,
)
# sizes looked at between the least and the whole: the answer is right to 1/256 of what is between them
HALVINGS: constant(uint256) = 8
# more than any token has, so that a lying one overflows nothing
MAX_BALANCE: constant(uint256) = 2**127

CLEARINGHOUSE: immutable(address)
ORACLE: immutable(address)
EXCHANGE: immutable(address)
OPERATORS: immutable(address)
LIMITS: immutable(address)
GATE: immutable(address)


@deploy
def __init__(
    clearinghouse: address,
    oracle: address,
    exchange: address,
    operators: address,
    limits: address,
    gate: address,
):
    CLEARINGHOUSE = clearinghouse
    ORACLE = oracle
    EXCHANGE = exchange
    OPERATORS = operators
    LIMITS = limits
    GATE = gate


@internal
@pure
def _step(legs: DynArray[IExchange.OrderLeg, 4], lot: uint256) -> uint256:
    """
    @dev Least size of which every option and future is a whole number of lots [1e-6].
    """
    step: uint256 = 1
    for one: IExchange.OrderLeg in legs:
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
def _refuse(reason: String[32]):
    if len(reason) != 0:
        raise reason


@internal
@view
def _rights(vault_id: uint256, word: uint256, account: address) -> uint256:
    """
    @dev What an account may do for a vault, as the Exchange sees it.
    """
    if word == 0:
        return 0
    if state._owner(word) == account:
        return ALL
    return staticcall IOperators(OPERATORS).permissions_of(vault_id, state._epoch(word), account)


@internal
@pure
def _joined(
    held: DynArray[uint256, 16], moved: DynArray[uint256, 16], receives: bool
) -> DynArray[uint256, 16]:
    """
    @dev Legs of a vault after a fill.
    """
    legs: DynArray[uint256, 16] = held
    for item: uint256 in moved:
        quantity: int256 = leg._quantity(item)
        if not receives:
            quantity = -quantity
        at: uint256 = leg._find(legs, leg._key(item), 0)
        if at == len(legs):
            if at == leg.MAX_LEGS:
                self._refuse("clearinghouse/too-many-legs")
            legs.append(leg._pack(leg._key(item), quantity))
        else:
            legs[at] = leg._pack(leg._key(item), leg._quantity(legs[at]) + quantity)
    kept: DynArray[uint256, 16] = []
    for item: uint256 in legs:
        if leg._quantity(item) != 0:
            kept.append(item)
    return kept


@internal
@pure
def _growth(
    moved: DynArray[uint256, 16],
    buyer: DynArray[uint256, 16],
    seller: DynArray[uint256, 16],
) -> (int256, bool):
    """
    @dev By how much the open interest of the market rises [1e-6 contracts], and whether that of some series does.
    """
    growth: int256 = 0
    raised: bool = False
    for item: uint256 in moved:
        if leg._kind(item) == leg.CASH:
            continue
        quantity: int256 = leg._quantity(item)
        at: uint256 = leg._find(buyer, leg._key(item), 0)
        old: int256 = leg._quantity(buyer[at]) if at < len(buyer) else 0
        change: int256 = abs(old + quantity) - abs(old)
        at = leg._find(seller, leg._key(item), 0)
        old = leg._quantity(seller[at]) if at < len(seller) else 0
        change += abs(old - quantity) - abs(old)
        growth += change
        raised = raised or change > 0
    return growth, raised


@external
@view
def check_fill(
    order: IExchange.Order, size: uint256, taker: address, taker_vault: uint256, opens: bool
):
    """
    @notice Reverts as a fill of this size would, in the words and the order of the Exchange; says nothing of the
            signature, of what is left, nor of the limits that a caller gives.
    @param order An order that stands (`order_states`).
    @param size Packages [1e-6], as many as the order allows.
    @param taker Who would fill; of no meaning without a vault.
    @param taker_vault The vault to fill into; 0: any, then only the maker's side is looked at.
    @param opens Without a taker's vault: whether one without legs is thought of, so that the fill may raise open interest.
    """
    market: uint256 = leg._market_of(order.legs[0].series)
    expiry: uint256 = leg._expiry_of(order.legs[0].series)
    # maker, taker
    ids: uint256[2] = [order.maker_vault, taker_vault]
    rights: uint256[2] = [ALL, ALL]
    vaults: IClearinghouse.Vault[2] = empty(IClearinghouse.Vault[2])
    held: DynArray[uint256, 16][2] = [[], []]
    vaults[0], held[0] = pricing._load(CLEARINGHOUSE, order.maker_vault)
    rights[0] = self._rights(order.maker_vault, vaults[0].word, order.signer)
    if taker_vault != 0:
        if taker_vault == order.maker_vault:
            self._refuse("exchange/same-vault")
        rights[1] = self._rights(
            taker_vault, staticcall IClearinghouse(CLEARINGHOUSE).vault_word(taker_vault), taker
        )
        if rights[1] & TRADE == 0:
            self._refuse("exchange/not-taker-owner")
        vaults[1], held[1] = pricing._load(CLEARINGHOUSE, taker_vault)

    if order.flags & order_form.REDUCE_ONLY != 0 and size > rules._reducible(
        order.legs, order.is_bid, vaults[0].terms, held[0]
    ):
        self._refuse("exchange/reduce-only")
    prices: IOracleAdapter.Snapshot = staticcall IOracleAdapter(ORACLE).snapshot(market, expiry)
    self._refuse(rules._spot_refusal(order.spot_min, order.spot_max, order.iv, prices))

    token: uint256 = vaults[0].token
    trading: uint256 = staticcall IExchange(EXCHANGE).trading(market)
    terms: pricing.Terms = pricing._terms(CLEARINGHOUSE, order, size, token, trading, prices)
    if terms.maker_fee > pricing._maker_fee_limit(order.max_fee, size, token):
        self._refuse("exchange/maker-fee")
    fees: uint256[2] = [terms.maker_fee, terms.taker_fee]
    received: int256[2] = [terms.cash, -terms.cash]
    if not order.is_bid:
        received = [-terms.cash, terms.cash]
    for i: uint256 in range(2):
        if vaults[i].word & FLAGS != 0:
            if staticcall ITradeLimits(LIMITS).is_negative(ids[i], prices):
                fees[i] = 0
    for i: uint256 in range(2):
        # caps are the maker's
        why: uint256 = CAPS if i == 0 else 0
        if rights[i] & WITHDRAW == 0:
            why |= KEY
        if why != 0:
            counter: uint256 = (
                staticcall IExchange(EXCHANGE).epoch_for(ids[i], []) >> rules.EPOCH_BITS
            )
            lost: uint256 = staticcall ITradeLimits(LIMITS).preview_check(
                ids[i],
                why,
                counter,
                terms.legs,
                order.is_bid == (i == 0),
                received[i],
                fees[i],
                prices,
            )

    # the Clearinghouse
    if expiry % state.HOUR != 0 or expiry >= 2**20 * state.HOUR:
        self._refuse("clearinghouse/expiry-range")
    if taker_vault != 0 and state._market(vaults[1].word) != market:
        self._refuse("clearinghouse/wrong-market")
    seller: uint256 = 1 if order.is_bid else 0
    for n: uint256 in range(2):
        i: uint256 = n ^ seller
        if ids[i] == 0:
            continue
        if vaults[i].word & (state.DEBT | state.CLAIM) != 0:
            self._refuse("clearinghouse/unsettled")
        cell_expiry: uint256 = state._expiry(vaults[i].terms)
        if cell_expiry != 0 and cell_expiry != expiry:
            self._refuse("clearinghouse/wrong-cell")
    lot: uint256 = state._lot(token)
    for item: uint256 in terms.legs:
        if leg._kind(item) != leg.CASH and convert(abs(leg._quantity(item)), uint256) % lot != 0:
            self._refuse("clearinghouse/not-a-lot")
    legs: DynArray[uint256, 16][2] = [[], []]
    for n: uint256 in range(2):
        i: uint256 = n ^ seller
        if ids[i] == 0:
            continue
        legs[i] = self._joined(held[i], terms.legs, i != seller)
    for n: uint256 in range(2):
        i: uint256 = n ^ seller
        if ids[i] == 0:
            continue
        fee: int256 = convert(fees[i], int256)
        vault: IClearinghouse.Vault = vaults[i]
        gets: int256 = received[i]
        # the seller pays before it receives, unless its fee can be kept back
        if i == seller and gets < fee:
            gets = min(gets, 0)
        balance: int256 = convert(vault.balance, int256)
        if balance + gets < fee:
            self._refuse("clearinghouse/transfer-refused")
        vault.balance = convert(balance + received[i] - fee, uint256)
        if len(legs[i]) == 0:
            # the last leg ends a flag and frees the deposit
            vault.word &= ~FLAGS
            vault.terms = 0
        elif len(held[i]) == 0:
            vault.terms = expiry | (
                parameters._liquidation_deposit(vault.risk) << state.DEPOSIT_AT
            )
        vault.cell = staticcall IClearinghouse(CLEARINGHOUSE).cell(market, expiry)
        vaults[i] = vault
    for n: uint256 in range(2):
        i: uint256 = n ^ seller
        if ids[i] == 0:
            continue
        stamp: uint256 = staticcall IMarginGate(GATE).check(
            GATE_TRADE,
            vaults[i],
            held[i],
            legs[i],
            prices,
            received[i],
            fees[i],
            empty(IMarginEngine.Assessment),
        )

    if taker_vault == 0:
        if not opens:
            return
        # a taker without legs adds risk, which needs an active price
        if not price_of._is_active(prices):
            self._refuse("margin/price-not-active")
    growth: int256 = 0
    raised: bool = False
    growth, raised = self._growth(terms.legs, held[1 ^ seller], held[seller])
    if raised:
        self._refuse(rules._opening_refusal(terms.legs, expiry, trading, prices))
        cap: uint256 = trading_word._oi_cap(trading)
        open_interest: uint256 = (staticcall IClearinghouse(CLEARINGHOUSE).market(market))[2]
        if cap != 0 and convert(open_interest, int256) + growth > convert(cap, int256):
            self._refuse("exchange/open-interest-cap")


@internal
@view
def _refusal(
    order: IExchange.Order, size: uint256, taker: address, taker_vault: uint256, opens: bool
) -> String[32]:
    """
    @dev What `check_fill` reverts with, empty when it passes.
    """
    passed: bool = False
    answer: Bytes[192] = b""
    passed, answer = raw_call(
        self,
        abi_encode(order, size, taker, taker_vault, opens, method_id=CHECK),
        max_outsize=192,
        is_static_call=True,
        revert_on_failure=False,
    )
    return "" if passed else self._reason(answer)


@internal
@view
def _largest(
    order: IExchange.Order,
    least: uint256,
    most: uint256,
    step: uint256,
    taker: address,
    taker_vault: uint256,
    opens: bool,
) -> (uint256, String[32]):
    """
    @dev The largest size that passes, right to 1/256 of what lies between the least and the most; else why not even
         the least does.
    """
    if len(self._refusal(order, most, taker, taker_vault, opens)) == 0:
        return most, ""
    reason: String[32] = self._refusal(order, least, taker, taker_vault, opens)
    if len(reason) != 0:
        return 0, reason
    passes: uint256 = least
    refused: uint256 = most
    for i: uint256 in range(HALVINGS):
        middle: uint256 = unsafe_div(unsafe_add(passes, refused), 2)
        middle = unsafe_sub(middle, middle % step)
        if middle <= passes:
            break
        if len(self._refusal(order, middle, taker, taker_vault, opens)) == 0:
            passes = middle
        else:
            refused = middle
    return passes, ""


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
def _state(
    order: IExchange.Order, signature: Bytes[1024], taker: address, taker_vault: uint256
) -> IOrderLens.OrderState:
    # what can revert is asked through a raw call: one order must not silence the others
    digest: bytes32 = staticcall IExchange(EXCHANGE).hash_order(order)
    filled: uint256 = 0
    cancelled: bool = False
    filled, cancelled = staticcall IExchange(EXCHANGE).filled_of(order.signer, digest)
    word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(order.maker_vault)
    least: uint256 = staticcall IExchange(EXCHANGE).epoch_for(
        order.maker_vault, order_form._series(order.legs)
    )
    reason: String[32] = rules._standing(
        order,
        digest,
        signature,
        taker,
        filled | (rules.CANCELLED if cancelled else 0),
        word,
        self._rights(order.maker_vault, word, order.signer),
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
    result: IOrderLens.OrderState = IOrderLens.OrderState(
        status=NOT_NOW, fillable=0, reason=rules._size_refusal(order.size, order.min_fill, order.flags, filled, left)
    )
    # fill-or-kill, and a part is filled
    if len(result.reason) != 0:
        return result
    answered: bool = False
    answer: Bytes[832] = b""
    answered, answer = raw_call(
        CLEARINGHOUSE,
        abi_encode(order.maker_vault, method_id=method_id("load(uint256)")),
        max_outsize=832,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not answered:
        # the token does not tell what the maker has
        result.reason = "lens/no-answer"
        return result
    vault: IClearinghouse.Vault = empty(IClearinghouse.Vault)
    held: DynArray[uint256, 16] = []
    vault, held = abi_decode(answer, (IClearinghouse.Vault, DynArray[uint256, 16]))
    least = left if order.flags & order_form.FILL_OR_KILL != 0 else min(max(order.min_fill, 1), left)
    most: uint256 = left
    # bounds that a search need not find: what can be reduced, and what the maker's tokens can pay
    if order.flags & order_form.REDUCE_ONLY != 0:
        most = min(most, rules._reducible(order.legs, order.is_bid, vault.terms, held))
    pays: bool = order.is_bid == (order.price > 0)
    if order.premium_style == order_form.UPFRONT and order.iv == 0 and order.price != 0 and pays:
        free: uint256 = min(vault.balance, MAX_BALANCE) * state._native_wad(vault.token)
        most = min(most, free * order_form.MICRO // convert(abs(order.price), uint256))
    step: uint256 = self._step(order.legs, state._lot(vault.token))
    most -= most % step
    # the least size of whole lots, unless what is left has none
    if least % step != 0 and least + step - least % step <= left:
        least += step - least % step
    most = max(most, least)

    # whom the order passes although it raises open interest: anyone
    result.fillable, result.reason = self._largest(
        order, least, most, step, taker, taker_vault, True
    )
    if len(result.reason) == 0:
        result.status = OPEN
    elif taker_vault == 0:
        reason = result.reason
        result.fillable, result.reason = self._largest(order, least, most, step, taker, 0, False)
        if len(result.reason) == 0:
            result.status = CLOSING_ONLY
            result.reason = reason
    return result


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
    @dev Where not all of an order passes, the size found passes and is within 1/256 of the largest that does; where none
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
