"""One question to every node that is believed, each answering for itself, where answers are compared as a whole."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from bulkhead.chain.background import end
from bulkhead.chain.contract import Query
from bulkhead.chain.errors import BulkheadError, NodeUnavailable
from bulkhead.keeper.block_pin import read_at
from bulkhead.keeper.node import Head, Node
from bulkhead.keeper.providers import Providers, decode, pinned

#: Once one node has answered, the others are waited for so long [seconds]; what they say later counts at the next look.
PATIENCE = 0.25

#: What an answer that means nothing may raise: it is that node's failure, and no other's.
NONSENSE = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError)

T = TypeVar("T")


class Reader(Protocol):
    """Who answers views at a block."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    async def read(self, queries: Sequence[Query], head: Head) -> list[Any]:
        """Decoded answers; an entry that failed is its exception."""
        ...


class NodeReader:
    """One node, and no other in its place."""

    def __init__(self, node: Node) -> None:
        self._node = node

    @property
    def name(self) -> str:
        """Of the node."""
        return self._node.name

    async def read(self, queries: Sequence[Query], head: Head) -> list[Any]:
        """Answers for the very block.

        Raises:
            NodeUnavailable: It does not answer, or for another block.
        """
        replies = await read_at(self._node, [pinned(query, head) for query in queries], head) if queries else []
        return [decode(query, reply) for query, reply in zip(queries, replies, strict=True)]


def readers(providers: Providers, head: Head) -> list[Reader]:
    """Nodes that are believed and know the block, the best first; all that are left where none is."""
    usable = [n for n in providers.ranked() if n.head >= head.number - providers.lag]
    believed = [n for n in usable if not n.complaint and not n.resting]
    return [NodeReader(node) for node in believed or usable]


class FanOut:
    """Questions to several readers that run on by themselves when one takes long."""

    def __init__(self) -> None:
        self._running: dict[tuple[Any, str], asyncio.Task[Any]] = {}

    async def each(
        self, about: Any, wanted: Sequence[Reader], ask: Callable[[Reader], Awaitable[T]]
    ) -> tuple[dict[str, T], list[str]]:
        """(answers by reader, what failed), of those that have answered in time.

        Args:
            about: What the question is; one that still runs for a reader is not asked again.
            wanted: The readers.
            ask: Asks one.
        """
        tasks: dict[str, asyncio.Task[T]] = {}
        for reader in wanted:
            key = (about, reader.name)
            if key not in self._running or self._running[key].cancelled():
                self._running[key] = asyncio.create_task(_told(ask(reader)))
            tasks[reader.name] = self._running[key]
        waiting = set(tasks.values())
        while waiting and all(task.exception() is not None for task in tasks.values() if task.done()):
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if waiting:
            await asyncio.wait(waiting, timeout=PATIENCE)
        found: dict[str, T] = {}
        failed: list[str] = []
        for name, task in tasks.items():
            if not task.done():
                continue
            del self._running[about, name]
            error = task.exception()
            if error is None:
                found[name] = task.result()
            elif isinstance(error, BulkheadError):
                failed.append(str(error))
            elif isinstance(error, NONSENSE):
                failed.append(f"{name} answers nonsense ({error!r})")
            else:
                raise error
        return found, failed

    async def close(self) -> None:
        """Ends what still runs."""
        await end(self._running.values())
        self._running.clear()


async def _told(asked: Awaitable[T]) -> T:
    return await asked


async def agreed(fan_out: FanOut, providers: Providers, queries: Sequence[Query], head: Head) -> list[Any]:
    """What most nodes say to each of some views; of two that differ the smaller that is not nothing.

    Args:
        fan_out: Asks them.
        providers: The nodes.
        queries: The views, each of one number.
        head: The block.

    Raises:
        NodeUnavailable: No node answers.
    """
    told, failed = await fan_out.each(
        ("agreed", head.hash), readers(providers, head), lambda reader: reader.read(queries, head)
    )
    if not told:
        raise NodeUnavailable("; ".join(failed) or "No node answers.")
    found: list[Any] = []
    for said in zip(*told.values(), strict=True):
        numbers = Counter(n for n in said if isinstance(n, int))
        most = max(numbers.values(), default=0)
        leading = sorted(n for n, count in numbers.items() if count == most)
        found.append(next((n for n in leading if n), leading[0]) if leading else said[0])
    return found
