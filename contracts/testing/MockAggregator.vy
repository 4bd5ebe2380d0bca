# pragma version 0.4.3
"""
@title Test feed: an AggregatorV3 whose rounds behave like Chainlink's
@license AGPL-3.0-only
@notice A round id is `phase << 64 | aggregator round`; a new phase starts again at round 1 and keeps the old
        rounds readable. Unknown rounds revert (as proxies of today do) or read zeros (as old ones did).
        Anyone may write; `set_mode` turns the feed bad in the ways the adapter has to survive.
@dev Modes: 0 honest, 1 every read reverts, 2 answer 0, 3 answer -1, 4 incomplete (updatedAt 0, answer kept),
     5 stamp in the future (one hour), 6 every read burns all gas, 7 only `getRoundData` reverts,
     8 only `getRoundData` burns all gas. Answers of odd lengths: testing/HostileAggregator.
"""

REVERTS: constant(uint256) = 1
ZERO: constant(uint256) = 2
NEGATIVE: constant(uint256) = 3
INCOMPLETE: constant(uint256) = 4
FUTURE: constant(uint256) = 5
BURNS_GAS: constant(uint256) = 6
HISTORY_REVERTS: constant(uint256) = 7
HISTORY_BURNS_GAS: constant(uint256) = 8

# bit offsets in the head word, whose low 80 bits are the newest round id
MODE_AT: constant(uint256) = 80
ZEROS_AT: constant(uint256) = 88
ROUND_MASK: constant(uint256) = 2**80 - 1
NUMBER_MASK: constant(uint256) = 2**64 - 1

event AnswerUpdated:
    current: indexed(int256)
    roundId: indexed(uint256)
    updatedAt: uint256

decimals: public(immutable(uint8))
description: public(String[64])
# newest round id | mode | unknown rounds read zeros
head: uint256
# round id -> answer 128 (signed) | startedAt 64 | updatedAt 64; 0 for an unknown round
rounds: HashMap[uint256, uint256]


@deploy
def __init__(decimals_: uint8, description_: String[64]):
    decimals = decimals_
    self.description = description_
    self.head = 1 << 64


# --- writing -------------------------------------------------------------------------------------------------


@external
def push(answer: int256, updated_at: uint256) -> uint256:
    """
    @notice Adds the next round.
    @param answer Price [feed decimals], or 0 / 1 for a sequencer-uptime feed.
    @param updated_at Stamp of the round [unix seconds].
    @return Its round id.
    """
    return self._push(answer, updated_at, updated_at)


@external
def push_status(answer: int256, started_at: uint256, updated_at: uint256) -> uint256:
    """
    @notice Adds a round whose `startedAt` differs: uptime feeds keep the time of the last change there.
    @return Its round id.
    """
    return self._push(answer, started_at, updated_at)


@external
def push_many(answers: DynArray[int256, 1024], updated_at: DynArray[uint256, 1024]):
    """
    @notice Adds many rounds, oldest first.
    """
    assert len(answers) == len(updated_at), "mock/lengths"
    for i: uint256 in range(len(answers), bound=1024):
        self._push(answers[i], updated_at[i], updated_at[i])


@external
def overwrite(round_id: uint256, answer: int256, updated_at: uint256):
    """
    @notice Rewrites a round in place, which no honest feed does; a stamp of 0 makes it incomplete.
    """
    self.rounds[round_id] = self._round(answer, updated_at, updated_at)


@external
def erase(round_id: uint256):
    """
    @notice Makes one round unknown.
    """
    self.rounds[round_id] = 0


@external
def skip_rounds(count: uint256):
    """
    @notice Leaves a gap of unknown rounds before the next push.
    """
    self.head += count


@external
def set_phase(phase: uint256):
    """
    @notice An upgrade of the aggregator: rounds go on under a higher phase, from 1.
    """
    head: uint256 = self.head
    assert phase > (head & ROUND_MASK) >> 64 and phase < 2**16, "mock/phase"
    self.head = (head >> 80 << 80) | (phase << 64)


