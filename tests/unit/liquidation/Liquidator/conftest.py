from __future__ import annotations

import pytest

from tests.worlds.liquidation import address
from tests.worlds.liquidation_fixtures import listed, world

__all__ = ["flagged", "listed", "world"]


@pytest.fixture
def flagged(world):
    """A vault with one short put, flagged after a fall by a quarter."""
    vault = world.short_put(600)
    world.move(1500)
    world.flag(vault, address("keeper"))
    return vault
