"""Attacks on liquidation found on paper in earlier drafts; each test tries one and checks that it gains nothing."""

from __future__ import annotations

import boa
import pytest

from bulkhead.risk.auction import WAD, quantity
from bulkhead.risk.words import Status
from tests.contracts import deployer, write
from tests.worlds.doubles import beyond_sixteen_legs
from tests.worlds.liquidation import EXPIRY, MARKET, address, call, cash, put, unchanged

OWNER, KEEPER, TAKER = address("owner"), address("keeper"), address("taker")
HEALTHY = 5  # of Liquidator.quote
LIVE = Status.FRESH | Status.ACTIVE | Status.SURFACE_LIVE


def withdraw(world, vault, amount, owner=OWNER):
    with boa.env.prank(owner):
        world.clearinghouse.withdraw(vault, amount, owner)


def test_receivable__from_a_vault_that_cannot_pay__locks_no_honest_winner(world):
    """Inside a cell a claim backs a debt in full: settlement nets a vault's legs before any haircut."""
    loser, winner = world.open(OWNER, 600), world.open(TAKER, 600)
    world.trade(loser, winner, [call(2000, 1), cash(-90)])
    world.move(6000)
    world.flag(loser, KEEPER)
    assert world.clearinghouse.cell(MARKET, EXPIRY) >> 112 > 3_000 * 10**6
    # what the winner owes is 90: the claim pays it at any haircut that settlement can end with
    withdraw(world, winner, 540 * world.unit, TAKER)


def test_self_novation__merge_into_itself__is_refused(world):
    vault = world.short_put(600, OWNER)
    with unchanged(world, vault), boa.env.prank(OWNER), boa.reverts("clearinghouse/same-vault"):
        world.clearinghouse.transfer_legs(vault, vault, [put(2000, -1)], 0)


def test_callback_and_take_aimed_at_novate__are_refused(world):
    """The callback has a fixed selector on the caller; nobody but the role contracts reaches the primitive."""
    vault = world.short_put(600, OWNER)
    into = world.open(TAKER, 5000)
    world.move(1500)
    world.flag(vault, KEEPER)
    words, ch = world.snapshot().words(), world.clearinghouse
    data = ch.novate.prepare_calldata((vault, into, EXPIRY, [put(2000, -1)], 10**9, [0, 0], TAKER), words)
    calls = (
        (ch.novate, ((vault, into, EXPIRY, [put(2000, -1)], 10**9, [0, 0], TAKER), words)),
        (ch.take, ((vault, into, EXPIRY, [put(2000, -1)], 10**9, [0, 0], TAKER), ([0] * 9, 0, True, False), words)),
        (ch.finish, (into, words)),
    )
    for function, arguments in calls:
        with unchanged(world, vault, into), boa.env.prank(TAKER), boa.reverts("clearinghouse/not-authorized"):
            function(*arguments)
    # data that looks like a call of novate is only handed to the taker, who has no code here
    with unchanged(world, vault, into), boa.reverts():
        world.take(vault, into, TAKER, data=data)


def in_reach_of_the_pool(world, spot):
    """A flagged vault a minute into its auction, and a pool that could take it."""
    world.backstop(10_000)
    vault = world.short_put(600, OWNER)
    world.move(spot, status=LIVE)
    world.flag(vault, KEEPER)
    world.wait(60)
    return vault


def test_vault_sent_to_the_pool__is_absorbed_all_the_same(world):
    """Who gives the pool a flagged vault must not take the pool out of the auction: its books say what it holds."""
    vault = in_reach_of_the_pool(world, 1500)
    pool = world.pool
    with boa.env.prank(OWNER):
        deployer("VaultToken").at(world.at["VaultToken"]).transferFrom(OWNER, pool.address, vault)
    assert world.clearinghouse.vault_word(vault) & (2**160 - 1) == int(pool.address, 16)
    assert pool.absorb(vault) > 0
    assert vault not in pool.vaults() and not world.is_flagged(vault)
    for function in (pool.refill, pool.collect):
        with boa.reverts("backstop/not-a-pool-vault"):
            function(vault)


def test_crumbs_for_the_pool__do_not_fill_its_slots(world):
    """Vaults of 16 tiny strikes, absorbed one after another, would use up the pool's 384 legs until the expiry."""
    world.backstop(1_000_000)
    vaults = []
    for i in range(3):
        vault = world.open(OWNER, 400)
        other = world.open(address("maker"), 10_000)
        world.trade(other, vault, [put(1500 + i + 34 * j, -0.1) for j in range(16)])
        vaults.append(vault)
    world.move(1600, status=LIVE)
    for vault in vaults:
        world.flag(vault, KEEPER)
    world.wait(60)
    for vault in vaults:
        quoted = world.liquidator.quote(vault, WAD)
        assert quoted.reason == 0 and quoted.fraction * quoted.mm // WAD >= 100 * WAD
        with unchanged(world, vault), boa.reverts("backstop/too-small"):
            world.pool.absorb(vault)
    assert world.pool.vaults() == []


