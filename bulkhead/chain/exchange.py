"""How many calls become posts that a node bears: splits what it refuses, remembers what it bore, and goes on.

No input or output here: `exchange` says what to post and is told the replies, so that the blocking client and the
keeper's nodes do the same. A range of logs that is refused is read in smaller ones, a batch that is refused in smaller
batches; after a refusal one post is tried alone before the others go out.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bulkhead.chain.errors import BulkheadError, NodeUnavailable, RpcError
from bulkhead.chain.limits import MOST_RANGES, NodeLimits
from bulkhead.chain.messages import Call, as_exception, pack_batch, to_hex, to_int, unpack_batch
from bulkhead.chain.wording import BATCH, LOGS, Meaning, meaning_of, stated_limit

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
    """Seconds in an HTTP header `retry-after`, 0 when there are none."""
    try:
        found = float(retry_after or 0)
    except ValueError:  # a date
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
        tries: How often to send again what the node finds too fast.

    Raises:
        NodeUnavailable: The node answers nothing that is JSON-RPC, or keeps refusing.
    """
    found: dict[int, list[tuple[int, Any]]] = {i: [] for i in range(len(calls))}
    waiting = [Piece(i, call) for i, call in enumerate(calls)]
    refused = False
    while waiting:
        posts, later = _pack([part for piece in waiting for part in _parts(piece, limits)], limits, ids, refused)
        replies = yield posts
        again: list[Piece] = []
        slow = False
        for post, reply in zip(posts, replies, strict=True):
            results = _read(post, reply, name)
            if any(_means(result, Meaning.RATE) for result in results):
                limits.too_fast(reply.wait_seconds)
                slow = True
            else:
                limits.accepted()
            resent = len(again)
            for piece, result in zip(post.pieces, results, strict=True):
                if _resend(piece, result, len(post.pieces), limits, tries):
                    again.append(piece)
                else:
                    found[piece.index].append((piece.first, _final(result, name)))
            if len(again) == resent:
                limits.calls.answered(len(post.pieces))
        tries -= slow
        refused = bool(again)
        waiting = again + later
    return [_join(parts) for parts in found.values()]


def _means(result: Any, *meanings: Meaning) -> bool:
    return isinstance(result, RpcError) and meaning_of(result) in meanings


def _final(result: Any, name: str) -> Any:
    """A result that stays; a node that wants to be left alone is as good as none."""
    if _means(result, Meaning.RATE):
        return NodeUnavailable(f"The node {name} wants fewer requests: {result.node_message}.")
    return result


def _parts(piece: Piece, limits: NodeLimits) -> Iterator[Piece]:
    """A piece, or, if it reads more blocks than the node bears, pieces that do not."""
    method, parameters = piece.call
    if method != LOGS or not isinstance(parameters[0], dict):
        yield piece
        return
    query = parameters[0]
    try:
        first, last = to_int(query.get("fromBlock")), to_int(query.get("toBlock"))
    except NodeUnavailable:  # by hash, or up to "latest"
        yield piece
        return
    size = limits.blocks.size
    for start in range(first, last + 1, size) if last >= first else (first,):
        end = min(start + size - 1, last)
        part = {**query, "fromBlock": to_hex(start), "toBlock": to_hex(end)}
        yield Piece(piece.index, (method, (part,)), start, end - start + 1)


def _pack(pieces: Sequence[Piece], limits: NodeLimits, ids: Iterator[int], one: bool) -> tuple[list[Post], list[Piece]]:
    """Posts, and what is left for later when only one is to be tried."""
    groups: list[list[Piece]] = [[]]
    for piece in pieces:
        ranges = sum(p.blocks > 1 for p in groups[-1])
        if len(groups[-1]) >= limits.calls.size or (piece.blocks > 1 and ranges >= MOST_RANGES):
            groups.append([])
        groups[-1].append(piece)
    chosen = groups[:1] if one else groups
    posts: list[Post] = []
    for group in chosen:
        first = next(ids)
        for _ in group[1:]:
            next(ids)
        posts.append(Post(tuple(group), first))
    return posts, [piece for group in groups[len(chosen) :] for piece in group]


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
        body = [{**body, "id": post.first_id}]
    elif error is not None:
        return _refused_whole(calls, error)
    results = unpack_batch(calls, post.first_id, body)
    if any(_means(result, Meaning.BATCH) for result in results):
        # Geth answers the first call of too large a batch and leaves the others out
        refusal = next(result for result in results if _means(result, Meaning.BATCH))
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


def _resend(piece: Piece, result: Any, together: int, limits: NodeLimits, tries: int) -> bool:
    """Whether a piece is sent again, after what its result teaches about the node.

    Args:
        piece: The piece.
        result: What the node said.
        together: Calls in its post.
        limits: What the node bears; learns.
        tries: How often it may be sent again because it was too fast.
    """
    if not isinstance(result, RpcError):
        if piece.blocks and not isinstance(result, BulkheadError):
            limits.blocks.answered(piece.blocks)
        return False
    found = meaning_of(result)
    if found is Meaning.RATE:
        return tries > 0
    if found is Meaning.RANGE and piece.blocks:
        limits.blocks.refused(piece.blocks, stated_limit(result.node_message, piece.blocks))
        return piece.blocks > 1
    if found in (Meaning.BATCH, Meaning.SIZE, Meaning.RANGE) and together > 1:
        limits.calls.refused(together, stated_limit(result.node_message, together))
        return True
    return False


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
