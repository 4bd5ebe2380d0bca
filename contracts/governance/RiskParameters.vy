# pragma version 0.4.3
# pragma optimize codesize
"""
@title Risk parameters: every bounded number of every market
@license AGPL-3.0-only
@notice Holds the numbers that may change, keeps each within bounds that may not, and pushes them, packed, to the
        contracts that use them. Owns: the four parameter words of each market and the list of markets. Trusts: its
        owner within the bounds, its guardian with pausing the opening of new risk for 14 days, and nobody with
        collateral. Assumes: the contracts named at construction let only this one configure them.
@dev The owner is meant to be a Timelock: `transfer_ownership` to it, and anyone may have it accept. Every change
     passes `_store`. A parameter that moves the equity or the maintenance margin of open vaults gets there by a ramp:
     `set_parameter` notes the target, `advance`, which anyone may call, stores the step that is due (INV-06).
"""

from contracts.math import scales
from contracts.governance import risk_word
from contracts.oracle import snapshot
from contracts.vaults import vault_state as state
from interfaces import IClearinghouse
from interfaces import ILiquidator
from interfaces import IMarginEngine
from interfaces import IOracleAdapter
from interfaces import IRiskParameters
from snekmate.auth import ownable
from snekmate.auth import ownable_2step
from snekmate.utils import math

implements: IRiskParameters

initializes: ownable
initializes: ownable_2step[ownable := ownable]

# renounce_ownership stays out: a market without an owner could never leave a bad parameter
exports: (
    ownable_2step.owner,
    ownable_2step.pending_owner,
    ownable_2step.transfer_ownership,
    ownable_2step.accept_ownership,
)


interface IConfigurable:
    def configure(market: uint256, word: uint256): nonpayable


interface IPool:
    def market() -> uint256: view


interface IERC20Decimals:
    def decimals() -> uint8: view

# indices of the words of a market
RISK: constant(uint256) = 0
TRADING: constant(uint256) = 1
LIQUIDATION: constant(uint256) = 2
ORACLE: constant(uint256) = 3

# first bit beyond the fields that `list_market` may set; paused_until follows in the trading word
RISK_END: constant(uint256) = 254
TRADING_END: constant(uint256) = 208
LIQUIDATION_END: constant(uint256) = 160
ORACLE_END: constant(uint256) = 244

PAUSED_UNTIL_AT: constant(uint256) = 208
MOST_PAUSED: constant(uint256) = 14   # days in any PAUSE_SPAN
PAUSE_SPAN: constant(uint256) = 28

MAX_MARKETS: constant(uint256) = 256
MAX_LOT: constant(uint256) = 10**9          # 1000 contracts
MAX_DIGITS: constant(uint256) = 12          # of a unit: its millionth is a wad
MIN_HEARTBEAT: constant(uint256) = 60
MAX_HEARTBEAT: constant(uint256) = 172800

# a ramp moves a parameter by a hundredth of itself an hour
HUNDRED_HOURS: constant(uint256) = 100 * scales.HOUR
# and the rate, which is stored with an offset, by 10 bp an hour
RATE_BASE: constant(uint256) = 1000

# a table entry: hash of the name, high 72 bits | offset 1 | ramped 1 | word 6 | shift 8 | bits 8 | greatest 80 |
# least 80
COUNT: constant(uint256) = 46
NAME_AT: constant(uint256) = 184
WORD_AT: constant(uint256) = 176
SHIFT_AT: constant(uint256) = 168
BITS_AT: constant(uint256) = 160
WORD_MASK: constant(uint256) = 63
RAMPED: constant(uint256) = 64
OFFSET: constant(uint256) = 128
BOUND_MASK: constant(uint256) = 2**80 - 1

TABLE: immutable(uint256[COUNT])

# the contracts that receive the words
CLEARINGHOUSE: immutable(address)
ORACLE_ADAPTER: immutable(address)
EXCHANGE: immutable(address)
LIQUIDATOR: immutable(address)
SETTLEMENT: immutable(address)

