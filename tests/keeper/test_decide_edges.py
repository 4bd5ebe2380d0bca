"""Decisions at their exact edges: mandates without a tip, pools that hold a series elsewhere, deficits of one wei."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bulkhead.chain.lens import FLAGGED, LIQUIDATABLE, CellView
from bulkhead.keeper import plan
from bulkhead.keeper.decide import decide
from bulkhead.keeper.mandates import RunMandate
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.state import ExpiryProof, KeeperState, MarketView
from bulkhead.keeper.windows import in_window, needs_sum
from bulkhead.risk.auction import LiquidationTerms
from bulkhead.risk.words import WAD, Kind, Leg, Status
from tests.keeper.states import CELL, EXPIRY, FLAGGED_90, LEGS, MICRO, NOW, OTHER, POOL, cell, quote, state, vault
from tests.keeper.test_mandates import due

LATER = (1, EXPIRY + 1)
UNIT = 10**6
#: Written out: by the keeper's own numbers a test would agree with any.
BATCH, REFRESH_BATCH, MANY_FLAGS = 16, 16, 4
CLOCK_SECONDS, SUM_SECONDS, FIX_SECONDS, WINDOW_OPEN = 300, 60, 300, 10


def plays(seen: KeeperState, role: str, **fields: Any) -> list[plan.Action]:
    return decide(seen, Policy(roles=frozenset({role}), **fields))


def pooled() -> dict[int, MarketView]:
    return {1: MarketView(1, 0, MICRO, 10**9, NOW, pool=POOL)}


# --- mandates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "others", "shard", "runs"),
    [
        (due(1, tip=1), {}, (0, 1), True),
        (due(1, tip=0), {}, (0, 1), False),
        (due(1, tip=1), {"markets": {}}, (0, 1), False),
        (due(1, tip=1), {}, (1, 2), True),
        (due(1, tip=1), {}, (0, 2), False),
    ],
    ids=["a token", "no tip", "market unknown", "its shard", "another shard"],
)
def test_mandates__least_tip_of_nothing__still_asks_for_one(one, others, shard, runs):
    found = plays(state(top_ups=(one,), **others), "top_up", min_tip=0, shard=shard)
    assert found == ([RunMandate(1, MICRO)] if runs else [])


# --- clears and refreshes of what has expired -----------------------------------------------------------------------


@pytest.mark.parametrize(("now", "lives"), [(EXPIRY - 1, True), (EXPIRY, False)])
def test_flagged__cell_that_has_just_expired__is_neither_cleared_nor_refreshed_nor_flagged(now, lives):
    """Its price may still be active in the keeper's last look."""
    safe = vault(1, equity=200, status=FLAGGED)
    assert bool(plays(state(safe, now=now), "clear")) is lives
    broke = vault(1, equity=-5, status=FLAGGED | LIQUIDATABLE)
    assert bool(plays(state(broke, now=now), "refresh")) is lives
    assert bool(plays(state(vault(1, equity=50, status=LIQUIDATABLE), now=now), "flag")) is lives
    assert bool(plays(state(unknown={1: CELL}, now=now), "flag")) is lives


# --- flags ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "batch", "parts"),
    [
        (MANY_FLAGS - 1, 8, [0] * (MANY_FLAGS - 1)),
        (MANY_FLAGS, 8, [MANY_FLAGS]),
        (MANY_FLAGS, MANY_FLAGS, [MANY_FLAGS]),
        (MANY_FLAGS, MANY_FLAGS - 1, [0] * MANY_FLAGS),
        (9, 8, [8, 1]),
        (16, 8, [8, 8]),
    ],
)
def test_flags__so_many_of_a_cell__share_transactions_from_four_on(count, batch, parts):
    unsafe = [vault(i, equity=50 + i, status=LIQUIDATABLE) for i in range(count)]
    found = plays(state(*unsafe), "flag", flag_batch=batch)
    assert [len(a.vault_ids) if isinstance(a, plan.FlagMany) else 0 for a in found] == parts


