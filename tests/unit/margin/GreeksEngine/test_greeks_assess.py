import dataclasses

import pytest

from bulkhead.risk import exact
from bulkhead.risk.words import WAD, Kind, Leg, Model, Snapshot
from tests.worlds.engine_cases import BAD_SNAPSHOTS, RISK, calm, option, refuses, values_as_es, words

SHORT_PUT = [option(Kind.PUT, 1800, -1)]


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


@pytest.mark.parametrize(("change", "reason"), BAD_SNAPSHOTS + [({"sigma": 0}, "es/vol-range")])
def test_assess__bad_snapshot__refused_as_by_the_mirror(engine, change, reason):
    refuses(engine, Model.GREEKS, change, reason)


def test_value_and_max_loss__are_those_of_the_es_model(engine):
    values_as_es(engine)
