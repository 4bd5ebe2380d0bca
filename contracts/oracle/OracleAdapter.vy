# pragma version 0.4.3
# pragma optimize gas
"""
@title Oracle adapter: spot, realised vol, market clock
@license AGPL-3.0-only
@notice Reads AggregatorV3 feeds and says what their price may be used for. One `snapshot` returns every price fact
        of a cell; docs/oracle.md has the table of states and what each allows.
@dev Owns: feeds, EWMAs, the ramps, the clocks, the last and the undisputed price, the vol surface in force. Trusts
     RiskParameters for listing and parameters, VolSurface for surfaces that it has checked, ExpiryPrices for the sums of
     settlement windows, nobody else. Assumes of a feed only what it proves: one that reverts, lies about stamps, returns
     too little or burns its gas makes its own market's price not fresh and touches nothing else. Never calls the protocol.

     Snapshot and observe are compositions: prices (feeds to one price and its condition), vols (with their ramps), clock,
     cell (forward, window, surface). What a call happened to see is no state: age is read off stamps, a stale price is stale
     since its stamp, and only what cannot be read later is recorded (feeds apart, an outage, the price last seen).
     What is kept of a market and of a cell: oracle/market_words.
"""

from interfaces import IExpiryPrices
from interfaces import IFeedCheck
from interfaces import IOracleAdapter
from interfaces import IVolFolder

from contracts.math import fixed
from contracts.math import scales
from contracts.oracle import fallback_surface
from contracts.oracle import feeds as feeds_
from contracts.oracle import market_clock
from contracts.oracle import market_words as words_
from contracts.oracle import oracle_word
from contracts.oracle import realised_vol
from contracts.oracle import snapshot as layout
from contracts.oracle import surface as surfaces_
from contracts.oracle import svi_slice

implements: IOracleAdapter


# what a call reads of a market: whose prices it goes by, and the words of that one (oracle/market_words)
struct Loaded:
    market: uint256
    primary: uint256
    second: uint256           # feed word of the fallback, 0 for none
    kept: words_.Kept


# what the feeds give
struct Prices:
    primary: feeds_.Reading   # as read, or the round last seen when this one is older
    reason: uint256           # why the price is not fresh or in dispute, FINE for none
    second_reason: uint256
    spot: uint256
    stamp: uint256
    width: uint256
    fresh_until: uint256
    is_fresh: bool
    uses_second: bool
    is_apart: bool
    is_known: bool            # no fresh fallback disputes the price
    apart_since: uint256
    waiting_until: uint256    # 0 when nothing is waited for
    is_down: bool             # the sequencer
    up_since: uint256         # the sequencer, 0 without its feed
    is_lost: bool             # every source is older than an outage allows


# vols, and where their ramps are [wad]
struct Vols:
    sigma: uint256
    sigma_now: uint256
    ratio: uint256
    week: uint256   # anchors of the fallback surface
    long: uint256
    surface: uint256  # surface word or 0
    is_live: bool     # the surface


# the market as a call leaves it
struct Moment:
    prices: Prices
    clock: market_clock.Clock
    is_active: bool
    in_grace: bool
    grace_until: uint256
    broken_at: uint256
    is_out: bool
    status: uint256
    undisputed: uint256
    undisputed_at: uint256
    vols: Vols


# a cell in its settlement window
struct Window:
    is_open: bool
    start: uint256
    length: uint256
    word: uint256             # of the cell


WAD: constant(uint256) = scales.WAD
ONE_Q64: constant(int256) = scales.SIGNED_Q64
WAD_SIGNED: constant(int256) = scales.SIGNED_WAD
YEAR: constant(int256) = scales.SIGNED_YEAR
DAY: constant(uint256) = scales.DAY
# 08:00 UTC
HOUR_OF_EXPIRY: constant(uint256) = surfaces_.HOUR_OF_EXPIRY

VOL_UNIT: constant(uint256) = words_.VOL_UNIT
TIME_MASK: constant(uint256) = market_clock.TIME_MASK
MAX_ANCHOR: constant(uint256) = 10**19
# sources older than this, and than their own limit, are lost
OUTAGE_SECONDS: constant(uint256) = 3600
MAX_HORIZON: constant(uint256) = 10 * 365 * 86400
# the expiry that a market alone is looked at for
MARKET_TENOR: constant(uint256) = 30 * 86400
# days on which nobody recorded anything, looked across for an undisputed price
MAX_SILENT_DAYS: constant(uint256) = 400

PARAMETERS: immutable(address)
VOL_SURFACE: immutable(address)
EXPIRY_PRICES: immutable(address)
FEED_CHECK: immutable(address)
VOL_FOLDER: immutable(address)

# market -> its words (oracle/market_words)
markets: HashMap[uint256, words_.Market]
# market -> FALLBACK, CURSOR, UNDISPUTED
fallbacks: HashMap[uint256, uint256]
cursors: HashMap[uint256, uint256]
undisputed: HashMap[uint256, uint256]
# market -> uptime feed of its chain's sequencer
sequencers: HashMap[uint256, address]
# market -> expiry -> its word
cells: HashMap[uint256, HashMap[uint256, uint256]]
# market -> day -> undisputed price before its 08:00, stored by the first call that recorded after it
undisputed_at: HashMap[uint256, HashMap[uint256, uint256]]
# market -> surface word, index word (oracle/surface)
surfaces: HashMap[uint256, uint256[2]]
# market << 16 | day of the expiry -> slice (oracle/svi_slice) | made_at << 224
slices: HashMap[uint256, uint256]


