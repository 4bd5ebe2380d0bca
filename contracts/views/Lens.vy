# pragma version 0.4.3
# pragma optimize codesize
"""
@title Lens: everything a front end or a keeper reads, in one call each
@license AGPL-3.0-only
@notice Batch views over vaults and markets. Nothing depends on it, it stores nothing and may be deployed anew at any
        time. Margins come from the same module the margin gate and the liquidator use.
"""
from ethereum.ercs import IERC20

from interfaces import IClearinghouse
from interfaces import IExpiryPrices
from interfaces import IGreeksEngine
from interfaces import IInsuranceFund
from interfaces import ILens
from interfaces import IMarginEngine
from interfaces import IOracleAdapter

from contracts.math import payoff
from contracts.math import scales
from contracts.vaults import leg
from contracts.margin import appraisal
from contracts.margin import standing
from contracts.governance import risk_word
from contracts.oracle import snapshot as price
from contracts.vaults import vault_state as state
from contracts.views import deficit
from contracts.views import engines
from contracts.views import requirement

implements: ILens

interface IParameters:
    def trading(market: uint256) -> uint256: view
    def liquidation(market: uint256) -> uint256: view

# vaults per call; ids and states are bounded by this
MAX_VAULTS: constant(uint256) = 200

MARGIN_CALL: constant(uint256) = 16
LIQUIDATABLE: constant(uint256) = 32
COVERED: constant(uint256) = 64
NO_PRICE: constant(uint256) = 128
NOT_FRESH: constant(uint256) = 256
EXPIRED: constant(uint256) = 512

PARAMETERS: immutable(address)
CLEARINGHOUSE: immutable(address)
ORACLE: immutable(address)
EXPIRY_PRICES: immutable(address)
EXCHANGE: immutable(address)
LIQUIDATOR: immutable(address)
SETTLEMENT: immutable(address)
INSURANCE: immutable(address)


@deploy
def __init__(
    risk_parameters: address,
    clearinghouse: address,
    oracle: address,
    expiry_prices: address,
    exchange: address,
    liquidator: address,
    settlement: address,
    insurance: address,
):
    PARAMETERS = risk_parameters
    CLEARINGHOUSE = clearinghouse
    ORACLE = oracle
    EXPIRY_PRICES = expiry_prices
    EXCHANGE = exchange
    LIQUIDATOR = liquidator
    SETTLEMENT = settlement
    INSURANCE = insurance


@internal
@view
def _describe(
    vault_id: uint256, vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], expiry: uint256
) -> ILens.VaultState:
    word: uint256 = vault.word
    terms: uint256 = vault.terms
    result: ILens.VaultState = empty(ILens.VaultState)
    result.vault_id = vault_id
    result.owner = state._owner(word)
    result.market = state._market(word)
    result.model = state._model(word)
    result.expiry = expiry
    result.epoch = state._epoch(word)
    result.custody = vault.custody
    result.balance = vault.balance
    result.status = (word >> state.FLAGS_AT) & 15
    result.flag_clock = state._flag_clock(terms)
    result.flagged_at = state._flagged_at(terms)
    result.deposit = state._deposit(terms)
    result.collateral = state._collateral(vault.balance, terms, vault.token)
    result.equity = result.collateral
    result.health = max_value(uint256)
    result.legs = legs
    if len(legs) == 0:
        return result

    engine: address = vault.engine
    result.v_min = staticcall IMarginEngine(engine).max_loss(legs)
    if result.v_min != payoff.UNBOUNDED and result.collateral >= -result.v_min:
        result.status |= COVERED
    prices: IOracleAdapter.Snapshot = staticcall IOracleAdapter(ORACLE).snapshot(result.market, expiry)
    if prices.seconds == 0:
        result.status |= EXPIRED
    if not price._is_fresh(prices):
        result.status |= NOT_FRESH
    if prices.spot == 0 or prices.seconds == 0:
        # what is unknown reads as unknown: no health without a price
        result.status |= NO_PRICE
        result.equity = 0
        result.health = 0
        return result

    assessed: IMarginEngine.Assessment = staticcall IMarginEngine(engine).assess(
        legs, prices, state._engine_risk(vault), standing.NO_COLLATERAL
    )
    numbers: standing.Standing = standing._resolve(
        assessed,
        result.collateral,
        vault,
        prices,
    )
    numbers = standing._near_liquidation(numbers, assessed, vault.risk)
    result.value = assessed.value
    result.deficit = state._deficit(vault.cell)
    if result.deficit != 0:
        result.at_risk = deficit._at_risk(
            assessed.value, result.deficit, deficit._insured(INSURANCE, vault.token, result.market, expiry)
        )
    result.delta = assessed.delta
    result.equity = numbers.equity
    result.maintenance_margin = convert(numbers.mm, uint256)
    result.initial_margin = requirement._required(
        vault, legs, prices, assessed, result.collateral, False
    )
    result.target = convert(numbers.target, uint256)
    if result.maintenance_margin != 0 or result.equity < 0:
        result.health = 0
        if result.equity > 0:
            result.health = convert(result.equity, uint256) * scales.WAD // result.maintenance_margin
    if result.status & COVERED == 0:
        if result.equity < convert(result.maintenance_margin, int256):
            result.status |= LIQUIDATABLE
        if result.health < 12 * scales.WAD // 10:
            result.status |= MARGIN_CALL
    return result


