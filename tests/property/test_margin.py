"""The common margin rule: contract = mirror, and what it promises."""

from __future__ import annotations

import dataclasses
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkhead.risk import exact, margin
from bulkhead.risk.words import WAD, Kind, Leg, RiskWord, Snapshot
from tests.contracts import deployer
from tests.worlds.engine_cases import calm, option, random_legs, random_snapshot

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
examples = settings(max_examples=1_000 if LONG else 80, deadline=None)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def harness():
    return deployer("MarginHarness").deploy()


def case(seed: int) -> tuple[exact.Assessment, int, int, RiskWord, Snapshot, bool]:
    draw = random.Random(seed)
    snapshot = random_snapshot(draw)
    calm_bps = draw.randint(11_000, 20_000)
    risk = RiskWord(
        kappa_calm_bps=calm_bps,
        kappa_stress_bps=draw.randint(calm_bps, 30_000),
        proximity_bps=draw.randint(0, 2_000),
        lambda_bps=draw.randint(0, 20_000),
        liquidity_scale=draw.choice([0, draw.randint(1, 10**9)]),
    )
    found = exact.assess(random_legs(draw, draw.randint(1, 6), snapshot.spot), snapshot, risk)
    collateral = int(found.margin * draw.uniform(-1, 3)) - found.value
    return found, collateral, risk, snapshot, draw.random() < 0.5


@examples
@given(seed=seeds)
def test_resolve__contract_equals_mirror(harness, seed):
    found, collateral, risk, snapshot, proximity = case(seed)
    got = harness.resolve(found.words(), collateral, risk.pack(), snapshot.words(), proximity)
    assert list(got) == list(dataclasses.astuple(margin.resolve(found, collateral, risk, snapshot, proximity)))
    assert harness.kappa(snapshot.vol_ratio, risk.pack()) == margin.kappa(snapshot.vol_ratio, risk)


@examples
@given(seed=seeds)
def test_resolve__fully_collateralised__is_never_below_any_margin(seed):
    """INV-13: C >= -v_min implies E >= MM and E >= IM, whatever price, vol or parameters say."""
    found, _, risk, snapshot, proximity = case(seed)
    if found.v_min == exact.UNBOUNDED:
        return
    standing = margin.resolve(found, -found.v_min, risk, snapshot, proximity)
    assert standing.equity >= standing.maintenance_margin
    assert standing.equity >= standing.initial_margin
    assert standing.equity >= standing.target


@examples
@given(seed=seeds)
def test_resolve__order_of_margins(seed):
    found, collateral, risk, snapshot, _ = case(seed)
    plain = margin.resolve(found, collateral, risk, snapshot)
    near = margin.resolve(found, collateral, risk, snapshot, proximity=True)
    assert plain.maintenance_margin <= plain.target <= plain.initial_margin <= near.initial_margin
    assert near.maintenance_margin == plain.maintenance_margin


def test_kappa__rises_linearly_from_1_to_3():
    risk = RiskWord()
    ratios = [0, WAD, 2 * WAD, 3 * WAD, 9 * WAD]
    assert [margin.kappa(r, risk) * 1000 // WAD for r in ratios] == [1250, 1250, 1375, 1500, 1500]


def test_resolve__covered__is_refused():
    with pytest.raises(ValueError, match="margin/covered"):
        margin.resolve(exact.Assessment(0, 0, 0, 0, 0, 0, 0, 1), 0, RiskWord(), calm())


def test_health__infinite_zero_and_negative():
    assert margin.Standing(1, 0, 0, 0).health_wad is None
    assert margin.Standing(-1, 0, 0, 0).health_wad == 0
    assert margin.Standing(-50, 100, 125, 110).health_wad == -WAD // 2


def test_resolve__concentration__at_most_doubles_the_initial_margin():
    snapshot, legs = calm(), [option(Kind.CALL, 2200, -1000), Leg(Kind.FUTURE, 0, 10**6)]
    found = exact.assess(legs, snapshot, RiskWord())
    free = margin.resolve(found, 0, RiskWord(), snapshot).initial_margin
    tight = margin.resolve(found, 0, RiskWord(liquidity_scale=1, lambda_bps=20_000), snapshot).initial_margin
    assert abs(tight - 2 * free) <= 2


def test_required__uncertain_price__asks_at_both_ends_of_it():
    """5.4: above 0.25 % of spot the margin is asked at spot and spot +- width; below nothing is added."""
    snapshot, legs = calm(), [option(Kind.PUT, 2000, -1)]
    sure, within, unsure = (
        margin.required(legs, dataclasses.replace(snapshot, half_width=width), RiskWord(), 300 * WAD)
        for width in (0, 5 * WAD, 100 * WAD)
    )
    low = snapshot.at(1900 * WAD)
    lost = exact.assess(legs, snapshot, RiskWord()).value - exact.assess(legs, low, RiskWord()).value
    assert sure == within
    assert unsure == lost + margin.required(legs, low, RiskWord(), 300 * WAD)
