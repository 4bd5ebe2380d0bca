"""The books of a system in process, for the promises of bulkhead.risk.invariants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import boa

from bulkhead.chain.words import VaultWord
from bulkhead.risk.invariants import Books, Cell, CellBook, VaultBook
from bulkhead.risk.words import LINEAR, Units

GROSS = 2**112 - 1
FLAGGED = 1 << 188


def vault_book(
    house: Any, token: Any, vault_id: int, custody: str, native: int = 10**12, units: Units = LINEAR
) -> VaultBook:
    """One vault as the chain has it."""
    vault, legs = house.load(vault_id)
    word = VaultWord.unpack(vault.word)
    deposit = vault.terms >> 184 & (2**40 - 1)
    held = (deposit - (deposit * 50 // 100 if vault.terms >> 224 & 1 else 0)) * units.unit // 10**6
    return VaultBook(
        vault_id=vault_id,
        market=word.market,
        expiry=vault.terms & (2**40 - 1),
        legs=tuple(legs),
        flagged=bool(vault.word & FLAGGED),
        stored=vault.balance,
        held=token.balanceOf(custody),
        collateral=vault.balance * native - -(-held // native) * native,
        own=(vault.word, vault.terms),
        inverse=units.inverse,
    )


def cell_book(house: Any, market: int, expiry: int, settling: bool) -> CellBook:
    """What the ledger counts of a cell."""
    cell = house.cell(market, expiry)
    return CellBook(gross=cell & GROSS, deficit=cell >> 112, settling=settling)


def read_books(house: Any, token: Any, custodies: dict[int, str], cells: Iterable[Cell], priced: Any) -> Books:
    """Everything, read from the chain.

    Args:
        house: The Clearinghouse.
        token: The market's token.
        custodies: Address of each vault.
        cells: Cells that have or had legs.
        priced: ExpiryPrices: a cell whose price is final may be settling.
    """
    vaults = {one: vault_book(house, token, one, custody) for one, custody in custodies.items()}
    counted = {(m, e): cell_book(house, m, e, priced.price(m, e) != 0) for m, e in cells}
    markets = {market for market, _ in counted}
    return Books(vaults, counted, {market: house.market(market)[2] for market in markets})


def closed(house: Any, vault_id: int) -> bool:
    """Whether a vault has gone."""
    try:
        return int(house.vault_word(vault_id)) == 0
    except boa.BoaError:
        return True
