"""A small market on an Anvil of its own, opened by the cast of the replay, for tests that need a real node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bulkhead.keeper.json_log import JsonLog
from bulkhead.replay.rounds import Round
from bulkhead.replay.run import InlineKeeper, Plot, Replay
from bulkhead.replay.stage import Stage

#: Thursday 12 March 2020, 00:00 UTC, and an expiry two days later at 08:00.
START = 1_583_971_200
EXPIRY = START + 2 * 86_400 + 8 * 3600
SPOT = 200 * 10**8


@contextmanager
def opened(log: Path) -> Iterator[Replay]:
    """A replay whose vaults are open and whose rounds are still to come."""
    rounds = [Round(START, SPOT), Round(START + 60, SPOT)]
    with Stage("ETH", rounds[0]) as stage, log.open("w") as stream:
        stage.push(rounds[0])
        replay = Replay(stage, Plot("a test", "ETH", rounds[1:], EXPIRY), InlineKeeper(stage, JsonLog(stream)))
        try:
            replay.open()
            yield replay
        finally:
            replay.keeper.stop()


@contextmanager
def undone(replay: Replay) -> Iterator[Replay]:
    """What happens inside is undone on the chain."""
    stage = replay.stage
    snapshot, rounds = stage.anvil.snapshot(), list(stage.rounds)
    try:
        yield replay
    finally:
        stage.anvil.revert(snapshot)
        # a reverted chain counts from its old height and nonces again
        stage.rounds = rounds
        for person in stage.people.values():
            person.signer.forget_nonce()
