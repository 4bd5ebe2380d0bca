"""The Lens says what the contracts will do."""

import dataclasses

import boa
import pytest

from bulkhead.risk import exact, margin
from bulkhead.risk.liquidation_price import exact_prices
from bulkhead.risk.words import Leg, Model, RiskWord
from tests.worlds.system import call, cash, future, put, weekly

EXPIRY = weekly(2)


@pytest.fixture
def short(system, trader, maker):
    vault, other = system.open(trader, 260), system.open(maker, 500_000)
    system.novate(vault, other, [put(2000, 1)], EXPIRY, 60)
    return vault, other


def test_vaults__unknown_and_closed__come_back_without_owner(system, trader):
    vault = system.open(trader, 1)
    with boa.env.prank(trader):
        system.clearinghouse.close(vault, trader)
    states = system.lens.vaults([vault, 77])
    assert [int(s.owner, 16) for s in states] == [0, 0]
    assert [s.vault_id for s in states] == [vault, 77]


def test_vaults__equity_is_collateral_plus_value_and_health_their_ratio(system, short):
    state = system.state(short[0])
    assert state.equity == state.collateral + state.value
    assert state.collateral == (state.balance - 10 * 10**6) * 10**12
    assert state.health == state.equity * 10**18 // state.maintenance_margin
    assert state.initial_margin >= state.maintenance_margin * 125 // 100
    assert state.status == 0


def test_greeks_terms__greeks_vault__make_up_its_maintenance_margin(system, trader, maker):
    vault, other = system.open(trader, 1_000, model=Model.GREEKS), system.open(maker, 500_000)
    system.novate(vault, other, [put(2000, 1), call(2200, -1)], EXPIRY, 60)
    terms = list(system.lens.greeks_terms(vault))
    assert system.state(vault).maintenance_margin == max(sum(terms[:5]), terms[5])
    snapshot, risk = system.snapshot(EXPIRY), RiskWord.unpack(system.words(vault)[3])
    assert terms == list(dataclasses.astuple(exact.terms(system.legs(vault), snapshot, risk)))


def test_greeks_terms__other_model__refused(system, short):
    with boa.reverts("lens/not-greeks"):
        system.lens.greeks_terms(short[0])


def test_vaults__falling_price__margin_call_then_liquidatable(system, short):
    seen = []
    for spot in (1990, 1960, 1930, 1900, 1870, 1840):
        system.wait(60, spot)
        state = system.state(short[0])
        seen.append(state.status & 48)
        assert bool(state.status & 32) == (state.equity < state.maintenance_margin)
    assert seen == sorted(seen)
    assert {0, 16, 48} == set(seen)


def test_vaults__dead_feed__equity_is_marked_not_fresh(system, short):
    system.wait(9 * 3600)
    assert system.state(short[0]).status & 256


def test_vaults__expired__unknown_is_never_healthy(system, short):
    system.wait(EXPIRY - system.now, 2000)
    state = system.state(short[0])
    assert state.status & 512 and state.status & 128
    assert state.health == 0


def test_vaults__fully_collateralised__is_said_so(system, short):
    assert system.state(short[1]).status & 64
    assert not system.state(short[0]).status & 64


def word_with(word, change):
    """The leg with another quantity."""
    held = Leg.unpack(word)
    return dataclasses.replace(held, quantity=change(held.quantity)).pack()


def wild(system):
    """Vol rises while spot ends where it was."""
    for spot in (2_150, 1_950, 2_100, 1_950, 2_000):
        system.wait(600, spot)
        system.oracle.poke(1, 48)


def least_equity(system, vault, words, legs):
    """Equity at which the gate first lets the owner withdraw, to a native unit, with the words the vault has."""
    prices = system.oracle.snapshot(1, EXPIRY)
    low, high = 10 * 10**6, 10**12
    while high - low > 1:
        words[6] = (low + high) // 2
        try:
            system.MarginGate.check((1, 0, 0, [0] * 9), words, legs, legs, prices)
            high = words[6]
        except boa.BoaError:
            low = words[6]
    return (high - 10 * 10**6) * 10**12


