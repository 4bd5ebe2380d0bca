"""Positions that other venues' rules look at, and what a rule answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bulkhead.risk.batch import BEYOND, Book, Bools, Cells, Floats, Ints, black76
from bulkhead.risk.words import Kind

DAY = 86400.0
YEAR = 365 * DAY


@dataclass(frozen=True)
class Positions:
    """Many positions of one expiry each; legs are flat, as in a `Book`.

    Attributes:
        owner: Position of each leg.
        kind: `Kind` of each leg.
        strike: Quote.
        quantity: Signed contracts (CASH: quote).
        iv: Implied vol of each leg.
        spot: Of each position [quote].
        forward: Of each position [quote].
        seconds: To expiry, of each position.
        rate: Of each position, per year; only Derive's portfolio margin looks at it.
        inverse: They are held in a market that counts coins: CASH is their future, FUTURE their money.
    """

    owner: Ints
    kind: Ints
    strike: Floats
    quantity: Floats
    iv: Floats
    spot: Floats
    forward: Floats
    seconds: Floats
    rate: Floats
    inverse: bool = False

    @classmethod
    def of(cls, book: Book, cells: Cells, spots: ArrayLike | None = None) -> Positions:
        """The vaults of a book, at the prices of their cells or at other spots."""
        cell = book.cell
        spot = cells.spot[cell] if spots is None else np.broadcast_to(np.asarray(spots, np.float64), (len(book),))
        forward = cells.base[cell] * (spot / cells.spot[cell]) + cells.averaged[cell]
        with np.errstate(divide="ignore"):
            log_ratio = np.where(book.strike > 0, np.log(forward[book.owner] / book.strike), 0.0)
        iv = cells.vols(cell[book.owner], log_ratio)
        return cls(
            book.owner, book.kind, book.strike, book.quantity, iv, spot, forward, cells.seconds[cell],
            cells.rate[cell], book.units.inverse,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.spot)

    @property
    def options(self) -> Bools:
        """Legs that are options."""
        return self.kind <= Kind.PUT

    def sum(self, per_leg: Floats) -> Floats:
        """Per position."""
        return np.asarray(np.bincount(self.owner, per_leg, len(self)), np.float64)

    def prices(self, forward: Floats | None = None, iv: Floats | None = None) -> Floats:
        """Mark of one contract of each leg, at other forwards and vols if given."""
        each = (self.forward if forward is None else forward)[self.owner]
        option = self.options
        strike = np.where(option, self.strike, each)
        vol = (self.iv if iv is None else iv) * np.sqrt(np.maximum(self.seconds, 0.0) / YEAR)[self.owner]
        with np.errstate(divide="ignore", invalid="ignore"):
            log_ratio = np.where(strike > 0, np.log(each / strike), BEYOND)
        call, _, _ = black76(each, strike, log_ratio, vol)
        put = call - each + strike
        return np.select(
            [self.kind == Kind.CALL, self.kind == Kind.PUT, self.kind == Kind.FUTURE], [call, put, each], 1.0
        )

    def value(self) -> Floats:
        """Mark of all legs of each position."""
        return self.sum(self.quantity * self.prices())

    def futures(self, share: float) -> Floats:
        """A share of spot per future, long or short; of an inverse one a share of its quote."""
        if self.inverse:
            return self.sum(np.where(self.kind == Kind.CASH, np.abs(self.quantity), 0.0)) * share
        return self.sum(np.where(self.kind == Kind.FUTURE, np.abs(self.quantity), 0.0)) * self.spot * share

    def longs(self, prices: Floats) -> Floats:
        """Mark of the long options."""
        return self.sum(np.where(self.options & (self.quantity > 0), self.quantity * prices, 0.0))

    def out_of_money(self) -> Floats:
        """How far each option is out of the money against spot, as a share of spot."""
        spot = self.spot[self.owner]
        gap = np.where(self.kind == Kind.CALL, self.strike - spot, spot - self.strike)
        return np.asarray(np.maximum(gap, 0.0) / spot, np.float64)

    def least_payoff(self) -> Floats:
        """Smallest payoff of the options at 0 and at every strike; CASH and futures left out."""
        option = self.options
        quantity = np.where(option, self.quantity, 0.0)

        def payoff(price: Floats) -> Floats:
            gap = price[self.owner] - self.strike
            return self.sum(quantity * np.maximum(np.where(self.kind == Kind.CALL, gap, -gap), 0.0))

        least = payoff(np.zeros(len(self)))
        counts = np.bincount(self.owner, minlength=len(self))
        starts = np.concatenate(([0], np.cumsum(counts)))[:-1]
        for i in range(int(counts.max(initial=0))):
            at = np.minimum(starts + i, max(len(self.owner) - 1, 0))
            there = (counts > i) & option[at]
            least = np.where(there, np.minimum(least, payoff(np.where(there, self.strike[at], 0.0))), least)
        return least


@dataclass(frozen=True)
class Requirement:
    """Equity that each position needs [quote].

    Attributes:
        initial: To open it.
        maintenance: To keep it.
    """

    initial: Floats
    maintenance: Floats
