from __future__ import annotations

import boa

from tests.worlds.liquidation import EXPIRY, MARKET, address, unchanged

KEEPER, TAKER = address("keeper"), address("taker")


def clear(world, vault, actor=TAKER):
    with boa.env.prank(actor):
        return world.liquidator.clear(vault)


def test_clear__price_back__ends_the_flag_and_pays_the_end_tip(world, flagged):
    world.move(1900)
    assert clear(world, flagged) == 2
    assert not world.is_flagged(flagged)
    assert world.balance(TAKER) == 3 * world.unit
    # both tips came out of the collateral, so the deposit is full again
    assert world.words(flagged)[1] >> 224 == 0


def test_clear__merely_healthy__sets_the_clock_back(world, flagged):
    world.wait(100)
    spot = 1500
    while True:
        spot += 2
        world.move(spot)
        if world.liquidator.quote(flagged, 1).reason == 5:
            break
    assert clear(world, flagged) == 1
    assert world.is_flagged(flagged) and world.balance(TAKER) == 0
    world.move(1500)
    assert world.liquidator.quote(flagged, 1).elapsed == 0


def test_clear__still_unhealthy__reverts(world, flagged):
    with unchanged(world, flagged), boa.reverts("liquidator/still-unhealthy"):
        clear(world, flagged)


def test_clear__fully_covered__needs_no_price(world, flagged):
    with boa.env.anchor():
        world.deposit(flagged, 1500, address("friend"))
        assert not world.is_flagged(flagged)
    # a donation is noticed by whoever calls
    world.move(status=0)
    world.token.mint(world.custody(flagged), 1500 * world.unit)
    assert clear(world, flagged) == 2


def test_clear__not_flagged__reverts(world):
    vault = world.short_put(600)
    with unchanged(world, vault), boa.reverts("liquidator/not-flagged"):
        clear(world, vault)


def test_clear__unknown_vault__reverts(world):
    with boa.reverts("liquidator/unknown-vault"):
        clear(world, 999)


def test_refresh__vault_that_its_owner_has_closed__stops_no_batch(world):
    vault = world.short_put(600)
    world.move(1500)
    world.flag(vault, address("flagger"))
    closed = world.open(address("stranger"), 10)
    with boa.env.prank(address("stranger")):
        world.clearinghouse.close(closed, address("stranger"))
    world.move(1200)
    world.liquidator.refresh([closed, 999, vault])
    assert world.clearinghouse.cell(MARKET, EXPIRY) >> 112 > 0
