"""Every rejection of section 8 and every row of the table of states in docs/oracle.md."""

from __future__ import annotations

from collections.abc import Callable

import boa
import pytest

from tests.contracts import deployer
from tests.evm import Env
from tests.worlds.oracle import (
    ACTIVE,
    APART,
    BAD_ANSWER,
    DEGRADED,
    FALLBACK_USED,
    FINE,
    FRESH,
    FUTURE,
    GRACE,
    GRACE_BIT,
    INCOMPLETE,
    SEQUENCER_DOWN,
    STALE,
    UNREACHABLE,
    WAD,
    WAITING,
    Mode,
    OracleWorld,
)

MAX_AGE = 3600 * 11 // 10
REJECTIONS = [
    (Mode.REVERTS, UNREACHABLE),
    (Mode.BURNS_GAS, UNREACHABLE),
    (Mode.ZERO, BAD_ANSWER),
    (Mode.NEGATIVE, BAD_ANSWER),
    (Mode.INCOMPLETE, INCOMPLETE),
    (Mode.FUTURE, FUTURE),
]


# --- what is rejected ----------------------------------------------------------------------------------------


def test_snapshot__two_good_feeds__active(world: OracleWorld) -> None:
    world.wait(60)
    facts = world.look()
    assert facts.flags == FRESH | ACTIVE
    assert (facts.reason, facts.fallback_reason) == (FINE, FINE)
    assert facts.spot == 2000 * WAD
    assert facts.updated_at == world.now - 60
    assert facts.half_width == 0


@pytest.mark.parametrize(("mode", "reason"), REJECTIONS)
def test_snapshot__bad_primary_alone__last_price_not_fresh(lone: OracleWorld, mode: int, reason: int) -> None:
    lone.primary.set_mode(mode)
    facts = lone.look()
    assert (facts.flags, facts.reason) == (DEGRADED, reason)
    assert facts.spot == 2000 * WAD  # the last one that was folded


@pytest.mark.parametrize(("mode", "reason"), REJECTIONS)
def test_snapshot__bad_fallback__primary_goes_on(world: OracleWorld, mode: int, reason: int) -> None:
    world.fallback.set_mode(mode)
    facts = world.look()
    assert facts.flags == FRESH | ACTIVE
    assert (facts.reason, facts.fallback_reason) == (FINE, reason)


@pytest.mark.parametrize(("mode", "reason"), REJECTIONS)
def test_snapshot__bad_primary__degraded_until_failover(world: OracleWorld, mode: int, reason: int) -> None:
    world.primary.set_mode(mode)
    facts = world.observe()
    assert (facts.flags, facts.reason) == (DEGRADED, reason)
    # stale since its last stamp and the age limit, whoever noticed when
    world.wait(MAX_AGE + 3599)
    world.fallback.push(1990 * 10**8, world.now)
    assert world.look().flags == DEGRADED
    world.wait(1)
    facts = world.look()
    assert facts.flags == FRESH | ACTIVE | DEGRADED | FALLBACK_USED
    assert facts.reason == reason
    assert facts.half_width == 1990 * WAD // 200  # its own threshold, 0.5 %
    assert facts.spot == 1990 * WAD


def test_snapshot__age__heartbeat_and_a_tenth(lone: OracleWorld) -> None:
    lone.wait(MAX_AGE)
    assert lone.look().is_active
    lone.wait(1)
    facts = lone.look()
    assert facts.flags == DEGRADED
    assert facts.reason == STALE
    assert facts.spot == 2000 * WAD


def test_snapshot__feed_without_code__unreachable(world: OracleWorld) -> None:
    boa.env.set_code(world.primary.address, b"")
    assert world.look().reason == UNREACHABLE


