"""What the hash of a header proves against a node, and what a node cannot show of the block that it tells.

A hash proves a header only where the chain makes its hashes that way and the header has all its fields. Both are seen
on the headers of other nodes: one is held against its hash while another node tells one with the same fields that makes
its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bulkhead.chain.errors import BulkheadError, NodeUnavailable
from bulkhead.keeper.block_pin import Pin
from bulkhead.keeper.node import BY_HASH, Head, Node

#: Headers that have been proven are remembered, so many of them.
REMEMBERED = 64
#: A node that could not show the block that it told is not followed for so long, twice as long the next time, up to the
#: second [seconds].
HIDDEN, LONGEST_HIDDEN = 4.0, 64.0
#: An account to ask the balance of: what it is does not matter.
NOBODY = "0x" + "00" * 20


@dataclass
class Headers:
    """Judges the heads that nodes tell.

    Attributes:
        proven: Headers that make their hashes, by hash.
        hidden: Nodes that told a block and could not show it, by name: until when they are not followed, and how long
            that is [monotonic seconds, seconds].
    """

    proven: dict[str, Head] = field(default_factory=dict)
    hidden: dict[str, tuple[float, float]] = field(default_factory=dict)

    def refuted(self, nodes: Sequence[Node]) -> dict[str, str]:
        """Why nodes are not to be followed, by name; never all of them.

        Args:
            nodes: Those that have told a head of late.
        """
        told = {node.name: node.told for node in nodes if node.told is not None}
        sound = {head.hash: head for head in told.values() if head.sound}
        self.proven = dict([*self.proven.items(), *sound.items()][-REMEMBERED:])
        shapes = {head.shape for head in sound.values()}
        found: dict[str, str] = {}
        now = time.monotonic()
        for name, head in told.items():
            if now < self.hidden.get(name, (0.0, 0.0))[0]:
                found[name] = "it told a block and could not show it"
            elif head.shape in shapes and not head.sound:
                found[name] = f"the header that it tells of block {head.number} does not make that block's hash"
            elif self.proven.get(head.hash, head) != head:
                found[name] = f"its header of block {head.number} is not the one that the block's hash proves"
        return found if len(found) < len(told) else {}

    async def doubt(self, nodes: Sequence[Node], head: Head) -> None:
        """Asks those that told a head for the block and for a state of it, by its hash."""
        tellers = [node for node in nodes if node.told is not None and node.told.hash == head.hash]
        shown = await asyncio.gather(*(_shows(node, head) for node in tellers))
        now = time.monotonic()
        for node, well in zip(tellers, shown, strict=True):
            ended, length = self.hidden.get(node.name, (0.0, 0.0))
            if not well and now >= ended:
                length = min(max(2 * length, HIDDEN), LONGEST_HIDDEN) if now < ended + LONGEST_HIDDEN else HIDDEN
                self.hidden[node.name] = now + length, length


async def _shows(node: Node, head: Head) -> bool:
    """Whether a node has the block that it tells, and its state; one that does not answer at all is not judged."""
    state = ("eth_getBalance", (NOBODY, Pin.at(head)))
    try:
        answers = await node.batch([(BY_HASH, (head.hash, False)), *[state][: node.by_hash]])
    except NodeUnavailable:
        return True
    block = answers[0]
    shown = isinstance(block, dict) and block.get("hash") == head.hash
    return shown and not any(isinstance(answer, BulkheadError) for answer in answers)
