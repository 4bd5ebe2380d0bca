"""A guardian slows a market down for a while, and can do nothing else."""

from __future__ import annotations

import random

import boa

DAY = 86_400


def pause(system, sender=None, market=1, count=14):
    with boa.env.prank(sender or system.guardian):
        system.RiskParameters.pause_opening(market, count)


def midnight(system, days=1):
    """To the beginning of a day to come (UTC)."""
    system.wait((system.now // DAY + days) * DAY - system.now)


def paused_until(system):
    return system.RiskParameters.trading(1) >> 208


def resume(system, sender=None, market=1):
    with boa.env.prank(sender or system.owner):
        system.RiskParameters.resume_opening(market)


def test_pause_opening__guardian__holds_to_the_end_of_the_fourteenth_day(system, parameters):
    with boa.env.prank(system.guardian):
        system.RiskParameters.pause_opening(1)
    log = next(e for e in parameters.get_logs() if type(e).__name__ == "OpeningPaused")
    assert paused_until(system) == (system.now // DAY + 14) * DAY == log.until_at
    assert system.exchange.trading(1) == parameters.trading(1)


def test_pause_opening__in_parts__are_at_most_14_days_in_any_28(system):
    """Seconds paused in any span of 28 days, whatever the guardian tries at whatever hour."""
    draw = random.Random(3)
    begin, spans = system.now, []
    for _ in range(120):
        try:
            count = draw.randint(1, 14)
            pause(system, count=count)
            assert paused_until(system) >= (system.now // DAY + count) * DAY
            spans.append((system.now, paused_until(system)))
        except boa.BoaError as error:
            assert "parameters/pause-too-soon" in str(error)
        system.wait(draw.choice((3_600, 50_000, DAY, 4 * DAY, 11 * DAY)))
    merged = []
    for low, high in spans:
        if merged and low <= merged[-1][1]:
            merged[-1][1] = max(high, merged[-1][1])
        else:
            merged.append([low, high])
    most = max(
        sum(max(min(high, end) - max(low, end - 28 * DAY), 0) for low, high in merged)
        for end in range(begin, system.now, 7_200)
    )
    assert 13 * DAY <= most <= 14 * DAY and len(merged) > 5


def test_pause_opening__no_days_or_more_than_14__reverts(system):
    for count in (0, 15):
        with boa.reverts("parameters/pause-days"):
            pause(system, count=count)


def test_pause_opening__longer_while_paused__goes_on(system):
    pause(system, count=3)
    system.wait(DAY)
    pause(system, count=13)
    assert paused_until(system) == (system.now // DAY + 13) * DAY
    # a shorter one shortens nothing
    pause(system, count=1)
    assert paused_until(system) == (system.now // DAY + 13) * DAY
    with boa.reverts("parameters/pause-too-soon"):
        pause(system, count=14)


def test_pause_opening__anyone_else__reverts(system, stranger):
    for sender in (stranger, system.owner):
        with boa.reverts("parameters/not-guardian"):
            pause(system, sender=sender)


def test_pause_opening__unknown_market__reverts(system):
    with boa.reverts("parameters/unknown-market"):
        pause(system, market=9)


def test_pause_opening__again__needs_days_that_are_left(system):
    midnight(system)
    pause(system)
    midnight(system, 28)
    system.wait(-1)
    with boa.reverts("parameters/pause-too-soon"):
        pause(system)
    system.wait(1)
    pause(system)


def test_resume_opening__owner__ends_it_and_leaves_the_days_not_begun(system, parameters):
    pause(system)
    system.wait(2 * DAY)
    resume(system)
    assert parameters.trading(1) >> 208 == 0 == system.exchange.trading(1) >> 208
    # three days are used, this one included
    with boa.reverts("parameters/pause-too-soon"):
        pause(system, count=13)
    pause(system, count=12)


def test_resume_opening__not_paused__reverts(system):
    with boa.reverts("parameters/not-paused"):
        resume(system)


def test_resume_opening__unknown_market__reverts(system):
    with boa.reverts("parameters/unknown-market"):
        resume(system, market=9)


def test_resume_opening__guardian__reverts(system):
    with boa.reverts("parameters/not-owner"):
        resume(system, sender=system.guardian)