def test_flags__several_cells__are_counted_apart():
    unsafe = [vault(i, equity=50, status=LIQUIDATABLE, expiry=EXPIRY + i % 2) for i in range(2 * MANY_FLAGS - 1)]
    found = plays(state(*unsafe, cells={CELL: cell(), LATER: cell(expiry=LATER[1])}), "flag", flag_batch=8)
    assert sorted(type(a).__name__ for a in found) == ["Flag"] * (MANY_FLAGS - 1) + ["FlagMany"]


# --- pools ----------------------------------------------------------------------------------------------------------

TERMS = LiquidationTerms(
    bonus_start=WAD // 50, bonus_middle=WAD // 2, t1_seconds=120, t2_seconds=900, vault_cap=WAD, cell_cap=WAD // 4,
    day_cap=WAD // 2, top_up=WAD // 4, backstop_from=WAD // 5, minimum=100,
)  # fmt: skip


def offered(live: bool = True, expiry: int = EXPIRY) -> CellView:
    found = cell(3 | (Status.SURFACE_LIVE if live else 0), expiry=expiry)
    return replace(found, liquidation=TERMS.pack(), snapshot=replace(found.snapshot, seconds=expiry - NOW))


def absorbs(*vaults: Any, live: bool = True, shard: tuple[int, int] = (0, 1), **fields: Any) -> bool:
    one = replace(quote(cash=240 * UNIT, bonus=20), **fields)
    cells = {CELL: offered(live), LATER: offered(live, LATER[1])}
    seen = state(*vaults, cells=cells, markets=pooled(), quotes={1: one})
    return bool([a for a in plays(seen, "absorb", shard=shard) if isinstance(a, plan.Absorb)])


