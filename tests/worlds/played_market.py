"""A market that has been through a crash, from the first vault to the last claim, still there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bulkhead.keeper.json_log import JsonLog
from bulkhead.replay.keepers import InlineKeeper
from bulkhead.replay.market import LocalMarket
from bulkhead.replay.price_paths.path import PricePath, choose_expiry
from bulkhead.replay.price_paths.rounds import Round, quiet_rounds
from bulkhead.replay.run import Replay

#: Thursday 12 March 2020, 05:00 UTC, three hours before the expiry that everybody trades.
START = 1_583_989_200
#: Answers of the feed, one a minute: a fall by a quarter, and half of it back [1e-8 quote].
FALL = (200, 197, 190, 182, 171, 165, 158, 152, 150, 153, 160, 168, 172, 175)


def fall() -> PricePath:
    """A crash of a quarter of an hour, then quiet until expiry."""
    rounds = [Round(START + 60 * i, price * 10**8) for i, price in enumerate(FALL)]
    expiry = choose_expiry(START, rounds[-1].at)
    return PricePath("a test", "ETH", [*rounds, *quiet_rounds(rounds[-1], expiry)], expiry)


@contextmanager
def played(log: Path) -> Iterator[Replay]:
    """A replay that is over."""
    path = fall()
    with LocalMarket(path.symbol, path.rounds[0]) as local, log.open("w") as stream:
        local.push(path.rounds[0])
        keeper = InlineKeeper(local, JsonLog(stream))
        try:
            keeper.settle_down()
            replay = Replay(local, PricePath(path.source, path.symbol, path.rounds[1:], path.expiry), keeper)
            replay.record.started_at = path.rounds[0].at
            replay.through()
            yield replay
        finally:
            keeper.stop()
