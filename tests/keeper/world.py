"""A market on a real Anvil in which some vaults become unsafe, a keeper in this process, and a proxy between them."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from bulkhead.chain import anvil
from bulkhead.chain.connection import Connection
from bulkhead.chain.lens import VaultView, read_vaults
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.sender import account_from_key
from bulkhead.keeper.json_log import JsonLog
from bulkhead.keeper.launch import assemble
from bulkhead.keeper.node import Node
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.schedule import Pace
from bulkhead.keeper.service import Keeper, Tick
from bulkhead.replay.participants import ROLES
from bulkhead.replay.price_paths.rounds import Round
from bulkhead.replay.run import Replay
from tests.keeper.proxy import FaultProxy
from tests.worlds.local_market import START, undone

KEY = anvil.key(ROLES.index("keeper"))
#: Keepers besides the first, when several race: accounts with coins and no part in the play.
RIVALS = (anvil.key(17), anvil.key(18))
#: What the fault tests let a keeper do: flags are what must never be missed.
FLAGS = Policy(roles=frozenset({"flag"}))
#: The longest that a condition may take to come true: CI runs this beside other heavy suites.
PATIENCE = 90.0


def awaited(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test that awaits, as one that pytest can call."""

    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(test(*arguments, **named))  # type: ignore[arg-type]

    return run


class World:
    """One test's chain: blocks come only when the test mines them.

    Attributes:
        scene: The market.
        node: Its Anvil, asked directly.
        unsafe: Vaults that are unsafe after `crash`.
    """

    def __init__(self, scene: Replay) -> None:
        self.scene = scene
        self.node: Rpc = scene.local.anvil.rpc
        self.first = self.node.block_number()
        self.unsafe: set[int] = set()
        self.keepers: list[tuple[Keeper, io.StringIO]] = []

    @property
    def chain(self) -> Connection:
        """The deployment, asked directly."""
        return Connection(self.node, self.scene.local.chain.deployment)

    def crash(self, price: int = 178) -> None:
        """A round that makes some vaults unsafe: at 178 the short put and the leveraged future."""
        automine(self.node, True)
        self.scene.local.push(Round(START + 600, price * 10**8))
        automine(self.node, False)
        views = read_vaults(self.chain, list(self.chain.book().vaults))
        self.unsafe = {v.vault_id for v in views if isinstance(v, VaultView) and v.liquidatable}
        assert len(self.unsafe) >= 2

    def flagged(self) -> set[int]:
        """Vaults with an open flag."""
        return {v.vault_id for v in self.chain.book().vaults.values() if v.flagged}

    def mine(self, blocks: int = 1) -> int:
        """Mines; returns the head."""
        for _ in range(blocks):
            self.node.call("evm_mine")
        return self.node.block_number()

    async def step(self, blocks: int = 1) -> None:
        """Mines, each time letting every keeper act on the block."""
        for _ in range(blocks):
            head = self.mine()
            for keeper, _ in self.keepers:
                await seen(keeper, head)

    async def ignored(self, proxies: list[FaultProxy], blocks: int, posts: int = 1) -> None:
        """Mines blocks under a fault: each only after every proxy has had so many posts since the last one."""
        for _ in range(blocks):
            wanted = [(proxy, proxy.posts + posts) for proxy in proxies]
            self.mine()
            await until(lambda: all(p.posts >= n for p, n in wanted), "the keeper has stopped asking")  # noqa: B023

    async def rescued(self, blocks: int = 2) -> bool:
        """Whether every unsafe vault is flagged within so many blocks from now."""
        for _ in range(blocks):
            await self.step()
            if self.flagged() == self.unsafe:
                return True
        return False

    def transactions(self, account: str | None = None) -> list[tuple[str, bool, int]]:
        """What an account has had mined since the test began: (input, whether it passed, nonce)."""
        sender = (account or self.address).lower()
        found = []
        for number in range(self.first + 1, self.node.block_number() + 1):
            block = self.node.call("eth_getBlockByNumber", hex(number), True)
            for entry in block["transactions"]:
                if entry["from"].lower() == sender:
                    receipt = self.node.call("eth_getTransactionReceipt", entry["hash"])
                    found.append((entry["input"], receipt["status"] == "0x1", int(entry["nonce"], 16)))
        return found

    @property
    def address(self) -> str:
        """The keeper's."""
        return str(account_from_key(KEY).address)

    def check_sends(self, *, reverted: int = 0) -> None:
        """Each unsafe vault was flagged by exactly one transaction that passed, and nothing else was sent."""
        flag = self.chain["Liquidator"].encode
        wanted = sorted("0x" + flag("flag", i).hex() for i in self.unsafe)
        done = [(data, well) for data, well, _ in self.transactions() if data != "0x"]
        assert sorted(data for data, well in done if well) == wanted
        assert sum(not well for _, well in done) == reverted

    @asynccontextmanager
    async def keeper(
        self, *urls: str, key: str = KEY, journal: str = ":memory:", timeout: float = 30.0, **options: Any
    ) -> AsyncIterator[Keeper]:
        """A keeper that runs beside the test, stopped at its end; it must then still be alive."""
        stream = io.StringIO()
        nodes = [Node(url, timeout_seconds=timeout) for url in urls]
        options = {"policy": FLAGS, "pace": Pace(0.02, 0.1, 0.05), **options}
        keeper = await assemble(
            self.scene.local.chain.deployment, nodes, account_from_key(key), journal, JsonLog(stream), **options
        )
        task = asyncio.create_task(keeper.run())
        self.keepers.append((keeper, stream))
        try:
            await seen(keeper, self.node.block_number())
            yield keeper
            assert not task.done(), "the keeper has ended"
            assert not [line for line in lines(stream) if line["event"] == "bug"]
        finally:
            self.keepers.remove((keeper, stream))
            keeper.stop()
            await asyncio.wait_for(task, PATIENCE)


