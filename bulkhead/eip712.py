"""EIP-712 documents and their digests: orders, grants and surfaces are signed as these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_account.messages import SignableMessage, encode_typed_data
from eth_utils import keccak, to_checksum_address

#: Types of a document: name -> fields in order.
Types = dict[str, list[dict[str, str]]]


def fields(declared: str) -> list[dict[str, str]]:
    """Fields of a type as its declaration lists them: "address owner, uint256 nonce"."""
    pairs = (field.split() for field in declared.split(","))
    return [{"name": name, "type": kind} for kind, name in pairs]


DOMAIN = fields("string name, string version, uint256 chainId, address verifyingContract")


def domain(name: str, version: str, chain_id: int, contract: str) -> dict[str, Any]:
    """A domain as wallets want it: one contract on one chain."""
    return {
        "name": name,
        "version": version,
        "chainId": chain_id,
        "verifyingContract": to_checksum_address(contract),
    }


@dataclass(frozen=True)
class Domain:
    """Where signatures hold: one contract on one chain."""

    chain_id: int
    contract: str


def document(types: Types, domain_: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    """Full document, as `eth_signTypedData_v4` takes it; the first of the types is the primary one."""
    return {
        "types": {"EIP712Domain": DOMAIN, **types},
        "primaryType": next(iter(types)),
        "domain": domain_,
        "message": message,
    }


def signable(full: dict[str, Any]) -> SignableMessage:
    """A document as eth_account signs it."""
    return encode_typed_data(full_message=full)


def digest(full: dict[str, Any]) -> bytes:
    """What is signed."""
    message = signable(full)
    return bytes(keccak(b"\x19" + message.version + message.header + message.body))


def wire(value: Any) -> Any:
    """A document as JSON carries it: large numbers as text, bytes in hexadecimal."""
    if isinstance(value, dict):
        return {name: wire(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [wire(one) for one in value]
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53 else value
