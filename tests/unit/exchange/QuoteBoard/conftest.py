"""The Exchange's world, fresh for every test."""

from tests.worlds.exchange_fixtures import made, world

__all__ = ["made", "world"]
