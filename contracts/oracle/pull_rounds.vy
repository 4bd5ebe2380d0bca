# pragma version 0.4.3
"""
@title What is kept of brought prices
@license AGPL-3.0-only
@notice Spot, the newest price brought, and one sample for each whole minute T, with the AggregatorV3 face on both. The
        samples are the rounds: id 2^64 | T/60, stamp T. `latestRoundData` gives spot under the id of the newest sample, and as a
        sixth word its half-width: readers that want five do not see it.
@dev Spot is positive, later than the last, not later than now, at most a minute old and its half-width within the bound: a
     price nobody is sure of grows stale instead of being believed. What a sample is says the adapter, so that there is one for
     each minute; here it is kept until 90 minutes after T, in any order, more signers in place of fewer. A missing one leaves
     the one before in force. Four samples share a word: a settlement window is some eight reads.
"""

from contracts.math import scales
from contracts.oracle import feeds
from interfaces import IPullFeed

DECIMALS: constant(uint8) = 8
PHASE: constant(uint256) = 1 << 64
# a price brought later than this after its making is no spot [s]
MAX_DELAY: constant(uint256) = 60
# a sample may be brought until then after its minute [s]
MAX_LATE: constant(uint256) = 90 * 60
# how far back a sample is in force, in minutes
REACH: constant(uint256) = 48
# most samples that one call brings
MAX_SAMPLES: constant(uint256) = 32
MAX_MINUTES: constant(uint256) = 120
MAX_PRICE: constant(uint256) = 2**60 - 1
SAMPLE_MASK: constant(uint256) = 2**64 - 1
SIGNERS: constant(uint256) = 15
TIME_MASK: constant(uint256) = 2**40 - 1

# spot: price 60 | half-width 60 [1e-8] | publish time 40 | minute of the newest sample 40
spot: uint256
# minute // 4 -> four samples of price 60 [1e-8] | signers 4, the first lowest
words: HashMap[uint256, uint256]


# --- keeping -------------------------------------------------------------------------------------------------


@internal
def _keep_spot(price: uint256, half_width: uint256, published_at: uint256, max_width_bps: uint256) -> bool:
    """
    @notice Makes a price spot when it is newer than the last and certain enough.
    @param price Price [1e-8]; 0 for one that cannot be used.
    @param half_width Its confidence half-width [1e-8].
    @param published_at When it was made [unix seconds].
    @param max_width_bps Widest half-width, relative to the price [bps].
    @return Whether it did.
    """
    word: uint256 = self.spot
    if (
        not self._is_sure(price, half_width, max_width_bps)
        or published_at <= (word >> 120) & TIME_MASK
        or published_at > block.timestamp
        or published_at + MAX_DELAY < block.timestamp
    ):
        return False
    self.spot = price | (half_width << 60) | (published_at << 120) | ((word >> 160) << 160)
    log IPullFeed.SpotBrought(price=price, half_width=half_width, published_at=published_at)
    return True


@internal
@pure
def _is_sure(price: uint256, half_width: uint256, max_width_bps: uint256) -> bool:
    return (
        price != 0
        and price <= MAX_PRICE
        and half_width <= MAX_PRICE
        and half_width * scales.BPS_IN_ONE <= price * max_width_bps
    )


