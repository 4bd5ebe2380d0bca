"""The whole system with publishers of a vol surface, fresh for every test."""

from tests.worlds.fixtures import per_module
from tests.worlds.surface import SurfaceWorld
from tests.worlds.system_fixtures import maker, stranger, system, trader

__all__ = ["deployed", "maker", "stranger", "system", "trader"]

deployed = per_module(SurfaceWorld)
