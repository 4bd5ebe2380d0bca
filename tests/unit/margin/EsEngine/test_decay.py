"""Whoever holds options loses by time alone; the margin is at least what the horizon takes."""

from __future__ import annotations

import random

import pytest

from bulkhead.risk import es, marks
from bulkhead.risk.words import WAD, Kind, Leg
from tests.worlds.engine_cases import RISK, calm, option, words

#: The bit by which GREEKS asks for the number without decay (governance/risk_word).
DECAY_APART = 1 << 254
HOURS = [0.5, 1, 3, 13, 14, 15, 24, 24 * 7, 24 * 60]


def straddle(deferred: int) -> list[Leg]:
    """A straddle at the money bought with deferred premium [quote]."""
    return [option(Kind.CALL, 2000, 1), option(Kind.PUT, 2000, 1), Leg(Kind.CASH, 0, -deferred * 10**6)]


@pytest.mark.parametrize("hours", HOURS)
def test_assess__long_straddle__margin_is_at_least_what_standing_still_costs(engine, hours):
    snapshot = calm(days=hours / 24)
    legs = straddle(50)
    now = es.assess(legs, snapshot, RISK)
    got = engine.assess(words(legs), snapshot.words(), RISK.pack(), -(2**255))
    assert (got.value, got.margin) == (now.value, now.margin)
    left = max(snapshot.seconds - RISK.horizon_seconds, 0)
    later = es.assess(legs, calm(days=left / 86_400), RISK).value if left else -50 * WAD
    # the value at the end of the horizon comes from the scenarios' table: 1e-8 of spot a leg
    assert got.margin >= now.value - later - 2 * 2000 * WAD // 10**8 > 0


@pytest.mark.parametrize("seed", range(40))
def test_decay__short_only__is_a_gain(engine, seed):
    chance = random.Random(seed)
    legs = [
        option(chance.choice([Kind.CALL, Kind.PUT]), strike, -chance.randint(1, 5)) for strike in (1700, 2000, 2300)
    ]
    snapshot = calm(days=chance.choice([1 / 24, 1, 30]))
    setting = marks.setting_of(snapshot)
    assert marks.decay_of(marks.mark_legs(legs, snapshot, setting), setting, RISK) <= 0
    got = engine.assess(words(legs), snapshot.words(), RISK.pack(), -(2**255))
    assert got.margin == es.assess(legs, snapshot, RISK).margin > 0


@pytest.mark.parametrize("hours", HOURS)
@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_assess__decay__costs_at_most_1500_gas_a_leg_and_nothing_without_long_options(engine, hours, count):
    snapshot = calm(days=hours / 24)

    def gas(side: int, risk: int) -> int:
        # options whose premium is owed: without a debt they are covered and cost nothing at all
        legs = [option(Kind.PUT if i % 2 else Kind.CALL, 1900 + 40 * i, side) for i in range(count)]
        legs.append(Leg(Kind.CASH, 0, -side * 10**8))
        engine.assess(words(legs), snapshot.words(), risk, -(2**255))
        return int(engine._computation.get_gas_used())

    with_it, without = RISK.pack(), RISK.pack() | DECAY_APART
    assert 0 < gas(1, with_it) - gas(1, without) <= 1_500 * (count + 1)
    # the bit itself costs a word of calldata in place of a zero
    assert abs(gas(-1, with_it) - gas(-1, without)) <= 16
