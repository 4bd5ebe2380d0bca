"""How many calls become posts that a node bears: splits what it refuses, remembers what it bore, and goes on.

No input or output here: `exchange` says what to post and is told the replies, so that the blocking client and the
keeper's nodes do the same. A range of logs that is refused is read in smaller ones, a batch that is refused in smaller
batches; after a refusal one post is tried alone before the others go out.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from bulkhead.chain.errors import BulkheadError, NodeUnavailable, RpcError
from bulkhead.chain.limits import MOST_RANGES, NodeLimits
from bulkhead.chain.messages import Call, as_exception, pack_batch, to_hex, to_int, unpack_batch
from bulkhead.chain.node_errors import BATCH, LOGS, Meaning, meaning_of, stated_limit

#: HTTP status of too long a body, and of too many posts.
TOO_LARGE, TOO_MANY = 413, 429


@dataclass(frozen=True)
class Piece:
    """A call, or a part of one: which of the calls it belongs to, and the first block if it reads a range of logs."""

    index: int
    call: Call
    first: int = 0
    blocks: int = 0


@dataclass(frozen=True)
class Post:
    """One HTTP post."""

    pieces: tuple[Piece, ...]
    first_id: int

    @property
    def payload(self) -> object:
        """Its body: a batch, or a single call, as nodes without batches want it."""
        entries = pack_batch([piece.call for piece in self.pieces], self.first_id)
        return entries if len(entries) > 1 else entries[0]

    def timed_out(self, limits: NodeLimits) -> None:
        """Asks for smaller ranges the next time, should it be those that took too long."""
        for piece in self.pieces:
            if piece.blocks > 1:
                limits.blocks.refused(piece.blocks)


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        status: HTTP status.
        body: The JSON in it, None for none.
        wait_seconds: How long the node wants to be left alone.
    """

    status: int
    body: Any
    wait_seconds: float = 0.0


def seconds_of(retry_after: str | None) -> float:
    """Seconds that an HTTP header `retry-after` asks for, by number or by date; 0 when it says none."""
    text = retry_after or "0"
    try:
        found = float(text)
    except ValueError:
        try:
            found = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return found if 0 <= found < 1e6 else 0.0


def exchange(
    calls: Sequence[Call], limits: NodeLimits, ids: Iterator[int], name: str, tries: int
) -> Generator[list[Post], list[Reply], list[Any]]:
    """Results of calls in their order, an entry that failed being its exception.

    Yields posts and wants a reply for each.

    Args:
        calls: The calls.
        limits: What the node bears; learns.
        ids: Numbers for messages.
        name: The node, for sentences.
        tries: How often to send again what the node finds too fast, in a row: once it takes something they count anew.

    Raises:
        NodeUnavailable: The node answers nothing that is JSON-RPC, or keeps refusing.
    """
    found: dict[int, list[tuple[int, Any]]] = {i: [] for i in range(len(calls))}
    waiting = deque(Piece(i, call) for i, call in enumerate(calls))
    state = _State(limits, tries)
    failed: set[int] = set()
    while waiting:
        careful = state.careful or limits.calls.untried or limits.blocks.untried
        posts = _pack(waiting, limits, ids, careful)
        replies = yield posts
        again: list[Piece] = []
        too_fast = 0
        for post, reply in zip(posts, replies, strict=True):
            done = state.take(post, _read(post, reply, name), reply.wait_seconds)
            again += done.again
            for piece, result in done.ended:
                found[piece.index].append((piece.first, _final(result, name)))
                if isinstance(result, BulkheadError):
                    failed.add(piece.index)
            too_fast += done.too_fast and not done.ended
        # a long scan is refused now and then as often as it takes
        state.tries = state.tries - 1 if too_fast == len(posts) else tries
        state.careful = bool(again)
        # a range of which one part cannot be read is not read on
        waiting = deque(piece for piece in (*again, *waiting) if piece.index not in failed)
    return [_join(parts) for parts in found.values()]


@dataclass(frozen=True)
class _Sorted:
    """Pieces of a post that are sent again, those that have ended with their results, and whether it was too fast."""

    again: list[Piece]
    ended: list[tuple[Piece, Any]]
    too_fast: bool


@dataclass
class _State:
    """How one exchange goes.

    Attributes:
        limits: What the node bears; learns.
        tries: How often what was too fast may still be sent again.
        careful: Something was refused just now: the next post goes out alone.
        hopeless: A range of one block was refused: it is not its length.
    """

    limits: NodeLimits
    tries: int
    careful: bool = False
    hopeless: bool = False

    def take(self, post: Post, results: Sequence[Any], wait_seconds: float) -> _Sorted:
        """Sorts the results of a post, and learns from them."""
        again: list[Piece] = []
        ended: list[tuple[Piece, Any]] = []
        for piece, result in zip(post.pieces, results, strict=True):
            if self._again(piece, result, len(post.pieces)):
                again.append(piece)
            else:
                ended.append((piece, result))
        too_fast = any(_means(result, Meaning.RATE) for result in results)
        if too_fast:
            self.limits.too_fast(wait_seconds)
        else:
            self.limits.accepted()
        if not again:
            self.limits.calls.answered(len(post.pieces))
        return _Sorted(again, ended, too_fast)

    def _again(self, piece: Piece, result: Any, together: int) -> bool:
        """Whether a piece is sent again, after what its result teaches about the node."""
        limits = self.limits
        if not isinstance(result, RpcError):
            if piece.blocks and not isinstance(result, BulkheadError):
                limits.blocks.answered(piece.blocks)
            return False
        found = meaning_of(result)
        if found is Meaning.RATE:
            return self.tries > 0
        if found is Meaning.RANGE and piece.blocks:
            self.hopeless |= piece.blocks == 1
            limits.blocks.refused(piece.blocks, stated_limit(result.node_message, piece.blocks))
            return not self.hopeless
        if found in (Meaning.BATCH, Meaning.SIZE, Meaning.RANGE) and together > 1:
            limits.calls.refused(together, stated_limit(result.node_message, together))
            return True
        return False