# account that may pause opening, empty for none
guardian: public(address)
# packed words of each market, by RISK, TRADING, LIQUIDATION, ORACLE
_words: HashMap[uint256, uint256[4]]
# changes on their way: market -> hash of the name -> target | last step << 80, 0 for none
_ramps: HashMap[uint256, HashMap[uint256, uint256]]
# market -> last paused day (UTC) 40 | bit i: opening was paused on the day i before that one 28
_pauses: HashMap[uint256, uint256]
# indices of the listed markets
_markets: DynArray[uint256, MAX_MARKETS]
# whether a market index is taken
listed: public(HashMap[uint256, bool])
# market -> its backstop pool, where keepers and front ends find it; it has no right that others lack
backstop: public(HashMap[uint256, address])


@deploy
def __init__(
    owner: address,
    guardian: address,
    clearinghouse: address,
    oracle_adapter: address,
    exchange: address,
    liquidator: address,
    settlement: address,
):
    """
    @notice Names the owner, the guardian and the receivers of parameters.
    @param owner Account that may change parameters.
    @param guardian Account that may pause opening; empty for none.
    @param clearinghouse Receives the risk word.
    @param oracle_adapter Receives the oracle word.
    @param exchange Receives the trading word.
    @param liquidator Receives the liquidation word.
    @param settlement Receives the liquidation word.
    """
    assert owner != empty(address), "parameters/empty-owner"
    ownable.__init__()
    ownable_2step.__init__()
    ownable._transfer_ownership(owner)
    self.guardian = guardian
    log IRiskParameters.GuardianChanged(guardian=guardian)
    CLEARINGHOUSE = clearinghouse
    ORACLE_ADAPTER = oracle_adapter
    EXCHANGE = exchange
    LIQUIDATOR = liquidator
    SETTLEMENT = settlement
    # bounds and their reasons: docs/parameters.md, whose generator a test compares with this table
    TABLE = [
        self._entry(keccak256("kappa_calm_bps"), RISK, 0, 16, 11000, 30000),
        self._entry(keccak256("kappa_stress_bps"), RISK, 16, 16, 11000, 30000),
        self._entry(keccak256("proximity_bps"), RISK, 32, 16, 0, 5000),
        self._entry(keccak256("lambda_bps"), RISK, 48, 16, 0, 20000),
        self._entry(keccak256("liquidity_scale"), RISK, 64, 40, 0, 10**12),
        self._entry(keccak256("horizon_seconds"), RISK | RAMPED, 104, 18, 14400, 172800),
        self._entry(keccak256("tail_bps"), RISK | RAMPED, 122, 8, 10, 250),
        self._entry(keccak256("short_floor_bps"), RISK | RAMPED, 130, 16, 20, 500),
        self._entry(keccak256("iv_floor_bps"), RISK | RAMPED, 146, 16, 1000, 10000),
        self._entry(keccak256("phi_bps"), RISK, 162, 16, 0, 1000),
        self._entry(keccak256("dust"), RISK, 178, 10, 0, 1000),
        self._entry(keccak256("deposit"), RISK, 188, 28, 10**6, 200 * 10**6),
        self._entry(keccak256("static_otm"), RISK, 216, 10, 50, 400),
        self._entry(keccak256("static_least"), RISK, 226, 10, 30, 400),
        self._entry(keccak256("static_future"), RISK, 236, 10, 30, 400),
        self._entry(keccak256("greeks_move"), RISK | RAMPED, 246, 8, 20, 60),
        self._entry(keccak256("taker_fee_bps"), TRADING, 0, 16, 0, 30),
        self._entry(keccak256("maker_fee_bps"), TRADING, 16, 16, 0, 30),
        self._entry(keccak256("fee_cap_bps"), TRADING, 32, 16, 0, 2500),
        self._entry(keccak256("tick"), TRADING, 48, 56, 10**4, 10**13),
        self._entry(keccak256("no_open_seconds"), TRADING, 104, 24, 0, 86400),
        self._entry(keccak256("oi_cap"), TRADING, 128, 80, 0, 2**80 - 1),
        self._entry(keccak256("bonus_start_bps"), LIQUIDATION, 0, 16, 0, 1000),
        self._entry(keccak256("bonus_middle_bps"), LIQUIDATION, 16, 16, 1000, 9000),
        self._entry(keccak256("t1_seconds"), LIQUIDATION, 32, 16, 60, 3600),
        self._entry(keccak256("t2_seconds"), LIQUIDATION, 48, 16, 120, 14400),
        self._entry(keccak256("vault_cap_bps"), LIQUIDATION, 64, 16, 0, 20000),
        self._entry(keccak256("cell_cap_bps"), LIQUIDATION, 80, 16, 0, 10000),
        self._entry(keccak256("day_cap_bps"), LIQUIDATION, 96, 16, 0, 10000),
        self._entry(keccak256("top_up_bps"), LIQUIDATION, 112, 16, 0, 5000),
        self._entry(keccak256("backstop_from_bps"), LIQUIDATION, 128, 16, 500, 6000),
        self._entry(keccak256("minimum"), LIQUIDATION, 144, 16, 0, 10000),
        self._entry(keccak256("deviation_bps"), ORACLE, 0, 16, 50, 2000),
        self._entry(keccak256("grace_seconds"), ORACLE, 16, 16, 0, 43200),
        self._entry(keccak256("failover_seconds"), ORACLE, 32, 16, 600, 43200),
        self._entry(keccak256("sigma_floor_bps"), ORACLE, 48, 16, 1000, 10000),
        self._entry(keccak256("ramp_bps"), ORACLE, 64, 16, 100, 2000),
        self._entry(keccak256("flat_factor_bps"), ORACLE | RAMPED, 80, 16, 10000, 30000),
        self._entry(
            keccak256("rate_bps"), ORACLE | RAMPED | OFFSET, 96, 16, 2**15 - 5000, 2**15 + 5000
        ),
        self._entry(keccak256("window_seconds"), ORACLE, 112, 16, 0, 7200),
        # the three ranges do not meet, so fast < day < week without a check
        self._entry(keccak256("half_life_fast"), ORACLE, 128, 24, 3600, 43200),
        self._entry(keccak256("half_life_day"), ORACLE, 152, 24, 43201, 259200),
        self._entry(keccak256("half_life_week"), ORACLE, 176, 24, 259201, 2592000),
        self._entry(keccak256("settle_delay"), ORACLE, 200, 12, 0, 3600),
        self._entry(keccak256("stress_share_bps"), ORACLE, 212, 16, 0, 5000),
        self._entry(keccak256("stress_vol_bps"), ORACLE, 228, 16, 1000, 30000),
    ]


