# pragma version 0.4.3
"""
@title When a failed call is believed
@license AGPL-3.0-only
@notice A batch skips what fails and a payment that a token refuses stops nobody. A caller who brings too little gas could
        make anything fail so. A failure is believed only when the call had gas to spare: an eighth of what there was is
        left (a call that ran out of gas leaves a 64th), or there was more than any honest call needs (docs/liquidation.md).
"""

TOKEN_CALL: constant(uint256) = 1_000_000   # more gas than a payment needs
ITEM: constant(uint256) = 10_000_000        # more gas than an item of a batch needs


@internal
@view
def _believed(gas_before: uint256, enough: uint256) -> bool:
    """
    @notice Whether the call that just failed had gas to spare.
    @param gas_before `msg.gas` just before it.
    @param enough TOKEN_CALL or ITEM.
    """
    return gas_before > enough or msg.gas >= gas_before // 8
