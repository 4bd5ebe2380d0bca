# pragma version 0.4.3
# pragma optimize codesize
"""
@title Fill check: would the Exchange fill this much of an order?
@license AGPL-3.0-only
@notice One view that reverts as a fill would, in its words and its order. Decides by the very rules of the Exchange
        (exchange/order_rules) and the ledger (vaults/novation); limits and margins are those of TradeLimits and the gate
        themselves. Owns nothing; OrderLens and front ends ask it.
@dev What only the token knows (a frozen account) shows at the fill alone.
"""
from interfaces import IClearinghouse
from interfaces import IExchange
from interfaces import IFillCheck
from interfaces import IMarginEngine
from interfaces import IMarginGate
from interfaces import IOracleAdapter
from interfaces import ITradeLimits

from contracts.math import scales
from contracts.margin import gate_actions
from contracts.vaults import leg
from contracts.vaults import novation
from contracts.vaults import permissions
from contracts.exchange import order as order_form
from contracts.exchange import order_pricing as pricing
from contracts.exchange import order_rules as rules
from contracts.governance import risk_word
from contracts.oracle import snapshot as price_of
from contracts.exchange import trading_word
from contracts.vaults import vault_state as state

implements: IFillCheck


# one of the two vaults of a fill; the first is the giver, who sells, the second the receiver
struct Side:
    id: uint256                   # 0: any vault, then nothing is looked at
    rights: uint256               # of who signed for it or fills with it
    vault: IClearinghouse.Vault
    legs: DynArray[uint256, 16]
    received: int256              # tokens without the fee [native]
    fee: uint256                  # [native]

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
def _refuse(reason: String[32]):
    if len(reason) != 0:
        raise reason


@internal
@view
def _load(vault_id: uint256) -> Side:
    side: Side = empty(Side)
    side.id = vault_id
    side.rights = permissions.ALL
    if vault_id != 0:
        loaded: IClearinghouse.Loaded = pricing._load(CLEARINGHOUSE, vault_id)
        side.vault = loaded.vault
        side.legs = loaded.legs
    return side


@internal
@view
def _sides(order: IExchange.Order, taker: address, taker_vault: uint256) -> Side[2]:
    """
    @dev Both vaults, seller first.
    """
    maker: Side = self._load(order.maker_vault)
    maker.rights = rules._rights(OPERATORS, order.maker_vault, maker.vault.word, order.signer)
    if taker_vault == order.maker_vault:
        self._refuse("exchange/same-vault")
    rights: uint256 = permissions.ALL
    if taker_vault != 0:
        rights = rules._rights(OPERATORS, 
            taker_vault, staticcall IClearinghouse(CLEARINGHOUSE).vault_word(taker_vault), taker
        )
        if rights & permissions.TRADE == 0:
            self._refuse("exchange/not-taker-owner")
    other: Side = self._load(taker_vault)
    other.rights = rights
    if order.is_bid:
        return [other, maker]
    return [maker, other]


@internal
@view
def _due(
    side: Side, received: int256, fee: uint256, prices: IOracleAdapter.Snapshot
) -> Side:
    """
    @dev What a side receives and its fee; a flagged one of negative equity pays none.
    """
    result: Side = side
    result.received = received
    result.fee = fee
    if side.vault.word & state.FLAGGED != 0 and staticcall ITradeLimits(LIMITS).is_negative(side.id, prices):
        result.fee = 0
    return result


@internal
@view
def _check_limits(
    side: Side,
    legs: DynArray[uint256, 16],
    receives: bool,
    why: uint256,
    prices: IOracleAdapter.Snapshot,
):
    """
    @dev Limits of a trade-only key, and the caps of a maker.
    """
    asked: uint256 = why
    if side.rights & permissions.WITHDRAW == 0:
        asked |= rules.KEY
    if asked == 0:
        return
    counter: uint256 = staticcall IExchange(EXCHANGE).epoch_for(side.id, []) >> rules.EPOCH_BITS
    lost: uint256 = staticcall ITradeLimits(LIMITS).preview_check(
        side.id, asked, counter, legs, receives, side.received, side.fee, prices
    )


