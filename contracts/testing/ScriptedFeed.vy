# pragma version 0.4.3
"""
@title Test feed that plays a script: rounds laid down beforehand, shown up to its newest id
@license AGPL-3.0-only
@notice For tests that play thousands of feeds. It has no functions that write: a test lays rounds and head straight
        into storage, and what is shown moves on with one word.
@dev Ids are `phase << 64 | round`, phase below 2^16 and round below 2^20. A round word is
     kind 8 | answer 184 (signed) | stamp 64. Kinds say what `getRoundData` does: 0 reverts, 1 answers, 2 reads zeros,
     3 burns all gas, 4 names another round. The head word is decimals 8 | newest id 80; later ids are unknown.
"""

UNKNOWN: constant(uint256) = 0
ZEROS: constant(uint256) = 2
BURNS: constant(uint256) = 3
ANOTHER: constant(uint256) = 4

STAMP_MASK: constant(uint256) = 2**64 - 1
ID_MASK: constant(uint256) = 2**80 - 1
ROUND_BITS: constant(uint256) = 20

description: public(constant(String[13])) = "TEST / SCRIPT"
version: public(constant(uint256)) = 4

# newest id | decimals << 80
head: uint256
# phase << 20 | round -> round word
rounds: uint256[2**36]


@external
@view
def decimals() -> uint8:
    """
    @notice Decimals of the answers by now.
    """
    return convert((self.head >> 80) & 255, uint8)


@external
@view
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80):
    """
    @notice AggregatorV3: (roundId, answer, startedAt, updatedAt, answeredInRound) of the newest round, whatever its kind.
    """
    id: uint256 = self.head & ID_MASK
    return self._answer(id, self._word(id))


@external
@view
def getRoundData(round_id: uint80) -> (uint80, int256, uint256, uint256, uint80):
    """
    @notice AggregatorV3: the same tuple of one round.
    """
    id: uint256 = convert(round_id, uint256)
    assert id <= self.head & ID_MASK, "No data present"
    word: uint256 = self._word(id)
    kind: uint256 = word >> 248
    assert kind != UNKNOWN, "No data present"
    if kind == ZEROS:
        return round_id, 0, 0, 0, round_id
    if kind == BURNS:
        sum: uint256 = 1
        for i: uint256 in range(2**128):
            sum = unsafe_mul(sum, 3)
        assert sum != 0
    if kind == ANOTHER:
        return self._answer(id - 1, word)
    return self._answer(id, word)


@internal
@view
def _word(id: uint256) -> uint256:
    return self.rounds[((id >> 64) << ROUND_BITS) | (id & (2**ROUND_BITS - 1))]


@internal
@pure
def _answer(id: uint256, word: uint256) -> (uint80, int256, uint256, uint256, uint80):
    shown: uint80 = convert(id, uint80)
    answer: int256 = convert(convert(word << 8, bytes32), int256) >> 72
    stamp: uint256 = word & STAMP_MASK
    return shown, answer, stamp, stamp, shown
