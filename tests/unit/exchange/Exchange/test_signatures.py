"""Who may have signed: keys, contracts (EIP-1271) and delegated accounts (EIP-7702)."""

from __future__ import annotations

from typing import Any

import boa
import eth_abi
import pytest
from eth_account import Account
from eth_utils import keccak

from bulkhead import orders, signatures
from bulkhead.orders import Domain, Order
from tests.contracts import deployer
from tests.worlds.exchange import PARAMETERS, World, key
from tests.worlds.system import System

#: Order of secp256k1.
CURVE = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def malleated(signature: bytes) -> bytes:
    """The twin of a 65-byte signature in the upper half of s."""
    s = CURVE - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


# --- keys -----------------------------------------------------------------------------------------------------------


def test_signature__65_and_64_bytes__both_pass(world: World) -> None:
    order = world.order()
    signature = world.sign(order)
    world.fill(order, signature=signature)
    world.fill(order, signature=signatures.compact(signature))
    # two forms of one signature are one order
    assert world.exchange.filled_of(world.maker.address, world.hash(order)) == (2 * 10**6, False)


def test_signature__upper_half_s__reverts(world: World) -> None:
    order = world.order()
    twin = malleated(world.sign(order))
    assert orders.recover(order, world.domain, twin) == world.maker.address
    world.refused_and_told(order, "exchange/bad-signature", signature=twin)


@pytest.mark.parametrize("v", [0, 1, 26, 29, 255])
def test_signature__other_v__reverts(world: World, v: int) -> None:
    order = world.order()
    world.refused_and_told(order, "exchange/bad-signature", signature=world.sign(order)[:64] + bytes([v]))


@pytest.mark.parametrize("size", [0, 1, 63, 66, 1024])
def test_signature__other_length__reverts(world: World, size: int) -> None:
    order = world.order()
    signature = (world.sign(order) + bytes(1024))[:size]
    world.refused_and_told(order, "exchange/bad-signature", signature=signature)


@pytest.mark.parametrize("signature", [bytes(65), bytes(64), b"\xff" * 64, bytes(32) + b"\x01" * 32 + b"\x1b"])
def test_signature__recovers_nobody__reverts(world: World, signature: bytes) -> None:
    world.refused_and_told(world.order(), "exchange/bad-signature", signature=signature)


def test_signature__of_any_changed_field__reverts(world: World) -> None:
    order = world.order()
    signature = world.sign(order)
    for change in (
        {"price": 99 * 10**18}, {"size": 11 * 10**6}, {"is_bid": True}, {"min_fill": 1}, {"salt": 1},
        {"expiry": order.expiry + 1}, {"max_fee": 1}, {"flags": orders.Flags.REDUCE_ONLY}, {"spot_min": 1},
        {"legs": (orders.OrderLeg(world.series(), 2),)}, {"premium_style": orders.PremiumStyle.DEFERRED}, {"iv": 1},
    ):  # fmt: skip
        world.refused(orders.with_changes(order, **change), "exchange/bad-signature", signature=signature)


def test_signature__made_for_another_chain__reverts(world: World) -> None:
    order = world.order()
    signature = orders.sign(order, Domain(world.domain.chain_id + 1, world.domain.exchange), world.maker.key)
    world.refused_and_told(order, "exchange/bad-signature", signature=signature)


def test_signature__made_for_another_exchange__reverts(world: World) -> None:
    order = world.order()
    signature = orders.sign(order, Domain(world.domain.chain_id, world.clearinghouse.address), world.maker.key)
    world.refused_and_told(order, "exchange/bad-signature", signature=signature)


def test_signature__after_a_fork_of_the_chain__only_holds_on_its_own() -> None:
    # py-evm here: the fast EVM keeps its chain id for life
    with boa.swap_env(boa.Env()):
        world = World(System(**PARAMETERS))
        order = world.order()
        signature = world.sign(order)
        original = boa.env.evm.patch.chain_id
        boa.env.evm.patch.chain_id = original + 1
        assert world.exchange.hash_order(order.to_tuple()) != world.hash(order)
        world.refused(order, "exchange/bad-signature", signature=signature)
        boa.env.evm.patch.chain_id = original
        world.fill(order, signature=signature)


# --- contracts ------------------------------------------------------------------------------------------------------


