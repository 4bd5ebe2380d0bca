"""Vaults of the GREEKS and STATIC models: opening, stamps, switching, withdrawal, liquidation and settlement."""

import dataclasses

import boa
import pytest

from bulkhead.risk import exact, margin, static
from bulkhead.risk.words import WAD, Kind, Leg, Model, RiskWord
from tests.worlds.system import call, cash, put, weekly

EXPIRY = weekly(2)
ZEROS = [0] * 9
STAMP_AT = 225
OWN, TAKE = 1, 2


def stamp_of(system, vault):
    return system.words(vault)[1] >> STAMP_AT & 2**30 - 1


def risk_of(system, vault):
    return RiskWord.unpack(system.words(vault)[3])


def standing(system, vault, model, snapshot=None, proximity=False, stamp=None):
    """Where the vault stands by the mirror, in a model."""
    risk, prices = risk_of(system, vault), snapshot or system.snapshot(EXPIRY)
    used = risk.stamped(stamp_of(system, vault) if stamp is None else stamp) if model == Model.STATIC else risk
    collateral = system.state(vault).collateral
    found = exact.assess(system.legs(vault), prices, used, model=model)
    return margin.resolve(found, collateral, risk, prices, proximity)


@pytest.fixture
def desk(system, maker):
    return system.open(maker, 500_000)


@pytest.fixture
def short(system, trader, desk):
    """A STATIC vault that has sold a put for 60, with about 15 % of spot to spare."""
    vault = system.open(trader, 700, model=Model.STATIC)
    system.novate(vault, desk, [put(2000, 1)], EXPIRY, 60)
    return vault


@pytest.mark.parametrize("model", list(Model), ids=lambda m: m.name)
def test_novate__opening_under_each_model__needs_that_models_initial_margin(system, trader, desk, model):
    vault = system.open(trader, 2_000, model=model)
    system.novate(vault, desk, [put(2000, 1), call(2300, 1)], EXPIRY, 60)
    state, mirror = system.state(vault), standing(system, vault, model, proximity=True)
    assert (state.model, state.equity) == (model, mirror.equity)
    assert state.maintenance_margin == mirror.maintenance_margin
    own = risk_of(system, vault).stamped(stamp_of(system, vault)) if model == Model.STATIC else risk_of(system, vault)
    asked = margin.required(system.legs(vault), system.snapshot(EXPIRY), own, state.collateral, model=model)
    assert state.initial_margin == asked >= mirror.initial_margin
    poor = system.open(trader, 100, model=model)
    with boa.reverts("margin/below-initial"):
        system.novate(poor, desk, [put(2000, 1), call(2300, 1)], EXPIRY, 60)


def test_novate__new_risk_of_a_static_vault__stamps_the_ratios_of_the_moment(system, short):
    snapshot, risk = system.snapshot(EXPIRY), risk_of(system, short)
    sigma = max(snapshot.sigma, snapshot.sigma_now)
    assert stamp_of(system, short) == static.stamp(risk, sigma) != 0


