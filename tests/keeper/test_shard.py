"""Workers behind one Redis: three share the vaults, the living take over from the dead, and none are needed."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from bulkhead.chain.anvil import free_port
from bulkhead.chain.sender import account_from_key
from bulkhead.keeper import shard
from bulkhead.keeper.executor import SenderExecutor
from bulkhead.keeper.fees import FeePolicy
from bulkhead.keeper.journal import Journal
from bulkhead.keeper.json_log import JsonLog
from bulkhead.keeper.node import Node
from bulkhead.keeper.providers import Providers
from bulkhead.keeper.sender import Sender
from bulkhead.keeper.shard import STALE_BLOCKS, PatientBroker, QueueExecutor, Worker, owner_of
from bulkhead.replay.many_vaults import ManyVaults, members
from tests.keeper.world import KEY, PATIENCE, RIVALS, World, awaited, lines, until, world
from tests.worlds.local_market import EXPIRY, opened

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
    with serving(free_port(), tmp_path_factory.mktemp("redis")) as url:
        yield url


@contextmanager
def serving(port: int, folder: Path) -> Iterator[str]:
    """A Redis on a port."""
    binary = os.environ.get("REDIS_SERVER") or shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed; on Debian `apt-get install redis-server` brings it.")
    process = subprocess.Popen(
        [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        cwd=folder, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"redis://127.0.0.1:{port}/0"
    try:
        deadline = time.monotonic() + PATIENCE
        with Redis.from_url(url) as client:
            while not answers(client):
                assert process.poll() is None and time.monotonic() < deadline, "redis-server does not answer"
                time.sleep(0.02)
        yield url
    finally:
        process.kill()
        process.wait()


def answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("shards") / "log") as replay:
        ManyVaults(replay.local, EXPIRY).open(members(12, least=1.12, most=1.2))
        yield replay


@pytest.fixture
def place(market):
    with world(market) as found:
        for key in WORKERS:
            market.local.anvil.set_balance(str(account_from_key(key).address), 10**20)
        yield found


class Crew:
    """Three workers, and a watcher that queues for them."""

    def __init__(self, place: World, redis: str) -> None:
        self.place, self.redis = place, redis
        self.url = place.scene.local.anvil.url
        self.deployment = place.scene.local.chain.deployment
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
        with Redis.from_url(self.redis) as client:
            await until(lambda: client.exists(worker.names.beat(index)) == 1, f"worker {index} does not beat")

    @classmethod
    async def of(cls, workers: int, place: World, redis: str, stack: AsyncExitStack) -> Crew:
        """A crew with so many workers, which the stack ends."""
        crew = await stack.enter_async_context(cls(place, redis))
        for index in range(workers):
            await crew.hire(index)
        return crew

    async def __aenter__(self) -> Crew:
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.stop()
        await asyncio.gather(*self.tasks)
        for worker in self.workers:
            await worker.providers.close()

    async def watch(self, stack: AsyncExitStack) -> QueueExecutor:
        """A keeper that queues."""
        keeper = await stack.enter_async_context(self.place.keeper(self.url))
        executor = QueueExecutor(self.redis, 3, keeper.providers, SenderExecutor(keeper.wallets), keeper.log)
        keeper.executor = executor
        return executor

    def keys(self, event: str) -> list[str]:
        """What the workers have told of one event."""
        return [line["key"] for line in lines(self.stream) if line["event"] == event]

    async def rescue(self) -> None:
        """Mines until every unsafe vault is flagged, the workers keeping pace; no vault by two transactions."""
        flags = sorted(f"flag:{i}" for i in self.place.unsafe)
        await self.place.step()
        await until(lambda: len(self.keys("sent")) >= len(flags), "the workers have not sent")
        await self.place.step()
        assert self.place.flagged() == self.place.unsafe
        await until(lambda: len(self.keys("mined")) >= len(flags), "the workers have not seen their receipts")
        await self.place.step(2)
        assert sorted(self.keys("sent")) == sorted(self.keys("mined")) == flags


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A worker on a busy machine is slow to beat, which is not what these tests are about."""
    monkeypatch.setattr(shard, "ALIVE_SECONDS", PATIENCE)


@awaited
async def test_workers__three_behind_one_queue__each_flags_its_own_vaults_once(place, redis):
    async with AsyncExitStack() as stack:
        crew = await Crew.of(3, place, redis, stack)
        executor = await crew.watch(stack)
        place.crash(170)
        assert len({i % 3 for i in place.unsafe}) == 3, place.unsafe
        await crew.rescue()
        assert executor.queued == len(place.unsafe)
        for worker in crew.workers:
            mined = [d for d, well, _ in place.transactions(worker.sender.address) if well and len(d) > 2]
            assert len(mined) == sum(i % 3 == worker.index for i in place.unsafe)


@awaited
async def test_workers__one_is_gone__the_others_take_its_vaults(place, redis):
    async with AsyncExitStack() as stack:
        crew = await Crew.of(1, place, redis, stack)
        executor = await crew.watch(stack)
        place.crash()
        await crew.rescue()
        assert executor.queued == len(place.unsafe)


