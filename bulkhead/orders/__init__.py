"""Signed orders: build, hash, sign, recover, store as JSON and hand to the chain.

An order is a package of up to four legs at one price (docs/orders.md). Every number here is the integer that goes on
chain; `Decimal` belongs to the caller's edge. Units: wad = 1e18, sizes 1e-6 packages, strikes 1e-8 quote.
"""

from bulkhead.orders.order import (
    MAX_UINT,
    TYPES,
    ZERO_ADDRESS,
    Asked,
    Flags,
    Order,
    OrderError,
    OrderLeg,
    PremiumStyle,
    with_changes,
)
from bulkhead.orders.rules import MAX_LEGS, MAX_PATIENCE, MAX_SLIP, build, check, has_band, size_refusal
from bulkhead.orders.signing import NAME, VERSION, Domain, group_key, order_hash, order_key, recover, sign, typed_data

__all__ = [
    "Asked",
    "Domain",
    "Flags",
    "MAX_LEGS",
    "MAX_PATIENCE",
    "MAX_SLIP",
    "MAX_UINT",
    "NAME",
    "Order",
    "OrderError",
    "OrderLeg",
    "PremiumStyle",
    "TYPES",
    "VERSION",
    "ZERO_ADDRESS",
    "build",
    "check",
    "group_key",
    "has_band",
    "order_hash",
    "order_key",
    "recover",
    "sign",
    "size_refusal",
    "typed_data",
    "with_changes",
]
