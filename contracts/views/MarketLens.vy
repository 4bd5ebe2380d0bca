# pragma version 0.4.3
# pragma optimize codesize
"""
@title MarketLens: markets, their numbers, and what an account holds
@license AGPL-3.0-only
@notice For people and front ends, beside PositionLens: prices with age and state, the surface expiry by expiry, every parameter by
        name. What is unknown is said to be unknown. Stores nothing; nothing depends on it.
"""
from ethereum.ercs import IERC20

from interfaces import IClearinghouse
from interfaces import IInsuranceFund
from interfaces import IMarketLens
from interfaces import IOracleAdapter
from interfaces import IRiskParameters

from contracts.exchange import trading_word
from contracts.margin import appraisal
from contracts.margin import marks
from contracts.math import scales
from contracts.oracle import snapshot as price
from contracts.oracle import surface
from contracts.oracle import svi_slice
from contracts.vaults import vault_state as state
from contracts.views import names
from contracts.views import token

implements: IMarketLens

MAX_MARKETS: constant(uint256) = 8
MAX_HOLDINGS: constant(uint256) = 32

PARAMETERS: immutable(address)
CLEARINGHOUSE: immutable(address)
ORACLE: immutable(address)
INSURANCE: immutable(address)
TOP_UP: immutable(address)


@deploy
def __init__(
    risk_parameters: address, clearinghouse: address, oracle: address, insurance: address, top_up: address
):
    PARAMETERS = risk_parameters
    CLEARINGHOUSE = clearinghouse
    ORACLE = oracle
    INSURANCE = insurance
    TOP_UP = top_up


# --- markets -----------------------------------------------------------------------------------------------------


@internal
@view
def _page(first: uint256, most: uint256) -> (DynArray[uint256, MAX_HOLDINGS], uint256):
    """
    @dev Markets of a page, and where the next begins.
    """
    listed: DynArray[uint256, 256] = staticcall IRiskParameters(PARAMETERS).markets()
    page: DynArray[uint256, MAX_HOLDINGS] = []
    left: uint256 = len(listed) - min(first, len(listed))
    for i: uint256 in range(min(most, left), bound=MAX_HOLDINGS):
        page.append(listed[first + i])
    if left <= most:
        return page, 0
    return page, first + most


@internal
@view
def _describe_price(prices: IOracleAdapter.Snapshot) -> IMarketLens.Price:
    return IMarketLens.Price(
        state=names._price_state(prices),
        spot=prices.spot,
        age=names._age(prices),
        half_width=prices.half_width,
        undisputed=prices.undisputed,
        uses_fallback=prices.status & price.FALLBACK_USED != 0,
        sigma=prices.sigma,
        sigma_now=prices.sigma_now,
        vol_ratio=prices.vol_ratio,
        rate=prices.rate,
    )


@internal
@view
def _slice(market: uint256, expiry: uint256, word: uint256) -> IMarketLens.Slice:
    prices: IOracleAdapter.Snapshot = appraisal._snapshot(ORACLE, market, expiry)
    iv: int256 = 0
    if prices.forward != 0:
        forward: int256 = convert(prices.forward, int256)
        iv = marks._iv(prices, forward, forward)
    return IMarketLens.Slice(
        expiry=expiry,
        forward=prices.forward,
        atm_iv=convert(iv, uint256),
        a=svi_slice._a(word),
        b=svi_slice._b(word),
        rho=svi_slice._rho(word),
        m=svi_slice._m(word),
        sigma=svi_slice._sigma(word),
    )


@internal
@view
def _describe_surface(market: uint256) -> IMarketLens.Surface:
    result: IMarketLens.Surface = empty(IMarketLens.Surface)
    published: IOracleAdapter.PublishedSurface = staticcall IOracleAdapter(ORACLE).surface(market)
    if published.word == 0:
        return result
    result.made_at = surface._made_at(published.word)
    result.live_until = surface._live_until(published.word)
    result.is_live = block.timestamp <= result.live_until
    result.fade = surface._fade(published.word)
    for lane: uint256 in range(surface.MAX_EXPIRIES):
        expiry: uint256 = surface._expiry(published.index, lane)
        if expiry == 0:
            break
        if expiry > block.timestamp:
            result.slices.append(self._slice(market, expiry, published.slices[lane]))
    return result


