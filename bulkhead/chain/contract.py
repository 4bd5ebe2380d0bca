"""A contract of a deployment: calls, batched calls and logs, by its ABI."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bulkhead.chain import abi as abis
from bulkhead.chain.abi.codec import Record
from bulkhead.chain.errors import BulkheadError, Reverted
from bulkhead.chain.rpc import Call, Rpc, call_of, to_bytes, to_int


@dataclass(frozen=True)
class Query:
    """A read-only call that waits for its batch."""

    contract: Contract
    function: abis.Function
    data: bytes

    def request(self, block: int | str = "latest") -> Call:
        """The JSON-RPC call, for a batch with other methods."""
        method, *parameters = call_of(self.contract.address, self.data, block)
        return method, parameters


class Contract:
    """One contract at one address."""

    def __init__(self, rpc: Rpc, abi: abis.Abi, address: str) -> None:
        self.rpc = rpc
        self.abi = abi
        self.address = address

    def __repr__(self) -> str:
        return f"{self.abi.name}@{self.address}"

    def encode(self, name: str, *arguments: object) -> bytes:
        """Call data of a function."""
        return self.abi.function(name, len(arguments)).encode(arguments)

    def query(self, name: str, *arguments: object) -> Query:
        """A read-only call for `read`."""
        function = self.abi.function(name, len(arguments))
        return Query(self, function, function.encode(arguments))

    def call(self, name: str, *arguments: object, block: int | str = "latest", sender: str | None = None) -> Any:
        """Reads now. Also simulates a writing function."""
        function = self.abi.function(name, len(arguments))
        try:
            return function.decode(self.rpc.eth_call(self.address, function.encode(arguments), block, sender))
        except Reverted as error:
            raise error.at(f"{self.abi.name}.{name}") from None


def read_each(rpc: Rpc, queries: Sequence[Query], block: int | str = "latest") -> list[Any]:
    """Many reads of one block in one post; an entry that failed is its exception."""
    replies = rpc.batch([query.request(block) for query in queries])
    results: list[Any] = []
    for query, reply in zip(queries, replies, strict=True):
        if isinstance(reply, BulkheadError):
            named = f"{query.contract.abi.name}.{query.function.name}"
            results.append(reply.at(named) if isinstance(reply, Reverted) else reply)
            continue
        try:
            results.append(query.function.decode(to_bytes(reply)))
        except BulkheadError as error:
            results.append(error)
    return results


def read(rpc: Rpc, queries: Sequence[Query], block: int | str = "latest") -> list[Any]:
    """`read_each` that raises the first failure."""
    results = read_each(rpc, queries, block)
    for result in results:
        if isinstance(result, BulkheadError):
            raise result
    return results


@dataclass(frozen=True)
class Log:
    """One decoded log.

    Attributes:
        contract: Name of the emitting contract in the deployment.
        event: Name of the event.
        values: Its parameters by name.
        block: Number of the block.
        index: Position of the log in the block.
        transaction: Hash of the transaction.
    """

    contract: str
    event: str
    values: Record
    block: int
    index: int
    transaction: str


def decode_logs(raw: Iterable[Mapping[str, Any]], contracts: Mapping[str, Contract]) -> list[Log]:
    """Logs of known contracts in chain order; events a contract's ABI does not know are left out."""
    names = {c.address.lower(): name for name, c in contracts.items()}
    found: list[Log] = []
    for entry in raw:
        name = names.get(str(entry["address"]).lower())
        if name is None or not entry["topics"]:
            continue
        topics = [to_bytes(topic) for topic in entry["topics"]]
        event = contracts[name].abi.events.get(topics[0])
        if event is None:
            continue
        found.append(
            Log(
                contract=name,
                event=event.name,
                values=event.decode(topics, to_bytes(entry["data"])),
                block=to_int(entry["blockNumber"]),
                index=to_int(entry["logIndex"]),
                transaction=str(entry["transactionHash"]),
            )
        )
    found.sort(key=lambda log: (log.block, log.index))
    return found
