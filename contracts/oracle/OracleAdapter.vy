# pragma version 0.4.3
# pragma optimize gas
"""
@title Oracle adapter: spot, realised vol, market clock and expiry prices
@license AGPL-3.0-only
@notice Reads AggregatorV3 feeds and says what their price may be used for. One `snapshot` returns every price fact
        of a cell; docs/oracle.md has the table of states and what each allows (protocol sections 8, 5.3, 5.4, 7.1).
@dev Owns: feeds, EWMAs, the ramp of sigma_m, the market clock, proofs of expiry prices, the vol surface in force.
     Trusts RiskParameters for listing and parameters, VolSurface for surfaces that it has checked, nobody else. Assumes
     of a feed only what it proves: a feed that reverts, lies about stamps, returns too little or burns its gas makes its
     own market's price not fresh and touches nothing else. Never calls the protocol.

     Six words per market:
       PRIMARY, FALLBACK  address 160 | age limit 32 [seconds] | scale to wad 60 | PRIMARY only: has a sequencer feed 1,
                          has a surface 1
       PARAMS             oracle/oracle_word
       STATE              clock 32 | restart 32 | seen_at 34 | recorded_at 34 | degraded_since 34 | grace_until 34
                          | sigma 54 [1e-15] | broken 1 | outage 1
       ROUND              last folded round id 80 | its stamp 34 | its price 96 [wad] | flat iv 46 [1e-12]
       VOLS               realised vols as a snapshot needs them, packed as in oracle/volatility: max(24 h, 7 d),
                          6 h / 7 d (at least 1), 7 d [wad]
     clock counts seconds in which the price was active, restart is the clock at the last gap above 900 s, seen_at the
     last call that found the price active, recorded_at the last call that wrote.
"""

from interfaces import IOracleAdapter

from contracts.math import fixed
from contracts.oracle import oracle_word
from contracts.oracle import snapshot as layout
from contracts.oracle import surface as surfaces_
from contracts.oracle import svi_slice
from contracts.oracle import volatility

implements: IOracleAdapter


interface IFeed:
    def decimals() -> uint8: view


# one round of a feed as seen now; `price` is set for FINE and STALE only, `width` for feeds that tell one
struct Reading:
    reason: uint256
    id: uint256
    price: uint256
    stamp: uint256
    width: uint256


# how far the average of a settlement window is proven: all rounds up to `id`, whose price is in force since `stamp`
struct Proof:
    id: uint256
    stamp: uint256
    price: uint256
    integral: uint256  # sum of price * seconds from the window's start to `stamp` [wad * seconds]
    done: bool         # the next round is later than the expiry


WAD: constant(uint256) = 10**18
ONE_Q64: constant(int256) = 2**64
YEAR: constant(int256) = 365 * 86400

# indices of a market's words
PRIMARY: constant(uint256) = 0
FALLBACK: constant(uint256) = 1
PARAMS: constant(uint256) = 2
STATE: constant(uint256) = 3
ROUND: constant(uint256) = 4
VOLS: constant(uint256) = 5

# reason codes: bits 8..11 of the status say why the price is not active (or what is wrong with the primary),
# bits 12..15 what is wrong with the fallback (1..5)
FINE: constant(uint256) = 0
UNREACHABLE: constant(uint256) = 1     # reverts, no code, answer too short
BAD_ANSWER: constant(uint256) = 2      # answer <= 0, or absurdly large
INCOMPLETE: constant(uint256) = 3      # round without a stamp, or answered in an earlier round
FUTURE: constant(uint256) = 4          # stamp later than now
STALE: constant(uint256) = 5           # older than heartbeat * 1.1
APART: constant(uint256) = 6           # primary and fallback disagree
SEQUENCER_DOWN: constant(uint256) = 7  # the uptime feed says down, or cannot answer
GRACE: constant(uint256) = 8           # after an outage or a sequencer restart
WAITING: constant(uint256) = 9         # two sources have not agreed again, and the failover delay still runs
WINDOW_OPEN: constant(uint256) = 10    # rounds of the settlement window are missing in the average

SCALE_AT: constant(uint256) = 192
SCALE_MASK: constant(uint256) = 2**60 - 1
HAS_SEQUENCER: constant(uint256) = 1 << 252
HAS_SURFACE: constant(uint256) = 1 << 253
ADDRESS_MASK: constant(uint256) = 2**160 - 1

# bit offsets of STATE and ROUND
RESTART_AT: constant(uint256) = 32
SEEN_AT: constant(uint256) = 64
RECORDED_AT: constant(uint256) = 98
DEGRADED_AT: constant(uint256) = 132
GRACE_AT: constant(uint256) = 166
SIGMA_AT: constant(uint256) = 200
BROKEN: constant(uint256) = 1 << 254
OUTAGE: constant(uint256) = 1 << 255
CLOCK_MASK: constant(uint256) = 2**32 - 1
TIME_MASK: constant(uint256) = 2**34 - 1
SIGMA_MASK: constant(uint256) = 2**54 - 1
SIGMA_UNIT: constant(uint256) = 10**3
# a change of these bits is worth an event: restart, degraded_since, grace_until, broken, outage
EVENT_BITS: constant(uint256) = (
    (CLOCK_MASK << RESTART_AT) | (((1 << 68) - 1) << DEGRADED_AT) | (3 << 254)
)

ROUND_ID_MASK: constant(uint256) = 2**80 - 1
STAMP_AT: constant(uint256) = 80
PRICE_AT: constant(uint256) = 114
FLAT_AT: constant(uint256) = 210
FLAT_UNIT: constant(uint256) = 10**6
MAX_PRICE: constant(uint256) = 2**96 - 1
# asks a feed for its newest round; no feed has a round 0
NEWEST: constant(uint256) = 0
# asks a sequencer's uptime feed; no round id has more than 80 bits
UPTIME: constant(uint256) = 2**81
MAX_RATIO: constant(uint256) = 100 * 10**18
MIN_IV: constant(uint256) = 10**16
MAX_IV: constant(uint256) = 10**19

# auctions measure time in which someone looked at least this often
MAX_GAP: constant(uint256) = 900
# a feed gets this much gas; a failure counts only if it really got it
FEED_GAS: constant(uint256) = 300_000
# 63/64 of what is left must still be FEED_GAS, with room for the call itself
FEED_GAS_NEEDED: constant(uint256) = 320_000
# a feed further ahead than this is not walked but jumped to
MAX_BEHIND: constant(uint256) = 2048
# rounds that one call looks at in a settlement window
MAX_WALK: constant(uint256) = 48
# a window summed from no more rounds than this is cheaper to sum again than to store
FREE_WALK: constant(uint256) = 3
MAX_HORIZON: constant(uint256) = 10 * 365 * 86400
# an unproven expiry falls back to the last good price before it, and a day later to any price
LAST_RESORT_SECONDS: constant(uint256) = 6 * 3600
ANY_PRICE_SECONDS: constant(uint256) = 24 * 3600

