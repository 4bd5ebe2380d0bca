# pragma version 0.4.3
# pragma optimize gas
"""
@title Exchange: settles signed orders
@license AGPL-3.0-only
@notice Whoever holds a signed order may take a part of it into a vault of their own: the order is checked, its filled
        size is written, and one novation in the Clearinghouse moves legs, premium and fees and margins both vaults.
        Owns: filled sizes, cancellations, trading parameters, accrued fees. Holds no collateral.
        Trusts: Clearinghouse, OracleAdapter, RiskParameters, Operators and TradeLimits, fixed at deployment. Assumes nothing of a signer's
        contract: it gets a static call with bounded gas before anything is written.
"""
from ethereum.ercs import IERC20
from snekmate.utils import eip712_domain_separator as domain

from interfaces import IClearinghouse
from interfaces import IExchange
from interfaces import IOracleAdapter
from interfaces import IRiskParameters
from interfaces import ITradeLimits

from contracts.vaults import leg
from contracts.exchange import order as order_form
from contracts.exchange import order_pricing as pricing
from contracts.exchange import order_rules as rules
from contracts.exchange import trading_word
from contracts.oracle import snapshot as price_of
from contracts.vaults import vault_state as state
from contracts.vaults import permissions
from contracts.vaults import permit as permits

implements: IExchange

initializes: domain
# EIP-5267
exports: domain.eip712Domain

# a vault's epoch, and the counter of its orders above it
COUNTER_MASK: constant(uint256) = 2**64 - 1
# a counter rises by at most so much in one call: nobody can use up those of who owns the vault next
MOST_STEP: constant(uint256) = 2**32
# set when some series of the vault has a minimum of its own, so that fills of the others read one word
SERIES_BIT: constant(uint256) = 1 << 255
# set when the maker has caps on what others fill
CAPPED_BIT: constant(uint256) = 1 << 254

# a side of a fill as it is before
struct Side:
    vault_id: uint256
    word: uint256       # vault word
    rights: uint256     # of who signed or fills it (vaults/permissions)
    why: uint256        # why TradeLimits is asked about it: rules.KEY, rules.CAPS
    is_maker: bool

PARAMETERS: immutable(address)
CLEARINGHOUSE: immutable(address)
ORACLE: immutable(address)
OPERATORS: immutable(address)
LIMITS: immutable(address)

# market -> packed trading parameters (exchange/trading_word)
trading: public(HashMap[uint256, uint256])
# signer -> order hash -> packages filled [1e-6] | rules.CANCELLED
filled: HashMap[address, HashMap[bytes32, uint256]]
# vault id -> least counter of its orders | SERIES_BIT | CAPPED_BIT
minimums: HashMap[uint256, uint256]
# vault id -> series -> least counter of its orders in that series
series_minimums: HashMap[uint256, HashMap[uint128, uint256]]


@deploy
def __init__(
    parameters_: address,
    clearinghouse: address,
    oracle: address,
    operators: address,
    limits: address,
):
    domain.__init__("Bulkhead Exchange", "1")
    PARAMETERS = parameters_
    CLEARINGHOUSE = clearinghouse
    ORACLE = oracle
    OPERATORS = operators
    LIMITS = limits


# --- checks --------------------------------------------------------------------------------------------------------


@internal
@pure
def _refuse(reason: String[32]):
    # one revert for all reasons: those of exchange/order and exchange/order_rules, which views tell too, and those here
    if len(reason) != 0:
        raise reason


@internal
@view
def _counter(vault_id: uint256, minimum: uint256, series: DynArray[uint128, 4]) -> uint256:
    """
    @dev Least counter of a live order of the vault in these series.
    @param minimum The vault's word in `minimums`.
    """
    counter: uint256 = minimum & COUNTER_MASK
    if minimum & SERIES_BIT != 0:
        for one: uint128 in series:
            counter = max(counter, self.series_minimums[vault_id][one])
    return counter


@internal
@view
def _word(vault_id: uint256) -> uint256:
    return staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id)


@internal
@view
def _side(vault_id: uint256, actor: address, is_maker: bool, minimum: uint256) -> Side:
    """
    @param minimum The maker vault's word in `minimums`, 0 for a taker.
    """
    word: uint256 = self._word(vault_id)
    rights: uint256 = rules._rights(OPERATORS, vault_id, word, actor)
    why: uint256 = rules.KEY if rights & permissions.WITHDRAW == 0 else 0
    if minimum & CAPPED_BIT != 0:
        why |= rules.CAPS
    return Side(vault_id=vault_id, word=word, rights=rights, why=why, is_maker=is_maker)


