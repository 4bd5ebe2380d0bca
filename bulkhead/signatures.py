"""The two forms of an ECDSA signature: 65 bytes (r, s, v), and 64 with the parity in s (EIP-2098)."""

from __future__ import annotations

#: Half of the order of secp256k1: a signature with a larger s is refused.
MAX_S = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


class SignatureError(ValueError):
    """Bytes that are no signature."""


def compact(signature: bytes) -> bytes:
    """The 64-byte form (EIP-2098) of a 65-byte signature: the parity goes to the top bit of s."""
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise SignatureError("not a 65-byte signature")
    s = int.from_bytes(signature[32:64], "big")
    if s > MAX_S:
        raise SignatureError("malleable signature: s is in the upper half")
    return signature[:32] + (s | (signature[64] - 27) << 255).to_bytes(32, "big")


def expand(signature: bytes) -> bytes:
    """The 65-byte form of a 64-byte signature; 65 bytes pass unchanged."""
    if len(signature) == 65:
        return signature
    if len(signature) != 64:
        raise SignatureError("a signature has 64 or 65 bytes")
    packed = int.from_bytes(signature[32:], "big")
    return signature[:32] + (packed & (2**255 - 1)).to_bytes(32, "big") + bytes([27 + (packed >> 255)])
