# pragma version 0.4.3
# pragma optimize gas
"""
@title Vol folder: prices in force at whole ten minutes, folded into realised vols
@license AGPL-3.0-only
@notice Returns are taken between whole ten minutes of the clock, on every feed: the price in force at one over the price in force
        ten minutes before, 0 when nothing new came. So nobody who brings, times or folds prices chooses a return.
@dev Stateless; OracleAdapter calls it with what it keeps. A round counts when it can be read and is not older than the last
     one that counted. A new phase of a feed, or a newest round more than 2,048 ahead, is jumped to.
"""

from contracts.oracle import feeds
from contracts.oracle import market_clock
from contracts.oracle import market_words
from contracts.oracle import realised_vol
from interfaces import IPullFeed
from interfaces import IVolFolder

implements: IVolFolder


# how far realised vols are folded
struct Folding:
    feed: uint256       # feed word of the primary (oracle/feeds)
    params: uint256     # oracle/oracle_word
    listed_at: uint256  # [unix seconds]
    variances: uint256  # oracle/realised_vol
    base: uint256       # price in force at the last folded instant [wad]
    instant: uint256    # that instant [10 min]
    cursor: uint256     # id 80 | stamp 34 | price 96 of the last round that counted
    looked: uint256


# a feed further ahead than this is not walked but jumped to
MAX_BEHIND: constant(uint256) = 2048
MAX_ROUNDS: constant(uint256) = 256
TIME_MASK: constant(uint256) = market_clock.TIME_MASK


@external
@view
def fold(kept: IVolFolder.Folding, most: uint256) -> IVolFolder.Folded:
    """
    @notice Folds the instants that have passed, oldest first. An aggregator's rounds are walked; of brought prices an instant
            is asked for ten minutes after it.
    @param kept What is kept.
    @param most Rounds or instants to look at, at most 256.
    @return What is to be kept.
    """
    folding: Folding = Folding(
        feed=kept.feed,
        params=kept.params,
        listed_at=kept.seen >> market_words.LISTED_AT,
        variances=kept.variances,
        base=market_words._base(kept.anchors),
        instant=kept.anchors >> market_words.INSTANT_AT,
        cursor=kept.cursor,
        looked=0,
    )
    if feeds._kind(kept.feed) == feeds.BROUGHT:
        folding = self._fold_samples(folding, min(most, MAX_ROUNDS))
    else:
        folding = self._fold_rounds(folding, min(most, MAX_ROUNDS))
    return IVolFolder.Folded(
        anchors=(kept.anchors & (2**market_words.BASE_AT - 1))
        | (folding.base << market_words.BASE_AT)
        | (folding.instant << market_words.INSTANT_AT),
        variances=folding.variances,
        cursor=folding.cursor,
        looked=folding.looked,
    )


@internal
@view
def _fold_rounds(start: Folding, most: uint256) -> Folding:
    """
    @notice Walks an aggregator's rounds and folds the instants that they pass.
    """
    folding: Folding = start
    newest: feeds.Reading = feeds._read_newest(start.feed)
    # at another scale, or without a newest round, nothing may be folded
    if newest.id == 0 or newest.reason == feeds.DECIMALS:
        return folding
    last: uint256 = newest.id
    if newest.price == 0:
        # a newest round that is bad now may be good later: it stays unfolded
        last = unsafe_sub(max(last, 1), 1)
    cursor: uint256 = start.cursor & feeds.ROUND_ID_MASK
    stamp: uint256 = (start.cursor >> 80) & TIME_MASK
    price: uint256 = start.cursor >> 114
    if (
        newest.id >> 64 != cursor >> 64
        or newest.id < cursor
        or unsafe_sub(newest.id, cursor) > MAX_BEHIND
    ):
        # nothing between can be walked
        cursor = unsafe_sub(max(newest.id, 1), 1)
        if newest.price == 0:
            return folding
    for i: uint256 in range(most, bound=MAX_ROUNDS):
        if cursor == last:
            break
        folding.looked += 1
        cursor = unsafe_add(cursor, 1)
        reading: feeds.Reading = newest
        if cursor != newest.id:
            reading = feeds._read(start.feed, cursor)
        if reading.price != 0 and reading.stamp >= stamp:
            folding = self._fold_upto(folding, price, unsafe_sub(reading.stamp, 1))
            price = reading.price
            stamp = reading.stamp
    if cursor == newest.id:
        # the newest price is in force until now
        folding = self._fold_upto(folding, price, block.timestamp)
    folding.cursor = cursor | (stamp << 80) | (price << 114)
    return folding


@internal
@view
def _fold_samples(start: Folding, most: uint256) -> Folding:
    """
    @notice Folds the instants of a brought feed whose ten minutes of waiting have passed.
    """
    folding: Folding = start
    upto: uint256 = block.timestamp // realised_vol.INSTANT - 1
    if upto <= start.instant or most == 0:
        return folding
    prices: DynArray[uint256, 256] = staticcall IPullFeed(feeds._address(start.feed)).prices_at(
        (start.instant + 1) * realised_vol.INSTANT, realised_vol.INSTANT, min(upto - start.instant, most)
    )
    scale: uint256 = feeds._scale(start.feed)
    for price: uint256 in prices:
        held: uint256 = price * scale
        if held <= feeds._least(start.feed) or held >= feeds._most(start.feed):
            # none there, or one that is no price: what was in force goes on
            held = folding.base
        folding = self._fold_upto(folding, held, (folding.instant + 1) * realised_vol.INSTANT)
    folding.looked = len(prices)
    return folding


@internal
@pure
def _fold_upto(start: Folding, price: uint256, upto: uint256) -> Folding:
    """
    @notice Folds every instant after the last one up to a moment, one price being in force at all of them.
    """
    folding: Folding = start
    instant: uint256 = upto // realised_vol.INSTANT
    if instant <= start.instant:
        return folding
    first_at: uint256 = (start.instant + 1) * realised_vol.INSTANT
    folding.variances = realised_vol._fold(
        start.variances,
        start.base,
        price,
        realised_vol.INSTANT,
        start.params,
        first_at - min(start.listed_at, first_at),
    )
    if instant > start.instant + 1:
        folding.variances = realised_vol._decay(
            folding.variances,
            (instant - start.instant - 1) * realised_vol.INSTANT,
            start.params,
            instant * realised_vol.INSTANT - start.listed_at,
        )
    folding.base = price
    folding.instant = instant
    return folding