def _means(result: Any, *meanings: Meaning) -> bool:
    return isinstance(result, RpcError) and meaning_of(result) in meanings


def _final(result: Any, name: str) -> Any:
    """A result that stays; a node that wants to be left alone is as good as none."""
    if _means(result, Meaning.RATE):
        return NodeUnavailable(f"The node {name} wants fewer requests: {result.node_message}.")
    return result


def _parts(piece: Piece, limits: NodeLimits) -> list[Piece]:
    """A piece, or, if it reads more blocks than the node bears, a part of it that does not and the rest."""
    method, parameters = piece.call
    if method != LOGS or not isinstance(parameters[0], dict):
        return [piece]
    query = parameters[0]
    try:
        first, last = to_int(query.get("fromBlock")), to_int(query.get("toBlock"))
    except NodeUnavailable:  # by hash, or up to "latest"
        return [piece]
    middle = first + limits.blocks.size
    ends = [(first, min(middle - 1, last))] if last >= first else [(first, last)]
    if middle <= last:
        ends.append((middle, last))
    return [
        Piece(piece.index, (method, ({**query, "fromBlock": to_hex(a), "toBlock": to_hex(b)},)), a, b - a + 1)
        for a, b in ends
    ]


def _pack(waiting: deque[Piece], limits: NodeLimits, ids: Iterator[int], one: bool) -> list[Post]:
    """Posts of what waits: all of it, or one only, with one range in it, which tries what the node bears."""
    posts: list[Post] = []
    most = 1 if one else MOST_RANGES
    while waiting and not (one and posts):
        chosen: list[Piece] = []
        ranges = 0
        while waiting and len(chosen) < limits.calls.size and ranges < most:
            piece, *rest = _parts(waiting.popleft(), limits)
            waiting.extendleft(reversed(rest))
            chosen.append(piece)
            ranges += piece.blocks > 1
        first = next(ids)
        for _ in chosen[1:]:
            next(ids)
        posts.append(Post(tuple(chosen), first))
    return posts


def _read(post: Post, reply: Reply, name: str) -> list[Any]:
    """Results of one post; what it was refused for as a whole is the result of each of its calls.

    Raises:
        NodeUnavailable: It is no answer.
    """
    calls = [piece.call for piece in post.pieces]
    body = reply.body
    error = body.get("error") if isinstance(body, dict) else None
    if reply.status == TOO_MANY:
        return [RpcError(method, TOO_MANY, "too many requests") for method, _ in calls]
    if reply.status == TOO_LARGE and (len(calls) > 1 or post.pieces[0].blocks > 1):
        return [RpcError(method, TOO_LARGE, "response too large") for method, _ in calls]
    if reply.status != 200 and error is None and not isinstance(body, list):
        raise NodeUnavailable(f"The node {name} answered HTTP {reply.status}.")
    if len(calls) == 1 and isinstance(body, dict):
        if error is None and body.get("id") is not None and str(body["id"]) != str(post.first_id):
            raise NodeUnavailable(f"The node {name} answered another request than {calls[0][0]}.")
        body = [{**body, "id": post.first_id}]
    elif error is not None:
        return _refused_whole(calls, error)
    results = unpack_batch(calls, post.first_id, body)
    refusal = next((one for one in results if _means(one, Meaning.BATCH, Meaning.SIZE, Meaning.RATE)), None)
    if refusal is not None:
        # Geth answers the first call of too large a batch and leaves the others out
        results = [refusal if isinstance(result, NodeUnavailable) else result for result in results]
    return results


def _refused_whole(calls: Sequence[Call], error: Any) -> list[Any]:
    """The error of a whole batch as that of each call, if it can be helped.

    Raises:
        NodeUnavailable: It cannot.
    """
    whole = as_exception(BATCH, error)
    if _means(whole, Meaning.BATCH, Meaning.SIZE, Meaning.RATE):
        return [whole] * len(calls)
    raise NodeUnavailable(f"The node refused a batch: {whole}")


def _join(parts: list[tuple[int, Any]]) -> Any:
    """One result of the parts of a call: the only one, or logs in their order, or the first exception."""
    if len(parts) == 1:
        return parts[0][1]
    for _, result in parts:
        if isinstance(result, BulkheadError):
            return result
        if not isinstance(result, list):
            return NodeUnavailable("The node sent something that is no list of logs.")
    return [log for _, logs in sorted(parts, key=lambda part: part[0]) for log in logs]
