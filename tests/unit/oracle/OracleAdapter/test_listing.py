"""Who may list and configure markets, and with what."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from bulkhead.chain.listing import ListedFeed, feeds_argument
from bulkhead.risk.volatility import OracleWord, growth
from tests.contracts import deployer
from tests.worlds.brought import PythWorld
from tests.worlds.oracle import BOUND, EMPTY, UNIT, WAD, Mode, OracleWorld

GOOD = OracleWord().pack()


def test_list_market__stranger__reverts(world: OracleWorld) -> None:
    with boa.reverts("oracle/only-parameters"):
        world.adapter.list_market(2, feeds_argument(2, (world.primary.address, EMPTY, EMPTY), (3600, 0)), GOOD)


def test_list_market__twice__reverts(world: OracleWorld) -> None:
    with boa.reverts("oracle/already-listed"):
        world.list(1, world.primary)


def test_list_market__without_feed__reverts(world: OracleWorld) -> None:
    with boa.reverts("oracle/no-feed"):
        world.list(2, None, world.fallback)


def test_list_market__fallback_is_the_primary__reverts(world: OracleWorld) -> None:
    with boa.reverts("oracle/same-feed"):
        world.list(2, world.primary, world.primary)


@pytest.mark.parametrize("heartbeats", [(0, 3600), (3600, 0), (2**32, 3600)])
def test_list_market__heartbeat_out_of_range__reverts(world: OracleWorld, heartbeats: tuple[int, int]) -> None:
    feeds = feeds_argument(2, (world.primary.address, world.fallback.address, EMPTY), heartbeats)
    with boa.reverts("oracle/heartbeat"):
        world.adapter.list_market(2, feeds, GOOD, sender=world.parameters)


def test_list_market__feed_of_more_than_18_decimals__reverts(world: OracleWorld) -> None:
    with boa.reverts("oracle/feed-decimals"):
        world.list(2, world.feed(19))


@pytest.mark.parametrize(
    "word",
    [
        OracleWord(sigma_floor_bps=0).pack(),
        OracleWord(half_lives=(0, 1, 1)).pack(),
        OracleWord(half_lives=(1, 0, 1)).pack(),
        OracleWord(half_lives=(1, 1, 0)).pack(),
        OracleWord(stress_share_bps=10_001).pack(),
        GOOD | 1 << 244,
    ],
)
def test_list_market__word_that_would_brick_it__reverts(world: OracleWorld, word: int) -> None:
    with boa.reverts("oracle/parameters"):
        feeds = feeds_argument(2, (world.primary.address, EMPTY, EMPTY), (3600, 0))
        world.adapter.list_market(2, feeds, word, sender=world.parameters)
    with boa.reverts("oracle/parameters"):
        world.adapter.configure(1, word, sender=world.parameters)


@pytest.mark.parametrize("decimals", [0, 6, 8, 18])
def test_list_market__feed_decimals__scale_to_wad(world: OracleWorld, decimals: int) -> None:
    feed = world.feed(decimals)
    for age in (60, 0):
        feed.push(1234 * 10**decimals, world.now - age)
    world.list(2, feed)
    assert world.look(market=2).spot == 1234 * WAD


def test_list_market__no_vol_named__starts_from_the_floor(world: OracleWorld) -> None:
    world.list(2, world.primary)
    facts = world.look(market=2)
    assert facts.sigma == facts.sigma_now == 4 * WAD // 10
    assert facts.vol_ratio == WAD
    assert facts.surface_near == WAD // 2  # floor * 1.25
    assert world.variances(2) == (16 * WAD // 100,) * 4


def test_configure__stranger__reverts(world: OracleWorld) -> None:
    with boa.reverts("oracle/only-parameters"):
        world.adapter.configure(1, GOOD)


def test_configure__unlisted_market__reverts(world: OracleWorld) -> None:
    with boa.reverts("oracle/unlisted-market"):
        world.adapter.configure(2, GOOD, sender=world.parameters)


def test_configure__higher_floor__moves_sigma_by_the_ramp_only(world: OracleWorld) -> None:
    world.observe()
    world.adapter.configure(1, OracleWord(sigma_floor_bps=8000).pack(), sender=world.parameters)
    world.wait(3600)
    world.push(2000)
    facts = world.look()
    assert facts.sigma_now == 8 * WAD // 10
    assert 0.4199 < facts.sigma / WAD <= 0.42


def test_reads__unlisted_market__revert_by_name(world: OracleWorld) -> None:
    for call in (
        lambda: world.adapter.snapshot(7, 0),
        lambda: world.adapter.observe(7, 0),
        lambda: world.adapter.poke(7, 1),
        lambda: world.expiries.fix(7, world.now - 1, []),
    ):
        with boa.reverts("oracle/unlisted-market"):
            call()
    assert world.expiries.price(7, world.now) == 0


def test_list_market__no_usable_price__reverts(world: OracleWorld) -> None:
    with boa.reverts("oracle/no-price"):
        world.list(2, world.feed())
    feed = world.feed()
    feed.push(-1, world.now)
    with boa.reverts("oracle/no-price"):
        world.list(2, feed)


def test_list_market__feed_without_history__reverts(world: OracleWorld) -> None:
    feed = world.feed()
    feed.push(2000 * UNIT, world.now)
    with boa.reverts("oracle/no-history"):
        world.list(2, feed)
    feed.push(2000 * UNIT, world.now)  # two rounds of one second show no history either
    with boa.reverts("oracle/no-history"):
        world.list(2, feed)
    world.primary.set_mode(Mode.HISTORY_REVERTS)
    with boa.reverts("oracle/no-history"):
        world.list(2, world.primary)


def listed(world: OracleWorld, market: int, **changes: int) -> None:
    feed = ListedFeed(world.primary.address, 3600, **changes).argument
    none = ListedFeed(EMPTY, 0).argument
    world.adapter.list_market(market, (feed, none, EMPTY, 0, market), GOOD, sender=world.parameters)


@pytest.mark.parametrize(
    "bounds", [(WAD, 0), (0, 2_000_001 * WAD), (2000 * WAD, 0), (0, 2000 * WAD), (2100 * WAD, 3000 * WAD)]
)
def test_list_market__bounds_too_wide_or_without_the_price__reverts(
    world: OracleWorld, bounds: tuple[int, int]
) -> None:
    with boa.reverts("oracle/bounds"):
        listed(world, 2, least=bounds[0], most=bounds[1])


def test_snapshot__answer_at_a_bound__no_price(world: OracleWorld) -> None:
    listed(world, 2, least=1500 * WAD, most=2500 * WAD)
    for price, is_fine in ((1500, False), (1501, True), (2500, False), (2499, True)):
        world.wait(60)
        world.primary.push(price * UNIT, world.now)
        facts = world.look(market=2)
        assert (facts.is_fresh, facts.reason) == ((True, 0) if is_fine else (False, BOUND))


def test_list_market__kind_or_threshold_out_of_range__reverts(world: OracleWorld) -> None:
    with boa.reverts("oracle/feed-kind"):
        listed(world, 2, kind=3)
    with boa.reverts("oracle/threshold"):
        listed(world, 2, threshold_bps=1001)


def test_list_market__kind_that_the_feed_does_not_confess_to__reverts(world: OracleWorld) -> None:
    """Who keeps rounds says nothing; a recorder and an adapter of brought prices say what they are (`feed_kind`)."""
    pull = PythWorld().feed
    recorder = deployer("RoundRecorder").deploy(world.primary.address)
    world.wait(60)
    world.push(2000)
    recorder.record()
    for feed, own in ((world.primary, 0), (recorder, 1), (pull, 2)):
        for kind in range(3):
            argument = ListedFeed(feed.address, 3600, kind=kind).argument
            none = ListedFeed(EMPTY, 0).argument
            if kind == own:
                continue
            with boa.reverts("oracle/feed-kind"):
                world.adapter.list_market(2, (argument, none, EMPTY, 0, 2), GOOD, sender=world.parameters)
    listed_recorder = ListedFeed(recorder.address, 3600, kind=1).argument
    world.adapter.list_market(3, (listed_recorder, none, EMPTY, 0, 3), GOOD, sender=world.parameters)


def test_observe__first_after_the_listing__ramps_for_the_time_since_it_only(world: OracleWorld) -> None:
    feeds = feeds_argument(2, (world.primary.address, EMPTY, EMPTY), (3600, 0))
    world.adapter.list_market(2, feeds, GOOD, sender=world.parameters)
    first = world.look(market=2)
    world.wait(60)
    world.push(2300)
    facts = world.observe(market=2)
    assert facts.sigma_now > first.sigma * 11 // 10
    assert facts.sigma <= first.sigma * growth(500, 60) // WAD


@pytest.mark.parametrize("vol", [4 * WAD // 10 - 1, 3 * WAD + 1])
def test_list_market__first_vol_out_of_range__reverts(world: OracleWorld, vol: int) -> None:
    feeds = feeds_argument(2, (world.primary.address, EMPTY, EMPTY), (3600, 0), vol)
    with boa.reverts("oracle/first-vol"):
        world.adapter.list_market(2, feeds, GOOD, sender=world.parameters)


def test_list_market__first_vol__all_vols_start_there(world: OracleWorld) -> None:
    feeds = feeds_argument(2, (world.primary.address, EMPTY, EMPTY), (3600, 0), WAD)
    world.adapter.list_market(2, feeds, GOOD, sender=world.parameters)
    assert world.variances(2) == (WAD,) * 4
    assert world.look(market=2).sigma == WAD


# --- a fallback comes and goes ---------------------------------------------------------------------------------


def fallback(world: OracleWorld, feed: Any) -> None:
    source = EMPTY if feed is None else feed.address
    word = ListedFeed(source, 3600).argument
    world.adapter.set_fallback(1, word, sender=world.parameters)


def test_set_fallback__stranger_or_unlisted__reverts(world: OracleWorld) -> None:
    word = ListedFeed(EMPTY, 0).argument
    with boa.reverts("oracle/only-parameters"):
        world.adapter.set_fallback(1, word)
    with boa.reverts("oracle/unlisted-market"):
        world.adapter.set_fallback(7, word, sender=world.parameters)


def test_set_fallback__dropped__a_disagreement_ends_with_it(world: OracleWorld) -> None:
    world.push(2000, fallback=1500)
    assert not world.observe().is_active
    fallback(world, None)
    assert world.look().is_active
    with boa.reverts("oracle/no-fallback"):
        fallback(world, None)


def test_set_fallback__new_one__must_agree_with_a_live_primary(lone: OracleWorld) -> None:
    feed = lone.feed()
    for age in (60, 0):
        feed.push(1500 * UNIT, lone.now - age)
    with boa.reverts("oracle/feeds-apart"):
        fallback(lone, feed)
    with boa.reverts("oracle/same-feed"):
        fallback(lone, lone.primary)
    feed.push(2050 * UNIT, lone.now)
    fallback(lone, feed)
    with boa.reverts("oracle/fallback-exists"):
        fallback(lone, feed)


def test_set_fallback__primary_dead_for_a_week__any_live_feed(lone: OracleWorld) -> None:
    feed = lone.feed()
    lone.wait(7 * 86_400)
    for age in (60, 0):
        feed.push(1000 * UNIT, lone.now - age)
    with boa.reverts("oracle/primary-not-dead"):
        fallback(lone, feed)
    lone.wait(1)
    fallback(lone, feed)
    assert lone.look().spot == 1000 * WAD
