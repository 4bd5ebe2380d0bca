# pragma version 0.4.3
"""
@title A Pyth that takes the word of whoever calls
@license AGPL-3.0-only
@notice Behaves like Pyth where it matters: one update fee per message, messages with publish times that are kept only when
        newer, prices with an exponent and a confidence interval, and a revert for an unknown price. Not part of the protocol.
@dev A message is abi_encode(id, price, conf, expo, publish_time); real ones carry signatures.
"""

struct Price:
    price: int64
    conf: uint64
    expo: int32
    publish_time: uint256


FEE: constant(uint256) = 1

prices: HashMap[bytes32, Price]


@external
@view
def getUpdateFee(update_data: DynArray[Bytes[4096], 8]) -> uint256:
    """
    @notice One wei for each message.
    """
    return len(update_data) * FEE


@external
@payable
def updatePriceFeeds(update_data: DynArray[Bytes[4096], 8]):
    """
    @notice Keeps each message whose publish time is later than what is known.
    """
    assert msg.value >= len(update_data) * FEE, "mock/fee"
    for message: Bytes[4096] in update_data:
        assert len(message) == 160, "mock/message"
        id: bytes32 = empty(bytes32)
        found: Price = empty(Price)
        id, found.price, found.conf, found.expo, found.publish_time = abi_decode(
            slice(message, 0, 160), (bytes32, int64, uint64, int32, uint256)
        )
        if found.publish_time > self.prices[id].publish_time:
            self.prices[id] = found


@external
@view
def getPriceUnsafe(id: bytes32) -> Price:
    """
    @notice The last price, however old; reverts when there is none.
    """
    assert self.prices[id].publish_time != 0, "mock/price-feed-not-found"
    return self.prices[id]
