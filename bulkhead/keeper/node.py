"""One node: raw batched JSON-RPC over asyncio, verified against the deployment, and how well it does lately."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bulkhead.chain import header_hash
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import AbiMismatch, BulkheadError, MissingDeployment, NodeUnavailable, WrongNetwork
from bulkhead.chain.limits import limits_of
from bulkhead.chain.messages import Call, to_int
from bulkhead.chain.rpc_batching import Post, Reply, exchange, seconds_of

#: A node rests after a failure: so long at first, doubling up to the second [seconds].
REST, LONGEST_REST = 0.1, 4.0
#: How often something is sent again that a node finds too fast, and the longest wait before it: then the next node is
#: asked [seconds].
TRIES, LONGEST_PAUSE = 2, 1.0
#: No honest answer is longer [bytes]: what is, is not read to its end.
MOST_BYTES = 2**28
#: Weight of the newest post in the averages of failures and of latency.
WEIGHT = 0.2
#: A node that answered for another block is asked last for so long [seconds].
OLD_SECONDS = 30.0
#: Blocks whose hashes are kept of each node.
TRAIL = 128
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
    #: Whether blocks have no base fee: a chain without EIP-1559.
    plain: bool = False
    #: Names of the fields that its hash is made of, empty when it cannot be judged by that; and whether they make it.
    shape: tuple[str, ...] = field(default=(), compare=False)
    sound: bool = field(default=False, compare=False)

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
                base_fee=to_int(header.get("baseFeePerGas") or "0x0"),
                gas_limit=to_int(header["gasLimit"]),
                plain=header.get("baseFeePerGas") is None,
                shape=header_hash.shape(header),
                sound=header_hash.hash_of(header) == header["hash"],
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
        refused: Why it did not when it was last asked, empty when it did.
        limits: What it bears, learned from what it refused.
        told: Its newest header, None before the first.
        told_at: When it told that, and when it last told a newer one than before [monotonic seconds].
        grew_at: See there.
        trail: Hashes of the newest blocks it has told of, by number.
        aside: Why it is not believed just now, empty when it is.
        doubted: Something about it wants chain and contracts to be asked for again.
        seen_at: When they last were [monotonic seconds].
        old_at: When its states were last those of another block than asked for.
        asked_at: When it was last asked for its head.
        codes: Stands for the code of each contract as it has it, empty before it told.
        by_hash: It reads states by block hash, as far as known.
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
        self.told: Head | None = None
        self.told_at = self.grew_at = self.asked_at = self.seen_at = self.old_at = 0.0
        self.trail: dict[int, str] = {}
        self.aside = ""
        self.doubted = False
        self.by_hash = True
        self.codes: tuple[int, ...] = ()
        self._glances = 0
        self._rest = 0.0
        self._rests_until = 0.0
        self.limits = limits_of(url)
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
        self.doubted = True
        self._rest = min(max(self._rest * 2, REST), LONGEST_REST)
        self._rests_until = time.monotonic() + max(self._rest, rest_seconds)

    async def _post(self, post: Post) -> Reply:
        pause = self.limits.pause()
        if pause > LONGEST_PAUSE:
            raise NodeUnavailable(f"The node {self.name} wants to be left alone.")
        if pause:
            await asyncio.sleep(pause)
        self.posts += 1
        started = time.monotonic()
        try:
            limit = aiohttp.ClientTimeout(total=self.timeout)
            async with self.session.post(self.url, data=json.dumps(post.payload), timeout=limit) as reply:
                wait = seconds_of(reply.headers.get("retry-after"))
                found = Reply(reply.status, self._json(reply.status, await self._body(reply)), wait)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if isinstance(error, TimeoutError):
                post.timed_out(self.limits)
            if isinstance(error, aiohttp.ClientConnectorError):
                error = error.os_error
            what = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise NodeUnavailable(
                f"The node {self.name} does not answer ({what.replace(self.url, self.name)})."
            ) from None
        self.note(True, time.monotonic() - started)
        return found

    def _json(self, status: int, body: bytes) -> Any:
        try:
            return json.loads(body)
        except ValueError:
            if status == 200:
                raise NodeUnavailable(f"The node {self.name} answered something that is not JSON.") from None
            return None

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
        """Many calls in as few posts as the node bears; an entry that failed is its exception.

        Raises:
            NodeUnavailable: A post got no answer, or the node refuses all of them.
        """
        work = exchange(calls, self.limits, self._ids, self.name, TRIES)
        try:
            posts = next(work)
            while True:
                posts = work.send(list(await asyncio.gather(*(self._post(post) for post in posts))))
        except StopIteration as done:
            results: list[Any] = done.value
        except NodeUnavailable:
            self.note(False, 0.0, min(self.limits.rest, LONGEST_REST))
            raise
        failed = [result for result in results if isinstance(result, NodeUnavailable)]
        if failed:
            self.note(False, 0.0, min(self.limits.rest, LONGEST_REST))
            if len(failed) == len(results):
                raise failed[0]
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
        self.hear(found)
        return found

    def hear(self, head: Head) -> None:
        """Takes in a header that it tells as its newest."""
        now = time.monotonic()
        if self.told is None or head.number > self.told.number:
            self.grew_at = now
        before, same = self.trail.get(head.number - 1, head.parent), self.trail.get(head.number, head.hash)
        if before != head.parent or same != head.hash:
            # its chain is another one from some block on: which is not known
            self.trail = {}
        kept = {n: name for n, name in self.trail.items() if head.number - TRAIL < n <= head.number}
        self.trail = {**kept, head.number - 1: head.parent, head.number: head.hash}
        self.told, self.told_at, self.head = head, now, head.number

    def tells_old_states(self) -> None:
        """Notes that its states were not those of the block it was asked about."""
        self.old_at = time.monotonic()
        self.note(False, 0.0)

    @property
    def complaint(self) -> str:
        """What is wrong with what it says, for people; empty when nothing is."""
        if self.old_at and time.monotonic() - self.old_at < OLD_SECONDS:
            return "its states are older than its blocks"
        return self.aside or self.refused

    async def _one(self, method: str, *params: object) -> list[Any]:
        results = await self.batch([(method, params)])
        if isinstance(results[0], BulkheadError):
            raise results[0]
        return results

    async def verify(self, deployment: Deployment) -> None:
        """Asks for chain id and code; a node of another chain is asked again after a while.

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
        except (WrongNetwork, AbiMismatch, MissingDeployment) as error:
            self.refused, self.verified = str(error), False
            raise
        self.codes = tuple(hash(str(code)) for code in answers[1:])
        self.refused, self.verified, self.doubted = "", True, False
        self.seen_at = time.monotonic()

    async def changed(self, deployment: Deployment) -> bool:
        """Whether its chain id, or the code of a contract, another one each time, is not what it was.

        Raises:
            NodeUnavailable: It does not answer.
        """
        asked = deployment.check_calls()
        turn = self._glances % (len(asked) - 1)
        self._glances += 1
        chain_id, code = await self.batch([asked[0], asked[1 + turn]])
        for answer in (chain_id, code):
            if isinstance(answer, BulkheadError):
                raise answer
        return to_int(chain_id) != deployment.chain_id or hash(str(code)) != self.codes[turn]
