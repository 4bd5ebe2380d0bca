"""Fixtures of a served market, for the rooms that type at one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.worlds.served_market import ServedMarket, serve


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedMarket]:
    """The deployment of `make market`, once for a room of tests."""
    with serve(tmp_path_factory.mktemp("served")) as market:
        yield market


@pytest.fixture
def market(served: ServedMarket) -> Iterator[ServedMarket]:
    """The served market; what a test does is undone after it."""
    with served.undone():
        yield served