@deploy
def __init__(parameters: address, vol_surface: address, expiry_prices: address, feed_check: address, vol_folder: address):
    """
    @param parameters RiskParameters, the only account that lists and configures markets.
    @param vol_surface VolSurface, the only account that sets a vol surface.
    @param expiry_prices ExpiryPrices, which sums settlement windows.
    @param feed_check FeedCheck, which says what a feed must show to be listed.
    @param vol_folder VolFolder, which folds prices into realised vols.
    """
    PARAMETERS = parameters
    VOL_SURFACE = vol_surface
    EXPIRY_PRICES = expiry_prices
    FEED_CHECK = feed_check
    VOL_FOLDER = vol_folder


# --- listing -------------------------------------------------------------------------------------------------


@external
def list_market(market: uint256, feeds: IOracleAdapter.Feeds, word: uint256):
    """
    @notice Registers the feeds of a market, once. Only RiskParameters.
    @dev A feed must show a price and a history; one without history is wrapped in RoundRecorder. Bounds may be no wider than a
         thousandth and a thousand times of spot, and than what the aggregator itself shows.
    @param market The market's index.
    @param feeds Its feeds and the vol that it starts from, or nothing but the price market whose prices are its own.
    @param word Packed oracle parameters (governance/risk_word); unused under a price market, which has its own.
    """
    self._only_parameters()
    if self.markets[market].primary != 0:
        self._refuse("oracle/already-listed")
    if feeds.price_market != market:
        self._state(feeds.price_market)
        self.markets[market].primary = words_.SHARED | feeds.price_market
        return
    self._check_word(word)
    listing: IFeedCheck.Listing = staticcall IFeedCheck(FEED_CHECK).listing(feeds, word)
    self.markets[market] = words_.Market(
        primary=listing.primary,
        kept=words_.Kept(
            params=word,
            state=listing.state,
            seen=listing.seen,
            anchors=listing.anchors,
            variances=listing.variances,
        ),
    )
    if listing.fallback_feed != 0:
        self.fallbacks[market] = listing.fallback_feed
    if feeds.sequencer != empty(address):
        self.sequencers[market] = feeds.sequencer
    self.cursors[market] = listing.cursor
    log IOracleAdapter.MarketListed(
        market=market,
        primary=feeds.primary.source,
        fallback_feed=feeds.fallback_feed.source,
        sequencer_feed=feeds.sequencer,
    )
    log IOracleAdapter.MarketConfigured(market=market, word=word)


@external
def set_fallback(market: uint256, feed: IOracleAdapter.Feed):
    """
    @notice Drops the fallback, or sets one where there is none. Only RiskParameters, whose owner's delay it waits out.
    @dev A new one must agree with a fresh primary, unless the primary has been stale for 7 days.
    @param market The market's index.
    @param feed The fallback; an empty source drops the one that is there.
    """
    self._only_parameters()
    state: uint256 = self._state(market)
    if feed.source == empty(address):
        if state & words_.HAS_FALLBACK == 0:
            self._refuse("oracle/no-fallback")
        self.fallbacks[market] = 0
        # what was recorded of two feeds ends with the second
        self.markets[market].kept.state = state & ~(words_.HAS_FALLBACK | (TIME_MASK << words_.APART_AT))
    else:
        if state & words_.HAS_FALLBACK != 0:
            self._refuse("oracle/fallback-exists")
        self.fallbacks[market] = staticcall IFeedCheck(FEED_CHECK).fallback_word(
            feed, self.markets[market].primary, words_._seen_at(self.markets[market].kept.seen), self.markets[market].kept.params
        )
        self.markets[market].kept.state = state | words_.HAS_FALLBACK
    log IOracleAdapter.FallbackSet(market=market, fallback_feed=feed.source)


@external
def configure(market: uint256, word: uint256):
    """
    @notice Replaces the packed oracle parameters. Only RiskParameters.
    @param market The market's index.
    @param word Packed oracle parameters (governance/risk_word).
    """
    self._only_parameters()
    self._state(market)
    self._check_word(word)
    self.markets[market].kept.params = word
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
    self._only_surface()
    state: uint256 = self._state(market)
    if state & words_.HAS_SURFACE == 0:
        self.markets[market].kept.state = state | words_.HAS_SURFACE
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


@internal
@pure
def _refuse(reason: String[32]):
    # one revert for all reasons: half the bytes of a literal assert
    raise reason


@internal
@view
def _only_parameters():
    if msg.sender != PARAMETERS:
        self._refuse("oracle/only-parameters")


@internal
@view
def _only_surface():
    if msg.sender != VOL_SURFACE:
        self._refuse("oracle/only-surface")


@internal
@view
def _state(market: uint256) -> uint256:
    """
    @notice STATE of a market that is listed with feeds of its own; one with a price market has none.
    """
    state: uint256 = self.markets[market].kept.state
    if state == 0:
        self._refuse("oracle/unlisted-market")
    return state


@internal
@pure
def _check_word(word: uint256):
    if not oracle_word._is_sound(word):
        self._refuse("oracle/parameters")


@external
def stop_surface(market: uint256):
    """
    @notice Makes the vol surface in force stale as of now: it fades as any stale one. Only VolSurface, for the guardian.
    @param market The market's index.
    """
    self._only_surface()
    self._state(market)
    self.surfaces[market][0] = surfaces_._stale_at(self.surfaces[market][0], block.timestamp)


