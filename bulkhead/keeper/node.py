"""One node: raw batched JSON-RPC over asyncio, verified against the deployment, and how well it does lately."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import AbiMismatch, BulkheadError, NodeUnavailable, WrongNetwork
from bulkhead.chain.rpc import BATCH_LIMIT, Call, pack_batch, to_int, unpack_batch

#: A node rests after a failure: so long at first, doubling up to the second [seconds].
REST, LONGEST_REST = 0.1, 4.0
#: No honest answer is longer [bytes]: what is, is not read to its end.
MOST_BYTES = 2**28
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
