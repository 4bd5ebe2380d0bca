"""Transactions of an account whose key is elsewhere: unlocked at the node, or with a signer in a user's middleware."""

from __future__ import annotations

from typing import Any

from eth_utils import to_checksum_address

from bulkhead.chain.rpc import Rpc, to_hex
from bulkhead.chain.sender import Sender


class NodeSender(Sender):
    """A `Sender` that hands transactions over unsigned (`eth_sendTransaction`); who signs them counts the nonces."""

    def __init__(self, rpc: Rpc, address: str, **options: Any) -> None:
        """Sends through a node.

        Args:
            rpc: The node, or the user's web3 whose middleware signs.
            address: The account.
            **options: As of `Sender`.
        """
        super().__init__(rpc, None, **options)
        self._address = to_checksum_address(address)

    @property
    def address(self) -> str:
        """Address of the account."""
        return self._address

    def _next_nonce(self) -> int:
        return 0  # not ours to count

    def _broadcast(self, parts: dict[str, Any], nonce: int) -> str:
        plan: dict[str, Any] = {
            name: to_hex(value) if isinstance(value, int) else value for name, value in parts.items()
        }
        plan |= {"from": self._address, "data": "0x" + parts["data"].hex()}
        return str(self.rpc.call("eth_sendTransaction", plan))