@internal
@pure
def _entry(
    name: bytes32, word: uint256, lowest: uint256, bits: uint256, least: uint256, greatest: uint256
) -> uint256:
    return (
        ((convert(name, uint256) >> NAME_AT) << NAME_AT)
        | (word << WORD_AT)
        | (lowest << SHIFT_AT)
        | (bits << BITS_AT)
        | (greatest << 80)
        | least
    )


# --- decide ------------------------------------------------------------------------------------------------------


@internal
@view
def _find(name: String[32]) -> uint256:
    """
    @notice Table entry of a parameter.
    """
    digest: uint256 = convert(keccak256(name), uint256) >> NAME_AT
    for i: uint256 in range(COUNT):
        entry: uint256 = TABLE[i]
        if entry >> NAME_AT == digest:
            return entry
    raise "parameters/unknown-name"


@internal
@pure
def _read(entry: uint256, words: uint256[4]) -> uint256:
    """
    @notice The number that a table entry describes.
    """
    return (words[(entry >> WORD_AT) & WORD_MASK] >> ((entry >> SHIFT_AT) & 255)) & self._mask(entry)


@internal
@pure
def _mask(entry: uint256) -> uint256:
    return (1 << ((entry >> BITS_AT) & 255)) - 1


@internal
@pure
def _check_bounds(entry: uint256, number: uint256):
    assert number >= entry & BOUND_MASK, "parameters/too-small"
    assert number <= (entry >> 80) & BOUND_MASK, "parameters/too-large"


