# pragma version 0.4.3
# pragma optimize codesize
"""
@title Exchange: settles signed orders
@license AGPL-3.0-only
@notice Whoever holds a signed order may take a part of it into a vault of their own: the order is checked, its filled
        size is written, and one novation in the Clearinghouse moves legs, premium and fees and margins both vaults.
        Owns: filled sizes, cancellations, trading parameters, accrued fees. Holds no collateral.
        Trusts: Clearinghouse, OracleAdapter and RiskParameters, fixed at deployment. Assumes nothing of a signer's
        contract: it gets a static call with bounded gas before anything is written.
"""
from ethereum.ercs import IERC20
from snekmate.utils import eip712_domain_separator as domain

from interfaces import IClearinghouse
from interfaces import IExchange
from interfaces import IMarginEngine
from interfaces import IOracleAdapter
from interfaces import IRiskParameters

from contracts.modules import leg
from contracts.modules import order as order_form
from contracts.modules import series as series_grid
from contracts.modules import signature as signer_of
from contracts.modules import snapshot as price_of
from contracts.modules import trading_word
from contracts.modules import vault_state as state

implements: IExchange

initializes: domain
# EIP-5267
exports: domain.eip712Domain

# what an order asks for at one moment
struct Terms:
    price: int256                   # per package [wad quote]
    premium: int256                 # what the buyer pays [native, or 1e-6 quote when deferred]
    cash: int256                    # tokens from seller to buyer [native]
    maker_fee: uint256              # [native]
    taker_fee: uint256              # [native]
    legs: DynArray[uint256, 16]     # what the buyer receives

# a cancelled order's filled size carries this bit
CANCELLED_BIT: constant(uint256) = 1 << 255
# counters of a vault's orders
COUNTER_MASK: constant(uint256) = 2**64 - 1
# set when some series of the vault has a minimum of its own, so that fills of the others read one word
SERIES_BIT: constant(uint256) = 1 << 255
VAULT_EPOCH_BITS: constant(uint256) = 16
BPS: constant(uint256) = 10**4
# no package has a fee limit beyond this, so that limits of "anything" do not overflow
MAX_FEE: constant(uint256) = 2**127

# order_states
INVALID: constant(uint256) = 0
OPEN: constant(uint256) = 1
CLOSING_ONLY: constant(uint256) = 2
NOT_NOW: constant(uint256) = 3
ALL_FILLED: constant(uint256) = 4
WAS_CANCELLED: constant(uint256) = 5
WAS_EXPIRED: constant(uint256) = 6

PARAMETERS: immutable(address)
CLEARINGHOUSE: immutable(address)
ORACLE: immutable(address)

# market -> packed trading parameters (modules/trading_word)
trading: public(HashMap[uint256, uint256])
# signer -> order hash -> packages filled [1e-6] | CANCELLED_BIT
filled: HashMap[address, HashMap[bytes32, uint256]]
# vault id -> least counter of its orders | SERIES_BIT
minimums: HashMap[uint256, uint256]
# vault id -> series -> least counter of its orders in that series
series_minimums: HashMap[uint256, HashMap[uint128, uint256]]


@deploy
def __init__(parameters_: address, clearinghouse: address, oracle: address):
    domain.__init__("Bulkhead Exchange", "1")
    PARAMETERS = parameters_
    CLEARINGHOUSE = clearinghouse
    ORACLE = oracle


# --- checks: each returns its reason instead of raising it, so that views say what a fill would revert with ---------


@internal
@pure
def _refuse(reason: String[32]):
    assert len(reason) == 0, reason