# --- prices --------------------------------------------------------------------------------------------------


@external
@view
def snapshot(market: uint256, expiry: uint256) -> IOracleAdapter.Snapshot:
    """
    @notice Every price fact of a cell as of now. Never reverts for a listed market with gas enough for its feeds; what the
            price may be used for is in its status word (oracle/snapshot).
    @param market The market's index.
    @param expiry Expiry of the cell [unix seconds], or 0 for the market alone.
    @return The snapshot.
    """
    words: Loaded = self._load(market)
    moment: Moment = self._moment(words)
    window: Window = self._window_of(words, expiry)
    live: IExpiryPrices.Live = empty(IExpiryPrices.Live)
    if window.is_open and moment.prices.is_fresh:
        live = self._average(words, expiry, window, moment.prices.uses_second)
    return self._facts(words, expiry, moment, window, live)


@external
def observe(market: uint256, expiry: uint256) -> IOracleAdapter.Snapshot:
    """
    @notice `snapshot`, and records the clocks, the ramps and the condition of the feeds on the way.
    @dev In a settlement window it also keeps how far the average is summed, when that was many rounds. The first observe of a
         cell stamps its window's length and its delay.
    @param market The market's index.
    @param expiry Expiry of the cell [unix seconds], or 0 for the market alone.
    @return The snapshot as after recording.
    """
    return self._observed(market, expiry, True)


@external
def look(market: uint256, expiry: uint256) -> IOracleAdapter.Snapshot:
    """
    @notice The snapshot of `observe` for actions that liquidate nothing: of the market it records what cannot be read later, a
            round not seen before, feeds apart, an outage and their ends, and else leaves clocks and ramps to others (ADR 54).
    @param market The market's index.
    @param expiry Expiry of the cell [unix seconds], or 0 for the market alone.
    @return The snapshot as `observe` would give it.
    """
    return self._observed(market, expiry, False)


@external
def poke(market: uint256, max_rounds: uint256) -> uint256:
    """
    @notice Folds into the realised vols the returns between whole ten minutes of the clock, oldest first, and records what
            `observe` does. Open to anyone.
    @dev Rounds that cannot be read, or are older than the last one, do not count. A new phase of the feed, or one more than
         2,048 rounds ahead, is jumped to. Of brought prices an instant is folded ten minutes after it.
    @param market The market's index.
    @param max_rounds Rounds (of brought prices: instants) to look at in this call, at most 256.
    @return Number of them looked at; 0 when nothing was new.
    """
    words: Loaded = self._load(market)
    self._record_rounds(words)
    folded: IVolFolder.Folded = staticcall IVolFolder(VOL_FOLDER).fold(
        IVolFolder.Folding(
            feed=words.primary,
            params=words.kept.params,
            seen=words.kept.seen,
            anchors=words.kept.anchors,
            variances=words.kept.variances,
            cursor=self.cursors[words.market],
        ),
        max_rounds,
    )
    if folded.looked != 0:
        self.cursors[words.market] = folded.cursor
    has_folded: bool = folded.anchors != words.kept.anchors
    if has_folded:
        self.markets[words.market].kept.variances = folded.variances
        words.kept.variances = folded.variances
        words.kept.anchors = folded.anchors
    self._record(words, self._moment(words), True)
    if has_folded:
        variances: realised_vol.Variances = realised_vol._unpack(words.kept.variances)
        log IOracleAdapter.VolUpdated(
            market=words.market,
            round_id=folded.cursor & feeds_.ROUND_ID_MASK,
            spot=words_._base(words.kept.anchors),
            variance_fast=variances.fast,
            variance_day=variances.day,
            variance_week=variances.week,
            variance_long=variances.long,
            sigma=unsafe_mul(self.markets[words.market].kept.anchors & words_.VOL_MASK, VOL_UNIT),
        )
    return folded.looked


# --- cells ---------------------------------------------------------------------------------------------------


@external
def stamp_cell(market: uint256, expiry: uint256) -> IOracleAdapter.Terms:
    """
    @notice `cell_terms`, kept from now on if nobody has observed the cell before. Has RoundRecorders record: what is summed next
            is kept by the ids of rounds.
    @param market The market's index.
    @param expiry Expiry of the cell [unix seconds].
    @return Its terms.
    """
    words: Loaded = self._load(market)
    # a bit that the words of other kinds do not have
    if (words.primary | words.second) >> feeds_.KIND_AT & feeds_.RECORDER != 0:
        self._record_rounds(words)
    self._stamp(words, expiry)
    return self._terms(words, expiry)


@external
@view
def cell_terms(market: uint256, expiry: uint256) -> IOracleAdapter.Terms:
    """
    @notice What a cell settles by: stamped at its first observe, the parameters in force before it.
    @param market The market's index.
    @param expiry Expiry of the cell [unix seconds].
    @return Its terms.
    """
    words: Loaded = self._load(market)
    return self._terms(words, expiry)


@external
@view
def undisputed_before(market: uint256, expiry: uint256) -> uint256:
    """
    @notice The last undisputed price before the last 08:00 UTC at or before an expiry, as recorded.
    @param market The market's index.
    @param expiry Expiry of the cell, passed [unix seconds].
    @return Price [wad].
    """
    own: uint256 = self._priced(market)
    day: uint256 = self._day(expiry)
    last: uint256 = self._day((self.markets[own].kept.state >> words_.RECORDED_AT) & TIME_MASK)
    # nobody recorded between this day and the first one that has a price: it was the last one of both
    for i: uint256 in range(MAX_SILENT_DAYS):
        if day > last:
            break
        price: uint256 = self.undisputed_at[own][day]
        if price != 0:
            return price
        day = unsafe_add(day, 1)
    price: uint256 = 0
    stamp: uint256 = 0
    price, stamp = self._undisputed(own, self.markets[own].kept.seen)
    return price


