"""Fixtures of the oracle adapter's unit tests."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import boa
import pytest

from tests.worlds.oracle import OracleWorld


@pytest.fixture
def make_world() -> Iterator[Callable[..., OracleWorld]]:
    """Builds an adapter with one market that settles without a delay; the chain goes back afterwards."""
    with boa.env.anchor():
        yield functools.partial(OracleWorld, settle_delay=0)


@pytest.fixture
def world(make_world: Callable[..., OracleWorld]) -> OracleWorld:
    """Primary and fallback feed at 2,000, default parameters."""
    return make_world()


@pytest.fixture
def lone(make_world: Callable[..., OracleWorld]) -> OracleWorld:
    """Only a primary feed."""
    return make_world(fallback=False)


@pytest.fixture
def rollup(make_world: Callable[..., OracleWorld]) -> OracleWorld:
    """Primary, fallback and a sequencer-uptime feed."""
    return make_world(sequencer=True)


def raw_answer(*words: int) -> bytes:
    """Return data of a feed."""
    return b"".join((word % 2**256).to_bytes(32, "big") for word in words)


@pytest.fixture
def raw() -> Any:
    return raw_answer
