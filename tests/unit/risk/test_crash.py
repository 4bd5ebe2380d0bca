"""The crash simulation on a made-up tape: who is flagged, what is taken, and that no token appears or vanishes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bulkhead.risk import crash, peers
from bulkhead.risk.batch import Book
from bulkhead.risk.settlement_average import History, average_price
from bulkhead.risk.volatility import Round
from bulkhead.risk.words import Kind, Model

START = 1_700_000_000


def tape(prices: list[float], step: int = 600) -> crash.Tape:
    return crash.Tape.record([(START + i * step, round(p * 1e8)) for i, p in enumerate(prices)])


def falling(to: float, rounds: int = 60) -> crash.Tape:
    """From 2,000 to a share of it in ten hours, in steps of up to 2 %."""
    return tape([2000.0] * 6 + [2000.0 * math.exp(math.log(to) * i / rounds) for i in range(rounds + 1)])


def test_average__between_rounds__is_the_settlement_price():
    prices = tape([2000.0, 2010.0, 1990.0, 2005.0, 2020.0])
    rounds = [
        Round(i + 1, round(p * 1e18), int(t)) for i, (t, p) in enumerate(zip(prices.at, prices.price, strict=True))
    ]
    end = START + 2_300
    exact = average_price(History.of(rounds), end - 1_800, end) / 1e18
    assert prices.average(end - 1_800, end) == pytest.approx(exact, rel=1e-12)


def test_cells__inside_the_window__know_their_share():
    prices = tape([2000.0, 1900.0, 1900.0, 1900.0])
    expires = np.array([START + 1_800 + 1_200])
    cells = prices.cells(3, expires)
    share = (1_800 - 1_200) / 1_800
    assert cells.averaged[0] == pytest.approx(share * 1900.0)
    assert cells.base[0] == pytest.approx((1 - share) * 1900.0)


@pytest.mark.parametrize("model", [Model.ES, Model.GREEKS, Model.STATIC])
def test_play__quiet_market__nobody_is_flagged(model):
    quiet = tape([2000.0] * 30)
    out = crash.Play(crash.population(200, 2000.0, 3), quiet, crash.Ours(model)).run()
    assert out.flagged == 0 and out.takes == 0 and out.loss == 0 and 0 < out.initial < out.notional


@pytest.mark.parametrize("rule", [crash.Ours(), *(crash.Theirs(peers.RULES[n]) for n in ("Derive SRM", "flat 110 %"))])
@pytest.mark.parametrize("latency", [(1, 3), (150, 150)])
def test_play__crash__every_token_is_somewhere(rule, latency):
    play = crash.Play(crash.population(150, 2000.0, 3), falling(0.5), rule, crash.Settings(latency_blocks=latency))
    held, fund = play.collateral.sum(), play.insurance.fund
    out = play.run()
    assert out.takes > 20 and out.flagged >= out.taken > 0
    # what takers were paid came out of vaults and insurance; insurance also got its cut and paid shortfalls
    assert play.paid == pytest.approx(held - play.collateral.sum() - out.cut, abs=1e-6 * held)
    assert play.insurance.fund == pytest.approx(fund + out.cut - out.top_up - out.insured, abs=1e-6)
    assert out.bonus > 0 and (play.collateral >= -1e-6).all()


def test_play__same_seed__same_outcome():
    one, two = (crash.Play(crash.population(80, 2000.0, 5), falling(0.7), crash.Ours()).run() for _ in range(2))
    assert one == two


def test_play__jump_past_all_margin__insurance_then_winners():
    """Short puts under a thin rule and a jump of 60 %: insurance pays within its caps, the rest is a haircut."""
    book = Book.flat([Kind.PUT] * 5, [2000.0] * 5, [-10.0] * 5, range(6), [3] * 5)
    jump = tape([2000.0] * 4 + [800.0] * 40)
    out = crash.Play(book, jump, crash.Theirs(peers.FlatRatio(1.1))).run()
    assert out.insolvent == 5 and out.haircut > 0
    fund = crash.Settings().fund * out.notional
    assert 0 < out.top_up + out.insured <= fund + out.cut
    # the most one cell may draw is a quarter of the fund
    assert out.top_up + out.insured <= 0.25 * fund + 1e-6


def test_play__covered_vault__never_flagged():
    book = Book.flat([Kind.PUT, Kind.CALL], [2000.0, 2000.0], [-1.0, 5.0], [0, 1, 2], [3, 3])
    play = crash.Play(book, falling(0.3), crash.Ours())
    play.collateral[0] = 2000.0
    assert play.run().flagged == 0


def test_population__is_within_the_ledgers_rules():
    book = crash.population(500, 203.4, 1)
    assert book.counts.min() >= 1 and book.counts.max() <= 4 and len(book) == 500
    for i in range(len(book)):
        mine = slice(book.offsets[i], book.offsets[i + 1])
        keys = list(zip(book.kind[mine], book.strike[mine], strict=True))
        assert len(set(keys)) == len(keys)
    assert set(np.unique(book.kind)) == {0, 1, 2, 3}
