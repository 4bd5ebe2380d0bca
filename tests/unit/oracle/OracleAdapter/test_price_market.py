"""A market that goes by the prices of an earlier one: one price, clock, cell, surface and expiry price of both."""

from __future__ import annotations

from collections.abc import Callable

import boa
import pytest

from bulkhead.chain.listing import feeds_argument, shared_prices
from bulkhead.risk.volatility import OracleWord
from tests.worlds.oracle import DAY, EMPTY, START, WAD, OracleWorld

OWN, SHARED = 1, 2
EXPIRY = START + 7 * DAY
#: What happens before a question, to the feeds of the price market.
CONDITIONS: dict[str, Callable[[OracleWorld], object]] = {
    "a fresh price": lambda world: (world.wait(60), world.push(2_010)),
    "a primary that is stale": lambda world: (world.wait(4_000), world.fallback.push(2_000 * 10**8, world.now)),
    "feeds apart": lambda world: (world.wait(60), world.push(2_000, fallback=1_000)),
    "an outage": lambda world: world.wait(4 * 3_600),
    "the grace after it": lambda world: (world.wait(4 * 3_600), world.observe(), world.push(2_000), world.observe()),
    "an open window": lambda world: (world.wait(7 * DAY - 900), world.push(1_900), world.wait(60)),
    "a market past its expiry": lambda world: (world.wait(7 * DAY + 60), world.push(1_900)),
}


@pytest.fixture
def shared(world: OracleWorld) -> OracleWorld:
    world.share(SHARED, OWN)
    return world


# --- listing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [SHARED, 9], ids=["one that shares", "none"])
def test_list_market__price_market_without_feeds_of_its_own__reverts(shared: OracleWorld, named: int) -> None:
    """No chains, no cycles, nothing that is listed later."""
    with boa.reverts("oracle/unlisted-market"):
        shared.share(3, named)


def test_list_market__price_market_by_a_stranger__reverts(world: OracleWorld) -> None:
    with boa.reverts("oracle/only-parameters"):
        world.adapter.list_market(SHARED, shared_prices(OWN), 0)


def test_list_market__twice__reverts_either_way(shared: OracleWorld) -> None:
    with boa.reverts("oracle/already-listed"):
        shared.share(SHARED, OWN)
    with boa.reverts("oracle/already-listed"):
        shared.list(SHARED, shared.primary)
    with boa.reverts("oracle/already-listed"):
        shared.share(OWN, SHARED)


def test_shared__whatever_belongs_to_its_price_market__is_refused(shared: OracleWorld) -> None:
    no_feed = (EMPTY, 0, 0, 0, 0, 0)
    for sender, call in (
        (shared.parameters, lambda: shared.adapter.set_fallback(SHARED, no_feed)),
        (shared.parameters, lambda: shared.adapter.configure(SHARED, OracleWord().pack())),
        (shared.surface_setter, lambda: shared.adapter.set_surface(SHARED, 1, 1, [0] * 16)),
        (shared.surface_setter, lambda: shared.adapter.stop_surface(SHARED)),
    ):
        with boa.env.prank(sender), boa.reverts("oracle/unlisted-market"):
            call()


def test_price_market__any_market__is_the_one_with_the_feeds(shared: OracleWorld) -> None:
    assert [shared.adapter.price_market(market) for market in (OWN, SHARED, 9)] == [OWN, OWN, 9]


def test_list_market__feeds_of_its_own_beside_it__stays_apart(shared: OracleWorld) -> None:
    """The same feeds listed once more are a market of its own: its clock and vols do not move with the first."""
    feeds = feeds_argument(3, (shared.primary.address, EMPTY, EMPTY), (3_600, 0))
    shared.adapter.list_market(3, feeds, shared.word.pack(), sender=shared.parameters)
    before = list(shared.adapter.market_words(3))
    shared.wait(60)
    shared.push(2_100)
    shared.observe(market=SHARED)
    assert list(shared.adapter.market_words(3)) == before


# --- reading ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONDITIONS)
def test_snapshot__any_condition__is_the_price_markets(shared: OracleWorld, name: str) -> None:
    shared.observe(EXPIRY)
    CONDITIONS[name](shared)
    for expiry in (0, EXPIRY, EXPIRY + DAY):
        for view in ("snapshot", "condition", "cell_terms"):
            read = getattr(shared.adapter, view)
            assert read(SHARED, expiry) == read(OWN, expiry)
    for view in ("market_words", "surface"):
        read = getattr(shared.adapter, view)
        assert read(SHARED) == read(OWN)
    assert shared.adapter.undisputed_before(SHARED, EXPIRY) == shared.adapter.undisputed_before(OWN, EXPIRY) > 0


