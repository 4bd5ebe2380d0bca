# pragma version 0.4.3
# pragma optimize codesize
"""
@title Feed check: what a feed must show to be listed
@license AGPL-3.0-only
@notice Turns what a listing says of a feed into the word that OracleAdapter keeps of it (oracle/feeds), after checking it against
        what the feed itself shows: decimals, a price, a history, and bounds where it or its aggregator has any.
@dev Stateless. A feed that keeps no rounds is wrapped in RoundRecorder. Bounds may be no wider than a thousandth and a thousand
     times of the price, and are rounded inwards.
"""

from contracts.math import scales
from contracts.oracle import feeds
from contracts.oracle import market_words
from contracts.oracle import oracle_word
from contracts.oracle import realised_vol
from interfaces import IFeedCheck
from interfaces import IOracleAdapter

implements: IFeedCheck


interface IFeed:
    def decimals() -> uint8: view


WAD: constant(uint256) = scales.WAD
# what their fields can hold
MAX_HEARTBEAT: constant(uint256) = 200_000
MAX_THRESHOLD: constant(uint256) = 1000
# a market may start at no more than 300 %
MAX_FIRST_VOL: constant(uint256) = 3 * 10**18
# a primary stale for longer has nothing to say about a new fallback
DEAD_SECONDS: constant(uint256) = 7 * 86400


@external
@view
def listing(listed: IOracleAdapter.Feeds, params: uint256) -> IFeedCheck.Listing:
    """
    @notice What a market starts with: the words of its feeds, the primary's newest round as the price last seen and as the base
            of the first return, and all vols at the one that the listing names.
    @param listed What the listing says.
    @param params Packed oracle parameters.
    @return Words of oracle/market_words.
    """
    assert listed.primary.source != empty(address), "oracle/no-feed"
    assert listed.primary.source != listed.fallback_feed.source, "oracle/same-feed"
    vol: uint256 = listed.vol
    if vol == 0:
        vol = oracle_word._sigma_floor(params)
    assert vol >= oracle_word._sigma_floor(params) and vol <= MAX_FIRST_VOL, "oracle/first-vol"
    found: IFeedCheck.Listing = empty(IFeedCheck.Listing)
    found.primary = self._word(listed.primary)
    # ramps count the time since the listing
    found.state = block.timestamp << market_words.RECORDED_AT
    if listed.fallback_feed.source != empty(address):
        found.fallback_feed = self._word(listed.fallback_feed)
        found.state |= market_words.HAS_FALLBACK
    if listed.sequencer != empty(address):
        found.state |= market_words.HAS_SEQUENCER
    newest: feeds.Reading = feeds._read(found.primary, feeds.NEWEST)
    found.seen = (
        newest.price
        | (newest.stamp << market_words.STAMP_AT)
        | market_words.IS_UNDISPUTED
        | (block.timestamp << market_words.LISTED_AT)
    )
    found.cursor = market_words._cursor(newest.id, newest.stamp, newest.price)
    found.variances = realised_vol._first(vol)
    found.anchors = market_words._anchors(
        vol, vol, vol, newest.price, block.timestamp // realised_vol.INSTANT
    )
    return found


@external
@view
def fallback_word(feed: IOracleAdapter.Feed, primary: uint256, seen_at: uint256, params: uint256) -> uint256:
    """
    @notice The word of a fallback for a market that has none: it must agree with a fresh primary, unless the primary has
            been stale for 7 days.
    @param feed What is said of it.
    @param primary Word of the primary.
    @param seen_at Stamp of the primary's round last seen [unix seconds].
    @param params Packed oracle parameters.
    @return Feed word (oracle/feeds).
    """
    assert feed.source != feeds._address(primary), "oracle/same-feed"
    second: uint256 = self._word(feed)
    newest: feeds.Reading = feeds._read_newest(primary)
    if newest.reason == feeds.FINE:
        other: feeds.Reading = feeds._read_newest(second)
        distance: uint256 = max(newest.price, other.price) - min(newest.price, other.price)
        assert (
            other.reason == feeds.FINE and distance * WAD <= oracle_word._deviation(params) * other.price
        ), "oracle/feeds-apart"
    else:
        assert block.timestamp > max(newest.stamp, seen_at) + DEAD_SECONDS, "oracle/primary-not-dead"
    return second


@internal
@pure
def _pack_bound(price: uint256, up: bool) -> uint256:
    """
    @notice A bound as mantissa and exponent.
    @param price [wad]. @param up Whether to round up (least) or down (most).
    """
    mantissa: uint256 = price
    exponent: uint256 = 0
    for i: uint256 in range(128):
        if mantissa <= feeds.MANTISSA:
            break
        if up:
            mantissa += 1
        mantissa = mantissa >> 1
        exponent += 1
    return mantissa | (exponent << 22)


