# pragma version 0.4.3
"""
@title Reading AggregatorV3 feeds
@license AGPL-3.0-only
@notice A feed word is what a market keeps of one feed: address 160 | age limit 18 [seconds] | decimals 5 | kind 2
        | threshold 10 [bps] | least 29 | most 29 (each mantissa 22 | exponent 7, of a price in wad). A feed that answers
        nonsense gives a reason, never a revert.
@dev A failed read is believed only if the feed really got its gas: who calls with little must not make a good feed look bad.
     Bounds are rounded inwards, so that the word is never wider than what was listed.
"""

from contracts.math import scales


# one round of a feed; `price` is 0 unless the round counts
struct Reading:
    reason: uint256
    id: uint256
    price: uint256  # [wad]
    stamp: uint256  # also of rounds at or beyond a bound and of those ahead of now
    width: uint256  # confidence half-width, of feeds that tell one [wad]


# reasons why a round or a market's price does not count
FINE: constant(uint256) = 0
UNREACHABLE: constant(uint256) = 1     # reverts, no code, answer too short
BAD_ANSWER: constant(uint256) = 2      # answer <= 0, or absurdly large
INCOMPLETE: constant(uint256) = 3      # round without a stamp, or answered in an earlier round
FUTURE: constant(uint256) = 4          # stamp later than now
STALE: constant(uint256) = 5           # older than heartbeat * 1.1
APART: constant(uint256) = 6           # primary and fallback disagree
SEQUENCER_DOWN: constant(uint256) = 7  # the uptime feed says down, or cannot answer
GRACE: constant(uint256) = 8           # after an outage or a sequencer restart
WAITING: constant(uint256) = 9         # the failover delay runs
WINDOW_OPEN: constant(uint256) = 10    # the settlement window's sum is more than one call away
BOUND: constant(uint256) = 11          # answer at or beyond a bound
DECIMALS: constant(uint256) = 12       # decimals are not those of the listing

# kinds of feeds
HISTORY: constant(uint256) = 0   # an aggregator that keeps its rounds
RECORDER: constant(uint256) = 1  # RoundRecorder around one that does not
BROUGHT: constant(uint256) = 2   # prices that somebody brings

AGE_AT: constant(uint256) = 160
DECIMALS_AT: constant(uint256) = 178
KIND_AT: constant(uint256) = 183
THRESHOLD_AT: constant(uint256) = 185
LEAST_AT: constant(uint256) = 195
MOST_AT: constant(uint256) = 224
ADDRESS_MASK: constant(uint256) = 2**160 - 1
MANTISSA: constant(uint256) = 2**22 - 1
ROUND_ID_MASK: constant(uint256) = 2**80 - 1
NUMBER_MASK: constant(uint256) = 2**64 - 1
MAX_PRICE: constant(uint256) = 2**96 - 1
BPS: constant(uint256) = scales.BPS
# asks a feed for its newest round; no feed has a round 0
NEWEST: constant(uint256) = 0

# a feed gets this much gas; a failure counts only if it really got it
FEED_GAS: constant(uint256) = 300_000
# 63/64 of what is left must still be FEED_GAS, with room for the call itself
FEED_GAS_NEEDED: constant(uint256) = 320_000


# --- the word ------------------------------------------------------------------------------------------------


@internal
@pure
def _least(feed: uint256) -> uint256:
    return ((feed >> LEAST_AT) & MANTISSA) << ((feed >> 217) & 127)


@internal
@pure
def _most(feed: uint256) -> uint256:
    return ((feed >> MOST_AT) & MANTISSA) << ((feed >> 246) & 127)


@internal
@pure
def _address(feed: uint256) -> address:
    return convert(feed & ADDRESS_MASK, address)


@internal
@pure
def _age_limit(feed: uint256) -> uint256:
    """
    @notice How old a fresh price may be: heartbeat * 1.1 [seconds].
    """
    return (feed >> AGE_AT) & (2**18 - 1)


@internal
@pure
def _kind(feed: uint256) -> uint256:
    return (feed >> KIND_AT) & 3


@internal
@pure
def _threshold(feed: uint256) -> uint256:
    """
    @notice How far the true price may be from the feed's before it answers anew, relative [wad].
    """
    return ((feed >> THRESHOLD_AT) & 1023) * BPS