def test_absorb_at_a_loss__is_refused(world):
    """The bonus on paper is not in a thin vault: the pool's gain is measured, not believed."""
    vault = in_reach_of_the_pool(world, 1400)
    with unchanged(world, vault), boa.reverts("backstop/gain-too-small"):
        world.pool.absorb(vault)


def test_full_pool_vault__cannot_block_absorb_for_its_cell(world):
    """A pool vault full of other series, or in trouble, is passed over: the next take goes into a fresh one."""
    for vault in beyond_sixteen_legs(world):
        world.pool.absorb(vault)
        assert not world.is_flagged(vault)
    assert len(world.pool.vaults()) == 2


def test_pool_slots__cannot_be_filled_with_dust(world):
    """What is below the minimum does not get in; what is above it comes in one vault for the whole cell."""
    world.backstop(50_000)
    world.move(2000)
    small = [world.short_put(70, address(f"dust{i}"), size=0.1) for i in range(4)]
    large = [world.short_put(600, address(f"large{i}")) for i in range(2)]
    world.move(1500, status=LIVE)
    for vault in small + large:
        world.flag(vault, KEEPER)
    world.wait(60)
    for vault in small:
        with unchanged(world, vault), boa.reverts("backstop/too-small"):
            world.pool.absorb(vault)
    for vault in large:
        world.pool.absorb(vault)
    assert len(world.pool.vaults()) == 1


def test_insurance_caps__refilled_between_draws__open_nothing_beyond_the_day(world):
    """Caps read anew at each draw would pay a quarter of each refill: the day's counts from its first draw."""
    world.insure(400)
    vaults = [world.short_put(600, address(f"owner{i}")) for i in range(2)]
    world.move(1100)
    for vault in vaults:
        world.flag(vault, KEEPER)
    world.wait(900)
    into = world.open(TAKER, 20_000)
    world.take(vaults[0], into, TAKER)
    assert world.balance(world.pot) == 300 * world.unit
    world.insure(100_000)
    world.take(vaults[1], into, TAKER)
    # half of the 400 at the day's first draw, though the second shortfall is larger
    assert world.balance(world.pot) == 100_200 * world.unit


def test_take_into_itself__flagged_vault__is_refused(world):
    vault = world.short_put(600, OWNER)
    world.move(1500)
    world.flag(vault, KEEPER)
    with unchanged(world, vault), boa.reverts("clearinghouse/same-vault"):
        world.take(vault, vault, OWNER)


def test_strip_flagged_vault__off_market_close__is_refused(world):
    """The owner trades the flagged vault's collateral away by closing against a friend at an absurd price."""
    vault = world.short_put(640, OWNER)
    friend = world.open(address("friend"), 5000)
    world.move(1500)
    world.flag(vault, KEEPER)
    # the friend takes half of the puts back and gets nearly all tokens
    with unchanged(world, vault, friend), boa.reverts("margin/adds-risk"):
        world.trade(vault, friend, [put(2000, -0.5)], -500)


def test_withdraw__flagged__is_refused_and_new_risk_too(world):
    vault = world.short_put(600, OWNER)
    world.move(1500)
    world.flag(vault, KEEPER)
    with unchanged(world, vault), boa.reverts():
        withdraw(world, vault, 1)
    with unchanged(world, vault), boa.reverts("margin/flagged"):
        world.trade(vault, world.maker_id, [call(2000, 1)])


def test_insurance__same_moment_as_the_flag__pays_nothing(world):
    """Flag, take and top-up in one transaction would turn insurance into a cash machine."""
    world.insure(10_000)
    vault = world.short_put(600, OWNER)
    world.move(1200)
    world.flag(vault, OWNER)
    into = world.open(OWNER, 5000)
    assert world.liquidator.quote(vault, WAD).top_up == 0
    pot = world.balance(world.pot)
    world.take(vault, into, OWNER)
    assert world.balance(world.pot) == pot


