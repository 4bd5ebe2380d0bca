"""The EVM of this process as a node: what transactions logged stands in blocks, calls see the state of now.

For readers of the past (`bulkhead.history`) that should follow what a test does in process. Blocks that the test undid
(boa's anchor) leave the chain as a reorganisation would take them out.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boa
from boa.util.abi import Address

from bulkhead.chain.connection import SPEAKERS
from bulkhead.chain.deployment import Deployed, Deployment, MarketEntry
from bulkhead.chain.errors import BulkheadError, RpcError
from bulkhead.chain.messages import Call, result_of, to_bytes, to_hex, to_int
from bulkhead.chain.rpc import Rpc
from bulkhead.history.source import MORE_SPEAKERS
from tests.evm import CHAIN_ID, GAS_LIMIT, Entry, Revm
from tests.worlds.system import System

#: Who makes calls.
READER = Address("0x" + "00" * 20)


@dataclass(frozen=True)
class Mined:
    """A block.

    Attributes:
        entries: Its transactions.
        upto: Transactions up to its end.
    """

    number: int
    hash: str
    parent: str
    at: int
    entries: Sequence[Entry]
    upto: int

    @property
    def header(self) -> dict[str, str]:
        """As a node tells it."""
        return {
            "number": to_hex(self.number), "hash": self.hash, "parentHash": self.parent, "timestamp": to_hex(self.at),
        }  # fmt: skip


class InProcess(Rpc):
    """A node of the environment in which it is made, which keeps its logs.

    Attributes:
        blocks: By number.
    """

    def __init__(self) -> None:
        self.url = "in process"
        self._chain_id = CHAIN_ID
        self._evm: Revm = boa.env.evm
        self._names = itertools.count(1)
        self._known: list[Entry] = []
        self.blocks = [Mined(0, self._name(), self._name(), 0, (), 0)]

    def close(self) -> None:
        """There is nothing to close."""

    def _name(self) -> str:
        return f"0x{next(self._names):064x}"

    def mine(self) -> None:
        """Puts what was logged since the last time into blocks, after it took those out that were undone."""
        journal, known = self._evm.journal, self._known
        assert journal is not None, "the environment keeps no logs"
        same = min(len(journal), len(known))
        if any(known[i] is not journal[i] for i in range(same)):
            same = next(i for i in range(same) if known[i] is not journal[i])
        undone = self.blocks[-1].upto > same
        while self.blocks[-1].upto > same:
            self.blocks.pop()
        first = self.blocks[-1].upto
        del known[first:]
        known += journal[first:]
        for (_, at), entries in itertools.groupby(known[first:], key=lambda entry: (entry.number, entry.at)):
            self._append(at, tuple(entries))
        if undone and first == len(known):
            # a chain that is only shorter is that of a node that is behind
            self._append(self._evm.patch.timestamp, ())

    def _append(self, at: int, entries: Sequence[Entry]) -> None:
        tip = self.blocks[-1]
        self.blocks.append(Mined(tip.number + 1, self._name(), tip.hash, at, entries, tip.upto + len(entries)))

    # --- answers ----------------------------------------------------------------------------------------------------

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Answers of the node; an entry that failed is its exception."""
        return [self._answer(method, parameters) for method, parameters in calls]

    def _answer(self, method: str, parameters: Sequence[Any]) -> Any:
        try:
            if method == "eth_call":
                return self._called(*parameters)
            if method == "eth_getLogs":
                return self._logs(*parameters)
            if method == "eth_getBlockByNumber":
                found = self._block(parameters[0])
                return None if found is None else found.header
            if method == "eth_chainId":
                return to_hex(CHAIN_ID)
            if method == "eth_blockNumber":
                return to_hex(len(self.blocks) - 1)
            if method == "eth_getCode":
                return "0x" + self._evm.get_code(Address(parameters[0])).hex()
        except BulkheadError as error:
            return error
        return RpcError(method, -32601, "this node has no such method")

    def _block(self, tag: str) -> Mined | None:
        number = len(self.blocks) - 1 if tag == "latest" else to_int(tag)
        return self.blocks[number] if number < len(self.blocks) else None

    def _called(self, transaction: Mapping[str, str], tag: str) -> str:
        if self._block(tag) is not self.blocks[-1]:
            raise RpcError("eth_call", -32000, "this node has the state of its newest block only")
        to, data = Address(transaction["to"]), to_bytes(transaction["data"])
        made = self._evm.execute_code(READER, to, GAS_LIMIT, 0, 0, b"", data, True, None, 0, None, None)
        output = "0x" + made.output.hex()
        if made.error is not None:
            result_of("eth_call", {"error": {"code": 3, "message": "execution reverted", "data": output}})
        return output

    def _logs(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        if "blockHash" in query:
            # the newest come first: they are the ones that are asked for by hash
            blocks = [next(one for one in reversed(self.blocks) if one.hash == query["blockHash"])]
        else:
            blocks = self.blocks[to_int(query["fromBlock"]) : to_int(query["toBlock"]) + 1]
        wanted = {address.lower() for address in query["address"]}
        return [log for block in blocks for log in _logs_of(block, wanted)]


def _logs_of(block: Mined, wanted: set[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    index = 0
    for number, entry in enumerate(block.entries):
        for log in entry.logs:
            address = log.address.lower()
            if address in wanted:
                topics, data = log.data
                found.append(
                    {
                        "address": address, "topics": ["0x" + bytes(topic).hex() for topic in topics],
                        "data": "0x" + bytes(data).hex(), "blockNumber": to_hex(block.number),
                        "blockHash": block.hash, "blockTimestamp": to_hex(block.at), "logIndex": to_hex(index),
                        "transactionHash": f"0x{block.upto - len(block.entries) + number:064x}",
                    }
                )  # fmt: skip
            index += 1
    return found


def deployment_of(system: System, pools: Mapping[str, str] = {}) -> Deployment:
    """What `addresses.json` would say of a system.

    Args:
        system: The system.
        pools: "BackstopPool" and "MakerVault" of its first market, by name.
    """
    contracts = {name: Deployed(system.at[name], name, "") for name in (*SPEAKERS, *MORE_SPEAKERS)}
    markets = {}
    for market in system.markets:
        own = pools if market is system.market else {}
        symbol = f"M{market.index}"
        markets[symbol] = MarketEntry(
            market.index, symbol, market.token.address, backstop=own.get("BackstopPool", ""),
            maker=own.get("MakerVault", ""),
        )  # fmt: skip
    return Deployment("in process", CHAIN_ID, 1, system.owner, contracts, markets)