# sources of an expiry price
FROM_PRIMARY: constant(uint256) = 1
FROM_FALLBACK: constant(uint256) = 2
FROM_LAST_RESORT: constant(uint256) = 3

PARAMETERS: immutable(address)
VOL_SURFACE: immutable(address)

# market -> its words
markets: HashMap[uint256, uint256[6]]
# market -> uptime feed of its chain's sequencer
sequencers: HashMap[uint256, address]
# market -> EWMAs (oracle/volatility)
variances: HashMap[uint256, uint256]
# market << 64 | expiry -> two words each of primary's and fallback's proof:
# id 80 | stamp 40 | price 96 | done 1, integral 128 | window 16
proofs: HashMap[uint256, uint256[4]]
# market << 64 | expiry -> price | source << 248
fixed_prices: HashMap[uint256, uint256]
# market -> surface word, index word (oracle/surface)
surfaces: HashMap[uint256, uint256[2]]
# market << 16 | day of the expiry -> slice (oracle/svi_slice) | made_at << 224
slices: HashMap[uint256, uint256]


@deploy
def __init__(parameters: address, vol_surface: address):
    """
    @param parameters RiskParameters, the only account that lists and configures markets.
    @param vol_surface VolSurface, the only account that sets a vol surface.
    """
    PARAMETERS = parameters
    VOL_SURFACE = vol_surface


# --- listing -------------------------------------------------------------------------------------------------