@internal
@view
def _check_cell(side: Side, market: uint256, expiry: uint256):
    """
    @dev A side owes nothing to an old cell and is in this one or in none.
    """
    if side.id == 0:
        return
    if side.vault.word & (state.DEBT | state.CLAIM) != 0:
        self._refuse("clearinghouse/unsettled")
    cell_expiry: uint256 = state._expiry(side.vault.terms)
    if cell_expiry != 0 and cell_expiry != expiry:
        self._refuse("clearinghouse/wrong-cell")


@internal
@view
def _check_balances(sides: Side[2]):
    """
    @dev Each side has the tokens it owes when it owes them.
    """
    due: novation.Payments = novation._payments(
        sides[1].received, [sides[0].fee, sides[1].fee]
    )
    if sides[0].id != 0 and sides[0].vault.balance < due.to_receiver + due.giver_pays:
        self._refuse("clearinghouse/transfer-refused")
    if sides[1].id != 0 and sides[1].vault.balance + due.to_receiver < due.to_giver + due.receiver_pays:
        self._refuse("clearinghouse/transfer-refused")


@internal
@view
def _check_margin(
    side: Side, legs: DynArray[uint256, 16], cell: uint256, expiry: uint256, prices: IOracleAdapter.Snapshot
):
    """
    @dev The gate's word on one side as the fill leaves it.
    """
    if side.id == 0:
        return
    after: IClearinghouse.Vault = side.vault
    after.balance = convert(
        convert(after.balance, int256) + side.received - convert(side.fee, int256), uint256
    )
    after.cell = cell
    if len(legs) == 0:
        # the last leg ends a flag and frees the deposit
        after.word &= ~state.FLAGGED
        after.terms = 0
    elif len(side.legs) == 0:
        after.terms = expiry | (
            risk_word._liquidation_deposit(after.risk) << state.DEPOSIT_AT
        )
    stamp: uint256 = staticcall IMarginGate(GATE).check(
        IMarginGate.Change(
            action=gate_actions.TRADE,
            received=side.received,
            fee=side.fee,
            known=empty(IMarginEngine.Assessment),
        ),
        after,
        side.legs,
        legs,
        prices,
    )


@internal
@view
def _check_deficit(
    order: IExchange.Order, size: uint256, maker: Side, market: uint256, expiry: uint256
):
    """
    @dev The maker's side: what a taker bears is for the taker to say.
    """
    deficit: uint256 = state._deficit(staticcall IClearinghouse(CLEARINGHOUSE).cell(market, expiry))
    if deficit <= order.max_deficit:
        return
    if order.premium_style == order_form.UPFRONT and size <= rules._reducible(
        order.legs, order.is_bid, maker.vault, maker.legs, True
    ):
        return
    self._refuse("exchange/maker-deficit")


@external
@view
def round_of(order: IExchange.Order) -> ITradeLimits.Round:
    """
    @notice The oldest round that a filler of an order with patience may name now: where its slip is largest.
    @param order An order.
    @return The round; zeros when it has no patience, or no round of its band counts.
    """
    if order.patience == 0 or len(order.legs) == 0:
        return empty(ITradeLimits.Round)
    market: uint256 = leg._market_of(order.legs[0].series)
    return staticcall ITradeLimits(LIMITS).oldest_round(
        market,
        order.spot_min,
        order.spot_max,
        order.since,
        staticcall IOracleAdapter(ORACLE).snapshot(market, leg._expiry_of(order.legs[0].series)),
    )


