"""Fixtures over the scripted market, for the conftest files of the rooms that use it."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from tests.worlds.fixtures import per_module
from tests.worlds.liquidation import World

listed = per_module(World)


@pytest.fixture
def world(listed: World) -> Iterator[World]:
    """The market as it was made: what a test does is undone after it."""
    with boa.env.anchor():
        state = dict(vars(listed))
        yield listed
        vars(listed).clear()
        vars(listed).update(state)
