"""A taker's vault may pass by a bound on the assessment that the liquidation has just made (docs/liquidation.md)."""

import dataclasses
import random

import boa
import pytest

from bulkhead.risk import auction, es, margin
from bulkhead.risk.assessment import FORCE_FULL, Basis
from bulkhead.risk.exact import UNBOUNDED
from bulkhead.risk.words import NODES, WAD, WEIGHTS, Leg
from tests.contracts import deployer
from tests.worlds.engine_cases import random_legs, random_risk, random_snapshot, with_smile

TAKE = 2
ENOUGH = 10**45
EMPTY = "0x" + "00" * 20


@pytest.fixture(scope="module")
def gate():
    return deployer("MarginGate").deploy(EMPTY, EMPTY, list(NODES), list(WEIGHTS))


def scaled(assessment, fraction):
    """auction._scale of an ES assessment."""
    v_min = assessment.v_min if assessment.v_min == UNBOUNDED else assessment.v_min * fraction // WAD
    delta = -(-abs(assessment.delta) * fraction // WAD)
    return [
        assessment.value * fraction // WAD,
        -(-assessment.margin * fraction // WAD),
        v_min,
        delta,
        0,
        0,
        0,
        Basis.ROUNDED,
        0,
    ]


def least_collateral(legs, snapshot, risk):
    """The smallest C with which the legs pass at initial margin, by the mirror."""
    assessed = es.assess(legs, snapshot, risk, FORCE_FULL)

    def passes(collateral):
        standing = margin.resolve(assessed, collateral, risk, snapshot)
        covered = len(legs) <= 4 and assessed.v_min != UNBOUNDED and collateral >= -assessed.v_min
        return covered or standing.equity >= standing.initial_margin

    low, high = -ENOUGH, ENOUGH
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high


def rounded_take(seed):
    """A cell, its numbers, a vault's legs, a share of it that needs rounding, and what the taker gets."""
    draw = random.Random(seed)
    while True:
        snapshot = random_snapshot(draw)
        if draw.random() < 0.3:
            snapshot = with_smile(draw, snapshot)
        risk = dataclasses.replace(random_risk(draw), liquidity_scale=draw.choice([0, 10_000, 10**6]))
        legs = random_legs(draw, draw.randint(1, 16), snapshot.spot)
        lot, fraction = 10 ** draw.randint(0, 6), draw.randint(1, WAD - 1)
        legs = [
            leg if leg.kind == 3 else dataclasses.replace(leg, quantity=leg.quantity // lot * lot or lot)
            for leg in legs
        ]
        moved, exact = auction.split_legs([leg.pack() for leg in legs], fraction, lot)
        if not exact and len(moved) == len(legs):
            return snapshot, risk, legs, lot, fraction, [Leg.unpack(word) for word in moved]


@pytest.mark.parametrize("seed", range(50))
def test_check__rounded_take__never_passes_what_its_assessment_would_refuse(gate, seed):
    snapshot, risk, legs, lot, fraction, moved = rounded_take(seed)
    deficit = random.Random(-seed).choice([0, 10**20, 10**24]) // 10**12 * 10**12
    known = scaled(es.assess(legs, snapshot, risk, FORCE_FULL), fraction)
    least = least_collateral(moved, snapshot, risk)
    # 18 decimals and no deposit: the balance is C; without an engine only the bound can pass a vault
    words = [1, 0, 18 << 160 | lot << 176, risk.pack(), EMPTY, EMPTY, ENOUGH, deficit // 10**12 << 112]
    call = ((TAKE, 0, 0, known), words, [], [leg.pack() for leg in moved], snapshot.words())
    assert gate.check(*call) == 0
    if least > 0:
        words[6] = least - 1
        with boa.reverts():
            gate.check(*call)