@internal
@view
def _load(vault_id: uint256) -> IClearinghouse.Loaded:
    return staticcall IClearinghouse(CLEARINGHOUSE).load(vault_id)


@external
@view
def vaults(ids: DynArray[uint256, MAX_VAULTS]) -> DynArray[ILens.VaultState, MAX_VAULTS]:
    """
    @notice State of many vaults at prices of this block; unknown ids come back with an empty owner.
    @param ids Vault ids, at most 200.
    @return One state per id, in the same order.
    """
    results: DynArray[ILens.VaultState, MAX_VAULTS] = []
    for vault_id: uint256 in ids:
        result: ILens.VaultState = empty(ILens.VaultState)
        result.vault_id = vault_id
        if staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id) != 0:
            loaded: IClearinghouse.Loaded = self._load(vault_id)
            vault: IClearinghouse.Vault = loaded.vault
            legs: DynArray[uint256, 16] = loaded.legs
            result = self._describe(vault_id, vault, legs, state._expiry(vault.terms))
        results.append(result)
    return results


@external
@view
def margins(vault_id: uint256) -> ILens.Margins:
    """
    @notice What a vault has and needs. `initial_margin` is the equity that must be left after an action of row 1: a vault may
            withdraw down to it, to the last unit.
    @param vault_id A vault.
    @return The numbers; zeros without legs or without a price.
    """
    loaded: IClearinghouse.Loaded = self._load(vault_id)
    vault: IClearinghouse.Vault = loaded.vault
    legs: DynArray[uint256, 16] = loaded.legs
    prices: IOracleAdapter.Snapshot = empty(IOracleAdapter.Snapshot)
    if len(legs) != 0:
        prices = staticcall IOracleAdapter(ORACLE).snapshot(
            state._market(vault.word), state._expiry(vault.terms)
        )
    if prices.spot == 0 or prices.seconds == 0:
        return empty(ILens.Margins)
    collateral: int256 = state._collateral(vault.balance, vault.terms, vault.token)
    assessed: IMarginEngine.Assessment = staticcall IMarginEngine(vault.engine).assess(
        legs, prices, state._engine_risk(vault), standing.NO_COLLATERAL
    )
    numbers: standing.Standing = standing._resolve(
        assessed, collateral, vault, prices)
    return ILens.Margins(
        value=assessed.value,
        equity=numbers.equity,
        maintenance_margin=convert(numbers.mm, uint256),
        initial_margin=requirement._required(vault, legs, prices, assessed, collateral, True),
        target=convert(numbers.target, uint256),
    )


@internal
@view
def _with_stamp(vault: IClearinghouse.Vault, expiry: uint256, adds: bool) -> uint256:
    """
    @dev Terms of a STATIC vault with the ratios that new risk sets now. What only closes may keep those of old: the larger.
    """
    prices: IOracleAdapter.Snapshot = staticcall IOracleAdapter(ORACLE).snapshot(
        state._market(vault.word), expiry
    )
    stamp: uint256 = risk_word._stamp(
        vault.risk, max(prices.sigma, prices.sigma_now)
    )
    if not adds:
        stamp = risk_word._larger_stamp(
            stamp, (vault.terms & state.STAMP_MASK) >> state.STAMP_AT
        )
    return (vault.terms & ~state.STAMP_MASK) | (stamp << state.STAMP_AT)


@internal
@pure
def _adds(held: uint256, item: uint256, inverse: bool) -> bool:
    """
    @dev Whether a leg that is received brings an option or delta leg further from zero, or across it.
    """
    if leg._is_money(leg._kind(item), inverse):
        return False
    old: int256 = leg._quantity(held)
    new: int256 = old + leg._quantity(item)
    return abs(new) > abs(old) or (new != 0 and (new > 0) != (old > 0))


