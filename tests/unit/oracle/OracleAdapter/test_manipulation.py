"""What a bad round, a wick or silence can do at most; the numbers are those of docs/oracle.md."""

from __future__ import annotations

import pytest

from tests.worlds.oracle import APART, DAY, START, UNIT, WAD, OracleWorld

EXPIRY = START + DAY


@pytest.mark.parametrize("factor", [0.1, 10])
def test_one_bad_round__with_fallback__nothing_may_be_liquidated(world: OracleWorld, factor: float) -> None:
    world.observe()
    world.wait(60)
    world.push(2000 * factor, fallback=2000)
    facts = world.observe()
    assert facts.is_fresh
    assert not facts.is_active
    assert facts.reason == APART
    world.wait(60)
    world.push(2000)
    facts = world.look()
    assert facts.is_active
    assert facts.spot == 2000 * WAD


@pytest.mark.parametrize("factor", [0.1, 10])
def test_one_bad_round_and_back__margin_moves_by_the_ramp(world: OracleWorld, factor: float) -> None:
    before = world.observe()
    world.wait(60)
    world.push(2000 * factor, fallback=2000)
    world.wait(60)
    world.push(2000)
    world.poke()
    facts = world.look()
    # a round that is back within ten minutes leaves no return
    assert facts.sigma_now == before.sigma_now
    assert facts.sigma <= before.sigma * 1.05
    assert before.surface_near / 1.05 <= facts.surface_near <= before.surface_near * 1.05
    for _ in range(12):
        world.wait(300)
        world.push(2000)
        world.poke()
    facts = world.look()
    assert facts.sigma <= before.sigma * 1.05**1.1  # what an hour and four minutes allow
    # what came and went within ten minutes is no return
    assert before.surface_near / 1.05 <= facts.surface_near <= before.surface_near * 1.05**1.1


def test_a_wick_of_one_round__cannot_hide_behind_pokes(lone: OracleWorld) -> None:
    # without a fallback the wick is the price while it lasts; the vols remember it the same way in any portions
    lone.observe()
    lone.wait(60)
    lone.push(1600)
    assert lone.look().spot == 1600 * WAD
    lone.wait(12)
    lone.push(2000)
    lone.poke(1)
    lone.poke(1)
    one_by_one = lone.variances()
    assert one_by_one[1] < 55 * WAD // 10


@pytest.mark.parametrize("seconds", [12, 60])
def test_a_wick_in_the_settlement_window__weighs_its_seconds(world: OracleWorld, seconds: int) -> None:
    world.wait(EXPIRY - 2000 - world.now)
    world.push(2000)
    hint = world.primary.latest_id()
    world.wait(1000)
    world.push(20_000, fallback=2000)
    world.wait(seconds)
    world.push(2000)
    world.wait(EXPIRY + 1 - world.now)
    price = world.fix(EXPIRY, [hint])
    assert price == (2000 * (1800 - seconds) + 20_000 * seconds) * WAD // 1800


def test_many_rounds_in_one_second__vol_is_bounded(lone: OracleWorld) -> None:
    lone.observe()
    for i in range(200):
        lone.primary.push((1000 if i % 2 else 3000) * UNIT, lone.now)
    lone.poke()
    facts = lone.look()
    assert max(lone.variances()) <= 100 * WAD
    assert facts.sigma_now <= 10 * WAD
    assert facts.sigma <= 42 * WAD // 100


def test_time_without_rounds__not_fresh_and_margins_unmoved(world: OracleWorld) -> None:
    before = world.observe()
    world.wait(30 * DAY)
    facts = world.look(world.now + DAY)
    assert not facts.is_fresh
    assert (facts.sigma, facts.sigma_now) == (before.sigma, before.sigma_now)
    assert facts.surface_near == before.surface_near
    assert facts.spot == 2000 * WAD
