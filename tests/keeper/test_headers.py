"""What hashes prove about heads, and which honest nodes they must not make liars."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bulkhead.chain.anvil import Anvil
from bulkhead.chain.rpc import Call
from bulkhead.keeper import headers, quorum
from bulkhead.keeper.headers import Headers
from bulkhead.keeper.node import Head, Node
from bulkhead.keeper.quorum import Quorum, _conflict


@pytest.fixture(scope="module")
def told() -> list[dict[str, Any]]:
    """Blocks that follow one another."""
    with Anvil() as chain:
        chain.rpc.call("anvil_mine", "0x6")
        return [chain.rpc.block(number) for number in range(1, 7)]


def telling(name: str, header: dict[str, Any]) -> Node:
    """A node that has told a header."""
    node = Node(f"http://{name}.example")
    node.hear(Head.of(header))
    return node


def later(header: dict[str, Any]) -> dict[str, Any]:
    """A header with another stamp than its hash says."""
    return {**header, "timestamp": hex(int(header["timestamp"], 16) + 1)}


def refuted(*heads: dict[str, Any]) -> list[int]:
    """Which of the nodes that tell these headers are refuted."""
    nodes = [telling(f"n{i}", header) for i, header in enumerate(heads)]
    found = Headers().refuted(nodes)
    return [i for i, node in enumerate(nodes) if node.name in found]


def test_refuted__header_that_does_not_make_its_hash__beside_one_that_does(told):
    assert refuted(told[0], later(told[1])) == [1]
    assert refuted(later(told[0]), told[1], told[1]) == [0]
    assert refuted(told[0], told[0]) == []


def test_refuted__chain_that_makes_its_hashes_otherwise__nobody(told):
    assert refuted(later(told[0]), later(told[0]), later(told[1])) == []
    assert refuted(later(told[0])) == []


@pytest.mark.parametrize("change", [{"slotNumber": "0x1"}, {"requestsHash": None}], ids=["a new fork", "an old node"])
def test_refuted__header_with_other_fields__is_not_judged_by_its_hash(told, change):
    assert refuted(told[0], {**told[1], **change}) == []
    # of a block whose header is proven there is only one
    assert refuted(told[1], {**told[1], **change}) == []
    assert refuted(told[1], {**later(told[1]), **change}) == [1]


def test_refuted__header_proven_before__still_counts(told):
    judge = Headers()
    assert judge.refuted([telling("a", told[0])]) == {}
    false = telling("b", {**later(told[0]), "slotNumber": "0x1"})
    assert list(judge.refuted([telling("a", told[1]), false])) == [false.name]
    # alone it is all there is
    assert judge.refuted([false]) == {}


def test_doubt__node_that_cannot_show_its_block__is_left_for_longer_each_time(told, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(headers.time, "monotonic", lambda: now)
    honest, hiding = telling("a", told[0]), telling("b", told[0])

    async def shows(calls: list[Call]) -> list[Any]:
        return [told[0], "0x0"]

    async def hides(calls: list[Call]) -> list[Any]:
        return [told[1], "0x0"]

    monkeypatch.setattr(honest, "batch", shows)
    monkeypatch.setattr(hiding, "batch", hides)
    judge = Headers()
    for length in (4.0, 8.0, 16.0, 32.0, 64.0, 64.0):
        asyncio.run(judge.doubt([honest, hiding], Head.of(told[0])))
        assert list(judge.refuted([honest, hiding])) == [hiding.name]
        now += length
        assert judge.refuted([honest, hiding]) == {}
    now += 65
    asyncio.run(judge.doubt([honest, hiding], Head.of(told[0])))
    now += 4
    assert judge.refuted([honest, hiding]) == {}


def test_conflict__node_that_was_wrong_and_tells_the_same_block_now__is_on_the_chain(told):
    """What it told before, with blocks between that nobody asked for, must not count for ever."""
    honest, healed = (telling(name, told[0]) for name in ("a", "b"))
    honest.hear(Head.of(told[1]))
    healed.hear(replace(Head.of(told[1]), hash="0x" + "11" * 32))
    honest.hear(Head.of(told[3]))
    healed.hear(Head.of(told[3]))
    assert healed.trail[2] != honest.trail[2] and not _conflict(honest, healed)
    healed.hear(replace(Head.of(told[5]), hash="0x" + "22" * 32, parent="0x" + "33" * 32))
    honest.hear(Head.of(told[5]))
    assert _conflict(honest, healed)


def test_choose__quick_node_whose_header_is_not_proven__waits_for_the_one_that_proves(told, monkeypatch):
    """For a moment; a node that proves its headers and stands still holds up nobody for longer."""
    now = 1000.0
    monkeypatch.setattr(quorum.time, "monotonic", lambda: now)

    async def met(node: Node) -> None:
        raise AssertionError(f"{node.name} was asked again")

    quick, proving = telling("a", {**told[0], "isNew": "0x1"}), telling("b", told[0])
    for node in (quick, proving):
        node.verified, node.seen_at = True, now
    judge = Quorum(2, met)

    def chosen() -> tuple[int, bool]:
        return asyncio.run(judge.choose([quick, proving])).number, judge.source is proving

    assert chosen()[0] == 1
    quick.hear(Head.of({**told[2], "isNew": "0x1"}))
    assert chosen() == (1, True)
    proving.hear(Head.of(told[2]))
    assert chosen()[0] == 3
    quick.hear(Head.of({**told[3], "isNew": "0x1"}))
    assert chosen() == (3, True)
    now += quorum.HELD
    quick.hear(Head.of({**told[4], "isNew": "0x1"}))
    assert chosen() == (5, False)
