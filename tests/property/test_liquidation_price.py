"""Liquidation prices: liquidatable at the price, healthy just before it, and no nearer crossing on the grid."""

from __future__ import annotations

import dataclasses
import math
import random

import numpy as np
import pytest

from bulkhead.risk import batch, exact, margin
from bulkhead.risk.edges import edges
from bulkhead.risk.liquidation_price import PRECISION, exact_prices, grid, liquidation_prices
from bulkhead.risk.words import LINEAR, WAD, Kind, Leg, Model, RiskWord, Units
from tests.worlds.engine_cases import calm, option, random_legs, random_snapshot

RISK = RiskWord()
COINS = Units(inverse=True, digits=3)
VAULTS, EXACT_VAULTS = 150, 6


def vaults(count: int, model: int = Model.ES, units: Units = LINEAR) -> tuple[batch.Book, batch.Cells, np.ndarray]:
    legs, snapshots, draw = [], [], random.Random(5)
    for _ in range(count):
        snapshot = random_snapshot(draw)
        legs.append(random_legs(draw, draw.randint(1, 4), snapshot.spot))
        snapshots.append(snapshot)
    book = batch.Book.of(legs, cell=np.arange(count), model=model, ratios=(0.15, 0.10, 0.10), units=units)
    cells = batch.Cells.of(snapshots)
    found = batch.assess(book, cells, RISK)
    # in coins the edges of those that hold many lie far below spot
    choices = [0.9, 1.0, 1.2, 1.5, 3.0, *([10.0, 1_000.0] if units.inverse else [])]
    share = np.array([draw.choice(choices) for _ in range(count)])
    return book, cells, found.margin * share - found.value


def excess(book, cells, collateral, spots) -> np.ndarray:
    found = batch.assess(book, cells, RISK, spots=spots)
    standing = batch.resolve(found, book, cells, RISK, collateral, spots=spots)
    return standing.equity - standing.maintenance_margin


@pytest.mark.parametrize("model", [Model.ES, Model.GREEKS, Model.STATIC])
@pytest.mark.parametrize("units", [LINEAR, COINS], ids=["linear", "inverse"])
def test_liquidation_prices__random_vaults__split_good_from_bad(model, units):
    book, cells, collateral = vaults(VAULTS, model, units)
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
        for x in grid(units):
            at = spot * math.exp(side * x)
            nearer = np.where(now, False, side * (edge - at) > 0)
            bad = excess(book, cells, collateral, at) < -1e-9 * np.maximum(np.abs(collateral), 1)
            assert not (nearer & bad & (collateral < -book.least)).any()
    assert seen > VAULTS // 4


