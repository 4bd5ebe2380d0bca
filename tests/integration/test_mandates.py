"""Mandates on a real node: given and taken back by an owner, used by a stranger, in the words of the command line."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from bulkhead.client import Bulkhead
from bulkhead.replay.price_paths.rounds import Round
from tests.integration.test_command_line import at, key_of, market, refused, run, scene, vault_of

__all__ = ["market", "scene"]


def give(scene, vault_id, *options, owner="Ada"):
    limits = ("--per-day", "20000", "--in-all", "60000")
    return run("mandate", "give", vault_id, *limits, *options, *at(scene), key=key_of(owner))


def shown(scene, vault_id):
    return json.loads(run("mandate", "show", vault_id, "--json", *at(scene)).stdout)


def fall(scene, price: float) -> None:
    """A round at another price, a minute after the newest block."""
    scene.local.push(Round(scene.local.chain.rpc.timestamp() + 60, round(price * 10**8)))


def test_mandate__given_used_and_taken_back(scene):
    vault_id = vault_of(scene, "short put")
    given = give(scene, vault_id, "--tip", "3")
    assert given.exit_code == 0, given.output
    assert shown(scene, vault_id)["now"]["reason"] == "top-up/above-trigger"
    assert "in force" in run("mandate", "show", vault_id, *at(scene)).stdout
    refused(run("mandate", "run", vault_id, *at(scene), key=key_of("keeper")), "at or above the mandate's trigger")
    before = json.loads(run("vault", "show", vault_id, "--json", *at(scene)).stdout)
    for price in (190, 182, 175, 170, 166, 163, 160):
        fall(scene, price)
        if not shown(scene, vault_id)["now"]["reason"]:
            break
    due = shown(scene, vault_id)["now"]
    assert Decimal(due["amount"]) > 30 and Decimal(due["tip"]) == 3
    done = run("mandate", "run", vault_id, *at(scene), key=key_of("keeper"))
    assert done.exit_code == 0, done.output
    after = json.loads(run("vault", "show", vault_id, "--json", *at(scene)).stdout)
    added = Decimal(after["balance"]) - Decimal(before["balance"])
    # an option loses a little between the look and the block
    assert abs(added - Decimal(due["amount"])) < Decimal("0.1")
    assert Decimal(after["health"]) >= Decimal("1.3") - Decimal("0.001")
    assert Decimal(shown(scene, vault_id)["mandate"]["spent_in_all"]) == added + 3
    assert run("mandate", "end", vault_id, *at(scene), key=key_of("Ada")).exit_code == 0
    assert shown(scene, vault_id)["mandate"] is None
    assert f"Vault {vault_id} has no mandate." in run("mandate", "show", vault_id, *at(scene)).stdout


def test_mandate__default_ends_with_the_expiry_and_tips_twice_the_gas(scene):
    vault_id = vault_of(scene, "short put")
    assert give(scene, vault_id).exit_code == 0
    mandate = shown(scene, vault_id)["mandate"]
    info = json.loads(run("vault", "show", vault_id, "--json", *at(scene)).stdout)
    assert mandate["expires_at"] == info["expiry"] and mandate["holds"]
    assert Decimal(1) <= Decimal(mandate["tip"]) <= 5


def test_mandate__high_trigger__is_warned_of(scene):
    given = give(scene, vault_of(scene, "short put"), "--trigger", "1.2", "--target", "1.5")
    assert given.exit_code == 0
    assert "can start a top-up" in given.stderr
    assert "can start a top-up" not in give(scene, vault_of(scene, "short put"), "--trigger", "1.19").stderr


def test_mandate__allowance_is_what_all_mandates_leave(scene):
    first, second = vault_of(scene, "straddle, the call"), vault_of(scene, "straddle, the put")
    client = Bulkhead(scene.local.anvil.url, str(scene.folder / "addresses.json"), key_of("Chen"))
    token = client.chain.market("ETH").token
    spender = client.chain["AutoTopUp"].address

    def allowed() -> int:
        return int(token.call("allowance", client.address, spender)) // 10**6

    give(scene, first, owner="Chen")
    assert allowed() == 60_000
    give(scene, second, owner="Chen")
    assert allowed() == 120_000
    give(scene, second, "--in-all", "5000", "--per-day", "1000", owner="Chen")
    assert allowed() == 65_000
    assert [m.vault_id for m in client.mandates.list(client.address)] == sorted([first, second])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--trigger", "0.99"), "The trigger is a health of at least 1"),
        (("--trigger", "1.2", "--target", "1.24"), "The target is at least the trigger and 0.05"),
        (("--in-all", "0"), "above 0"),
        (("--tip", "4000"), "more than the limits can ever pay"),
        (("--tip", "0.0000001"), "is not an amount of a token with 6 decimals"),
        (("--until", "yesterday"), "is not an expiry"),
        (("--until", "1000"), "would end before it begins"),
        (("--target", "101"), "at most a health of 100"),
    ],
)
def test_mandate__bad_numbers__end_in_a_sentence(scene, options, sentence):
    refused(give(scene, vault_of(scene, "short put"), *options), sentence)


def test_mandate__of_somebody_else__is_refused(scene):
    vault_id = vault_of(scene, "short put")
    refused(give(scene, vault_id, owner="Boris"), "Only the vault's owner may give a mandate")
    refused(run("mandate", "end", vault_id, *at(scene), key=key_of("Boris")), "only who gave it may take it back")
    refused(run("mandate", "show", 999, *at(scene)), "There is no vault 999")
    empty = int(run("vault", "open", "--deposit", "5", *at(scene), key=key_of("Farah")).stdout)
    refused(give(scene, empty, owner="Farah"), "say until when")
