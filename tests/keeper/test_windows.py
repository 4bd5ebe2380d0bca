"""A keeper through whole settlement windows of the real OracleAdapter and ExpiryPrices.

Every minute it looks and acts as its plan says. Afterwards nothing is more than one call away, in the window and behind
it, and the price is the mirror's: with a change of phase at any minute, with two feeds, with holes, with rounds shown
late, with more rounds than several calls read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import boa
import pytest
from boa.util.abi import Address
from eth.exceptions import VMError

from bulkhead.chain import abi
from bulkhead.chain.contract import Contract, Query
from bulkhead.chain.errors import Reverted
from bulkhead.chain.lens import FLAGGED
from bulkhead.chain.rpc import Rpc
from bulkhead.keeper.expiry_proofs import ExpiryProver
from bulkhead.keeper.node import Head
from bulkhead.keeper.plan import Fix, Observe
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.readers import Reader
from bulkhead.keeper.state import KeeperState
from bulkhead.keeper.windows import WINDOW_OPEN, needs_sum, plan_fixes, plan_observes
from bulkhead.risk.settlement_average import average_price
from bulkhead.risk.words import Snapshot
from tests.evm import Env
from tests.keeper.states import cell as view_of
from tests.keeper.states import vault
from tests.worlds.feeds import PHASE, SETTLE_DELAY, UNIT, WINDOW, FeedScript, PlayedFeed, ScriptedRound
from tests.worlds.windows import EXPIRY, Oracle, move_to

START, MINUTE = EXPIRY - WINDOW, 60
#: Markets are listed so long before the window.
LEAD = 900
HEAD = Head(1, "0x1", "0x0", 0, 0, 0)
POLICY = Policy(roles=frozenset({"fix", "poke"}))


@pytest.fixture(scope="module")
def oracle():
    with boa.swap_env(Env()):
        boa.env.timestamp = START - 30_000
        yield Oracle()


class InProcess:
    """A node that is the EVM in this process; what a read changes is undone."""

    name = "in process"

    async def read(self, queries: Sequence[Query], head: Head) -> list[Any]:
        del head
        found: list[Any] = []
        for query in queries:
            with boa.env.anchor():
                try:
                    answer = boa.env.raw_call(Address(query.contract.address), data=query.data)
                    found.append(query.function.decode(answer.output))
                except VMError as error:
                    found.append(Reverted("", str(error)))
        return found


@dataclass
class Wrong(InProcess):
    """A node that answers some functions otherwise.

    Attributes:
        twist: What it says to (function, honest answer).
        hangs: It never says anything.
    """

    twist: Callable[[str, Any], Any] = lambda name, told: told
    hangs: bool = False
    name: str = "wrong"

    async def read(self, queries: Sequence[Query], head: Head) -> list[Any]:
        if self.hangs:
            await asyncio.sleep(10**6)
        return [
            self.twist(q.function.name, told)
            for q, told in zip(queries, await super().read(queries, head), strict=True)
        ]


def later(name: str, told: Any) -> Any:
    """Rounds with stamps of an hour later: the window seems to begin elsewhere."""
    if name != "getRoundData" or isinstance(told, Reverted):
        return told
    return [field + 3_600 if i == 3 else field for i, field in enumerate(told)]


WRONG = {
    "knows no round": lambda name, told: Reverted("", "no") if "Round" in name else told,
    "knows nothing": lambda name, told: Reverted("", "no"),
    "rounds of another hour": later,
    "all is fixed": lambda name, told: 10**21 if name == "fix" else told,
    "nothing is final": lambda name, told: 0 if name == "fix" else told,
}


class Chain:
    """Contracts by name. ExpiryPrices stands in for Settlement, whose `fix` only hands on to it."""

    def __init__(self, oracle: Oracle) -> None:
        self._rpc = Rpc("offline://")
        at = {
            "OracleAdapter": oracle.adapter.address,
            "ExpiryPrices": oracle.expiry_prices.address,
            "Settlement": oracle.expiry_prices.address,
        }
        self._contracts = {n: Contract(self._rpc, abi.load(n), str(address)) for n, address in at.items()}

    def __getitem__(self, name: str) -> Contract:
        return self._contracts[name]

    def aggregator(self, address: str) -> Contract:
        return Contract(self._rpc, abi.load("MockAggregator"), address)


@dataclass
class Watch:
    """One cell under the eyes of a keeper.

    Attributes:
        flagged: A vault of the cell is.
        calls: What it has called so far, with the time.
    """

    oracle: Oracle
    market: int
    flagged: bool = False
    calls: list[tuple[int, str]] = field(default_factory=list)
    observed: dict[tuple[int, int], int] = field(default_factory=dict)
    nodes: Sequence[Reader] = field(default_factory=lambda: [InProcess()])

    def __post_init__(self) -> None:
        self.cell = (self.market, EXPIRY)
        self.prover = ExpiryProver(Chain(self.oracle), lambda head: self.nodes)  # type: ignore[arg-type]

    def snapshot(self) -> Any:
        return self.oracle.adapter.snapshot(*self.cell)

    @property
    def price(self) -> int:
        return int(self.oracle.expiry_prices.price(*self.cell))

    def is_unknown(self) -> bool:
        """Whether the open window is more than one call away."""
        return self.snapshot().status >> 8 & 15 == WINDOW_OPEN

    def act(self) -> int:
        """One look and what follows from it: how many calls."""
        now, told = boa.env.timestamp, self.snapshot()
        shown = Snapshot(
            told.spot, told.forward, told.seconds, told.sigma, window_share=told.window_share, status=told.status
        )
        view = view_of()
        view = type(view)(self.cell, shown, self.price, *[getattr(view, n) for n in list(view.__dict__)[3:]])
        wanted = needs_sum(view, now) or (now >= EXPIRY and not self.price)
        unpriced = {self.cell: asyncio.run(self.prover.look(self.cell, HEAD))} if wanted else {}
        vaults = {1: vault(1, market=self.market, expiry=EXPIRY, status=FLAGGED if self.flagged else 0)}
        state = KeeperState(
            block=1, now=now, keeper="0x", cells={self.cell: view}, vaults=vaults, expiry_proofs=unpriced,
            observed=self.observed,
        )  # fmt: skip
        actions = [*plan_observes(state, POLICY), *plan_fixes(state, POLICY)]
        for action in actions:
            if isinstance(action, Fix):
                self.oracle.expiry_prices.fix(*action.cell, list(action.hints))
                self.prover.tried(action.cell, now)
            else:
                assert isinstance(action, Observe)
                self.oracle.adapter.observe(*action.cell)
                self.observed[action.cell] = now
            self.calls.append((now, type(action).__name__))
        return len(actions)

    def settle_down(self, most: int = 12) -> None:
        """Acts until there is nothing to do."""
        for _ in range(most):
            if not self.act():
                return
        raise AssertionError(f"the keeper acts without end: {self.calls[-3:]}")


def feed(
    gap: int = 60,
    change: int | None = None,
    lag: int = 0,
    holes: Sequence[int] = (),
    since: int = START - 7_200,
    until: int = EXPIRY + 1_200,
    shift: int = 0,
) -> FeedScript:
    """Rounds every `gap` seconds, shown `lag` seconds late, in a new phase from `change` on, some ids of it missing."""
    rounds, number, base = [], 0, 7 * PHASE
    for n, at in enumerate(range(since, until, gap)):
        if change is not None and base == 7 * PHASE and at + lag >= change:
            base, number = 8 * PHASE, 0
        number += 1
        if n in holes and number > 2:
            continue
        price = (2_000 + shift + n % 37) * UNIT
        rounds.append(ScriptedRound(at + lag, base + number, price, at))
    return FeedScript(START, EXPIRY, tuple(rounds))


def watch(
    oracle: Oracle,
    *scripts: FeedScript,
    flagged: bool = False,
    heartbeat: int = 3_600,
    nodes: Sequence[Reader] = (InProcess(),),
    after: int = SETTLE_DELAY + 2 * MINUTE,
) -> Watch:
    """A new market whose feeds are shown up to now, and a keeper over its cell; runs through the window."""
    move_to(START - LEAD, *(feeds := [PlayedFeed(script) for script in scripts]))
    watched = Watch(oracle, oracle.list(*feeds, heartbeat=heartbeat), flagged, nodes=nodes)
    # the first vault of the cell stamps its terms
    oracle.adapter.observe(watched.market, EXPIRY)
    for now in range(START - 60, EXPIRY + after, MINUTE):
        move_to(now, *feeds)
        watched.settle_down()
        if now < EXPIRY:
            assert not watched.is_unknown(), f"the sum is more than one call away {now - START} s into the window"
    return watched


def mirror(script: FeedScript) -> int:
    return average_price(script.history(EXPIRY + SETTLE_DELAY), START, EXPIRY)


@pytest.mark.parametrize("minute", range(-2, 31))
def test_window__phase_changes_at_any_minute__known_all_the_time_and_settled_right(oracle, minute):
    with boa.env.anchor():
        script = feed(change=START + minute * MINUTE)
        watched = watch(oracle, script)
        assert watched.price == mirror(script)
        # a start behind the change of phase is found by a search; what one call reaches costs none
        assert len([call for call in watched.calls if call[0] < EXPIRY]) <= 4


@pytest.mark.parametrize("late", [0, 45, 170])
@pytest.mark.parametrize("holes", [(), tuple(range(118, 132, 2)), tuple(range(122, 127))])
def test_window__holes_and_rounds_shown_late__settled_right(oracle, late, holes):
    with boa.env.anchor():
        script = feed(change=START + 700, lag=late, holes=holes)
        assert watch(oracle, script).price == mirror(script)


@pytest.mark.parametrize("gap", [5, 12])
def test_window__hundreds_of_rounds__each_minute_a_call_and_no_half_day_behind_it(oracle, gap):
    """360 rounds are eight calls: they are made while they help, not one each five minutes."""
    with boa.env.anchor():
        script = feed(gap=gap, change=START + 900, since=START - 1_200)
        watched = watch(oracle, script)
        assert watched.price == mirror(script)


def test_window__nobody_looked_until_the_end__calls_follow_one_another(oracle):
    with boa.env.anchor():
        script = feed(gap=5, since=START - 1_200)
        move_to(START - LEAD, played := PlayedFeed(script))
        watched = Watch(oracle, oracle.list(played))
        oracle.adapter.observe(watched.market, EXPIRY)
        move_to(EXPIRY + SETTLE_DELAY, played)
        watched.settle_down()
        assert watched.price == mirror(script)
        assert 7 <= len(watched.calls) <= 11 and {at for at, _ in watched.calls} == {EXPIRY + SETTLE_DELAY}


@pytest.mark.parametrize("minute", range(0, 30, 7))
def test_window__primary_that_fell_silent__settles_by_the_fallback_of_two_phases(oracle, minute):
    with boa.env.anchor():
        silent = feed(until=START - 4_500, since=START - 9_000, gap=300)
        second = feed(change=START + minute * MINUTE, shift=3)
        watched = watch(oracle, silent, second, heartbeat=3_600)
        assert watched.price == mirror(second)


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("wrong", WRONG)
def test_window__one_of_two_nodes_is_wrong__is_settled_right_and_few_calls_are_made(oracle, wrong, place):
    """Neither the node that is asked first nor the other one keeps the price from being proven, or costs much."""
    with boa.env.anchor():
        script = feed(change=START + 700)
        nodes = [InProcess()]
        nodes.insert(place, Wrong(WRONG[wrong]))
        watched = watch(oracle, script, nodes=nodes, after=SETTLE_DELAY + 7 * MINUTE)
        assert watched.price == mirror(script)
        assert len(watched.calls) <= 12
        assert any("differ" in text or "no" in text for text in watched.prover.problems)


def test_window__one_of_two_nodes_says_nothing__is_not_waited_for(oracle):
    with boa.env.anchor():
        move_to(START - LEAD, played := PlayedFeed(script := feed()))
        watched = Watch(oracle, oracle.list(played), nodes=[Wrong(hangs=True), InProcess()])
        oracle.adapter.observe(watched.market, EXPIRY)
        move_to(EXPIRY + SETTLE_DELAY, played)
        began = time.monotonic()
        watched.settle_down()
        assert watched.price == mirror(script) and time.monotonic() - began < 20


def test_window__flag_in_it__the_cells_clock_is_recorded_in_time(oracle):
    with boa.env.anchor():
        watched = watch(oracle, feed(), flagged=True)
        times = [at for at, name in watched.calls if name == "Observe"]
        assert times[0] - START <= 300 and EXPIRY - times[-1] <= 300
        assert max(b - a for a, b in zip(times, times[1:], strict=False)) < 900
        # and not without one
        assert "Observe" not in {name for _, name in watch(oracle, feed()).calls}


def test_clock__observed_by_the_keeper__runs_through_the_window(oracle):
    """The auctions of a cell in its window run on its own clock: it does not restart and counts every second."""
    with boa.env.anchor():
        move_to(START - LEAD, played := PlayedFeed(feed()))
        watched = Watch(oracle, oracle.list(played), flagged=True)
        oracle.adapter.observe(watched.market, EXPIRY)
        seen = []
        for now in range(START + MINUTE, EXPIRY, MINUTE):
            move_to(now, played)
            watched.settle_down()
            seen.append(watched.snapshot())
        assert {told.restarted_at for told in seen} == {seen[0].restarted_at}
        assert seen[-1].clock - seen[0].clock == (len(seen) - 1) * MINUTE
