"""A guardian slows a market down for a while, and can do nothing else."""

from __future__ import annotations

import boa

FORTNIGHT = 14 * 86_400


def pause(system, sender=None, market=1):
    with boa.env.prank(sender or system.guardian):
        system.RiskParameters.pause_opening(market)


def resume(system, sender=None, market=1):
    with boa.env.prank(sender or system.owner):
        system.RiskParameters.resume_opening(market)


def test_pause_opening__guardian__holds_for_14_days(system, parameters):
    pause(system)
    log = next(e for e in parameters.get_logs() if type(e).__name__ == "OpeningPaused")
    assert parameters.trading(1) >> 208 == system.now + FORTNIGHT == log.until_at
    assert system.exchange.trading(1) == parameters.trading(1)


def test_pause_opening__anyone_else__reverts(system, stranger):
    for sender in (stranger, system.owner):
        with boa.reverts("parameters/not-guardian"):
            pause(system, sender=sender)


def test_pause_opening__unknown_market__reverts(system):
    with boa.reverts("parameters/unknown-market"):
        pause(system, market=9)


def test_pause_opening__before_an_equal_break__reverts(system):
    pause(system)
    system.wait(2 * FORTNIGHT - 1)
    with boa.reverts("parameters/pause-too-soon"):
        pause(system)
    system.wait(1)
    pause(system)


def test_resume_opening__owner__ends_it_and_allows_the_next(system, parameters):
    pause(system)
    resume(system)
    assert parameters.trading(1) >> 208 == 0 == system.exchange.trading(1) >> 208
    pause(system)


def test_resume_opening__not_paused__reverts(system):
    with boa.reverts("parameters/not-paused"):
        resume(system)


def test_resume_opening__unknown_market__reverts(system):
    with boa.reverts("parameters/unknown-market"):
        resume(system, market=9)


def test_resume_opening__guardian__reverts(system):
    with boa.reverts("parameters/not-owner"):
        resume(system, sender=system.guardian)
