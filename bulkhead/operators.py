"""Signed grants to operators (session keys) of vaults: what an owner signs and anyone may hand in.

A grant is bound to chain, contract, owner, epoch and nonce; `Operators.hash_grant` gives the same digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Any

from eth_account import Account
from eth_utils import to_checksum_address

from bulkhead import eip712

NAME = "Bulkhead Operators"
VERSION = "1"

#: EIP-712 type, in the order of its fields.
TYPES: eip712.Types = {
    "Grant": eip712.fields(
        "uint256 vault_id, address owner, uint256 epoch, address operator, uint256 permissions, "
        "uint256 expiry, uint256 nonce, uint256 deadline"
    )
}


class Permission(IntFlag):
    """What an operator may do."""

    NONE = 0
    TRADE = 1
    WITHDRAW = 2
    MANAGE = 4


@dataclass(frozen=True)
class Grant:
    """A grant as its owner signs it.

    Attributes:
        vault_id: The vault.
        owner: Its owner.
        epoch: Its epoch; a transfer raises it.
        operator: Who may act.
        permissions: Sum of `Permission`.
        expiry: Last moment of the grant [unix seconds].
        nonce: `Operators.nonce_of`.
        deadline: Last moment at which the signature may be handed in [unix seconds].
    """

    vault_id: int
    owner: str
    epoch: int
    operator: str
    permissions: int
    expiry: int
    nonce: int
    deadline: int


def _document(grant: Grant, chain_id: int, contract: str) -> dict[str, Any]:
    message: dict[str, Any] = {field["name"]: getattr(grant, field["name"]) for field in TYPES["Grant"]}
    message |= {"owner": to_checksum_address(grant.owner), "operator": to_checksum_address(grant.operator)}
    return eip712.document(TYPES, eip712.domain(NAME, VERSION, chain_id, contract), message)


def grant_hash(grant: Grant, chain_id: int, contract: str) -> bytes:
    """EIP-712 digest of a grant at one Operators contract."""
    return eip712.digest(_document(grant, chain_id, contract))


def sign_grant(grant: Grant, chain_id: int, contract: str, private_key: str | bytes) -> bytes:
    """65-byte signature of a grant."""
    message = eip712.signable(_document(grant, chain_id, contract))
    return bytes(Account.sign_message(message, private_key).signature)
