"""Fixtures over the Exchange's world, for the conftest files of the rooms that trade in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import boa
import pytest

from tests.evm import Env
from tests.worlds.exchange import PARAMETERS, World
from tests.worlds.system import System


@pytest.fixture(scope="module")
def made() -> Iterator[World]:
    """One deployment per module, in an environment of its own."""
    with boa.swap_env(Env()):
        yield World(System(**PARAMETERS))


@pytest.fixture
def world(made: World) -> Iterator[World]:
    """The deployment as it was made: what a test does is undone after it."""
    with boa.env.anchor():
        yield made


@pytest.fixture
def new_world() -> Iterator[Callable[[int], World]]:
    """A function that makes worlds with a token of other decimals."""
    with boa.swap_env(Env()):
        yield lambda decimals: World(System(decimals, **PARAMETERS))