@internal
@view
def _is_wanted(at: uint256, signers: uint256) -> bool:
    """
    @notice Whether a sample of that minute, signed by so many, would still be kept.
    """
    return block.timestamp <= at + MAX_LATE and self._sample(at // scales.MINUTE) & SIGNERS < signers


@internal
@view
def _check_sample(at: uint256, signers: uint256):
    assert at % scales.MINUTE == 0, "pull/not-a-minute"
    assert at <= block.timestamp, "pull/too-early"
    assert block.timestamp <= at + MAX_LATE, "pull/too-late"
    assert self._sample(at // scales.MINUTE) & SIGNERS < signers, "pull/sample-known"


@internal
def _keep_sample(
    at: uint256, price: uint256, half_width: uint256, signers: uint256, max_width_bps: uint256
):
    """
    @notice Keeps a sample that `_check_sample` has let pass.
    @param at Its minute [unix seconds].
    @param price Price [1e-8].
    @param half_width Its confidence half-width [1e-8].
    @param signers How many signed it, at most 15.
    @param max_width_bps Widest half-width, relative to the price [bps].
    """
    assert self._is_sure(price, half_width, max_width_bps), "pull/unsure"
    minute: uint256 = at // scales.MINUTE
    place: uint256 = (minute % 4) * 64
    word: uint256 = self.words[minute // 4]
    self.words[minute // 4] = (word & ~(SAMPLE_MASK << place)) | (((price << 4) | signers) << place)
    known: uint256 = self.spot
    if minute > known >> 160:
        self.spot = (known & (2**160 - 1)) | (minute << 160)
    log IPullFeed.SampleBrought(at=at, price=price, signers=signers)


# --- reading -------------------------------------------------------------------------------------------------


@internal
@view
def _sample(minute: uint256) -> uint256:
    """
    @notice price 60 [1e-8] | signers 4, or 0.
    """
    return (self.words[minute // 4] >> ((minute % 4) * 64)) & SAMPLE_MASK


@internal
@view
def _in_force(minute: uint256) -> (uint256, uint256):
    """
    @notice The newest sample at a minute or at most 48 before it.
    @return (price [1e-8] or 0, its minute).
    """
    index: uint256 = minute // 4
    # those after the minute do not count
    word: uint256 = self.words[index] & (max_value(uint256) >> unsafe_mul(unsafe_sub(3, minute % 4), 64))
    for i: uint256 in range(REACH // 4 + 1):
        if word != 0:
            lane: uint256 = convert(word >= 2**128, uint256) << 1
            lane = lane | convert(word >> unsafe_mul(lane, 64) >= 2**64, uint256)
            at: uint256 = unsafe_add(unsafe_mul(index, 4), lane)
            if at + REACH < minute:
                break
            return word >> unsafe_add(unsafe_mul(lane, 64), 4), at
        if index == 0:
            break
        index = unsafe_sub(index, 1)
        word = self.words[index]
    return 0, 0


@internal
@view
def _samples(start: uint256, upto: uint256, all_signers: uint256) -> IPullFeed.Samples:
    """
    @notice The sum of a window and how much of it is there.
    @param all_signers Signers of a sample that nobody can better.
    """
    found: IPullFeed.Samples = empty(IPullFeed.Samples)
    found.is_full = True
    held_at: uint256 = 0
    found.price, held_at = self._in_force(start // scales.MINUTE)
    found.is_begun = found.price != 0
    found.last = held_at * scales.MINUTE
    minute: uint256 = start // scales.MINUTE
    word: uint256 = self.words[minute // 4]
    for i: uint256 in range(MAX_MINUTES):
        since: uint256 = minute * scales.MINUTE
        if since >= upto:
            break
        if i != 0 and minute % 4 == 0:
            word = self.words[minute // 4]
        lane: uint256 = (word >> unsafe_mul(minute % 4, 64)) & SAMPLE_MASK
        if lane != 0:
            found.price = lane >> 4
            found.last = since
        elif since + scales.MINUTE < block.timestamp:
            found.missing += 1
        if lane & SIGNERS < all_signers:
            found.is_full = False
        minute += 1
        if found.is_begun:
            # a price has 60 bits, a window 13
            found.sum += unsafe_mul(found.price, min(minute * scales.MINUTE, upto) - max(since, start))
    return found


@external
@view
def prices_at(first_at: uint256, step: uint256, count: uint256) -> DynArray[uint256, 256]:
    """
    @notice The price in force at moments of equal distance: what realised vol is folded from.
    @param first_at The first of them [unix seconds].
    @param step Their distance [seconds].
    @param count Their number, at most 256.
    @return Prices [1e-8], 0 where no sample is there or in the 48 minutes before.
    """
    found: DynArray[uint256, 256] = []
    for i: uint256 in range(count, bound=256):
        found.append(self._in_force((first_at + i * step) // scales.MINUTE)[0])
    return found


@external
@view
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80, uint256):
    """
    @notice Spot, as an AggregatorV3 answers, and its half-width.
    @return (id of the newest sample, answer [1e-8], startedAt, updatedAt, answeredInRound, half-width [1e-8]); reverts when
            there is none.
    """
    word: uint256 = self.spot
    price: uint256 = word & MAX_PRICE
    assert price != 0, "pull/no-round"
    id: uint80 = convert(PHASE | (word >> 160), uint80)
    published_at: uint256 = (word >> 120) & TIME_MASK
    return id, convert(price, int256), published_at, published_at, id, (word >> 60) & MAX_PRICE


@external
@view
def getRoundData(round_id: uint80) -> (uint80, int256, uint256, uint256, uint80):
    """
    @notice One sample, as an AggregatorV3 answers.
    @param round_id Its id: 2^64 | its minute.
    @return (roundId, answer [1e-8], startedAt, updatedAt, answeredInRound); reverts when there is none.
    """
    assert convert(round_id, uint256) >> 64 == 1, "pull/no-round"
    minute: uint256 = convert(round_id, uint256) & SAMPLE_MASK
    price: uint256 = self._sample(minute) >> 4
    assert price != 0, "pull/no-round"
    return round_id, convert(price, int256), minute * scales.MINUTE, minute * scales.MINUTE, round_id


@external
@pure
def decimals() -> uint8:
    """
    @notice Decimals of the answers.
    @return 8.
    """
    return DECIMALS


@external
@pure
def feed_kind() -> uint256:
    """
    @notice What a listing must call this feed.
    @return feeds.BROUGHT.
    """
    return feeds.BROUGHT
