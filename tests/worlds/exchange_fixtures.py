"""Fixtures over the Exchange's world, for the conftest files of the rooms that trade in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import boa
import pytest

from tests.evm import Env
from tests.worlds.exchange import PARAMETERS, World
from tests.worlds.fixtures import anchored, per_module
from tests.worlds.system import System

made = per_module(lambda: World(System(**PARAMETERS)))
world = anchored("made")


@pytest.fixture
def new_world() -> Iterator[Callable[[int], World]]:
    """A function that makes worlds with a token of other decimals."""
    with boa.swap_env(Env()):
        yield lambda decimals: World(System(decimals, **PARAMETERS))
