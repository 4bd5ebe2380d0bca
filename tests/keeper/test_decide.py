"""The keeper's decisions: pure, from a state to actions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bulkhead.chain.lens import COVERED, FLAGGED, LIQUIDATABLE, VaultView
from bulkhead.keeper import plan
from bulkhead.keeper.decide import BATCH, MANY_FLAGS, QUIET_SECONDS, REFRESH_SECONDS, decide
from bulkhead.keeper.mandates import DueTopUp
from bulkhead.keeper.policy import ROLES, Policy
from bulkhead.keeper.price_updates import BroughtFeed, Message
from bulkhead.keeper.state import ExpiryProof, MarketView
from bulkhead.keeper.unwind_policy import UnwindFile
from bulkhead.keeper.windows import CLOCK_SECONDS, FIX_SECONDS, SUM_SECONDS, WINDOW_OPEN, plan_observes
from bulkhead.risk.auction import LiquidationTerms
from bulkhead.risk.words import WAD, Kind, Leg, Status
from tests.keeper.states import (
    CELL,
    EXPIRY,
    FLAGGED_90,
    KEEPER,
    MICRO,
    NOW,
    OTHER,
    POOL,
    cell,
    empty,
    quote,
    state,
    vault,
)


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
    assert [(f.vault_id, f.certain) for f in found] == [(2, True), (1, True)]
    # half of the deposit of 10
    assert {f.worth for f in found} == {5 * WAD}


def test_flags__price_not_active__nothing_is_liquidated():
    unsafe = vault(1, equity=50, status=LIQUIDATABLE)
    assert decide(state(unsafe, cells={CELL: cell(status=1)}), Policy()) == []


def test_flags__price_of_the_cell_unknown__asks_the_chain():
    unsafe = vault(1, equity=50, status=LIQUIDATABLE)
    assert decide(state(unsafe, cells={}), Policy()) == [plan.Flag(1, False)]


def test_flags__vault_sent_to_the_keeper__is_nobodys_friend():
    """Whoever sends a failing vault to a keeper gets neither its tokens nor its mercy."""
    gift = vault(1, owner=KEEPER, epoch=1, equity=50, status=LIQUIDATABLE)
    (flag,) = decide(state(gift), Policy())
    assert isinstance(flag, plan.Flag) and flag.certain
    failing = replace(gift, status=0, equity=110 * WAD)
    assert decide(state(failing), Policy()) == []
    assert decide(state(replace(empty(4, 500), epoch=2)), Policy()) == []
    # it is taken over like any other, and receives nothing
    given = vault(1, owner=KEEPER, epoch=1, equity=90, status=FLAGGED | LIQUIDATABLE)
    quotes, policy = {1: quote(cash=240 * 10**6)}, Policy(roles=frozenset({"take"}))
    (take,) = decide(state(given, empty(collateral=500), quotes=quotes), policy)
    assert isinstance(take, plan.Take) and take.into_id == 5
    assert decide(state(given, replace(empty(), epoch=1), quotes=quotes), policy) == [plan.Open(1)]


def test_decide__market_that_the_deployment_does_not_know__is_flagged_all_the_same():
    """A market listed after the keeper's file was written must not end the tick for everybody."""
    other = {"market": 7, "equity": 90}
    cells = {CELL: cell(), (7, EXPIRY): cell()}
    unsafe, held = vault(1, status=LIQUIDATABLE, **other), vault(2, status=LIQUIDATABLE | FLAGGED, **other)
    found = decide(state(unsafe, held, cells=cells, quotes={2: quote(cash=240 * 10**6)}), Policy())
    assert [(f.vault_id, f.certain) for f in found if isinstance(f, plan.Flag)] == [(1, True)] and len(found) == 1


def test_decide__flagged_vault_whose_cell_could_not_be_read__does_not_end_the_tick():
    held, own = vault(2, status=LIQUIDATABLE | FLAGGED, equity=90), vault(4, owner=KEEPER, equity=130)
    found = decide(state(held, own, empty(), cells={}, quotes={2: quote(cash=240 * 10**6)}), Policy())
    # what an own vault needs depends on no cell that could be read
    assert found == [plan.TopUp(4, 1, 50 * 10**6)]


