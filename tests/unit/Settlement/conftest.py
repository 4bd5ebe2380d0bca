from __future__ import annotations

from tests.liquidation_fixtures import listed, world

__all__ = ["listed", "world"]
