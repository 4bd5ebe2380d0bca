"""One node of two, and one of three, that answers wrongly: the keeper acts as if it were not there, and names it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web

from bulkhead.chain.anvil import Anvil
from tests.keeper.proxy import FaultProxy
from tests.keeper.test_quorum import Faulty
from tests.keeper.world import World, lines, until

#: Blocks within which a node that is asked in turn with others has been asked.
TURNS = 6
#: Alerts about a node that is wrong: that one is slow says nothing.
KINDS = ("node-aside", "node-refused", "node-differs", "node-down")
#: Seconds by which a header lies.
HOUR = 3600

#: Turns a node wrong.
Fault = Callable[[AsyncExitStack, World, "Wrong"], None]


class Wrong(Faulty):
    """A node whose answers can be spoilt as text, too.

    Attributes:
        spoil: Makes another reply of the text of a right one; None leaves it.
    """

    spoil: Callable[[str], web.Response] | None = None

    def heal(self) -> None:
        super().heal()
        self.spoil = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        reply = await super()._handle(request)
        return reply if self.spoil is None else self.spoil(str(reply.text))  # type: ignore[attr-defined]


def asks_head(call: dict[str, Any]) -> bool:
    """Whether a call asks for a block's header."""
    return bool(call["method"] in ("eth_getBlockByNumber", "eth_getBlockByHash"))


def headers(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[dict[str, Any], Any], Any]:
    """Changes every header."""
    return lambda call, found: {"result": change(found)} if asks_head(call) and isinstance(found, dict) else {}


def answering(method: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any], Any], Any]:
    """Changes what is answered to one method."""
    return lambda call, found: {"result": change(found)} if call["method"] == method else {}


# --- headers ------------------------------------------------------------------------------------------------------