@internal
@view
def _check_order(words: uint256[4]):
    """
    @notice Relations between parameters that single bounds cannot express.
    """
    assert risk_word._kappa_stress(words[RISK]) >= risk_word._kappa_calm(words[RISK]), "parameters/kappa-order"
    t1: uint256 = (words[LIQUIDATION] >> 32) & 65535
    t2: uint256 = (words[LIQUIDATION] >> 48) & 65535
    assert t2 >= 2 * t1, "parameters/clock-order"


@internal
@pure
def _check_tick(token_word: uint256, trading: uint256):
    """
    @notice In an inverse market a put on a whole number of lots is covered by CASH, which is counted in 1e-6 quote.
    """
    tick: uint256 = (trading >> 48) & (2**56 - 1)
    assert not state._is_inverse(token_word) or tick * state._lot(token_word) % 10**8 == 0, "parameters/tick-lot"


@internal
@view
def _check_all(words: uint256[4]):
    """
    @notice Whether a new market's words are within all bounds and hold nothing else.
    """
    for i: uint256 in range(COUNT):
        entry: uint256 = TABLE[i]
        self._check_bounds(entry, self._read(entry, words))
    self._check_order(words)
    assert (
        (words[RISK] >> RISK_END)
        | (words[TRADING] >> TRADING_END)
        | (words[LIQUIDATION] >> LIQUIDATION_END)
        | (words[ORACLE] >> ORACLE_END)
    ) == 0, "parameters/stray-bits"


@internal
@view
def _check_listed(market: uint256):
    assert self.listed[market], "parameters/unknown-market"


@internal
@view
def _price_market(market: uint256) -> uint256:
    """
    @notice The market whose oracle word a market goes by; OracleAdapter keeps which.
    """
    return staticcall IOracleAdapter(ORACLE_ADAPTER).price_market(market)


@internal
@view
def _all_words(market: uint256) -> uint256[4]:
    """
    @notice The words that a market goes by: its own, the oracle word its price market's.
    """
    words: uint256[4] = self._words[market]
    words[ORACLE] = self._words[self._price_market(market)][ORACLE]
    return words


@internal
@view
def _check_own_prices(market: uint256):
    self._check_listed(market)
    assert self._price_market(market) == market, "parameters/price-market"


@internal
@view
def _check_price_market(feeds: IOracleAdapter.Feeds, oracle: uint256):
    """
    @notice A price market is listed and has feeds of its own; who names one names no feed, no vol and no oracle parameter.
    @dev That both are of one underlying no contract can see: it is what whoever lists them vouches for, as for the feed itself.
    """
    self._check_own_prices(feeds.price_market)
    assert (
        oracle == 0
        and feeds.vol == 0
        and feeds.sequencer == empty(address)
        and self._is_empty(feeds.primary)
        and self._is_empty(feeds.fallback_feed)
    ), "parameters/price-market-feeds"


@internal
@pure
def _is_empty(feed: IOracleAdapter.Feed) -> bool:
    return feed.source == empty(address) and feed.heartbeat | feed.kind | feed.threshold_bps | feed.least | feed.most == 0


@internal
@view
def _check_feeds(feeds: IOracleAdapter.Feeds):
    self._check_feed(feeds.primary)
    if feeds.fallback_feed.source != empty(address):
        self._check_feed(feeds.fallback_feed)
    else:
        assert feeds.fallback_feed.heartbeat == 0, "parameters/heartbeat-range"
    assert feeds.sequencer == empty(address) or feeds.sequencer.is_contract, "parameters/feed-no-code"


