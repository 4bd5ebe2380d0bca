"""Writes orders.json: typed-data vectors that any EIP-712 implementation must reproduce.

Run `python -m tests.vectors.make_orders` after a change of the order type; a test compares file and code.
"""

from __future__ import annotations

import json
from pathlib import Path

from eth_account import Account
from eth_utils import keccak

from bulkhead import orders, signatures
from bulkhead.orders import Domain, Flags, Order, PremiumStyle
from bulkhead.risk.words import Kind, Series

#: A key for vectors only; anyone can read it here.
PRIVATE_KEY = "0x" + keccak(b"bulkhead order vectors").hex()
DOMAINS = {
    "anvil": Domain(31337, "0x" + "e7" * 20),
    "mainnet": Domain(1, "0x" + "0b" * 20),
}
WAD = 10**18
EXPIRY = 1767945600
SIGNER = Account.from_key(PRIVATE_KEY).address


def _orders() -> dict[str, Order]:
    call = Series(1, Kind.CALL, EXPIRY, 2000 * 10**8)
    far_call = Series(1, Kind.CALL, EXPIRY, 2400 * 10**8)
    put = Series(1, Kind.PUT, EXPIRY, 1800 * 10**8)
    far_put = Series(1, Kind.PUT, EXPIRY, 1500 * 10**8)
    future = Series(1, Kind.FUTURE, EXPIRY)
    cash = Series(1, Kind.CASH, EXPIRY)
    common = {"maker_vault": 1, "signer": SIGNER, "expiry": EXPIRY - 3600, "salt": 1}
    return {
        "ask for one call": orders.build(
            legs=[(call, 1)], is_bid=False, price=85 * WAD, size=10 * 10**6, **common
        ),
        "bid for a call, deferred premium": orders.build(
            legs=[(call, 1)], is_bid=True, price=84 * WAD + 1, size=25 * 10**4, min_fill=10**4,
            premium_style=PremiumStyle.DEFERRED, **common,
        ),
        "iron condor for a credit": orders.build(
            legs=[(call, -1), (far_call, 1), (put, -1), (far_put, 1)], is_bid=True, price=-(42 * WAD),
            size=5 * 10**6, max_fee=WAD, spot_min=1900 * WAD, spot_max=2100 * WAD, epoch=3 | 7 << 64, **common,
        ),
        "future against cash, one taker, fill or kill": orders.build(
            legs=[(future, 1)], is_bid=False, price=2003 * WAD, size=10**6, taker="0x" + "ab" * 20,
            premium_style=PremiumStyle.DEFERRED, flags=Flags.FILL_OR_KILL, **common,
        ),
        "close out with the cash leg in one micro-package": orders.build(
            legs=[(call, 1_500_000), (cash, -78_550_000)], is_bid=False, price=5 * WAD * 10**6, size=1,
            flags=Flags.FILL_OR_KILL | Flags.REDUCE_ONLY, **common,
        ),
        "ratio spread by implied vol": orders.build(
            legs=[(call, 2), (far_call, -3)], is_bid=True, price=60 * WAD, iv=62 * 10**16, size=10**6, **common,
        ),
        "stop and take-profit under one salt": orders.build(
            legs=[(call, 1)], is_bid=True, price=900 * WAD, size=3 * 10**6, slip=300, patience=1800,
            spot_min=2100 * WAD, since=EXPIRY - 7200, max_deficit=1_250 * WAD,
            flags=Flags.REDUCE_ONLY | Flags.TOGETHER, **common,
        ),
        "bounds of every field": Order(
            maker_vault=2**256 - 1, signer=SIGNER, legs=(orders.OrderLeg(2**128 - 1, -(2**63)),), is_bid=True,
            price=-(2**255), iv=2**256 - 1, slip=2**256 - 1, patience=2**256 - 1,
            max_deficit=2**256 - 1, since=2**256 - 1, size=2**256 - 1, min_fill=2**256 - 1, max_fee=2**256 - 1,
            spot_min=2**256 - 1, spot_max=0, epoch=2**256 - 1, salt=2**256 - 1, expiry=2**256 - 1,
            taker="0x" + "ff" * 20,
        ),
    }  # fmt: skip


def build() -> dict[str, object]:
    """The whole document."""
    encoded = "".join(
        name + "(" + ",".join(f"{field['type']} {field['name']}" for field in orders.TYPES[name]) + ")"
        for name in ("Order", "OrderLeg")
    )
    vectors = []
    for chain, domain in DOMAINS.items():
        for name, order in _orders().items():
            signature = orders.sign(order, domain, PRIVATE_KEY)
            vectors.append(
                {
                    "name": f"{name} ({chain})",
                    "domain": {**domain.as_dict(), "chainId": str(domain.chain_id)},
                    "order": order.to_json(),
                    "digest": "0x" + orders.order_hash(order, domain).hex(),
                    "signature": "0x" + signature.hex(),
                    "compact_signature": "0x" + signatures.compact(signature).hex(),
                }
            )
    return {
        "about": "EIP-712 vectors of Bulkhead orders; integers are decimal strings.",
        "private_key": PRIVATE_KEY,
        "address": SIGNER,
        "primary_type": "Order",
        "types": orders.TYPES,
        "type_hash": "0x" + keccak(encoded.encode()).hex(),
        "vectors": vectors,
    }


if __name__ == "__main__":
    path = Path(__file__).with_name("orders.json")
    path.write_text(json.dumps(build(), indent=2) + "\n")
    print(f"wrote {path.name}")
