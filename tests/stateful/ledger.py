"""What a walk knows of the market without asking: the book of the logs, the mirror, and who may gain what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bulkhead.chain import abi
from bulkhead.chain.abi.codec import Record
from bulkhead.chain.book import Book
from bulkhead.chain.contract import Log
from bulkhead.chain.words import Terms, VaultWord, legs_of
from bulkhead.risk import exact, margin
from bulkhead.risk.promises import Books
from bulkhead.risk.words import WAD, Model, RiskWord, Snapshot
from tests.evm import Computation
from tests.matrix.scene import EXPIRY, Scene
from tests.worlds.books import closed

#: Told by the ledger of vaults.
EVENTS = {
    event.topic: event
    for event in map(
        abi.load("Clearinghouse").event,
        ("VaultOpened", "VaultUpdated", "VaultClosed", "VaultTransferred", "Deposited", "Withdrawn"),
    )
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


CLAIM_PAID = abi.load("Settlement").event("ClaimPaid")


def events_of(made: Computation, house: str) -> list[Log]:
    """What the Clearinghouse logged in one transaction, and claims that Settlement has paid into vaults."""
    found = []
    for number, address, topics, data in made.get_raw_log_entries():
        words = [topic.to_bytes(32, "big") for topic in topics]
        if words[0] == CLAIM_PAID.topic:
            found.append(Log("Settlement", CLAIM_PAID.name, CLAIM_PAID.decode(words, data), 0, number, ""))
        if address == bytes.fromhex(house[2:]) and words[0] in EVENTS:
            event = EVENTS[words[0]]
            found.append(Log("Clearinghouse", event.name, event.decode(words, data), 0, number, ""))
    return found


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
                self._adopt(vault_id)

    def _adopt(self, vault_id: int) -> None:
        """A vault that was there before the walk, as an event of that moment would tell it."""
        loaded = self.scene.system.clearinghouse.load(vault_id)
        word = VaultWord.unpack(loaded.vault.word)
        opened = {
            "vault_id": vault_id,
            "owner": word.owner,
            "market": word.market,
            "model": int(word.model),
            "custody": "",
        }
        updated = {"vault_id": vault_id, "owner": word.owner, "word": loaded.vault.word, "terms": loaded.vault.terms,
                   "balance": loaded.vault.balance, "legs": list(loaded.legs)}  # fmt: skip
        self.book.apply([self._log("VaultOpened", opened), self._log("VaultUpdated", updated)])

    @staticmethod
    def _log(name: str, values: dict[str, Any]) -> Log:
        return Log("Clearinghouse", name, Record(values), 0, 0, "")

    def take(self, made: Computation) -> None:
        """What a transaction logged."""
        for log in events_of(made, self.scene.contracts["Clearinghouse"].address):
            if log.contract == "Settlement" and not log.values.final:
                # what is paid of a claim is told by Settlement alone, unless it is the end of it
                vault = self.book.vaults[log.values.vault_id]
                self.book.vaults[vault.vault_id] = replace(vault, balance=vault.balance + log.values.amount)
            self.book.apply([log])

    def differences(self, donated: set[int], books: Books) -> list[str]:
        """Where the book of the logs is not the chain; tokens sent to a vault directly leave no log."""
        broken = [
            f"logs: vault {i} is closed, and they do not say so" for i in self.book.vaults if i not in books.vaults
        ]
        for vault_id, on_chain in books.vaults.items():
            told = self.book.vaults.get(vault_id)
            if told is None:
                broken.append(f"logs: vault {vault_id} was never told")
                continue
            word, terms = VaultWord.unpack(on_chain.own[0]), Terms.unpack(on_chain.own[1])
            if (told.owner, told.epoch, told.legs) != (word.owner, word.epoch, legs_of(on_chain.legs)):
                broken.append(f"logs: owner, epoch or legs of vault {vault_id} differ")
            if told.word is not None and (told.flagged, told.debt, told.claim) != (word.flagged, word.debt, word.claim):
                broken.append(f"logs: flags of vault {vault_id} differ")
            if told.terms is not None and told.terms != terms:
                broken.append(f"logs: terms of vault {vault_id} differ")
            if told.balance != on_chain.stored and vault_id not in donated:
                broken.append(f"logs: balance of vault {vault_id} is {told.balance}, on chain {on_chain.stored}")
        return broken

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
