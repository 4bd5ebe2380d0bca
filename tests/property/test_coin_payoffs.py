"""What legs can lose in coins: v_min against brute force, and ES a coherent measure."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from bulkhead.risk import exact
from bulkhead.risk.words import WAD, Kind, Leg, Model, RiskWord, Snapshot
from tests.worlds.engine_cases import random_legs, random_snapshot

PODS, PRICES = 5_000, 10_000
SPOT = 2_000


def pods(seed: int, count: int) -> list[list[Leg]]:
    draw = random.Random(seed)
    return [random_legs(draw, draw.randint(1, 8), SPOT * WAD) for _ in range(count)]


def in_coins(legs: list[Leg], prices: np.ndarray) -> np.ndarray:
    """Payoff over price at many prices [coins]."""
    total = np.zeros_like(prices)
    for leg in legs:
        strike, quantity = leg.strike / 1e8, leg.quantity / 1e6
        if leg.kind == Kind.CALL:
            total += quantity * np.maximum(1 - strike / prices, 0)
        elif leg.kind == Kind.PUT:
            total += quantity * np.maximum(strike / prices - 1, 0)
        else:
            total += quantity * (1 if leg.kind == Kind.FUTURE else 1 / prices)
    return total


def test_v_min__brute_force_over_prices__none_is_below_and_it_is_reached():
    grid = np.geomspace(SPOT / 1e9, SPOT * 1e9, PRICES)
    bounded = 0
    for legs in pods(1, PODS):
        least = exact.max_loss(legs, inverse=True)
        strikes = [leg.strike / 1e8 for leg in legs if leg.strike]
        found = in_coins(legs, np.append(grid, strikes)).min()
        scale = sum(abs(leg.quantity) for leg in legs) / 1e6
        if least == exact.UNBOUNDED:
            # a debt of quote at 0 weighs without bound
            assert found < -scale
            continue
        bounded += 1
        assert abs(found - least / WAD) <= 1e-6 * (1 + scale), legs
    assert bounded > PODS // 20


def test_v_min__covered_calls_and_puts__mirror_a_linear_market():
    call, put = Leg(Kind.CALL, SPOT * 10**8, -(10**6)), Leg(Kind.PUT, SPOT * 10**8, -(10**6))
    assert exact.max_loss([call], inverse=True) == -WAD
    assert exact.max_loss([put], inverse=True) == exact.UNBOUNDED
    # exactly covered by what it may have to pay, in quote
    assert exact.max_loss([put, Leg(Kind.CASH, 0, SPOT * 10**6)], inverse=True) == 0
    assert exact.max_loss([put, Leg(Kind.CASH, 0, SPOT * 10**6 - 1)], inverse=True) == exact.UNBOUNDED


def test_es__in_coins__is_subadditive_and_homogeneous():
    draw = random.Random(3)
    for seed in range(60):
        snapshot = replace(random_snapshot(draw), window_share=0, window_average=0)
        legs = random_legs(random.Random(seed), 6, snapshot.spot)
        halves = legs[:3], legs[3:]

        def margin(some: list[Leg], at: Snapshot = snapshot) -> int:
            return exact.assess(some, at, RiskWord(), model=Model.ES, inverse=True).margin

        # each is rounded up once, and coins by a unit of 1e-24 a scenario
        assert margin(legs) <= margin(halves[0]) + margin(halves[1]) + 2
        doubled = [replace(leg, quantity=2 * leg.quantity) for leg in halves[0]]
        assert abs(margin(doubled) - 2 * margin(halves[0])) <= 2
