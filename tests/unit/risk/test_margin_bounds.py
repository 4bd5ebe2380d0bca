"""The margin rule at its bounds: negative equity, health of 1.5, caps of both add-ons, what a vault can lose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bulkhead.chain.words import cell_word, open_parts
from bulkhead.risk import exact
from bulkhead.risk.assessment import UNBOUNDED, Assessment, Basis
from bulkhead.risk.batch.cells import Cells
from bulkhead.risk.margin import kappa, resolve
from bulkhead.risk.words import WAD, RiskWord, Snapshot

SNAPSHOT = Snapshot(200 * WAD, 200 * WAD, 86_400, WAD, vol_ratio=WAD)
PLAIN = RiskWord(liquidity_scale=0)
#: Of legs worth nothing with a margin of 100 and no bound.
HELD = Assessment(0, 100 * WAD, UNBOUNDED, 0, 0, 0, 0, Basis(0), 0)


def im(equity: int, proximity: bool = True, risk: RiskWord = PLAIN, held: Assessment = HELD) -> int:
    return resolve(held, equity, risk, SNAPSHOT, proximity).initial_margin


@pytest.mark.parametrize("equity", [0, -1, -50 * WAD, 150 * WAD, 200 * WAD])
def test_proximity__no_equity_or_a_health_of_one_and_a_half__adds_nothing(equity):
    assert im(equity) == im(equity, proximity=False) > 0


@pytest.mark.parametrize(("equity", "share"), [(1, 1.0), (100 * WAD, 1.0), (125 * WAD, 0.5), (149 * WAD, 0.02)])
def test_proximity__below_it__adds_a_share_of_the_distance_and_no_more_than_all(equity, share):
    more = im(equity) / im(equity, proximity=False) - 1
    assert more == pytest.approx(PLAIN.proximity_bps / 10_000 * share, rel=1e-9)


@pytest.mark.parametrize("name", ["sigma", "surface_near"])
def test_cells__vol_at_its_bounds__is_taken_and_one_beyond_is_not(name):
    """As the engines take it."""
    for vol in (exact.MIN_VOL, exact.MAX_VOL):
        Cells.of([replace(SNAPSHOT, **{"sigma": WAD, "surface_near": WAD, name: vol})])
    for vol in (exact.MIN_VOL - 1, exact.MAX_VOL + 1):
        with pytest.raises(ValueError, match="es/vol-range"):
            Cells.of([replace(SNAPSHOT, **{"sigma": WAD, "surface_near": WAD, name: vol})])


def test_proximity__without_a_margin__adds_nothing():
    none = replace(HELD, margin=0)
    assert im(5, held=none) == 0


def test_initial__of_the_model_itself__stands_before_kappa():
    ratio = kappa(WAD, PLAIN)
    assert im(200 * WAD) == 100 * ratio and im(200 * WAD, held=replace(HELD, initial=7 * WAD)) == 7 * WAD


@pytest.mark.parametrize(
    ("v_min", "margin"), [(-40 * WAD, 40 * WAD), (-100 * WAD, 100 * WAD), (-101 * WAD, 100 * WAD), (0, 0), (5, 0)]
)
def test_cap__no_margin_beyond_what_the_legs_can_lose(v_min, margin):
    found = resolve(replace(HELD, v_min=v_min), 0, PLAIN, SNAPSHOT)
    assert found.maintenance_margin == margin and found.initial_margin <= max(-v_min, 0)


def test_covered__has_no_margin_to_resolve():
    with pytest.raises(ValueError, match="covered"):
        resolve(replace(HELD, basis=Basis.COVERED), 0, PLAIN, SNAPSHOT)


@pytest.mark.parametrize("low", [1, 2**112 - 1, 5])
def test_cell_word__gross_and_deficits__to_the_last_unit(low):
    assert cell_word(7 << 112 | low) == (low, 7)
    assert open_parts(9 << 128 | low) == (low, 9) and open_parts(2**128 - 1) == (2**128 - 1, 0)
