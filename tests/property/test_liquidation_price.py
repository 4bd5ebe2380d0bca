"""Liquidation prices: liquidatable at the price, healthy just before it, and no nearer crossing on the grid."""

from __future__ import annotations

import dataclasses
import math
import random

import numpy as np
import pytest

from bulkhead.risk import batch, exact, margin
from bulkhead.risk.liquidation_price import PRECISION, exact_prices, grid, liquidation_prices
from bulkhead.risk.words import WAD, Kind, Leg, Model, RiskWord
from tests.worlds.engine_cases import calm, option, random_legs, random_snapshot

RISK = RiskWord()
VAULTS, EXACT_VAULTS = 150, 6


def vaults(count: int, model: int = Model.ES) -> tuple[batch.Book, batch.Cells, np.ndarray]:
    legs, snapshots, draw = [], [], random.Random(5)
    for _ in range(count):
        snapshot = random_snapshot(draw)
        legs.append(random_legs(draw, draw.randint(1, 4), snapshot.spot))
        snapshots.append(snapshot)
    book = batch.Book.of(legs, cell=np.arange(count), model=model, ratios=(0.15, 0.10, 0.10))
    cells = batch.Cells.of(snapshots)
    found = batch.assess(book, cells, RISK)
    share = np.array([draw.choice([0.9, 1.0, 1.2, 1.5, 3.0]) for _ in range(count)])
    return book, cells, found.margin * share - found.value


def excess(book, cells, collateral, spots) -> np.ndarray:
    found = batch.assess(book, cells, RISK, spots=spots)
    standing = batch.resolve(found, book, cells, RISK, collateral, spots=spots)
    return standing.equity - standing.maintenance_margin


@pytest.mark.parametrize("model", [Model.ES, Model.GREEKS, Model.STATIC])
def test_liquidation_prices__random_vaults__split_good_from_bad(model):
    book, cells, collateral = vaults(VAULTS, model)
    down, up = liquidation_prices(book, cells, RISK, collateral)
    spot = cells.spot[book.cell]
    now = excess(book, cells, collateral, spot) < 0
    assert now.any() and not now.all()
    np.testing.assert_array_equal(down[now], spot[now])
    np.testing.assert_array_equal(up[now], spot[now])
    seen = 0
    for edge, side in ((down, -1), (up, 1)):
        some = np.flatnonzero(np.isfinite(edge) & ~now)
        seen += len(some)
        mine, held = book.take(some), collateral[some]
        assert (side * (edge[some] - spot[some]) > 0).all()
        assert (excess(mine, cells, held, edge[some]) < 0).all()
        before = edge[some] * math.exp(-side * 3 * PRECISION)
        # what is left is the rounding of sums of legs that are worth many times the collateral
        assert (excess(mine, cells, held, before) >= -1e-9 - 1e-11 * np.abs(held)).all()
        for x in grid():
            at = spot * math.exp(side * x)
            nearer = np.where(now, False, side * (edge - at) > 0)
            bad = excess(book, cells, collateral, at) < -1e-9 * np.maximum(np.abs(collateral), 1)
            assert not (nearer & bad & (collateral < -book.least)).any()
    assert seen > VAULTS // 4


def test_exact_prices__random_vaults__split_good_from_bad_and_agree_with_floats():
    draw, found = random.Random(3), 0
    for _ in range(EXACT_VAULTS):
        snapshot = dataclasses.replace(random_snapshot(draw), rate=0)
        snapshot = dataclasses.replace(snapshot, spot=snapshot.spot // 10**10 * 10**10)
        if not snapshot.window_share:
            snapshot = dataclasses.replace(snapshot, forward=snapshot.spot)
        legs = random_legs(draw, 2, snapshot.spot)
        here = exact.assess(legs, snapshot, RISK)
        collateral = here.margin * 3 // 2 - here.value

        def bad(spot: int, legs=legs, snapshot=snapshot, collateral=collateral) -> bool:
            moved = dataclasses.replace(snapshot, spot=spot, forward=snapshot.forward * spot // snapshot.spot)
            standing = margin.resolve(exact.assess(legs, moved, RISK), collateral, RISK, moved)
            return standing.equity < standing.maintenance_margin

        prices = exact_prices(legs, snapshot, RISK, collateral)
        floats = liquidation_prices(batch.Book.of([legs]), batch.Cells.of([snapshot]), RISK, collateral / WAD)
        for price, side, near in zip(prices, (-1, 1), floats, strict=True):
            if price is None:
                assert not np.isfinite(near[0])
                continue
            found += 1
            assert bad(price) and not bad(price - side * 10**10)
            assert near[0] == pytest.approx(price / WAD, rel=1e-7, abs=2e-8)
    assert found


def test_liquidation_prices__covered_vault__none():
    legs = [option(Kind.PUT, 1800, -1)]
    book, cells = batch.Book.of([legs, legs]), batch.Cells.of([calm()])
    down, up = liquidation_prices(book, cells, RISK, [1800.0, 400.0])
    assert down[0] == -np.inf and up[0] == np.inf
    assert 1000 < down[1] < 2000 and up[1] == np.inf
    assert exact_prices(legs, calm(), RISK, 1800 * WAD) == (None, None)


def test_liquidation_prices__short_call__only_above():
    book, cells = batch.Book.of([[option(Kind.CALL, 2200, -1)]]), batch.Cells.of([calm()])
    down, up = liquidation_prices(book, cells, RISK, 500.0)
    assert down[0] == -np.inf and 2000 < up[0] < 3000


def test_liquidation_prices__straddle_on_credit__first_edge_of_its_band():
    """A long straddle with a deferred premium is worth least at its strike: liquidatable in a band around it only."""
    legs = [option(Kind.CALL, 2110, 1), option(Kind.PUT, 2110, 1), Leg(Kind.CASH, 0, -100 * 10**6)]
    snapshot = calm(days=0.04, iv=0.2, sigma=0.4)
    book, cells = batch.Book.of([legs]), batch.Cells.of([snapshot])
    down, up = liquidation_prices(book, cells, RISK, 60.0)
    assert down[0] == -np.inf and 2030 < up[0] < 2110
    far = np.array([2 * 2110 - up[0] + 40])
    assert excess(book, cells, 60.0, far)[0] >= 0 > excess(book, cells, 60.0, np.array([2110.0]))[0]
