"""Shares: bought at mark, redeemed at mark less a haircut, through a queue."""

from __future__ import annotations

import boa
import pytest

from bulkhead.risk.words import Status
from tests.contracts import deployer
from tests.evm import Env
from tests.unit.liquidation.BackstopPool.test_absorb import LIVE, absorb, flagged
from tests.worlds.liquidation import World, address, put

DAY = 86_400
ALICE, BOB = address("alice"), address("bob")


def request(world, owner, shares=None, least=0):
    with boa.env.prank(owner):
        return world.pool.request_redeem(world.pool.balanceOf(owner) if shares is None else shares, least)


def cool(world, seconds=7 * DAY):
    boa.env.evm.patch.timestamp += seconds
    world.refresh()


def test_deposit__first_and_second__cost_the_same(world):
    pool = world.backstop(1_000, ALICE)
    world.backstop(500, BOB)
    assert pool.balanceOf(ALICE) == 2 * pool.balanceOf(BOB) == 1_000 * 10 ** pool.decimals()
    assert pool.totalAssets() == 1_500 * world.unit and pool.decimals() == 12
    assert (pool.asset(), pool.market(), pool.symbol()) == (world.token.address, 1, "bsETH")


@pytest.mark.parametrize("decimals", [6, 18])
def test_deposit__donation_before_the_first__robs_nobody(decimals):
    """First-depositor attack: a share of 1 wei and a donation that rounds the next deposit to nothing."""
    with boa.swap_env(Env()):
        world = World(decimals=decimals)
        pool = world.backstop(0.000001, ALICE)
        world.token.mint(pool.address, 1_000 * world.unit)
        world.backstop(1_000, BOB)
        assert pool.convertToAssets(pool.balanceOf(BOB)) > 999 * world.unit
        # and whoever gave 1,000.000001 for it has no more than that
        assert pool.convertToAssets(pool.balanceOf(ALICE)) <= 1_000 * world.unit + world.unit // 10**6


def test_mint__number_of_shares__costs_what_the_preview_says(world):
    pool = world.backstop(1_000, ALICE)
    world.token.mint(pool.address, 100 * world.unit)
    world.token.mint(BOB, 1_000 * world.unit)
    shares = 10 * 10 ** pool.decimals()
    cost = pool.previewMint(shares)
    with boa.env.prank(BOB):
        world.token.approve(pool.address, 2**256 - 1)
        assert pool.mint(shares, BOB) == cost == 11 * world.unit
    assert pool.balanceOf(BOB) == shares


