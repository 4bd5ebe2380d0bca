"""Where one step more, one unit less or one state more changes what a keeper does: pure, without a node."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from bulkhead.chain import anvil
from bulkhead.chain.lens import CLAIM, DEBT, FLAGGED, LIQUIDATABLE
from bulkhead.chain.sender import account_from_key
from bulkhead.keeper import sender as sending
from bulkhead.keeper.calls import Call
from bulkhead.keeper.decide import REFILL_FROM, decide
from bulkhead.keeper.fees import GWEI, FeePolicy
from bulkhead.keeper.journal import Attempt, Journal
from bulkhead.keeper.node import Head
from bulkhead.keeper.nonces import Nonces
from bulkhead.keeper.plan import Claim, Collect, Flag, FlagMany, Poke, Refill, Take, TakeLimits, TopUp
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.safe_ranges import Grid, SafeRanges, Shelf
from bulkhead.keeper.send_queue import TAKE_GAS, Turns, ahead, flag_room
from bulkhead.keeper.state import MarketView
from bulkhead.risk.words import MAX_LEGS, WAD, Kind, Leg, RiskWord
from tests.keeper.states import (
    CELL,
    FLAGGED_90,
    KEEPER,
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
from tests.keeper.test_journal import attempt
from tests.keeper.test_safe_ranges import RISK, SNAPSHOT, record, view

HEAD = Head(100, "0x" + "0b" * 32, "0x" + "0a" * 32, NOW, GWEI, 30_000_000)


# --- decisions ------------------------------------------------------------------------------------------------------


def test_flags__worst_first__by_what_lacks_not_by_size():
    """A small vault that lacks less waits for a large one that lacks more."""
    unsafe = (vault(1, equity=60, margin=100), vault(2, equity=900, margin=1_000))
    found = decide(state(*(replace(v, status=LIQUIDATABLE) for v in unsafe)), Policy(roles=frozenset({"flag"})))
    assert [f.vault_id for f in found if isinstance(f, Flag)] == [2, 1]


@pytest.mark.parametrize("open_", [{"status": CLAIM}, {"status": DEBT}, {"legs": (Leg(Kind.PUT, 10**10, -1),)}])
def test_collects__own_vault_that_something_holds__is_left(open_):
    own = vault(5, owner=KEEPER, legs=(), expiry=0, margin=0)
    policy = Policy(roles=frozenset({"tend"}))
    assert decide(state(own), policy) == [Collect(5)]
    assert decide(state(replace(own, **open_)), policy) == []


def test_top_ups__part_of_a_unit__is_rounded_up():
    """A unit less than what lacks would be topped up again at the next block."""
    own = replace(vault(5, owner=KEEPER, equity=139), equity=139 * WAD - 1)
    assert decide(state(own), Policy()) == [TopUp(5, 1, 41 * 10**6 + 1)]


@pytest.mark.parametrize(("more", "found"), [(0, []), (1, [Refill(10, 1)])])
def test_refills__a_twentieth_of_im__is_not_yet_worth_it(more, found):
    thin = replace(vault(10, owner=POOL), initial_margin=100 * WAD)
    least = 100 * WAD * REFILL_FROM // WAD // MICRO
    busy = state(thin, shortages={10: least + more}, markets={1: MarketView(1, 0, MICRO, 10**9, NOW, pool=POOL)})
    told = decide(busy, Policy(roles=frozenset({"absorb"})))
    assert [(type(a), a.vault_id) for a in told] == [(type(a), a.vault_id) for a in found]


def test_claims__of_two_shards__are_of_one_each():
    claims = dict.fromkeys(range(1, 8), (CELL, 5))
    parts = [decide(state(claims=claims), Policy(roles=frozenset({"claim"}), shard=(i, 3))) for i in range(3)]
    ids = [set(a.vault_ids) for part in parts for a in part if isinstance(a, Claim)]
    assert len(ids) == 3 and set.union(*ids) == set(claims) and sum(map(len, ids)) == len(claims)


# --- takes ----------------------------------------------------------------------------------------------------------


def test_takes__legs_that_cost_more_than_their_margin__are_paid_for():
    """Long legs need no margin of the taker, but their price: the deposit is the larger of the two, rounded up."""
    worth = replace(FLAGGED_90, value=450 * WAD, initial_margin=125 * WAD)
    quotes = {1: quote(cash=-400 * 10**6)}
    (deposit,) = decide(state(worth, empty(), quotes=quotes), TAKES)
    assert isinstance(deposit, TopUp) and deposit.amount >= (400 + 10) * 10**6
    # a wad more than what is there is a whole unit more
    owned = replace(empty(collateral=410), collateral=410 * WAD - 1)
    (missing,) = decide(state(worth, owned, quotes=quotes), TAKES)
    assert isinstance(missing, TopUp) and missing.amount >= 1
    (take,) = decide(state(worth, empty(collateral=410), quotes=quotes), TAKES)
    assert isinstance(take, Take)


def test_takes__as_many_legs_as_a_vault_holds__fit():
    legs = tuple(Leg(Kind.PUT, (100 + i) * 10**8, -(10**6)) for i in range(MAX_LEGS))
    full = vault(1, equity=90, status=FLAGGED | LIQUIDATABLE, legs=legs)
    (take,) = decide(state(full, empty(collateral=500), quotes={1: quote(cash=240 * 10**6)}), TAKES)
    assert isinstance(take, Take) and take.vault_ids == (1,)


def test_takes__two_cells_in_one_look__share_the_wallet():
    """What the first cell's vault gets is not there for the second's."""
    later = 3_000_000
    pair = (FLAGGED_90, replace(FLAGGED_90, vault_id=2, expiry=later))
    own = (empty(5), empty(6))
    quotes = {i: quote(cash=240 * 10**6) for i in (1, 2)}
    cells = {CELL: cell(), (1, later): cell(expiry=later)}
    purse = {1: MarketView(1, 0, MICRO, 200 * 10**6, NOW)}
    found = decide(state(*pair, *own, quotes=quotes, cells=cells, markets=purse), TAKES)
    amounts = [a.amount for a in found if isinstance(a, TopUp)]
    assert len(amounts) == 2 and sum(amounts) <= 200 * 10**6


def test_takes__share_that_the_wallet_pays_for__leaves_a_tenth_for_prices_that_move():
    bare = {1: MarketView(1, 0, MICRO, 0, NOW)}
    (take,) = decide(state(FLAGGED_90, empty(collateral=40), quotes={1: quote(cash=240 * 10**6)}, markets=bare), TAKES)
    # 40 of the 125 - 30 + 10 that the whole vault needs, less a tenth
    assert isinstance(take, Take) and take.fractions == (WAD * 40 // 105 * 9 // 10,)


# --- fees, nonces, turns ---------------------------------------------------------------------------------------------


def test_first__tip_exactly_usual__is_sent():
    """The next base fee at its most and a gwei on top are the cap, to the wei."""
    fees = FeePolicy(tip=GWEI)
    assert fees.first(8 * GWEI, 10 * GWEI) == (10 * GWEI, GWEI)
    assert fees.first(8 * GWEI, 10 * GWEI - 1) is None


def test_bumped__an_eighth_of_what_does_not_divide__is_rounded_up():
    """Nodes refuse a replacement that is a wei short of 10 %, and some want an eighth."""
    fees = FeePolicy(tip=1)
    for max_fee, tip in ((1_001, 501), (9, 1), (7, 7)):
        more = fees.bumped(max_fee, tip, 0, 10**9)
        assert more is not None
        assert more[0] * 8 >= max_fee * 9 and more[1] * 8 >= tip * 9


def test_nonces__receipt_newer_than_the_look__counts():
    found = Nonces()
    found.seen(5, 100)
    found.used(5)
    assert found.next() == 6


def test_nonces__ended_before_a_reorganisation__may_start_again():
    """A node that reorganises the receipt away must not leave the key for done."""
    found, one = Nonces(), attempt(5)
    found.seen(5, 100)
    found.hold(one)
    one.mined_block = 101
    found.release(one, "mined", 101)
    assert found.busy(one.key, 100) and not found.busy(one.key, 101)
    found.reorganised(100)
    assert found.busy(one.key, 101)
    found.release(one, "dropped")
    assert not found.busy(one.key, 100)


def test_turns__key_the_look_was_wrong_about__asks_a_node_next_time():
    turns, call = Turns(), Call("flag:1", "flag", OTHER, b"", 100_000, 0, Poke(1, 0))
    assert turns.sure(call)
    turns.doubt(call.key, 100)
    assert not turns.sure(call) and turns.sure(replace(call, key="flag:2"))
    turns.forget(101)
    assert not turns.sure(call)


# --- room in the next blocks ----------------------------------------------------------------------------------------

BLOCK = HEAD.gas_limit
TAKE = Take((1, 2), CELL, (WAD, WAD), 5, TakeLimits(0, 0, 0, 0, 0), 10 * WAD)
FLAGS = (Flag(1, True, 1, WAD), FlagMany((1, 2, 3, 4), 4, WAD))


def call_for(action: Any, key: str = "one") -> Call:
    return Call(key, "name", OTHER, b"", None, 0, action)


def flying(action: Any, gas: int) -> Attempt:
    return replace(attempt(), gas=gas, fields=call_for(action).fields())


def goes(action: Any, gas: int, pending: list[Attempt], flags: int) -> bool:
    return bool(ahead([(call_for(action), gas)], pending, BLOCK, flags))


@pytest.mark.parametrize("flag", FLAGS)
def test_ahead__three_blocks__hold_what_is_in_flight(flag):
    for action in (flag, TAKE, Poke(1, 0)):
        pending = [flying(Poke(1, 0), BLOCK), flying(TAKE, 2 * BLOCK - 100)]
        assert goes(action, 100, pending, 3 * BLOCK) and not goes(action, 101, pending, 3 * BLOCK)


@pytest.mark.parametrize("flag", FLAGS)
def test_ahead__room_of_flags__is_theirs_alone_and_one_goes_out_at_least(flag):
    pending = [flying(FLAGS[0], 400), flying(FLAGS[1], 500), flying(TAKE, BLOCK)]
    assert goes(flag, 100, pending, 1000) and not goes(flag, 101, pending, 1000)
    assert goes(TAKE, 101, pending, 1000)
    assert goes(flag, 2000, [flying(TAKE, BLOCK)], 1000)
    # what goes out now counts as well
    ready = [(call_for(flag), 600), (call_for(flag), 401), (call_for(flag), 400)]
    assert ahead(ready, pending[2:], BLOCK, 1000) == [ready[0], ready[2]]


@pytest.mark.parametrize("action", [*FLAGS, TAKE])
def test_ahead__nothing_in_flight__goes_out_whatever_it_needs(action):
    assert goes(action, 9 * BLOCK, [], 0)
    assert not goes(action, 9 * BLOCK, [flying(Poke(1, 0), 1)], 9 * BLOCK)


def test_ahead__own_tokens__never_wait_and_count():
    ready = [(call_for(TopUp(5, 1, 10, WAD, 0)), 3 * BLOCK), (call_for(TAKE), 100)]
    assert ahead(ready, [flying(Poke(1, 0), 9 * BLOCK)], BLOCK, BLOCK) == ready[:1]


def test_flag_room__takes_that_wait__leave_a_third_at_least():
    most = BLOCK * 11 // 4
    for takes, senders, room in (
        (0, 1, most), (0, 3, most), (1, 1, BLOCK - 1), (BLOCK // 2, 1, BLOCK // 2),
        (BLOCK * 2 // 3, 1, BLOCK // 3), (BLOCK * 9, 1, BLOCK // 3),
        # three accounts fill a block together
        (BLOCK // 6, 3, BLOCK // 6), (BLOCK, 3, BLOCK // 9),
    ):  # fmt: skip
        assert flag_room(BLOCK, takes, most + 1, senders) == room, (takes, senders)


def test_flag_room__flags_that_the_next_blocks_hold__wait_for_no_take():
    most = BLOCK * 11 // 4
    for flags, senders, room in (
        (most, 1, most), (most + 1, 1, BLOCK // 3), (most // 3, 3, most), (most // 3 + 1, 3, BLOCK // 9),
    ):  # fmt: skip
        assert flag_room(BLOCK, BLOCK, flags, senders) == room, (flags, senders)


def test_turns__room_of_flags__counts_what_is_wanted_and_what_is_in_flight():
    turns, most = Turns(), BLOCK * 11 // 4
    take, flag = call_for(TAKE, "take:5"), replace(call_for(FLAGS[1], "flags"), gas=most // 2)
    few, many = [flying(FLAGS[0], most - most // 2)], [flying(FLAGS[0], most - most // 2 + 1)]
    assert turns.flag_room([take, flag], few, BLOCK, 1) == most
    assert turns.flag_room([take, flag], many, BLOCK, 1) == BLOCK - 2 * TAKE_GAS
    assert turns.flag_room([flag], [*many, flying(TAKE, BLOCK // 2)], BLOCK, 1) == BLOCK // 2
    assert turns.flag_room([flag], many, BLOCK, 1) == most


def test_turns__take_that_a_simulation_refused__leaves_flags_their_room_for_four_blocks():
    """A vault that cannot be taken, for whatever reason, must not slow flags down."""
    turns, take = Turns(), call_for(TAKE, "take:5")
    tokens = replace(call_for(TopUp(5, 1, 10, WAD, 0), "tokens"), gas=700)
    assert turns.takes_gas([call_for(FLAGS[0]), take, tokens]) == 2 * TAKE_GAS + 700
    assert turns.takes_gas([call_for(FLAGS[0]), call_for(Poke(1, 0))]) == 0
    turns.refused([take], 100)
    assert turns.takes_gas([take]) == 0 and turns.takes_gas([take, replace(take, key="take:6")]) == 2 * TAKE_GAS
    # a take is asked about again at once all the same
    assert turns.wanted([take], lambda key: False, 101) == [take]
    turns.forget(103)
    assert turns.takes_gas([take]) == 0
    turns.forget(104)
    assert turns.takes_gas([take]) == 2 * TAKE_GAS


def test_decide__flags_and_takes__takes_go_out_first():
    """In a crash of thousands flags would fill each block until the last, and auctions be over before their takes."""
    unsafe = vault(2, equity=60, status=LIQUIDATABLE)
    seen = state(FLAGGED_90, empty(collateral=105), unsafe, quotes={1: quote(cash=240 * 10**6)})
    found = decide(seen, Policy(roles=frozenset({"flag", "take"})))
    assert [type(action) for action in found] == [Take, Flag]


# --- sending --------------------------------------------------------------------------------------------------------


class Nodes:
    """Providers that take everything."""

    def __init__(self) -> None:
        self.deployment = SimpleNamespace(chain_id=31337)
        self.sent: list[Any] = []

    async def broadcast(self, calls: list[Any]) -> list[Any]:
        self.sent += calls
        return ["0x00" for _ in calls]


@pytest.fixture
def sender(tmp_path):
    with Journal(tmp_path / "journal.sqlite", "chain", "me") as journal:
        made = sending.Sender(
            Nodes(), account_from_key(anvil.key(4)), journal, FeePolicy(tip=GWEI), lambda *a, **k: None
        )
        made.nonces.seen(5, HEAD.number)
        made._tip_told = False
        yield made


def call_of(key: str, gas: int = 100_000) -> Call:
    return replace(call_for(Poke(1, 0), key), data=b"\1", gas=gas)


def sent(sender: sending.Sender, *keys: str) -> list[str]:
    """Keys of what went out."""
    made, _ = asyncio.run(sender._send([(call_of(key), 100_000) for key in keys], HEAD, HEAD.gas_limit))
    return [a.key for a in made]


def test_send__coins_for_one__are_not_spent_twice(sender):
    """In one block, nor beside what is still in flight."""
    one = 100_000 * (2 * GWEI + GWEI)
    sender.balance = 2 * one
    assert sent(sender, "flag:1", "flag:2", "flag:3") == ["flag:1", "flag:2"]
    assert sent(sender, "flag:3") == []
    sender.balance = 3 * one
    assert sent(sender, "flag:3") == ["flag:3"]


def test_take_in__nonce_used_without_a_receipt__waits_two_blocks(sender):
    """A node whose receipts lag by a block has not lost the transaction."""
    sender.balance = 10**18
    assert sent(sender, "flag:1") == ["flag:1"]
    for later, ended in ((1, 0), (2, 0), (3, 1)):
        head = replace(HEAD, number=HEAD.number + later)
        sender.calls(head)
        assert len(sender.take_in(head, ["0x6", hex(10**18), None])) == ended, later


def test_renew__version_that_cancels__is_never_followed_by_one_that_acts(sender):
    sender.balance = 10**18
    sent(sender, "flag:1")
    (one,) = sender.pending
    later = replace(HEAD, number=HEAD.number + 5)
    for purposeless, cancels in ((False, False), (True, True), (False, True)):
        sender._renew(one, purposeless, later)
        assert one.last.cancels is cancels


def test_journal__a_write__is_on_the_disk_before_anything_is_sent(tmp_path):
    with Journal(tmp_path / "journal.sqlite", "chain", "me") as journal:
        assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)


# --- safe ranges ------------------------------------------------------------------------------------------------------


def test_grid__other_risk_parameters__do_not_hold():
    """Spot, vols and time stand still: governance moved a margin."""
    safe = record(1, 10**6, Leg(Kind.PUT, 150 * 10**8, -(10**6)))
    grid = Grid.of((safe,), view())
    assert grid.holds(view())
    other = RiskWord(phi_bps=RISK.phi_bps + 1)
    assert not grid.holds(replace(view(), risk=other.pack()))


def test_grid__vault_unsafe_when_it_is_drawn__is_near_at_every_price():
    """At the grid's own prices its edges would be found nowhere: it is safe nowhere."""
    broke, rich = record(1, 0, Leg(Kind.PUT, 250 * 10**8, -(10**6))), record(2, 10**6, Leg(Kind.PUT, 150 * 10**8, -1))
    shelf = Shelf.of((broke, rich), view())
    grid = Grid.draw(shelf, view())
    for share in (0.5, 0.9, 0.999, 1.0, 1.001, 1.1, 2.0):
        assert 1 in grid.near(SNAPSHOT.spot / WAD * share)
    assert 2 not in grid.near(SNAPSHOT.spot / WAD)
    ranges = SafeRanges()
    ranges.change(1, broke)
    assert 1 in ranges.near({CELL: view()})
