"""Rules that look at each option alone: Deribit and Derive's standard margins, Opyn's table, flat ratios."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bulkhead.risk.batch import Floats, Ints
from bulkhead.risk.peers.positions import DAY, Positions, Requirement
from bulkhead.risk.words import Kind


@dataclass(frozen=True)
class DeribitStandard:
    """Deribit's standard margin in its first and best known form, in quote; over spot it is the rule in coins.

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