# --- filling -----------------------------------------------------------------------------------------------------


@internal
@view
def _check_deficit(
    order: IExchange.Order, vault_id: uint256, size: uint256, deficit: uint256, most: uint256
):
    """
    @dev A side trades into a cell with recorded deficits up to what it said; one that only reduces and pays or gets its
         premium now has no claim on the cell more than before.
    """
    if deficit <= most:
        return
    is_maker: bool = vault_id == order.maker_vault
    if order.premium_style == order_form.UPFRONT and size <= staticcall ITradeLimits(LIMITS).reducible(
        vault_id, order.legs, order.is_bid == is_maker
    ):
        return
    self._refuse("exchange/maker-deficit" if is_maker else "exchange/taker-deficit")


@internal
@view
def _is_waived(side: Side, prices: IOracleAdapter.Snapshot) -> bool:
    """
    @dev A side that trades its way out of negative equity pays no fee; only a flagged vault can be so far.
    """
    return side.word & state.FLAGGED != 0 and staticcall ITradeLimits(LIMITS).is_negative(
        side.vault_id, prices
    )


@internal
def _check_limits(
    side: Side, counter: uint256, terms: pricing.Terms, receives: bool, prices: IOracleAdapter.Snapshot
):
    """
    @dev What few fills need: keys that may trade and not withdraw are bounded in what they lose, makers may have caps.
    """
    extcall ITradeLimits(LIMITS).check(
        side.vault_id,
        side.why,
        counter,
        terms.legs,
        receives,
        terms.cash if receives else -terms.cash,
        terms.maker_fee if side.is_maker else terms.taker_fee,
        prices,
    )


@internal
@view
def _check_deficits(
    asked: IExchange.Fill, taker_vault: uint256, size: uint256, deficit: uint256
):
    """
    @dev Each side trades into a cell with recorded deficits up to what it said.
    """
    self._check_deficit(asked.order, asked.order.maker_vault, size, deficit, asked.order.max_deficit)
    self._check_deficit(asked.order, taker_vault, size, deficit, asked.max_deficit)


@internal
@view
def _check_opening(
    open_interest: uint256,
    legs: DynArray[uint256, 16],
    expiry: uint256,
    venue: pricing.Venue,
    prices: IOracleAdapter.Snapshot,
):
    """
    @dev What a fill that raised the open interest of some series is asked.
    @param open_interest That of the market, after the fill [1e-6 contracts].
    """
    self._refuse(rules._opening_refusal(legs, expiry, venue.trading, prices))
    cap: uint256 = trading_word._oi_cap(venue.trading)
    if cap != 0 and state._open_contracts(
        open_interest, state._is_inverse(venue.token), price_of._expected(prices)
    ) > cap:
        self._refuse("exchange/open-interest-cap")


