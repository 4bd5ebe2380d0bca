# pragma version 0.4.3
"""
@title Pyth adapter: a pull oracle behind the AggregatorV3 face
@license AGPL-3.0-only
@notice One Pyth price as a feed that OracleAdapter can read: signed prices come in the caller's transaction and stay as spot
        and samples (oracle/pull_rounds). Anyone may call.
@dev Owns: its samples. Trusts Pyth to accept only prices that its own signers made; nobody else. The sample of a minute T is the
     one price with prev_publish_time < T <= publish_time < T + 60: the first of the minute, so there is no choice. The half-width is
     Pyth's confidence interval, of which it says that the price is within it in two of three cases.
"""

from contracts.math import scales
from contracts.oracle import pull_rounds
from interfaces import IPullFeed

implements: IPullFeed

initializes: pull_rounds

exports: (pull_rounds.latestRoundData, pull_rounds.getRoundData, pull_rounds.prices_at, pull_rounds.decimals, pull_rounds.feed_kind)


# a price of Pyth: price and confidence interval times 10^exponent
struct Price:
    price: int64
    conf: uint64
    expo: int32
    publish_time: uint256


struct PriceFeed:
    id: bytes32
    price: Price
    ema: Price


interface IPyth:
    def getUpdateFee(update_data: DynArray[Bytes[MAX_UPDATE], MAX_UPDATES]) -> uint256: view
    def updatePriceFeeds(update_data: DynArray[Bytes[MAX_UPDATE], MAX_UPDATES]): payable
    def getPriceUnsafe(id: bytes32) -> Price: view


MAX_UPDATES: constant(uint256) = 8
MAX_UPDATE: constant(uint256) = 4096
MAX_SAMPLES: constant(uint256) = pull_rounds.MAX_SAMPLES
DECIMALS: constant(int256) = 8
# a Pyth price has no signers of its own: there is one, or none
SIGNED: constant(uint256) = 1
# abi_encode(PriceFeed[]) of one feed
ANSWER: constant(uint256) = 11 * 32

PYTH: immutable(address)
PRICE_ID: immutable(bytes32)
MAX_WIDTH: immutable(uint256)


@deploy
def __init__(pyth: address, price_id: bytes32, max_width_bps: uint256):
    """
    @param pyth The Pyth contract of this chain.
    @param price_id Which of its prices.
    @param max_width_bps Widest confidence interval that is kept, relative to the price [bps].
    """
    assert pyth.is_contract, "pyth/no-code"
    assert max_width_bps != 0 and max_width_bps <= 1000, "pyth/width-range"
    PYTH = pyth
    PRICE_ID = price_id
    MAX_WIDTH = max_width_bps


@external
@payable
def update(update_data: DynArray[Bytes[MAX_UPDATE], MAX_UPDATES]) -> bool:
    """
    @notice Hands signed prices to Pyth, pays its fee out of what was sent, returns the rest, and takes the price as spot.
    @dev Without data it only takes what others brought to Pyth. Reverts when Pyth refuses the data.
    @param update_data Messages of Pyth's price service.
    @return Whether spot is another one now; not when the price is old, wide or unusable.
    """
    paid: uint256 = 0
    if len(update_data) != 0:
        paid = staticcall IPyth(PYTH).getUpdateFee(update_data)
        assert msg.value >= paid, "pyth/fee"
        extcall IPyth(PYTH).updatePriceFeeds(update_data, value=paid)
    found: Price = staticcall IPyth(PYTH).getPriceUnsafe(PRICE_ID)
    price: uint256 = 0
    width: uint256 = 0
    price, width = self._scaled(found)
    moved: bool = pull_rounds._keep_spot(price, width, found.publish_time, MAX_WIDTH)
    self._give_back(paid)
    return moved


@external
@payable
def bring(at: uint256, update_data: Bytes[MAX_UPDATE]):
    """
    @notice Brings the sample of one minute, which becomes spot too when it is new enough.
    @param at The minute [unix seconds].
    @param update_data Message of Pyth's price service with the first price of that minute.
    """
    pull_rounds._check_sample(at, SIGNED)
    self._give_back(self._bring(at, update_data, msg.value))


