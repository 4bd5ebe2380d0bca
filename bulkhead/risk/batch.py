"""The margin models over many vaults at once in floating point: within 1e-9 of `exact`, thousands of times faster.

A `Book` holds the legs of many vaults in flat arrays, `Cells` the prices of their cells, `assess` gives what the
engines return and `resolve` what the margin gate makes of it. All numbers are plain floats: quote, contracts, years.
The scenario prices use the engine's own table of Phi, so both agree beyond the table's 1e-8 of spot.

    book = Book.of([[Leg(...), ...], ...])
    found = assess(book, Cells.of([snapshot]), RiskWord())
    standing = resolve(found, book, cells, risk, collateral=[...])

Floats cannot tell `C >= -v_min` at the last wei: what is near an edge is confirmed with `exact` or on chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bulkhead.risk import exact
from bulkhead.risk.coefficients import MILLS_P, MILLS_Q
from bulkhead.risk.fixed import ONE
from bulkhead.risk.nodes import NODES, TAIL_NODE, WEIGHTS
from bulkhead.risk.svi import LEAST, MOST, Mix, SviSlice, total_variance_float
from bulkhead.risk.words import MAX_LEGS, WAD, Kind, Leg, Model, RiskWord, Snapshot, Status

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

YEAR = float(exact.YEAR)
DAY = 86400.0
#: Legs of options that one pass holds: its arrays stay in the second-level cache.
PASS_LEGS = 8192
#: Options of a book that is padded to one group: fewer calls beat fewer numbers.
SMALL_BOOK = 1024
#: Least total vol of a scenario, as in the engine (one unit of Q64).
TINY = 2.0**-64
CELLS_PER_UNIT = float(exact.CELLS_PER_UNIT)
CENTRE = 6.0 * CELLS_PER_UNIT
#: A log-moneyness beyond every table: an option whose strike the settlement window has already passed.
BEYOND = 1e6
TAIL = tuple(j for j, z in enumerate(NODES) if abs(z) >= TAIL_NODE)
BODY = tuple(j for j, z in enumerate(NODES) if abs(z) < TAIL_NODE)


#: GREEKS: least share of the ES model's number.
LEAST_OF_ES = 0.7
#: GREEKS: a price falls by at most this share.
DEEPEST = 0.99
#: STATIC: initial over maintenance requirement of short options and futures.
STATIC_KAPPA = 1.3


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, np.float64)


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
    """

    kind: Ints
    strike: Floats
    quantity: Floats
    offsets: Ints
    cell: Ints
    model: Ints
    ratios: Floats

    @classmethod
    def of(
        cls,
        vaults: Sequence[Sequence[Leg]],
        cell: ArrayLike | None = None,
        model: ArrayLike = Model.ES,
        ratios: ArrayLike = np.nan,
    ) -> Book:
        """A book from legs.

        Args:
            vaults: The legs of each vault.
            cell: Index of each vault's cell; all in cell 0 if left out.
            model: Model of each vault, or one for all.
            ratios: (a, b, c) of each vault, or of all; only STATIC vaults need them.
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
        )
        if "least" in self.__dict__:
            some.__dict__["least"] = self.least[chosen]
        return some

    def with_quantities(self, quantity: ArrayLike, least: ArrayLike) -> Book:
        """The same legs in other sizes (0: gone), with the v_min that the caller has worked out for them."""
        other = replace(self, quantity=_floats(quantity).copy())
        other.__dict__["least"] = _floats(least).copy()
        return other

    def under(self, model: int, ratios: ArrayLike | None = None) -> Book:
        """The same vaults, all in one model."""
        count = len(self)
        stamp = self.ratios if ratios is None else np.broadcast_to(np.asarray(ratios, np.float64), (count, 3))
        other = replace(self, model=np.full(count, model, np.int64), ratios=stamp)
        # what follows from the legs alone stays known
        legs = ("owner", "least", "_linear", "_groups")
        other.__dict__.update({name: self.__dict__[name] for name in legs if name in self.__dict__})
        return other

    def prepare(self) -> None:
        """Works out now, rather than at the first `assess`, what follows from the legs alone."""
        _ = self.least, self._linear, self._groups

    def scaled(self, factors: ArrayLike) -> Book:
        """Every leg of vault i times `factors[i]`."""
        each = np.broadcast_to(np.asarray(factors, np.float64), (len(self),))
        return replace(self, quantity=self.quantity * each[self.owner])

    @cached_property
    def least(self) -> Floats:
        """v_min of each vault [quote], minus infinity when the loss has no bound."""
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
            least = self._payoff(kind, strike, quantity, np.zeros((len(mine), 1)))
            for i in range(size):
                least = np.minimum(least, self._payoff(kind, strike, quantity, strike[:, i : i + 1]))
            result[mine] = np.where(slope < 0, -np.inf, least)
        return result

    @staticmethod
    def _payoff(kind: Ints, strike: Floats, quantity: Floats, price: Floats) -> Floats:
        gap = price - strike
        pays = np.where(kind == Kind.CALL, np.maximum(gap, 0.0), np.where(kind == Kind.PUT, np.maximum(-gap, 0.0), 1.0))
        pays = np.where(kind == Kind.FUTURE, price, pays)
        return _floats(np.einsum("ij,ij->i", quantity, pays))

    def payoff(self, prices: ArrayLike) -> Floats:
        """What each vault's legs pay at a settlement price, one for all or one each [quote]."""
        price = np.broadcast_to(np.asarray(prices, np.float64), (len(self),))[self.owner]
        gap = price - self.strike
        pays = np.select(
            [self.kind == Kind.CALL, self.kind == Kind.PUT, self.kind == Kind.FUTURE],
            [np.maximum(gap, 0.0), np.maximum(-gap, 0.0), price],
            1.0,
        )
        return self._sum(self.quantity * pays)

    def _sum(self, per_leg: Floats) -> Floats:
        return _floats(np.bincount(self.owner, per_leg, len(self)))

    @cached_property
    def _linear(self) -> _Linear:
        """What of each vault is linear in the price, with puts as calls by parity."""
        put = self.kind == Kind.PUT
        future = np.where(self.kind == Kind.FUTURE, self.quantity, 0.0)
        cash = np.where(self.kind == Kind.CASH, self.quantity, np.where(put, self.quantity * self.strike, 0.0))
        short = np.where((self.kind <= Kind.PUT) & (self.quantity < 0), -self.quantity, 0.0)
        return _Linear(
            slope=self._sum(np.where(put, -self.quantity, future)),
            constant=self._sum(cash),
            short=self._sum(short),
            futures=self._sum(np.abs(future)),
        )

    @cached_property
    def _groups(self) -> list[_Group]:
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
            return [_Group(np.arange(len(self)), strike, quantity, put)]
        groups = []
        for size in np.unique(counts):
            vaults = np.flatnonzero(counts == size)
            step = max(PASS_LEGS // max(int(size), 1), 1)
            for mine in np.split(vaults, range(step, len(vaults), step)):
                legs = options[starts[mine] + np.arange(size)[:, None]]
                groups.append(_Group(mine, self.strike[legs], self.quantity[legs], self.kind[legs] == Kind.PUT))
        return groups


@dataclass(frozen=True)
class _Linear:
    slope: Floats
    constant: Floats
    short: Floats
    futures: Floats


@dataclass(frozen=True)
class _Group:
    """Vaults with the same number of options; legs are (leg of the vault, vault)."""

    vaults: Ints
    strike: Floats
    quantity: Floats
    put: Bools


@dataclass(frozen=True)
class Cells:
    """Prices of many cells; every attribute is an array with one entry per cell.

    Attributes:
        spot: Price of one unit of underlying [quote].
        base: What moves with spot: F, or (1-w)*S inside the settlement window [quote].
        known: What the window's average has already fixed [quote].
        seconds: Time to expiry.
        root: sqrt(tau), 0 in the last hundredth of the window.
        move: sigma_m.
        vol_ratio: Fast over slow vol.
        rate: Per year.
        flat: iv of a flat surface.
        curved: The surface is SVI.
        near: SVI slice of the nearer expiry, scaled to the time left: rows a, b, rho, m, sigma.
        far: The same of the farther expiry.
        weight: Share of the farther one in total variance.
        fade: Share of the flat iv in variance; 0 while the surface is live.
        half_width: Confidence half-width of spot [quote].
    """

    spot: Floats
    base: Floats
    known: Floats
    seconds: Floats
    root: Floats
    sigma: Floats
    vol_ratio: Floats
    rate: Floats
    flat: Floats
    curved: Bools
    near: Floats
    far: Floats
    weight: Floats
    fade: Floats
    half_width: Floats

    @classmethod
    def of(cls, snapshots: Sequence[Snapshot]) -> Cells:
        """Cells from snapshots; refuses what the engines refuse, under the same names."""
        settings = [exact.setting_of(s) for s in snapshots]
        for s in snapshots:
            if not exact.MIN_VOL <= s.sigma <= exact.MAX_VOL:
                raise ValueError("es/vol-range")
            if not s.status & Status.SURFACE_SVI and not exact.MIN_VOL <= s.surface_near <= exact.MAX_VOL:
                raise ValueError("es/vol-range")

        def column(values: Sequence[int], unit: float = 1e18) -> Floats:
            return np.array(values, np.float64) / unit

        curved = np.array([bool(s.status & Status.SURFACE_SVI) for s in snapshots], np.bool_)
        mixes = [Mix.unpack(s.surface_weight if c else 0) for s, c in zip(snapshots, curved, strict=True)]
        return cls(
            spot=column([s.spot for s in snapshots]),
            base=column([s.base for s in settings]),
            known=column([s.known for s in settings]),
            seconds=column([s.seconds for s in snapshots], 1.0),
            root=column([s.root for s in settings], 2.0**64),
            sigma=column([s.sigma for s in snapshots]),
            vol_ratio=column([s.vol_ratio for s in snapshots]),
            rate=column([s.rate for s in snapshots]),
            flat=column([m.flat if c else s.surface_near for s, m, c in zip(snapshots, mixes, curved, strict=True)]),
            curved=curved,
            near=_slices([s.surface_near if c else 0 for s, c in zip(snapshots, curved, strict=True)]),
            far=_slices([s.surface_far if c else 0 for s, c in zip(snapshots, curved, strict=True)]),
            weight=column([m.weight for m in mixes]),
            fade=column([m.fade for m in mixes]),
            half_width=column([s.half_width for s in snapshots]),
        )

    @classmethod
    def flat_surface(
        cls,
        spot: ArrayLike,
        seconds: ArrayLike,
        sigma: ArrayLike,
        iv: ArrayLike,
        vol_ratio: ArrayLike = 1.0,
        known: ArrayLike = 0.0,
        share: ArrayLike = 0.0,
    ) -> Cells:
        """Cells with a flat surface and no rate, from plain numbers.

        Args:
            spot: Quote.
            seconds: Time to expiry.
            sigma: sigma_m.
            iv: Implied vol.
            vol_ratio: Fast over slow vol.
            known: Share of the window elapsed times its average so far [quote].
            share: Share of the window elapsed.
        """
        one = np.broadcast_arrays(
            *(np.asarray(x, np.float64) for x in (spot, seconds, sigma, iv, vol_ratio, known, share))
        )
        price, left, sigmas, ivs, ratio, fixed, gone = (np.atleast_1d(x).astype(np.float64) for x in one)
        none = np.zeros(len(price))
        empty = np.zeros((5, len(price)))
        return cls(
            spot=price,
            base=(1 - gone) * price,
            known=fixed,
            seconds=left,
            root=np.where(gone <= exact.MAX_SHARE / WAD, np.sqrt(left / YEAR), 0.0),
            sigma=sigmas,
            vol_ratio=ratio,
            rate=none,
            flat=ivs,
            curved=np.zeros(len(price), np.bool_),
            near=empty,
            far=empty,
            weight=none,
            fade=none,
            half_width=none,
        )

    def __len__(self) -> int:
        return len(self.spot)

    def moves(self, horizon_seconds: float) -> Floats:
        """One standard deviation of the horizon: sigma_m*sqrt(h/year)."""
        horizon = np.minimum(horizon_seconds, np.maximum(self.seconds, exact.MIN_HORIZON))
        return _floats(self.sigma * np.sqrt(horizon / YEAR))

    def vols(self, cell: Ints, log_ratio: Floats) -> Floats:
        """Implied vols of options at ln(F/K), each in its cell."""
        if not self.curved.any():
            return np.broadcast_to(self.flat[cell], log_ratio.shape)
        k = np.where(log_ratio < BEYOND, -log_ratio, 0.0)
        near = np.maximum(total_variance_float(self.near[:, cell], k), 0.0)
        far = np.maximum(total_variance_float(self.far[:, cell], k), 0.0)
        variance = (near + self.weight[cell] * (far - near)) * YEAR / self.seconds[cell]
        flat = self.flat[cell]
        variance += self.fade[cell] * (flat * flat - variance)
        return np.where(self.curved[cell], np.sqrt(np.clip(variance, LEAST / ONE, MOST / ONE)), flat)


def _slices(words: Sequence[int]) -> Floats:
    """Rows a, b, rho, m and sigma of packed slices."""
    return np.array([SviSlice.unpack(word).floats() for word in words], np.float64).reshape(-1, 5).T


@dataclass(frozen=True)
class Assessments:
    """What the engines return, one entry per vault [quote]; see `exact.Assessment`.

    Attributes:
        value: Mark of the legs.
        margin: MM of the vault's model before the max-loss cap.
        v_min: Least payoff, minus infinity when there is none.
        delta: Contracts of spot.
        gamma: Contracts per quote.
        vega: Quote per 1.00 vol.
        theta: Quote per year.
        initial: The model's own IM before concentration, proximity and cap; 0 means kappa times `margin`.
    """

    value: Floats
    margin: Floats
    v_min: Floats
    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    initial: Floats


@dataclass(frozen=True)
class Standings:
    """Where the vaults stand [quote]; see `margin.Standing`.

    Attributes:
        equity: E = C + v.
        maintenance_margin: A, after the max-loss cap.
        initial_margin: IM with concentration and, when asked for, proximity.
        backing: Equity that counts for IM.
        target: R_t.
    """

    equity: Floats
    maintenance_margin: Floats
    initial_margin: Floats
    backing: Floats
    target: Floats

    @property
    def health(self) -> Floats:
        """Equity over MM; infinite without MM and with equity, 0 without either."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.equity / self.maintenance_margin
        return np.where(self.maintenance_margin > 0, ratio, np.where(self.equity >= 0, np.inf, 0.0))

    @property
    def liquidatable(self) -> Bools:
        """E < MM; the cap makes `C < -v_min` follow."""
        return self.equity < self.maintenance_margin


# --- the engine's Phi in floats ------------------------------------------------------------------------------------


@cache
def _table() -> tuple[Floats, Floats, Floats, Floats]:
    """Coefficients of t^3 to t^0 per cell of the engine's table [2^-38], with a constant cell at either end."""
    units = (-132, -228, -222, -216)
    rows = [[float(c) * 2.0**u for c, u in zip(words, units, strict=True)] for words in exact.phi_table()]
    edges = ([0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, float(exact.PHI_ONE)])
    found = np.array([edges[0], *rows, edges[1]])
    cubic, square, linear, constant = (np.ascontiguousarray(found[:, i]) for i in range(4))
    return cubic, square, linear, constant


def _phi_of_cells(x: Floats) -> Floats:
    """Phi as scenarios see it, rounded down [2^-38]; x in table cells from -6, shifted by one, and overwritten."""
    cubic, square, linear, constant = _table()
    np.minimum(np.maximum(x, 0.0, out=x), exact.CELLS + 1.5, out=x)
    index = x.astype(np.intp)
    x -= index
    result = cubic.take(index)
    result *= x
    result += square.take(index)
    result *= x
    result += linear.take(index)
    result *= x
    result += constant.take(index)
    np.floor(result, out=result)
    return result


def _mills(x: Floats) -> Floats:
    """Phi(-x)/phi(x) for x in [0, 9]."""
    p = np.full_like(x, float(MILLS_P[-1]))
    q = np.full_like(x, float(MILLS_Q[-1]))
    for a, b in zip(MILLS_P[-2::-1], MILLS_Q[-2::-1], strict=True):
        p *= x
        p += float(a)
        q *= x
        q += float(b)
    p /= q
    return p


def black76(base: Floats, strike: Floats, log_ratio: Floats, total_vol: Floats) -> tuple[Floats, Floats, Floats]:
    """Call, Phi(d1) and phi(d1) (`exact.call_price`); `strike` may be below 0 where `log_ratio` is `BEYOND`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        d1 = log_ratio / total_vol + total_vol / 2
    # 0/0: no vol at the strike itself
    d1 = np.where(total_vol > 0, d1, np.where(log_ratio > 0, np.inf, -np.inf))
    d2 = d1 - total_vol
    inside = np.abs(d1) < 9
    low, high = np.clip(d1, -9, 9), np.clip(d2, -9, 9)
    phi = np.where(inside, np.exp(-low * low / 2) / np.sqrt(2 * np.pi), 0.0)
    below1, below2 = phi * _mills(np.abs(low)), np.where(np.abs(d2) < 9, phi * _mills(np.abs(high)), 0.0)
    intrinsic = np.maximum(base - strike, 0.0)
    call = np.where(
        d1 <= 0,
        base * (below1 - below2),
        np.where(d2 > 0, base - strike + base * (below2 - below1), base - base * (below2 + below1)),
    )
    call = np.maximum(call, intrinsic)
    outside = np.where((d1 >= 9) & (d2 < 0), base, intrinsic)
    upper = np.where(d1 <= 0, below1, 1 - below1)
    upper = np.where(inside, upper, np.where(d1 > 0, 1.0, 0.0))
    return np.where(inside, call, outside), upper, phi


# --- the models ----------------------------------------------------------------------------------------------------


def assess(
    book: Book,
    cells: Cells,
    risk: RiskWord,
    spots: ArrayLike | None = None,
    threads: int = 2,
) -> Assessments:
    """Value, margin under its own model, maximum loss and Greeks of every vault.

    Args:
        book: The vaults.
        cells: Prices of their cells.
        risk: Risk parameters of the market.
        spots: Other spot prices, one per vault, at otherwise unchanged cells [quote].
        threads: Passes run at once; numpy frees the interpreter's lock.
    """
    count = len(book)
    if count and book.counts.max() > MAX_LEGS:
        raise ValueError("leg/too-many-legs")
    out = Assessments(*(np.zeros(count) for _ in fields(Assessments)))
    out.v_min[:] = book.least
    prices = None if spots is None else np.broadcast_to(np.asarray(spots, np.float64), (count,))
    moves = cells.moves(risk.horizon_seconds)
    work = [_Pass(book, cells, risk, prices, moves, group, out) for group in book._groups]
    _table()
    if threads > 1 and len(work) > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(_Pass.run, work))
    else:
        for one in work:
            one.run()
    return out


@dataclass(frozen=True)
class _Pass:
    """Some vaults with as many options each, few enough for their arrays to stay in the cache."""

    book: Book
    cells: Cells
    risk: RiskWord
    spots: Floats | None
    moves: Floats
    group: _Group
    out: Assessments

    def run(self) -> None:
        """Assesses the vaults into `out`."""
        cells, risk, group = self.cells, self.risk, self.group
        mine, quantity = group.vaults, group.quantity
        cell = self.book.cell[mine]
        spot, base, known, root = cells.spot[cell], cells.base[cell], cells.known[cell], cells.root[cell]
        if self.spots is not None:
            base = base * (self.spots[mine] / spot)
            spot = self.spots[mine]
        linear = self.book._linear
        slope, constant, short = linear.slope[mine], linear.constant[mine], linear.short[mine]
        model = self.book.model[mine]

        inner = group.strike - known
        passed = inner <= 0
        if passed.any():
            with np.errstate(invalid="ignore", divide="ignore"):
                log_ratio = np.where(passed, BEYOND, np.log(base / inner))
        else:
            log_ratio = np.log(base / inner)
        iv = cells.vols(cell, log_ratio)
        total_vol = iv * root
        call, upper, phi = black76(base, inner, log_ratio, total_vol)
        worth = (quantity * call).sum(axis=0)
        growth = base / spot
        weighted = quantity * np.where(passed, 0.0, phi)
        with np.errstate(invalid="ignore", divide="ignore"):
            bend = np.where(total_vol > 0, weighted / total_vol, 0.0).sum(axis=0)
            decay = np.where(root > 0, 0.5 * (weighted * iv).sum(axis=0) / root, 0.0)
        delta = ((quantity * upper).sum(axis=0) + slope) * growth
        out = self.out
        out.value[mine], out.delta[mine] = worth + slope * (base + known) + constant, delta
        out.gamma[mine] = bend * growth / spot
        out.vega[mine] = base * weighted.sum(axis=0) * root
        theta = -base * decay
        out.theta[mine] = np.where(known == 0, theta - cells.rate[cell] * spot * delta, theta)

        static = model == Model.STATIC
        if not static.all():
            legs = _Legs(quantity, inner, log_ratio, iv, root, base, cell)
            floor = risk.short_floor_bps / 1e4 * spot * short
            margin = self._shortfall(legs, worth, slope) + floor
            greeks = model == Model.GREEKS
            if greeks.any():
                loss = self._greeks(legs, slope) + self._decay(out.theta[mine], cell) + floor
                margin = np.where(greeks, np.maximum(loss, LEAST_OF_ES * margin), margin)
            out.margin[mine] = margin
        if static.any():
            puts = call + (group.strike - known) - base
            prices = np.where(group.put, puts, call)
            at_risk, paid_up = self._ratios(spot, prices)
            out.margin[mine] = np.where(static, at_risk / STATIC_KAPPA + paid_up, out.margin[mine])
            out.initial[mine] = np.where(static, at_risk + paid_up, 0.0)

    def _decay(self, theta: Floats, cell: Ints) -> Floats:
        """What net negative theta costs over the horizon, or to the expiry if that comes first."""
        seconds = self.cells.seconds[cell]
        return _floats(np.maximum(-theta, 0.0) * np.minimum(self.risk.horizon_seconds, seconds) / YEAR)

    def _greeks(self, legs: _Legs, slope: Floats) -> Floats:
        """Worst move by Simpson's rule over delta, whole and half, up and down, and the vol move through vega."""
        up = self.risk.greeks_move / 10 * self.moves[legs.cell]
        down = np.minimum(up, DEEPEST)
        scale = np.sqrt(30 * DAY / np.maximum(self.cells.seconds[legs.cell], 2 * DAY))
        total_vol = np.maximum(legs.iv * legs.root, TINY)
        inverse = CELLS_PER_UNIT / total_vol
        at = legs.log_ratio * inverse + (total_vol * (CELLS_PER_UNIT / 2) + (CENTRE + 1))
        held = legs.quantity / exact.PHI_ONE

        def delta(factor: Floats | None) -> Floats:
            cells = at.copy() if factor is None else at + np.log(factor) * inverse
            return _floats((held * _phi_of_cells(cells)).sum(axis=0) + slope)

        here, worst = delta(None), np.zeros(len(slope))
        for move in (up, _floats(-down)):
            middle, end, amount = delta(_floats(1 + move / 2)), delta(_floats(1 + move)), move * legs.base / 24
            worst = np.maximum(worst, -4 * amount * (here + 4 * middle + end))
            worst = np.maximum(worst, amount * (end - 5 * here - 8 * middle))
        change = np.maximum(legs.iv, self.risk.iv_floor_bps / 1e4) * 0.25 * scale
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = (legs.iv + change / 2) * legs.root
            d1 = np.where(moved > 0, legs.log_ratio / moved + moved / 2, 0.0)
        density = np.exp(-np.minimum(d1 * d1, 1000.0) / 2) / np.sqrt(2 * np.pi)
        density = np.where(np.abs(d1) < 9, density, 0.0)
        vega = np.abs((legs.quantity * density * change).sum(axis=0)) * legs.base * legs.root
        return _floats(worst + vega)

    def _ratios(self, spot: Floats, prices: Floats) -> tuple[Floats, Floats]:
        """Requirement of short options and futures by the vault's ratios, and the value of its long options."""
        group = self.group
        a, b, c = self.book.ratios[group.vaults].T
        strike = group.strike
        out_of_money = np.maximum(np.where(group.put, spot - strike, strike - spot), 0.0)
        unit = np.where(group.put, np.minimum(spot, strike), spot)
        each = np.maximum(a * spot - out_of_money, b * unit)
        short = (np.maximum(-group.quantity, 0.0) * each).sum(axis=0)
        at_risk = short + self.book._linear.futures[group.vaults] * c * spot
        return at_risk, (np.maximum(group.quantity, 0.0) * prices).sum(axis=0)

    def _shortfall(self, legs: _Legs, worth: Floats, slope: Floats) -> Floats:
        """Expected shortfall of every vault over the 24 scenarios, at least 0."""
        nodes = np.array(NODES)[:, None] / WAD
        shifts = nodes * self.moves[legs.cell]
        prices = np.exp(shifts) * legs.base
        losses = np.empty((len(NODES), 2, len(worth)))
        losses[:] = (worth - slope * (prices - legs.base))[:, None]
        if len(legs.quantity):
            scale = np.sqrt(30 * DAY / np.maximum(self.cells.seconds[legs.cell], 2 * DAY))
            floored = np.maximum(legs.iv, self.risk.iv_floor_bps / 1e4)
            vols = {
                (TAIL, 0): legs.iv,
                (BODY, 0): legs.iv * np.maximum(1 - 0.15 * scale, 0.2),
                (TAIL, 1): legs.iv + floored * (0.4 * scale),
                (BODY, 1): legs.iv + floored * (0.2 * scale),
            }
            held = legs.quantity / exact.PHI_ONE
            owed = held * legs.strike
            for (rows, branch), vol in vols.items():
                which = list(rows)
                total_vol = np.maximum(vol * legs.root, TINY)
                inverse, width = CELLS_PER_UNIT / total_vol, total_vol * CELLS_PER_UNIT
                d1 = shifts[which][:, None] * inverse
                d1 += legs.log_ratio * inverse + (width / 2 + (CENTRE + 1))
                d2 = d1 - width
                got = _phi_of_cells(d1)
                got *= held
                got *= prices[which][:, None]
                less = _phi_of_cells(d2)
                less *= owed
                got -= less
                losses[which, branch] -= got.sum(axis=1)
        return _worst(np.ascontiguousarray(losses.reshape(2 * len(NODES), -1).T), self.risk.tail_bps / 1e4)


@dataclass(frozen=True)
class _Legs:
    quantity: Floats
    strike: Floats
    log_ratio: Floats
    iv: Floats
    root: Floats
    base: Floats
    cell: Ints


def _worst(losses: Floats, tail: float) -> Floats:
    """Mean of the worst losses of each row until their mass is `tail`, at least 0.

    The low five bits of a loss are given up for the scenario's number, so that one plain sort keeps both together.
    """
    weights = np.zeros(32)
    halves = [((w + i) // 2) / WAD for w in WEIGHTS for i in (0, 1)]
    weights[: len(halves)] = halves
    # how many of the lightest scenarios fill the tail: no other set needs more
    most = int(np.searchsorted(np.cumsum(np.sort(halves)), tail - 1e-15)) + 1
    tagged = losses.view(np.int64)
    tagged &= ~np.int64(31)
    tagged |= np.arange(losses.shape[1])
    losses.sort(axis=1)
    left = np.full(len(losses), tail)
    total = np.zeros(len(losses))
    for i in range(1, min(most, losses.shape[1]) + 1):
        loss = losses[:, -i].copy()
        weight = np.minimum(weights[loss.view(np.int64) & 31], left)
        total += loss * weight
        left -= weight
    return np.maximum(total / tail, 0.0)


def kappa(vol_ratio: Floats, risk: RiskWord) -> Floats:
    """IM/MM: the calm value up to a vol ratio of 1, linear to the stressed value at 3."""
    calm, stress = risk.kappa_calm_bps / 1e4, max(risk.kappa_stress_bps, risk.kappa_calm_bps) / 1e4
    return _floats(calm + (stress - calm) * np.clip(vol_ratio - 1, 0.0, 2.0) / 2)


def resolve(
    found: Assessments,
    book: Book,
    cells: Cells,
    risk: RiskWord,
    collateral: ArrayLike,
    deficit: ArrayLike = 0.0,
    proximity: bool = False,
    spots: ArrayLike | None = None,
) -> Standings:
    """Equity, MM, IM, backing and target of every vault (`margin.resolve`).

    Args:
        found: What `assess` returned.
        book: The vaults.
        cells: Prices of their cells.
        risk: Risk parameters of the market.
        collateral: C of each vault [quote].
        deficit: D_cell, of each vault or of all [quote].
        proximity: The action withdraws or adds risk: IM grows below a health of 1.5.
        spots: Other spot prices, as given to `assess`.
    """
    held = np.broadcast_to(np.asarray(collateral, np.float64), (len(book),))
    spot = cells.spot[book.cell] if spots is None else np.asarray(spots, np.float64)
    room = np.maximum(found.value - found.v_min, 0.0)
    mm = np.minimum(found.margin, room)
    equity = held + found.value
    ratio = kappa(cells.vol_ratio, risk)[book.cell]
    im = np.where(found.initial > 0, found.initial, found.margin * ratio)
    if risk.liquidity_scale:
        size = np.maximum(np.abs(found.delta) * spot, 4 * mm) / risk.liquidity_scale
        im = im * np.clip(1 + risk.lambda_bps / 1e4 * (size - 1), 1.0, 2.0)
    if proximity:
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.clip(1.5 - equity / mm, 0.0, 0.5)
        add = risk.proximity_bps / 1e4 * 2 * np.where((mm > 0) & (equity > 0), distance, 0.0)
        im = im * (1 + add)
    im = im + np.abs(found.delta) * cells.half_width[book.cell]
    lacking = np.broadcast_to(np.asarray(deficit, np.float64), (len(book),))
    backing = np.where((found.value > 0) & (lacking > 0), held + np.maximum(found.value - lacking, 0.0), equity)
    theta = np.where(book.model == Model.STATIC, 1 + STATIC_KAPPA, 1 + ratio) / 2
    return Standings(equity, mm, np.minimum(im, room), backing, np.minimum(mm * theta, room))
