"""What a bringer of prices can move (benchmarks/brought_prices), and that the adapters leave him no more."""

from __future__ import annotations

import boa
import pytest

from benchmarks.brought_prices import CASES, INSTANT, SIGNERS, THRESHOLD, Market, noise
from tests.worlds.brought import KEYS, MINUTE, PythWorld, RedStoneWorld, package, payload
from tests.worlds.oracle import START

SMALL = {"days": 10, "windows": 20}


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith("brings all")])
def test_bringer__beside_an_honest_one__moves_next_to_nothing(name):
    row = CASES[name](**SMALL)
    assert abs(row.settlement_bp) < 1
    assert row.vol_least > 0.95
    assert row.vol_most * (1 + row.snapshot) < 1.05


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith("alone")])
def test_bringer__alone__moves_what_the_docs_say(name):
    row = CASES[name](**SMALL)
    assert 20 < row.settlement_bp < 80
    assert row.vol_least < 0.65
    assert 1.5 < row.vol_most < 2.5


def test_dispersion__three_basis_points__adds_little_vol():
    assert noise(20) < 1.03


@pytest.mark.parametrize("attacker_first", [True, False])
def test_redstone__best_quorums_of_an_attacker__the_honest_samples_stand(attacker_first):
    """The best three of five for every minute, before or after all five: sums and instants are the honest ones."""
    said = 2000 * (1 + Market.draw(30, 3).said)
    minutes = [START + MINUTE * k for k in range(1, 31)]
    honest, best = [], []
    for at, row in zip(minutes, said, strict=True):
        packages = [package(key, price, at * 1000) for key, price in zip(KEYS, row, strict=True)]
        honest.append(payload(packages))
        best.append(payload([packages[i] for i in row.argsort()[SIGNERS - THRESHOLD :]]))

    def play(*batches: list[bytes]) -> tuple:
        with boa.env.anchor():
            world = RedStoneWorld()
            boa.env.timestamp = minutes[-1] + MINUTE
            for batch in batches:
                world.bring_many(minutes, batch)
            feed = world.feed
            return tuple(feed.samples(minutes[0], minutes[-1])), tuple(feed.prices_at(minutes[0], 60 * INSTANT, 3))

    alone = play(honest)
    assert play(*((best, honest) if attacker_first else (honest, best))) == alone
    assert play(best) != alone


def test_pyth__an_attacker_with_every_price__cannot_bring_another_sample():
    with boa.env.anchor():
        world = PythWorld()
        at = START + MINUTE
        boa.env.timestamp = at + MINUTE
        for second in range(1, 60):
            with boa.reverts("pyth/no-such-sample"):
                world.bring(at, world.message(2100, 1, at + second))
        world.bring(at, world.message(2000, 1, at))
