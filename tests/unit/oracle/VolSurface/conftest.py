"""Fixtures of the vol surface's unit tests."""

from tests.worlds.surface import settled, settled_level, settled_system, system, world

__all__ = ["settled", "settled_level", "settled_system", "system", "world"]