@internal
@view
def _preview(
    vault_id: uint256,
    held: IClearinghouse.Vault,
    held_legs: DynArray[uint256, 16],
    expiry: uint256,
    moved: DynArray[uint256, 16],
    cash: int256,
) -> ILens.VaultState:
    """
    @dev State of this vault with these legs after it has received legs and cash.
    """
    vault: IClearinghouse.Vault = held
    legs: DynArray[uint256, 16] = held_legs
    if len(legs) == 0:
        vault.terms = expiry | (
            risk_word._liquidation_deposit(vault.risk) << state.DEPOSIT_AT
        )
        vault.cell = staticcall IClearinghouse(CLEARINGHOUSE).cell(
            state._market(vault.word), expiry
        )
    inverse: bool = state._is_inverse(vault.token)
    adds: bool = False
    for item: uint256 in moved:
        found: bool = False
        for i: uint256 in range(len(legs), bound=16):
            if leg._key(legs[i]) == leg._key(item):
                adds = adds or self._adds(legs[i], item, inverse)
                legs[i] = leg._pack(leg._key(item), leg._quantity(legs[i]) + leg._quantity(item))
                found = True
                break
        if not found:
            assert len(legs) < leg.MAX_LEGS, "lens/too-many-legs"
            adds = adds or not leg._is_money(leg._kind(item), inverse)
            legs.append(item)
    kept: DynArray[uint256, 16] = []
    for item: uint256 in legs:
        if leg._quantity(item) != 0:
            kept.append(item)
    if len(kept) == 0:
        vault.terms = 0
    elif len(moved) != 0 and state._model(vault.word) == state.STATIC:
        vault.terms = self._with_stamp(vault, expiry, adds)
    balance: int256 = convert(vault.balance, int256) + cash
    assert balance >= 0, "lens/insufficient-balance"
    vault.balance = convert(balance, uint256)
    return self._describe(vault_id, vault, kept, expiry if len(kept) != 0 else 0)


@external
@view
def preview(
    vault_id: uint256, expiry: uint256, moved: DynArray[uint256, 16], cash: int256
) -> ILens.VaultState:
    """
    @notice State a vault would have after receiving legs and cash, to be looked at before signing or filling.
    @dev A first leg locks the liquidation deposit in the preview too. Passes the trade when equity covers
         `initial_margin`; what the chain refuses for other reasons shows in a simulated call. A STATIC vault is looked at
         with the ratios that new risk sets now; where legs only close, with its own where they are higher.
    @param vault_id The vault.
    @param expiry Expiry of the legs [unix seconds]; must be the vault's own when it has legs.
    @param moved Leg words the vault would receive.
    @param cash Tokens it would receive, fee included; negative when it pays [native].
    @return The state after.
    """
    loaded: IClearinghouse.Loaded = self._load(vault_id)
    vault: IClearinghouse.Vault = loaded.vault
    legs: DynArray[uint256, 16] = loaded.legs
    assert len(legs) == 0 or state._expiry(vault.terms) == expiry, "lens/wrong-cell"
    return self._preview(vault_id, vault, legs, expiry, moved, cash)


@external
@view
def preview_new(
    market: uint256,
    model: uint256,
    expiry: uint256,
    moved: DynArray[uint256, 16],
    cash: int256,
) -> ILens.VaultState:
    """
    @notice `preview` of a vault that is still to be opened: id 0, no owner.
    @param market Market index.
    @param model Margin model: 0 ES, 1 GREEKS, 2 STATIC.
    @param expiry Expiry of the legs [unix seconds].
    @param moved Leg words the vault would receive.
    @param cash Tokens deposited and received, less premium and fee [native].
    @return The state after.
    """
    assert model <= state.STATIC, "lens/unknown-model"
    vault: IClearinghouse.Vault = empty(IClearinghouse.Vault)
    vault.word = (market << state.MARKET_AT) | (model << state.MODEL_AT)
    ledger: IClearinghouse.Market = staticcall IClearinghouse(CLEARINGHOUSE).market(market)
    vault.token = ledger.token_word
    vault.engine = engines._engine(CLEARINGHOUSE, model, vault.token)
    vault.risk = ledger.risk
    return self._preview(0, vault, [], expiry, moved, cash)


@external
@view
def greeks_terms(vault_id: uint256) -> IGreeksEngine.Terms:
    """
    @notice What the maintenance margin of a GREEKS vault is made of, before the max-loss cap: the larger of the first five
            together and the last.
    @param vault_id A vault of the GREEKS model, with legs that have not expired.
    @return The terms [wad].
    """
    loaded: IClearinghouse.Loaded = self._load(vault_id)
    vault: IClearinghouse.Vault = loaded.vault
    legs: DynArray[uint256, 16] = loaded.legs
    assert state._model(vault.word) == state.GREEKS, "lens/not-greeks"
    prices: IOracleAdapter.Snapshot = staticcall IOracleAdapter(ORACLE).snapshot(
        state._market(vault.word), state._expiry(vault.terms)
    )
    return staticcall IGreeksEngine(vault.engine).terms(
        legs, prices, vault.risk
    )