@internal
@view
def _check_feed(feed: IOracleAdapter.Feed):
    assert feed.source.is_contract, "parameters/feed-no-code"
    assert feed.heartbeat >= MIN_HEARTBEAT and feed.heartbeat <= MAX_HEARTBEAT, "parameters/heartbeat-range"


@internal
@view
def _check_owner():
    assert msg.sender == ownable.owner, "parameters/not-owner"


# --- apply -------------------------------------------------------------------------------------------------------


@internal
def _store(market: uint256, index: uint256, word: uint256):
    """
    @notice Writes one word and pushes it to its readers; the only way a listed market's parameters change.
    """
    self._words[market][index] = word
    if index == RISK:
        extcall IConfigurable(CLEARINGHOUSE).configure(market, word)
    elif index == TRADING:
        extcall IConfigurable(EXCHANGE).configure(market, word)
    elif index == LIQUIDATION:
        extcall IConfigurable(LIQUIDATOR).configure(market, word)
        extcall IConfigurable(SETTLEMENT).configure(market, word)
    else:
        extcall IConfigurable(ORACLE_ADAPTER).configure(market, word)


@internal
def _replace(market: uint256, name: String[32], entry: uint256, number: uint256):
    """
    @notice Puts one number in force.
    """
    words: uint256[4] = self._words[market]
    index: uint256 = (entry >> WORD_AT) & WORD_MASK
    lowest: uint256 = (entry >> SHIFT_AT) & 255
    words[index] = (words[index] & ~(self._mask(entry) << lowest)) | (number << lowest)
    self._check_order(words)
    self._check_tick((staticcall IClearinghouse(CLEARINGHOUSE).market(market)).token_word, words[TRADING])
    self._store(market, index, words[index])
    log IRiskParameters.ParameterChanged(market=market, name=name, value=number, word=words[index])


@internal
@view
def _paused(market: uint256) -> (uint256, uint256):
    """
    @notice (last paused day, days paused up to it as bits).
    """
    word: uint256 = self._pauses[market]
    return word >> PAUSE_SPAN, word & (2**PAUSE_SPAN - 1)


@internal
def _set_paused_until(market: uint256, until_at: uint256):
    word: uint256 = self._words[market][TRADING] & (2**PAUSED_UNTIL_AT - 1)
    self._store(market, TRADING, word | (until_at << PAUSED_UNTIL_AT))


# --- owner -------------------------------------------------------------------------------------------------------


