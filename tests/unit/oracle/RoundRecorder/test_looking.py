"""A market over a recorder: who only looks sees what who records sees, and sums keep no round that nobody recorded."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from bulkhead.chain.listing import ListedFeed
from tests.contracts import deployer
from tests.worlds.oracle import APART, EMPTY, FINE, UNIT, WAD, OracleWorld

MARKET = 2


class Recorded(OracleWorld):
    """The world's adapter with one market more, over a source without history."""

    def __init__(self, as_fallback: bool) -> None:
        super().__init__(fallback=False, window_seconds=1800, settle_delay=0)
        self.source = self.feed()
        self.source.push(2000 * UNIT, self.now)
        self.recorder = deployer("RoundRecorder").deploy(self.source.address)
        first, second = (ListedFeed(self.primary.address, 3600), ListedFeed(self.recorder.address, 3600, kind=1))
        if not as_fallback:
            first, second = second, ListedFeed(EMPTY, 0)
        feeds = (first.argument, second.argument, EMPTY, 0, MARKET)
        self.adapter.list_market(MARKET, feeds, self.word.pack(), sender=self.parameters)
        self.observe(market=MARKET)

    def update(self, price: int) -> None:
        """The source's newest answer, which nobody records."""
        self.source.push(price * UNIT, self.now)


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[Recorded]:
    with boa.env.anchor():
        yield Recorded(request.param)


@pytest.mark.parametrize("world", [True], indirect=True)
def test_snapshot__fallback_disputes_the_price_and_nobody_recorded_it__not_active(world: Recorded) -> None:
    """Shares, makers' quotes and lenses go by what looking says: not recording a dispute keeps it from nobody."""
    world.wait(600)
    world.push(2000)
    world.update(1600)
    seen = world.look(market=MARKET)
    assert (seen.reason, seen.half_width) == (APART, 400 * WAD)
    assert seen == world.observe(market=MARKET)


@pytest.mark.parametrize("world", [False], indirect=True)
def test_snapshot__primary_has_an_answer_that_nobody_recorded__is_what_observe_gives(world: Recorded) -> None:
    world.wait(600)
    world.update(2100)
    seen = world.look(market=MARKET)
    assert (seen.spot, seen.reason) == (2100 * WAD, FINE)
    assert seen == world.observe(market=MARKET)


@pytest.mark.parametrize("world", [False], indirect=True)
def test_fix__answer_that_nobody_recorded__is_recorded_before_it_is_summed(world: Recorded) -> None:
    """Were its id kept without it, the round that takes its place would be passed over."""
    expiry = world.now + 3600
    world.wait(1800)
    for price in (2000, 2100, 2400):
        world.update(price)
        world.expiries.fix(MARKET, expiry, [])
        world.wait(600)
    assert world.expiries.fix(MARKET, expiry, []) == (2000 + 2100 + 2400) * 600 * WAD // 1800


@pytest.mark.parametrize("world", [False, True], indirect=True)
@pytest.mark.parametrize("call", ["observe", "poke", "fix"])
def test_adapter__call_that_writes__has_recorders_keep_the_newest_answer(world: Recorded, call: str) -> None:
    """A round that nobody keeps is lost to realised vol and to settlement windows."""
    expiry = world.now + 3600
    world.wait(2400)
    world.push(2100)
    world.update(2100)
    if call == "observe":
        world.observe(market=MARKET)
    elif call == "poke":
        world.adapter.poke(MARKET, 10)
    else:
        world.expiries.fix(MARKET, expiry, [])
    assert not world.recorder.record()
    # an answer that nobody recorded there is kept by this call
    world.wait(60)
    world.update(2200)
    assert world.recorder.record()
