"""Whose vaults count towards which limit, how much a wallet may spend, and of what shortage an operator is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bulkhead import pricing
from bulkhead.chain.lens import COVERED, VaultView
from bulkhead.keeper.exposure import Bound, Exposure, of_legs, own_exposure, spendable
from bulkhead.keeper.policy import Limits, Policy
from bulkhead.keeper.shortages import shortages
from bulkhead.keeper.state import KeeperState, MarketView
from bulkhead.risk.words import WAD, Units
from tests.keeper.states import CELL, EXPIRY, FLAGGED_90, KEEPER, MICRO, NOW, OTHER, cell, empty, quote, state, vault

UNIT = 10**6
LATER = (1, EXPIRY + 1)
THIRD = "0x" + "ee" * 20
MINE = Policy(roles=frozenset({"take", "tend"}))


def holding(tokens: int, index: int = 1, **other: Any) -> dict[int, MarketView]:
    return {index: MarketView(index, 0, MICRO, tokens, NOW, **other)}


def test_add__every_figure__is_the_sum_of_its_own():
    assert Exposure(1, 20, 300) + Exposure(4000, 50_000, 600_000) == Exposure(4001, 50_020, 600_300)


# --- whose vaults count ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "others", "of_all", "of_wallet"),
    [
        (vault(1), {}, 0, 0),
        (vault(1, owner=KEEPER), {}, 1, 1),
        (vault(1, owner=KEEPER, epoch=1), {}, 0, 0),
        (vault(1, owner=OTHER), {"wallets": frozenset({OTHER, KEEPER})}, 1, 0),
        # what is on its way counts as if it were there
        (vault(1), {"takers": {1: KEEPER}}, 1, 1),
        (vault(1), {"takers": {1: THIRD}}, 1, 0),
        (vault(1), {"takers": {2: KEEPER}}, 0, 0),
        (vault(1), {"takers": {1: KEEPER}, "keeper": KEEPER.upper().replace("0X", "0x")}, 1, 1),
        (vault(1, owner=KEEPER), {"now": EXPIRY}, 0, 0),
        (vault(1, owner=KEEPER), {"cells": {}}, 0, 0),
        (vault(1, owner=KEEPER, legs=()), {}, 0, 0),
    ],
    ids=["others", "own", "sent to it", "another wallet's", "coming", "coming to another wallet", "another is coming",
         "any spelling", "expired", "no price", "no legs"],
)  # fmt: skip
def test_own_exposure__each_vault__counts_for_who_holds_or_takes_it(one, others, of_all, of_wallet):
    seen = state(one, **others)
    each = of_legs(one.legs, cell())
    assert own_exposure(seen) == ({CELL: each} if of_all else {})
    assert own_exposure(seen, alone=True) == ({CELL: each} if of_wallet else {})


def test_own_exposure__two_vaults_of_a_cell_and_one_of_another__are_summed_by_cell():
    vaults = vault(1, owner=KEEPER), vault(2, owner=KEEPER), vault(3, owner=KEEPER, expiry=LATER[1])
    each = of_legs(vaults[0].legs, cell())
    found = own_exposure(state(*vaults, cells={CELL: cell(), LATER: cell(expiry=LATER[1])}))
    assert found == {CELL: each + each, LATER: each}


def test_of_legs__share_of_options_with_a_vol__is_that_share_of_each_figure():
    view = cell()
    view = replace(view, snapshot=pricing.flat(replace(view.snapshot, seconds=864_000), WAD // 2))
    whole, part = of_legs(FLAGGED_90.legs, view), of_legs(FLAGGED_90.legs, view, 0.25)
    assert whole.delta > 0 > whole.vega and whole.notional == 20_000
    assert (part.delta, part.vega, part.notional) == pytest.approx((whole.delta / 4, whole.vega / 4, 5_000))
    coins = of_legs(FLAGGED_90.legs, replace(view, units=Units(inverse=True, digits=3)))
    assert coins.notional == pytest.approx(20_000, rel=0.01)


# --- limits ---------------------------------------------------------------------------------------------------------

TEN = Limits(delta=10 * WAD)


@pytest.mark.parametrize(
    ("held", "more", "limits", "allowed"),
    [
        ({}, Exposure(10), TEN, True),
        ({}, Exposure(10.5), TEN, False),
        ({}, Exposure(-10), TEN, True),
        ({}, Exposure(-10.5), TEN, False),
        # what makes no figure larger is allowed beyond every limit: as far on the other side, and no farther
        ({CELL: Exposure(90)}, Exposure(-180), TEN, True),
        ({CELL: Exposure(90)}, Exposure(-180.5), TEN, False),
        ({CELL: Exposure(90)}, Exposure(0), TEN, True),
        # all expiries together
        ({LATER: Exposure(6)}, Exposure(4), TEN, True),
        ({LATER: Exposure(6)}, Exposure(4.5), TEN, False),
        ({LATER: Exposure(-6)}, Exposure(10), TEN, True),
        ({LATER: Exposure(-6), CELL: Exposure(5)}, Exposure(5.5), TEN, False),
        ({LATER: Exposure(0, 6), CELL: Exposure(0, 1)}, Exposure(0, 3), Limits(vega=10 * WAD), True),
        ({LATER: Exposure(0, 6), CELL: Exposure(0, 1)}, Exposure(0, 3.5), Limits(vega=10 * WAD), False),
        ({LATER: Exposure(0, 0, 6), CELL: Exposure(0, 0, 1)}, Exposure(0, 0, 3), Limits(notional=10 * WAD), True),
        ({LATER: Exposure(0, 0, 6), CELL: Exposure(0, 0, 1)}, Exposure(0, 0, 3.5), Limits(notional=10 * WAD), False),
    ],
)
def test_bound__total_and_expiry__at_the_limit_and_just_beyond(held, more, limits, allowed):
    bound = Bound(dict(held), limits, WAD)
    assert bound.allows(CELL, more) is allowed
    bound.add(CELL, more)
    assert bound.exposure[CELL] == held.get(CELL, Exposure()) + more


# --- what a wallet may spend ----------------------------------------------------------------------------------------


def test_spendable__capital__counts_own_vaults_of_that_market_and_what_other_wallets_are_about_to_add():
    """A vault holds 1,000 tokens."""
    mine, another = vault(5, owner=KEEPER), vault(6, owner=OTHER)
    elsewhere, somebodys = vault(7, owner=KEEPER, market=2), vault(8, owner=THIRD)
    seen = state(
        mine,
        another,
        elsewhere,
        somebodys,
        markets={**holding(10**10), **holding(10**10, 2)},
        wallets=frozenset({KEEPER, OTHER}),
        committed={1: 7 * UNIT, 2: 900 * UNIT},
    )
    assert spendable(seen, Policy(max_capital=5_000 * WAD), 1) == (5_000 - 2_000 - 7) * UNIT
    assert spendable(seen, Policy(max_capital=5_000 * WAD), 2) == (5_000 - 1_000 - 900) * UNIT
    assert spendable(seen, Policy(wallet_capital=5_000 * WAD), 1) == 4_000 * UNIT
    both = Policy(max_capital=5_000 * WAD, wallet_capital=3_000 * WAD)
    assert spendable(seen, both, 1) == 2_000 * UNIT
    # what own vaults need first goes into them: capital too
    assert spendable(seen, both, 1, reserved=3 * UNIT) == (2_000 - 3) * UNIT
    assert spendable(seen, Policy(max_capital=5_000 * WAD), 1, reserved=3 * UNIT) == (5_000 - 2_000 - 7 - 3) * UNIT


@pytest.mark.parametrize(("reserved", "left"), [(0, 8_250), (2_750, 8_250), (2_751, 8_249), (11_000, 0), (12_000, 0)])
def test_spendable__what_stays_in_the_wallet__is_the_larger_of_both(reserved, left):
    seen = state(vault(5, owner=KEEPER), markets=holding(11_000 * UNIT))
    # a quarter of the 12,000 tokens of the market, 3,000, or what is reserved
    policy = Policy(keep_free=WAD * 2_750 // 12_000 + 1)
    assert spendable(seen, policy, 1, reserved=reserved * UNIT) == left * UNIT


# --- shortages ------------------------------------------------------------------------------------------------------


def kinds(seen: KeeperState, policy: Policy = MINE) -> list[tuple[str, str]]:
    return [(kind, about) for kind, about, _ in shortages(seen, policy)]


THIN = vault(5, owner=KEEPER, equity=139)


@pytest.mark.parametrize(
    ("own", "tokens", "others", "told"),
    [
        (THIN, 0, {}, True),
        (THIN, 1, {}, False),
        (replace(THIN, equity=140 * WAD - 1), 0, {}, True),
        (replace(THIN, equity=140 * WAD), 0, {}, False),
        (replace(THIN, status=COVERED), 0, {}, False),
        (replace(THIN, owner=OTHER), 0, {}, False),
        (replace(THIN, maintenance_margin=0, equity=-1), 0, {}, False),
        (THIN, 0, {"now": EXPIRY}, False),
        (replace(THIN, market=2), 0, {}, False),
    ],
)
def test_shortages__own_vault_near_its_margin_and_an_empty_wallet__is_told(own, tokens, others, told):
    seen = state(own, markets=holding(tokens), **others)
    assert kinds(seen) == ([("own-vault", "5")] if told else [])
    assert kinds(seen, replace(MINE, roles=frozenset({"tend"}))) == ([("own-vault", "5")] if told else [])


PAYS = quote(cash=240 * UNIT)
#: Tokens that the least share of that take needs: a twentieth of 105.
LEAST = 5_250_000


def starved(*own: VaultView, tokens: int = 0, flag: VaultView | None = FLAGGED_90, **other: Any) -> bool:
    """Whether no capital is told of for one flagged vault."""
    fields = {"quotes": {1: PAYS}, "markets": holding(tokens), **other}
    found = kinds(state(*([flag] if flag else []), *own, **fields), replace(MINE, roles=frozenset({"take"})))
    assert found in ([], [("no-capital", "1")])
    return bool(found)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, True),
        ({"flag": None}, False),
        ({"flag": replace(FLAGGED_90, owner=KEEPER, status=COVERED)}, False),
        ({"flag": replace(FLAGGED_90, owner=OTHER), "wallets": frozenset({OTHER})}, False),
        ({"quotes": {1: replace(PAYS, reason=1)}}, False),
        ({"cells": {}}, False),
        ({"left": frozenset({1})}, False),
        ({"taking": frozenset({1})}, False),
        ({"left": frozenset({2}), "taking": frozenset({3})}, True),
    ],
    ids=["none", "unknown", "own", "another wallet's", "reason", "no price", "left", "on its way", "others are"],
)
def test_shortages__flag_that_this_wallet_would_take_without_a_token__is_told(fields, told):
    assert starved(**fields) is told


def test_shortages__nothing_pays_yet__an_empty_wallet_is_told_and_a_small_one_is_not():
    small = replace(PAYS, bonus_share=0)
    assert starved(quotes={1: small}) and not starved(tokens=1, quotes={1: small})


@pytest.mark.parametrize("part", [WAD, WAD // 2])
def test_shortages__least_share_of_a_take__is_enough_exactly(part):
    one = replace(PAYS, fraction=part, cash=240 * UNIT * part // WAD)
    # of a half that needs 62.5 less its gain of 15 and the whole deposit, a tenth
    least = LEAST if part == WAD else 5_750_000
    assert not starved(tokens=least, quotes={1: one}) and starved(tokens=least - 1, quotes={1: one})


@pytest.mark.parametrize(
    ("own", "counts"),
    [
        (vault(5, owner=KEEPER, equity=0), True),
        (replace(empty(5), equity=0, collateral=0), True),
        (vault(5, owner=KEEPER, equity=0, market=2), False),
        (vault(5, owner=KEEPER, equity=0, expiry=LATER[1]), False),
        (vault(5, owner=OTHER, equity=0), False),
    ],
    ids=["of the cell", "empty", "of another market", "of another cell", "somebody's"],
)
def test_shortages__own_vaults_of_the_cell_and_empty_ones__have_tokens_too(own, counts):
    """Equity beyond IM or tokens, whichever is less; with those of the wallet."""

    def holds(free: int, tokens: int, wallet: int) -> VaultView:
        assert starved(tokens=wallet) or wallet >= LEAST
        return replace(own, equity=own.initial_margin + free * MICRO, collateral=tokens * MICRO)

    for free, tokens in ((LEAST - 1, 10**9), (10**9, LEAST - 1)):
        assert starved(holds(free, tokens, 1), tokens=1) is not counts
    for free, tokens in ((LEAST - 2, 10**9), (10**9, LEAST - 2), (-(10**9), 10**9)):
        assert starved(holds(free, tokens, 1), tokens=1)
    # a vault below its margin takes nothing from the others
    poor = holds(-(10**9), 10**9, 1)
    assert not starved(replace(poor, vault_id=6), tokens=LEAST)


def test_shortages__several_own_vaults__are_summed():
    half = replace(empty(5), equity=LEAST // 2 * MICRO, collateral=LEAST // 2 * MICRO)
    legs = vault(6, owner=KEEPER, equity=125, margin=100)
    legs = replace(legs, equity=legs.equity + LEAST // 2 * MICRO)
    assert not starved(half, legs, tokens=1)
    assert not starved(half, replace(half, vault_id=7), tokens=1)
    assert starved(half, tokens=LEAST // 2 - 1) and not starved(half, tokens=LEAST // 2)


def test_shortages__take_of_a_part_within_a_limit__is_not_told():
    """Half of 20,000."""
    flag, half = FLAGGED_90, replace(PAYS, fraction=WAD // 2, cash=120 * UNIT)
    for most, told in ((10_000, []), (9_999, [("limit", f"1-{EXPIRY}")])):
        policy = replace(MINE, limits=Limits(notional=most * WAD))
        assert kinds(state(flag, empty(), quotes={1: half}), policy) == told


@pytest.mark.parametrize(("free", "told"), [(None, True), (-(10**9), True), (0, True), (1, False)])
def test_shortages__token_of_18_decimals_and_a_wei_too_few__is_told(free, told):
    """The wallet lacks one for the least share; the own vault has so many beyond its margin."""
    own = vault(5, owner=KEEPER, margin=100)
    mine = [] if free is None else [replace(own, equity=own.initial_margin + free)]
    market = {1: MarketView(1, 0, 1, LEAST * MICRO - 1, NOW)}
    assert starved(*mine, markets=market, quotes={1: replace(PAYS, cash=240 * WAD)}) is told
