"""The market clock of auctions (6.9) and the ramps of sigma_m and flat iv (5.4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bulkhead.risk.volatility import growth, ramp_sigma
from tests.worlds.oracle import UNIT, WAD, Mode, OracleWorld


def after_100_seconds(world: OracleWorld) -> None:
    """The market was looked at twice, 100 seconds apart."""
    world.observe()
    world.wait(100)
    world.observe()


def test_clock__looked_at_often__counts_time(world: OracleWorld) -> None:
    world.observe()
    for gap in (1, 12, 900, 300):
        world.wait(gap)
        world.observe()
    assert world.look().clock == 1213
    assert world.look().restart == 0


def test_clock__snapshot_agrees_before_it_is_recorded(world: OracleWorld) -> None:
    world.observe()
    world.wait(100)
    facts = world.look()
    assert facts.clock == 100
    world.wait(100)
    assert world.observe().clock == 200


def test_clock__poke_counts_too(world: OracleWorld) -> None:
    world.poke()
    world.wait(700)
    world.poke()
    assert world.look().clock == 700


def test_clock__gap_above_900__adds_nothing_and_restarts(world: OracleWorld) -> None:
    world.observe()
    world.wait(500)
    world.observe()
    world.wait(901)
    facts = world.observe()
    assert (facts.clock, facts.restart) == (500, 500)
    assert world.events("StatusRecorded")[0].restarted_at == 500
    world.wait(10)
    facts = world.observe()
    assert (facts.clock, facts.restart) == (510, 500)


def test_clock__degraded_recorded_in_between__adds_nothing(world: OracleWorld) -> None:
    after_100_seconds(world)
    world.wait(100)
    world.push(2000, fallback=1000)
    assert world.observe().clock == 100
    world.wait(100)
    world.push(2000)
    facts = world.observe()
    assert (facts.clock, facts.restart) == (100, 0)
    world.wait(100)
    assert world.observe().clock == 200


def test_clock__not_fresh_for_long__restarts(world: OracleWorld) -> None:
    after_100_seconds(world)
    world.push(2000, fallback=1000)
    world.observe()
    world.wait(901)
    world.push(2000)
    facts = world.observe()
    assert (facts.clock, facts.restart) == (100, 100)


def test_clock__unrecorded_trouble__time_counts(world: OracleWorld) -> None:
    world.observe()
    world.wait(100)
    world.primary.set_mode(Mode.REVERTS)
    assert world.look().clock == 0  # frozen while it lasts
    world.primary.set_mode(0)
    world.wait(100)
    assert world.observe().clock == 200


# --- ramps ---------------------------------------------------------------------------------------------------


def excite(world: OracleWorld) -> None:
    """Rough rounds: realised vol far above the floor."""
    for i in range(20):
        world.wait(600)
        world.push(2000 if i % 2 else 2160)
        world.poke()


def excited(world: OracleWorld) -> int:
    """Sigma after rough rounds, from which a ramp starts [wad]."""
    world.observe()
    excite(world)
    return world.observe().sigma


def test_ramp__sigma_rises_five_percent_an_hour_at_most(world: OracleWorld) -> None:
    world.observe()
    excite(world)
    facts = world.look()
    assert facts.sigma_now > 15 * WAD // 10
    last = facts.sigma
    for _ in range(5):
        world.wait(3600)
        world.push(2000)
        facts = world.observe()
        assert facts.sigma == ramp_sigma(last, facts.sigma_now, 500, 3600)
        assert 1.049 * last < facts.sigma <= 1.05 * last
        last = facts.sigma


def test_ramp__many_calls__no_faster_than_one(world: OracleWorld) -> None:
    last = excited(world)
    for _ in range(60):
        world.wait(60)
        world.push(2000)
        facts = world.observe()
    assert 1.0498 * last < facts.sigma <= 1.05 * last


def test_ramp__long_silence__one_hour_of_ramp(world: OracleWorld) -> None:
    last = excited(world)
    world.wait(48 * 3600)
    world.push(2000)
    assert world.look().sigma == ramp_sigma(last, world.look().sigma_now, 500, 10**9)
    assert world.look().sigma <= 1.05 * last


def test_ramp__grace_and_trouble__stands_still(world: OracleWorld) -> None:
    last = excited(world)
    world.wait(4000)
    assert world.observe().sigma == last  # stale
    world.push(2000)
    world.observe()
    world.wait(1800)
    world.push(2000)
    assert world.observe().sigma == last  # grace
    world.wait(1800)
    world.push(2000)
    assert last < world.observe().sigma <= 1.026 * last  # half an hour since the last call


def test_ramp__sigma_falls_at_once(world: OracleWorld) -> None:
    world.observe()
    excite(world)
    for _ in range(6):
        world.wait(3600)
        world.push(2000)
        high = world.observe()
    for _ in range(40):
        world.wait(36 * 3600)
        world.push(2000)
        world.poke()
    facts = world.look()
    assert facts.sigma == facts.sigma_now == 4 * WAD // 10 < high.sigma


def test_ramp__flat_iv_moves_both_ways_by_the_ramp(world: OracleWorld) -> None:
    first = last = world.observe().surface_near
    assert first == WAD // 2
    excite(world)
    assert first < world.look().surface_near <= first * 1.05**3.4
    last = world.look().surface_near
    for _ in range(3):
        world.wait(3600)
        world.push(2000)
        facts = world.observe()
        assert 1.02 * last < facts.surface_near <= 1.05 * last
        last = facts.surface_near
    peak = last
    for _ in range(100):
        world.wait(36 * 3600)
        world.push(2000)
        world.poke()
        facts = world.look()
        assert last / 1.0501 <= facts.surface_near <= last * 1.05
        last = facts.surface_near
        peak = max(peak, last)
    # back towards the 60-day vol, which has hardly moved
    assert last < 0.85 * peak


@pytest.mark.parametrize("ramp_bps", [100, 500, 2000])
@pytest.mark.parametrize("calls", [1, 7, 60, 3600])
def test_growth__however_often__never_above_the_ramp(ramp_bps: int, calls: int) -> None:
    product = WAD
    for _ in range(calls):
        product = product * growth(ramp_bps, 3600 // calls) // WAD
    limit = WAD + ramp_bps * 10**14
    assert limit - limit // 200 < product <= limit


def test_forward__rate__carries_spot(make_world: Callable[..., OracleWorld]) -> None:
    world = make_world(rate_bps=500)
    facts = world.look(world.now + 365 * 86400)
    assert abs(facts.forward - 2102542192750000000000) < 10**12 * 2  # 2000*exp(0.05)
    world = make_world(rate_bps=-500)
    facts = world.look(world.now + 365 * 86400)
    assert abs(facts.forward - 1902458849001428000000) < 10**12 * 2
    assert facts.rate == -5 * 10**16
    assert world.look(2**256 - 1).forward > 0  # any expiry is answered
    assert world.primary.latest_id() and UNIT