@internal
@view
def _standing(
    order: IExchange.Order, digest: bytes32, signature: Bytes[1024], taker: address
) -> (String[32], uint256):
    """
    @dev Whether the maker still stands by the order. An empty taker is not checked.
    @return (reason or nothing, filled packages | CANCELLED_BIT)
    """
    filled: uint256 = self.filled[order.signer][digest]
    if block.timestamp > order.expiry:
        return "exchange/order-expired", filled
    if order.taker != empty(address) and taker != empty(address) and order.taker != taker:
        return "exchange/wrong-taker", filled
    if filled & CANCELLED_BIT != 0:
        return "exchange/cancelled", filled
    if filled >= order.size:
        return "exchange/filled", filled
    word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(order.maker_vault)
    # a transfer of the vault bumps its epoch
    if order.epoch & (2**VAULT_EPOCH_BITS - 1) != state._epoch(word):
        return "exchange/stale-epoch", filled
    counter: uint256 = order.epoch >> VAULT_EPOCH_BITS
    minimum: uint256 = self.minimums[order.maker_vault]
    if counter < minimum & COUNTER_MASK:
        return "exchange/stale-epoch", filled
    if minimum & SERIES_BIT != 0:
        for one: IExchange.OrderLeg in order.legs:
            if counter < self.series_minimums[order.maker_vault][one.series]:
                return "exchange/series-cancelled", filled
    if word == 0 or order.signer != state._owner(word):
        return "exchange/signer-not-owner", filled
    if not signer_of._is_valid(order.signer, digest, signature):
        return "exchange/bad-signature", filled
    form: String[32] = order_form._form(order)
    if len(form) != 0:
        return form, filled
    if order_form._market(order) != state._market(word):
        return "exchange/wrong-market", filled
    if order_form._expiry(order) <= block.timestamp:
        return "exchange/series-expired", filled
    return "", filled


@internal
@pure
def _size_refusal(order: IExchange.Order, filled: uint256, size: uint256) -> String[32]:
    left: uint256 = order.size - filled
    if size > left:
        return "exchange/above-remainder"
    if size == 0 or size < min(order.min_fill, left):
        return "exchange/below-min-fill"
    if order.flags & order_form.FILL_OR_KILL != 0 and size != order.size:
        return "exchange/fill-or-kill"
    return ""


@internal
@pure
def _spot_refusal(order: IExchange.Order, prices: uint256[16]) -> String[32]:
    if order.spot_min != 0 or order.spot_max != max_value(uint256) or order.iv != 0:
        # a band or a vol on a price that is not fresh protects nobody
        if not price_of._is_fresh(prices):
            return "exchange/spot-unknown"
        if prices[price_of.SPOT] < order.spot_min or prices[price_of.SPOT] > order.spot_max:
            return "exchange/spot-outside"
    return ""


@internal
@view
def _opening_refusal(
    legs: DynArray[uint256, 16], expiry: uint256, trading: uint256, prices: uint256[16]
) -> String[32]:
    """
    @dev What only a fill that raises open interest must meet (protocol section 2).
    """
    if not price_of._is_active(prices):
        return "exchange/price-not-active"
    if block.timestamp < trading_word._paused_until(trading):
        return "exchange/paused"
    if block.timestamp + trading_word._no_open_seconds(trading) >= expiry:
        return "exchange/no-open-window"
    if not series_grid._on_grid(expiry, block.timestamp):
        return "exchange/expiry-off-grid"
    tick: uint256 = trading_word._tick(trading)
    for word: uint256 in legs:
        if not series_grid._strike_valid(word, tick, prices[price_of.SPOT]):
            return "exchange/strike-off-grid"
    return ""


# --- pricing -----------------------------------------------------------------------------------------------------


@internal
@view
def _mark(vault_id: uint256, legs: DynArray[uint256, 16], prices: uint256[16]) -> int256:
    """
    @dev Mark of the legs by the vault's own engine [wad].
    """
    words: uint256[9] = empty(uint256[9])
    held: DynArray[uint256, 16] = []
    words, held = staticcall IClearinghouse(CLEARINGHOUSE).load(vault_id)
    engine: address = convert(words[state.ENGINE] & state.OWNER_MASK, address)
    return staticcall IMarginEngine(engine).value(legs, prices)


@internal
@view
def _price(
    order: IExchange.Order, legs: DynArray[uint256, 16], size: uint256, prices: uint256[16]
) -> int256:
    """
    @dev Price per package [wad]: the signed one, or the one at the signed vol when that is better for the maker.
    """
    if order.iv == 0:
        return order.price
    flat: uint256[16] = prices
    flat[price_of.SURFACE_NEAR] = order.iv
    flat[price_of.SURFACE_FAR] = 0
    flat[price_of.SURFACE_WEIGHT] = 0
    flat[price_of.STATUS] &= ~price_of.SURFACE_SVI
    value: int256 = self._mark(order.maker_vault, legs, flat) * convert(order_form.MICRO, int256)
    if order.is_bid:
        return min(order.price, order_form._div_down(value, convert(size, int256)))
    return max(order.price, order_form._div_up(value, convert(size, int256)))