@internal
@view
def _describe(market: uint256) -> IMarketLens.Market:
    result: IMarketLens.Market = empty(IMarketLens.Market)
    ledger: IClearinghouse.Market = staticcall IClearinghouse(CLEARINGHOUSE).market(market)
    trading: uint256 = staticcall IRiskParameters(PARAMETERS).trading(market)
    next_expiry: uint256 = (
        (block.timestamp - surface.HOUR_OF_EXPIRY) // scales.DAY + 1
    ) * scales.DAY + surface.HOUR_OF_EXPIRY
    prices: IOracleAdapter.Snapshot = appraisal._snapshot(ORACLE, market, next_expiry)
    result.market = market
    result.token = state._token(ledger.token_word)
    result.symbol = token._symbol(result.token)
    result.decimals = state._decimals(ledger.token_word)
    result.inverse = state._is_inverse(ledger.token_word)
    result.unit = state._unit(ledger.token_word)
    result.lot = state._lot(ledger.token_word)
    result.price_market = staticcall IOracleAdapter(ORACLE).price_market(market)
    result.has_es = state._enables(ledger.token_word, state.ES)
    result.has_greeks = state._enables(ledger.token_word, state.GREEKS)
    result.has_static = state._enables(ledger.token_word, state.STATIC)
    result.price = self._describe_price(prices)
    if prices.status & price.SURFACE_SVI == 0:
        result.flat_iv = prices.surface_near
    result.surface = self._describe_surface(market)
    result.open_interest, result.open_quote = state._open_parts(ledger.open_interest)
    result.open_interest_cap = trading_word._oi_cap(trading)
    until: uint256 = trading_word._paused_until(trading)
    result.paused_until = until if block.timestamp < until else 0
    pot: address = staticcall IInsuranceFund(INSURANCE).pot(market)
    result.insurance = staticcall IERC20(result.token).balanceOf(pot)
    result.pool = staticcall IRiskParameters(PARAMETERS).backstop(market)
    if result.pool != empty(address):
        result.pool_assets = token._number(result.pool, method_id("totalAssets()"))
    return result


@external
@view
def markets(first: uint256, most: uint256) -> IMarketLens.Markets:
    """
    @notice Markets in the order of their listing: price with age and state, the smile of each published expiry, open interest,
            insurance and backstop pool. For an eth_call.
    @param first Place in the list to begin with, 0 for the first.
    @param most Markets wanted, at most 8.
    @return The markets; `next` is where the next page begins, 0 when there is none.
    """
    assert most != 0 and most <= MAX_MARKETS, "market-lens/page-size"
    result: IMarketLens.Markets = empty(IMarketLens.Markets)
    result.block_number = block.number
    result.timestamp = block.timestamp
    page: DynArray[uint256, MAX_HOLDINGS] = []
    page, result.next = self._page(first, most)
    for market: uint256 in page:
        result.markets.append(self._describe(market))
    return result


# --- parameters --------------------------------------------------------------------------------------------------


@internal
@view
def _parameter(market: uint256, name: String[32]) -> IMarketLens.Parameter:
    bounds: IRiskParameters.Bounds = staticcall IRiskParameters(PARAMETERS).bounds(name)
    ramp: IRiskParameters.Ramp = staticcall IRiskParameters(PARAMETERS).ramp(market, name)
    return IMarketLens.Parameter(
        name=name,
        value=staticcall IRiskParameters(PARAMETERS).parameter(market, name),
        least=bounds.least,
        greatest=bounds.greatest,
        target=ramp.target,
        stepped_at=ramp.stepped_at,
    )


