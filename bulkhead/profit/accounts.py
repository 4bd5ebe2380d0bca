"""One vault through its logs: what it is, what went in and out, and what it paid for what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bulkhead.chain.contract import Log
from bulkhead.chain.words import Model, Terms, VaultWord, legs_of
from bulkhead.profit.novations import Novation
from bulkhead.profit.packages import Packages, money_of
from bulkhead.profit.rule import Made
from bulkhead.risk.words import Kind, Leg


@dataclass
class Account:
    """A vault at a block. Amounts are native units where they are tokens, wad where they are prices.

    Attributes:
        vault_id: Its id.
        owner: Its owner.
        market: Index of its market.
        model: Its margin model.
        custody: Address of its tokens.
        opened_block: Block of its opening.
        opened_at: Stamp of that block.
        word: Vault word.
        terms: Terms word.
        balance: Tokens at its address [native].
        legs: Its legs.
        closed: It is no more.
        claim_left: What its cell has not paid of its claim [native].
        debt_left: What it owes its cell because its token refused to move [native].
        deficit: What its cell counts as lacking in it [1e-6 token].
        made: What it has made and what it paid for what it holds.
    """

    vault_id: int
    owner: str
    market: int
    model: int
    custody: str
    opened_block: int
    opened_at: int
    word: int = 0
    terms: int = 0
    balance: int = 0
    legs: tuple[Leg, ...] = ()
    closed: bool = False
    claim_left: int = 0
    debt_left: int = 0
    deficit: int = 0
    made: Made = field(default_factory=Made)
    _before: tuple[Leg, ...] = field(default=(), repr=False)

    # --- what happens -----------------------------------------------------------------------------------------

    def take(self, log: Log, native: int, top_up: str = "") -> None:
        """Takes in a log about the vault that is no novation.

        Args:
            log: The log.
            native: Wad in one native unit of its token.
            top_up: Address of the standing top-up.
        """
        v = log.values
        if log.event == "VaultUpdated":
            self._updated(log)
        elif log.event == "Deposited":
            self.balance = v.balance
            self.made.deposit(v.amount * native, v.payer == top_up)
        elif log.event == "Withdrawn":
            self.balance = v.balance
            self.made.withdraw(v.amount * native)
        elif log.event == "VaultTransferred":
            self.owner, self.word = v.receiver, VaultWord.handed_over(self.word, v.receiver, v.epoch)
            self.made.change_hands()
        elif log.event == "VaultClosed":
            self.closed, self.balance, self.legs = True, 0, ()
            self.made.withdraw(v.amount * native)
        elif log.event == "TipPaid":
            self.made.pay_tip(v.amount * native, v.receiver == top_up)
        elif log.event == "DeficitRecorded":
            self.deficit = v.deficit
        elif log.contract == "Settlement":
            self._settled(log, native)

    def _settled(self, log: Log, native: int) -> None:
        v = log.values
        if log.event == "VaultSettled":
            held = self.legs or self._before
            self.made.settle((v.net + v.shortfall) * native - money_of(held, self.made.packages.inverse))
            self.claim_left, self.debt_left = max(v.net, 0), v.debt
        elif log.event == "DebtRepaid":
            self.debt_left = v.debt
        elif log.event == "ClaimPaid" and v.final:
            self.claim_left = 0
            self.made.give_up((v.claim - v.paid) * native)
        elif log.event == "ClaimPaid":
            # an update of the vault follows the last part only
            self.balance += v.amount
            self.claim_left = v.claim - v.paid

    def receive_tip(self, amount: int, native: int) -> None:
        """Takes in a tip [native] that went to the vault's address; the update that follows knows the new balance."""
        self.made.receive_tip(amount * native)

    def receive_from_vault(self, amount: int, native: int) -> None:
        """Takes in what a vault withdrew straight to this one's address [native]: no other log tells of it here."""
        if not self.closed:
            self.balance += amount
            self.made.deposit(amount * native)

    def receive_from_insurance(self, amount: int, native: int) -> None:
        """Takes in what insurance added to a take [native]; it comes after the update of the vault."""
        self.balance += amount
        self.made.receive_from_insurance(amount * native)

    def _updated(self, log: Log) -> None:
        v = log.values
        word = VaultWord.unpack(v.word)
        self._before = self.legs
        self.owner, self.word, self.terms, self.balance = word.owner, v.word, v.terms, v.balance
        self.model = int(word.model)
        self.legs = tuple(Leg.unpack(one) for one in v.legs)

    def novated(self, one: Novation, value: int | None, native: int) -> None:
        """Takes in a novation that it took part in.

        Args:
            one: The novation.
            value: Mark of its legs as `to_id` got them [wad]; None when no node knew it. A fill needs none.
            native: Wad in one native unit of its token.
        """
        v = one.log.values
        sign, fee = (1, v.fees[1]) if v.to_id == self.vault_id else (-1, v.fees[0])
        legs = [Leg(leg.kind, leg.strike, sign * leg.quantity) for leg in legs_of(v.legs)]
        cash, worth = sign * v.cash * native, None if value is None else sign * value
        if one.kind == "fill":
            self.made.trade(legs, cash, fee * native)
        elif one.kind == "take":
            self.made.taken(legs, cash, fee * native, worth)
        else:
            self.made.regroup(legs, cash, fee * native, worth)

    def rest(self) -> None:
        """At the end of a block: without legs there is nothing that something was paid for."""
        if all(leg.is_money(self.made.packages.inverse) for leg in self.legs):
            self.made.packages.end()

    # --- as the database keeps it -----------------------------------------------------------------------------

    def row(self, deployment: int, block: int, at: int) -> dict[str, Any]:
        """A row of `vaults` and of `vault_states`."""
        made = self.made
        word, terms = VaultWord.unpack(self.word), Terms.unpack(self.terms)
        return {
            "deployment": deployment, "vault_id": self.vault_id, "owner": self.owner, "market": self.market,
            "model": self.model, "custody": self.custody, "expiry": terms.expiry, "epoch": word.epoch,
            "flagged": word.flagged, "debt": word.debt, "claim": word.claim, "closed": self.closed,
            "word": self.word, "terms": self.terms, "balance": self.balance,
            "legs": [[int(leg.kind), leg.strike, leg.quantity] for leg in self.legs],
            "opened_block": self.opened_block, "opened_at": self.opened_at, "block": block, "at": at,
            "paid_in": made.paid_in, "taken_out": made.taken_out, "fees": made.fees, "bonuses": made.bonuses,
            "tips": made.tips, "claim_left": self.claim_left, "debt_left": self.debt_left, "deficit": self.deficit,
            "realised": made.packages.realised, "packages": made.packages.dump(), "unknown": made.unknown,
        }  # fmt: skip

    @classmethod
    def load(cls, row: Mapping[str, Any], inverse: bool) -> Account:
        """From such a row, of a market that counts coins or not."""
        names = ("paid_in", "taken_out", "fees", "bonuses", "tips", "unknown")
        packages = Packages.load(row["packages"], row["realised"], inverse)
        return cls(
            vault_id=row["vault_id"], owner=row["owner"], market=row["market"], model=row["model"],
            custody=row["custody"], opened_block=row["opened_block"], opened_at=row["opened_at"], word=row["word"],
            terms=row["terms"], balance=row["balance"], legs=legs_from(row["legs"]), closed=row["closed"],
            claim_left=row["claim_left"], debt_left=row["debt_left"], deficit=row["deficit"],
            made=Made(**{name: row[name] for name in names}, packages=packages),
        )  # fmt: skip

    @classmethod
    def opened(cls, log: Log, at: int, inverse: bool) -> Account:
        """From the log of its opening, in a market that counts coins or not."""
        v = log.values
        model = Model(v.model)
        word = VaultWord.opened(v.owner, v.market, model)
        made = Made(packages=Packages(inverse))
        return cls(v.vault_id, v.owner, v.market, int(model), v.custody, log.block, at, word, made=made)


def legs_from(content: Sequence[Sequence[int]]) -> tuple[Leg, ...]:
    """Legs as the database keeps them."""
    return tuple(Leg(Kind(kind), strike, quantity) for kind, strike, quantity in content)
