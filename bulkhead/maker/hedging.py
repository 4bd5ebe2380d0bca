"""Where a maker's exposure is hedged: a plug-in gets it after every look; the paper hedger keeps a book of its own."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from bulkhead.chain.errors import BadInput


class Hedger(Protocol):
    """What `bulkhead maker run --hedger module:Class` loads; it is made without arguments."""

    def exposed(self, symbol: str, delta: Decimal, spot: Decimal) -> None:
        """Gets what all desks of a market hold.

        Args:
            symbol: The market.
            delta: Contracts of the underlying, of all desks together.
            spot: Quote units.
        """


@dataclass
class PaperHedger:
    """Trades the underlying on paper, at spot, whenever what is left unhedged leaves a band.

    Attributes:
        band: Contracts that may stay unhedged.
        cash: What buying and selling them has left [quote].
        trades: How often it traded.
        by_market: Contracts of the underlying held for each market.
    """

    band: Decimal = Decimal("0.5")
    cash: Decimal = Decimal(0)
    trades: int = 0
    by_market: dict[str, Decimal] = field(default_factory=dict)

    @property
    def held(self) -> Decimal:
        """Contracts of the underlying, of all markets."""
        return sum(self.by_market.values(), Decimal(0))

    def exposed(self, symbol: str, delta: Decimal, spot: Decimal) -> None:
        """Trades back to zero when the band is left."""
        before = self.by_market.get(symbol, Decimal(0))
        if abs(delta + before) <= self.band:
            return
        traded = -delta - before
        self.by_market[symbol] = before + traded
        self.cash -= traded * spot
        self.trades += 1


def load(name: str) -> Hedger:
    """The hedger of "paper", or of "module:Class".

    Raises:
        BadInput: There is no such class, or it is no hedger.
    """
    if name == "paper":
        return PaperHedger()
    module, _, attribute = name.partition(":")
    try:
        made: Hedger = getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise BadInput(f"{name!r} is no hedger: write paper, or module:Class of one. {error}") from None
    if not callable(getattr(made, "exposed", None)):
        raise BadInput(f"{name!r} is no hedger: it has no method `exposed`.")
    return made
