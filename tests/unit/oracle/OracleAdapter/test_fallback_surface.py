"""The fallback surface in the adapter: two anchors, each by its ramp, and a vol of its own for every expiry."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from bulkhead.risk.crash.tape import Tape
from bulkhead.risk.volatility import INSTANT, OracleWord, Realised, Round, fallback_iv, fallback_iv_float, ramp_anchor
from tests.worlds.oracle import DAY, PHASE, UNIT, WAD, OracleWorld

WORD = OracleWord()
FLOOR = 4 * WAD // 10
FACTOR = WORD.flat_factor_bps * 10**14
HOUR = 3600


def push(world: OracleWorld, price: int) -> Round:
    return Round(world.primary.push(price * UNIT, world.now), price * WAD, world.now)


def test_snapshot__rough_days_in_an_older_market__both_anchors_ramp_and_every_expiry_has_its_vol(
    lone: OracleWorld,
) -> None:
    state = Realised.start(FLOOR, Round(PHASE + 2, 2000 * WAD, lone.now), lone.now)
    week = long = FLOOR
    # thirty quiet days, then a day of moves by 2 %
    for i, wait in enumerate([DAY] * 30 + [HOUR] * 24):
        lone.wait(wait)
        state = state.add(push(lone, 2000 + 40 * (i % 2) * (i > 30))).close(lone.now)
        lone.poke()
        vols = state.seen(lone.now)
        week, long = (ramp_anchor(a, v, WORD.ramp_bps, HOUR) for a, v in ((week, vols.week), (long, vols.long)))
    ivs = []
    for days in (1, 7, 30, 90, 365):
        ivs.append(lone.look(lone.now + days * DAY).surface_near)
        assert ivs[-1] == fallback_iv(week, long, days * DAY, FACTOR)
    assert week != long
    assert ivs in (sorted(ivs), sorted(ivs, reverse=True))
    # of the market alone that of 30 days
    assert lone.look().surface_near == ivs[2]


def test_snapshot__an_hour_of_crash__no_vol_of_any_expiry_moved_by_more_than_the_ramp(lone: OracleWorld) -> None:
    lone.wait(HOUR)
    push(lone, 2000)
    lone.poke()
    tenors = (HOUR, DAY, 30 * DAY, 300 * DAY)
    before = [lone.look(lone.now + t).surface_near for t in tenors]
    for k in range(6):
        lone.wait(INSTANT)
        push(lone, 2000 - 150 * (k + 1))
        lone.poke()
    for t, old in zip(tenors, before, strict=True):
        assert old < lone.look(lone.now + t).surface_near <= old * 1.0501


@pytest.mark.parametrize("seed", range(4))
def test_tape__a_crash_round_by_round__the_replays_mirror_says_what_the_adapter_says(
    lone: OracleWorld, seed: int
) -> None:
    rng = random.Random(seed)
    rounds, price = [(lone.now, 2000 * UNIT)], 2000.0
    said = []
    for i in range(120):
        lone.wait(rng.choice((0, 7, 60, 600, 601, 1800, 3000, 7200)))
        price *= math.exp(rng.gauss(-0.01 if 40 < i < 60 else 0.0, 0.02))
        rounds.append((lone.now, round(price * UNIT)))
        lone.primary.push(rounds[-1][1], lone.now)
        lone.poke()
        facts = lone.look()
        ivs = [lone.look(lone.now + t).surface_near / WAD for t in (HOUR, 9 * DAY, 200 * DAY)]
        said.append((facts.sigma / WAD, facts.vol_ratio / WAD, ivs))
    tape = Tape.record(rounds)
    factor = WORD.flat_factor_bps / 10_000
    tenors = np.array([HOUR, 9 * DAY, 200 * DAY], dtype=np.float64)
    for i, (sigma, ratio, ivs) in enumerate(said, 1):
        assert (tape.sigma[i], tape.vol_ratio[i]) == (sigma, ratio), i
        assert fallback_iv_float(tape.week[i], tape.long[i], tenors, factor) == pytest.approx(ivs, rel=1e-9), i
    assert max(tape.sigma) > 0.45 and max(tape.vol_ratio) > 1.2
