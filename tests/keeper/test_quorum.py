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
#: Blocks after which each of three nodes has been asked for logs.
MOST_TURNS = 4
#: What a keeper waits for an answer at most: less than a fault lasts.
TIMEOUT = 4.0


class Faulty(FaultProxy):
    """A node with one fault, switched on and off.

    Attributes:
        lead: Blocks that its newest head is moved by.
        stale: Blocks that its states and logs are older than asked for.
        wrong: What it answers otherwise, by call and honest answer; None leaves that.
        shuffled: The answers of a post come in another order.
    """

    lead = 0
    stale = 0
    wrong: Callable[[dict[str, Any], Any], Any] | None = None
    shuffled = False

    def heal(self) -> None:
        super().heal()
        self.lead = self.stale = 0
        self.wrong, self.shuffled = None, False

    async def _forward(self, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if self.stale or self.lead < 0:
            newest = await self._newest()
            for call in calls:
                self._age(call, newest)
        answers = await super()._forward(calls)
        return answers[::-1] if self.shuffled else answers

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
        if self.wrong is not None and "result" in told:
            told = {**told, **self.wrong(call, found)}
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
    for _ in range(10):
        chain.rpc.call("anvil_mine", hex(500))


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


def answering(method: str, result: Any) -> Callable[[dict[str, Any], Any], Any]:
    """Answers one method always the same."""
    return lambda call, found: {"result": result} if call["method"] == method else {}


async def half_of_the_logs(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """It has lost every second log."""
    del stack, place, folder
    node.wrong = lambda call, found: {"result": found[::2]} if call["method"] == "eth_getLogs" and found else {}


async def wrong_logs(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """Its logs say that every vault has been closed."""
    del stack, folder
    house = place.chain["Clearinghouse"]
    topic = "0x" + house.abi.event("VaultClosed").topic.hex()
    ids = list(place.chain.book().vaults)

    def closed(call: dict[str, Any], found: Any) -> Any:
        query = call["params"][0] if call["method"] == "eth_getLogs" else {}
        if "blockHash" not in query:
            return {}
        block = place.node.call("eth_getBlockByHash", query["blockHash"], False)
        made = [
            {"address": house.address, "topics": [topic, f"0x{i:064x}", "0x" + "00" * 32], "data": "0x" + "00" * 32,
             "blockHash": query["blockHash"], "blockNumber": block["number"], "transactionHash": "0x" + "11" * 32,
             "transactionIndex": "0x0", "logIndex": hex(1000 + i), "removed": False}
            for i in ids
        ]  # fmt: skip
        return {"result": [*found, *made]}

    node.wrong = closed


async def receipts_never_come(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """It knows of no transaction that was mined."""
    del stack, place, folder
    node.wrong = answering("eth_getTransactionReceipt", None)


async def swallows(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """It takes transactions and throws them away."""
    del stack, place, folder
    node.lose_sends = True


async def out_of_order(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """Its answers to a post come in another order, which it may."""
    del stack, place, folder
    node.shuffled = True


async def nonce_ahead(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """It says that the account has sent thousands."""
    del stack, place, folder
    node.wrong = answering("eth_getTransactionCount", hex(5_000))


async def nonce_behind(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """It says that the account has never sent anything."""
    del stack, place, folder
    node.wrong = answering("eth_getTransactionCount", "0x0")


async def says_poor(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """It says that the account has no coins."""
    del stack, place, folder
    node.wrong = answering("eth_getBalance", "0x0")


async def refuses_estimates(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """It finds that nothing would pass."""
    del stack, place, folder
    error = {"code": 3, "message": "execution reverted", "data": "0x"}
    node.wrong = lambda call, found: {"result": None, "error": error} if call["method"] == "eth_estimateGas" else {}


async def zeros(stack: AsyncExitStack, place: World, node: Faulty, folder: Path) -> None:
    """Every view that it answers is all zeros: no debts, no margins, no prices, no tokens."""
    del stack, place, folder
    node.wrong = lambda call, found: (
        {"result": "0x" + "00" * (len(found) // 2 - 1)} if call["method"] == "eth_call" and len(found) > 66 else {}
    )


#: What no answer gives away: it is right in every one, or keeps what nobody asks for again.
UNTOLD = (swallows, out_of_order, receipts_never_come, refuses_estimates)
#: Of three, only two are asked for the logs of a block and for the account: which need not be the one that is wrong.
ASKED_OF_TWO = (half_of_the_logs, nonce_ahead, nonce_behind, says_poor)
#: The one of three that is not asked for the logs of a block is asked for those of another: here every block has some.
ASKED_IN_TURN = (wrong_logs,)
SIBLINGS = (
    half_of_the_logs, wrong_logs, nonce_ahead, nonce_behind, says_poor, zeros, *UNTOLD,
)  # fmt: skip
FAULTS = (empty, other_chain, other_chain_as_high, fork, ahead, behind, old, slow, very_slow, silent)


async def acted(done: Callable[[], bool]) -> None:
    """Gives a keeper one block's time, or less where it has acted."""
    for _ in range(int(BLOCK / 0.02)):
        if done():
            return
        await asyncio.sleep(0.02)


CASES = [
    *((fault, when, count) for fault in FAULTS for when in ("from the start", "later") for count in (2, 3)),
    *((fault, "later", count) for fault in SIBLINGS for count in (2, 3)),
    (wrong_logs, "from the start", 2), (half_of_the_logs, "from the start", 2),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "when", "count"), CASES, ids=lambda one: getattr(one, "__name__", str(one)))
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

            if fault not in UNTOLD and (fault not in ASKED_OF_TWO or count == 2):
                for _ in range(MOST_TURNS if fault in ASKED_IN_TURN and count == 3 else 0):
                    head = place.mine()
                    await acted(lambda: told() or keeper.completed == head)  # noqa: B023
                await until(told, "nobody is told which node it is")
            place.check_sends()
            bad.heal()

    asyncio.run(play())
