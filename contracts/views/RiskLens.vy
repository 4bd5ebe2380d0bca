# pragma version 0.4.3
# pragma optimize codesize
"""
@title RiskLens: how the margin of a vault comes about, what moves it and where it ends
@license AGPL-3.0-only
@notice For people and front ends, beside PositionLens. No formula of its own: every number is one that the engines and
        margin/standing give, or the difference of two of them. Stores nothing; nothing depends on it.
@dev bulkhead/risk/explain.py and bulkhead/risk/liquidation_price.py give the same without a chain.
"""

from interfaces import IClearinghouse
from interfaces import IGreeksEngine
from interfaces import IMarginEngine
from interfaces import IOracleAdapter
from interfaces import IRiskLens

from contracts.governance import risk_word
from contracts.margin import appraisal
from contracts.margin import marks
from contracts.margin import standing
from contracts.math import payoff
from contracts.math import scales
from contracts.oracle import snapshot as price
from contracts.oracle import svi_slice
from contracts.vaults import leg
from contracts.vaults import vault_state as state
from contracts.views import engines
from contracts.views import names
from contracts.views import requirement

implements: IRiskLens

# assessments that one `liquidation_prices` makes at most, and how narrow brackets become [1 / spot]
ASSESSMENTS: constant(uint256) = 40
NARROW: constant(uint256) = 10**6
MOST_SHIFT: constant(int256) = 100_000
ONE_BPS: constant(int256) = 10_000

CLEARINGHOUSE: immutable(address)
ORACLE: immutable(address)


@deploy
def __init__(clearinghouse: address, oracle: address):
    """
    @param clearinghouse The ledger. @param oracle OracleAdapter.
    """
    CLEARINGHOUSE = clearinghouse
    ORACLE = oracle


# --- reading -----------------------------------------------------------------------------------------------------


@internal
@view
def _snapshot(market: uint256, expiry: uint256) -> IOracleAdapter.Snapshot:
    """
    @dev Prices of a cell that has one and has not expired.
    """
    prices: IOracleAdapter.Snapshot = appraisal._snapshot(ORACLE, market, expiry)
    assert prices.spot != 0 and prices.seconds != 0, "risk-lens/no-price"
    return prices


@internal
@view
def _load(vault_id: uint256) -> (IClearinghouse.Loaded, IOracleAdapter.Snapshot):
    loaded: IClearinghouse.Loaded = appraisal._load(CLEARINGHOUSE, vault_id)
    assert len(loaded.legs) != 0, "risk-lens/no-legs"
    return loaded, self._snapshot(state._market(loaded.vault.word), state._expiry(loaded.vault.terms))


@internal
@view
def _moment(prices: IOracleAdapter.Snapshot) -> IRiskLens.Moment:
    return IRiskLens.Moment(
        block_number=block.number,
        timestamp=block.timestamp,
        price_state=names._price_state(prices),
        price_age=names._age(prices),
        spot=prices.spot,
    )


# --- the margin explained ----------------------------------------------------------------------------------------


@internal
@view
def _terms(
    vault: IClearinghouse.Vault,
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
    margin: uint256,
) -> IRiskLens.Terms:
    """
    @dev What the margin is made of. Engines round once: what their rounding leaves is in the term that counts.
    """
    result: IRiskLens.Terms = empty(IRiskLens.Terms)
    if state._model(vault.word) == state.STATIC:
        longs: DynArray[uint256, 16] = []
        for item: uint256 in legs:
            if leg._kind(item) <= leg.PUT and leg._quantity(item) > 0:
                longs.append(item)
        if len(longs) != 0:
            alone: IMarginEngine.Assessment = staticcall IMarginEngine(vault.engine).assess(
                longs, prices, state._engine_risk(vault), standing.NO_COLLATERAL
            )
            result.longs = convert(alone.margin, uint256)
        result.shorts = margin - result.longs
        return result
    greeks: address = engines._engine(CLEARINGHOUSE, state.GREEKS, vault.token)
    told: IGreeksEngine.Terms = staticcall IGreeksEngine(greeks).terms(legs, prices, vault.risk)
    result.decay = convert(told.decay, uint256)
    result.floor = convert(told.floor, uint256)
    if state._model(vault.word) == state.GREEKS:
        result.delta = told.delta
        result.gamma = told.gamma
        result.vega = convert(told.vega, uint256)
        result.es_share = convert(told.es, uint256)
        return result
    asked: uint256 = margin - min(result.floor, margin)
    # the two models round the decay at another place: a wei apart
    if result.decay != 0 and result.decay + 1 >= asked:
        result.decay = asked
        result.decay_counts = True
    else:
        result.tail = asked
    return result


