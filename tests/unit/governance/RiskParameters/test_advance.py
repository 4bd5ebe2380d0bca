"""Parameters that move open vaults get to their target by a ramp, which anyone may push on and nobody can hurry."""

from __future__ import annotations

import math
import random

import boa
import pytest

from bulkhead.chain.parameters import HOUR, PARAMETERS, RAMPED, ParameterSet
from bulkhead.risk.words import Model
from tests.contracts import deployer
from tests.worlds.system import call, put, weekly

NAMES = sorted(RAMPED)


EXPIRY = weekly(4)


def aim(system, name, number, sender=None):
    with boa.env.prank(sender or system.owner):
        system.RiskParameters.set_parameter(1, name, number)


@pytest.mark.parametrize("name", NAMES)
def test_set_parameter__ramped__notes_the_target_and_changes_nothing(system, parameters, name):
    p, words = PARAMETERS[name], parameters.words(1)
    for target in (p.greatest, p.least):
        aim(system, name, target)
        log = next(e for e in parameters.get_logs() if type(e).__name__ == "RampStarted")
        assert (log.market, log.name, log.value, log.target) == (1, name, p.default, target)
        assert parameters.ramp(1, name) == (target, system.now)
        assert parameters.words(1) == words
        system.wait(100)


@pytest.mark.parametrize("name", NAMES)
def test_advance__any_rhythm__is_the_mirror_and_ends_at_the_target(system, parameters, stranger, name):
    p, chance = PARAMETERS[name], random.Random(name)
    number = p.default
    for target in (max(p.default * 96 // 100, p.least), min(p.default * 105 // 100, p.greatest)):
        aim(system, name, target)
        last = system.now
        while number != target:
            system.wait(chance.choice((5, 300, 1_700, 3_500, 3_600)), spot=2000)
            expected, used = p.step(number, target, system.now - last)
            with boa.env.prank(stranger):
                if not used:
                    with boa.reverts("parameters/too-soon"):
                        parameters.advance(1, name)
                    continue
                assert parameters.advance(1, name) == expected
            assert used <= system.now - last
            number, last = expected, last + used
            assert parameters.parameter(1, name) == number
            assert parameters.ramp(1, name) == ((target, last) if number != target else (0, 0))
            assert ParameterSet.unpack(parameters.words(1)).values == {**ParameterSet().values, name: number}
        with boa.reverts("parameters/no-ramp"):
            parameters.advance(1, name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seconds", [7, 120, HOUR])
def test_advance__called_all_the_time__never_faster_than_the_ramp_nor_much_slower(system, parameters, name, seconds):
    p, hours = PARAMETERS[name], 4
    aim(system, name, p.greatest)
    for _ in range(min(hours * HOUR // seconds, 150)):
        system.wait(seconds)
        if system.now % 1_800 < seconds or seconds > 1_800:
            system.push(2000)
        with_step = p.step(parameters.parameter(1, name), p.greatest, system.now - parameters.ramp(1, name)[1])
        if with_step[1]:
            parameters.advance(1, name)
    passed = min(hours * HOUR // seconds, 150) * seconds
    moved = parameters.parameter(1, name) - p.default
    base = 1_000 if name == "rate_bps" else p.default
    fastest = base * (math.exp(0.01 * passed / HOUR) - 1)
    assert moved <= fastest + 1
    # a step uses up whole seconds
    assert moved >= base * passed // (100 * HOUR) * 0.85 - 2


def test_advance__after_a_long_wait__makes_no_more_than_one_step(system, parameters):
    aim(system, "horizon_seconds", 172_800)
    for _ in range(20):
        system.wait(HOUR, spot=2000)
    assert parameters.advance(1, "horizon_seconds") == 50_400 + 504
    with boa.reverts("parameters/too-soon"):
        parameters.advance(1, "horizon_seconds")


def test_advance__down__goes_as_slowly(system, parameters):
    aim(system, "iv_floor_bps", 1_000)
    system.wait(HOUR, spot=2000)
    assert parameters.advance(1, "iv_floor_bps") == 3_960


def test_set_parameter__new_target__starts_the_clock_again(system, parameters):
    aim(system, "short_floor_bps", 500)
    system.wait(3_500, spot=2000)
    aim(system, "short_floor_bps", 400)
    system.wait(200, spot=2000)
    with boa.reverts("parameters/too-soon"):
        parameters.advance(1, "short_floor_bps")
    assert parameters.ramp(1, "short_floor_bps") == (400, system.now - 200)


def test_set_parameter__the_number_in_force__ends_the_ramp(system, parameters):
    aim(system, "tail_bps", 200)
    aim(system, "tail_bps", PARAMETERS["tail_bps"].default)
    assert parameters.ramp(1, "tail_bps") == (0, 0)
    with boa.reverts("parameters/no-ramp"):
        parameters.advance(1, "tail_bps")


def test_set_parameter__ramped__is_the_owners_within_its_bounds(system, stranger):
    for sender in (stranger, system.guardian):
        with boa.reverts("parameters/not-owner"):
            aim(system, "tail_bps", 90, sender)
    with boa.reverts("parameters/too-large"):
        aim(system, "tail_bps", 251)
    with boa.reverts("parameters/too-small"):
        aim(system, "tail_bps", 9)


def test_advance__stale_price__stands_still_and_so_through_the_grace_after_it(system, parameters):
    aim(system, "iv_floor_bps", 8_000)
    system.wait(2 * HOUR)
    with boa.reverts("parameters/price-not-active"):
        parameters.advance(1, "iv_floor_bps")
    system.oracle.observe(1, 0)
    system.push(2000)
    system.oracle.observe(1, 0)
    with boa.reverts("parameters/price-not-active"):
        parameters.advance(1, "iv_floor_bps")
    system.wait(1_800, spot=2000)
    system.wait(1_801, spot=2000)
    # three hours and more have gone by: one step
    assert parameters.advance(1, "iv_floor_bps") == 4_040


def test_advance__unknown__reverts(system, parameters):
    with boa.reverts("parameters/unknown-market"):
        parameters.advance(9, "tail_bps")
    with boa.reverts("parameters/unknown-name"):
        parameters.advance(1, "kappa")
    with boa.reverts("parameters/no-ramp"):
        parameters.advance(1, "phi_bps")
    with boa.reverts("parameters/unknown-name"):
        parameters.ramp(1, "kappa")


@pytest.mark.parametrize("model", list(Model), ids=lambda model: model.name)
@pytest.mark.parametrize("name", NAMES)
def test_advance__to_either_bound__moves_an_open_vault_by_no_more_than_its_step(system, parameters, name, model):
    """INV-06: what an hour of a ramp does to equity and MM is a hundredth or two of MM."""
    maker, trader = boa.env.generate_address(), boa.env.generate_address()
    desk, vault = system.open(maker, 500_000), system.open(trader, 3_000, model=model)
    system.novate(vault, desk, [put(1900, 1), call(2300, 1), put(1500, -1)], EXPIRY, 60)
    p = PARAMETERS[name]
    for target in (p.greatest, p.least):
        aim(system, name, target)
        # a coarse number moves by a whole unit, after as many hours as that takes
        for _ in range(-(-100 // p.default)):
            system.wait(HOUR, spot=2000)
        before = system.state(vault)
        number = parameters.parameter(1, name)
        moved = abs(parameters.advance(1, name) - number)
        after = system.state(vault)
        share = moved / (1_000 if name == "rate_bps" else number)
        most = before.maintenance_margin * 2 * share
        assert abs(after.maintenance_margin - before.maintenance_margin) <= most
        assert abs(after.equity - before.equity) <= most


def test_advance__inside_a_takers_callback__is_refused(system, parameters):
    """What a take begins with it ends with; before and after, anybody may push a ramp on."""
    taker = deployer("HostileTaker").deploy()
    owner = boa.env.generate_address()
    desk, vault = system.open(boa.env.generate_address(), 500_000), system.open(owner, 600)
    system.novate(vault, desk, [put(2000, 1)], EXPIRY, 60)
    into = system.clearinghouse.next_id()
    taker.act(system.clearinghouse.address, system.clearinghouse.open.prepare_calldata(1, 0, taker.address, 0))
    system.deposit(into, 5_000, boa.env.generate_address())
    aim(system, "short_floor_bps", 500)
    system.wait(HOUR, spot=1450)
    system.liquidator.flag(vault)
    system.wait(60)
    step = parameters.advance.prepare_calldata(1, "short_floor_bps")
    taker.script([(parameters.address, step, False)])
    taker.take(system.liquidator.address, vault, 10**17, into, b"x")
    assert taker.calls() == 1 and taker.passed() == 0
    assert b"parameters/in-callback" in taker.refusal()
    taker.act(parameters.address, step)
    assert parameters.parameter(1, "short_floor_bps") == 101
