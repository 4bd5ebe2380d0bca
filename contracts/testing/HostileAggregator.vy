# pragma version 0.4.3
"""
@title Test feed that answers whatever bytes it was told, of any length
@license AGPL-3.0-only
@notice For answers that no AggregatorV3 gives: too short, too long, numbers out of range.
"""

decimals: public(constant(uint8)) = 8
answer: Bytes[8192]


@external
def set_answer(answer: Bytes[8192]):
    """
    @notice Sets the bytes of every read.
    """
    self.answer = answer


@external
@view
@raw_return
def latestRoundData() -> Bytes[8192]:
    """
    @notice The bytes, as return data.
    """
    return self.answer


@external
@view
@raw_return
def getRoundData(round_id: uint80) -> Bytes[8192]:
    """
    @notice The bytes, as return data.
    """
    return self.answer
