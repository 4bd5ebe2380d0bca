from __future__ import annotations

import contextlib
from pathlib import Path

import boa
import pytest

from bulkhead.risk.words import Kind
from tests.evm import Env
from tests.worlds.liquidation import EXPIRY, MARKET, WAD, World, address, call, cash, future, put, unchanged

KEEPER = address("keeper")


def settle(world, *vaults):
    with boa.env.prank(KEEPER):
        for vault in vaults:
            world.settlement.settle(vault)


def state(world):
    names = ("claims", "received", "open", "shortfall", "debt", "insured", "ratio")
    return dict(zip(names, world.settlement.cell_state(MARKET, EXPIRY), strict=True))


def test_settle__loser__pays_into_the_cell_and_tips(world):
    vault = world.short_put(600)
    world.expire(1700)
    settle(world, vault)
    assert world.balance(world.cell) == 300 * world.unit
    assert world.balance(vault) == 298 * world.unit
    assert world.balance(KEEPER) == 2 * world.unit
    assert world.legs(vault) == []


def test_settle__winner__gets_a_claim_and_no_tokens(world):
    vault = world.short_put(600)
    world.expire(1700)
    held = world.balance(world.maker_id)
    settle(world, world.maker_id)
    assert world.settlement.claim_of(world.maker_id) == (EXPIRY, 300 * world.unit, 0)
    assert world.balance(world.maker_id) == held - 2 * world.unit
    assert vault and state(world)["ratio"] == 0


def test_settle__every_kind__pays_its_payoff(world):
    trader = world.open(address("trader"), 5000)
    world.trade(world.maker(), trader, [put(2000, -1), call(1500, 2), future(0.5), cash(-700.000001)])
    world.expire(1800.123456)
    settle(world, trader)
    expected = -199.876544 + 2 * 300.123456 + 0.5 * 1800.123456 - 700.000001
    assert world.settlement.claim_of(trader)[1] == int(expected * 10**6)
    assert Kind.CASH == 3


def test_settle__shortfall_below_means__is_recorded_and_insured_once(world):
    world.insure(100_000)
    vault = world.short_put(600)
    world.expire(1200)
    settle(world, world.maker_id)
    held = world.balance(vault) - 10 * world.unit
    assert state(world)["insured"] == 1  # nothing short yet
    settle(world, vault)
    # never flagged: 10 % of P for one contract
    shortfall = 800 * world.unit - held
    assert state(world)["shortfall"] == 120 * world.unit < shortfall
    assert state(world)["received"] == held + 120 * world.unit == world.balance(world.cell)
    assert world.balance(world.pot) == 100_000 * world.unit - 120 * world.unit


def test_settle__flagged_vault__is_insured_up_to_its_margin(world):
    world.insure(100_000)
    vault = world.short_put(600)
    world.move(1300)
    world.flag(vault, address("flagger"))
    margin = world.words(vault)[1] >> 120 & (2**64 - 1)
    world.expire(600)
    settle(world, vault, world.maker_id)
    assert state(world)["shortfall"] == margin


def test_settle__insurance_within_cell_cap__pays_a_quarter_of_the_fund(world):
    world.insure(100)
    vault = world.short_put(600)
    world.expire(1200)
    settle(world, vault, world.maker_id)
    assert state(world)["insured"] == 1
    assert world.balance(world.pot) == 75 * world.unit


def test_settle__example_of_the_waterfall_page__is_what_the_contracts_pay(world):
    """docs/waterfall.md has exactly these sentences, with a pot that suffices and with one of 100."""
    vault = world.short_put(600)
    page = " ".join((Path(__file__).parents[4] / "docs" / "waterfall.md").read_text().split())
    paid = {}
    for pot in (100_000, 100):
        with boa.env.anchor():
            world.insure(pot)
            world.expire(1200)
            settle(world, world.maker_id, vault)
            owed, received = (state(world)[name] / world.unit for name in ("claims", "received"))
            drawn = pot - world.balance(world.pot) / world.unit
            _, claimed, _ = world.settlement.claim_of(world.maker_id)
            before = world.balance(world.maker_id)
            with boa.env.prank(KEEPER):
                world.settlement.claim(world.maker_id)
            got = world.balance(world.maker_id) - before
            assert got / claimed == state(world)["ratio"] / WAD == received / owed
            paid[pot] = owed, received - drawn, drawn, received, got / claimed
    owed, had, drawn, received, ratio = paid[100_000]
    assert f"It owes {owed:g} and has {had:g} beside its deposit. Missing {owed - had:g}," in page
    assert f"insurance covers 10 % of 1,200 = {drawn:g}." in page
    assert f"The holder's claim of {owed:g} is paid at {received:g}/{owed:g} = {ratio:g}." in page
    _, had, drawn, received, ratio = paid[100]
    assert f"With a pot of 100 instead it is {had:g} + {drawn:g} = {received:g}, a ratio of {ratio:g}." in page