def header_of_another_time(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """Its blocks are an hour later than their hashes say."""
    del stack, place
    node.wrong = headers(lambda h: {**h, "timestamp": hex(int(h["timestamp"], 16) + HOUR)})


def header_without_a_field(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """The same, and it leaves out a field, so that no hash can be made."""
    del stack, place
    node.wrong = headers(
        lambda h: {**h, "timestamp": hex(int(h["timestamp"], 16) + HOUR), "requestsHash": None, "parentHash": h["hash"]}
    )


def header_with_a_new_field(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """Another base fee, and a field that no fork has."""
    del stack, place
    node.wrong = headers(lambda h: {**h, "baseFeePerGas": hex(10**15), "isNew": "0x1"})


def another_hash(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """Its blocks are called otherwise."""
    del stack, place
    node.wrong = headers(lambda h: {**h, "hash": "0x" + h["hash"][:1:-1]})


def _elsewhere(stack: AsyncExitStack, place: World) -> Anvil:
    """Another chain, as high as this one and going on with it."""
    chain = stack.enter_context(Anvil())
    chain.rpc.call("anvil_mine", hex(place.node.block_number() + TURNS * 10))
    return chain


def header_of_another_chain(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """The newest block is that of another chain under the right number, and nothing else is of that chain."""
    chain = _elsewhere(stack, place)

    def swapped(call: dict[str, Any], found: Any) -> Any:
        if call["method"] != "eth_getBlockByNumber" or not isinstance(found, dict):
            return {}
        return {"result": chain.rpc.block(int(found["number"], 16))}

    node.wrong = swapped


def header_of_another_chain_renumbered(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """The newest block is always the same one of another chain, with the right number put in."""
    foreign = _elsewhere(stack, place).rpc.block()
    node.wrong = headers(lambda h: {**foreign, "number": h["number"]})


# --- receipts and logs --------------------------------------------------------------------------------------------


def receipts_of_a_block_to_come(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """Whatever was sent has passed, it says, in a block that is far away."""
    del stack
    far = hex(place.node.block_number() + 10**6)

    def made(call: dict[str, Any], found: Any) -> Any:
        if call["method"] != "eth_getTransactionReceipt":
            return {}
        receipt = {"blockNumber": far, "blockHash": "0x" + "12" * 32, "gasUsed": "0x1", "status": "0x1",
                   "transactionHash": call["params"][0], "effectiveGasPrice": "0x1"}  # fmt: skip
        return {"result": receipt}

    node.wrong = made


def receipts_say_reverted(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """Whatever was mined was reverted, it says."""
    del stack, place
    node.wrong = answering("eth_getTransactionReceipt", lambda found: found and {**found, "status": "0x0"})


def logs_of_others(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """Its logs have been told before: they are those of the block before."""
    del stack

    def changed(call: dict[str, Any], found: Any) -> Any:
        if call["method"] != "eth_getLogs" or not found:
            return {}
        return {"result": [{**log, "data": "0x" + "00" * (len(log["data"]) // 2 - 1)} for log in found]}

    del place
    node.wrong = changed


# --- chain and contracts ------------------------------------------------------------------------------------------


def another_chain_id(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """Its chain id is another one all of a sudden."""
    del stack, place
    node.wrong = answering("eth_chainId", lambda _: "0x7")


def without_code(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """It has lost the contracts: no code, and every call of one answers nothing."""
    del stack, place
    node.wrong = lambda call, found: {"result": "0x"} if call["method"] in ("eth_getCode", "eth_call") else {}


def other_code(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """Its contracts are others."""
    del stack, place
    node.wrong = answering("eth_getCode", lambda found: found + "00")


def zeros_for_every_call(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """Every call answers zeros, single words as well."""
    del stack, place
    node.wrong = answering("eth_call", lambda found: "0x" + "00" * (len(found or "0x") // 2 - 1))


# --- text ---------------------------------------------------------------------------------------------------------


def _renamed(text: str, new: Callable[[list[Any]], list[Any]]) -> web.Response:
    body = json.loads(text)
    entries = body if isinstance(body, list) else [body]
    named = [{**e, "id": name} for e, name in zip(entries, new([e["id"] for e in entries]), strict=True)]
    return web.json_response(named if isinstance(body, list) else named[0])


def ids_of_other_requests(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """It answers what others have asked."""
    del stack, place
    node.spoil = lambda text: _renamed(text, lambda ids: [i + 10**6 for i in ids])


def ids_in_another_order(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """It takes the calls of a post for each other."""
    del stack, place
    node.spoil = lambda text: _renamed(text, lambda ids: ids[::-1])


def cut_in_the_middle(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """Half of every answer."""
    del stack, place
    node.spoil = lambda text: web.Response(text=text[: len(text) // 2], content_type="application/json")


def page_with_status_200(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """A page for people."""
    del stack, place
    node.spoil = lambda text: web.Response(text="<html><p>We are back soon.</p></html>", content_type="text/html")


def rubbish_as_gzip(stack: AsyncExitStack, place: World, node: Wrong) -> None:
    """It says that it has packed its answer, and has not."""
    del stack, place
    node.spoil = lambda text: web.Response(body=b"\x1f\x8b" + text.encode(), headers={"content-encoding": "gzip"})


FAULTS: tuple[Fault, ...] = (
    header_of_another_time, header_without_a_field, header_with_a_new_field, another_hash, header_of_another_chain,
    header_of_another_chain_renumbered, receipts_of_a_block_to_come, receipts_say_reverted, logs_of_others,
    another_chain_id, without_code, other_code, zeros_for_every_call, ids_of_other_requests, ids_in_another_order,
    cut_in_the_middle, page_with_status_200, rubbish_as_gzip,
)  # fmt: skip
UNTOLD: tuple[Fault, ...] = ()


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.__name__)
def test_keeper__one_node_answers_wrongly__unsafe_vaults_are_flagged_and_the_node_is_named(place, fault, count):
    """The wrong one is named first and was the fastest so far: it is the one that would be asked."""

    async def play() -> None:
        async with AsyncExitStack() as stack:
            bad = await stack.enter_async_context(Wrong(place.scene.local.anvil.url))
            good = [
                await stack.enter_async_context(FaultProxy(place.scene.local.anvil.url, i)) for i in range(1, count)
            ]
            urls = [bad.url, *(node.url for node in good)]
            keeper = await stack.enter_async_context(place.keeper(*urls, timeout=4.0))
            node, stream = keeper.providers.nodes[0], place.keepers[0][1]
            node.latency = -1.0
            fault(stack, place, bad)
            asked = bad.posts
            await until(lambda: bad.posts > asked + 1, "the keeper has stopped asking")
            place.crash()
            assert await place.rescued(2)

            def told() -> bool:
                alerts = [line for line in lines(stream) if line["event"] == "alert" and line["kind"] in KINDS]
                return any(node.name == line["about"] for line in alerts)

            if fault not in UNTOLD:
                for _ in range(TURNS):
                    if not told():
                        await place.step()
                await until(told, "nobody is told which node it is")
            bad.heal()
            await until(lambda: not node.aside and node.verified, "it is never believed again")
            place.check_sends()

    asyncio.run(play())
