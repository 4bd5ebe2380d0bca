"""Who may list and configure markets, and with what."""

from __future__ import annotations

import boa
import pytest

from bulkhead.risk.volatility import OracleWord
from tests.worlds.oracle import EMPTY, NEAR, SIGMA, SIGMA_NOW, VOL_RATIO, WAD, OracleWorld

GOOD = OracleWord().pack()


def test_list_market__stranger__reverts(world: OracleWorld) -> None:
    with boa.reverts("oracle/only-parameters"):
        world.adapter.list_market(2, [world.primary.address, EMPTY, EMPTY], [3600, 0], GOOD)


def test_list_market__twice__reverts(world: OracleWorld) -> None:
    with boa.reverts("oracle/already-listed"):
        world.list(1, world.primary)


def test_list_market__without_feed__reverts(world: OracleWorld) -> None:
    with boa.reverts("oracle/no-feed"):
        world.list(2, None, world.fallback)


def test_list_market__fallback_is_the_primary__reverts(world: OracleWorld) -> None:
    with boa.reverts("oracle/same-feed"):
        world.list(2, world.primary, world.primary)


@pytest.mark.parametrize("heartbeats", [[0, 3600], [3600, 0], [2**32, 3600]])
def test_list_market__heartbeat_out_of_range__reverts(world: OracleWorld, heartbeats: list[int]) -> None:
    feeds = [world.primary.address, world.fallback.address, EMPTY]
    with boa.reverts("oracle/heartbeat"):
        world.adapter.list_market(2, feeds, heartbeats, GOOD, sender=world.parameters)


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
        GOOD | 1 << 200,
    ],
)
def test_list_market__word_that_would_brick_it__reverts(world: OracleWorld, word: int) -> None:
    with boa.reverts("oracle/parameters"):
        world.adapter.list_market(2, [world.primary.address, EMPTY, EMPTY], [3600, 0], word, sender=world.parameters)
    with boa.reverts("oracle/parameters"):
        world.adapter.configure(1, word, sender=world.parameters)


@pytest.mark.parametrize("decimals", [0, 6, 8, 18])
def test_list_market__feed_decimals__scale_to_wad(world: OracleWorld, decimals: int) -> None:
    feed = world.feed(decimals)
    feed.push(1234 * 10**decimals, world.now)
    world.list(2, feed)
    assert world.look(market=2)[0] == 1234 * WAD


def test_list_market__no_round_yet__starts_from_the_floor(world: OracleWorld) -> None:
    world.list(2, world.feed())
    facts = world.look(market=2)
    assert facts[0] == 0
    assert facts[SIGMA] == facts[SIGMA_NOW] == 4 * WAD // 10
    assert facts[VOL_RATIO] == WAD
    assert facts[NEAR] == WAD // 2  # floor * 1.25
    assert world.variances(2) == (16 * WAD // 100,) * 3


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
    assert facts[SIGMA_NOW] == 8 * WAD // 10
    assert 0.4199 < facts[SIGMA] / WAD <= 0.42


def test_reads__unlisted_market__revert_by_name(world: OracleWorld) -> None:
    for call in (
        lambda: world.adapter.snapshot(7, 0),
        lambda: world.adapter.observe(7, 0),
        lambda: world.adapter.poke(7, 1),
        lambda: world.adapter.fix_price(7, world.now - 1, []),
    ):
        with boa.reverts("oracle/unlisted-market"):
            call()
    assert world.adapter.expiry_price(7, world.now) == 0
