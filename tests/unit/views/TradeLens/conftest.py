"""The Exchange's world, fresh for every test."""

from tests.worlds.exchange_fixtures import made, new_world, world

__all__ = ["made", "new_world", "world"]
