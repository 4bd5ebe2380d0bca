"""docs/coins.md: its worked numbers are those of the mirrors, and it says what the benchmark says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.coins import COINS, Hours, beyond, cases_of_page, marks_of, snapshot, worked
from bulkhead.risk import exact, marks
from bulkhead.risk.words import LINEAR, WAD, Kind, Leg, Model

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "coins.md").read_text()


def test_page__worked_numbers__are_those_of_the_mirrors():
    rows = worked()
    assert len(rows) == 2 + len(cases_of_page())
    assert "\n".join(rows) in PAGE


def test_page__covered_call__has_no_liquidation_price_in_coins_alone():
    row = next(one for one in worked() if "one underlying's worth" in one)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[4].startswith("none, 3,") and cells[8] == "none, none"


def test_marks_of__options__are_the_mark_of_the_mirror_in_coins():
    at = snapshot()
    for kind, strike in ((Kind.CALL, 2_200), (Kind.PUT, 1_800), (Kind.PUT, 10_000)):
        want = marks.mark([Leg(kind, strike * 10**8, 10**6)], at, True) / WAD
        years = (at.seconds - 1_200) / 31_536_000
        one = np.ones(1)
        got = marks_of(2_000 * one, strike * one, 0.6 * one, years * one, one * (kind == Kind.PUT) > 0)
        assert abs(float(got[0]) - want) < 1e-9


def test_beyond__price_that_falls_away__loses_more_than_mm_and_more_in_coins():
    hours = Hours(
        spot=np.full(3, 2000.0), sigma=np.full(3, 0.5), iv=np.full(3, 0.6), low=np.array([1990.0, 1400.0, 600.0])
    )
    for model in Model:
        dollars, _ = beyond(hours, 1.0, model, LINEAR)
        coins, _ = beyond(hours, 1.0, model, COINS)
        assert dollars[0] == coins[0] == 0 and (dollars[1:] > 0).all() and (coins[1:] > dollars[1:]).all()
    # a put at five times spot moves by five coins a coin: STATIC without K/S asks a fifth
    _, plain = beyond(hours, 5.0, Model.STATIC, COINS)
    asked, _ = beyond(hours, 5.0, Model.STATIC, COINS)
    assert plain[1] > asked[1] > 0


def test_page__short_put__is_unbounded_in_coins():
    put = [Leg(Kind.PUT, 1_800 * 10**8, -(10**6))]
    assert exact.max_loss(put, inverse=True) == exact.UNBOUNDED
    assert exact.max_loss(put) == -1_800 * WAD