@external
@view
def check_fill(
    order: IExchange.Order,
    size: uint256,
    taker: address,
    taker_vault: uint256,
    opens: bool,
    round_id: uint256,
):
    """
    @notice Reverts as a fill of this size would, in the words and the order of the Exchange; says nothing of the
            signature, of what is left, nor of the limits that a caller gives.
    @param order An order that stands (`OrderLens.order_states`).
    @param size Packages [1e-6], as many as the order allows.
    @param taker Who would fill; of no meaning without a vault.
    @param taker_vault The vault to fill into; 0: any, then only the maker's side is looked at.
    @param opens Without a taker's vault: whether one without legs is thought of, so that the fill may raise open interest.
    @param round_id Round that the filler names, as in a fill.
    """
    if len(order.legs) == 0:
        self._refuse("order/no-legs")
    market: uint256 = leg._market_of(order.legs[0].series)
    expiry: uint256 = leg._expiry_of(order.legs[0].series)
    sides: Side[2] = self._sides(order, taker, taker_vault)
    maker: uint256 = 1 if order.is_bid else 0
    if order.flags & order_form.REDUCE_ONLY != 0 and size > rules._reducible(
        order.legs, order.is_bid, sides[maker].vault, sides[maker].legs, False
    ):
        self._refuse("exchange/reduce-only")
    prices: IOracleAdapter.Snapshot = staticcall IOracleAdapter(ORACLE).snapshot(market, expiry)
    self._refuse(
        rules._spot_refusal(
            order.spot_min,
            order.spot_max,
            order.iv | order.slip != 0,
            rules._is_guarded(order.slip, order.flags),
            prices,
        )
    )
    self._check_deficit(order, size, sides[maker], market, expiry)

    token: uint256 = sides[maker].vault.token
    trading: uint256 = staticcall IExchange(EXCHANGE).trading(market)
    terms: pricing.Terms = pricing._terms(
        pricing.Venue(
            clearinghouse=CLEARINGHOUSE, limits=LIMITS, token=token, trading=trading, round_id=round_id
        ),
        order,
        size,
        prices,
    )
    cash: int256 = terms.cash if order.is_bid else -terms.cash
    sides[maker] = self._due(sides[maker], cash, terms.maker_fee, prices)
    sides[1 - maker] = self._due(sides[1 - maker], -cash, terms.taker_fee, prices)
    if sides[maker].fee > pricing._maker_fee_limit(order.max_fee, size, token):
        self._refuse("exchange/maker-fee")
    # caps are the maker's
    self._check_limits(sides[maker], terms.legs, order.is_bid, rules.CAPS, prices)
    self._check_limits(sides[1 - maker], terms.legs, not order.is_bid, 0, prices)

    # the Clearinghouse
    if expiry % scales.HOUR != 0 or expiry >= 2**20 * scales.HOUR:
        self._refuse("clearinghouse/expiry-range")
    if taker_vault != 0 and state._market(sides[1 - maker].vault.word) != market:
        self._refuse("clearinghouse/wrong-market")
    self._check_cell(sides[0], market, expiry)
    self._check_cell(sides[1], market, expiry)
    moved: novation.Moved = novation._move([sides[0].legs, sides[1].legs], terms.legs, token)
    self._check_balances(sides)
    cell: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).cell(market, expiry)
    for i: uint256 in range(2):
        self._check_margin(sides[i], moved.legs[i], cell, expiry, prices)

    if taker_vault == 0:
        if not opens:
            return
        # a taker without legs adds risk, which needs an active price of which little is uncertain
        if not price_of._is_usable(prices):
            self._refuse("margin/price-not-active")
    if moved.raised:
        self._refuse(rules._opening_refusal(terms.legs, expiry, trading, prices))
        cap: uint256 = trading_word._oi_cap(trading)
        open_interest: uint256 = (
            staticcall IClearinghouse(CLEARINGHOUSE).market(market)
        ).open_interest
        after: uint256 = state._open_contracts(
            leg._unsigned(leg._signed(open_interest) + moved.open_interest),
            state._is_inverse(token),
            price_of._expected(prices),
        )
        if cap != 0 and after > cap:
            self._refuse("exchange/open-interest-cap")
