"""One deployment for all tests of commands; what a test does is undone after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.worlds.served_market import ServedMarket, serve


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedMarket]:
    with serve(tmp_path_factory.mktemp("served")) as market:
        yield market


@pytest.fixture
def market(served: ServedMarket) -> Iterator[ServedMarket]:
    with served.undone():
        yield served
