# pragma version 0.4.3
"""
@title Operators: session keys of vaults
@license AGPL-3.0-only
@notice An owner lets other accounts act for a vault, each with an expiry and a mask of permissions. A grant belongs to
        the vault's epoch, so a transfer of the vault ends it. Holds no tokens and moves none; the Clearinghouse and the
        Exchange ask it. Trusts: the Clearinghouse's vault words.
@dev Permissions: 1 trade, 2 withdraw, 4 manage (split, merge, margin model).
"""
from interfaces import IClearinghouse
from interfaces import IOperators

from contracts.modules import vault_state as state

implements: IOperators

ALL: constant(uint256) = 7

CLEARINGHOUSE: immutable(address)

# vault id -> epoch -> operator -> expiry << 8 | permissions
grants: HashMap[uint256, HashMap[uint256, HashMap[address, uint256]]]


@deploy
def __init__(clearinghouse: address):
    CLEARINGHOUSE = clearinghouse


@external
def grant(vault_id: uint256, operator: address, permissions: uint256, expiry: uint256):
    """
    @notice Lets an account act for a vault until `expiry`, or no longer with permissions 0. Only the owner.
    @param vault_id The vault.
    @param operator The account.
    @param permissions 1 trade, 2 withdraw, 4 manage, added up; 0 revokes at once.
    @param expiry Last moment of the grant [unix seconds].
    """
    word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id)
    assert word != 0 and state._owner(word) == msg.sender, "operators/not-owner"
    assert permissions <= ALL, "operators/unknown-permission"
    assert expiry < 2**64, "operators/expiry-range"
    epoch: uint256 = state._epoch(word)
    self.grants[vault_id][epoch][operator] = 0 if permissions == 0 else (expiry << 8) | permissions
    log IOperators.OperatorChanged(
        vault_id=vault_id, operator=operator, epoch=epoch, permissions=permissions, expiry=expiry
    )


@external
@view
def permits(vault_id: uint256, epoch: uint256, operator: address, permission: uint256) -> bool:
    """
    @notice Whether an account may now do what `permission` names for a vault of this epoch.
    @param vault_id The vault.
    @param epoch Its epoch now.
    @param operator The account.
    @param permission One permission.
    @return True when it may.
    """
    granted: uint256 = self.grants[vault_id][epoch][operator]
    return granted & permission != 0 and block.timestamp <= granted >> 8
