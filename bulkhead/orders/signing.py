"""What is signed of an order, for which Exchange, and under which key the chain keeps how far it has gone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_utils import keccak

from bulkhead import eip712
from bulkhead.orders.order import TYPES, Flags, Order, OrderLeg
from bulkhead.signatures import expand

NAME = "Bulkhead Exchange"
VERSION = "1"
_LEG_TYPE = b"OrderLeg(uint128 series,int64 ratio)"


class Domain(eip712.Domain):
    """Where an order holds: one Exchange on one chain."""

    @property
    def exchange(self) -> str:
        """Address of the Exchange."""
        return self.contract

    def as_dict(self) -> dict[str, Any]:
        """The domain as wallets want it."""
        return eip712.domain(NAME, VERSION, self.chain_id, self.exchange)


def typed_data(order: Order, domain: Domain) -> dict[str, Any]:
    """Full EIP-712 document, as `eth_signTypedData_v4` takes it."""
    return eip712.document(TYPES, domain.as_dict(), order.message())


def order_hash(order: Order, domain: Domain) -> bytes:
    """EIP-712 digest: what is signed, and the order's name in events. Equal to `Exchange.hash_order`."""
    return eip712.digest(typed_data(order, domain))


def group_key(maker_vault: int, legs: Iterable[OrderLeg], is_bid: bool, salt: int) -> bytes:
    """Under which key of their signer it is kept how far orders signed TOGETHER have gone."""
    hashes = b"".join(keccak(keccak(_LEG_TYPE) + encode(["uint128", "int64"], [leg.series, leg.ratio])) for leg in legs)
    return keccak(encode(["uint256", "bytes32", "bool", "uint256"], [maker_vault, keccak(hashes), is_bid, salt]))


def order_key(order: Order, domain: Domain) -> bytes:
    """Under which key of its signer it is kept how far an order has gone. Equal to `OrderLens.key_of`."""
    if order.flags & Flags.TOGETHER:
        return group_key(order.maker_vault, order.legs, order.is_bid, order.salt)
    return order_hash(order, domain)


def sign(order: Order, domain: Domain, private_key: str | bytes) -> bytes:
    """65-byte signature (r, s, v) of an order."""
    return bytes(Account.sign_message(eip712.signable(typed_data(order, domain)), private_key).signature)


def recover(order: Order, domain: Domain, signature: bytes) -> str:
    """Checksummed address whose key signed the order."""
    return str(Account.recover_message(eip712.signable(typed_data(order, domain)), signature=expand(signature)))
