"""What one endpoint bears: calls in a post, blocks in a range of logs, posts in a while. Learned from its refusals."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

#: Calls in one post, and blocks in one range of logs, before a node has said anything.
MOST_CALLS, MOST_BLOCKS = 500, 50_000
#: Ranges of logs in one post.
MOST_RANGES = 20
#: After so many answers to the most that is asked at once, more of it is tried, short of what was refused.
TRY_MORE = 8
#: After so many, what was refused is forgotten; after so many times as many where the node has stated its limit. Each
#: time that proves wrong it takes twice as long.
FORGET, STATED = 64, 16
#: Pause between posts once a node has found them too many: at first, and at most [seconds].
FIRST_GAP, LONGEST_GAP = 0.1, 2.0
#: So many posts without a complaint halve that pause.
CALM_POSTS = 20


@dataclass
class Learned:
    """How much of something a node takes at once.

    Attributes:
        most: Never more than this.
        size: What is asked for now.
    """

    most: int
    size: int = 0

    def __post_init__(self) -> None:
        self.size = self.size or self.most
        self._refused = self.most + 1
        self._worked = 0
        self._well = 0
        self._patience = FORGET
        self._forgot = False
        self._ever_refused = False

    @property
    def untried(self) -> bool:
        """Whether more is asked for than has ever worked, of a node that has refused before."""
        return self._ever_refused and self.size > self._worked

    def refused(self, asked: int, stated: int = 0) -> None:
        """Asks for less: for what the node stated, else for half.

        Args:
            asked: What was refused.
            stated: What the node says it takes, 0 when it says nothing.
        """
        self._well, self._ever_refused = 0, True
        if asked <= 1:
            # it was not about how much
            self.size = self._worked or self.most
            return
        if self._forgot:
            self._forgot, self._patience = False, self._patience * 2
        if stated:
            self._patience = max(self._patience, FORGET * STATED)
        self._refused = min(self._refused, stated + 1 if stated else asked)
        self.size = max(min(self.size, stated or asked // 2), 1)

    def answered(self, asked: int) -> None:
        """Asks for more again after a while: what was refused once may have been due to what was in it."""
        self._worked = max(self._worked, min(asked, self.most))
        if asked < self.size or self.size == self.most:
            return
        self._well += 1
        if self._well >= self._patience:
            self._refused, self._well, self._forgot = self.most + 1, 0, True
        elif self._well % TRY_MORE == 0:
            more = min(self.size * 2, (self.size + self._refused) // 2)
            if self._refused > self.most:
                self.size = min(self.size * 2, self.most)
            elif more - self.size > self.size // 4:
                self.size = more


@dataclass
class NodeLimits:
    """Everything learned about one endpoint.

    Attributes:
        calls: Calls in one post.
        blocks: Blocks in one range of logs.
        gap: Pause between posts [seconds].
    """

    calls: Learned = field(default_factory=lambda: Learned(MOST_CALLS))
    blocks: Learned = field(default_factory=lambda: Learned(MOST_BLOCKS))
    gap: float = 0.0

    def __post_init__(self) -> None:
        self._not_before = 0.0
        self._calm = 0

    def too_fast(self, wait_seconds: float = 0.0) -> None:
        """Posts more slowly from now on.

        Args:
            wait_seconds: How long the node wants to be left alone.
        """
        self._calm = 0
        self.gap = min(max(self.gap * 2, FIRST_GAP), LONGEST_GAP)
        self._not_before = time.monotonic() + max(wait_seconds, self.gap)

    def accepted(self) -> None:
        """Notes a post that the node did not find too many."""
        self._calm += 1
        if self.gap and self._calm >= CALM_POSTS:
            self._calm, self.gap = 0, self.gap / 2 if self.gap > FIRST_GAP else 0.0

    @property
    def rest(self) -> float:
        """Seconds for which the node wants no post."""
        return max(self._not_before - time.monotonic(), 0.0)

    def pause(self) -> float:
        """Seconds to wait before the next post, which counts as sent then."""
        wait = self.rest
        if self.gap:
            self._not_before = time.monotonic() + wait + self.gap
        return wait


_ENDPOINTS: dict[str, NodeLimits] = {}


def limits_of(endpoint: str) -> NodeLimits:
    """What is known about an endpoint: whoever in this process asks it next need not be refused again.

    Args:
        endpoint: Its URL, or another name of it.
    """
    return _ENDPOINTS.setdefault(endpoint, NodeLimits())