@external
def list_market(market: uint256, feeds: address[3], heartbeats: uint256[2], word: uint256):
    """
    @notice Registers the feeds of a market, once. Only RiskParameters.
    @dev Vols start at the floor; the newest round of the primary, if it has one, is the first to return from.
    @param market The market's index.
    @param feeds AggregatorV3 primary, fallback (may be empty), sequencer-uptime (may be empty).
    @param heartbeats Of primary and fallback [seconds].
    @param word Packed oracle parameters (governance/parameters).
    """
    assert msg.sender == PARAMETERS, "oracle/only-parameters"
    assert self.markets[market][PRIMARY] == 0, "oracle/already-listed"
    assert feeds[0] != empty(address), "oracle/no-feed"
    assert feeds[0] != feeds[1], "oracle/same-feed"
    assert oracle_word._is_sound(word), "oracle/parameters"

    words: uint256[6] = empty(uint256[6])
    words[PRIMARY] = self._feed_word(feeds[0], heartbeats[0])
    if feeds[1] != empty(address):
        words[FALLBACK] = self._feed_word(feeds[1], heartbeats[1])
    if feeds[2] != empty(address):
        words[PRIMARY] |= HAS_SEQUENCER
        self.sequencers[market] = feeds[2]
    words[PARAMS] = word
    sigma: uint256 = oracle_word._sigma_floor(word)
    variance: uint256 = sigma * sigma // WAD
    variances: uint256 = volatility._pack(variance, variance, variance)
    self.variances[market] = variances
    words[VOLS] = self._vols(variances)
    words[STATE] = (sigma // SIGMA_UNIT) << SIGMA_AT
    flat: uint256 = self._flat_target(sigma, word)
    newest: Reading = self._read(words[PRIMARY], NEWEST)
    if newest.price != 0:
        words[ROUND] = newest.id | (newest.stamp << STAMP_AT) | (newest.price << PRICE_AT)
    words[ROUND] |= (flat // FLAT_UNIT) << FLAT_AT
    self.markets[market] = words
    log IOracleAdapter.MarketListed(
        market=market, primary=feeds[0], fallback_feed=feeds[1], sequencer_feed=feeds[2]
    )
    log IOracleAdapter.MarketConfigured(market=market, word=word)


@external
def configure(market: uint256, word: uint256):
    """
    @notice Replaces the packed oracle parameters. Only RiskParameters.
    @param market The market's index.
    @param word Packed oracle parameters (governance/parameters).
    """
    assert msg.sender == PARAMETERS, "oracle/only-parameters"
    assert self.markets[market][PRIMARY] != 0, "oracle/unlisted-market"
    assert oracle_word._is_sound(word), "oracle/parameters"
    self.markets[market][PARAMS] = word
    log IOracleAdapter.MarketConfigured(market=market, word=word)


@external
def set_surface(market: uint256, word: uint256, index: uint256, slices: uint256[16]):
    """
    @notice Puts a vol surface in force. Only VolSurface, which has checked it.
    @dev It begins fully faded when nothing was in force, and otherwise as faded as the one before: marks do not jump by
         more than VolSurface lets a publication differ.
    @param market The market's index.
    @param word Surface word with an empty fade (oracle/surface).
    @param index Its expiries.
    @param slices Slices in the order of the index.
    """
    assert msg.sender == VOL_SURFACE, "oracle/only-surface"
    primary: uint256 = self.markets[market][PRIMARY]
    assert primary != 0, "oracle/unlisted-market"
    if primary & HAS_SURFACE == 0:
        self.markets[market][PRIMARY] = primary | HAS_SURFACE
    fade: uint256 = WAD
    before: uint256 = self.surfaces[market][0]
    known: uint256 = self.surfaces[market][1]
    if self._is_in_force(before, known):
        fade = surfaces_._fade(before)
    self.surfaces[market][0] = surfaces_._with_fade(word, fade)
    if index != known:
        self.surfaces[market][1] = index
    stamp: uint256 = surfaces_._made_at(word) << surfaces_.MADE_AT
    days: uint256 = index
    for slice_word: uint256 in slices:
        if days == 0:
            break
        self.slices[(market << 16) | (days & 65535)] = slice_word | stamp
        days = days >> 16


# --- prices --------------------------------------------------------------------------------------------------


@external
@view
def snapshot(market: uint256, expiry: uint256) -> IOracleAdapter.Snapshot:
    """
    @notice Every price fact of a cell as of now (oracle/snapshot). Never reverts for a listed market with gas
            enough for its feeds; what the price may be used for is in its status word.
    @param market The market's index.
    @param expiry Expiry of the cell [unix seconds], or 0 for the market alone.
    @return The snapshot; status bits in oracle/snapshot.
    """
    words: uint256[6] = self._load(market)
    facts: IOracleAdapter.Snapshot = empty(IOracleAdapter.Snapshot)
    state: uint256 = 0
    round: uint256 = 0
    walked: uint256 = 0
    surface: uint256 = 0
    facts, state, round, walked, surface = self._assess(
        market, expiry, words, self._read(words[PRIMARY], NEWEST)
    )
    return facts


@external
def observe(market: uint256, expiry: uint256) -> IOracleAdapter.Snapshot:
    """
    @notice `snapshot`, and records the market clock, the ramps and the feed status on the way.
    @dev In a settlement window it also stores how far the average is summed, when that was many rounds.
    @param market The market's index.
    @param expiry Expiry of the cell [unix seconds], or 0 for the market alone.
    @return The snapshot as after recording.
    """
    words: uint256[6] = self._load(market)
    newest: Reading = self._read(words[PRIMARY], NEWEST)
    facts: IOracleAdapter.Snapshot = empty(IOracleAdapter.Snapshot)
    walked: uint256 = 0
    facts, walked = self._observe(market, expiry, words, newest)
    if walked > FREE_WALK:
        self._keep_window(market, expiry, words, newest, facts.status)
    return facts


@external
def poke(market: uint256, max_rounds: uint256) -> uint256:
    """
    @notice Folds feed rounds newer than the last folded one into the realised vols, oldest first. Open to anyone.
    @dev Rounds that cannot be read, or are older than the last one, are skipped. A new phase of the feed, or one
         more than 2,048 rounds ahead, is jumped to: its newest round counts as one return.
    @param market The market's index.
    @param max_rounds Rounds to look at in this call, at most 256.
    @return Number of rounds looked at; 0 when nothing was new.
    """
    words: uint256[6] = self._load(market)
    newest: Reading = self._read(words[PRIMARY], NEWEST)
    round: uint256 = words[ROUND]
    cursor: uint256 = round & ROUND_ID_MASK
    stamp: uint256 = (round >> STAMP_AT) & TIME_MASK
    price: uint256 = (round >> PRICE_AT) & MAX_PRICE
    variances: uint256 = self.variances[market]
    looked: uint256 = 0

    # a newest round that is bad now may be good later: it stays unfolded
    if newest.reason != UNREACHABLE and newest.id != cursor:
        last: uint256 = newest.id
        if newest.price == 0:
            last = unsafe_sub(max(last, 1), 1)
        jump: bool = (
            price == 0
            or newest.id >> 64 != cursor >> 64
            or newest.id < cursor
            or unsafe_sub(newest.id, cursor) > MAX_BEHIND
        )
        if jump:
            # nothing between can be walked; without a usable newest round there is nothing to jump to
            cursor = unsafe_sub(max(newest.id, 1), 1)
            if newest.price == 0:
                cursor = last
        for i: uint256 in range(min(max_rounds, 256), bound=256):
            if cursor == last:
                break
            looked = unsafe_add(looked, 1)
            cursor = unsafe_add(cursor, 1)
            reading: Reading = newest
            if cursor != newest.id:
                reading = self._read(words[PRIMARY], cursor)
            if reading.price != 0 and reading.stamp >= stamp:
                if price != 0:
                    variances = volatility._fold(
                        variances, price, reading.price, unsafe_sub(reading.stamp, stamp), words[PARAMS]
                    )
                price = reading.price
                stamp = reading.stamp
        if looked == 0:
            cursor = round & ROUND_ID_MASK
        round = cursor | (stamp << STAMP_AT) | (price << PRICE_AT) | ((round >> FLAT_AT) << FLAT_AT)

    if looked != 0:
        words[ROUND] = round
        words[VOLS] = self._vols(variances)
        self.markets[market][ROUND] = round
        self.markets[market][VOLS] = words[VOLS]
        self.variances[market] = variances
    facts: IOracleAdapter.Snapshot = empty(IOracleAdapter.Snapshot)
    walked: uint256 = 0
    facts, walked = self._observe(market, 0, words, newest)
    if looked != 0:
        log IOracleAdapter.VolUpdated(
            market=market,
            round_id=cursor,
            spot=price,
            variance_fast=volatility._fast(variances),
            variance_day=volatility._day(variances),
            variance_week=volatility._week(variances),
            sigma=facts.sigma,
        )
    return looked


# --- expiry prices -------------------------------------------------------------------------------------------


@external
def fix_price(market: uint256, expiry: uint256, hints: DynArray[uint256, 64]) -> uint256:
    """
    @notice Proves the time-weighted average price of the settlement window from the feed's own rounds.
    @dev A useful hint is a round at or before the window's start, at best the one in force there; from it the
         contract walks every round itself, so that hints decide how much work is done and never the price. Without
         one it looks backwards, 48 rounds a call. May take several calls, also within the window; returns 0 until the
         price is final. Anyone may call. The fallback feed is asked once the primary has been shown to have no round
         within its heartbeat before expiry, or not to answer.
    @param market The market's index.
    @param expiry Expiry of the cell [unix seconds].
    @param hints Round ids of the primary or fallback feed, ascending; useless ones are ignored.
    @return Expiry price [wad], or 0.
    """
    key: uint256 = self._key(market, expiry)
    known: uint256 = self.fixed_prices[key]
    if known != 0:
        return known & MAX_PRICE
    words: uint256[6] = self._load(market)
    window: uint256 = self._window(key, words[PARAMS])
    assert expiry >= window and block.timestamp > expiry - window, "oracle/before-window"
    assert block.timestamp >= expiry or len(hints) != 0, "oracle/not-expired"

    price: uint256 = 0
    usable: bool = False
    source: uint256 = FROM_PRIMARY
    price, usable = self._prove(key, 0, words[PRIMARY], expiry, window, hints)
    if block.timestamp < expiry:
        return 0
    if price == 0 and not usable and words[FALLBACK] != 0:
        source = FROM_FALLBACK
        price, usable = self._prove(key, 2, words[FALLBACK], expiry, window, hints)
    # while a feed can still give the price, an unfinished proof is no reason for another one
    late: uint256 = unsafe_sub(block.timestamp, expiry)
    if price == 0 and late >= LAST_RESORT_SECONDS and (not usable or late >= ANY_PRICE_SECONDS):
        source = FROM_LAST_RESORT
        price = self._last_resort(key, expiry, words)
    if price != 0:
        self.fixed_prices[key] = price | (source << 248)
        log IOracleAdapter.ExpiryPriceFixed(market=market, expiry=expiry, price=price, source=source)
    return price


@external
@view
def expiry_price(market: uint256, expiry: uint256) -> uint256:
    """
    @notice Final price of an expiry.
    @param market The market's index.
    @param expiry Expiry of the cell [unix seconds].
    @return Price [wad], 0 until fixed.
    """
    return self.fixed_prices[self._key(market, expiry)] & MAX_PRICE


# --- reads for keepers and tests -----------------------------------------------------------------------------


@external
@view
def market_words(market: uint256) -> uint256[6]:
    """
    @notice The packed words of a market.
    @param market The market's index.
    @return PRIMARY, FALLBACK, PARAMS, STATE, ROUND, VOLS (layout in the title); zeros when it is not listed.
    """
    return self.markets[market]


@external
@view
def realised_variances(market: uint256) -> (uint256, uint256, uint256):
    """
    @notice The stored EWMAs.
    @param market The market's index.
    @return Annualised variances: fast, day, week [wad].
    """
    packed: uint256 = self.variances[market]
    return volatility._fast(packed), volatility._day(packed), volatility._week(packed)


@external
@view
def proof(market: uint256, expiry: uint256) -> uint256[4]:
    """
    @notice How far the window of a cell is proven.
    @param market The market's index.
    @param expiry Expiry of the cell [unix seconds].
    @return (id 80 | stamp 40 | price 96 | done 1, integral 128 | window 16) of the primary, then of the fallback.
    """
    return self.proofs[self._key(market, expiry)]


@external
@view
def surface(market: uint256) -> (uint256, uint256, uint256[16], bool):
    """
    @notice The vol surface of a market as last published and recorded.
    @param market The market's index.
    @return (surface word, index word (oracle/surface), slices in the order of the index, whether marks depend on it).
    """
    word: uint256 = self.surfaces[market][0]
    index: uint256 = self.surfaces[market][1]
    slices: uint256[16] = empty(uint256[16])
    days: uint256 = index
    for lane: uint256 in range(surfaces_.MAX_EXPIRIES):
        if days == 0:
            break
        slices[lane] = self.slices[(market << 16) | (days & 65535)]
        days = days >> 16
    return word, index, slices, self._is_in_force(word, index)


# --- feeds ---------------------------------------------------------------------------------------------------


@internal
@view
def _feed_word(feed: address, heartbeat: uint256) -> uint256:
    assert heartbeat != 0 and heartbeat < 2**31, "oracle/heartbeat"
    decimals: uint256 = convert(staticcall IFeed(feed).decimals(), uint256)
    assert decimals <= 18, "oracle/feed-decimals"
    # a round may be a tenth older than the heartbeat
    return convert(feed, uint256) | (heartbeat * 11 // 10 << 160) | (10 ** (18 - decimals) << SCALE_AT)


@internal
@view
def _read(feed_word: uint256, asked: uint256) -> Reading:
    """
    @notice The newest round of a feed (NEWEST), or one of its history, where FINE and STALE are both good. A feed that
            answers nonsense gives a reason, never a revert. Of an uptime feed (UPTIME) its answer and startedAt.
    """
    reading: Reading = Reading(reason=UNREACHABLE, id=0, price=0, stamp=0, width=0)
    request: Bytes[36] = method_id("latestRoundData()", output_type=Bytes[4])
    if asked != NEWEST and asked != UPTIME:
        request = abi_encode(asked, method_id=method_id("getRoundData(uint80)", output_type=Bytes[4]))
    gas_before: uint256 = msg.gas
    success: bool = False
    answer: Bytes[192] = b""
    success, answer = raw_call(
        convert(feed_word & ADDRESS_MASK, address),
        request,
        max_outsize=192,
        gas=FEED_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    # who calls with little gas must not make a good feed look bad
    assert success or gas_before >= FEED_GAS_NEEDED, "oracle/gas"
    if not success or len(answer) < 160:
        return reading
    # (roundId, answer, startedAt, updatedAt, answeredInRound), and of a pull feed its confidence half-width
    amount: uint256 = extract32(answer, 32, output_type=uint256)
    if asked == UPTIME:
        return Reading(reason=FINE, id=0, price=amount, stamp=extract32(answer, 64, output_type=uint256), width=0)
    id: uint256 = extract32(answer, 0, output_type=uint256)
    updated_at: uint256 = extract32(answer, 96, output_type=uint256)
    if id > ROUND_ID_MASK or (asked != NEWEST and id != asked):
        return reading
    reading.id = id
    scale: uint256 = (feed_word >> SCALE_AT) & SCALE_MASK
    # a negative answer reads as a huge one
    if amount == 0 or amount > unsafe_div(MAX_PRICE, scale):
        reading.reason = BAD_ANSWER
    elif updated_at == 0 or extract32(answer, 128, output_type=uint256) < id:
        reading.reason = INCOMPLETE
    elif updated_at > block.timestamp:
        reading.reason = FUTURE
    else:
        reading.price = unsafe_mul(amount, scale)
        if len(answer) == 192:
            # a half-width beyond the price itself says no more than the price
            reading.width = unsafe_mul(min(extract32(answer, 160, output_type=uint256), amount), scale)
        reading.stamp = updated_at
        reading.reason = FINE
        if unsafe_sub(block.timestamp, updated_at) > self._age_limit(feed_word):
            reading.reason = STALE
    return reading


@internal
@pure
def _age_limit(feed_word: uint256) -> uint256:
    return (feed_word >> 160) & CLOCK_MASK


@internal
@view
def _read_sequencer(feed: address, grace: uint256) -> uint256:
    """
    @notice FINE, SEQUENCER_DOWN or GRACE. An uptime feed answers 0 for up and keeps the last change in startedAt.
    """
    status: Reading = self._read(convert(feed, uint256), UPTIME)
    # startedAt is 0 while an uptime feed has not heard from its chain
    if status.reason != FINE or status.price != 0 or status.stamp == 0 or status.stamp > block.timestamp:
        return SEQUENCER_DOWN
    if unsafe_sub(block.timestamp, status.stamp) < grace:
        return GRACE
    return FINE


# --- assessment ----------------------------------------------------------------------------------------------


@internal
@view
def _load(market: uint256) -> uint256[6]:
    words: uint256[6] = self.markets[market]
    assert words[PRIMARY] != 0, "oracle/unlisted-market"
    return words


@internal
@view
def _assess(
    market: uint256, expiry: uint256, words: uint256[6], primary: Reading
) -> (IOracleAdapter.Snapshot, uint256, uint256, uint256, uint256):
    """
    @notice The snapshot of a cell, and the market's STATE, ROUND and surface word as a recording call leaves them.
    @param primary Newest round of the primary feed.
    @return (snapshot, STATE, ROUND, rounds read to sum the settlement window, surface word or 0).
    """
    params: uint256 = words[PARAMS]
    state: uint256 = words[STATE]
    facts: IOracleAdapter.Snapshot = empty(IOracleAdapter.Snapshot)

    # --- which price
    fallback: Reading = Reading(reason=FINE, id=0, price=0, stamp=0, width=0)
    sequencer: uint256 = FINE
    if words[FALLBACK] != 0:
        fallback = self._read(words[FALLBACK], NEWEST)
    if words[PRIMARY] & HAS_SEQUENCER != 0:
        sequencer = self._read_sequencer(self.sequencers[market], oracle_word._grace_seconds(params))
    primary_fresh: bool = primary.reason == FINE
    fallback_fresh: bool = words[FALLBACK] != 0 and fallback.reason == FINE
    apart: bool = False
    width: uint256 = 0
    if primary_fresh and fallback_fresh:
        distance: uint256 = unsafe_sub(primary.price, fallback.price)
        if primary.price < fallback.price:
            distance = unsafe_sub(fallback.price, primary.price)
        # prices are below 2^96
        if unsafe_mul(distance, WAD) > unsafe_mul(oracle_word._deviation(params), fallback.price):
            apart = True
            width = distance

    # --- degraded until two sources agree or the delay is over
    since: uint256 = (state >> DEGRADED_AT) & TIME_MASK
    trouble: bool = apart or not primary_fresh
    if not trouble and (fallback_fresh or words[FALLBACK] == 0):
        since = 0
    elif trouble and since == 0:
        since = block.timestamp
    waiting: bool = False
    if since != 0:
        waiting = block.timestamp < since + oracle_word._failover_seconds(params)
    if not trouble and not waiting:
        since = 0

    fresh: bool = sequencer != SEQUENCER_DOWN
    status: uint256 = 0
    if primary_fresh or not fallback_fresh or waiting or not fresh:
        facts.spot = primary.price
        facts.updated_at = primary.stamp
        facts.half_width = max(width, primary.width)
        fresh = fresh and primary_fresh
    else:
        status = layout.FALLBACK_USED
        facts.spot = fallback.price
        facts.updated_at = fallback.stamp
        facts.half_width = fallback.width
    if facts.spot == 0:
        # no usable answer at all: the last one that was folded, or whatever the fallback says
        facts.spot = (words[ROUND] >> PRICE_AT) & MAX_PRICE
        facts.updated_at = (words[ROUND] >> STAMP_AT) & TIME_MASK
        if facts.spot == 0:
            facts.spot = fallback.price
            facts.updated_at = fallback.stamp

    # --- an outage is the loss of every source; its end, as recorded, starts the grace
    grace_until: uint256 = (state >> GRACE_AT) & TIME_MASK
    outage: uint256 = state & OUTAGE
    if sequencer == SEQUENCER_DOWN or not (primary_fresh or fallback_fresh):
        outage = OUTAGE
    elif outage != 0:
        outage = 0
        grace_until = block.timestamp + oracle_word._grace_seconds(params)
    in_grace: bool = sequencer == GRACE or block.timestamp < grace_until
    active: bool = fresh and not waiting and not in_grace

    if fresh:
        status |= layout.FRESH
    if active:
        status |= layout.ACTIVE
    if since != 0:
        status |= layout.DEGRADED
    if in_grace:
        status |= layout.GRACE
    if facts.spot == 0:
        status |= layout.NO_PRICE
    reason: uint256 = primary.reason
    if sequencer == SEQUENCER_DOWN:
        reason = SEQUENCER_DOWN
    elif reason == FINE:
        if apart:
            reason = APART
        elif waiting:
            reason = WAITING
        elif in_grace:
            reason = GRACE
    status |= (reason << 8) | (fallback.reason << 12)

    # --- the market clock
    clock: uint256 = state & CLOCK_MASK
    restart: uint256 = (state >> RESTART_AT) & CLOCK_MASK
    seen_at: uint256 = (state >> SEEN_AT) & TIME_MASK
    broken: uint256 = BROKEN
    if active:
        gap: uint256 = unsafe_sub(block.timestamp, seen_at)
        if gap > MAX_GAP:
            restart = clock
        elif state & BROKEN == 0:
            clock = unsafe_add(clock, gap)
        seen_at = block.timestamp
        broken = 0
    facts.clock = clock
    facts.restarted_at = restart

    # --- vols
    vols: uint256 = words[VOLS]
    last: uint256 = words[ROUND]
    last_price: uint256 = (last >> PRICE_AT) & MAX_PRICE
    last_stamp: uint256 = (last >> STAMP_AT) & TIME_MASK
    if (
        primary.price != 0
        and last_price != 0
        and primary.id != last & ROUND_ID_MASK
        and primary.stamp >= last_stamp
    ):
        # not poked yet: the newest round counts as one return
        vols = self._vols(
            volatility._fold(
                self.variances[market],
                last_price,
                primary.price,
                unsafe_sub(primary.stamp, last_stamp),
                params,
            )
        )
    flat: uint256 = unsafe_mul(last >> FLAT_AT, FLAT_UNIT)
    elapsed: uint256 = 0
    if active:
        elapsed = unsafe_sub(block.timestamp, (state >> RECORDED_AT) & TIME_MASK)
    surface: uint256 = 0
    sigma_now: uint256 = max(volatility._fast(vols), oracle_word._sigma_floor(params))
    if words[PRIMARY] & HAS_SURFACE != 0:
        surface = self.surfaces[market][0]
        surface = surfaces_._with_fade(
            surface,
            surfaces_._fade_after(
                surface, flat, flat, oracle_word._ramp(params), block.timestamp, elapsed
            ),
        )
        sigma_now = max(sigma_now, surfaces_._sigma_atm(surface))
        if block.timestamp <= surfaces_._live_until(surface):
            status |= layout.SURFACE_LIVE
    # in stored units, so that a ramped sigma that has caught up is equal and not nearly equal
    sigma_now = unsafe_mul(unsafe_div(sigma_now, SIGMA_UNIT), SIGMA_UNIT)
    flat_target: uint256 = self._flat_target(volatility._week(vols), params)
    sigma: uint256 = unsafe_mul((state >> SIGMA_AT) & SIGMA_MASK, SIGMA_UNIT)
    if sigma < sigma_now or flat != flat_target:
        # up by the ramp at most, and only while the price is active; sigma falls at once, the flat iv by the ramp
        growth: uint256 = surfaces_._growth(oracle_word._ramp(params), elapsed)
        sigma = min(sigma_now, sigma * growth // WAD // SIGMA_UNIT * SIGMA_UNIT)
        flat = max(min(flat_target, flat * growth // WAD), flat * WAD // growth) // FLAT_UNIT * FLAT_UNIT
    else:
        sigma = sigma_now
    facts.sigma = sigma
    facts.sigma_now = sigma_now
    facts.vol_ratio = volatility._day(vols)
    facts.surface_near = flat

    state_after: uint256 = (
        clock
        | (restart << RESTART_AT)
        | (seen_at << SEEN_AT)
        | (block.timestamp << RECORDED_AT)
        | (since << DEGRADED_AT)
        | (grace_until << GRACE_AT)
        | (unsafe_div(sigma, SIGMA_UNIT) << SIGMA_AT)
        | broken
        | outage
    )
    round_after: uint256 = (last & (2**210 - 1)) | (unsafe_div(flat, FLAT_UNIT) << FLAT_AT)

    # --- the cell
    walked: uint256 = 0
    rate: int256 = oracle_word._rate(params)
    facts.rate = rate
    facts.forward = facts.spot
    if expiry > block.timestamp:
        remaining: uint256 = expiry - block.timestamp
        facts.seconds = remaining
        if surface != 0 and (status & layout.SURFACE_LIVE != 0 or surfaces_._fade(surface) != WAD):
            near: uint256 = 0
            far: uint256 = 0
            weight: uint256 = 0
            near, far, weight = self._place(market, expiry, surface)
            if near != 0:
                status |= layout.SURFACE_SVI
                facts.surface_near = near
                facts.surface_far = far
                facts.surface_weight = svi_slice._mix(weight, surfaces_._fade(surface), flat)
        if remaining < oracle_word._window_seconds(params):
            window: uint256 = 0
            passed: uint256 = 0
            average: uint256 = 0
            complete: bool = True
            if fresh:
                slot: uint256 = 0
                newest: Reading = primary
                if status & layout.FALLBACK_USED != 0:
                    slot = 2
                    newest = fallback
                window, passed, average, complete, walked = self._window_average(
                    self._key(market, expiry), slot, words[unsafe_div(slot, 2)], newest, params, expiry
                )
            if not complete:
                # what this cell would settle at is unknown: its price is not fresh, other cells do not care
                status = (status & ~(layout.FRESH | layout.ACTIVE | (15 << 8))) | (WINDOW_OPEN << 8)
            elif passed != 0:
                facts.window_share = passed * WAD // window
                facts.window_average = average
                facts.forward = (
                    average * passed + facts.spot * (window - passed)
                ) // window
        elif rate != 0:
            carry: int256 = rate * convert(min(remaining, MAX_HORIZON), int256) * ONE_Q64 // (
                YEAR * convert(WAD, int256)
            )
            facts.forward = (
                facts.spot * convert(fixed._exp(carry), uint256)
            ) >> 64
    elif expiry != 0:
        price: uint256 = self.fixed_prices[self._key(market, expiry)] & MAX_PRICE
        if price != 0:
            facts.forward = price
            facts.window_share = WAD
            facts.window_average = price
    facts.status = status
    return facts, state_after, round_after, walked, surface


@internal
@view
def _is_in_force(surface: uint256, index: uint256) -> bool:
    """
    @notice Whether marks depend on the surface: it has not faded away and its last expiry is ahead.
    """
    if surface == 0 or surfaces_._fade(surface) == WAD:
        return False
    return surfaces_._neighbours(index, max_value(uint256), block.timestamp)[0] != 0


@internal
@view
def _place(market: uint256, expiry: uint256, surface: uint256) -> (uint256, uint256, uint256):
    """
    @notice The slices on both sides of an expiry, scaled to the time left, and the weight of the far one.
    @dev Before the first and beyond the last expiry a slice keeps its vol. All of them expired: no slice at all.
    @return (near or 0, far, weight [wad]).
    """
    left: uint256 = unsafe_sub(expiry, block.timestamp)
    if expiry % surfaces_.DAY == surfaces_.HOUR_OF_EXPIRY and expiry < 65536 * surfaces_.DAY:
        word: uint256 = self._slice(market, expiry, left, surface)
        if word != 0:
            return word, 0, 0
    near_at: uint256 = 0
    far_at: uint256 = 0
    weight: uint256 = 0
    near_at, far_at, weight = surfaces_._neighbours(self.surfaces[market][1], expiry, block.timestamp)
    if far_at == 0:
        if near_at == 0:
            return 0, 0, 0
        return self._slice(market, near_at, left, surface), 0, 0
    return (
        self._slice(market, near_at, unsafe_sub(near_at, block.timestamp), surface),
        self._slice(market, far_at, unsafe_sub(far_at, block.timestamp), surface),
        weight,
    )


@internal
@view
def _slice(market: uint256, at: uint256, left: uint256, surface: uint256) -> uint256:
    """
    @notice The slice of an expiry in force, scaled to `left` seconds; 0 when the surface has none there.
    """
    word: uint256 = self.slices[(market << 16) | unsafe_div(at, surfaces_.DAY)]
    made_at: uint256 = surfaces_._made_at(surface)
    if word >> surfaces_.MADE_AT != made_at:
        return 0
    return svi_slice._scale(word, left, unsafe_sub(at, made_at))


@internal
@pure
def _vols(variances: uint256) -> uint256:
    """
    @notice What a snapshot needs of the EWMAs: max(24 h, 7 d) vol, ratio of 6 h to 7 d, 7 d vol [wad].
    """
    fast: uint256 = volatility._fast(variances)
    day: uint256 = volatility._day(variances)
    week: uint256 = volatility._week(variances)
    slow: uint256 = isqrt(unsafe_mul(week, WAD))
    sigma: uint256 = slow
    if day > week:
        sigma = isqrt(unsafe_mul(day, WAD))
    ratio: uint256 = WAD
    if fast > week:
        ratio = MAX_RATIO
        if week != 0:
            ratio = min(isqrt(fast * (WAD * WAD) // week), MAX_RATIO)
    return volatility._pack(sigma, ratio, slow)


@internal
@pure
def _flat_target(vol: uint256, params: uint256) -> uint256:
    """
    @notice Flat iv of a market without a surface: the 7-day EWMA, which one round moves least, times a factor [wad].
    """
    target: uint256 = unsafe_div(unsafe_mul(vol, oracle_word._flat_factor(params)), WAD)
    # in stored units
    return unsafe_mul(unsafe_div(min(max(target, MIN_IV), MAX_IV), FLAT_UNIT), FLAT_UNIT)


@internal
def _observe(
    market: uint256, expiry: uint256, words: uint256[6], newest: Reading
) -> (IOracleAdapter.Snapshot, uint256):
    """
    @notice Assesses and records.
    @param words The market's words as stored.
    @return (snapshot, rounds read to sum the settlement window).
    """
    facts: IOracleAdapter.Snapshot = empty(IOracleAdapter.Snapshot)
    state: uint256 = 0
    round: uint256 = 0
    walked: uint256 = 0
    surface: uint256 = 0
    facts, state, round, walked, surface = self._assess(market, expiry, words, newest)
    before: uint256 = words[STATE]
    if state != before:
        self.markets[market][STATE] = state
        if (state ^ before) & EVENT_BITS != 0:
            log IOracleAdapter.StatusRecorded(
                market=market,
                status=facts.status,
                clock=state & CLOCK_MASK,
                restarted_at=(state >> RESTART_AT) & CLOCK_MASK,
            )
    if round != words[ROUND]:
        self.markets[market][ROUND] = round
    if surface != 0 and surface != self.surfaces[market][0]:
        self.surfaces[market][0] = surface
    return facts, walked


# --- settlement window ---------------------------------------------------------------------------------------


@internal
@pure
def _key(market: uint256, expiry: uint256) -> uint256:
    return (market << 64) | expiry


@internal
@view
def _window(key: uint256, params: uint256) -> uint256:
    # a proof once begun keeps its window
    if self.proofs[key][0] != 0:
        return self.proofs[key][1] >> 128
    if self.proofs[key][2] != 0:
        return self.proofs[key][3] >> 128
    return oracle_word._window_seconds(params)


@internal
@view
def _load_proof(key: uint256, slot: uint256) -> Proof:
    word: uint256 = self.proofs[key][slot]
    return Proof(
        id=word & ROUND_ID_MASK,
        stamp=(word >> 80) & (2**40 - 1),
        price=(word >> 120) & MAX_PRICE,
        integral=self.proofs[key][slot + 1] & (2**128 - 1),
        done=word >> 216 != 0,
    )


@internal
def _store_proof(key: uint256, slot: uint256, proof: Proof, window: uint256):
    self.proofs[key][slot] = (
        proof.id | (proof.stamp << 80) | (proof.price << 120) | (convert(proof.done, uint256) << 216)
    )
    self.proofs[key][slot + 1] = proof.integral | (window << 128)


@internal
@view
def _window_average(
    key: uint256, slot: uint256, feed_word: uint256, newest: Reading, params: uint256, expiry: uint256
) -> (uint256, uint256, uint256, bool, uint256):
    """
    @notice Average price so far in an open settlement window (5.1).
    @return (length of the window, elapsed seconds, average [wad], whether every round is in it, rounds read).
    """
    window: uint256 = self._window(key, params)
    start: uint256 = expiry - window
    if block.timestamp <= start:
        return window, 0, 0, True, 0
    proof: Proof = self._load_proof(key, slot)
    complete: bool = False
    steps: uint256 = 0
    proof, complete, steps = self._sum_window(feed_word, newest, proof, start, expiry)
    elapsed: uint256 = block.timestamp - start
    if not complete:
        return window, elapsed, 0, False, steps
    integral: uint256 = proof.integral + proof.price * (block.timestamp - max(proof.stamp, start))
    return window, elapsed, integral // elapsed, True, steps


@internal
def _keep_window(market: uint256, expiry: uint256, words: uint256[6], newest: Reading, status: uint256):
    """
    @notice Stores how far the average of an open window is summed.
    """
    slot: uint256 = 0
    reading: Reading = newest
    feed_word: uint256 = words[PRIMARY]
    if status & layout.FALLBACK_USED != 0:
        slot = 2
        feed_word = words[FALLBACK]
        reading = self._read(feed_word, NEWEST)
    key: uint256 = self._key(market, expiry)
    window: uint256 = self._window(key, words[PARAMS])
    proof: Proof = self._load_proof(key, slot)
    complete: bool = False
    steps: uint256 = 0
    proof, complete, steps = self._sum_window(feed_word, reading, proof, expiry - window, expiry)
    if proof.id != 0:
        self._store_proof(key, slot, proof, window)


@internal
@view
def _sum_window(
    feed_word: uint256, newest: Reading, known: Proof, start: uint256, expiry: uint256
) -> (Proof, bool, uint256):
    """
    @notice Carries the average of an open window to the newest round.
    @return (proof, whether it holds every round up to the newest, rounds read).
    """
    if known.price != 0:
        return self._walk(feed_word, newest, known, start, expiry)
    # nothing kept yet: sum backwards from the newest round to the one in force at the start
    proof: Proof = Proof(id=newest.id, stamp=newest.stamp, price=newest.price, integral=0, done=False)
    if newest.price == 0:
        return empty(Proof), False, 0
    upper: uint256 = newest.stamp
    id: uint256 = newest.id
    steps: uint256 = 0
    for i: uint256 in range(MAX_WALK):
        if upper <= start:
            return proof, True, steps
        if id & (2**64 - 1) <= 1:
            break
        id = unsafe_sub(id, 1)
        steps = unsafe_add(steps, 1)
        reading: Reading = self._read(feed_word, id)
        if reading.price != 0 and reading.stamp <= upper:
            # a price has 96 bits, a window 16
            proof.integral += unsafe_mul(reading.price, unsafe_sub(upper, max(reading.stamp, start)))
            upper = reading.stamp
    if upper <= start:
        return proof, True, steps
    return empty(Proof), False, steps


@internal
@view
def _walk(
    feed_word: uint256, newest: Reading, known: Proof, start: uint256, expiry: uint256
) -> (Proof, bool, uint256):
    """
    @notice Carries a proof forward, round by round, to the newest round or past the expiry.
    @dev Rounds that cannot be read, or whose stamp is earlier than the one before, do not count. A phase that has
         no next round has ended; the next one is entered only after the expiry, when no more rounds can appear in
         the window, so that the result does not depend on when one looks.
    @param newest Newest round of the feed; UNREACHABLE leaves the end of the feed unknown.
    @return (proof, whether nothing is left to walk, rounds read).
    """
    proof: Proof = known
    expired: bool = block.timestamp >= expiry
    steps: uint256 = 0
    for i: uint256 in range(MAX_WALK):
        if proof.done:
            return proof, True, steps
        if newest.reason != UNREACHABLE and proof.id >= newest.id:
            return proof, True, steps
        next_id: uint256 = proof.id + 1
        reading: Reading = newest
        steps = unsafe_add(steps, 1)
        if next_id != newest.id:
            reading = self._read(feed_word, next_id)
        if reading.price != 0:
            if reading.stamp > expiry:
                proof.done = True
                return proof, True, steps
            proof.id = next_id
            if reading.stamp >= proof.stamp:
                from_at: uint256 = max(proof.stamp, start)
                if reading.stamp > from_at:
                    proof.integral += proof.price * (reading.stamp - from_at)
                proof.stamp = reading.stamp
                proof.price = reading.price
        elif newest.reason == UNREACHABLE:
            return proof, False, steps
        elif newest.id >> 64 != proof.id >> 64:
            if not expired:
                return proof, False, steps
            proof.id = ((proof.id >> 64) + 1) << 64
        elif next_id == newest.id:
            # may still become readable while rounds of the window can appear
            if not expired:
                return proof, False, steps
            proof.id = next_id
        elif reading.reason == UNREACHABLE and self._is_mute(feed_word, newest):
            return proof, False, steps
        else:
            proof.id = next_id
    return proof, proof.done or proof.id == newest.id, steps


@internal
def _prove(
    key: uint256,
    slot: uint256,
    feed_word: uint256,
    expiry: uint256,
    window: uint256,
    hints: DynArray[uint256, 64],
) -> (uint256, bool):
    """
    @notice Carries the proof of one feed as far as one call goes.
    @return (price when final else 0, whether the feed can still give the price).
    """
    start: uint256 = expiry - window
    oldest: uint256 = expiry - min(self._age_limit(feed_word), expiry)
    newest: Reading = self._read(feed_word, NEWEST)
    if newest.price != 0 and newest.stamp < oldest:
        return 0, False
    before: Proof = self._load_proof(key, slot)
    proof: Proof = before
    if proof.stamp <= start:
        proof = self._begin(feed_word, newest, proof, start, hints)
    complete: bool = False
    steps: uint256 = 0
    if proof.price != 0:
        proof, complete, steps = self._walk(feed_word, newest, proof, start, expiry)
    is_final: bool = complete and block.timestamp >= expiry
    if is_final and proof.stamp >= oldest:
        if window == 0:
            return proof.price, True
        integral: uint256 = proof.integral + proof.price * (expiry - max(proof.stamp, start))
        return integral // window, True
    if before.id != proof.id or proof.done:
        self._store_proof(key, slot, proof, window)
    return 0, not is_final and (complete or not self._is_mute(feed_word, newest))


@internal
@view
def _is_mute(feed_word: uint256, newest: Reading) -> bool:
    """
    @notice Whether the feed cannot answer: no newest round, or a history that does not even know that one.
    """
    if newest.reason == UNREACHABLE:
        return True
    return self._read(feed_word, newest.id).reason == UNREACHABLE


@internal
@view
def _begin(
    feed_word: uint256, newest: Reading, known: Proof, start: uint256, hints: DynArray[uint256, 64]
) -> Proof:
    """
    @notice The latest of the hinted rounds that is at or before the window's start, or the proof as it was. When
            neither exists, looks for it backwards from the newest round, 48 rounds a call: a proof without a price is
            how far that has come.
    """
    proof: Proof = known
    id: uint256 = newest.id
    if known.price == 0:
        proof = empty(Proof)
        # a search that came to the end of its phase begins again, as does one in a phase that is no longer the newest
        if known.id >> 64 == id >> 64 and known.id & (2**64 - 1) > 1:
            id = min(id, known.id)
    if newest.price != 0 and newest.stamp <= start:
        return Proof(id=newest.id, stamp=newest.stamp, price=newest.price, integral=0, done=False)
    for hint: uint256 in hints:
        if hint <= proof.id or hint > ROUND_ID_MASK:
            continue
        reading: Reading = self._read(feed_word, hint)
        if reading.price == 0:
            continue
        if reading.stamp > start:
            break
        if reading.stamp < proof.stamp:
            continue
        phase: uint256 = hint >> 64
        if newest.id >> 64 > phase:
            # a later phase that already had rounds at the start is the one that counts
            first: Reading = self._read(feed_word, ((phase + 1) << 64) + 1)
            if first.price != 0 and first.stamp <= start:
                continue
        proof = Proof(id=hint, stamp=reading.stamp, price=reading.price, integral=0, done=False)
    if proof.id != 0:
        return proof
    if newest.price == 0:
        return known
    for i: uint256 in range(MAX_WALK):
        if id & (2**64 - 1) <= 1:
            break
        id = unsafe_sub(id, 1)
        reading: Reading = self._read(feed_word, id)
        if reading.price != 0 and reading.stamp <= start:
            return Proof(id=id, stamp=reading.stamp, price=reading.price, integral=0, done=False)
    return Proof(id=id, stamp=0, price=0, integral=0, done=False)


@internal
@view
def _last_resort(key: uint256, expiry: uint256, words: uint256[6]) -> uint256:
    """
    @notice The newest price before expiry that this contract knows of; much later, any price at all.
    """
    best: uint256 = 0
    best_at: uint256 = 0
    for slot: uint256 in [0, 2]:
        proof: Proof = self._load_proof(key, slot)
        # a walk that did not end stands where whoever gave the hint chose, unless it is about to end
        if (proof.done or unsafe_add(proof.stamp, 3600) > expiry) and proof.stamp > best_at:
            best = proof.price
            best_at = proof.stamp
    last_at: uint256 = (words[ROUND] >> STAMP_AT) & TIME_MASK
    last: uint256 = (words[ROUND] >> PRICE_AT) & MAX_PRICE
    if last != 0 and last_at <= expiry and last_at > best_at:
        best = last
        best_at = last_at
    any_price: uint256 = last
    for feed_word: uint256 in [words[PRIMARY], words[FALLBACK]]:
        newest: Reading = self._read(feed_word, NEWEST)  # a feed that is not there reads 0
        if newest.price != 0 and newest.stamp <= expiry and newest.stamp > best_at:
            best = newest.price
            best_at = newest.stamp
        if any_price == 0:
            any_price = newest.price
    if best == 0 and unsafe_sub(block.timestamp, expiry) >= ANY_PRICE_SECONDS:
        best = any_price
    return best

