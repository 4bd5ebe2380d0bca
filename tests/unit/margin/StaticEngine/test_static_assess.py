import pytest

from bulkhead.risk import exact
from bulkhead.risk.words import WAD, Kind, Leg, Model, Snapshot
from tests.worlds.engine_cases import BAD_SNAPSHOTS, RISK, calm, option, refuses, values_as_es, words


def assess(engine, legs, snapshot=None, risk=RISK):
    snapshot = snapshot or calm()
    got = list(engine.assess(words(legs), snapshot.words(), risk.pack(), exact.FORCE_FULL))
    assert got == exact.assess(legs, snapshot, risk, model=Model.STATIC).words()
    return got


@pytest.mark.parametrize(
    ("leg", "initial"),
    [
        # at 2,000: 15 % less what is out of the money, at least 10 % of spot (puts: of the strike when lower)
        (option(Kind.CALL, 2000, -1), 300),
        (option(Kind.CALL, 2050, -1), 250),
        (option(Kind.CALL, 2500, -1), 200),
        (option(Kind.CALL, 1500, -1), 300),
        (option(Kind.PUT, 1950, -1), 250),
        (option(Kind.PUT, 1500, -1), 150),
        (option(Kind.PUT, 2500, -2), 600),
        (Leg(Kind.FUTURE, 0, 10**6), 200),
        (Leg(Kind.FUTURE, 0, -(10**6)), 200),
        (Leg(Kind.CASH, 0, -(10**6)), 0),
    ],
)
def test_assess__one_leg__initial_margin_by_hand(engine, leg, initial):
    got = assess(engine, [leg])
    assert got[8] == initial * WAD
    assert got[1] == -(-initial * WAD * 10 // 13)


def test_assess__long_options__back_nothing_but_themselves(engine):
    short, long = option(Kind.CALL, 2000, -1), option(Kind.CALL, 2200, 1)
    alone, both = assess(engine, [short]), assess(engine, [short, long])
    worth = exact.mark([long], calm())
    assert abs(both[8] - alone[8] - worth) <= 1 and abs(both[1] - alone[1] - worth) <= 1
    # the cap of the spread is not here: v_min tells
    assert both[2] == -200 * WAD


def test_assess__covered_vault__needs_no_price(engine):
    got = engine.assess(words([option(Kind.PUT, 1800, -1)]), Snapshot(0, 0, 0, 0).words(), RISK.pack(), 1800 * WAD)
    assert (got[7], got[8]) == (1, 0)


@pytest.mark.parametrize(("change", "reason"), BAD_SNAPSHOTS)
def test_assess__bad_snapshot__refused_as_by_the_mirror(engine, change, reason):
    refuses(engine, Model.STATIC, change, reason)


def test_value_and_max_loss__are_those_of_the_es_model(engine):
    values_as_es(engine)
    assert int(engine.dynamic(), 16) != 0