@pytest.mark.parametrize("units", [LINEAR, COINS], ids=["linear", "inverse"])
def test_exact_prices__random_vaults__split_good_from_bad_and_agree_with_floats(units):
    draw, found = random.Random(3), 0
    for _ in range(EXACT_VAULTS):
        snapshot = dataclasses.replace(random_snapshot(draw), rate=0)
        snapshot = dataclasses.replace(snapshot, spot=snapshot.spot // 10**10 * 10**10)
        if not snapshot.window_share:
            snapshot = dataclasses.replace(snapshot, forward=snapshot.spot)
        legs = random_legs(draw, 2, snapshot.spot)
        here = exact.assess(legs, snapshot, RISK, inverse=units.inverse)
        collateral = here.margin * 3 // 2 - here.value

        def bad(spot: int, legs=legs, snapshot=snapshot, collateral=collateral) -> bool:
            moved = dataclasses.replace(snapshot, spot=spot, forward=snapshot.forward * spot // snapshot.spot)
            assessed = exact.assess(legs, moved, RISK, inverse=units.inverse)
            standing = margin.resolve(assessed, collateral, RISK, moved, units=units)
            return standing.equity < standing.maintenance_margin

        prices = exact_prices(legs, snapshot, RISK, collateral, units=units)
        floats = liquidation_prices(
            batch.Book.of([legs], units=units), batch.Cells.of([snapshot]), RISK, collateral / WAD
        )
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


# --- every edge ---------------------------------------------------------------------------------------------------

#: Prices between a ten-thousandth of spot and ten thousand times it at which the reference looks.
DENSE = 400


def crossings(book, cells, collateral, units) -> list[list[tuple[float, bool]]]:
    """(price before the change, healthy above) by a dense look, nothing narrowed, but where 0 is all there is."""
    most = np.log(10_000.0 if units.inverse else 20.0)
    at = np.linspace(-most, most, DENSE)
    spot = cells.spot[book.cell]
    sign = np.empty((len(book), DENSE))
    for i, x in enumerate(at):
        gap = np.where(collateral < -book.least, excess(book, cells, collateral, spot * np.exp(x)), 1.0)
        sign[:, i] = np.where(np.abs(gap) > 1e-9 * np.maximum(np.abs(collateral), 1e-3), np.sign(gap), 0.0)
    found = []
    for vault in range(len(book)):
        change = np.flatnonzero(sign[vault, 1:] * sign[vault, :-1] < 0)
        found.append([(float(spot[vault] * np.exp(at[i])), bool(sign[vault, i] < 0)) for i in change])
    return found


@pytest.mark.parametrize(("units", "count"), [(LINEAR, 100), (COINS, 500)], ids=["linear", "inverse"])
def test_edges__random_pods__are_all_there(units, count):
    book, cells, collateral = vaults(count, Model.ES, units)
    # what holds just its worst settlement has no excess anywhere, only rounding
    clear = np.flatnonzero(np.abs(collateral + book.least) > 1e-9 * np.maximum(np.abs(collateral), 1))
    assert len(clear) > count // 2
    book, collateral = book.take(clear), collateral[clear]
    found = edges(book, cells, RISK, collateral)
    step = math.exp(2 * np.log(10_000.0 if units.inverse else 20.0) / (DENSE - 1))
    deep = 0
    for vault, told in enumerate(crossings(book, cells, collateral, units)):
        mine = found.of(vault)
        for price, above in told:
            # between this point of the dense look and its neighbour, and in the same direction
            near = [p for p, h in mine if price * 0.9999999 <= p <= price * step * 1.0000001 and h == above]
            assert near, (vault, price, above, mine)
            deep += near[0] < cells.spot[book.cell[vault]] / 20
    assert not units.inverse or deep > 10
    # each is one: liquidatable there, healthy a hair further on its healthy side
    held, mine = collateral[found.vault], book.take(found.vault)
    assert (excess(mine, cells, held, found.price) < 0).all()
    side = np.where(found.healthy_above, 1, -1)
    further = excess(mine, cells, held, found.price * np.exp(side * 3 * PRECISION))
    assert (further >= -1e-9 - 1e-10 * np.abs(held) - 1e-10 * np.abs(excess(mine, cells, 0 * held, found.price))).all()
    # and neighbours of one vault change direction
    same = found.vault[1:] == found.vault[:-1]
    assert (found.healthy_above[1:] != found.healthy_above[:-1])[same].all()


def test_edges__short_put_in_coins__ends_far_below_and_cash_above():
    """A short put half covered by CASH: owed quote beats coins far below spot, and CASH is worth less coins above."""
    legs = [option(Kind.PUT, 1800, -1), Leg(Kind.CASH, 0, 900 * 10**6)]
    book, cells = batch.Book.of([legs], units=COINS), batch.Cells.of([calm()])
    (low, low_above), (high, high_above) = edges(book, cells, RISK, -0.3).of(0)
    assert low < 2000 < high and low_above and not high_above
    near = liquidation_prices(book, cells, RISK, -0.3)
    assert (near[0][0], near[1][0]) == pytest.approx((low, high))
    # with more coins only the one below is left, and it lies below a twentieth of spot
    ((deep, above),) = edges(book, cells, RISK, 12.0).of(0)
    assert deep < 2000 / 20 and above
    assert exact_prices(legs, calm(), RISK, 12 * WAD, units=COINS) == (pytest.approx(deep * WAD, rel=1e-7), None)


def test_edges__straddle_on_credit__both_ends_of_its_band():
    legs = [option(Kind.CALL, 2110, 1), option(Kind.PUT, 2110, 1), Leg(Kind.CASH, 0, -100 * 10**6)]
    book, cells = batch.Book.of([legs]), batch.Cells.of([calm(days=0.04, iv=0.2, sigma=0.4)])
    (low, first), (high, second) = edges(book, cells, RISK, 60.0).of(0)
    assert (first, second) == (False, True) and 2030 < low < 2110 < high < 2190


def test_edges__no_vaults__are_none():
    assert not len(edges(batch.Book.of([]), batch.Cells.of([calm()]), RISK, []).vault)
