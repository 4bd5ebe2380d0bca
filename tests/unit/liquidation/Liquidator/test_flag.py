from __future__ import annotations

import boa
import pytest

from bulkhead.risk.words import Status
from tests.worlds.liquidation import EXPIRY, MARKET, address, call, unchanged

KEEPER = address("keeper")


def test_flag__below_maintenance__starts_clock_and_pays_half_the_deposit(world):
    vault = world.short_put(600)
    world.move(1500)
    equity, margin, _ = world.standing(vault)
    assert 0 < equity < margin
    world.flag(vault, KEEPER)
    assert world.is_flagged(vault)
    assert world.balance(KEEPER) == 5 * world.unit
    terms = world.words(vault)[1]
    assert terms >> 40 & (2**40 - 1) == world.clock
    assert terms >> 80 & (2**40 - 1) == world.now
    assert terms >> 120 & (2**64 - 1) == margin // 10**12
    # the tip is no part of equity
    assert world.standing(vault)[0] == equity


def test_flag__negative_equity__records_the_cell_deficit(world):
    vault = world.short_put(500)
    world.move(1300)
    equity, _, _ = world.standing(vault)
    assert equity < 0
    world.flag(vault, KEEPER)
    cell = world.clearinghouse.cell(MARKET, EXPIRY)
    assert cell >> 112 == -equity // 10**12 + 1


def test_flag__unknown_vault__reverts(world):
    with boa.reverts("liquidator/unknown-vault"):
        world.flag(999, KEEPER)


def test_flag__vault_without_legs__reverts(world):
    vault = world.open(address("trader"), 100)
    with boa.reverts("liquidator/no-legs"):
        world.flag(vault, KEEPER)


def test_flag__after_expiry__reverts(world):
    vault = world.short_put(600)
    world.move(1000)
    world.expire()
    with unchanged(world, vault), boa.reverts("liquidator/expired"):
        world.flag(vault, KEEPER)


@pytest.mark.parametrize("status", [0, Status.FRESH, Status.FRESH | Status.GRACE, Status.FRESH | Status.DEGRADED])
def test_flag__price_not_active__reverts(world, status):
    vault = world.short_put(600)
    world.move(1000, status=status)
    with unchanged(world, vault), boa.reverts("liquidator/price-not-active"):
        world.flag(vault, KEEPER)


def test_flag__healthy_vault__reverts(world):
    vault = world.short_put(600)
    with unchanged(world, vault), boa.reverts("liquidator/healthy"):
        world.flag(vault, KEEPER)


def test_flag__twice__reverts(world):
    vault = world.short_put(600)
    world.move(1500)
    world.flag(vault, KEEPER)
    with unchanged(world, vault), boa.reverts("liquidator/already-flagged"):
        world.flag(vault, KEEPER)


@pytest.mark.parametrize("spot", [0.01, 1, 500, 1999.99, 2000, 10**6])
@pytest.mark.parametrize("vol", [0.1, 5])
def test_flag__fully_collateralised__reverts_at_every_price(world, spot, vol):
    vault = world.short_put(2010)
    world.move(spot, sigma=vol, iv=vol)
    with boa.reverts("liquidator/healthy"):
        world.flag(vault, KEEPER)


def test_flag__fully_paid_long__reverts(world):
    maker, trader = world.maker(), world.open(address("trader"), 200)
    world.trade(maker, trader, [call(2500, 1)], 100)
    world.move(100)
    with boa.reverts("liquidator/healthy"):
        world.flag(trader, KEEPER)


def test_flag__twin_of_the_same_owner__stays_untouched(world):
    owner = address("trader")
    vault, twin = world.short_put(600, owner), world.short_put(5000, owner)
    world.move(1500)
    with unchanged(world, twin):
        world.flag(vault, KEEPER)


def test_configure__anyone_but_parameters__reverts(world):
    with boa.reverts("liquidator/not-authorized"):
        world.liquidator.configure(MARKET, 1)
