"""The owner that gives notice: nothing changes before its time, nobody but proposers acts, the delay is for good."""

from __future__ import annotations

import boa
import pytest

from bulkhead.chain.pool import COOLDOWN_SECONDS
from tests.contracts import deployer
from tests.worlds.system_fixtures import deployed, stranger, system

__all__ = ["deployed", "stranger", "system"]

DAY = 86_400
NOTICE, LIFE = 8 * DAY, 14 * DAY
NONE = bytes(32)


@pytest.fixture
def proposer():
    return boa.env.generate_address("proposer")


@pytest.fixture
def lock(system, proposer):
    """A timelock that owns the parameters of a system."""
    made = deployer("Timelock").deploy(NOTICE, [proposer])
    with boa.env.prank(system.owner):
        system.RiskParameters.transfer_ownership(made.address)
    made.accept(system.RiskParameters.address)
    return made


def change(system, name="dust", number=25):
    return system.RiskParameters.set_parameter.prepare_calldata(1, name, number)


def schedule(lock, proposer, target, data, delay=NOTICE, salt=NONE):
    with boa.env.prank(proposer):
        lock.schedule(target, 0, data, NONE, salt, delay)
    return lock.hash_operation(target, 0, data, NONE, salt)


def execute(lock, proposer, target, data, salt=NONE):
    with boa.env.prank(proposer):
        lock.execute(target, 0, data, NONE, salt)


def test_accept__offered_ownership__is_taken_by_anyones_call(system, lock):
    assert system.RiskParameters.owner() == lock.address
    with boa.env.prank(system.owner), boa.reverts("parameters/not-owner"):
        system.RiskParameters.set_parameter(1, "dust", 25)


def test_accept__nothing_offered__reverts(system, proposer):
    made = deployer("Timelock").deploy(NOTICE, [proposer])
    with boa.reverts("ownable_2step: caller is not the new owner"):
        made.accept(system.RiskParameters.address)


def test_execute__after_the_delay_and_not_before__changes_the_parameter(system, lock, proposer):
    target, data = system.RiskParameters.address, change(system)
    operation = schedule(lock, proposer, target, data)
    assert lock.is_operation_pending(operation) and lock.get_timestamp(operation) == system.now + NOTICE
    system.wait(NOTICE - 1)
    with boa.reverts("timelock_controller: operation is not ready"):
        execute(lock, proposer, target, data)
    assert system.RiskParameters.parameter(1, "dust") == 10
    system.wait(1)
    execute(lock, proposer, target, data)
    assert system.RiskParameters.parameter(1, "dust") == 25
    with boa.reverts("timelock_controller: operation is not ready"):
        execute(lock, proposer, target, data)


def test_execute__fourteen_days_late__is_refused_and_needs_new_notice(system, lock, proposer):
    """A change that everybody has forgotten must not come without notice."""
    target, data = system.RiskParameters.address, change(system)
    operation = schedule(lock, proposer, target, data)
    assert lock.lapses_at(operation) == system.now + NOTICE + LIFE
    with boa.env.anchor():
        system.wait(NOTICE + LIFE - 1)
        execute(lock, proposer, target, data)
        assert lock.lapses_at(operation) == 0
    for late in (NOTICE + LIFE, 365 * DAY):
        with boa.env.anchor():
            system.wait(late)
            with boa.reverts("timelock/lapsed"):
                execute(lock, proposer, target, data)
            with boa.env.prank(proposer), boa.reverts("timelock_controller: operation already scheduled"):
                lock.schedule(target, 0, data, NONE, NONE, NOTICE)
            with boa.env.prank(proposer):
                lock.cancel(operation)
            assert lock.lapses_at(operation) == 0
            schedule(lock, proposer, target, data)
            system.wait(NOTICE)
            execute(lock, proposer, target, data)
    assert system.RiskParameters.parameter(1, "dust") == 10


def test_execute_batch__fourteen_days_late__is_refused(system, lock, proposer):
    target = system.RiskParameters.address
    batch = ([target] * 2, [0, 0], [change(system), change(system, "phi_bps", 250)])
    with boa.env.prank(proposer):
        lock.schedule_batch(*batch, NONE, NONE, NOTICE)
    system.wait(NOTICE + LIFE)
    with boa.env.prank(proposer), boa.reverts("timelock/lapsed"):
        lock.execute_batch(*batch, NONE, NONE)


def test_execute_batch__lists_of_unlike_length__reverts(system, lock, proposer):
    with boa.env.prank(proposer), boa.reverts("timelock/length"):
        lock.execute_batch([system.RiskParameters.address], [0, 0], [change(system)], NONE, NONE)


