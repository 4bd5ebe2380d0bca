"""A signed order as it travels between maker and taker."""

from __future__ import annotations

import json
from dataclasses import dataclass

from eth_utils import to_checksum_address

from bulkhead import orders
from bulkhead.chain.errors import BadInput
from bulkhead.chain.files import parse_json
from bulkhead.orders import Order


@dataclass(frozen=True)
class SignedOrder:
    """An order, its signature and where it may be filled."""

    order: Order
    signature: bytes
    chain_id: int
    exchange: str

    def to_json(self) -> str:
        """As text, for a file or a message."""
        content = {
            "chain_id": self.chain_id,
            "exchange": self.exchange,
            "order": self.order.to_json(),
            "signature": "0x" + self.signature.hex(),
        }
        return json.dumps(content, indent=2)

    @classmethod
    def from_json(cls, text: str) -> SignedOrder:
        """From text. Raises `BadInput` with what is wrong."""
        content = parse_json(text, "The order")
        try:
            return cls(
                Order.from_json(content["order"]),
                bytes.fromhex(str(content["signature"]).removeprefix("0x")),
                int(content["chain_id"]),
                to_checksum_address(content["exchange"]),
            )
        except orders.OrderError as error:
            raise BadInput(f"The order cannot be read: {error}.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(f"That is not a signed order: {type(error).__name__} at {error}.") from error
