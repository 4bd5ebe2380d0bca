"""The sum of a window's samples and the prices in force, against the statement second by second; both kinds of feed."""

from __future__ import annotations

import boa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.worlds.brought import MINUTE, PythWorld, RedStoneWorld
from tests.worlds.oracle import START, UNIT

WINDOW = 1800
EXPIRY = START + 2 * 3600
BEGIN = EXPIRY - WINDOW
REACH = 48


def statement(kept: dict[int, tuple[int, int]], start: int, upto: int, now: int, signers: int) -> tuple[int, ...]:
    """What `samples` answers, from its sentence: {minute stamp: (price, signers)}, every second by itself."""

    def held(second: int) -> int | None:
        known = [at for at in kept if start - REACH * MINUTE <= at <= second]
        return max(known) if known else None

    begun = held(start) is not None
    total = sum(kept[held(t)][0] for t in range(start, upto)) if begun else 0
    last = held(upto - 1) if upto > start else held(start)
    inside = range(start, upto, MINUTE)
    missing = sum(at not in kept and at + MINUTE < now for at in inside)
    full = all(kept.get(at, (0, 0))[1] == signers for at in inside)
    return total, begun, last or 0, kept[last][0] if last else 0, missing, full


def fill(world: PythWorld | RedStoneWorld, wanted: dict[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """Brings {minute stamp: (price, signers)} in any order they are in; returns what is kept, in units of answers."""
    at = list(wanted)
    for begin in range(0, len(at), 32):
        part = at[begin : begin + 32]
        if isinstance(world, RedStoneWorld):
            messages = [world.sample(*((wanted[t][0], t, wanted[t][1]))) for t in part]
        else:
            messages = [world.sample(wanted[t][0], t) for t in part]
        assert world.bring_many(part, messages) == len(part)
    return {t: (price * UNIT, signers) for t, (price, signers) in wanted.items()}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_samples__any_holes_any_order_any_second__the_statement(data):
    with boa.env.anchor():
        world = PythWorld()
        now = data.draw(st.integers(BEGIN - 30, EXPIRY + 1200))
        possible = [at for at in range(BEGIN - 60 * MINUTE, EXPIRY, MINUTE) if now - 5400 <= at <= now]
        chosen = data.draw(st.lists(st.sampled_from(possible), unique=True, max_size=len(possible)))
        if data.draw(st.booleans()):
            chosen = [at for at in possible if at not in chosen[:4]]
        boa.env.timestamp = now
        kept = fill(world, {at: (data.draw(st.integers(100, 10**6)), 1) for at in chosen})
        upto = data.draw(st.integers(BEGIN, max(BEGIN, min(now, EXPIRY))))
        assert tuple(world.feed.samples(BEGIN, upto)) == statement(kept, BEGIN, upto, now, 1)


def test_samples__redstone__full_only_with_all_signers():
    with boa.env.anchor():
        world = RedStoneWorld()
        boa.env.timestamp = EXPIRY + 10
        minutes = list(range(BEGIN, EXPIRY, MINUTE))
        kept = fill(world, {at: (2000, 5 if at != minutes[7] else 4) for at in minutes})
        found = world.feed.samples(BEGIN, EXPIRY)
        assert tuple(found) == statement(kept, BEGIN, EXPIRY, boa.env.timestamp, 5)
        assert (found.missing, found.is_full) == (0, False)
        world.bring(minutes[7], world.sample(2010, minutes[7]))
        found = world.feed.samples(BEGIN, EXPIRY)
        assert found.is_full
        assert found.sum == (29 * 2000 + 2010) * UNIT * MINUTE


@pytest.mark.parametrize(("back", "begun"), [(0, True), (1, True), (48, True), (49, False)])
def test_samples__start__at_most_48_minutes_back(back, begun):
    with boa.env.anchor():
        world = PythWorld()
        boa.env.timestamp = BEGIN + 120
        fill(world, {BEGIN - back * MINUTE: (2000, 1)})
        found = world.feed.samples(BEGIN, BEGIN + 90)
        assert found.is_begun == begun
        assert found.sum == (2000 * UNIT * 90 if begun else 0)


def test_samples__missing__counts_after_a_minute():
    with boa.env.anchor():
        world = PythWorld()
        boa.env.timestamp = BEGIN + 5
        fill(world, {BEGIN: (2000, 1)})
        for after, missing in ((60, 0), (120, 0), (121, 1), (180, 1), (181, 2)):
            boa.env.timestamp = BEGIN + after
            assert world.feed.samples(BEGIN, boa.env.timestamp).missing == missing


def test_prices_at__instants__the_price_in_force_at_each():
    with boa.env.anchor():
        world = PythWorld()
        boa.env.timestamp = START + 5400
        fill(world, {START + 60 * k: (2000 + k, 1) for k in (1, 7, 10, 30, 31)})
        found = world.feed.prices_at(START, 600, 9)
        assert found == [0] + [price * UNIT for price in (2010, 2010, 2030, 2031, 2031, 2031, 2031)] + [0]
        # 78 - 31 minutes, and one more than 48
        assert world.feed.prices_at(START + 31 * 60 + 48 * 60 + 59, 1, 2) == [2031 * UNIT, 0]
        assert world.feed.prices_at(START, 600, 0) == []


def test_samples__gas_of_a_window__one_call():
    with boa.env.anchor():
        world = PythWorld()
        boa.env.timestamp = EXPIRY + 10
        fill(world, dict.fromkeys(range(BEGIN, EXPIRY, MINUTE), (2000, 1)))
        world.feed.samples(BEGIN, EXPIRY)
        assert world.feed._computation.get_gas_used() < 60_000
