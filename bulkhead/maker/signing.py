"""Signs many orders a second: one encoding of an order and coincurve, in place of a document for each.

Digests are those of `orders.order_hash` (tests hold them equal); what takes an eth-account document 1 ms takes 0.1
ms here.
"""

from __future__ import annotations

import functools

from coincurve import PrivateKey
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from bulkhead import eip712
from bulkhead.client import Bulkhead, SignedOrder
from bulkhead.orders import TYPES, Domain, Order, OrderLeg

_LEG = "OrderLeg({})".format(",".join(f"{field['type']} {field['name']}" for field in TYPES["OrderLeg"]))
_ORDER = "Order({})".format(",".join(f"{field['type']} {field['name']}" for field in TYPES["Order"])) + _LEG
_FIELDS = tuple((field["name"], field["type"]) for field in TYPES["Order"])
_WORD = 2**256


LEG_TYPE, ORDER_TYPE = keccak(text=_LEG), keccak(text=_ORDER)


def _word(value: int) -> bytes:
    return (value % _WORD).to_bytes(32, "big")


def separator(domain: Domain) -> bytes:
    """Hash of the Exchange's EIP-712 domain."""
    document = eip712.document({"Nothing": []}, domain.as_dict(), {})
    return bytes(encode_typed_data(full_message=document).header)


def digest(order: Order, domain_hash: bytes) -> bytes:
    """What is signed, equal to `orders.order_hash`.

    Args:
        order: An order of valid form.
        domain_hash: `separator` of its Exchange.
    """
    words = [ORDER_TYPE]
    for name, kind in _FIELDS:
        value = getattr(order, name)
        if name == "legs":
            words.append(_legs_hash(value))
        else:
            words.append(_word(int(value, 16) if kind == "address" else int(value)))
    return bytes(keccak(b"\x19\x01" + domain_hash + keccak(b"".join(words))))


@functools.lru_cache(4_096)
def _legs_hash(legs: tuple[OrderLeg, ...]) -> bytes:
    return bytes(keccak(b"".join(keccak(LEG_TYPE + _word(leg.series) + _word(leg.ratio)) for leg in legs)))


class QuoteSigner:
    """Signs orders of a client: with its key where it has one, else as the client does."""

    def __init__(self, client: Bulkhead) -> None:
        self._client = client
        self._domain = client.domain
        self._separator = separator(client.domain)
        self._key = PrivateKey(bytes.fromhex(client.key()[2:])) if client.has_key else None

    def sign(self, order: Order) -> SignedOrder:
        """A signed order."""
        if self._key is None:
            return self._client.orders.sign_order(order)
        found = self._key.sign_recoverable(digest(order, self._separator), hasher=None)
        signature = found[:64] + bytes([27 + found[64]])
        return SignedOrder(order, signature, self._domain.chain_id, self._domain.exchange)
