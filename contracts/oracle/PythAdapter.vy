# pragma version 0.4.3
"""
@title Pyth adapter: a pull oracle behind the AggregatorV3 face
@license AGPL-3.0-only
@notice One Pyth price as a feed that OracleAdapter can read: `update` carries signed prices in the caller's transaction
        and keeps what came of it as a round (oracle/pull_rounds). Anyone may call.
@dev Owns: its rounds. Trusts Pyth to accept only prices that its own signers made; nobody else. The half-width of a round
     is Pyth's confidence interval, of which it says that the price is within it in two of three cases.
"""

from contracts.oracle import pull_rounds
from interfaces import IPullFeed

implements: IPullFeed

initializes: pull_rounds

exports: (pull_rounds.latestRoundData, pull_rounds.getRoundData, pull_rounds.half_width, pull_rounds.decimals)


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

PYTH: immutable(address)
PRICE_ID: immutable(bytes32)
MAX_WIDTH: immutable(uint256)


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
    places: int256 = convert(found.expo, int256) + DECIMALS
    if found.price <= 0 or places > 18 or places < -18:
        return pull_rounds.newest
    amount: uint256 = convert(found.price, uint256)
    width: uint256 = convert(found.conf, uint256)
    if places >= 0:
        factor: uint256 = 10 ** convert(places, uint256)
        amount *= factor
        width *= factor
    else:
        factor: uint256 = 10 ** convert(-places, uint256)
        amount = amount // factor
        width = (width + factor - 1) // factor
    return pull_rounds._keep(amount, width, found.publish_time, MAX_WIDTH)