@internal
def _fill(asked: IExchange.Fill, taker_vault: uint256) -> bytes32:
    # load
    order: IExchange.Order = asked.order
    digest: bytes32 = domain._hash_typed_data_v4(order_form._struct_hash(order))
    key: bytes32 = order_form._key(order, digest)
    filled: uint256 = self.filled[order.signer][key]
    minimum: uint256 = self.minimums[order.maker_vault]
    maker: Side = self._side(order.maker_vault, order.signer, True, minimum)
    # the order's own market, or it is refused
    token: uint256 = (staticcall IClearinghouse(CLEARINGHOUSE).market(state._market(maker.word))).token_word
    size: uint256 = staticcall ITradeLimits(LIMITS).admitted_size(
        order,
        asked.signature,
        ITradeLimits.OrderFacts(
            digest=digest,
            taker=msg.sender,
            filled=filled,
            word=maker.word,
            rights=maker.rights,
            counter=self._counter(order.maker_vault, minimum, order_form._series(order.legs)),
            size=asked.size,
            token=token,
        ),
    )
    if order.maker_vault == taker_vault:
        self._refuse("exchange/same-vault")
    taker: Side = self._side(taker_vault, msg.sender, False, 0)
    if taker.rights & permissions.TRADE == 0:
        self._refuse("exchange/not-taker-owner")

    # decide
    market: uint256 = leg._market_of(order.legs[0].series)
    expiry: uint256 = leg._expiry_of(order.legs[0].series)
    prices: IOracleAdapter.Snapshot = extcall IOracleAdapter(ORACLE).look(market, expiry)
    self._refuse(
        rules._spot_refusal(
            order.spot_min,
            order.spot_max,
            order.iv | order.slip != 0,
            rules._is_guarded(order.slip, order.flags),
            prices,
        )
    )
    if token >> state.DEFICITS_AT != 0:
        self._check_deficits(
            asked, taker_vault, size, state._deficit(staticcall IClearinghouse(CLEARINGHOUSE).cell(market, expiry))
        )
    # before every call that could hand out control
    filled = rules._filled_after(filled, order.size, order.flags, size)
    self.filled[order.signer][key] = filled
    venue: pricing.Venue = pricing.Venue(
        clearinghouse=CLEARINGHOUSE, limits=LIMITS, token=token, trading=self.trading[market], round_id=asked.round_id
    )
    terms: pricing.Terms = pricing._terms(venue, order, size, prices)
    if (terms.price < asked.limit_price) if order.is_bid else (terms.price > asked.limit_price):
        self._refuse("exchange/limit-price")
    if self._is_waived(maker, prices):
        terms.maker_fee = 0
    if self._is_waived(taker, prices):
        terms.taker_fee = 0
    if terms.taker_fee > asked.max_fee:
        self._refuse("exchange/taker-fee")
    if terms.maker_fee > pricing._maker_fee_limit(order.max_fee, size, token):
        self._refuse("exchange/maker-fee")
    if maker.why != 0:
        self._check_limits(maker, minimum & COUNTER_MASK, terms, order.is_bid, prices)
    if taker.why != 0:
        self._check_limits(taker, 0, terms, not order.is_bid, prices)

    # apply
    outcome: IClearinghouse.Outcome = extcall IClearinghouse(CLEARINGHOUSE).novate(
        IClearinghouse.Novation(
            giver=taker_vault if order.is_bid else order.maker_vault,
            receiver=order.maker_vault if order.is_bid else taker_vault,
            expiry=expiry,
            legs=terms.legs,
            cash=terms.cash,
            fees=[terms.taker_fee, terms.maker_fee] if order.is_bid else [terms.maker_fee, terms.taker_fee],
            fee_receiver=self,
        ),
        prices,
    )
    if outcome.raised:
        self._check_opening(outcome.open_interest, terms.legs, expiry, venue, prices)
    log IExchange.OrderFilled(
        order_hash=digest,
        maker_vault=order.maker_vault,
        taker_vault=taker_vault,
        key=key,
        size=size,
        filled=filled,
        price=terms.price,
        premium=terms.premium,
        maker_fee=outcome.fees[1] if order.is_bid else outcome.fees[0],
        taker_fee=outcome.fees[0] if order.is_bid else outcome.fees[1],
    )
    return digest


@external
def fill(asked: IExchange.Fill) -> bytes32:
    """
    @notice Takes a part of a signed order into a vault of the caller.
    @dev Keeps INV-02, INV-05. Reverts: the reasons of `_refuse`, `exchange/...` here, and the Clearinghouse's.
    @param asked The order, its signature, and what the caller gives and wants.
    @return Hash of the order.
    """
    return self._fill(asked, asked.taker_vault)


@internal
def _open(legs: DynArray[IExchange.OrderLeg, 4], model: uint256, amount: uint256) -> uint256:
    self._check_legs(legs)
    return extcall IClearinghouse(CLEARINGHOUSE).open(
        leg._market_of(legs[0].series), model, msg.sender, amount
    )


@internal
@pure
def _check_legs(legs: DynArray[IExchange.OrderLeg, 4]):
    if len(legs) == 0:
        self._refuse("order/no-legs")


