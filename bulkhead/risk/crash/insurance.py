"""The insurance pot of the play and the caps on what it pays."""

from __future__ import annotations

from bulkhead.risk import auction
from bulkhead.risk.crash.tape import DAY
from bulkhead.risk.crash.terms import TERMS, wad
from bulkhead.risk.words import WAD


class Insurance:
    """A pot that pays within its caps by vault, cell and day.

    Attributes:
        fund: What is in it [quote].
    """

    def __init__(self, fund: float) -> None:
        self.fund = fund
        self._cell_base: dict[int, float] = {}
        self._cell_drawn: dict[int, float] = {}
        self._day_base: dict[int, float] = {}
        self._day_drawn: dict[int, float] = {}

    def room(self, flag_margin: float, cell: int, at: int, expired: bool) -> float:
        """What the caps leave for a vault that was flagged at a margin [quote]."""
        day = at // DAY
        # before its expiry nothing but the pot bounds what a cell's cap is a share of
        first = self.fund + (0.0 if expired else self._cell_drawn.get(cell, 0.0))
        room = flag_margin * TERMS.vault_cap / WAD
        for base, drawn, cap in (
            (self._cell_base.get(cell, first), self._cell_drawn.get(cell, 0.0), TERMS.cell_cap),
            (self._day_base.get(day, self.fund), self._day_drawn.get(day, 0.0), TERMS.day_cap),
        ):
            room = min(room, auction.draw_room(wad(self.fund), wad(base), wad(drawn), cap) / WAD)
        return max(min(room, self.fund), 0.0)

    def draw(self, cell: int, amount: float, at: int, expired: bool) -> None:
        """Pays an amount for a vault of a cell [quote]."""
        day = at // DAY
        if expired:
            self._cell_base.setdefault(cell, self.fund)
        self._day_base.setdefault(day, self.fund)
        self._cell_drawn[cell] = self._cell_drawn.get(cell, 0.0) + amount
        self._day_drawn[day] = self._day_drawn.get(day, 0.0) + amount
        self.fund -= amount
