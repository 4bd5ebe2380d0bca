from __future__ import annotations

import dataclasses

import boa
import pytest

from bulkhead.risk.auction import WAD
from bulkhead.risk.svi import Mix, SviSlice
from bulkhead.risk.words import Status
from tests.contracts import write
from tests.worlds.doubles import beyond_sixteen_legs
from tests.worlds.liquidation import EXPIRY, address, call, cash, put, unchanged

KEEPER, OWNER = address("keeper"), address("trader")
LIVE = Status.FRESH | Status.ACTIVE | Status.SURFACE_LIVE


def flagged(world, quote=600.0, spot=1500.0, wait=60, owner=OWNER, size=1.0, **changes):
    """A short put under water, its auction at beta 26 %, with a live surface."""
    world.move(2000)
    vault = world.short_put(quote, owner, size=size)
    world.move(spot, **{"status": LIVE, **changes})
    world.flag(vault, address("flagger"))
    world.wait(wait)
    return vault


def absorb(world, vault, caller=KEEPER):
    with boa.env.prank(caller):
        return world.pool.absorb(vault)


def too_early(world, vault, seconds):
    """The pool is refused now; so many seconds pass."""
    with unchanged(world, vault), boa.reverts("backstop/too-early"):
        absorb(world, vault)
    world.wait(seconds)


def initial(world, vault):
    """(backing, IM) of a vault, as the gate of a take counts them [wad]."""
    words, legs = world.clearinghouse.load(vault)
    assessed = world.engine.assess(legs, world.snapshot().words(), words[3], -(2**255))
    held = (words[1] >> 184 & (2**40 - 1)) * 10**12
    return words[6] * 10 ** (18 - world.decimals) - held + assessed[0], assessed[1] * 5 // 4


def test_absorb__bonus_is_there__takes_what_reaches_the_target_and_holds_initial_margin(world):
    world.backstop(10_000)
    vault = flagged(world)
    quoted = world.liquidator.quote(vault, WAD)
    assert absorb(world, vault) == quoted.fraction
    (into,) = world.pool.vaults()
    assert not world.is_flagged(vault) and world.legs(into) != []
    equity, required = initial(world, into)
    assert 0 <= equity - required < 10**13
    # the caller brought nothing and has the end tip; the pool gained at least a fifth of f*A
    assert world.balance(KEEPER) == 3 * world.unit
    gain = world.pool.totalAssets() - 10_000 * world.unit
    assert gain * 10**12 >= quoted.fraction * quoted.mm // WAD // 5
    assert world.pool.idle() < 10_000 * world.unit


def test_absorb__surface_not_live__waits_for_twice_the_bonus(world):
    world.backstop(10_000)
    vault = flagged(world, status=Status.FRESH | Status.ACTIVE)
    too_early(world, vault, 45)
    assert absorb(world, vault) > 0


