# pragma version 0.4.3
"""
@title An ERC-2612 approval that comes with a call
@license AGPL-3.0-only
@notice Its failure is ignored, whatever the reason: a front-runner may have used the permit already, and the allowance decides.
"""
from interfaces import IExchange


@internal
def _try_permit(token: address, owner: address, spender: address, permit: IExchange.Permit):
    """
    @notice Hands a permit to its token.
    @param token The token. @param owner Who signed. @param spender Who may spend.
    @param permit The signature and what it is for.
    """
    permitted: bool = raw_call(
        token,
        abi_encode(
            owner,
            spender,
            permit.amount,
            permit.deadline,
            permit.v,
            permit.r,
            permit.s,
            method_id=method_id("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)"),
        ),
        revert_on_failure=False,
    )
