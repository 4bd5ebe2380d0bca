# pragma version 0.4.3
"""
@title Round recorder: a history for a feed that keeps none
@license AGPL-3.0-only
@notice Stands before a feed that only knows its newest answer (round id always 0 or 1), so that settlement windows and realised
        vol find rounds. `record` keeps the newest answer under its own stamp when that is later than the last one kept and not
        ahead of now. Open to anyone; OracleAdapter calls it with every observe and poke. What nobody records before the next
        update is lost: who calls decides which updates are rounds, never what they say. Until then views show it as the round that
        it would be, so that whoever only looks sees the price that whoever records sees.
@dev Owns: its rounds, ids 2^64 | 1, 2, ... Trusts the source for its answers and their stamps. A source that reverts, burns its
     gas, answers nonsense or has changed its decimals adds nothing and breaks nothing: the rounds kept stay and grow old.
"""

from contracts.oracle import feeds
from interfaces import IRoundRecorder

implements: IRoundRecorder


interface IFeed:
    def decimals() -> uint8: view


FIRST_PHASE: constant(uint256) = 1 << 64
TIME_MASK: constant(uint256) = 2**64 - 1
MAX_ANSWER: constant(uint256) = 2**127 - 1
# the source gets this much gas for each question; a failure counts only if it really got it
SOURCE_GAS: constant(uint256) = 100_000
SOURCE_GAS_NEEDED: constant(uint256) = 110_000

SOURCE: immutable(address)
DECIMALS: immutable(uint8)

# number of the newest round, 0 when there is none
newest: uint256
# number -> answer 128 | updated_at 64
rounds: HashMap[uint256, uint256]


@deploy
def __init__(source: address):
    """
    @notice Records the source's present answer, if it has one.
    @param source An AggregatorV3 feed; its history is never asked for.
    """
    SOURCE = source
    DECIMALS = staticcall IFeed(source).decimals()
    self._record()


@external
def record() -> bool:
    """
    @notice Keeps the newest answer of the source when it is new.
    @return Whether it was.
    """
    return self._record()


@external
@view
def source() -> address:
    """
    @notice The feed whose answers are kept.
    @return Its address.
    """
    return SOURCE


@external
@view
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80):
    """
    @notice The newest round, as an AggregatorV3 answers: what `record` would keep now, else the last one kept.
    @return (roundId, answer, startedAt, updatedAt, answeredInRound); reverts when there is none.
    """
    unrecorded: uint256 = self._unrecorded()
    if unrecorded != 0:
        return self._told(self.newest + 1, unrecorded)
    return self._told(self.newest, self.rounds[self.newest])


@external
@view
def getRoundData(round_id: uint80) -> (uint80, int256, uint256, uint256, uint80):
    """
    @notice One round, as an AggregatorV3 answers.
    @param round_id Its id: 2^64 | its number; the one after the last kept is what `record` would keep now.
    @return (roundId, answer, startedAt, updatedAt, answeredInRound); reverts when there is none.
    """
    assert convert(round_id, uint256) >> 64 == 1, "recorder/no-round"
    number: uint256 = convert(round_id, uint256) & TIME_MASK
    if number == self.newest + 1:
        return self._told(number, self._unrecorded())
    return self._told(number, self.rounds[number])


@external
@view
def decimals() -> uint8:
    """
    @notice Decimals of the answers: the source's when this was deployed.
    @return Decimals.
    """
    return DECIMALS


@external
@pure
def feed_kind() -> uint256:
    """
    @notice What a listing must call this feed.
    @return feeds.RECORDER.
    """
    return feeds.RECORDER


@internal
@pure
def _told(number: uint256, word: uint256) -> (uint80, int256, uint256, uint256, uint80):
    assert word != 0, "recorder/no-round"
    id: uint80 = convert(FIRST_PHASE | number, uint80)
    stamp: uint256 = word & TIME_MASK
    return id, convert(word >> 64, int256), stamp, stamp, id


@internal
def _record() -> bool:
    word: uint256 = self._unrecorded()
    if word == 0:
        return False
    number: uint256 = self.newest + 1
    self.newest = number
    self.rounds[number] = word
    log IRoundRecorder.RoundRecorded(number=number, answer=convert(word >> 64, int256), updated_at=word & TIME_MASK)
    return True


@internal
@view
def _unrecorded() -> uint256:
    """
    @notice The newest answer of the source as a round, when it is later than the last one kept; 0 for none.
    """
    answer: Bytes[160] = self._ask(method_id("latestRoundData()", output_type=Bytes[4]))
    if len(answer) != 160:
        return 0
    # (roundId, answer, startedAt, updatedAt, answeredInRound)
    price: uint256 = extract32(answer, 32, output_type=uint256)
    stamp: uint256 = extract32(answer, 96, output_type=uint256)
    # a negative answer reads as a huge one
    if (
        price == 0
        or price > MAX_ANSWER
        or stamp > block.timestamp
        or stamp <= self.rounds[self.newest] & TIME_MASK
        or extract32(answer, 128, output_type=uint256) < extract32(answer, 0, output_type=uint256)
    ):
        return 0
    scale: Bytes[160] = self._ask(method_id("decimals()", output_type=Bytes[4]))
    if len(scale) < 32 or extract32(scale, 0, output_type=uint256) != convert(DECIMALS, uint256):
        return 0
    return (price << 64) | stamp


@internal
@view
def _ask(question: Bytes[4]) -> Bytes[160]:
    """
    @notice What the source answers; nothing when it cannot.
    """
    gas_before: uint256 = msg.gas
    success: bool = False
    answer: Bytes[160] = b""
    success, answer = raw_call(
        SOURCE,
        question,
        max_outsize=160,
        gas=SOURCE_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    # who calls with little gas must not make a good feed look bad
    assert success or gas_before >= SOURCE_GAS_NEEDED, "recorder/gas"
    if not success:
        return b""
    return answer