@internal
@view
def _is_safe(
    vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], prices: IOracleAdapter.Snapshot, spot: uint256
) -> bool:
    """
    @dev E >= MM with spot moved, the forward in its ratio to it, and all else as it is.
    """
    assessed: IMarginEngine.Assessment = empty(IMarginEngine.Assessment)
    numbers: standing.Standing = empty(standing.Standing)
    assessed, numbers = appraisal._assess(vault, legs, price._at(prices, spot))
    return numbers.equity >= numbers.mm


@external
@view
def liquidation_prices(vault_id: uint256) -> ILens.LiquidationPrices:
    """
    @notice Nearest spot below and above the present one at which a vault is liquidatable, all else as it is now.
    @dev Walks outwards in steps of 1 %, each a tenth wider than the last beyond the twentieth, to a twentieth and to the
         twentyfold of spot, then halves the step that crossed until it is a millionth of spot: the nearest crossing,
         unless a vault becomes liquidatable and safe again within one step. For an eth_call: up to 150 assessments.
    @param vault_id A vault.
    @return Both; 0 and the largest number where there is none; the present spot twice when it is
            liquidatable now. Within a millionth of spot on the liquidatable side.
    """
    loaded: IClearinghouse.Loaded = self._load(vault_id)
    vault: IClearinghouse.Vault = loaded.vault
    legs: DynArray[uint256, 16] = loaded.legs
    found: ILens.LiquidationPrices = ILens.LiquidationPrices(below=0, above=max_value(uint256))
    if len(legs) == 0:
        return found
    v_min: int256 = staticcall IMarginEngine(vault.engine).max_loss(legs)
    collateral: int256 = state._collateral(
        vault.balance, vault.terms, vault.token
    )
    if v_min != payoff.UNBOUNDED and collateral >= -v_min:
        return found
    prices: IOracleAdapter.Snapshot = staticcall IOracleAdapter(ORACLE).snapshot(
        state._market(vault.word), state._expiry(vault.terms)
    )
    spot: uint256 = prices.spot
    assert spot != 0 and prices.seconds != 0, "lens/no-price"
    if not self._is_safe(vault, legs, prices, spot):
        return ILens.LiquidationPrices(below=spot, above=spot)
    for side: uint256 in range(2):
        safe: uint256 = spot
        step: uint256 = scales.WAD // 100
        for i: uint256 in range(64):
            if i >= 20:
                step = step * 11 // 10
            next: uint256 = safe * (scales.WAD + step) // scales.WAD
            if side == 0:
                next = safe * scales.WAD // (scales.WAD + step)
            if next > 20 * spot or next < spot // 20:
                break
            if self._is_safe(vault, legs, prices, next):
                safe = next
                continue
            for j: uint256 in range(64):
                if max(safe, next) - min(safe, next) <= spot // 10**6:
                    break
                middle: uint256 = (safe + next) // 2
                if self._is_safe(vault, legs, prices, middle):
                    safe = middle
                else:
                    next = middle
            if side == 0:
                found.below = next
            else:
                found.above = next
            break
    return found


@external
@view
def market(market: uint256, expiry: uint256) -> ILens.MarketState:
    """
    @notice State of a market and one of its cells.
    @param market Market index.
    @param expiry Expiry of the cell [unix seconds].
    @return The state; its token is empty when the market is not listed.
    """
    result: ILens.MarketState = empty(ILens.MarketState)
    result.market = market
    ledger: IClearinghouse.Market = staticcall IClearinghouse(CLEARINGHOUSE).market(market)
    token_word: uint256 = ledger.token_word
    result.risk = ledger.risk
    result.open_interest = ledger.open_interest
    if token_word == 0:
        return result
    result.token = state._token(token_word)
    result.decimals = state._decimals(token_word)
    result.inverse = state._is_inverse(token_word)
    result.unit = state._unit(token_word)
    result.lot = state._lot(token_word)
    result.trading = staticcall IParameters(PARAMETERS).trading(market)
    result.liquidation = staticcall IParameters(PARAMETERS).liquidation(market)
    result.insurance = staticcall IERC20(result.token).balanceOf(
        staticcall IInsuranceFund(INSURANCE).pot(market)
    )
    result.snapshot = staticcall IOracleAdapter(ORACLE).snapshot(market, expiry)
    cell: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).cell(market, expiry)
    result.gross = state._gross(cell)
    result.deficit = state._deficit(cell)
    result.insured = deficit._insured(INSURANCE, token_word, market, expiry)
    result.expiry_price = staticcall IExpiryPrices(EXPIRY_PRICES).price(market, expiry)
    return result


@external
@view
def addresses() -> address[7]:
    """
    @notice The contracts this lens reads.
    @return RiskParameters, Clearinghouse, OracleAdapter, Exchange, Liquidator, Settlement, InsuranceFund.
    """
    return [PARAMETERS, CLEARINGHOUSE, ORACLE, EXCHANGE, LIQUIDATOR, SETTLEMENT, INSURANCE]
