"""Posts that a node bears: what it refuses is split and remembered, whatever words it uses."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from bulkhead.chain import limits, rpc_batching
from bulkhead.chain.errors import NodeTimeout, NodeUnavailable, RpcError
from bulkhead.chain.limits import MOST_BLOCKS, Learned, NodeLimits
from bulkhead.chain.rpc import Rpc

HEAD = 12_000


class Node:
    """A node with limits, in the words of one of those that exist.

    Attributes:
        batch: Calls in a post.
        blocks: Blocks in a range.
        logs: Logs in an answer.
        longest: Results in the answer to a post.
        sizes: Calls of each post.
        refused: Ranges it found too long.
    """

    def __init__(self, batch=10**9, blocks=10**9, logs=10**9, longest=10**9, style="Geth"):
        self.batch, self.blocks, self.logs, self.longest, self.style = batch, blocks, logs, longest, style
        self.sizes: list[int] = []
        self.refused = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        calls = body if isinstance(body, list) else [body]
        self.sizes.append(len(calls))
        if len(calls) > self.batch:
            return self.too_many(calls)
        answers = [self.answer(call) for call in calls]
        if len(calls) > self.longest:
            if self.style == "Reth":
                return whole(-32011, "The batch response was too large")
            if self.style == "proxy":
                return httpx.Response(413)
            rest = [refusal(c, -32003, "response too large") for c in calls[self.longest :]]
            answers = answers[: self.longest] + rest
        return httpx.Response(200, json=answers if isinstance(body, list) else answers[0])

    def too_many(self, calls):
        if self.style == "Geth":
            return httpx.Response(200, json=[refusal(calls[0], -32600, "batch too large")])
        if self.style == "proxy":
            return httpx.Response(413, text="<html>413 Payload Too Large</html>")
        if self.style == "host":
            return httpx.Response(400, json={"error": {"code": -32600, "message": "Batch size is too large"}})
        said = {
            "Erigon": (
                -32000,
                f"batch limit {self.batch} exceeded (can increase). Requested batch of size: {len(calls)}",
            ),
            "Nethermind": (-32005, "Batch size limit exceeded"),
            "Besu": (-32005, "Number of requests exceeds max batch size"),
            "Reth": (-32010, f"The batch request was too large: Exceeded max limit of {self.batch}"),
            "own words": (-32005, "nope"),
        }[self.style]
        return whole(*said)

    def answer(self, call):
        if call["method"] != "eth_getLogs":
            return {"jsonrpc": "2.0", "id": call["id"], "result": hex(call["params"][0])}
        query = call["params"][0]
        first, last = int(query["fromBlock"], 16), int(query["toBlock"], 16)
        count = last - first + 1
        if count > self.blocks:
            self.refused += 1
            said = {
                "Geth": (-32005, "query returned more than 10000 results"),
                "Erigon": (-32000, f"exceed maximum block range: {self.blocks}"),
                "Nethermind": (-32005, "Too many logs requested."),
                "Besu": (-32005, "Requested range exceeds maximum RPC range limit"),
                "Reth": (-32602, f"query exceeds max block range {self.blocks}"),
                "host": (-32614, f"eth_getLogs is limited to a {self.blocks:,} range"),
                "proxy": (-32600, f"You can make eth_getLogs requests with up to a {self.blocks} block range."),
                "own words": (-32015, "nope"),
            }[self.style]
            return refusal(call, *said)
        if count > 1 and count > self.logs:
            return refusal(call, -32005, "query returned more than 10000 results")
        return {"jsonrpc": "2.0", "id": call["id"], "result": [{"blockNumber": hex(n)} for n in range(first, last + 1)]}


def refusal(call, code, message):
    return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": code, "message": message}}


def whole(code, message):
    return httpx.Response(200, json={"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}})


def client(node) -> Rpc:
    return Rpc("http://node", transport=httpx.MockTransport(node))


STYLES = ["Geth", "Erigon", "Nethermind", "Besu", "Reth", "host", "proxy", "own words"]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("most", [100, 20, 1])
def test_batch__node_that_takes_fewer_calls__is_asked_in_smaller_posts_and_remembered(style, most):
    node = Node(batch=most, style=style)
    rpc = client(node)
    calls = [("double", (i,)) for i in range(600)]
    assert rpc.batch(calls) == [hex(i) for i in range(600)]
    refused = sum(size > most for size in node.sizes)
    # halvings, and doubts that come twice as rarely each time
    assert refused <= 9 + 4
    del node.sizes[:]
    assert rpc.batch(calls) == [hex(i) for i in range(600)]
    # what it has learned it may doubt now and then, not at every post
    assert sum(size > most for size in node.sizes) <= 2 + len(node.sizes) // limits.TRY_MORE


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("most", [10_000, 500, 50])
def test_logs__node_that_takes_shorter_ranges__gives_every_block_once_and_in_order(style, most):
    node = Node(blocks=most, style=style)
    rpc = client(node)
    found = rpc.logs(["0x" + "11" * 20], 1, HEAD)
    assert [int(log["blockNumber"], 16) for log in found] == list(range(1, HEAD + 1))
    assert node.refused <= 12 + HEAD // most // 20


def test_logs__answer_too_full__is_split_until_it_fits():
    node = Node(logs=300)
    assert len(client(node).logs(["0x" + "11" * 20], 1, HEAD)) == HEAD


@pytest.mark.parametrize("style", ["Geth", "Reth", "proxy"])
def test_batch__answer_too_long__comes_in_smaller_batches(style):
    node = Node(longest=30, style=style)
    assert client(node).batch([("double", (i,)) for i in range(200)]) == [hex(i) for i in range(200)]


def test_logs__range_that_fails_however_short__ends_with_the_nodes_words_and_spoils_nothing():
    def node(request):
        body = json.loads(request.content)
        calls = body if isinstance(body, list) else [body]
        posts.append(len(calls))
        told = [refusal(c, -32602, "no such thing") for c in calls]
        return httpx.Response(200, json=told if isinstance(body, list) else told[0])

    posts: list[int] = []
    rpc = client(node)
    with pytest.raises(RpcError, match="no such thing"):
        rpc.logs(["0x" + "11" * 20], 1, HEAD)
    assert len(posts) < 20 and rpc.limits.blocks.size == MOST_BLOCKS


@pytest.mark.parametrize("status", [True, False])
def test_batch__node_that_wants_fewer_requests__gets_them_more_slowly(status, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr("bulkhead.chain.rpc.time.sleep", pauses.append)
    left = itertools.count()

    def node(request):
        if next(left) < 2:
            if status:
                return httpx.Response(429, headers={"retry-after": "7"})
            return whole(-32005, "project ID request rate exceeded")
        calls = json.loads(request.content)
        return httpx.Response(200, json=[{"id": c["id"], "result": "0x1"} for c in calls])

    rpc = client(node)
    assert rpc.batch([("a", ()), ("b", ())]) == ["0x1", "0x1"]
    assert rpc.posts == 3 and rpc.limits.gap == limits.FIRST_GAP * 2
    assert max(pauses) > (6.5 if status else 0.1)


def test_batch__node_that_never_takes_more__is_unavailable_after_some_tries(monkeypatch):
    monkeypatch.setattr("bulkhead.chain.rpc.time.sleep", lambda seconds: None)
    rpc = client(lambda request: httpx.Response(429))
    with pytest.raises(NodeUnavailable, match="wants fewer requests"):
        rpc.call("eth_blockNumber")
    assert rpc.posts == 6


def test_batch__node_that_wants_fewer_requests_all_the_while__is_scanned_to_the_end(monkeypatch):
    """What counts is how often it refuses in a row: a long scan is refused more often than that."""
    monkeypatch.setattr("bulkhead.chain.rpc.time.sleep", lambda seconds: None)
    turn = itertools.count()

    def node(request):
        body = json.loads(request.content)
        calls = body if isinstance(body, list) else [body]
        if next(turn) % 3 != 0:
            return httpx.Response(429)
        told = [{"id": c["id"], "result": []} for c in calls]
        return httpx.Response(200, json=told if isinstance(body, list) else told[0])

    rpc = client(node)
    rpc.limits.blocks.refused(HEAD, 100)
    rpc.limits.calls.refused(500, 4)
    assert rpc.logs(["0x" + "11" * 20], 1, HEAD) == []
    assert next(turn) > HEAD // 400


def test_logs__range_that_takes_too_long__is_shorter_the_next_time():
    def node(request):
        raise httpx.ReadTimeout("slow")

    rpc = client(node)
    with pytest.raises(NodeTimeout):
        rpc.logs(["0x" + "11" * 20], 1, HEAD)
    assert rpc.limits.blocks.size == HEAD // 2


def test_batch__broken_node__is_not_asked_five_hundred_times():
    rpc = client(lambda request: whole(-32603, "internal error"))
    with pytest.raises(NodeUnavailable, match="internal error"):
        rpc.batch([("a", ())] * 500)
    assert rpc.posts == 1


def test_batch__refusal_of_one_call__is_not_taken_for_a_limit():
    def node(request):
        calls = json.loads(request.content)
        told = [{"id": c["id"], "result": "0x1"} for c in calls[1:]]
        return httpx.Response(200, json=[refusal(calls[0], -32000, "header not found"), *told])

    rpc = client(node)
    first, *rest = rpc.batch([("a", ())] * 5)
    assert isinstance(first, RpcError) and rest == ["0x1"] * 4 and rpc.posts == 1


def test_learned__stated_limit__is_kept_and_not_tried_beyond():
    learned = Learned(500)
    learned.refused(500, stated=100)
    assert learned.size == 100
    for _ in range(limits.FORGET * limits.STATED - 1):
        learned.answered(100)
    assert learned.size == 100


def test_learned__refused_for_what_was_in_it__is_wide_again_after_a_while():
    learned = Learned(MOST_BLOCKS)
    for asked in (50_000, 25_000, 12_500):
        learned.refused(asked)
    for _ in range(limits.FORGET + 4 * limits.TRY_MORE):
        learned.answered(learned.size)
    assert learned.size == MOST_BLOCKS


def test_learned__no_limit_stated__comes_near_what_was_refused_and_stops_there():
    learned, refused = Learned(512), 0
    for _ in range(10_000):
        if learned.size > 300:
            refused += 1
            learned.refused(learned.size)
        else:
            learned.answered(learned.size)
    assert refused < 30 and learned.size > 200


def test_seconds_of__header__is_a_number_or_none():
    assert rpc_batching.seconds_of("3") == 3.0
    for text in (None, "", "nan", "inf", "-4", "Fri, 31 Dec 1999 23:59:59 GMT"):
        assert rpc_batching.seconds_of(text) == 0.0
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    assert 15 < rpc_batching.seconds_of(soon) <= 20
    assert NodeLimits().pause() == 0.0


@pytest.mark.parametrize(("name", "read"), [(1, True), ("1", True), (None, True), (2, False), ("other", False)])
def test_single_call__answer_to_another_request__is_none(name, read):
    def answered(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": name, "result": "0x5"})

    with Rpc("http://node", transport=httpx.MockTransport(answered)) as rpc:
        if read:
            assert rpc.block_number() == 5
        else:
            with pytest.raises(NodeUnavailable, match="answered another request than eth_blockNumber"):
                rpc.block_number()
