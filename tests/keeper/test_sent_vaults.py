"""Vaults that somebody sends to the keeper or to a pool, on an Anvil: no trap for its money and no endless noise."""

from __future__ import annotations

from typing import Any

from bulkhead.chain.lens import VaultView, read_vaults
from bulkhead.keeper.service import Keeper
from bulkhead.replay.price_paths.rounds import Round
from tests.keeper.world import fall, flagged, keep, settle
from tests.worlds.local_market import START


def give(scene: Any, vault_id: int, receiver: str) -> None:
    """The owner sends a vault to somebody."""
    chain = scene.local.chain
    owner = next(p for p in scene.local.people.values() if p.address == chain.book().vaults[vault_id].owner)
    owner.signer.execute(chain["VaultToken"], "transferFrom", owner.address, receiver, vault_id)


def view(scene: Any, vault_id: int) -> VaultView:
    (found,) = read_vaults(scene.local.chain, [vault_id])
    assert isinstance(found, VaultView)
    return found


def about(said: list[dict[str, Any]], vault_id: int) -> list[dict[str, Any]]:
    """What was sent or refused for one vault alone, or into it."""
    lines = [line for line in said if line["event"] in ("sent", "action-failed")]
    return [line for line in lines if vault_id in (line.get("vault_id"), line.get("into_id"))]


def test_keeper__broke_vault_is_sent_to_it__is_flagged_like_any_and_gets_none_of_its_tokens(scene):
    """Else a pair of own vaults, long and short, would leave the loss of the losing one to the keeper."""
    local, keeper_address = scene.local, scene.local.people["keeper"].address
    trap = next(v.vault_id for v in scene.vaults.values() if v.title == "leveraged future")
    unsafe = fall(scene, 120)
    give(scene, trap, keeper_address)
    before = view(scene, trap)
    assert before.equity < 0 and before.owner == keeper_address and before.epoch == 1

    async def play(keeper: Keeper) -> None:
        await settle(keeper)
        assert flagged(scene) == unsafe
        for _ in range(4):
            local.anvil.mine(local.now() + 30)
            await settle(keeper)

    _, said = keep(scene, play)
    # what it does for everybody's: no token of its own goes in
    assert {line["action"] for line in about(said, trap) if line["event"] == "sent"} <= {"flag", "refresh", "winddown"}
    # the pool of this market is empty, which it says to whatever it is asked to absorb
    failed = [line for line in about(said, trap) if line["event"] == "action-failed"]
    assert {line["action"] for line in failed} <= {"absorb"}
    deposits = [log for log in local.chain.logs() if log.event == "Deposited" and log.values.vault_id == trap]
    assert keeper_address not in [log.values.payer for log in deposits]
    # the other unsafe vault is taken into a vault that the keeper has opened itself
    takes = [line for line in said if line["event"] == "mined" and line["call"].startswith("Liquidator.take")]
    assert {view(scene, line["into_id"]).epoch for line in takes} <= {0}
    assert not [line for line in said if line["event"] in ("reverted", "bug")]


def test_keeper__healthy_vault_is_sent_to_it__is_neither_topped_up_nor_taken_into(scene):
    local, keeper_address = scene.local, scene.local.people["keeper"].address
    gift = next(v.vault_id for v in scene.vaults.values() if v.title == "iron condor")
    give(scene, gift, keeper_address)
    # the taker's vault would otherwise be the one that has legs there already
    unsafe = fall(scene) - {gift}

    async def play(keeper: Keeper) -> None:
        await settle(keeper)
        for _ in range(6):
            local.anvil.mine(local.now() + 15)
            await settle(keeper)

    held = view(scene, gift)
    _, said = keep(scene, play)
    takes = [line for line in said if line["event"] == "mined" and line["call"].startswith("Liquidator.take")]
    assert {i for line in takes for i in line["vault_ids"]} == unsafe
    assert about(said, gift) == [] and view(scene, gift).balance == held.balance and view(scene, gift).legs == held.legs


def test_keeper__empty_vaults_are_sent_to_it_and_to_the_pool__nothing_is_tried_with_them(scene):
    local = scene.local
    pool = local.chain.backstop(local.chain.deployment.market("ETH"))
    giver = local.people["Boris"]
    gifts = [giver.vaults.open("ETH", model=model) for model in ("STATIC", "ES", "STATIC", "ES")]
    for i, vault_id in enumerate(gifts):
        give(scene, vault_id, local.people["keeper"].address if i < 2 else pool.address)
    unsafe = fall(scene)

    async def play(keeper: Keeper) -> int:
        await settle(keeper)
        for _ in range(8):
            local.anvil.mine(local.now() + 15)
            await settle(keeper)
        # long after: what is empty and its own is closed
        local.push(Round(START + 1_200, 178 * 10**8))
        for _ in range(12):
            local.anvil.mine(local.now() + 12)
            await settle(keeper)
        return len(keeper.observer.registry.kept)

    _, said = keep(scene, play)
    takes = [line for line in said if line["event"] == "mined" and line["call"].startswith("Liquidator.take")]
    assert {i for line in takes for i in line["vault_ids"]} == unsafe
    assert [about(said, vault_id) for vault_id in gifts] == [[]] * 4
    assert not [line for line in said if line["event"] in ("reverted", "bug")]