@external
@view
def condition(market: uint256, expiry: uint256) -> IOracleAdapter.Condition:
    """
    @notice Why the price of a cell is or is not fresh and active, and until when.
    @param market The market's index.
    @param expiry Expiry of the cell [unix seconds], or 0 for the market alone.
    @return The condition; reasons are named in oracle/feeds.
    """
    words: Loaded = self._load(market)
    moment: Moment = self._moment(words)
    window: Window = self._window_of(words, expiry)
    status: uint256 = moment.status
    if window.is_open and moment.prices.is_fresh:
        live: IExpiryPrices.Live = self._average(words, expiry, window, moment.prices.uses_second)
        if not live.is_complete:
            status = self._not_summed(status)
    return IOracleAdapter.Condition(
        is_fresh=status & layout.FRESH != 0,
        is_active=status & layout.ACTIVE != 0,
        uses_fallback=moment.prices.uses_second,
        in_outage=moment.is_out,
        reason=(status >> 8) & 15,
        fallback_reason=(status >> 12) & 15,
        fresh_until=moment.prices.fresh_until,
        apart_since=moment.prices.apart_since,
        waiting_until=moment.prices.waiting_until,
        grace_until=moment.grace_until if moment.in_grace else 0,
    )


@external
@view
def price_market(market: uint256) -> uint256:
    """
    @notice The market whose prices a market goes by: itself, or the price market that it was listed with.
    @param market The market's index.
    @return Index of that market.
    """
    return self._priced(market)


# --- reads for keepers and tests -----------------------------------------------------------------------------


@external
@view
def market_words(market: uint256) -> uint256[9]:
    """
    @notice The packed words of a market (oracle/market_words).
    @param market The market's index.
    @return Primary, fallback (oracle/feeds), parameters (oracle/oracle_word), STATE, SEEN, ANCHORS, variances
            (oracle/realised_vol), CURSOR, UNDISPUTED; zeros when it is not listed.
    """
    if self.markets[market].primary == 0:
        return empty(uint256[9])
    words: Loaded = self._load(market)
    return [
        words.primary,
        words.second,
        words.kept.params,
        words.kept.state,
        words.kept.seen,
        words.kept.anchors,
        words.kept.variances,
        self.cursors[words.market],
        self.undisputed[words.market],
    ]


@external
@view
def surface(market: uint256) -> IOracleAdapter.PublishedSurface:
    """
    @notice The vol surface of a market as last published and recorded.
    @param market The market's index.
    @return The surface.
    """
    own: uint256 = self._priced(market)
    word: uint256 = self.surfaces[own][0]
    index: uint256 = self.surfaces[own][1]
    slices: uint256[16] = empty(uint256[16])
    days: uint256 = index
    for lane: uint256 in range(surfaces_.MAX_EXPIRIES):
        if days == 0:
            break
        slices[lane] = self.slices[(own << 16) | (days & 65535)]
        days = days >> 16
    return IOracleAdapter.PublishedSurface(
        word=word, index=index, slices=slices, depended_on=self._is_in_force(word, index)
    )


# --- which price ---------------------------------------------------------------------------------------------


@internal
@view
def _priced(market: uint256) -> uint256:
    """
    @notice The market whose prices a market goes by: itself, or its price market.
    """
    primary: uint256 = self.markets[market].primary
    if primary >= words_.SHARED:
        return primary ^ words_.SHARED
    return market


@internal
@view
def _load(market: uint256) -> Loaded:
    """
    @notice The market whose prices a listed one goes by, and its words.
    """
    own: uint256 = market
    primary: uint256 = self.markets[own].primary
    if primary >= words_.SHARED:
        own = primary ^ words_.SHARED
        primary = self.markets[own].primary
    if primary == 0:
        self._refuse("oracle/unlisted-market")
    kept: words_.Kept = self.markets[own].kept
    second: uint256 = 0
    if kept.state & words_.HAS_FALLBACK != 0:
        second = self.fallbacks[own]
    return Loaded(market=own, primary=primary, second=second, kept=kept)


@internal
@pure
def _are_apart(price: uint256, other: uint256, params: uint256) -> bool:
    """
    @notice Whether two prices are further apart than the deviation allows; both below 2^96.
    """
    return unsafe_mul(unsafe_sub(max(price, other), min(price, other)), WAD) > unsafe_mul(
        oracle_word._deviation(params), other
    )


