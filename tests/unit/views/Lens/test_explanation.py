"""An explained margin is the contracts' own, to the wei, and its parts make it up."""

import pytest

from bulkhead.report import explanation
from bulkhead.risk.explain import Position, explain
from bulkhead.risk.scales import WAD
from bulkhead.risk.words import Leg, Model, RiskWord
from tests.worlds.system import call, cash, future, put, weekly

EXPIRY = weekly(2)
BOOKS = {
    "short put": [put(2000, -1)],
    "strangle with a future": [call(2300, -2), put(1800, -1), future(1), cash(-2000)],
    "ratio spread": [put(1900, 1), put(1700, -3)],
    "condor": [put(1600, 1), put(1800, -1), call(2200, -1), call(2400, 1), call(2600, -0.5)],
    "straddle on credit": [call(2000, 1), put(2000, 1), cash(-150)],
}


def position_of(system, vault: int) -> Position:
    words = system.words(vault)
    model = Model(words[0] >> 184 & 7)
    risk = RiskWord.unpack(words[3])
    if model == Model.STATIC:
        risk = risk.stamped(words[1] >> 225)
    legs = tuple(system.legs(vault))
    return Position(legs, system.snapshot(EXPIRY), risk, system.state(vault).collateral, model)


@pytest.mark.parametrize("model", list(Model))
@pytest.mark.parametrize("book", BOOKS)
def test_explain__vault_on_chain__its_margins_to_the_wei(system, trader, maker, model, book):
    vault, other = system.open(trader, 5_000, model=model), system.open(maker, 500_000)
    system.novate(other, vault, BOOKS[book], EXPIRY)
    system.wait(60, 2060)  # not where it was opened, and with a vol above the ramped one
    state = system.state(vault)
    found = explain(position_of(system, vault))
    assert found.standing.maintenance_margin == state.maintenance_margin > 0
    assert found.initial_margin == state.initial_margin
    assert found.standing.equity == state.equity
    assert found.standing.target == state.target
    assert found.v_min == (None if state.v_min == -(2**255) else state.v_min)
    # what is shown adds up
    assert sum(part.amount for part in found.parts if part.counts) == found.assessment.margin
    assert sum(part.amount for part in found.initial_parts) == found.initial_margin
    assert sum(line.value for line in found.legs) == pytest.approx(found.assessment.value, abs=len(found.legs))
    (here,) = [cell for cell in found.grid if cell.spot == cell.vol == 0]
    assert (here.equity, here.maintenance_margin) == (state.equity, state.maintenance_margin)


def test_explain__scenarios__mean_of_the_tail_is_the_expected_shortfall(system, trader, maker):
    vault, other = system.open(trader, 5_000), system.open(maker, 500_000)
    system.novate(other, vault, BOOKS["ratio spread"], EXPIRY)
    found = explain(position_of(system, vault))
    assert sum(one.probability for one in found.scenarios) == WAD
    tail = explanation.tail(found)
    mass = sum(one.in_tail for one in tail)
    assert mass == found.position.risk.tail_bps * 10**14
    mean = sum(one.loss * one.in_tail for one in tail) // mass
    assert mean == pytest.approx(found.parts[0].amount, abs=2)
    assert [one.loss for one in found.scenarios] == sorted((one.loss for one in found.scenarios), reverse=True)


def test_explain__long_straddle_at_the_end__decay_stands_for_the_shortfall(system):
    snapshot = system.snapshot(EXPIRY)
    late = Position(
        tuple(Leg.unpack(w) for w in (call(2000, 1), put(2000, 1))),
        snapshot.__class__(**{**vars(snapshot), "seconds": 3600 * 10}),
        RiskWord(),
        0,
    )
    found = explain(late)
    by_name = {part.name: part for part in found.parts}
    assert by_name["decay"].counts and not by_name["expected shortfall"].counts
    # the value at the end of the horizon comes from the scenarios' table: 1e-8 of spot a leg
    assert abs(by_name["decay"].amount - found.assessment.value) <= 2 * 2000 * WAD // 10**8
    assert found.assessment.margin >= by_name["decay"].amount > by_name["expected shortfall"].amount


def test_explain__published_surface__grid_moves_every_vol(system):
    from bulkhead.risk.explain import stressed
    from bulkhead.risk.marks import iv_at, setting_of
    from bulkhead.risk.svi import Mix
    from bulkhead.risk.words import Status
    from tests.worlds.surface import smile

    flat = system.snapshot(EXPIRY)
    half = flat.seconds // 2
    mixed = flat.__class__(
        **{
            **vars(flat),
            "status": flat.status | Status.SURFACE_SVI,
            "surface_near": smile(0.5, half).pack(),
            "surface_far": smile(0.7, 3 * half).pack(),
            "surface_weight": Mix(WAD // 2, WAD // 3, 8 * WAD // 10).pack(),
        }
    )
    for snapshot in (flat, mixed):
        for strike in (1500, 2000, 2600):
            before = iv_at(snapshot, setting_of(snapshot).base, strike * WAD)
            after = iv_at(stressed(snapshot, 0, 50), setting_of(snapshot).base, strike * WAD)
            assert after / before == pytest.approx(1.5, rel=1e-6)
