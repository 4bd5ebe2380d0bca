"""Fixtures of the Exchange's unit tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import boa
import pytest

from tests.exchange_world import NOW, World, make_world


@pytest.fixture
def world() -> Iterator[World]:
    """The Exchange with stand-ins at noon of Wednesday 7 January 2026."""
    with boa.env.anchor():
        boa.env.evm.patch.timestamp = NOW
        yield make_world()


@pytest.fixture
def new_world() -> Iterator[Callable[[int], World]]:
    """A function that makes worlds with a token of other decimals."""
    with boa.env.anchor():
        boa.env.evm.patch.timestamp = NOW
        yield make_world
