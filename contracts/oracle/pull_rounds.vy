# pragma version 0.4.3
"""
@title Rounds of a pull feed
@license AGPL-3.0-only
@notice What a pull oracle's adapter keeps of the prices brought to it, and the AggregatorV3 face on it, so that realised
        vol and settlement windows find a history. Rounds are numbered from 1 in phase 1; answers have 8 decimals;
        startedAt is the publish time. A round answers six words, the sixth its confidence half-width: readers that want
        five do not see it, OracleAdapter widens its price by it.
@dev A price makes a round when it is positive, its publish time later than the last round's, not later than now and at
     most a minute ago, and its half-width at most the bound: a price nobody is sure of grows stale instead of being
     believed. Without the minute, whoever comes first after a pause would choose among all prices signed in it.
"""

from interfaces import IPullFeed

DECIMALS: constant(uint8) = 8
PHASE: constant(uint256) = 1 << 64
BPS: constant(uint256) = 10_000
# a price brought later than this after its making makes no round [s]
MAX_DELAY: constant(uint256) = 60
TIME_MASK: constant(uint256) = 2**64 - 1

# number of the newest round, 0 when there is none
newest: uint256
# number -> price 128 [1e-8] | half-width 64 [1e-8] | publish time 64
rounds: HashMap[uint256, uint256]


@internal
def _keep(price: uint256, half_width: uint256, published_at: uint256, max_width_bps: uint256) -> uint256:
    """
    @notice Adds a round when the price is newer than the last and certain enough.
    @param price Price, below 2^127 [1e-8].
    @param half_width Its confidence half-width [1e-8].
    @param published_at When it was made [unix seconds].
    @param max_width_bps Widest half-width that makes a round, relative to the price [bps].
    @return Number of the newest round afterwards.
    """
    number: uint256 = self.newest
    if (
        price == 0
        or published_at <= self.rounds[number] & TIME_MASK
        or published_at > block.timestamp
        or published_at + MAX_DELAY < block.timestamp
        or half_width >= 2**64
        or half_width * BPS > price * max_width_bps
    ):
        return number
    number += 1
    self.newest = number
    self.rounds[number] = (price << 128) | (half_width << 64) | published_at
    log IPullFeed.RoundKept(number=number, price=price, half_width=half_width, published_at=published_at)
    return number


@internal
@view
def _round(number: uint256) -> (uint80, int256, uint256, uint256, uint80, uint256):
    word: uint256 = self.rounds[number]
    assert word != 0, "pull/no-round"
    id: uint80 = convert(PHASE | number, uint80)
    published_at: uint256 = word & TIME_MASK
    return id, convert(word >> 128, int256), published_at, published_at, id, (word >> 64) & TIME_MASK


@external
@view
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80, uint256):
    """
    @notice The newest round, as an AggregatorV3 answers, and its half-width.
    @return (roundId, answer [1e-8], startedAt, updatedAt, answeredInRound, half-width [1e-8]); reverts when there is none.
    """
    return self._round(self.newest)


@external
@view
def getRoundData(round_id: uint80) -> (uint80, int256, uint256, uint256, uint80, uint256):
    """
    @notice One round, as an AggregatorV3 answers, and its half-width.
    @param round_id Its id: phase 1 above bit 64, then its number.
    @return (roundId, answer [1e-8], startedAt, updatedAt, answeredInRound, half-width [1e-8]); reverts when there is none.
    """
    assert convert(round_id, uint256) >> 64 == 1, "pull/no-round"
    return self._round(convert(round_id, uint256) & TIME_MASK)


@external
@view
def half_width(round_id: uint80) -> uint256:
    """
    @notice Confidence half-width of a round.
    @param round_id Its id.
    @return [1e-8], 0 for an unknown round.
    """
    return (self.rounds[convert(round_id, uint256) & TIME_MASK] >> 64) & TIME_MASK


@external
@pure
def decimals() -> uint8:
    """
    @notice Decimals of the answers.
    @return 8.
    """
    return DECIMALS
