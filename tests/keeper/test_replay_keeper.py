"""The keeper of a replay comes to rest although a send was lost or a look failed."""

from __future__ import annotations

import json

import pytest

from bulkhead.chain.errors import BulkheadError, NodeUnavailable
from bulkhead.replay.market import Round
from bulkhead.replay.run import Replay
from tests.worlds.local_market import SPOT, opened


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("replay") / "keeper.log"


@pytest.fixture(scope="module")
def replay(log):
    with opened(log) as found:
        yield found


def news(replay: Replay) -> None:
    """A round, which the keeper has to poke."""
    now = replay.local.now() + 600
    replay.local.push(Round(now, SPOT), now)


@pytest.mark.parametrize("lost", [1, 2])
def test_settle_down__node_loses_what_was_sent__it_goes_out_again(replay, log, monkeypatch, lost):
    providers = replay.keeper.keeper.providers
    really, left = providers.broadcast, [None] * lost

    async def broadcast(calls):
        if left:
            left.pop()
            return [[NodeUnavailable("The node is busy.")] for _ in calls]
        return await really(calls)

    monkeypatch.setattr(providers, "broadcast", broadcast)
    before = len(log.read_text().splitlines())
    news(replay)
    replay.keeper.settle_down()
    lines = [json.loads(line) for line in log.read_text().splitlines()[before:]]
    assert not left and any(line["event"] == "mined" for line in lines)
    assert not replay.keeper.keeper.wallets.pending


def test_settle_down__looks_fail_for_a_while__it_looks_again(replay, monkeypatch):
    providers = replay.keeper.keeper.providers
    really, left = providers.head, [None] * 5

    async def head(check=False):
        if left:
            left.pop()
            raise NodeUnavailable("The node is busy.")
        return await really(check)

    monkeypatch.setattr(providers, "head", head)
    monkeypatch.setattr("bulkhead.replay.keepers.PAUSE_SECONDS", 0.0)
    news(replay)
    replay.keeper.settle_down()
    assert not left and not replay.keeper.keeper.wallets.pending


def test_settle_down__keeper_that_never_rests__is_told_with_what_it_does(replay, monkeypatch):
    async def head(check=False):
        raise NodeUnavailable("The node is gone.")

    monkeypatch.setattr(replay.keeper.keeper.providers, "head", head)
    monkeypatch.setattr("bulkhead.replay.keepers.PAUSE_SECONDS", 0.0)
    with pytest.raises(BulkheadError, match="something is wrong with it.*nothing in flight"):
        replay.keeper.settle_down()