@pytest.mark.parametrize(
    ("sigma", "ratios"),
    [
        (40, (150, 100, 100)),
        (60, (150, 100, 100)),
        (61, (153, 102, 102)),
        (90, (225, 150, 150)),
        (150, (375, 250, 250)),
        (400, (375, 250, 250)),
    ],
)
def test_stamp__vol_of_the_moment__multiplies_up_to_two_and_a_half(sigma, ratios):
    stamp = static.stamp(RiskWord(), sigma * WAD // 100)
    assert tuple(stamp >> 10 * i & 1023 for i in range(3)) == ratios


def test_check__higher_vol__stamps_new_risk_higher_and_takes_at_the_ramped_vol(system, short):
    words, legs = system.clearinghouse.load(short)
    words = list(words)
    words[6] += 10_000 * 10**6
    prices = list(system.oracle.snapshot(1, EXPIRY))
    risk = risk_of(system, short)
    prices[3], prices[4] = 9 * WAD // 10, 12 * WAD // 10
    check = system.MarginGate.check
    assert check((OWN, 0, 0, ZEROS), words, [], legs, prices) == static.stamp(risk, prices[4])
    assert check((TAKE, 0, 0, ZEROS), words, [], legs, prices) == static.stamp(risk, prices[3])
    # nothing new: the old stamp stays
    assert check((OWN, 0, 0, ZEROS), words, legs, legs, prices) == 0


def test_set_parameter__of_static_ratios__never_touches_an_open_vault(system, short, trader, desk):
    before = system.state(short)
    with boa.env.prank(system.owner):
        system.RiskParameters.set_parameter(1, "static_otm", 400)
        system.RiskParameters.set_parameter(1, "static_least", 400)
    after = system.state(short)
    assert (after.maintenance_margin, after.initial_margin) == (before.maintenance_margin, before.initial_margin)
    # closing half keeps the old ratios
    old = stamp_of(system, short)
    system.novate(desk, short, [put(2000, 0.5)], EXPIRY, 30)
    assert stamp_of(system, short) == old
    assert system.state(short).maintenance_margin * 2 == pytest.approx(before.maintenance_margin, abs=2)
    # a new leg takes the new ones for the whole vault
    system.deposit(short, 2_000, trader)
    system.novate(short, desk, [put(1900, 0.1)], EXPIRY, 3)
    assert stamp_of(system, short) == static.stamp(risk_of(system, short), system.snapshot(EXPIRY).sigma) != old


def test_assess__static_vault__margin_moves_with_spot_and_not_with_vol(system, short):
    engine, risk = system.StaticEngine, risk_of(system, short).stamped(stamp_of(system, short)).pack()
    legs = system.clearinghouse.load(short)[1]
    prices = system.snapshot(EXPIRY)
    wild = dataclasses.replace(prices, sigma=3 * WAD, sigma_now=3 * WAD, surface_near=4 * WAD)
    low = dataclasses.replace(prices, spot=1800 * WAD, forward=1800 * WAD)
    calm_, wild_, low_ = (engine.assess(legs, s.words(), risk, exact.FORCE_FULL) for s in (prices, wild, low))
    assert (calm_[1], calm_[8]) == (wild_[1], wild_[8])
    assert low_[8] == 270 * WAD and low_[1] == -(-270 * WAD * 10 // 13)


def test_withdraw__static_vault__needs_the_larger_of_static_and_es_initial_margin(system, short):
    """Whatever the vol, the gate passes exactly where the mirror's two requirements are both met."""
    words, legs = system.clearinghouse.load(short)
    words, check = list(words), system.MarginGate.check
    start = words[6]
    binding = set()
    for sigma in (40, 100, 250):
        prices = dataclasses.replace(system.snapshot(EXPIRY), sigma=sigma * WAD // 100, sigma_now=sigma * WAD // 100)
        used = {
            Model.STATIC: risk_of(system, short).stamped(stamp_of(system, short)),
            Model.ES: risk_of(system, short),
        }
        found = {m: exact.assess([Leg.unpack(w) for w in legs], prices, risk, model=m) for m, risk in used.items()}

        def meets(balance, model, found=found, prices=prices, used=used):
            collateral = (balance - 10 * 10**6) * 10**12
            stand = margin.resolve(found[model], collateral, used[Model.ES], prices, True)
            return stand.equity >= stand.initial_margin

        for balance in range(start - 500 * 10**6, start + 900 * 10**6, 100 * 10**6):
            words[6] = balance
            passes = {m: meets(balance, m) for m in used}
            binding |= {m for m in used if not passes[m] and all(passes[o] for o in used if o != m)}
            if all(passes.values()):
                assert check((OWN, 0, 0, ZEROS), words, legs, legs, prices.words()) == 0
            else:
                with boa.reverts("margin/below-initial"):
                    check((OWN, 0, 0, ZEROS), words, legs, legs, prices.words())
    assert binding == {Model.STATIC, Model.ES}


def test_set_model__to_a_dearer_one__is_row_one_under_the_new_model(system, trader, desk):
    vault = system.open(trader, 420, model=Model.GREEKS)
    system.novate(vault, desk, [put(2000, 1)], EXPIRY, 60)
    stamp = static.stamp(risk_of(system, vault), system.snapshot(EXPIRY).sigma)
    need = standing(system, vault, Model.STATIC, proximity=True, stamp=stamp)
    spare = (need.equity - need.initial_margin) // 10**12
    with boa.env.prank(trader):
        system.clearinghouse.withdraw(vault, spare + 20 * 10**6, trader)
        with boa.reverts("margin/below-initial"):
            system.clearinghouse.set_model(vault, int(Model.STATIC))
    assert system.state(vault).model == Model.GREEKS
    system.deposit(vault, 100, trader)
    with boa.env.prank(trader):
        system.clearinghouse.set_model(vault, int(Model.STATIC))
    assert system.state(vault).model == Model.STATIC
    assert stamp_of(system, vault) == stamp


def test_set_model__unhealthy_or_flagged__has_no_way_to_a_laxer_model(system, short, trader):
    # below the maintenance margin of its own ratios, above that of the other models
    system.wait(60, 1380)
    state = system.state(short)
    assert state.equity < state.maintenance_margin
    with boa.env.prank(boa.env.generate_address("keeper")):
        system.liquidator.flag(short)
    with boa.env.prank(trader), boa.reverts("margin/flagged"):
        system.clearinghouse.set_model(short, int(Model.GREEKS))


@pytest.mark.parametrize("taker_model", list(Model), ids=lambda m: m.name)
def test_take__static_vault__reaches_its_target_and_the_taker_answers_to_its_own_model(
    system, short, stranger, taker_model
):
    system.wait(60, 1380)
    assert system.state(short).status & 32
    with boa.env.prank(stranger):
        system.liquidator.flag(short)
    into = system.open(stranger, 3_000, model=taker_model)
    poor = system.open(stranger, 20, model=taker_model)
    before = system.state(short)
    limits = [-(2**200), 0, 0, 0, 0]
    with boa.env.prank(stranger):
        with boa.reverts("margin/taker-below-initial"):
            system.liquidator.take(short, WAD, poor, limits, system.now, b"")
        system.liquidator.take(short, WAD, into, limits, system.now, b"")
    after, taken = system.state(short), system.state(into)
    assert after.status & 1 == 0 and after.equity >= after.target
    # theta is (1 + 1.3)/2 in this model
    assert abs(before.target * 20 - before.maintenance_margin * 23) <= 40
    assert taken.legs and (stamp_of(system, into) != 0) == (taker_model == Model.STATIC)
    assert taken.maintenance_margin == standing(system, into, taker_model).maintenance_margin


def test_settle__static_vault__pays_its_payoff(system, short, stranger):
    for minutes in (40, 20, 5):
        system.wait(EXPIRY - system.now - 60 * minutes, 1950)
    system.wait(EXPIRY - system.now + 300, 1950)
    system.settlement.fix(1, EXPIRY, [])
    before = system.state(short).balance
    system.settlement.settle(short)
    after = system.state(short)
    assert not after.legs
    # 50 to the cell, and the settler's tip out of the deposit
    assert before - after.balance == 52 * 10**6


def test_assess__covered_static_vault__is_safe_whatever_the_ratios(system, trader, desk):
    vault = system.open(trader, 2_020, model=Model.STATIC)
    system.novate(vault, desk, [put(2000, 1)], EXPIRY, 60)
    system.wait(60, 900)
    assert system.state(vault).status & 64
    with boa.reverts("liquidator/healthy"):
        system.liquidator.flag(vault)


def test_terms__long_vault__decays_and_short_vault_pays_the_floor(system, trader, desk):
    vault = system.open(trader, 3_000, model=Model.GREEKS)
    system.novate(vault, desk, [call(2000, -1)], EXPIRY, -60)
    long = list(system.lens.greeks_terms(vault))
    assert long[3] > 0 and long[4] == 0
    system.novate(vault, desk, [call(2000, 2)], EXPIRY, 60)
    short = list(system.lens.greeks_terms(vault))
    assert short[3] == 0 and short[4] == 20 * WAD
    assert [leg.kind for leg in system.legs(vault)] == [Kind.CALL]


@pytest.mark.parametrize("model", list(Model), ids=lambda m: m.name)
@pytest.mark.parametrize("hours", [4, 18, 40])
def test_novate__straddle_on_credit__needs_what_time_will_take(system, trader, desk, model, hours):
    """Any large move pays it, so its expected shortfall is near 0; if nothing moves its premium is lost."""
    expiry = weekly(1)
    system.wait(expiry - system.now - hours * 3600, 2000)
    system.oracle.poke(1, 48)
    snapshot = system.snapshot(expiry)
    straddle = [call(2000, 100), put(2000, 100)]
    worth = exact.mark([Leg.unpack(leg) for leg in straddle], snapshot) // WAD
    vault = system.open(trader, 10, model=model)  # the liquidation deposit
    with boa.reverts("margin/below-initial"):
        system.novate(vault, desk, [*straddle, cash(-worth)], expiry, 0)
    # what the horizon takes is not enough: kappa comes on top
    left = max(snapshot.seconds - RiskWord().horizon_seconds, 1)
    later = exact.mark([Leg.unpack(leg) for leg in straddle], dataclasses.replace(snapshot, seconds=left)) // WAD
    system.deposit(vault, worth - later, trader)
    with boa.reverts("margin/below-initial"):
        system.novate(vault, desk, [*straddle, cash(-worth)], expiry, 0)
