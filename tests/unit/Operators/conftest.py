"""The Exchange's world, fresh for every test."""

from tests.exchange_fixtures import made, world

__all__ = ["made", "world"]