def test_settle__unknown_vault__reverts(world):
    with boa.reverts("settlement/unknown-vault"):
        settle(world, 999)


def test_settle__vault_without_legs__reverts(world):
    with boa.reverts("settlement/no-legs"):
        settle(world, world.maker())


def test_settle__before_fix__reverts(world):
    vault = world.short_put(600)
    world.expire()
    with unchanged(world, vault), boa.reverts("settlement/price-not-fixed"):
        settle(world, vault)


def test_settle__twice__reverts(world):
    vault = world.short_put(600)
    world.expire(1700)
    settle(world, vault)
    with unchanged(world, vault), boa.reverts("settlement/no-legs"):
        settle(world, vault)


def test_settle_many__some_cannot__settles_the_others(world):
    vault, idle = world.short_put(600), world.open(address("idle"), 5)
    world.expire(1700)
    with boa.env.prank(KEEPER):
        assert world.settlement.settle_many([999, vault, idle, world.maker_id, vault]) == 2
    assert state(world)["ratio"] == 10**18


def test_settle_many__price_not_fixed__settles_nothing(world):
    vault = world.short_put(600)
    world.expire()
    assert world.settlement.settle_many([vault]) == 0


def test_settle_many__any_gas__settles_all_or_reverts(world):
    """A node estimates the least gas with which a call succeeds: with it nothing may be skipped."""
    vault = world.open(address("trader"), 30_000)
    world.trade(vault, world.maker(), [put(1500 + 10 * i, 0.1) for i in range(16)])
    world.expire(1700)
    passed = 0
    for gas in [*range(20_000, 60_000, 500), *range(60_000, 500_000, 15_000)]:
        with boa.env.anchor(), contextlib.suppress(boa.BoaError):
            assert world.settlement.settle_many([vault], gas=gas) == 1
            passed += 1
    assert passed


@pytest.mark.parametrize(("gas", "believed"), [(1_000_000, False), (11_000_000, True)])
def test_settle_many__vault_that_eats_all_gas__is_skipped_only_when_it_had_plenty(world, gas, believed):
    vault = world.short_put(600)
    world.expire(1700)
    # an invalid instruction in place of the Clearinghouse: 63/64 of the gas are gone
    boa.env.set_code(world.clearinghouse.address, b"\xfe")
    if believed:
        assert world.settlement.settle_many([vault], gas=gas) == 0
    else:
        with boa.reverts("settlement/out-of-gas"):
            world.settlement.settle_many([vault], gas=gas)


def test_configure__anyone_but_parameters__reverts(world):
    with boa.reverts("settlement/not-authorized"):
        world.settlement.configure(MARKET, 1)


def test_fix__passes_on_to_the_oracle(world):
    world.expire()
    assert world.settlement.fix(MARKET, EXPIRY, []) == 0
    assert world.settlement.fix(MARKET, EXPIRY, [1700 * 10**18]) == 1700 * 10**18


@pytest.mark.parametrize("decimals", [6, 8, 18])
def test_settle__odd_price__rounds_debts_up_and_claims_down(decimals):
    with boa.swap_env(Env()):
        world = World(decimals)
        vault = world.short_put(600, size=0.33)
        world.expire(1777.77777777)
        settle(world, vault, world.maker_id)
        exact = 33 * (2000 * 10**8 - 177777777777)  # 1e-10 quote
        claim = world.settlement.claim_of(world.maker_id)[1]
        paid = world.balance(world.cell)
        assert claim * 10**10 <= exact * world.unit <= paid * 10**10
        assert 0 <= paid - claim <= 1


@pytest.mark.parametrize(("fund", "insured", "ratio"), [(100_000, 120, 0.8875), (100, 25, 0.76875), (0, 0, 0.7375)])
def test_settle__example_of_the_docs__pays_its_numbers(world, fund, insured, ratio):
    """docs/waterfall.md."""
    if fund:
        world.insure(fund)
    vault = world.short_put(600)
    world.expire(1200)
    settle(world, vault, world.maker_id)
    found = state(world)
    assert (found["claims"], found["received"]) == (800 * world.unit, (590 + insured) * world.unit)
    assert found["ratio"] == round(ratio * 10**5) * 10**13
    assert world.settlement.claim(world.maker_id) == (590 + insured) * world.unit
