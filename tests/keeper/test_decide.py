"""The keeper's decisions: pure, from a state to actions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bulkhead.chain.lens import COVERED, FLAGGED, LIQUIDATABLE, CellView, VaultView
from bulkhead.chain.words import Model
from bulkhead.keeper.decide import (
    BATCH,
    CLOCK_SECONDS,
    FIX_SECONDS,
    Claim,
    Clear,
    Collect,
    Fix,
    Flag,
    KeeperState,
    MarketView,
    Poke,
    Policy,
    Proof,
    Quote,
    Settle,
    Take,
    TopUp,
    decide,
)
from bulkhead.risk.words import WAD, Kind, Leg, Snapshot

KEEPER = "0x" + "aa" * 20
OTHER = "0x" + "bb" * 20
NOW, EXPIRY = 1_000_000, 2_000_000
CELL = (1, EXPIRY)
LEGS = (Leg(Kind.PUT, 160 * 10**8, -100 * 10**6),)
MICRO = 10**12


def vault(
    vault_id: int, owner: str = OTHER, equity: int = 150, margin: int = 100, status: int = 0, **other
) -> VaultView:
    fields = {
        "vault_id": vault_id, "owner": owner, "market": 1, "model": Model.ES, "expiry": EXPIRY, "epoch": 0,
        "custody": "0x" + "cc" * 20, "balance": 10**9, "status": status, "flagged_at": 0, "deposit": 10 * 10**6,
        "collateral": 300 * WAD, "value": equity * WAD - 300 * WAD, "equity": equity * WAD,
        "maintenance_margin": margin * WAD, "initial_margin": margin * WAD * 5 // 4, "target": margin * WAD * 9 // 8,
        "v_min": None, "delta": 0, "health": equity * WAD // margin if margin else None, "legs": LEGS,
    }  # fmt: skip
    return VaultView(**{**fields, **other})


def cell(status: int = 3, price: int = 0, expiry: int = EXPIRY) -> CellView:
    snapshot = Snapshot(200 * WAD, 200 * WAD, 0, WAD, status=status)
    return CellView((1, expiry), snapshot, price, 1, 0, 0, 0, 6, 10**4, 0)


def quote(fraction: int = WAD, cash: int = 40 * 10**6, bonus: int = 30, equity: int = 90, **other) -> Quote:
    return Quote(**{"reason": 0, "fraction": fraction, "cash": cash, "top_up": 0, "bonus_share": bonus * WAD // 100,
                    "equity": equity * WAD, "margin": 100 * WAD, **other})  # fmt: skip


def state(*vaults: VaultView, **other) -> KeeperState:
    fields = {
        "block": 7, "now": NOW, "keeper": KEEPER, "markets": {1: MarketView(1, 0, MICRO, 10**9, NOW)},
        "cells": {CELL: cell()}, "vaults": {v.vault_id: v for v in vaults},
    }  # fmt: skip
    return KeeperState(**{**fields, **other})


def test_decide__quiet_market__does_nothing():
    assert decide(state(vault(1), vault(2, status=COVERED, equity=10)), Policy()) == []


def test_flags__unsafe_vaults__worst_first_and_never_own_or_flagged_ones():
    found = decide(
        state(
            vault(1, equity=99, status=LIQUIDATABLE),
            vault(2, equity=50, status=LIQUIDATABLE),
            vault(3, equity=50, status=LIQUIDATABLE | FLAGGED),
            vault(4, owner=KEEPER, equity=50, status=LIQUIDATABLE, margin=100),
        ),
        Policy(roles=frozenset({"flag"})),
    )
    assert found == [Flag(2, True), Flag(1, True)]


def test_flags__price_not_active__nothing_is_liquidated():
    unsafe = vault(1, equity=50, status=LIQUIDATABLE)
    assert decide(state(unsafe, cells={CELL: cell(status=1)}), Policy()) == []
    assert decide(state(unsafe, cells={}), Policy()) == []


def test_flags__unknown_vault__is_tried_and_never_taken_for_healthy():
    assert decide(state(unknown={9: CELL}), Policy()) == [Flag(9, False)]
    assert decide(state(unknown={9: CELL}, now=EXPIRY), Policy()) == []


def test_clears__vault_back_at_its_target__with_the_deposit_refilled():
    # 8 of 10 of the deposit would be missing after the tip
    assert decide(state(vault(1, equity=121, status=FLAGGED)), Policy()) == [Clear(1)]
    assert decide(state(vault(1, equity=120, status=FLAGGED)), Policy()) == []
    covered = vault(1, equity=20, status=FLAGGED, v_min=-290 * WAD)
    assert decide(state(covered), Policy()) == [Clear(1)]


@pytest.mark.parametrize(
    "changed", [quote(bonus=9), quote(reason=4), quote(cash=-400 * 10**6), quote(fraction=10**10, cash=0)]
)
def test_takes__bonus_too_small_or_refused_or_no_profit__waits(changed):
    flagged = vault(1, equity=90, status=FLAGGED | LIQUIDATABLE)
    assert decide(state(flagged, quotes={1: changed}), Policy()) == []


def test_takes__worth_it__deposits_what_the_margin_of_the_new_legs_needs():
    # v = -210, C = 300: the whole vault pays 240 for -210 of legs, a gain of 30 at mark
    flagged = vault(1, equity=90, status=FLAGGED | LIQUIDATABLE)
    (take,) = decide(state(flagged, quotes={1: quote(cash=240 * 10**6)}), Policy())
    assert isinstance(take, Take) and take.into_id == 0 and take.fraction == WAD
    assert take.profit == 30 * WAD
    # IM 125 less the gain of 30, a tenth of headroom, and the deposit of a new vault
    assert take.deposit == (125 - 30) * 11 * 10**5 + 10 * 10**6
    assert take.least_cash < 240 * 10**6


def test_takes__own_vault_with_free_equity__deposits_less():
    flagged = vault(1, equity=90, status=FLAGGED | LIQUIDATABLE)
    own = vault(5, owner=KEEPER, equity=1000, margin=100)
    (take,) = decide(state(flagged, own, quotes={1: quote(cash=240 * 10**6)}), Policy())
    assert (take.into_id, take.deposit) == (5, 0)


def test_takes__wallet_too_small__asks_for_less_but_never_for_a_part_of_an_insolvent_vault():
    purse = {1: MarketView(1, 0, MICRO, 40 * 10**6, NOW)}
    flagged = vault(1, equity=90, status=FLAGGED | LIQUIDATABLE)
    (take,) = decide(state(flagged, quotes={1: quote(cash=240 * 10**6)}, markets=purse), Policy())
    assert 0 < take.fraction < WAD and take.deposit == 40 * 10**6
    thin = quote(cash=240 * 10**6, equity=20)
    assert decide(state(flagged, quotes={1: thin}, markets=purse), Policy()) == []
    empty = {1: MarketView(1, 0, MICRO, 0, NOW)}
    assert decide(state(flagged, quotes={1: quote(cash=240 * 10**6)}, markets=empty), Policy()) == []


def test_takes__two_vaults_of_one_cell__one_at_a_time():
    first, second = (vault(i, equity=90, status=FLAGGED | LIQUIDATABLE) for i in (1, 2))
    quotes = {1: quote(cash=240 * 10**6), 2: quote(cash=240 * 10**6, equity=80)}
    (take,) = decide(state(first, second, quotes=quotes), Policy())
    assert take.vault_id == 2


def test_pokes__new_rounds_or_a_clock_that_auctions_need():
    quiet = MarketView(1, 0, MICRO, 0, NOW)
    assert decide(state(markets={1: replace(quiet, new_rounds=3)}), Policy()) == [Poke(1, 3)]
    flagged = vault(1, equity=110, status=FLAGGED)
    assert decide(state(flagged, markets={1: quiet}), Policy()) == []
    late = replace(quiet, recorded_at=NOW - CLOCK_SECONDS)
    assert decide(state(flagged, markets={1: late}), Policy()) == [Poke(1, 0)]
    assert decide(state(markets={1: late}), Policy()) == []


def test_top_ups__own_vault_near_its_margin__is_brought_back():
    assert decide(state(vault(5, owner=KEEPER, equity=139)), Policy()) == [TopUp(5, 1, 41 * 10**6)]
    assert decide(state(vault(5, owner=KEEPER, equity=141)), Policy()) == []
    assert decide(state(vault(5, owner=KEEPER, equity=139, status=COVERED)), Policy()) == []


def test_expiry__fix_settle_claim_collect__in_their_turn():
    due = state(vault(1), vault(2), now=EXPIRY, cells={CELL: cell()})
    proof = Proof((77,), True, 0)
    assert decide(replace(due, proofs={CELL: proof}), Policy()) == [Fix(CELL, (77,))]
    fixed = replace(due, cells={CELL: cell(price=WAD)}, unknown={9: CELL})
    assert decide(fixed, Policy()) == [Settle((1, 2, 9))]
    done = state(claims={1: (CELL, 5), 2: (CELL, 0)}, now=EXPIRY)
    assert decide(done, Policy()) == [Claim((1,))]
    own = vault(5, owner=KEEPER, legs=(), expiry=0, margin=0)
    assert decide(state(own), Policy()) == [Collect(5)]
    assert decide(state(own, vault(1, equity=110, status=FLAGGED)), Policy()) == []


def test_fixes__proof_that_cannot_finish__is_retried_but_not_at_every_block():
    waiting = Proof((), False, EXPIRY)
    due = state(vault(1), now=EXPIRY + FIX_SECONDS - 1, proofs={CELL: waiting})
    assert decide(due, Policy()) == []
    assert decide(replace(due, now=EXPIRY + FIX_SECONDS), Policy()) == [Fix(CELL, ())]


def test_settles__many_vaults__go_in_batches():
    due = state(*(vault(i) for i in range(1, BATCH + 3)), now=EXPIRY, cells={CELL: cell(price=WAD)})
    assert [len(s.vault_ids) for s in decide(due, Policy())] == [BATCH, 2]


@pytest.mark.parametrize("role", ["poke", "flag", "clear", "take", "fix", "settle", "claim", "tend"])
def test_roles__each_can_be_left_to_others(role):
    busy = state(
        vault(1, equity=50, status=LIQUIDATABLE),
        vault(2, equity=130, status=FLAGGED),
        vault(3, equity=90, status=FLAGGED | LIQUIDATABLE),
        vault(4, owner=KEEPER, equity=130),
        vault(6, expiry=5),
        quotes={3: quote(cash=240 * 10**6)},
        markets={1: MarketView(1, 2, MICRO, 10**9, NOW)},
        cells={CELL: cell(), (1, 5): cell(price=WAD, expiry=5)},
        claims={8: ((1, 5), 3)},
        proofs={(1, 6): Proof((), True, 0)},
    )
    every = decide(busy, Policy())
    only = decide(busy, Policy(roles=frozenset({role})))
    without = decide(busy, Policy(roles=Policy().roles - {role}))
    assert only and sorted(map(str, only + without)) == sorted(map(str, every))
