"""Suspicions about liquidation and settlement, each of them closed or refuted by what happens."""

from __future__ import annotations

import boa
import pytest

from bulkhead.orders import OrderLeg
from bulkhead.risk.auction import WAD
from bulkhead.risk.words import Kind, Leg, Model, Status
from tests.contracts import deployer
from tests.evm import Env
from tests.matrix import columns
from tests.matrix.run import built
from tests.matrix.scene import EXPIRY as LAST
from tests.worlds.exchange import EXPIRY as CELL
from tests.worlds.exchange import PARAMETERS
from tests.worlds.exchange import World as Venue
from tests.worlds.liquidation import EXPIRY, MARKET, World, address, call, cash, future, put, unchanged
from tests.worlds.system import System

OWNER, KEEPER, TAKER, FRIEND = (address(name) for name in ("owner", "keeper", "taker", "friend"))
LOT = 0.01


def margin_recorded(world, vault):
    """Largest A since the flag, as the ledger keeps it [1e-6 quote]."""
    return world.words(vault)[1] >> 120 & 2**64 - 1


def standing(world, vault):
    """(E, MM) of any vault of the ES model [wad]."""
    words, legs = world.clearinghouse.load(vault)
    assessed = world.engine.assess(legs, world.snapshot().words(), words[3], -(2**255))
    held = (words[1] >> 184 & (2**40 - 1)) * 10**12
    room = max(assessed[0] - assessed[2], 0) if assessed[2] > -(2**254) else assessed[1]
    return words[6] * 10 ** (18 - world.decimals) - held + assessed[0], min(assessed[1], room)


@pytest.mark.parametrize("sigma", [2.5, 3.5])
def test_take_into_static__answers_to_es_as_well(world, sigma):
    """In a storm the fixed ratios ask less than ES: nobody takes his own vault into one to be asked less."""
    vault = world.short_put(900, OWNER)
    world.move(1900, sigma=sigma, iv=sigma)
    world.flag(vault, KEEPER)
    world.wait(60)
    refused = []
    for extra in range(0, 2_000, 50):
        into = {model: world.open(OWNER, 11 + extra, int(model)) for model in (Model.ES, Model.STATIC)}
        passed = {}
        for model, own in into.items():
            with boa.env.anchor():
                try:
                    world.take(vault, own, OWNER)
                    passed[model] = True
                except boa.BoaError as error:
                    assert "margin/taker-below-initial" in str(error)
                    passed[model] = False
        assert passed[Model.ES] or not passed[Model.STATIC]
        refused.append(not passed[Model.STATIC])
    assert True in refused and False in refused


def fall(world, vault):
    """The price falls until the vault is liquidatable; whoever comes first flags it."""
    for spot in range(int(world.spot), 1000, -5):
        world.move(float(spot))
        equity, margin = standing(world, vault)
        if equity < margin:
            break
    world.flag(vault, KEEPER)


