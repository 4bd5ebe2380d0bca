from __future__ import annotations

from tests.worlds.liquidation_fixtures import listed, world

__all__ = ["listed", "world"]
