"""What a keeper knows of every vault: by the logs, and by what the Lens last said of it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from bulkhead.chain.errors import BulkheadError, UnknownVault
from bulkhead.chain.lens import MARGIN_CALL, VaultView
from bulkhead.chain.vaults_from_logs import Cell
from bulkhead.keeper.discovery import Discovery
from bulkhead.keeper.safe_ranges import SafeRanges

#: Vaults without legs that are read again in a round: so many, and one for so many with legs.
LEAST_BARE, BARE_SHARE = 50, 8


@dataclass
class VaultRegistry:
    """Vaults, sorted by what a keeper has to do with them.

    Attributes:
        discovery: The logs.
        ranges: Told of every change.
        own: Owners, in lower case, whose vaults are read at every look: the keeper and the pools it minds.
        suspects: Vaults that could not be read, or whose logs differ from the Lens: in the set until that has passed.
        mistold: Vaults whose legs by the logs are not those on chain: to be read anew.
        flagged: Vaults with an open flag.
        kept: Vaults that those owners have opened.
        debts: Vaults that owe their cell a failed pay-in.
        members: Vaults with legs, by cell.
        margin_calls: Vaults in a margin call, as last confirmed on chain.
        checked_at: When each vault was last read on chain [unix seconds of the chain].
        mismatches: Differences found between logs, mirror and Lens.
        problems: What could not be read since `forget_problems`.
    """

    discovery: Discovery
    ranges: SafeRanges
    own: frozenset[str]
    suspects: set[int] = field(default_factory=set)
    mistold: set[int] = field(default_factory=set)
    flagged: set[int] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    debts: set[int] = field(default_factory=set)
    members: dict[Cell, set[int]] = field(default_factory=dict)
    margin_calls: dict[int, VaultView] = field(default_factory=dict)
    checked_at: dict[int, int] = field(default_factory=dict)
    mismatches: int = 0
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._cell_of: dict[int, Cell] = {}

    def cells(self) -> set[Cell]:
        """Cells in which some vault has legs or a claim."""
        return set(self.members) | set(self.discovery.notes.claims.values())

    def to_check(self) -> list[int]:
        """Vaults with legs, those read longest ago last, and before them a few that should have none.

        A log that was lost may have told of legs.
        """

        def at(vault_id: int) -> int:
            return self.checked_at.get(vault_id, 0)

        holding = sorted(self._cell_of, key=at, reverse=True)
        bare = [i for i in self.discovery.book.vaults if i not in self._cell_of]
        few = heapq.nsmallest(LEAST_BARE + len(holding) // BARE_SHARE, bare, key=at)
        return few[::-1] + holding

    def __len__(self) -> int:
        return len(self._cell_of)

    def existing(self, ids: Iterable[int]) -> set[int]:
        """Those that are open."""
        return {i for i in ids if i in self.discovery.book.vaults}

    def cells_of(self, ids: Iterable[int]) -> set[Cell]:
        """Cells of those that are open."""
        return {self.discovery.book.vaults[i].cell for i in self.existing(ids)}

    def take_changes(self) -> None:
        """Takes in what the logs have changed."""
        for vault_id in self.discovery.changes():
            self._forget(vault_id)
            record = self.discovery.book.vaults.get(vault_id)
            self.ranges.change(vault_id, record)
            if record is None:
                self.checked_at.pop(vault_id, None)
                self.suspects.discard(vault_id)
            if record is None or not record.legs:
                self.margin_calls.pop(vault_id, None)
            if record is None:
                continue
            if record.legs:
                self._cell_of[vault_id] = record.cell
                self.members.setdefault(record.cell, set()).add(vault_id)
                if record.flagged:
                    self.flagged.add(vault_id)
            # one that changed hands was made by somebody else: it is not minded like an own one
            if record.owner.lower() in self.own and record.epoch == 0:
                self.kept.add(vault_id)
            if record.debt:
                self.debts.add(vault_id)

    def _forget(self, vault_id: int) -> None:
        before = self._cell_of.pop(vault_id, None)
        if before is not None:
            self.members[before].discard(vault_id)
            if not self.members[before]:
                del self.members[before]
        for group in (self.flagged, self.kept, self.debts):
            group.discard(vault_id)

    def confirm(self, vault_id: int, view: VaultView | BulkheadError) -> bool:
        """Takes in what the Lens says of a vault; returns whether it is now known. A closed one needs no knowing.

        Args:
            vault_id: The vault.
            view: Its state, or why there is none.
        """
        record = self.discovery.book.vaults.get(vault_id)
        if record is None:
            return True
        if isinstance(view, BulkheadError):
            why = "the Lens does not know it" if isinstance(view, UnknownVault) else str(view)
            self.problems.append(f"vault {vault_id}: {why}")
            self.suspects.add(vault_id)
            return False
        if view.legs != record.legs:
            self.differs(f"vault {vault_id}: legs by the logs differ from the Lens")
            self.suspects.add(vault_id)
            self.mistold.add(vault_id)
        else:
            self.suspects.discard(vault_id)
            if view.balance != record.balance:
                # tokens sent to it directly leave no log
                self.discovery.book.vaults[vault_id] = replace(record, balance=view.balance)
                self.ranges.change(vault_id, self.discovery.book.vaults[vault_id])
        if view.status & MARGIN_CALL and view.fresh and view.legs:
            self.margin_calls[vault_id] = view
        elif view.fresh:
            self.margin_calls.pop(vault_id, None)
        return True

    def differs(self, what: str) -> None:
        """Notes a difference between what was believed and what the chain says."""
        self.mismatches += 1
        self.problems.append(what)
