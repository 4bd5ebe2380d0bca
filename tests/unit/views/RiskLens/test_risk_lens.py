"""RiskLens: margins explained, moved and bounded, each number the one of the exact mirrors to the wei."""

from __future__ import annotations

import boa
import pytest

from bulkhead.chain.words import Terms
from bulkhead.risk import exact, greeks
from bulkhead.risk import explain as mirror
from bulkhead.risk.liquidation_price import exact_prices
from bulkhead.risk.margin import kappa, resolve
from bulkhead.risk.words import Model, RiskWord
from tests.evm import Env
from tests.worlds.system import WAD, System, call, cash, future, put, weekly

EXPIRY = weekly(2)
SHORTS = [put(1800, 2), call(2200, 1), future(0.25), cash(-250)]
MIXED = [put(1900, 3), put(1600, -3), call(2100, -1), call(2400, 2)]
LONGS = [call(2000, -1), put(2300, -1)]
BOOKS = {"shorts": SHORTS, "mixed": MIXED, "longs": LONGS}
UNBOUNDED = 2**256 - 1


def held(system: System, owner: str, maker: str, legs: list[int], quote: float, model: Model = Model.ES) -> int:
    """A vault that has given the legs away to a rich maker for nothing."""
    vault_id = system.open(owner, quote, model=model)
    system.novate(vault_id, system.open(maker, 1_000_000), legs, EXPIRY)
    return vault_id


def position(system: System, vault_id: int, model: Model) -> mirror.Position:
    """What the mirror is asked."""
    risk = RiskWord.unpack(system.clearinghouse.market(1).risk)
    if model == Model.STATIC:
        risk = risk.stamped(Terms.unpack(system.clearinghouse.load(vault_id).vault.terms).stamp)
    state = system.state(vault_id)
    return mirror.Position(tuple(system.legs(vault_id)), system.snapshot(EXPIRY), risk, state.collateral, model)


@pytest.fixture(params=BOOKS, ids=list(BOOKS))
def book(request) -> list[int]:
    return BOOKS[request.param]


@pytest.fixture(params=list(Model), ids=lambda model: model.name)
def model(request) -> Model:
    return request.param


# --- explained -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["flat", "smile"])
def seen(request, system, trader, maker, book, model) -> tuple[int, mirror.Position]:
    """A vault and what the mirror sees of it, with a flat vol and with a smile that is still coming in."""
    if request.param:
        system.pass_hours(2, vol_=0.8)
    vault_id = held(system, trader, maker, book, 9_000, model)
    system.wait(60, 1950)
    return vault_id, position(system, vault_id, model)


def test_explain__every_term__is_the_mirrors(system, seen, model):
    vault_id, where = seen
    told = system.RiskLens.explain(vault_id)
    known = mirror.explain(where)
    parts = {part.name: part for part in known.parts}
    assert (told.at.block_number, told.at.timestamp) == (boa.env.evm.patch.block_number, system.now)
    assert (told.at.price_state, told.at.price_age, told.at.spot) == ("active", 0, 1950 * WAD)
    assert (told.vault_id, told.model, told.collateral) == (vault_id, model.name, where.collateral)
    assert (told.value, told.v_min) == (known.assessment.value, known.assessment.v_min)
    assert told.margin == known.assessment.margin
    assert told.cap == (UNBOUNDED if known.room is None else known.room)
    assert told.equity == known.standing.equity and told.target == known.standing.target
    assert told.maintenance_margin == known.standing.maintenance_margin
    assert told.initial_margin == known.initial_margin == system.state(vault_id).initial_margin
    assert told.after_action == system.lens.margins(vault_id).initial_margin
    terms = told.terms
    if model == Model.ES:
        decay = parts.get("decay")
        assert terms.decay_counts == (decay is not None and decay.counts)
        assert terms.tail == (0 if terms.decay_counts else parts["expected shortfall"].amount)
        assert terms.floor == parts["floor of short options"].amount
        if terms.decay_counts:
            assert terms.decay == decay.amount
        assert terms.tail + terms.floor + terms.decay * terms.decay_counts == told.margin
    elif model == Model.GREEKS:
        own = greeks.terms(where.legs, where.snapshot, where.risk)
        assert (terms.delta, terms.gamma, terms.vega) == (own.delta, own.gamma, own.vega)
        assert (terms.decay, terms.floor, terms.es_share) == (own.decay, own.floor, own.es)
    else:
        longs = parts.get("value of the long options")
        assert terms.longs == (0 if longs is None else longs.amount)
        assert terms.shorts + terms.longs == told.margin
    steps = [part.amount for part in known.initial_parts]
    first = told.initial
    assert [first.base, first.concentration, first.proximity, first.cap, first.other] == steps
    own_im = known.assessment.initial != 0
    assert first.kappa == (0 if own_im else kappa(where.snapshot.vol_ratio, where.risk))


