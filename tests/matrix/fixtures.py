"""Fixtures over the scene of the matrix, for the tests that go on from one of its states."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from tests.matrix.run import built
from tests.matrix.scene import Scene


@pytest.fixture(scope="module")
def made() -> Iterator[Scene]:
    """One scene per module, in an environment of its own."""
    with built() as scene:
        yield scene


@pytest.fixture
def scene(made: Scene) -> Iterator[Scene]:
    """The scene as it was made: what a test does is undone after it."""
    with boa.env.anchor():
        spot, vaults = made.spot, dict(made.vaults)
        yield made
        made.spot, made.vaults = spot, vaults
