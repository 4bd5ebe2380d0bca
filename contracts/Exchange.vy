# pragma version 0.4.3
# pragma optimize gas
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

from contracts.modules import order as order_form
from contracts.modules import order_rules as rules
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

# a vault's epoch, and the counter of its orders above it
COUNTER_MASK: constant(uint256) = 2**64 - 1
# set when some series of the vault has a minimum of its own, so that fills of the others read one word
SERIES_BIT: constant(uint256) = 1 << 255
FLAGS: constant(uint256) = state.FLAGGED | state.MARKED
BPS: constant(uint256) = 10**4
# no package has a fee limit beyond this, so that limits of "anything" do not overflow
MAX_FEE: constant(uint256) = 2**127

PARAMETERS: immutable(address)
CLEARINGHOUSE: immutable(address)
ORACLE: immutable(address)

# market -> packed trading parameters (modules/trading_word)
trading: public(HashMap[uint256, uint256])
# signer -> order hash -> packages filled [1e-6] | rules.CANCELLED
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


# --- checks --------------------------------------------------------------------------------------------------------


@internal
@pure
def _refuse(reason: String[32]):
    # the reasons are written in modules/order and modules/order_rules, so that views can tell them too
    assert len(reason) == 0, reason


@internal
@view
def _counter(vault_id: uint256, series: DynArray[uint128, 4]) -> uint256:
    """
    @dev Least counter of a live order of the vault in these series.
    """
    minimum: uint256 = self.minimums[vault_id]
    counter: uint256 = minimum & COUNTER_MASK
    if minimum & SERIES_BIT != 0:
        for one: uint128 in series:
            counter = max(counter, self.series_minimums[vault_id][one])
    return counter


# --- pricing -----------------------------------------------------------------------------------------------------


@internal
@view
def _load(vault_id: uint256) -> (uint256[9], DynArray[uint256, 16]):
    return staticcall IClearinghouse(CLEARINGHOUSE).load(vault_id)


@internal
@view
def _mark(vault_id: uint256, legs: DynArray[uint256, 16], prices: uint256[16]) -> int256:
    """
    @dev Mark of the legs by the vault's own engine [wad].
    """
    words: uint256[9] = empty(uint256[9])
    held: DynArray[uint256, 16] = []
    words, held = self._load(vault_id)
    engine: address = convert(words[state.ENGINE], address)
    return staticcall IMarginEngine(engine).value(legs, prices)


@internal
@view
def _is_negative(vault_id: uint256, prices: uint256[16]) -> bool:
    """
    @dev Whether C + v < 0 before the trade.
    """
    words: uint256[9] = empty(uint256[9])
    held: DynArray[uint256, 16] = []
    words, held = self._load(vault_id)
    collateral: int256 = state._collateral(
        words[state.BALANCE], words[state.TERMS], words[state.TOKEN]
    )
    engine: address = convert(words[state.ENGINE], address)
    return collateral + staticcall IMarginEngine(engine).value(held, prices) < 0


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
    filled: uint256 = self.filled[order.signer][digest]
    maker_word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(order.maker_vault)
    counter: uint256 = self._counter(order.maker_vault, order_form._series(order))
    self._refuse(
        rules._standing(order, digest, signature, msg.sender, filled, maker_word, counter)
    )
    assert order.maker_vault != taker_vault, "exchange/same-vault"
    taker_word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(taker_vault)
    assert taker_word != 0 and state._owner(taker_word) == msg.sender, "exchange/not-taker-owner"

    size: uint256 = wanted
    if wanted == max_value(uint256):
        size = order.size - filled
    self._refuse(rules._size_refusal(order, filled, size))
    if order.flags & order_form.REDUCE_ONLY != 0:
        words: uint256[9] = empty(uint256[9])
        held: DynArray[uint256, 16] = []
        words, held = self._load(order.maker_vault)
        assert size <= rules._reducible(order, words[state.TERMS], held), "exchange/reduce-only"

    market: uint256 = order_form._market(order)
    expiry: uint256 = order_form._expiry(order)
    prices: uint256[16] = extcall IOracleAdapter(ORACLE).observe(market, expiry)
    self._refuse(rules._spot_refusal(order, prices))

    # before every call that could hand out control
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
    # a side that trades its way out of negative equity pays no fee; only a flagged vault can be so far
    if maker_word & FLAGS != 0 and self._is_negative(order.maker_vault, prices):
        terms.maker_fee = 0
    if taker_word & FLAGS != 0 and self._is_negative(taker_vault, prices):
        terms.taker_fee = 0
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
        self._refuse(rules._opening_refusal(terms.legs, expiry, trading, prices))
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


@external
def fill_many(fills: DynArray[IExchange.Fill, 4]):
    """
    @notice Several fills, all or none: rolls a position from one cell into another, or closes one against several makers.
    @dev Each fill is margined by itself, in this order: a roll closes first unless there is margin for both.
    @param fills Each as in `fill`.
    """
    for one: IExchange.Fill in fills:
        self._fill(
            one.order, one.signature, one.taker_vault, one.size, one.limit_price, one.max_fee
        )


# --- cancelling --------------------------------------------------------------------------------------------------


@external
def cancel(hashes: DynArray[bytes32, 32]):
    """
    @notice Kills orders of the caller by hash; what was filled stays filled.
    @param hashes Digests of `hash_order`.
    """
    for digest: bytes32 in hashes:
        self.filled[msg.sender][digest] |= rules.CANCELLED
        log IExchange.OrderCancelled(order_hash=digest, signer=msg.sender)


@internal
@view
def _check_owner(vault_id: uint256):
    word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id)
    assert word != 0 and state._owner(word) == msg.sender, "exchange/not-vault-owner"


@external
def bump_epoch(vault_id: uint256, minimum: uint256):
    """
    @notice Kills every order of the vault whose counter (epoch >> 64) is below `minimum`. Only the vault's owner.
    @param vault_id A vault of the caller.
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
    @notice Kills every order of the vault with a leg in `series` and a counter (epoch >> 64) below `minimum`.
            Only the vault's owner.
    @param vault_id A vault of the caller.
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
    @param market Market index.
    @param word See modules/trading_word.
    """
    assert msg.sender == PARAMETERS, "exchange/only-parameters"
    self.trading[market] = word
    log IExchange.TradingConfigured(market=market, word=word)


@external
def collect_fees(token: address, receiver: address) -> uint256:
    """
    @notice Sends the accrued fees of one token to `receiver`. Only the owner of RiskParameters.
    @param token An ERC-20.
    @param receiver Who gets them.
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
    @param order Any order, valid or not.
    @return Digest under this contract's domain on this chain.
    """
    return domain._hash_typed_data_v4(order_form._struct_hash(order))


@external
@view
def filled_of(signer: address, order_hash: bytes32) -> (uint256, bool):
    """
    @notice How far an order has gone.
    @param signer Its signer.
    @param order_hash Digest of `hash_order`.
    @return (packages filled [1e-6], cancelled)
    """
    filled: uint256 = self.filled[signer][order_hash]
    return filled & ~rules.CANCELLED, filled & rules.CANCELLED != 0


@external
@view
def epoch_for(vault_id: uint256, series: DynArray[uint128, 4]) -> uint256:
    """
    @notice The least `epoch` with which an order of this vault in these series is alive.
    @param vault_id The maker's vault.
    @param series Series ids of the order.
    @return Epoch of the vault in the low 64 bits, the maker's counter above.
    """
    word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id)
    return (self._counter(vault_id, series) << rules.EPOCH_BITS) | state._epoch(word)
