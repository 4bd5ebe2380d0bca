"""Why a price is not active and until when: the names of the contracts, and moments that come true."""

from __future__ import annotations

import re
from pathlib import Path

from bulkhead.chain.condition import SENTENCES, PriceCondition, Reason
from tests.worlds.oracle import UNIT, Mode, OracleWorld

FEEDS = Path(__file__).resolve().parents[4] / "contracts" / "oracle" / "feeds.vy"


def condition(world: OracleWorld, expiry: int = 0) -> PriceCondition:
    return PriceCondition.from_words(list(world.adapter.condition(1, expiry)))


def test_reasons__names_and_codes__are_those_of_the_contract() -> None:
    section = FEEDS.read_text().split("# reasons why")[1].split("# kinds of feeds")[0]
    codes = {name: int(code) for name, code in re.findall(r"^([A-Z_]+): constant\(uint256\) = (\d+)", section, re.M)}
    assert codes == {reason.name: reason.value for reason in Reason}
    assert set(SENTENCES) == set(Reason)


def test_condition__fine__active_until_stale(world: OracleWorld) -> None:
    found = condition(world)
    assert found.is_active and not found.sentence
    world.wait(found.until - world.now)
    assert condition(world).is_active
    world.wait(1)
    assert condition(world).reason == Reason.STALE


def test_condition__primary_stale__until_the_fallback_counts(world: OracleWorld) -> None:
    world.wait(4000)
    world.fallback.push(2000 * UNIT, world.now)
    found = condition(world)
    assert (found.is_active, found.reason, found.fallback_reason) == (False, Reason.STALE, Reason.FINE)
    assert found.sentence.startswith("stale: the feed's newest round is older")
    world.wait(found.until - 1 - world.now)
    world.fallback.push(2000 * UNIT, world.now)
    assert not condition(world).is_active
    world.wait(1)
    then = condition(world)
    assert then.is_active and then.uses_fallback and then.reason == Reason.STALE


def test_condition__apart__until_the_failover_delay_ends(world: OracleWorld) -> None:
    world.push(2000, fallback=1000)
    world.observe()
    found = condition(world)
    assert (found.is_fresh, found.is_active, found.reason) == (True, False, Reason.APART)
    assert found.apart_since == world.now
    world.wait(found.until - 1 - world.now)
    world.push(2000, fallback=1000)
    assert not condition(world).is_active
    world.wait(1)
    assert condition(world).is_active


def test_condition__outage_then_grace__until_it_ends(world: OracleWorld) -> None:
    world.wait(8000)
    found = condition(world)
    assert found.in_outage and found.until == 0
    world.observe()
    world.push(2000)
    world.observe()
    found = condition(world)
    assert (found.is_fresh, found.is_active, found.reason) == (True, False, Reason.GRACE)
    world.wait(found.until - 1 - world.now)
    world.push(2000)
    assert not condition(world).is_active
    world.wait(1)
    assert condition(world).is_active


def test_condition__dead_feed_alone__no_end_in_sight(lone: OracleWorld) -> None:
    lone.primary.set_mode(Mode.REVERTS)
    found = condition(lone)
    assert (found.is_fresh, found.reason, found.until) == (False, Reason.UNREACHABLE, 0)