def test_decide__bug_in_one_role__does_not_keep_the_others_from_acting():
    unsafe = vault(1, equity=50, status=LIQUIDATABLE)
    broken = {1: replace(quote(), fraction=None)}
    bugs: list[str] = []
    both = state(unsafe, vault(2, status=LIQUIDATABLE | FLAGGED, equity=90), quotes={2: broken[1]})
    found = decide(both, Policy(roles=frozenset({"flag", "take"})), lambda role, error: bugs.append(role))
    assert bugs == ["take"] and [f.vault_id for f in found if isinstance(f, plan.Flag)] == [1]
    with pytest.raises(TypeError, match="unsupported operand"):
        decide(both, Policy(roles=frozenset({"flag", "take"})))


def test_flags__unknown_vault__is_tried_and_never_taken_for_healthy():
    assert decide(state(unknown={9: CELL}), Policy()) == [plan.Flag(9, False)]
    assert decide(state(unknown={9: CELL}, now=EXPIRY), Policy()) == []


def test_clears__vault_back_at_its_target__with_the_deposit_refilled():
    # 8 of 10 of the deposit would be missing after the tip
    assert decide(state(vault(1, equity=121, status=FLAGGED)), Policy()) == [plan.Clear(1, 3 * WAD)]
    assert decide(state(vault(1, equity=120, status=FLAGGED)), Policy()) == []
    covered = vault(1, equity=20, status=FLAGGED, v_min=-290 * WAD)
    assert decide(state(covered), Policy()) == [plan.Clear(1, 3 * WAD)]


def test_advances__ramp_whose_step_is_due__is_pushed_on_unless_its_market_has_no_price():
    ramps = {(1, "tail_bps"): NOW, (1, "iv_floor_bps"): NOW + 1, (2, "tail_bps"): NOW - 5}
    assert decide(state(ramps=ramps), Policy()) == [plan.Advance(1, "tail_bps"), plan.Advance(2, "tail_bps")]
    assert decide(state(ramps=ramps, cells={CELL: cell(status=1)}), Policy()) == [plan.Advance(2, "tail_bps")]
    assert decide(state(ramps=ramps), Policy(shard=(0, 2))) == [plan.Advance(2, "tail_bps")]
    assert decide(state(ramps=ramps), Policy(roles=frozenset({"poke"}))) == []


TERMS = LiquidationTerms(
    bonus_start=WAD // 50, bonus_middle=WAD // 2, t1_seconds=120, t2_seconds=900, vault_cap=WAD, cell_cap=WAD // 4,
    day_cap=WAD // 2, top_up=WAD // 4, backstop_from=WAD // 5, minimum=100,
)  # fmt: skip


INSOLVENT = vault(1, equity=-5, status=FLAGGED | LIQUIDATABLE, flagged_at=NOW - 900)


