"""A node that means ill: what it can make a keeper sign harms nobody, and it cannot end it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes

from bulkhead.chain.deployment import Deployment
from bulkhead.keeper import logs, node
from bulkhead.keeper.calls import call_of
from bulkhead.keeper.plan import TopUp
from tests.keeper.proxy import FaultProxy
from tests.keeper.world import KEY, automine, awaited, lines, seen, until
from tests.worlds.local_market import undone


def harmless(raw: str, deployment: Deployment, cap: int) -> None:
    """A signed transaction calls a contract of the deployment on its chain, moves no coins and has a limited fee."""
    parts = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    known = {c.address.lower() for c in deployment.contracts.values()}
    for entry in deployment.markets.values():
        known |= {entry.token.lower(), entry.backstop.lower()}
    to = "0x" + bytes(parts["to"]).hex()
    # an empty transaction of the account to itself ends what has lost its purpose
    assert to in known or (to == Account.from_key(KEY).address.lower() and bytes(parts["data"]) == b"")
    assert int(parts["value"]) == 0 and int(parts["chainId"]) == deployment.chain_id
    assert int(parts["maxFeePerGas"]) <= cap


class Liar(FaultProxy):
    """A node that lies about heads, prices, receipts, fees and whatever it is asked to estimate."""

    lead = 0

    def _twist(self, call: dict[str, Any], answer: dict[str, Any] | None) -> dict[str, Any]:
        told = super()._twist(call, answer)
        method, found = call["method"], told.get("result")
        if method == "eth_getBlockByNumber" and isinstance(found, dict) and call["params"][0] == "latest":
            fee = hex(10**15) if self.lead else found["baseFeePerGas"]
            told["result"] = {**found, "number": hex(int(found["number"], 16) + self.lead), "baseFeePerGas": fee}
        elif method == "eth_estimateGas":
            told = {"jsonrpc": "2.0", "id": call["id"], "result": hex(29_000_000)}
        elif method == "eth_getTransactionReceipt":
            told["result"] = None
        return told


@awaited
async def test_keeper__lying_node__signs_nothing_that_harms(place):
    node = Liar(place.scene.local.anvil.url)
    async with node, place.keeper(node.url) as keeper:
        place.crash()
        for _ in range(6):
            # receipts never come, so it pays more and more, up to its cap
            await place.step()
        node.lead = 10**6
        head = place.mine()
        asked = node.posts
        await until(lambda: node.posts > asked + 5, "the keeper has ended")
        assert head
        for raw in node.sent:
            harmless(raw, keeper.providers.deployment, keeper.sender.fees.top_cap)
        assert node.sent
        node.lead = 0


@awaited
async def test_keepers__one_of_two_nodes_lies_about_its_head__is_named_and_is_not_followed(place):
    honest, liar = FaultProxy(place.scene.local.anvil.url), Liar(place.scene.local.anvil.url)
    async with honest, liar, place.keeper(honest.url, liar.url) as keeper:
        liar.lead = 10**6
        _, stream = place.keepers[0]
        name = keeper.providers.nodes[1].name
        await until(
            lambda: any(
                line.get("kind") == "node-aside" and line["about"] == name and "hash" in line["text"]
                for line in lines(stream)
            ),
            "nobody is told of it",
        )
        place.crash()
        assert await place.rescued()
        liar.lead = 0
        await until(lambda: not keeper.providers.nodes[1].aside, "it is never believed again")


def test_keeper__answers_without_end__are_not_read(place, monkeypatch):
    monkeypatch.setattr(node, "MOST_BYTES", 2**20)
    sent = 0

    class Flood(FaultProxy):
        flooding = False

        async def _handle(self, request: web.Request) -> web.StreamResponse:
            nonlocal sent
            if not self.flooding:
                return await super()._handle(request)
            self.posts += 1
            reply = web.StreamResponse()
            await reply.prepare(request)
            for _ in range(2**10):
                try:
                    await reply.write(b" " * 2**16)
                except ConnectionError:
                    break
                sent += 2**16
            return reply

    async def play() -> None:
        node = Flood(place.scene.local.anvil.url)
        async with node, place.keeper(node.url) as keeper:
            node.flooding = True
            place.crash()
            await place.ignored([node], 2, posts=3)
            node.flooding = False
            assert await place.rescued(3)
            assert "sends without end" in place.keepers[0][1].getvalue()
            # each answer was cut off soon after the limit: sockets hold some
            assert sent < node.posts * 2**24
            assert not keeper.sender.pending or await place.rescued()
        place.check_sends()

    asyncio.run(play())


def test_discovery__node_that_refuses_long_ranges__asks_for_less(place, monkeypatch):
    monkeypatch.setattr(logs, "LOG_BLOCKS", 40)

    class Strict(FaultProxy):
        longest = 0

        def _twist(self, call: dict[str, Any], answer: dict[str, Any] | None) -> dict[str, Any]:
            told = super()._twist(call, answer)
            if call["method"] == "eth_getLogs":
                (span,) = call["params"]
                if "blockHash" in span:
                    return told
                length = int(span["toBlock"], 16) - int(span["fromBlock"], 16) + 1
                if length > 20:
                    message = "query returned more than 10000 results"
                    return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32005, "message": message}}
                self.longest = max(self.longest, length)
            return told

    async def play() -> None:
        node = Strict(place.scene.local.anvil.url)
        async with node, place.keeper(node.url) as keeper:
            assert set(keeper.observer.discovery.book.vaults) == set(place.chain.book().vaults)
            assert 10 <= node.longest <= 20
            # it learns that within one look
            assert not [line for line in lines(place.keepers[0][1]) if line["event"] == "read-failed"]

    asyncio.run(play())


class Unindexed(FaultProxy):
    """A node that tells of a new block before it has its logs: by height there are none, by hash it knows no block."""

    late = False

    def _twist(self, call: dict[str, Any], answer: dict[str, Any] | None) -> dict[str, Any]:
        told = super()._twist(call, answer)
        head = {"jsonrpc": "2.0", "id": call["id"]}
        if self.late and call["method"] == "eth_getLogs":
            if "blockHash" in call["params"][0]:
                return {**head, "error": {"code": -32000, "message": "unknown block"}}
            return {**head, "result": []}
        if self.late and call["method"] == "eth_getBlockByHash":
            return {**head, "result": None}
        return told


@pytest.mark.parametrize("nodes", [1, 2])
def test_discovery__node_without_the_logs_of_its_newest_block__is_not_believed(place, nodes):
    """With a second node the keeper goes on at once, with one alone as soon as it has them."""

    async def play() -> None:
        late, good = Unindexed(place.scene.local.anvil.url), FaultProxy(place.scene.local.anvil.url)
        async with late, good, place.keeper(*[late.url, good.url][:nodes]) as keeper:
            late.late = True
            # the one that is late answers faster, so it is asked first
            keeper.providers.nodes[0].latency = -1.0
            boris = place.scene.local.people["Boris"]
            vault_id = next(v.vault_id for v in place.scene.vaults.values() if v.title == "short call")
            automine(place.node, True)
            boris.signer.execute(place.chain["Clearinghouse"], "withdraw", vault_id, 10**6, boris.address)
            automine(place.node, False)
            if nodes == 1:
                asked = late.posts
                await until(lambda: late.posts > asked + 4, "the keeper has stopped asking")
                assert keeper.completed < place.node.block_number()
                late.late = False
            await seen(keeper, place.node.block_number())
            assert keeper.observer.discovery.book.vaults[vault_id] == place.chain.book().vaults[vault_id]

    asyncio.run(play())


class Trailing(FaultProxy):
    """A node whose newest block is an old one."""

    shown = 0

    async def _forward(self, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for call in calls:
            if self.shown and call["method"] == "eth_getBlockByNumber" and call["params"][0] == "latest":
                call["params"][0] = hex(self.shown)
        return await super()._forward(calls)


@awaited
async def test_keepers__fast_node_that_is_always_a_little_behind__is_not_the_one_that_is_listened_to(place):
    slow, fast = FaultProxy(place.scene.local.anvil.url), Trailing(place.scene.local.anvil.url)
    async with slow, fast, place.keeper(slow.url, fast.url) as keeper:
        slow.hang, fast.shown = 0.02, place.mine(3) - 2
        level, behind = keeper.providers.nodes
        await until(lambda: behind.behind > 0.5, "nobody notices")
        assert keeper.providers.ranked() == [level, behind]


def test_top_up__vault_of_somebody_else__moves_nothing(market):
    """What a node says is the keeper's vault need not be: the transaction itself must refuse."""
    with undone(market) as scene:
        local, me = scene.local, scene.local.people["keeper"]
        foreign = next(iter(scene.vaults))
        me.ensure_allowance(local.market, local.chain["Clearinghouse"], 10**9)
        own = me.vaults.open(local.market.symbol)
        held = local.market.token.call("balanceOf", me.address)

        def send(vault_id: int) -> bool:
            call = call_of(local.chain, me.address, local.now(), TopUp(vault_id, local.market.index, 10**6))
            plan = {"from": me.address, "to": call.to, "data": "0x" + call.data.hex(), "gas": hex(900_000)}
            name = local.anvil.rpc.call("eth_sendTransaction", plan)
            local.anvil.mine()
            return local.anvil.rpc.call("eth_getTransactionReceipt", name)["status"] == "0x1"

        assert not send(foreign)
        assert local.market.token.call("balanceOf", me.address) == held
        assert send(own)
        assert local.market.token.call("balanceOf", me.address) == held - 10**6
