"""Takes, what prepares them and top-ups at their exact edges: shared wallets, several cells and wallets, shares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bulkhead import pricing
from bulkhead.chain.lens import CLAIM, VaultView
from bulkhead.keeper.decide import decide
from bulkhead.keeper.plan import Action, Approve, Open, Take, TopUp
from bulkhead.keeper.policy import Limits, Policy
from bulkhead.keeper.state import MarketView, Quote
from bulkhead.keeper.takes import Candidate, tokens_for
from bulkhead.risk.words import MAX_LEGS, WAD, Kind, Leg, Units
from tests.keeper.states import (
    CELL,
    EXPIRY,
    FLAGGED_90,
    KEEPER,
    MICRO,
    NOW,
    OTHER,
    TAKES,
    cell,
    empty,
    quote,
    state,
    vault,
)

UNIT = 10**6
#: Written out: by the keeper's own numbers a test would agree with any.
MAX_TAKES, HEADROOM, SHRINK = 16, WAD // 4, WAD // 4
PAYS = quote(cash=240 * UNIT)
TEND = Policy(roles=frozenset({"tend"}))
#: What the whole of FLAGGED_90 needs: IM 125 less a gain of 30, and the deposit of an empty own vault [tokens].
NEED, LOCK = 95, 10


def flagged(vault_id: int, **other: Any) -> VaultView:
    return replace(FLAGGED_90, vault_id=vault_id, **other)


def holding(tokens: int, index: int = 1, **other: Any) -> dict[int, MarketView]:
    """The market, with so many native tokens in the wallet."""
    return {index: MarketView(index, 0, MICRO, tokens, NOW, **other)}


def rich(vault_id: int = 5) -> VaultView:
    """An own vault of the cell that needs nothing for a few takes."""
    return vault(vault_id, owner=KEEPER, equity=10**5, margin=100, collateral=10**5 * WAD)


# --- what is not taken, and for what nothing is prepared ------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "others", "shard"),
    [
        (None, {}, (0, 1)),
        (flagged(1, owner=KEEPER), {}, (0, 1)),
        (flagged(1, owner=OTHER), {"wallets": frozenset({OTHER, KEEPER})}, (0, 1)),
        (flagged(1), {}, (0, 2)),
        (flagged(1), {"left": frozenset({1})}, (0, 1)),
        (flagged(1), {"cells": {}}, (0, 1)),
    ],
    ids=["unknown", "own", "another wallet's", "another shard's", "left to another wallet", "cell unknown"],
)
@pytest.mark.parametrize("purses", [(), (rich(),)], ids=["no own vault", "an own vault"])
@pytest.mark.parametrize("allowance", [0, 10**12])
def test_takes__flag_that_is_not_for_this_wallet__asks_for_nothing(flag, others, shard, purses, allowance):
    vaults = [*purses, *([flag] if flag else [])]
    seen = state(*vaults, quotes={1: PAYS}, markets=holding(10**9, allowance=allowance), **others)
    assert decide(seen, replace(TAKES, shard=shard)) == []


def test_takes__flag_of_this_wallet__asks_for_something_in_each_of_those_cases():
    for purses, allowance, found in (
        ((), 10**12, [Open]),
        ((rich(),), 10**12, [Take]),
        ((), 0, [Approve, Open]),
        ((rich(),), 0, [Approve]),
    ):
        seen = state(flagged(1), *purses, quotes={1: PAYS}, markets=holding(10**9, allowance=allowance))
        assert [type(a) for a in decide(seen, replace(TAKES, shard=(1, 2)))] == found


@pytest.mark.parametrize("expiry", [0, EXPIRY])
def test_takes__own_vault_without_legs_that_waits_for_its_claim__receives_nothing(expiry):
    waiting = replace(empty(5, 500), status=CLAIM, expiry=expiry)
    assert decide(state(flagged(1), waiting, quotes={1: PAYS}), TAKES) == [Open(1)]


# --- what prepares --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wallet", "allowance", "found"),
    [
        (100, 0, [Approve(1), Open(1)]),
        (100, 1, [Approve(1, first_none=True), Open(1)]),
        (100, 99, [Approve(1, first_none=True), Open(1)]),
        (100, 100, [Open(1)]),
        (1, 0, [Approve(1), Open(1)]),
        (0, 0, []),
    ],
)
def test_prepares__allowance_and_wallet__what_is_lacking_is_asked_for(wallet, allowance, found):
    assert decide(state(flagged(1), quotes={1: PAYS}, markets=holding(wallet, allowance=allowance)), TAKES) == found


def test_prepares__several_flags__are_worth_the_least_bonus_of_all_that_can_be_taken_of_a_market():
    quotes = {
        1: replace(PAYS, fraction=WAD // 2),
        2: replace(PAYS, margin=50 * WAD),
        3: replace(PAYS, margin=700 * WAD),
    }
    second = flagged(3, market=2)
    markets = {**holding(10**9, allowance=0), **holding(10**9, 2, allowance=0)}
    cells = {CELL: cell(), (2, EXPIRY): cell()}
    found = decide(state(flagged(1), flagged(2), second, quotes=quotes, markets=markets, cells=cells), TAKES)
    assert found == [Approve(1), Open(1), Approve(2), Open(2)]
    assert [a.worth for a in found if isinstance(a, Approve | Open)] == [10 * WAD, 10 * WAD, 70 * WAD, 70 * WAD]


@pytest.mark.parametrize(("count", "own", "opens"), [(MAX_TAKES, 1, 0), (MAX_TAKES + 1, 1, 1), (MAX_TAKES + 1, 2, 0)])
def test_prepares__one_flag_more_than_a_batch__wants_another_own_vault(count, own, opens):
    flags = [flagged(i) for i in range(100, 100 + count)]
    quotes = {v.vault_id: replace(PAYS, bonus_share=0) for v in flags}
    mine = [empty(i) for i in range(5, 5 + own)]
    assert decide(state(*flags, *mine, quotes=quotes), TAKES) == [Open(1)] * opens


def test_prepares__two_cells_without_an_own_vault__one_is_opened_at_a_time():
    later = (1, EXPIRY + 1)
    flags = (flagged(1), flagged(2, expiry=later[1]))
    cells = {CELL: cell(), later: cell(expiry=later[1])}
    assert decide(state(*flags, quotes={1: PAYS, 2: PAYS}, cells=cells), TAKES) == [Open(1)]
    # one empty own vault is ready for one of them
    early = {i: replace(PAYS, bonus_share=0) for i in (1, 2)}
    assert decide(state(*flags, empty(), quotes=early, cells=cells), TAKES) == [Open(1)]
    assert decide(state(*flags, empty(), empty(6), quotes=early, cells=cells), TAKES) == []


# --- the wallet is shared -------------------------------------------------------------------------------------------

WHOLE = (NEED + LOCK) * UNIT + NEED * UNIT * HEADROOM // WAD


def in_cells(count: int, wallet: int, **other: Any) -> list[Action]:
    """One flagged vault and one empty own vault in each of so many cells of a market."""
    expiries = [EXPIRY + i for i in range(count)]
    flags = [flagged(1 + i, expiry=expiry) for i, expiry in enumerate(expiries)]
    seen = state(
        *flags,
        *(empty(50 + i) for i in range(count)),
        quotes={v.vault_id: PAYS for v in flags},
        cells={(1, expiry): cell(expiry=expiry) for expiry in expiries},
        markets=holding(wallet),
        **other,
    )
    return decide(seen, TAKES)


@pytest.mark.parametrize("rest", [42 * UNIT, 42 * UNIT + 1, WHOLE])
def test_deposits__several_cells__share_the_wallet_to_the_last_token(rest):
    assert in_cells(3, 2 * WHOLE + rest) == [TopUp(50, 1, WHOLE), TopUp(51, 1, WHOLE), TopUp(52, 1, rest)]


def test_deposits__wallet_is_used_up__nothing_is_left_for_the_next_cell():
    assert in_cells(3, 2 * WHOLE) == [TopUp(50, 1, WHOLE), TopUp(51, 1, WHOLE)]


def test_deposits__two_markets__do_not_share():
    seen = state(
        flagged(1),
        flagged(2, market=2),
        empty(50),
        replace(empty(51), market=2),
        quotes={1: PAYS, 2: PAYS},
        cells={CELL: cell(), (2, EXPIRY): cell()},
        markets={**holding(WHOLE), **holding(WHOLE, 2)},
    )
    assert decide(seen, TAKES) == [TopUp(50, 1, WHOLE), TopUp(51, 2, WHOLE)]


def test_deposits__own_vaults_come_first__to_the_last_token():
    """One near its margin needs 60 tokens; the take of another own vault gets what the wallet holds beyond them."""
    thin = vault(5, owner=KEEPER, equity=120, legs=(Leg(Kind.CALL, 9 * 10**8, -1),) * MAX_LEGS)
    seen = state(flagged(1), thin, empty(6), quotes={1: PAYS}, markets=holding(160 * UNIT))
    both = Policy(roles=frozenset({"tend", "take"}))
    assert decide(seen, both) == [TopUp(5, 1, 60 * UNIT), TopUp(6, 1, 100 * UNIT)]


@pytest.mark.parametrize(("wallet", "takes"), [(60, 0), (61, 1)])
def test_takes__own_vault_that_uses_the_whole_wallet__takes_on_nothing_more(wallet, takes):
    """It needs 60 tokens to be at its target, and has equity beyond its IM for the take."""
    thin = vault(5, owner=KEEPER, equity=120, initial_margin=10 * WAD)
    seen = state(flagged(1), thin, quotes={1: PAYS}, markets=holding(wallet * UNIT))
    found = decide(seen, Policy(roles=frozenset({"tend", "take"})))
    assert [type(a) for a in found] == [TopUp] + [Take] * takes


# --- limits ---------------------------------------------------------------------------------------------------------

#: Contracts times spot of FLAGGED_90.
NOTIONAL = 20_000 * WAD
LOOSE, TIGHT, ONE = Limits(notional=100 * NOTIONAL), Limits(notional=WAD), Limits(notional=NOTIONAL)


def taken(policy: Policy, share: int = WAD, count: int = 2) -> set[int]:
    """Which of two flagged vaults, the second one worse, are taken into an own vault without legs."""
    view = cell()
    cells = {CELL: replace(view, snapshot=pricing.flat(replace(view.snapshot, seconds=EXPIRY - NOW), WAD // 2))}
    one = quote(cash=240 * UNIT * share // WAD, fraction=share)
    quotes = {1: one, 2: replace(one, equity=80 * WAD)}
    flags = [flagged(i) for i in (1, 2)[:count]]
    seen = state(*flags, empty(5, 10**5), quotes={v.vault_id: quotes[v.vault_id] for v in flags}, cells=cells)
    return {i for action in decide(seen, policy) if isinstance(action, Take) for i in action.vault_ids}


@pytest.mark.parametrize(
    ("fields", "share", "found"),
    [
        ({}, WAD, {1, 2}),
        ({"limits": LOOSE}, WAD, {1, 2}),
        ({"limits": ONE}, WAD, {2}),
        ({"limits": ONE}, WAD // 2, {1, 2}),
        ({"limits": Limits(notional=NOTIONAL // 2)}, WAD // 2, {2}),
        ({"limits": Limits(notional=2 * NOTIONAL), "expiry_share": WAD // 2}, WAD, {2}),
        ({"limits": LOOSE, "wallet_limits": TIGHT}, WAD, set()),
        ({"limits": TIGHT, "wallet_limits": LOOSE}, WAD, set()),
        ({"limits": LOOSE, "wallet_limits": ONE}, WAD, {2}),
    ],
)
def test_takes__limits_of_exposure__bound_all_that_is_taken_together_the_worst_first(fields, share, found):
    assert taken(replace(TAKES, **fields), share) == found


# --- what is asked of the wallet and of the chain -------------------------------------------------------------------


def test_deposits__flags_with_other_deposits__lock_the_largest():
    for first, second in ((10, 25), (25, 10)):
        flags = flagged(1, deposit=first * UNIT), flagged(2, deposit=second * UNIT)
        (found,) = decide(state(*flags, empty(), quotes={1: PAYS, 2: PAYS}), TAKES)
        assert found == TopUp(5, 1, (2 * NEED + 25) * UNIT + 2 * NEED * UNIT * HEADROOM // WAD)


def test_deposits__takes_that_cost_tokens__need_what_they_cost_when_that_is_more():
    """A vault that is worth 100 to its taker for 60 tokens: margin asks for 85, two of them for 120 of tokens."""
    dear = quote(cash=-60 * UNIT)
    flag = flagged(1, value=100 * WAD)
    own = rich()
    for collateral, lacking in ((60, 0), (59, 1), (0, 60)):
        seen = state(flag, replace(own, collateral=collateral * WAD), quotes={1: dear})
        (found,) = decide(seen, TAKES)
        if lacking:
            # need of 125 less the gain of 40
            assert found == TopUp(5, 1, lacking * UNIT + 85 * UNIT * HEADROOM // WAD)
        else:
            assert isinstance(found, Take)
    # beside one that brings tokens: what it brings comes too late to pay with
    pair = state(
        flag, flagged(2), replace(own, collateral=59 * WAD), quotes={1: dear, 2: replace(PAYS, equity=80 * WAD)}
    )
    (found,) = decide(pair, TAKES)
    assert isinstance(found, TopUp) and found.amount == UNIT + (85 + NEED) * UNIT * HEADROOM // WAD


def test_deposits__empty_vault__locks_the_deposit_out_of_its_tokens_too():
    flag, dear = flagged(1, value=1000 * WAD), quote(cash=-60 * UNIT)
    for tokens, lacking in ((70, 0), (69, 1)):
        found = decide(state(flag, empty(5, tokens), quotes={1: dear}), TAKES)
        # a gain above the need: no headroom
        assert [type(a) for a in found] == ([TopUp] if lacking else [Take])
        assert not lacking or found == [TopUp(5, 1, UNIT)]


def share(tokens: int, own: VaultView, one: Quote = PAYS, policy: Policy = TAKES, flag: VaultView = FLAGGED_90) -> list:
    """What is done with so many native tokens in the wallet."""
    return decide(state(flag, own, quotes={1: one}, markets=holding(tokens)), policy)


def test_share__wallet_a_token_short__is_worth_its_part_of_the_gain():
    whole = (NEED + LOCK) * UNIT
    (enough,), (short,) = share(whole, empty()), share(whole - 1, empty())
    assert (enough, enough.worth) == (TopUp(5, 1, whole), 30 * WAD)
    part = WAD * (whole - 1) // whole
    assert (short, short.worth) == (TopUp(5, 1, whole - 1), 30 * WAD * part // WAD)


@pytest.mark.parametrize(("tokens", "found"), [(5_250_000, 1), (5_249_999, 0)])
def test_share__least_share__is_good_exactly_and_no_less(tokens, found):
    """A twentieth of 105 tokens."""
    assert len(share(tokens, empty())) == found
    held = tokens * MICRO
    assert len(share(0, replace(empty(), equity=held, collateral=held))) == found


@pytest.mark.parametrize(("equity", "found"), [(30 * WAD, 1), (30 * WAD - 1, 0)])
def test_share__vault_that_cannot_pay_its_bonus__goes_whole_or_not_at_all(equity, found):
    assert len(share(40 * UNIT, empty(), replace(PAYS, equity=equity))) == found


@pytest.mark.parametrize(
    ("free", "tokens", "counts"), [(40, 100, 40), (100, 40, 40), (-5, 100, 0), (100, -5, 0), (0, 0, 0)]
)
@pytest.mark.parametrize("wallet", [0, 20])
def test_share__own_vault_with_some_equity_and_tokens__counts_with_the_lesser_of_both(free, tokens, counts, wallet):
    # a vault that holds legs already locks no deposit: 400 of margin less the gain
    big = quote(cash=240 * UNIT, margin=400 * WAD, equity=300)
    own = vault(5, owner=KEEPER, equity=125 + free, margin=100, collateral=tokens * WAD)
    found = share(wallet * UNIT, own, big)
    need = 500 - 30
    part = WAD * (wallet + counts) * UNIT // (need * UNIT)
    if part < TAKES.min_fraction:
        assert found == []
    elif wallet:
        assert found == [TopUp(5, 1, wallet * UNIT)] and found[0].worth == 30 * WAD * part // WAD
    else:
        (take,) = found
        assert take.fractions == (part * 9 // 10,) and take.profit == 30 * WAD * take.fractions[0] // WAD


def test_share__of_what_may_be_taken__is_a_share_of_that():
    half = quote(cash=120 * UNIT, fraction=WAD // 2)
    # IM of half less its gain, and the whole deposit
    need = 125 * UNIT // 2 - 15 * UNIT + LOCK * UNIT
    (found,) = share(0, empty(collateral=30), half)
    fraction = WAD // 2 * 30 * UNIT // need
    assert found.fractions == (fraction * 9 // 10,)
    assert found.profit == 15 * WAD * found.fractions[0] // (WAD // 2)
    # a quarter of the tokens that it is to bring, less a fiftieth and a tenth of the gain
    least = (120 * UNIT * found.fractions[0] // (WAD // 2)) * SHRINK // WAD
    assert found.limits.min_received == least - least // 50 - 15 * UNIT // 10


def test_share__first_does_not_fit_the_own_vault__the_next_one_is_taken():
    many = tuple(Leg(Kind.PUT, (100 + i) * 10**8, -(10**6)) for i in range(MAX_LEGS))
    own = vault(5, owner=KEEPER, equity=165, margin=100, collateral=40 * WAD)
    seen = state(
        flagged(1, legs=many), flagged(2), own, quotes={1: PAYS, 2: replace(PAYS, equity=91 * WAD)}, markets=holding(0)
    )
    (take,) = decide(seen, TAKES)
    assert isinstance(take, Take) and take.vault_ids == (2,)
    # room for all of its legs but not beside the own one
    exactly = replace(seen, vaults={**seen.vaults, 1: flagged(1, legs=(*own.legs, *many[1:]))})
    (take,) = decide(exactly, TAKES)
    assert isinstance(take, Take) and take.vault_ids == (1,)


def test_takes__flags_that_do_not_fit__as_many_again_as_a_batch_are_looked_at():
    """Those with too many series come first and are passed over."""
    many = tuple(Leg(Kind.PUT, (200 + i) * 10**8, -(10**6)) for i in range(MAX_LEGS))
    for wide, fits in ((2 * MAX_TAKES - 1, True), (2 * MAX_TAKES, False)):
        flags = [flagged(100 + i, legs=many) for i in range(wide)]
        quotes = {v.vault_id: replace(PAYS, equity=50 * WAD) for v in flags}
        last = flagged(900)
        seen = state(*flags, last, rich(), quotes={**quotes, 900: PAYS}, markets=holding(0))
        takes = [a for a in decide(seen, TAKES) if isinstance(a, Take) and a.fractions == (WAD,)]
        assert bool(takes) is fits


def test_limits__two_vaults__bound_each_by_the_lesser_of_both():
    flags = flagged(1), flagged(2, value=-200 * WAD)
    quotes = {1: quote(cash=250 * UNIT, bonus=40), 2: quote(cash=260 * UNIT, bonus=20)}
    (take,) = decide(state(*flags, rich(), quotes=quotes), replace(TAKES, spot_slack=WAD // 40))
    assert take.vault_ids == (1, 2) and take.profit == 100 * WAD
    # 250 less a fiftieth of it and a tenth of the lesser gain, of 40
    assert take.limits == (250 * UNIT - 5 * UNIT - 4 * UNIT, WAD // 5, 0, 195 * WAD, 205 * WAD)


@pytest.mark.parametrize(
    ("cash", "value", "least"), [(0, 30, 0), (-UNIT, 31, -UNIT), (UNIT, 29, UNIT), (-100 * UNIT, 130, -100 * UNIT)]
)
def test_limits__whole_vault__brings_what_is_there_and_costs_no_more(cash, value, least):
    (take,) = decide(state(flagged(1, value=value * WAD), rich(), quotes={1: quote(cash=cash)}), TAKES)
    assert take.limits.min_received == least - abs(least) // 50 - 30 * UNIT // 10


@pytest.mark.parametrize(("cash", "least"), [(0, 0), (1, 0), (3, 0), (4, 1), (-1, -1), (-4, -4)])
def test_limits__part_of_a_vault__brings_a_quarter_of_its_tokens_rounded_down_and_costs_no_more(cash, least):
    half = quote(cash=cash, fraction=WAD // 2)
    flag = flagged(1, value=60 * WAD - 2 * cash * MICRO)
    (take,) = decide(state(flag, rich(), quotes={1: half}), TAKES)
    assert take.profit == 30 * WAD and take.limits.min_received == least - 30 * UNIT // 10


def test_takes__least_of_shares__brings_all_that_was_quoted_for_it():
    (take,) = decide(state(flagged(1, value=0), rich(), quotes={1: quote(cash=40 * UNIT, fraction=1)}), TAKES)
    assert take.profit == 40 * WAD


# --- a token of 18 decimals: nothing hides a wei --------------------------------------------------------------------


def wei(tokens: int, own: VaultView, flags: tuple[VaultView, ...], one: Quote) -> list[Action]:
    """What is done in a market whose token counts wei."""
    quotes = {v.vault_id: one for v in flags}
    return decide(state(*flags, own, quotes=quotes, markets={1: MarketView(1, 0, 1, tokens, NOW)}), TAKES)


#: A gain of 30; the first needs two wei of margin beyond it, the second costs two wei and needs no margin.
MARGIN = (flagged(1, value=0, initial_margin=100 * WAD), quote(cash=30 * WAD, margin=30 * WAD + 2, equity=90))
COSTS = (flagged(1, value=30 * WAD + 2), quote(cash=-2, margin=0, equity=90))


@pytest.mark.parametrize(("flag", "one"), [MARGIN, COSTS], ids=["margin", "cost"])
@pytest.mark.parametrize(("free", "tokens"), [(0, 0), (-5, 0), (0, -5), (-5, -5)])
def test_share__need_of_two_wei_and_one_in_the_wallet__is_half_of_it(flag, one, free, tokens):
    own = vault(5, owner=KEEPER, margin=100)
    own = replace(own, equity=own.initial_margin + free, collateral=tokens)
    assert tokens_for(Candidate(flag, one, 30 * WAD, 2 if one.cash > 0 else -30 * WAD), MarketView(1, 0, 1, 0)) == (
        2 + flag.units.micro(flag.deposit)
    )
    (found,) = wei(1, own, (flag,), one)
    assert found == TopUp(5, 1, 1) and found.worth == 15 * WAD


def test_deposits__takes_that_need_no_margin__have_no_headroom():
    own = replace(vault(5, owner=KEEPER, equity=10**5, margin=100), collateral=0)
    flags = tuple(replace(COSTS[0], vault_id=i) for i in range(100, 100 + MAX_TAKES))
    assert wei(10**20, own, flags, COSTS[1]) == [TopUp(5, 1, 2 * MAX_TAKES)]


@pytest.mark.parametrize(
    ("ratio", "need"), [(WAD, 100 - 30), (5 * WAD // 4, 125 - 30), (WAD // 2, 100 - 30), (3 * WAD, 300 - 30)]
)
def test_deposits__margin__is_what_the_vault_itself_had_to_have_and_never_less_than_mm(ratio, need):
    flag = flagged(1, initial_margin=100 * ratio)
    (found,) = decide(state(flag, empty(), quotes={1: PAYS}), TAKES)
    assert found == TopUp(5, 1, (need + LOCK) * UNIT + need * UNIT * HEADROOM // WAD)


def test_deposits__part_of_a_vault__needs_that_part_of_its_margin():
    (found,) = decide(state(flagged(1), empty(), quotes={1: quote(cash=120 * UNIT, fraction=WAD // 2)}), TAKES)
    need = 125 * UNIT // 2 - 15 * UNIT
    assert found == TopUp(5, 1, need + LOCK * UNIT + need * HEADROOM // WAD) and found.worth == 15 * WAD


def test_takes__market_that_counts_coins__profit_and_its_least_are_in_quote():
    coins = holding(10**9, units=Units(inverse=True, digits=3))
    for gain, found in ((5_000, [Take]), (4_999, [])):
        # a two-hundredth of a coin is one quote at 200
        paid = quote(cash=210 * UNIT + gain)
        seen = state(flagged(1), rich(), quotes={1: paid}, markets=coins)
        actions = decide(seen, TAKES)
        assert [type(a) for a in actions] == found
        assert not actions or actions[0].profit == WAD
