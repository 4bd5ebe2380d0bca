"""`bulkhead keeper status` against a running keeper, and what it says where there is none."""

from __future__ import annotations

import asyncio
import json

import pytest
from click.testing import CliRunner

from bulkhead.cli import main
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.service import Keeper
from bulkhead.keeper.telemetry import Server
from tests.keeper.world import fall, keep, settle


def status(*words: str):
    return CliRunner().invoke(main, ["keeper", "status", *words])


@pytest.fixture
def held(scene):
    """A keeper that has taken something over, its pages served."""
    fall(scene)

    async def play(keeper: Keeper):
        server = Server(keeper.metrics, keeper.health, "127.0.0.1", 0)
        await server.start()
        at = f"127.0.0.1:{server.port}"
        try:
            early = await asyncio.to_thread(status, "--at", at)
            await settle(keeper)
            for _ in range(12):
                scene.local.anvil.mine(scene.local.now() + 60)
                await settle(keeper)
            shown = await asyncio.to_thread(status, "--at", at)
            told = await asyncio.to_thread(status, "--at", at, "--json")
        finally:
            await server.stop()
        return early, shown, told

    found, _ = keep(scene, play, policy=Policy(roles=frozenset({"flag", "take", "tend"})))
    return found


def test_status__running_keeper__shows_what_the_chain_says_it_holds(scene, held):
    early, shown, told = held
    assert early.output.strip() == "The keeper has not finished a look yet."
    found = json.loads(told.output)
    me, local = scene.local.people["keeper"].address, scene.local
    own = [v for v in local.chain.book().vaults.values() if v.owner == me and v.legs]
    assert own and {v["vault"] for v in found["vaults"] if v["legs"]} == {v.vault_id for v in own}
    market = found["markets"]["1"]
    assert market["wallet"] == local.market.token.call("balanceOf", me) / local.unit
    assert market["in_vaults"] == sum(v.balance for v in local.chain.book().of(me)) / local.unit
    assert found["exposure"]["all"]["notional"] > 0 and len(found["exposure"]["expiries"]) == 1
    assert found["nodes"][0]["followed"] and not found["nodes"][0]["aside"] and found["pending"] == []
    assert f"own vault {own[0].vault_id}: " in shown.output and "exposure all: delta " in shown.output


@pytest.mark.parametrize(
    ("at", "sentence"),
    [("127.0.0.1:1", "No keeper answers at 127.0.0.1:1"), ("here", "here is not where a keeper listens")],
)
def test_status__nobody_there__is_a_sentence(at, sentence):
    done = status("--at", at)
    assert done.exit_code != 0 and sentence in str(done.output or done.exception)