def test_execute__before_its_predecessor__reverts(system, lock, proposer):
    target, first, second = system.RiskParameters.address, change(system), change(system, "phi_bps", 250)
    operation = schedule(lock, proposer, target, first)
    with boa.env.prank(proposer):
        lock.schedule(target, 0, second, operation, NONE, NOTICE)
    system.wait(NOTICE)
    with boa.env.prank(proposer), boa.reverts("timelock_controller: missing dependency"):
        lock.execute(target, 0, second, operation, NONE)
    execute(lock, proposer, target, first)
    with boa.env.prank(proposer):
        lock.execute(target, 0, second, operation, NONE)
    assert system.RiskParameters.parameter(1, "phi_bps") == 250


def test_delay__is_longer_than_the_cooldowns_of_depositors(lock):
    """Who reads a proposal and asks for their tokens at once has them before it counts."""
    assert lock.get_minimum_delay() > COOLDOWN_SECONDS


def test_execute__change_that_the_bounds_refuse__fails_and_stays_pending(system, lock, proposer):
    target, data = system.RiskParameters.address, change(system, "dust", 1_001)
    operation = schedule(lock, proposer, target, data)
    system.wait(NOTICE)
    with boa.reverts("parameters/too-large"):
        execute(lock, proposer, target, data)
    assert lock.is_operation_ready(operation)


def test_schedule__shorter_than_the_delay__reverts(system, lock, proposer):
    with boa.reverts("timelock_controller: insufficient delay"):
        schedule(lock, proposer, system.RiskParameters.address, change(system), delay=NOTICE - 1)


def test_cancel__by_a_proposer__ends_it(system, lock, proposer, stranger):
    target, data = system.RiskParameters.address, change(system)
    operation = schedule(lock, proposer, target, data)
    with boa.env.prank(stranger), boa.reverts("access_control: account is missing role"):
        lock.cancel(operation)
    with boa.env.prank(proposer):
        lock.cancel(operation)
    system.wait(NOTICE)
    with boa.reverts("timelock_controller: operation is not ready"):
        execute(lock, proposer, target, data)


def test_schedule_and_execute__stranger_guardian_and_old_owner__revert(system, lock, proposer, stranger):
    target, data = system.RiskParameters.address, change(system)
    for sender in (stranger, system.guardian, system.owner):
        with boa.reverts("access_control: account is missing role"):
            schedule(lock, sender, target, data)
    schedule(lock, proposer, target, data)
    system.wait(NOTICE)
    for sender in (stranger, system.guardian, system.owner):
        # who may pick the moment could pick the middle of a transaction
        with boa.reverts("access_control: account is missing role"):
            execute(lock, sender, target, data)


def test_roles__only_by_notice_to_itself__can_change(system, lock, proposer, stranger):
    role = lock.PROPOSER_ROLE()
    for sender in (proposer, system.owner, stranger):
        with boa.env.prank(sender), boa.reverts("access_control: account is missing role"):
            lock.grantRole(role, stranger)
    data = lock.grantRole.prepare_calldata(role, stranger)
    schedule(lock, proposer, lock.address, data)
    system.wait(NOTICE)
    execute(lock, proposer, lock.address, data)
    assert lock.hasRole(role, stranger)


def test_delay__has_no_entry_that_changes_it(lock):
    assert not hasattr(lock, "update_delay")
    assert lock.get_minimum_delay() == NOTICE


@pytest.mark.parametrize(
    ("delay", "proposers", "reason"),
    [
        (NOTICE - 1, 1, "timelock/delay-range"),
        (30 * DAY + 1, 1, "timelock/delay-range"),
        (NOTICE, 0, "timelock/no-proposer"),
    ],
)
def test_init__out_of_range__reverts(proposer, delay, proposers, reason):
    with boa.reverts(reason):
        deployer("Timelock").deploy(delay, [proposer] * proposers)


def test_init__empty_proposer__reverts(proposer):
    with boa.reverts("timelock/empty-proposer"):
        deployer("Timelock").deploy(NOTICE, [proposer, "0x" + "00" * 20])


def test_execute_batch__two_changes__come_together_or_not_at_all(system, lock, proposer):
    target = system.RiskParameters.address
    good, bad = change(system, "t1_seconds", 400), change(system, "t2_seconds", 700)
    targets, amounts = [target] * 2, [0, 0]
    with boa.env.prank(proposer):
        lock.schedule_batch(targets, amounts, [good, bad], NONE, NONE, NOTICE)
        system.wait(NOTICE)
        with boa.reverts("parameters/clock-order"):
            lock.execute_batch(targets, amounts, [good, bad], NONE, NONE)
    assert system.RiskParameters.parameter(1, "t1_seconds") == 120
    fine = [change(system, "t2_seconds", 1_000), good]
    with boa.env.prank(proposer):
        lock.schedule_batch(targets, amounts, fine, NONE, NONE, NOTICE)
        system.wait(NOTICE)
        lock.execute_batch(targets, amounts, fine, NONE, NONE)
    assert system.RiskParameters.parameter(1, "t1_seconds") == 400


def test_guardian__under_a_timelock__still_pauses_at_once(system, lock):
    with boa.env.prank(system.guardian):
        system.RiskParameters.pause_opening(1)
    assert system.RiskParameters.trading(1) >> 208 > system.now
