"""Returns between whole ten minutes: the fold equals its Python reference, whatever the feed and the callers do."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

import boa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkhead.risk.volatility import INSTANT, OracleWord, Realised, Round
from tests.contracts import deployer
from tests.worlds.brought import MINUTE, PythWorld
from tests.worlds.doubles import bad_rounds
from tests.worlds.oracle import DAY, PHASE, START, UNIT, WAD, Mode, read, real_rounds

WORD = OracleWord()
FLOOR = 4 * WAD // 10
SETTINGS = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def feed_word(address: str, kind: int = 0, decimals: int = 8) -> int:
    """The word of a feed whose bounds are the widest (oracle/feeds)."""
    bounds = 1 << 195 | (2**22 - 1) << 224 | 74 << 246
    return int(address, 16) | 3960 << 160 | decimals << 178 | kind << 183 | bounds


class Folder:
    """One feed, folded through the contract and through the reference side by side."""

    def __init__(self, feed: Any, first: Round, kind: int = 0) -> None:
        self.contract = deployer("VolFolder").deploy()
        self.feed = feed
        self.listed_at = boa.env.timestamp
        self.state = Realised.start(FLOOR, first, self.listed_at)
        self.word = feed_word(feed.address, kind)
        self.kept: tuple[int, ...] = self.packed(self.state)

    def packed(self, state: Realised) -> tuple[int, ...]:
        """What is kept of a state: feed, parameters, SEEN, ANCHORS, variances, cursor (oracle/market_words)."""
        anchors = state.base << 132 | state.instant << 228
        cursor = state.cursor | state.stamp << 80 | state.price << 114
        return self.word, WORD.pack(), state.listed_at << 131, anchors, state.variances.word(), cursor

    def fold(self, most: int = 256) -> int:
        """One call; returns how many rounds it looked at."""
        found = self.contract.fold(self.kept, most)
        self.kept = (*self.kept[:3], found.anchors, found.variances, found.cursor)
        return found.looked

    def expect(self, state: Realised) -> None:
        assert self.kept == self.packed(state)
        self.state = state


class Aggregator(Folder):
    """A feed that keeps its rounds, at 2,000."""

    def __init__(self, spot: float = 2000, at: int = START) -> None:
        boa.env.timestamp = at
        feed = deployer("MockAggregator").deploy(8, "TEST / USD")
        id = feed.push(round(spot * UNIT), at)
        super().__init__(feed, Round(id, round(spot * UNIT) * 10**10, at))

    @property
    def now(self) -> int:
        return boa.env.timestamp

    def wait(self, seconds: int) -> None:
        boa.env.timestamp += seconds

    def push(self, price: int) -> Round:
        return Round(self.feed.push(price * UNIT, self.now), price * WAD, self.now)


@pytest.fixture
def lone() -> Iterator[Aggregator]:
    with boa.env.anchor():
        yield Aggregator()


def test_fold__nothing_new__instants_of_zero(lone):
    lone.wait(599)
    assert lone.fold() == 0
    lone.expect(lone.state)
    lone.wait(1 + 143 * INSTANT)
    assert lone.fold() == 0
    lone.expect(lone.state.close(lone.now))
    assert lone.state.variances.day < FLOOR * FLOOR // WAD * 6 // 10


def test_fold__many_rounds_between_two_instants__one_return(lone):
    for i, price in enumerate((2010, 1990, 2100, 2100, 1600, 1000, 3000)):
        lone.wait(60 + i)
        last = lone.push(price)
    noise = lone.state
    assert lone.fold() == 7
    assert lone.now < lone.listed_at + INSTANT
    lone.expect(Realised(**{**vars(noise), "cursor": last.id, "price": last.price, "stamp": last.stamp}))
    lone.wait(INSTANT)
    assert lone.fold() == 0
    # 2,000 to 3,000, capped at 20 %
    expected = noise.variances.fold(2000, 3000, INSTANT, WORD.half_lives, INSTANT)
    assert lone.kept[4] == expected.word()


def test_fold__noise_on_every_update__reads_the_vol_that_is_there():
    """3 bp of error on a round each ten seconds, 60 % a year; it read 96 % when every round was a return."""
    rng = random.Random(5)
    state = Realised.start(6 * WAD // 10, Round(1, 2000 * WAD, START), START)
    level, step = 0.0, 0.6 * math.sqrt(10 / (365 * DAY))
    for i in range(1, 8 * 8640):
        level += rng.gauss(0, step)
        price = round(2000 * math.exp(level + rng.gauss(0, 3e-4)) * WAD)
        state = state.add(Round(i + 1, price, START + 10 * i))
    assert state.variances.vols().week / WAD == pytest.approx(0.6, rel=0.06)


@pytest.mark.parametrize("portions", [[4, 0, 4, 4, 4], [256], [1] * 12])
def test_fold__bounded_and_resumable__same_as_at_once(lone, portions):
    rounds = []
    for i in range(10):
        lone.wait(370)
        rounds.append(lone.push(2000 + 7 * i))
    assert sum(lone.fold(most) for most in portions) == 10
    lone.fold()
    lone.expect(lone.state.add_all(rounds, lone.now))


def test_fold__bad_and_backdated_rounds__skipped(lone):
    first = lone.now
    lone.wait(1000)
    good = bad_rounds(lone.feed, lone.now, first)
    assert lone.fold() == 4
    lone.expect(lone.state.add(Round(good, 2040 * WAD, lone.now - 497)).close(lone.now))


def test_fold__newest_round_unreadable__waits_for_it(lone):
    lone.wait(700)
    a = lone.push(2010)
    b = lone.feed.push(2020 * UNIT, lone.now)
    lone.feed.overwrite(b, 2020 * UNIT, 0)
    assert lone.fold() == 1
    # nothing says yet what is in force until now
    lone.expect(lone.state.add(a))
    lone.feed.overwrite(b, 2020 * UNIT, lone.now)
    assert lone.fold() == 1
    lone.expect(lone.state.add(Round(b, 2020 * WAD, lone.now)).close(lone.now))


@pytest.mark.parametrize("mode", [Mode.REVERTS, Mode.ZERO, Mode.INCOMPLETE, Mode.BURNS_GAS])
def test_fold__bad_feed__folds_nothing_and_recovers(lone, mode):
    lone.wait(1260)
    found = lone.push(2010)
    lone.feed.set_mode(mode)
    assert lone.fold() == 0
    lone.expect(lone.state)
    lone.feed.set_mode(0)
    assert lone.fold() == 1
    lone.expect(lone.state.add(found).close(lone.now))


def test_fold__history_gone__newest_still_folds(lone):
    lone.wait(660)
    for price in (2010, 2020, 2030):
        found = lone.push(price)
    lone.feed.set_mode(Mode.HISTORY_REVERTS)
    assert lone.fold() == 3
    lone.expect(lone.state.add(found).close(lone.now))


def test_fold__new_phase_or_far_behind__jumps_to_the_newest(lone):
    lone.wait(600)
    lone.push(2010)
    lone.feed.set_phase(4)
    for price in (2020, 2030, 2040):
        found = lone.push(price)
    assert found.id == 4 * PHASE + 3
    assert lone.fold() == 1
    lone.expect(lone.state.add(found).close(lone.now))
    lone.wait(900)
    lone.feed.skip_rounds(2048)
    found = lone.push(2010)
    assert lone.fold() == 1
    lone.expect(lone.state.add(found).close(lone.now))


@SETTINGS
@given(
    steps=st.lists(st.tuples(st.integers(0, 7200), st.integers(-1, 10**12), st.integers(0, 4)), min_size=1, max_size=30)
)
def test_fold__any_rounds_in_any_portions__the_reference(steps):
    with boa.env.anchor():
        lone = Aggregator()
        unread: list[Round] = []
        state = lone.state
        for gap, answer, portion in steps:
            lone.wait(gap)
            unread.append(Round(lone.feed.push(answer, lone.now), max(answer, 0) * 10**10, lone.now))
            looked = lone.fold(portion)
            state = state.add_all(unread[:looked])
            unread = unread[looked:]
            if not unread:
                state = state.close(lone.now)
        lone.expect(state)


def test_fold__all_real_rounds__equals_reference():
    rows = real_rounds()
    with boa.env.anchor():
        lone = Aggregator(rows[0][1] / UNIT, rows[0][2])
        state = lone.state
        for i in range(1, len(rows), 1000):
            part = rows[i : i + 1000]
            first = lone.feed.latest_id() + 1
            lone.wait(part[-1][2] - lone.now)
            lone.feed.push_many([answer for _, answer, _ in part], [stamp for _, _, stamp in part])
            while lone.fold() != 0:
                pass
            ids = range(first, first + len(part))
            state = state.add_all(
                [Round(id, r.price, r.stamp) for id, r in zip(ids, read(part), strict=True)], lone.now
            )
            lone.expect(state)


# --- brought prices --------------------------------------------------------------------------------------------------


class Brought(Folder):
    """A market on Pyth, one sample brought for each minute asked."""

    def __init__(self) -> None:
        self.world = PythWorld()
        super().__init__(self.world.feed, Round(0, 2000 * WAD, START), kind=2)

    def bring(self, at: int, price: int) -> None:
        self.world.bring(at, self.world.sample(price, at))

    def fold(self, most: int = 256) -> int:
        looked = super().fold(most)
        # a brought feed has no cursor
        self.kept = (*self.kept[:5], self.packed(self.state)[5])
        return looked


def test_fold__brought__ten_minutes_after_the_instant_with_the_sample_in_force():
    with boa.env.anchor():
        brought = Brought()
        boa.env.timestamp = START + INSTANT + 300
        brought.bring(START + INSTANT, 2020)
        assert brought.fold() == 0
        boa.env.timestamp = START + 2 * INSTANT - 1
        assert brought.fold() == 0
        boa.env.timestamp += 1
        assert brought.fold() == 1
        brought.expect(brought.state.fold_upto(2020 * WAD, START + INSTANT))


def test_fold__brought_and_missing__the_one_before_then_no_return():
    with boa.env.anchor():
        brought = Brought()
        boa.env.timestamp = START + 8 * INSTANT
        brought.bring(START + INSTANT - 3 * MINUTE, 2100)
        assert brought.fold() == 7
        state = brought.state
        for k in range(1, 8):
            # in force for 48 minutes, and what was folded last goes on after them
            state = state.fold_upto(2100 * WAD, START + k * INSTANT)
        brought.expect(state)


@pytest.mark.parametrize(("price", "bound", "counts"), [
    (2048, "most", False), (2047, "most", True), (2048, "least", False), (2049, "least", True),
])  # fmt: skip
def test_fold__brought_at_a_bound_of_the_feed__is_no_price(price, bound, counts):
    """A bound is a number of 22 bits times a power of two: 2,048 in units of 1e-8 is one, read with 18 decimals."""
    at_2048 = 5**8 | 19 << 22
    with boa.env.anchor():
        brought = Brought()
        bounds = {"least": 1, "most": 2**22 - 1 | 74 << 22, bound: at_2048}
        word = feed_word(brought.feed.address, 2, 18) & (2**195 - 1)
        brought.kept = (word | bounds["least"] << 195 | bounds["most"] << 224, *brought.kept[1:])
        boa.env.timestamp = START + 2 * INSTANT
        brought.bring(START + INSTANT, price)
        assert brought.fold() == 1
        base = brought.kept[3] >> 132 & (2**96 - 1)
        assert base == (price * UNIT if counts else 2000 * WAD)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_fold__brought_in_any_order_and_portions__the_reference(data):
    with boa.env.anchor():
        brought = Brought()
        boa.env.timestamp = START + 9 * INSTANT
        minutes = data.draw(st.lists(st.integers(1, 89), unique=True, max_size=25))
        prices = {START + m * MINUTE: data.draw(st.integers(1500, 2500)) for m in minutes}
        for at, price in prices.items():
            brought.bring(at, price)
        state, base = brought.state, 2000
        for k in range(1, 9):
            at = START + k * INSTANT
            held = [t for t in prices if at - 48 * MINUTE <= t <= at]
            base = prices[max(held)] if held else base
            state = state.fold_upto(base * WAD, at)
        while brought.fold(data.draw(st.integers(1, 5))):
            pass
        brought.expect(state)


def test_fold__144_instants__gas():
    with boa.env.anchor():
        lone = Aggregator()
        for i in range(144):
            lone.wait(INSTANT)
            lone.push(2000 + i % 7)
        assert lone.fold() == 144
        assert lone.contract._computation.get_gas_used() < 3_000_000
        print("fold of 144 rounds and instants:", lone.contract._computation.get_gas_used())
