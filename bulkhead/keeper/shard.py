"""Many machines: one keeper watches, N workers send, each for the vaults of its shard, behind one Redis.

The watcher puts what it decides into the queue of the worker that a vault's id belongs to (taskiq, one list per
worker); each worker has an account and a journal of its own. A lease per action keeps it from being queued twice while
a worker is at it; the shards of a worker whose heartbeat has stopped go to the others. Without Redis, or without any
worker alive, the watcher sends by itself. Actions that need the watcher's own vaults or tokens are always its own.

Needs the extra `shard` (taskiq, taskiq-redis, redis).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import traceback
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError
from taskiq.api import run_receiver_task
from taskiq.exceptions import TaskiqError
from taskiq.kicker import AsyncKicker
from taskiq_redis import ListQueueBroker

from bulkhead.chain.background import end
from bulkhead.chain.errors import BulkheadError
from bulkhead.keeper.calls import Call
from bulkhead.keeper.decide import BUGS
from bulkhead.keeper.executor import SenderExecutor
from bulkhead.keeper.node import Head
from bulkhead.keeper.outcomes import Report
from bulkhead.keeper.plan import Absorb, Clear, Flag, Refresh, Repay
from bulkhead.keeper.providers import Providers
from bulkhead.keeper.sender import Sender
from bulkhead.keeper.webhook import Alerts

TASK = "bulkhead:send"
#: A worker counts as alive for so long after its last heartbeat, and beats so often [seconds].
ALIVE_SECONDS, BEAT_SECONDS = 3.0, 0.5
#: An action is not queued again for so long.
LEASE_SECONDS = 4.0
#: A task that was planned more blocks ago is dropped: the watcher queues anew what is still due.
STALE_BLOCKS = 3
#: A worker that could not pay for gas, or reached no node, leaves its shard to the others for so long [seconds].
UNFIT_SECONDS = 30.0
#: Pause before Redis is asked again after it has failed [seconds].
REDIS_REST = 0.5
#: What can be sent by any account.
SHARED = (Flag, Clear, Absorb, Refresh, Repay)


class Names:
    """Keys in Redis of one deployment."""

    def __init__(self, chain_id: int, house: str) -> None:
        self._root = f"bulkhead:{chain_id}:{house.lower()}"

    def queue(self, worker: int) -> str:
        """Tasks of a worker."""
        return f"{self._root}:queue:{worker}"

    def beat(self, worker: int) -> str:
        """Heartbeat of a worker."""
        return f"{self._root}:alive:{worker}"

    def lease(self, key: str) -> str:
        """That an action is being done."""
        return f"{self._root}:lease:{key}"


class PatientBroker(ListQueueBroker):
    """A list in Redis that is waited for when Redis is away; the library's own tries again without a pause.

    Attributes:
        report: Told once when Redis goes and once when it is back.
    """

    def __init__(self, url: str, queue_name: str, report: Report) -> None:
        super().__init__(url, queue_name=queue_name)
        self.report = report
        # it writes no JSON lines; what matters of what it says is told here
        logging.getLogger("taskiq").setLevel(logging.ERROR)

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """Tasks as they come."""
        away = False
        while True:
            try:
                async with Redis(connection_pool=self.connection_pool) as redis:
                    found = await redis.brpop([self.queue_name], timeout=1)  # type: ignore[misc]
            except (RedisError, OSError) as error:
                if not away:
                    self.report("redis-away", reason=type(error).__name__)
                away = True
                await asyncio.sleep(REDIS_REST)
                continue
            if away:
                self.report("redis-back")
            away = False
            if found is not None:
                yield found[1]


def names_of(providers: Providers) -> Names:
    """Keys of the deployment that these nodes serve."""
    return Names(providers.deployment.chain_id, providers.deployment.address("Clearinghouse"))


def owner_of(vault_id: int, count: int, alive: Sequence[int]) -> int:
    """The worker that a vault belongs to: its shard's own one, or, while that is gone, another, by id as well."""
    worker = vault_id % count
    return worker if worker in alive else alive[vault_id // count % len(alive)]


class QueueExecutor:
    """Puts shared actions into the workers' queues, and sends the rest itself.

    Attributes:
        queued: Actions put into queues so far.
    """

    def __init__(self, url: str, workers: int, providers: Providers, own: SenderExecutor, report: Report) -> None:
        self.names = names_of(providers)
        self.workers = workers
        self.own = own
        self.report = report
        self.queued = 0
        self._redis = Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0)
        self._broker = ListQueueBroker(url, queue_name=self.names.queue(0))
        self._told: str | None = None

    async def close(self) -> None:
        """Closes the journal and connections to Redis."""
        await self.own.close()
        await self._broker.shutdown()
        await self._redis.aclose()

    async def submit(self, calls: Sequence[Call], head: Head) -> tuple[int, list[tuple[Call, str]]]:
        """Queues what is shared; sends the rest, and everything when no worker can be reached."""
        try:
            alive = await self._alive()
        except (RedisError, OSError) as error:
            self._tell("alone", f"Redis does not answer ({type(error).__name__})")
            return await self.own.submit(calls, head)
        if not alive:
            self._tell("alone", "no worker is alive")
            return await self.own.submit(calls, head)
        self._tell("sharded", f"workers alive: {alive}")
        mine = [call for call in calls if not isinstance(call.action, SHARED)]
        left: list[Call] = []
        sent = 0
        for call in calls:
            if isinstance(call.action, SHARED):
                try:
                    sent += await self._queue(call, head, owner_of(call.action.vault_id, self.workers, alive))
                except (RedisError, TaskiqError, OSError):
                    left.append(call)
        more, refused = await self.own.submit([*left, *mine], head)
        return sent + more, refused

    async def _alive(self) -> list[int]:
        beats = await self._redis.mget([self.names.beat(i) for i in range(self.workers)])
        return [i for i, beat in enumerate(beats) if beat is not None]

    async def _queue(self, call: Call, head: Head, worker: int) -> bool:
        lease = self.names.lease(call.key)
        if not await self._redis.set(lease, worker, nx=True, px=int(LEASE_SECONDS * 1000)):
            return False
        labels = {"queue_name": self.names.queue(worker)}
        kicker: AsyncKicker[Any, Any] = AsyncKicker(TASK, self._broker, labels)
        await kicker.kiq(pack(call), vars(head))
        self.queued += 1
        self.report("queued", key=call.key, worker=worker, block=head.number)
        return True

    def _tell(self, event: str, why: str) -> None:
        if why != self._told:
            self._told = why
            self.report(event, reason=why)


