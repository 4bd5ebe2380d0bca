"""Margin rules of other venues, written again from their public formulas, to compare capital and losses with ours.

Each rule answers, for every position of one expiry, what equity its owner must hold to open and to keep it: equity is
collateral plus the mark of all legs, as in our own models, so that all numbers compare. Where a rule gives no credit
for a long option, its mark is part of the requirement; where it adds the mark of a short one, that cancels.

Formulas and numbers are facts copied from public documents and tests; `tests/unit/risk/test_peers.py` checks each
rule against its venue's own test cases before anything is compared. What a venue does not say (dated futures at
Deribit, Opyn and the flat ratios) follows Derive's rule for perpetuals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
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
            book.owner, book.kind, book.strike, book.quantity, iv, spot, forward, cells.seconds[cell], cells.rate[cell]
        )

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
        """A share of spot per future, long or short."""
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


# --- Deribit and Aevo ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DeribitStandard:
    """Deribit's standard margin in its first and best known form, in quote instead of coin.

    Attributes:
        most: Share of spot for an option at the money.
        least: Share of spot for one far out of it.
        keep: Share of spot (for puts of their mark, if larger) to keep one.
        future: Shares of spot for a future, to open and to keep; Derive's perpetuals.
    """

    most: float = 0.15
    least: float = 0.10
    keep: float = 0.075
    future: tuple[float, float] = (0.10, 0.065)

    def __call__(self, p: Positions) -> Requirement:
        """No netting; long options back nothing."""
        prices = p.prices()
        spot = p.spot[p.owner]
        short = np.where(p.options & (p.quantity < 0), -p.quantity, 0.0)
        opening = np.maximum(self.most - p.out_of_money(), self.least) * spot
        keeping = np.where(p.kind == Kind.PUT, np.maximum(self.keep * spot, self.keep * prices), self.keep * spot)
        opening = np.where(p.kind == Kind.PUT, np.maximum(opening, keeping), opening)
        longs = p.longs(prices)
        return Requirement(
            p.sum(short * opening) + longs + p.futures(self.future[0]),
            p.sum(short * keeping) + longs + p.futures(self.future[1]),
        )


# --- Derive --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DeriveStandard:
    """Derive v2's standard risk manager; defaults are its mainnet numbers for ETH and BTC.

    Attributes:
        most: Share of spot to open a short option at the money.
        least: Share of spot far out of the money.
        keep_call: Share of spot to keep a short call.
        keep_put: Share of spot to keep a short put.
        keep_put_mark: Share of its mark to keep a short put, if larger.
        unpaired: Forward per net short call beyond the worst payoff, to open and to keep.
        offset: A short put's initial over its maintenance requirement, at least.
        future: Shares of spot for a future, to open and to keep.
    """

    most: float = 0.15
    least: float = 0.13
    keep_call: float = 0.09
    keep_put: float = 0.09
    keep_put_mark: float = 0.09
    unpaired: tuple[float, float] = (1.2, 1.1)
    offset: float = 1.05
    future: tuple[float, float] = (0.10, 0.065)

    def __call__(self, p: Positions) -> Requirement:
        """The smaller of what the short options need alone and the worst payoff of the expiry."""
        prices, spot = p.prices(), p.spot[p.owner]
        put = p.kind == Kind.PUT
        short = np.where(p.options & (p.quantity < 0), -p.quantity, 0.0)
        opening = np.maximum(self.most - p.out_of_money(), self.least) * spot + prices
        keeping = prices + np.where(
            put, np.maximum(self.keep_put * spot, self.keep_put_mark * prices), self.keep_call * spot
        )
        opening = np.where(put, np.maximum(opening, self.offset * keeping), opening)
        net_calls = p.sum(np.where(p.kind == Kind.CALL, p.quantity, 0.0))
        worst = -p.least_payoff()
        value = p.sum(np.where(p.options, p.quantity * prices, 0.0))

        def need(alone: Floats, unpaired: float, future: float) -> Floats:
            loss = worst + unpaired * p.forward * np.maximum(-net_calls, 0.0)
            return np.maximum(np.minimum(p.sum(short * alone), loss), 0.0) + value + p.futures(future)

        return Requirement(
            need(opening, self.unpaired[0], self.future[0]), need(keeping, self.unpaired[1], self.future[1])
        )


@dataclass(frozen=True)
class DerivePortfolio:
    """Derive v2's first portfolio margin (PMRM): the worst of moves of spot by moves of vol, plus contingencies.

    Attributes:
        moves: Spot over spot now.
        up: Vol shock upwards at 30 days; down: downwards.
        short_power: Decay of the shock beyond 30 days before; long_power: after.
        day_floor: Least days to expiry in it.
        initial: Initial over maintenance loss.
        option: Share of spot per net short option.
        future: Share of spot per future.
        discount: Factor on positive marks.
        rate_multiple: Of the rate in the discount; rate_add: added to it.
        basis: Moves of the forward alone.
        basis_add: Share of the basis loss that counts; basis_multiple: more of it per year.
    """

    moves: tuple[float, ...] = (0.80, 0.85, 0.90, 0.95, 1.0, 1.05, 1.10, 1.15, 1.20)
    up: float = 0.60
    down: float = 0.30
    short_power: float = 0.30
    long_power: float = 0.13
    day_floor: float = 1.0
    initial: float = 1.25
    option: float = 0.02
    future: float = 0.03
    discount: float = 0.95
    rate_multiple: float = 4.0
    rate_add: float = 0.12
    basis: tuple[float, float] = (0.95, 1.05)
    basis_add: float = 1.0
    basis_multiple: float = 1.2

    def __call__(self, p: Positions) -> Requirement:
        """Worst scenario and contingencies; the initial one is larger by a factor."""
        years = p.seconds / YEAR
        option = p.options

        def worth(prices: Floats) -> Floats:
            return p.sum(np.where(option, p.quantity * prices, 0.0))

        value = worth(p.prices())
        discount = self.discount * np.exp(-years * (self.rate_multiple * np.maximum(p.rate, 0.0) + self.rate_add))
        days = np.maximum(p.seconds / DAY, self.day_floor)
        scale = (30 / days) ** np.where(days <= 30, self.short_power, self.long_power)
        vols = (1 + self.up * scale, np.ones(len(p)), np.maximum(1 - self.down * scale, 0.0))
        straight = p.sum(np.where(p.kind == Kind.FUTURE, p.quantity, 0.0))
        gain = self.forward_contingency(p)
        moves = np.array(self.moves)[:, None]
        chosen = np.flatnonzero(option)
        owner, strike, quantity = p.owner[chosen], p.strike[chosen], p.quantity[chosen]
        forward = p.forward[owner] * moves
        log_ratio = np.log(forward / strike)
        # puts by parity
        parity = np.where(p.kind[chosen] == Kind.PUT, strike - forward, 0.0)
        for vol in vols:
            calls, _, _ = black76(forward, strike, log_ratio, p.iv[chosen] * (vol * np.sqrt(years))[owner])
            for row, move in zip(quantity * (calls + parity), self.moves, strict=True):
                shocked = np.bincount(owner, row, len(p))
                seen = np.where(shocked > 0, shocked * discount, shocked) - value
                gain = np.minimum(gain, seen + straight * p.forward * (move - 1))
        gain -= p.spot * self.option * self._net_shorts(p) + p.futures(self.future)
        return Requirement(np.maximum(-gain * self.initial, 0.0), np.maximum(-gain, 0.0))

    def forward_contingency(self, p: Positions) -> Floats:
        """What a move of the forward alone would cost, scaled by time; not above 0."""
        option = p.options
        value = p.sum(np.where(option, p.quantity * p.prices(), 0.0))
        worst = np.zeros(len(p))
        for move in self.basis:
            moved = p.sum(np.where(option, p.quantity * p.prices(p.forward * move), 0.0))
            worst = np.minimum(worst, moved - value)
        return worst * (self.basis_add + self.basis_multiple * p.seconds / YEAR)

    @staticmethod
    def _net_shorts(p: Positions) -> Floats:
        """Short options of each position, calls and puts of one strike netted."""
        chosen = np.flatnonzero(p.options)
        if not len(chosen):
            return np.zeros(len(p))
        order = chosen[np.lexsort((p.strike[chosen], p.owner[chosen]))]
        owner, strike, quantity = p.owner[order], p.strike[order], p.quantity[order]
        first = np.concatenate(([True], (np.diff(owner) != 0) | (np.diff(strike) != 0)))
        net = np.add.reduceat(quantity, np.flatnonzero(first))
        return np.asarray(np.bincount(owner[first], np.maximum(-net, 0.0), len(p)), np.float64)


# --- Opyn and flat ratios ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpynTable:
    """Opyn v2's naked margin: a table of the most an option can be worth, by days to expiry.

    Attributes:
        table: (days, share) of the venue's tests at 7 and 14 days; later rows grow with the root of time, as those two.
        shock: Factor on spot.
        future: Shares of spot for a future, to open and to keep; Derive's perpetuals.
    """

    table: tuple[tuple[float, float], ...] = (
        (7, 0.1678),
        (14, 0.237),
        *((float(days), 0.1678 * math.sqrt(days / 7)) for days in (28, 42, 56, 91, 182, 365)),
    )
    shock: float = 0.75
    future: tuple[float, float] = (0.10, 0.065)

    def share(self, seconds: Floats) -> Floats:
        """Share of the first row that is not before the expiry."""
        days = np.array([row[0] for row in self.table])
        at = np.minimum(np.searchsorted(days, seconds / DAY - 1e-9), len(days) - 1)
        return np.asarray(np.array([row[1] for row in self.table])[at], np.float64)

    def naked(self, kind: Ints, strike: Floats, spot: Floats, share: Floats) -> Floats:
        """Collateral of one short option [quote]."""
        put = share * np.minimum(strike, self.shock * spot) + np.maximum(strike - self.shock * spot, 0.0)
        call = share * np.minimum(spot, strike * self.shock) + np.maximum(spot - strike * self.shock, 0.0)
        return np.where(kind == Kind.PUT, put, call)

    def __call__(self, p: Positions) -> Requirement:
        """One number opens and keeps; a spread needs its worst payoff if that is less."""
        prices = p.prices()
        each = self.naked(p.kind, p.strike, p.spot[p.owner], self.share(p.seconds)[p.owner])
        alone = p.sum(np.where(p.options & (p.quantity < 0), -p.quantity * each, 0.0))
        unbounded = p.sum(np.where(p.kind == Kind.CALL, p.quantity, 0.0)) < -1e-9
        need = np.minimum(alone, np.where(unbounded, np.inf, -p.least_payoff()))
        value = p.sum(np.where(p.options, p.quantity * prices, 0.0))
        return Requirement(
            np.maximum(need + value + p.futures(self.future[0]), 0.0),
            np.maximum(need + value + p.futures(self.future[1]), 0.0),
        )


@dataclass(frozen=True)
class FlatRatio:
    """Collateral as a multiple of what is owed now, the rule of lending markets.

    Attributes:
        ratio: Collateral over the mark of the short legs (spot for a future) to keep a position.
        opening: Initial over maintenance requirement.
    """

    ratio: float
    opening: float = 1.25

    def __call__(self, p: Positions) -> Requirement:
        """The surplus over the debt; long options back nothing."""
        prices = p.prices()
        owed = p.sum(np.where(p.options & (p.quantity < 0), -p.quantity * prices, 0.0)) + p.futures(1.0)
        keep, longs = (self.ratio - 1) * owed, p.longs(prices)
        return Requirement(self.opening * keep + longs, keep + longs)


Rule = Callable[[Positions], Requirement]

#: The rules compared in docs, by name.
RULES: dict[str, Rule] = {
    "Deribit standard": DeribitStandard(),
    "Derive SRM": DeriveStandard(),
    "Derive PMRM": DerivePortfolio(),
    "Opyn table": OpynTable(),
    "flat 110 %": FlatRatio(1.10),
    "flat 120 %": FlatRatio(1.20),
    "flat 150 %": FlatRatio(1.50),
}
