# pragma version 0.4.3
"""
@title When an order may be filled
@license AGPL-3.0-only
@notice Decisions about one order from values that the caller has loaded; the Exchange reverts with the reason they
        give and OrderLens tells it, so the two cannot differ. An empty reason passes. Nothing here reverts.
"""
from interfaces import IClearinghouse
from interfaces import IExchange
from interfaces import IOperators
from interfaces import IOracleAdapter

from contracts.vaults import leg
from contracts.exchange import order as order_form
from contracts.vaults import series as series_grid
from contracts.vaults import signature as signer_of
from contracts.oracle import snapshot as price_of
from contracts.exchange import trading_word
from contracts.vaults import vault_state as state
from contracts.vaults import permissions

# a cancelled order's filled size carries this bit
CANCELLED: constant(uint256) = 1 << 255
# the epoch of the vault in an order's epoch; the maker's counter stands above
EPOCH_BITS: constant(uint256) = 64
# why TradeLimits is asked about a fill
KEY: constant(uint256) = 1
CAPS: constant(uint256) = 2


@internal
@view
def _standing(
    order: IExchange.Order,
    digest: bytes32,
    signature: Bytes[1024],
    taker: address,
    filled: uint256,
    word: uint256,
    rights: uint256,
    counter: uint256,
    token: uint256,
) -> String[32]:
    """
    @notice Whether the maker still stands by an order that is one.
    @param taker Who would fill; empty: not checked.
    @param filled Packages filled | CANCELLED.
    @param word Vault word of the maker vault.
    @param rights What the signer may do for that vault (permissions of Operators; an owner has all).
    @param counter Least counter of a live order of that vault in these series.
    @param token Token word of that vault's market.
    """
    if block.timestamp > order.expiry:
        return "exchange/order-expired"
    if order.taker != empty(address) and taker != empty(address) and order.taker != taker:
        return "exchange/wrong-taker"
    if filled & CANCELLED != 0:
        return "exchange/cancelled"
    if filled >= order.size:
        return "exchange/filled"
    # a transfer of the vault bumps its epoch
    if order.epoch & (2**EPOCH_BITS - 1) != state._epoch(word) or order.epoch >> EPOCH_BITS < counter:
        return "exchange/stale-epoch"
    if word == 0 or rights & permissions.TRADE == 0:
        return "exchange/signer-not-owner"
    if not signer_of._is_valid(order.signer, digest, signature):
        return "exchange/bad-signature"
    form: String[32] = order_form._form(order, state._is_inverse(token))
    if len(form) != 0:
        return form
    if leg._market_of(order.legs[0].series) != state._market(word):
        return "exchange/wrong-market"
    if leg._expiry_of(order.legs[0].series) <= block.timestamp:
        return "exchange/series-expired"
    return ""


@internal
@pure
def _size_refusal(
    unfilled: uint256, reducible: uint256, min_fill: uint256, flags: uint8, size: uint256
) -> String[32]:
    """
    @notice Whether a live order allows a fill of this size.
    @param reducible Largest size that only reduces; without meaning for an order that is not reduce-only.
    """
    left: uint256 = unfilled
    if flags & order_form.REDUCE_ONLY != 0:
        left = min(unfilled, reducible)
        # it sleeps without a position; what it could not reduce is no part of what is left
        if left == 0 or (size > left and size <= unfilled):
            return "exchange/reduce-only"
    if size > left:
        return "exchange/above-remainder"
    # what is left below min_fill may be taken whole
    if size == 0 or size < min(min_fill, left):
        return "exchange/below-min-fill"
    if flags & order_form.FILL_OR_KILL != 0 and size != left:
        return "exchange/fill-or-kill"
    return ""


@internal
@pure
def _filled_after(filled: uint256, whole: uint256, flags: uint8, size: uint256) -> uint256:
    """
    @notice Filled size after a fill: it uses a fill-or-kill up, whatever part of it could still reduce.
    """
    return whole if flags & order_form.FILL_OR_KILL != 0 else filled + size


