"""Reads that are nailed to one block: by its hash where nodes take that, and with proof that it was that block."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from bulkhead.chain.errors import BulkheadError, NodeUnavailable, Reverted, RpcError
from bulkhead.chain.rpc import Call, to_hex, to_int
from bulkhead.keeper.node import Head, Node

#: Code that returns the stamp of the block it runs in; without a receiver a node runs what it is given.
STAMP = "0x425f5260205ff3"
#: How nodes say that they do not take a block by its hash (EIP-1898).
_NO_HASHES = re.compile(
    r"unmarshal|invalid (argument|type|block|param)|expected (a )?string|must be a string|hex string"
)
#: JSON-RPC's "invalid params".
BAD_PARAMETERS = -32602


class Pin(dict[str, str]):
    """A block as a parameter of a call.

    Attributes:
        number: Its height, for nodes that know blocks by that alone.
    """

    number: int

    @classmethod
    def at(cls, head: Head) -> Pin:
        """The block of a header."""
        pin = cls(blockHash=head.hash)
        pin.number = head.number
        return pin


def _by_number(call: Call) -> Call:
    method, params = call
    return method, tuple(to_hex(p.number) if isinstance(p, Pin) else p for p in params)


def _refuses_hashes(reply: object) -> bool:
    if not isinstance(reply, RpcError) or isinstance(reply, Reverted):
        return False
    return reply.code == BAD_PARAMETERS or bool(_NO_HASHES.search(reply.node_message.lower()))


async def read_at(node: Node, calls: Sequence[Call], head: Head) -> list[Any]:
    """Answers of a node to calls with pins, given that it answered for that very block.

    Raises:
        NodeUnavailable: It does not answer, or its states are those of another block.
    """
    stamp: Call = ("eth_call", ({"data": STAMP}, Pin.at(head)))
    if node.by_hash:
        told, *answers = await node.batch([stamp, *calls])
        if not _refuses_hashes(told):
            _check(node, told, None, head)
            return answers
        node.by_hash = False
    same: Call = ("eth_getBlockByNumber", (to_hex(head.number), False))
    told, shown, *answers = await node.batch([same, *map(_by_number, [stamp, *calls])])
    _check(node, shown, told, head)
    return answers


def _check(node: Node, stamp: object, header: object, head: Head) -> None:
    """Whether what was read is of that block. What a node cannot say at all proves nothing."""
    if isinstance(header, dict) and header.get("hash") != head.hash:
        raise NodeUnavailable(f"The node {node.name} does not know the block.")
    if isinstance(stamp, BulkheadError):
        return
    try:
        at = to_int(stamp)
    except NodeUnavailable:
        return
    # a node may have a newer block by the time it executes (Anvil does, asked by hash too): that is not an old state
    if at < head.timestamp:
        node.tells_old_states()
        raise NodeUnavailable(f"The node {node.name} answers for another block than the one that was asked for.")