@internal
@view
def _initial(
    vault: IClearinghouse.Vault,
    prices: IOracleAdapter.Snapshot,
    found: IMarginEngine.Assessment,
    collateral: int256,
    asked: uint256,
) -> IRiskLens.Initial:
    """
    @dev From the margin to what row 1 asks, step by step: without cap and add-ons, with one, with both, with the cap.
    """
    result: IRiskLens.Initial = empty(IRiskLens.Initial)
    result.base = convert(found.initial, uint256)
    if result.base == 0:
        result.kappa = standing._kappa(prices.vol_ratio, vault.risk)
        result.base = standing._mul_up(convert(found.margin, uint256), result.kappa)
    free: IMarginEngine.Assessment = found
    free.v_min = payoff.UNBOUNDED
    numbers: standing.Standing = standing._resolve(found, collateral, vault, prices)
    uncapped: standing.Standing = standing._resolve(free, collateral, vault, prices)
    sized: int256 = uncapped.im
    near: int256 = (standing._near_liquidation(uncapped, free, vault.risk)).im
    capped: int256 = (standing._near_liquidation(numbers, found, vault.risk)).im
    result.concentration = convert(sized, uint256) - result.base
    result.proximity = convert(near - sized, uint256)
    result.cap = capped - near
    result.other = convert(asked, int256) - capped
    return result


@external
@view
def explain(vault_id: uint256) -> IRiskLens.Explanation:
    """
    @notice The margin of a vault, term by term, at the price of now. For an eth_call.
    @param vault_id A vault with legs that have not expired, in a market with a price.
    @return The terms, what caps them, what turns MM into IM, and what comes out.
    """
    loaded: IClearinghouse.Loaded = empty(IClearinghouse.Loaded)
    prices: IOracleAdapter.Snapshot = empty(IOracleAdapter.Snapshot)
    loaded, prices = self._load(vault_id)
    vault: IClearinghouse.Vault = loaded.vault
    found: IMarginEngine.Assessment = empty(IMarginEngine.Assessment)
    numbers: standing.Standing = empty(standing.Standing)
    found, numbers = appraisal._assess(vault, loaded.legs, prices)
    collateral: int256 = numbers.equity - found.value
    asked: uint256 = requirement._required(vault, loaded.legs, prices, found, collateral, False)
    margin: uint256 = convert(found.margin, uint256)
    return IRiskLens.Explanation(
        at=self._moment(prices),
        vault_id=vault_id,
        model=names._model(state._model(vault.word)),
        collateral=collateral,
        value=found.value,
        equity=numbers.equity,
        v_min=found.v_min,
        terms=self._terms(vault, loaded.legs, prices, margin),
        margin=margin,
        cap=standing._room(found),
        maintenance_margin=convert(numbers.mm, uint256),
        initial=self._initial(vault, prices, found, collateral, asked),
        initial_margin=asked,
        after_action=requirement._required(vault, loaded.legs, prices, found, collateral, True),
        target=convert(numbers.target, uint256),
    )


# --- other prices ------------------------------------------------------------------------------------------------


