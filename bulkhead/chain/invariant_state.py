"""The books of a deployment at one block, for the promises of `bulkhead.risk.invariants`."""

from __future__ import annotations

from collections.abc import Collection

from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import read
from bulkhead.chain.vaults_from_logs import Book
from bulkhead.chain.words import Terms, VaultWord, cell_word, legs_of
from bulkhead.risk import invariants
from bulkhead.risk.invariants import Books, CellBook, VaultBook
from bulkhead.risk.words import Cell


def read_books(chain: Connection, book: Book, cells: Collection[Cell], block: int) -> Books:
    """Every vault that the logs tell of and what the ledger counts of some cells, from the chain in two posts.

    Args:
        chain: The deployment.
        book: Its vaults by the logs, up to the block.
        cells: Cells that have or had legs.
        block: When.
    """
    house, prices = chain["Clearinghouse"], chain["ExpiryPrices"]
    markets = sorted({market for market, _ in cells} | {vault.market for vault in book.vaults.values()})
    ids = sorted(book.vaults)
    answers = read(
        chain.rpc,
        [
            *(house.query("market", market) for market in markets),
            *(house.query("cell", *cell) for cell in cells),
            *(prices.query("price", *cell) for cell in cells),
            *(house.query("load", vault_id) for vault_id in ids),
        ],
        block,
    )
    of_markets = {market: answers.pop(0) for market in markets}
    words = [answers.pop(0) for _ in cells]
    priced = [answers.pop(0) for _ in cells]
    entries = {
        entry.index: chain.market_of(entry, of_markets[entry.index]) for entry in chain.deployment.markets.values()
    }
    held = read(
        chain.rpc,
        [entries[book.vaults[i].market].token.query("balanceOf", book.vaults[i].custody) for i in ids],
        block,
    )
    vaults = {}
    for vault_id, loaded, tokens in zip(ids, answers, held, strict=True):
        vault = loaded.vault
        market = entries[book.vaults[vault_id].market]
        word, terms = VaultWord.unpack(vault.word), Terms.unpack(vault.terms)
        vaults[vault_id] = VaultBook(
            vault_id=vault_id,
            market=word.market,
            expiry=terms.expiry,
            legs=tuple(loaded.legs),
            flagged=word.flagged,
            stored=vault.balance,
            held=tokens,
            collateral=vault.balance * market.native - market.units.micro(terms.deposit_held),
            own=(vault.word, vault.terms),
            inverse=market.inverse,
        )
    counted = {
        cell: CellBook(*cell_word(found), settling=bool(price))
        for cell, found, price in zip(cells, words, priced, strict=True)
    }
    return Books(vaults, counted, {market: found.open_interest for market, found in of_markets.items()})


def untold(book: Book, books: Books, donated: Collection[int] = ()) -> list[str]:
    """Where the vaults of the logs are not those of the chain.

    Args:
        book: Vaults by the logs.
        books: By the chain, at the same moment.
        donated: Vaults that got tokens directly, of which no log tells.
    """
    broken = [f"logs: vault {i} is closed, and they do not say so" for i in book.vaults if i not in books.vaults]
    for vault_id, on_chain in books.vaults.items():
        told, word = book.vaults.get(vault_id), VaultWord.unpack(on_chain.own[0])
        if told is None:
            broken.append(f"logs: vault {vault_id} was never told")
            continue
        if (told.owner, told.epoch, told.legs) != (word.owner, word.epoch, legs_of(on_chain.legs)):
            broken.append(f"logs: owner, epoch or legs of vault {vault_id} differ")
        if told.word is not None and (told.flagged, told.debt, told.claim) != (word.flagged, word.debt, word.claim):
            broken.append(f"logs: flags of vault {vault_id} differ")
        if told.terms is not None and told.terms != Terms.unpack(on_chain.own[1]):
            broken.append(f"logs: terms of vault {vault_id} differ")
        if told.balance != on_chain.stored and vault_id not in donated:
            broken.append(f"logs: balance of vault {vault_id} is {told.balance}, on chain {on_chain.stored}")
    return broken


def broken(chain: Connection, book: Book, cells: Collection[Cell], block: int) -> list[str]:
    """What one state of the chain breaks, the vaults of the logs beside it."""
    books = read_books(chain, book, cells, block)
    return [*invariants.broken(books), *untold(book, books)]
