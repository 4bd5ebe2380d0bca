# pragma version 0.4.3
"""
@title A Pyth that takes the word of whoever calls
@license AGPL-3.0-only
@notice Behaves like Pyth where it matters: one update fee per message, messages with publish times that are kept only when
        newer, prices with an exponent and a confidence interval, reverts for an unknown price and for a message without the
        price that is asked for. Not part of the protocol.
@dev A message is abi_encode(id, price, conf, expo, publish_time, prev_publish_time); real ones carry signatures.
"""

struct Price:
    price: int64
    conf: uint64
    expo: int32
    publish_time: uint256


struct PriceFeed:
    id: bytes32
    price: Price
    ema: Price


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
        found: PriceFeed = empty(PriceFeed)
        before: uint256 = 0
        found, before = self._parse(message)
        if found.price.publish_time > self.prices[found.id].publish_time:
            self.prices[found.id] = found.price


@external
@payable
def parsePriceFeedUpdatesUnique(
    update_data: DynArray[Bytes[4096], 8],
    ids: DynArray[bytes32, 8],
    earliest: uint64,
    latest: uint64,
) -> DynArray[PriceFeed, 8]:
    """
    @notice For each id the price of the messages that is the first at or after `earliest`, and not after `latest`.
    """
    assert msg.value >= len(update_data) * FEE, "mock/fee"
    answer: DynArray[PriceFeed, 8] = []
    for id: bytes32 in ids:
        known: uint256 = len(answer)
        for message: Bytes[4096] in update_data:
            found: PriceFeed = empty(PriceFeed)
            before: uint256 = 0
            found, before = self._parse(message)
            at: uint256 = found.price.publish_time
            if (
                found.id == id
                and before < convert(earliest, uint256)
                and at >= convert(earliest, uint256)
                and at <= convert(latest, uint256)
            ):
                answer.append(found)
                break
        if len(answer) == known:
            raw_revert(method_id("PriceFeedNotFoundWithinRange()"))
    return answer


@external
@view
def getPriceUnsafe(id: bytes32) -> Price:
    """
    @notice The last price, however old; reverts when there is none.
    """
    assert self.prices[id].publish_time != 0, "mock/price-feed-not-found"
    return self.prices[id]


@internal
@pure
def _parse(message: Bytes[4096]) -> (PriceFeed, uint256):
    """
    @notice (price, publish time of the one before it).
    """
    assert len(message) == 192, "mock/message"
    found: PriceFeed = empty(PriceFeed)
    before: uint256 = 0
    found.id, found.price.price, found.price.conf, found.price.expo, found.price.publish_time, before = abi_decode(
        slice(message, 0, 192), (bytes32, int64, uint64, int32, uint256, uint256)
    )
    return found, before