@pytest.mark.parametrize("spot", [1050, 1200, 1330, 1400])
def test_one_person_in_all_roles__gains_at_most_what_insurance_states(world, spot):
    """Owner, flagger and taker in one: the gain is at most min(cap, g*A - E), and zero while E >= 0 before t1."""
    world.insure(100_000)
    vault = world.short_put(600, OWNER)
    into = world.open(OWNER, 5000)
    world.move(spot)

    def wealth():
        tokens = sum(world.balance(v) for v in (vault, into)) + world.balance(OWNER)
        legs = world.legs(vault) + world.legs(into)
        values = sum(world.engine.value([leg], world.snapshot().words()) for leg in legs)
        return tokens * 10**12 + values

    before = wealth()
    world.flag(vault, OWNER)
    flag_margin = (world.words(vault)[1] >> 120 & (2**64 - 1)) * 10**12
    world.wait(900)
    equity, margin, _ = world.standing(vault)
    drift = wealth() - before
    world.take(vault, into, OWNER)
    bound = min(flag_margin, max(margin // 4 - min(equity, margin), 0))
    assert wealth() - before - drift <= bound + 10**13


def test_perfect_take__flag_ends_in_the_same_call(world):
    """d, the deposit that tips have eaten, is part of what f* raises: else the flag stays after a perfect take."""
    vault = world.short_put(600, OWNER)
    world.move(1500)
    world.flag(vault, KEEPER)
    into = world.open(TAKER, 5000)
    world.wait(60)
    world.take(vault, into, TAKER)
    assert not world.is_flagged(vault)
    assert world.clearinghouse.load(vault)[0][1] >> 224 == 0
    with boa.reverts("liquidator/healthy"):
        world.flag(vault, KEEPER)


def test_tiny_take__moves_a_lot_of_debt_before_it_pays(world):
    """Takes far below a lot must not carry tokens away without risk."""
    vault = world.short_put(600, OWNER)
    world.move(1500)
    world.flag(vault, KEEPER)
    into = world.open(TAKER, 5000)
    held = world.balance(vault)
    for _ in range(3):
        world.take(vault, into, TAKER, fraction=1)
    assert world.balance(vault) == held
    assert [quantity(leg) for leg in world.legs(into)] == [-30_000]


def test_top_up_by_one_wei__neither_ends_nor_restarts_the_auction(world):
    vault = world.short_put(600, OWNER)
    world.move(1500)
    world.flag(vault, KEEPER)
    world.wait(60)
    world.deposit(vault, 0.000001, OWNER)
    assert world.is_flagged(vault)
    assert world.liquidator.quote(vault, WAD).elapsed == 60


def test_flicker__price_not_active_for_a_round__keeps_the_clock(world):
    """One bad round stops the clock; it does not restart auctions."""
    vault = world.short_put(600, OWNER)
    world.move(1500)
    world.flag(vault, KEEPER)
    world.wait(60)
    world.move(1990, status=Status.FRESH | Status.DEGRADED)
    with boa.reverts("liquidator/price-not-active"):
        # not even a good price may set the auction back while sources disagree
        world.move(1560, status=Status.FRESH | Status.DEGRADED)
        world.liquidator.clear(vault)
    world.wait(30, fresh=False)
    world.move(1500, status=Status.FRESH | Status.ACTIVE)
    assert world.liquidator.quote(vault, WAD).elapsed == 60


def test_dead_feed__leg_free_vault__withdraws_everything(world):
    vault = world.open(OWNER, 600)
    world.move(status=0)
    withdraw(world, vault, 600 * world.unit)
    assert world.balance(OWNER) == 600 * world.unit


def test_one_wei_mark_error__fully_collateralised__cannot_be_flagged(world):
    """The mark of a covered call may round below intrinsic: C >= -v_min alone decides."""
    vault = world.open(OWNER, 2000 + 10)
    world.trade(vault, world.maker(), [put(2000, 1)])
    write("MockERC20", world.token.address, "balanceOf", 2010 * world.unit, world.custody(vault))
    for spot in (0.00000001, 0.01, 1, 1000, 1999.99999999, 2000.00000001):
        world.move(spot)
        with boa.reverts("liquidator/healthy"):
            world.flag(vault, KEEPER)


def test_loser__between_expiry_and_settle__cannot_withdraw(world):
    vault = world.short_put(600, OWNER)
    world.expire(1700)
    with unchanged(world, vault), boa.reverts("margin/expired"):
        withdraw(world, vault, 1)
    with unchanged(world, vault), boa.reverts("liquidator/expired"):
        world.flag(vault, KEEPER)


def test_flag__vault_whose_tokens_are_below_the_tip__is_still_possible(world):
    """A vault that lives on the value of its legs may have refilled its deposit on paper: it must stay flaggable."""
    vault = world.short_put(600, OWNER)
    write("MockERC20", world.token.address, "balanceOf", 2 * world.unit, world.custody(vault))
    world.flag(vault, KEEPER)
    assert world.is_flagged(vault)
    assert world.balance(vault) + world.balance(KEEPER) == 2 * world.unit
    into = world.open(TAKER, 5000)
    world.take(vault, into, TAKER)
    assert world.legs(vault) == []


def test_flagged_static_vault__sells_its_hedge__gives_away_no_more_than_its_health(world):
    """A STATIC vault asks the whole value V of a long option: selling it frees V, so a price down to V * (1 - E/MM)
    lowers neither E - MM nor E/MM. What leaves is a share of the vault's own equity; its health stays what it was."""
    vault = world.open(OWNER, 900, 2)
    world.trade(vault, world.maker(), [call(2000, 1)], 90)
    world.trade(world.maker(), vault, [put(2300, 0.5)], 170)
    for spot in range(2300, 3000, 20):
        world.move(spot)
        if world.liquidator.quote(vault, WAD).reason != HEALTHY:
            break
    world.flag(vault, KEEPER)
    equity, mm, _ = world.standing(vault)
    before = world.engine.value([put(2300, 0.5)], world.snapshot().words())
    least = before * (mm - equity) // mm / WAD
    assert 0 < equity < mm
    with boa.reverts("margin/adds-risk"):
        world.trade(vault, world.maker(), [put(2300, 0.5)], least - 0.01)
    world.trade(vault, world.maker(), [put(2300, 0.5)], least + 0.01)
    after, needed, _ = world.standing(vault)
    assert after * mm >= equity * needed and after >= 0
