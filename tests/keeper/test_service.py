"""The keeper against a real node: it acts, it ends, and what it cannot read it does not take for healthy."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bulkhead.chain.connection import Connection
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import MissingDeployment, WrongNetwork
from bulkhead.chain.sender import account_from_key
from bulkhead.keeper import service, telemetry
from bulkhead.keeper.calls import Call, call_of
from bulkhead.keeper.decide import QUIET_SECONDS
from bulkhead.keeper.json_log import JsonLog
from bulkhead.keeper.launch import assemble
from bulkhead.keeper.node import Node
from bulkhead.keeper.plan import Action, Flag
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.providers import Providers
from bulkhead.keeper.rehearsal import Rehearsal
from bulkhead.keeper.schedule import Pace
from bulkhead.keeper.send_queue import PATIENT_BLOCKS
from bulkhead.keeper.service import Keeper, Tick
from bulkhead.keeper.telemetry import Server
from bulkhead.keeper.webhook import Alerts
from bulkhead.replay.price_paths.rounds import Round
from tests.keeper.proxy import FaultProxy
from tests.keeper.world import KEY, PATIENCE, fall, flagged, keep, seen, settle


def test_tick__two_unsafe_vaults__are_flagged_at_once_and_taken_when_the_bonus_suits(scene):
    unsafe = fall(scene)

    async def play(keeper: Keeper) -> None:
        await settle(keeper)
        assert flagged(scene) == unsafe
        for _ in range(4):
            scene.local.anvil.mine(scene.local.now() + 15)
            await settle(keeper)

    _, said = keep(scene, play)
    takes = [line for line in said if line["event"] == "mined" and line["call"].startswith("Liquidator.take")]
    assert {i for line in takes for i in line["vault_ids"]} == unsafe
    assert flagged(scene) == set()
    assert not [line for line in said if line["event"] in ("reverted", "bug")]
    # every line about a transaction carries the id of its attempt
    sent = {line["id"] for line in said if line["event"] == "sent"}
    assert sent == {line["id"] for line in said if line["event"] == "mined"}


def test_tick__parameter_on_its_way__is_pushed_on_every_hour_until_it_is_there(scene):
    """By a keeper that saw the ramp begin, and by one that reads of it in old logs."""
    parameters, owner = scene.local.chain["RiskParameters"], scene.local.people["deployer"].signer
    owner.forget_nonce()
    owner.execute(parameters, "set_parameter", 1, "iv_floor_bps", 4_100)
    advance = Policy(roles=frozenset({"advance"}))

    def value() -> int:
        return int(parameters.call("parameter", 1, "iv_floor_bps"))

    async def hour(keeper: Keeper) -> int:
        scene.local.push(Round(scene.local.now() + 3_600, 200 * 10**8))
        await settle(keeper)
        return value()

    async def watching(keeper: Keeper) -> None:
        await settle(keeper)
        # when the ramp began it cannot know: the first step is tried at once and again after some blocks
        assert value() < 4_010
        scene.local.anvil.rpc.call("anvil_mine", hex(PATIENT_BLOCKS))
        assert [await hour(keeper) for _ in range(2)] == pytest.approx([4_040, 4_080], abs=10)

    async def starting(keeper: Keeper) -> None:
        assert await hour(keeper) == 4_100
        sent = len(said())
        await hour(keeper)
        assert len(said()) == sent

    def said() -> list[int]:
        return [int(log.values.value) for log in scene.local.chain.logs() if log.event == "ParameterChanged"]

    keep(scene, watching, policy=advance)
    keep(scene, starting, policy=advance)
    assert said()[-1] == 4_100


def test_tick__dry_run__sends_nothing_and_says_what_it_would(scene):
    unsafe = fall(scene)
    head = scene.local.anvil.rpc.block_number()
    done, said = keep(scene, lambda keeper: keeper.tick(), dry_run=True)
    assert done.sent == 0 and scene.local.anvil.rpc.block_number() == head
    would = [line for line in said if line["event"] == "would"]
    assert {line["vault_id"] for line in would if line["action"] == "flag"} == unsafe


def test_ticks__dry_run_for_hours__say_each_thing_once(scene):
    fall(scene)

    async def play(keeper: Keeper) -> None:
        for _ in range(12):
            await keeper.tick()
            scene.local.anvil.mine(scene.local.now() + 300)

    _, said = keep(scene, play, dry_run=True)
    would = [
        (line["action"], line.get("market"), line.get("vault_id"), tuple(line.get("vault_ids") or ()))
        for line in said
        if line["event"] == "would"
    ]
    assert any(action == "flag" for action, *_ in would)
    assert len(would) == len(set(would))


def test_rehearsal__call_that_was_not_planned_for_long__is_said_again():
    def call(key: str, *vault_ids: int) -> Call:
        action: Any = SimpleNamespace(vault_ids=vault_ids)
        return Call(key, "x.y", "0x", b"", None, 0, action)

    told = Rehearsal()
    assert len(told.new([call("take:5", 1, 2), call("poke:1")], 1_000)) == 2
    assert not told.new([call("take:5", 2), call("poke:1")], 1_006)
    assert [one.key for one in told.new([call("take:5", 1, 3), call("poke:1")], 1_012)] == ["take:5"]
    for now in range(1_100, 20_000, 300):
        assert not told.new([call("poke:1")], now)
    assert [one.key for one in told.new([call("take:5", 1, 2), call("poke:1")], 20_100)] == ["take:5"]


def test_tick__node_gone__is_logged_and_nothing_is_assumed(scene):
    async def play(keeper: Keeper) -> Tick:
        keeper.providers.nodes[0].url = "http://127.0.0.1:1"
        return await keeper.tick()

    done, said = keep(scene, play)
    assert (done.block, done.sent, done.failed) == (-1, 0, 1)
    assert said[-1]["event"] == "read-failed"


def test_tick__poke_that_moved_nothing__is_not_repeated_in_the_next_block(scene):
    async def play(keeper: Keeper) -> list[int]:
        # when the clock was recorded last a keeper that starts asks the oracle: the logs' blocks tell no time
        first = [(await keeper.tick()).planned for _ in range(2)]
        scene.local.anvil.mine(scene.local.now() + QUIET_SECONDS)
        return first + [(await keeper.tick()).planned for _ in range(3)]

    planned, said = keep(scene, play, policy=Policy(roles=frozenset({"poke"})))
    assert planned == [0, 0, 1, 0, 0]
    assert [line["call"] for line in said if line["event"] == "mined"] == ["OracleAdapter.poke"]


def test_tick__keeper_that_starts_long_after_the_last_record__pokes_at_once(scene):
    scene.local.anvil.mine(scene.local.now() + QUIET_SECONDS)

    async def play(keeper: Keeper) -> list[int]:
        return [(await keeper.tick()).planned for _ in range(2)]

    planned, _ = keep(scene, play, policy=Policy(roles=frozenset({"poke"})))
    assert planned == [1, 0]


def test_after__node_that_is_down_or_all_of_them__is_told(scene):
    async def play(keeper: Keeper) -> None:
        dead = Node("http://127.0.0.1:1")
        keeper.providers.nodes.append(dead)
        await keeper.tick()
        for _ in range(8):
            head = await keeper.providers.head(check=True)
        await keeper.after(head)
        keeper.providers.nodes = [dead]
        await keeper.tick()  # a moment without nodes is no reason to wake anybody
        keeper.health.heard_at -= 60
        await keeper.tick()

    _, said = keep(scene, play, policy=Policy(roles=frozenset()))
    told = [
        (line["kind"], line["about"]) for line in said if line["event"] == "alert" and line["kind"] != "margin-call"
    ]
    assert told == [("node-down", "127.0.0.1:1"), ("blind", account_from_key(KEY).address)]


def test_after__block_in_which_vaults_came_near_their_edge__costs_three_posts_at_most(scene):
    """Head, look, and the vaults that were far before; reconciling waits."""
    fall(scene)

    async def play(keeper: Keeper) -> list[tuple[int, int]]:
        await keeper.tick()
        await keeper.after(await keeper.providers.head())
        costs = []
        for turn in range(6):
            scene.local.anvil.mine(scene.local.now() + 12)
            if turn % 2:
                keeper.observer.watch.clear()
            keeper.observer.registry.checked_at.clear()
            before = keeper.providers.posts
            head = await keeper.providers.head()
            await keeper.tick(head)
            looked = keeper.providers.posts - before
            await keeper.after(head)
            costs.append((looked, keeper.providers.posts - before))
        return costs

    costs, said = keep(scene, play, policy=Policy(roles=frozenset()))
    assert [looked for looked, _ in costs] == [2, 3] * 3
    assert max(all_of_it for _, all_of_it in costs) == 3
    assert sum(line["reconciled"] > 0 for line in said if line["event"] == "completed") >= 2


def test_patience__blocks_that_wait_for_the_keeper__are_asked_for_sooner_than_they_came(scene):
    async def play(keeper: Keeper) -> None:
        now = time.monotonic()
        keeper.schedule.arrivals.extend(now - 2.0 * i for i in reversed(range(9)))
        assert keeper.schedule.interval == pytest.approx(2.0)
        assert keeper.schedule.patience(False) < 2.0 * 0.95

    keep(scene, play)


def test_tick__action_that_cannot_be_written_as_a_call__keeps_no_other_from_going_out(scene, monkeypatch):
    unsafe = fall(scene)
    broken, rest = max(unsafe), unsafe - {max(unsafe)}

    def poisoned(chain: Connection, keeper: str, now: int, action: Action) -> Call:
        if isinstance(action, Flag) and action.vault_id == broken:
            raise ValueError("poison")
        return call_of(chain, keeper, now, action)

    monkeypatch.setattr(service, "call_of", poisoned)
    _, said = keep(scene, settle, policy=Policy(roles=frozenset({"flag"})))
    assert flagged(scene) == rest
    assert any(line["event"] == "bug" and "poison" in line["reason"] for line in said)


def test_start__node_of_another_chain_or_without_the_contracts__is_never_asked(scene):
    deployment = scene.local.chain.deployment
    houses = {**deployment.contracts, "Lens": replace(deployment.contracts["Lens"], address="0x" + "12" * 20)}

    async def start(wanted: Deployment) -> None:
        providers = Providers([Node(scene.local.anvil.url)], wanted)
        try:
            await providers.start()
        finally:
            await providers.close()

    with pytest.raises(WrongNetwork, match="serves chain 31337"):
        asyncio.run(start(replace(deployment, chain_id=1)))
    with pytest.raises(MissingDeployment, match="Lens"):
        asyncio.run(start(replace(deployment, contracts=houses)))


def test_run__pages_and_webhook__tell_of_a_margin_call_once(scene):
    fall(scene, 184)
    told: list[dict[str, Any]] = []

    async def hook(request: web.Request) -> web.Response:
        told.append(await request.json())
        return web.Response()

    async def play(keeper: Keeper) -> None:
        app = web.Application()
        app.router.add_post("/hook", hook)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        keeper.alerts = Alerts(f"http://127.0.0.1:{runner.addresses[0][1]}/hook", 900, keeper.log)
        pages = Server(keeper.metrics, keeper.health, "127.0.0.1", 0)
        await pages.start()
        task = asyncio.create_task(keeper.run())
        async with aiohttp.ClientSession(f"http://127.0.0.1:{pages.port}") as session:
            for _ in range(3):
                scene.local.anvil.mine(scene.local.now() + 40)
                await seen(keeper, scene.local.anvil.rpc.block_number())
            async with session.get("/healthz") as reply:
                assert reply.status == 200, await reply.text()
            keeper.health.head += 3
            async with session.get("/healthz") as reply:
                assert reply.status == 503 and "without a finished tick" in await reply.text()
            async with session.get("/metrics") as reply:
                page = await reply.text()
        for name in ("lag_seconds", "tick_seconds_count", "vaults", "transactions_total", "gas_wei", "balance_wei"):
            assert f"bulkhead_keeper_{name}" in page
        assert 'bulkhead_keeper_vaults{state="open"} 9.0' in page
        keeper.stop()
        await task
        await pages.stop()
        await runner.cleanup()

    keep(scene, play, policy=Policy(roles=frozenset({"poke"})), pace=Pace(0.02))
    bundles = [body["vaults"] for body in told if body["kind"] == "margin-call"]
    calls = [vault["vault"] for bundle in bundles for vault in bundle]
    # all of a block in one post, each vault once, with whom to tell
    assert calls and len(calls) == len(set(calls)) and len(bundles) <= 3
    assert all(vault["owner"] and vault["margin"] > 0 for bundle in bundles for vault in bundle)


def test_healthz__node_that_hangs_or_is_gone__is_503_and_200_again_when_it_is_back(scene, monkeypatch):
    monkeypatch.setattr(telemetry, "LEAST_SECONDS", 0.5)

    async def status(session: aiohttp.ClientSession, wanted: int) -> str:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            async with session.get("/healthz") as reply:
                if reply.status == wanted:
                    return str((await reply.json())["complaint"])
            await asyncio.sleep(0.05)
        raise AssertionError(f"/healthz never became {wanted}")

    async def run() -> None:
        proxy = FaultProxy(scene.local.anvil.url)
        async with proxy:
            node = Node(proxy.url, timeout_seconds=20)
            keeper = await assemble(
                scene.local.chain.deployment, [node], account_from_key(KEY), ":memory:", JsonLog(io.StringIO()),
                Policy(roles=frozenset({"flag"})), pace=Pace(0.02, 5.0, 0.05),
            )  # fmt: skip
            pages = Server(keeper.metrics, keeper.health, "127.0.0.1", 0)
            await pages.start()
            task = asyncio.create_task(keeper.run())
            async with aiohttp.ClientSession(f"http://127.0.0.1:{pages.port}") as session:
                await seen(keeper, scene.local.anvil.rpc.block_number())
                await status(session, 200)
                for switch, value in (("down", True), ("hang", 3.0)):
                    setattr(proxy, switch, value)
                    assert "no node has answered" in await status(session, 503)
                    proxy.heal()
                    assert await status(session, 200) == ""
            keeper.stop()
            await task
            await pages.stop()

    asyncio.run(run())


def test_process__sigterm__ends_cleanly(scene, tmp_path):
    unsafe = fall(scene)
    where = tmp_path / "addresses.json"
    scene.local.chain.deployment.save(where)
    settings = tmp_path / "keeper.toml"
    settings.write_text(
        f'deployment = "{where}"\nkey_env = "THE_KEY"\npoll_seconds = 0.02\njournal = "{tmp_path / "journal.sqlite"}"\n'
        f'[[providers]]\nurl = "{scene.local.anvil.url}/"\n'
    )
    command = [sys.executable, "-m", "bulkhead", "keeper", "run", "--config", str(settings)]
    process = subprocess.Popen(
        command, env={**os.environ, "THE_KEY": KEY}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while flagged(scene) != unsafe:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        said, complaints = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    events = [json.loads(line)["event"] for line in said.splitlines()]
    assert process.returncode == 0 and complaints == ""
    assert events[0] == "started" and events[-1] == "stopped"
    assert KEY.removeprefix("0x") not in said
