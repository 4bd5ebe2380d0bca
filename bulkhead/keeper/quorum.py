"""Which of the heads that nodes tell is followed, and which nodes are set aside meanwhile.

No node is believed alone. Nodes of one chain agree on the blocks that both know; of those that do not the larger part
counts, and of two the one that goes on. A head far beyond the others has to show that it stands on theirs, and is
left again when it does not grow. A lone node that goes back has to have lost the block it told before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bulkhead.chain.errors import BulkheadError, NodeUnavailable
from bulkhead.chain.rpc import to_hex
from bulkhead.keeper.headers import Headers
from bulkhead.keeper.node import Head, Node

#: A head so many blocks beyond what others tell needs proof.
FAR = 20
#: Blocks at the tip on which honest nodes may differ for a moment.
TIP = 1
#: What a node told longer ago does not count [seconds].
SILENT = 10.0
#: Blocks a second that a chain may grow by, as far as its rhythm is not known.
FASTEST = 4.0
#: A head counts as standing still after so many intervals between blocks, at least so long [seconds].
STILL_BLOCKS, LEAST_STILL = 3, 3.0
#: Of two chains that both go on the followed one counts; one has stopped after so long without a block [seconds].
STOPPED = 0.5
#: Nodes whose headers their hashes prove may be behind others for so long before those are followed [seconds].
HELD = 3.0
#: So often in a row a lone node has to tell the same before its going back is believed.
PROOFS = 2
#: A node whose contracts were seen no longer ago is not asked for them again [seconds].
SEEN = 60.0


@dataclass
class Quorum:
    """What is followed.

    Attributes:
        lag: Blocks that a node may be behind.
        verify: Asks a node for chain and contracts; raises when they are not the deployment's.
        interval: Seconds between blocks, 0 while unknown.
        followed: Head that is followed, None before the first.
        source: Node that told it.
        aside: Nodes that are set aside, by name, and why.
        headers: What hashes prove about heads.
    """

    lag: int
    verify: Callable[[Node], object]
    interval: float = 0.0
    followed: Head | None = None
    source: Node | None = None
    aside: dict[str, str] = field(default_factory=dict)
    headers: Headers = field(default_factory=Headers)

    def __post_init__(self) -> None:
        self._grew_at = self._level_at = time.monotonic()
        self._proven: set[tuple[str, str]] = set()
        self._gone_back: tuple[str, int] = ("", 0)

    @property
    def still(self) -> float:
        """A head that has not grown for so long stands still [seconds]."""
        return max(STILL_BLOCKS * self.interval, LEAST_STILL)

    async def choose(self, nodes: Sequence[Node]) -> Head:
        """The head to follow.

        Raises:
            NodeUnavailable: No node has told one of late.
        """
        now = time.monotonic()
        verified = [node for node in nodes if node.verified and node.told is not None]
        patience = max(SILENT, STILL_BLOCKS * self.interval)
        fresh = [node for node in verified if now - node.told_at <= patience]
        if not fresh:
            raise NodeUnavailable("No node has told a block for a while.")
        silent = [node.name for node in verified if node not in fresh] if len(nodes) > 1 else []
        failed = {**dict.fromkeys(silent, "it does not answer"), **self.headers.refuted(fresh)}
        fresh = [node for node in fresh if node.name not in failed]
        while True:
            aside = dict(failed)
            left = self._of_one_chain(fresh, aside)
            top = await self._top(left, aside)
            if await self._belongs(top, failed):
                break
            fresh = [node for node in fresh if node is not top]
            if not fresh:
                raise NodeUnavailable(f"{top.name}: {failed[top.name]}.")
        head = await self._lone(top, aside) if len(left) == 1 else _head(top)
        for node in left:
            gap = head.number - _head(node).number
            node.behind += 0.2 * (max(gap, 0) - node.behind)
            if node.name not in aside and gap > 2 * self.lag + 1:
                aside[node.name] = f"its newest block is {gap} behind the others"
        self.aside = aside
        for node in nodes:
            node.aside = aside.get(node.name, "")
        return self._follow(head, top)

    def _follow(self, head: Head, node: Node) -> Head:
        if self.followed is None or head.number > self.followed.number:
            self._grew_at = time.monotonic()
        self.followed, self.source = head, node
        return head

    async def _belongs(self, node: Node, aside: dict[str, str]) -> bool:
        """Whether a node that the head is newly taken from still serves the deployment."""
        if node is self.source and not node.doubted:
            return True
        if not node.doubted and time.monotonic() - node.seen_at < SEEN:
            return True
        try:
            await self.verify(node)  # type: ignore[misc]
        except BulkheadError as error:
            aside[node.name] = str(error).removesuffix(".")
            return False
        return True

    # --- one chain ------------------------------------------------------------------------------------------------

    def _of_one_chain(self, nodes: Sequence[Node], aside: dict[str, str]) -> list[Node]:
        """The nodes whose blocks agree: the larger part, of two the one that goes on, and then the followed one."""
        groups: list[list[Node]] = []
        for node in nodes:
            if node.name in aside:
                continue
            for group in groups:
                if not any(_conflict(node, other) for other in group):
                    group.append(node)
                    break
            else:
                groups.append([node])
        if len(groups) == 1:
            return groups[0]
        newest = max(node.grew_at for group in groups for node in group)

        def rank(group: list[Node]) -> tuple[int, bool, bool, bool, float]:
            grew_at = max(node.grew_at for node in group)
            goes_on = newest - grew_at <= max(STOPPED, 1.5 * self.interval)
            proven = any(_head(node).sound for node in group)
            return len(group), proven, goes_on, any(self._continues(node) for node in group), grew_at

        best = max(groups, key=rank)
        for group in groups:
            if group is not best:
                aside.update({node.name: "it is on another chain of blocks than the others" for node in group})
        return best

    def _continues(self, node: Node) -> bool:
        return self.followed is not None and node.trail.get(self.followed.number) == self.followed.hash

    # --- far ahead ------------------------------------------------------------------------------------------------

    async def _top(self, nodes: Sequence[Node], aside: dict[str, str]) -> Node:
        """The node with the newest head that is believed; those beyond it are set aside.

        Headers that their hashes do not prove wait for those that do: such nodes may be a moment slower.
        """
        now = time.monotonic()
        proven = max((_head(node).number for node in nodes if _head(node).sound), default=-1)
        if proven >= max((_head(node).number for node in nodes), default=-1):
            self._level_at = now
        held = proven >= 0 and now - self._level_at < HELD

        def rank(node: Node) -> tuple[bool, int, bool, float]:
            return held and not _head(node).sound, -_head(node).number, node is not self.source, node.score

        ordered = sorted(nodes, key=rank)
        for i, node in enumerate(ordered):
            others = [other for other in ordered if other is not node and other.name not in aside]
            nearest = max(others, key=lambda n: _head(n).number, default=None)
            if nearest is None or _head(node).number - _head(nearest).number <= FAR:
                return node
            gap = _head(node).number - _head(nearest).number
            if await self._stands_on(node, nearest):
                # of two nodes the one that is behind is usually still reading the chain
                first = self.followed is None and len(ordered) == 2
                stuck = time.monotonic() - max(n.grew_at for n in ordered[i + 1 :]) > self.still
                if first or stuck or self._plausible(_head(node)) or self._steps(node):
                    return node
            aside[node.name] = f"its newest block is {gap} ahead of the others"
        raise NodeUnavailable("No node tells a block that can be believed.")

    def _steps(self, node: Node) -> bool:
        """Whether a node goes on from what is followed, block by block."""
        return node is self.source and self._continues(node)

    def _plausible(self, head: Head) -> bool:
        """Whether the chain can have grown so far since it last did."""
        if self.followed is None:
            return False
        rate = 2 / self.interval if self.interval else FASTEST
        return head.number - self.followed.number <= FAR + rate * (time.monotonic() - self._grew_at)

    async def _stands_on(self, node: Node, lower: Node) -> bool:
        """Whether a node far ahead knows another's newest block by the same hash, and has the one it tells."""
        head, below = _head(node), _head(lower)
        if below.number in node.trail:
            return node.trail[below.number] == below.hash
        key = (node.name, below.hash)
        if key in self._proven:
            return True
        found = await self._shows(node, below.number, head.number)
        if found != [below.hash, head.hash]:
            return False
        self._proven = {key, *sorted(self._proven)[:64]}
        return True

    # --- alone ----------------------------------------------------------------------------------------------------

    async def _lone(self, node: Node, aside: dict[str, str]) -> Head:
        """The head of the only node that counts, or the followed one while what it tells cannot be shown."""
        head, followed = _head(node), self.followed
        back = self._gone_back
        self._gone_back = ("", 0)
        if followed is None or head.hash == followed.hash or head.number == followed.number:
            return head
        if head.number > followed.number:
            if self._plausible(head) or await self._shows(node, head.number) == [head.hash]:
                return head
            aside[node.name] = f"it tells of block {head.number} and cannot show it"
            return followed
        shown = await self._shows(node, followed.number, head.number)
        if shown[0] != followed.hash and shown[1] == head.hash:
            times = back[1] + 1 if back[0] == node.name else 1
            if times >= PROOFS or node is not self.source:
                return head
            self._gone_back = (node.name, times)
        return followed

    @staticmethod
    async def _shows(node: Node, *numbers: int) -> list[str]:
        """Hashes of blocks as a node tells them by number, empty texts for those it does not have."""
        try:
            answers = await node.batch([("eth_getBlockByNumber", (to_hex(n), False)) for n in numbers])
        except NodeUnavailable:
            return [""] * len(numbers)
        return [str(a.get("hash", "")) if isinstance(a, dict) else "" for a in answers]


def _head(node: Node) -> Head:
    assert node.told is not None
    return node.told


def _conflict(one: Node, other: Node) -> bool:
    """Whether two nodes call blocks by different hashes that both should be sure of.

    Who knows the other's newest block by its hash is on its chain, whatever either has told before.
    """
    low, high = sorted((one, other), key=lambda node: _head(node).number)
    if high.trail.get(_head(low).number) == _head(low).hash:
        return False
    sure = _head(low).number - TIP
    return any(n <= sure and other.trail.get(n, name) != name for n, name in one.trail.items())
