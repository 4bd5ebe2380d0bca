"""When to look for the next block: how often, and in which rhythm blocks come."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from itertools import pairwise

#: Share of the interval between blocks after which the next one is asked for. Less than all of it: blocks that wait for
#: the keeper come at its own pace, which it must not learn and keep.
EARLY = 0.9
#: A node that announces blocks is asked all the same after so long without one, before their rhythm is known.
SILENCE_SECONDS = 2.0


@dataclass(frozen=True)
class Pace:
    """How often what is done.

    Attributes:
        poll: Pause between polls for a new block [seconds].
        check: All nodes are asked for their head this often [seconds].
        retry: A tick that failed is repeated after so long without a new block [seconds].
    """

    poll: float = 0.25
    check: float = 5.0
    retry: float = 1.0


class BlockSchedule:
    """The rhythm of the blocks that came.

    Attributes:
        poll: Pause between polls while there is no rhythm [seconds].
        arrivals: When the last blocks came [monotonic seconds].
    """

    def __init__(self, poll: float) -> None:
        self.poll = poll
        self.arrivals: deque[float] = deque(maxlen=9)

    def arrived(self) -> None:
        """Notes that a block has just come."""
        self.arrivals.append(time.monotonic())

    @property
    def interval(self) -> float:
        """Seconds between blocks, 0 while they come irregularly."""
        gaps = sorted(b - a for a, b in pairwise(self.arrivals))
        if len(gaps) < 4:
            return 0.0
        middle = gaps[len(gaps) // 2]
        return middle if gaps[-2] - gaps[1] < 0.3 * middle else 0.0

    def patience(self, listening: bool) -> float:
        """How long to wait before asking again [seconds]: until the next block is due, when blocks come regularly.

        Args:
            listening: Some node announces blocks.
        """
        if not self.interval or not self.arrivals:
            return max(self.poll, SILENCE_SECONDS) if listening else self.poll
        since = time.monotonic() - self.arrivals[-1]
        if listening:
            # a node will say so; this is only in case it does not
            return max(self.interval * 5 / 4 - since, self.poll)
        return max(self.interval * EARLY - since, min(self.poll, self.interval / 10))
