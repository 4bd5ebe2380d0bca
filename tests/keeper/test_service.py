"""The keeper against a real node: it acts, it ends, and what it cannot read it does not take for healthy."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

from bulkhead.chain import anvil
from bulkhead.chain.connection import Connection
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.keeper.decide import Policy
from bulkhead.keeper.service import JsonLog, Keeper
from bulkhead.replay.cast import ROLES
from bulkhead.replay.rounds import Round
from tests.stage import START, opened, undone

KEY = anvil.key(ROLES.index("keeper"))


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("keeper") / "log") as replay:
        yield replay


@pytest.fixture
def scene(market):
    with undone(market) as replay:
        yield replay


def crash(scene, price: int = 178) -> set[int]:
    """A round that makes the short put and the leveraged future unsafe; returns their ids."""
    scene.stage.push(Round(START + 600, price * 10**8))
    unsafe = {v.vault_id for v in scene.cast.values() if v.title in ("short put", "leveraged future")}
    assert len(unsafe) == 2
    return unsafe


def keeper(scene, transport: httpx.BaseTransport | None = None, **options) -> tuple[Keeper, io.StringIO]:
    rpc = Rpc(scene.stage.anvil.url, transport=transport)
    stream = io.StringIO()
    chain = Connection(rpc, scene.stage.chain.deployment)
    return Keeper(chain, Sender(rpc, account_from_key(KEY)), log=JsonLog(stream), **options), stream


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def flagged(scene) -> set[int]:
    chain = scene.stage.chain
    return {v.vault_id for v in chain.book().vaults.values() if v.flagged}


def test_tick__two_unsafe_vaults__are_flagged_at_once_and_taken_when_the_bonus_suits(scene):
    unsafe = crash(scene)
    service, stream = keeper(scene)
    while service.tick().sent:
        pass
    assert flagged(scene) == unsafe
    for _ in range(4):
        scene.stage.anvil.mine(scene.stage.now() + 15)
        while service.tick().sent:
            pass
    taken = [line for line in lines(stream) if line["event"] == "sent" and line["call"] == "Liquidator.take"]
    assert {line["arguments"][0] for line in taken} == unsafe
    assert flagged(scene) == set()
    assert KEY.removeprefix("0x") not in stream.getvalue()


def test_tick__dry_run__sends_nothing_and_says_what_it_would(scene):
    unsafe = crash(scene)
    head = scene.stage.anvil.rpc.block_number()
    service, stream = keeper(scene, dry_run=True)
    assert service.tick().sent == 0
    assert scene.stage.anvil.rpc.block_number() == head
    would = [line for line in lines(stream) if line["event"] == "would"]
    assert {line["vault_id"] for line in would if line["action"] == "flag"} == unsafe


class Faulty(httpx.HTTPTransport):
    """A node that fails every read of one vault."""

    def __init__(self, lens: str, vault_id: int) -> None:
        super().__init__()
        self.lens, self.vault = lens.lower(), f"{vault_id:064x}"

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        calls = json.loads(request.content)
        reply = super().handle_request(request)
        reply.read()
        if not isinstance(calls, list):
            return reply
        answers = reply.json()
        bad = {c["id"] for c in calls if c["method"] == "eth_call" and self._hits(c["params"][0])}
        for answer in answers:
            if answer["id"] in bad:
                answer.pop("result", None)
                answer["error"] = {"code": -32000, "message": "missing trie node"}
        return httpx.Response(200, json=answers)

    def _hits(self, call: dict) -> bool:
        words = [call["data"][10 + i : 74 + i] for i in range(0, len(call["data"]) - 10, 64)]
        return call["to"].lower() == self.lens and self.vault in words[2:]


def test_tick__vault_that_cannot_be_read__is_flagged_all_the_same(scene):
    unsafe = crash(scene)
    hidden = max(unsafe)
    service, stream = keeper(scene, transport=Faulty(scene.stage.chain["Lens"].address, hidden))
    done = service.tick()
    said = lines(stream)
    assert any(line["event"] == "unknown" and f"vault {hidden}" in line["reason"] for line in said)
    assert [line["certain"] for line in said if line.get("vault_id") == hidden and line["event"] == "planned"] == [
        False
    ]
    assert flagged(scene) == unsafe and done.sent >= 2


def test_tick__healthy_vault_that_cannot_be_read__is_refused_by_the_chain_and_logged(scene):
    safe = next(v.vault_id for v in scene.cast.values() if v.title == "short call")
    service, stream = keeper(scene, transport=Faulty(scene.stage.chain["Lens"].address, safe))
    done = service.tick()
    failures = [line for line in lines(stream) if line["event"] == "action-failed"]
    assert done.failed == 1 and [f["vault_id"] for f in failures] == [safe]
    assert "liquidator/healthy" in failures[0]["reason"] and flagged(scene) == set()


def test_tick__node_gone__is_logged_and_nothing_is_assumed(scene):
    service, stream = keeper(scene)
    service.chain.rpc.url = "http://127.0.0.1:1"
    done = service.tick()
    assert (done.block, done.sent, done.failed) == (0, 0, 1)
    assert lines(stream)[-1]["event"] == "read-failed"


def test_observer__legs_by_logs__are_those_of_the_lens(scene):
    service, stream = keeper(scene, policy=Policy(roles=frozenset()))
    service.tick()
    assert service.observer.problems == [] and len(service.observer.book.vaults) == len(scene.cast)


def test_process__sigterm__ends_cleanly(scene, tmp_path):
    unsafe = crash(scene)
    where = tmp_path / "addresses.json"
    scene.stage.chain.deployment.save(where)
    command = [sys.executable, "-m", "bulkhead", "keeper", "run", "--rpc", scene.stage.anvil.url, "--deployment",
               str(where), "--key-env", "THE_KEY", "--poll", "0.02"]  # fmt: skip
    process = subprocess.Popen(
        command, env={**os.environ, "THE_KEY": KEY}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 60
        while flagged(scene) != unsafe:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGTERM)
        said, complaints = process.communicate(timeout=30)
    events = [json.loads(line)["event"] for line in said.splitlines()]
    assert process.returncode == 0 and complaints == ""
    assert events[0] == "started" and events[-1] == "stopped"
