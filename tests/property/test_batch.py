"""The vectorised mirror against the exact one, vault by vault."""

from __future__ import annotations

import dataclasses
import os
import random

import numpy as np
import pytest

from bulkhead.risk import batch, exact, margin, svi
from bulkhead.risk.words import LINEAR, MAX_LEGS, WAD, Kind, Leg, Model, RiskWord, Snapshot, Status, Units
from tests.worlds.engine_cases import calm, option, random_legs, random_snapshot

VAULTS = 20_000 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 400
#: Relative to the number itself, and to the notional where numbers cancel.
RELATIVE, OF_NOTIONAL = 1e-9, 1e-11
FIELDS = ("value", "margin", "v_min", "delta", "gamma", "vega", "theta", "initial")
STAMP = 175 | 117 << 10 | 117 << 20


#: What an inverse market counts in.
COINS = Units(inverse=True, digits=3)


def notional(legs: list[Leg], snapshot: Snapshot, units: Units = LINEAR) -> float:
    quote = sum(
        abs(leg.quantity) / 1e6 * (1 if leg.kind == Kind.CASH else max(snapshot.spot / 1e18, leg.strike / 1e8))
        for leg in legs
    )
    # coins at the lowest price that a scenario looks at
    return quote / lowest(snapshot) if units.inverse else quote


def lowest(snapshot: Snapshot) -> float:
    """The lowest forward of a scenario [quote]."""
    move = batch.Cells.of([snapshot]).moves(20 * 3600)[0]
    return snapshot.spot / WAD * float(np.exp(-7.5 * move))


def close(got: float, true: int, size: float) -> bool:
    return abs(got - true / WAD) <= max(RELATIVE * abs(true) / WAD, OF_NOTIONAL * size)