@external
@view
def parameters(market: uint256) -> IMarketLens.Parameters:
    """
    @notice Every number of a market by name, with its bounds and what it moves to (docs/parameters.md).
    @param market Market index; one that is not listed reverts.
    @return The numbers, each in its own unit, in the order of the packed words.
    """
    result: IMarketLens.Parameters = empty(IMarketLens.Parameters)
    result.block_number = block.number
    result.timestamp = block.timestamp
    result.market = market
    result.parameters.append(self._parameter(market, "kappa_calm_bps"))
    result.parameters.append(self._parameter(market, "kappa_stress_bps"))
    result.parameters.append(self._parameter(market, "proximity_bps"))
    result.parameters.append(self._parameter(market, "lambda_bps"))
    result.parameters.append(self._parameter(market, "liquidity_scale"))
    result.parameters.append(self._parameter(market, "horizon_seconds"))
    result.parameters.append(self._parameter(market, "tail_bps"))
    result.parameters.append(self._parameter(market, "short_floor_bps"))
    result.parameters.append(self._parameter(market, "iv_floor_bps"))
    result.parameters.append(self._parameter(market, "phi_bps"))
    result.parameters.append(self._parameter(market, "dust"))
    result.parameters.append(self._parameter(market, "deposit"))
    result.parameters.append(self._parameter(market, "static_otm"))
    result.parameters.append(self._parameter(market, "static_least"))
    result.parameters.append(self._parameter(market, "static_future"))
    result.parameters.append(self._parameter(market, "greeks_move"))
    result.parameters.append(self._parameter(market, "taker_fee_bps"))
    result.parameters.append(self._parameter(market, "maker_fee_bps"))
    result.parameters.append(self._parameter(market, "fee_cap_bps"))
    result.parameters.append(self._parameter(market, "tick"))
    result.parameters.append(self._parameter(market, "no_open_seconds"))
    result.parameters.append(self._parameter(market, "oi_cap"))
    result.parameters.append(self._parameter(market, "bonus_start_bps"))
    result.parameters.append(self._parameter(market, "bonus_middle_bps"))
    result.parameters.append(self._parameter(market, "t1_seconds"))
    result.parameters.append(self._parameter(market, "t2_seconds"))
    result.parameters.append(self._parameter(market, "vault_cap_bps"))
    result.parameters.append(self._parameter(market, "cell_cap_bps"))
    result.parameters.append(self._parameter(market, "day_cap_bps"))
    result.parameters.append(self._parameter(market, "top_up_bps"))
    result.parameters.append(self._parameter(market, "backstop_from_bps"))
    result.parameters.append(self._parameter(market, "minimum"))
    result.parameters.append(self._parameter(market, "deviation_bps"))
    result.parameters.append(self._parameter(market, "grace_seconds"))
    result.parameters.append(self._parameter(market, "failover_seconds"))
    result.parameters.append(self._parameter(market, "sigma_floor_bps"))
    result.parameters.append(self._parameter(market, "ramp_bps"))
    result.parameters.append(self._parameter(market, "flat_factor_bps"))
    result.parameters.append(self._parameter(market, "rate_bps"))
    result.parameters.append(self._parameter(market, "window_seconds"))
    result.parameters.append(self._parameter(market, "half_life_fast"))
    result.parameters.append(self._parameter(market, "half_life_day"))
    result.parameters.append(self._parameter(market, "half_life_week"))
    result.parameters.append(self._parameter(market, "settle_delay"))
    result.parameters.append(self._parameter(market, "stress_share_bps"))
    result.parameters.append(self._parameter(market, "stress_vol_bps"))
    return result


# --- accounts ----------------------------------------------------------------------------------------------------


@internal
@view
def _hold(account: address, market: uint256) -> IMarketLens.Holding:
    word: uint256 = (staticcall IClearinghouse(CLEARINGHOUSE).market(market)).token_word
    result: IMarketLens.Holding = empty(IMarketLens.Holding)
    result.market = market
    result.token = state._token(word)
    result.symbol = token._symbol(result.token)
    result.decimals = state._decimals(word)
    result.balance = staticcall IERC20(result.token).balanceOf(account)
    result.to_clearinghouse = staticcall IERC20(result.token).allowance(account, CLEARINGHOUSE)
    result.to_insurance = staticcall IERC20(result.token).allowance(account, INSURANCE)
    result.to_top_up = staticcall IERC20(result.token).allowance(account, TOP_UP)
    pool: address = staticcall IRiskParameters(PARAMETERS).backstop(market)
    if pool != empty(address):
        result.to_pool = staticcall IERC20(result.token).allowance(account, pool)
        result.pool_shares = staticcall IERC20(pool).balanceOf(account)
    return result


@external
@view
def account(account: address, first: uint256, most: uint256) -> IMarketLens.Account:
    """
    @notice What an account holds of each market's token and lets contracts take, and its shares in the market's pool. For an
            eth_call.
    @param account Any account.
    @param first Place in the list of markets to begin with, 0 for the first.
    @param most Markets wanted, at most 32.
    @return The holdings; `next` is where the next page begins, 0 when there is none.
    """
    assert most != 0 and most <= MAX_HOLDINGS, "market-lens/page-size"
    result: IMarketLens.Account = empty(IMarketLens.Account)
    result.block_number = block.number
    result.timestamp = block.timestamp
    result.account = account
    result.gas_money = account.balance
    page: DynArray[uint256, MAX_HOLDINGS] = []
    page, result.next = self._page(first, most)
    for market: uint256 in page:
        result.holdings.append(self._hold(account, market))
    return result
