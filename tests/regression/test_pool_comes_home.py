"""A stranger's frozen tokens keep a pool from nothing, and bringing its tokens home loses no claim."""

from __future__ import annotations

import boa
import pytest

from tests.contracts import deployer
from tests.evm import Env
from tests.unit.liquidation.BackstopPool.test_absorb import LIVE, absorb, flagged
from tests.worlds.liquidation import World, address, put

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