@external
@payable
def bring_many(
    at: DynArray[uint256, MAX_SAMPLES], update_data: DynArray[Bytes[MAX_UPDATE], MAX_SAMPLES]
) -> uint256:
    """
    @notice Brings samples, leaving out what is there already or too late by now.
    @param at Their minutes [unix seconds].
    @param update_data A message for each.
    @return How many were kept.
    """
    assert len(at) == len(update_data), "pull/lengths"
    paid: uint256 = 0
    kept: uint256 = 0
    for i: uint256 in range(len(at), bound=MAX_SAMPLES):
        if not pull_rounds._is_wanted(at[i], SIGNED):
            continue
        pull_rounds._check_sample(at[i], SIGNED)
        paid += self._bring(at[i], update_data[i], msg.value - paid)
        kept += 1
    self._give_back(paid)
    return kept


@external
@view
def samples(start: uint256, upto: uint256) -> IPullFeed.Samples:
    """
    @notice What a settlement window needs, for the seconds [start, upto).
    @param start Begin of the window, a whole minute [unix seconds].
    @param upto End of what is asked for, at most two hours later [unix seconds].
    @return Sum, begin, last, missing, whether all is there (interfaces/IPullFeed).
    """
    return pull_rounds._samples(start, upto, SIGNED)


@internal
def _bring(at: uint256, update_data: Bytes[MAX_UPDATE], budget: uint256) -> uint256:
    """
    @notice Lets Pyth pick the price that is unique for the minute out of the message, and keeps it.
    @return Fee paid [wei].
    """
    message: DynArray[Bytes[MAX_UPDATE], 1] = [update_data]
    fee: uint256 = staticcall IPyth(PYTH).getUpdateFee(message)
    assert budget >= fee, "pyth/fee"
    ids: DynArray[bytes32, 1] = [PRICE_ID]
    success: bool = False
    answer: Bytes[ANSWER] = b""
    success, answer = raw_call(
        PYTH,
        abi_encode(
            message,
            ids,
            convert(at, uint64),
            convert(at + scales.MINUTE - 1, uint64),
            method_id=method_id("parsePriceFeedUpdatesUnique(bytes[],bytes32[],uint64,uint64)"),
        ),
        max_outsize=ANSWER,
        value=fee,
        revert_on_failure=False,
    )
    if not success:
        assert (
            len(answer) != 4 or answer != method_id("PriceFeedNotFoundWithinRange()", output_type=Bytes[4])
        ), "pyth/no-such-sample"
        raw_revert(answer)
    feeds: DynArray[PriceFeed, 1] = abi_decode(answer, DynArray[PriceFeed, 1])
    found: Price = feeds[0].price
    assert (
        feeds[0].id == PRICE_ID
        and found.publish_time >= at
        and found.publish_time < at + scales.MINUTE
    ), "pyth/no-such-sample"
    price: uint256 = 0
    width: uint256 = 0
    price, width = self._scaled(found)
    pull_rounds._keep_sample(at, price, width, SIGNED, MAX_WIDTH)
    pull_rounds._keep_spot(price, width, found.publish_time, MAX_WIDTH)
    return fee


@internal
@payable
def _give_back(paid: uint256):
    if msg.value > paid:
        raw_call(msg.sender, b"", value=msg.value - paid)


@internal
@pure
def _scaled(found: Price) -> (uint256, uint256):
    """
    @notice (price, half-width) of a Pyth price, the width rounded up [1e-8]; a price of 0 is one that cannot be used.
    """
    places: int256 = convert(found.expo, int256) + DECIMALS
    if found.price <= 0 or places > 18 or places < -18:
        return 0, 0
    price: uint256 = convert(found.price, uint256)
    width: uint256 = convert(found.conf, uint256)
    if places >= 0:
        factor: uint256 = 10 ** convert(places, uint256)
        return price * factor, width * factor
    factor: uint256 = 10 ** convert(-places, uint256)
    return price // factor, (width + factor - 1) // factor
