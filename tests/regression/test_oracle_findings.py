"""Faults found in the oracle in November 2026: the right value of each is the test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import boa
import pytest

from bulkhead.risk.round_search import find, find_start
from tests.evm import Env
from tests.worlds.brought import BroughtMarket, PythWorld, RedStoneWorld
from tests.worlds.oracle import BOUND, DAY, START, UNIT, WAD, WRONG_DECIMALS, OracleWorld

EXPIRY = START + DAY
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """An environment of its own: code that a test sets is not undone by an anchor."""
    with boa.swap_env(Env()):
        yield


def at(world: OracleWorld, after: int, price: float, stamp: int | None = None) -> int:
    """A round of the primary so many seconds after the expiry, stamped then or as told; its id."""
    boa.env.timestamp = EXPIRY + after
    return int(world.primary.push(round(price * UNIT), EXPIRY + (after if stamp is None else stamp)))


# --- A2: an old hint made a cell not fresh while its auctions ran on ---------------------------------------------


def test_fix__old_hint_in_the_window__the_cell_stays_active() -> None:
    world = OracleWorld(fallback=False)
    oldest = world.primary.latest_id()
    for k in range(300):
        at(world, -30_000 + 90 * k, 2000 + k % 2)
    at(world, -1788, 1955)
    world.fix(EXPIRY, [oldest])
    facts = world.observe(EXPIRY)
    assert facts.is_active
    assert world.expiries.progress(1, EXPIRY, world.primary.address).begun != oldest


# --- A5: a feed without history settled at the listing-day price -------------------------------------------------


def test_list__feed_that_keeps_no_rounds__refused() -> None:
    world = OracleWorld()
    feed = world.feed()
    feed.push(2000 * UNIT, world.now)
    with boa.reverts("oracle/no-history"):
        world.list(2, feed)


# --- A6: a phase that changed inside the window hid its start from keepers ---------------------------------------


def test_fix__phase_changes_inside_the_window__the_keepers_search_names_the_start_in_the_old_phase() -> None:
    world = OracleWorld(fallback=False)
    for after in (-3000, -2400, -1500):
        at(world, after, 2000)
    start = at(world, -1860, 2000)
    world.primary.set_phase((start >> 64) + 2)
    for after in (-900, -300):
        last = at(world, after, 2600)
    boa.env.timestamp = EXPIRY - 60
    assert not world.observe(EXPIRY).is_fresh
    newest = world.primary.latest_id()
    assert newest == last

    def stamp_of(id: int) -> int:
        try:
            return int(world.primary.getRoundData(id)[3])
        except boa.BoaError:
            return 0

    hint = find(find_start(newest, EXPIRY - 1800), stamp_of)
    assert hint == start
    # known to the contract from now on, for snapshots too
    world.fix(EXPIRY, [hint])
    assert world.look(EXPIRY).is_active
    boa.env.timestamp = EXPIRY + 300
    assert world.fix(EXPIRY) == 2300 * WAD


# --- A13: who brought prices chose vol, average and expiry price -------------------------------------------------


@pytest.mark.parametrize("kind", [PythWorld, RedStoneWorld])
def test_brought__spot_timed_and_samples_shuffled__vol_average_and_price_are_the_samples(kind: type) -> None:
    outcomes = set()
    for is_timed in (False, True):
        with boa.env.anchor():
            market = BroughtMarket(kind())
            begin = EXPIRY - 3600
            minutes = {minute: 2000 + (minute // 60) % 7 for minute in range(begin, EXPIRY, 60)}
            for minute, price in minutes.items():
                boa.env.timestamp = minute + 30
                if is_timed:
                    # spot at whatever extreme of this half minute pays, and looks at it
                    market.spot(price * (1.03 if minute // 60 % 2 else 0.97))
                    market.oracle.poke(1, 256)
                    market.oracle.observe(1, EXPIRY)
                part = [at for at in minutes if minute - 300 < at <= minute] if minute % 300 == 240 else []
                if is_timed:
                    part.sort(key=lambda at: at * 7919 % 104729)
                if part:
                    assert market.bring({at: minutes[at] for at in part}) == 5
            boa.env.timestamp = EXPIRY + 600
            while market.oracle.poke(1, 256):
                pass
            price = market.expiry_prices.fix(1, EXPIRY, [])
            assert price == sum(minutes[m] for m in minutes if m >= EXPIRY - 1800) * WAD // 30
            outcomes.add((price, market.oracle.market_words(1)[6]))
    assert len(outcomes) == 1


# --- A15: clamped answers, stamps that step back, other decimals -------------------------------------------------


def test_snapshot__clamped_primary__is_no_price_and_the_fallback_takes_over() -> None:
    world = OracleWorld(spot=1000)
    # as low as the aggregator goes: a thousandth of the price at listing
    for _ in range(6):
        world.wait(1800)
        world.primary.push(1 * UNIT, world.now)
        world.fallback.push(2 * UNIT, world.now)
        world.poke()
        assert world.look().reason == BOUND
    facts = world.look()
    assert facts.is_active
    assert facts.spot == 2 * WAD


def test_snapshot__new_phase_with_an_older_stamp__time_does_not_step_back() -> None:
    world = OracleWorld(fallback=False)
    world.wait(600)
    world.push(2100)
    world.observe()
    seen_at = world.now
    world.wait(60)
    world.primary.set_phase(2)
    world.primary.push(1500 * UNIT, seen_at - 300)
    facts = world.look()
    assert facts.is_active
    assert facts.spot == 2100 * WAD
    world.wait(3960)
    assert not world.look().is_fresh  # at its own age


def test_snapshot__feed_changes_its_decimals__no_price() -> None:
    world = OracleWorld(fallback=False)
    other = world.feed(9)
    other.push(2000 * 10**9, world.now)
    # the proxy points to an aggregator with another scale
    boa.env.set_code(world.primary.address, boa.env.get_code(other.address))
    facts = world.look()
    assert not facts.is_fresh
    assert facts.reason == WRONG_DECIMALS
    assert facts.spot == 2000 * WAD


# --- A23: one round out of order, and the price depended on whether anybody looked ------------------------------


@pytest.mark.parametrize("looks", [False, True])
def test_fix__round_out_of_order__same_price_whoever_looked(looks: bool) -> None:
    world = OracleWorld(fallback=False, settle_delay=0)
    at(world, -2000, 2000)
    at(world, -1400, 1000)
    at(world, -1390, 3000, -1600)
    for after in (-1000, -990, -980):
        at(world, after, 2000)
    if looks:
        boa.env.timestamp = EXPIRY - 900
        world.observe(EXPIRY)
    at(world, 10, 2000)
    assert world.fix(EXPIRY) == (2000 * 400 + 1000 * 400 + 2000 * 1000) * WAD // 1800


# --- A24: a stranger's poke between two updates recorded an outage and stopped the clock -------------------------


def test_poke__between_two_updates_of_a_fast_feed__no_grace_and_the_clock_goes_on() -> None:
    clocks = []
    for is_poked in (False, True):
        with boa.env.anchor():
            world = OracleWorld(fallback=False, heartbeat=60)
            world.observe()
            before = world.look().clock
            for _ in range(60):
                world.wait(80)
                if is_poked:
                    world.poke()
                world.wait(10)
                world.push(2000)
                assert world.poke() == 1
                assert world.look().is_active
            clocks.append(world.look().clock - before)
    # of every 90 seconds the 66 in which the price was fresh
    assert clocks == [60 * 66, 60 * 66]


def everything(world: OracleWorld, first: int) -> list[Callable[[], object]]:
    """What a stranger may call at any time."""
    return [
        world.poke,
        world.look,
        world.observe,
        lambda: world.observe(EXPIRY),
        lambda: world.observe(EXPIRY + DAY),
        lambda: world.adapter.stamp_cell(1, EXPIRY),
        lambda: world.adapter.condition(1, EXPIRY),
        lambda: world.now > EXPIRY - 1800 and world.fix(EXPIRY, [first, 1]),
    ]


@pytest.mark.parametrize("is_fast", [False, True])
def test_state__a_stranger_calls_everything_all_the_time__is_what_it_is_without(is_fast: bool) -> None:
    """Two hours across a window's start, in the long profile every second.

    A round every five minutes, or every 75 to 105 seconds of a feed with a heartbeat of one minute; a keeper every ten
    minutes.
    """
    seen: list[list[tuple[int, ...]]] = []
    clocks: list[list[tuple[int, int]]] = []
    for is_crowded in (False, True):
        with boa.env.anchor():
            world = OracleWorld(fallback=False, heartbeat=60 if is_fast else 3600)
            boa.env.timestamp = EXPIRY - 7200
            world.push(2000)
            world.observe(EXPIRY)
            stranger = everything(world, world.primary.latest_id())
            found, counted, next_round = [], [], 0
            for second in range(0, 7200, 1 if LONG else 5):
                boa.env.timestamp = EXPIRY - 7200 + second
                if second >= next_round:
                    world.push(2000 + second % 7)
                    next_round = second + (75 + second % 31 if is_fast else 300)
                    has_new = True
                if has_new and second // 600 > len(found) - 1:
                    facts = world.observe(EXPIRY)
                    found.append((facts.flags, facts.reason, facts.spot, facts.window_average, facts.restart))
                    counted.append((facts.clock, world.observe().clock))
                elif is_crowded:
                    calls = stranger if LONG else (stranger[second // 5 % 8], stranger[(second // 5 * 3 + 1) % 8])
                    for call in calls:
                        call()
                has_new = False
            seen.append(found)
            clocks.append(counted)
    assert seen[0] == seen[1]
    assert len(seen[0]) == 12 and all(flags == 3 for flags, *_ in seen[0])
    # who looks more often counts no less of the time in which the price was fresh; nobody restarts an auction
    assert all(a >= b for more, less in zip(clocks[1], clocks[0], strict=True) for a, b in zip(more, less, strict=True))
    if not is_fast:
        assert [market for _, market in clocks[0]] == [market for _, market in clocks[1]]
        assert clocks[0][-1][1] - clocks[0][0][1] >= 600 * 10


# --- A25: the last resort was chosen by whoever poked after the expiry ------------------------------------------


@pytest.mark.parametrize("pokes", [False, True])
def test_fix__last_resort__not_the_moment_of_a_call(pokes: bool) -> None:
    world = OracleWorld(fallback=False)
    boa.env.timestamp = EXPIRY - 4000
    world.push(2000)
    world.poke()
    boa.env.timestamp = EXPIRY + 3600
    world.push(2600)
    if pokes:
        world.poke()
    world.primary.set_mode(1)
    boa.env.timestamp = EXPIRY + 6 * 3600
    if pokes:
        world.poke()
    assert world.fix(EXPIRY) == 2000 * WAD


# --- A26: a primary that died within its heartbeat settled a cell against a living fallback ----------------------


def test_fix__primary_died_before_its_window__the_fallback_that_lived_through_it_counts() -> None:
    world = OracleWorld(settle_delay=0)
    at(world, -3590, 2000)
    world.poke()
    for after in range(-3000, 301, 300):
        boa.env.timestamp = EXPIRY + after
        world.fallback.push((2000 if after < -2400 else 1400) * UNIT, world.now)
    assert world.fix(EXPIRY) == 0  # the primary's next round may still say which
    boa.env.timestamp = EXPIRY + 371
    assert world.fix(EXPIRY) == 1400 * WAD