@internal
@view
def _prices(words: Loaded) -> Prices:
    """
    @notice What the feeds give: one price, whether it is fresh, and what is wrong with it.
    """
    found: Prices = empty(Prices)
    found.primary = feeds_._read_newest(words.primary)
    seen_price: uint256 = words.kept.seen & feeds_.MAX_PRICE
    seen_at: uint256 = words_._seen_at(words.kept.seen)
    limit: uint256 = feeds_._age_limit(words.primary)
    if found.primary.price != 0 and found.primary.stamp < seen_at:
        # time does not step back: the round last seen stays in force at its own age
        found.primary.price = seen_price
        found.primary.stamp = seen_at
        found.primary.width = 0
        found.primary.reason = feeds_.STALE if block.timestamp > unsafe_add(seen_at, limit) else feeds_.FINE
    found.spot = found.primary.price
    found.stamp = found.primary.stamp
    if found.spot == 0:
        found.spot = seen_price
        found.stamp = seen_at
    primary_fresh: bool = found.primary.reason == feeds_.FINE
    # stale since then, whoever looked when
    stale_at: uint256 = unsafe_add(found.stamp, limit)
    found.fresh_until = stale_at

    sequencer: uint256 = feeds_.FINE
    if words.kept.state & words_.HAS_SEQUENCER != 0:
        sequencer, found.up_since = feeds_._read_sequencer(
            self.sequencers[words.market], oracle_word._grace_seconds(words.kept.params)
        )
        found.is_down = sequencer == feeds_.SEQUENCER_DOWN
    second: feeds_.Reading = empty(feeds_.Reading)
    if words.second != 0:
        second = feeds_._read_newest(words.second)
    found.second_reason = second.reason
    second_fresh: bool = words.second != 0 and second.reason == feeds_.FINE
    disputed: bool = second_fresh and self._are_apart(found.spot, second.price, words.kept.params)
    found.is_apart = primary_fresh and disputed
    found.is_known = found.primary.price != 0 and not disputed and not found.is_down
    found.width = found.primary.width
    if found.is_apart:
        found.width = max(
            found.width, unsafe_sub(max(found.spot, second.price), min(found.spot, second.price))
        )

    failover: uint256 = oracle_word._failover_seconds(words.kept.params)
    found.apart_since = (words.kept.state >> words_.APART_AT) & TIME_MASK
    if found.is_apart:
        if found.apart_since == 0:
            found.apart_since = block.timestamp
    elif primary_fresh and second_fresh:
        found.apart_since = 0
    if found.apart_since != 0:
        found.waiting_until = unsafe_add(found.apart_since, failover)
    if not primary_fresh and words.second != 0:
        found.waiting_until = max(found.waiting_until, unsafe_add(stale_at, failover))
    if block.timestamp >= found.waiting_until:
        found.waiting_until = 0
    found.is_fresh = primary_fresh and not found.is_down
    if not primary_fresh and second_fresh and found.waiting_until == 0 and not found.is_down:
        found.uses_second = True
        found.is_known = True
        found.is_fresh = True
        found.spot = second.price
        found.stamp = second.stamp
        found.fresh_until = unsafe_add(second.stamp, feeds_._age_limit(words.second))
        found.width = max(
            second.width, unsafe_div(unsafe_mul(second.price, feeds_._threshold(words.second)), WAD)
        )

    # lost: every source older than its limit and an hour
    found.is_lost = not primary_fresh and not second_fresh and block.timestamp > (
        max(stale_at, unsafe_add(found.stamp, OUTAGE_SECONDS))
    )
    if found.is_lost and second.price != 0:
        found.is_lost = block.timestamp > unsafe_add(second.stamp, OUTAGE_SECONDS)

    if sequencer == feeds_.SEQUENCER_DOWN:
        found.reason = feeds_.SEQUENCER_DOWN
    elif not primary_fresh:
        found.reason = found.primary.reason
    elif found.is_apart:
        found.reason = feeds_.APART
    elif found.waiting_until != 0:
        found.reason = feeds_.WAITING
    elif sequencer == feeds_.GRACE:
        found.reason = feeds_.GRACE
    return found


# --- the market now ------------------------------------------------------------------------------------------


@internal
@view
def _moment(words: Loaded) -> Moment:
    """
    @notice The market as a recording call would leave it now.
    """
    now: Moment = empty(Moment)
    now.prices = self._prices(words)
    grace: uint256 = oracle_word._grace_seconds(words.kept.params)
    now.grace_until = (words.kept.state >> words_.GRACE_AT) & TIME_MASK
    now.broken_at = (words.kept.state >> words_.BROKEN_AT) & TIME_MASK
    if now.prices.is_down or now.prices.is_lost:
        now.is_out = True
    elif words.kept.state & words_.OUTAGE != 0:
        # an outage ends with a fresh source, and grace begins
        now.is_out = not now.prices.is_fresh
        if not now.is_out:
            now.grace_until = unsafe_add(block.timestamp, grace)
    if now.is_out or now.prices.is_apart:
        now.broken_at = block.timestamp
    if now.prices.up_since != 0:
        now.grace_until = max(now.grace_until, unsafe_add(now.prices.up_since, grace))
    now.in_grace = block.timestamp < now.grace_until
    now.is_active = (
        now.prices.is_fresh and now.prices.waiting_until == 0 and not now.in_grace and not now.is_out
    )
    now.clock = market_clock._unpack(words.kept.state)
    if now.is_active:
        now.clock = market_clock._seen(
            now.clock,
            block.timestamp,
            max(now.broken_at, now.prices.up_since),
            unsafe_sub(now.prices.fresh_until, block.timestamp),
        )
    now.undisputed, now.undisputed_at = self._undisputed(words.market, words.kept.seen)
    if now.prices.is_known:
        price: uint256 = now.prices.primary.price
        stamp: uint256 = now.prices.primary.stamp
        if now.prices.uses_second:
            price = now.prices.spot
            stamp = now.prices.stamp
        if stamp >= now.undisputed_at:
            now.undisputed = price
            now.undisputed_at = stamp
    now.vols = self._vols(
        words, now.prices.primary.price, now.prices.primary.stamp, now.is_active
    )
    if now.prices.is_fresh:
        now.status = layout.FRESH
    if now.is_active:
        now.status |= layout.ACTIVE
    if now.prices.primary.reason != feeds_.FINE or now.prices.is_apart or now.prices.waiting_until != 0:
        now.status |= layout.DEGRADED
    if now.in_grace:
        now.status |= layout.GRACE
        if now.prices.reason == feeds_.FINE:
            now.prices.reason = feeds_.GRACE
    if now.prices.uses_second:
        now.status |= layout.FALLBACK_USED
    if now.vols.is_live:
        now.status |= layout.SURFACE_LIVE
    now.status |= (now.prices.reason << 8) | (now.prices.second_reason << 12)
    return now


