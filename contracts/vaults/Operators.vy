# pragma version 0.4.3
"""
@title Operators: session keys of vaults
@license AGPL-3.0-only
@notice An owner lets other accounts act for a vault, each with an expiry and a mask of permissions, in a transaction
        or by an EIP-712 signature. A grant belongs to the vault's epoch, so a transfer of the vault ends it and every
        signature for one. Holds no tokens and moves none; the Clearinghouse and the Exchange ask it. Trusts: the
        Clearinghouse's vault words.
@dev Permissions: 1 trade, 2 withdraw, 4 manage (split, merge, margin model). A key that may trade and not withdraw is
     bounded in what it can lose (TradeLimits).
"""
from snekmate.utils import eip712_domain_separator as domain

from interfaces import IClearinghouse
from interfaces import IOperators

from contracts.vaults import permissions as permission_bits
from contracts.vaults import signature as signer_of
from contracts.vaults import vault_state as state

implements: IOperators

initializes: domain
# EIP-5267
exports: domain.eip712Domain

GRANT_TYPEHASH: constant(bytes32) = keccak256(
    "Grant(uint256 vault_id,address owner,uint256 epoch,address operator,uint256 permissions,uint256 expiry,uint256 nonce,uint256 deadline)"
)
EXPIRY_AT: constant(uint256) = 8
NONCE_AT: constant(uint256) = 72

CLEARINGHOUSE: immutable(address)

# vault id -> epoch -> operator -> permissions 8 | expiry 64 | nonce, low to high
grants: HashMap[uint256, HashMap[uint256, HashMap[address, uint256]]]


@deploy
def __init__(clearinghouse: address):
    domain.__init__("Bulkhead Operators", "1")
    CLEARINGHOUSE = clearinghouse


@internal
@view
def _word(vault_id: uint256) -> uint256:
    word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id)
    assert word != 0, "operators/unknown-vault"
    return word


@internal
@view
def _digest(
    vault_id: uint256,
    word: uint256,
    operator: address,
    permissions: uint256,
    expiry: uint256,
    deadline: uint256,
) -> bytes32:
    epoch: uint256 = state._epoch(word)
    return domain._hash_typed_data_v4(
        keccak256(
            abi_encode(
                GRANT_TYPEHASH,
                vault_id,
                state._owner(word),
                epoch,
                operator,
                permissions,
                expiry,
                self.grants[vault_id][epoch][operator] >> NONCE_AT,
                deadline,
            )
        )
    )


@internal
def _grant(
    vault_id: uint256, epoch: uint256, operator: address, permissions: uint256, expiry: uint256
):
    assert permissions <= permission_bits.ALL, "operators/unknown-permission"
    assert expiry < 2**64, "operators/expiry-range"
    # every change uses the nonce up: a revocation kills the signatures that are still out
    nonce: uint256 = (self.grants[vault_id][epoch][operator] >> NONCE_AT) + 1
    self.grants[vault_id][epoch][operator] = (
        permissions | (expiry << EXPIRY_AT) | (nonce << NONCE_AT)
    )
    log IOperators.OperatorChanged(
        vault_id=vault_id, operator=operator, epoch=epoch, permissions=permissions, expiry=expiry
    )


@external
def grant(vault_id: uint256, operator: address, permissions: uint256, expiry: uint256):
    """
    @notice Lets an account act for a vault until `expiry`, or no longer with permissions 0. Only the owner.
    @dev Ends every signed grant to this operator that has not been handed in.
    @param vault_id The vault.
    @param operator The account.
    @param permissions 1 trade, 2 withdraw, 4 manage, added up; 0 revokes at once.
    @param expiry Last moment of the grant [unix seconds].
    """
    word: uint256 = self._word(vault_id)
    assert state._owner(word) == msg.sender, "operators/not-owner"
    self._grant(vault_id, state._epoch(word), operator, permissions, expiry)


@external
def grant_signed(
    vault_id: uint256,
    operator: address,
    permissions: uint256,
    expiry: uint256,
    deadline: uint256,
    signature: Bytes[1024],
):
    """
    @notice `grant` by a signature of the owner, handed in by anyone until `deadline`; each signature counts once.
    @dev Bound to chain, contract, owner, epoch and nonce. Reverts: `operators/bad-signature` for any other signer.
    @param vault_id The vault.
    @param operator The account.
    @param permissions As in `grant`.
    @param expiry As in `grant`.
    @param deadline Last moment at which the signature may be handed in [unix seconds].
    @param signature Of `hash_grant`: ECDSA of 65 or 64 bytes, or what the owner's EIP-1271 contract wants.
    """
    assert block.timestamp <= deadline, "operators/signature-expired"
    word: uint256 = self._word(vault_id)
    digest: bytes32 = self._digest(vault_id, word, operator, permissions, expiry, deadline)
    assert signer_of._is_valid(state._owner(word), digest, signature), "operators/bad-signature"
    self._grant(vault_id, state._epoch(word), operator, permissions, expiry)


@internal
@view
def _permissions(vault_id: uint256, epoch: uint256, operator: address) -> uint256:
    granted: uint256 = self.grants[vault_id][epoch][operator]
    if block.timestamp > (granted >> EXPIRY_AT) & (2**64 - 1):
        return 0
    return granted & permission_bits.ALL


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
    return self._permissions(vault_id, epoch, operator) & permission != 0


@external
@view
def permissions_of(vault_id: uint256, epoch: uint256, operator: address) -> uint256:
    """
    @notice Everything an account may now do for a vault of this epoch, added up.
    @param vault_id The vault.
    @param epoch Its epoch now.
    @param operator The account.
    @return 1 trade, 2 withdraw, 4 manage; 0 for nothing.
    """
    return self._permissions(vault_id, epoch, operator)


@external
@view
def hash_grant(
    vault_id: uint256, operator: address, permissions: uint256, expiry: uint256, deadline: uint256
) -> bytes32:
    """
    @notice EIP-712 digest that the owner signs for `grant_signed`, at the vault's owner and epoch and the next nonce.
    @param vault_id The vault.
    @param operator The account.
    @param permissions As in `grant`.
    @param expiry As in `grant`.
    @param deadline Last moment at which the signature may be handed in [unix seconds].
    @return The digest under this contract's domain on this chain.
    """
    return self._digest(vault_id, self._word(vault_id), operator, permissions, expiry, deadline)


@external
@view
def nonce_of(vault_id: uint256, epoch: uint256, operator: address) -> uint256:
    """
    @notice Changes of this operator's grant so far; the next signature carries this number.
    @param vault_id The vault.
    @param epoch Its epoch.
    @param operator The account.
    @return The nonce.
    """
    return self.grants[vault_id][epoch][operator] >> NONCE_AT
