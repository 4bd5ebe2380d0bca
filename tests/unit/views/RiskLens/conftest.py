"""The whole system with publishers of a vol surface, fresh for every test."""

from collections.abc import Iterator

import boa
import pytest

from tests.evm import Env
from tests.worlds.surface import SurfaceWorld
from tests.worlds.system_fixtures import maker, stranger, system, trader

__all__ = ["deployed", "maker", "stranger", "system", "trader"]


@pytest.fixture(scope="module")
def deployed() -> Iterator[SurfaceWorld]:
    """Built once per file."""
    with boa.swap_env(Env()):
        yield SurfaceWorld()
