"""`look`: the snapshot of `observe`, of which the market keeps only what no later call can read (ADR 54)."""

from __future__ import annotations

from collections.abc import Callable

import boa
import pytest

from tests.worlds.oracle import DAY, START, OracleWorld

EXPIRY = START + 7 * DAY
#: What happens before a look, and whether the market has to keep it.
CHANGES: dict[str, tuple[Callable[[OracleWorld], object], bool]] = {
    "nothing": (lambda world: None, False),
    "an hour": (lambda world: world.wait(3_600), False),
    "an 08:00": (lambda world: world.wait(DAY), True),  # every source is lost by then
    "a round": (lambda world: (world.wait(60), world.push(2_010)), True),
    "a round of the fallback": (lambda world: (world.wait(60), world.fallback.push(2_000 * 10**8, world.now)), False),
    "feeds apart": (lambda world: (world.wait(60), world.fallback.push(1_000 * 10**8, world.now)), True),
    "a primary that is stale": (
        lambda world: (world.wait(4_000), world.fallback.push(2_000 * 10**8, world.now)),
        False,
    ),
    "an outage": (lambda world: world.wait(4 * 3_600), True),
}


def pair(world: OracleWorld, call: str) -> tuple[list[int], list[int]]:
    """What a call answers and the market's words after it, undone."""
    with boa.env.anchor():
        answer = getattr(world.adapter, call)(1, EXPIRY)
        return list(answer), list(world.adapter.market_words(1))


@pytest.mark.parametrize("name", CHANGES)
def test_look__any_change__answers_as_observe_and_keeps_what_is_news(world: OracleWorld, name: str) -> None:
    change, is_news = CHANGES[name]
    world.observe(EXPIRY)
    change(world)
    before = list(world.adapter.market_words(1))
    observed, looked = pair(world, "observe"), pair(world, "look")
    assert looked[0] == observed[0]
    assert looked[1] == (observed[1] if is_news else before)


def test_look__end_of_an_outage__is_kept_with_its_grace(world: OracleWorld) -> None:
    world.observe()
    world.wait(4 * 3_600)
    world.adapter.look(1, 0)
    world.push(2_000)
    world.wait(12)
    observed, looked = pair(world, "observe"), pair(world, "look")
    assert looked == observed
    world.adapter.look(1, 0)
    assert world.adapter.condition(1, 0).grace_until > world.now


def test_look__feeds_agree_again__ends_the_dispute(world: OracleWorld) -> None:
    world.push(2_000, fallback=1_000)
    world.adapter.look(1, 0)
    assert world.adapter.condition(1, 0).apart_since == world.now
    world.wait(60)
    world.push(2_000)
    world.adapter.look(1, 0)
    assert world.adapter.condition(1, 0).apart_since == 0


def test_look__cell_not_seen_before__keeps_its_terms(world: OracleWorld) -> None:
    world.adapter.look(1, EXPIRY)
    kept = list(world.adapter.cell_terms(1, EXPIRY))
    # terms are stamped: later parameters are for later cells
    changed = type(world.word)(window_seconds=3_600, settle_delay=0)
    world.adapter.configure(1, changed.pack(), sender=world.parameters)
    assert list(world.adapter.cell_terms(1, EXPIRY)) == kept
    assert list(world.adapter.cell_terms(1, EXPIRY + DAY)) != kept


def test_look__in_the_window__leaves_the_cells_clock_alone(world: OracleWorld) -> None:
    boa.env.timestamp = EXPIRY - 900
    world.push(2_000)
    world.observe(EXPIRY)
    world.wait(60)
    before = world.look(EXPIRY).clock
    world.adapter.look(1, EXPIRY)
    world.wait(60)
    assert world.look(EXPIRY).clock == before + 60
