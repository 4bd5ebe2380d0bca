"""Fixtures over the whole system, for the conftest files of the rooms that use it."""

from __future__ import annotations

import boa
import pytest

from tests.worlds.fixtures import anchored, per_module
from tests.worlds.system import System

deployed = per_module(System)
system = anchored("deployed")


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