@internal
@view
def _vols(words: Loaded, price: uint256, stamp: uint256, is_active: bool) -> Vols:
    """
    @notice Realised vols with the return to the newest price, and the ramps of what is made of them.
    @param price The primary's newest price, 0 for none [wad].
    @param stamp Its stamp [unix seconds].
    """
    params: uint256 = words.kept.params
    # with the return from the last folded instant to the newest price, which nobody stores
    variances: realised_vol.Variances = realised_vol._unpack(words.kept.variances)
    base: uint256 = words_._base(words.kept.anchors)
    base_at: uint256 = unsafe_mul(words.kept.anchors >> words_.INSTANT_AT, realised_vol.INSTANT)
    if price != 0 and base != 0 and price != base and stamp > base_at:
        since: uint256 = unsafe_sub(block.timestamp, base_at)
        age: uint256 = unsafe_sub(block.timestamp, words.kept.seen >> words_.LISTED_AT)
        variances = realised_vol._moved(variances, base, price, since, realised_vol._decays(since, params, age))
    realised: realised_vol.Vols = realised_vol._vols(variances)
    elapsed: uint256 = 0
    if is_active:
        elapsed = unsafe_sub(block.timestamp, (words.kept.state >> words_.RECORDED_AT) & TIME_MASK)
    growth: uint256 = surfaces_._growth(oracle_word._ramp(params), elapsed)
    now: Vols = Vols(
        sigma=unsafe_mul(words.kept.anchors & words_.VOL_MASK, VOL_UNIT),
        sigma_now=realised.sigma,
        ratio=realised.ratio,
        week=unsafe_mul((words.kept.anchors >> words_.WEEK_AT) & words_.VOL_MASK, VOL_UNIT),
        long=unsafe_mul((words.kept.anchors >> words_.LONG_AT) & words_.VOL_MASK, VOL_UNIT),
        surface=0,
        is_live=False,
    )
    if words.kept.state & words_.HAS_SURFACE != 0:
        factor: uint256 = oracle_word._flat_factor(params)
        now.surface = self.surfaces[words.market][0]
        now.surface = surfaces_._with_fade(
            now.surface,
            surfaces_._fade_after(
                now.surface,
                fallback_surface._iv(now.week, now.long, 0, factor),
                fallback_surface._iv(now.week, now.long, 2**40, factor),
                oracle_word._ramp(params),
                block.timestamp,
                elapsed,
            ),
        )
        now.sigma_now = max(now.sigma_now, surfaces_._sigma_atm(now.surface))
        now.is_live = (
            block.timestamp <= surfaces_._live_until(now.surface) and surfaces_._fade(now.surface) == 0
        )
    # in stored units, so that a ramped sigma that has caught up is equal and not nearly equal
    now.sigma_now = oracle_word._sigma(params, now.sigma_now)
    # up by the ramp at most, and only while the price is active; sigma falls at once, the anchors by the ramp
    now.sigma = min(now.sigma_now, self._grown(now.sigma, growth))
    now.week = self._towards(now.week, realised.week, growth)
    now.long = self._towards(now.long, realised.long, growth)
    return now


@internal
@pure
def _grown(vol: uint256, growth: uint256) -> uint256:
    return unsafe_mul(unsafe_div(unsafe_mul(vol, growth), WAD * VOL_UNIT), VOL_UNIT)


@internal
@pure
def _towards(anchor: uint256, vol: uint256, growth: uint256) -> uint256:
    """
    @notice An anchor after one step of its ramp, in stored units.
    """
    target: uint256 = unsafe_mul(unsafe_div(min(vol, MAX_ANCHOR), VOL_UNIT), VOL_UNIT)
    if target >= anchor:
        return min(target, self._grown(anchor, growth))
    return max(target, unsafe_mul(unsafe_div(unsafe_div(unsafe_mul(anchor, WAD), growth), VOL_UNIT), VOL_UNIT))


# --- the cell ------------------------------------------------------------------------------------------------


@internal
@view
def _window_of(words: Loaded, expiry: uint256) -> Window:
    """
    @notice The settlement window of a cell; of one that is far away its length alone.
    """
    window: Window = empty(Window)
    if expiry <= block.timestamp:
        return window
    window.word = self._cell(words, expiry)
    window.length = words_._window(window.word)
    window.start = unsafe_sub(expiry, window.length)
    window.is_open = block.timestamp > window.start
    return window


@internal
@view
def _cell(words: Loaded, expiry: uint256) -> uint256:
    """
    @notice The word of a cell: as stamped, else what the parameters say now.
    """
    word: uint256 = self.cells[words.market][expiry]
    if word == 0:
        return words_._cell(words.kept.params)
    return word


