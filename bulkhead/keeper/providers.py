"""All nodes of a keeper, several asked at once, each trusted only as far as it deserves.

A node must serve the deployment's chain and its contracts before anything is asked of it. Reads go to the
healthiest one that is not behind, and on failure to the next; transactions go to all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

import aiohttp

from bulkhead.chain.background import end
from bulkhead.chain.contract import Query
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import BulkheadError, NodeUnavailable, Reverted
from bulkhead.chain.rpc import Call, to_bytes
from bulkhead.keeper.admission import Admission
from bulkhead.keeper.block_pin import Pin, read_at
from bulkhead.keeper.node import LONGEST_REST, Head, Node
from bulkhead.keeper.quorum import Quorum

#: Once one node has answered, the others that were asked the same are waited for so long [seconds].
GRACE = 0.5
#: The same for heads: one that is slower is judged by what it told before [seconds].
GRACE_HEAD = 0.15
#: A node that takes longer is not waited for alone: the next one is asked as well [seconds].
HEDGE = 0.25
#: A second node is waited for so long, once the first has answered [seconds].
WITNESS = 0.25
#: Tells how a transaction has ended.
RECEIPT = "eth_getTransactionReceipt"
#: Nodes that are set aside are asked for their heads so often [seconds].
AGAIN = 2.0


class Providers:
    """All nodes of a keeper.

    Attributes:
        nodes: The nodes.
        deployment: What they must serve.
        lag: Blocks that a node may be behind the newest head before it is not asked.
        quorum: Judges the heads.
        disputes: When each node last said something else than another, by name [monotonic seconds].
        wake: Set when a node announces a block.
        announced: The newest header that a node has announced and nobody has taken yet.
    """

    def __init__(self, nodes: Sequence[Node], deployment: Deployment, lag: int = 2) -> None:
        self.nodes = list(nodes)
        self.deployment = deployment
        self.lag = lag
        self._admission = Admission(self.nodes, deployment)
        self.quorum = Quorum(lag, self._admission.meet)
        self.disputes: dict[str, float] = {}
        self._asked: dict[str, asyncio.Task[Head]] = {}
        self._turn = 0
        self.wake = asyncio.Event()
        self.announced: Head | None = None
        self._listeners: list[asyncio.Task[None]] = []
        self._late: set[asyncio.Task[Any]] = set()
        self._verifying: dict[str, asyncio.Task[None]] = {}

    @property
    def posts(self) -> int:
        """HTTP posts so far."""
        return sum(node.posts for node in self.nodes)

    async def close(self) -> None:
        """Ends listeners and connections."""
        await end([*self._listeners, *self._late])
        self._listeners.clear()
        for node in self.nodes:
            await node.close()

    async def start(self) -> None:
        """Verifies the nodes; at least one must answer and serve the deployment, the others may follow.

        Raises:
            BulkheadError: What is wrong with the first, when none will do.
        """
        found = await self._all([self._admission.meet(node) for node in self.nodes])
        if not any(node.verified for node in self.nodes):
            raise next(error for error in found if isinstance(error, BulkheadError))
        self._listeners = [asyncio.create_task(self._listen(node)) for node in self.nodes if node.ws]

    def _verify_beside(self) -> None:
        """Asks nodes for what they serve, without waiting for one that hangs."""
        for node in self.nodes:
            if node.url not in self._verifying or self._verifying[node.url].done():
                self._verifying[node.url] = asyncio.create_task(self._admission.renew(node))
                self._leave(self._verifying[node.url])

    def _leave(self, task: asyncio.Task[Any]) -> None:
        """Lets a task go on by itself."""
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _all(self, asked: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        """Answers of several nodes to one question, exceptions included.

        One that hangs holds nobody up: what it has been sent it may still get, but nobody waits for what it says.
        """
        tasks = [asyncio.create_task(one) for one in asked]
        waiting = set(tasks)
        while waiting and not any(task.done() and task.exception() is None for task in tasks):
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if waiting:
            _, waiting = await asyncio.wait(waiting, timeout=GRACE)
        for task in waiting:
            self._leave(task)
        late = NodeUnavailable("A node takes longer than the others.")
        return [late if task in waiting else task.exception() or task.result() for task in tasks]

    def ranked(self) -> list[Node]:
        """Nodes to ask, best first; those that rest, are behind or not believed come last."""
        head = self.quorum.followed
        newest = head.number if head is not None else max((n.head for n in self.nodes if n.verified), default=-1)
        usable = [node for node in self.nodes if node.verified]
        return sorted(usable, key=lambda n: (bool(n.complaint), n.head < newest - self.lag, n.resting, n.score))

    # --- heads ----------------------------------------------------------------------------------------------------

    async def head(self, check: bool = False) -> Head:
        """The newest header that the nodes agree on; with `check` those that are set aside are asked as well.

        Raises:
            NodeUnavailable: No node answers.
        """
        if not any(node.verified for node in self.nodes):
            await self._admission.renew_all()
        elif check:
            self._verify_beside()
        usable = [node for node in self.nodes if node.verified]
        if not usable:
            raise NodeUnavailable("No node serves the deployment.")
        if len(self.nodes) == 1:
            await usable[0].newest()
        else:
            await self._poll(usable, check)
        return await self.quorum.choose(self.nodes)

    async def doubt(self, head: Head | None) -> None:
        """After a look that failed: who tells its block has to show it."""
        if head is not None and len(self.nodes) > 1:
            await self.quorum.headers.doubt(self.nodes, head)

    async def heard(self) -> Head:
        """The header to follow after a node has announced one.

        Raises:
            NodeUnavailable: No node has told one of late.
        """
        return await self.quorum.choose(self.nodes)

    async def _poll(self, nodes: Sequence[Node], everyone: bool) -> None:
        """Asks the nodes for their heads; waits for news, or a moment after the first answer.

        Raises:
            NodeUnavailable: None answers.
        """
        now = time.monotonic()
        for node in nodes:
            idle = node.name not in self._asked or self._asked[node.name].done()
            if idle and (everyone or not node.aside or now - node.asked_at >= AGAIN):
                node.asked_at = now
                self._asked[node.name] = asyncio.create_task(node.newest())
                self._leave(self._asked[node.name])
        waiting = {task for task in self._asked.values() if not task.done()}
        answered, errors = False, list[str]()
        while waiting:
            done, waiting = await asyncio.wait(
                waiting, timeout=GRACE_HEAD if answered else None, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                return
            for task in done:
                if task.exception() is not None:
                    errors.append(str(task.exception()))
                    continue
                answered = True
        if not answered:
            raise NodeUnavailable("No node answers: " + "; ".join(errors))

    # --- reads ----------------------------------------------------------------------------------------------------

    async def read(self, calls: Sequence[Call], at: int = -1, together: int = 0, head: Head | None = None) -> list[Any]:
        """Many reads in one post; what one node could not answer the next one is asked, also when it takes long.

        Args:
            calls: The calls.
            at: Least head of a node that can know the answers, -1 for any.
            together: So many of the first calls mean something only if one node answers all of them.
            head: Block that calls with pins are about; a node that answers for another one is not believed.

        Raises:
            NodeUnavailable: No node answered at all.
        """
        results: list[Any] = [NodeUnavailable("No node was asked.")] * len(calls)
        left = set(range(len(calls)))
        waiting = [node for node in self.ranked() if node.head >= at - self.lag]
        running: dict[asyncio.Task[list[Any]], list[int]] = {}
        errors: list[str] = []
        answered = False

        def start() -> None:
            wanted = sorted(left)
            task = asyncio.create_task(self._ask(waiting.pop(0), [calls[i] for i in wanted], head))
            running[task] = wanted
            self._leave(task)

        while left and (waiting or running):
            if not running:
                start()
            done, _ = await asyncio.wait(
                running, timeout=HEDGE if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                start()  # one hangs
            for task in done:
                wanted = running.pop(task)
                error = task.exception()
                if isinstance(error, NodeUnavailable):
                    errors.append(str(error))
                elif error is not None:
                    raise error
                else:
                    answered = True
                    left = _fill(results, left, wanted, task.result(), together)
        if not answered:
            raise NodeUnavailable("; ".join(errors) or "No node has that block.")
        return results

    @staticmethod
    async def _ask(node: Node, calls: Sequence[Call], head: Head | None) -> list[Any]:
        return await (node.batch(calls) if head is None else read_at(node, calls, head))

    async def witnessed(
        self, calls: Sequence[Call], head: Head, together: int, compared: Sequence[int], patience: float = WITNESS
    ) -> tuple[list[Any], dict[int, Any]]:
        """What `read` says, and by index what a second node says otherwise.

        Args:
            calls: The calls.
            head: The block.
            together: As of `read`.
            compared: Calls that a second node is asked as well.
            patience: How long that is waited for once the first has answered [seconds].

        Raises:
            NodeUnavailable: No node answered at all.
        """
        able = [n for n in self.ranked() if n.head >= head.number - self.lag and not n.complaint and not n.resting]
        if len(able) < 2 or not compared:
            return await self.read(calls, head.number, together, head), {}
        self._turn += 1
        other = able[1 + self._turn % (len(able) - 1)]
        beside = asyncio.create_task(self._ask(other, [calls[i] for i in compared], head))
        self._leave(beside)
        answers = await self.read(calls, head.number, together, head)
        if not beside.done() and other.latency < patience:
            await asyncio.wait([beside], timeout=patience)
        if not beside.done() or beside.exception() is not None:
            return answers, {}
        said = dict(zip(compared, beside.result(), strict=True))
        differing = {i: reply for i, reply in said.items() if _differ(answers[i], reply)}
        # a node may know a receipt of a block to come, which is no dispute; two receipts that differ are
        if any(calls[i][0] != RECEIPT or (answers[i] and reply) for i, reply in differing.items()):
            self.differ([able[0].name, other.name])
        return answers, differing

    def differ(self, names: Iterable[str]) -> None:
        """Notes nodes that do not say the same about one block."""
        self.disputes.update(dict.fromkeys(names, time.monotonic()))

    async def read_each(self, queries: Sequence[Query], block: int) -> list[Any]:
        """Many views of one block in one post; an entry that failed is its exception."""
        replies = await self.read([query.request(block) for query in queries], block) if queries else []
        return [decode(query, reply) for query, reply in zip(queries, replies, strict=True)]

    async def read_twice(self, queries: Sequence[Query], head: Head) -> tuple[list[Any], dict[int, Any]]:
        """Many views of one block, decoded, and by index what a second node says otherwise."""
        if not queries:
            return [], {}
        calls = [pinned(query, head) for query in queries]
        answers, others = await self.witnessed(calls, head, 0, range(len(calls)))
        found = [decode(query, reply) for query, reply in zip(queries, answers, strict=True)]
        return found, {i: decode(queries[i], reply) for i, reply in others.items()}

    async def broadcast(self, calls: Sequence[Call]) -> list[list[Any]]:
        """The same calls to every verified node at once; per call, what each node that answered said."""
        nodes = [node for node in self.nodes if node.verified]
        found = await self._all([node.batch(calls) for node in nodes])
        answers: list[list[Any]] = [[] for _ in calls]
        for replies in found:
            if isinstance(replies, list):
                for i, reply in enumerate(replies):
                    answers[i].append(reply)
            elif not isinstance(replies, BulkheadError):
                raise replies
        return answers

    @property
    def listening(self) -> bool:
        """Some node announces blocks just now, so nobody need ask."""
        return any(node.listening and node.verified for node in self.nodes)

    def take_announced(self) -> Head | None:
        """The newest announced header, once."""
        found, self.announced = self.announced, None
        return found

    async def _listen(self, node: Node) -> None:
        """Hears the blocks that a node announces; without it the keeper polls."""
        subscribe = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with node.session.ws_connect(
                    node.ws, heartbeat=10, timeout=aiohttp.ClientWSTimeout(ws_close=2)
                ) as ws:
                    await ws.send_str(subscribe)
                    async for message in ws:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            self._hear(node, message.data)
            node.listening = False
            await asyncio.sleep(LONGEST_REST)

    def _hear(self, node: Node, text: str) -> None:
        """One message of a subscription: a header saves asking for it; anything else is only a reason to ask."""
        try:
            head = Head.of(json.loads(text)["params"]["result"])
        except (ValueError, KeyError, TypeError, NodeUnavailable):
            return
        node.listening = True
        node.hear(head)
        if node.verified and (self.announced is None or head.number >= self.announced.number):
            self.announced = head
        self.wake.set()


def pinned(query: Query, head: Head) -> Call:
    """A view at a block, by its hash."""
    return "eth_call", ({"to": query.contract.address, "data": "0x" + query.data.hex()}, Pin.at(head))


def _fill(results: list[Any], left: set[int], wanted: Sequence[int], replies: Sequence[Any], together: int) -> set[int]:
    """Puts replies where an answer is still wanted; returns where one is wanted now."""
    for i, reply in zip(wanted, replies, strict=True):
        if i in left:
            results[i] = reply
    failed = {i for i in left if isinstance(results[i], BulkheadError) and not isinstance(results[i], Reverted)}
    if min(failed, default=together) < together:
        failed |= set(range(together))
    return failed


def _differ(one: Any, other: Any) -> bool:
    """Whether two nodes say different things; one that says nothing does not count, a revert is an answer."""
    reverts = [isinstance(said, Reverted) for said in (one, other)]
    if any(isinstance(said, BulkheadError) and not known for said, known in zip((one, other), reverts, strict=True)):
        return False
    return reverts[0] != reverts[1] if any(reverts) else bool(one != other)


def decode(query: Query, reply: Any) -> Any:
    """Decoded answer of a view, or the exception that stands for it."""
    if isinstance(reply, BulkheadError):
        named = f"{query.contract.abi.name}.{query.function.name}"
        return reply.at(named) if isinstance(reply, Reverted) else reply
    try:
        return query.function.decode(to_bytes(reply))
    except BulkheadError as error:
        return error
