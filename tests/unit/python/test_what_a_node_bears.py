"""What an endpoint bears, step by step with a clock that stands still, and what exceptions of web3 come to."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from bulkhead.chain import limits as module
from bulkhead.chain.errors import NodeTimeout, NodeUnavailable
from bulkhead.chain.limits import (
    CALM_POSTS,
    FIRST_GAP,
    FORGET,
    LONGEST_GAP,
    STATED,
    TRY_MORE,
    Learned,
    NodeLimits,
)
from bulkhead.chain.rpc_batching import Reply, exchange
from bulkhead.chain.web3_transport import Web3Rpc


@pytest.fixture
def clock(monkeypatch):
    told = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: told.now))
    return told


def test_gap__posts_that_are_too_many__doubles_from_the_first_to_the_longest(clock):
    found, gaps = NodeLimits(), []
    for _ in range(8):
        found.too_fast()
        gaps.append(found.gap)
    assert gaps[:3] == [FIRST_GAP, 2 * FIRST_GAP, 4 * FIRST_GAP] and gaps[-1] == LONGEST_GAP


@pytest.mark.parametrize(("wanted", "rest"), [(0.0, FIRST_GAP), (5.0, 5.0), (FIRST_GAP / 2, FIRST_GAP)])
def test_rest__after_too_many__is_the_gap_or_what_the_node_wants(clock, wanted, rest):
    found = NodeLimits()
    assert found.rest == 0.0
    found.too_fast(wanted)
    assert found.rest == pytest.approx(rest)
    clock.now += rest + 1
    assert found.rest == 0.0


def test_pause__posts_one_after_the_other__stand_a_gap_apart(clock):
    found = NodeLimits()
    assert found.pause() == found.pause() == 0.0
    found.too_fast()
    assert [round(found.pause() / FIRST_GAP) for _ in range(3)] == [1, 2, 3]
    clock.now += 3 * FIRST_GAP
    assert found.pause() == pytest.approx(FIRST_GAP)


def test_gap__so_many_calm_posts__halve_it_and_then_end_it(clock):
    found = NodeLimits()
    found.too_fast()
    found.too_fast()
    gaps = []
    for _ in range(2 * CALM_POSTS):
        found.accepted()
        gaps.append(found.gap)
    assert gaps[CALM_POSTS - 2 :: CALM_POSTS] == [2 * FIRST_GAP, FIRST_GAP]
    assert gaps[CALM_POSTS - 1 :: CALM_POSTS] == [FIRST_GAP, 0.0]
    # a complaint begins the count anew
    found.too_fast()
    for _ in range(CALM_POSTS - 1):
        found.accepted()
    found.too_fast()
    found.accepted()
    assert found.gap == 2 * FIRST_GAP


@pytest.mark.parametrize(
    ("asked", "stated", "size"), [(100, 0, 50), (3, 0, 1), (2, 0, 1), (100, 30, 30), (100, 1, 1), (10, 0, 5)]
)
def test_refused__asks_for_what_is_stated_or_half(asked, stated, size):
    found = Learned(100)
    assert found.size == 100 and not found.untried
    found.refused(asked, stated)
    assert found.size == size and found.untried


def test_refused__one_alone__was_not_about_how_much():
    found = Learned(100)
    found.refused(100)
    found.answered(40)
    found.refused(1)
    # back to what has worked
    assert found.size == 40 and not found.untried
    fresh = Learned(100)
    fresh.refused(1)
    assert fresh.size == 100


def answers(found: Learned, count: int) -> list[int]:
    sizes = []
    for _ in range(count):
        found.answered(found.size)
        sizes.append(found.size)
    return sizes


def test_answered__for_a_while__tries_more_short_of_what_was_refused():
    found = Learned(100)
    found.refused(100)
    sizes = answers(found, 2 * TRY_MORE)
    assert sizes[TRY_MORE - 2] == 50 and sizes[TRY_MORE - 1] == 75
    # a quarter more is not worth another refusal
    assert sizes[-1] == 75
    # less than is asked for says nothing
    other = Learned(100)
    other.refused(100)
    for _ in range(3 * TRY_MORE):
        other.answered(49)
    assert other.size == 50


def test_answered__for_long__what_was_refused_is_forgotten_and_the_next_time_takes_twice_as_long():
    found = Learned(100)
    found.refused(100)
    assert 100 not in answers(found, FORGET)
    assert answers(found, TRY_MORE)[-1] == 100
    found.refused(100)
    assert found.size == 50 and 100 not in answers(found, 2 * FORGET)
    assert answers(found, TRY_MORE)[-1] == 100


def test_answered__limit_that_the_node_has_stated__is_believed_for_longer():
    found = Learned(100)
    found.refused(100, 30)
    assert set(answers(found, FORGET * STATED)) == {30}
    assert answers(found, TRY_MORE)[-1] == 60


def test_exchange__one_of_a_post_is_too_many__the_next_posts_wait(clock):
    """Some hosts answer a part of a post and refuse the rest."""
    found = NodeLimits()
    work = exchange([("eth_chainId", ()), ("eth_gasPrice", ())], found, itertools.count(1), "node", 3)
    (post,) = next(work)
    well = {"jsonrpc": "2.0", "id": post.first_id, "result": "0x1"}
    busy = {"jsonrpc": "2.0", "id": post.first_id + 1, "error": {"code": -32005, "message": "rate limit exceeded"}}
    (again,) = work.send([Reply(200, [well, busy], 2.0)])
    assert found.gap == FIRST_GAP and found.rest == pytest.approx(2.0)
    assert [piece.call[0] for piece in again.pieces] == ["eth_gasPrice"]
    with pytest.raises(StopIteration) as done:
        work.send([Reply(200, {**well, "id": again.first_id, "result": "0x2"})])
    assert done.value.value == ["0x1", "0x2"]


# --- web3 -------------------------------------------------------------------------------------------------------------


def rpc() -> Web3Rpc:
    """Of no provider: only what an exception comes to is asked."""
    made = Web3Rpc.__new__(Web3Rpc)
    made.url = "there"
    return made


class Failed(Exception):
    """What a provider raises, with whatever it brings."""

    def __init__(self, *arguments: Any, **brought: Any) -> None:
        super().__init__(*arguments)
        for name, value in brought.items():
            setattr(self, name, value)


SAID = {"code": -32005, "message": "limit exceeded"}


@pytest.mark.parametrize("error", [Failed(rpc_response={"error": SAID}), Failed(SAID), Failed({"error": SAID})])
def test_failed__refusal_of_a_post_as_a_whole__is_an_answer(error):
    reply = rpc()._failed(error, 2)
    assert reply.status == 200 and reply.body == {"error": SAID}


@pytest.mark.parametrize(
    ("status", "together", "told"), [(400, 1, 400), (400, 2, 413), (429, 2, 429), (500, 1, 500), (401, 5, 401)]
)
def test_failed__status_of_a_host__is_passed_on(status, together, told):
    reply = rpc()._failed(Failed("no", status=status, headers={"retry-after": "7"}), together)
    assert (reply.status, reply.wait_seconds) == (told, 7.0)


@pytest.mark.parametrize("error", [Failed("no", status=399), Failed("no", status="400"), Failed("no"), Failed()])
def test_failed__no_status_of_a_host__is_no_answer(error):
    with pytest.raises(NodeUnavailable, match="No node answers at there"):
        rpc()._failed(error, 1)


class ReadTimeout(Exception):
    """A library's own."""


@pytest.mark.parametrize("error", [TimeoutError(), ReadTimeout("x")])
def test_failed__timeout__by_class_or_by_name(error):
    with pytest.raises(NodeTimeout, match=f"there \\({type(error).__name__}\\)"):
        rpc()._failed(error, 1)