def test_snapshot__answers_of_odd_shape__unreachable_or_refused(raw: Callable[..., bytes]) -> None:
    # code that was set is not undone by an anchor
    with boa.swap_env(Env()):
        world = OracleWorld()
        feed = world.feed()
        for age in (60, 0):
            feed.push(2000 * 10**8, world.now - age)
        world.list(2, feed)
        # what was an honest feed at listing answers anything from now on
        boa.env.set_code(feed.address, boa.env.get_code(deployer("HostileAggregator").deploy().address))
        hostile = deployer("HostileAggregator").at(feed.address)
        good = (2**64 + 1, 2000 * 10**8, world.now, world.now, 2**64 + 1)
        cases = [
            (raw(), UNREACHABLE),
            (raw(*good[:4]), UNREACHABLE),
            (raw(*good)[:-1], UNREACHABLE),
            (raw(*good), FINE),
            (raw(*good, *([2**256 - 1] * 200)), FINE),  # longer than it should be
            (raw(2**80, *good[1:]), UNREACHABLE),
            (raw(good[0], -(2**255), *good[2:]), BAD_ANSWER),
            (raw(good[0], 2**255 - 1, *good[2:]), BAD_ANSWER),
            (raw(good[0], 2**96 // 10**10 + 1, *good[2:]), BAD_ANSWER),
            (raw(*good[:3], 2**256 - 1, good[4]), FUTURE),
            (raw(*good[:3], 0, good[4]), INCOMPLETE),
            (raw(*good[:4], good[4] - 1), INCOMPLETE),  # answered in an earlier round
        ]
        for answer, reason in cases:
            hostile.set_answer(answer)
            facts = world.look(market=2)
            assert facts.reason == reason
            assert facts.is_fresh == (reason == FINE)
            assert facts.spot == 2000 * WAD


def test_snapshot__feeds_burn_their_gas__bounded(world: OracleWorld) -> None:
    world.primary.set_mode(Mode.BURNS_GAS)
    world.fallback.set_mode(Mode.BURNS_GAS)
    facts = world.adapter.snapshot(1, 0, gas=1_500_000)
    assert facts.spot == 2000 * WAD
    assert world.adapter._computation.get_gas_used() < 700_000


def test_snapshot__too_little_gas_for_a_feed__reverts_instead_of_calling_it_bad(world: OracleWorld) -> None:
    world.primary.set_mode(Mode.REVERTS)
    with boa.reverts("oracle/gas"):
        world.adapter.snapshot(1, 0, gas=250_000)
    world.primary.set_mode(0)
    assert world.adapter.snapshot(1, 0, gas=250_000).spot == 2000 * WAD  # a good feed needs little


def test_snapshot__one_market_out__the_other_does_not_notice(world: OracleWorld) -> None:
    other = world.feed()
    other.push(60_000 * 10**8, world.now - 60)
    other.push(60_000 * 10**8, world.now)
    world.list(2, other)
    world.primary.set_mode(Mode.BURNS_GAS)
    world.fallback.set_mode(Mode.REVERTS)
    world.observe()
    assert not world.look().is_fresh
    assert world.look(market=2).is_active


# --- two sources ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fallback", "apart"), [(1904.8, False), (1904.7, True), (2105, False), (2106, True)])
def test_snapshot__fallback_apart__degraded_beyond_five_percent(
    world: OracleWorld, fallback: float, apart: bool
) -> None:
    world.push(2000, fallback=fallback)
    facts = world.look()
    assert facts.is_fresh
    assert facts.is_active is not apart
    assert facts.reason == (APART if apart else FINE)
    assert bool(facts.flags & DEGRADED) is apart
    assert facts.spot == 2000 * WAD
    assert facts.half_width == (abs(2000 * WAD - round(fallback * 10) * WAD // 10) if apart else 0)


def test_snapshot__apart_and_delay_over__primary_with_half_width(world: OracleWorld) -> None:
    world.push(2000, fallback=1800)
    world.observe()
    world.wait(3599)
    world.push(2000, fallback=1800)
    assert not world.look().is_active
    world.wait(1)
    facts = world.look()
    assert facts.flags == FRESH | ACTIVE | DEGRADED
    assert facts.spot == 2000 * WAD
    assert facts.half_width == 200 * WAD
    assert facts.reason == APART


def test_snapshot__degraded_begins_with_the_call_that_records_it(world: OracleWorld) -> None:
    world.push(2000, fallback=1800)
    world.wait(3600)
    world.push(2000, fallback=1800)
    assert not world.look().is_active  # nobody recorded the first hour
    world.observe()
    world.wait(3600)
    world.push(2000, fallback=1800)
    assert world.look().is_active


def test_snapshot__sources_agree_again__active_at_once(world: OracleWorld) -> None:
    world.push(2000, fallback=1800)
    world.observe()
    world.wait(60)
    world.push(1850, fallback=1800)
    facts = world.look()
    assert facts.flags == FRESH | ACTIVE
    world.observe()
    # and the next disagreement has its own delay
    world.wait(3600)
    world.push(2000, fallback=1800)
    assert world.observe().flags == FRESH | DEGRADED


def test_snapshot__primary_back_but_fallback_gone__waits_for_the_delay(world: OracleWorld) -> None:
    world.push(2000, fallback=1800)
    world.observe()
    world.fallback.set_mode(Mode.REVERTS)
    facts = world.look()
    assert facts.flags == FRESH | DEGRADED
    assert (facts.reason, facts.fallback_reason) == (WAITING, UNREACHABLE)
    world.wait(3600)
    world.primary.push(2000 * 10**8, world.now)
    assert world.look().flags == FRESH | ACTIVE


def test_snapshot__primary_alone_comes_back__active_without_delay(lone: OracleWorld) -> None:
    lone.primary.set_mode(Mode.INCOMPLETE)
    assert not lone.look().is_fresh
    lone.primary.set_mode(0)
    assert lone.look().flags == FRESH | ACTIVE  # nobody recorded an outage


# --- outages and grace ---------------------------------------------------------------------------------------


def test_observe__outage_recorded__grace_after_it(world: OracleWorld) -> None:
    world.wait(MAX_AGE + 1)
    assert world.observe().flags == DEGRADED
    world.push(2000)
    facts = world.observe()
    assert facts.flags == FRESH | GRACE_BIT
    assert facts.reason == GRACE
    world.wait(3599)
    assert world.look().flags == FRESH | GRACE_BIT
    world.wait(1)
    assert world.look().flags == FRESH | ACTIVE


def test_observe__primary_lost_but_fallback_there__no_grace_after_failover(world: OracleWorld) -> None:
    world.primary.set_mode(Mode.REVERTS)
    world.observe()
    world.wait(MAX_AGE + 3600)
    world.fallback.push(2000 * 10**8, world.now)
    assert world.observe().is_active


def test_observe__outage_and_no_fallback__grace_then_active(lone: OracleWorld) -> None:
    lone.primary.set_mode(Mode.REVERTS)
    lone.observe()
    lone.wait(600)
    lone.primary.set_mode(0)
    assert lone.observe().flags == FRESH | ACTIVE  # ten minutes without an answer are no outage
    lone.primary.set_mode(Mode.REVERTS)
    lone.wait(MAX_AGE)
    lone.observe()
    lone.primary.set_mode(0)
    lone.push(2000)
    assert lone.observe().flags == FRESH | GRACE_BIT
    lone.wait(3600)
    lone.push(2000)
    assert lone.look().flags == FRESH | ACTIVE


def test_snapshot__sequencer_down__nothing_is_fresh(rollup: OracleWorld) -> None:
    rollup.sequencer.push_status(1, rollup.now, rollup.now)
    facts = rollup.look()
    assert facts.flags == 0
    assert facts.reason == SEQUENCER_DOWN
    assert facts.spot == 2000 * WAD


@pytest.mark.parametrize("mode", [Mode.REVERTS, Mode.BURNS_GAS, Mode.NEGATIVE])
def test_snapshot__uptime_feed_unusable__counts_as_down(rollup: OracleWorld, mode: int) -> None:
    rollup.sequencer.set_mode(mode)
    assert rollup.look().reason == SEQUENCER_DOWN


def test_snapshot__uptime_feed_never_heard__counts_as_down(rollup: OracleWorld) -> None:
    rollup.sequencer.push_status(0, 0, rollup.now)
    assert rollup.look().reason == SEQUENCER_DOWN
    rollup.sequencer.push_status(0, rollup.now + 1, rollup.now)
    assert rollup.look().reason == SEQUENCER_DOWN
    rollup.sequencer.push_status(0, rollup.now - DAY_AND_MORE, rollup.now)
    assert rollup.look().is_active


DAY_AND_MORE = 90_000


def test_snapshot__sequencer_restarted__grace_from_its_start(rollup: OracleWorld) -> None:
    rollup.sequencer.push_status(0, rollup.now, rollup.now)
    facts = rollup.look()
    assert facts.flags == FRESH | GRACE_BIT
    assert facts.reason == GRACE
    rollup.wait(3600)
    assert rollup.look().flags == FRESH | ACTIVE


def test_observe__status_changes__are_logged_once(world: OracleWorld) -> None:
    world.observe()
    world.observe()
    assert world.events("StatusRecorded") == []
    world.push(2000, fallback=1000)
    world.observe()
    (event,) = world.events("StatusRecorded")
    assert event.status & 255 == FRESH | DEGRADED
    world.wait(1)
    world.observe()
    assert world.events("StatusRecorded") == []
    world.push(2000)
    world.observe()
    (event,) = world.events("StatusRecorded")
    assert event.status & 255 == FRESH | ACTIVE


def test_observe__equals_snapshot(world: OracleWorld) -> None:
    world.observe()
    world.wait(100)
    world.push(2040)
    assert world.look(world.now + 5000) == world.observe(world.now + 5000)