@internal
@pure
def _shifted(prices: IOracleAdapter.Snapshot, vol_shift: int256) -> IOracleAdapter.Snapshot:
    """
    @dev The snapshot with every iv moved by a share of itself [bps]; a flat vol stays within what engines take.
    """
    assert vol_shift > -ONE_BPS and vol_shift <= MOST_SHIFT, "risk-lens/vol-shift"
    if vol_shift == 0:
        return prices
    moved: IOracleAdapter.Snapshot = prices
    factor: uint256 = convert(ONE_BPS + vol_shift, uint256)
    one: uint256 = scales.BPS_IN_ONE
    if prices.status & price.SURFACE_SVI == 0:
        moved.surface_near = min(max(prices.surface_near * factor // one, marks.MIN_VOL), marks.MAX_VOL)
        return moved
    moved.surface_near = svi_slice._scale(prices.surface_near, factor * factor, one * one)
    if prices.surface_far != 0:
        moved.surface_far = svi_slice._scale(prices.surface_far, factor * factor, one * one)
    mix: uint256 = prices.surface_weight
    flat: uint256 = (mix >> svi_slice.FLAT_AT) & svi_slice.LANE
    moved.surface_weight = (mix & (svi_slice.LANE << svi_slice.FADE_AT | svi_slice.LANE)) | (
        min(flat * factor // one, svi_slice.LANE) << svi_slice.FLAT_AT
    )
    return moved


@internal
@view
def _profile(
    vault: IClearinghouse.Vault,
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
    collateral: int256,
    points: DynArray[IRiskLens.Point, 32],
) -> IRiskLens.Profile:
    result: IRiskLens.Profile = empty(IRiskLens.Profile)
    result.at = self._moment(prices)
    risk: uint256 = state._engine_risk(vault)
    for point: IRiskLens.Point in points:
        at: IOracleAdapter.Snapshot = self._shifted(price._at(prices, point.spot), point.vol_shift)
        found: IMarginEngine.Assessment = staticcall IMarginEngine(vault.engine).assess(
            legs, at, risk, standing.NO_COLLATERAL
        )
        numbers: standing.Standing = standing._resolve(found, collateral, vault, at)
        result.levels.append(
            IRiskLens.Level(equity=numbers.equity, maintenance_margin=convert(numbers.mm, uint256))
        )
    return result


@external
@view
def profile(vault_id: uint256, points: DynArray[IRiskLens.Point, 32]) -> IRiskLens.Profile:
    """
    @notice Equity and MM of a vault at other prices and vols, all else as it is: the forward keeps its ratio to spot,
            time stands still. For an eth_call.
    @param vault_id A vault with legs that have not expired, in a market with a price.
    @param points Where to look, at most 32.
    @return One level per point, in the same order.
    """
    loaded: IClearinghouse.Loaded = empty(IClearinghouse.Loaded)
    prices: IOracleAdapter.Snapshot = empty(IOracleAdapter.Snapshot)
    loaded, prices = self._load(vault_id)
    vault: IClearinghouse.Vault = loaded.vault
    return self._profile(
        vault, loaded.legs, prices, state._collateral(vault.balance, vault.terms, vault.token), points
    )


@external
@view
def profile_of(thought: IRiskLens.Thought, points: DynArray[IRiskLens.Point, 32]) -> IRiskLens.Profile:
    """
    @notice `profile` of legs and collateral that are only thought of.
    @param thought Legs of one cell, their model and their collateral.
    @param points Where to look, at most 32.
    @return One level per point, in the same order.
    """
    assert thought.model <= state.STATIC, "risk-lens/unknown-model"
    prices: IOracleAdapter.Snapshot = self._snapshot(thought.market, thought.expiry)
    vault: IClearinghouse.Vault = empty(IClearinghouse.Vault)
    vault.word = thought.model << state.MODEL_AT
    ledger: IClearinghouse.Market = staticcall IClearinghouse(CLEARINGHOUSE).market(thought.market)
    vault.token = ledger.token_word
    vault.engine = engines._engine(CLEARINGHOUSE, thought.model, vault.token)
    vault.risk = ledger.risk
    if thought.model == state.STATIC:
        vault.terms = risk_word._stamp(vault.risk, max(prices.sigma, prices.sigma_now)) << state.STAMP_AT
    return self._profile(vault, thought.legs, prices, thought.collateral, points)


# --- edges -------------------------------------------------------------------------------------------------------


@internal
@view
def _gap(loaded: IClearinghouse.Loaded, prices: IOracleAdapter.Snapshot, spot: uint256) -> int256:
    """
    @dev E - MM with spot moved [wad].
    """
    found: IMarginEngine.Assessment = empty(IMarginEngine.Assessment)
    numbers: standing.Standing = empty(standing.Standing)
    found, numbers = appraisal._assess(loaded.vault, loaded.legs, price._at(prices, spot))
    return numbers.equity - numbers.mm


@internal
@view
def _narrow(
    loaded: IClearinghouse.Loaded, prices: IOracleAdapter.Snapshot, bracket: IRiskLens.Bracket, turns: uint256
) -> IRiskLens.Bracket:
    """
    @dev Regula falsi: an end that stays counts half as much the next time (Illinois). No point comes nearer to an end than half the
         width asked for, so that the last ones fall on both sides of the edge.
    """
    safe: int256 = convert(bracket.safe, int256)
    bad: int256 = convert(bracket.liquidatable, int256)
    above: int256 = self._gap(loaded, prices, bracket.safe)
    below: int256 = self._gap(loaded, prices, bracket.liquidatable)
    if above < 0 or below >= 0:
        return empty(IRiskLens.Bracket)
    narrow: int256 = max(convert(prices.spot // NARROW, int256), 2)
    last: int256 = 0  # 1: the safe end moved last, -1: the other
    for i: uint256 in range(turns, bound=ASSESSMENTS):
        width: int256 = bad - safe
        if abs(width) <= narrow:
            break
        step: int256 = width * above // (above - below)
        nearest: int256 = narrow // 2
        if width < 0:
            step = max(min(step, -nearest), width + nearest)
        else:
            step = min(max(step, nearest), width - nearest)
        gap: int256 = self._gap(loaded, prices, convert(safe + step, uint256))
        if gap >= 0:
            safe += step
            above = gap
            if last == 1:
                below = min(below // 2, -1)
            last = 1
        else:
            bad = safe + step
            below = gap
            if last == -1:
                above = above // 2
            last = -1
    return IRiskLens.Bracket(safe=convert(safe, uint256), liquidatable=convert(bad, uint256))


@external
@view
def liquidation_prices(
    vault_id: uint256, brackets: DynArray[IRiskLens.Bracket, 4]
) -> IRiskLens.Edges:
    """
    @notice Narrows brackets, as `profile` or a mirror finds them, down to the prices at which a vault becomes liquidatable, all
            else as it is now. For an eth_call: 40 assessments at most, shared alike.
    @param vault_id A vault with legs that have not expired, in a market with a price.
    @param brackets Each with a price at which the vault is safe and one at which it is liquidatable, at most 4.
    @return Each narrowed to a millionth of spot, or as far as its assessments reach; zeros where an end is not what the bracket
            says. The edge lies between the two: at `liquidatable` the chain flags the vault.
    """
    loaded: IClearinghouse.Loaded = empty(IClearinghouse.Loaded)
    prices: IOracleAdapter.Snapshot = empty(IOracleAdapter.Snapshot)
    loaded, prices = self._load(vault_id)
    result: IRiskLens.Edges = empty(IRiskLens.Edges)
    result.at = self._moment(prices)
    for bracket: IRiskLens.Bracket in brackets:
        result.brackets.append(
            self._narrow(loaded, prices, bracket, ASSESSMENTS // len(brackets) - 2)
        )
    return result