def test_deposit__after_an_absorb__buys_at_mark_and_redeems_below(world):
    pool = world.backstop(10_000, ALICE)
    absorb(world, flagged(world))
    # the gain is in the price: who comes now gets none of it
    assets = 1_000 * world.unit
    shares = pool.previewDeposit(assets)
    assert shares < 1_000 * 10 ** pool.decimals()
    world.backstop(1_000, BOB)
    assert pool.balanceOf(BOB) == shares
    assert assets - 2 <= pool.convertToAssets(shares) <= assets
    assert pool.previewRedeem(shares) < assets
    # the haircut is a quarter of IM of open legs, for the whole pool
    whole = pool.totalSupply()
    (own,) = pool.vaults()
    words, legs = world.clearinghouse.load(own)
    required = world.engine.assess(legs, world.snapshot().words(), words[3], -(2**255))[1] * 5 // 4
    left = pool.convertToAssets(whole) - pool.previewRedeem(whole)
    assert abs(left - (required // 4 // 10**12 + 10 * world.unit)) < 10


@pytest.mark.parametrize("status", [0, Status.DEGRADED])
def test_deposit__price_not_fresh__reverts(world, status):
    pool = world.backstop(1_000, ALICE)
    world.move(status=status)
    world.token.mint(BOB, 100 * world.unit)
    with boa.env.prank(BOB):
        world.token.approve(pool.address, 2**256 - 1)
        with boa.reverts("backstop/price-not-fresh"):
            pool.deposit(100 * world.unit, BOB)
        with boa.reverts("backstop/price-not-fresh"):
            pool.mint(10**12, BOB)
    assert pool.maxDeposit(BOB) == pool.maxMint(BOB) == 0


def test_deposit__above_the_cap_or_nothing__reverts(world):
    pool = world.backstop(1_000, ALICE)
    with boa.env.prank(BOB):
        with boa.reverts("backstop/zero-shares"):
            pool.deposit(0, BOB)
        with boa.reverts("backstop/above-cap"):
            pool.deposit(2**128, BOB)
    assert pool.maxDeposit(BOB) == 2**128 - 1_000 * world.unit
    assert pool.maxMint(BOB) > 0


def test_deposit__token_keeps_a_fee__reverts():
    with boa.swap_env(Env()):
        world = World(token=deployer("HostileERC20").deploy(6))
        pool = world.backstop(1_000, ALICE)
        world.token.misbehave(False, 100)
        world.token.mint(BOB, 100 * world.unit)
        with boa.env.prank(BOB):
            world.token.approve(pool.address, 2**256 - 1)
            with boa.reverts("backstop/transfer-failed"):
                pool.deposit(100 * world.unit, BOB)


def test_constructor__unknown_market__reverts(world):
    roles = [world.at[n] for n in ("RiskParameters", "Clearinghouse", "OracleAdapter", "Liquidator", "Settlement")]
    with boa.reverts("backstop/unknown-market"):
        deployer("BackstopPool").deploy("x", "x", 9, 0, roles)


# --- queue ----------------------------------------------------------------------------------------------------


def test_redeem__after_the_cooldown__pays_in_order(world):
    pool = world.backstop(1_000, ALICE)
    world.backstop(500, BOB)
    request(world, ALICE)
    cool(world, DAY)
    request(world, BOB)
    assert pool.serve(10) == 0
    cool(world, 6 * DAY)
    assert pool.serve(10) == 1
    assert (pool.maxWithdraw(ALICE), pool.maxRedeem(BOB)) == (1_000 * world.unit, 0)
    with boa.env.prank(ALICE):
        assert pool.withdraw(400 * world.unit, ALICE, ALICE) == 400 * 10**12
        assert pool.redeem(pool.maxRedeem(ALICE), BOB, ALICE) == 600 * world.unit
    assert (world.balance(ALICE), world.balance(BOB)) == (400 * world.unit, 600 * world.unit)
    cool(world, DAY)
    assert pool.serve(10) == 1
    assert pool.maxWithdraw(BOB) == 500 * world.unit
    assert pool.totalSupply() == 0 and pool.set_aside() == 500 * world.unit and pool.idle() == 0


def test_serve__too_few_tokens_at_hand__pays_a_part_and_keeps_the_place(world):
    pool = world.backstop(800, ALICE)
    absorb(world, flagged(world))
    assert pool.idle() < 800 * world.unit
    request_id = request(world, ALICE, least=10 * world.unit)
    cool(world)
    at_hand = pool.idle()
    assert pool.serve(5) == 0
    assert at_hand - 1 <= pool.maxWithdraw(ALICE) <= at_hand and pool.queue_head() == request_id
    left = pool.requests(request_id)
    assert 0 < left[2] < 800 * 10**12 and 0 < left[3] < 10 * world.unit
    # what was set aside is nobody else's: neither a refill nor a later request can use it
    assert pool.idle() <= 1
    assert pool.serve(5) == 0


def test_serve__worth_less_than_asked__gives_the_shares_back(world):
    """Anyone may serve, at the worst moment too; the owner says from which price on."""
    pool = world.backstop(1_000, ALICE)
    absorb(world, flagged(world))
    request(world, ALICE, least=1_000 * world.unit)
    cool(world)
    world.move(1350)
    assert pool.serve(5) == 1
    assert pool.balanceOf(ALICE) == 1_000 * 10**12 and pool.maxRedeem(ALICE) == 0


def test_serve__price_not_fresh__waits_only_while_legs_are_open(world):
    pool = world.backstop(10_000, ALICE)
    with boa.env.anchor():
        request(world, ALICE)
        cool(world)
        world.move(status=0)
        assert pool.serve(5) == 1
    world.move(status=LIVE)
    absorb(world, flagged(world))
    request(world, ALICE)
    cool(world)
    world.move(status=0)
    with boa.reverts("backstop/price-not-fresh"):
        pool.serve(5)
    with boa.reverts("backstop/price-not-fresh"):
        pool.totalAssets()


def test_cancel__owner__gets_shares_back_and_nobody_else(world):
    pool = world.backstop(1_000, ALICE)
    world.backstop(500, BOB)
    request_id = request(world, ALICE)
    request(world, BOB)
    with boa.env.prank(BOB), boa.reverts("backstop/not-owner"):
        pool.cancel_request(request_id)
    with boa.env.prank(ALICE):
        pool.cancel_request(request_id)
        assert pool.balanceOf(ALICE) == 1_000 * 10**12
        with boa.reverts("backstop/not-owner"):
            pool.cancel_request(request_id)
    cool(world)
    # the hole in the queue stops nobody
    assert pool.serve(5) == 1 and pool.maxWithdraw(BOB) == 500 * world.unit


def test_request__tiny__reverts(world):
    world.backstop(1_000, ALICE)
    with boa.reverts("backstop/request-too-small"):
        request(world, ALICE, 10**12 - 1)


def test_redeem__not_served_or_not_ones_own__reverts(world):
    pool = world.backstop(1_000, ALICE)
    with boa.env.prank(ALICE):
        for take in (pool.redeem, pool.withdraw):
            with boa.reverts("backstop/not-served"):
                take(1, ALICE, ALICE)
    request(world, ALICE)
    cool(world)
    pool.serve(1)
    with boa.env.prank(BOB):
        for take in (pool.redeem, pool.withdraw):
            with boa.reverts("backstop/not-owner"):
                take(1, BOB, ALICE)


def test_frozen_leaver__blocks_nobody():
    """Served tokens are set aside; only their owner's withdrawal can fail."""
    with boa.swap_env(Env()):
        world = World(token=deployer("HostileERC20").deploy(6))
        pool = world.backstop(1_000, ALICE)
        world.backstop(500, BOB)
        for owner in (ALICE, BOB):
            request(world, owner)
        world.token.freeze(ALICE, True)
        cool(world)
        assert pool.serve(5) == 2
        with boa.env.prank(BOB):
            assert pool.redeem(pool.maxRedeem(BOB), BOB, BOB) == 500 * world.unit
        world.token.misbehave(True, 0)
        with boa.env.prank(ALICE):
            with boa.reverts("backstop/transfer-failed"):
                pool.redeem(pool.maxRedeem(ALICE), ALICE, ALICE)
            assert pool.redeem(pool.maxRedeem(ALICE), address("elsewhere"), ALICE) == 1_000 * world.unit


# --- to expiry ------------------------------------------------------------------------------------------------


def test_pool__holds_to_expiry__collects_and_keeps_the_gain(world):
    pool = world.backstop(10_000, ALICE)
    vault = flagged(world)
    absorb(world, vault)
    (own,) = pool.vaults()
    world.expire(1500)
    with boa.reverts("backstop/price-not-fresh"):
        pool.totalAssets()
    world.settlement.settle_many([vault, own, world.maker_id])
    pool.collect(own)
    assert len(pool.vaults()) == 0
    world.move(status=LIVE)
    assert pool.totalAssets() == pool.idle() > 10_000 * world.unit
    assert pool.previewRedeem(pool.balanceOf(ALICE)) > 10_000 * world.unit


def test_deposit__while_a_claim_is_unpaid__pays_for_the_claim(world):
    """Claims count in full for who buys and not at all for who leaves: neither can take them from the others."""
    pool = world.backstop(10_000, ALICE)
    vault = flagged(world)
    absorb(world, vault)
    (own,) = pool.vaults()
    # as if it had taken over long puts: it ends with a claim
    world.trade(world.maker_id, own, [put(2000, 2)])
    world.expire(1500)
    world.settlement.settle(own)
    bought, left = pool.convertToAssets(10**12), pool.previewRedeem(10**12)
    claim = world.settlement.claim_of(own)[1]
    assert claim > 0 and bought > left
    whole = pool.totalSupply()
    assert abs(pool.convertToAssets(whole) - pool.previewRedeem(whole) - claim) <= 2
    with boa.reverts("clearinghouse/unsettled"):
        pool.collect(own)
