"""Whether a block's header hashes to the hash that a node gives it.

A header's hash is Keccak-256 of the RLP of its fields: fifteen since the first block, and those that forks have put
behind them. Sources: the Yellow Paper (4.3.4), EIP-1559, 4895, 4844, 4788 and 7685. Chains with other headers, and
headers with fields that are not known here, are not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import rlp
from eth_utils import keccak

from bulkhead.chain.errors import NodeUnavailable
from bulkhead.chain.messages import to_bytes, to_int

#: Fields of every header in their order, by their names in JSON-RPC, and those that forks have added.
FIRST = (
    "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "difficulty",
    "number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce",
)  # fmt: skip
ADDED = (
    "baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash",
)  # fmt: skip
#: Fields that are numbers; the others are bytes.
NUMBERS = frozenset(
    ("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas")
)
#: What nodes tell beside a header: the block's body, sums, and the author's address once more.
BESIDE = frozenset(("hash", "size", "totalDifficulty", "transactions", "uncles", "withdrawals", "author", "sealFields"))


def shape(header: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of a header's fields in their order; empty when it cannot be judged by its hash.

    Args:
        header: A block as JSON-RPC has it.
    """
    there = {name for name, value in header.items() if value is not None} - BESIDE
    fields = (*FIRST, *ADDED)[: len(there)]
    return fields if there == set(fields) and len(fields) >= len(FIRST) else ()


def hash_of(header: Mapping[str, Any]) -> str:
    """The hash that a header's fields make, empty when they are not those of a header that is known here.

    Args:
        header: A block as JSON-RPC has it.
    """
    fields = shape(header)
    if not fields:
        return ""
    try:
        told = [to_int(header[name]) if name in NUMBERS else to_bytes(header[name]) for name in fields]
    except NodeUnavailable:
        return ""
    return "0x" + keccak(rlp.encode(told)).hex()
