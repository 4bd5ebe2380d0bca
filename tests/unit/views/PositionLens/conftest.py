"""The whole system, fresh for every test."""

from tests.worlds.system_fixtures import deployed, maker, stranger, system, trader

__all__ = ["deployed", "maker", "stranger", "system", "trader"]
