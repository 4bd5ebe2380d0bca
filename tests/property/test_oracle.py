"""Properties of the oracle adapter: expiry prices do not depend on who calls, vols follow their reference."""

from __future__ import annotations

import boa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkhead.risk.settlement_average import History, average_price, round_at
from bulkhead.risk.volatility import Realised, Round
from tests.worlds.oracle import PHASE, START, UNIT, OracleWorld, real_rounds

WINDOW = 1800
ANSWERS = st.one_of(st.sampled_from([-1, 0]), st.integers(3 * UNIT, 10**12))
SETTINGS = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


def best_hint(rounds: list[Round], expiry: int, window: int) -> int:
    """Id of the round in force at the window's start."""
    return round_at(History.of(rounds), expiry - window).id


def expiry_price(rounds: list[Round], expiry: int, window: int) -> int:
    """The mirror's settlement average [wad]."""
    return average_price(History.of(rounds), expiry - window, expiry)


def adversarial(rounds: list[Round]) -> st.SearchStrategy[list[int]]:
    """Hints of any quality: real ids, ids next to them, other phases, nonsense; in any order."""
    ids = st.sampled_from([r.id for r in rounds])
    nonsense = st.one_of(st.integers(0, 2**80), st.integers(0, 2**256 - 1), ids.map(lambda i: i + PHASE))
    return st.lists(st.one_of(ids, nonsense), max_size=6)


def prove(world: OracleWorld, rounds: list[Round], expiry: int, calls: list[list[int]]) -> int:
    """Adversarial calls first, then the honest hint until the price stands."""
    for hints in calls:
        world.fix(expiry, hints)
    for _ in range(12):
        price = world.fix(expiry, [best_hint(rounds, expiry, WINDOW)])
        if price != 0:
            return price
    raise AssertionError("an honest caller never got a price")


@SETTINGS
@given(data=st.data())
def test_fix__any_hints_over_any_rounds__the_reference(data: st.DataObject) -> None:
    gaps = data.draw(st.lists(st.integers(0, 1200), min_size=3, max_size=60))
    prices = data.draw(st.lists(st.integers(3 * UNIT, 10**13), min_size=len(gaps), max_size=len(gaps)))
    with boa.env.anchor():
        world = OracleWorld(fallback=False, settle_delay=0)
        rounds = [Round(PHASE + 2, 2000 * 10**18, START)]
        for gap, price in zip(gaps, prices, strict=True):
            world.wait(gap)
            rounds.append(Round(world.primary.push(price, world.now), price * 10**10, world.now))
        expiry = data.draw(st.integers(START + WINDOW, max(world.now, START + WINDOW) + 600))
        world.wait(max(expiry - world.now, 0))
        calls = data.draw(st.lists(adversarial(rounds), max_size=3))
        assert prove(world, rounds, expiry, calls) == expiry_price(rounds, expiry, WINDOW)


@SETTINGS
@given(data=st.data())
def test_fix__real_rounds__the_reference_whoever_calls(data: st.DataObject) -> None:
    rows = real_rounds()
    begin = data.draw(st.integers(0, len(rows) - 60))
    part = rows[begin : begin + 60]
    with boa.env.anchor():
        expiry = data.draw(st.integers(part[0][2] + WINDOW, part[-1][2]))
        part = [row for row in part if row[2] < expiry + 6 * 3600]
        world = OracleWorld(fallback=False, spot=part[0][1] / UNIT, at=part[0][2], settle_delay=0)
        world.wait(max(part[-1][2], expiry) - world.now)
        world.primary.push_many([answer for _, answer, _ in part[1:]], [stamp for _, _, stamp in part[1:]])
        rounds = [Round(PHASE + 2 + i, answer * 10**10, stamp) for i, (_, answer, stamp) in enumerate(part)]
        calls = data.draw(st.lists(adversarial(rounds), max_size=3))
        assert prove(world, rounds, expiry, calls) == expiry_price(rounds, expiry, WINDOW)


@SETTINGS
@given(data=st.data())
def test_window__observed_at_any_times__prefix_of_the_expiry_price(data: st.DataObject) -> None:
    gaps = data.draw(st.lists(st.integers(1, 200), min_size=4, max_size=30))
    looks = data.draw(st.sets(st.integers(0, len(gaps) - 1)))
    with boa.env.anchor():
        world = OracleWorld(fallback=False, settle_delay=0)
        expiry = START + 2 * WINDOW
        world.wait(WINDOW - 100)
        rounds = [Round(world.primary.push(2000 * UNIT, world.now), 2000 * 10**18, world.now)]
        for i, gap in enumerate(gaps):
            if world.now + gap >= expiry:
                break
            world.wait(gap)
            price = 2000 + (i * 37) % 100
            rounds.append(Round(world.primary.push(price * UNIT, world.now), price * 10**18, world.now))
            if i in looks:
                facts = world.observe(expiry)
                elapsed = world.now - expiry + WINDOW
                if elapsed > 0:
                    assert facts.is_fresh
                    assert facts.window_average == expiry_price(rounds, world.now, elapsed)
        world.wait(expiry - world.now)
        assert prove(world, rounds, expiry, []) == expiry_price(rounds, expiry, WINDOW)


@SETTINGS
@given(steps=st.lists(st.tuples(st.integers(0, 7200), ANSWERS, st.integers(0, 4)), min_size=1, max_size=40))
def test_poke__any_rounds_in_any_portions__the_reference(steps: list[tuple[int, int, int]]) -> None:
    with boa.env.anchor():
        world = OracleWorld(fallback=False)
        state = Realised.start(4 * 10**17, Round(PHASE + 2, 2000 * 10**18, START), START)
        unread: list[Round] = []
        for gap, answer, portion in steps:
            world.wait(gap)
            id = world.primary.push(answer, world.now)
            unread.append(Round(id, max(answer, 0) * 10**10, world.now))
            looked = world.poke(portion)
            state = state.add_all(unread[:looked])
            unread = unread[looked:]
            # the newest price is in force until now
            state = state if unread else state.close(world.now)
        # a bad newest round is not looked at yet
        looked = world.poke()
        state = state.add_all(unread[:looked])
        state = state if unread[looked:] else state.close(world.now)
        v = state.variances
        assert world.variances() == (v.fast, v.day, v.week, v.long)