def test_explain__both_add_ons__are_told(trader, maker):
    with boa.swap_env(Env()):
        system = System(liquidity_scale=2_000, lambda_bps=100)
        vault_id = held(system, trader, maker, [put(2000, 10)], 9_000)
        with boa.env.prank(trader):
            spare = system.PositionLens.positions([vault_id]).positions[0].withdrawable
            system.clearinghouse.withdraw(vault_id, spare, trader)
        told = system.RiskLens.explain(vault_id)
        assert told.initial.concentration > 0 and told.initial.proximity > 0
        total = told.initial.base + told.initial.concentration + told.initial.proximity
        assert total + told.initial.cap + told.initial.other == told.initial_margin


# --- other prices --------------------------------------------------------------------------------------------------


def test_profile__a_grid_of_32__is_the_mirrors_stress_grid(system, seen):
    vault_id, where = seen
    spots, vols = (-50, -20, -5, 0, 5, 20, 50, 100), (-30, 0, 25, 100)
    known = mirror.explain(where, spots, vols).grid
    points = [(where.snapshot.spot * (100 + cell.spot) // 100, 100 * cell.vol) for cell in known]
    told = system.RiskLens.profile(vault_id, points)
    assert [tuple(level) for level in told.levels] == [(cell.equity, cell.maintenance_margin) for cell in known]
    assert told.at.spot == 1950 * WAD and told.at.timestamp == system.now


def test_profile_of__legs_only_thought_of__is_that_of_a_vault_with_them(system, trader, maker, book, model):
    vault_id = held(system, trader, maker, book, 9_000, model)
    legs = system.clearinghouse.load(vault_id)[1]
    points = [(spot * WAD, vol) for spot in (1_000, 2_000, 2_900) for vol in (-5_000, 0, 10_000)]
    thought = (1, EXPIRY, int(model), legs, system.state(vault_id).collateral)
    assert system.RiskLens.profile_of(thought, points).levels == system.RiskLens.profile(vault_id, points).levels


def test_profile__a_shift_beyond_its_range__is_refused(system, trader, maker):
    vault_id = held(system, trader, maker, SHORTS, 9_000)
    lowest, highest = -9_999, 100_000
    assert len(system.RiskLens.profile(vault_id, [(2000 * WAD, lowest), (2000 * WAD, highest)]).levels) == 2
    for beyond in (lowest - 1, highest + 1):
        with boa.reverts("risk-lens/vol-shift"):
            system.RiskLens.profile(vault_id, [(2000 * WAD, beyond)])
    with boa.reverts("es/zero-spot"):
        system.RiskLens.profile(vault_id, [(0, 0)])


def test_what_is_unknown__is_refused_by_name(system, trader, maker):
    empty = system.open(trader, 10)
    with boa.reverts("risk-lens/no-legs"):
        system.RiskLens.explain(empty)
    with boa.reverts("clearinghouse/unknown-vault"):
        system.RiskLens.profile(999, [])
    with boa.reverts("risk-lens/unknown-model"):
        system.RiskLens.profile_of((1, EXPIRY, 3, SHORTS, 0), [])
    vault_id = held(system, trader, maker, SHORTS, 9_000)
    boa.env.evm.patch.timestamp = EXPIRY
    with boa.reverts("risk-lens/no-price"):
        system.RiskLens.liquidation_prices(vault_id, [])


# --- edges ---------------------------------------------------------------------------------------------------------


def brackets_of(where: mirror.Position) -> list[tuple[int, int]]:
    """Both edges of the mirror, bracketed within 2 % as a profile would."""
    found = exact_prices(where.legs, where.snapshot, where.risk, where.collateral, where.model)
    spot = where.snapshot.spot
    return [
        (max(edge * 102 // 100, edge + 1), edge) if edge < spot else (edge * 98 // 100, edge * 101 // 100)
        for edge in found
        if edge is not None
    ]


def is_safe(where: mirror.Position, spot: int) -> bool:
    moved = where.snapshot.at(spot)
    standing = resolve(
        exact.assess(where.legs, moved, where.risk, model=where.model), where.collateral, where.risk, moved
    )
    return standing.equity >= standing.maintenance_margin


@pytest.mark.parametrize("quote", [1_500, 3_000])
def test_liquidation_prices__narrow_to_a_millionth__on_both_sides_of_the_mirrors_edge(
    system, trader, maker, model, quote
):
    vault_id = held(system, trader, maker, [put(1900, 1), call(2200, 1)], quote, model)
    system.wait(60, 2000)
    where = position(system, vault_id, model)
    asked = brackets_of(where)
    assert asked, "the vault has an edge"
    told = system.RiskLens.liquidation_prices(vault_id, asked)
    for bracket in told.brackets:
        assert abs(bracket.safe - bracket.liquidatable) <= where.snapshot.spot // 10**6
        assert is_safe(where, bracket.safe) and not is_safe(where, bracket.liquidatable)


def test_liquidation_prices__ends_that_are_not_what_they_say__come_back_empty(system, trader, maker):
    vault_id = held(system, trader, maker, [put(1900, 1)], 800)
    told = system.RiskLens.liquidation_prices(vault_id, [(2000 * WAD, 2100 * WAD), (1000 * WAD, 2000 * WAD)])
    assert [tuple(bracket) for bracket in told.brackets] == [(0, 0), (0, 0)]


def test_liquidation_prices__at_that_price__the_chain_flags(system, trader, maker, stranger):
    vault_id = held(system, trader, maker, [put(1900, 1)], 800)
    (bracket,) = system.RiskLens.liquidation_prices(vault_id, [(2000 * WAD, 1100 * WAD)]).brackets
    safe, beyond = -(-bracket.safe // 10**10), bracket.liquidatable // 10**10
    with boa.env.prank(stranger):
        system.push(safe / 10**8)
        with boa.reverts("liquidator/healthy"):
            system.liquidator.flag(vault_id)
        system.push(beyond / 10**8)
        system.liquidator.flag(vault_id)


# --- gas -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "quote", "profile", "edges"), [(1, 400, 10, 5), (4, 1_500, 10, 8), (16, 12_000, 12, 16)]
)
def test_gas__profile_and_edges__stay_within_their_goals(system, trader, maker, count, quote, profile, edges):
    """Gas [million] of the views themselves at so many legs; the figures are printed."""
    strikes = [1500 + 60 * i for i in range(count)]
    vault_id = held(system, trader, maker, [put(s, 1) if s < 2000 else call(s, 1) for s in strikes], quote)
    points = [(spot * WAD, vol) for spot in range(1_200, 2_800, 200) for vol in (-3_000, 0, 2_500, 5_000)]
    view = system.RiskLens
    view.profile(vault_id, points, gas=int(profile * 10**6))
    used = [view._computation.get_gas_used()]
    asked = brackets_of(position(system, vault_id, Model.ES))
    assert asked, "the vault has an edge"
    view.liquidation_prices(vault_id, (asked * 4)[:4], gas=int(edges * 10**6))
    used.append(view._computation.get_gas_used())
    print(f"{count} legs: profile of 32 points {used[0]:,} gas, 4 edges {used[1]:,}")
