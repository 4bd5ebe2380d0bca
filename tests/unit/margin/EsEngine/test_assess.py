import dataclasses
import math
from fractions import Fraction

import boa
import pytest

from bulkhead.risk import exact
from bulkhead.risk.words import WAD, Kind, Leg, RiskWord, Snapshot
from tests.worlds.engine_cases import calm, option

RISK = RiskWord()
UNBOUNDED = exact.UNBOUNDED


def assess(engine, legs, snapshot, collateral=exact.FORCE_FULL, risk=RISK):
    """The contract's answer, after checking that the mirror gives the same."""
    words = engine.assess([leg.pack() for leg in legs], snapshot.words(), risk.pack(), collateral)
    assert list(words) == exact.assess(legs, snapshot, risk, collateral).words()
    return exact.Assessment(*words)


def refuses(engine, legs, snapshot, reason, risk=RISK):
    with boa.reverts(reason):
        engine.assess([leg.pack() for leg in legs], snapshot.words(), risk.pack(), exact.FORCE_FULL)
    with pytest.raises(ValueError, match=reason):
        exact.assess(legs, snapshot, risk)


SHORT_PUT = [option(Kind.PUT, 1800, -1)]


def test_assess__no_legs__is_zero_and_needs_no_price(engine):
    assert assess(engine, [], Snapshot(0, 0, 0, 0), 0).covered == 1


def test_assess__long_option__is_covered_without_a_price(engine):
    got = assess(engine, [option(Kind.CALL, 2000, 1)], Snapshot(0, 0, 0, 0), 0)
    assert (got.covered, got.v_min, got.margin) == (1, 0, 0)


def test_assess__cash_secured_put__is_covered_at_its_exact_worst_loss(engine):
    worst = 1800 * WAD
    assert assess(engine, SHORT_PUT, Snapshot(0, 0, 0, 0), worst).covered == 1
    assert assess(engine, SHORT_PUT, calm(), worst - 1).covered == 0


def test_assess__five_legs__never_take_the_early_return(engine):
    legs = [option(Kind.CALL, 2000 + i, 1) for i in range(5)]
    assert assess(engine, legs, calm(), 10**30).covered == 0


def test_assess__covered_call__is_bounded(engine):
    legs = [option(Kind.CALL, 2200, -1), Leg(Kind.FUTURE, 0, 10**6), Leg(Kind.CASH, 0, -2000 * 10**6)]
    got = assess(engine, legs, calm(), 0)
    assert got.v_min == -2000 * WAD
    assert got.margin < 600 * WAD


def test_assess__short_call__is_unbounded(engine):
    assert assess(engine, [option(Kind.CALL, 2200, -1)], calm(), 10**30).v_min == UNBOUNDED


