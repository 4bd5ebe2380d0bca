"""The table "What each state allows" of docs/oracle.md, a test per cell, through the whole system's real contracts."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from bulkhead.risk.words import Status
from tests.worlds.fixtures import anchored
from tests.worlds.system import System, cash, put, weekly

WAD = 10**18
EXPIRY = weekly(2)
STATES = ("active", "grace", "stale")
LOOSE = [-(2**200), 0, 0, 0, 0]


class Actors:
    """ETH with three vaults (healthy with much to spare, thin, rich), and BTC beside it."""

    def __init__(self) -> None:
        self.system = System()
        self.other_market = self.system.list_market(2, spot=60_000)
        self.trader = boa.env.generate_address("trader")
        self.maker = boa.env.generate_address("maker")
        self.healthy = self.system.open(self.trader, 2_600)
        self.thin = self.system.open(self.trader, 300)
        self.rich = self.system.open(self.maker, 500_000)
        for vault in (self.healthy, self.thin):
            self.system.novate(vault, self.rich, [put(2000, 1)], EXPIRY, 60)

    def enter(self, state: str, spot: float = 2000.0, seconds: int = 60) -> None:
        """Brings ETH into a state of its price, with a recorded look; BTC gets its rounds all along."""
        system = self.system
        if state != "active":
            system.wait(3961)
            system.push(60_000, self.other_market)
            system.oracle.observe(1, 0)
            assert not system.snapshot(0).is_fresh
        if state != "stale":
            system.wait(seconds)
            system.push(spot)
            system.push(60_000, self.other_market)
            system.oracle.observe(1, 0)
        facts = system.snapshot(EXPIRY)
        assert (facts.is_active, facts.is_fresh) == (state == "active", state != "stale")
        assert bool(facts.status & Status.GRACE) == (state == "grace")


@pytest.fixture(scope="module")
def built() -> Iterator[Actors]:
    with boa.env.anchor():
        yield Actors()


actors = anchored("built")


def refused_unless(allowed: bool, reason: str):
    """The block passes, or reverts for that reason."""
    if allowed:
        return boa.env.anchor()
    return boa.reverts(reason)


@pytest.mark.parametrize("state", STATES)
def test_open__only_active(actors, state):
    actors.enter(state)
    with refused_unless(state == "active", "margin/price-not-active"):
        actors.system.novate(actors.rich, actors.healthy, [put(1900, 0.1)], EXPIRY, 0)


@pytest.mark.parametrize("state", STATES)
def test_withdraw__beyond_full_collateral__only_active(actors, state):
    actors.enter(state)
    with boa.env.prank(actors.trader), refused_unless(state == "active", "margin/price-not-active"):
        actors.system.clearinghouse.withdraw(actors.healthy, actors.system.native(1_000), actors.trader)


@pytest.mark.parametrize("state", STATES)
def test_withdraw__what_full_collateral_leaves__always(actors, state):
    actors.enter(state)
    with boa.env.prank(actors.trader):
        actors.system.clearinghouse.withdraw(actors.healthy, actors.system.native(500), actors.trader)


@pytest.mark.parametrize("state", STATES)
def test_close__at_the_last_price__always(actors, state):
    actors.enter(state)
    mark = -actors.system.state(actors.healthy).value / 1e18
    actors.system.novate(actors.rich, actors.healthy, [put(2000, 1)], EXPIRY, mark)
    assert actors.system.legs(actors.healthy) == []


@pytest.mark.parametrize("state", STATES)
def test_close__whole_and_paid_for__always_at_any_price(actors, state):
    actors.enter(state)
    mark = -actors.system.state(actors.healthy).value / 1e18
    actors.system.novate(actors.rich, actors.healthy, [put(2000, 1)], EXPIRY, mark + 300)
    assert actors.system.legs(actors.healthy) == []


@pytest.mark.parametrize("state", STATES)
def test_close__for_a_debt_beyond_what_is_held__never(actors, state):
    actors.enter(state)
    debt = actors.system.state(actors.healthy).collateral / 1e18 + 1
    with boa.reverts("margin/adds-risk" if state == "active" else "margin/stale-close-price"):
        actors.system.novate(actors.rich, actors.healthy, [put(2000, 1), cash(-debt)], EXPIRY)


@pytest.mark.parametrize("state", STATES)
def test_deposit__always(actors, state):
    actors.enter(state)
    actors.system.deposit(actors.thin, 100, actors.trader)


def flag(actors: Actors) -> None:
    with boa.env.prank(boa.env.generate_address("keeper")):
        actors.system.liquidator.flag(actors.thin)


@pytest.mark.parametrize("state", STATES)
def test_flag__only_active(actors, state):
    actors.enter("active", 1700)
    if state == "grace":
        actors.enter("grace", 1700)
    elif state == "stale":
        actors.enter("stale")
    with refused_unless(state == "active", "liquidator/price-not-active"):
        flag(actors)


@pytest.mark.parametrize("state", STATES)
def test_take__only_active(actors, state):
    actors.enter("active", 1700)
    flag(actors)
    actors.enter(state, 1700)
    with boa.env.prank(actors.maker), refused_unless(state == "active", "liquidator/price-not-active"):
        actors.system.liquidator.take(actors.thin, WAD, actors.rich, LOOSE, actors.system.now, b"")


@pytest.mark.parametrize(("quote", "always"), [(2_500, True), (1_000, False)], ids=["full-collateral", "equity"])
@pytest.mark.parametrize("state", STATES)
def test_cure__with_full_collateral_always__with_equity_at_the_price_only_active(actors, state, quote, always):
    actors.enter("active", 1700)
    flag(actors)
    actors.enter(state, 1700)
    actors.system.deposit(actors.thin, quote, actors.trader)
    assert (actors.system.state(actors.thin).status & 1 == 0) == (always or state == "active")


@pytest.mark.parametrize("state", STATES)
def test_clock_and_ramps__only_active(actors, state):
    actors.enter(state)
    before = actors.system.snapshot(0)
    actors.system.wait(600)
    after = actors.system.snapshot(0)
    assert (after.clock > before.clock) == (state == "active")


@pytest.mark.parametrize("state", STATES)
def test_expiry__fix_and_settle__always(actors, state):
    system = actors.system
    system.wait(EXPIRY - 1000 - system.now, 1900)
    system.wait(1000 + 330)
    if state != "stale":
        system.push(2000)
    if state == "grace":
        system.wait(3961)
        system.oracle.observe(1, 0)
        system.push(2000)
        system.oracle.observe(1, 0)
    elif state == "stale":
        system.wait(5000)
    assert system.expiries.fix(1, EXPIRY, [system.market.feed.latest_id() - (0 if state == "stale" else 1)]) != 0
    system.settlement.fix(1, EXPIRY, [])
    for vault in (actors.healthy, actors.thin, actors.rich):
        system.settlement.settle(vault)
    system.settlement.claim(actors.rich)
    assert system.legs(actors.rich) == []


def test_outage__of_one_market__never_reaches_the_other(actors):
    system, market = actors.system, actors.other_market
    actors.enter("stale")
    vault, other = system.open(actors.trader, 90_000, market), system.open(actors.maker, 500_000, market)
    before = system.snapshot(EXPIRY, market)
    assert before.is_active
    with boa.env.prank(system.at["Exchange"]):
        system.clearinghouse.novate(
            (vault, other, EXPIRY, [put(60_000, 1)], 0, [0, 0], system.at["Exchange"]), system.oracle.observe(2, EXPIRY)
        )
    assert len(system.legs(vault)) == 1
    system.wait(600)
    assert system.snapshot(EXPIRY, market).is_active
    assert not system.snapshot(EXPIRY).is_fresh
