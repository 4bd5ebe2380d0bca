"""The crash simulation on a made-up tape: who is flagged, what is taken, and that no token appears or vanishes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bulkhead.chain.parameters import PARAMETERS
from bulkhead.risk import crash, peers
from bulkhead.risk.auction import LiquidationTerms
from bulkhead.risk.batch import Book
from bulkhead.risk.crash import idle, play, terms
from bulkhead.risk.crash.mandate import Short
from bulkhead.risk.settlement_average import History, average_price
from bulkhead.risk.volatility import Round
from bulkhead.risk.words import WAD, Kind, Leg, Model

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


@pytest.mark.parametrize(
    ("legs", "least"),
    [
        ([(Kind.PUT, 1000, 2)], 0),
        ([(Kind.PUT, 1000, -2)], -2000),
        ([(Kind.CALL, 1000, 2)], 0),
        ([(Kind.CALL, 1000, -1)], -math.inf),
        ([(Kind.FUTURE, 0, 1)], 0),
        ([(Kind.FUTURE, 0, -1)], -math.inf),
        ([(Kind.CALL, 1000, -1), (Kind.CALL, 1500, 1)], -500),
        ([(Kind.CALL, 1000, 1), (Kind.CALL, 1500, -1)], 0),
        ([(Kind.PUT, 1000, -1), (Kind.PUT, 700, 1)], -300),
        ([(Kind.CALL, 1000, -1), (Kind.FUTURE, 0, 1)], 0),
        ([(Kind.CALL, 1000, 1), (Kind.FUTURE, 0, -1)], -1000),
        ([(Kind.PUT, 1000, -1), (Kind.CASH, 0, 300)], -700),
        ([(Kind.CALL, 1000, 1), (Kind.CALL, 1200, -2), (Kind.CALL, 1500, 1)], -100),
        ([(Kind.PUT, 1000, 1), (Kind.PUT, 900, -3), (Kind.CASH, 0, 5)], -1695),
        ([(Kind.CALL, 1000, 0), (Kind.PUT, 800, 0)], 0),
    ],
    ids=str,
)
def test_least_payoff__of_one_vault__is_its_lowest_corner_and_that_of_the_book(legs, least):
    kind, strike, quantity = (np.array(part) for part in zip(*legs, strict=True))
    assert play.least_payoff(kind.astype(np.int64), strike.astype(float), quantity.astype(float)) == least
    exactly = [Leg(Kind(k), round(s * 1e8), round(q * 1e6)) for k, s, q in legs if q]
    assert Book.of([exactly]).least[0] == least


def test_terms__of_the_play__are_those_of_a_market_as_it_is_listed():
    word = sum(one.default << one.shift for one in PARAMETERS.values() if one.word == "liquidation")
    assert LiquidationTerms.unpack(word) == terms.TERMS


@pytest.mark.parametrize("amount", [0.0, 1.5, -1.5, 999_999.25, -(10.0**6), 10.0**9 + 0.5])
def test_wad__amount__is_as_precise_as_floats_allow(amount):
    assert terms.wad(amount) == int(amount * 4) * WAD // 4


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


def test_play__vaults_taken_in_part__keep_whole_lots_of_options_and_cash_to_its_digits():
    """Cash next to whole lots: its last digits stay when a part goes over."""
    legs = [Kind.PUT, Kind.CASH] * 20
    strikes, sizes = [2000.0, 0.0] * 20, [-1.37, 100.123457] * 20
    made = crash.Play(Book.flat(legs, strikes, sizes, range(0, 41, 2), [3] * 20), falling(0.9), crash.Ours())
    before = made.quantity.copy()
    made.run()
    part = (made.quantity != before) & (made.quantity != 0)
    cash = made.book.kind == Kind.CASH
    assert (part & cash).any() and (part & ~cash).any()
    lots = made.quantity[part & ~cash] / 0.01
    assert np.allclose(lots, np.round(lots), atol=1e-6)
    assert not np.allclose(made.quantity[part & cash] * 100, np.round(made.quantity[part & cash] * 100), atol=1e-6)


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


def test_odd_population__every_kind__as_it_is_called():
    book, names = crash.odd_population(4, 2000.0, 0.8, 1)
    assert len(book) == len(names) == 4 * len(crash.ODD)
    legs = dict.fromkeys(crash.ODD)
    for vault, name in enumerate(names):
        mine = slice(int(book.offsets[vault]), int(book.offsets[vault + 1]))
        legs[name] = list(zip(book.kind[mine], book.strike[mine] / 2000, book.quantity[mine], strict=True))
    ((kind, strike, _),) = legs["deep in the money"]
    assert (strike < 0.8) if kind == Kind.CALL else (strike > 1.2)
    (_, near, bought), (_, far, sold) = legs["1x3 ratio spreads"]
    assert sold == pytest.approx(-3 * bought) and abs(math.log(far)) > abs(math.log(near))
    assert [k for k, _, _ in legs["futures"]] == [Kind.FUTURE, Kind.CASH]
    assert sum(q * (1 if k == Kind.CASH else 2000) for k, _, q in legs["futures"]) == pytest.approx(0, abs=1e-3)


def test_together__two_books__vaults_of_both_unchanged():
    one, (other, _) = crash.population(30, 2000.0, 3), crash.odd_population(2, 2000.0, 0.8, 1)
    both = crash.together(one, other)
    assert len(both) == len(one) + len(other)
    for vault, (book, index) in ((7, (one, 7)), (30, (other, 0)), (len(both) - 1, (other, len(other) - 1))):
        a = slice(int(both.offsets[vault]), int(both.offsets[vault + 1]))
        b = slice(int(book.offsets[index]), int(book.offsets[index + 1]))
        assert np.array_equal(both.quantity[a], book.quantity[b]) and np.array_equal(both.strike[a], book.strike[b])
        assert both.cell[vault] == book.cell[index]


def test_play__vault_by_vault__sums_are_the_outcome():
    out = crash.Play(crash.population(150, 2000.0, 3), falling(0.4), crash.Theirs(peers.FlatRatio(1.1))).run()
    each = out.each
    assert each.lost.sum() == pytest.approx(out.loss, rel=1e-9) and out.loss > 0
    assert each.paid.sum() == pytest.approx(out.bonus - out.top_up + out.cut, rel=1e-9)
    assert each.taken.sum() == out.taken and each.notional.sum() == pytest.approx(out.notional)


def test_tape__vols_from_closes__not_from_the_walk():
    rounds = [(START + i * 300, round(2000 * (1 + 0.01 * (i % 2)) * 1e8)) for i in range(288)]
    closes = [(START + i * 3600, round(2000 * 1e8)) for i in range(24)]
    walked, closed = crash.Tape.record(rounds), crash.Tape.record(rounds, (), closes)
    assert np.array_equal(walked.price, closed.price)
    # the walk's turns are no vol of the market: at the floor there is none
    assert closed.sigma.max() == pytest.approx(0.4)
    assert walked.sigma.max() > 0.41


def test_calm_weeks__one_hour_that_moves__is_in_none():
    at = np.arange(24 * 28) * 3600.0
    close = np.full(len(at), 2000.0)
    close[24 * 10 :] *= 1.03
    weeks = idle.calm_weeks(at, close, 0, int(at[-1]))
    assert weeks and all(not index < 24 * 10 <= index + 24 * 7 for index in weeks)


def test_liquidated__flat_week__nobody_and_a_move__many():
    book = crash.population(100, 2000.0, 3)
    still = idle.liquidated(book, tape([2000.0] * 169, 3600), crash.Ours(Model.STATIC))
    moved = idle.liquidated(book, tape([2000.0 * (1 - 0.001 * i) for i in range(169)], 3600), crash.Ours(Model.STATIC))
    assert still[1] == moved[1] > 50 and still[0] <= 5 < moved[0]


# --- mandates ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "left", "given"),
    [
        (Short(108, 100, 1e9, None), 1e9, 22),  # to the target
        (Short(111, 100, 1e9, None), 1e9, 0),  # above the trigger nothing
        (Short(-1, 100, 1e9, None), 1e9, 0),  # never a hole
        (Short(108, 100, 5, None), 1e9, 5),  # what covers it, though below the trigger
        (Short(100, 100, 1e9, None), 15, 15),  # what there is, if it reaches the trigger
        (Short(100, 100, 1e9, None), 9, 0),  # otherwise nothing
        (Short(90, 100, 1e9, 145), 1e9, 55),  # while flagged what ends the flag
    ],
)
def test_mandate__what_it_gives(case, left, given):
    assert crash.Mandate(trigger=1.1, target=1.3).amount(case, left) == pytest.approx(given)


def test_play__mandates__save_vaults_within_their_limit_and_no_token_appears():
    book = crash.population(150, 2000.0, 3)
    alone = crash.Play(book, falling(0.85), crash.Ours()).run()
    helped = crash.Play(book, falling(0.85), crash.Ours(), crash.Settings(mandate=crash.Mandate()))
    held, fund = helped.collateral.sum(), helped.insurance.fund
    out = helped.run()
    saved = alone.each.taken & ~out.each.taken
    assert saved.sum() > 5 and out.taken < alone.taken
    assert (out.each.added <= 0.5 * out.each.initial + 1e-9).all() and out.each.added[saved].all()
    assert not alone.each.added.any()
    assert helped.paid == pytest.approx(
        held + out.each.added.sum() - helped.collateral.sum() - out.cut, abs=1e-6 * held
    )
    assert helped.insurance.fund == pytest.approx(fund + out.cut - out.top_up - out.insured, abs=1e-6)


def test_play__what_owners_keep__adds_up_with_what_takers_and_winners_have():
    """Nothing expires on the tape: collateral and marks are the owners', less what takes cost them."""
    book = crash.population(150, 2000.0, 3)
    play = crash.Play(book, falling(0.9), crash.Ours())
    out = play.run()
    quiet = out.each.flagged == 0
    value = crash.Ours()(play.book, play.tape.cells(len(play.tape) - 1, play.expiries)).value
    assert quiet.sum() > 20
    assert out.each.kept[quiet] == pytest.approx(np.maximum(play.collateral + value, 0)[quiet], abs=1e-6)
    assert (out.each.kept >= 0).all()
