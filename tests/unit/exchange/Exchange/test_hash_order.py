"""Exchange.hash_order and eip712Domain against eth-account, and the committed vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_utils import keccak, to_checksum_address

from bulkhead import orders, signatures
from bulkhead.orders import Domain, Order, OrderLeg
from tests.worlds.exchange import World

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "orders.json").read_text())


def test_hash_order__one_leg__equals_eth_account(world: World) -> None:
    order = world.order()
    assert world.exchange.hash_order(order.to_tuple()) == world.hash(order)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_hash_order__any_leg_count_and_extremes__equals_eth_account(world: World, count: int) -> None:
    order = world.order(
        legs=tuple(OrderLeg(2**128 - 1 - i, -(2**63) + i) for i in range(count)),
        price=-(2**255),
        iv=2**256 - 1,
        flags=orders.Flags.REDUCE_ONLY,
        is_bid=True,
        salt=2**256 - 1,
    )
    assert world.exchange.hash_order(order.to_tuple()) == world.hash(order)


def test_hash_order__every_field__changes_the_hash(world: World) -> None:
    order = world.order()
    other: dict[str, Any] = {
        "maker_vault": 7, "signer": world.taker, "taker": world.taker, "is_bid": True, "price": 1, "iv": 1, "size": 1,
        "slip": 1, "patience": 1, "max_deficit": 1, "since": 1,
        "min_fill": 1, "premium_style": orders.PremiumStyle.DEFERRED, "max_fee": 1, "spot_min": 1, "spot_max": 1,
        "epoch": 1, "salt": 1, "expiry": 1, "flags": orders.Flags.FILL_OR_KILL,
        "legs": (OrderLeg(world.series(), 2),),
    }  # fmt: skip
    assert set(other) == {field["name"] for field in orders.TYPES["Order"]}
    hashes = {world.exchange.hash_order(orders.with_changes(order, **{k: v}).to_tuple()) for k, v in other.items()}
    hashes.add(world.exchange.hash_order(order.to_tuple()))
    assert len(hashes) == len(other) + 1


def test_eip712_domain__as_deployed__describes_the_signing_domain(world: World) -> None:
    mask, name, version, chain_id, contract, salt, extensions = world.exchange.eip712Domain()
    assert mask == b"\x0f" and salt == bytes(32) and extensions == []
    assert (name, version, chain_id, contract) == (
        orders.NAME, orders.VERSION, world.domain.chain_id, world.exchange.address
    )  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_vectors__eth_account__reproduces_hash_and_signatures(vector: dict[str, Any]) -> None:
    domain = Domain(int(vector["domain"]["chainId"]), vector["domain"]["verifyingContract"])
    order = Order.from_json(vector["order"])
    assert order.to_json() == vector["order"]
    assert "0x" + orders.order_hash(order, domain).hex() == vector["digest"]
    signature = orders.sign(order, domain, VECTORS["private_key"])
    assert "0x" + signature.hex() == vector["signature"]
    assert "0x" + signatures.compact(signature).hex() == vector["compact_signature"]
    assert orders.recover(order, domain, signature) == VECTORS["address"]
    assert orders.recover(order, domain, signatures.compact(signature)) == VECTORS["address"]


def test_vectors__types__are_those_of_the_contract() -> None:
    assert VECTORS["types"] == orders.TYPES
    encoded = "".join(
        name + "(" + ",".join(f"{field['type']} {field['name']}" for field in VECTORS["types"][name]) + ")"
        for name in ("Order", "OrderLeg")
    )
    source = (Path(__file__).parents[4] / "contracts" / "exchange" / "order.vy").read_text()
    assert encoded in source
    assert VECTORS["type_hash"] == "0x" + keccak(encoded.encode()).hex()


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_vectors__struct_hash_on_chain__agrees(world: World, vector: dict[str, Any]) -> None:
    # the contract's own domain differs from the vector's, so compare under this one
    order = Order.from_json(vector["order"])
    assert to_checksum_address(order.signer) == VECTORS["address"]
    assert world.exchange.hash_order(order.to_tuple()) == world.hash(order)