@external
def list_market(
    market: uint256,
    token: address,
    units: IRiskParameters.Units,
    engines: address[3],
    feeds: IOracleAdapter.Feeds,
    risk: uint256,
    trading: uint256,
    liquidation: uint256,
    oracle: uint256,
):
    """
    @notice Registers a market, once, with every number it starts with. Only the owner.
    @dev A test transfer of the token is up to the deployer.
    @param market The market's index, below 65536.
    @param token Ordinary ERC-20 with 6 to 18 decimals (no fee, no rebase).
    @param units Lot, kind of market and unit. Of an inverse market tick * lot must be a multiple of 1e-6 quote, so that CASH
           covers a put exactly, and the unit 1,000 native units at least.
    @param engines Margin engines of the models ES, GREEKS and STATIC that count in the market's token; empty disables a model.
    @param feeds Its feeds and the vol that it starts from; or nothing but the price market, an earlier one of the same underlying
           with feeds of its own.
    @param risk Packed risk parameters (governance/risk_word).
    @param trading Packed trading parameters, not paused.
    @param liquidation Packed liquidation parameters.
    @param oracle Packed oracle parameters; 0 under a price market, whose own hold for both.
    """
    self._check_owner()
    assert not self.listed[market], "parameters/market-exists"
    assert market < 65536, "parameters/market-range"
    assert len(self._markets) < MAX_MARKETS, "parameters/too-many-markets"
    assert token.is_contract, "parameters/token-no-code"
    assert units.lot != 0 and units.lot <= MAX_LOT, "parameters/lot-range"
    enabled: uint256 = 0
    for model: uint256 in range(3):
        if engines[model] != empty(address):
            assert engines[model].is_contract, "parameters/engine-no-code"
            enabled |= 1 << model
    assert enabled != 0, "parameters/no-engine"
    words: uint256[4] = [risk, trading, liquidation, oracle]
    if feeds.price_market == market:
        self._check_feeds(feeds)
        self._check_all(words)
    else:
        self._check_price_market(feeds, oracle)
        self._check_all([risk, trading, liquidation, self._words[feeds.price_market][ORACLE]])

    decimals: uint256 = convert(staticcall IERC20Decimals(token).decimals(), uint256)
    assert 6 <= decimals and decimals <= 18, "parameters/token-decimals"
    # whoever lists a coin says what it is: the unit hangs on it
    assert decimals == units.decimals or (units.decimals == 0 and not units.inverse), "parameters/stated-decimals"
    assert units.digits == 0 or (units.inverse and units.digits <= min(decimals - 3, MAX_DIGITS)), "parameters/unit-range"
    self.listed[market] = True
    self._markets.append(market)
    self._words[market] = words
    token_word: uint256 = (
        convert(token, uint256) | (decimals << 160) | (1 << 168) | (units.digits << state.DIGITS_AT) | (units.lot << state.LOT_AT)
    )
    token_word |= enabled << state.MODELS_AT
    if units.inverse:
        token_word |= 1 << state.INVERSE_AT
    self._check_tick(token_word, trading)
    known: address[6] = staticcall IClearinghouse(CLEARINGHOUSE).engines()
    for model: uint256 in range(3):
        engine: address = known[state._engine_of(model, token_word)]
        if engines[model] != empty(address):
            assert engines[model] == engine, "parameters/unknown-engine"
            assert staticcall IMarginEngine(engine).inverse() == units.inverse, "parameters/engine-kind"
    extcall IClearinghouse(CLEARINGHOUSE).list_market(market, token_word, risk)
    extcall IOracleAdapter(ORACLE_ADAPTER).list_market(market, feeds, oracle)
    extcall IConfigurable(EXCHANGE).configure(market, trading)
    extcall IConfigurable(LIQUIDATOR).configure(market, liquidation)
    extcall IConfigurable(SETTLEMENT).configure(market, liquidation)
    log IRiskParameters.MarketListed(
        market=market,
        token=token,
        lot=units.lot,
        engines=engines,
        risk=risk,
        trading=trading,
        liquidation=liquidation,
        oracle=oracle,
        price_market=feeds.price_market,
    )


@external
def set_parameter(market: uint256, name: String[32], number: uint256):
    """
    @notice Changes one number within its bounds and pushes it to the contracts that use it. Only the owner.
    @dev A ramped one (docs/parameters.md) moves later, by `advance`; asking for what it is now ends its ramp.
    @param market Market index.
    @param name Field name of governance/risk_word, e.g. "taker_fee_bps".
    @param number The field as stored, in the field's own unit.
    """
    self._check_owner()
    self._check_listed(market)
    entry: uint256 = self._find(name)
    if (entry >> WORD_AT) & WORD_MASK == ORACLE:
        self._check_own_prices(market)
    self._check_bounds(entry, number)
    if entry & (RAMPED << WORD_AT) == 0:
        self._replace(market, name, entry, number)
        return
    value: uint256 = self._read(entry, self._words[market])
    ramp: uint256 = 0
    if number != value:
        ramp = number | (block.timestamp << 80)
    self._ramps[market][entry >> NAME_AT] = ramp
    log IRiskParameters.RampStarted(market=market, name=name, value=value, target=number)


@external
def resume_opening(market: uint256):
    """
    @notice Ends a pause of opening before its time; days that it has not begun count as not paused. Only the owner.
    @param market Market index.
    """
    self._check_owner()
    self._check_listed(market)
    assert self._words[market][TRADING] >> PAUSED_UNTIL_AT != 0, "parameters/not-paused"
    last: uint256 = 0
    paused: uint256 = 0
    last, paused = self._paused(market)
    day: uint256 = block.timestamp // scales.DAY
    if last > day:
        self._pauses[market] = (day << PAUSE_SPAN) | (paused >> (last - day))
    self._set_paused_until(market, 0)
    log IRiskParameters.OpeningResumed(market=market)


