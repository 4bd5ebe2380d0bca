# pragma version 0.4.3
"""
@title What OracleAdapter keeps of a market: six words that every call reads
@license AGPL-3.0-only
@notice PRIMARY     feed word (oracle/feeds), or SHARED and the index of the price market, whose words are this one's then
        PARAMS      oracle/oracle_word
        STATE       market_clock 108 | recorded_at 34 | apart_since 34 | grace_until 34 | broken_at 34 | outage 1 | has fallback 1
                    | has sequencer feed 1 | has surface 1
        SEEN        price 96 | stamp 34 of the primary's round last seen | it is undisputed 1 | listed_at 34
        ANCHORS     sigma 44 | 7-day vol 44 | 60-day vol 44 [1e-12], ramped | price in force at the last folded instant 96 [wad]
                    | that instant 24 [10 min]
        VARIANCES   oracle/realised_vol
        and three that few calls read:
        FALLBACK    feed word, where STATE says so
        CURSOR      id 80 | stamp 34 | price 96 of the last round that counted for realised vol
        UNDISPUTED  price 96 | stamp 34, where that is not the round last seen
        and one of each cell:
        CELL        market_clock 108 (in the settlement window) | window 16 | settle delay 12 [seconds] | stamped 1 | deviation 16 [bps]
"""

from contracts.math import scales
from contracts.oracle import feeds
from contracts.oracle import market_clock
from contracts.oracle import oracle_word


# a struct of its own, so that the first word alone says whose it is
struct Kept:
    params: uint256
    state: uint256
    seen: uint256
    anchors: uint256
    variances: uint256


struct Market:
    primary: uint256
    kept: Kept


# no feed word has this bit
SHARED: constant(uint256) = 1 << 255

TIME_MASK: constant(uint256) = market_clock.TIME_MASK

RECORDED_AT: constant(uint256) = 108
APART_AT: constant(uint256) = 142
GRACE_AT: constant(uint256) = 176
BROKEN_AT: constant(uint256) = 210
OUTAGE: constant(uint256) = 1 << 244
HAS_FALLBACK: constant(uint256) = 1 << 245
HAS_SEQUENCER: constant(uint256) = 1 << 246
HAS_SURFACE: constant(uint256) = 1 << 247
FLAGS: constant(uint256) = 7 << 245
CLOCK_BITS: constant(uint256) = 2**108 - 1
# a change of these bits is worth an event: restart, apart_since, grace_until, outage
EVENT_BITS: constant(uint256) = ((2**32 - 1) << 32) | ((2**68 - 1) << APART_AT) | OUTAGE
# what no later call can read: feeds apart, grace, a break in the clock, an outage
NEWS_BITS: constant(uint256) = ((2**102 - 1) << APART_AT) | OUTAGE

STAMP_AT: constant(uint256) = 96
IS_UNDISPUTED: constant(uint256) = 1 << 130
LISTED_AT: constant(uint256) = 131

WEEK_AT: constant(uint256) = 44
LONG_AT: constant(uint256) = 88
BASE_AT: constant(uint256) = 132
INSTANT_AT: constant(uint256) = 228
VOL_MASK: constant(uint256) = 2**44 - 1
VOL_UNIT: constant(uint256) = oracle_word.VOL_UNIT

CELL_WINDOW_AT: constant(uint256) = 108
CELL_DELAY_AT: constant(uint256) = 124
CELL_STAMPED: constant(uint256) = 1 << 136
CELL_DEVIATION_AT: constant(uint256) = 137
# no window is longer
MAX_WINDOW: constant(uint256) = 65535


@internal
@pure
def _seen_at(seen: uint256) -> uint256:
    return (seen >> STAMP_AT) & TIME_MASK


@internal
@pure
def _base(anchors: uint256) -> uint256:
    """
    @notice Price in force at the last folded instant [wad].
    """
    return (anchors >> BASE_AT) & feeds.MAX_PRICE


@internal
@pure
def _anchors(sigma: uint256, week: uint256, long: uint256, base: uint256, instant: uint256) -> uint256:
    return (
        unsafe_div(sigma, VOL_UNIT)
        | (unsafe_div(week, VOL_UNIT) << WEEK_AT)
        | (unsafe_div(long, VOL_UNIT) << LONG_AT)
        | (base << BASE_AT)
        | (instant << INSTANT_AT)
    )


@internal
@pure
def _cursor(id: uint256, stamp: uint256, price: uint256) -> uint256:
    return id | (stamp << 80) | (price << 114)


@internal
@pure
def _cell(params: uint256) -> uint256:
    """
    @notice What the parameters say of a cell, as its first observe keeps it.
    """
    return (
        (oracle_word._window_seconds(params) << CELL_WINDOW_AT)
        | (oracle_word._settle_delay(params) << CELL_DELAY_AT)
        | CELL_STAMPED
        | ((params & 65535) << CELL_DEVIATION_AT)
    )


@internal
@pure
def _window(cell: uint256) -> uint256:
    return (cell >> CELL_WINDOW_AT) & MAX_WINDOW


@internal
@pure
def _delay(cell: uint256) -> uint256:
    return (cell >> CELL_DELAY_AT) & (2**12 - 1)


@internal
@pure
def _deviation(cell: uint256) -> uint256:
    """
    @notice How far the feeds of a cell may be apart, relative to the fallback [wad].
    """
    return unsafe_mul((cell >> CELL_DEVIATION_AT) & 65535, scales.BPS)
