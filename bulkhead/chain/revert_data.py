"""The reason of a revert, out of its data or out of a node's error text."""

from __future__ import annotations

import re

from eth_abi.abi import decode as abi_decode
from eth_abi.exceptions import DecodingError

ERROR_SELECTOR = bytes.fromhex("08c379a0")  # Error(string)
PANIC_SELECTOR = bytes.fromhex("4e487b71")  # Panic(uint256)


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
    match = re.search(r"\b([a-z0-9]+(?:-[a-z0-9]+)*/[a-z0-9-]+)", message)
    return match.group(1) if match else ""