@internal
@view
def _shows_history(feed: uint256, newest: uint256) -> bool:
    """
    @notice Whether the feed answers its newest round by id, and one of the eight before it with an earlier stamp.
    """
    reading: feeds.Reading = feeds._read(feed, newest)
    if reading.stamp == 0:
        return False
    for i: uint256 in range(1, 9):
        if newest & feeds.NUMBER_MASK <= i:
            break
        before: feeds.Reading = feeds._read(feed, newest - i)
        if before.stamp != 0 and before.stamp < reading.stamp:
            return True
    return False


@internal
@view
def _word(feed: IOracleAdapter.Feed) -> uint256:
    return self._listed(
        feed.source, [feed.heartbeat, feed.threshold_bps], feed.kind, feed.least, feed.most
    )


@internal
@view
def _listed(
    source: address, terms: uint256[2], kind: uint256, least: uint256, most: uint256
) -> uint256:
    """
    @notice The word of a feed that is listed; every field is checked against what the feed shows.
    @param terms Heartbeat [seconds], update threshold [bps].
    @param kind feeds.HISTORY, RECORDER or feeds.BROUGHT.
    @param least Bounds of its answers [wad]; two zeros are the widest that are allowed.
    """
    assert terms[0] != 0 and terms[0] <= MAX_HEARTBEAT, "oracle/heartbeat"
    assert terms[1] <= MAX_THRESHOLD, "oracle/threshold"
    # an adapter that this protocol ships says what it is; who says nothing must keep its rounds
    assert kind <= feeds.BROUGHT and kind == self._number(source, method_id("feed_kind()", output_type=Bytes[4])), "oracle/feed-kind"
    places: uint256 = convert(staticcall IFeed(source).decimals(), uint256)
    assert places <= 18, "oracle/feed-decimals"
    feed: uint256 = (
        convert(source, uint256)
        | ((terms[0] * 11 // 10) << feeds.AGE_AT)
        | (places << feeds.DECIMALS_AT)
        | (kind << feeds.KIND_AT)
        | (terms[1] << feeds.THRESHOLD_AT)
    )
    newest: feeds.Reading = feeds._read(feed | (self._pack_bound(feeds.MAX_PRICE, False) << feeds.MOST_AT), feeds.NEWEST)
    assert newest.price != 0, "oracle/no-price"
    # a feed that keeps no rounds is wrapped in RoundRecorder
    if kind == feeds.HISTORY:
        assert self._shows_history(
            feed | (self._pack_bound(feeds.MAX_PRICE, False) << feeds.MOST_AT), newest.id
        ), "oracle/no-history"
    lowest: uint256 = newest.price // 1000 + 1
    highest: uint256 = min(newest.price * 1000, feeds.MAX_PRICE)
    scale: uint256 = feeds._scale(feed)
    aggregator: address = convert(
        self._number(source, method_id("aggregator()", output_type=Bytes[4])) & feeds.ADDRESS_MASK, address
    )
    for shown_by: address in [source, aggregator]:
        if shown_by == empty(address):
            continue
        low: uint256 = self._number(shown_by, method_id("minAnswer()", output_type=Bytes[4]))
        high: uint256 = self._number(shown_by, method_id("maxAnswer()", output_type=Bytes[4]))
        if low <= feeds.MAX_PRICE // scale:
            lowest = max(lowest, low * scale)
        if high != 0 and high <= feeds.MAX_PRICE // scale:
            highest = min(highest, high * scale)
    assert least == 0 or least >= lowest, "oracle/bounds"
    assert most == 0 or most <= highest, "oracle/bounds"
    if least != 0:
        lowest = least
    if most != 0:
        highest = most
    assert lowest < newest.price and newest.price < highest, "oracle/bounds"
    return (
        feed
        | (self._pack_bound(lowest, True) << feeds.LEAST_AT)
        | (self._pack_bound(highest, False) << feeds.MOST_AT)
    )


@internal
@view
def _number(target: address, request: Bytes[4]) -> uint256:
    """
    @notice What a contract answers, 0 when it does not.
    """
    if not target.is_contract:
        return 0
    success: bool = False
    answer: Bytes[192] = b""
    success, answer = feeds._ask(convert(target, uint256), request)
    if not success or len(answer) != 32:
        return 0
    return extract32(answer, 0, output_type=uint256)
