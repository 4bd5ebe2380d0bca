"""The margin table, row by row, through the ledger."""

import boa
import pytest

from tests.worlds.system import call, cash, put, weekly

EXPIRY = weekly(2)
ZEROS = [0] * 9


@pytest.fixture
def short(system, trader, maker):
    """A vault that has sold a put, and its rich counterparty."""
    vault, other = system.open(trader, 260), system.open(maker, 500_000)
    system.novate(vault, other, [put(2000, 1)], EXPIRY, 60)
    return vault, other


def flag(system, vault, spot):
    """Drops the price, flags the vault as the Liquidator would and checks that it is liquidatable."""
    system.wait(60, spot)
    state = system.state(vault)
    assert state.status & 32
    with boa.env.prank(boa.env.generate_address("keeper")):
        system.liquidator.flag(vault)


def test_check__reducing_trade_of_an_unhealthy_vault__passes(system, short):
    vault, other = short
    flag(system, vault, 1800)
    mark = -system.state(vault).value / 1e18
    system.novate(other, vault, [put(2000, 0.5)], EXPIRY, mark / 2)
    assert system.legs(vault)[0].quantity == -(10**6) // 2


def test_check__reducing_trade_at_a_ruinous_price__refused(system, short):
    vault, other = short
    flag(system, vault, 1832)
    before = system.state(vault)
    assert 0 < before.equity < before.maintenance_margin
    mark = -before.value / 1e18
    with boa.reverts("margin/adds-risk"):
        # half the position for all that is left: equity / MM falls
        system.novate(other, vault, [put(2000, 0.5)], EXPIRY, mark / 2 + before.equity / 1e18 - 1)


def test_check__negative_equity__may_close_but_not_lose_more(system, short):
    vault, other = short
    flag(system, vault, 1600)
    state = system.state(vault)
    assert state.equity < 0
    fair = -state.value / 2 / 1e18
    with boa.reverts("margin/adds-risk"):
        system.novate(other, vault, [put(2000, 0.5)], EXPIRY, fair + 1)
    system.novate(other, vault, [put(2000, 0.5)], EXPIRY, fair - 1)


def test_check__flagged_vault_adding_a_leg__refused(system, short):
    vault, other = short
    flag(system, vault, 1800)
    with boa.reverts("margin/flagged"):
        system.novate(other, vault, [put(1700, 1)], EXPIRY, 1)
    # crossing zero is not reducing
    with boa.reverts("margin/flagged"):
        system.novate(other, vault, [put(2000, 2)], EXPIRY, 1)


def test_check__unhealthy_vault_adding_risk__refused(system, short):
    vault, other = short
    system.wait(60, 1800)
    with boa.reverts("margin/below-initial"):
        system.novate(vault, other, [call(2500, 1)], EXPIRY, 0)


def test_check__adding_risk_near_liquidation__needs_the_proximity_add_on(system, trader, maker):
    vault, other = system.open(trader, 700), system.open(maker, 500_000)
    system.novate(vault, other, [put(2000, 1)], EXPIRY, 60)
    state = system.state(vault)
    kappa_margin = state.maintenance_margin * 125 // 100
    # equity between 1.25 MM and the proximity-raised IM: enough to hold, not enough to withdraw down to
    target = kappa_margin + kappa_margin // 100
    amount = (state.equity - target) // 10**12
    with boa.env.prank(trader), boa.reverts("margin/below-initial"):
        system.clearinghouse.withdraw(vault, amount, trader)


def test_check__taker__is_gated_at_initial_margin_and_never_flagged(system, short, trader):
    vault, _ = short
    words, legs = system.clearinghouse.load(vault)
    prices = system.oracle.snapshot(1, EXPIRY)
    gate = system.MarginGate
    assert gate.check((2, 0, 0, ZEROS), words, [], legs, prices) == 0
    poor = list(words)
    poor[6] = 20 * 10**6
    with boa.reverts("margin/taker-below-initial"):
        gate.check((2, 0, 0, ZEROS), poor, [], legs, prices)
    flagged = list(words)
    flagged[0] |= 1 << 188
    with boa.reverts("margin/flagged"):
        gate.check((2, 0, 0, ZEROS), flagged, [], legs, prices)


def test_check__vol_above_its_ramp__initial_margin_uses_the_larger(system, short):
    vault, _ = short
    words, legs = system.clearinghouse.load(vault)
    prices = list(system.oracle.snapshot(1, EXPIRY))
    gate = system.MarginGate
    assert gate.check((1, 0, 0, ZEROS), words, legs, legs, prices) == 0
    prices[4] = 3 * prices[3]
    with boa.reverts("margin/below-initial"):
        gate.check((1, 0, 0, ZEROS), words, legs, legs, prices)
    # taking over creates no risk: it is gated at ramped values
    assert gate.check((2, 0, 0, ZEROS), words, legs, legs, prices) == 0


def test_check__recorded_deficit_of_the_cell__enters_no_margin(system, trader, maker):
    long, other = system.open(trader, 400), system.open(maker, 500_000)
    # a long call paid for later: its value backs the premium it owes
    system.novate(other, long, [call(1800, 1), cash(-150)], EXPIRY, 0)
    state = system.state(long)
    assert state.value > 20 * 10**18
    words, legs = system.clearinghouse.load(long)
    words = list(words)
    # equity a little above IM, by less than the value
    words[6] -= (state.equity - state.initial_margin) // 10**12 - 15 * 10**6
    prices = system.oracle.snapshot(1, EXPIRY)
    assert system.MarginGate.check((1, 0, 0, ZEROS), words, legs, legs, prices) == 0
    # inside a cell a claim backs a debt in full: settlement nets a vault's legs before any haircut
    words[7] |= (20 * 10**6) << 112
    assert system.MarginGate.check((1, 0, 0, ZEROS), words, legs, legs, prices) == 0
    assert system.MarginGate.review(words, legs).outcome in (1, 2)


def test_review__tells_ended_healthy_and_liquidatable_apart(system, short):
    vault, _ = short
    words, legs = system.clearinghouse.load(vault)
    gate = system.MarginGate
    assert tuple(gate.review(words, legs)) == (2, 0, 0, 0)
    state = system.state(vault)
    thin, thinner = list(words), list(words)
    thin[6] -= (state.equity - state.maintenance_margin) // 10**12
    thinner[6] = thin[6] - 10 * 10**6
    outcome, equity, terms, clock = gate.review(thin, legs)
    maintenance = (terms >> 120 & (2**64 - 1)) * 10**12
    assert 0 < maintenance <= equity
    assert (outcome, clock) == (1, system.oracle.snapshot(1, EXPIRY).clock)
    assert equity >= state.maintenance_margin
    assert gate.review(thinner, legs).outcome == 0
    system.wait(5 * 3600)
    assert tuple(gate.review(thin, legs)) == (3, 0, 0, 0)
    covered = list(words)
    # the worst case, the deposit of 10 and once more the three that the tip for ending the flag takes out of it
    covered[6] = 2_013 * 10**6
    assert gate.review(covered, legs)[0] == 2
    covered[6] -= 1
    assert gate.review(covered, legs)[0] == 3
    # a price after an outage is fresh and not active: it ends no flag, sets no auction back and records no deficit
    system.wait(60, 2000)
    assert tuple(gate.review(thin, legs)) == (3, 0, 0, 0)
