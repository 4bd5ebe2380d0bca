# pragma version 0.4.3
"""
@title What an order asks for at one moment
@license AGPL-3.0-only
@notice Price, premium, fees and legs of a fill. The Exchange settles by it and OrderLens tells by it, so a view and a
        fill cannot differ. Reads the maker vault's engine where a mark is needed; trusts the prices it is given.
"""
from interfaces import IClearinghouse
from interfaces import IExchange
from interfaces import IMarginEngine
from interfaces import IOracleAdapter
from interfaces import ITradeLimits

from contracts.math import scales
from contracts.exchange import order as order_form
from contracts.oracle import snapshot as price_of
from contracts.exchange import trading_word
from contracts.vaults import leg
from contracts.vaults import vault_state as state

# what a fill is priced with, but for the order and the prices
struct Venue:
    clearinghouse: address
    limits: address
    token: uint256     # token word of the market
    trading: uint256   # its trading word
    round_id: uint256  # round that the filler names; 0: none

# what an order asks for at one moment
struct Terms:
    price: int256                   # per package [wad token]
    premium: int256                 # what the buyer pays [native, or 1e-6 token when deferred]
    cash: int256                    # tokens from seller to buyer [native]
    maker_fee: uint256              # [native]
    taker_fee: uint256              # [native]
    legs: DynArray[uint256, 16]     # what the buyer receives

# the taker's fee is at least the full rate over this, whatever the price
LEAST_FEE: constant(uint256) = 10
# no package has a fee limit beyond this, so that limits of "anything" do not overflow
MAX_FEE: constant(uint256) = 2**127


@internal
@view
def _load(clearinghouse: address, vault_id: uint256) -> IClearinghouse.Loaded:
    return staticcall IClearinghouse(clearinghouse).load(vault_id)


@internal
@view
def _mark(
    clearinghouse: address,
    vault_id: uint256,
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
) -> int256:
    """
    @notice Mark of the legs by the vault's own engine [wad].
    """
    vault: IClearinghouse.Vault = (self._load(clearinghouse, vault_id)).vault
    engine: address = vault.engine
    return staticcall IMarginEngine(engine).value(legs, prices)


@internal
@view
def _price_of(
    venue: Venue,
    order: IExchange.Order,
    legs: DynArray[uint256, 16],
    size: uint256,
    prices: IOracleAdapter.Snapshot,
) -> int256:
    """
    @notice Price per package: of the bounds that the maker signed the best for the maker [wad].
    """
    if order.iv | order.slip == 0:
        return order.price
    bound: int256 = staticcall ITradeLimits(venue.limits).bound_price(
        ITradeLimits.Bound(
            maker_vault=order.maker_vault,
            is_bid=order.is_bid,
            size=size,
            iv=order.iv,
            slip=order.slip,
            patience=order.patience,
            spot_min=order.spot_min,
            spot_max=order.spot_max,
            since=order.since,
            round_id=venue.round_id,
        ),
        legs,
        prices,
    )
    return min(order.price, bound) if order.is_bid else max(order.price, bound)


@internal
@view
def _terms(
    venue: Venue, order: IExchange.Order, size: uint256, prices: IOracleAdapter.Snapshot
) -> Terms:
    """
    @notice Legs, premium and fees of a fill. Premium is rounded against the taker, fees against who pays them.
    """
    legs: DynArray[uint256, 16] = order_form._legs(order.legs, size)
    inverse: bool = state._is_inverse(venue.token)
    price: int256 = self._price_of(venue, order, legs, size, prices)

    # fees: basis points of notional, at most a share of max(|price|, mark); all in wad * 1e-6 * bps
    # at the price of the margin table's row 4 where none is active; without one there is no fee
    at: IOracleAdapter.Snapshot = prices
    if not price_of._is_usable(prices):
        at = price_of._at(prices, prices.undisputed)
    taker_bps: uint256 = trading_word._taker_fee_bps(venue.trading)
    maker_bps: uint256 = trading_word._maker_fee_bps(venue.trading)
    cap_bps: uint256 = trading_word._fee_cap_bps(venue.trading)
    notional: uint256 = leg._notional(legs, inverse, at.spot, price_of._expected(at))
    most: uint256 = convert(abs(price), uint256) * size
    # the mark is only asked for when the price alone would lower a fee
    if notional * max(taker_bps, maker_bps) > most * cap_bps:
        mark: int256 = self._mark(venue.clearinghouse, order.maker_vault, legs, at)
        most = max(most, convert(abs(mark), uint256) * scales.MICRO)
    most *= cap_bps
    unit: uint256 = scales.MICRO * state._native_wad(venue.token)
    maker_fee: uint256 = self._div_up(min(notional * maker_bps, most), unit * scales.BPS_IN_ONE)
    # the taker's never below a tenth of the rate: packages worth nothing would fill the open-interest cap for nothing
    full: uint256 = notional * taker_bps
    taker_fee: uint256 = self._div_up(min(full, max(most, full // LEAST_FEE)), unit * scales.BPS_IN_ONE)

    cash: int256 = 0
    premium: int256 = 0
    if order.premium_style == order_form.UPFRONT:
        premium = order_form._premium(price, size, unit, not order.is_bid)
        cash = -premium
    else:
        premium = order_form._premium(price, size, 10**18, not order.is_bid)
        legs = order_form._with_money(legs, -premium, inverse)
    return Terms(
        price=price, premium=premium, cash=cash, maker_fee=maker_fee, taker_fee=taker_fee, legs=legs
    )


@internal
@pure
def _div_up(a: uint256, b: uint256) -> uint256:
    return (a + unsafe_sub(b, 1)) // b


@internal
@pure
def _maker_fee_limit(max_fee: uint256, size: uint256, token: uint256) -> uint256:
    """
    @notice What the maker signed to pay at most [native]; the unit a fee is rounded up by is granted.
    """
    return self._div_up(
        min(max_fee, MAX_FEE) * size, scales.MICRO * state._native_wad(token)
    )
