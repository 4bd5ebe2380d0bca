"""The most a stolen quorum of publishers moves in an hour, through the real contracts; numbers in docs/oracle.md."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from bulkhead.risk import svi
from bulkhead.risk.words import WAD
from bulkhead.vol.surface import DAY, Surface, growth
from tests.surface_world import KEYS, SurfaceWorld, smile, surface
from tests.system import call, put


@pytest.fixture(scope="module")
def built() -> Iterator[SurfaceWorld]:
    with boa.env.anchor():
        world = SurfaceWorld()
        world.settle_in(0.6)
        yield world


@pytest.fixture
def world(built: SurfaceWorld) -> Iterator[SurfaceWorld]:
    with boa.env.anchor():
        yield built


def straddle(world: SurfaceWorld) -> tuple[int, int]:
    """A vault short one straddle at the money of the 30-day expiry."""
    trader, maker = boa.env.generate_address("trader"), boa.env.generate_address("maker")
    vault, other = world.open(trader, 3_000), world.open(maker, 50_000)
    expiry = world.in_force()[0].expiries[4]
    world.novate(vault, other, [call(2000, 1), put(2000, 1)], expiry)
    return vault, expiry


def attack(world: SurfaceWorld, up: bool, minutes: int = 15) -> float:
    """Publishes for an hour the farthest surface that is accepted; returns the vol at the end."""
    level = 0.6
    for _ in range(60 // minutes):
        world.wait(60 * minutes, 2000)
        made_at = world.in_force()[0].made_at
        factor = growth(world.cap_bps * 10**14, world.now - made_at) / WAD
        reach = level * factor**0.9995 if up else level / factor**0.9995
        with pytest.raises(boa.BoaError, match="surface/too-fast"), boa.env.anchor():
            world.publish_level(level * factor**1.01 if up else level / factor**1.01)
        world.publish_level(reach)
        level = reach
        world.observe()
    return level


@pytest.mark.parametrize("up", [True, False])
def test_stolen_quorum__one_hour__vol_by_the_cap_and_a_straddle_by_two_percent_of_spot(world, up):
    vault, expiry = straddle(world)
    before, snap = world.state(vault), world.snapshot(expiry)
    level = attack(world, up)
    assert level == pytest.approx(0.6 * (1.1 if up else 1 / 1.1), rel=0.01)
    after = world.state(vault)
    equity = (after.equity - before.equity) / 1e18
    maintenance = after.maintenance_margin / before.maintenance_margin - 1
    initial = after.initial_margin / before.initial_margin - 1
    print(f"up={up} vol {level:.3f} equity {equity / 2000:+.4%} MM {maintenance:+.2%} IM {initial:+.2%}")
    # 0.4*S*sqrt(tau)*dvol for each of two options
    assert abs(equity) < 0.022 * 2000
    assert (equity < 0) == up
    assert world.snapshot(expiry).sigma <= snap.sigma * 1.0501
    assert abs(maintenance) < 0.12
    assert abs(initial) < 0.14


def test_stolen_quorum__after_an_hour_of_silence__two_hours_worth_at_most(world):
    world.wait(3600, 2000)
    world.publish_level(0.6 * growth(10**17, 3600) / WAD * 0.9999)
    level = 0.6 * 1.0949
    for _ in range(4):
        world.wait(900, 2000)
        level *= growth(10**17, 900) / WAD * 0.9999
        world.publish_level(level)
    assert 0.6 * 1.18 < level < 0.6 * 1.1**2


def test_stolen_quorum__bending_between_the_checked_strikes__finds_little(world):
    """Smiles that agree at the five checked strikes but not between: a thousand random ones."""
    import random

    draw = random.Random(1)
    base = surface(world.now, 0.6, world.days())
    old = base.slices[4]
    tenor = base.expiries[4] - world.now
    deviation = 0.6 * (tenor / (365 * DAY)) ** 0.5
    checked = [round(step / 4 * deviation * 2**64) for step in (-10, -5, 0, 5, 10)]
    between = [round(step / 8 * deviation * 2**64) for step in range(-20, 21)]
    worst = 1.0
    for _ in range(1000):
        bent = smile(0.6 * draw.uniform(0.92, 1.08), tenor, draw.uniform(-0.9, 0.9), draw.uniform(0.05, 1.2))
        ratios = [svi.total_variance(bent, k) / svi.total_variance(old, k) for k in checked]
        if max(ratios) > 1.2 or min(ratios) < 1 / 1.2:
            continue
        inner = [svi.total_variance(bent, k) / svi.total_variance(old, k) for k in between]
        worst = max(worst, max(inner), 1 / min(inner))
    assert worst < 1.25


def test_stolen_key__alone__moves_nothing(world):
    before = world.oracle.surface(1)
    world.wait(600, 2000)
    for key in KEYS:
        with boa.reverts("surface/too-few-signatures"):
            world.publish(surface(world.now, 0.6, world.days()), [key])
    assert world.oracle.surface(1) == before


def test_stolen_quorum__owner_names_others__they_start_from_what_is_in_force(world):
    level = attack(world, True, 30)
    world.set_publishers([boa.env.generate_address("new")], 1)
    with boa.reverts("surface/not-a-publisher"):
        world.wait(60, 2000)
        world.publish_level(level)
    found = world.in_force()[0]
    assert isinstance(found, Surface)
    assert found.sigma_atm() / WAD == pytest.approx(level, rel=1e-3)
