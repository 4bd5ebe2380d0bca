"""A signed order as it travels between maker and taker."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from eth_utils import to_checksum_address

from bulkhead import orders
from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import decode_logs
from bulkhead.chain.errors import BadInput
from bulkhead.chain.files import parse_json
from bulkhead.orders import Domain, Flags, Order, OrderLeg, PremiumStyle

#: Blocks of the QuoteBoard that are looked through at first.
PAST_BLOCKS = 7_200


@dataclass(frozen=True)
class SignedOrder:
    """An order, its signature and where it may be filled."""

    order: Order
    signature: bytes
    chain_id: int
    exchange: str

    def check_domain(self, domain: Domain) -> None:
        """Raises `BadInput` when it was signed for another Exchange."""
        if self.chain_id != domain.chain_id or self.exchange.lower() != domain.exchange.lower():
            raise BadInput(
                f"The order was signed for the Exchange {self.exchange} on chain {self.chain_id}, another Exchange."
            )

    def check(self, domain: Domain) -> None:
        """Raises, too, when the Exchange does not read an order of its form."""
        orders.check(self.order, None)
        self.check_domain(domain)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "chain_id": self.chain_id,
            "exchange": self.exchange,
            "order": self.order.to_json(),
            "signature": "0x" + self.signature.hex(),
        }

    def to_json(self) -> str:
        """As text, for a file or a message."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def _posted(cls, values: Any, domain: Domain) -> SignedOrder | None:
        """The order of a `QuotePosted`; None when it has no form that the Exchange reads."""
        told = values.order
        try:
            legs = tuple(OrderLeg(int(leg.series), int(leg.ratio)) for leg in told.legs)
            names = [one["name"] for one in orders.TYPES["Order"] if one["name"] != "legs"]
            given = {name: getattr(told, name) for name in names}
            given["premium_style"], given["flags"] = PremiumStyle(given["premium_style"]), Flags(given["flags"])
            order = Order(legs=legs, **given)
            orders.check(order, None)
        except ValueError:
            return None
        return cls(order, bytes(values.signature), domain.chain_id, domain.exchange)

    @classmethod
    def from_json(cls, text: str) -> SignedOrder:
        """From text. Raises `BadInput` with what is wrong."""
        return cls.from_dict(parse_json(text, "The order"))

    @classmethod
    def from_dict(cls, content: Any) -> SignedOrder:
        """From JSON values. Raises `BadInput` with what is wrong."""
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


def posted_orders(chain: Connection, first: int | None = None) -> tuple[list[SignedOrder], int]:
    """(orders of valid form that were left on the QuoteBoard, newest block that was looked at).

    Args:
        chain: The deployment.
        first: Block from which it is read; None for the last day of 12-second blocks.
    """
    board, head = chain["QuoteBoard"], chain.rpc.block_number()
    if first is None:
        first = max(head - PAST_BLOCKS, chain.deployment.block)
    if first > head:
        return [], first - 1
    domain = Domain(chain.deployment.chain_id, chain["Exchange"].address)
    logs = decode_logs(chain.rpc.logs([board.address], first, head), {"QuoteBoard": board})
    found = (SignedOrder._posted(log.values, domain) for log in logs)
    return [signed for signed in found if signed is not None], head