def test_assess__future__shortfall_by_hand(engine):
    # losses are linear in exp(z*u): the worst 1 % are the nodes at -7.5, -4.6, -3.5 in full
    snapshot = calm()
    got = assess(engine, [Leg(Kind.FUTURE, 0, 10**6)], snapshot)
    move = exact.sqrt_ratio(14 * 3600, 31_536_000) * snapshot.sigma // WAD
    drops = [1 - Fraction(exact.exp_q64(z * move // 1000, exact.MOVE), 2**64) for z in (-7500, -4600, -3500)]
    mean = (drops[0] * 1 + drops[1] * 4 + drops[2] * 5) / 10
    assert abs(Fraction(got.margin, WAD) - mean * 2000) < Fraction(1, 10**15)
    assert got.delta == WAD
    assert got.value == 2000 * WAD


def test_assess__straddle__greeks_add_up(engine):
    call = assess(engine, [option(Kind.CALL, 2000, 1)], calm())
    put = assess(engine, [option(Kind.PUT, 2000, 1)], calm())
    both = assess(engine, [option(Kind.CALL, 2000, 1), option(Kind.PUT, 2000, 1)], calm())
    assert abs(call.delta - put.delta - WAD) <= 2
    assert abs(call.gamma - put.gamma) <= 1
    for name in ("value", "delta", "gamma", "vega", "theta"):
        assert abs(getattr(both, name) - getattr(call, name) - getattr(put, name)) <= 2


def test_assess__short_options__pay_the_floor(engine):
    far = assess(engine, [option(Kind.CALL, 20_000, -1)], calm(days=3))
    assert 20 * WAD <= far.margin < 20 * WAD + WAD // 1000


def test_assess__longer_horizon_than_expiry__uses_the_time_left(engine):
    legs = [Leg(Kind.FUTURE, 0, 10**6)]
    long = assess(engine, legs, calm(days=30)).margin
    two_hours = assess(engine, legs, calm(days=2 / 24)).margin
    ten_minutes = assess(engine, legs, calm(days=1 / 144)).margin
    one_hour = assess(engine, legs, calm(days=1 / 24)).margin
    assert long > two_hours > one_hour == ten_minutes


def test_assess__settlement_window__knows_most_of_the_price(engine):
    share = 2 * WAD // 3
    snapshot = dataclasses.replace(
        calm(), seconds=600, window_share=share, window_average=1900 * WAD, forward=(1900 * 2 + 2000) * WAD // 3
    )
    future = assess(engine, [Leg(Kind.FUTURE, 0, 10**6)], snapshot)
    assert abs(future.delta - WAD // 3) < 10
    # the known part alone takes the strike out of reach: worth F - K, whatever happens
    call = assess(engine, [option(Kind.CALL, 1000, 1)], snapshot)
    assert abs(call.value - (snapshot.forward - 1000 * WAD)) <= 10**3
    assert call.vega == 0


def test_assess__last_seconds_of_the_window__is_intrinsic(engine):
    share = 995 * WAD // 1000
    snapshot = dataclasses.replace(calm(), seconds=9, window_share=share, window_average=1990 * WAD)
    got = assess(engine, [option(Kind.CALL, 1980, 1)], snapshot)
    assert abs(got.value - (1990 * 995 + 2000 * 5 - 1980 * 1000) * WAD // 1000) <= 10**3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"spot": 0}, "es/zero-spot"),
        ({"forward": 0}, "es/zero-spot"),
        ({"spot": 2**96}, "es/snapshot-range"),
        ({"forward": 2**96}, "es/snapshot-range"),
        ({"seconds": 0}, "es/expired"),
        ({"surface_near": 10**15 - 1}, "es/vol-range"),
        ({"surface_near": 10**19 + 1}, "es/vol-range"),
        ({"sigma": 0}, "es/vol-range"),
        ({"sigma": 10**19 + 1}, "es/vol-range"),
        ({"window_share": WAD}, "es/window-share"),
        ({"window_share": 1, "window_average": 2**96}, "es/snapshot-range"),
        ({"seconds": 2**30}, "es/snapshot-range"),
    ],
)
def test_assess__bad_snapshot__reverts(engine, change, reason):
    refuses(engine, SHORT_PUT, dataclasses.replace(calm(), **change), reason)


@pytest.mark.parametrize(
    ("legs", "reason"),
    [
        ([Leg(Kind.PUT, 10**11, 0)], "leg/zero-quantity"),
        ([option(Kind.PUT, 1800, -1), option(Kind.PUT, 1800, 2)], "leg/duplicate-series"),
        ([Leg(Kind.CASH, 0, 1), Leg(Kind.CASH, 0, 2)], "leg/duplicate-series"),
    ],
)
def test_assess__bad_legs__reverts(engine, legs, reason):
    refuses(engine, legs, calm(), reason)
    with boa.reverts(reason):
        engine.max_loss([leg.pack() for leg in legs])
    with boa.reverts(reason):
        engine.value([leg.pack() for leg in legs], calm().words())


@pytest.mark.parametrize("word", [1 << 126 | 1, 2 << 126 | 5 << 64 | 1, 1])
def test_assess__strike_without_option_or_option_without_strike__reverts(engine, word):
    with boa.reverts("leg/strike-kind"):
        engine.assess([word], calm().words(), RISK.pack(), exact.FORCE_FULL)


def test_assess__no_tail__reverts(engine):
    refuses(engine, SHORT_PUT, calm(), "es/tail-range", dataclasses.replace(RISK, tail_bps=0))


def test_assess__seventeen_legs__reverts(engine):
    legs = [option(Kind.CALL, 2000 + i, 1) for i in range(17)]
    with pytest.raises(ValueError, match="leg/too-many-legs"):
        exact.assess(legs, calm(), RISK)
    with pytest.raises(Exception):  # noqa: B017 - the ABI itself has no room for it
        engine.assess([leg.pack() for leg in legs], calm().words(), RISK.pack(), 0)


def test_assess__settlement_window__takes_two_thirds_of_it_off_the_time(engine):
    """An average has a third of the variance of its end: Black-76 by hand at the time less two thirds of the window."""
    legs = [option(Kind.CALL, 2000, 1)]
    for seconds, window, time in ((86_400, 1800, 85_200), (7200, 7200, 2400), (3600, 0, 3600), (86_401, 0, 86_401)):
        snapshot = dataclasses.replace(calm(), seconds=seconds, window_seconds=window)
        got = assess(engine, legs, snapshot)
        width = 0.6 * math.sqrt(time / 31_536_000)
        assert abs(got.value / 1e18 - 2000 * math.erf(width / 2 / math.sqrt(2))) < 1e-9


def test_assess__window_opens__nothing_jumps(engine):
    """At the start of the window, and a second into it, prices go on from those before."""
    legs = [option(Kind.CALL, 2000, 1), option(Kind.PUT, 1990, -2)]
    before = dataclasses.replace(calm(), seconds=1801, window_seconds=1800)
    at = dataclasses.replace(before, seconds=1800)
    after = dataclasses.replace(
        before, seconds=1799, window_share=WAD // 1800, window_average=2000 * WAD, forward=2000 * WAD
    )
    one, two, three = (assess(engine, legs, snapshot) for snapshot in (before, at, after))
    for name in ("value", "margin"):
        a, b, c = (getattr(found, name) for found in (one, two, three))
        assert abs(a - b) < abs(b) // 1000 and abs(b - c) < abs(b) // 1000