@internal
@pure
def _spot_refusal(
    spot_min: uint256,
    spot_max: uint256,
    needs_price: bool,
    is_guarded: bool,
    prices: IOracleAdapter.Snapshot,
) -> String[32]:
    """
    @notice Whether spot lies in the order's band.
    @param needs_price The order is priced by what the oracle says: a vol or slip.
    @param is_guarded An uncertain price counts only with both its ends in the band: slip and reduce-only, what stops have.
    """
    if not needs_price and not order_form._has_band(spot_min, spot_max):
        return ""
    # a band, a vol or a mark on a price that is not active protects nobody
    if not (price_of._is_usable(prices) if is_guarded else price_of._is_active(prices)):
        return "exchange/spot-unknown"
    width: uint256 = prices.half_width if is_guarded else 0
    spot: uint256 = prices.spot
    if spot - width < spot_min or spot + width > spot_max:
        return "exchange/spot-outside"
    return ""


@internal
@pure
def _is_guarded(slip: uint256, flags: uint8) -> bool:
    return slip != 0 or flags & order_form.REDUCE_ONLY != 0


@internal
@view
def _opening_refusal(
    legs: DynArray[uint256, 16], expiry: uint256, trading: uint256, prices: IOracleAdapter.Snapshot
) -> String[32]:
    """
    @notice What only a fill that raises open interest must meet (docs/trader.md).
    """
    # the margin gate refuses both sides of such a fill before the Exchange can
    if not price_of._is_active(prices):
        return "margin/price-not-active"
    if block.timestamp < trading_word._paused_until(trading):
        return "exchange/paused"
    if block.timestamp + trading_word._no_open_seconds(trading) >= expiry:
        return "exchange/no-open-window"
    if not series_grid._on_grid(expiry, block.timestamp):
        return "exchange/expiry-off-grid"
    tick: uint256 = trading_word._tick(trading)
    for word: uint256 in legs:
        if not series_grid._strike_valid(word, tick, prices.spot):
            return "exchange/strike-off-grid"
    return ""


@internal
@pure
def _reducible(
    legs: DynArray[IExchange.OrderLeg, 4],
    is_bid: bool,
    vault: IClearinghouse.Vault,
    held: DynArray[uint256, 16],
    claims: bool,
) -> uint256:
    """
    @notice Largest size of which every option and delta leg only brings the maker's quantity closer to zero [1e-6].
    @param vault The maker vault.
    @param held Its leg words.
    @param claims Whether money that the maker would get at expiry counts as well: it may then only repay what it owes.
    """
    # legs of another cell cannot be reduced by this one
    if len(held) == 0 or len(legs) == 0:
        return 0
    if state._expiry(vault.terms) != leg._expiry_of(legs[0].series):
        return 0
    inverse: bool = state._is_inverse(vault.token)
    most: uint256 = max_value(uint256)
    for one: IExchange.OrderLeg in legs:
        series: uint256 = convert(one.series, uint256)
        kind: uint256 = (series >> 104) & 255
        ratio: int256 = convert(one.ratio, int256)
        if leg._is_money(kind, inverse) and not (claims and (ratio > 0) == is_bid):
            continue
        quantity: int256 = 0
        for word: uint256 in held:
            if leg._key(word) == (kind << 62) | (series & leg.STRIKE_MASK):
                quantity = leg._quantity(word)
        # what the maker receives must have the opposite sign of what it holds
        if (quantity > 0) == ((ratio > 0) == is_bid):
            return 0
        most = min(most, convert(abs(quantity), uint256) // convert(abs(ratio), uint256))
    return most


@internal
@view
def _rights(operators: address, vault_id: uint256, word: uint256, account: address) -> uint256:
    """
    @notice What an account may do for a vault, as the Exchange sees it: permissions of operators, all of an owner's.
    @param word The vault word, 0 for an unknown vault.
    """
    if word == 0:
        return 0
    if state._owner(word) == account:
        return permissions.ALL
    return staticcall IOperators(operators).permissions_of(vault_id, state._epoch(word), account)