def test_absorb__surface_still_mixed_with_the_fallback__is_not_live(world):
    """A published surface is in force at once, but marks are the flat iv's until it has faded in."""
    world.backstop(10_000)
    vault = flagged(world, status=LIVE | Status.SURFACE_SVI)
    smile = SviSlice.from_floats(0.36 * (EXPIRY - world.now) / 31_536_000, 0.0, 0.0, 0.0, 0.1).pack()

    def publish(fade):
        mix = Mix(fade=fade, flat=6 * WAD // 10 if fade else 0).pack()
        facts = dataclasses.replace(world.snapshot(), surface_near=smile, surface_weight=mix)
        world.oracle.script(facts.words())

    publish(WAD // 20)
    with unchanged(world, vault), boa.reverts("backstop/too-early"):
        absorb(world, vault)
    publish(0)
    assert absorb(world, vault) > 0


def test_absorb__before_a_fifth__reverts(world):
    world.backstop(10_000)
    vault = flagged(world, wait=44)
    too_early(world, vault, 1)
    # a fifth on paper, but the pool also bears what lots round
    with unchanged(world, vault), boa.reverts("backstop/gain-too-small"):
        absorb(world, vault)
    world.wait(5)
    assert absorb(world, vault) > 0


def test_absorb__thin_vault__reverts_rather_than_gain_too_little(world):
    """Absorb at a loss: what the auction offers on paper is not in the vault."""
    world.backstop(10_000)
    vault = flagged(world, spot=1400)
    equity, margin, _ = world.standing(vault)
    assert equity < margin // 5
    with unchanged(world, vault), boa.reverts("backstop/gain-too-small"):
        absorb(world, vault)


def test_absorb__insolvent_with_insurance__counts_the_top_up(world):
    world.insure(100_000)
    world.backstop(10_000)
    vault = flagged(world, spot=1300, wait=700)
    with boa.reverts("backstop/gain-too-small"):
        absorb(world, vault)
    world.wait(200)
    pot = world.balance(world.pot)
    assert absorb(world, vault) == WAD
    assert world.balance(world.pot) < pot and world.legs(vault) == []
    assert world.pool.totalAssets() > 10_000 * world.unit


def test_absorb__receivable_of_an_insolvent_cell__counts_less(world):
    """A positive value is only as good as its cell: the recorded deficit comes off the gain."""
    world.backstop(10_000)
    trader = world.open(OWNER, 550)
    world.trade(world.maker(), trader, [call(1000, 5), cash(-4125)])
    loser = world.short_put(600, address("loser"))
    world.move(1900, status=LIVE)
    world.flag(trader, KEEPER)
    world.wait(120)
    words, legs = world.clearinghouse.load(trader)
    assert world.liquidator.quote(trader, WAD).price > 0 < world.engine.value(legs, world.snapshot().words())
    with boa.env.anchor():
        absorb(world, trader)
    world.move(1000)
    world.flag(loser, KEEPER)
    world.move(1900)
    assert world.clearinghouse.cell(1, EXPIRY) >> 112 > 300 * 10**6
    with unchanged(world, trader), boa.reverts("backstop/gain-too-small"):
        absorb(world, trader)


def test_absorb__small_vault__reverts(world):
    world.backstop(10_000)
    vault = flagged(world, 310, size=0.5)
    assert world.standing(vault)[1] < 100 * WAD
    with unchanged(world, vault), boa.reverts("backstop/too-small"):
        absorb(world, vault)


def test_absorb__vault_that_the_taker_would_pay_for__reverts(world):
    world.backstop(10_000)
    trader = world.open(OWNER, 20)
    # long options worth more than the bonus, paid later: X is negative
    world.trade(world.maker(), trader, [call(1000, 3), cash(-2000)])
    world.move(1840, status=LIVE)
    world.flag(trader, KEEPER)
    world.wait(60)
    assert world.liquidator.quote(trader, WAD).price < 0
    with unchanged(world, trader), boa.reverts("backstop/would-pay"):
        absorb(world, trader)


def test_absorb__pool_too_poor__reverts(world):
    vault = flagged(world)
    world.backstop(1)
    with boa.env.anchor():
        world.backstop(10_000)
        absorb(world, vault)
        added = (world.pool.cell_added(EXPIRY)) / world.unit
    with unchanged(world, vault), boa.reverts("backstop/low-funds"):
        absorb(world, vault)
    world.backstop(added * 1.5)
    with unchanged(world, vault), boa.reverts("backstop/cell-cap"):
        absorb(world, vault)


def test_absorb__second_vault_of_the_cell__goes_into_the_same_one(world):
    world.backstop(20_000)
    vaults = [world.short_put(600, address(f"owner{i}")) for i in range(2)]
    world.move(1500, status=LIVE)
    for vault in vaults:
        world.flag(vault, address("flagger"))
    world.wait(60)
    for vault in vaults:
        absorb(world, vault)
    assert len(world.pool.vaults()) == 1
    assert world.balance(KEEPER) == 6 * world.unit


def test_absorb__beyond_sixteen_legs__opens_a_fresh_one(world):
    for vault in beyond_sixteen_legs(world):
        absorb(world, vault)
    assert sorted(len(world.legs(v)) for v in world.pool.vaults()) == [2, 15]


def test_absorb__own_vault_in_trouble__takes_the_next_into_a_fresh_one(world):
    """A vault of the pool that is under water is left to its own tokens: new risk never pays old losses."""
    world.backstop(20_000)
    world.move(2000)
    second = world.short_put(3550, address("second"), strike=2400, size=3)
    absorb(world, flagged(world))
    (old,) = world.pool.vaults()
    world.move(1330)
    world.flag(second, address("flagger"))
    world.wait(60)
    _, margin, _ = world.standing(old)
    assert margin > 0
    absorb(world, second)
    assert len(world.pool.vaults()) == 2


def test_absorb__vault_of_the_pool__reverts(world):
    """The pool taking from itself would only pay tips."""
    world.backstop(20_000)
    absorb(world, flagged(world))
    (own,) = world.pool.vaults()
    world.move(1300)
    world.flag(own, KEEPER)
    world.wait(60)
    with boa.reverts("backstop/own-vault"):
        absorb(world, own)


def test_absorb__not_flagged_or_healthy__names_the_reason(world):
    world.backstop(10_000)
    vault = world.short_put(600)
    with unchanged(world, vault), boa.reverts("liquidator/healthy"):
        absorb(world, vault)
    world.move(1500, status=LIVE)
    with unchanged(world, vault), boa.reverts("liquidator/not-flagged"):
        absorb(world, vault)
    world.flag(vault, KEEPER)
    world.wait(60)
    world.move(1500, status=Status.FRESH)
    with unchanged(world, vault), boa.reverts("backstop/price-not-fresh"):
        absorb(world, vault)


@pytest.mark.parametrize("apart", [700.0, 130.1])
def test_absorb__two_feeds_far_apart__puts_no_token_into_a_vault_that_may_be_lost(world, apart):
    """At the primary's 1,300 the bonus is there; at the other feed's 2,000 the calls cost more than the pool brings."""
    pool = world.backstop(20_000)
    world.move(1500)
    straddle = world.open(OWNER, 3500)
    world.trade(straddle, world.maker(), [call(1500, 10), put(1500, 10)])
    world.move(1300, status=LIVE, width=apart)
    world.flag(straddle, KEEPER)
    world.wait(100)
    with unchanged(world, straddle), boa.reverts("backstop/price-not-fresh"):
        absorb(world, straddle)
    assert pool.idle() == 20_000 * world.unit
    world.move(1300, width=130.0)
    assert absorb(world, straddle) > 0


def test_absorb__vault_without_legs_or_unknown__reverts(world):
    world.backstop(10_000)
    with boa.reverts("backstop/no-legs"):
        absorb(world, world.open(OWNER, 10))
    with boa.reverts("clearinghouse/unknown-vault"):
        absorb(world, 999)


def short_puts(world, owner, strikes, quote, size):
    vault = world.open(owner, quote)
    world.trade(world.maker(), vault, [put(strike, -size) for strike in strikes])
    return vault


def test_absorb__many_small_legs__asks_the_minimum_for_each(world):
    """A leg takes a slot until the expiry, so each brings at least the minimum of f*A, and the pool a fifth of it."""
    world.backstop(50_000)
    strikes = [2000 + i for i in range(4)]
    crumbs = short_puts(world, OWNER, strikes, 600, 0.25)
    worth_it = short_puts(world, address("large"), strikes, 2_400, 1)
    world.move(1500, status=LIVE)
    for vault in (crumbs, worth_it):
        world.flag(vault, address("flagger"))
    world.wait(60)
    assert 100 * WAD < taken_over(world, crumbs) < 400 * WAD <= taken_over(world, worth_it)
    with unchanged(world, crumbs), boa.reverts("backstop/too-small"):
        absorb(world, crumbs)
    with boa.env.anchor():
        absorb(world, worth_it)
        # the same strikes are there now and take no more slots
        absorb(world, crumbs)
        assert [len(world.legs(v)) for v in world.pool.vaults()] == [4]


def taken_over(world, vault):
    """f*A [wad]."""
    quoted = world.liquidator.quote(vault, WAD)
    return quoted.fraction * quoted.mm // WAD


def test_absorb__all_slots_taken__reverts(world):
    """Slots filled with dust: nothing below the minimum gets in, and what is in can be merged."""
    world.backstop(1_000_000)
    assert world.parameters.values["minimum"] == 100
    vault = flagged(world)
    absorb(world, vault)
    (own,) = world.pool.vaults()
    # as if 64 vaults were there: the list is full, and the cell's vault cannot take more
    write("BackstopPool", world.pool.address, "_vaults", 64)
    other = flagged(world, owner=address("other"))
    write("BackstopPool", world.pool.address, "cell_vault", 0, EXPIRY)
    with unchanged(world, other), boa.reverts("backstop/no-slot"):
        absorb(world, other)
    assert world.legs(own) != []


def test_on_take__anyone_but_the_liquidator__reverts(world):
    world.backstop(10_000)
    for caller in (OWNER, world.at["Liquidator"]):
        with boa.env.prank(caller), boa.reverts("backstop/not-authorized"):
            world.pool.on_take(1, 1, WAD, 0, b"")


def test_absorb__fresh_address_with_a_donation__pays_no_tip_out_of_it(world):
    """Tokens sent ahead to the vault that the pool will open are the pool's, not a tip."""
    world.backstop(10_000)
    vault = flagged(world)
    ahead = world.clearinghouse.custody(world.clearinghouse.next_id())
    world.token.mint(ahead, 500 * world.unit)
    absorb(world, vault)
    assert world.balance(KEEPER) == 3 * world.unit
