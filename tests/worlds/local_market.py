"""A small market on an Anvil of its own, opened by the participants of the replay, for tests that need a real node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bulkhead.keeper.json_log import JsonLog
from bulkhead.replay.keepers import InlineKeeper
from bulkhead.replay.market import LocalMarket
from bulkhead.replay.price_paths.path import PricePath
from bulkhead.replay.price_paths.rounds import Round
from bulkhead.replay.run import Replay

#: Thursday 12 March 2020, 00:00 UTC, and an expiry two days later at 08:00.
START = 1_583_971_200
EXPIRY = START + 2 * 86_400 + 8 * 3600
SPOT = 200 * 10**8


@contextmanager
def opened(log: Path) -> Iterator[Replay]:
    """A replay whose vaults are open and whose rounds are still to come."""
    rounds = [Round(START, SPOT), Round(START + 60, SPOT)]
    with LocalMarket("ETH", rounds[0]) as local, log.open("w") as stream:
        local.push(rounds[0])
        replay = Replay(local, PricePath("a test", "ETH", rounds[1:], EXPIRY), InlineKeeper(local, JsonLog(stream)))
        try:
            replay.open()
            yield replay
        finally:
            replay.keeper.stop()


@contextmanager
def undone(replay: Replay) -> Iterator[Replay]:
    """What happens inside is undone on the chain."""
    local = replay.local
    snapshot, rounds = local.anvil.snapshot(), list(local.rounds)
    try:
        yield replay
    finally:
        local.anvil.revert(snapshot)
        # a reverted chain counts from its old height and nonces again
        local.rounds = rounds
        for person in local.people.values():
            person.signer.forget_nonce()
