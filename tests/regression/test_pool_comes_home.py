"""A stranger's frozen tokens keep a pool or a maker from nothing, and bringing their tokens home loses no claim."""

from __future__ import annotations

import boa
import pytest

from tests.contracts import deployer
from tests.evm import Env
from tests.unit.liquidation.BackstopPool.test_absorb import LIVE, absorb, flagged
from tests.worlds.liquidation import World, address, call, put
from tests.worlds.maker import QUOTER, new_vault

DAY = 86_400
ALICE, STRANGER = address("alice"), address("stranger")


@pytest.fixture
def settled():
    """(world, pool vault): it has won from a vault whose tokens are frozen, and the cell is settled."""
    with boa.swap_env(Env()):
        world = World(token=deployer("HostileERC20").deploy(6))
        world.backstop(10_000, ALICE)
        vault = flagged(world)
        absorb(world, vault)
        (own,) = world.pool.vaults()
        loser = world.open(STRANGER, 2_000)
        world.trade(loser, own, [put(2000, 2)])
        world.frozen = loser
        world.token.freeze(world.custody(loser), True)
        world.expire(1500)
        world.settlement.settle_many([vault, own, loser, world.maker_id])
        assert world.settlement.debt_of(loser) > 0 and world.settlement.claim_of(own)[1] > 0
        yield world, own


def test_collect__strangers_debt_is_frozen__tokens_come_home_and_the_claim_stays(settled):
    world, own = settled
    held, idle = world.balance(own), world.pool.idle()
    assert held > 0
    assert world.pool.collect(own) >= held
    assert world.balance(own) == 0 and world.pool.idle() >= idle + held
    assert list(world.pool.vaults()) == [own] and world.settlement.claim_of(own)[1] > 0
    # the debt is paid after all: so is the claim, and the vault ends
    world.token.freeze(world.custody(world.frozen), False)
    world.settlement.repay(world.frozen)
    assert world.pool.collect(own) > 0
    assert len(world.pool.vaults()) == 0 and world.settlement.claim_of(own)[1] == 0


def test_collect__debt_stays_frozen__gives_the_slot_back_in_the_end(settled):
    world, own = settled
    world.pool.collect(own)
    world.wait(30 * DAY)
    assert world.pool.collect(own) == 0
    assert len(world.pool.vaults()) == 0


def test_serve__claim_can_be_paid__is_in_the_price(settled):
    """Who serves the queue a moment before anybody claims takes nothing from who leaves."""
    world, own = settled
    world.token.freeze(world.custody(world.frozen), False)
    world.settlement.repay(world.frozen)
    pool = world.pool
    world.move(status=LIVE)
    shares = pool.balanceOf(ALICE) // 2
    with boa.env.prank(ALICE):
        pool.request_redeem(shares, 0)
    boa.env.evm.patch.timestamp += 7 * DAY
    with boa.env.anchor():
        world.settlement.claim(own)
        fair = pool.previewRedeem(shares)
    assert fair > pool.previewRedeem(shares)
    assert pool.serve(1) == 1
    assert pool.maxWithdraw(ALICE) == fair


@pytest.fixture
def desks():
    """(world, maker vault, desk): the desk has won from a vault whose tokens are frozen, and the cell is settled."""
    with boa.swap_env(Env()):
        world = World(token=deployer("HostileERC20").deploy(6))
        maker = new_vault(world.at, address("maker's owner"))
        world.token.mint(maker.address, 10_000 * 10**6)
        desk = maker.open_desk(0, sender=QUOTER.address)
        maker.fund(desk, 1_000 * 10**6, sender=QUOTER.address)
        loser = world.open(STRANGER, 2_000)
        world.trade(loser, desk, [put(2000, 2)])
        world.frozen = loser
        world.token.freeze(world.custody(loser), True)
        with boa.env.prank(QUOTER.address), boa.reverts("clearinghouse/has-legs"):
            maker.close_desk(desk)
        world.expire(1500)
        world.settlement.settle_many([loser, desk])
        assert world.settlement.claim_of(desk)[1] == 1_000 * 10**6
        yield world, maker, desk


def test_close_desk__strangers_debt_stays_frozen__gives_the_place_back_and_no_buyer_pays_for_the_claim(desks):
    """A desk with a claim takes no legs, and who buys shares pays for all of it."""
    world, maker, desk = desks
    other = maker.open_desk(0, sender=QUOTER.address)
    # less the tip of its settlement
    assert maker.totalAssets() == 10_998 * 10**6
    with boa.reverts("clearinghouse/unsettled"):
        world.trade(world.maker(), desk, [call(2000, 1)], expiry=world.now + 7 * DAY)
    for caller in (STRANGER, world.at["Exchange"]):
        with boa.env.prank(caller), boa.reverts("maker/not-authorized"):
            maker.close_desk(desk)
    with boa.env.prank(QUOTER.address), boa.reverts("maker/claim-open"):
        maker.close_desk(desk)
    world.wait(30 * DAY)
    maker.close_desk(desk, sender=QUOTER.address)
    assert list(maker.desks()) == [other]
    assert maker.totalAssets() == world.token.balanceOf(maker.address) == 9_998 * 10**6
    maker.close_desk(other, sender=maker.owner())
    assert list(maker.desks()) == []
    with boa.env.prank(QUOTER.address), boa.reverts("maker/not-a-desk"):
        maker.close_desk(other)


def test_close_desk__claim_can_be_paid__is_paid_in_first(desks):
    world, maker, desk = desks
    world.token.freeze(world.custody(world.frozen), False)
    world.settlement.repay(world.frozen)
    maker.close_desk(desk, sender=QUOTER.address)
    assert list(maker.desks()) == [] and world.settlement.claim_of(desk)[1] == 0
    assert world.token.balanceOf(maker.address) == 10_998 * 10**6
