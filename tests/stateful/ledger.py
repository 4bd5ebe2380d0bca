"""What a walk knows of the market without asking: the book of the logs, the mirror, and who may gain what."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from bulkhead.chain import abi
from bulkhead.chain.abi.codec import Record
from bulkhead.chain.contract import Log
from bulkhead.chain.invariant_state import untold
from bulkhead.chain.vaults_from_logs import Book
from bulkhead.chain.words import Terms, VaultWord, legs_of
from bulkhead.risk import exact, margin
from bulkhead.risk.invariants import Books
from bulkhead.risk.words import WAD, Model, RiskWord, Snapshot
from tests.evm import Computation
from tests.matrix.scene import EXPIRY, Scene
from tests.worlds.books import closed

#: What the book is made of, by the contract that tells it.
TOLD = {
    "Clearinghouse": ("VaultOpened", "VaultUpdated", "VaultClosed", "VaultTransferred", "Deposited", "Withdrawn"),
    "Liquidator": ("VaultTaken",),
    "Settlement": ("ClaimPaid",),
}
EVENTS = {
    event.topic: (contract, event) for contract, names in TOLD.items() for event in map(abi.load(contract).event, names)
}
#: Rounding of a few marks and payments [wad].
DUST = 10**14
#: Calls by which nobody may gain, whoever makes them: they move what is one's own.
OWN = (
    "Clearinghouse.open", "Clearinghouse.deposit", "Clearinghouse.withdraw", "Clearinghouse.transfer_legs",
    "Clearinghouse.set_model", "Clearinghouse.close", "Clearinghouse.multicall", "VaultToken.approve",
    "Operators.grant", "Exchange.set_caps", "Exchange.cancel_series", "Exchange.bump_epoch",
    "OracleAdapter.observe", "OracleAdapter.poke", "OracleAdapter.stamp_cell", "AutoTopUp.set_mandate",
)  # fmt: skip


def events_of(made: Computation, speakers: Mapping[str, str]) -> list[Log]:
    """What one transaction logged that the book is made of.

    Args:
        made: The transaction.
        speakers: Addresses of the contracts that tell it, by name.
    """
    found = []
    for number, address, topics, data in made.get_raw_log_entries():
        words = [topic.to_bytes(32, "big") for topic in topics]
        contract, event = EVENTS.get(words[0], ("", None))
        if event is not None and address == bytes.fromhex(speakers[contract][2:]):
            found.append(Log(contract, event.name, event.decode(words, data), 0, number, ""))
    return found


def told_as_now(house: Any, vault_id: int) -> list[Log]:
    """A vault that was there before a walk, as events of this moment would tell it."""
    loaded = house.load(vault_id)
    word = VaultWord.unpack(loaded.vault.word)
    opened = {
        "vault_id": vault_id, "owner": word.owner, "market": word.market, "model": int(word.model), "custody": "",
    }  # fmt: skip
    updated = {
        "vault_id": vault_id, "owner": word.owner, "word": loaded.vault.word, "terms": loaded.vault.terms,
        "balance": loaded.vault.balance, "legs": list(loaded.legs),
    }  # fmt: skip
    told = (("VaultOpened", opened), ("VaultUpdated", updated))
    return [Log("Clearinghouse", name, Record(values), 0, 0, "") for name, values in told]


class Ledger:
    """The market from outside.

    Attributes:
        book: Vaults as the logs tell them.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.book = Book()
        house = scene.system.clearinghouse
        for vault_id in range(1, house.next_id()):
            if not closed(house, vault_id):
                self.book.apply(told_as_now(house, vault_id))

    def take(self, made: Computation) -> None:
        """What a transaction logged."""
        self.book.apply(events_of(made, {name: self.scene.contracts[name].address for name in TOLD}))

    def differences(self, donated: set[int], books: Books) -> list[str]:
        """Where the book of the logs is not the chain; tokens sent to a vault directly leave no log."""
        return untold(self.book, books, donated)

    # --- the mirror -------------------------------------------------------------------------------------------------

    def prices(self, expiry: int = EXPIRY) -> Snapshot:
        """Of a cell, as a call of now would see them."""
        return self.scene.system.snapshot(expiry)

    def standing(self, vault_id: int) -> tuple[margin.Standing, bool, Snapshot] | None:
        """(standing, covered, prices) of a vault by the mirror alone; none without legs or after the expiry."""
        loaded = self.scene.system.clearinghouse.load(vault_id)
        word, terms = VaultWord.unpack(loaded.vault.word), Terms.unpack(loaded.vault.terms)
        if not loaded.legs or terms.expiry <= self.scene.now:
            return None
        legs = list(legs_of(loaded.legs))
        prices = self.prices(terms.expiry)
        risk = RiskWord.unpack(loaded.vault.risk)
        own = risk.stamped(loaded.vault.terms >> 225) if word.model == Model.STATIC else risk
        collateral = loaded.vault.balance * 10**12 - terms.deposit_held * 10**12
        worst = exact.max_loss(legs)
        covered = worst != exact.UNBOUNDED and collateral >= -worst
        found = margin.resolve(exact.assess(legs, prices, own, model=word.model), collateral, risk, prices)
        return found, covered, prices

    def unequal(self, vault_id: int) -> list[str]:
        """Whether `quote` sees the vault as the mirror does, to the wei."""
        found = self.standing(vault_id)
        if found is None or not found[2].is_active:
            return []
        standing, _, _ = found
        quoted = self.scene.system.liquidator.quote(vault_id, WAD)
        told = quoted.equity, quoted.mm, quoted.target
        mirror = standing.equity, standing.maintenance_margin, standing.target
        return [] if told in (mirror, (0, 0, 0)) else [f"mirror: vault {vault_id} is {told} on chain, {mirror} here"]

    def share_worth(self, books: Books) -> Fraction | None:
        """What a share of the pool stands for at the mark [wad]; none where a leg has no active mark.

        What its vaults hold and their legs are worth, counted here and not asked of the pool.
        """
        pool, prices = self.scene.pool, self.prices()
        # what was served belongs to who asked for it
        idle = int(self.scene.token.balanceOf(pool.address)) - int(pool.set_aside())
        total = idle * 10**12
        if not prices.is_active or prices.seconds == 0:
            return None
        # a vault that somebody gave to it is not among them
        for vault in map(books.vaults.get, pool.vaults()):
            if vault is not None:
                # a vault is an island: one below zero costs the pool no more than what is in it
                total += max(vault.stored * 10**12 + exact.mark(list(legs_of(vault.legs)), prices), 0)
        supply = int(pool.totalSupply())
        return Fraction(total, supply) if supply else None

    @staticmethod
    def share_fell(before: Fraction, after: Fraction | None) -> list[str]:
        """No call to the pool makes its shares worth less: it sells none below mark and redeems none above it."""
        if after is None or after >= before * (1 - Fraction(1, 10**9)):
            return []
        return [f"a share of the pool was worth {float(before):f} and is worth {float(after):f}"]

    # --- who may gain what ------------------------------------------------------------------------------------------

    def wealth(self, account: str, books: Books) -> int | None:
        """Tokens of an account and of its vaults, legs at the mark [wad]; none where a leg has no active mark."""
        total = int(self.scene.token.balanceOf(account)) * 10**12
        prices, word = self.prices(), int(account, 16)
        for vault in books.vaults.values():
            if vault.own[0] & (2**160 - 1) == word:
                total += vault.stored * 10**12
                if vault.legs:
                    if vault.expiry != EXPIRY or not prices.is_active or prices.seconds == 0:
                        return None
                    total += exact.mark(list(legs_of(vault.legs)), prices)
        return total

    def entitled(self, name: str, arguments: tuple[Any, ...], allowance: int) -> int | None:
        """What a call may bring its caller at the mark [wad]: nothing, a tip, or the bonus quoted; None where any."""
        if name in OWN:
            return DUST
        tip = allowance * 10**12
        if name in ("Liquidator.flag", "Liquidator.clear"):
            return tip + DUST
        if name == "Liquidator.take":
            quoted = self.scene.system.liquidator.quote(arguments[0], WAD)
            return quoted.mm * quoted.bonus_share // WAD + tip + max(-quoted.equity, 0) + DUST
        return None


__all__ = ["EVENTS", "Ledger", "events_of"]