@pytest.mark.parametrize("premium", [450, 480, 500])
@pytest.mark.parametrize("wait", [0, 60, 300])
def test_partial_take__one_lot_pod__moves_its_debt_at_mark(world, premium, wait):
    """A share of one lot is no lot, so that only -CASH moves: with the tokens for it and the bonus, never more."""
    vault = world.open(OWNER, 13.5)
    world.trade(world.maker(), vault, [call(1500, LOT), cash(-premium * LOT)], 0)
    into = world.open(TAKER, 5_000)
    fall(world, vault)
    world.wait(wait)
    for fraction in (WAD // 100, WAD // 3, WAD * 9 // 10):
        with boa.env.anchor():
            before, taker = standing(world, vault), standing(world, into)[0]
            quoted = world.liquidator.quote(vault, fraction)
            if quoted.reason:
                assert quoted.reason == 8  # nothing moves
                continue
            world.take(vault, into, TAKER, fraction)
            gain = standing(world, into)[0] - taker
            assert gain <= quoted.fraction * quoted.bonus_share // WAD * before[1] // WAD + 2 * 10**12
            if quoted.fraction < WAD:
                equity, margin = standing(world, vault)
                assert equity - margin >= before[0] - before[1] - 2 * 10**12


@pytest.mark.parametrize("state", ["disputed", "wide", "stale", "grace"])
def test_refresh__price_may_be_wrong__records_nothing(world, state):
    vault = world.short_put(600, OWNER)
    world.move(1500)
    world.flag(vault, KEEPER)
    cell, recorded = world.clearinghouse.cell(MARKET, EXPIRY), margin_recorded(world, vault)
    fresh = Status.FRESH | Status.ACTIVE
    status = {"disputed": Status.FRESH | Status.DEGRADED, "wide": fresh, "stale": 0,
              "grace": Status.FRESH | Status.GRACE}[state]  # fmt: skip
    for spot in (900.0, 3000.0):
        world.move(spot, status=status, width=spot * 0.11 if state == "wide" else 0.0)
        with unchanged(world, vault):
            assert world.liquidator.refresh([vault]) == 0
        assert world.clearinghouse.cell(MARKET, EXPIRY) == cell
    world.move(900, status=fresh, width=0.0)
    world.liquidator.refresh([vault])
    assert world.clearinghouse.cell(MARKET, EXPIRY) > cell and margin_recorded(world, vault) >= recorded


def test_take__largest_margin_since_the_flag__is_recorded(world):
    """Flagged in a calm, taken from in a storm: insurance answers for what the vault needed in the storm."""
    vault, into = world.short_put(380, OWNER), world.open(TAKER, 50_000)
    fall(world, vault)
    early = margin_recorded(world, vault)
    world.move(sigma=1.2)
    grown = world.liquidator.quote(vault, WAD).mm // 10**12
    world.wait(60)
    world.take(vault, into, TAKER, WAD // 10)
    assert world.is_flagged(vault)
    assert margin_recorded(world, vault) >= grown > early
    # it never falls
    recorded = margin_recorded(world, vault)
    world.move(sigma=1.1)
    world.take(vault, into, TAKER, WAD // 10)
    world.liquidator.refresh([vault])
    assert margin_recorded(world, vault) == recorded


def test_top_up__vault_flagged_while_its_margin_was_tiny__is_up_to_what_it_needs_now(world):
    """The take that asks for the top-up records A as well."""
    world.insure(1_000_000)
    vault, into = world.short_put(170, OWNER, strike=1500), world.open(TAKER, 50_000)
    fall(world, vault)
    tiny = margin_recorded(world, vault)
    world.move(1200, sigma=1.5)
    quoted = world.liquidator.quote(vault, WAD)
    assert quoted.equity < 0 and quoted.mm // 10**12 > tiny
    world.wait(900)
    quoted = world.liquidator.quote(vault, WAD)
    wanted = quoted.mm // 4 - quoted.equity
    assert quoted.top_up == min(wanted, quoted.mm) // 10**12 > tiny
    assert world.take(vault, into, TAKER) == quoted.cash + quoted.top_up


def test_unflagged_insolvent_vault__pays_its_fee_out_of_nobody_elses_share():
    """Only row 2 lets it trade, after the fee: what stays pays at least the share that was there."""
    with boa.swap_env(Env()):
        venue = Venue(System(**PARAMETERS))
        system = venue.system
        vault = system.open(venue.taker, 4_000)
        system.novate(vault, venue.maker_vault, [put(2000, 10)], CELL, -600)
        system.wait(60, 1500.0)
        held = system.balance(vault)
        assert held * 10**12 + system.EsEngine.value([put(2000, -10)], system.oracle.snapshot(1, CELL)) < 0
        share, passed = held / 10, []
        for contracts in (1, 5, 9):
            fair = -system.EsEngine.value([put(2000, -1)], system.oracle.snapshot(1, CELL))
            for price in (fair, fair // 2, fair // 5, 0):
                order = venue.order(
                    legs=(OrderLeg(venue.series(Kind.PUT), 1),),
                    price=price,
                    size=contracts * 10**6,
                    max_fee=2**128,
                    salt=price,
                )
                with boa.env.anchor():
                    try:
                        venue.fill(order, contracts * 10**6, vault=vault)
                    except boa.BoaError:
                        passed.append(False)
                        continue
                    passed.append(True)
                    assert system.balance(vault) / (10 - contracts) >= share
        assert True in passed and False in passed


@pytest.fixture
def hostile():
    with boa.swap_env(Env()):
        yield World(token=deployer("HostileERC20").deploy(6))


def test_settle_many__whatever_stands_between__settles_the_rest(hostile):
    """Unknown, without legs, named twice, frozen: each item is for itself."""
    world = hostile
    first, second, third = (world.short_put(2_000, address(name)) for name in ("a", "b", "c"))
    idle, maker = world.open(OWNER, 100), world.maker_id
    world.token.freeze(world.custody(second), True)
    world.expire(1900)
    ids = [0, 10**6, idle, first, first, second, idle, third, third, maker]
    assert world.settlement.settle_many(ids) == 4
    assert all(not world.legs(vault) for vault in (first, second, third, maker))
    assert world.settlement.debt_of(second) == 100 * world.unit
    assert world.settlement.settle_many(ids) == 0
    assert world.settlement.claim_of(maker)[1] == 300 * world.unit


def test_batches__one_vault_twice__do_it_once(world):
    world.insure(10_000)
    vault, into = world.short_put(600, OWNER), world.open(TAKER, 50_000)
    world.move(1500)
    assert world.liquidator.flag_many([vault, vault]) == 0b01
    world.wait(60)
    limits = (-(2**255), 0, 0, 0, 0)
    with boa.env.prank(TAKER):
        assert world.liquidator.take_many([vault] * 3, [WAD] * 3, [into] * 3, limits, 2**255) & 0b110 == 0
    assert len({Leg.unpack(word).quantity for word in world.legs(into)}) == 1
    assert world.liquidator.refresh([vault, vault, into]) == 0


@pytest.mark.parametrize("decimals", [6, 8, 18])
@pytest.mark.parametrize("sign", [1, -1])
def test_pair_of_own_vaults__round_trips__mint_nothing(decimals, sign):
    """Split, merged, traded there and back at amounts that no unit divides: tokens only ever stay or leave."""
    with boa.swap_env(Env()):
        world = World(decimals)
        pair, third = [world.open(OWNER, 3_000), world.open(OWNER, 3_000)], world.open(OWNER, 1_000)
        world.trade(pair[0], pair[1], [future(0.33), cash(-660.000001)], 0)
        every = [*pair, third]
        total = sum(world.balance(vault) for vault in every)
        for amount in (1, 7, 10**decimals // 3):
            with boa.env.prank(OWNER):
                world.clearinghouse.transfer_legs(pair[0], third, [future(-0.11)], sign * amount)
                world.clearinghouse.transfer_legs(third, pair[0], [future(-0.11)], -sign * amount)
        assert sum(world.balance(vault) for vault in every) == total
        world.expire(2123.456789)
        world.settlement.settle_many(every)
        world.settlement.claim_many(every)
        held = sum(world.balance(vault) for vault in every) + world.balance(world.cell) + world.balance(OWNER)
        assert held + world.token.balanceOf(KEEPER) <= total


def test_maker_shares__claim_can_be_paid__is_in_the_price_of_who_leaves():
    """Redeeming a moment before anybody claims gives what redeeming after it gives."""
    with built() as scene:
        scene.trade("rich", "desk", [put(2000, 2)], LAST)
        columns.settled(scene)
        lender, desks = scene.people["lender"], scene.desks
        desk = scene.vaults["desk"]
        assert (
            scene.contracts["Settlement"].claim_of(desk)[1] > 0 == scene.contracts["Clearinghouse"].cell(MARKET, LAST)
        )
        with boa.env.anchor():
            scene.contracts["Settlement"].claim(desk)
            fair = desks.redeem(10**12, lender, lender, sender=lender)
        assert desks.previewRedeem(10**12) < fair
        assert desks.redeem(10**12, lender, lender, sender=lender) == fair