@internal
@view
def _terms(
    order: IExchange.Order, size: uint256, token: uint256, trading: uint256, prices: uint256[16]
) -> Terms:
    """
    @dev Legs, premium and fees of a fill. Premium is rounded against the taker, fees against who pays them.
    """
    legs: DynArray[uint256, 16] = []
    contracts: uint256 = 0
    legs, contracts = order_form._legs(order, size)
    price: int256 = self._price(order, legs, size, prices)

    # fees: basis points of notional, at most a share of max(|price|, mark); all in wad * 1e-6 * bps
    taker_bps: uint256 = trading_word._taker_fee_bps(trading)
    maker_bps: uint256 = trading_word._maker_fee_bps(trading)
    cap_bps: uint256 = trading_word._fee_cap_bps(trading)
    notional: uint256 = contracts * prices[price_of.SPOT]
    most: uint256 = convert(abs(price), uint256) * size
    # the mark is only asked for when the price alone would lower a fee
    if notional * max(taker_bps, maker_bps) > most * cap_bps:
        mark: int256 = self._mark(order.maker_vault, legs, prices)
        most = max(most, convert(abs(mark), uint256) * order_form.MICRO)
    most *= cap_bps
    unit: uint256 = order_form.MICRO * state._native_wad(token)
    taker_fee: uint256 = self._div_up(min(notional * taker_bps, most), unit * BPS)
    maker_fee: uint256 = self._div_up(min(notional * maker_bps, most), unit * BPS)

    cash: int256 = 0
    premium: int256 = 0
    if order.premium_style == order_form.UPFRONT:
        premium = order_form._premium(price, size, unit, not order.is_bid)
        cash = -premium
    else:
        premium = order_form._premium(price, size, 10**18, not order.is_bid)
        legs = order_form._with_cash(legs, -premium)
    return Terms(
        price=price, premium=premium, cash=cash, maker_fee=maker_fee, taker_fee=taker_fee, legs=legs
    )


@internal
@pure
def _div_up(a: uint256, b: uint256) -> uint256:
    return (a + b - 1) // b


@internal
@pure
def _maker_fee_limit(order: IExchange.Order, size: uint256, token: uint256) -> uint256:
    """
    @dev What the maker signed to pay at most [native]; the unit a fee is rounded up by is granted.
    """
    return self._div_up(
        min(order.max_fee, MAX_FEE) * size, order_form.MICRO * state._native_wad(token)
    )


# --- filling -----------------------------------------------------------------------------------------------------


@internal
def _fill(
    order: IExchange.Order,
    signature: Bytes[1024],
    taker_vault: uint256,
    wanted: uint256,
    limit_price: int256,
    max_fee: uint256,
) -> bytes32:
    digest: bytes32 = domain._hash_typed_data_v4(order_form._struct_hash(order))
    reason: String[32] = ""
    filled: uint256 = 0
    reason, filled = self._standing(order, digest, signature, msg.sender)
    self._refuse(reason)
    assert order.maker_vault != taker_vault, "exchange/same-vault"
    taker_word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(taker_vault)
    assert taker_word != 0 and state._owner(taker_word) == msg.sender, "exchange/not-taker-owner"

    size: uint256 = wanted
    if wanted == max_value(uint256):
        size = order.size - filled
    self._refuse(self._size_refusal(order, filled, size))
    if order.flags & order_form.REDUCE_ONLY != 0:
        assert size <= self._reducible(order), "exchange/reduce-only"

    market: uint256 = order_form._market(order)
    expiry: uint256 = order_form._expiry(order)
    prices: uint256[16] = extcall IOracleAdapter(ORACLE).observe(market, expiry)
    self._refuse(self._spot_refusal(order, prices))

    # before every call that hands out control
    self.filled[order.signer][digest] = filled + size

    token: uint256 = (staticcall IClearinghouse(CLEARINGHOUSE).market(market))[0]
    trading: uint256 = self.trading[market]
    terms: Terms = self._terms(order, size, token, trading, prices)
    if order.is_bid:
        assert terms.price >= limit_price, "exchange/limit-price"
    else:
        assert terms.price <= limit_price, "exchange/limit-price"
    assert terms.taker_fee <= max_fee, "exchange/taker-fee"
    assert terms.maker_fee <= self._maker_fee_limit(order, size, token), "exchange/maker-fee"

    seller: uint256 = order.maker_vault
    buyer: uint256 = taker_vault
    fees: uint256[2] = [terms.maker_fee, terms.taker_fee]
    if order.is_bid:
        seller = taker_vault
        buyer = order.maker_vault
        fees = [terms.taker_fee, terms.maker_fee]
    raised: uint256 = 0
    open_interest: uint256 = 0
    raised, open_interest = extcall IClearinghouse(CLEARINGHOUSE).novate(
        seller, buyer, expiry, terms.legs, terms.cash, fees, self, prices
    )
    if raised == 1:
        self._refuse(self._opening_refusal(terms.legs, expiry, trading, prices))
        cap: uint256 = trading_word._oi_cap(trading)
        assert cap == 0 or open_interest <= cap, "exchange/open-interest-cap"

    log IExchange.OrderFilled(
        order_hash=digest,
        maker_vault=order.maker_vault,
        taker_vault=taker_vault,
        size=size,
        filled=filled + size,
        price=terms.price,
        premium=terms.premium,
        maker_fee=terms.maker_fee,
        taker_fee=terms.taker_fee,
    )
    return digest