@external
def set_fallback(market: uint256, feed: IOracleAdapter.Feed):
    """
    @notice Drops a market's fallback feed, or sets one where there is none. Only the owner.
    @param market Market index.
    @param feed The fallback; an empty source drops the one that is there.
    """
    self._check_owner()
    self._check_own_prices(market)
    if feed.source != empty(address):
        self._check_feed(feed)
    extcall IOracleAdapter(ORACLE_ADAPTER).set_fallback(market, feed)


@external
def set_backstop(market: uint256, pool: address):
    """
    @notice Registers the backstop pool of a market, once. Only the owner.
    @param market Market index.
    @param pool A BackstopPool of this market.
    """
    self._check_owner()
    self._check_listed(market)
    assert self.backstop[market] == empty(address), "parameters/backstop-exists"
    assert (
        pool.is_contract and staticcall IPool(pool).market() == market
    ), "parameters/not-a-pool"
    self.backstop[market] = pool
    log IRiskParameters.BackstopRegistered(market=market, pool=pool)


@external
def set_guardian(guardian: address):
    """
    @notice Names the account that may pause opening. Only the owner.
    @param guardian New guardian; empty for none.
    """
    self._check_owner()
    self.guardian = guardian
    log IRiskParameters.GuardianChanged(guardian=guardian)


# --- anyone ------------------------------------------------------------------------------------------------------


@external
def advance(market: uint256, name: String[32]) -> uint256:
    """
    @notice Moves a parameter towards its ramp's target by the step that is due: a hundredth of itself an hour (10 bp
            an hour for the rate), at most an hour's worth, or one unit, at a time.
    @dev Time counts from the last step, and no more of it than one step takes: nobody gains by waiting. While the
         market's price is not fresh, or in grace, ramps stand still.
    @param market Market index.
    @param name A parameter with a ramp.
    @return The number now in force, in the field's own unit.
    """
    self._check_listed(market)
    entry: uint256 = self._find(name)
    ramp: uint256 = self._ramps[market][entry >> NAME_AT]
    assert ramp != 0, "parameters/no-ramp"
    # what a taker's callback began with must be what it ends with
    assert not staticcall ILiquidator(LIQUIDATOR).in_callback(), "parameters/in-callback"
    facts: IOracleAdapter.Snapshot = staticcall IOracleAdapter(ORACLE_ADAPTER).snapshot(
        market, block.timestamp + 86400
    )
    assert snapshot._is_active(facts), "parameters/price-not-active"

    number: uint256 = self._read(entry, self._words[market])
    target: uint256 = ramp & BOUND_MASK
    last: uint256 = ramp >> 80
    base: uint256 = number
    if entry & (OFFSET << WORD_AT) != 0:
        base = RATE_BASE
    longest: uint256 = max(scales.HOUR, math._ceil_div(HUNDRED_HOURS, base))
    passed: uint256 = min(block.timestamp - last, longest)
    step: uint256 = base * passed // HUNDRED_HOURS
    assert step != 0, "parameters/too-soon"
    last += math._ceil_div(step * HUNDRED_HOURS, base)
    if passed == longest:
        last = block.timestamp
    if number < target:
        number = min(number + step, target)
    else:
        number = max(number - min(step, number), target)
    ramp = 0
    if number != target:
        ramp = target | (last << 80)
    self._ramps[market][entry >> NAME_AT] = ramp
    self._replace(market, name, entry, number)
    return number


# --- guardian ----------------------------------------------------------------------------------------------------


