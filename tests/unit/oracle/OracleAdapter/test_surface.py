"""The vol surface in force: which smile a cell gets, how it fades and comes back, and what it may never stop."""

from __future__ import annotations

import dataclasses
import random

import boa
import pytest

from bulkhead.risk import svi
from bulkhead.risk.scales import DAY
from bulkhead.risk.words import WAD, Snapshot, Status
from bulkhead.vol import surface as vol
from tests.worlds.surface import (
    ACCOUNTS,
    KEYS,
    SurfaceWorld,
    settled,
    settled_level,
    settled_system,
    smile,
    surface,
    system,
    world,
)

__all__ = ["settled", "settled_level", "settled_system", "system", "world"]

KS = [round(k * 2**64) for k in (-0.5, -0.1, 0.0, 0.1, 0.5)]


def iv(snapshot: Snapshot, k: int = 0) -> float:
    """What a leg of the cell is priced with."""
    if not snapshot.status & Status.SURFACE_SVI:
        return snapshot.surface_near / WAD
    return svi.iv(snapshot.surface_near, snapshot.surface_far, snapshot.surface_weight, k, snapshot.seconds) / WAD


def kept(world: SurfaceWorld) -> vol.Surface:
    found = world.in_force()[0]
    assert found is not None
    return found


# --- a market without publishers --------------------------------------------------------------------------------


def test_snapshot__nothing_published__flat_and_not_live(world):
    facts = world.snapshot(world.now + 30 * DAY)
    assert facts.status & (Status.SURFACE_LIVE | Status.SURFACE_SVI) == 0
    assert facts.surface_near == WAD // 2  # 40 % floor times 1.25
    assert facts.surface_far == facts.surface_weight == 0


# --- which smile ------------------------------------------------------------------------------------------------


def test_snapshot__published_expiry__its_own_slice_scaled_to_the_time_left(settled):
    settled.wait(1234)
    settled.push(2000)
    made = kept(settled)
    for at, part in zip(made.expiries, made.slices, strict=True):
        facts = settled.snapshot(at)
        assert facts.status & Status.SURFACE_SVI
        assert facts.status & Status.SURFACE_LIVE
        assert (facts.surface_near, facts.surface_far, facts.surface_weight) == (*made.place(at, settled.now)[:2], 0)
        assert facts.surface_near == svi.scale(part.pack(), at - settled.now, at - made.made_at)
        assert iv(facts) == pytest.approx(0.6, rel=1e-5)


def test_snapshot__any_expiry__places_as_the_mirror(settled):
    draw = random.Random(4)
    made = kept(settled)
    settled.wait(made.expiries[0] - settled.now + 100)  # the first has expired
    settled.push(2000)
    for _ in range(25):
        at = settled.now + draw.randint(1, 300 * DAY)
        facts = settled.snapshot(at)
        near, far, weight = made.place(at, settled.now)
        assert (facts.surface_near, facts.surface_far) == (near, far)
        assert facts.surface_weight & (2**64 - 1) == weight


def test_snapshot__between_expiries__total_variance_is_linear_at_equal_moneyness(settled):
    made = kept(settled)
    early, late = made.expiries[3], made.expiries[4]
    for share in (0.25, 0.5, 0.9):
        at = early + round(share * (late - early)) // DAY * DAY + 3600  # off the grid
        weight = (at - early) / (late - early)
        for k in KS:
            ends = [iv(settled.snapshot(t), k) ** 2 * (t - settled.now) for t in (early, late)]
            mixed = (ends[0] + weight * (ends[1] - ends[0])) / (at - settled.now)
            assert iv(settled.snapshot(at), k) == pytest.approx(mixed**0.5, rel=1e-6)


def test_snapshot__before_the_first_and_beyond_the_last__their_vols(settled):
    made = kept(settled)
    pairs = ((settled.now + 3000, made.expiries[0]), (made.expiries[-1] + 40 * DAY, made.expiries[-1]))
    for at, nearest in pairs:
        for k in KS:
            assert iv(settled.snapshot(at), k) == pytest.approx(iv(settled.snapshot(nearest), k), rel=1e-4)


def test_snapshot__time_goes_on_without_a_publication__same_vols_until_it_is_stale(settled):
    at = kept(settled).expiries[3]
    before = [iv(settled.snapshot(at), k) for k in KS]
    settled.wait(3000, 2000)
    facts = settled.observe(at)
    assert facts.status & Status.SURFACE_LIVE
    assert [iv(facts, k) for k in KS] == pytest.approx(before, rel=1e-6)