@internal
@view
def _reducible(order: IExchange.Order) -> uint256:
    words: uint256[9] = empty(uint256[9])
    held: DynArray[uint256, 16] = []
    words, held = staticcall IClearinghouse(CLEARINGHOUSE).load(order.maker_vault)
    # legs of another cell cannot be reduced by this one
    if len(held) == 0 or state._expiry(words[state.TERMS]) != order_form._expiry(order):
        return 0
    return order_form._reducible(order, held)


@external
def fill(
    order: IExchange.Order,
    signature: Bytes[1024],
    taker_vault: uint256,
    size: uint256,
    limit_price: int256,
    max_fee: uint256,
) -> bytes32:
    """
    @notice Takes a part of a signed order into a vault of the caller.
    @dev Keeps INV-02, INV-05. Reverts: the reasons of `_refuse`, `exchange/...` here, and the Clearinghouse's.
    @param order The signed order.
    @param signature ECDSA of 65 or 64 bytes, or what the signer's EIP-1271 contract wants.
    @param taker_vault A vault the caller owns.
    @param size Packages to take [1e-6]; `max_value(uint256)` takes all that is left.
    @param limit_price Worst price per package for the caller [wad quote].
    @param max_fee Largest fee of the caller for the whole fill [native].
    @return Hash of the order.
    """
    return self._fill(order, signature, taker_vault, size, limit_price, max_fee)


@external
def open_and_fill(
    order: IExchange.Order,
    signature: Bytes[1024],
    model: uint256,
    deposit: uint256,
    size: uint256,
    limit_price: int256,
    max_fee: uint256,
    permit: IExchange.Permit,
) -> uint256:
    """
    @notice Opens a vault for the caller, deposits and fills, in one transaction.
    @param order The signed order; its market is the new vault's.
    @param signature The maker's.
    @param model Margin model of the new vault.
    @param deposit Tokens the Clearinghouse pulls from the caller [native].
    @param size As in `fill`. @param limit_price As in `fill`. @param max_fee As in `fill`.
    @param permit ERC-2612 approval of the Clearinghouse, v = 0 for none; its failure is ignored.
    @return Id of the new vault.
    """
    assert len(order.legs) != 0, "order/no-legs"
    market: uint256 = order_form._market(order)
    vault_id: uint256 = extcall IClearinghouse(CLEARINGHOUSE).open(market, model, msg.sender)
    if permit.v != 0:
        token: uint256 = (staticcall IClearinghouse(CLEARINGHOUSE).market(market))[0]
        # a front-runner may have used the permit already: the allowance decides
        permitted: bool = raw_call(
            state._token(token),
            abi_encode(
                msg.sender,
                CLEARINGHOUSE,
                permit.amount,
                permit.deadline,
                permit.v,
                permit.r,
                permit.s,
                method_id=method_id("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)"),
            ),
            revert_on_failure=False,
        )
    if deposit != 0:
        extcall IClearinghouse(CLEARINGHOUSE).deposit_from(msg.sender, vault_id, deposit)
    self._fill(order, signature, vault_id, size, limit_price, max_fee)
    return vault_id