@pytest.mark.parametrize(
    ("live", "share", "found"),
    [
        (True, WAD // 5, True),
        (True, WAD // 5 - 1, False),
        (False, 2 * WAD // 5, True),
        (False, 2 * WAD // 5 - 1, False),
    ],
)
def test_absorb__bonus__is_the_pools_least_and_twice_that_without_a_live_surface(live, share, found):
    assert absorbs(FLAGGED_90, live=live, bonus_share=share) is found


@pytest.mark.parametrize(("price", "found"), [(0, True), (-1, False)])
def test_absorb__price__is_one_that_the_pool_does_not_pay(price, found):
    assert absorbs(FLAGGED_90, price=price) is found


@pytest.mark.parametrize(("shard", "found"), [((1, 2), True), ((0, 2), False)])
def test_absorb__shards__each_vault_has_one(shard, found):
    assert absorbs(FLAGGED_90, shard=shard) is found


NEW = Leg(Kind.PUT, 150 * 10**8, -(10**6))


@pytest.mark.parametrize(
    ("pool", "margin", "found"),
    [
        # the least is 100 for each leg that is new to the pool
        ((), 200, True),
        ((), 199, False),
        ((vault(6, owner=POOL, legs=LEGS),), 100, True),
        ((vault(6, owner=POOL, legs=LEGS),), 99, False),
        ((vault(6, owner=POOL, legs=LEGS, expiry=LATER[1]),), 199, False),
        ((vault(6, owner=OTHER, legs=LEGS),), 199, False),
        ((vault(6, owner=POOL, legs=LEGS, epoch=1),), 199, False),
        ((vault(6, owner=POOL, legs=LEGS), vault(7, owner=POOL, legs=(NEW,))), 100, True),
        ((vault(6, owner=POOL, legs=(*LEGS, NEW)),), 99, False),
    ],
)
def test_absorb__legs_that_the_pool_holds_in_that_cell__are_not_new_to_it(pool, margin, found):
    pair = replace(FLAGGED_90, legs=(*LEGS, NEW))
    assert absorbs(pair, *pool, margin=margin * WAD) is found


def test_absorb__part_of_a_vault__counts_by_that_part_of_its_margin():
    for part, found in ((WAD, True), (WAD - 10**16, False)):
        assert absorbs(FLAGGED_90, fraction=part) is found


@pytest.mark.parametrize(
    ("equity", "initial", "lacking", "found"),
    [
        (0, 100 * WAD, 10**9, True),
        (-1, 100 * WAD, 10**9, False),
        (0, 0, 0, False),
        (0, 0, 1, True),
        # a twentieth of IM is not lacked by enough
        (0, 100 * WAD, 5 * UNIT, False),
        (0, 100 * WAD, 5 * UNIT + 1, True),
    ],
)
def test_refill__what_the_pools_vault_lacks__is_more_than_a_twentieth_of_its_margin(equity, initial, lacking, found):
    thin = replace(vault(6, owner=POOL), equity=equity, initial_margin=initial)
    shortages = {6: lacking} if lacking else {}
    seen = state(thin, markets=pooled(), shortages=shortages)
    assert plays(seen, "absorb") == [plan.Refill(6, 1)] * found


# --- deficits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("equity", "recorded", "found"),
    [
        # 1e-6 of a token, and one more, as the Clearinghouse records them
        (-1, 1, False),
        (-1, 0, True),
        (-MICRO, 2, False),
        (-MICRO, 1, True),
        (-MICRO + 1, 1, False),
        (0, 0, False),
        (0, 1, True),
        (1, 0, False),
        # a tenth
        (-109 * MICRO, 100, True),
        (-108 * MICRO, 100, False),
        (-89 * MICRO, 100, True),
        (-90 * MICRO, 100, False),
    ],
)
def test_refresh__deficit_of_a_wei__is_recorded_as_the_chain_rounds_it(equity, recorded, found):
    broke = replace(vault(1, status=FLAGGED | LIQUIDATABLE), equity=equity)
    seen = state(broke, deficits={1: recorded} if recorded else {})
    assert plays(seen, "refresh") == [plan.Refresh(CELL, (1,))] * found


def test_refresh__vaults_in_any_order__go_by_their_ids_in_batches():
    ids = [*range(40, 40 - REFRESH_BATCH - 1, -1)]
    found = plays(state(*(vault(i, equity=-5, status=FLAGGED | LIQUIDATABLE) for i in ids)), "refresh")
    ids.sort()
    assert found == [plan.Refresh(CELL, tuple(ids[:REFRESH_BATCH])), plan.Refresh(CELL, tuple(ids[REFRESH_BATCH:]))]


@pytest.mark.parametrize(("was", "now", "found"), [(100, 110, True), (100, 109, False), (0, 1, True), (7, 7, False)])
def test_reserve__what_a_cell_may_cost__is_recorded_anew_by_a_tenth(was, now, found):
    assert plays(state(reserves={CELL: (was, now)}), "refresh") == [plan.Reserve(CELL)] * found


# --- settling, claims and steps -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "parts"), [(BATCH, [BATCH]), (BATCH + 1, [BATCH, 1]), (2 * BATCH, [BATCH, BATCH])])
def test_settle_and_claim__more_than_a_batch__go_in_parts(count, parts):
    ids = tuple(range(count))
    settled = plays(state(now=EXPIRY, cells={CELL: cell(price=WAD)}, due={CELL: ids}), "settle")
    claimed = plays(state(claims=dict.fromkeys(ids, (CELL, 1))), "claim")
    assert [len(a.vault_ids) for a in settled] == [len(a.vault_ids) for a in claimed] == parts
    assert [i for a in settled for i in a.vault_ids] == [i for a in claimed for i in a.vault_ids] == [*ids]


@pytest.mark.parametrize(("price", "found"), [(0, False), (1, True)])
def test_settle__price_of_one_wad_unit__is_a_price(price, found):
    assert bool(plays(state(now=EXPIRY, cells={CELL: cell(price=price)}, due={CELL: (1,)}), "settle")) is found


# --- settlement windows ---------------------------------------------------------------------------------------------


def windowed(share: int = 0, code: int = 0) -> CellView:
    found = cell(3 | code << 8)
    return replace(found, snapshot=replace(found.snapshot, window_share=share))


@pytest.mark.parametrize(
    ("view", "now", "is_open", "sums"),
    [
        (windowed(), NOW, False, False),
        (windowed(share=1), NOW, True, False),
        (windowed(share=WAD), NOW, True, False),
        (windowed(code=WINDOW_OPEN), NOW, True, True),
        (windowed(code=WINDOW_OPEN - 1), NOW, False, False),
        (windowed(code=WINDOW_OPEN + 1), NOW, False, False),
        (windowed(share=1, code=WINDOW_OPEN), EXPIRY - 1, True, True),
        (windowed(share=1, code=WINDOW_OPEN), EXPIRY, False, False),
    ],
)
def test_window__share_or_reason__say_whether_it_is_open_until_the_expiry(view, now, is_open, sums):
    assert (in_window(view, now), needs_sum(view, now)) == (is_open, sums)


@pytest.mark.parametrize(
    ("one", "fields", "found"),
    [
        (vault(1, status=FLAGGED), {}, True),
        (vault(1), {}, False),
        (vault(1, status=FLAGGED, legs=()), {}, False),
        # a flag that another shard minds keeps the clock as well
        (vault(1), {"elsewhere": frozenset({CELL})}, True),
        (vault(1), {"elsewhere": frozenset({LATER})}, False),
        (vault(1, status=FLAGGED), {"cells": {}}, False),
        (vault(1, status=FLAGGED), {"cells": {CELL: cell()}}, False),
        (vault(1, status=FLAGGED), {"cells": {CELL: replace(windowed(1), snapshot=cell(1).snapshot)}}, False),
        (vault(1, status=FLAGGED), {"observed": {CELL: NOW - CLOCK_SECONDS}}, True),
        (vault(1, status=FLAGGED), {"observed": {CELL: NOW - CLOCK_SECONDS + 1}}, False),
    ],
)
def test_observes__auction_in_an_open_window__keeps_its_clock_running(one, fields, found):
    seen = state(one, **{"cells": {CELL: windowed(1)}, "markets": {}, **fields})
    assert [a for a in plays(seen, "poke") if isinstance(a, plan.Observe)] == [plan.Observe(CELL)] * found
    assert bool(plays(seen, "poke", shard=(1, 2))) is found and not plays(seen, "poke", shard=(0, 2))


PROOF = ExpiryProof((4, 5), final=False, tried_at=0)


@pytest.mark.parametrize(
    ("proof", "now", "found"),
    [
        (PROOF, NOW, True),
        (replace(PROOF, tried_at=NOW - SUM_SECONDS), NOW, True),
        (replace(PROOF, tried_at=NOW - SUM_SECONDS + 1), NOW, False),
        (replace(PROOF, tried_at=EXPIRY - SUM_SECONDS), EXPIRY, False),
        (replace(PROOF, tried_at=EXPIRY - FIX_SECONDS), EXPIRY, True),
        (replace(PROOF, tried_at=EXPIRY - FIX_SECONDS + 1), EXPIRY, False),
        (replace(PROOF, tried_at=EXPIRY, moves=True), EXPIRY, True),
        (replace(PROOF, walks=False), NOW, False),
        (replace(PROOF, walks=False, moves=True), NOW, False),
        (replace(PROOF, walks=False, final=True, tried_at=NOW), NOW, True),
    ],
)
def test_fixes__call_that_helps__is_made_and_one_that_cannot_waits(proof, now, found):
    seen = state(now=now, expiry_proofs={CELL: proof})
    assert plays(seen, "fix") == [plan.Fix(CELL, (4, 5))] * found
    assert plays(seen, "fix", shard=(0, 2)) == []
