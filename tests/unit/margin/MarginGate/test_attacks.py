"""Ways to carry value out, or risk past the margin, that were found and closed."""

import boa
import pytest

from bulkhead.risk import exact, margin
from bulkhead.risk.words import WAD, Leg, Model, RiskWord
from tests.worlds.system import System, call, cash, future, put, weekly

EXPIRY = weekly(2)
MANAGE = 4
TRADE = 0
ZEROS = [0] * 9


@pytest.fixture
def desk(system, maker):
    return system.open(maker, 2_000_000)


def test_transfer_legs__manager_of_another_owner__carries_nothing_into_a_vault_of_its_own(
    system, trader, stranger, desk
):
    vault, own = system.open(trader, 10_000), system.open(stranger, 100)
    system.novate(vault, desk, [call(2000, 1)], EXPIRY, 60)
    with boa.env.prank(trader):
        system.Operators.grant(vault, stranger, MANAGE, system.now + 3_600)
    with boa.env.prank(stranger), boa.reverts("clearinghouse/not-owner"):
        system.clearinghouse.transfer_legs(vault, own, [call(2000, -0.01)], system.native(9_000))
    # what the permission is for: regrouping within the owner's vaults
    second = system.open(trader, 2_000)
    with boa.env.prank(trader):
        system.Operators.grant(second, stranger, MANAGE, system.now + 3_600)
    with boa.env.prank(stranger):
        system.clearinghouse.transfer_legs(vault, second, [call(2000, -0.5)], 0)
    assert [leg.quantity for leg in system.legs(second)] == [-500_000]


def test_check__static_vault_sells_its_hedge_in_a_crash__is_new_risk_at_the_ratios_of_now(system, trader, desk):
    vault = system.open(trader, 1_500, model=Model.STATIC)
    system.novate(vault, desk, [call(2000, 100), call(2010, -100)], EXPIRY, 300)
    words, spread = system.clearinghouse.load(vault)
    words, naked = list(words), [w for w in spread if w >> 63 & 1]
    prices = list(system.oracle.snapshot(1, EXPIRY))
    prices[3], prices[4] = 102 * WAD // 100, 104 * WAD // 100
    check = system.MarginGate.check
    # enough for the old ratios, not for those of the moment
    words[6] = 55_000 * 10**6
    with boa.reverts("margin/adds-risk"):
        check((TRADE, 0, 0, ZEROS), words, spread, naked, prices)
    words[6] = 120_000 * 10**6
    stamp = check((TRADE, 0, 0, ZEROS), words, spread, naked, prices)
    assert stamp & 1023 == 260


def test_check__static_taker__keeps_the_larger_of_its_ratios(system, trader, desk):
    vault = system.open(trader, 5_000, model=Model.STATIC)
    system.novate(vault, desk, [put(2000, 1)], EXPIRY, 60)
    words, legs = system.clearinghouse.load(vault)
    words = list(words)
    high = 375 | 250 << 10 | 250 << 20
    words[1] = words[1] & ~((2**30 - 1) << 225) | high << 225
    prices = list(system.oracle.snapshot(1, EXPIRY))
    assert system.MarginGate.check((2, 0, 0, ZEROS), words, legs, legs, prices) == high


def test_set_model__below_maintenance__is_no_way_out():
    # a market whose GREEKS looks less far than ES, so that it asks less of a future
    system = System(greeks_move=30)
    trader, maker = boa.env.generate_address(), boa.env.generate_address()
    desk = system.open(maker, 500_000)
    vault = system.open(trader, 20_000)
    system.novate(desk, vault, [future(100), cash(-200_000)], EXPIRY)
    system.wait(60, 1_945.0)
    # healthy by the model it wants, not by the one it has
    risk, prices = RiskWord.unpack(system.words(vault)[3]), system.snapshot(EXPIRY)
    standing = {
        m: margin.resolve(exact.assess(system.legs(vault), prices, risk, model=m), system.state(vault).collateral,
                          risk, prices, True)
        for m in (Model.ES, Model.GREEKS)
    }  # fmt: skip
    assert standing[Model.GREEKS].equity >= standing[Model.GREEKS].initial_margin
    assert standing[Model.ES].equity < standing[Model.ES].initial_margin
    with boa.env.prank(trader), boa.reverts("margin/below-initial"):
        system.clearinghouse.set_model(vault, Model.GREEKS)
    assert system.state(vault).model == Model.ES


def test_check__value_of_the_legs__does_not_stand_for_the_liquidation_deposit(system, trader, desk):
    vault = system.open(trader, 60)
    # fully paid, but the price took what the tips are paid from
    with boa.reverts("margin/deposit-not-full"):
        system.novate(desk, vault, [call(2000, 1)], EXPIRY, 55)
    empty = system.open(trader)
    with boa.reverts("margin/deposit-not-full"):
        system.novate(desk, empty, [put(1000, 0.01), cash(11)], EXPIRY)


@pytest.mark.parametrize("model", [Model.ES, Model.STATIC])
def test_check__stale_close_that_sells_the_hedge__is_refused(system, trader, stranger, desk, model):
    vault = system.open(trader, 800, model=model)
    near, far = call(2000, 100), call(2001, -100)
    system.novate(desk, vault, [near, far], EXPIRY, 60)
    own, other = system.open(trader, 60_000), system.open(stranger, 2_000_000)
    system.novate(other, own, [call(2000, -100)], EXPIRY, -8_000)
    system.wait(4_000)
    prices = system.snapshot(EXPIRY)
    # at its mark, which is fair, but what stays would be short without a margin
    with boa.reverts("margin/stale-close-price"):
        system.novate(vault, own, [near], EXPIRY, exact.mark([Leg.unpack(near)], prices) / WAD)
    # both together leave nothing
    system.novate(vault, desk, [near, far], EXPIRY, exact.mark(system.legs(vault), prices) / WAD)
    assert system.legs(vault) == []


def test_check__close_that_spends_the_liquidation_deposit__is_refused(system, trader, desk):
    vault = system.open(trader, 60)
    system.novate(desk, vault, [call(200, 0.02)], EXPIRY, 40)
    assert system.balance(vault) == 20 * 10**6
    with boa.reverts("margin/deposit-not-full"):
        system.novate(vault, desk, [call(200, 0.01)], EXPIRY, -20)
    with boa.reverts("margin/deposit-not-full"):
        system.novate(vault, desk, [call(200, 0.01)], EXPIRY, -10.000001)
    system.novate(vault, desk, [call(200, 0.01)], EXPIRY, -10)
    assert system.balance(vault) == 10 * 10**6