@internal
@pure
def _scale(feed: uint256) -> uint256:
    """
    @notice Factor from the feed's answers to wad.
    """
    return pow_mod256(10, unsafe_sub(18, (feed >> DECIMALS_AT) & 31))


# --- rounds --------------------------------------------------------------------------------------------------


@internal
@view
def _ask(feed: uint256, request: Bytes[36]) -> (bool, Bytes[192]):
    gas_before: uint256 = msg.gas
    success: bool = False
    answer: Bytes[192] = b""
    success, answer = raw_call(
        self._address(feed),
        request,
        max_outsize=192,
        gas=FEED_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    assert success or gas_before >= FEED_GAS_NEEDED, "oracle/gas"
    return success, answer


@internal
@view
def _read(feed: uint256, asked: uint256) -> Reading:
    """
    @notice The newest round of a feed (NEWEST), whatever its age, or one of its history.
    """
    reading: Reading = Reading(reason=UNREACHABLE, id=0, price=0, stamp=0, width=0)
    request: Bytes[36] = method_id("latestRoundData()", output_type=Bytes[4])
    if asked != NEWEST:
        request = abi_encode(asked, method_id=method_id("getRoundData(uint80)", output_type=Bytes[4]))
    success: bool = False
    answer: Bytes[192] = b""
    success, answer = self._ask(feed, request)
    if not success or len(answer) < 160:
        return reading
    # (roundId, answer, startedAt, updatedAt, answeredInRound), and of a brought feed its confidence half-width
    id: uint256 = extract32(answer, 0, output_type=uint256)
    amount: uint256 = extract32(answer, 32, output_type=uint256)
    updated_at: uint256 = extract32(answer, 96, output_type=uint256)
    if id > ROUND_ID_MASK or (asked != NEWEST and id != asked):
        return reading
    reading.id = id
    scale: uint256 = self._scale(feed)
    # a negative answer reads as a huge one
    if amount == 0 or amount > unsafe_div(MAX_PRICE, scale):
        reading.reason = BAD_ANSWER
        return reading
    if updated_at == 0 or extract32(answer, 128, output_type=uint256) < id:
        reading.reason = INCOMPLETE
        return reading
    price: uint256 = unsafe_mul(amount, scale)
    reading.stamp = updated_at
    if price <= self._least(feed) or price >= self._most(feed):
        reading.reason = BOUND
        return reading
    if updated_at > block.timestamp:
        reading.reason = FUTURE
        return reading
    reading.reason = FINE
    reading.price = price
    if len(answer) == 192:
        # a half-width beyond the price itself says no more than the price
        reading.width = unsafe_mul(min(extract32(answer, 160, output_type=uint256), amount), scale)
    return reading


@internal
@view
def _read_newest(feed: uint256) -> Reading:
    """
    @notice The newest round, if its decimals are those of the listing. STALE ones have a price, too.
    """
    reading: Reading = self._read(feed, NEWEST)
    if reading.id == 0:
        return reading
    success: bool = False
    answer: Bytes[192] = b""
    success, answer = self._ask(feed, method_id("decimals()", output_type=Bytes[4]))
    if (
        not success
        or len(answer) < 32
        or extract32(answer, 0, output_type=uint256) != (feed >> DECIMALS_AT) & 31
    ):
        reading.reason = DECIMALS
        reading.price = 0
    elif reading.price != 0 and unsafe_sub(block.timestamp, reading.stamp) > self._age_limit(feed):
        reading.reason = STALE
    return reading


@internal
@view
def _read_sequencer(feed: address, grace: uint256) -> (uint256, uint256):
    """
    @notice An uptime feed answers 0 for up and keeps the last change in startedAt.
    @return (FINE, SEQUENCER_DOWN or GRACE; since when it is up [unix seconds]).
    """
    success: bool = False
    answer: Bytes[192] = b""
    success, answer = self._ask(
        convert(feed, uint256), method_id("latestRoundData()", output_type=Bytes[4])
    )
    if not success or len(answer) < 160 or extract32(answer, 32, output_type=uint256) != 0:
        return SEQUENCER_DOWN, 0
    since: uint256 = extract32(answer, 64, output_type=uint256)
    # startedAt is 0 while an uptime feed has not heard from its chain
    if since == 0 or since > block.timestamp:
        return SEQUENCER_DOWN, 0
    if unsafe_sub(block.timestamp, since) < grace:
        return GRACE, since
    return FINE, since