# --- cancelling --------------------------------------------------------------------------------------------------


@external
def cancel(hashes: DynArray[bytes32, 32]):
    """
    @notice Kills orders of the caller by hash; what was filled stays filled.
    @param hashes Digests of `hash_order`.
    """
    for digest: bytes32 in hashes:
        self.filled[msg.sender][digest] |= CANCELLED_BIT
        log IExchange.OrderCancelled(order_hash=digest, signer=msg.sender)


@internal
@view
def _check_owner(vault_id: uint256):
    word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id)
    assert word != 0 and state._owner(word) == msg.sender, "exchange/not-vault-owner"


@external
def bump_epoch(vault_id: uint256, minimum: uint256):
    """
    @notice Kills every order of the vault whose counter (epoch >> 16) is below `minimum`. Only the vault's owner.
    @param minimum New least counter, higher than the last.
    """
    self._check_owner(vault_id)
    old: uint256 = self.minimums[vault_id]
    assert minimum > old & COUNTER_MASK and minimum <= COUNTER_MASK, "exchange/epoch-not-higher"
    self.minimums[vault_id] = (old & SERIES_BIT) | minimum
    log IExchange.EpochBumped(vault_id=vault_id, minimum=minimum)


@external
def cancel_series(vault_id: uint256, series: uint128, minimum: uint256):
    """
    @notice Kills every order of the vault with a leg in `series` and a counter (epoch >> 16) below `minimum`.
            Only the vault's owner.
    @param series Series id.
    @param minimum New least counter in this series, higher than the last.
    """
    self._check_owner(vault_id)
    old: uint256 = self.series_minimums[vault_id][series]
    assert minimum > old and minimum <= COUNTER_MASK, "exchange/epoch-not-higher"
    self.series_minimums[vault_id][series] = minimum
    self.minimums[vault_id] |= SERIES_BIT
    log IExchange.SeriesCancelled(
        vault_id=vault_id, series=convert(series, uint256), minimum=minimum
    )


# --- parameters and fees -----------------------------------------------------------------------------------------


@external
def configure(market: uint256, word: uint256):
    """
    @notice Replaces the packed trading parameters. Only RiskParameters, which bounds them.
    @param word See modules/trading_word.
    """
    assert msg.sender == PARAMETERS, "exchange/only-parameters"
    self.trading[market] = word
    log IExchange.TradingConfigured(market=market, word=word)


@external
def collect_fees(token: address, receiver: address) -> uint256:
    """
    @notice Sends the accrued fees of one token to `receiver`. Only the owner of RiskParameters.
    @return Tokens sent [native].
    """
    assert msg.sender == staticcall IRiskParameters(PARAMETERS).owner(), "exchange/only-owner"
    amount: uint256 = staticcall IERC20(token).balanceOf(self)
    assert extcall IERC20(token).transfer(
        receiver, amount, default_return_value=True
    ), "exchange/transfer-refused"
    log IExchange.FeesCollected(token=token, receiver=receiver, amount=amount)
    return amount


# --- views -------------------------------------------------------------------------------------------------------


@external
@view
def hash_order(order: IExchange.Order) -> bytes32:
    """
    @notice EIP-712 digest of an order: what is signed, and its name in every event.
    """
    return domain._hash_typed_data_v4(order_form._struct_hash(order))


@external
@view
def filled_of(signer: address, order_hash: bytes32) -> (uint256, bool):
    """
    @notice (packages filled [1e-6], cancelled) of an order.
    """
    filled: uint256 = self.filled[signer][order_hash]
    return filled & ~CANCELLED_BIT, filled & CANCELLED_BIT != 0


@external
@view
def epoch_for(vault_id: uint256, series: DynArray[uint128, 4]) -> uint256:
    """
    @notice The least `epoch` with which an order of this vault in these series is alive.
    """
    word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id)
    counter: uint256 = self.minimums[vault_id] & COUNTER_MASK
    for one: uint128 in series:
        counter = max(counter, self.series_minimums[vault_id][one])
    return (counter << VAULT_EPOCH_BITS) | state._epoch(word)


