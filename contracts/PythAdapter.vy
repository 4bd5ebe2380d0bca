# pragma version 0.4.3
"""
@title Pyth adapter: a pull oracle behind the AggregatorV3 face
@license AGPL-3.0-only
@notice One Pyth price as a feed that OracleAdapter can read: `update` carries signed prices in the caller's transaction
        and keeps what came of it as a round, so that realised vol and settlement windows find a history. Anyone may call.
@dev Owns: its rounds. Trusts Pyth to accept only prices that its own signers made; nobody else. A price counts when its
     publish time is later than the last round's, not later than now, and its confidence interval is at most MAX_WIDTH of
     it: a wide interval makes no round, so that a price nobody is sure of grows stale instead of being believed.
     OracleAdapter has no use for an interval that is narrow; `half_width` tells it to whoever wants to quote with it.
     Rounds are numbered from 1 in phase 1, and startedAt is the publish time.
"""

from interfaces import IPullFeed

implements: IPullFeed


# a price of Pyth: price and confidence interval times 10^exponent
struct Price:
    price: int64
    conf: uint64
    expo: int32
    publish_time: uint256


interface IPyth:
    def getUpdateFee(update_data: DynArray[Bytes[MAX_UPDATE], MAX_UPDATES]) -> uint256: view
    def updatePriceFeeds(update_data: DynArray[Bytes[MAX_UPDATE], MAX_UPDATES]): payable
    def getPriceUnsafe(id: bytes32) -> Price: view


MAX_UPDATES: constant(uint256) = 8
MAX_UPDATE: constant(uint256) = 4096
DECIMALS: constant(int256) = 8
PHASE: constant(uint256) = 1 << 64
BPS: constant(uint256) = 10_000

PYTH: immutable(address)
PRICE_ID: immutable(bytes32)
MAX_WIDTH: immutable(uint256)

# number of the newest round, 0 when there is none
newest: uint256
# number -> price 128 [1e-8] | half width 64 [1e-8] | publish time 64
rounds: HashMap[uint256, uint256]


@deploy
def __init__(pyth: address, price_id: bytes32, max_width_bps: uint256):
    """
    @param pyth The Pyth contract of this chain.
    @param price_id Which of its prices.
    @param max_width_bps Widest confidence interval that makes a round, relative to the price [bps].
    """
    assert pyth.is_contract, "pyth/no-code"
    assert max_width_bps != 0 and max_width_bps <= 1000, "pyth/width-range"
    PYTH = pyth
    PRICE_ID = price_id
    MAX_WIDTH = max_width_bps


@external
@payable
def update(update_data: DynArray[Bytes[MAX_UPDATE], MAX_UPDATES]) -> uint256:
    """
    @notice Hands signed prices to Pyth, pays its fee out of what was sent, returns the rest, and keeps the price as a round.
    @dev Without data it only keeps what others brought to Pyth. Reverts when Pyth refuses the data.
    @param update_data Messages of Pyth's price service.
    @return Number of the newest round afterwards; unchanged when the price is old, wide or unusable.
    """
    paid: uint256 = 0
    if len(update_data) != 0:
        paid = staticcall IPyth(PYTH).getUpdateFee(update_data)
        assert msg.value >= paid, "pyth/fee"
        extcall IPyth(PYTH).updatePriceFeeds(update_data, value=paid)
    number: uint256 = self._keep()
    if msg.value > paid:
        raw_call(msg.sender, b"", value=msg.value - paid)
    return number


@internal
def _keep() -> uint256:
    """
    @notice Adds a round when Pyth's price is newer than the last and certain enough.
    """
    found: Price = staticcall IPyth(PYTH).getPriceUnsafe(PRICE_ID)
    number: uint256 = self.newest
    last: uint256 = self.rounds[number] & (2**64 - 1)
    if found.publish_time <= last or found.publish_time > block.timestamp or found.price <= 0:
        return number
    amount: uint256 = convert(found.price, uint256)
    width: uint256 = convert(found.conf, uint256)
    if width * BPS > amount * MAX_WIDTH:
        return number
    places: int256 = convert(found.expo, int256) + DECIMALS
    if places > 18 or places < -18:
        return number
    if places >= 0:
        factor: uint256 = 10 ** convert(places, uint256)
        amount *= factor
        width *= factor
    else:
        factor: uint256 = 10 ** convert(-places, uint256)
        amount = amount // factor
        width = (width + factor - 1) // factor
    if amount == 0 or width >= 2**64:
        return number
    number += 1
    self.newest = number
    self.rounds[number] = (amount << 128) | (width << 64) | found.publish_time
    log IPullFeed.RoundKept(number=number, price=amount, half_width=width, published_at=found.publish_time)
    return number


@internal
@view
def _round(number: uint256) -> (uint80, int256, uint256, uint256, uint80):
    word: uint256 = self.rounds[number]
    assert word != 0, "pyth/no-round"
    id: uint80 = convert(PHASE | number, uint80)
    published_at: uint256 = word & (2**64 - 1)
    return id, convert(word >> 128, int256), published_at, published_at, id


@external
@view
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80):
    """
    @notice The newest round, as an AggregatorV3 answers.
    @return (roundId, answer [1e-8], startedAt, updatedAt, answeredInRound); reverts when there is none.
    """
    return self._round(self.newest)


@external
@view
def getRoundData(round_id: uint80) -> (uint80, int256, uint256, uint256, uint80):
    """
    @notice One round, as an AggregatorV3 answers.
    @param round_id Its id: phase 1 above bit 64, then its number.
    @return (roundId, answer [1e-8], startedAt, updatedAt, answeredInRound); reverts when there is none.
    """
    assert convert(round_id, uint256) >> 64 == 1, "pyth/no-round"
    return self._round(convert(round_id, uint256) & (2**64 - 1))


@external
@view
def half_width(round_id: uint80) -> uint256:
    """
    @notice Confidence half-width of a round, of which Pyth says that the price is within it in two of three cases.
    @param round_id Its id.
    @return [1e-8], 0 for an unknown round.
    """
    return (self.rounds[convert(round_id, uint256) & (2**64 - 1)] >> 64) & (2**64 - 1)


@external
@pure
def decimals() -> uint8:
    """
    @notice Decimals of the answers.
    @return 8.
    """
    return 8