def pack(call: Call) -> dict[str, Any]:
    """A call as it travels."""
    return {
        "key": call.key, "name": call.name, "to": call.to, "data": call.data.hex(), "gas": call.gas,
        "worth": str(call.worth), "vault_id": getattr(call.action, "vault_id", 0), "patient": call.patient,
    }  # fmt: skip


def unpack(body: dict[str, Any]) -> Call:
    """A call as it arrives; the worker does not need to know which action it was, only what to send."""
    action = Flag(int(body["vault_id"]), body["gas"] is not None)
    return Call(
        str(body["key"]), str(body["name"]), str(body["to"]), bytes.fromhex(body["data"]),
        None if body["gas"] is None else int(body["gas"]), int(body["worth"]), action, bool(body["patient"]),
    )  # fmt: skip


class Worker:
    """Sends what is in its queue, with an account of its own, and watches it until it is mined.

    Attributes:
        index: Which of the workers it is.
        sender: What it sends with.
    """

    def __init__(
        self,
        url: str,
        index: int,
        providers: Providers,
        sender: Sender,
        report: Report,
        alerts: Alerts | None = None,
    ) -> None:
        self.index = index
        self.providers = providers
        self.sender = sender
        self.report = report
        self.alerts = alerts or Alerts("", 900.0, report)
        self.names = names_of(providers)
        self._redis = Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0)
        self._broker = PatientBroker(url, self.names.queue(index), report)
        self._caught_up_at = self._unfit_until = 0.0

        async def send(body: dict[str, Any], head: dict[str, Any]) -> None:
            await self._send(body, head)

        self._broker.register_task(send, task_name=TASK)
        self._stop = asyncio.Event()
        self._lock = asyncio.Lock()
        self._newest = -1

    def stop(self) -> None:
        """Ends `run`."""
        self._stop.set()

    async def _send(self, body: dict[str, Any], head: dict[str, Any]) -> None:
        call, block = unpack(body), Head(**head)
        if self._newest - block.number > STALE_BLOCKS:
            self.report("stale-task", key=call.key, planned=block.number, block=self._newest, worker=self.index)
            return
        async with self._lock:
            try:
                _, refused = await self.sender.submit([call], block)
            except BulkheadError as error:
                self.report("send-failed", key=call.key, reason=str(error), worker=self.index)
                await self._give_back(call)
                return
            except BUGS as error:
                self.report("bug", reason=repr(error), trace=traceback.format_exc(), worker=self.index)
                await self._give_back(call)
                return
        for one, reason in refused:
            self.report("action-failed", key=one.key, reason=reason, worker=self.index)
            if "too few for gas" in reason:
                self.alerts(
                    "no-funds", self.sender.address, f"Worker {self.index} cannot pay for gas.",
                    balance=str(self.sender.balance),
                )  # fmt: skip
                await self._give_back(one)

    @property
    def fit(self) -> bool:
        """Whether it follows the chain and can send: only then does it claim its shard."""
        now = time.monotonic()
        return now >= self._unfit_until and now - self._caught_up_at < ALIVE_SECONDS

    async def _give_back(self, call: Call) -> None:
        """Leaves a task, and for a while the shard, to the others; the watcher queues anew what is still due."""
        self._unfit_until = time.monotonic() + UNFIT_SECONDS
        with contextlib.suppress(RedisError, OSError):
            await self._redis.delete(self.names.beat(self.index), self.names.lease(call.key))

    async def run(self, poll_seconds: float = 0.25) -> None:
        """Works until `stop`."""
        self.report("started", worker=self.index, keeper=self.sender.address)
        await self._catch_up(await self.providers.head())
        self._caught_up_at = time.monotonic()
        await self._broker.startup()
        tasks = [asyncio.create_task(run_receiver_task(self._broker)), asyncio.create_task(self._beat())]
        try:
            last = -1
            while not self._stop.is_set():
                try:
                    head = await self.providers.head()
                    if head.number != last:
                        await self._catch_up(head)
                        last = head.number
                    self._caught_up_at = time.monotonic()
                except BulkheadError as error:
                    self.report("read-failed", reason=str(error), worker=self.index)
                except BUGS as error:
                    self.report("bug", reason=repr(error), worker=self.index)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), poll_seconds)
        finally:
            await end(tasks)
            with contextlib.suppress(RedisError, OSError):
                await self._redis.delete(self.names.beat(self.index))
            await self._broker.shutdown()
            await self._redis.aclose()
            self.report("stopped", worker=self.index)

    async def _catch_up(self, head: Head) -> None:
        self._newest = max(self._newest, head.number)
        async with self._lock:
            answers = await self.providers.read(self.sender.calls(head), head.number)
            for outcome in self.sender.take_in(head, answers):
                if outcome.reason:
                    self.report("attempt-ended", key=outcome.attempt.key, reason=outcome.reason, worker=self.index)
            await self.sender.maintain(head)

    async def _beat(self) -> None:
        while True:
            if self.fit:
                with contextlib.suppress(RedisError, OSError):
                    await self._redis.set(self.names.beat(self.index), 1, px=int(ALIVE_SECONDS * 1000))
            await asyncio.sleep(BEAT_SECONDS)