@external
def open_and_fill(
    asked: IExchange.Fill, model: uint256, deposit: uint256, permit: IExchange.Permit
) -> uint256:
    """
    @notice Opens a vault for the caller, deposits and fills, in one transaction.
    @param asked As in `fill`; its order's market is the new vault's, its taker vault is not looked at.
    @param model Margin model of the new vault.
    @param deposit Tokens the Clearinghouse pulls from the caller [native].
    @param permit ERC-2612 approval of the Clearinghouse, v = 0 for none; its failure is ignored.
    @return Id of the new vault.
    """
    self._check_legs(asked.order.legs)
    if permit.v != 0:
        token: uint256 = (
            staticcall IClearinghouse(CLEARINGHOUSE).market(
                leg._market_of(asked.order.legs[0].series)
            )
        ).token_word
        permits._try_permit(state._token(token), msg.sender, CLEARINGHOUSE, permit)
    vault_id: uint256 = self._open(asked.order.legs, model, deposit)
    self._fill(asked, vault_id)
    return vault_id


@external
def fill_many(
    fills: DynArray[IExchange.Fill, 4], model: uint256, amount: uint256, flat: uint256
) -> uint256:
    """
    @notice Several fills, all or none: closes a position against several makers, or rolls it from one cell into
            another by closing first and opening with the last fill.
    @dev Each fill is margined by itself, in this order. Tokens move only between vaults that the caller owns, and only
         out of one without legs, debt and claim.
    @param fills Each as in `fill`. With taker vault 0 the last one opens a vault.
    @param model Margin model of an opened vault.
    @param amount Tokens that go from the first fill's taker vault to the last one's before the last fill [native];
           `max_value(uint256)` moves all.
    @param flat One of the taker vaults, which must end without legs; its counter rises, so that orders signed for what it
           held end with it. 0 for none.
    @return The vault of the last fill.
    """
    vault_id: uint256 = 0
    is_taker: bool = False
    last: uint256 = len(fills)
    for one: IExchange.Fill in fills:
        last -= 1
        vault_id = one.taker_vault
        if last == 0:
            if vault_id == 0:
                vault_id = self._open(one.order.legs, model, 0)
            if amount != 0:
                self._check_legs(one.order.legs)
                self._move(
                    fills[0].taker_vault, vault_id, leg._expiry_of(one.order.legs[0].series), amount
                )
        self._fill(one, vault_id)
        is_taker = is_taker or vault_id == flat
    if flat != 0:
        if not is_taker:
            self._refuse("exchange/flat-not-filled")
        self._check_flat(self._word(flat))
        self._bump(flat, (self.minimums[flat] & COUNTER_MASK) + 1)
    return vault_id


@internal
@view
def _check_flat(word: uint256):
    if state._count(word) != 0:
        self._refuse("exchange/legs-left")


@internal
def _move(from_id: uint256, to_id: uint256, expiry: uint256, amount: uint256):
    """
    @dev The freed tokens of a vault without legs, into another vault of the caller.
    """
    word: uint256 = self._check_owner(from_id)
    self._check_owner(to_id)
    self._check_flat(word)
    vault: IClearinghouse.Vault = (pricing._load(CLEARINGHOUSE, from_id)).vault
    extcall IClearinghouse(CLEARINGHOUSE).novate(
        IClearinghouse.Novation(
            giver=from_id,
            receiver=to_id,
            expiry=expiry,
            legs=[],
            cash=convert(min(amount, vault.balance), int256),
            fees=[0, 0],
            fee_receiver=self,
        ),
        extcall IOracleAdapter(ORACLE).look(state._market(word), expiry),
    )


# --- cancelling --------------------------------------------------------------------------------------------------


@external
def cancel(hashes: DynArray[bytes32, 32]):
    """
    @notice Kills orders of the caller by hash; what was filled stays filled.
    @param hashes Digests of `hash_order`.
    """
    for digest: bytes32 in hashes:
        self._cancel(msg.sender, digest)


@internal
def _cancel(signer: address, key: bytes32):
    self.filled[signer][key] |= rules.CANCELLED
    log IExchange.OrderCancelled(order_hash=key, signer=signer)


@external
def cancel_together(
    signer: address,
    maker_vault: uint256,
    legs: DynArray[IExchange.OrderLeg, 4],
    is_bid: bool,
    salt: uint256,
):
    """
    @notice Kills the orders that are counted together under these; what was filled stays filled. Only the signer or the
            owner of the vault.
    @param signer Who signed them. @param maker_vault Theirs. @param legs Theirs. @param is_bid Theirs. @param salt Theirs.
    """
    if msg.sender != signer:
        self._check_owner(maker_vault)
    self._cancel(signer, order_form._group(maker_vault, legs, is_bid, salt))


