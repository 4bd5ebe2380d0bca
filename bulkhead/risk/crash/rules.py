"""Margin rules over a book: the protocol's own models and other venues'."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from bulkhead.risk import batch, peers, static
from bulkhead.risk.batch import Book, Cells, Floats
from bulkhead.risk.words import Kind, Model, RiskWord


@dataclass(frozen=True)
class Need:
    """What a rule asks of every vault, and what it has beside its collateral [token].

    Attributes:
        value: Mark of the legs.
        initial: IM.
        maintenance: A.
        target: What a liquidation restores.
    """

    value: Floats
    initial: Floats
    maintenance: Floats
    target: Floats


class Rule(Protocol):
    """A margin rule over a book."""

    def __call__(self, book: Book, cells: Cells, opening: bool = False) -> Need:
        """What every vault needs now, or to be opened now."""
        ...


@dataclass(frozen=True)
class Ours:
    """One of the protocol's own models; to open, a STATIC vault needs the ES model's IM as well."""

    model: Model = Model.ES
    risk: RiskWord = field(default_factory=RiskWord)

    def __call__(self, book: Book, cells: Cells, opening: bool = False) -> Need:
        """What the margin gate asks."""
        mine = book.under(self.model)
        found = batch.assess(mine, cells, self.risk, threads=1)
        standing = batch.resolve(found, mine, cells, self.risk, 0.0)
        initial = standing.initial_margin
        if opening and self.model == Model.STATIC:
            initial = np.maximum(initial, Ours(Model.ES, self.risk)(book, cells).initial)
        return Need(found.value, initial, standing.maintenance_margin, standing.target)


@dataclass(frozen=True)
class Theirs:
    """Another venue's rule under our liquidation.

    The auction's A is at least twice the taker's cost: a rule with less would leave nothing to pay anyone with.

    Attributes:
        rule: The venue's rule.
        cost: What hedging costs a taker, of the notional.
    """

    rule: peers.Rule
    cost: float = 0.007

    def __call__(self, book: Book, cells: Cells, opening: bool = False) -> Need:
        """What the venue asks, never more than the worst payoff."""
        positions = peers.Positions.of(book, cells)
        asked, value = self.rule(positions), positions.value()
        if book.units.inverse:
            # shares of spot are shares of a coin
            asked = peers.Requirement(asked.initial / positions.spot, asked.maintenance / positions.spot)
            value = value / positions.forward
        floor = 2 * self.cost * notional(book, cells.spot[book.cell])
        room = np.maximum(value - book.least, 0.0)
        keep = np.where(asked.maintenance > 0, np.maximum(asked.maintenance, floor), 0.0)
        keep = np.minimum(keep, room)
        start = np.minimum(np.maximum(asked.initial, keep), room)
        return Need(value, start, keep, np.minimum((start + keep) / 2, room))


def stamped(book: Book, sigma: float) -> Book:
    """The vaults as they are opened at a sigma_m: with the ratios that a STATIC one keeps."""
    stamp = batch.ratios(static.stamp(RiskWord(), round(sigma * 1e6) * 10**12))
    made = Book.flat(
        book.kind, book.strike, book.quantity, book.offsets, book.cell, Model.ES, np.tile(stamp, (len(book), 1)),
        book.units,
    )  # fmt: skip
    made.prepare()
    return made


def notional(book: Book, spot: Floats) -> Floats:
    """Contracts of options and delta legs at spot [quote]; in coins options as they are and CASH at 1/spot."""
    size = np.abs(book.quantity)
    if book.units.inverse:
        each = np.where(book.kind <= Kind.PUT, size, np.where(book.kind == Kind.CASH, size / spot[book.owner], 0.0))
        return np.asarray(np.bincount(book.owner, each, len(book)), np.float64)
    each = np.where(book.kind != Kind.CASH, size, 0.0)
    return np.asarray(np.bincount(book.owner, each, len(book)) * spot, np.float64)
