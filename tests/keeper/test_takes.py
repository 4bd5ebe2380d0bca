"""Which flagged vaults a keeper takes, into what, and what it prepares first: pure, from a state to actions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bulkhead.chain.lens import FLAGGED, LIQUIDATABLE
from bulkhead.keeper.decide import decide
from bulkhead.keeper.plan import (
    Approve,
    MarketView,
    Open,
    Take,
    TopUp,
)
from bulkhead.risk.words import WAD, Kind, Leg
from tests.keeper.states import FLAGGED_90, KEEPER, MICRO, NOW, TAKES, empty, quote, state, vault


@pytest.mark.parametrize("changed", [quote(bonus=9), quote(cash=-400 * 10**6), quote(fraction=10**10, cash=0)])
def test_takes__bonus_too_small_or_no_profit__prepares_a_vault_and_waits(changed):
    assert decide(state(FLAGGED_90, quotes={1: changed}), TAKES) == [Open(1)]
    assert decide(state(FLAGGED_90, empty(), quotes={1: changed}), TAKES) == []
    assert decide(state(FLAGGED_90, quotes={1: replace(changed, reason=4)}), TAKES) == []


def test_takes__no_allowance__approves_first():
    bare = {1: MarketView(1, 0, MICRO, 10**9, NOW, allowance=0)}
    quotes = {1: quote(cash=240 * 10**6)}
    assert decide(state(FLAGGED_90, empty(), quotes=quotes, markets=bare), TAKES) == [Approve(1)]


def test_takes__worth_it__deposits_what_the_margin_of_the_new_legs_needs_then_takes():
    # v = -210, C = 300: the whole vault pays 240 for -210 of legs, a gain of 30 at mark
    quotes = {1: quote(cash=240 * 10**6)}
    (deposit,) = decide(state(FLAGGED_90, empty(), quotes=quotes), TAKES)
    # IM 125 less the gain of 30, the deposit of a new vault, and a quarter of the need on top
    assert deposit == TopUp(5, 1, (125 - 30 + 10) * 10**6 + (125 - 30) * 10**6 // 4)
    (take,) = decide(state(FLAGGED_90, empty(collateral=105), quotes=quotes), TAKES)
    assert isinstance(take, Take) and take.into_id == 5 and take.fractions == (WAD,) and take.profit == 30 * WAD
    least, bonus, most, low, high = take.limits
    assert least < 240 * 10**6 and bonus == 30 * WAD // 100 and most == 0
    assert low == 196 * WAD and high == 204 * WAD


def test_takes__part_of_a_vault__is_good_for_less_of_it_at_the_same_bonus():
    """At a better price less goes over, for fewer tokens: the bonus share is what the gain of a part hangs on."""
    own = vault(5, owner=KEEPER, equity=1000, margin=100)
    part = quote(fraction=3 * WAD // 10, cash=72 * 10**6, bonus=30)
    (take,) = decide(state(FLAGGED_90, own, quotes={1: part}), TAKES)
    least, bonus, *_ = take.limits
    assert 72 * 10**6 // 5 < least <= 72 * 10**6 // 4 and bonus == 30 * WAD // 100
    # a part that costs tokens may not cost more for that, and a whole vault is what is there
    (costly,) = decide(
        state(vault(1, equity=400, status=FLAGGED | LIQUIDATABLE), own, quotes={1: replace(part, cash=-20 * 10**6)}),
        TAKES,
    )
    assert -22 * 10**6 < costly.limits[0] < -20 * 10**6
    (whole,) = decide(state(FLAGGED_90, own, quotes={1: quote(cash=240 * 10**6)}), TAKES)
    assert whole.limits[0] > 230 * 10**6


def test_takes__own_vault_of_the_cell_with_free_equity__needs_no_deposit():
    own = vault(5, owner=KEEPER, equity=1000, margin=100)
    (take,) = decide(state(FLAGGED_90, own, quotes={1: quote(cash=240 * 10**6)}), TAKES)
    assert isinstance(take, Take) and take.into_id == 5


def test_takes__wallet_too_small__asks_for_less_but_never_for_a_part_of_an_insolvent_vault():
    purse = {1: MarketView(1, 0, MICRO, 40 * 10**6, NOW)}
    quotes = {1: quote(cash=240 * 10**6)}
    assert decide(state(FLAGGED_90, empty(), quotes=quotes, markets=purse), TAKES) == [TopUp(5, 1, 40 * 10**6)]
    bare = {1: MarketView(1, 0, MICRO, 0, NOW)}
    (take,) = decide(state(FLAGGED_90, empty(collateral=40), quotes=quotes, markets=bare), TAKES)
    assert isinstance(take, Take) and 0 < take.fractions[0] < WAD
    thin = {1: quote(cash=240 * 10**6, equity=20)}
    assert decide(state(FLAGGED_90, empty(collateral=40), quotes=thin, markets=bare), TAKES) == []
    assert decide(state(FLAGGED_90, quotes=quotes, markets=bare), TAKES) == []


def test_takes__two_vaults_of_one_cell__go_in_one_transaction_worst_first():
    first, second = (vault(i, equity=90, status=FLAGGED | LIQUIDATABLE) for i in (1, 2))
    quotes = {1: quote(cash=240 * 10**6), 2: quote(cash=240 * 10**6, equity=80)}
    (take,) = decide(state(first, second, empty(collateral=500), quotes=quotes), TAKES)
    assert isinstance(take, Take) and take.vault_ids == (2, 1)


def test_takes__more_strikes_than_a_vault_holds__takes_what_fits():
    def strikes(first: int) -> tuple[Leg, ...]:
        return tuple(Leg(Kind.PUT, (first + i) * 10**8, -(10**6)) for i in range(10))

    vaults = [vault(i, equity=90, status=FLAGGED | LIQUIDATABLE, legs=strikes(100 * i)) for i in (1, 2)]
    quotes = {i: quote(cash=240 * 10**6) for i in (1, 2)}
    (take,) = decide(state(*vaults, empty(collateral=500), quotes=quotes), TAKES)
    assert isinstance(take, Take) and take.vault_ids == (1,)


# --- auctions nobody wants ------------------------------------------------------------------------------------------
