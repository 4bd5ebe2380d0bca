"""Signed grants to operators (session keys) of vaults: what an owner signs and anyone may hand in.

A grant is bound to chain, contract, owner, epoch and nonce; `Operators.hash_grant` gives the same digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_utils import keccak, to_checksum_address

NAME = "Bulkhead Operators"
VERSION = "1"

#: EIP-712 type, in the order of its fields.
TYPES: dict[str, list[dict[str, str]]] = {
    "Grant": [
        {"name": "vault_id", "type": "uint256"},
        {"name": "owner", "type": "address"},
        {"name": "epoch", "type": "uint256"},
        {"name": "operator", "type": "address"},
        {"name": "permissions", "type": "uint256"},
        {"name": "expiry", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ]
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


def _signable(grant: Grant, chain_id: int, contract: str) -> SignableMessage:
    message: dict[str, Any] = {field["name"]: getattr(grant, field["name"]) for field in TYPES["Grant"]}
    message |= {"owner": to_checksum_address(grant.owner), "operator": to_checksum_address(grant.operator)}
    domain = {
        "name": NAME,
        "version": VERSION,
        "chainId": chain_id,
        "verifyingContract": to_checksum_address(contract),
    }
    return encode_typed_data(domain_data=domain, message_types=TYPES, message_data=message)


def grant_hash(grant: Grant, chain_id: int, contract: str) -> bytes:
    """EIP-712 digest of a grant at one Operators contract."""
    signable = _signable(grant, chain_id, contract)
    return bytes(keccak(b"\x19" + signable.version + signable.header + signable.body))


def sign_grant(grant: Grant, chain_id: int, contract: str, private_key: str | bytes) -> bytes:
    """65-byte signature of a grant."""
    return bytes(Account.sign_message(_signable(grant, chain_id, contract), private_key).signature)
