"""Fixtures over the whole system, for the conftest files of the rooms that use it."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from tests.evm import Env
from tests.worlds.system import System


@pytest.fixture(scope="module")
def deployed() -> Iterator[System]:
    """One deployment per module, in an environment of its own."""
    with boa.swap_env(Env()):
        yield System()


@pytest.fixture
def system(deployed: System) -> Iterator[System]:
    """The deployment as it was made: what a test does is undone after it."""
    with boa.env.anchor():
        yield deployed


@pytest.fixture
def trader() -> str:
    """An account that trades."""
    return str(boa.env.generate_address("trader"))


@pytest.fixture
def maker() -> str:
    """A rich account on the other side."""
    return str(boa.env.generate_address("maker"))


@pytest.fixture
def stranger() -> str:
    """An account without rights."""
    return str(boa.env.generate_address("stranger"))
