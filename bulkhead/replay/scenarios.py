"""The bundled scenario: a RECONSTRUCTION of ETH on 12 and 13 March 2020, not market data.

A Brownian bridge with a fixed seed through price levels that are publicly known (rounded, in dollars), sampled into
five-minute bars. Between the levels the path is invented. To see the real day, replay a file of real bars:
`bulkhead replay FILE`.
"""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime

from bulkhead.replay.price_paths.bars import Bar

LABEL = "reconstruction of ETH on 12-13 March 2020 (Brownian bridge through known levels)"
SEED = 20200312
BAR_SECONDS = 300
STEPS_A_BAR = 6
#: Volatility of the bridge around the straight line between two levels, per year.
BRIDGE_VOLATILITY = 1.2

#: (UTC, dollars): the open, the slide after the travel ban, the first collapse before noon, the rebound, the evening's
#: second leg, the close, the low at two in the night and the recovery of the next day.
LEVELS: tuple[tuple[str, float], ...] = (
    ("2020-03-12T00:00", 194.6),
    ("2020-03-12T04:00", 182.0),
    ("2020-03-12T07:00", 172.0),
    ("2020-03-12T10:15", 168.0),
    ("2020-03-12T11:00", 133.0),
    ("2020-03-12T14:00", 139.0),
    ("2020-03-12T20:00", 138.0),
    ("2020-03-12T23:00", 127.0),
    ("2020-03-13T00:00", 109.4),
    ("2020-03-13T01:15", 100.0),
    ("2020-03-13T02:00", 87.0),
    ("2020-03-13T03:15", 124.0),
    ("2020-03-13T08:00", 127.0),
    ("2020-03-13T18:00", 119.0),
    ("2020-03-14T00:00", 134.0),
)


def bars(seed: int = SEED) -> list[Bar]:
    """The path as bars; the same for everybody, since the seed is fixed."""
    draw = random.Random(seed)
    step = BAR_SECONDS // STEPS_A_BAR
    noise = BRIDGE_VOLATILITY * math.sqrt(step / (365 * 86400))
    levels = [(_unix(at), math.log(price)) for at, price in LEVELS]
    path: list[float] = [levels[0][1]]
    for (start, begin), (end, target) in zip(levels, levels[1:], strict=False):
        steps = (end - start) // step
        walk = [0.0]
        for _ in range(steps):
            walk.append(walk[-1] + draw.gauss(0.0, noise))
        # subtracting the end's share at each point ties the walk to both levels
        path.extend(
            begin + (target - begin) * i / steps + walk[i] - walk[steps] * i / steps for i in range(1, steps + 1)
        )
    found: list[Bar] = []
    for number, first in enumerate(range(0, len(path) - STEPS_A_BAR, STEPS_A_BAR)):
        prices = [round(math.exp(p) * 100) * 10**6 for p in path[first : first + STEPS_A_BAR + 1]]
        at = levels[0][0] + number * BAR_SECONDS
        found.append(Bar(at, BAR_SECONDS, prices[0], max(prices), min(prices), prices[-1]))
    return found


def _unix(moment: str) -> int:
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp())
