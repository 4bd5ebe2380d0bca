"""While a surface fades, initial margin is the worse of the faded surface and the last live one (ADR 16)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import boa
import pytest

from bulkhead.risk.words import Snapshot, Status
from tests.surface_world import SurfaceWorld
from tests.system import cash, put


@pytest.fixture(scope="module")
def built() -> Iterator[SurfaceWorld]:
    with boa.env.anchor():
        world = SurfaceWorld()
        world.settle_in(0.9)
        yield world


@pytest.fixture
def world(built: SurfaceWorld) -> Iterator[SurfaceWorld]:
    with boa.env.anchor():
        yield built


def opened(world: SurfaceWorld, quantity: float, quote: float = 0.0) -> tuple[int, int, int]:
    """A vault that holds puts at the money (and owes cash), its counterparty and its expiry."""
    trader, maker = boa.env.generate_address("trader"), boa.env.generate_address("maker")
    vault, other = world.open(trader, 50_000), world.open(maker, 500_000)
    expiry = world.in_force()[0].expiries[4]
    legs = [put(2000, abs(quantity))]
    if quantity < 0:
        world.novate(vault, other, legs, expiry)
    else:
        world.novate(other, vault, [*legs, cash(-quote)], expiry)
    return vault, other, expiry


def fade(world: SurfaceWorld, hours: int) -> None:
    world.wait(3601, 2000)
    world.observe()
    for _ in range(hours):
        world.wait(3600, 2000)
        world.observe()


def least_balance(world: SurfaceWorld, vault: int, facts: Snapshot) -> int:
    """Least balance with which an own action would pass at these prices [native]."""
    words, legs = (list(part) for part in world.clearinghouse.load(vault))
    low, high = 0, words[6]
    while high - low > 1000:
        words[6] = (low + high) // 2
        try:
            world.MarginGate.check(1, words, legs, legs, facts.words(), 0, 0, [0] * 9)
            high = words[6]
        except boa.BoaError:
            low = words[6]
    return high


def live(facts: Snapshot) -> Snapshot:
    """The same prices with the surface as it was live, at the current vol."""
    return dataclasses.replace(facts, surface_weight=facts.surface_weight & (2**64 - 1), sigma=facts.sigma_now)


def test_check__faded_below_the_live_surface__a_short_answers_to_the_live_one(world):
    vault, _, expiry = opened(world, -10)
    fade(world, 6)
    facts = world.snapshot(expiry)
    assert facts.status & Status.SURFACE_LIVE == 0
    assert facts.surface_weight >> 64
    needed = least_balance(world, vault, facts)
    assert needed == pytest.approx(least_balance(world, vault, live(facts)), abs=2000)
    # what the ramped margin alone asks is told by a take, which answers to it alone
    state = world.state(vault)
    assert state.initial_margin > 1.5 * state.maintenance_margin


def test_check__faded_below_the_live_surface__a_margined_long_answers_to_the_faded_one(world):
    vault, _, expiry = opened(world, 10, 2000)
    fade(world, 6)
    facts = world.snapshot(expiry)
    needed = least_balance(world, vault, facts)
    assert needed > least_balance(world, vault, live(facts)) + 1_000_000


def test_check__surface_fading__closing_needs_only_what_it_did(world):
    vault, other, expiry = opened(world, -10)
    fade(world, 6)
    state = world.state(vault)
    mark = -state.value / 1e18
    world.novate(other, vault, [put(2000, 5)], expiry, mark / 2)
    assert world.legs(vault)[0].quantity == -5 * 10**6


def test_vaults__surface_fading__lens_tells_what_the_gate_asks(world):
    vault, _, expiry = opened(world, -10)
    fade(world, 6)
    facts = world.snapshot(expiry)
    told = world.state(vault).initial_margin
    with boa.env.anchor():
        words = list(world.clearinghouse.load(vault)[0])
        spare = words[6] - least_balance(world, vault, facts)
    # the proximity add-on, at most a tenth, comes on top as the vault gets near
    equity = world.state(vault).equity
    asked = equity - spare * 10**12
    assert 0.999 * told < asked <= 1.101 * told
