"""Liquidation terms and units of the play: those of a market as it is listed."""

from __future__ import annotations

from bulkhead.risk import auction
from bulkhead.risk.words import WAD

#: Seconds.
BLOCK = 12
#: Native unit of the quote token in wad (6 decimals).
NATIVE = 10**12
TERMS = auction.LiquidationTerms(
    bonus_start=2 * WAD // 100,
    bonus_middle=WAD // 2,
    t1_seconds=120,
    t2_seconds=900,
    vault_cap=WAD,
    cell_cap=WAD // 4,
    day_cap=WAD // 2,
    top_up=WAD // 4,
    backstop_from=WAD // 5,
    minimum=100,
)


def wad(amount: float) -> int:
    """An amount of quote, as precise as floats allow [wad]."""
    return round(float(amount) * 1e6) * NATIVE if abs(amount) > 1e6 else round(float(amount) * 1e12) * 10**6
