"""Every vault of a deployment, rebuilt from logs alone.

`VaultUpdated` carries the full state after each change of a position, so the newest one of a vault is what it is;
deposits and withdrawals carry the new balance. What insurance adds to a take and what is paid of a claim comes after
that, told by Liquidator and Settlement alone. Tokens sent to a vault directly leave no log here: readers that need the
exact balance ask the Lens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from bulkhead.chain.contract import Log
from bulkhead.chain.words import Model, Terms, VaultWord, legs_of
from bulkhead.risk.words import Cell as Cell
from bulkhead.risk.words import Leg


@dataclass(frozen=True)
class VaultRecord:
    """A vault as the logs tell it.

    Attributes:
        vault_id: Its id.
        owner: Its owner.
        market: Index of its market.
        model: Its margin model.
        custody: Address of its tokens.
        word: Unpacked vault word, None before the first change of position.
        terms: Unpacked terms word, likewise.
        balance: Tokens at its address [native].
        legs: Its legs.
        updated_block: Block of the last log about it.
        epoch: How often it has changed hands.
    """

    vault_id: int
    owner: str
    market: int
    model: Model
    custody: str
    updated_block: int
    word: VaultWord | None = None
    terms: Terms | None = None
    balance: int = 0
    legs: tuple[Leg, ...] = ()
    epoch: int = 0

    @property
    def expiry(self) -> int:
        """Expiry of its cell, 0 without one [unix seconds]."""
        return self.terms.expiry if self.terms is not None else 0

    @property
    def cell(self) -> Cell:
        """(market, expiry)."""
        return self.market, self.expiry

    @property
    def flagged(self) -> bool:
        """A flag is open."""
        return self.word is not None and self.word.flagged

    @property
    def claim(self) -> bool:
        """A claim on its cell is not fully paid."""
        return self.word is not None and self.word.claim

    @property
    def debt(self) -> bool:
        """Owes its cell a failed pay-in."""
        return self.word is not None and self.word.debt


def vault_of(log: Log) -> int | None:
    """The vault whose state a log tells, None where it tells no vault's.

    Tokens that come in behind the last `VaultUpdated` of a transaction count: what insurance adds to a take, and a part
    of a claim (its last part is told by `VaultUpdated` too).
    """
    if log.contract == "Clearinghouse" and "vault_id" in log.values:
        return int(log.values.vault_id)
    if log.event == "VaultTaken" and log.values.top_up:
        return int(log.values.into_id)
    if log.event == "ClaimPaid" and not log.values.final:
        return int(log.values.vault_id)
    return None


@dataclass
class Book:
    """All vaults that are not closed, by id.

    Attributes:
        vaults: The vaults.
        closed: Ids of closed vaults.
        block: Last block whose logs were applied.
    """

    vaults: dict[int, VaultRecord] = field(default_factory=dict)
    closed: set[int] = field(default_factory=set)
    block: int = 0

    def apply(self, logs: Iterable[Log]) -> set[int]:
        """Takes logs in chain order; returns the ids of the vaults they touched."""
        touched: set[int] = set()
        for log in logs:
            vault_id = vault_of(log)
            if vault_id is None:
                continue
            touched.add(vault_id)
            if log.event == "VaultOpened":
                self.vaults[vault_id] = VaultRecord(
                    vault_id=vault_id,
                    owner=log.values.owner,
                    market=log.values.market,
                    model=Model(log.values.model),
                    custody=log.values.custody,
                    updated_block=log.block,
                )
            elif log.event == "VaultClosed":
                self.vaults.pop(vault_id, None)
                self.closed.add(vault_id)
            elif vault_id in self.vaults:
                self.vaults[vault_id] = self._changed(self.vaults[vault_id], log)
        return touched

    @staticmethod
    def _changed(vault: VaultRecord, log: Log) -> VaultRecord:
        if log.event == "VaultUpdated":
            word = VaultWord.unpack(log.values.word)
            return replace(
                vault,
                owner=word.owner,
                word=word,
                terms=Terms.unpack(log.values.terms),
                balance=log.values.balance,
                legs=legs_of(log.values.legs),
                updated_block=log.block,
                epoch=word.epoch,
            )
        if log.event == "VaultTaken":
            return replace(vault, balance=vault.balance + log.values.top_up, updated_block=log.block)
        if log.event == "ClaimPaid":
            return replace(vault, balance=vault.balance + log.values.amount, updated_block=log.block)
        if log.event in ("Deposited", "Withdrawn"):
            return replace(vault, balance=log.values.balance, updated_block=log.block)
        if log.event == "VaultTransferred":
            return replace(vault, owner=log.values.receiver, updated_block=log.block, epoch=log.values.epoch)
        return vault

    def of(self, owner: str) -> list[VaultRecord]:
        """Vaults of one owner, by id."""
        return [v for _, v in sorted(self.vaults.items()) if v.owner.lower() == owner.lower()]

    def cells(self) -> set[Cell]:
        """Cells in which some vault has legs."""
        return {v.cell for v in self.vaults.values() if v.legs}
