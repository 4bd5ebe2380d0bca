"""Who may grant, how a grant ends, and that a signature for one counts once and nowhere else."""

from __future__ import annotations

import boa
import pytest
from eth_account import Account

from bulkhead.operators import Grant, Permission, grant_hash, sign_grant
from tests.worlds.exchange import World, key

BOT = Account.from_key(key(77))


def grant_of(world: World, **changes: int | str) -> Grant:
    values: dict[str, object] = {
        "vault_id": world.maker_vault, "owner": world.maker.address, "epoch": 0, "operator": BOT.address,
        "permissions": 1, "expiry": world.now + 1000, "nonce": 0, "deadline": world.now + 100,
    }  # fmt: skip
    return Grant(**{**values, **changes})  # type: ignore[arg-type]


def hand_in(world: World, grant: Grant, signature: bytes) -> None:
    world.operators.grant_signed(
        grant.vault_id, grant.operator, grant.permissions, grant.expiry, grant.deadline, signature,
        sender=world.taker,
    )  # fmt: skip


def sign(world: World, grant: Grant, chain_id: int | None = None, contract: str | None = None) -> bytes:
    chain = world.domain.chain_id if chain_id is None else chain_id
    return sign_grant(grant, chain, contract or world.operators.address, world.maker.key)


def may(world: World, permission: int = 1, epoch: int = 0) -> bool:
    return bool(world.operators.permits(world.maker_vault, epoch, BOT.address, permission))


def test_grant__by_the_owner__names_permissions_and_an_end(world: World) -> None:
    end = world.now + 500
    world.operators.grant(
        world.maker_vault, BOT.address, Permission.TRADE | Permission.MANAGE, end, sender=world.maker.address
    )
    assert world.operators.permissions_of(world.maker_vault, 0, BOT.address) == 5
    assert may(world) and may(world, 4) and not may(world, 2)
    world.system.wait(500)
    assert may(world)
    world.system.wait(1)
    assert not may(world) and world.operators.permissions_of(world.maker_vault, 0, BOT.address) == 0


def test_grant__zero_permissions__revokes_at_once(world: World) -> None:
    world.operators.grant(world.maker_vault, BOT.address, 7, world.now + 500, sender=world.maker.address)
    world.operators.grant(world.maker_vault, BOT.address, 0, world.now + 500, sender=world.maker.address)
    assert not any(may(world, p) for p in (1, 2, 4))


def test_grant__after_a_transfer__is_over(world: World) -> None:
    world.operators.grant(world.maker_vault, BOT.address, 7, world.now + 500, sender=world.maker.address)
    world.give_vault(world.maker_vault, world.maker.address, world.taker)
    world.give_vault(world.maker_vault, world.taker, world.maker.address)
    assert world.operators.permissions_of(world.maker_vault, 2, BOT.address) == 0


def test_grant__refusals(world: World) -> None:
    for sender in (world.taker, BOT.address):
        with boa.reverts("operators/not-owner"):
            world.operators.grant(world.maker_vault, BOT.address, 1, world.now, sender=sender)
    with boa.reverts("operators/unknown-vault"):
        world.operators.grant(999, BOT.address, 1, world.now, sender=world.maker.address)
    with boa.reverts("operators/unknown-permission"):
        world.operators.grant(world.maker_vault, BOT.address, 8, world.now, sender=world.maker.address)
    with boa.reverts("operators/expiry-range"):
        world.operators.grant(world.maker_vault, BOT.address, 1, 2**64, sender=world.maker.address)


def test_grant__an_operator__cannot_make_others(world: World) -> None:
    world.operators.grant(world.maker_vault, BOT.address, 7, world.now + 500, sender=world.maker.address)
    with boa.reverts("operators/not-owner"):
        world.operators.grant(world.maker_vault, world.taker, 7, world.now + 500, sender=BOT.address)


def test_grant_signed__the_owners_signature__counts_once(world: World) -> None:
    grant = grant_of(world)
    assert grant_hash(grant, world.domain.chain_id, world.operators.address) == world.operators.hash_grant(
        grant.vault_id, grant.operator, grant.permissions, grant.expiry, grant.deadline
    )
    signature = sign(world, grant)
    hand_in(world, grant, signature)
    assert may(world) and world.operators.nonce_of(world.maker_vault, 0, BOT.address) == 1
    world.operators.grant(world.maker_vault, BOT.address, 0, 0, sender=world.maker.address)
    with boa.reverts("operators/bad-signature"):
        hand_in(world, grant, signature)
    assert not may(world)


def test_grant_signed__revoked_before_it_is_handed_in__is_void(world: World) -> None:
    grant = grant_of(world)
    world.operators.grant(world.maker_vault, BOT.address, 0, 0, sender=world.maker.address)
    with boa.reverts("operators/bad-signature"):
        hand_in(world, grant, sign(world, grant))


def test_grant_signed__after_a_transfer__is_void(world: World) -> None:
    grant = grant_of(world)
    world.give_vault(world.maker_vault, world.maker.address, world.taker)
    world.give_vault(world.maker_vault, world.taker, world.maker.address)
    with boa.reverts("operators/bad-signature"):
        hand_in(world, grant, sign(world, grant))


def test_grant_signed__late__reverts(world: World) -> None:
    grant = grant_of(world)
    world.system.wait(101)
    with boa.reverts("operators/signature-expired"):
        hand_in(world, grant, sign(world, grant))


@pytest.mark.parametrize("change", [
    {"permissions": 3}, {"expiry": 2**60}, {"operator": "0x" + "22" * 20}, {"deadline": 2**60}, {"nonce": 1},
    {"epoch": 1}, {"vault_id": 2}, {"owner": "0x" + "22" * 20},
])  # fmt: skip
def test_grant_signed__anything_else_was_signed__reverts(world: World, change: dict[str, int | str]) -> None:
    with boa.reverts("operators/bad-signature"):
        hand_in(world, grant_of(world), sign(world, grant_of(world, **change)))


def test_grant_signed__of_another_chain_or_contract__reverts(world: World) -> None:
    grant = grant_of(world)
    for signature in (
        sign(world, grant, chain_id=world.domain.chain_id + 1),
        sign(world, grant, contract=world.exchange.address),
        sign_grant(grant, world.domain.chain_id, world.operators.address, BOT.key),
    ):
        with boa.reverts("operators/bad-signature"):
            hand_in(world, grant, signature)


def test_eip712_domain__as_deployed__describes_the_signing_domain(world: World) -> None:
    mask, name, version, chain_id, contract, salt, extensions = world.operators.eip712Domain()
    assert (mask, salt, extensions) == (b"\x0f", bytes(32), [])
    assert (name, version) == ("Bulkhead Operators", "1")
    assert (chain_id, contract) == (world.domain.chain_id, world.operators.address)