@internal
@view
def _terms(words: Loaded, expiry: uint256) -> IOracleAdapter.Terms:
    cell: uint256 = self._cell(words, expiry)
    return IOracleAdapter.Terms(
        market=words.market,
        primary=words.primary,
        fallback_feed=words.second,
        window=words_._window(cell),
        delay=words_._delay(cell),
        deviation=words_._deviation(cell),
    )


@internal
def _stamp(words: Loaded, expiry: uint256):
    """
    @notice Keeps what a cell settles by: later changes of parameters are for later cells.
    """
    if self.cells[words.market][expiry] == 0:
        self.cells[words.market][expiry] = words_._cell(words.kept.params)


@internal
@pure
def _ask(words: Loaded, expiry: uint256, window: Window, uses_second: bool) -> IExpiryPrices.Window:
    return IExpiryPrices.Window(
        market=words.market,
        expiry=expiry,
        start=window.start,
        delay=words_._delay(window.word),
        feed=words.second if uses_second else words.primary,
    )


@internal
@view
def _average(words: Loaded, expiry: uint256, window: Window, uses_second: bool) -> IExpiryPrices.Live:
    return staticcall IExpiryPrices(EXPIRY_PRICES).average(self._ask(words, expiry, window, uses_second))


@internal
@pure
def _not_summed(status: uint256) -> uint256:
    """
    @notice The status of a cell whose sum is more than one call away: what it would settle at is unknown, and other cells
            do not care.
    """
    return (status & ~(layout.FRESH | layout.ACTIVE | (15 << 8))) | (feeds_.WINDOW_OPEN << 8)


@internal
@view
def _cell_clock(window: Window, moment: Moment, is_active: bool) -> market_clock.Clock:
    """
    @notice The clock of a cell in its window: it goes on from the market's at the window's start, and then counts looks
            at this cell alone.
    """
    clock: market_clock.Clock = market_clock._unpack(window.word)
    if clock.seen_at == 0:
        passed: uint256 = unsafe_sub(block.timestamp, window.start)
        clock = moment.clock
        clock.value = unsafe_sub(clock.value, min(passed, clock.value))
        return clock
    if is_active:
        return market_clock._seen(
            clock,
            block.timestamp,
            max(moment.broken_at, moment.prices.up_since),
            unsafe_sub(moment.prices.fresh_until, block.timestamp),
        )
    return clock


@internal
@view
def _facts(
    words: Loaded,
    expiry: uint256,
    moment: Moment,
    window: Window,
    live: IExpiryPrices.Live,
) -> IOracleAdapter.Snapshot:
    """
    @notice The snapshot of a cell.
    """
    facts: IOracleAdapter.Snapshot = empty(IOracleAdapter.Snapshot)
    facts.spot = moment.prices.spot
    facts.forward = facts.spot
    facts.half_width = moment.prices.width
    facts.updated_at = moment.prices.stamp
    facts.sigma = moment.vols.sigma
    facts.sigma_now = moment.vols.sigma_now
    facts.vol_ratio = moment.vols.ratio
    facts.rate = oracle_word._rate(words.kept.params)
    facts.status = moment.status
    facts.clock = moment.clock.value
    facts.restarted_at = moment.clock.restarted_at
    facts.undisputed = moment.undisputed
    if expiry > block.timestamp:
        facts.seconds = unsafe_sub(expiry, block.timestamp)
        facts.window_seconds = window.length
        if window.is_open:
            if not live.is_complete:
                if moment.prices.is_fresh:
                    facts.status = self._not_summed(facts.status)
            else:
                passed: uint256 = unsafe_sub(block.timestamp, window.start)
                facts.window_share = unsafe_div(unsafe_mul(passed, WAD), window.length)
                facts.window_average = unsafe_div(live.sum, passed)
                facts.forward = unsafe_div(
                    unsafe_add(
                        unsafe_mul(facts.window_average, passed),
                        unsafe_mul(facts.spot, unsafe_sub(window.length, passed)),
                    ),
                    window.length,
                )
            clock: market_clock.Clock = self._cell_clock(
                window, moment, facts.status & layout.ACTIVE != 0
            )
            facts.clock = clock.value
            facts.restarted_at = clock.restarted_at
        elif facts.rate != 0:
            carry: int256 = unsafe_div(
                unsafe_mul(unsafe_mul(facts.rate, convert(min(facts.seconds, MAX_HORIZON), int256)), ONE_Q64),
                YEAR * WAD_SIGNED,
            )
            facts.forward = unsafe_mul(facts.spot, convert(fixed._exp(carry), uint256)) >> 64
    elif expiry != 0:
        price: uint256 = staticcall IExpiryPrices(EXPIRY_PRICES).price(words.market, expiry)
        if price != 0:
            facts.forward = price
            facts.window_share = WAD
            facts.window_average = price
    flat: uint256 = fallback_surface._iv(
        moment.vols.week,
        moment.vols.long,
        facts.seconds if expiry != 0 else MARKET_TENOR,
        oracle_word._flat_factor(words.kept.params),
    )
    facts.surface_near = flat
    if facts.seconds != 0 and moment.vols.surface != 0:
        fade: uint256 = surfaces_._fade(moment.vols.surface)
        near: uint256 = 0
        far: uint256 = 0
        weight: uint256 = 0
        if fade != WAD or block.timestamp <= surfaces_._live_until(moment.vols.surface):
            near, far, weight = self._place(words.market, expiry, moment.vols.surface)
        if near != 0:
            facts.status |= layout.SURFACE_SVI
            facts.surface_near = near
            facts.surface_far = far
            facts.surface_weight = svi_slice._mix(weight, fade, flat)
    return facts


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


