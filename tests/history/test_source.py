"""Which node is asked, and which failure is told: without a node."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bulkhead.chain.errors import BulkheadError, MissingDeployment, NodeUnavailable, WrongNetwork
from bulkhead.history import source as module
from bulkhead.history.source import REST, Shifted, Source


class Node:
    """A connection that answers with its name, or fails."""

    def __init__(self, name: str) -> None:
        self.name = self.rpc = name
        self.failure: Exception | None = None

    def answer(self) -> str:
        if self.failure is not None:
            raise self.failure
        return self.name


@pytest.fixture
def clock(monkeypatch):
    told = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: told.now))
    return told


@pytest.fixture
def source(clock):
    made = Source.__new__(Source)
    chains: Any = [Node("a"), Node("b")]
    made._chains, made._checked, made._rest = chains, set(), {}
    made.checked = []  # type: ignore[attr-defined]
    made.deployment = SimpleNamespace(check=made.checked.append)  # type: ignore[assignment,attr-defined]
    return made


def asked(source: Source) -> str:
    return source.ask(lambda chain: chain.answer())  # type: ignore[attr-defined,no-any-return]


def test_ask__first_that_answers__each_node_is_checked_once(source):
    assert [asked(source), asked(source)] == ["a", "a"] and source.checked == ["a"]
    source._chains[0].failure = NodeUnavailable("gone")
    assert asked(source) == "b" and source.checked == ["a", "b"]


def test_ask__node_that_failed__rests_before_it_is_the_first_again(source, clock):
    source._chains[0].failure = NodeUnavailable("gone")
    assert asked(source) == "b"
    source._chains[0].failure = None
    clock.now += REST - 1
    assert asked(source) == "b"
    clock.now += 1
    assert asked(source) == "a"


def test_ask__none_answers__tells_the_first_failure(source):
    source._chains[0].failure, source._chains[1].failure = NodeUnavailable("first"), NodeUnavailable("second")
    with pytest.raises(NodeUnavailable, match="first"):
        asked(source)


@pytest.mark.parametrize("failure", [WrongNetwork("another chain"), MissingDeployment("no code")], ids=str)
def test_ask__node_of_another_deployment__is_a_mistake_whatever_the_others_say(source, failure):
    def check(rpc: str) -> None:
        raise failure

    source.deployment = SimpleNamespace(check=check)
    with pytest.raises(type(failure)):
        asked(source)


def test_ask__chain_that_changed__is_no_failure_of_the_node(source):
    source._chains[0].failure = Shifted("changed")
    with pytest.raises(Shifted):
        asked(source)
    assert source._rest == {} and issubclass(NodeUnavailable, BulkheadError)