def test_snapshot__a_dropped_expiry_between_others__is_mixed_from_its_neighbours(world):
    world.publish(surface(world.now, days=(1, 7, 14, 30)))
    world.wait(60)
    world.publish(surface(world.now, days=(1, 7, 30)))  # not in force yet: may differ
    at = kept(world).expiries[1] + 7 * DAY
    facts = world.snapshot(at)
    assert facts.surface_far != 0
    assert facts.surface_near == kept(world).place(at, world.now)[0]


def test_snapshot__market_alone_and_expired_cell__no_smile(settled):
    for expiry in (0, settled.now, settled.now - DAY):
        assert settled.snapshot(expiry).status & Status.SURFACE_SVI == 0


# --- sigma ------------------------------------------------------------------------------------------------------


def test_sigma__surface_wholly_faded__has_no_say(world):
    world.publish(surface(world.now, 0.9))
    assert world.snapshot(0).sigma_now == 4 * WAD // 10


def test_sigma__surface_above_realised__counts_at_once_for_initial_and_by_the_ramp_for_maintenance(settled):
    assert settled.snapshot(0).sigma_now == kept(settled).sigma_atm() // 10**9 * 10**9
    settled.vol.set_publishers(1, ACCOUNTS, 2, DAY, settled.cap_bps, sender=settled.owner)
    for level in (0.65, 0.7):
        settled.wait(3600, 2000)
        before = settled.observe().sigma
        settled.publish_level(level)
        settled.wait(3600, 2000)
        facts = settled.observe()
        assert facts.sigma_now == pytest.approx(level * WAD, rel=1e-6)
        assert before < facts.sigma <= before * 1.05
    assert facts.sigma < facts.sigma_now


def test_sigma__surface_fading__weighs_less(settled):
    settled.wait(3601, 2000)
    settled.observe()
    facts = settled.snapshot(0)
    assert facts.sigma_now == pytest.approx(0.6 * (WAD - settled.fade()), rel=1e-6)
    assert facts.sigma_now < 0.6 * WAD


def test_sigma__surface_below_realised__changes_nothing(settled):
    level = 0.6
    for _ in range(5):
        settled.wait(3600, 2000)
        level /= 1.09
        settled.publish_level(level)
        settled.observe()
    assert level < 0.4
    assert settled.snapshot(0).sigma_now == 4 * WAD // 10


# --- fading -----------------------------------------------------------------------------------------------------


def test_fade__stale__starts_and_reaches_the_flat_iv_and_the_surface_is_gone(settled):
    at = kept(settled).expiries[5]
    settled.wait(3601, 2000)
    assert settled.snapshot(at).status & Status.SURFACE_LIVE == 0
    hours = 0
    while settled.fade() < WAD:
        before, flat_before = [iv(settled.snapshot(at), k) for k in KS], settled.fade()
        settled.wait(3600, 2000)
        facts = settled.observe(at)
        assert settled.fade() > flat_before
        for k, old in zip(KS, before, strict=True):
            # at every strike within 2.5 standard deviations; the flat iv is falling from 50 % here at its own 5 %
            assert abs(iv(facts, k) / old - 1) < 0.0501
        hours += 1
        assert hours < 60
    facts = settled.snapshot(at)
    assert facts.status & Status.SURFACE_SVI == 0
    assert facts.surface_near == settled.snapshot(0).surface_near
    assert not settled.in_force()[1]


def test_fade__both_ways__as_the_mirror(settled):
    word = settled.oracle.surface(1)[0]
    ends = (word >> 180 & 65535, word >> 164 & 65535)
    draw = random.Random(5)
    fade = 0
    settled.wait(3601, 2000)
    settled.observe()
    for live in (False, True):
        for _ in range(4):
            fade = settled.fade()
            flat = settled.snapshot(0).surface_near
            seconds = draw.randint(1, 5000)
            settled.wait(seconds, 2000)
            if live:
                settled.publish_level(0.6)
                word = settled.oracle.surface(1)[0]
                ends = (word >> 180 & 65535, word >> 164 & 65535)
            settled.observe()
            assert settled.fade() == vol.fade_after(fade, live, ends, (flat, flat), 5 * 10**16, seconds)
    assert fade != settled.fade()


def test_fade__calling_often__gains_nothing(settled):
    settled.wait(3601, 2000)
    settled.observe()
    at = kept(settled).expiries[5]
    before = iv(settled.snapshot(at))
    with boa.env.anchor():
        settled.wait(3600, 2000)
        settled.observe()
        once = settled.fade()
    for _ in range(12):
        settled.wait(300, 2000)
        settled.observe()
    assert once * 0.97 < settled.fade() < once * 1.02
    assert iv(settled.snapshot(at)) >= before * 0.95