def wallet_of(world: World) -> tuple[Any, Order]:
    """A contract that owns the maker vault, and an order it may sign."""
    wallet = deployer("SignerWallet").deploy()
    world.give_vault(world.maker_vault, world.maker.address, wallet.address)
    return wallet, world.order(signer=wallet.address, epoch=1)


@pytest.mark.parametrize("size", [0, 1, 65, 1024])
def test_contract_signer__accepted_signature_of_any_size__passes(world: World, size: int) -> None:
    wallet, order = wallet_of(world)
    signature = b"\x5a" * size
    world.refused_and_told(order, "exchange/bad-signature", signature=signature)
    wallet.accept(world.hash(order), signature)
    assert world.state(order, signature).status == 1
    world.fill(order, signature=signature)


def test_contract_signer__signature_beyond_1024_bytes__does_not_decode(world: World) -> None:
    wallet, order = wallet_of(world)
    for size, passes in ((1024, True), (1025, False)):
        signature = bytes(size)
        wallet.accept(world.hash(order), signature)
        # boa refuses to encode what the contract would refuse to decode: write the call data by hand
        types = "(uint256,address,address,(uint128,int64)[],bool,int256,uint256,uint256,uint256,uint256,uint256,uint8,"
        types += "uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint8)"
        types = f"({types},bytes,uint256,uint256,int256,uint256,uint256,uint256)"
        selector = keccak(f"fill({types})".encode())[:4]
        values = [world.asked(order, signature=signature)]
        result = boa.env.execute_code(
            world.exchange.address, world.taker, data=selector + eth_abi.encode([types], values)
        )
        assert result.is_success == passes


@pytest.mark.parametrize("mode", [1, 2, 3, 5, 6, 7])
def test_contract_signer__misbehaves__reverts_with_the_reason(world: World, mode: int) -> None:
    wallet, order = wallet_of(world)
    signature = b"\x5a" * 65
    wallet.accept(world.hash(order), signature)
    wallet.set_mode(mode)
    world.refused_and_told(order, "exchange/bad-signature", signature=signature)
    assert wallet.writes() == 0


def test_contract_signer__burns_gas__costs_a_bounded_amount(world: World) -> None:
    wallet, order = wallet_of(world)
    wallet.set_mode(2)
    assert world.state(order, b"").reason == "exchange/bad-signature"
    # the gas of the check (signature.vy) and little more
    assert world.order_lens._computation.get_gas_used() < 600_000


def test_contract_signer__withdraws_its_acceptance__reverts(world: World) -> None:
    wallet, order = wallet_of(world)
    wallet.accept(world.hash(order), b"old")
    world.fill(order, signature=b"old")
    wallet.accept(world.hash(order), b"new")
    world.refused_and_told(order, "exchange/bad-signature", signature=b"old")


def test_contract_signer__key_of_the_address__does_not_count(world: World) -> None:
    # an account whose code is no delegation speaks through it alone
    order = world.order()
    signature = world.sign(order)
    wallet = deployer("SignerWallet").deploy()
    boa.env.set_code(world.maker.address, boa.env.get_code(wallet.address))
    world.refused_and_told(order, "exchange/bad-signature", signature=signature)


# --- delegated accounts ---------------------------------------------------------------------------------------------


def delegate(world: World, code: bytes | None = None) -> Any:
    """The maker's account delegates to a wallet contract, as an EIP-7702 authorisation would make it."""
    wallet = deployer("SignerWallet").deploy()
    target = bytes.fromhex(wallet.address[2:])
    boa.env.set_code(world.maker.address, b"\xef\x01\x00" + target if code is None else code)
    return wallet


def test_delegated_signer__its_key__passes(world: World) -> None:
    delegate(world)
    order = world.order()
    assert world.state(order).status == 1
    world.fill(order)
    world.fill(order, signature=signatures.compact(world.sign(order)))


def test_delegated_signer__another_key__reverts(world: World) -> None:
    delegate(world)
    order = world.order()
    other = Account.from_key(key(9))
    world.refused_and_told(order, "exchange/bad-signature", signature=orders.sign(order, world.domain, other.key))


@pytest.mark.parametrize(
    "code", [b"\xef\x01\x01" + bytes(20), b"\xef\x01\x00" + bytes(19), b"\xef\x01\x00" + bytes(21)]
)
def test_delegated_signer__code_that_is_no_delegation__reverts(world: World, code: bytes) -> None:
    delegate(world, code)
    world.refused_and_told(world.order(), "exchange/bad-signature")
