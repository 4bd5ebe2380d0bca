from __future__ import annotations

import boa
import pytest

from bulkhead.risk.auction import WAD
from tests.worlds.liquidation import EXPIRY, MARKET, address, call, unchanged

OWNER, KEEPER, TAKER = address("owner"), address("keeper"), address("taker")
MARKED = 1 << 189


@pytest.fixture
def insolvent(world):
    vault = world.short_put(600, OWNER)
    world.move(1300)
    world.flag(vault, KEEPER)
    return vault


def deficit(world):
    return world.clearinghouse.cell(MARKET, EXPIRY) >> 112


def test_wind_down__nobody_took_by_t2__marks_and_counts_the_deficit(world, insolvent):
    world.wait(900)
    world.move(1200)
    before = world.balance(KEEPER)
    world.liquidator.wind_down(insolvent)
    assert world.clearinghouse.vault_word(insolvent) & MARKED
    equity, _, _ = world.standing(insolvent)
    assert deficit(world) == -equity // 10**12 + 1
    # no second tip, and the auction goes on at its full bonus
    assert world.balance(KEEPER) == before
    assert world.liquidator.quote(insolvent, WAD).bonus_share == WAD
    with boa.env.prank(OWNER), boa.reverts():
        world.clearinghouse.withdraw(insolvent, 1, OWNER)
    with boa.reverts("margin/flagged"):
        world.trade(insolvent, world.maker_id, [call(3000, 1)])


def test_load__cell_word__is_there_while_some_vault_has_a_deficit(world):
    bystander = world.short_put(900, TAKER)
    vaults = [world.short_put(600, OWNER) for _ in range(2)]
    assert world.clearinghouse.load(bystander)[0][7] == 0
    world.move(1200)
    for vault in vaults:
        world.flag(vault, KEEPER)
    word = world.clearinghouse.cell(MARKET, EXPIRY)
    assert word >> 112 == deficit(world) > 0
    assert world.clearinghouse.load(bystander)[0][7] == word
    world.deposit(vaults[0], 3_000, OWNER)
    assert 0 < deficit(world) < word >> 112
    assert world.clearinghouse.load(bystander)[0][7] == world.clearinghouse.cell(MARKET, EXPIRY)
    world.deposit(vaults[1], 3_000, OWNER)
    assert deficit(world) == 0
    assert world.clearinghouse.load(bystander)[0][7] == 0


def test_wind_down__then_taken__ends_mark_and_deficit(world, insolvent):
    world.wait(900)
    world.liquidator.wind_down(insolvent)
    into = world.open(TAKER, 5000)
    world.take(insolvent, into, TAKER)
    assert world.clearinghouse.vault_word(insolvent) >> 188 & 15 == 0
    assert deficit(world) == 0


def test_wind_down__then_cured__ends_mark(world, insolvent):
    world.wait(900)
    world.liquidator.wind_down(insolvent)
    world.deposit(insolvent, 1500, OWNER)
    assert world.clearinghouse.vault_word(insolvent) >> 188 & 15 == 0
    assert deficit(world) == 0


def test_wind_down__too_early__reverts(world, insolvent):
    world.wait(899)
    with unchanged(world, insolvent), boa.reverts("liquidator/too-early"):
        world.liquidator.wind_down(insolvent)


def test_wind_down__solvent__reverts(world):
    vault = world.short_put(600, OWNER)
    world.move(1500)
    world.flag(vault, KEEPER)
    world.wait(900)
    with unchanged(world, vault), boa.reverts("liquidator/solvent"):
        world.liquidator.wind_down(vault)


def test_wind_down__not_flagged__reverts(world):
    vault = world.short_put(600, OWNER)
    world.move(1300)
    with unchanged(world, vault), boa.reverts("liquidator/not-flagged"):
        world.liquidator.wind_down(vault)


def test_wind_down__twice__reverts(world, insolvent):
    world.wait(900)
    world.liquidator.wind_down(insolvent)
    with unchanged(world, insolvent), boa.reverts("liquidator/already-marked"):
        world.liquidator.wind_down(insolvent)


def test_wind_down__healthy_again__reverts(world, insolvent):
    world.wait(900)
    world.move(2000)
    with unchanged(world, insolvent), boa.reverts("liquidator/healthy"):
        world.liquidator.wind_down(insolvent)


def test_wind_down__after_expiry__reverts(world, insolvent):
    world.expire()
    with unchanged(world, insolvent), boa.reverts("liquidator/expired"):
        world.liquidator.wind_down(insolvent)


def test_refresh__price_moved__updates_the_deficit(world, insolvent):
    before = deficit(world)
    world.move(1200)
    assert world.liquidator.refresh(insolvent) == 0
    assert deficit(world) > before
    world.move(1420)
    world.liquidator.refresh(insolvent)
    assert deficit(world) == 0