@pytest.mark.parametrize("model", list(Model), ids=lambda m: m.name)
@pytest.mark.parametrize("restless", [False, True], ids=["calm", "wild"])
def test_vaults__any_model__initial_margin_is_where_the_gate_passes(system, trader, maker, model, restless):
    vault, other = system.open(trader, 50_000, model=model), system.open(maker, 900_000)
    system.novate(other, vault, [call(2_100, -1), put(1_900, -2), put(1_700, 1)], EXPIRY, -60)
    if restless:
        wild(system)
    words, legs = system.clearinghouse.load(vault)
    words = list(words)
    asked = least_equity(system, vault, words, legs)
    # the proximity add-on depends on equity: look at a vault that stands there
    with boa.env.anchor():
        with boa.env.prank(trader):
            system.clearinghouse.withdraw(vault, (system.state(vault).collateral - asked) // 10**12, trader)
        state = system.state(vault)
        assert 0 <= state.equity - state.initial_margin < 2 * 10**12
        risk = RiskWord.unpack(words[3])
        own = risk.stamped(words[1] >> 225) if model == Model.STATIC else risk
        snapshot = system.snapshot(EXPIRY)
        assert state.initial_margin == margin.required(system.legs(vault), snapshot, own, asked, model=model)
        if model == Model.STATIC:
            alone = margin.resolve(
                exact.assess(system.legs(vault), snapshot, own, model=model), asked, risk, snapshot, True
            )
            # an old stamp is no shelter: ES asks more when it is wild
            assert (state.initial_margin > alone.initial_margin) == restless


def test_vaults__recorded_deficit__changes_no_margin(system, trader, maker):
    """A margined long beside a vault that cannot pay: its claim backs its own debt in full (5.1)."""
    poor, long, other = system.open(trader, 800), system.open(trader, 900), system.open(maker, 500_000)
    # a future sold, so that no worst settlement caps the margin
    system.novate(other, long, [call(1_800, 1), cash(-150), future(-0.1)], EXPIRY, 0)
    system.novate(poor, other, [call(2_000, 4)], EXPIRY, 320)
    system.wait(60, 2_400)
    before = system.state(long)
    system.liquidator.flag(poor)
    assert system.words(long)[7] >> 112 > 100 * 10**6
    after = system.state(long)
    assert (after.initial_margin, after.equity) == (before.initial_margin, before.equity)
    words, legs = system.clearinghouse.load(long)
    asked = least_equity(system, long, list(words), legs)
    with boa.env.prank(trader):
        system.clearinghouse.withdraw(long, (after.collateral - asked) // 10**12, trader)
    state = system.state(long)
    assert 0 <= state.equity - state.initial_margin < 2 * 10**12
    risk, held = RiskWord.unpack(words[3]), system.legs(long)
    assert state.initial_margin == margin.required(held, system.snapshot(EXPIRY), risk, asked)


@pytest.mark.parametrize("restless", [False, True], ids=["calm", "wild"])
def test_preview_new__static_vault__a_fill_passes_exactly_at_the_initial_margin(system, trader, maker, restless):
    """The fill's own gate agrees to a native unit with what the preview asks."""
    other, moved = system.open(maker, 500_000), [call(2_100, -1), put(1_900, -1)]
    if restless:
        wild(system)
    low, high = 10 * 10**6, 10**11
    while high - low > 1:
        middle = (low + high) // 2
        seen = system.lens.preview_new(1, int(Model.STATIC), EXPIRY, moved, middle + 60 * 10**6)
        low, high = (low, middle) if seen.equity >= seen.initial_margin else (middle, high)
    for paid, passes in ((high, True), (high - 2, False)):
        with boa.env.anchor():
            vault = system.open(trader, 0, model=Model.STATIC)
            system.deposit(vault, paid / 10**6, trader)
            if passes:
                system.novate(other, vault, moved, EXPIRY, -60)
                assert (
                    system.state(vault).initial_margin
                    == system.lens.preview_new(1, int(Model.STATIC), EXPIRY, moved, paid + 60 * 10**6).initial_margin
                )
            else:
                with boa.reverts("margin/below-initial"):
                    system.novate(other, vault, moved, EXPIRY, -60)


def test_preview__equals_the_state_after_the_trade(system, trader, short):
    vault, other = short
    fresh = system.open(trader, 900)
    for target, legs, paid in ((vault, [put(1900, 1)], 20), (fresh, [call(2100, -1)], -30)):
        preview = system.lens.preview(target, EXPIRY, legs, -system.native(paid))
        system.novate(other, target, legs, EXPIRY, paid)
        assert system.state(target) == preview


def test_preview__closing__shows_an_empty_vault(system, short):
    preview = system.lens.preview(short[0], EXPIRY, [put(2000, 1)], -60 * 10**6)
    assert preview.legs == []
    assert preview.expiry == 0
    assert preview.collateral == 260 * 10**18


def test_preview__bad_input__refused(system, short):
    vault, _ = short
    with boa.reverts("lens/wrong-cell"):
        system.lens.preview(vault, weekly(3), [put(2000, 1)], 0)
    with boa.reverts("lens/insufficient-balance"):
        system.lens.preview(vault, EXPIRY, [put(2000, 1)], -321 * 10**6)
    with boa.reverts("lens/too-many-legs"):
        system.lens.preview(vault, EXPIRY, [put(1000 + i, 1) for i in range(16)], 0)
    with boa.reverts("clearinghouse/unknown-vault"):
        system.lens.preview(99, EXPIRY, [], 0)


def test_market__gathers_what_a_front_end_shows(system, short):
    state = system.lens.market(1, EXPIRY)
    assert state.token == system.market.token.address
    assert (state.decimals, state.lot) == (6, 10_000)
    assert state.open_interest == 2 * 10**6
    assert state.gross == 2 * 10**6
    assert state.snapshot[0] == 2000 * 10**18
    assert (state.risk, state.trading, state.liquidation) == tuple(system.parameters.words[:3])
    assert int(system.lens.market(5, EXPIRY).token, 16) == 0


def test_addresses__are_those_of_the_deployment(system):
    names = [
        "RiskParameters",
        "Clearinghouse",
        "OracleAdapter",
        "Exchange",
        "Liquidator",
        "Settlement",
        "InsuranceFund",
    ]
    assert list(system.lens.addresses()) == [system.at[n] for n in names]


@pytest.mark.parametrize("model", list(Model), ids=lambda m: m.name)
@pytest.mark.parametrize("legs", [[put(2000, 1)], [call(2000, 1), put(2000, 1)]], ids=["put", "straddle"])
def test_liquidation_prices__short_vault__are_those_of_the_mirror(system, trader, maker, model, legs):
    vault, other = system.open(trader, 900, model=model), system.open(maker, 500_000)
    system.novate(vault, other, legs, EXPIRY, 60 * len(legs))
    words = system.words(vault)
    risk = RiskWord.unpack(words[3])
    if model == Model.STATIC:
        risk = risk.stamped(words[1] >> 225 & 2**30 - 1)
    wanted = exact_prices(system.legs(vault), system.snapshot(EXPIRY), risk, system.state(vault).collateral, model)
    down, up = system.lens.liquidation_prices(vault)
    spot = system.snapshot(EXPIRY).spot
    for found, exactly, none in ((down, wanted[0], 0), (up, wanted[1], 2**256 - 1)):
        assert found == none if exactly is None else abs(found - exactly) <= spot // 10**6 + 10**10
    assert 0 < down < spot


def test_liquidation_prices__nothing_to_liquidate_or_already__is_said(system, trader, maker, short):
    paid, other = system.open(trader, 100), system.open(maker, 500_000)
    assert tuple(system.lens.liquidation_prices(paid)) == (0, 2**256 - 1)
    system.novate(other, paid, [call(2000, 1)], EXPIRY, 80)
    assert tuple(system.lens.liquidation_prices(paid)) == (0, 2**256 - 1)
    system.push(1500)
    assert tuple(system.lens.liquidation_prices(short[0])) == (1500 * 10**18, 1500 * 10**18)
    system.wait(EXPIRY - system.now)
    with boa.reverts("lens/no-price"):
        system.lens.liquidation_prices(short[0])


@pytest.mark.parametrize("model", list(Model), ids=lambda m: m.name)
def test_preview_new__vault_to_be_opened__is_what_an_empty_one_would_be(system, trader, model):
    vault = system.open(trader, 5_000, model=model)
    moved, cash_in = [call(2_000, -1), put(1_800, -2)], 5_000 * 10**6
    seen = system.lens.preview_new(1, int(model), weekly(), moved, cash_in + 70 * 10**6)
    same = system.lens.preview(vault, weekly(), moved, 70 * 10**6)
    assert seen.vault_id == 0 and int(seen.owner, 16) == 0
    for name in ("equity", "maintenance_margin", "initial_margin", "health", "collateral", "v_min", "deposit", "legs"):
        assert getattr(seen, name) == getattr(same, name), name
    with boa.reverts("lens/insufficient-balance"):
        system.lens.preview_new(1, int(model), weekly(), moved, -1)
    with boa.reverts("lens/unknown-model"):
        system.lens.preview_new(1, 3, weekly(), moved, 0)


@pytest.mark.parametrize("moved", [[put(1_900, -2)], [call(2_100, -1), put(1_800, -1)]], ids=["put", "strangle"])
def test_preview__static_vault__tells_the_ratios_that_the_fill_sets(system, trader, maker, moved):
    vault, other = system.open(trader, 50_000, model=Model.STATIC), system.open(maker, 500_000)
    seen = system.lens.preview(vault, EXPIRY, moved, 60 * 10**6)
    assert seen.maintenance_margin > 2 * 10**18 * 60
    system.novate(other, vault, moved, EXPIRY, -60)
    state = system.state(vault)
    for name in ("equity", "maintenance_margin", "initial_margin", "health", "collateral", "legs"):
        assert getattr(seen, name) == getattr(state, name), name
    # and a vault with older, lower ratios is shown those of now
    stamp = system.words(vault)[1] >> 225
    for spot in (2_150, 1_950, 2_100, 1_950, 2_000):
        system.wait(600, spot)
        system.oracle.poke(1, 48)
    more = system.lens.preview(vault, EXPIRY, moved, 60 * 10**6)
    system.novate(other, vault, moved, EXPIRY, -60)
    high = system.words(vault)[1] >> 225
    assert high > stamp
    assert more.maintenance_margin == system.state(vault).maintenance_margin
    # what closes keeps them, what adds takes those of a calm market again
    for _ in range(40):
        system.wait(6 * 3600, 2_000)
    system.wait(weekly(2) - system.now - 3 * 86400, 2_000)
    system.oracle.poke(1, 48)
    half = [word_with(word, lambda q: -q // 2) for word in moved]
    closing = system.lens.preview(vault, EXPIRY, half, -20 * 10**6)
    adding = system.lens.preview(vault, EXPIRY, moved, 60 * 10**6)
    with boa.env.anchor():
        system.novate(other, vault, half, EXPIRY, 20)
        assert system.words(vault)[1] >> 225 == high
        assert system.state(vault) == closing
    system.novate(other, vault, moved, EXPIRY, -60)
    assert stamp <= system.words(vault)[1] >> 225 < high
    assert system.state(vault) == adding