def test_fade__not_calling_for_a_day__one_hours_step(settled):
    settled.wait(3601, 2000)
    settled.observe()
    with boa.env.anchor():
        settled.wait(3600, 2000)
        settled.observe()
        once = settled.fade()
    settled.wait(DAY, 2000)
    settled.observe()
    assert settled.fade() == once


def test_fade__price_not_active__stands_still(settled):
    settled.wait(3601, 2000)
    settled.observe()
    fade = settled.fade()
    settled.wait(3 * 3600)  # no round for longer than heartbeat * 1.1
    assert not settled.observe().is_active
    assert settled.fade() == fade


def test_fade__stale_and_back__keeps_its_smile_and_is_capped_again(settled):
    settled.wait(3601, 2000)
    settled.observe()
    settled.pass_hours(5)
    fade = settled.fade()
    assert 0 < fade < WAD
    with boa.reverts("surface/too-fast"):
        settled.publish_level(0.75)
    settled.publish_level(0.6)
    assert settled.fade() == fade
    at = kept(settled).expiries[4]
    assert not settled.snapshot(at).status & Status.SURFACE_LIVE  # still mixed with the fallback surface
    assert svi.Mix.unpack(settled.snapshot(at).surface_weight).fade <= fade
    settled.wait(3600, 2000)
    settled.publish_level(0.6)
    settled.observe()
    assert settled.fade() < fade


def test_fade__last_live_surface__is_in_the_snapshot_beside_the_fade(settled):
    at = kept(settled).expiries[4]
    live = iv(settled.snapshot(at))
    settled.wait(3601, 2000)
    settled.observe()
    settled.pass_hours(6)
    facts = settled.snapshot(at)
    whole = dataclasses.replace(facts, surface_weight=facts.surface_weight & (2**64 - 1))
    assert iv(facts) < live - 0.02
    assert iv(whole) == pytest.approx(live, rel=1e-6)


# --- never in the way -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [1, 59, 1799, 3600, DAY, 90 * DAY, 3 * 365 * DAY, 9 * 365 * DAY])
def test_snapshot__whatever_time_is_left__answers(settled, seconds):
    for later in (0, 100 * DAY, 200 * DAY, 1000 * DAY):
        with boa.env.anchor():
            settled.wait(later)
            facts = settled.snapshot(settled.now + seconds)
            assert 0 < iv(facts) < 10


def test_snapshot__every_expiry_has_passed__flat(settled):
    settled.wait(kept(settled).expiries[-1] - settled.now, 2000)
    facts = settled.snapshot(settled.now + DAY)
    assert facts.status & Status.SURFACE_SVI == 0
    assert not settled.in_force()[1]
    # and a new surface begins anew, without a cap, fading in
    settled.wait(60, 2000)
    settled.publish(surface(settled.now, 1.5))
    assert settled.fade() == WAD


def test_snapshot__publishers_gone__goes_on_and_fades(settled):
    settled.set_publishers([], 0)
    at = kept(settled).expiries[4]
    assert settled.snapshot(at).status & Status.SURFACE_LIVE
    settled.wait(3601, 2000)
    settled.observe()
    settled.pass_hours(1)
    assert settled.fade() > 0


def test_snapshot__wild_but_accepted_smiles__answer(world):
    """The most crooked surface that passes the checks still gives every cell a vol within bounds."""
    now = world.now
    made = surface(now, 3.0, skew=-0.9, wings=0.9)
    world.publish(made)
    world.wait(60, 2000)
    world.observe()
    for at in (*made.expiries, now + 3700, now + 390 * DAY):
        facts = world.snapshot(at)
        for k in (-60, -5, 0, 5, 60):
            assert 0.0099 < iv(facts, k << 64) <= 8


def test_observe__market_without_a_surface__is_untouched_by_another_markets(world):
    other = world.list_market(2)
    world.publish(surface(world.now))
    world.wait(60, 2000)
    world.push(2000, other)
    assert world.snapshot(world.now + 30 * DAY, other).status & (Status.SURFACE_LIVE | Status.SURFACE_SVI) == 0
    assert int(world.oracle.surface(2)[0]) == 0


def test_publish__two_smiles_of_one_key_only__needs_both(world):
    """One stolen key moves nothing at all."""
    made = dataclasses.replace(
        surface(world.now), slices=tuple(smile(4.0, at - world.now) for at in surface(world.now).expiries)
    )
    for key in KEYS:
        with boa.reverts("surface/too-few-signatures"):
            world.publish(made, [key])
