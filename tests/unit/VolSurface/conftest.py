"""Fixtures of the vol surface's unit tests."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from tests.surface_world import SurfaceWorld


@pytest.fixture(scope="module")
def system() -> Iterator[SurfaceWorld]:
    """A system with two of three publishers, once per file."""
    with boa.env.anchor():
        yield SurfaceWorld()


@pytest.fixture
def world(system: SurfaceWorld) -> Iterator[SurfaceWorld]:
    """That system; each test starts where it was built."""
    with boa.env.anchor():
        yield system


@pytest.fixture(scope="module")
def settled_system() -> Iterator[SurfaceWorld]:
    """A system whose surface at 60 % is wholly in force, once per file."""
    with boa.env.anchor():
        built = SurfaceWorld()
        built.settle_in(0.6)
        yield built


@pytest.fixture
def settled(settled_system: SurfaceWorld) -> Iterator[SurfaceWorld]:
    """That system; each test starts where it was built."""
    with boa.env.anchor():
        yield settled_system
