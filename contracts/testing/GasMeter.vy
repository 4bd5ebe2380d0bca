# pragma version 0.4.3
"""
@title Gas meter: what one read-only call costs, alone
@license AGPL-3.0-only
@notice Calls through `eth_call` and reports the gas between the two sides of a STATICCALL. Not part of the protocol.
@dev Data is in memory before the first reading, and at most one word of the result is copied back, so what remains is
     the call itself: 100 gas for a warm account, 2,600 for a cold one, and all that the callee does.
"""


@internal
def _once(target: address, data: Bytes[8192]) -> uint256:
    before: uint256 = msg.gas
    raw_call(target, data, is_static_call=True, max_outsize=0)
    return before - msg.gas


@external
def measure(target: address, data: Bytes[8192]) -> uint256[2]:
    """
    @notice The same call twice in one transaction.
    @param target Contract to call.
    @param data Call data.
    @return Gas of the first call (cold accounts and slots) and of the second (warm).
    """
    first: uint256 = self._once(target, data)
    return [first, self._once(target, data)]