async def until(holds: Callable[[], bool], otherwise: str) -> None:
    """Waits until a condition holds: never a fixed time, and long enough for a busy machine."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, otherwise
        await asyncio.sleep(0.01)


async def seen(keeper: Keeper, head: int) -> None:
    """Waits until a keeper has acted on a block, replacements included."""
    await until(lambda: keeper.completed >= head, f"the keeper has not seen block {head}")


def fall(scene: Replay, price: int = 178) -> set[int]:
    """A round that makes the short put and the leveraged future unsafe; returns their ids."""
    scene.local.push(Round(START + 600, price * 10**8))
    unsafe = {v.vault_id for v in scene.vaults.values() if v.title in ("short put", "leveraged future")}
    assert len(unsafe) == 2
    return unsafe


def flagged(scene: Replay) -> set[int]:
    """Vaults with an open flag."""
    return {v.vault_id for v in scene.local.chain.book().vaults.values() if v.flagged}


Play = Callable[[Keeper], Awaitable[Any]]


def keep(scene: Replay, play: Play, url: str = "", **options: Any) -> tuple[Any, list[dict[str, Any]]]:
    """Puts a keeper together, plays with it, and returns what the play gave and what the keeper logged."""
    stream = io.StringIO()

    async def run() -> Any:
        nodes = [Node(url or scene.local.anvil.url, timeout_seconds=30)]
        account = account_from_key(KEY)
        log = JsonLog(stream)
        keeper = await assemble(scene.local.chain.deployment, nodes, account, ":memory:", log, **options)
        try:
            return await play(keeper)
        finally:
            await keeper.close()

    return asyncio.run(run()), lines(stream)


async def settle(keeper: Keeper) -> Tick:
    """Ticks until nothing is sent and nothing in flight."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        done = await keeper.tick()
        if not done.sent and not done.pending:
            return done
        await asyncio.sleep(0.005)
    raise AssertionError("the keeper acts without end")


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """What a keeper has logged."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def automine(node: Rpc, on: bool) -> None:
    """Whether Anvil mines every transaction at once."""
    node.call("evm_setAutomine", on)


@contextmanager
def world(market: Replay) -> Iterator[World]:
    """A world on a shared chain; what happens inside is undone."""
    with undone(market) as scene:
        automine(scene.local.anvil.rpc, False)
        try:
            yield World(scene)
        finally:
            scene.local.anvil.rpc.call("anvil_dropAllTransactions")
            automine(scene.local.anvil.rpc, True)


@asynccontextmanager
async def proxied(world: World, count: int = 1) -> AsyncIterator[list[FaultProxy]]:
    """Proxies before the world's node."""
    proxies = [FaultProxy(world.scene.local.anvil.url, seed) for seed in range(1, count + 1)]
    for proxy in proxies:
        await proxy.__aenter__()
    try:
        yield proxies
    finally:
        for proxy in proxies:
            await proxy.__aexit__()


def dumped(node: Rpc, path: Path) -> Path:
    """A copy of a chain that another Anvil can load."""
    import gzip

    raw = bytes.fromhex(node.call("anvil_dumpState")[2:])
    path.write_bytes(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    return path