@internal
@view
def _check_owner(vault_id: uint256) -> uint256:
    """
    @dev The vault word, for its owner alone.
    """
    word: uint256 = self._word(vault_id)
    if word == 0 or state._owner(word) != msg.sender:
        self._refuse("exchange/not-vault-owner")
    return word


@internal
@view
def _check_trader(vault_id: uint256):
    if rules._rights(OPERATORS, vault_id, self._word(vault_id), msg.sender) & permissions.TRADE == 0:
        self._refuse("exchange/not-vault-owner")


@external
def set_caps(vault_id: uint256, delta: uint256, vega: uint256):
    """
    @notice Caps the net delta and vega that others may fill against the vault's orders before `bump_epoch` raises its
            counter, and forgets what was used. Only the owner; a transfer of the vault ends the caps.
    @param vault_id A vault of the caller.
    @param delta Largest net delta [wad contracts]; 0: any.
    @param vega Largest net vega [wad quote per 1.00 vol]; 0: any.
    """
    word: uint256 = self._check_owner(vault_id)
    minimum: uint256 = self.minimums[vault_id] & ~CAPPED_BIT
    if delta | vega != 0:
        minimum |= CAPPED_BIT
    self.minimums[vault_id] = minimum
    extcall ITradeLimits(LIMITS).set_caps(vault_id, state._epoch(word), delta, vega)


@internal
@pure
def _check_higher(old: uint256, minimum: uint256):
    if minimum <= old or minimum > COUNTER_MASK:
        self._refuse("exchange/epoch-not-higher")
    if minimum - old > MOST_STEP:
        self._refuse("exchange/epoch-too-high")


@external
def bump_epoch(vault_id: uint256, minimum: uint256):
    """
    @notice Kills every order of the vault whose counter (epoch >> 64) is below `minimum`. Only who may trade for it.
    @param vault_id A vault the caller owns or may trade for.
    @param minimum New least counter, higher than the last by at most 2**32.
    """
    self._check_trader(vault_id)
    self._bump(vault_id, minimum)


@internal
def _bump(vault_id: uint256, minimum: uint256):
    old: uint256 = self.minimums[vault_id]
    self._check_higher(old & COUNTER_MASK, minimum)
    self.minimums[vault_id] = (old & ~COUNTER_MASK) | minimum
    log IExchange.EpochBumped(vault_id=vault_id, minimum=minimum)


@external
def cancel_series(vault_id: uint256, series: uint128, minimum: uint256):
    """
    @notice Kills every order of the vault with a leg in `series` and a counter (epoch >> 64) below `minimum`.
            Only who may trade for it.
    @param vault_id A vault the caller owns or may trade for.
    @param series Series id.
    @param minimum New least counter in this series, higher than the last by at most 2**32.
    """
    self._check_trader(vault_id)
    self._check_higher(self.series_minimums[vault_id][series], minimum)
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
    @param word See exchange/trading_word.
    """
    if msg.sender != PARAMETERS:
        self._refuse("exchange/only-parameters")
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
    if msg.sender != staticcall IRiskParameters(PARAMETERS).owner():
        self._refuse("exchange/only-owner")
    amount: uint256 = staticcall IERC20(token).balanceOf(self)
    if not extcall IERC20(token).transfer(receiver, amount, default_return_value=True):
        self._refuse("exchange/transfer-refused")
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
def filled_of(signer: address, key: bytes32) -> IExchange.Filled:
    """
    @notice How far an order has gone.
    @param signer Its signer.
    @param key The digest of `hash_order`; of orders signed together what they share (OrderLens.key_of).
    @return Packages filled, and whether it was cancelled.
    """
    filled: uint256 = self.filled[signer][key]
    return IExchange.Filled(
        packages=filled & ~rules.CANCELLED, cancelled=filled & rules.CANCELLED != 0
    )


@external
@view
def epoch_for(vault_id: uint256, series: DynArray[uint128, 4]) -> uint256:
    """
    @notice The least `epoch` with which an order of this vault in these series is alive.
    @param vault_id The maker's vault.
    @param series Series ids of the order.
    @return Epoch of the vault in the low 64 bits, the maker's counter above.
    """
    counter: uint256 = self._counter(vault_id, self.minimums[vault_id], series)
    return (counter << rules.EPOCH_BITS) | state._epoch(self._word(vault_id))
