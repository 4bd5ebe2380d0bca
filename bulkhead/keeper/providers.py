"""All nodes of a keeper, several asked at once, each trusted only as far as it deserves.

A node must serve the deployment's chain and its contracts before anything is asked of it. Reads go to the
healthiest one that is not behind, and on failure to the next; transactions go to all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Coroutine, Sequence
from typing import Any

import aiohttp

from bulkhead.chain.contract import Query
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import BulkheadError, NodeUnavailable, Reverted
from bulkhead.chain.rpc import Call, to_bytes
from bulkhead.keeper.node import LONGEST_REST, WEIGHT, Head, Node

#: Once one node has answered, the others that were asked the same are waited for so long [seconds].
GRACE = 0.5


class Providers:
    """All nodes of a keeper.

    Attributes:
        nodes: The nodes.
        deployment: What they must serve.
        lag: Blocks that a node may be behind the newest head before it is not asked.
        wake: Set when a node announces a block.
        announced: The newest header that a node has announced and nobody has taken yet.
    """

    def __init__(self, nodes: Sequence[Node], deployment: Deployment, lag: int = 2) -> None:
        self.nodes = list(nodes)
        self.deployment = deployment
        self.lag = lag
        self.wake = asyncio.Event()
        self.announced: Head | None = None
        self._listeners: list[asyncio.Task[None]] = []
        self._late: set[asyncio.Task[Any]] = set()
        self._verifying: asyncio.Task[Any] | None = None

    @property
    def posts(self) -> int:
        """HTTP posts so far."""
        return sum(node.posts for node in self.nodes)

    async def close(self) -> None:
        """Ends listeners and connections."""
        running = [*self._listeners, *self._late]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._listeners.clear()
        for node in self.nodes:
            await node.close()

    async def start(self) -> None:
        """Verifies the nodes; at least one must answer and serve the deployment.

        Raises:
            BulkheadError: What is wrong with the first, when none will do.
        """
        errors = await self._verify()
        if not any(node.verified for node in self.nodes):
            raise errors[0]
        self._listeners = [asyncio.create_task(self._listen(node)) for node in self.nodes if node.ws]

    async def _verify(self) -> list[BulkheadError]:
        waiting = [node for node in self.nodes if not node.verified and not node.refused]
        done = await asyncio.gather(*(node.verify(self.deployment) for node in waiting), return_exceptions=True)
        errors: list[BulkheadError] = []
        for error in done:
            if isinstance(error, BulkheadError):
                errors.append(error)
            elif isinstance(error, BaseException):
                raise error
        return errors

    def _verify_beside(self) -> None:
        """Asks nodes that have not been verified yet, without waiting for one that hangs."""
        if self._verifying is None or self._verifying.done():
            self._verifying = asyncio.create_task(self._verify())
            self._leave(self._verifying)

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
        """Nodes to ask, best first; those that rest or are behind come last."""
        newest = max((node.head for node in self.nodes if node.verified), default=-1)
        usable = [node for node in self.nodes if node.verified]
        return sorted(usable, key=lambda n: (n.head < newest - self.lag, n.resting, n.score))

    async def head(self, check: bool = False) -> Head:
        """The newest header: from the best node, or with `check` from all of them.

        Raises:
            NodeUnavailable: No node answers.
        """
        if not any(node.verified for node in self.nodes):
            await self._verify()
        elif check and not all(node.verified for node in self.nodes):
            self._verify_beside()
        ranked = self.ranked()
        if not ranked:
            raise NodeUnavailable("No node serves the deployment.")
        if check:
            found = await self._all([node.newest() for node in ranked])
            heads = [h for h in found if isinstance(h, Head)]
            if heads:
                newest = max(heads, key=lambda h: h.number)
                for node, told in zip(ranked, found, strict=True):
                    if isinstance(told, Head):
                        node.behind += WEIGHT * (newest.number - told.number - node.behind)
                return newest
            raise NodeUnavailable("No node answers: " + "; ".join(str(e) for e in found))
        errors: list[str] = []
        for node in ranked:
            try:
                return await node.newest()
            except BulkheadError as error:
                errors.append(str(error))
        raise NodeUnavailable("No node answers: " + "; ".join(errors))

    async def read(self, calls: Sequence[Call], at: int = -1, together: int = 0) -> list[Any]:
        """Many reads in one post; what one node could not answer the next one is asked.

        Args:
            calls: The calls.
            at: Least head of a node that can know the answers, -1 for any.
            together: So many of the first calls mean something only if one node answers all of them.

        Raises:
            NodeUnavailable: No node answered at all.
        """
        results: list[Any] = [NodeUnavailable("No node was asked.")] * len(calls)
        left = list(range(len(calls)))
        errors: list[str] = []
        answered = False
        for node in self.ranked():
            if node.head < at - self.lag:
                continue
            try:
                replies = await node.batch([calls[i] for i in left])
            except NodeUnavailable as error:
                errors.append(str(error))
                continue
            answered = True
            for i, reply in zip(left, replies, strict=True):
                results[i] = reply
            failed = {i for i in left if isinstance(results[i], BulkheadError) and not isinstance(results[i], Reverted)}
            if min(failed, default=together) < together:
                failed |= set(range(together))
            left = sorted(failed)
            if not left:
                break
        if not answered:
            raise NodeUnavailable("; ".join(errors) or "No node has that block.")
        return results

    async def read_each(self, queries: Sequence[Query], block: int) -> list[Any]:
        """Many views of one block in one post; an entry that failed is its exception."""
        replies = await self.read([query.request(block) for query in queries], block) if queries else []
        return [decode(query, reply) for query, reply in zip(queries, replies, strict=True)]

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
        node.listening, node.head = True, head.number
        if node.verified and (self.announced is None or head.number >= self.announced.number):
            self.announced = head
        self.wake.set()


def decode(query: Query, reply: Any) -> Any:
    """Decoded answer of a view, or the exception that stands for it."""
    if isinstance(reply, BulkheadError):
        named = f"{query.contract.abi.name}.{query.function.name}"
        return reply.at(named) if isinstance(reply, Reverted) else reply
    try:
        return query.function.decode(to_bytes(reply))
    except BulkheadError as error:
        return error
