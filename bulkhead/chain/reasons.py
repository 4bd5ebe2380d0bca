"""Revert reasons of the contracts and what they mean, one sentence each.

The contracts revert with literals "module/kebab-reason"; a test compares this table with the literals found in the
sources, so that no reason is without a sentence and no sentence without a reason.
"""

from __future__ import annotations

import re

from eth_abi.abi import decode as abi_decode
from eth_abi.exceptions import DecodingError

ERROR_SELECTOR = bytes.fromhex("08c379a0")  # Error(string)
PANIC_SELECTOR = bytes.fromhex("4e487b71")  # Panic(uint256)

#: reason -> sentence. Kept in the order of the contracts.
SENTENCES: dict[str, str] = {}


def decode(data: bytes) -> str:
    """Reason in the data of a revert, or "" when there is none."""
    if data[:4] == ERROR_SELECTOR:
        try:
            (reason,) = abi_decode(["string"], data[4:])
        except (DecodingError, UnicodeDecodeError, OverflowError):
            return ""
        return str(reason)
    if data[:4] == PANIC_SELECTOR and len(data) >= 36:
        return f"panic/{int.from_bytes(data[4:36], 'big'):#x}"
    return ""


def from_message(message: str) -> str:
    """Reason out of a node's error text, for nodes that send no data."""
    match = re.search(r"\b([a-z0-9]+/[a-z0-9-]+)", message)
    return match.group(1) if match else ""


def sentence(reason: str) -> str:
    """What a reason means for the one who sent the transaction."""
    if reason in SENTENCES:
        return f"{SENTENCES[reason]} ({reason})"
    if reason.startswith("panic/"):
        return f"The contract stopped at an arithmetic or bounds check ({reason})."
    if reason:
        return f"The contract refused: {reason}."
    return "The contract refused without a reason, which it does only where an invariant would break or gas ran out."
