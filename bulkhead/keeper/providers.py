"""Nodes: raw batched JSON-RPC over asyncio, several at once, each trusted only as far as it deserves.

A node must serve the deployment's chain and its contracts before anything is asked of it. Reads go to the
healthiest one that is not behind, and on failure to the next; transactions go to all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bulkhead.chain.contract import Query
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import AbiMismatch, BulkheadError, NodeUnavailable, Reverted, WrongNetwork
from bulkhead.chain.rpc import BATCH_LIMIT, Call, pack_batch, to_bytes, to_int, unpack_batch

#: A node rests after a failure: so long at first, doubling up to the second [seconds].
REST, LONGEST_REST = 0.1, 4.0
#: No honest answer is longer [bytes]: what is, is not read to its end.
MOST_BYTES = 2**28
#: Once one node has answered, the others that were asked the same are waited for so long [seconds].
GRACE = 0.5
#: Weight of the newest post in the averages of failures and of latency.
WEIGHT = 0.2
#: Asks for a block by what it is, not by its height: a node that does not have it can say nothing about it.
BY_HASH = "eth_getBlockByHash"


@dataclass(frozen=True)
class Head:
    """A block header, as far as a keeper needs it."""

    number: int
    hash: str
    parent: str
    timestamp: int
    base_fee: int
    gas_limit: int

    @classmethod
    def of(cls, header: Any) -> Head:
        """From a node's answer.

        Raises:
            NodeUnavailable: It is no header.
        """
        try:
            return cls(
                number=to_int(header["number"]),
                hash=str(header["hash"]),
                parent=str(header["parentHash"]),
                timestamp=to_int(header["timestamp"]),
                base_fee=to_int(header.get("baseFeePerGas", "0x0")),
                gas_limit=to_int(header["gasLimit"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise NodeUnavailable(
                f"The node sent something that is no block header ({type(error).__name__})."
            ) from None


class Node:
    """One JSON-RPC endpoint.

    Attributes:
        name: Host and port: the rest of a URL may be a secret.
        posts: HTTP posts so far.
        failing: Share of posts that failed lately.
        latency: Seconds that a post took lately.
        behind: Blocks that its head was behind the newest lately.
        head: Newest block it has told.
        listening: It announces blocks by WebSocket just now.
        verified: It serves the deployment.
        refused: Why it never will, empty when it may.
    """

    def __init__(self, url: str, timeout_seconds: float = 5.0, ws: str = "") -> None:
        self.url, self.ws = url, ws
        parts = urlsplit(url)
        self.name = f"{parts.hostname or 'node'}:{parts.port}" if parts.port else (parts.hostname or "node")
        self.timeout = timeout_seconds
        self.posts = 0
        self.failures = 0
        self.failing = 0.0
        self.latency = 0.0
        self.behind = 0.0
        self.head = -1
        self.listening = False
        self.verified = False
        self.refused = ""
        self._rest = 0.0
        self._rests_until = 0.0
        self._ids = itertools.count(1)
        self._http: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """Kept-alive connections, made in the running loop."""
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=8, keepalive_timeout=30),
                headers={"content-type": "application/json"},
            )
        return self._http

    async def close(self) -> None:
        """Closes the connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    @property
    def resting(self) -> bool:
        """Failed a moment ago."""
        return time.monotonic() < self._rests_until

    @property
    def score(self) -> float:
        """Smaller is better: seconds that an answer is expected to cost, a block behind counted as one."""
        return self.latency + self.failing * self.timeout + self.behind

    def note(self, well: bool, seconds: float, rest_seconds: float = 0.0) -> None:
        """Takes the outcome of a post into the averages."""
        self.failing += WEIGHT * ((not well) - self.failing)
        if well:
            self.latency += WEIGHT * (seconds - self.latency)
            self._rest, self._rests_until = 0.0, 0.0
            return
        self.failures += 1
        self._rest = min(max(self._rest * 2, REST), LONGEST_REST)
        self._rests_until = time.monotonic() + max(self._rest, rest_seconds)

    async def _post(self, payload: object) -> Any:
        self.posts += 1
        started = time.monotonic()
        rest = 0.0
        try:
            limit = aiohttp.ClientTimeout(total=self.timeout)
            async with self.session.post(self.url, data=json.dumps(payload), timeout=limit) as reply:
                if reply.status != 200:
                    if reply.status == 429:
                        with contextlib.suppress(ValueError):
                            rest = min(float(reply.headers.get("retry-after", "1")), LONGEST_REST)
                    raise NodeUnavailable(f"The node {self.name} answered HTTP {reply.status}.")
                found = json.loads(await self._body(reply))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.note(False, 0.0)
            if isinstance(error, aiohttp.ClientConnectorError):
                error = error.os_error
            what = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise NodeUnavailable(
                f"The node {self.name} does not answer ({what.replace(self.url, self.name)})."
            ) from None
        except ValueError:
            self.note(False, 0.0)
            raise NodeUnavailable(f"The node {self.name} answered something that is not JSON.") from None
        except NodeUnavailable:
            self.note(False, 0.0, rest)
            raise
        self.note(True, time.monotonic() - started)
        return found

    async def _body(self, reply: aiohttp.ClientResponse) -> bytes:
        """All of an answer, up to a limit."""
        parts, size = [], 0
        async for part in reply.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise NodeUnavailable(f"The node {self.name} sends without end.")
        return b"".join(parts)

    async def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Many calls in one post (or a few, beyond what nodes accept); an entry that failed is its exception.

        Raises:
            NodeUnavailable: No post got an answer.
        """
        parts = [calls[i : i + BATCH_LIMIT] for i in range(0, len(calls), BATCH_LIMIT)]
        answers = await asyncio.gather(*(self._batch(part) for part in parts))
        return [answer for part in answers for answer in part]

    async def _batch(self, calls: Sequence[Call]) -> list[Any]:
        first = next(self._ids)
        for _ in calls[1:]:
            next(self._ids)
        try:
            results = unpack_batch(calls, first, await self._post(pack_batch(calls, first)))
        except NodeUnavailable:
            raise
        except BulkheadError as error:
            self.note(False, 0.0)
            raise NodeUnavailable(f"The node {self.name} refused a batch: {error}") from None
        if any(isinstance(result, NodeUnavailable) for result in results):
            self.note(False, 0.0)
        ignorant = NodeUnavailable(f"The node {self.name} does not know the block.")
        asked = zip(calls, results, strict=True)
        return [ignorant if method == BY_HASH and found is None else found for (method, _), found in asked]

    async def newest(self) -> Head:
        """Its newest header."""
        (header,) = await self._one("eth_getBlockByNumber", "latest", False)
        try:
            found = Head.of(header)
        except NodeUnavailable:
            self.note(False, 0.0)
            raise
        self.head = found.number
        return found

    async def _one(self, method: str, *params: object) -> list[Any]:
        results = await self.batch([(method, params)])
        if isinstance(results[0], BulkheadError):
            raise results[0]
        return results

    async def verify(self, deployment: Deployment) -> None:
        """Asks for chain id and code once; a node of another chain is never asked again.

        Raises:
            WrongNetwork: It serves another chain.
            MissingDeployment: The contracts are not there.
            NodeUnavailable: It does not answer.
        """
        answers = await self.batch(deployment.check_calls())
        for answer in answers:
            if isinstance(answer, BulkheadError):
                raise answer
        try:
            deployment.check_answers(self.name, to_int(answers[0]), answers[1:])
        except (WrongNetwork, AbiMismatch) as error:
            self.refused = str(error)
            raise
        self.verified = True


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