# --- recording -----------------------------------------------------------------------------------------------


@internal
@pure
def _day(at: uint256) -> uint256:
    """
    @notice The day of the last 08:00 UTC at or before a moment.
    """
    return unsafe_sub(max(at, HOUR_OF_EXPIRY), HOUR_OF_EXPIRY) // DAY


@internal
@view
def _undisputed(market: uint256, seen: uint256) -> (uint256, uint256):
    """
    @notice The undisputed price as stored, and its stamp.
    """
    word: uint256 = seen
    if seen & words_.IS_UNDISPUTED == 0:
        word = self.undisputed[market]
    return word & feeds_.MAX_PRICE, words_._seen_at(word)


@internal
def _record_rounds(words: Loaded):
    """
    @notice Has RoundRecorders keep their newest answer; one that fails is believed only if it got its gas.
    """
    for feed: uint256 in [words.primary, words.second]:
        if feeds_._kind(feed) == feeds_.RECORDER:
            gas_before: uint256 = msg.gas
            success: bool = raw_call(
                feeds_._address(feed),
                method_id("record()"),
                gas=feeds_.FEED_GAS,
                revert_on_failure=False,
            )
            if not success and gas_before < feeds_.FEED_GAS_NEEDED:
                self._refuse("oracle/gas")


@internal
def _observed(market: uint256, expiry: uint256, everything: bool) -> IOracleAdapter.Snapshot:
    words: Loaded = self._load(market)
    self._record_rounds(words)
    moment: Moment = self._moment(words)
    if expiry != 0:
        self._stamp(words, expiry)
    window: Window = self._window_of(words, expiry)
    live: IExpiryPrices.Live = empty(IExpiryPrices.Live)
    if window.is_open and moment.prices.is_fresh:
        live = extcall IExpiryPrices(EXPIRY_PRICES).carry(
            self._ask(words, expiry, window, moment.prices.uses_second)
        )
    facts: IOracleAdapter.Snapshot = self._facts(words, expiry, moment, window, live)
    self._record(words, moment, everything)
    if everything and window.is_open and facts.status & layout.ACTIVE != 0:
        clock: market_clock.Clock = self._cell_clock(window, moment, True)
        self.cells[words.market][expiry] = (window.word & ~words_.CLOCK_BITS) | market_clock._pack(clock)
    return facts


@internal
def _record(words: Loaded, moment: Moment, everything: bool):
    """
    @notice Writes what a call leaves behind.
    @param words As stored, but for instants that this call has folded.
    @param everything Else nothing, unless something is new that cannot be read later.
    """
    price: uint256 = 0
    stamp: uint256 = 0
    price, stamp = self._undisputed(words.market, words.kept.seen)
    state: uint256 = (
        market_clock._pack(moment.clock)
        | (block.timestamp << words_.RECORDED_AT)
        | (moment.prices.apart_since << words_.APART_AT)
        | (moment.grace_until << words_.GRACE_AT)
        | (moment.broken_at << words_.BROKEN_AT)
        | (words.kept.state & words_.FLAGS)
    )
    if moment.is_out:
        state |= words_.OUTAGE
    seen: uint256 = words.kept.seen
    primary: feeds_.Reading = moment.prices.primary
    if primary.price != 0:
        seen = primary.price | (primary.stamp << words_.STAMP_AT) | (words.kept.seen >> words_.LISTED_AT << words_.LISTED_AT)
    seen = seen & ~words_.IS_UNDISPUTED
    is_apart: bool = False  # the undisputed price has a word of its own, and that is another now
    if moment.undisputed == seen & feeds_.MAX_PRICE and moment.undisputed_at == words_._seen_at(seen):
        seen |= words_.IS_UNDISPUTED
    else:
        is_apart = (
            moment.undisputed != price or moment.undisputed_at != stamp or words.kept.seen & words_.IS_UNDISPUTED != 0
        )
    if not everything and seen == words.kept.seen and not is_apart and (state ^ words.kept.state) & words_.NEWS_BITS == 0:
        return
    today: uint256 = self._day(block.timestamp)
    if today != self._day((words.kept.state >> words_.RECORDED_AT) & TIME_MASK):
        # the first call after an 08:00: what was undisputed before it is kept under it
        self.undisputed_at[words.market][today] = price
    if state != words.kept.state:
        self.markets[words.market].kept.state = state
        if (state ^ words.kept.state) & words_.EVENT_BITS != 0:
            log IOracleAdapter.StatusRecorded(
                market=words.market,
                status=moment.status,
                clock=moment.clock.value,
                restarted_at=moment.clock.restarted_at,
            )
    if is_apart:
        self.undisputed[words.market] = moment.undisputed | (moment.undisputed_at << words_.STAMP_AT)
    if seen != words.kept.seen:
        self.markets[words.market].kept.seen = seen
    anchors: uint256 = words_._anchors(
        moment.vols.sigma,
        moment.vols.week,
        moment.vols.long,
        words_._base(words.kept.anchors),
        words.kept.anchors >> words_.INSTANT_AT,
    )
    if anchors != self.markets[words.market].kept.anchors:
        self.markets[words.market].kept.anchors = anchors
    if moment.vols.surface != 0 and moment.vols.surface != self.surfaces[words.market][0]:
        self.surfaces[words.market][0] = moment.vols.surface
