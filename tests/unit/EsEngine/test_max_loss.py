import random

import pytest

from bulkhead.risk import exact
from bulkhead.risk.words import WAD, Kind, Leg
from tests.engine_cases import option, random_legs


@pytest.mark.parametrize(
    ("legs", "expected"),
    [
        ([], 0),
        ([Leg(Kind.CASH, 0, -5_000_000)], -5 * WAD),
        ([Leg(Kind.FUTURE, 0, -1)], exact.UNBOUNDED),
        ([Leg(Kind.FUTURE, 0, 10**6), Leg(Kind.CASH, 0, -2000 * 10**6)], -2000 * WAD),
        ([option(Kind.PUT, 1800, -1)], -1800 * WAD),
        ([option(Kind.PUT, 1800, -1), option(Kind.PUT, 1500, 1)], -300 * WAD),
        ([option(Kind.CALL, 2000, -1), option(Kind.CALL, 2500, 1)], -500 * WAD),
        ([option(Kind.CALL, 2000, -2), option(Kind.CALL, 2500, 1)], exact.UNBOUNDED),
        # iron condor: one side only can lose
        (
            [
                option(Kind.PUT, 1500, 1),
                option(Kind.PUT, 1700, -1),
                option(Kind.CALL, 2300, -1),
                option(Kind.CALL, 2600, 1),
            ],
            -300 * WAD,
        ),
        # long straddle on deferred premium: least at the strike
        ([option(Kind.CALL, 2000, 1), option(Kind.PUT, 2000, 1), Leg(Kind.CASH, 0, -100 * 10**6)], -100 * WAD),
    ],
)
def test_max_loss__known_positions__exact(engine, legs, expected):
    assert engine.max_loss([leg.pack() for leg in legs]) == expected
    assert exact.max_loss(legs) == expected


def test_max_loss__random_legs__is_the_least_payoff(engine):
    draw = random.Random(7)
    for _ in range(60):
        legs = random_legs(draw, draw.randint(1, 16), 2000 * WAD)
        got = engine.max_loss([leg.pack() for leg in legs])
        assert got == exact.max_loss(legs)
        if got == exact.UNBOUNDED:
            continue
        prices = [leg.strike for leg in legs] + [draw.randint(0, 10**12) for _ in range(50)]
        assert got <= min(exact.payoff(legs, price) for price in prices)
