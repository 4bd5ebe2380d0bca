"""What the logs say is held against the chain, all the time: numbers of vaults, their legs, and who is unsafe.

Unknown is never safe: a vault of which logs were lost is read from the chain itself, and kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bulkhead.chain.errors import BulkheadError, NodeUnavailable, Reverted, UnknownVault
from bulkhead.chain.lens import vault_view
from bulkhead.chain.vaults_from_logs import VaultRecord
from bulkhead.chain.words import Terms, VaultWord, legs_of
from bulkhead.keeper.node import Head
from bulkhead.keeper.queries import Look, QueryBatch
from bulkhead.risk.words import WAD

if TYPE_CHECKING:
    from bulkhead.keeper.observe import Observer

#: Every vault is read again on chain within this time, as long as that takes no more than so many at one look, and
#: so many a second.
RECONCILE_SECONDS = 60
MOST_AT_ONCE, MOST_A_SECOND = 2_000, 400
#: Fewer than these wait for more, so that not every block costs a post, at most so long [seconds].
LEAST_AT_ONCE, GATHER_SECONDS = 250, 15
#: So long they wait for a block with a post to spare [seconds].
PATIENT_SECONDS = 30
#: Vaults in one page of the Lens, pages of one block, and vaults whose words are read from the ledger in one block.
PAGE, PAGES, LOADS = 200, 10, 400


class Reconciler:
    """Corrects what an observer believes.

    Attributes:
        lost: Vaults of which logs are missing: the chain is asked what they hold.
        looked_for: Ids that the logs have never told of, to be looked for.
    """

    def __init__(self, observer: Observer) -> None:
        self._of = observer
        self._queue: list[int] = []
        self._reconciled_at = 0
        self._told = 0
        self.lost: set[int] = set()
        self.looked_for: set[int] = set()

    def count(self, numbers: Mapping[tuple[str, Any], int]) -> None:
        """Holds the number of vaults that the logs tell of against the chain's; what is missing is looked for."""
        opened = numbers.get(("opened", 0), 0) - 1
        book = self._of.discovery.book
        lacking = opened - len(book.vaults) - len(book.closed)
        if opened < 0 or lacking == 0:
            self._told = 0
            return
        if lacking != self._told:
            self._told = lacking
            known = len(book.vaults) + len(book.closed)
            self._of.registry.differs(f"the logs tell of {known} vaults, the chain has opened {opened}")
        if lacking < 0:
            # more than there are: logs of a chain that is not this one
            self._of.discovery.restart()
            return
        self.looked_for = {i for i in range(1, opened + 1) if i not in book.vaults and i not in book.closed}

    async def find(self, head: Head) -> int:
        """Looks for vaults that the logs have not told of, and reads those that they told wrong; returns how many.

        Raises:
            BulkheadError: The nodes failed; they stay missing.
        """
        self.lost |= {i for i in self._of.registry.mistold if i in self._of.discovery.book.vaults}
        self._of.registry.mistold.clear()
        self.lost |= self._of.discovery.unsure
        self._of.discovery.unsure.clear()
        ids = sorted(self.looked_for)[: PAGE * PAGES]
        if ids:
            pages = [ids[i : i + PAGE] for i in range(0, len(ids), PAGE)]
            queries = [self._of.chain["Lens"].query("vaults", page) for page in pages]
            answers, _ = await self._of.providers.read_twice(queries, head)
            for page, reply in zip(pages, answers, strict=True):
                self._sort_page(page, reply)
        return len(ids) + await self._load(head)

    def _sort_page(self, page: list[int], reply: Any) -> None:
        if isinstance(reply, BulkheadError):
            if isinstance(reply, Reverted) or len(page) == 1:
                self.lost |= set(page)  # one that cannot be described hides the others: the ledger is asked
            return
        if len(reply) != len(page):
            raise NodeUnavailable(f"The node describes {len(reply)} vaults instead of {len(page)}.")
        for vault_id, state in zip(page, reply, strict=True):
            if isinstance(vault_view(state, self._of.queries.units), UnknownVault):
                self._of.discovery.book.closed.add(vault_id)
                self.looked_for.discard(vault_id)
            else:
                self.lost.add(vault_id)

    async def _load(self, head: Head) -> int:
        """Reads lost vaults from the ledger itself, at the block that the logs are known up to."""
        ids = sorted(self.lost)[:LOADS]
        if not ids or self._of.discovery.book.block != head.number:
            return 0
        house = self._of.chain["Clearinghouse"]
        answers, others = await self._of.providers.read_twice([house.query("load", i) for i in ids], head)
        discovery = self._of.discovery
        for i, (vault_id, told) in enumerate(zip(ids, answers, strict=True)):
            if i in others:
                # two nodes differ: neither is believed, and the vault stays among the lost
                self._of.registry.problems.append(f"vault {vault_id}: two nodes differ about what it holds")
                continue
            if isinstance(told, BulkheadError) and not isinstance(told, Reverted):
                continue
            self.lost.discard(vault_id)
            self.looked_for.discard(vault_id)
            if isinstance(told, BulkheadError) or not told.vault.word:
                discovery.book.vaults.pop(vault_id, None)
                discovery.book.closed.add(vault_id)
            else:
                discovery.book.vaults[vault_id] = _record(vault_id, told, head.number)
            discovery.touched.add(vault_id)
        self._of.registry.take_changes()
        return len(ids)

    async def run(self, head: Head, spare: bool = True) -> int:
        """Reads again, on chain, the vaults that were not read for longest; returns how many.

        Args:
            head: The block.
            spare: Whether this block may cost another post; if not, they wait, though not for ever.

        Raises:
            BulkheadError: The nodes failed; the vaults stay due.
        """
        found = await self.find(head)
        passed = min(head.timestamp - self._reconciled_at, RECONCILE_SECONDS)
        budget = min(
            math.ceil(len(self._of.registry) * passed / RECONCILE_SECONDS), MOST_A_SECOND * passed, MOST_AT_ONCE
        )
        gathers = budget < LEAST_AT_ONCE and passed < GATHER_SECONDS
        if passed < 0 or gathers or (not spare and passed < PATIENT_SECONDS):
            self._reconciled_at = min(self._reconciled_at, head.timestamp)
            return found
        if not self._queue:
            self._queue = self._of.registry.to_check()
        chosen = self._due(budget, head.timestamp)
        self._reconciled_at = head.timestamp
        if not chosen:
            return found
        wanted, look = QueryBatch(), Look()
        self._of.queries.vaults(wanted, chosen)
        try:
            await self._of.ask(look, wanted, head)
        except BulkheadError:
            self._queue.extend(chosen)
            raise
        for vault_id, view in look.vaults.items():
            self._of.registry.checked_at[vault_id] = head.timestamp
            missed = view.liquidatable and not view.flagged and vault_id not in self._of.watch
            if missed and self._of.mine(vault_id):
                self._of.registry.differs(
                    f"vault {vault_id}: the Lens finds it liquidatable and the index did not, "
                    f"E {view.equity / WAD:.2f}, MM {view.maintenance_margin / WAD:.2f}"
                )
                self._of.registry.suspects.add(vault_id)
        return found + len(chosen)

    def _due(self, budget: int, now: int) -> list[int]:
        chosen: list[int] = []
        while self._queue and len(chosen) < budget:
            vault_id = self._queue.pop()
            recent = now - self._of.registry.checked_at.get(vault_id, 0) < RECONCILE_SECONDS // 2
            if vault_id in self._of.discovery.book.vaults and not recent:
                chosen.append(vault_id)
        return chosen


def _record(vault_id: int, told: Any, block: int) -> VaultRecord:
    """A vault as the ledger holds it."""
    word, terms = VaultWord.unpack(told.vault.word), Terms.unpack(told.vault.terms)
    return VaultRecord(
        vault_id=vault_id,
        owner=word.owner,
        market=word.market,
        model=word.model,
        custody=told.vault.custody,
        updated_block=block,
        word=word,
        terms=terms,
        balance=told.vault.balance,
        legs=legs_of(told.legs),
        epoch=word.epoch,
    )
