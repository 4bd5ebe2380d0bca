"""What the engines return for every vault of a book."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from bulkhead.risk.batch import es, greeks, static
from bulkhead.risk.batch.arrays import BEYOND, Floats
from bulkhead.risk.batch.book import Book, Group
from bulkhead.risk.batch.cells import Cells
from bulkhead.risk.batch.options import Options
from bulkhead.risk.batch.phi import black76, table
from bulkhead.risk.words import MAX_LEGS, NODES, Model, RiskWord


@dataclass(frozen=True)
class Assessments:
    """What the engines return, one entry per vault [token, Greeks in quote]; see `exact.Assessment`.

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


def assess(
    book: Book,
    cells: Cells,
    risk: RiskWord,
    spots: ArrayLike | None = None,
    threads: int = 2,
    nodes: Sequence[int] = NODES,
) -> Assessments:
    """Value, margin under its own model, maximum loss and Greeks of every vault.

    Args:
        book: The vaults.
        cells: Prices of their cells.
        risk: Risk parameters of the market.
        spots: Other spot prices, one per vault, at otherwise unchanged cells [quote].
        threads: Passes run at once; numpy frees the interpreter's lock.
        nodes: Other scenario nodes than those in force [wad].
    """
    count = len(book)
    if count and book.counts.max() > MAX_LEGS:
        raise ValueError("leg/too-many-legs")
    out = Assessments(*(np.zeros(count) for _ in fields(Assessments)))
    out.v_min[:] = book.least
    prices = None if spots is None else np.broadcast_to(np.asarray(spots, np.float64), (count,))
    moves = cells.moves(risk.horizon_seconds)
    work = [_Pass(book, cells, risk, prices, moves, group, nodes, out) for group in book.groups]
    table()
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
    group: Group
    nodes: Sequence[int]
    out: Assessments

    def run(self) -> None:
        """Assesses the vaults into `out`."""
        cells, risk, group = self.cells, self.risk, self.group
        mine, quantity = group.vaults, group.quantity
        cell = self.book.cell[mine]
        spot, base, averaged, root = cells.spot[cell], cells.base[cell], cells.averaged[cell], cells.root[cell]
        if self.spots is not None:
            base = base * (self.spots[mine] / spot)
            spot = self.spots[mine]
        linear = self.book.linear
        slope, constant, short = linear.slope[mine], linear.constant[mine], linear.short[mine]
        model = self.book.model[mine]

        inner = group.strike - averaged
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
            fade = np.where(root > 0, 0.5 * (weighted * iv).sum(axis=0) / root, 0.0)
        delta = ((quantity * upper).sum(axis=0) + slope) * growth
        out = self.out
        inverse, forward = self.book.units.inverse, base + averaged
        value = worth + slope * forward + constant
        out.value[mine], out.delta[mine] = value / forward if inverse else value, delta
        out.gamma[mine] = bend * growth / spot
        out.vega[mine] = base * weighted.sum(axis=0) * root
        theta = -base * fade
        out.theta[mine] = np.where(averaged == 0, theta - cells.rate[cell] * spot * delta, theta)

        by_static = model == Model.STATIC
        if not by_static.all():
            options = Options(
                quantity, inner, log_ratio, iv, root, base, self.moves[cell], cells.time[cell],
                averaged, slope, constant, inverse,
            )  # fmt: skip
            floor = risk.short_floor_bps / 1e4 * (1.0 if inverse else spot) * short
            margin = es.shortfall(options, worth, risk, self.nodes)
            decay = es.decay(options, worth, risk) if (quantity > 0).any() else np.zeros(len(mine))
            margin = np.maximum(margin, decay) + floor
            by_greeks = model == Model.GREEKS
            if by_greeks.any():
                loss = greeks.move_loss(options, worth, risk) + decay + floor
                margin = np.where(by_greeks, np.maximum(loss, greeks.LEAST_OF_ES * margin), margin)
            out.margin[mine] = margin
        if by_static.any():
            puts = call + (group.strike - averaged) - base
            prices = np.where(group.put, puts, call)
            at_risk, paid_up = static.requirement(self.book, group, spot, forward, prices)
            out.margin[mine] = np.where(by_static, at_risk / static.STATIC_KAPPA + paid_up, out.margin[mine])
            out.initial[mine] = np.where(by_static, at_risk + paid_up, 0.0)