@internal
@view
def _state(order: IExchange.Order, signature: Bytes[1024]) -> IExchange.OrderState:
    """
    @dev Reverts on nothing: every call below is a view that answers for any vault and any listed market.
    """
    reason: String[32] = ""
    filled: uint256 = 0
    digest: bytes32 = domain._hash_typed_data_v4(order_form._struct_hash(order))
    reason, filled = self._standing(order, digest, signature, empty(address))
    if len(reason) != 0:
        status: uint256 = INVALID
        if block.timestamp > order.expiry:
            status = WAS_EXPIRED
        elif filled & CANCELLED_BIT != 0:
            status = WAS_CANCELLED
        elif filled >= order.size:
            status = ALL_FILLED
        return IExchange.OrderState(status=status, fillable=0, reason=reason)

    left: uint256 = order.size - filled
    if order.flags & order_form.FILL_OR_KILL != 0 and filled != 0:
        return IExchange.OrderState(status=INVALID, fillable=0, reason="exchange/fill-or-kill")
    market: uint256 = order_form._market(order)
    expiry: uint256 = order_form._expiry(order)
    prices: uint256[16] = staticcall IOracleAdapter(ORACLE).snapshot(market, expiry)
    reason = self._spot_refusal(order, prices)
    if len(reason) != 0:
        return IExchange.OrderState(status=NOT_NOW, fillable=0, reason=reason)

    fillable: uint256 = left
    if order.flags & order_form.REDUCE_ONLY != 0:
        fillable = min(left, self._reducible(order))
        if fillable == 0:
            return IExchange.OrderState(status=NOT_NOW, fillable=0, reason="exchange/reduce-only")
    # what the maker would pay comes out of its vault, whatever the margin says
    if order.premium_style == order_form.UPFRONT and order.iv == 0 and order.price != 0:
        if order.is_bid == (order.price > 0):
            fillable = min(fillable, self._affordable(order))
    if fillable < min(max(order.min_fill, 1), left) or (
        order.flags & order_form.FILL_OR_KILL != 0 and fillable != left
    ):
        return IExchange.OrderState(status=NOT_NOW, fillable=0, reason="exchange/low-balance")

    trading: uint256 = self.trading[market]
    legs: DynArray[uint256, 16] = []
    contracts: uint256 = 0
    legs, contracts = order_form._legs(order, fillable)
    reason = self._opening_refusal(legs, expiry, trading, prices)
    if len(reason) == 0:
        return IExchange.OrderState(status=OPEN, fillable=fillable, reason="")
    return IExchange.OrderState(status=CLOSING_ONLY, fillable=fillable, reason=reason)


@internal
@view
def _affordable(order: IExchange.Order) -> uint256:
    """
    @dev Packages that the maker's tokens can pay at the signed price [1e-6].
    """
    words: uint256[9] = empty(uint256[9])
    held: DynArray[uint256, 16] = []
    words, held = staticcall IClearinghouse(CLEARINGHOUSE).load(order.maker_vault)
    free: uint256 = words[state.BALANCE] * state._native_wad(words[state.TOKEN])
    return free * order_form.MICRO // convert(abs(order.price), uint256)


@external
@view
def order_states(
    orders: DynArray[IExchange.Order, 16], signatures: DynArray[Bytes[1024], 16]
) -> DynArray[IExchange.OrderState, 16]:
    """
    @notice What would become of each order now, as far as it can be told without a trade. Never reverts.
    @dev The taker is not checked, and neither is a margin that only the fill can compute.
    @param orders Orders. @param signatures Theirs, in the same order; a missing one counts as empty.
    @return Per order: status (0 invalid, 1 open, 2 closing only: may not raise open interest, 3 not now, 4 filled,
            5 cancelled, 6 expired), the largest size that may pass, the reason code when it may not pass.
    """
    states: DynArray[IExchange.OrderState, 16] = []
    for i: uint256 in range(len(orders), bound=16):
        signature: Bytes[1024] = b""
        if i < len(signatures):
            signature = signatures[i]
        states.append(self._state(orders[i], signature))
    return states
