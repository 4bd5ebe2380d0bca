"""Which prices are brought, decided: spot that is needed, samples a few at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bulkhead.chain.lens import FLAGGED
from bulkhead.keeper.decide import decide
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.price_update_plan import holds_poke
from bulkhead.keeper.price_updates import BringSamples, BringSpot, BroughtFeed, Message
from bulkhead.keeper.state import MarketView
from bulkhead.risk.words import WAD, Units
from tests.keeper.states import CELL, EXPIRY, KEEPER, MICRO, NOW, OTHER, POOL, cell, state, vault

UNIT = 10**8
#: Written out: by the keeper's own numbers a test would agree with any.
BATCH, GATHER_SECONDS, HOLD_SECONDS, SPOT_SECONDS, MARGIN_SECONDS = 30, 150, 1_800, 60, 15
MINUTE = NOW // 60 * 60
BRING = Policy(roles=frozenset({"bring"}))
FEED = BroughtFeed(1, OTHER, spot=200 * UNIT, spot_at=NOW - 300, age_limit=3960, fee=7)
BUSY = frozenset({1})


def priced(price: float, age: int = 5) -> Message:
    return Message(NOW - age, round(price * UNIT), b"signed")


def sample(minutes_ago: int) -> Message:
    return Message(MINUTE - 60 * minutes_ago, 200 * UNIT, b"%d" % minutes_ago)


def brought(feed: BroughtFeed, *vaults, **other) -> list:
    return decide(state(*vaults, brought=(feed,), **other), BRING)


@pytest.mark.parametrize(("move", "near", "busy"), [(0.05, False, False), (0.15, True, False), (0.55, True, True)])
def test_spot__price_has_moved__is_brought_to_those_it_matters_to(move, near, busy):
    """A tenth of a per cent with a vault near its edge, half a per cent with any vault, never in an empty market."""
    for sign in (1, -1):
        feed = replace(FEED, offered=priced(200 * (1 + sign * move / 100)))
        assert brought(feed) == []
        assert [type(a) for a in brought(feed, busy=BUSY)] == [BringSpot] * busy
        assert [type(a) for a in brought(feed, vault(1), busy=BUSY)] == [BringSpot] * near
        assert [type(a) for a in brought(feed, unknown={3: CELL}, busy=BUSY)] == [BringSpot] * near


def test_spot__vaults_that_are_minded_anyway__are_not_near_their_edge():
    feed = replace(FEED, offered=priced(200.4))
    pool = {1: MarketView(1, 0, MICRO, 0, NOW, pool=POOL)}
    assert brought(feed, vault(1, owner=KEEPER), vault(2, owner=POOL), markets=pool) == []
    # unless an auction of theirs runs
    assert brought(feed, vault(2, owner=POOL, status=FLAGGED), markets=pool) != []
    assert brought(feed, vault(1, market=2)) == []


def test_spot__nearly_stale__is_renewed_while_there_are_vaults():
    feed = replace(FEED, offered=priced(200))
    assert brought(replace(feed, spot_at=NOW - 3_100), busy=BUSY) == []
    assert len(brought(replace(feed, spot_at=NOW - 3_200), busy=BUSY)) == 1
    assert brought(replace(feed, spot_at=NOW - 3_200)) == []
    # for those who trade, whatever this keeper needs
    assert len(brought(replace(feed, keep_fresh=300))) == 1
    assert brought(replace(feed, keep_fresh=301)) == []


def test_spot__price_that_the_adapter_would_not_take__is_not_sent():
    moved = replace(FEED, offered=priced(210))
    assert len(brought(moved, busy=BUSY)) == 1
    oldest = SPOT_SECONDS - MARGIN_SECONDS
    for at in (NOW, NOW - oldest):
        assert len(brought(replace(moved, offered=replace(priced(210), at=at)), busy=BUSY)) == 1, at
    for at in (NOW - oldest - 1, NOW + 1):
        assert brought(replace(moved, offered=replace(priced(210), at=at)), busy=BUSY) == [], at
    # nor one that is not newer than what is there
    for at, news in ((NOW - 20, True), (NOW - 21, False), (NOW - 22, False)):
        there = replace(moved, spot_at=NOW - 21, offered=replace(priced(210), at=at))
        assert (brought(there, busy=BUSY) != []) is news, at


def test_spot__liquidation_that_waits_for_it__may_cost_what_that_is_worth():
    """In a crash gas is dear: the price must not wait for it to fall while the takes would pay."""
    roles = Policy(roles=frozenset({"bring", "take"}), min_bonus=WAD // 10)
    (spot,) = decide(state(vault(1, margin=300), brought=(replace(FEED, offered=priced(210)),)), roles)
    assert isinstance(spot, BringSpot) and spot.worth == 30 * WAD and spot.fee == 7


def test_spot__vaults_of_a_market_that_goes_by_it__count_as_its_own():
    """The coin market of the feed: its vaults are near their edge, its pool minds its own."""
    feed = replace(FEED, offered=priced(200.4))
    views = {
        1: MarketView(1, 0, MICRO, 0, NOW),
        2: MarketView(2, 0, MICRO, 0, NOW, pool=POOL, units=Units(inverse=True, digits=3), price_market=1),
    }
    cells = {CELL: cell(), (2, EXPIRY): replace(cell(), cell=(2, EXPIRY))}
    near = vault(1, market=2)
    both = Policy(roles=frozenset({"bring", "take"}))
    (spot,) = [a for a in decide(state(near, brought=(feed,), markets=views, cells=cells, busy=frozenset({2})), both)
               if isinstance(a, BringSpot)]  # fmt: skip
    # what it brings is in quote, as what gas costs: 100 coins of MM at 200
    assert (spot.market, spot.worth) == (1, 100 * WAD * 200 * both.min_bonus // WAD)
    assert brought(feed, vault(1, market=2, owner=POOL), markets=views, cells=cells, busy=frozenset({2})) == []
    unseen = {3: (2, EXPIRY)}
    assert [type(a) for a in brought(feed, markets=views, unknown=unseen, busy=frozenset({2}))] == [BringSpot]
    renewed = replace(feed, spot_at=NOW - 3_960, offered=priced(200))
    assert [type(a) for a in brought(renewed, markets=views, busy=frozenset({2}))] == [BringSpot]


def test_samples__wait_for_others__so_that_a_window_stays_fresh_all_the_same():
    # a cell in its window is fresh while three samples of minutes more than 60 s ago are missing
    assert 60 < GATHER_SECONDS < 240
    young = tuple(sample(n) for n in range(2, -1, -1) if NOW - sample(n).at < GATHER_SECONDS)
    assert young and brought(replace(FEED, samples=young)) == []
    ready = tuple(sample(n) for n in range(4, -1, -1))
    (found,) = brought(replace(FEED, samples=ready))
    assert found == BringSamples(1, OTHER, ready, 7) and found.minutes == tuple(s.at for s in ready)


def test_samples__more_than_fit__go_in_parts_and_those_that_spoiled_a_batch_alone():
    many = tuple(sample(n) for n in range(70, 0, -1))
    found = brought(replace(FEED, samples=many, alone=frozenset({many[3].at, many[5].at})))
    assert [len(a.messages) for a in found] == [1, 1, BATCH, BATCH, 70 - 2 - 2 * BATCH]
    assert sorted(at for a in found for at in a.minutes) == [s.at for s in many]


def test_samples__of_another_shard__are_left_to_it():
    feed = replace(FEED, samples=(sample(5),))
    parts = [decide(state(brought=(feed,)), replace(BRING, shard=(i, 2))) for i in range(2)]
    assert [len(part) for part in parts] == [0, 1]


# --- exact edges ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cents", "found"), [(20, True), (19, False), (-20, True), (-19, False)])
def test_spot__a_tenth_of_a_per_cent__is_a_move_near_an_edge(cents, found):
    feed = replace(FEED, offered=Message(NOW - 5, 200 * UNIT + cents * UNIT // 100, b"signed"))
    assert bool(brought(feed, vault(1))) is found


@pytest.mark.parametrize(("cents", "found"), [(100, True), (99, False), (-100, True), (-99, False)])
def test_spot__half_a_per_cent__is_a_move_for_all_who_trade(cents, found):
    feed = replace(FEED, offered=Message(NOW - 5, 200 * UNIT + cents * UNIT // 100, b"signed"))
    assert bool(brought(feed, busy=BUSY)) is found


@pytest.mark.parametrize(("age", "limit", "found"), [(3_168, 3_960, 1), (3_167, 3_960, 0), (80, 100, 1), (79, 100, 0)])
def test_spot__four_fifths_of_its_age_limit__is_when_it_is_renewed(age, limit, found):
    feed = replace(FEED, spot_at=NOW - age, age_limit=limit, offered=priced(200))
    assert len(brought(feed, busy=BUSY)) == found


@pytest.mark.parametrize(
    ("near", "others", "is_near"),
    [
        (vault(1), {}, True),
        (vault(1, expiry=NOW), {}, False),
        (vault(1, expiry=NOW + 1), {}, True),
        (vault(1, legs=()), {}, False),
        (vault(1, owner=POOL), {}, False),
        # sent to the pool or to this keeper: neither minds it
        (vault(1, owner=POOL, epoch=1), {}, True),
        (vault(1, owner=KEEPER, epoch=1), {}, True),
        (vault(1, owner=KEEPER, status=FLAGGED), {}, True),
        (vault(1), {"markets": {}}, True),
        (vault(1, market=2), {"markets": {}}, False),
    ],
)
def test_spot__vault_near_its_edge__is_one_that_nobody_minds_and_that_lives(near, others, is_near):
    feed = replace(FEED, offered=priced(200.4))
    fields = {"markets": {1: MarketView(1, 0, MICRO, 0, NOW, pool=POOL)}, **others}
    assert [type(a) for a in brought(feed, near, **fields)] == [BringSpot] * is_near


@pytest.mark.parametrize(
    ("roles", "vaults", "unknown", "worth"),
    [
        ({"bring", "take"}, [vault(1, margin=300), vault(2, margin=700), vault(3, margin=100)], {}, 70 * WAD),
        ({"bring"}, [vault(1, margin=300)], {}, 0),
        ({"bring", "take"}, [], {3: CELL}, 0),
        ({"bring", "take"}, [], {}, 0),
    ],
)
def test_spot__worth__is_the_dearest_of_those_near_their_edge_or_nothing(roles, vaults, unknown, worth):
    policy = Policy(roles=frozenset(roles), min_bonus=WAD // 10)
    seen = state(*vaults, brought=(replace(FEED, offered=priced(210)),), unknown=unknown, busy=BUSY)
    found = [a for a in decide(seen, policy) if isinstance(a, BringSpot)]
    assert [a.worth for a in found] == [worth]


@pytest.mark.parametrize(
    ("ages", "found"),
    [
        ([GATHER_SECONDS], 1),
        ([GATHER_SECONDS - 1], 0),
        ([1, GATHER_SECONDS, 2], 1),
        ([1] * (BATCH - 1), 0),
        ([1] * BATCH, 1),
        ([1] * (BATCH + 1), 2),
        ([], 0),
    ],
)
def test_samples__oldest_has_waited_or_a_batch_is_full__they_go(ages, found):
    samples = tuple(Message(NOW - age, 200 * UNIT, b"%d" % i) for i, age in enumerate(ages))
    actions = brought(replace(FEED, samples=samples))
    assert len(actions) == found and sum(len(a.messages) for a in actions) == (len(ages) if found else 0)


#: A whole ten minutes.
INSTANT_AT = NOW // 600 * 600


@pytest.mark.parametrize(
    ("age", "at", "fields", "holds"),
    [
        (600, INSTANT_AT, {}, True),
        (599, INSTANT_AT, {}, False),
        (HOLD_SECONDS, INSTANT_AT, {}, True),
        (HOLD_SECONDS + 1, INSTANT_AT, {}, False),
        (900, INSTANT_AT + 60, {}, False),
        (900, INSTANT_AT, {"market": 2}, False),
        (900, INSTANT_AT, {"is_primary": False}, False),
    ],
)
def test_holds_poke__sample_of_a_whole_ten_minutes_still_to_come__is_waited_for(age, at, fields, holds):
    feed = replace(FEED, missing=(at + 60, at), **fields)
    seen = state(now=at + age, brought=(feed,))
    assert holds_poke(seen, BRING, 1) is holds
    assert not holds_poke(seen, Policy(roles=frozenset({"poke"})), 1)
