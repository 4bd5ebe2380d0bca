import dataclasses

import boa
import pytest

from bulkhead.risk import exact
from bulkhead.risk.words import WAD, Kind, Leg, Model, RiskWord, Snapshot
from tests.engine_cases import calm, option

RISK = RiskWord()
SHORT_PUT = [option(Kind.PUT, 1800, -1)]


def words(legs):
    return [leg.pack() for leg in legs]


def test_assess__covered_put__needs_no_price(engine):
    got = engine.assess(words(SHORT_PUT), Snapshot(0, 0, 0, 0).words(), RISK.pack(), 1800 * WAD)
    assert (got[7], got[1]) == (1, 0)


def test_terms__short_future__by_hand(engine):
    # three standard deviations upwards, nothing else: 3 * 70 % * sqrt(14 h / year) * 2000
    terms = engine.terms([Leg(Kind.FUTURE, 0, -(10**6)).pack()], calm().words(), RISK.pack())
    move = 3 * 0.7 * (14 / 8760) ** 0.5 * 2000
    assert abs(terms[0] / 1e18 - move) < 1e-9
    assert [abs(t) <= 1 for t in terms[1:5]] == [True] * 4
    # the tails of ES reach a little further up: there its 70 % decide
    dynamic = exact.assess([Leg(Kind.FUTURE, 0, -(10**6))], calm(), RISK)
    assert terms[5] == -(-dynamic.margin * 7 // 10) > terms[0]


def test_terms__move_beyond_the_whole_price__falls_by_99_percent(engine):
    risk = dataclasses.replace(RISK, greeks_move=60, horizon_seconds=48 * 3600)
    snapshot = calm(sigma=10.0)
    long = engine.terms([Leg(Kind.FUTURE, 0, 10**6).pack()], snapshot.words(), risk.pack())
    short = engine.terms([Leg(Kind.FUTURE, 0, -(10**6)).pack()], snapshot.words(), risk.pack())
    assert abs(long[0] - 1980 * WAD) <= 10**6 and short[0] > 4 * 2000 * WAD


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"spot": 0}, "es/zero-spot"),
        ({"seconds": 0}, "es/expired"),
        ({"window_share": WAD}, "es/window-share"),
        ({"forward": 2**96}, "es/snapshot-range"),
        ({"surface_near": 0}, "es/vol-range"),
        ({"sigma": 0}, "es/vol-range"),
    ],
)
def test_assess__bad_snapshot__refused_as_by_the_mirror(engine, change, reason):
    snapshot = dataclasses.replace(calm(), **change)
    with boa.reverts(reason):
        engine.assess(words(SHORT_PUT), snapshot.words(), RISK.pack(), exact.FORCE_FULL)
    with pytest.raises(ValueError, match=reason):
        exact.assess(SHORT_PUT, snapshot, RISK, model=Model.GREEKS)


def test_value_and_max_loss__are_those_of_the_es_model(engine):
    legs = [option(Kind.PUT, 1800, -1), option(Kind.PUT, 1500, 1)]
    assert engine.value(words(legs), calm().words()) == exact.mark(legs, calm())
    assert engine.max_loss(words(legs)) == -300 * WAD
    with boa.reverts("leg/zero-quantity"):
        engine.max_loss([Leg(Kind.PUT, 10**11, 0).pack()])
