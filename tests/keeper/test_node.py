"""What is taken for an answer of a node, and which node is asked first."""

from __future__ import annotations

import pytest

from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import NodeUnavailable
from bulkhead.chain.rpc import to_bytes, to_int
from bulkhead.keeper.node import Head, Node
from bulkhead.keeper.providers import Providers


@pytest.mark.parametrize("garbage", ["0xzz", 5, None, "12", "0x"])
def test_quantities__that_are_none__are_not_taken_for_numbers(garbage):
    with pytest.raises(NodeUnavailable):
        to_int(garbage)
    if garbage != "0x":
        with pytest.raises(NodeUnavailable):
            to_bytes(garbage)


@pytest.mark.parametrize("header", [None, {}, {"number": "0x1"}, [], "0x"])
def test_head__garbage__is_no_header(header):
    with pytest.raises(NodeUnavailable):
        Head.of(header)


def test_ranked__healthy_fast_and_level_nodes__come_first():
    nodes = [Node(f"http://node{i}.example/secret-path") for i in range(4)]
    providers = Providers(nodes, Deployment("x", 1, 0, "", {}), lag=2)
    for node in nodes:
        node.verified, node.head = True, 100
    slow, behind, broken, good = nodes
    slow.latency, behind.head = 0.5, 97
    broken.note(False, 0.0)
    good.latency = 0.1
    assert providers.ranked() == [good, slow, broken, behind]
    behind.verified = False
    assert behind not in providers.ranked()
    assert "secret-path" not in good.name


@pytest.mark.parametrize(("head", "level"), [(98, True), (97, False)])
def test_ranked__as_far_behind_as_is_allowed__is_level(head, level):
    slow, late = nodes = [Node(f"http://node{i}.example") for i in range(2)]
    providers = Providers(nodes, Deployment("x", 1, 0, "", {}), lag=2)
    for node in nodes:
        node.verified, node.head = True, 100
    late.head, slow.latency, late.latency = head, 0.5, 0.1
    assert providers.ranked() == ([late, slow] if level else [slow, late])