def with_smile(snapshot: Snapshot, seed: int) -> Snapshot:
    """The same cell with two slices, mixed, and now and then fading towards a flat vol."""
    draw = random.Random(seed)
    years = snapshot.seconds / 31_536_000

    def word() -> int:
        level = draw.uniform(0.1, 1.5) ** 2 * years
        return svi.SviSlice.from_floats(
            level * draw.uniform(0.3, 1), level * draw.uniform(0.05, 0.5), draw.uniform(-0.7, 0.3),
            draw.uniform(-0.1, 0.1), draw.uniform(0.05, 0.6),
        ).pack()  # fmt: skip

    mix = svi.Mix(draw.choice([0, draw.randint(0, WAD)]), draw.choice([0, draw.randint(0, WAD)]), 6 * WAD // 10)
    return dataclasses.replace(
        snapshot, status=snapshot.status | Status.SURFACE_SVI, surface_near=word(), surface_far=word(),
        surface_weight=mix.pack(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def cases() -> list[tuple[list[Leg], Snapshot]]:
    found = []
    for seed in range(VAULTS):
        draw = random.Random(seed)
        snapshot = random_snapshot(draw)
        most = MAX_LEGS if seed % 8 == 0 else 4
        found.append((random_legs(draw, draw.randint(1, most), snapshot.spot), snapshot))
    return found


@pytest.fixture(scope="module")
def book(cases) -> batch.Book:
    return batch.Book.of([legs for legs, _ in cases], cell=np.arange(len(cases)))


@pytest.fixture(scope="module")
def cells(cases) -> batch.Cells:
    return batch.Cells.of([snapshot for _, snapshot in cases])


@pytest.mark.parametrize("model", list(Model))
@pytest.mark.parametrize("surface", ["flat", "smile"])
@pytest.mark.parametrize("units", [LINEAR, COINS], ids=["linear", "inverse"])
def test_assess__random_vaults__equals_exact(cases, book, cells, model, surface, units):
    book = dataclasses.replace(book, units=units)
    risk = RiskWord(
        horizon_seconds=20 * 3600, tail_bps=150, short_floor_bps=80, iv_floor_bps=5_000, greeks_move=25
    ).stamped(STAMP)
    snapshots = [s for _, s in cases]
    if surface == "smile":
        snapshots = [with_smile(s, i) for i, s in enumerate(snapshots)]
        cells = batch.Cells.of(snapshots)
    found = batch.assess(book.under(model, batch.ratios(STAMP)), cells, risk)
    for i, ((legs, _), snapshot) in enumerate(zip(cases, snapshots, strict=True)):
        true = exact.assess(legs, snapshot, risk, model=model, inverse=units.inverse)
        size = notional(legs, snapshot, units)
        for name in FIELDS:
            got, want = float(getattr(found, name)[i]), getattr(true, name)
            if name == "v_min" and want == exact.UNBOUNDED:
                assert got == -np.inf
                continue
            assert close(got, want, size), (i, name, got, want / WAD)


@pytest.mark.parametrize("model", list(Model))
@pytest.mark.parametrize("proximity", [False, True])
@pytest.mark.parametrize("units", [LINEAR, COINS], ids=["linear", "inverse"])
def test_resolve__random_vaults__equals_exact(cases, book, cells, model, proximity, units):
    risk = RiskWord(liquidity_scale=1_000).stamped(STAMP)
    book = dataclasses.replace(book, units=units).under(model, batch.ratios(STAMP))
    draw = random.Random(7)
    found = batch.assess(book, cells, risk)
    collateral = [abs(float(found.value[i])) * draw.uniform(-0.2, 2) + 1 for i in range(len(cases))]
    got = batch.resolve(found, book, cells, risk, collateral, proximity)
    for i, (legs, snapshot) in enumerate(cases):
        assessment = exact.assess(legs, snapshot, risk, model=model, inverse=units.inverse)
        true = margin.resolve(assessment, int(collateral[i] * WAD), risk, snapshot, proximity, units)
        size = 4 * notional(legs, snapshot, units)
        for name in ("equity", "maintenance_margin", "target", "initial_margin"):
            # near a health of 1.5 or of the scale the factors are continuous but steep
            room = size * (1e4 if name == "initial_margin" else 1)
            assert close(float(getattr(got, name)[i]), getattr(true, name), room), (i, name)


def test_assess__threads_and_order__change_nothing(book, cells):
    risk = RiskWord()
    one = batch.assess(book, cells, risk, threads=1)
    back = np.arange(len(book))[::-1]
    other = batch.assess(book.take(back), cells, risk, threads=2)
    for field in dataclasses.fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name)[back])


def test_assess__other_spots__equals_cells_at_those_spots(cases):
    mine = [(legs, s) for legs, s in cases if s.rate == 0][:60]
    spots = np.array([s.spot / WAD * (0.7 + 0.01 * i) for i, (_, s) in enumerate(mine)])
    book = batch.Book.of([legs for legs, _ in mine], cell=np.arange(len(mine)))
    moved = []
    for (_, s), spot in zip(mine, spots, strict=True):
        price = int(float(spot) * WAD)
        moved.append(dataclasses.replace(s, spot=price, forward=price))
    risk = RiskWord(liquidity_scale=1_000)
    here, there = batch.Cells.of([s for _, s in mine]), batch.Cells.of(moved)
    got, want = batch.assess(book, here, risk, spots=spots), batch.assess(book, there, risk)
    for name in ("value", "margin", "delta"):
        np.testing.assert_allclose(getattr(got, name), getattr(want, name), rtol=1e-7, atol=1e-9)
    first = batch.resolve(got, book, here, risk, 100.0, spots=spots)
    second = batch.resolve(want, book, there, risk, 100.0)
    np.testing.assert_allclose(first.initial_margin, second.initial_margin, rtol=1e-7, atol=1e-9)


def test_book__take__keeps_legs_model_and_ratios(cases):
    book = batch.Book.of([legs for legs, _ in cases[:5]], model=[0, 1, 2, 0, 1], ratios=[[i, i, i] for i in range(5)])
    some = book.take([3, 0, 3])
    assert list(some.counts) == [len(cases[3][0]), len(cases[0][0]), len(cases[3][0])]
    assert list(some.model) == [0, 0, 0] and list(some.ratios[:, 0]) == [3, 0, 3]
    np.testing.assert_array_equal(some.strike[: some.offsets[1]], some.strike[some.offsets[2] :])
    np.testing.assert_array_equal(book.take(np.array([False, True, False, False, False])).model, [1])


@pytest.mark.parametrize("units", [LINEAR, COINS], ids=["linear", "inverse"])
def test_book__payoff__is_what_settlement_pays(cases, units):
    book = batch.Book.of([legs for legs, _ in cases], units=units)
    prices = np.array([s.spot / WAD for _, s in cases])
    got = book.payoff(prices)
    for i, (legs, s) in enumerate(cases):
        one = s.spot / WAD if units.inverse else 1
        want = exact.payoff(legs, round(s.spot / 10**10)) / one
        assert abs(got[i] - want / WAD) <= (1e-8 * notional(legs, s) + 1e-6) / one


def test_book__least_of_coins__does_not_hang_on_rounding():
    """Ten puts at 0.3 owe 3 quote near 0: cash covers that exactly, with a unit to spare, or not by a unit."""
    found = []
    for cash in (3_000_000, 3_000_001, 2_999_999):
        legs = [option(Kind.PUT, 0.3, -10), Leg(Kind.CASH, 0, cash)]
        least, want = batch.Book.of([legs], units=COINS).least[0], exact.max_loss(legs, inverse=True)
        assert least == (-np.inf if want == exact.UNBOUNDED else want / WAD), cash
        found.append(least == -np.inf)
    assert found == [False, False, True]


def test_book__empty__has_no_margin():
    book = batch.Book.of([[], [option(Kind.CALL, 2000, -1)], []])
    found = batch.assess(book, batch.Cells.of([calm()]), RiskWord())
    assert list(found.margin > 0) == [False, True, False] and found.v_min[0] == 0
    standing = batch.resolve(found, book, batch.Cells.of([calm()]), RiskWord(), [0.0, 1000.0, 5.0])
    assert standing.health[0] == np.inf and not standing.liquidatable[0]


def test_assess__too_many_legs__refused_by_the_engines_name():
    legs = [option(Kind.CALL, 2000 + i, 1) for i in range(MAX_LEGS + 1)]
    with pytest.raises(ValueError, match="leg/too-many-legs"):
        batch.assess(batch.Book.of([legs]), batch.Cells.of([calm()]), RiskWord())


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"spot": 0}, "es/zero-spot"), ({"seconds": 0}, "es/expired"), ({"sigma": 1}, "es/vol-range"),
     ({"surface_near": 1}, "es/vol-range"), ({"window_share": WAD}, "es/window-share")],
)  # fmt: skip
def test_cells__bad_snapshot__refused_by_the_engines_name(change, reason):
    with pytest.raises(ValueError, match=reason):
        batch.Cells.of([dataclasses.replace(calm(), **change)])
