"""While a surface fades, initial margin is the worse of the faded surface and the last live one (ADR 16)."""

from __future__ import annotations

import dataclasses

import boa
import pytest

from bulkhead.risk.words import Snapshot, Status
from tests.worlds.surface import SurfaceWorld, settled, settled_system
from tests.worlds.system import cash, put

__all__ = ["settled", "settled_system"]


@pytest.fixture(scope="module")
def settled_level() -> float:
    """Far above the flat iv, so that fading matters."""
    return 0.9


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
            world.MarginGate.check((1, 0, 0, [0] * 9), words, legs, legs, facts.words())
            high = words[6]
        except boa.BoaError:
            low = words[6]
    return high


def live(facts: Snapshot) -> Snapshot:
    """The same prices with the surface as it was live, at the current vol."""
    return dataclasses.replace(facts, surface_weight=facts.surface_weight & (2**64 - 1), sigma=facts.sigma_now)


def test_check__faded_below_the_live_surface__a_short_answers_to_the_live_one(settled):
    vault, _, expiry = opened(settled, -10)
    fade(settled, 6)
    facts = settled.snapshot(expiry)
    assert facts.status & Status.SURFACE_LIVE == 0
    assert facts.surface_weight >> 64
    needed = least_balance(settled, vault, facts)
    assert needed == pytest.approx(least_balance(settled, vault, live(facts)), abs=2000)
    # what the ramped margin alone asks is told by a take, which answers to it alone
    state = settled.state(vault)
    assert state.initial_margin > 1.5 * state.maintenance_margin


def test_check__faded_below_the_live_surface__a_margined_long_answers_to_the_faded_one(settled):
    vault, _, expiry = opened(settled, 10, 2000)
    fade(settled, 6)
    facts = settled.snapshot(expiry)
    needed = least_balance(settled, vault, facts)
    assert needed > least_balance(settled, vault, live(facts)) + 1_000_000


def test_check__surface_fading__closing_needs_only_what_it_did(settled):
    vault, other, expiry = opened(settled, -10)
    fade(settled, 6)
    state = settled.state(vault)
    mark = -state.value / 1e18
    settled.novate(other, vault, [put(2000, 5)], expiry, mark / 2)
    assert settled.legs(vault)[0].quantity == -5 * 10**6


def test_vaults__surface_fading__lens_tells_what_the_gate_asks(settled):
    vault, _, expiry = opened(settled, -10)
    fade(settled, 6)
    facts = settled.snapshot(expiry)
    told = settled.state(vault).initial_margin
    with boa.env.anchor():
        words = list(settled.clearinghouse.load(vault)[0])
        spare = words[6] - least_balance(settled, vault, facts)
    # the proximity add-on, at most a tenth, comes on top as the vault gets near
    equity = settled.state(vault).equity
    asked = equity - spare * 10**12
    assert 0.999 * told < asked <= 1.101 * told
