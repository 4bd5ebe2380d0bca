import random

import boa
import pytest

from bulkhead.risk import exact
from bulkhead.risk.words import WAD, Kind, Leg
from tests.worlds.engine_cases import option, random_legs


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


def test_max_loss__any_order_of_the_legs__same_and_duplicates_are_found(engine):
    draw = random.Random(8)
    legs = [option(Kind(i % 2), 1500 + 100 * (i // 2), draw.choice([-2, -1, 1, 2])) for i in range(15)]
    legs.sort(key=lambda leg: (leg.strike, leg.kind))
    orders = [legs, legs[::-1], legs[::2] + legs[-2::-2], legs[7::-1] + legs[8:]]
    orders += [draw.sample(legs, len(legs)) for _ in range(20)]
    expected = exact.max_loss([*legs, option(Kind.CALL, 9000, 40)])
    assert expected != exact.UNBOUNDED
    for order in orders:
        at = draw.randint(0, len(order))
        with_tail = [*order[:at], option(Kind.CALL, 9000, 40), *order[at:]]
        assert engine.max_loss([leg.pack() for leg in with_tail]) == expected
        for twin in (order[0], option(order[-1].kind, order[-1].strike / 10**8, 3)):
            with boa.reverts("leg/duplicate-series"):
                engine.max_loss([leg.pack() for leg in [*order[:at], twin, *order[at:]]])


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
