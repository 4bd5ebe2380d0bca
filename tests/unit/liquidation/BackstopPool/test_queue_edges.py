"""The queue of redemptions to the unit: how many are looked at, who is paid a part, and what everything rounds to."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.contracts import write
from tests.unit.liquidation.BackstopPool.test_pool_edges import ALICE, VIRTUAL, own_vault
from tests.unit.liquidation.BackstopPool.test_shares import cool, request
from tests.worlds.liquidation import World, address, put

BOB = address("bob")
SHARE = 10**12
UNIT = 10**6


def told(pool: Any, name: str) -> list[Any]:
    """Events of a name that the last call left."""
    return [log for log in pool.get_logs() if type(log).__name__ == name]


def odd_price(world: World) -> tuple[Any, int, int]:
    """A pool whose shares have a price that divides nothing; (pool, its assets and 1, its shares and the virtual)."""
    pool = world.backstop(1_000, ALICE)
    world.token.mint(pool.address, 333_333_333)
    return pool, pool.totalAssets() + 1, pool.totalSupply() + VIRTUAL


@pytest.mark.parametrize("looked", [0, 1, 2, 3, 4, 64])
def test_serve__of_three_requests__looks_at_as_many_as_asked(world, looked):
    pool = world.backstop(1_000, ALICE)
    assert [request(world, ALICE, 10 * SHARE) for _ in range(3)] == [0, 1, 2]
    cool(world)
    assert pool.serve(looked) == min(looked, 3) == pool.queue_head()
    assert pool.maxRedeem(ALICE) == min(looked, 3) * 10 * SHARE
    # the head never passes the tail: the next request finds its place
    assert request(world, ALICE, 10 * SHARE) == 3 and pool.queue_tail() == 4
    cool(world)
    assert pool.serve(9) == 4 - min(looked, 3) and pool.queue_head() == 4


def test_serve__sixty_five_requests__looks_at_sixty_four(world):
    pool = world.backstop(1_000, ALICE)
    for _ in range(65):
        request(world, ALICE, SHARE)
    cool(world)
    assert pool.serve(65) == 64 == pool.queue_head()
    assert pool.serve(1) == 1


@pytest.mark.parametrize(("more", "served"), [(0, True), (1, False)])
def test_serve__worth_what_is_asked_at_least__is_served(world, more, served):
    """A unit more and the shares go back; the next one is served in the same call either way."""
    pool, total, supply = odd_price(world)
    asked = 7 * SHARE
    worth = asked * total // supply
    assert asked * total % supply
    request(world, ALICE, asked, least=worth + more)
    request(world, ALICE, asked)
    cool(world)
    assert pool.serve(2) == 2
    assert len(told(pool, "RedemptionReturned")) == (not served)
    assert pool.queue_head() == pool.queue_tail() == 2
    assert pool.maxRedeem(ALICE) == asked * (1 + served)


def test_serve__several_at_once__each_at_the_price_that_the_one_before_left(world):
    pool, total, supply = odd_price(world)
    asked, paid = [7 * SHARE + 1, 11 * SHARE + 3, 13 * SHARE + 5], []
    for shares in asked:
        request(world, ALICE, shares)
    cool(world)
    assert pool.serve(3) == 3
    for shares in asked:
        assert shares * total % supply
        paid.append(shares * total // supply)
        total, supply = total - paid[-1], supply - shares
    assert [log.assets for log in told(pool, "RedemptionServed")] == paid
    assert pool.maxWithdraw(ALICE) == pool.set_aside() == sum(paid)
    assert pool.totalSupply() + VIRTUAL == supply and pool.totalAssets() + 1 == total


def mostly_tied(world: World, idle: int) -> tuple[Any, int, int]:
    """A pool whose tokens lie in a vault without legs, all but `idle`, at an odd share price; as `odd_price`."""
    pool = world.backstop(1_000, ALICE)
    tied = world.custody(own_vault(world, 333.333333))
    world.token.transfer(tied, 1_000 * UNIT - idle, sender=pool.address)
    assert pool.idle() == idle
    return pool, pool.totalAssets() + 1, pool.totalSupply() + VIRTUAL


def test_serve__tokens_at_hand_are_exactly_enough__burns_all_shares_of_the_request(world):
    """They are for one share less too: nothing is left of the request that could not be paid."""
    pool, total, supply = mostly_tied(world, 100 * UNIT)
    shares = -(-100 * UNIT * supply // total)
    assert shares * total // supply == 100 * UNIT and (shares - 1) * total // supply < 100 * UNIT
    request(world, ALICE, shares)
    cool(world)
    assert pool.serve(1) == 1 == pool.queue_head()
    assert (pool.maxRedeem(ALICE), pool.maxWithdraw(ALICE), pool.idle()) == (shares, 100 * UNIT, 0)


@pytest.mark.parametrize("short_by", [1, 30 * UNIT])
def test_serve__a_part__lowers_what_is_asked_for_the_rest_in_proportion(world, short_by):
    idle = 100 * UNIT
    pool, total, supply = mostly_tied(world, idle)
    shares = -(-(idle + short_by) * supply // total)
    request_id = request(world, ALICE, shares, least=77 * UNIT)
    cool(world)
    assert pool.serve(1) == 0 == pool.queue_head()
    burnt = idle * supply // total
    paid = burnt * total // supply
    assert (pool.maxRedeem(ALICE), pool.maxWithdraw(ALICE), pool.idle()) == (burnt, paid, idle - paid)
    left = pool.requests(request_id)
    assert left.owner == ALICE and left.shares == shares - burnt > 0
    assert left.least == 77 * UNIT - 77 * UNIT * burnt // shares


@pytest.mark.parametrize("idle", [0, 1])
def test_serve__one_unit_at_hand__is_paid_and_none_is_not(world, idle):
    """At a share price of one a unit buys whole shares; with nothing at hand nothing is told."""
    pool = world.backstop(1_000, ALICE)
    tied = world.custody(own_vault(world, 0))
    world.token.transfer(tied, 1_000 * UNIT - idle, sender=pool.address)
    assert pool.totalAssets() == 1_000 * UNIT and pool.idle() == idle
    request(world, ALICE)
    cool(world)
    assert pool.serve(1) == 0
    assert len(told(pool, "RedemptionServed")) == idle
    assert (pool.maxWithdraw(ALICE), pool.maxRedeem(ALICE)) == (idle, idle * VIRTUAL)


def served(world: World, shares: int) -> tuple[Any, int, int]:
    """(pool, shares and assets that an account may withdraw), at an odd price."""
    pool, _, _ = odd_price(world)
    request(world, ALICE, shares)
    cool(world)
    assert pool.serve(1) == 1
    return pool, pool.maxRedeem(ALICE), pool.maxWithdraw(ALICE)


@pytest.mark.parametrize("taken", [1, 2, 123_457, 5 * UNIT + 1])
def test_withdraw__a_part__accounts_for_shares_rounded_up(world, taken):
    pool, shares, assets = served(world, 7 * SHARE)
    assert taken * shares % assets
    spent = -(-taken * shares // assets)
    assert pool.withdraw(taken, BOB, ALICE, sender=ALICE) == spent
    assert world.balance(BOB) == taken
    assert (pool.maxRedeem(ALICE), pool.maxWithdraw(ALICE)) == (shares - spent, assets - taken)
    assert pool.set_aside() == assets - taken


@pytest.mark.parametrize("part", [SHARE // 3, SHARE])
def test_redeem__a_part__pays_rounded_down(world, part):
    pool, shares, assets = served(world, 7 * SHARE)
    assert part * assets % shares
    assert pool.redeem(part, BOB, ALICE, sender=ALICE) == part * assets // shares == world.balance(BOB)
    assert (pool.maxRedeem(ALICE), pool.maxWithdraw(ALICE)) == (shares - part, assets - part * assets // shares)


@pytest.mark.parametrize("entry", ["withdraw", "redeem"])
def test_leave__everything_that_was_served__leaves_nothing(world, entry):
    """And one more is refused, of either."""
    pool, shares, assets = served(world, 7 * SHARE)
    whole = {"withdraw": assets, "redeem": shares}[entry]
    with boa.reverts("backstop/not-served"):
        getattr(pool, entry)(whole + 1, ALICE, ALICE, sender=ALICE)
    other = {"withdraw": shares, "redeem": assets}[entry]
    assert getattr(pool, entry)(whole, ALICE, ALICE, sender=ALICE) == other
    assert (pool.maxRedeem(ALICE), pool.maxWithdraw(ALICE), pool.set_aside()) == (0, 0, 0)
    assert world.balance(ALICE) == assets


@pytest.mark.parametrize("entry", ["withdraw", "redeem"])
@pytest.mark.parametrize("had", [False, True])
def test_leave__with_nothing__pays_nothing(world, entry, had):
    """A call about nothing is no error, also of who was never served."""
    pool, shares, assets = served(world, 7 * SHARE)
    account = ALICE if had else BOB
    assert getattr(pool, entry)(0, account, account, sender=account) == 0
    assert world.balance(account) == 0 and (pool.maxRedeem(ALICE), pool.maxWithdraw(ALICE)) == (shares, assets)


def test_redeem__one_share_that_is_worth_a_unit__pays_it(world):
    """A gift can make a single share worth more than a unit of the token."""
    pool = world.backstop(1, ALICE)
    world.token.mint(pool.address, 3_000_000 * UNIT)
    request(world, ALICE)
    cool(world)
    assert pool.serve(1) == 1
    shares, assets = pool.maxRedeem(ALICE), pool.maxWithdraw(ALICE)
    assert assets // shares > 1
    assert pool.redeem(1, ALICE, ALICE, sender=ALICE) == assets // shares


def test_views__odd_share_price__round_for_the_pool(world):
    pool, total, supply = odd_price(world)
    amount, shares = 7 * UNIT, 7 * SHARE
    assert amount * supply % total and shares * total % supply
    assert pool.convertToShares(amount) == pool.previewDeposit(amount) == amount * supply // total
    assert pool.convertToAssets(shares) == pool.previewRedeem(shares) == shares * total // supply
    assert pool.previewWithdraw(amount) == -(-amount * supply // total)
    assert pool.previewMint(shares) == -(-shares * total // supply)


@pytest.mark.parametrize("entry", ["deposit", "mint"])
def test_buying__odd_share_price__costs_what_the_preview_says(world, entry):
    pool, total, supply = odd_price(world)
    amount = {"deposit": 7 * UNIT, "mint": 7 * SHARE}[entry]
    wanted = {"deposit": amount * supply // total, "mint": -(-amount * total // supply)}[entry]
    world.token.mint(BOB, 10 * UNIT)
    world.token.approve(pool.address, 10 * UNIT, sender=BOB)
    assert getattr(pool, entry)(amount, BOB, sender=BOB) == wanted
    cost, bought = (amount, wanted) if entry == "deposit" else (wanted, amount)
    assert pool.balanceOf(BOB) == bought and world.balance(BOB) == 10 * UNIT - cost


@pytest.mark.parametrize("cap", [2**112 - 1, 2**112, 2**113, 2**128])
def test_max_mint__room_beyond_any_supply__is_told_of_two_to_the_112(world, cap):
    pool, total, supply = odd_price(world)
    write("BackstopPool", pool.address, "cap", cap + total - 1)
    assert pool.maxDeposit(BOB) == cap
    assert pool.maxMint(BOB) == min(cap, 2**112) * supply // total


@pytest.mark.parametrize("room", [0, 1])
def test_max_mint__of_a_room_of_one_unit__is_what_it_buys(world, room):
    pool, total, supply = odd_price(world)
    write("BackstopPool", pool.address, "cap", total - 1 + room)
    assert (pool.maxDeposit(BOB), pool.maxMint(BOB)) == (room, room * supply // total)


@pytest.mark.parametrize("cell_is_open", [True, False])
def test_claims__that_can_be_paid__are_paid_before_who_leaves_is_served(world, cell_is_open):
    """What a settled cell owes a vault of the pool belongs to who leaves as well, and comes home with the vault."""
    pool = world.backstop(1_000, ALICE)
    own = own_vault(world, 10)
    loser = world.short_put(1_000, address("loser"))
    world.trade(world.maker(), own, [put(2000, 1)], 0)
    request(world, ALICE, 100 * SHARE)
    cool(world)
    world.expire(1_700)
    world.settlement.settle(own)
    held = world.balance(own)
    if not cell_is_open:
        world.settlement.settle_many([loser, world.maker_id])
    claim = world.settlement.claim_of(own).amount
    assert claim == 300 * UNIT
    home = held if cell_is_open else held + claim
    with boa.env.anchor():
        assert pool.collect(own) == home
        assert list(pool.vaults()) == ([own] if cell_is_open else [])
    world.move(1_700)
    assert pool.serve(1) == 1
    paid = 100 * SHARE * (1_000 * UNIT + home + 1) // (1_000 * SHARE + VIRTUAL)
    assert pool.maxWithdraw(ALICE) == paid
