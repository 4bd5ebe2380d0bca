"""All vaults by the logs so far, and rolled back when the chain reorganises.

Per block that had logs what they replaced is kept. When a known block's hash is no longer the chain's, it
goes back to the newest block that is, and reads on from there; beyond its memory it starts from the deployment.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import Log
from bulkhead.chain.errors import BulkheadError, NodeUnavailable
from bulkhead.chain.rpc import Call, to_hex
from bulkhead.chain.vaults_from_logs import Book, VaultRecord, vault_of
from bulkhead.keeper.books import Books
from bulkhead.keeper.logs import LogNotes, LogReader, vaults_of
from bulkhead.keeper.node import BY_HASH, Head
from bulkhead.keeper.providers import Providers

#: Blocks that can be undone.
MEMORY = 256
#: A second node is waited for so long where many logs are read [seconds].
PATIENCE = 3.0


@dataclass(frozen=True)
class Page:
    """What one look replaced: enough to undo it."""

    head: Head
    before: dict[int, VaultRecord | None]
    notes: LogNotes


class Discovery:
    """Keeps a `Book` in step with the chain.

    Attributes:
        book: All vaults by the logs so far.
        notes: What else the logs tell.
        logs: Asks for logs.
        head: Newest block taken in, None before the first.
        touched: Vaults that logs have changed since `changes` was last called.
        unsure: Vaults of which two nodes have told different logs: the chain is to be asked.
        reorgs: How often the chain was found reorganised.
        kept: Newest block that the last reorganisation left.
        books: What has come and gone of the tokens of each of the keeper's accounts, in their order.
    """

    def __init__(self, chain: Connection, providers: Providers, accounts: Sequence[str] = ()) -> None:
        self.chain = chain
        self.providers = providers
        self.books = [Books(account) for account in accounts]
        self.unsure: set[int] = set()
        self.reorgs = 0
        self.kept = 0
        self.touched: set[int] = set()
        self.logs = LogReader(chain)
        self.book = Book()
        self.restart()

    def restart(self) -> None:
        """Forgets everything: the next look reads from the deployment."""
        self.touched |= set(self.book.vaults)
        self.book = Book(block=self.chain.deployment.block - 1)
        self.notes = LogNotes()
        self.head: Head | None = None
        self._pages: deque[Page] = deque(maxlen=MEMORY)
        for books in self.books:
            books.undo(self.book.block)

    def changes(self) -> set[int]:
        """Vaults changed since the last call."""
        found, self.touched = self.touched, set()
        return found

    # --- reading -----------------------------------------------------------------------------------------------

    def calls(self, head: Head) -> list[Call]:
        """The last known header again, and the newest logs if they fit one chunk: all for one node.

        Those of the newest block are asked for by its hash, and the block itself with them. By height a node that does
        not have the block yet says that it has no logs.
        """
        found: list[Call] = []
        if self.head is not None and self.head.hash != head.parent:
            found.append(("eth_getBlockByNumber", (to_hex(self.head.number), False)))
        if 0 < head.number - self.book.block <= self.logs.span:
            found.append((BY_HASH, (head.hash, False)))
            if self.book.block + 1 < head.number:
                found.append(self.logs.between(self.book.block + 1, head.number - 1))
            found.append(self.logs.of_block(head.hash))
        return found

    async def catch_up(self, head: Head) -> None:
        """Takes in everything but the newest chunk, a few chunks a post.

        Raises:
            BulkheadError: The node failed; what was taken in stays.
        """
        if self.head is not None and head.number <= self.head.number and head.hash != self.head.hash:
            # a reorganised chain of no greater height, or a node that has fallen behind
            await self._back()
            if self.head is not None and (
                head.number < self.head.number or self.head.hash != head.hash and head.number == self.head.number
            ):
                raise NodeUnavailable(f"A node calls block {head.number} its newest, and {self.head.number} is known.")
        # what a node that is behind cannot know yet is left to `calls`
        end = head.number - min(self.providers.lag, self.logs.span // 2)
        while head.number - self.book.block > self.logs.span:
            ranges = self.logs.ranges(self.book.block + 1, end)
            asked = [self.logs.between(*r) for r in ranges]
            answers, others = await self.providers.witnessed(asked, head, 0, range(len(asked)), PATIENCE)
            self.unsure |= self.logs.join(answers, others)
            try:
                logs = self.logs.decode(answers)
            except BulkheadError:
                self.logs.failed()
                raise
            self._take(logs, head.timestamp, {})
            self.book.block = ranges[-1][1]
            self.logs.answered()

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
            if Head.of(known).number != head.number:
                raise NodeUnavailable(f"A node calls block {Head.of(known).number} number {head.number}.")
            logs = self.logs.decode(answers)
            before = {i: self.book.vaults.get(i) for i in vaults_of(logs)}
            self._pages.append(Page(head, before, self.notes.copy()))
            self._take(logs, head.timestamp, {head.number: head.timestamp})
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

    def _take(self, logs: list[Log], now: int, stamps: dict[int, int]) -> None:
        for books in self.books:
            books.take(logs, stamps)
        # of what nodes tell differently nothing is applied: the chain is asked, and the vault stays as it was till then
        self.touched |= self.book.apply(log for log in logs if vault_of(log) not in self.unsure)
        for log in logs:
            # how old the logs of a start are is not known; the observer asks the chain then
            self.notes.take(log, now if self.head is not None else 0)

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
        asked = [("eth_getBlockByNumber", (to_hex(n), False)) for n in numbers]
        headers = await self.providers.read(asked, -1, len(asked))
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
        for books in self.books:
            books.undo(self.kept)
