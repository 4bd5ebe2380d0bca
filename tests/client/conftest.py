"""One deployment, on an Anvil that listens at HTTP, websockets and IPC."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.worlds.served_fixtures import market
from tests.worlds.served_market import ServedMarket, serve

__all__ = ["market", "served"]


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedMarket]:
    folder = tmp_path_factory.mktemp("web3")
    with serve(folder, extra=("--ipc", str(folder / "anvil.ipc"))) as market:
        yield market