@pytest.mark.parametrize("call", ["observe", "look", "stamp_cell"])
@pytest.mark.parametrize("name", CONDITIONS)
def test_recording__through_either_market__leaves_the_same(shared: OracleWorld, name: str, call: str) -> None:
    CONDITIONS[name](shared)

    def outcome(market: int) -> tuple[object, ...]:
        with boa.env.anchor():
            answer = getattr(shared.adapter, call)(market, EXPIRY)
            words = list(shared.adapter.market_words(OWN))
            return answer, words, shared.adapter.cell_terms(OWN, EXPIRY), shared.adapter.snapshot(OWN, EXPIRY)

    assert outcome(SHARED) == outcome(OWN)


def test_poke__through_either_market__folds_once(shared: OracleWorld) -> None:
    for price in (2_050, 1_980, 2_020):
        shared.wait(700)
        shared.push(price)
    before = shared.variances(OWN)
    assert shared.adapter.poke(SHARED, 64) > 0
    folded = shared.variances(OWN)
    assert folded != before and shared.variances(SHARED) == folded
    assert shared.adapter.poke(OWN, 64) == 0 and shared.variances(OWN) == folded


def test_observe__both_markets_in_one_block__no_ramp_or_clock_counts_twice(shared: OracleWorld) -> None:
    shared.observe(EXPIRY)
    shared.wait(300)
    shared.push(2_600)
    once = shared.observe(EXPIRY)
    assert shared.observe(EXPIRY, SHARED) == once == shared.look(EXPIRY)
    assert once.sigma < once.sigma_now


def test_observe__cells_of_both_in_their_window__one_clock(shared: OracleWorld) -> None:
    """Whoever observes either keeps the auctions of both running; neither runs faster for two observers."""
    shared.wait(7 * DAY - 1_500)
    shared.push(2_000)
    shared.observe(EXPIRY)
    for step in range(4):
        shared.wait(200)
        shared.push(2_000)
        before = shared.look(EXPIRY).clock
        for market in (SHARED, OWN)[: 1 + step % 2]:
            assert shared.observe(EXPIRY, market).clock == before
        assert shared.look(EXPIRY).restart == 0
    assert before >= 600


# --- the expiry price ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("market", [OWN, SHARED])
def test_fix__through_either_market__is_the_price_of_both(shared: OracleWorld, market: int) -> None:
    shared.wait(7 * DAY - 900)
    shared.push(1_900)
    shared.wait(900)
    assert [shared.expiries.price(m, EXPIRY) for m in (OWN, SHARED)] == [0, 0]
    price = shared.fix(EXPIRY, market=market)
    (log,) = shared.fixed()
    assert (log.market, log.price) == (OWN, price) and price > 1_900 * WAD
    assert [shared.expiries.price(m, EXPIRY) for m in (OWN, SHARED)] == [price, price]
    for other in (OWN, SHARED):
        assert shared.fix(EXPIRY, market=other) == price
        assert not shared.fixed()
        assert shared.look(EXPIRY, other).forward == price


def test_fix__in_parts_through_both__is_one_walk(shared: OracleWorld) -> None:
    """The sum of a busy window is kept once: a call for one market goes on where a call for the other came to."""
    shared.wait(7 * DAY - 1_800)
    start = int(shared.primary.latestRoundData()[0])
    for number in range(100):
        shared.wait(18)
        shared.push(2_000 + number)
    shared.wait(1)
    reached, price = [], 0
    for call in range(12):
        price = shared.fix(EXPIRY, hints=[start], market=(OWN, SHARED)[call % 2])
        kept = [shared.expiries.progress(market, EXPIRY, shared.primary.address).id for market in (OWN, SHARED)]
        assert kept[0] == kept[1]
        reached.append(kept[0])
        if price:
            break
    assert price and reached == sorted(reached) and len(set(reached)) > 1


def test_fix__first_looked_at_through_the_other__keeps_its_terms(shared: OracleWorld) -> None:
    """Terms are stamped by whoever comes first, for both; a later change is for later cells of both."""
    shared.observe(EXPIRY, SHARED)
    changed = OracleWord(window_seconds=600, settle_delay=60).pack()
    shared.adapter.configure(OWN, changed, sender=shared.parameters)
    for market in (OWN, SHARED):
        assert shared.adapter.cell_terms(market, EXPIRY).window == 1_800
        assert shared.adapter.cell_terms(market, EXPIRY + DAY).window == 600