@external
def set_mode(mode: uint256):
    """
    @notice Turns a bad behaviour on, or off with 0; the list is in the title.
    """
    assert mode <= HISTORY_BURNS_GAS, "mock/mode"
    head: uint256 = self.head
    self.head = (head & ~(255 << MODE_AT)) | (mode << MODE_AT)


@external
def set_zeros(zeros: bool):
    """
    @notice Chooses what unknown rounds do: read zeros (True) or revert (False).
    """
    self.head = (self.head & ~(1 << ZEROS_AT)) | (convert(zeros, uint256) << ZEROS_AT)


# --- reading -------------------------------------------------------------------------------------------------


@external
@view
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80):
    """
    @notice AggregatorV3: (roundId, answer, startedAt, updatedAt, answeredInRound) of the newest round.
    """
    head: uint256 = self.head
    return self._answer(head, head & ROUND_MASK)


@external
@view
def getRoundData(round_id: uint80) -> (uint80, int256, uint256, uint256, uint80):
    """
    @notice AggregatorV3: the same tuple of one round.
    """
    head: uint256 = self.head
    mode: uint256 = (head >> MODE_AT) & 255
    assert mode != HISTORY_REVERTS, "mock/history-reverts"
    if mode == HISTORY_BURNS_GAS:
        self._burn()
    return self._answer(head, convert(round_id, uint256))


@external
@view
def version() -> uint256:
    """
    @notice Version of the feed's interface.
    """
    return 4


@external
@view
def latest_id() -> uint256:
    """
    @notice Round id of the newest round, whatever the mode.
    """
    return self.head & ROUND_MASK


@external
@view
def mode() -> uint256:
    """
    @notice The bad behaviour that is on.
    """
    return (self.head >> MODE_AT) & 255


# --- internals -----------------------------------------------------------------------------------------------


@internal
@view
def _answer(head: uint256, round_id: uint256) -> (uint80, int256, uint256, uint256, uint80):
    mode: uint256 = (head >> MODE_AT) & 255
    assert mode != REVERTS, "mock/reverts"
    if mode == BURNS_GAS:
        self._burn()
    word: uint256 = self.rounds[round_id]
    id: uint80 = convert(round_id, uint80)
    if word == 0:
        assert (head >> ZEROS_AT) & 1 == 1, "No data present"
        return id, 0, 0, 0, 0
    answer: int256 = convert(convert(word, bytes32), int256) >> 128
    started_at: uint256 = (word >> 64) & NUMBER_MASK
    updated_at: uint256 = word & NUMBER_MASK
    if mode == ZERO:
        answer = 0
    elif mode == NEGATIVE:
        answer = -1
    elif mode == INCOMPLETE:
        updated_at = 0
    elif mode == FUTURE:
        updated_at = block.timestamp + 3600
    return id, answer, started_at, updated_at, id


@internal
@view
def _burn():
    # a loop that only the end of gas ends
    sum: uint256 = 1
    for i: uint256 in range(2**128):
        sum = unsafe_mul(sum, 3)
    assert sum != 0


@internal
def _push(answer: int256, started_at: uint256, updated_at: uint256) -> uint256:
    head: uint256 = self.head + 1
    self.head = head
    round_id: uint256 = head & ROUND_MASK
    self.rounds[round_id] = self._round(answer, started_at, updated_at)
    log AnswerUpdated(current=answer, roundId=round_id, updatedAt=updated_at)
    return round_id


@internal
@pure
def _round(answer: int256, started_at: uint256, updated_at: uint256) -> uint256:
    assert started_at <= NUMBER_MASK and updated_at <= NUMBER_MASK, "mock/stamp"
    assert answer < 2**127 and answer >= -(2**127), "mock/answer"
    return (convert(convert(answer, bytes32), uint256) << 128) | (started_at << 64) | updated_at
