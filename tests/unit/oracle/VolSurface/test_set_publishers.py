"""Who may publish: named by the owner of RiskParameters alone, within bounds."""

from __future__ import annotations

import boa
import pytest

from tests.worlds.surface import ACCOUNTS, KEYS, SurfaceWorld, grid, surface

#: Status bit of a snapshot: a published surface is in force, not stale and not mixed with the fallback.
SURFACE_LIVE = 32


def set_to(world: SurfaceWorld, accounts=ACCOUNTS, threshold=2, heartbeat=3600, cap_bps=1000, sender=None):
    world.vol.set_publishers(1, accounts, threshold, heartbeat, cap_bps, sender=sender or world.owner)


def test_set_publishers__anyone_else__reverts(world):
    for other in (world.guardian, ACCOUNTS[0], world.at["RiskParameters"]):
        with boa.reverts("surface/not-owner"):
            set_to(world, sender=other)


def test_set_publishers__new_owner__decides(world):
    successor = boa.env.generate_address("timelock")
    world.RiskParameters.transfer_ownership(successor, sender=world.owner)
    world.RiskParameters.accept_ownership(sender=successor)
    with boa.reverts("surface/not-owner"):
        set_to(world)
    set_to(world, threshold=3, sender=successor)
    assert world.vol.settings(1)[2] == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"threshold": 0}, "surface/threshold"),
        ({"threshold": 4}, "surface/threshold"),
        ({"accounts": [], "threshold": 1}, "surface/threshold"),
        ({"heartbeat": 299}, "surface/heartbeat-range"),
        ({"heartbeat": 86401}, "surface/heartbeat-range"),
        ({"cap_bps": 99}, "surface/cap-range"),
        ({"cap_bps": 5001}, "surface/cap-range"),
        ({"accounts": ACCOUNTS[::-1]}, "surface/publisher-order"),
        ({"accounts": [ACCOUNTS[0]] * 2}, "surface/publisher-order"),
        ({"accounts": ["0x" + "00" * 20, ACCOUNTS[0]]}, "surface/publisher-order"),
    ],
)
def test_set_publishers__out_of_bounds__reverts(world, change, reason):
    with boa.reverts(reason):
        set_to(world, **change)


def test_set_publishers__again__the_old_list_is_dead(world):
    assert world.vol.is_publisher(1, ACCOUNTS[2])
    set_to(world, ACCOUNTS[:2], 2)
    (event,) = [log for log in world.vol.get_logs() if type(log).__name__ == "PublishersSet"]
    assert (event.market, event.publishers, event.threshold, event.version) == (1, ACCOUNTS[:2], 2, 2)
    assert (event.heartbeat, event.cap_bps) == (3600, 1000)
    assert world.vol.settings(1) == (0, 2, 2, 3600, 1000)
    assert not world.vol.is_publisher(1, ACCOUNTS[2])
    with boa.reverts("surface/not-a-publisher"):
        world.publish(surface(world.now), KEYS[1:])
    world.publish(surface(world.now), KEYS[:2])


def test_set_publishers__again__signatures_of_those_who_stay_are_dead_too(world):
    made = surface(world.now)
    signatures = world.signed(made, 1)
    old = world.vol.digest(1, 1, made.made_at, made.index, made.words)
    set_to(world, ACCOUNTS[:2], 2)
    assert world.vol.digest(1, 1, made.made_at, made.index, made.words) != old
    # they recover to accounts nobody knows, in either order
    for pair in (signatures, signatures[::-1]):
        with pytest.raises(boa.BoaError, match="surface/(signer-order|not-a-publisher)"):
            world.send(made, 1, pair)
    world.publish(made)


def test_set_publishers__empty_list__ends_publishing(world):
    set_to(world, [], 0)
    for signatures in ([], [bytes(65)]):
        with boa.reverts("surface/no-publishers"):
            world.send(surface(world.now), 1, signatures)


def test_stop__anyone_but_the_guardian__reverts(world):
    for other in (world.owner, ACCOUNTS[0], world.at["RiskParameters"]):
        with boa.reverts("surface/not-guardian"):
            world.vol.stop(1, sender=other)
    with boa.reverts("oracle/only-surface"):
        world.oracle.stop_surface(1, sender=world.guardian)


def test_stop__market_that_nobody_publishes_for__reverts(world):
    with boa.reverts("surface/no-publishers"):
        world.vol.stop(2, sender=world.guardian)
    world.vol.stop(1, sender=world.guardian)
    with boa.reverts("surface/no-publishers"):
        world.vol.stop(1, sender=world.guardian)


def test_stop__surface_in_force__fades_by_the_ramp_as_a_stale_one(world):
    expiry = grid(world.now)[4]
    world.publish(surface(world.now, 0.55))
    for _ in range(40):
        world.wait(600)
        world.push(2000)
        world.publish(world.moved(0.55))
        world.observe(expiry)
    assert world.fade() == 0
    world.wait(60)
    before = world.observe(expiry)
    assert before.status & SURFACE_LIVE
    signatures = world.signed(world.moved(0.55), world.nonce + 1)
    made = world.moved(0.55)
    world.vol.stop(1, sender=world.guardian)
    (event,) = [log for log in world.vol.get_logs() if type(log).__name__ == "PublishersSet"]
    assert (event.publishers, event.threshold) == ([], 0)
    # nothing jumps: the marks are those of the second before, and only no longer live
    stopped = world.observe(expiry)
    assert not stopped.status & SURFACE_LIVE
    assert (stopped.surface_near, stopped.surface_weight) == (before.surface_near, before.surface_weight)
    world.wait(600)
    world.push(2000)
    faded = world.observe(expiry)
    assert 0 < world.fade() < 10**18 // 20
    assert faded.surface_near != 0
    # what the old list signed is dead, and the old list itself
    for sent in (signatures, world.signed(made, world.nonce + 1)):
        with boa.reverts("surface/no-publishers"):
            world.send(made, world.nonce + 1, sent)
    set_to(world)
    with pytest.raises(boa.BoaError, match="surface/(signer-order|not-a-publisher|too-old)"):
        world.send(made, world.nonce + 1, signatures)
    world.publish(world.moved(0.55))
    assert world.observe(expiry).status & 64


def test_publish__market_without_publishers__reverts(world):
    assert not world.vol.is_publisher(2, "0x" + "00" * 20)
    made = surface(world.now)
    with boa.reverts("surface/no-publishers"):
        world.vol.publish(2, 1, made.made_at, made.index, made.words, [bytes(65)])


def test_set_publishers__market_with_a_price_market__reverts_and_shares_the_surface(settled):
    """One publication and one stop serve both."""
    settled.list_market(2, 18, digits=3, price_market=settled.market)
    with boa.reverts("surface/price-market"):
        settled.set_publishers(market=2)
    expiry = grid(settled.now)[2]
    assert settled.oracle.snapshot(2, expiry) == settled.oracle.snapshot(1, expiry)
    assert settled.oracle.snapshot(2, expiry).status & SURFACE_LIVE
    with boa.reverts("surface/no-publishers"):
        settled.vol.stop(2, sender=settled.guardian)
    settled.vol.stop(1, sender=settled.guardian)
    settled.wait(12)
    assert not settled.oracle.snapshot(2, expiry).status & SURFACE_LIVE
