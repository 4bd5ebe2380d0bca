"""Which flagged vaults a keeper takes, into what, and what it prepares first: pure, from a state to actions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bulkhead.chain.lens import FLAGGED, LIQUIDATABLE
from bulkhead.keeper.decide import decide
from bulkhead.keeper.fees import GWEI, FeePolicy
from bulkhead.keeper.plan import Approve, Open, Take, TopUp
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.state import MarketView
from bulkhead.keeper.takes import MAX_TAKES
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


def test_takes__left_over_of_another_allowance__is_taken_back_first():
    # USDT changes no allowance but from or to zero
    quotes, actions = {1: quote(cash=240 * 10**6)}, []
    for allowance in (5, 0):
        markets = {1: MarketView(1, 0, MICRO, 10**9, NOW, allowance=allowance)}
        actions += decide(state(FLAGGED_90, empty(), quotes=quotes, markets=markets), TAKES)
    assert actions == [Approve(1, first_none=True), Approve(1)]


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


# --- own vaults come first ------------------------------------------------------------------------------------------


def test_defence__hundreds_of_flags_are_due__tokens_of_own_vaults_have_the_first_nonce():
    """What is sent after flags waits behind their nonces, for as many blocks as they fill."""
    thin = vault(5, owner=KEEPER, equity=120, margin=100)
    unsafe = [vault(i, equity=90, status=LIQUIDATABLE) for i in range(10, 200)]
    found = decide(state(thin, *unsafe), Policy())
    assert isinstance(found[0], TopUp) and found[0].vault_id == 5


def test_defence__allowance_below_what_is_needed__is_approved_though_nothing_is_taken():
    """A vault opened by hand, or an allowance that was taken back: a deposit would be refused for ever."""
    thin = vault(5, owner=KEEPER, equity=120, margin=100)
    bare = {1: MarketView(1, 0, MICRO, 10**9, NOW, allowance=10**6)}
    policy = Policy(roles=frozenset({"tend"}))
    assert decide(state(thin, markets=bare), policy) == [Approve(1)]
    enough = {1: MarketView(1, 0, MICRO, 10**9, NOW, allowance=60 * 10**6)}
    assert decide(state(thin, markets=enough), policy) == [TopUp(5, 1, 60 * 10**6)]


@pytest.mark.parametrize("base_fee", [60, 400])
def test_defence__gas_far_above_what_duties_may_cost__is_paid_out_of_what_the_vault_would_lose(base_fee):
    """A spike of the base fee comes with the crash: a deposit is no duty that waits for cheap gas."""
    own = vault(5, owner=KEEPER, equity=1200, margin=1000)
    (deposit,) = decide(state(own), Policy(roles=frozenset({"tend"})))
    fees = FeePolicy(coin_price=2000 * WAD)
    cap = fees.cap(deposit.worth, 640_000)
    assert deposit.worth == 1000 * WAD and fees.first(base_fee * GWEI, cap) is not None
    assert fees.first(base_fee * GWEI, fees.cap(0, 640_000)) is None


def test_prepares__gas_is_dear__each_step_is_worth_what_the_take_brings():
    fees = [decide(state(FLAGGED_90, quotes={1: quote()}), TAKES)[0]]
    bare = {1: MarketView(1, 0, MICRO, 10**9, NOW, allowance=0)}
    fees += decide(state(FLAGGED_90, empty(), quotes={1: quote()}, markets=bare), TAKES)
    fees += decide(state(FLAGGED_90, empty(), quotes={1: quote(cash=240 * 10**6)}), TAKES)
    assert [type(action) for action in fees] == [Open, Approve, TopUp]
    assert all(action.worth >= 10 * WAD for action in fees)


# --- many at once ---------------------------------------------------------------------------------------------------


def unsafe_vaults(count: int):
    """So many flagged vaults of one cell, worth taking, and their quotes."""
    vaults = [vault(i, equity=90, status=FLAGGED | LIQUIDATABLE) for i in range(100, 100 + count)]
    return vaults, {v.vault_id: quote(cash=240 * 10**6) for v in vaults}


def test_takes__more_than_a_batch__go_into_several_own_vaults_beside_each_other():
    vaults, quotes = unsafe_vaults(2 * MAX_TAKES + 5)
    own = [empty(i, collateral=10**6) for i in (5, 6, 7)]
    found = decide(state(*vaults, *own, quotes=quotes), TAKES)
    assert all(isinstance(action, Take) for action in found)
    assert [(len(take.vault_ids), take.into_id) for take in found] == [(MAX_TAKES, 5), (MAX_TAKES, 6), (5, 7)]
    assert len({i for take in found for i in take.vault_ids}) == len(vaults)


def test_takes__on_their_way__are_not_planned_again_for_another_vault():
    vaults, quotes = unsafe_vaults(MAX_TAKES + 5)
    own = [empty(i, collateral=10**6) for i in (5, 6)]
    flying = frozenset({*(v.vault_id for v in vaults[:MAX_TAKES]), 5})
    (take,) = decide(state(*vaults, *own, quotes=quotes, taking=flying), TAKES)
    assert take.into_id == 6 and set(take.vault_ids) == {v.vault_id for v in vaults[MAX_TAKES:]}


@pytest.mark.parametrize(("count", "own", "opens"), [(5, 1, 0), (MAX_TAKES + 1, 1, 1), (500, 7, 1), (500, 8, 0)])
def test_prepares__many_flagged__opens_as_many_own_vaults_as_take_beside_each_other(count, own, opens):
    vaults, quotes = unsafe_vaults(count)
    # nothing pays yet
    early = {i: replace(q, bonus_share=0) for i, q in quotes.items()}
    mine = [empty(i) for i in range(5, 5 + own)]
    found = decide(state(*vaults, *mine, quotes=early), TAKES)
    assert [type(action) for action in found] == [Open] * opens
