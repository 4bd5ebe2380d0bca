"""Fixtures that build a world once per file and give it to each test as it was made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boa
import pytest

from tests.evm import Env


def per_module(make: Callable[[], Any]) -> Any:
    """A fixture with one world per module, in an environment of its own."""

    @pytest.fixture(scope="module")
    def made() -> Iterator[Any]:
        with boa.swap_env(Env()):
            yield make()

    return made


def anchored(name: str) -> Any:
    """A fixture with the world of another one: what a test does is undone after it."""

    @pytest.fixture
    def world(request: pytest.FixtureRequest) -> Iterator[Any]:
        built = request.getfixturevalue(name)
        with boa.env.anchor():
            yield built

    return world