def test_absorbs__vaults_of_the_pool__are_refilled_and_closed():
    pool = {1: MarketView(1, 0, MICRO, 10**9, NOW, pool=POOL)}
    policy = Policy(roles=frozenset({"absorb"}))
    short = vault(6, owner=POOL, equity=110)
    lacking = {6: short.initial_margin // MICRO // 10}
    assert decide(state(short, markets=pool, shortages=lacking), policy) == [plan.Refill(6, 1)]
    # margins creep at every block: a little is not worth the gas
    assert decide(state(short, markets=pool, shortages={6: lacking[6] // 3}), policy) == []
    assert decide(state(short, markets=pool), policy) == []
    assert decide(state(replace(short, equity=-WAD), markets=pool, shortages=lacking), policy) == []
    assert decide(state(replace(empty(6), owner=POOL), markets=pool), policy) == [plan.Tidy(6, 1)]


def test_absorbs__pool_and_bonus__but_not_what_this_keeper_takes_itself():
    live = 3 | Status.SURFACE_LIVE
    told = cell(live)
    cells = {CELL: replace(told, liquidation=TERMS.pack(), snapshot=replace(told.snapshot, seconds=EXPIRY - NOW))}
    pool = {1: MarketView(1, 0, MICRO, 10**9, NOW, pool=POOL)}
    quotes = {1: quote(cash=240 * 10**6, bonus=20)}
    (absorb,) = decide(state(FLAGGED_90, cells=cells, markets=pool, quotes=quotes), Policy(roles=frozenset({"absorb"})))
    assert isinstance(absorb, plan.Absorb) and absorb.vault_id == 1
    early = {1: quote(cash=240 * 10**6, bonus=19)}
    policy = Policy(roles=frozenset({"absorb"}))
    assert decide(state(FLAGGED_90, cells=cells, markets=pool, quotes=early), policy) == []
    assert decide(state(FLAGGED_90, cells=cells, quotes=quotes), policy) == []
    dull = {CELL: replace(cells[CELL], snapshot=replace(cells[CELL].snapshot, status=3))}
    assert decide(state(FLAGGED_90, cells=dull, markets=pool, quotes=quotes), policy) == []
    apart = {CELL: replace(cells[CELL], snapshot=replace(cells[CELL].snapshot, half_width=21 * WAD))}
    assert decide(state(FLAGGED_90, cells=apart, markets=pool, quotes=quotes), policy) == []
    paying = {1: replace(quotes[1], price=-1)}
    assert decide(state(FLAGGED_90, cells=cells, markets=pool, quotes=paying), policy) == []
    # in the pool's books it stays; one that was merely sent to it is absorbed like any other, and not closed when empty
    own = replace(FLAGGED_90, owner=POOL)
    assert decide(state(own, cells=cells, markets=pool, quotes=quotes, shortages={1: 0}), policy) == []
    sent = replace(own, epoch=1)
    assert decide(state(sent, cells=cells, markets=pool, quotes=quotes), policy) == [absorb]
    assert decide(state(replace(empty(6), owner=POOL, epoch=2), markets=pool), policy) == []
    # each leg that is new to the pool asks the minimum
    crumbs = replace(FLAGGED_90, legs=tuple(Leg(Kind.PUT, (150 + i) * 10**8, -(10**6)) for i in range(16)))
    least = {1: replace(quotes[1], fraction=WAD, margin=TERMS.minimum * 16 * WAD)}
    fewer = {1: replace(least[1], margin=least[1].margin - 1)}
    assert len(decide(state(crumbs, cells=cells, markets=pool, quotes=least), policy)) == 1
    assert decide(state(crumbs, cells=cells, markets=pool, quotes=fewer), policy) == []
    holding = replace(crumbs, vault_id=6, owner=POOL, status=0)
    shortages = {6: 0}
    found = decide(state(crumbs, holding, cells=cells, markets=pool, quotes=fewer, shortages=shortages), policy)
    assert [type(action) for action in found] == [plan.Absorb]
    both = Policy(roles=frozenset({"absorb", "take"}))
    (take,) = decide(state(FLAGGED_90, empty(collateral=500), cells=cells, markets=pool, quotes=quotes), both)
    assert isinstance(take, plan.Take)


def test_refreshes__deficit_that_moved_by_a_tenth__is_recorded_anew():
    policy = Policy(roles=frozenset({"refresh"}))
    due = [plan.Refresh(CELL, (1,))]
    # newly insolvent: at once, whatever was done a moment ago
    assert decide(state(INSOLVENT, refreshed={CELL: NOW - 1}), policy) == due
    recorded = -INSOLVENT.equity // MICRO + 1
    assert decide(state(INSOLVENT, deficits={1: recorded}), policy) == []
    for moved in (recorded * 100 // 109, recorded * 100 // 92):
        assert decide(state(INSOLVENT, deficits={1: moved}), policy) == []
    for moved in (recorded * 100 // 111, recorded * 100 // 89):
        assert decide(state(INSOLVENT, deficits={1: moved}), policy) == due
        assert decide(state(INSOLVENT, deficits={1: moved}, refreshed={CELL: NOW - REFRESH_SECONDS + 1}), policy) == []
    # solvent again: what is recorded goes
    assert decide(state(replace(INSOLVENT, equity=0), deficits={1: 7}), policy) == due
    assert decide(state(replace(INSOLVENT, equity=0)), policy) == []
    assert decide(state(INSOLVENT, cells={CELL: cell(status=1)}), policy) == []


def test_refreshes__many_vaults__share_transactions_of_sixteen():
    policy = Policy(roles=frozenset({"refresh"}))
    many = [replace(INSOLVENT, vault_id=i) for i in range(1, 19)]
    assert [a.vault_ids for a in decide(state(*many), policy)] == [tuple(range(1, 17)), (17, 18)]


def test_reserves__what_a_cell_may_cost__is_recorded_when_it_moved_by_a_tenth():
    policy = Policy(roles=frozenset({"refresh"}))
    for was, now, due in (
        (0, 1, True),
        (1, 0, True),
        (100, 109, False),
        (100, 110, True),
        (100, 90, True),
        (5, 5, False),
    ):
        assert decide(state(reserves={CELL: (was, now)}), policy) == ([plan.Reserve(CELL)] if due else []), (was, now)


def test_insures__room_under_the_days_cap__is_drawn():
    assert decide(state(insurable=(CELL,)), Policy(roles=frozenset({"claim"}))) == [plan.Insure(CELL)]


def test_flags__many_of_a_cell_at_once__share_transactions_worst_first():
    policy = Policy(roles=frozenset({"flag"}), flag_batch=8)
    few = [vault(i, equity=50 + i, status=LIQUIDATABLE) for i in range(1, MANY_FLAGS)]
    assert [type(a) for a in decide(state(*few), policy)] == [plan.Flag] * len(few)
    many = [vault(i, equity=90 - i, status=LIQUIDATABLE) for i in range(1, 13)]
    found = decide(state(*many), policy)
    assert [type(a) for a in found] == [plan.FlagMany, plan.FlagMany]
    assert [a.vault_ids for a in found] == [tuple(range(12, 4, -1)), tuple(range(4, 0, -1))]
    assert found[0].legs == 8
    # what is in flight in a batch gets no flag of its own, which would be refused after it
    rest = decide(state(*many, flagging=frozenset(range(3, 13))), policy)
    assert [(type(a), a.vault_id) for a in rest] == [(plan.Flag, 2), (plan.Flag, 1)]
    assert all(isinstance(a, plan.Flag) for a in decide(state(*many), replace(policy, flag_batch=1)))


WINDOW = replace(cell(), snapshot=replace(cell().snapshot, window_share=WAD // 2))
UNSUMMED = replace(cell(), snapshot=replace(cell().snapshot, status=WINDOW_OPEN << 8))


def test_observes__flag_in_a_settlement_window__keeps_the_cells_own_clock_running():
    policy = Policy(roles=frozenset({"poke"}))
    flagged, now = vault(1, equity=110, status=FLAGGED), EXPIRY - 600
    quiet = {1: MarketView(1, 0, MICRO, 0, now)}
    base = {"markets": quiet, "now": now}
    assert decide(state(flagged, **base), policy) == []
    assert decide(state(flagged, **base, cells={CELL: WINDOW}), policy) == [plan.Observe(CELL)]
    assert decide(state(vault(1, equity=110), **base, cells={CELL: WINDOW}), policy) == []
    assert CLOCK_SECONDS < 900
    for age, due in ((CLOCK_SECONDS - 1, []), (CLOCK_SECONDS, [plan.Observe(CELL)])):
        assert decide(state(flagged, **base, cells={CELL: WINDOW}, observed={CELL: now - age}), policy) == due
    # a price that is not active moves no clock
    assert decide(state(flagged, **base, cells={CELL: UNSUMMED}), policy) == []


def test_fixes__open_window_more_than_one_call_away__is_carried_on_at_once_while_calls_help():
    policy = Policy(roles=frozenset({"fix"}))
    now = EXPIRY - 600
    for proof, due in (
        (ExpiryProof((7,), False, 0), True),
        (ExpiryProof((7,), False, now - SUM_SECONDS + 1), False),
        (ExpiryProof((7,), False, now - 1, moves=True), True),
        (ExpiryProof((), False, 0, walks=False), False),
    ):
        found = decide(state(now=now, cells={CELL: UNSUMMED}, expiry_proofs={CELL: proof}), policy)
        assert found == ([plan.Fix(CELL, proof.hints)] if due else []), proof


def test_pokes__sample_of_an_instant_still_to_come__is_waited_for_and_the_clock_runs_on():
    policy = Policy(roles=frozenset({"poke", "bring"}))
    now = 1_000_200
    late = {1: MarketView(1, 3, MICRO, 0, now - QUIET_SECONDS)}
    feed = BroughtFeed(1, OTHER, spot_at=now, missing=(999_600,))
    busy = {"now": now, "markets": late, "busy": frozenset({1})}
    assert decide(state(**busy, brought=(feed,)), policy) == [plan.Observe((1, 0))]
    assert decide(state(**busy, brought=(replace(feed, missing=()),)), policy) == [plan.Poke(1, 3)]
    # one that cannot be folded yet holds nothing
    assert decide(state(**busy, brought=(replace(feed, missing=(1_000_200,)),)), policy) == [plan.Poke(1, 3)]
    # not for ever, not for other minutes, and not where somebody else brings
    assert decide(state(**busy, brought=(replace(feed, missing=(998_400 - 600,)),)), policy) == [plan.Poke(1, 3)]
    assert decide(state(**busy, brought=(replace(feed, missing=(999_660,)),)), policy) == [plan.Poke(1, 3)]
    assert decide(state(**busy, brought=(feed,)), Policy(roles=frozenset({"poke"}))) == [plan.Poke(1, 3)]


def test_sweeps__debts_and_dust__are_collected():
    policy = Policy(roles=frozenset({"sweep"}))
    assert decide(state(debts=(4,), swept=(CELL,)), policy) == [plan.Repay(4), plan.Sweep(CELL)]


def test_shards__every_vault_belongs_to_exactly_one():
    unsafe = [vault(i, equity=50, status=LIQUIDATABLE) for i in range(1, 8)]
    policies = [Policy(roles=frozenset({"flag"}), shard=(i, 3)) for i in range(3)]
    parts = [
        {a.vault_id for a in decide(state(*unsafe, unknown={9: CELL}), p) if isinstance(a, plan.Flag)} for p in policies
    ]
    assert [len(p) for p in parts] == [3, 3, 2] and set.union(*parts) == {*range(1, 8), 9}


def test_pokes__new_rounds_or_a_clock_that_auctions_need():
    quiet = MarketView(1, 0, MICRO, 0, NOW)
    assert decide(state(markets={1: replace(quiet, new_rounds=3)}), Policy()) == [plan.Poke(1, 3)]
    flagged = vault(1, equity=110, status=FLAGGED)
    assert decide(state(flagged, markets={1: quiet}), Policy()) == []
    late = replace(quiet, recorded_at=NOW - CLOCK_SECONDS)
    assert decide(state(flagged, markets={1: late}), Policy()) == [plan.Poke(1, 0)]
    assert decide(state(markets={1: late}), Policy()) == []


def test_pokes__quiet_market_with_positions__keeps_the_clock_from_restarting():
    late = MarketView(1, 0, MICRO, 0, NOW - QUIET_SECONDS)
    assert QUIET_SECONDS < 900
    assert decide(state(markets={1: late}, busy=frozenset({1})), Policy()) == [plan.Poke(1, 0)]
    assert (
        decide(state(markets={1: replace(late, recorded_at=NOW - QUIET_SECONDS + 1)}, busy=frozenset({1})), Policy())
        == []
    )
    assert decide(state(markets={1: late}), Policy()) == []


def test_pokes__markets_of_one_price__one_poke_for_whichever_needs_it():
    """Market 2 goes by the prices of market 1: nobody pokes it, and what it needs pokes that one."""
    quiet, late = (MarketView(1, 0, MICRO, 0, NOW - seconds) for seconds in (0, QUIET_SECONDS))

    def pokes(view: MarketView, *vaults: VaultView, **other: object) -> list[plan.Action]:
        markets = {1: view, 2: replace(view, market=2, price_market=1)}
        return decide(state(*vaults, markets=markets, **other), Policy(roles=frozenset({"poke"})))

    assert pokes(quiet) == pokes(late) == []
    assert pokes(replace(quiet, new_rounds=3)) == [plan.Poke(1, 3)]
    assert pokes(late, busy=frozenset({2})) == pokes(late, busy=frozenset({1, 2})) == [plan.Poke(1, 0)]
    flagged = vault(1, market=2, equity=110, status=FLAGGED)
    assert pokes(late, flagged) == [plan.Poke(1, 0)]
    assert pokes(quiet, flagged) == []
    other = [Policy(roles=frozenset({"poke"}), shard=(i, 2)) for i in range(2)]
    shared = state(markets={2: replace(late, market=2, price_market=1, new_rounds=1)})
    assert sorted(len(decide(shared, p)) for p in other) == [0, 1]


def test_auctions__of_other_shards__keep_the_clock_and_hold_back_what_waits_for_their_end():
    """A flagged vault of another shard is not read, and its auction needs the market's clock all the same."""
    late = MarketView(1, 0, MICRO, 0, NOW - CLOCK_SECONDS)
    assert decide(state(markets={1: late}, elsewhere=frozenset({CELL})), Policy()) == [plan.Poke(1, 0)]
    assert decide(state(markets={1: late}, elsewhere=frozenset({(1, NOW)})), Policy()) == []
    assert decide(state(markets={1: late}, elsewhere=frozenset({(2, EXPIRY)})), Policy()) == []
    seen = cell()
    window = {CELL: replace(seen, snapshot=replace(seen.snapshot, window_share=WAD // 2))}
    looked = state(cells=window, now=EXPIRY - 600, elsewhere=frozenset({CELL}))
    assert plan_observes(looked, Policy()) == [plan.Observe(CELL)]
    assert plan_observes(replace(looked, elsewhere=frozenset()), Policy()) == []
    own = vault(5, owner=KEEPER, legs=(), expiry=0, margin=0)
    assert decide(state(own), Policy()) == [plan.Collect(5)]
    assert decide(state(own, elsewhere=frozenset({CELL})), Policy()) == []
    assert decide(state(own, elsewhere=frozenset({(2, EXPIRY)})), Policy()) == [plan.Collect(5)]


def test_observes__cells_of_one_price_in_their_window__one_observe_for_both():
    views = {1: MarketView(1, 0, MICRO, 0, NOW), 2: MarketView(2, 0, MICRO, 0, NOW, price_market=1)}
    now = EXPIRY - 600
    seen = cell()
    seen = replace(seen, snapshot=replace(seen.snapshot, window_share=WAD // 2))
    cells = {CELL: seen, (2, EXPIRY): replace(seen, cell=(2, EXPIRY))}
    coin = vault(2, market=2, equity=90, status=FLAGGED)
    for vaults in ((coin,), (coin, vault(1, equity=90, status=FLAGGED))):
        looked = state(*vaults, markets=views, cells=cells, now=now)
        assert plan_observes(looked, Policy()) == [plan.Observe(CELL)]
        assert plan_observes(replace(looked, observed={CELL: now - 1}), Policy()) == []


def test_top_ups__own_vault_near_its_margin__is_brought_back():
    assert decide(state(vault(5, owner=KEEPER, equity=139)), Policy()) == [plan.TopUp(5, 1, 41 * 10**6)]
    assert decide(state(vault(5, owner=KEEPER, equity=141)), Policy()) == []
    assert decide(state(vault(5, owner=KEEPER, equity=139, status=COVERED)), Policy()) == []
    # two of them share one wallet
    few = {1: MarketView(1, 0, MICRO, 50 * 10**6, NOW)}
    pair = state(vault(5, owner=KEEPER, equity=139), vault(6, owner=KEEPER, equity=139), markets=few)
    assert decide(pair, Policy()) == [plan.TopUp(5, 1, 41 * 10**6), plan.TopUp(6, 1, 9 * 10**6)]


def test_expiry__fix_settle_claim_collect__in_their_turn():
    due = state(now=EXPIRY, cells={CELL: cell()}, due={CELL: (1, 2, 9)})
    proof = ExpiryProof((77,), True, 0)
    assert decide(replace(due, expiry_proofs={CELL: proof}), Policy()) == [plan.Fix(CELL, (77,))]
    fixed = replace(due, cells={CELL: cell(price=WAD)})
    assert decide(fixed, Policy()) == [plan.Settle((1, 2, 9))]
    done = state(claims={1: (CELL, 5), 2: (CELL, 0)}, now=EXPIRY)
    assert decide(done, Policy()) == [plan.Claim((1,))]
    own = vault(5, owner=KEEPER, legs=(), expiry=0, margin=0)
    assert decide(state(own), Policy()) == [plan.Collect(5)]
    assert decide(state(own, vault(1, equity=110, status=FLAGGED)), Policy()) == []


def test_fixes__proof_that_cannot_finish__is_retried_but_not_at_every_block():
    waiting = ExpiryProof((), False, EXPIRY)
    due = state(vault(1), now=EXPIRY + FIX_SECONDS - 1, expiry_proofs={CELL: waiting})
    assert decide(due, Policy()) == []
    assert decide(replace(due, now=EXPIRY + FIX_SECONDS), Policy()) == [plan.Fix(CELL, ())]


def test_settles__many_vaults__go_in_batches():
    due = state(now=EXPIRY, cells={CELL: cell(price=WAD)}, due={CELL: tuple(range(1, BATCH + 3))})
    assert [len(s.vault_ids) for s in decide(due, Policy())] == [BATCH, 2]


@pytest.mark.parametrize("role", ROLES)
def test_roles__each_can_be_left_to_others(role):
    busy = state(
        vault(1, equity=50, status=LIQUIDATABLE),
        vault(2, equity=130, status=FLAGGED),
        vault(3, equity=90, status=FLAGGED | LIQUIDATABLE),
        vault(4, owner=KEEPER, equity=130),
        vault(7, equity=-5, status=FLAGGED | LIQUIDATABLE, flagged_at=NOW - 900),
        vault(10, owner=POOL, equity=110),
        vault(12, owner=KEEPER, equity=1000, market=2),
        quotes={3: quote(cash=240 * 10**6), 7: quote(equity=-5, elapsed=900, cash=-(10**9))},
        markets={1: MarketView(1, 2, MICRO, 10**9, NOW, pool=POOL), 2: MarketView(2, 0, MICRO, 10**9, NOW)},
        cells={
            CELL: replace(cell(), liquidation=TERMS.pack()),
            (1, 5): cell(price=WAD, expiry=5),
            (2, EXPIRY): cell(),
        },
        due={(1, 5): (6,)},
        claims={8: ((1, 5), 3)},
        expiry_proofs={(1, 6): ExpiryProof((), True, 0)},
        shortages={10: 50 * 10**6},
        debts=(9,),
        top_ups=(DueTopUp(11, 1, 10**8, 10**7, 7, (OTHER, POOL), 10**9),),
        ramps={(1, "tail_bps"): 0},
        brought=(BroughtFeed(1, OTHER, samples=(Message(NOW // 600 * 600 - 600, WAD, b""),)),),
    )
    full = Policy(unwind=UnwindFile().terms())
    every = decide(busy, replace(full, roles=full.roles - {"take"}))
    only = decide(busy, replace(full, roles=frozenset({role})))
    assert only
    if role != "take":
        without = decide(busy, replace(full, roles=full.roles - {role, "take"}))
        assert sorted(map(str, only + without)) == sorted(map(str, every))
