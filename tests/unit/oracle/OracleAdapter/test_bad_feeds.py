"""A feed that misbehaves for an hour: calls stand or are refused by name, and afterwards nothing is stuck or lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import boa
import pytest
from eth_abi import encode

from tests.evm import Env
from tests.worlds.oracle import PHASE, START, UNIT, WAD, Mode, OracleWorld

#: Day two, an hour before its 08:00: the bad hour ends ten minutes before the window's last second.
EXPIRY = START + 86_400
BEGIN = EXPIRY - 2 * 3600


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """An environment of its own: code that a test sets is not undone by an anchor."""
    with boa.swap_env(Env()):
        yield


def mode(number: int) -> Callable[[OracleWorld], Callable[[], None]]:
    """A mode of the test feed, and back."""

    def turn(world: OracleWorld) -> Callable[[], None]:
        world.primary.set_mode(number)
        return lambda: world.primary.set_mode(0)

    return turn


def replaced(code: Callable[[OracleWorld], str]) -> Callable[[OracleWorld], Callable[[], None]]:
    """Another contract behind the feed's address, and back."""

    def turn(world: OracleWorld) -> Callable[[], None]:
        at = world.primary.address
        before = boa.env.get_code(at)
        boa.env.set_code(at, boa.env.get_code(code(world)))
        return lambda: boa.env.set_code(at, before)

    return turn


def answers(amount: int) -> Callable[[OracleWorld], str]:
    """A contract that gives every question a round of this answer under the newest id, stamped ten minutes ago."""

    def make(world: OracleWorld) -> str:
        newest = world.primary.latest_id()
        raw = encode(["uint256"] * 5, [newest, amount % 2**256, world.now - 600, world.now - 600, newest])
        address = boa.env.generate_address("answers")
        boa.env.set_code(address, assemble(raw))
        return str(address)

    return make


def assemble(raw: bytes) -> bytes:
    """Runtime code: 8 for `decimals()`, these five words for everything else."""
    tail = bytes.fromhex("5b60085f5260205ff3")  # JUMPDEST, mstore(0, 8), return(0, 32)
    head_length = 14 + 10
    head = bytes.fromhex("5f3560e01c63313ce56714") + b"\x60" + bytes([head_length]) + b"\x57"
    copy = bytes.fromhex("60a060") + bytes([head_length + len(tail)]) + bytes.fromhex("5f3960a05ff3")
    assert len(head) + len(copy) == head_length
    return head + copy + tail + raw


def falling(world: OracleWorld) -> Callable[[], None]:
    """Each round an hour older than the one before."""
    for hours in (1, 2, 3):
        world.primary.push(3000 * UNIT, world.now - 3600 * hours)
    return lambda: None


def ahead(world: OracleWorld) -> Callable[[], None]:
    """A round of the far future, then one of now."""
    world.primary.push(3000 * UNIT, 2**63)
    return lambda: None


def everything_at_once(world: OracleWorld) -> Callable[[], None]:
    """In one block the proxy points elsewhere: another scale, a new phase, stamps of last week."""
    old = world.primary.address
    before = boa.env.get_code(old)
    other = world.feed(9)
    boa.env.set_code(old, boa.env.get_code(other.address))
    world.primary.set_phase((world.primary.latest_id() >> 64) + 1)
    world.primary.push(2000 * 10**9, world.now - 7 * 86_400)
    world.primary.push(2000 * 10**9, world.now)
    return lambda: boa.env.set_code(old, before)


WAYS: dict[str, Callable[[OracleWorld], Callable[[], None]]] = {
    "reverts": mode(Mode.REVERTS),
    "zeros": mode(Mode.ZERO),
    "negative": mode(Mode.NEGATIVE),
    "unstamped": mode(Mode.INCOMPLETE),
    "an hour ahead": mode(Mode.FUTURE),
    "burns all gas": mode(Mode.BURNS_GAS),
    "history reverts": mode(Mode.HISTORY_REVERTS),
    "history burns": mode(Mode.HISTORY_BURNS_GAS),
    "no code": replaced(lambda world: boa.env.generate_address("nobody")),
    "all words zero": replaced(answers(0)),
    "2^255": replaced(answers(2**255)),
    "2^127 - 1": replaced(answers(2**127 - 1)),
    "falling stamps": falling,
    "a stamp of the far future": ahead,
    "decimals, proxy and phase at once": everything_at_once,
}


def calls(world: OracleWorld) -> list[Callable[[], Any]]:
    """What anyone may call, with hints that lie."""
    newest = world.primary.latest_id
    return [
        lambda: world.look(),
        lambda: world.look(EXPIRY),
        lambda: world.observe(),
        lambda: world.observe(EXPIRY),
        lambda: world.poke(),
        lambda: world.adapter.condition(1, EXPIRY),
        lambda: world.adapter.stamp_cell(1, EXPIRY),
        lambda: world.fix(EXPIRY, [0, 1, PHASE, 2**80 - 1, 2**256 - 1, 5 * PHASE + 7, *hints(newest)]),
    ]


def hints(newest: Callable[[], int]) -> list[int]:
    """Ids around the newest, as far as there is one."""
    try:
        return [max(newest() + by, 0) for by in (-70, -1, 0, 1, 70)]
    except boa.BoaError:
        return []


def stand_or_refuse(world: OracleWorld) -> list[str]:
    """Makes every call; one that reverts must say why in a named reason. The reasons."""
    reasons = []
    for call in calls(world):
        try:
            call()
        except boa.BoaError as error:
            found = re.search(r"(oracle|expiry)/[a-z-]+", str(error))
            assert found, f"a revert without a reason: {error}"
            reasons.append(found[0])
    return reasons


@pytest.mark.parametrize("fallback", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_feed__bad_for_an_hour__calls_stand_and_all_goes_on_afterwards(way: str, fallback: bool) -> None:
    world = OracleWorld(fallback=fallback)
    boa.env.timestamp = BEGIN
    world.push(2000)
    world.observe()
    restore = WAYS[way](world)
    expected = {"expiry/before-window"}
    for _ in range(6):
        assert set(stand_or_refuse(world)) <= expected
        world.wait(600)
        if world.fallback is not None:
            world.fallback.push(2000 * UNIT, world.now)
    spot = world.look().spot
    assert spot in (2000 * WAD, 3000 * WAD)
    restore()
    # an hour before the expiry the feed is well again
    last = world.primary.latest_id()
    if last & (PHASE - 1) > 10**6:
        raise AssertionError("the test feed lost its place")
    for second in range(0, 3900, 300):
        world.push(2000)
        world.observe()
        if second > 2400:
            world.observe(EXPIRY)
        world.poke()
        world.wait(300)
    assert world.now == EXPIRY + 300
    facts = world.look()
    assert facts.is_active, (facts.reason, facts.fallback_reason)
    assert facts.spot == 2000 * WAD
    assert world.fix(EXPIRY) == 2000 * WAD
    assert [log.source for log in world.fixed()] == [1]
    # realised vols have folded to the newest whole ten minutes
    assert world.poke() == 0 or world.poke() == 0
