"""Legs of many vaults in flat arrays, and what follows from the legs alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from bulkhead.risk.batch.arrays import Bools, Floats, Ints, floats
from bulkhead.risk.words import LINEAR, Kind, Leg, Model, Units

#: Legs of options that one pass holds: its arrays stay in the second-level cache.
PASS_LEGS = 8192
#: Options of a book that is padded to one group: fewer calls beat fewer numbers.
SMALL_BOOK = 1024


def ratios(stamp: int) -> tuple[float, float, float]:
    """(a, b, c) as shares of spot, of a STATIC vault's stamp (3 x 10 bits of 1e-3)."""
    a, b, c = ((stamp >> 10 * i & 1023) / 1000 for i in range(3))
    return a, b, c


@dataclass(frozen=True)
class Book:
    """Legs of many vaults, flat; vault i owns legs `offsets[i]` to `offsets[i + 1]`.

    Attributes:
        kind: `Kind` of every leg.
        strike: Quote; 0 for FUTURE and CASH.
        quantity: Signed contracts (CASH: quote).
        offsets: Where each vault's legs start; one more than there are vaults.
        cell: Index of each vault's cell in `Cells`.
        model: `Model` of each vault.
        ratios: a, b, c of each STATIC vault, its stamp as shares of spot; NaN for the others.
        units: What their market counts in: every amount is in its token.
    """

    kind: Ints
    strike: Floats
    quantity: Floats
    offsets: Ints
    cell: Ints
    model: Ints
    ratios: Floats
    units: Units = LINEAR

    @classmethod
    def of(
        cls,
        vaults: Sequence[Sequence[Leg]],
        cell: ArrayLike | None = None,
        model: ArrayLike = Model.ES,
        ratios: ArrayLike = np.nan,
        units: Units = LINEAR,
    ) -> Book:
        """A book from legs.

        Args:
            vaults: The legs of each vault.
            cell: Index of each vault's cell; all in cell 0 if left out.
            model: Model of each vault, or one for all.
            ratios: (a, b, c) of each vault, or of all; only STATIC vaults need them.
            units: What their market counts in.
        """
        counts = [len(legs) for legs in vaults]
        flat = [leg for legs in vaults for leg in legs]
        return cls.flat(
            np.array([leg.kind for leg in flat], np.int64),
            np.array([leg.strike for leg in flat], np.float64) / 1e8,
            np.array([leg.quantity for leg in flat], np.float64) / 1e6,
            np.concatenate(([0], np.cumsum(counts, dtype=np.int64))) if counts else np.zeros(1, np.int64),
            cell,
            model,
            ratios,
            units,
        )

    @classmethod
    def flat(
        cls,
        kind: ArrayLike,
        strike: ArrayLike,
        quantity: ArrayLike,
        offsets: ArrayLike,
        cell: ArrayLike | None = None,
        model: ArrayLike = Model.ES,
        ratios: ArrayLike = np.nan,
        units: Units = LINEAR,
    ) -> Book:
        """A book from flat arrays, as the attributes describe them."""
        starts = np.asarray(offsets, np.int64)
        count = len(starts) - 1
        return cls(
            np.asarray(kind, np.int64),
            np.asarray(strike, np.float64),
            np.asarray(quantity, np.float64),
            starts,
            np.zeros(count, np.int64) if cell is None else np.asarray(cell, np.int64),
            np.broadcast_to(np.asarray(model, np.int64), (count,)),
            np.broadcast_to(np.asarray(ratios, np.float64), (count, 3)),
            units,
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def counts(self) -> Ints:
        """Legs of each vault."""
        return np.diff(self.offsets)

    @cached_property
    def owner(self) -> Ints:
        """Vault of each leg."""
        return np.repeat(np.arange(len(self)), self.counts)

    def take(self, vaults: ArrayLike) -> Book:
        """Some of the vaults, in the order given; an index may repeat."""
        chosen = np.asarray(vaults)
        if chosen.dtype == np.bool_:
            chosen = np.flatnonzero(chosen)
        chosen = chosen.astype(np.int64)
        counts = self.counts[chosen]
        offsets = np.concatenate(([0], np.cumsum(counts)))
        legs = np.arange(offsets[-1]) + np.repeat(self.offsets[chosen] - offsets[:-1], counts)
        some = Book(
            self.kind[legs],
            self.strike[legs],
            self.quantity[legs],
            offsets,
            self.cell[chosen],
            self.model[chosen],
            self.ratios[chosen],
            self.units,
        )
        if "least" in self.__dict__:
            some.__dict__["least"] = self.least[chosen]
        return some

    def with_quantities(self, quantity: ArrayLike, least: ArrayLike) -> Book:
        """The same legs in other sizes (0: gone), with the v_min that the caller has worked out for them."""
        other = replace(self, quantity=floats(quantity).copy())
        other.__dict__["least"] = floats(least).copy()
        return other

    def under(self, model: int, ratios: ArrayLike | None = None) -> Book:
        """The same vaults, all in one model."""
        count = len(self)
        stamp = self.ratios if ratios is None else np.broadcast_to(np.asarray(ratios, np.float64), (count, 3))
        other = replace(self, model=np.full(count, model, np.int64), ratios=stamp)
        # what follows from the legs alone is kept
        legs = ("owner", "least", "linear", "groups")
        other.__dict__.update({name: self.__dict__[name] for name in legs if name in self.__dict__})
        return other

    def prepare(self) -> None:
        """Works out now, rather than at the first `assess`, what follows from the legs alone."""
        _ = self.least, self.linear, self.groups

    def scaled(self, factors: ArrayLike) -> Book:
        """Every leg of vault i times `factors[i]`."""
        each = np.broadcast_to(np.asarray(factors, np.float64), (len(self),))
        return replace(self, quantity=self.quantity * each[self.owner])

    @cached_property
    def least(self) -> Floats:
        """v_min of each vault, minus infinity when the loss has no bound."""
        result = np.empty(len(self))
        rising = (self.kind == Kind.CALL) | (self.kind == Kind.FUTURE)
        for size in np.unique(self.counts):
            mine = np.flatnonzero(self.counts == size)
            if size == 0:
                result[mine] = 0.0
                continue
            legs = self.offsets[mine][:, None] + np.arange(size)
            kind, strike, quantity = self.kind[legs], self.strike[legs], self.quantity[legs]
            steps = np.rint(quantity * 1e6)  # exact in floats: whether a slope is 0 must not depend on rounding
            slope = np.where(rising[legs], steps, 0.0).sum(axis=1)
            at_zero = self._payoff(kind, strike, quantity, np.zeros((len(mine), 1)))
            least = at_zero
            if self.units.inverse:
                # coins: far up the slope, near 0 the first slope, unless the legs pay or owe quote there
                sign = _sign_at_zero(kind, strike, steps, at_zero)
                first = np.where(kind == Kind.FUTURE, steps, np.where(kind == Kind.PUT, -steps, 0.0)).sum(axis=1)
                least = np.where(sign == 0, np.minimum(slope, first), slope) / 1e6
            for i in range(size):
                at = strike[:, i : i + 1]
                pays = self._payoff(kind, strike, quantity, at)
                if self.units.inverse:
                    with np.errstate(divide="ignore", invalid="ignore"):
                        pays = np.where(kind[:, i] <= Kind.PUT, pays / at[:, 0], np.inf)
                least = np.minimum(least, pays)
            unbounded = sign < 0 if self.units.inverse else slope < 0
            result[mine] = np.where(unbounded, -np.inf, least)
        return result

    @staticmethod
    def _payoff(kind: Ints, strike: Floats, quantity: Floats, price: Floats) -> Floats:
        gap = price - strike
        pays = np.where(kind == Kind.CALL, np.maximum(gap, 0.0), np.where(kind == Kind.PUT, np.maximum(-gap, 0.0), 1.0))
        pays = np.where(kind == Kind.FUTURE, price, pays)
        return floats(np.einsum("ij,ij->i", quantity, pays))

    def payoff(self, prices: ArrayLike) -> Floats:
        """What each vault's legs pay at a settlement price above 0, one for all or one each [token]."""
        price = np.broadcast_to(np.asarray(prices, np.float64), (len(self),))[self.owner]
        gap = price - self.strike
        pays = np.select(
            [self.kind == Kind.CALL, self.kind == Kind.PUT, self.kind == Kind.FUTURE],
            [np.maximum(gap, 0.0), np.maximum(-gap, 0.0), price],
            1.0,
        )
        return self._sum(self.quantity * (pays / price if self.units.inverse else pays))

    def _sum(self, per_leg: Floats) -> Floats:
        return floats(np.bincount(self.owner, per_leg, len(self)))

    @cached_property
    def linear(self) -> Linear:
        """What of each vault is linear in the price, with puts as calls by parity."""
        put = self.kind == Kind.PUT
        delta = Kind.CASH if self.units.inverse else Kind.FUTURE
        future = np.where(self.kind == Kind.FUTURE, self.quantity, 0.0)
        cash = np.where(self.kind == Kind.CASH, self.quantity, np.where(put, self.quantity * self.strike, 0.0))
        short = np.where((self.kind <= Kind.PUT) & (self.quantity < 0), -self.quantity, 0.0)
        return Linear(
            slope=self._sum(np.where(put, -self.quantity, future)),
            constant=self._sum(cash),
            short=self._sum(short),
            deltas=self._sum(np.abs(np.where(self.kind == delta, self.quantity, 0.0))),
        )

    @cached_property
    def groups(self) -> list[Group]:
        """Vaults with as many options each, so that sums over legs are plain additions of rows.

        A small book is one group: options of quantity 0 fill it up.
        """
        options = np.flatnonzero(self.kind <= Kind.PUT)
        counts = np.bincount(self.owner[options], minlength=len(self))
        starts = np.concatenate(([0], np.cumsum(counts)))
        most = int(counts.max(initial=0))
        if len(self) * most <= SMALL_BOOK and len(options):
            row = np.arange(most)[:, None]
            there = row < counts
            legs = options[np.where(there, starts[:-1] + row, 0)]
            put = there & (self.kind[legs] == Kind.PUT)
            strike, quantity = np.where(there, self.strike[legs], 1.0), np.where(there, self.quantity[legs], 0.0)
            return [Group(np.arange(len(self)), strike, quantity, put)]
        groups = []
        for size in np.unique(counts):
            vaults = np.flatnonzero(counts == size)
            step = max(PASS_LEGS // max(int(size), 1), 1)
            for mine in np.split(vaults, range(step, len(vaults), step)):
                legs = options[starts[mine] + np.arange(size)[:, None]]
                groups.append(Group(mine, self.strike[legs], self.quantity[legs], self.kind[legs] == Kind.PUT))
        return groups


@dataclass(frozen=True)
class Linear:
    """What of each vault is linear in the price, with puts as calls; options short and delta legs, long and short."""

    slope: Floats
    constant: Floats
    short: Floats
    deltas: Floats


def _sign_at_zero(kind: Ints, strike: Floats, steps: Floats, at_zero: Floats) -> Floats:
    """Sign of what vaults pay at a price of 0: sums that are 0 in truth must not depend on rounding.

    Args:
        kind: Of legs, (vault, leg).
        strike: [quote].
        steps: Quantities [1e-6].
        at_zero: The sums in floats.
    """
    pays = (kind == Kind.PUT) | (kind == Kind.CASH)
    size = np.where(pays, np.abs(steps) * np.where(kind == Kind.PUT, strike, 1.0), 0.0).sum(axis=1) / 1e6
    sign = np.sign(at_zero)
    for i in np.flatnonzero(np.abs(at_zero) <= 1e-12 * size):
        each = np.where(kind[i] == Kind.PUT, np.rint(strike[i] * 1e8), 1e8)
        exact = sum(int(q) * int(k) for q, k in zip(steps[i][pays[i]], each[pays[i]], strict=True))
        sign[i] = (exact > 0) - (exact < 0)
    return sign


@dataclass(frozen=True)
class Group:
    """Vaults with the same number of options; legs are (leg of the vault, vault)."""

    vaults: Ints
    strike: Floats
    quantity: Floats
    put: Bools
