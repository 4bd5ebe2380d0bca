"""The promises of docs/invariants.md that can be read off the books, each stated once.

The stateful machine, the calls of random words and the audit of replays read their books in their own ways and ask
here what they break. A promise returns sentences; none is broken when there are none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from bulkhead.risk import exact
from bulkhead.risk.words import Cell, Leg


@dataclass(frozen=True)
class VaultBook:
    """One vault as the chain has it.

    Attributes:
        vault_id: Its id.
        market: Its market.
        expiry: Of its legs, 0 without.
        legs: Packed words, as the chain stores them.
        flagged: Whether a flag stands.
        stored: What the ledger says that it holds [native].
        held: What the token says that its address holds [native].
        collateral: C, what it holds less the liquidation deposit [wad].
        own: Words that belong to it alone: owner, model, stamps, flag.
        inverse: Its market counts coins.
    """

    vault_id: int
    market: int
    expiry: int
    legs: tuple[int, ...]
    flagged: bool
    stored: int
    held: int
    collateral: int = 0
    own: tuple[int, ...] = ()
    inverse: bool = False

    @property
    def is_covered(self) -> bool:
        """Whether its collateral covers the worst settlement (INV-13)."""
        worst = exact.max_loss(list(map(Leg.unpack, self.legs)), self.inverse)
        return worst != exact.UNBOUNDED and self.collateral >= -worst


@dataclass(frozen=True)
class CellBook:
    """What the ledger counts of a cell.

    Attributes:
        gross: Sum of all absolute quantities of its legs.
        deficit: Recorded deficits of its flagged vaults.
        settling: Whether legs have left it by settlement.
    """

    gross: int
    deficit: int = 0
    settling: bool = False


@dataclass(frozen=True)
class Books:
    """Every vault between two transactions, and what the ledger counts of them."""

    vaults: Mapping[int, VaultBook]
    cells: Mapping[Cell, CellBook]
    open_interest: Mapping[int, int] = field(default_factory=dict)


def zero_sum(books: Books) -> list[str]:
    """INV-01: quantities of each series sum to 0, and the counters of cells and markets are the sums of the legs."""
    sums: Counter[tuple[Cell, int]] = Counter()
    gross: Counter[Cell] = Counter()
    open_interest: Counter[int] = Counter()
    broken = []
    for vault in books.vaults.values():
        cell = vault.market, vault.expiry
        if bool(vault.legs) != bool(vault.expiry):
            broken.append(f"INV-01: vault {vault.vault_id} has legs without an expiry, or an expiry without legs")
        for word in vault.legs:
            leg = Leg.unpack(word)
            sums[cell, leg.key] += leg.quantity
            gross[cell] += abs(leg.quantity)
            open_interest[vault.market] += _open(leg, vault.inverse)
    for (cell, key), total in sums.items():
        settling = cell in books.cells and books.cells[cell].settling
        if total and not settling:
            broken.append(f"INV-01: series {key:#x} of cell {cell} sums to {total}")
    for cell, counted in books.cells.items():
        if counted.gross != gross[cell]:
            broken.append(f"INV-01: cell {cell} counts {counted.gross}, its legs are {gross[cell]}")
    for market, told in books.open_interest.items():
        if told != open_interest[market]:
            broken.append(f"INV-01: market {market} counts {told} open, its legs are {open_interest[market]}")
    return broken


#: Where the counter of delta legs begins in the open interest of an inverse market.
DELTAS_AT = 128


def _open(leg: Leg, inverse: bool) -> int:
    """What a leg adds to the open interest: money nothing; an inverse market counts delta legs apart."""
    if leg.is_money(inverse):
        return 0
    return abs(leg.quantity) << (0 if leg.kind.has_lot(inverse) else DELTAS_AT)


def ring_fence(before: Books, after: Books, named: Collection[int]) -> list[str]:
    """INV-02: a vault that a transaction does not name keeps every leg and token."""
    return [
        f"INV-02: vault {vault_id} changed"
        for vault_id, vault in before.vaults.items()
        if vault_id not in named and vault_id in after.vaults and _kept(after.vaults[vault_id]) != _kept(vault)
    ]


def _kept(vault: VaultBook) -> tuple[object, ...]:
    return vault.expiry, vault.legs, vault.flagged, vault.stored, vault.own


def custody(books: Books) -> list[str]:
    """INV-03: a vault holds what is at its own address, no more and no less."""
    return [
        f"INV-03: vault {vault.vault_id} holds {vault.held}, the ledger says {vault.stored}"
        for vault in books.vaults.values()
        if vault.stored != vault.held
    ]


def conservation(held: Iterable[int], minted: int, kept: bool = False) -> list[str]:
    """INV-04: tokens in are tokens held, but for what a token with a fee has kept for itself."""
    total = sum(held)
    if total == minted or (kept and total < minted):
        return []
    return [f"INV-04: {minted} were minted, {total} are held"]


def deficits(books: Books) -> list[str]:
    """A cell records a deficit only while a vault of it is flagged."""
    flagged = {(vault.market, vault.expiry) for vault in books.vaults.values() if vault.flagged}
    return [
        f"INV-10: cell {cell} records a deficit of {counted.deficit} and no vault of it is flagged"
        for cell, counted in books.cells.items()
        if counted.deficit and cell not in flagged
    ]


def broken(books: Books) -> list[str]:
    """All that can be read off one state of the books."""
    return [*zero_sum(books), *custody(books), *deficits(books)]
