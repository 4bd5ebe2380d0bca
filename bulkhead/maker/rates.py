"""How often one asker may ask: a bucket for each, refilled as time passes."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable


class RateLimit:
    """So many a second for each key, with as many at once."""

    #: Keys that are remembered; the oldest goes first.
    MOST_KEYS = 10_000

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = per_second, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, key: str) -> bool:
        """Whether one more is allowed now; it is counted if so."""
        now = self._clock()
        left, then = self._left.pop(key, (self._rate, now))
        left = min(self._rate, left + (now - then) * self._rate)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, now)
        if len(self._left) > self.MOST_KEYS:
            self._left.popitem(last=False)
        return allowed
