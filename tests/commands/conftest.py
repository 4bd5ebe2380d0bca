"""One deployment for all tests of commands; what a test does is undone after it."""

from tests.worlds.served_fixtures import market, served

__all__ = ["market", "served"]
