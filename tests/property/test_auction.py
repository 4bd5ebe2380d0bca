"""Properties of a take-over plan (INV-09): contract equals mirror, f* reaches the target, splitting gains nothing."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bulkhead.risk.auction import (
    WAD,
    LiquidationTerms,
    TakePlan,
    draw_room,
    due_native,
    plan_take,
    quantity,
    split_legs,
)
from tests.contracts import deployer

BPS = 10**14
TERMS = LiquidationTerms(
    bonus_start=200 * BPS,
    bonus_middle=5000 * BPS,
    t1_seconds=120,
    t2_seconds=900,
    vault_cap=10_000 * BPS,
    cell_cap=2500 * BPS,
    day_cap=5000 * BPS,
    top_up=2500 * BPS,
    backstop_from=2000 * BPS,
    minimum=100,
)
LOT = 10_000
QUOTE = 10**18
natives = st.sampled_from([1, 10**12])


@pytest.fixture(scope="module")
def harness():
    return deployer("AuctionHarness").deploy()


@st.composite
def cases(draw, solvent: bool = False):
    """A vault with E < A <= R_t and an auction somewhere on its way."""
    native = draw(natives)
    margin = draw(st.integers(1 * QUOTE, 10**7 * QUOTE))
    beta = draw(st.integers(2 * WAD // 100, WAD))
    phi = draw(st.integers(0, 10 * WAD // 100))
    floor = -(-(beta + phi) * margin // WAD)
    low = floor if solvent else -3 * margin
    assume(low < margin)
    equity = draw(st.integers(low, margin - 1))
    value = draw(st.integers(-(10**7) * QUOTE, 10**7 * QUOTE))
    assume(equity - value >= 0)
    return {
        "equity": equity,
        "margin": margin,
        "target": draw(st.integers(margin, margin * 5 // 4)),
        "missing": draw(st.integers(0, 10 * QUOTE)),
        "collateral": equity - value,
        "beta": beta,
        "g": 0 if solvent else draw(st.integers(0, WAD // 4)),
        "phi": phi,
        "dust": draw(st.sampled_from([0, 10 * QUOTE])),
        "native": native,
    }


legs = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-(10**5), 10**5).filter(bool)),
    min_size=1,
    max_size=16,
    unique_by=lambda leg: leg[0] if leg[0] > 1 else object(),
).map(
    lambda drawn: [
        (kind << 62 | (0 if kind > 1 else (i + 1) * 10**10)) << 64 | (count * (1 if kind == 3 else LOT)) & (2**64 - 1)
        for i, (kind, count) in enumerate(drawn)
    ]
)


@given(case=cases(), wanted=st.integers(1, 2 * WAD))
@settings(max_examples=150, deadline=None)
def test_plan__any_vault__equals_mirror(harness, case, wanted):
    plan = plan_take(wanted, **case)
    on_chain = harness.plan(
        wanted,
        case["equity"],
        case["margin"],
        case["target"],
        case["missing"],
        case["collateral"],
        case["beta"],
        case["g"],
        case["phi"],
        case["dust"],
        case["native"],
    )
    assert TakePlan(*on_chain) == plan


@given(legs=legs, fraction=st.integers(1, WAD))
@settings(max_examples=100, deadline=None)
def test_split__any_legs__equals_mirror(harness, legs, fraction):
    moved, exact = harness.split(legs, fraction, LOT)
    assert (list(moved), exact) == split_legs(legs, fraction, LOT)


@given(elapsed=st.integers(0, 2000), life=st.integers(0, 10**7))
@settings(max_examples=100, deadline=None)
def test_shares__any_time__equals_mirror_and_never_falls(harness, elapsed, life):
    shares = TERMS.shares(elapsed, life)
    assert harness.shares(TERMS.pack(), elapsed, life) == shares
    assert LiquidationTerms.unpack(TERMS.pack()) == TERMS
    later = TERMS.shares(elapsed + 1, life)
    assert later[0] >= shares[0] and later[1] >= shares[1]
    assert TERMS.bonus_start <= shares[0] <= WAD and shares[1] <= TERMS.top_up
    t1, t2 = TERMS.path(life)
    assert t1 >= 60 and t2 >= 2 * t1
    assert TERMS.shares(t1, life) == (TERMS.bonus_middle, 0)
    assert TERMS.shares(t2, life) == (WAD, TERMS.top_up)


def after(case: dict, plan: TakePlan) -> tuple[Fraction, Fraction, Fraction]:
    """Equity, MM and target of what stays, legs not rounded."""
    stays = Fraction(WAD - plan.fraction, WAD)
    value = case["equity"] - case["collateral"]
    left = case["collateral"] - (plan.cash_native + plan.cut_native) * case["native"]
    return left + value * stays, case["margin"] * stays, case["target"] * stays


@given(case=cases(solvent=True))
@settings(max_examples=300, deadline=None)
def test_plan__fraction_that_reaches__reaches_target_and_no_more(case):
    case["dust"] = 0
    plan = plan_take(WAD, **case)
    equity, _, target = after(case, plan)
    if not plan.ends:
        # even everything does not pay for the deposit that is missing
        assert plan.fraction == WAD
        return
    assert equity >= target + case["missing"]
    # tight: less than what f* is rounded by, and three native units
    slack = 3 * case["native"] + Fraction(2 * case["target"], WAD) + 3
    assert equity - target - case["missing"] <= slack


@given(case=cases(solvent=True), wanted=st.integers(1, WAD))
@settings(max_examples=300, deadline=None)
def test_plan__solvent__never_lowers_health(case, wanted):
    plan = plan_take(wanted, **case)
    equity, margin, _ = after(case, plan)
    assert equity * case["margin"] >= case["equity"] * margin


@given(case=cases(solvent=True), wanted=st.integers(1, WAD))
@settings(max_examples=200, deadline=None)
def test_plan__tokens_left__never_negative(case, wanted):
    plan = plan_take(wanted, **case)
    assert case["collateral"] - (plan.cash_native + plan.cut_native) * case["native"] >= 0


@given(case=cases())
@settings(max_examples=200, deadline=None)
def test_plan__thin__gives_all_and_tops_up_what_equity_does_not_attract(case):
    plan = plan_take(WAD // 2, **case)
    assume(case["equity"] * WAD < (case["beta"] + case["phi"]) * case["margin"])
    assert plan.fraction == WAD and plan.cut_native == 0
    assert plan.cash_native * case["native"] <= case["collateral"]
    gain = plan.cash_native * case["native"] + case["equity"] - case["collateral"]
    promised = case["g"] * case["margin"] // WAD
    bonus = case["beta"] * case["margin"] // WAD
    # tokens and legs together are worth min(E, beta * A), raised to g * A by insurance
    assert min(case["equity"], bonus) - case["native"] < gain <= min(case["equity"], bonus)
    if case["g"]:
        assert gain + plan.top_up_native * case["native"] <= max(promised, gain)


@given(case=cases(solvent=True), first=st.integers(WAD // 100, WAD // 2), rest=st.integers(1, WAD))
@settings(max_examples=300, deadline=None)
def test_plan__split_in_two__pays_no_more_than_one(case, first, rest):
    case = case | {"dust": 0, "missing": 0}
    one = plan_take(WAD, **case)
    assume(one.fraction > first)
    part = plan_take(first, **case)
    equity, margin, target = after(case, part)
    # the second take finds what stays, rounded as an engine would round it
    second = case | {
        "equity": int(equity),
        "margin": -int(-margin),
        "target": -int(-target),
        "collateral": case["collateral"] - (part.cash_native + part.cut_native) * case["native"],
    }
    assume(second["equity"] < second["margin"])
    assume(second["equity"] * WAD >= (case["beta"] + case["phi"]) * second["margin"])
    two = plan_take(rest, **second)
    taken = part.fraction + Fraction((WAD - part.fraction) * two.fraction, WAD)
    # the taker's bonus per fraction is the same, up to roundings against the taker
    bonus = Fraction(case["beta"] * case["margin"], WAD)
    value = case["equity"] - case["collateral"]
    gained = (part.cash_native + two.cash_native) * case["native"] + value * taken / WAD
    assert gained <= bonus * taken / WAD + 10
    if rest == WAD and one.ends and two.ends:
        assert abs(taken - one.fraction) <= Fraction(10 * WAD * case["native"], case["margin"]) * 10 + 100


@given(legs=legs, fraction=st.integers(1, WAD), price=st.integers(0, 10**13))
@settings(max_examples=300, deadline=None)
def test_split__what_stays__pays_at_least_its_share(legs, fraction, price):
    def payoff(words):
        total = 0
        for word in words:
            kind, strike = word >> 126, (word >> 64) & (2**62 - 1)
            each = {0: max(price - strike, 0), 1: max(strike - price, 0), 2: price, 3: 10**8}[kind]
            total += quantity(word) * each
        return total

    moved, exact = split_legs(legs, fraction, LOT)
    stays = payoff(legs) - payoff(moved)
    assert stays * WAD >= payoff(legs) * (WAD - fraction)
    if exact:
        assert stays * WAD == payoff(legs) * (WAD - fraction)
    left = {word >> 64: quantity(word) for word in moved}
    for word in legs:
        part = left.get(word >> 64, 0)
        # never more than there is, never the other side
        assert abs(part) <= abs(quantity(word)) and part * quantity(word) >= 0


@given(
    fund=st.integers(0, 10**30),
    first=st.integers(0, 10**30),
    draws=st.lists(st.integers(0, 10**29), max_size=6),
    refill=st.integers(0, 10**30),
)
@settings(max_examples=150, deadline=None)
def test_draw_room__refilled_between_draws__stays_within_first(harness, fund, first, draws, refill):
    cap = WAD // 4
    drawn = 0
    first = max(fund, 1)
    for wanted in draws:
        room = draw_room(fund, first, drawn, cap)
        assert room == harness.draw_room(fund, first, drawn, cap)
        paid = min(wanted, room)
        drawn += paid
        fund += refill - paid
    assert drawn <= first * cap // WAD


@given(fund=st.integers(0, 10**30), pieces=st.lists(st.integers(1, 10**29), max_size=8), bound=st.booleans())
@settings(max_examples=150, deadline=None)
def test_draw_room__in_pieces__is_what_one_draw_leaves(harness, fund, pieces, bound):
    first = fund if bound else 2**256 - 1
    whole, drawn = draw_room(fund, first, 0, WAD // 4), 0
    for wanted in pieces:
        room = harness.draw_room(fund - drawn, first, drawn, WAD // 4)
        assert room == draw_room(fund - drawn, first, drawn, WAD // 4) == whole - drawn
        drawn += min(wanted, room)


@given(claims=st.lists(st.integers(1, 10**24), min_size=1, max_size=20), received=st.integers(0, 10**25))
@settings(max_examples=150, deadline=None)
def test_due__any_claims__never_more_than_received(claims, received):
    total = sum(claims)
    paid = [due_native(amount, total, received) for amount in claims]
    assert sum(paid) <= max(received, 0) or received >= total
    assert sum(paid) <= total
    if received < total:
        assert received - sum(paid) < len(claims)


def test_plan__worked_example_of_section_6__gives_its_numbers(harness):
    """kappa 1.3, A = 100, v = -150, C = 240, beta 30 %, phi 2 %: f* = 0.30120, then E'/A' = 1.15."""
    case = {
        "equity": 90 * QUOTE,
        "margin": 100 * QUOTE,
        "target": 115 * QUOTE,
        "missing": 0,
        "collateral": 240 * QUOTE,
        "beta": 30 * WAD // 100,
        "phi": 2 * WAD // 100,
        "dust": 0,
        "native": 1,
    }
    plan = plan_take(WAD, **case)
    assert (
        TakePlan(
            *harness.plan(WAD, 90 * QUOTE, 100 * QUOTE, 115 * QUOTE, 0, 240 * QUOTE, case["beta"], 0, case["phi"], 0, 1)
        )
        == plan
    )
    assert plan.price_native == 180 * QUOTE
    assert plan.fraction == -(-25 * WAD // 83)  # 0.30120
    assert plan.ends
    equity, margin, _ = after(case, plan)
    assert round(float(equity) / 1e18, 2) == 80.36
    assert round(float(margin) / 1e18, 2) == 69.88
    assert abs(equity / margin - Fraction(115, 100)) < Fraction(1, 10**15)
