# pragma version 0.4.3
"""
@title Custody of one vault, one cell or one insurance pot
@license AGPL-3.0-only
@notice Target of EIP-1167 clones. A clone owns the tokens at its own address; its single power is to pay them out
        and its single master is the contract fixed at deployment of this target (immutables are shared by clones).
        Trusts: its controller. Assumes nothing of the token: a transfer that reverts or answers false is a failure.
"""
from interfaces import IVault

implements: IVault

# the only caller that is obeyed
CONTROLLER: immutable(address)


@deploy
def __init__(controller: address):
    assert controller != empty(address), "vault/zero-controller"
    CONTROLLER = controller


@internal
def _transfer(token: address, to: address, amount: uint256):
    answer: Bytes[32] = raw_call(
        token,
        abi_encode(to, amount, method_id=method_id("transfer(address,uint256)")),
        max_outsize=32,
    )
    # old tokens answer nothing; a token that answers must answer true
    if len(answer) != 0:
        assert convert(answer, uint256) != 0, "vault/transfer-refused"


@external
def pay(token: address, to: address[2], amounts: uint256[2]):
    """
    @notice Transfers up to two amounts of `token` out of this vault; all or nothing.
    @param token The ERC-20 to transfer.
    @param to Receivers; an entry with amount 0 is not called.
    @param amounts Amounts [native].
    """
    assert msg.sender == CONTROLLER, "vault/only-controller"
    if amounts[0] != 0:
        self._transfer(token, to[0], amounts[0])
    if amounts[1] != 0:
        self._transfer(token, to[1], amounts[1])


@external
@view
def controller() -> address:
    """
    @notice The contract that this vault obeys.
    @return Its address.
    """
    return CONTROLLER
