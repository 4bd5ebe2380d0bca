"""Workers behind one Redis: three share the vaults, the living take over from the dead, and none are needed."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import subprocess
import time
from contextlib import AsyncExitStack

import pytest
from redis import Redis

from bulkhead.chain.anvil import free_port
from bulkhead.chain.sender import account_from_key
from bulkhead.keeper.fees import FeePolicy
from bulkhead.keeper.journal import Journal
from bulkhead.keeper.log import JsonLog
from bulkhead.keeper.providers import Node, Providers
from bulkhead.keeper.sender import Sender
from bulkhead.keeper.service import OwnHands
from bulkhead.keeper.shard import QueueHands, Worker, owner_of
from bulkhead.replay.crowd import Crowd, members
from tests.keeper.world import KEY, RIVALS, World, lines, world
from tests.stage import EXPIRY, opened

WORKERS = (KEY, *RIVALS)


def test_owner_of__every_vault__has_one_living_worker():
    assert [owner_of(i, 3, [0, 1, 2]) for i in range(6)] == [0, 1, 2, 0, 1, 2]
    for alive in ([1], [0, 2], [0, 1, 2]):
        owners = [owner_of(i, 3, alive) for i in range(60)]
        assert set(owners) == set(alive)
        assert all(owner == i % 3 for i, owner in enumerate(owners) if i % 3 in alive)


@pytest.fixture
def redis(server):
    """The module's Redis, empty."""
    with Redis.from_url(server) as client:
        client.flushall()
    return server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Redis of the module's own."""
    binary = os.environ.get("REDIS_SERVER") or shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed; on Debian `apt-get install redis-server` brings it.")
    port = free_port()
    process = subprocess.Popen(
        [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        cwd=tmp_path_factory.mktemp("redis"), stdout=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(0.3)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("shards") / "log") as replay:
        Crowd(replay.stage, EXPIRY).open(members(12, least=1.12, most=1.2))
        yield replay


@pytest.fixture
def place(market):
    with world(market) as found:
        for key in WORKERS:
            market.stage.anvil.set_balance(str(account_from_key(key).address), 10**20)
        yield found


class Crew:
    """Three workers, and a watcher that queues for them."""

    def __init__(self, place: World, redis: str) -> None:
        self.place, self.redis = place, redis
        self.url = place.scene.stage.anvil.url
        self.deployment = place.scene.stage.chain.deployment
        self.stream = io.StringIO()
        self.workers: list[Worker] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def providers(self) -> Providers:
        found = Providers([Node(self.url)], self.deployment)
        await found.start()
        return found

    async def hire(self, index: int) -> None:
        nodes, log = await self.providers(), JsonLog(self.stream)
        account = account_from_key(WORKERS[index])
        sender = Sender(nodes, account, Journal(":memory:", "test", account.address), FeePolicy(), log)
        worker = Worker(self.redis, index, nodes, sender, log)
        self.workers.append(worker)
        self.tasks.append(asyncio.create_task(worker.run(0.02)))

    async def __aenter__(self) -> Crew:
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.stop()
        await asyncio.gather(*self.tasks)
        for worker in self.workers:
            await worker.providers.close()

    async def watch(self, stack: AsyncExitStack) -> QueueHands:
        """A keeper that queues."""
        keeper = await stack.enter_async_context(self.place.keeper(self.url))
        hands = QueueHands(self.redis, 3, keeper.providers, OwnHands(keeper.sender), keeper.log)
        keeper.hands = hands
        return hands

    def sent(self) -> dict[str, str]:
        """Which worker's account flagged what, by the logs."""
        return {line["key"]: line["id"] for line in lines(self.stream) if line["event"] == "mined"}


async def flagged_within(place: World, blocks: int) -> bool:
    for _ in range(blocks):
        await place.step()
        await asyncio.sleep(0.1)
        if place.flagged() == place.unsafe:
            return True
    return False


def test_workers__three_behind_one_queue__each_flags_its_own_vaults_once(place, redis):
    async def play() -> None:
        async with AsyncExitStack() as stack:
            crew = await stack.enter_async_context(Crew(place, redis))
            for index in range(3):
                await crew.hire(index)
            await asyncio.sleep(0.3)
            hands = await crew.watch(stack)
            place.crash(170)
            assert len({i % 3 for i in place.unsafe}) == 3, place.unsafe
            assert await flagged_within(place, 4)
            await place.step(2)
            assert hands.queued == len(place.unsafe) == len(crew.sent())
            for worker in crew.workers:
                mined = [d for d, well, _ in place.transactions(worker.sender.address) if well and len(d) > 2]
                assert len(mined) == sum(i % 3 == worker.index for i in place.unsafe)

    asyncio.run(play())


def test_workers__one_is_gone__the_others_take_its_vaults(place, redis):
    async def play() -> None:
        async with AsyncExitStack() as stack:
            crew = await stack.enter_async_context(Crew(place, redis))
            await crew.hire(0)
            await asyncio.sleep(0.3)
            hands = await crew.watch(stack)
            place.crash()
            assert await flagged_within(place, 4)
            assert hands.queued == len(place.unsafe) == len(crew.sent())

    asyncio.run(play())


@pytest.mark.parametrize("gone", ["redis", "workers"])
def test_watcher__no_redis_or_no_worker__works_alone(place, redis, gone):
    async def play(url: str) -> None:
        async with AsyncExitStack() as stack:
            crew = Crew(place, url)
            hands = await crew.watch(stack)
            place.crash()
            assert await flagged_within(place, 4)
            assert hands.queued == 0

    asyncio.run(play(f"redis://127.0.0.1:{free_port()}/0" if gone == "redis" else redis))
    place.check_sends()
