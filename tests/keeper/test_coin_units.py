"""A keeper's numbers of a market that counts coins: limits and profits in quote, tokens in coins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bulkhead.chain.lens import CellView
from bulkhead.keeper.exposure import of_legs, spendable
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.state import KeeperState, MarketView
from bulkhead.risk.auction import split_legs
from bulkhead.risk.words import LINEAR, WAD, Kind, Leg, Snapshot, Units

COINS = Units(inverse=True, digits=3)
CELL = (2, 2_000_000)
SNAPSHOT = Snapshot(2_000 * WAD, 2_000 * WAD, 10 * 86_400, 6 * 10**17, surface_near=7 * 10**17)


def view(units: Units) -> CellView:
    return CellView(CELL, SNAPSHOT, 0, 1, 0, 0, 0, 18, 10**4, 0, units=units)


def state(units: Units = COINS) -> KeeperState:
    market = MarketView(2, 0, 1, 50 * WAD, units=units)
    return KeeperState(1, 0, "0x", markets={2: market}, cells={CELL: view(units)})


def test_in_quote__coins__are_counted_at_spot_and_back():
    assert state().in_quote(2, WAD) == 2_000 * WAD and state().in_token(2, 2_000 * WAD) == WAD
    assert state(LINEAR).in_quote(2, WAD) == WAD == state(LINEAR).in_token(2, WAD)
    # without a price nothing is worth anything, and nothing may be spent
    blind = replace(state(), cells={})
    assert blind.in_quote(2, WAD) == 0 == blind.in_token(2, WAD)


def test_spendable__limit_of_capital__is_quote_in_coins():
    assert spendable(state(), Policy(max_capital=20_000 * WAD), 2) == 10 * WAD
    assert spendable(state(), Policy(), 2) == 50 * WAD


def test_exposure__inverse_future__is_that_of_its_contracts():
    """Short 20,000 quote against ten coins: long ten contracts, notional counted once."""
    found = of_legs([Leg(Kind.CASH, 0, -20_000 * 10**6), Leg(Kind.FUTURE, 0, 10 * 10**6)], view(COINS))
    assert found.delta == pytest.approx(20_000) and found.notional == pytest.approx(20_000) and found.vega == 0
    linear = of_legs([Leg(Kind.CASH, 0, -20_000 * 10**6), Leg(Kind.FUTURE, 0, 10 * 10**6)], view(LINEAR))
    assert linear.delta == pytest.approx(20_000) and linear.notional == pytest.approx(20_000)


def test_split_legs__coins__have_lots_for_options_alone():
    legs = [Leg(Kind.CALL, 10**8, 10_000), Leg(Kind.FUTURE, 0, 10_001), Leg(Kind.CASH, 0, -10_001)]
    moved, _ = split_legs([leg.pack() for leg in legs], WAD // 2, 10_000, True)
    assert [Leg.unpack(word).quantity for word in moved] == [5_000, -5_001]


def test_open_contracts__cash_of_coins__counts_at_the_forward():
    word = 3 * 10**6 | (4_000 * 10**6) << 128
    assert replace(view(COINS), open_interest=word).open_contracts == 5 * 10**6
    assert replace(view(LINEAR), open_interest=3 * 10**6).open_contracts == 3 * 10**6


def test_units__deposit__is_millionths_of_the_unit():
    assert COINS.micro(10 * 10**6) == WAD // 100 and LINEAR.micro(10 * 10**6) == 10 * WAD
