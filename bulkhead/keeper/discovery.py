"""All vaults, followed through logs in chunks of blocks, and rolled back when the chain reorganises.

Per block that had logs the follower keeps what they replaced. When a known block's hash is no longer the chain's, it
goes back to the newest block that is, and reads on from there; beyond its memory it starts from the deployment.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from bulkhead.chain.book import Book, Cell, VaultRecord
from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import Log, decode_logs
from bulkhead.chain.errors import BulkheadError, NodeUnavailable
from bulkhead.chain.parameters import PARAMETERS
from bulkhead.chain.rpc import Call, to_hex
from bulkhead.keeper.providers import BY_HASH, Head, Providers

#: Logs of so many blocks are asked for at once, and so many chunks in one post; after a refusal a quarter, down to the
#: least, and one chunk a post: nodes limit ranges and answers, each in its own way.
LOG_BLOCKS, LEAST_BLOCKS = 2_000, 10
CHUNKS = 20
#: A refused range is doubled again after so many that were answered.
PATIENT_CHUNKS = 8
#: Blocks that can be undone.
MEMORY = 256


@dataclass
class Notes:
    """What else the logs tell, small enough to be copied at every block.

    Attributes:
        claims: Vaults with an open claim, and its cell.
        recorded: Stamp at which each market's clock was last recorded [unix seconds].
        settled: Cells with a settled vault that have not been swept.
        ramps: Parameters on their way, by (market, name): (target, when the next step is due [unix seconds]).
    """

    claims: dict[int, Cell] = field(default_factory=dict)
    recorded: dict[int, int] = field(default_factory=dict)
    settled: set[Cell] = field(default_factory=set)
    ramps: dict[tuple[int, str], tuple[int, int]] = field(default_factory=dict)

    def copy(self) -> Notes:
        """Another one with the same content."""
        return Notes(dict(self.claims), dict(self.recorded), set(self.settled), dict(self.ramps))

    def ramp(self, market: int, name: str, value: int, target: int | None, now: int) -> None:
        """Takes in a ramp's beginning, or with no target a change, which is a step if there is a ramp.

        Args:
            market: Its market.
            name: The parameter.
            value: In force.
            target: Where it goes.
            now: When that was, 0 when that is not known: the chain is then asked at once.
        """
        key = (market, name)
        if target is None:
            if key not in self.ramps:
                return
            target, _ = self.ramps[key]
        if value == target:
            self.ramps.pop(key, None)
        elif name in PARAMETERS:
            self.ramps[key] = (target, now + PARAMETERS[name].step_seconds(value) if now else 0)


@dataclass(frozen=True)
class Page:
    """What one look replaced: enough to undo it."""

    head: Head
    before: dict[int, VaultRecord | None]
    notes: Notes


class Follower:
    """Keeps a `Book` in step with the chain.

    Attributes:
        book: All vaults by the logs so far.
        notes: What else the logs tell.
        head: Newest block taken in, None before the first.
        touched: Vaults that logs have changed since `changes` was last called.
        reorgs: How often the chain was found reorganised.
        kept: Newest block that the last reorganisation left.
    """

    def __init__(self, chain: Connection, providers: Providers) -> None:
        self.chain = chain
        self.providers = providers
        self.reorgs = 0
        self.kept = 0
        self.touched: set[int] = set()
        self._span, self._answered = LOG_BLOCKS, 0
        self.book = Book()
        self.restart()

    def restart(self) -> None:
        """Forgets everything: the next look reads from the deployment."""
        self.touched |= set(self.book.vaults)
        self.book = Book(block=self.chain.deployment.block - 1)
        self.notes = Notes()
        self.head: Head | None = None
        self._pages: deque[Page] = deque(maxlen=MEMORY)

    def changes(self) -> set[int]:
        """Vaults changed since the last call."""
        found, self.touched = self.touched, set()
        return found

    # --- asking -----------------------------------------------------------------------------------------------

    def calls(self, head: Head) -> list[Call]:
        """The last known header again, and the newest logs if they fit one chunk: all for one node.

        Those of the newest block are asked for by its hash, and the block itself with them. By height a node that does
        not have the block yet says that it has no logs.
        """
        found: list[Call] = []
        if self.head is not None and self.head.hash != head.parent:
            found.append(("eth_getBlockByNumber", (to_hex(self.head.number), False)))
        if 0 < head.number - self.book.block <= self._span:
            found.append((BY_HASH, (head.hash, False)))
            if self.book.block + 1 < head.number:
                found.append(self._logs(self.book.block + 1, head.number - 1))
            found.append(("eth_getLogs", ({"address": self._speakers(), "blockHash": head.hash},)))
        return found

    def _speakers(self) -> list[str]:
        return [c.address for c in self.chain.speakers.values()]

    def _logs(self, first: int, last: int) -> Call:
        return "eth_getLogs", ({"address": self._speakers(), "fromBlock": to_hex(first), "toBlock": to_hex(last)},)

    async def catch_up(self, head: Head) -> None:
        """Takes in everything but the newest chunk, a few chunks a post.

        Raises:
            BulkheadError: The node failed; what was taken in stays.
        """
        if self.head is not None and head.number <= self.head.number and head.hash != self.head.hash:
            # a reorganised chain of no greater height, or a node that has fallen behind
            await self._back()
            if self.head is not None and head.number <= self.head.number:
                raise NodeUnavailable(f"A node calls block {head.number} its newest, and {self.head.number} is known.")
        # what a node that is behind cannot know yet is left to `calls`
        end = head.number - min(self.providers.lag, LEAST_BLOCKS - 1)
        while head.number - self.book.block > self._span:
            start, span = self.book.block + 1, self._span
            ranges = [(first, min(first + span, end) - 1) for first in range(start, end, span)]
            ranges = ranges[: CHUNKS if span == LOG_BLOCKS else 1]
            answers = await self.providers.read([self._logs(*r) for r in ranges], head.number)
            try:
                logs = self._some(answers)
            except BulkheadError:
                if span == LEAST_BLOCKS:
                    raise
                continue
            self._take(logs, head.timestamp)
            self.book.block = ranges[-1][1]
            self._answered += 1
            if self._answered >= PATIENT_CHUNKS:
                self._span, self._answered = min(self._span * 2, LOG_BLOCKS), 0

    async def take_in(self, head: Head, answers: list[object]) -> None:
        """Applies the answers to `calls`. All or nothing, so a failed look is simply repeated.

        Raises:
            BulkheadError: An answer is missing, or the chain has reorganised while it was read.
        """
        if self._dropped(head, answers):
            await self._back()
            await self.catch_up(head)
            asked = self.calls(head)
            answers = await self.providers.read(asked, head.number, len(asked))
            if self._dropped(head, answers):
                raise NodeUnavailable("The chain changes while it is read.")
        if head.number > self.book.block:
            known = answers.pop(0)
            if isinstance(known, BulkheadError):
                raise known
            logs = self._some(answers)
            before = {i: self.book.vaults.get(i) for i in self._ids(logs)}
            self._pages.append(Page(head, before, self.notes.copy()))
            self._take(logs, head.timestamp)
            self.book.block = head.number
        self.head = head

    def _dropped(self, head: Head, answers: list[object]) -> bool:
        """Whether the chain no longer holds the last known block, by the first of the answers to `calls`."""
        if self.head is None or self.head.hash == head.parent:
            return False
        again = answers.pop(0)
        if isinstance(again, BulkheadError):
            raise again
        return again is None or Head.of(again).hash != self.head.hash

    def _some(self, answers: list[object]) -> list[Log]:
        try:
            return self._decode(answers)
        except BulkheadError:
            # should it be the range that is refused: the next look asks for less at once
            self._span, self._answered = max(self._span // 4, LEAST_BLOCKS), 0
            raise

    def _decode(self, answers: Iterable[object]) -> list[Log]:
        entries: list[dict[str, object]] = []
        for part in answers:
            if isinstance(part, BulkheadError):
                raise part
            if not isinstance(part, list) or not all(isinstance(e, dict) for e in part):
                raise NodeUnavailable("The node sent something that is no list of logs.")
            entries.extend(part)
        try:
            return decode_logs(entries, self.chain.speakers)
        except (KeyError, TypeError, AttributeError) as error:
            raise NodeUnavailable(f"The node sent a log without {error}.") from None

    @staticmethod
    def _ids(logs: Iterable[Log]) -> set[int]:
        return {
            int(log.values.vault_id) for log in logs if log.contract == "Clearinghouse" and "vault_id" in log.values
        }

    def _take(self, logs: list[Log], now: int) -> None:
        self.touched |= self.book.apply(logs)
        for log in logs:
            if log.event in ("VolUpdated", "StatusRecorded"):
                # how old the logs of a start are is not known; the observer asks the oracle then
                if self.head is not None:
                    self.notes.recorded[log.values.market] = now
            elif log.event in ("RampStarted", "ParameterChanged"):
                made, at = log.values, now if self.head is not None else 0
                self.notes.ramp(made.market, made.name, made.value, getattr(made, "target", None), at)
            elif log.event == "VaultSettled":
                cell = (int(log.values.market), int(log.values.expiry))
                self.notes.settled.add(cell)
                if log.values.net > 0:
                    self.notes.claims[log.values.vault_id] = cell
            elif log.event == "ClaimPaid" and log.values.final:
                self.notes.claims.pop(log.values.vault_id, None)
            elif log.event == "CellSwept":
                self.notes.settled.discard((int(log.values.market), int(log.values.expiry)))

    # --- going back -------------------------------------------------------------------------------------------

    async def _back(self) -> None:
        """Undoes what the chain no longer holds."""
        self.reorgs += 1
        self.kept = self.chain.deployment.block - 1
        pages = list(self._pages)
        if not pages:
            self.restart()
            return
        numbers = [page.head.number for page in pages]
        headers = await self.providers.read([("eth_getBlockByNumber", (to_hex(n), False)) for n in numbers])
        same = -1
        for i, (page, header) in enumerate(zip(pages, headers, strict=True)):
            if isinstance(header, BulkheadError):
                raise header
            if header is not None and Head.of(header).hash == page.head.hash:
                same = i
        if same < 0:
            self.restart()
            return
        for page in reversed(pages[same + 1 :]):
            for vault_id, record in page.before.items():
                self.touched.add(vault_id)
                self.book.closed.discard(vault_id)
                if record is None:
                    self.book.vaults.pop(vault_id, None)
                else:
                    self.book.vaults[vault_id] = record
            self.notes = page.notes
            self._pages.pop()
        self.head = pages[same].head
        self.book.block = self.kept = self.head.number
