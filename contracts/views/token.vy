# pragma version 0.4.3
"""
@title What a token says of itself
@license AGPL-3.0-only
@notice Tokens are others' contracts: one that tells nothing, or no text, silences no view.
"""


@internal
@view
def _symbol(token: address) -> String[32]:
    """
    @notice Symbol of a token; empty when it tells none, or one that is no text.
    """
    told: bool = False
    answer: Bytes[96] = b""
    told, answer = raw_call(
        token, method_id("symbol()"), max_outsize=96, is_static_call=True, revert_on_failure=False
    )
    if not told or len(answer) < 96:
        return ""
    if convert(slice(answer, 0, 32), uint256) != 32 or convert(slice(answer, 32, 32), uint256) > 32:
        return ""
    return abi_decode(answer, String[32])


@internal
@view
def _number(target: address, call: Bytes[68]) -> uint256:
    """
    @notice A number that a contract tells, 0 when it tells none.
    """
    told: bool = False
    answer: Bytes[32] = b""
    told, answer = raw_call(target, call, max_outsize=32, is_static_call=True, revert_on_failure=False)
    if not told or len(answer) < 32:
        return 0
    return convert(answer, uint256)
