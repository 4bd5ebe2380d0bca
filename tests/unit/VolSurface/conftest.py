"""Fixtures of the vol surface's unit tests."""

from tests.surface_world import settled, settled_level, settled_system, system, world

__all__ = ["settled", "settled_level", "settled_system", "system", "world"]
