"""Where blocks and logs come from: one of several nodes, whichever answers, each made sure of before it is believed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bulkhead.chain import abi as abis
from bulkhead.chain.connection import SPEAKERS, Connection
from bulkhead.chain.contract import Contract, Log, decode_logs
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import AbiMismatch, BulkheadError, MissingDeployment, NodeUnavailable, WrongNetwork
from bulkhead.chain.messages import Call
from bulkhead.chain.rpc import Rpc, to_hex, to_int

#: Contracts that speak beside those that describe the state.
MORE_SPEAKERS = ("QuoteBoard", "AutoTopUp", "ExpiryPrices", "Operators")
#: Logs for which a range is sized, and the blocks of a range at first, at least and at most.
WANTED_LOGS, FIRST_SPAN, MOST_SPAN = 10_000, 500, 100_000
#: Headers and receipts asked for in one post.
BATCH = 500
#: A node that failed is asked again after so long [seconds].
REST = 5.0

T = TypeVar("T")


@dataclass(frozen=True)
class Block:
    """A block header, as far as an index needs it."""

    number: int
    hash: str
    parent: str
    at: int

    @classmethod
    def of(cls, header: Any) -> Block:
        """From a node's answer.

        Raises:
            NodeUnavailable: It is no header.
        """
        try:
            number, at = to_int(header["number"]), to_int(header["timestamp"])
            return cls(number, str(header["hash"]).lower(), str(header["parentHash"]).lower(), at)
        except (KeyError, TypeError, AttributeError) as error:
            raise NodeUnavailable(f"The node sent something that is no header ({type(error).__name__}).") from None


class Shifted(NodeUnavailable):
    """The chain became another while it was read: read again."""


@dataclass(frozen=True)
class Stretch:
    """Blocks in a row with what happened in them.

    Attributes:
        first: First block that was read.
        last: Header of the last.
        blocks: Known headers by number: every block with logs, and near the head all.
        logs: Decoded logs in chain order.
        receipts: Receipts of the transactions with logs, empty when they were not asked for.
    """

    first: int
    last: Block
    blocks: Mapping[int, Block]
    logs: Sequence[Log]
    receipts: Sequence[Mapping[str, Any]] = ()


def speakers(chain: Connection) -> dict[str, Contract]:
    """Every contract whose logs are kept, pools under the name of their market."""
    found = {name: chain.contracts[name] for name in (*SPEAKERS, *MORE_SPEAKERS) if name in chain.contracts}
    for symbol, market in chain.deployment.markets.items():
        for kind, address in (("BackstopPool", market.backstop), ("MakerVault", market.maker)):
            if address:
                found[f"{kind}:{symbol}"] = Contract(chain.rpc, abis.load(kind), address)
    return found


class Source:
    """A deployment at several nodes.

    Attributes:
        deployment: The deployment.
        span: Blocks of the next range.
    """

    def __init__(self, deployment: Deployment, nodes: Sequence[Rpc]) -> None:
        self.deployment = deployment
        self.span = FIRST_SPAN
        self._chains = [Connection(rpc, deployment) for rpc in nodes]
        self._checked: set[int] = set()
        self._rest: dict[int, float] = {}
        self._speakers = speakers(self._chains[0])
        self._addresses = [contract.address for contract in self._speakers.values()]

    def ask(self, question: Callable[[Connection], T]) -> T:
        """What the first node says that answers.

        Raises:
            BulkheadError: None does; or a node is not of this deployment.
        """
        now = time.monotonic()
        order = sorted(range(len(self._chains)), key=lambda i: self._rest.get(i, 0.0) > now)
        failure: BulkheadError | None = None
        for i in order:
            chain = self._chains[i]
            try:
                if i not in self._checked:
                    self.deployment.check(chain.rpc)
                    self._checked.add(i)
                return question(chain)
            except Shifted:
                raise
            except (WrongNetwork, MissingDeployment, AbiMismatch):
                # it will never do: to go on with another would hide a mistake
                raise
            except BulkheadError as error:
                self._rest[i] = time.monotonic() + REST
                failure = failure or error
        assert failure is not None
        raise failure

    # --- headers ----------------------------------------------------------------------------------------------

    def head(self) -> Block:
        """The newest block of the first node that answers."""
        return self.ask(lambda chain: Block.of(chain.rpc.block()))

    def headers(self, numbers: Sequence[int]) -> list[Block | None]:
        """Headers by number, None where the chain has no such block."""
        return self.ask(lambda chain: _headers(chain.rpc, numbers))

    # --- logs -------------------------------------------------------------------------------------------------

    def far(self, first: int, last: int, receipts: bool) -> Stretch:
        """Blocks far below the head, as many from `first` on as are good to read at once.

        Raises:
            Shifted: The chain changed meanwhile.
        """
        end = min(first + self.span - 1, last)
        found = self.ask(lambda chain: self._far(chain, first, end, receipts))
        count = len(found.logs)
        self.span = min(max(self.span * WANTED_LOGS // max(count, WANTED_LOGS // 4), 1), MOST_SPAN)
        return found

    def _far(self, chain: Connection, first: int, end: int, receipts: bool) -> Stretch:
        rpc = chain.rpc
        before = Block.of(rpc.block(end))
        raw = rpc.logs(self._addresses, first, end)
        blocks = {end: before}
        unknown: dict[int, str] = {}
        for entry in raw:
            number, name = to_int(entry["blockNumber"]), str(entry["blockHash"]).lower()
            stamp = entry.get("blockTimestamp")
            known = blocks.get(number)
            if known is not None and known.hash != name or unknown.get(number, name) != name:
                raise Shifted(f"Block {number} became another while it was read.")
            if known is None and stamp is not None:
                blocks[number] = Block(number, name, "", to_int(stamp))
            elif known is None:
                unknown[number] = name
        for number, header in zip(unknown, _headers(rpc, list(unknown)), strict=True):
            if header is None or header.hash != unknown[number]:
                raise Shifted(f"Block {number} became another while it was read.")
            blocks[number] = header
        stretch = self._stretch(rpc, (first, end), blocks, raw, receipts)
        if Block.of(rpc.block(end)).hash != before.hash:
            raise Shifted(f"Block {end} became another while it was read.")
        return stretch

    def near(self, tip: Block | None, first: int, last: int, receipts: bool) -> Stretch:
        """Blocks near the head, each by its hash, in a chain that begins at `tip`.

        Raises:
            Shifted: They do not.
        """
        return self.ask(lambda chain: self._near(chain, tip, (first, last), receipts))

    def _near(self, chain: Connection, tip: Block | None, span: tuple[int, int], receipts: bool) -> Stretch:
        rpc = chain.rpc
        numbers = list(range(span[0], span[1] + 1))
        blocks: dict[int, Block] = {}
        parent = tip
        for number, header in zip(numbers, _headers(rpc, numbers), strict=True):
            if header is None or (parent is not None and header.parent != parent.hash):
                raise Shifted(f"Block {number} is no child of the block before it.")
            blocks[number] = parent = header
        calls: list[Call] = [
            ("eth_getLogs", ({"address": self._addresses, "blockHash": block.hash},)) for block in blocks.values()
        ]
        raw: list[dict[str, Any]] = []
        for answer in rpc.batch(calls):
            if isinstance(answer, NodeUnavailable):
                raise answer
            if isinstance(answer, BulkheadError) or not isinstance(answer, list):
                raise Shifted("The node no longer has a block that it told of.")
            raw.extend(answer)
        return self._stretch(rpc, span, blocks, raw, receipts)

    def _stretch(
        self, rpc: Rpc, span: tuple[int, int], blocks: dict[int, Block], raw: Sequence[Mapping[str, Any]], wanted: bool
    ) -> Stretch:
        try:
            logs = decode_logs(raw, self._speakers)
        except (KeyError, TypeError, AttributeError) as error:
            raise NodeUnavailable(f"The node sent a log without {error}.") from None
        receipts = _receipts(rpc, list(dict.fromkeys(log.transaction for log in logs))) if wanted else []
        return Stretch(span[0], blocks[span[1]], blocks, logs, receipts)


def _headers(rpc: Rpc, numbers: Sequence[int]) -> list[Block | None]:
    found: list[Block | None] = []
    for start in range(0, len(numbers), BATCH):
        calls: list[Call] = [("eth_getBlockByNumber", (to_hex(n), False)) for n in numbers[start : start + BATCH]]
        found += [None if answer is None else Block.of(answer) for answer in rpc.batch_strict(calls)]
    return found


def _receipts(rpc: Rpc, names: Sequence[str]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for start in range(0, len(names), BATCH):
        calls: list[Call] = [("eth_getTransactionReceipt", (name,)) for name in names[start : start + BATCH]]
        for answer in rpc.batch_strict(calls):
            if not isinstance(answer, Mapping):
                raise Shifted("A transaction is no longer in the chain.")
            found.append(answer)
    return found
