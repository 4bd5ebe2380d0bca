"""Realised vol: the fold equals its Python reference, whatever the feed and the callers do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bulkhead.risk.volatility import OracleWord, Realised, Round, sigma_now
from tests.worlds.doubles import bad_rounds
from tests.worlds.oracle import DAY, PHASE, UNIT, WAD, Mode, OracleWorld, read, real_rounds


def start(world: OracleWorld, price: int = 2000 * WAD) -> Realised:
    """The reference as the adapter starts: at the floor, from the feed's newest round."""
    return Realised.start(4 * WAD // 10, Round(PHASE + 2, price, world.now), world.now)


def expect(world: OracleWorld, state: Realised) -> None:
    """The stored numbers are those of the reference."""
    v = state.variances
    assert world.variances() == (v.fast, v.day, v.week, v.long)
    word = world.adapter.market_words(1)[7]
    assert word & (2**80 - 1) == state.cursor
    assert word >> 80 & (2**34 - 1) == state.stamp
    assert word >> 114 & (2**96 - 1) == state.price


def test_poke__nothing_new__zero(world: OracleWorld) -> None:
    assert world.poke() == 0
    assert world.events("VolUpdated") == []


def test_poke__some_rounds__equals_reference(lone: OracleWorld) -> None:
    state = start(lone)
    rounds = []
    for i, price in enumerate((2010, 1990, 2100, 2100, 1600, 1000, 3000)):
        lone.wait(60 * i)
        id = lone.primary.push(price * UNIT, lone.now)
        rounds.append(Round(id, price * WAD, lone.now))
    assert lone.poke() == 7
    (event,) = lone.events("VolUpdated")
    state = state.add_all(rounds, lone.now)
    expect(lone, state)
    assert (event.round_id, event.spot) == (state.cursor, state.base)
    v = state.variances
    assert (event.variance_fast, event.variance_day, event.variance_week, event.variance_long) == (
        v.fast,
        v.day,
        v.week,
        v.long,
    )


def test_poke__bounded_and_resumable__same_as_at_once(lone: OracleWorld) -> None:
    state = start(lone)
    for i in range(10):
        lone.wait(100)
        id = lone.primary.push((2000 + 7 * i) * UNIT, lone.now)
        state = state.add(Round(id, (2000 + 7 * i) * WAD, lone.now))
    assert [lone.poke(4), lone.poke(0), lone.poke(4), lone.poke(4), lone.poke(4)] == [4, 0, 4, 2, 0]
    expect(lone, state.close(lone.now))


def test_poke__two_rounds_in_one_second__the_later_is_in_force(lone: OracleWorld) -> None:
    a = lone.primary.push(2100 * UNIT, lone.now)
    b = lone.primary.push(2000 * UNIT, lone.now)
    lone.poke()
    rounds = [Round(a, 2100 * WAD, lone.now), Round(b, 2000 * WAD, lone.now)]
    expect(lone, start(lone).add_all(rounds))


def test_poke__bad_and_backdated_rounds__skipped(lone: OracleWorld) -> None:
    first = lone.now
    state = start(lone)
    lone.wait(1000)
    good = bad_rounds(lone.primary, lone.now, first)
    assert lone.poke() == 4
    expect(lone, state.add(Round(good, 2040 * WAD, lone.now - 497)).close(lone.now))


def test_poke__newest_round_unreadable__waits_for_it(lone: OracleWorld) -> None:
    state = start(lone)
    lone.wait(60)
    a = lone.primary.push(2010 * UNIT, lone.now)
    b = lone.primary.push(2020 * UNIT, lone.now)
    lone.primary.overwrite(b, 2020 * UNIT, 0)
    assert lone.poke() == 1
    state = state.add(Round(a, 2010 * WAD, lone.now))
    expect(lone, state)
    lone.primary.overwrite(b, 2020 * UNIT, lone.now)
    assert lone.poke() == 1
    expect(lone, state.add(Round(b, 2020 * WAD, lone.now)))


@pytest.mark.parametrize("mode", [Mode.REVERTS, Mode.ZERO, Mode.INCOMPLETE, Mode.BURNS_GAS])
def test_poke__bad_feed__folds_nothing_and_recovers(lone: OracleWorld, mode: int) -> None:
    state = start(lone)
    lone.wait(60)
    id = lone.primary.push(2010 * UNIT, lone.now)
    lone.primary.set_mode(mode)
    assert lone.poke() == 0
    expect(lone, state)
    lone.primary.set_mode(0)
    assert lone.poke() == 1
    expect(lone, state.add(Round(id, 2010 * WAD, lone.now)))


def test_poke__history_gone__newest_still_folds(lone: OracleWorld) -> None:
    state = start(lone)
    lone.wait(60)
    for price in (2010, 2020, 2030):
        id = lone.primary.push(price * UNIT, lone.now)
    lone.primary.set_mode(Mode.HISTORY_REVERTS)
    assert lone.poke() == 3
    expect(lone, state.add(Round(id, 2030 * WAD, lone.now)))


def test_poke__new_phase__jumps_to_its_newest(lone: OracleWorld) -> None:
    state = start(lone)
    lone.wait(600)
    lone.primary.push(2010 * UNIT, lone.now)
    lone.primary.set_phase(4)
    for price in (2020, 2030, 2040):
        id = lone.primary.push(price * UNIT, lone.now)
    assert id == 4 * PHASE + 3
    assert lone.poke() == 1
    expect(lone, state.add(Round(id, 2040 * WAD, lone.now)).close(lone.now))


def test_poke__far_behind__jumps_to_the_newest(lone: OracleWorld) -> None:
    state = start(lone)
    lone.wait(600)
    lone.primary.skip_rounds(2048)
    id = lone.primary.push(2010 * UNIT, lone.now)
    assert lone.poke() == 1
    expect(lone, state.add(Round(id, 2010 * WAD, lone.now)).close(lone.now))


def test_snapshot__not_poked__newest_round_is_one_return(lone: OracleWorld) -> None:
    state = start(lone)
    for price in (2100, 1900, 2200):
        lone.wait(600)
        lone.primary.push(price * UNIT, lone.now)
    seen = state.seen(lone.now, 2200 * WAD)
    facts = lone.look()
    assert facts.sigma_now == sigma_now(seen, OracleWord()) > 4 * WAD // 10
    assert facts.vol_ratio == seen.ratio > WAD
    expect(lone, state)
    lone.poke()
    assert lone.look().sigma_now > facts.sigma_now  # the path was rougher than its end


def test_snapshot__calm__floor_and_ratio_one(lone: OracleWorld) -> None:
    for _ in range(48):
        lone.wait(3600)
        lone.push(2000)
    lone.poke()
    facts = lone.look()
    assert facts.sigma == facts.sigma_now == 4 * WAD // 10
    assert facts.vol_ratio == WAD
    assert facts.surface_near < WAD // 2


def test_poke__time_without_rounds__is_decay_alone(lone: OracleWorld) -> None:
    state = start(lone)
    lone.wait(3 * DAY)
    assert lone.poke() == 0
    expect(lone, state.close(lone.now))
    assert lone.variances()[1] < 2 * 10**16  # three half-lives of 0.16


def replay(world: OracleWorld, rows: list[tuple[int, int, int]], every: int) -> list[int]:
    """Feeds real rounds and pokes every so many; returns the ids that the feed gave them."""
    ids = []
    for i in range(0, len(rows), every):
        part = rows[i : i + every]
        first = world.primary.latest_id() + 1
        world.wait(part[-1][2] - world.now)
        world.primary.push_many([answer for _, answer, _ in part], [stamp for _, _, stamp in part])
        ids += range(first, first + len(part))
        while world.poke() != 0:
            pass
    return ids


def test_poke__all_real_rounds__equals_reference(make_world: Callable[..., OracleWorld]) -> None:
    rows = real_rounds()
    world = make_world(fallback=False, spot=rows[0][1] / UNIT, at=rows[0][2])
    state = start(world, read(rows)[0].price)
    ids = replay(world, rows[1:], 1000)
    state = state.add_all([Round(id, r.price, r.stamp) for id, r in zip(ids, read(rows)[1:], strict=True)], world.now)
    expect(world, state)
