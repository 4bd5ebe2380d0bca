"""A market on an Anvil for each module, and what a test does to it undone."""

from __future__ import annotations

import pytest

from tests.keeper.world import world
from tests.worlds.local_market import opened, undone


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """Vaults are open and rounds still to come; the account of the feed and everybody else is silent from here on."""
    with opened(tmp_path_factory.mktemp("keeper") / "log") as replay:
        yield replay


@pytest.fixture
def scene(market):
    """The market, with a block for each transaction."""
    with undone(market) as replay:
        yield replay


@pytest.fixture
def place(market):
    """The market, with blocks only when the test mines them."""
    with world(market) as found:
        yield found
