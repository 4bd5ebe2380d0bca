"""One node of two, and one of three, that fails in every way a node fails: the keeper acts as if it were not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bulkhead.chain.anvil import Anvil
from tests.keeper.proxy import FaultProxy
from tests.keeper.world import World, dumped, lines, until

#: Blocks of 12 seconds would leave a keeper more time than this for each [seconds].
BLOCK = 3.0
#: What a keeper waits for an answer at most: less than a fault lasts.
TIMEOUT = 4.0


class Faulty(FaultProxy):
    """A node with one fault, switched on and off.

    Attributes:
        lead: Blocks that its newest head is moved by.
        stale: Blocks that its states and logs are older than asked for.
    """

    lead = 0
    stale = 0

    async def _forward(self, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if self.stale or self.lead < 0:
            newest = await self._newest()
            for call in calls:
                self._age(call, newest)
        return await super()._forward(calls)

    async def _newest(self) -> int:
        assert self._http is not None
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}
        async with self._http.post(self.target, json=body) as reply:
            return int((await reply.json())["result"], 16)

    def _age(self, call: dict[str, Any], newest: int) -> None:
        """Rewrites what is asked for: an older head, or an older state behind the newest head."""
        method, params = call["method"], call["params"]
        if self.lead < 0 and method == "eth_getBlockByNumber" and params[0] == "latest":
            params[0] = hex(newest + self.lead)
        elif self.stale and method in ("eth_call", "eth_getBalance", "eth_getTransactionCount"):
            params[-1] = hex(newest - self.stale)
        elif self.stale and method == "eth_getLogs":
            params[0].pop("blockHash", None)
            params[0].update(fromBlock="0x0", toBlock="0x0")

    def _twist(self, call: dict[str, Any], answer: dict[str, Any] | None) -> dict[str, Any]:
        told = super()._twist(call, answer)
        found = told.get("result")
        latest = call["method"] == "eth_getBlockByNumber" and call["params"][0] == "latest"
        if self.lead > 0 and latest and isinstance(found, dict):
            told["result"] = {**found, "number": hex(int(found["number"], 16) + self.lead)}
        return told


@asynccontextmanager
async def another(stack: AsyncExitStack, node: Faulty, **options: Any) -> AsyncIterator[Anvil]:
    """Another chain behind the node."""
    del stack
    before = node.target
    with Anvil(**options) as chain:
        node.target = chain.url
        try:
            yield chain
        finally:
            node.target = before


async def empty(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """It has been started anew, without any state."""
    del place, folder
    await stack.enter_async_context(another(stack, node))


async def other_chain(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """It serves another chain."""
    del place, folder
    await stack.enter_async_context(another(stack, node, chain_id=7))


async def other_chain_as_high(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """It serves a chain of the same id and height on which nothing is deployed."""
    del folder
    chain = await stack.enter_async_context(another(stack, node))
    chain.rpc.call("anvil_mine", hex(place.node.block_number()))


async def fork(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """It has the same contracts, and 5,000 blocks of its own on top."""
    state = dumped(place.node, folder / "state.json")
    extra = ("--load-state", str(state), "--no-mining")
    chain = await stack.enter_async_context(another(stack, node, extra=extra, history=8))
    chain.rpc.call("anvil_mine", hex(5_000))


async def ahead(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """It says that it is 5,000 blocks ahead."""
    del stack, place, folder
    node.lead = 5_000


async def behind(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """It is 50 blocks behind."""
    del stack, place, folder
    node.lead = -50


async def old(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """Its states and logs are old, and its heads are not."""
    del stack, place, folder
    node.stale = 30


async def slow(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """It takes 400 ms."""
    del stack, place, folder
    node.hang = 0.4


async def very_slow(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """It takes 3 s."""
    del stack, place, folder
    node.hang = 3.0


async def silent(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """It takes what it is sent and says nothing."""
    del stack, place, folder
    node.hang = 10**6


FAULTS = (empty, other_chain, other_chain_as_high, fork, ahead, behind, old, slow, very_slow, silent)


async def acted(done: Callable[[], bool]) -> None:
    """Gives a keeper one block's time, or less where it has acted."""
    for _ in range(int(BLOCK / 0.02)):
        if done():
            return
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("when", ["from the start", "later"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_keeper__one_node_fails__unsafe_vaults_are_flagged_and_the_node_is_named(place, tmp_path, fault, when, count):
    """The faulty one is named first: it is the one that would be asked."""

    async def play() -> None:
        place.mine(60)
        async with AsyncExitStack() as stack:
            bad = await stack.enter_async_context(Faulty(place.scene.local.anvil.url))
            good = [
                await stack.enter_async_context(FaultProxy(place.scene.local.anvil.url, i)) for i in range(1, count)
            ]
            if when == "from the start":
                await fault(stack, place, bad, tmp_path)
            urls = [bad.url, *(node.url for node in good)]
            keeper = await stack.enter_async_context(place.keeper(*urls, timeout=TIMEOUT))
            if when == "later":
                await fault(stack, place, bad, tmp_path)
                await asyncio.sleep(0.5)
            name = keeper.providers.nodes[0].name
            place.crash()
            for _ in range(2):
                head = place.mine()
                await acted(lambda: place.flagged() == place.unsafe or keeper.completed == head)  # noqa: B023
            place.mine()
            assert place.flagged() == place.unsafe
            _, stream = place.keepers[0]

            def told() -> bool:
                alerts = [line for line in lines(stream) if line["event"] == "alert"]
                return any(name in (line["about"], line["text"].split(" ")[0].rstrip(":")) for line in alerts)

            await until(told, "nobody is told which node it is")
            place.check_sends()
            bad.heal()
            bad.lead = bad.stale = 0

    asyncio.run(play())