@external
def pause_opening(market: uint256, count: uint256 = MOST_PAUSED):
    """
    @notice Stops fills that raise open interest in a market until the end of a day (UTC). Only the guardian.
    @dev At most 14 days in any 28, in parts: pausing again and again must not add up to closing a market. Whole days
         are counted, so two part days at the ends of a span never make more than the full one they stand for.
    @param market Market index.
    @param count Days, the current one included, 1 to 14.
    """
    assert msg.sender == self.guardian, "parameters/not-guardian"
    self._check_listed(market)
    assert count != 0 and count <= MOST_PAUSED, "parameters/pause-days"
    last: uint256 = 0
    paused: uint256 = 0
    last, paused = self._paused(market)
    end: uint256 = block.timestamp // scales.DAY + count - 1
    if end > last:
        paused = paused << min(end - last, PAUSE_SPAN)
        last = end
    # the new days end where the record does, or before it
    paused = (paused | (((1 << count) - 1) << (last - end))) & (2**PAUSE_SPAN - 1)
    days: uint256 = 0
    for i: uint256 in range(PAUSE_SPAN):
        days += (paused >> i) & 1
    assert days <= MOST_PAUSED, "parameters/pause-too-soon"
    self._pauses[market] = (last << PAUSE_SPAN) | paused
    until_at: uint256 = (last + 1) * scales.DAY
    self._set_paused_until(market, until_at)
    log IRiskParameters.OpeningPaused(market=market, until_at=until_at)


# --- views -------------------------------------------------------------------------------------------------------


@external
@view
def markets() -> DynArray[uint256, MAX_MARKETS]:
    """
    @notice Indices of all markets, in the order of their listing.
    @return Market indices.
    """
    return self._markets


@external
@view
def words(market: uint256) -> uint256[4]:
    """
    @notice All four words of a market; the oracle word is its price market's where it has one.
    @param market Market index.
    @return Packed (risk, trading, liquidation, oracle), zeros when the market is not listed.
    """
    return self._all_words(market)


@external
@view
def risk(market: uint256) -> uint256:
    """
    @notice Packed risk word.
    @param market Market index.
    @return The word, 0 when the market is not listed.
    """
    return self._words[market][RISK]


@external
@view
def trading(market: uint256) -> uint256:
    """
    @notice Packed trading word.
    @param market Market index.
    @return The word, 0 when the market is not listed.
    """
    return self._words[market][TRADING]


@external
@view
def liquidation(market: uint256) -> uint256:
    """
    @notice Packed liquidation word.
    @param market Market index.
    @return The word, 0 when the market is not listed.
    """
    return self._words[market][LIQUIDATION]


@external
@view
def oracle(market: uint256) -> uint256:
    """
    @notice Packed oracle word, the price market's where a market has one.
    @param market Market index.
    @return The word, 0 when the market is not listed.
    """
    return self._words[self._price_market(market)][ORACLE]


@external
@view
def parameter(market: uint256, name: String[32]) -> uint256:
    """
    @notice One number of a market.
    @param market Market index.
    @param name Field name of governance/risk_word.
    @return The field as stored, in the field's own unit.
    """
    self._check_listed(market)
    return self._read(self._find(name), self._all_words(market))


@external
@view
def ramp(market: uint256, name: String[32]) -> IRiskParameters.Ramp:
    """
    @notice The change of a parameter that is on its way.
    @param market Market index.
    @param name Field name of governance/risk_word.
    @return Target and last step; zeros when there is none.
    """
    entry: uint256 = self._find(name)
    of: uint256 = market
    if (entry >> WORD_AT) & WORD_MASK == ORACLE:
        of = self._price_market(market)
    word: uint256 = self._ramps[of][entry >> NAME_AT]
    return IRiskParameters.Ramp(target=word & BOUND_MASK, stepped_at=word >> 80)


@external
@view
def bounds(name: String[32]) -> IRiskParameters.Bounds:
    """
    @notice Least and greatest value of a parameter.
    @param name Field name of governance/risk_word.
    @return Both, in the field's own unit.
    """
    entry: uint256 = self._find(name)
    return IRiskParameters.Bounds(
        least=entry & BOUND_MASK, greatest=(entry >> 80) & BOUND_MASK
    )
