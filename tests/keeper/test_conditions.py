"""Every condition of a decision alone: a state in which all others hold and one does not decides otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from bulkhead.chain.lens import CLAIM, DEBT, FLAGGED, LIQUIDATABLE, NO_PRICE, NOT_FRESH, VaultView
from bulkhead.keeper import plan
from bulkhead.keeper.decide import QUIET_SECONDS, REFRESH_SECONDS, decide
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.state import KeeperState, MarketView
from bulkhead.keeper.takes import HEADROOM
from bulkhead.keeper.windows import CLOCK_SECONDS
from bulkhead.risk.auction import LiquidationTerms
from bulkhead.risk.words import MAX_LEGS, WAD, Kind, Leg, Status
from tests.keeper.states import (
    CELL,
    EXPIRY,
    FLAGGED_90,
    KEEPER,
    LEGS,
    MICRO,
    NOW,
    OTHER,
    POOL,
    TAKES,
    cell,
    empty,
    quote,
    state,
    vault,
)
from tests.keeper.test_mandates import due

Changes = dict[str, Any]
SECOND = (2, EXPIRY)
LATER = (1, 3_000_000)


@dataclass(frozen=True)
class Case:
    """A state that asks for an action, and changes of it after which nothing is asked for.

    Attributes:
        role: That is played.
        vaults: Of the state.
        others: Its other fields.
        found: What is done.
        spoiled: What is different, by what that is called: fields of the first vault under "vault".
    """

    role: str
    vaults: tuple[VaultView, ...]
    others: Changes
    found: list[plan.Action]
    spoiled: dict[str, Changes]

    def state(self, changed: Changes) -> KeeperState:
        changed = dict(changed)
        first = changed.pop("vault", {})
        vaults = (replace(self.vaults[0], **first), *self.vaults[1:]) if self.vaults else ()
        return state(*vaults, **{**self.others, **changed})


def market(recorded: int = NOW, **other: Any) -> dict[int, MarketView]:
    return {1: MarketView(1, 0, MICRO, 10**9, recorded, **other)}


FLAG = vault(1, equity=110, status=FLAGGED)
TERMS = LiquidationTerms(
    bonus_start=WAD // 50, bonus_middle=WAD // 2, t1_seconds=120, t2_seconds=900, vault_cap=WAD, cell_cap=WAD // 4,
    day_cap=WAD // 2, top_up=WAD // 4, backstop_from=WAD // 5, minimum=100,
)  # fmt: skip
PRICED = replace(cell(3 | Status.SURFACE_LIVE), liquidation=TERMS.pack())
PRICED = replace(PRICED, snapshot=replace(PRICED.snapshot, seconds=EXPIRY - NOW))
LIVE = {CELL: PRICED}
APART = {CELL: replace(PRICED, snapshot=replace(PRICED.snapshot, half_width=21 * WAD))}
LONELY = replace(vault(6, owner=POOL, legs=(), status=0), value=0)
THIN = vault(6, owner=POOL, equity=110)
BROKE = vault(1, equity=-5, status=FLAGGED | LIQUIDATABLE)
GONE = {"legs": ()}
CASES = {
    "poke for auctions": Case(
        "poke",
        (FLAG,),
        {"markets": market(NOW - CLOCK_SECONDS)},
        [plan.Poke(1, 0)],
        {
            "no flag": {"vault": {"status": 0}},
            "expired": {"vault": {"expiry": NOW}},
            "no legs": {"vault": GONE},
            "flag in another market": {"vault": {"market": 2}},
            "a second early": {"markets": market(NOW - CLOCK_SECONDS + 1)},
        },
    ),
    "poke for vaults": Case(
        "poke",
        (),
        {"markets": market(NOW - QUIET_SECONDS), "busy": frozenset({1})},
        [plan.Poke(1, 0)],
        {"only another market is busy": {"busy": frozenset({2})}},
    ),
    "flag": Case(
        "flag",
        (vault(1, equity=50, status=LIQUIDATABLE),),
        {},
        [plan.Flag(1, True, 1, 5 * WAD)],
        {
            "safe": {"vault": {"status": 0}},
            "flagged": {"vault": {"status": FLAGGED | LIQUIDATABLE}},
            "own": {"vault": {"owner": KEEPER}},
            "expired": {"vault": {"expiry": NOW}},
            "on its way": {"flagging": frozenset({1})},
        },
    ),
    "flag of what cannot be read": Case(
        "flag", (), {"unknown": {9: CELL}}, [plan.Flag(9, False)], {"expired": {"now": EXPIRY}}
    ),
    "clear": Case(
        "clear",
        (vault(1, equity=121, status=FLAGGED),),
        {},
        [plan.Clear(1, 3 * WAD)],
        {
            "no flag": {"vault": {"status": 0}},
            "expired": {"vault": {"expiry": NOW}},
            "price not active": {"cells": {CELL: cell(status=1)}},
        },
    ),
    "tidy": Case(
        "absorb",
        (LONELY,),
        {"markets": market(pool=POOL)},
        [plan.Tidy(6, 1)],
        {
            "holds legs": {"vault": {"legs": LEGS}},
            "waits for its claim": {"vault": {"status": CLAIM}},
            "owes": {"vault": {"status": DEBT}},
            "sent to the pool": {"vault": {"epoch": 1}},
            "somebody's": {"vault": {"owner": OTHER}},
            "no pool": {"markets": market()},
            "another market's pool": {"vault": {"market": 2}},
        },
    ),
    "refill": Case(
        "absorb",
        (THIN,),
        {"markets": market(pool=POOL), "shortages": {6: THIN.initial_margin // MICRO // 10}},
        [plan.Refill(6, 1)],
        {
            "expired": {"vault": {"expiry": NOW}},
            "price not fresh": {"vault": {"status": NOT_FRESH}},
            "broke by a wei": {"vault": {"equity": -1}},
            "another vault lacks": {"shortages": {7: 10**9}},
        },
    ),
    "absorb": Case(
        "absorb",
        (FLAGGED_90,),
        {"cells": LIVE, "markets": market(pool=POOL), "quotes": {1: quote(cash=240 * 10**6, bonus=20)}},
        [plan.Absorb(1, 1, 3 * WAD)],
        {
            "quote says why not": {"quotes": {1: quote(cash=240 * 10**6, bonus=20, reason=1)}},
            "on its way": {"taking": frozenset({1})},
            "no pool": {"markets": market()},
            "market unknown": {"markets": {}},
            "cell unknown": {"cells": {}},
            "feeds too far apart": {"cells": APART},
            "bonus a wad less": {"quotes": {1: replace(quote(cash=240 * 10**6), bonus_share=WAD // 5 - 1)}},
            "vault unknown": {"vaults": {}},
        },
    ),
    "refresh": Case(
        "refresh",
        (BROKE,),
        {"deficits": {1: 1}, "refreshed": {CELL: NOW - REFRESH_SECONDS}},
        [plan.Refresh(CELL, (1,))],
        {
            "no flag": {"vault": {"status": LIQUIDATABLE}},
            "expired": {"vault": {"expiry": NOW}},
            "not priced": {"vault": {"status": FLAGGED | NO_PRICE}},
            "a second early": {"refreshed": {CELL: NOW - REFRESH_SECONDS + 1}},
            "price not active": {"cells": {CELL: cell(status=1)}},
        },
    ),
    "collect": Case(
        "tend",
        (replace(empty(), collateral=WAD), FLAG),
        {"vaults": {5: empty()}},
        [plan.Collect(5)],
        {
            "an auction runs": {"vaults": {5: empty(), 1: FLAG}},
            "waits for its claim": {"vaults": {5: replace(empty(), status=CLAIM)}},
            "owes": {"vaults": {5: replace(empty(), status=DEBT)}},
            "sent to the keeper": {"vaults": {5: replace(empty(), epoch=1)}},
        },
    ),
    "settle": Case(
        "settle",
        (),
        {"cells": {CELL: cell(price=WAD)}, "due": {CELL: (1,)}, "now": EXPIRY},
        [plan.Settle((1,))],
        {"no price yet": {"cells": {CELL: cell()}}, "nobody left": {"due": {}}},
    ),
    "claim": Case("claim", (), {"claims": {1: (CELL, 1)}}, [plan.Claim((1,))], {"nothing": {"claims": {1: (CELL, 0)}}}),
    "advance": Case(
        "advance",
        (),
        {"ramps": {(1, "tail_bps"): NOW}},
        [plan.Advance(1, "tail_bps")],
        {"a second early": {"ramps": {(1, "tail_bps"): NOW + 1}}, "no price": {"cells": {CELL: cell(status=1)}}},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_case__all_conditions_hold__is_done(name):
    case = CASES[name]
    assert decide(case.state({}), Policy(roles=frozenset({case.role}))) == case.found


SPOILED = [(name, spoiled) for name, case in CASES.items() for spoiled in case.spoiled]


@pytest.mark.parametrize(("name", "spoiled"), SPOILED, ids=[f"{name}: {spoiled}" for name, spoiled in SPOILED])
def test_case__one_condition_does_not_hold__is_left(name, spoiled):
    case = CASES[name]
    assert decide(case.state(case.spoiled[spoiled]), Policy(roles=frozenset({case.role}))) == []


# --- several at once ------------------------------------------------------------------------------------------------

PAIR = {1: MarketView(1, 0, MICRO, 10**9, NOW, pool=POOL), 2: MarketView(2, 0, MICRO, 10**9, NOW)}
BOTH = {CELL: cell(), SECOND: cell()}


def sharded(state: KeeperState, role: str, index: int) -> list[plan.Action]:
    return decide(state, Policy(roles=frozenset({role}), shard=(index, 2)))


@pytest.mark.parametrize(
    ("role", "looked"),
    [
        ("clear", state(*(vault(i, equity=121, status=FLAGGED) for i in (1, 2)))),
        ("flag", state(unknown={1: CELL, 2: CELL})),
        ("absorb", state(*(replace(LONELY, vault_id=i) for i in (1, 2)), markets=market(pool=POOL))),
        ("refresh", state(*(replace(BROKE, vault_id=i) for i in (1, 2)))),
        ("refresh", state(cells=BOTH, reserves={CELL: (0, 9), SECOND: (0, 9)})),
        ("claim", state(insurable=(CELL, SECOND))),
        ("sweep", state(swept=(CELL, SECOND))),
        ("sweep", state(debts=(1, 2))),
        ("settle", state(now=EXPIRY, cells={CELL: cell(price=WAD)}, due={CELL: (1, 2)})),
        ("poke", state(markets={i: replace(one, new_rounds=1) for i, one in PAIR.items()})),
        ("advance", state(cells=BOTH, ramps={(1, "tail_bps"): NOW, (2, "tail_bps"): NOW})),
    ],
    ids=str,
)
def test_shards__two_keepers_look_at_the_same__each_does_what_is_its_own(role, looked):
    even, odd = (list(map(str, sharded(looked, role, i))) for i in (0, 1))
    assert len(even) == len(odd) == 1 and even != odd


def test_pokes__flag_of_one_market__does_not_hurry_another():
    late = {i: replace(one, recorded_at=NOW - CLOCK_SECONDS) for i, one in PAIR.items()}
    assert decide(state(FLAG, markets=late, cells=BOTH), Policy(roles=frozenset({"poke"}))) == [plan.Poke(1, 0)]


def test_collects__auction_in_one_market__keeps_no_vault_of_another():
    others = replace(empty(6), market=2)
    found = decide(state(empty(5), others, FLAG, markets=PAIR), Policy(roles=frozenset({"tend"})))
    assert found == [plan.Collect(6)]


def test_refreshes__two_cells__each_waits_for_itself():
    """A vault that has only now become insolvent hurries its own cell."""
    old, new = replace(BROKE, vault_id=1), replace(BROKE, vault_id=2, expiry=LATER[1])
    cells = {CELL: cell(), LATER: cell(expiry=LATER[1])}
    lately = {CELL: NOW - 1, LATER: NOW - 1}
    looked = state(old, new, cells=cells, refreshed=lately, deficits={1: 1})
    assert decide(looked, Policy(roles=frozenset({"refresh"}))) == [plan.Refresh(LATER, (2,))]


def test_advances__market_with_one_cell_that_has_a_price__is_awake():
    cells = {CELL: cell(status=1), LATER: cell(expiry=LATER[1])}
    found = decide(state(cells=cells, ramps={(1, "tail_bps"): NOW}), Policy(roles=frozenset({"advance"})))
    assert found == [plan.Advance(1, "tail_bps")]


def test_mandates__flag_is_held_by_the_mandate_of_that_vault_alone():
    pair = [vault(i, equity=50, status=LIQUIDATABLE) for i in (1, 2)]
    found = decide(state(*pair, top_ups=(due(1),)), Policy(roles=frozenset({"flag", "top_up"})))
    assert [a.vault_id for a in found if isinstance(a, plan.Flag)] == [2]


def test_mandates__tip_exactly_the_least__and_a_purse_that_holds_exactly_that__are_enough():
    one = due(1, tip=500_000, purse=50 * 10**6 + 500_000)
    for enough, changed in ((True, one), (False, replace(one, tip=499_999)), (False, replace(one, purse=50_499_999))):
        found = decide(state(top_ups=(changed,)), Policy(roles=frozenset({"top_up"})))
        assert bool(found) is enough, changed


def test_flags__worth__is_the_tip_the_least_bonus_and_the_operators_stake():
    unsafe = vault(1, equity=50, margin=200, status=LIQUIDATABLE)
    for roles, stake, worth in (
        ({"flag"}, 0, 5), ({"flag"}, WAD // 4, 5 + 50), ({"flag", "take"}, 0, 5 + 20), ({"flag", "take"}, WAD // 4, 75),
    ):  # fmt: skip
        policy = Policy(roles=frozenset(roles), stake=stake)
        assert [a.worth for a in decide(state(unsafe), policy) if isinstance(a, plan.Flag)] == [worth * WAD]


def test_flags__batch__counts_the_legs_of_all_and_what_all_of_them_bring():
    legs = tuple(Leg(Kind.PUT, (150 + i) * 10**8, -(10**6)) for i in range(3))
    unsafe = [vault(i, equity=50 + i, status=LIQUIDATABLE, legs=legs[:i]) for i in (1, 2, 3)]
    last = vault(4, equity=90, status=LIQUIDATABLE)
    (batch,) = decide(state(*unsafe, last), Policy(roles=frozenset({"flag"}), flag_batch=4))
    assert batch == plan.FlagMany((1, 2, 3, 4), 7, 20 * WAD)


# --- takes ----------------------------------------------------------------------------------------------------------

READY = state(FLAGGED_90, empty(collateral=500), quotes={1: quote(cash=240 * 10**6)})


def takes(changed: KeeperState, policy: Policy = TAKES) -> list[plan.Action]:
    return [a for a in decide(changed, policy) if isinstance(a, plan.Take)]


def test_takes__all_conditions_hold__is_taken():
    (take,) = takes(READY)
    slack = 240 * 10**6 // 50 + 30 * 10**6 // 10
    limits = plan.TakeLimits(240 * 10**6 - slack, 30 * WAD // 100, 0, 196 * WAD, 204 * WAD)
    assert take == plan.Take((1,), CELL, (WAD,), 5, limits, 30 * WAD)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ("on its way", {"taking": frozenset({1})}),
        ("left to another wallet", {"left": frozenset({1})}),
        ("cell unknown", {"cells": {}}),
        ("market unknown", {"markets": {}}),
        ("a token short of the allowance", {"markets": market(allowance=10**9 - 1)}),
        ("quote says why not", {"quotes": {1: quote(cash=240 * 10**6, reason=1)}}),
        ("bonus a wad less", {"quotes": {1: replace(quote(cash=240 * 10**6), bonus_share=WAD // 10 - 1)}}),
        ("a token less than the least gain", {"quotes": {1: quote(cash=211 * 10**6 - 1)}}),
        ("own vault is in use", {"taking": frozenset({5})}),
        ("own vault is flagged", {"vaults": {1: FLAGGED_90, 5: replace(empty(collateral=500), status=FLAGGED)}}),
        ("own vault owes", {"vaults": {1: FLAGGED_90, 5: replace(empty(collateral=500), status=DEBT)}}),
        ("own vault waits for its claim", {"vaults": {1: FLAGGED_90, 5: replace(empty(collateral=500), status=CLAIM)}}),
        ("own vault is of another market", {"vaults": {1: FLAGGED_90, 5: replace(empty(collateral=500), market=2)}}),
    ],
)
def test_takes__one_condition_does_not_hold__nothing_is_taken(changes, fields):
    assert takes(replace(READY, **fields)) == [], changes


def test_takes__least_bonus_gain_and_allowance__exactly_are_enough():
    for fields in (
        {"markets": market(allowance=10**9)},
        {"quotes": {1: replace(quote(cash=240 * 10**6), bonus_share=WAD // 10)}},
        {"quotes": {1: quote(cash=211 * 10**6)}},
    ):
        assert len(takes(replace(READY, **fields))) == 1, fields


def test_takes__insurance_adds__the_top_up_is_gain():
    (take,) = takes(replace(READY, quotes={1: quote(cash=200 * 10**6, top_up=40 * 10**6)}))
    assert take.profit == 30 * WAD


@pytest.mark.parametrize(
    ("legs", "where", "takes_it"),
    [(MAX_LEGS - 1, {}, True), (MAX_LEGS, {}, False), (1, {"expiry": LATER[1]}, False), (1, {"market": 2}, False)],
)
def test_takes__own_vault_with_legs__has_to_have_room_in_the_same_cell(legs, where, takes_it):
    held = (*LEGS, *(Leg(Kind.PUT, (100 + i) * 10**8, -(10**6)) for i in range(legs - 1)))
    own = replace(vault(5, owner=KEEPER, equity=1000, margin=100), legs=held, **where)
    assert bool(takes(replace(READY, vaults={1: FLAGGED_90, 5: own}))) is takes_it


def test_takes__series_that_the_own_vault_holds__need_no_room():
    """Of a flagged vault with a series of its own and one that is new, one leg more is held."""
    new = Leg(Kind.PUT, 90 * 10**8, -(10**6))
    held = (*LEGS, *(Leg(Kind.PUT, (100 + i) * 10**8, -(10**6)) for i in range(MAX_LEGS - 2)))
    own = replace(vault(5, owner=KEEPER, equity=1000, margin=100), legs=held)
    pair = replace(FLAGGED_90, legs=(*LEGS, new))
    assert len(takes(replace(READY, vaults={1: pair, 5: own}))) == 1
    more = replace(pair, legs=(*pair.legs, replace(new, strike=91 * 10**8)))
    assert takes(replace(READY, vaults={1: more, 5: own})) == []


def test_takes__free_equity_exactly_what_is_needed__needs_no_deposit():
    """IM 125 less the gain of 30."""
    for free, ready in ((95, True), (94, False)):
        own = vault(5, owner=KEEPER, equity=125 + free, margin=100)
        found = decide(replace(READY, vaults={1: FLAGGED_90, 5: own}), TAKES)
        assert isinstance(found[0], plan.Take) is ready


def test_deposits__two_vaults_at_once__cover_the_need_of_both_and_one_liquidation_deposit():
    pair = {1: FLAGGED_90, 2: replace(FLAGGED_90, vault_id=2), 5: empty()}
    quotes = {i: quote(cash=240 * 10**6) for i in (1, 2)}
    (deposit,) = decide(replace(READY, vaults=pair, quotes=quotes), TAKES)
    need = 2 * (125 - 30)
    assert deposit == plan.TopUp(5, 1, (need + 10) * 10**6 + need * 10**6 * HEADROOM // WAD)
    assert deposit.worth == 60 * WAD and deposit.legs == 0
