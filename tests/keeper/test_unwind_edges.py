"""Letting go of what was taken, at its exact edges: which vaults merge, what may come home, what is offered."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bulkhead import pricing
from bulkhead.chain.lens import COVERED, DEBT, FLAGGED, NO_PRICE, NOT_FRESH, CellView, VaultView
from bulkhead.chain.words import Model
from bulkhead.keeper import plan
from bulkhead.keeper.decide import decide
from bulkhead.keeper.plan import Merge, Withdraw
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.state import MarketView
from bulkhead.keeper.unwind import plan_offers
from bulkhead.keeper.unwind_policy import UnwindFile, UnwindTerms
from bulkhead.orders import Order
from bulkhead.risk.words import MAX_LEGS, WAD, Kind, Leg
from tests.keeper.states import CELL, EXPIRY, KEEPER, LEGS, MICRO, NOW, OTHER, cell, state, vault

UNIT = 10**6
TERMS = UnwindFile(withdraw_health="2.5", min_withdraw=10).terms()
LATER = (1, EXPIRY + 1)
CELLS = {CELL: cell(), LATER: cell(expiry=LATER[1])}
RICH = vault(5, owner=KEEPER, equity=1000, margin=100, collateral=900 * WAD)
LONG = (replace(LEGS[0], quantity=30 * UNIT),)


def unwinds(*vaults: VaultView, terms: UnwindTerms = TERMS, **others: Any) -> list[plan.Action]:
    fields = {"cells": CELLS, **others}
    return decide(state(*vaults, **fields), Policy(roles=frozenset({"unwind"}), unwind=terms))


def test_withdraw__all_conditions_hold__is_done():
    assert unwinds(RICH) == [Withdraw(5, 1, 750 * UNIT)]


@pytest.mark.parametrize(
    ("fields", "others"),
    [
        ({"owner": OTHER}, {}),
        ({"epoch": 1}, {}),
        ({"legs": ()}, {}),
        ({}, {"now": EXPIRY}),
        ({"status": NOT_FRESH}, {}),
        ({"status": NO_PRICE}, {}),
        ({"status": DEBT}, {}),
        ({"status": FLAGGED}, {}),
        ({"market": 2}, {"cells": {**CELLS, (2, EXPIRY): cell()}}),
        ({}, {"cells": {CELL: cell(status=1)}}),
        ({}, {"cells": {}}),
    ],
    ids=str,
)
def test_withdraw__one_condition_does_not_hold__is_left(fields, others):
    assert unwinds(replace(RICH, **fields), **others) == []


def test_withdraw__auction_in_another_market__keeps_nothing_back():
    markets = {i: MarketView(i, 0, MICRO, 10**9, NOW) for i in (1, 2)}
    assert unwinds(RICH, vault(1, market=2, status=FLAGGED), markets=markets) == [Withdraw(5, 1, 750 * UNIT)]


@pytest.mark.parametrize(
    ("equity", "collateral", "margin", "initial", "tokens"),
    [
        # down to a health of 2.5, or 1.05 times IM where that is more, and never more than there are
        (300, 900, 100, 125, 50),
        (300, 900, 100, 240, 48),
        (300, 40, 100, 125, 40),
        (260, 900, 100, 125, 10),
        (259, 900, 100, 125, 0),
        (200, 900, 100, 125, 0),
    ],
)
def test_withdraw__what_margin_frees__is_the_least_of_what_may_go(equity, collateral, margin, initial, tokens):
    one = replace(
        RICH,
        equity=equity * WAD,
        collateral=collateral * WAD,
        maintenance_margin=margin * WAD,
        initial_margin=initial * WAD,
    )
    assert unwinds(one) == ([Withdraw(5, 1, tokens * UNIT)] if tokens else [])


@pytest.mark.parametrize(("wei", "found"), [(0, []), (1, []), (MICRO, [1]), (2 * MICRO - 1, [1]), (2 * MICRO, [2])])
def test_withdraw__least_of_nothing__is_a_whole_token_unit(wei, found):
    least = replace(TERMS, min_withdraw=0)
    one = replace(RICH, equity=250 * WAD + wei)
    assert unwinds(one, terms=least) == [Withdraw(5, 1, tokens) for tokens in found]


@pytest.mark.parametrize(("free", "tokens"), [(-5, 0), (0, 0), (1, 1)])
@pytest.mark.parametrize("covered", [False, True])
def test_withdraw__token_of_18_decimals__to_the_wei(free, tokens, covered):
    least = replace(TERMS, min_withdraw=0)
    one = replace(RICH, equity=250 * WAD + free)
    if covered:
        one = replace(RICH, status=COVERED, v_min=-200 * WAD, collateral=200 * WAD + free)
    markets = {1: MarketView(1, 0, 1, 0, NOW)}
    assert unwinds(one, terms=least, markets=markets) == ([Withdraw(5, 1, 1)] if tokens else [])


@pytest.mark.parametrize(
    ("status", "v_min", "tokens"),
    [
        # of a covered vault all but what its legs can cost; where that is not known, by margin
        (COVERED, -200 * WAD, 700),
        (COVERED, -900 * WAD, 0),
        (COVERED, -901 * WAD, 0),
        (COVERED, 0, 900),
        (COVERED, 50 * WAD, 900),
        (COVERED, -1, 899),
        (COVERED, None, 750),
        (0, -200 * WAD, 750),
        (0, None, 750),
    ],
)
def test_withdraw__covered_vault__keeps_what_its_legs_can_cost(status, v_min, tokens):
    found = unwinds(replace(RICH, status=status, v_min=v_min))
    assert [a.amount // UNIT for a in found if isinstance(a, Withdraw)] == [tokens] * bool(tokens)


# --- merges ---------------------------------------------------------------------------------------------------------

SHORT = vault(5, owner=KEEPER)
OPPOSITE = vault(6, owner=KEEPER, legs=LONG)


@pytest.mark.parametrize(
    ("other", "merges"),
    [
        (OPPOSITE, True),
        (replace(OPPOSITE, legs=LEGS), False),
        (replace(OPPOSITE, legs=(replace(LONG[0], strike=170 * 10**8),)), False),
        (replace(OPPOSITE, legs=(replace(LONG[0], kind=Kind.CALL),)), False),
        (replace(OPPOSITE, legs=(replace(LEGS[0], strike=170 * 10**8), *LONG)), True),
        # short of another series is not the opposite of anything
        (replace(OPPOSITE, legs=(replace(LEGS[0], strike=170 * 10**8),)), False),
        (replace(OPPOSITE, expiry=LATER[1]), False),
        (replace(OPPOSITE, model=Model.GREEKS), False),
        (replace(OPPOSITE, owner=OTHER), False),
        (replace(OPPOSITE, status=DEBT), False),
    ],
)
def test_merge__two_own_vaults__are_of_one_cell_and_model_and_hold_opposite_sides(other, merges):
    found = unwinds(SHORT, other)
    expected = [Merge(6, 5, tuple(leg.pack() for leg in other.legs), other.balance)]
    assert found == expected * merges


@pytest.mark.parametrize(("count", "merges"), [(MAX_LEGS - 1, True), (MAX_LEGS, False)])
def test_merge__series_of_both__fit_into_one(count, merges):
    more = tuple(Leg(Kind.CALL, (300 + i) * 10**8, UNIT) for i in range(count))
    assert bool(unwinds(SHORT, replace(OPPOSITE, legs=(*LONG, *more)))) is merges


def test_merge__third_vault__waits_and_what_merges_withdraws_nothing():
    rich = replace(RICH, vault_id=7, legs=LONG)
    assert unwinds(SHORT, OPPOSITE, rich) == [
        Merge(6, 5, tuple(leg.pack() for leg in LONG), OPPOSITE.balance),
        Withdraw(7, 1, 750 * UNIT),
    ]
    assert unwinds(replace(RICH, vault_id=4), OPPOSITE) == [
        Merge(6, 4, tuple(leg.pack() for leg in LONG), OPPOSITE.balance)
    ]


# --- offers ---------------------------------------------------------------------------------------------------------


def surfaced(**fields: Any) -> CellView:
    shot = pricing.flat(replace(cell().snapshot, seconds=7 * 86_400), 6 * WAD // 10)
    return replace(cell(), snapshot=shot, **fields)


FUTURE = vault(5, owner=KEEPER, legs=(Leg(Kind.FUTURE, 0, UNIT),))


def offers(one: VaultView, view: CellView | None = None, terms: UnwindTerms = TERMS, **fields: Any) -> list[Order]:
    return plan_offers(state(one, **{"cells": {CELL: view or surfaced()}, **fields}), terms, {})


def test_offers__all_conditions_hold__one_is_made_of_one_contract_each():
    (order,) = offers(FUTURE)
    assert [leg.ratio for leg in order.legs] == [1]


@pytest.mark.parametrize(("edge", "found"), [(0, 0), (1, 1)])
def test_offers__option_that_is_worth_nothing__is_offered_for_its_edge_or_not_at_all(edge, found):
    worthless = replace(FUTURE, legs=(Leg(Kind.PUT, 10**8, UNIT),))
    assert len(offers(worthless, terms=replace(TERMS, first_edge=edge, last_edge=edge))) == found


@pytest.mark.parametrize(
    ("one", "fields"),
    [
        (replace(FUTURE, owner=OTHER), {}),
        (replace(FUTURE, epoch=1), {}),
        (FUTURE, {"now": EXPIRY}),
        (replace(FUTURE, status=NOT_FRESH), {}),
        (replace(FUTURE, status=FLAGGED), {}),
        (replace(FUTURE, status=DEBT), {}),
        (FUTURE, {"cells": {}}),
        (FUTURE, {"cells": {CELL: replace(surfaced(), snapshot=replace(surfaced().snapshot, status=1))}}),
        (replace(FUTURE, legs=()), {}),
        (replace(FUTURE, legs=(Leg(Kind.CASH, 0, UNIT),)), {}),
    ],
)
def test_offers__one_condition_does_not_hold__none_is_made(one, fields):
    assert offers(one, **fields) == []


@pytest.mark.parametrize(
    ("quantity", "lot", "share", "size"),
    [
        (100, 10, WAD, 100),
        (-105, 10, WAD, 100),
        (100, 10, WAD // 4, 20),
        (100, 10, WAD // 20, 10),
        # less than a lot: a lot, or all that there is
        (100, 10, WAD // 50, 10),
        (7, 10, WAD, 7),
        (-7, 10, WAD, 7),
    ],
)
def test_offers__size__is_the_share_in_whole_lots_and_at_least_one(quantity, lot, share, size):
    one = replace(FUTURE, legs=(Leg(Kind.FUTURE, 0, quantity),))
    (order,) = offers(one, surfaced(lot=lot), replace(TERMS, share=share))
    assert order.size == size and order.is_bid is (quantity < 0)


@pytest.mark.parametrize(("left", "good_for"), [(1_000, 120), (121, 120), (120, 119), (60, 59)])
def test_offers__end__comes_before_the_expiry(left, good_for):
    (order,) = offers(FUTURE, now=EXPIRY - left)
    assert order.expiry == EXPIRY - left + good_for


@pytest.mark.parametrize(("legs", "quantity"), [(Kind.CALL, UNIT), (Kind.PUT, -UNIT)])
def test_offers__side__sells_what_is_long_above_the_mark_and_buys_what_is_short_below(legs, quantity):
    one = replace(FUTURE, legs=(Leg(legs, 200 * 10**8, quantity),))
    dear, cheap = (offers(one, terms=replace(TERMS, first_edge=edge, last_edge=edge))[0] for edge in (100, -100))
    assert (dear.iv > cheap.iv) is (quantity > 0)


# --- the file -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "passes"),
    [
        ({"first_edge_bps": 10, "last_edge_bps": 10}, True),
        ({"first_edge_bps": 10, "last_edge_bps": 11}, False),
        ({"every_seconds": 120, "good_for_seconds": 120}, True),
        ({"every_seconds": 121, "good_for_seconds": 120}, False),
        ({"makers": ["http://a.example"]}, True),
        ({"makers": ["https://a.example:8650/x"]}, True),
        ({"makers": ["ftp://a.example"]}, False),
        ({"makers": ["http://"]}, False),
        ({"makers": ["https:///x"]}, False),
        ({"makers": ["http://a.example", "b.example"]}, False),
    ],
    ids=str,
)
def test_file__edges_times_and_urls__are_held_to_each_other(fields, passes):
    if passes:
        assert UnwindFile(**fields)
    else:
        with pytest.raises(ValidationError):
            UnwindFile(**fields)


#: Field -> the last number that it takes, and one that it refuses.
BOUNDS = [
    ("first_edge_bps", 1000, 1001),
    ("first_edge_bps", -30, -1001),
    ("last_edge_bps", -1000, -1001),
    ("last_edge_bps", 30, 31),
    ("hours_to_last", "0.01", 0),
    ("hours_to_last", 2000, "2000.01"),
    ("share", "0.01", 0),
    ("share", 1, "1.01"),
    ("good_for_seconds", 3600, 3601),
    ("every_seconds", 5, 4),
    ("band_bps", 1, 0),
    ("band_bps", 2000, 2001),
    ("withdraw_health", 1, "0.99"),
    ("withdraw_health", 100, "100.01"),
    ("min_withdraw", 0, "-0.01"),
]


@pytest.mark.parametrize(("name", "last", "beyond"), BOUNDS)
def test_file__number__is_taken_up_to_its_bound_and_refused_beyond(name, last, beyond):
    assert getattr(UnwindFile(**{name: last}), name) == Decimal(str(last))
    with pytest.raises(ValidationError):
        UnwindFile(**{name: beyond})


def test_file__life_of_an_order__is_held_to_its_bounds():
    assert UnwindFile(good_for_seconds=10, every_seconds=5).good_for_seconds == 10
    assert UnwindFile(good_for_seconds=3600, every_seconds=3600).every_seconds == 3600
    for fields in ({"good_for_seconds": 9, "every_seconds": 5}, {"good_for_seconds": 3600, "every_seconds": 3601}):
        with pytest.raises(ValidationError):
            UnwindFile(**fields)


def test_file__without_a_word__is_what_the_runbook_says():
    runbook = (Path(__file__).parents[2] / "docs" / "keeper-runbook.md").read_text()
    part = runbook.split("### Unwinding")[1].split("### ")[0]
    told: dict[str, str] = {}
    for names, values in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([^|]+) \|", part, re.M):
        told |= dict(zip(re.findall(r"\w+", names), values.split(", "), strict=True))
    found = UnwindFile()
    for name, said in told.items():
        shown = {"makers": "none", "board": "false"}.get(name, str(getattr(found, name)))
        assert said.strip().strip("`") == shown, name
    assert found.makers == [] and not found.board
    assert set(told) == set(UnwindFile.model_fields)


@pytest.mark.parametrize(
    ("hours", "seconds"), [("12", 43_200), ("0.5", 1_800), ("2000", 7_200_000), ("0.0001", 1), ("0.0007", 2)]
)
def test_file__hours__become_seconds_and_at_least_one(hours, seconds):
    assert UnwindFile(hours_to_last=Decimal(hours)).terms().seconds_to_last == seconds


def test_file__amounts__become_those_of_the_chain():
    found = UnwindFile(share="0.25", withdraw_health="2.5", min_withdraw="50.5").terms()
    assert (found.share, found.withdraw_health, found.min_withdraw) == (WAD // 4, 5 * WAD // 2, 101 * WAD // 2)


@pytest.mark.parametrize(("age", "edge"), [(-1, 30), (0, 30), (1, 29), (50, 0), (99, -30), (100, -30), (10**9, -30)])
def test_edge__age__falls_to_the_last_one_and_stays(age, edge):
    terms = replace(TERMS, first_edge=30, last_edge=-30, seconds_to_last=100)
    assert terms.edge(age) == edge