def test_workers__one_dies_with_tasks_in_its_queue__they_are_queued_anew_and_its_own_are_stale(
    place, redis, monkeypatch
):
    # a lease only has to outlive the watcher's next look here
    monkeypatch.setattr(shard, "LEASE_SECONDS", 0.5)

    async def play() -> None:
        async with AsyncExitStack() as stack:
            crew = await stack.enter_async_context(Crew(place, redis))
            executor = await crew.watch(stack)
            names = executor.names
            with Redis.from_url(redis) as client:
                for index in range(3):  # beats that outlive their workers
                    client.set(names.beat(index), 1)
                place.crash(170)
                await place.step()
                count = len(place.unsafe)
                assert executor.queued == count and place.flagged() == set()
                await until(lambda: not client.keys(names.lease("*")), "leases do not end")
                monkeypatch.setattr(shard, "LEASE_SECONDS", PATIENCE)
                client.delete(names.beat(1), names.beat(2))
                place.mine(STALE_BLOCKS)
                await place.step()
                assert executor.queued == 2 * count and place.flagged() == set()
                await crew.hire(0)
                await crew.rescue()
                # what was planned for it before is dropped, what the watcher has queued anew is sent
                assert len(crew.keys("stale-task")) == sum(i % 3 == 0 for i in place.unsafe) > 0

    asyncio.run(play())


@awaited
async def test_workers__one_without_coins__leaves_its_vaults_to_the_others_and_says_so(place, redis):
    async with AsyncExitStack() as stack:
        crew = await Crew.of(2, place, redis, stack)
        place.scene.local.anvil.set_balance(crew.workers[0].sender.address, 0)
        executor = await crew.watch(stack)
        place.crash(170)
        await place.step()
        await until(lambda: not crew.workers[0].fit, "the poor worker claims its shard")
        # it gives its tasks back one by one: what it still has in its queue is queued anew only after that
        poor = [i for i in place.unsafe if shard.owner_of(i, 3, [0, 1]) == 0]
        with Redis.from_url(redis) as client:
            held = [executor.names.lease(f"flag:{i}") for i in poor]
            await until(lambda: not client.exists(*held), "the poor worker keeps its tasks")
        await crew.rescue()
        assert executor.queued > len(place.unsafe) and crew.workers[1].fit
        assert [line["kind"] for line in lines(crew.stream) if line["event"] == "alert"] == ["no-funds"]


@awaited
async def test_worker__without_a_node__is_not_fit(place, redis):
    async with AsyncExitStack() as stack:
        crew = await Crew.of(1, place, redis, stack)
        (worker,) = crew.workers
        assert worker.fit
        worker._caught_up_at -= shard.ALIVE_SECONDS
        worker.providers.nodes[0].url = "http://127.0.0.1:1"
        assert not worker.fit


@awaited
async def test_worker__cancellation_taken_for_a_timeout_of_redis__ends_all_the_same(place, redis, monkeypatch):
    """Asked to end while Redis times out: the heart went on beating, and the worker never ended."""
    monkeypatch.setattr(shard, "BEAT_SECONDS", 0.01)
    async with AsyncExitStack() as stack:
        crew = await Crew.of(1, place, redis, stack)
        (worker,) = crew.workers
        beating, swallowed = asyncio.Event(), []

        async def slow(*_: object, **__: object) -> None:
            beating.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed.append(True)
                raise RedisTimeout("timed out") from None

        monkeypatch.setattr(worker._redis, "set", slow)
        await asyncio.wait_for(beating.wait(), PATIENCE)
        worker.stop()
        await asyncio.wait_for(asyncio.shield(crew.tasks[0]), PATIENCE)
        assert swallowed


def test_broker__redis_comes_late__is_waited_for_and_told_once(tmp_path):
    told: list[str] = []
    port = free_port()

    async def play() -> bytes:
        broker = PatientBroker(f"redis://127.0.0.1:{port}/0", "q", lambda event, **_: told.append(event))
        tasks = broker.listen()
        waiting = asyncio.ensure_future(anext(tasks))
        await asyncio.sleep(3 * shard.REDIS_REST)
        with serving(port, tmp_path) as url, Redis.from_url(url) as client:
            client.lpush("q", b"task")
            found = await asyncio.wait_for(waiting, PATIENCE)
            await tasks.aclose()
            await broker.shutdown()
        return found

    assert asyncio.run(play()) == b"task" and told == ["redis-away", "redis-back"]


@pytest.mark.parametrize("gone", ["redis", "workers"])
def test_watcher__no_redis_or_no_worker__works_alone(place, redis, gone):
    async def play(url: str) -> None:
        async with AsyncExitStack() as stack:
            crew = Crew(place, url)
            executor = await crew.watch(stack)
            place.crash()
            assert await place.rescued()
            assert executor.queued == 0

    asyncio.run(play(f"redis://127.0.0.1:{free_port()}/0" if gone == "redis" else redis))
    place.check_sends()
