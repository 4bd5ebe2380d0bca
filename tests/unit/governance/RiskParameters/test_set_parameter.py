"""One number at a time, within its bounds, pushed to who reads it."""

from __future__ import annotations

import boa
import pytest

from bulkhead.chain.parameters import PARAMETERS, RAMPED, ParameterSet


def change(system, name, number, market=1, sender=None):
    with boa.env.prank(sender or system.owner):
        system.RiskParameters.set_parameter(market, name, number)


#: Where a parameter is one of an ordered pair: the other one, and where it is out of the way.
ROOM = {
    "kappa_calm_bps": ("kappa_stress_bps", 30_000),
    "kappa_stress_bps": ("kappa_calm_bps", 11_000),
    "t1_seconds": ("t2_seconds", 14_400),
    "t2_seconds": ("t1_seconds", 60),
}


@pytest.mark.parametrize("name", [name for name in PARAMETERS if name not in RAMPED])
def test_set_parameter__at_either_bound__only_that_field_changes(system, parameters, name):
    p = PARAMETERS[name]
    before = ParameterSet().values
    # the two ordered pairs get room first
    if name in ROOM:
        change(system, *ROOM[name])
        before = {**before, **dict([ROOM[name]])}
    for number in (p.least, p.greatest):
        change(system, name, number)
        assert parameters.parameter(1, name) == number
        assert ParameterSet.unpack(parameters.words(1)).values == {**before, name: number}


def test_set_parameter__each_word__reaches_its_readers(system, parameters):
    change(system, "phi_bps", 321)
    change(system, "taker_fee_bps", 7)
    change(system, "t1_seconds", 99)
    change(system, "ramp_bps", 777)
    expected = ParameterSet.default(phi_bps=321, taker_fee_bps=7, t1_seconds=99, ramp_bps=777)
    assert system.clearinghouse.market(1)[1] == expected.word("risk") == parameters.risk(1)
    assert system.exchange.trading(1) == expected.word("trading") == parameters.trading(1)
    assert system.liquidator.market_word(1) == expected.word("liquidation") == parameters.liquidation(1)
    assert system.settlement.market_word(1) == expected.word("liquidation")
    assert expected.word("oracle") in system.oracle.market_words(1)
    assert parameters.oracle(1) == expected.word("oracle")


def test_set_parameter__valid__logs_the_new_state(system, parameters):
    change(system, "dust", 25)
    log = next(e for e in parameters.get_logs() if type(e).__name__ == "ParameterChanged")
    assert (log.market, log.name, log.value, log.word) == (1, "dust", 25, parameters.risk(1))


@pytest.mark.parametrize("name", [n for n, p in PARAMETERS.items() if p.least > 0])
def test_set_parameter__below_its_bound__reverts(system, name):
    with boa.reverts("parameters/too-small"):
        change(system, name, PARAMETERS[name].least - 1)


def test_bounds__every_parameter__are_those_of_the_table(parameters):
    assert {name: parameters.bounds(name) for name in PARAMETERS} == {
        name: (p.least, p.greatest) for name, p in PARAMETERS.items()
    }


@pytest.mark.parametrize("name", PARAMETERS)
def test_set_parameter__above_its_bound__reverts(system, name):
    with boa.reverts("parameters/too-large"):
        change(system, name, PARAMETERS[name].greatest + 1)


def test_set_parameter__kappa_order__reverts(system):
    with boa.reverts("parameters/kappa-order"):
        change(system, "kappa_calm_bps", 15_001)


def test_set_parameter__clock_order__reverts(system):
    with boa.reverts("parameters/clock-order"):
        change(system, "t1_seconds", 451)


def test_set_parameter__unknown_name__reverts(system, parameters):
    with boa.reverts("parameters/unknown-name"):
        change(system, "paused_until", 0)
    with boa.reverts("parameters/unknown-name"):
        parameters.bounds("kappa")


def test_set_parameter__unknown_market__reverts(system, parameters):
    with boa.reverts("parameters/unknown-market"):
        change(system, "dust", 1, market=9)
    with boa.reverts("parameters/unknown-market"):
        parameters.parameter(9, "dust")


def test_set_parameter__guardian_or_stranger__reverts(system, stranger):
    for sender in (stranger, system.guardian):
        with boa.reverts("parameters/not-owner"):
            change(system, "dust", 1, sender=sender)


def test_set_parameter__while_paused__keeps_the_pause(system, parameters):
    with boa.env.prank(system.guardian):
        parameters.pause_opening(1)
    until = parameters.trading(1) >> 208
    change(system, "taker_fee_bps", 9)
    assert parameters.trading(1) >> 208 == until > 0
