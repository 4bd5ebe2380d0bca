"""Fixtures over the scripted market, for the conftest files of the rooms that use it."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from tests.evm import Env
from tests.worlds.liquidation import World


@pytest.fixture(scope="module")
def listed() -> Iterator[World]:
    """One market per module, in an environment of its own."""
    with boa.swap_env(Env()):
        yield World()


@pytest.fixture
def world(listed: World) -> Iterator[World]:
    """The market as it was made: what a test does is undone after it."""
    with boa.env.anchor():
        state = dict(vars(listed))
        yield listed
        vars(listed).clear()
        vars(listed).update(state)
