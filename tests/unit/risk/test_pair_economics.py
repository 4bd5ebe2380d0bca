"""What a pair of own vaults earns: nothing while nothing moves, and what the loser lacks when something does."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import generated
from benchmarks import pair_economics as pairs
from bulkhead.risk import exact, margin
from bulkhead.risk.words import WAD, Kind, Leg, Snapshot

HOURS = 500


def flat(drop: float = 0.0, at: int = 400) -> pairs.Bars:
    """Prices that stand still but for one bar whose low lies so much below."""
    close = np.full(HOURS, 2_000.0)
    low, high = close.copy(), close.copy()
    low[at] *= 1 - drop
    return pairs.bars(close, low, high, 60)


def exactly(kind: Kind, strike: float, hours: int, quantity: int, of: pairs.Bars, at: int) -> margin.Standing:
    """The loser at one bar, by the exact mirror."""
    iv = pairs.fallback_iv_float(of.week[at : at + 1], of.long[at : at + 1], np.array(hours * 3600.0), pairs.FACTOR)
    snapshot = Snapshot(
        spot=1_000 * WAD, forward=1_000 * WAD, seconds=hours * 3600, sigma=round(float(of.sigma[at]) * 1e6) * 10**12,
        surface_near=round(float(iv[0]) * 1e6) * 10**12,
    )  # fmt: skip
    leg = Leg(kind, 0 if kind == Kind.FUTURE else round(strike * 1_000 * 10**8), quantity * 10**6)
    return margin.resolve(exact.assess([leg], snapshot, pairs.RISK), 0, pairs.RISK, snapshot)


@pytest.mark.parametrize(("kind", "strike", "hours"), pairs.PAIRS)
def test_pair__prices_that_stand_still__earns_nothing(kind, strike, hours):
    one = pairs.outcome(flat(), kind, strike, hours)
    assert (one.gaps, one.earned, one.earned_at_mm, one.worst) == (0, 0.0, 0.0, 0.0)
    assert one.capital > one.margin * (1.2 if kind == Kind.FUTURE else 0.5) > 0


@pytest.mark.parametrize("hours", [3, 24, 168])
def test_pair__one_gap__earns_what_the_loser_lacks(hours):
    of, drop = flat(0.4), 0.4
    one = pairs.outcome(of, Kind.FUTURE, 1.0, hours)
    stood = exactly(Kind.FUTURE, 1.0, hours, 1, of, 399)
    lacking = drop - stood.initial_margin / WAD / 1_000
    assert one.gaps == 1 and one.worst == pytest.approx(lacking, rel=1e-3)
    assert one.earned == pytest.approx(one.worst / (HOURS - 1))
    assert one.worst_at_mm == pytest.approx(drop - stood.maintenance_margin / WAD / 1_000, rel=1e-3)


def test_pair__seller_of_a_put__bears_the_gap_and_the_vol_of_before():
    of = flat(0.4)
    one = pairs.outcome(of, Kind.PUT, 0.9, 24)
    stood = exactly(Kind.PUT, 0.9, 24, -1, of, 399)
    loss = 0.9 - 0.6 + stood.equity / WAD / 1_000
    assert one.gaps == 1 and one.worst == pytest.approx(loss - stood.initial_margin / WAD / 1_000, abs=2e-4)
    # a call does not mind
    assert pairs.outcome(of, Kind.CALL, 1.0, 24).gaps == 0


def test_fees__are_paid_at_every_expiry():
    assert pairs.fees(24, 0.1) == pytest.approx(3e-4 * 365 / 0.1)
    assert pairs.fees(3, 0.1) == pytest.approx(8 * pairs.fees(24, 0.1))


def test_table__of_crashes__names_the_worst_start():
    close = np.full(HOURS, 2_000.0)
    low = close.copy()
    low[300] *= 0.6
    lines = pairs.crash_table([("one", "ETH", close, low, close, 5)])
    assert len(lines) == 5 and "| one | ETH | future | 3 | 3" in lines[2]


def test_page__has_the_tables_and_the_command():
    page = pairs.PAGE.read_text()
    block = generated.block_of(page, pairs.NAME, pairs.GENERATOR, generated.MARKDOWN)
    rows = [line for line in block.splitlines() if line.startswith(("| ETH |", "| BTC |"))]
    assert len(rows) == 2 * len(pairs.PAIRS)
    assert "python -m benchmarks.pair_economics --docs" in page


def test_command__without_data__says_so(monkeypatch, capsys):
    monkeypatch.delenv("BULKHEAD_DATA", raising=False)
    assert pairs.main([]) == 1 and "BULKHEAD_DATA" in capsys.readouterr().out
