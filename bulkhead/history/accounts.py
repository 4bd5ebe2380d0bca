"""One vault through its logs: what it is, what went in and out, and what it paid for what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bulkhead.chain.abi.codec import Record
from bulkhead.chain.contract import Log
from bulkhead.chain.words import Model, Terms, VaultWord
from bulkhead.history.packages import Packages, money_of
from bulkhead.risk.words import Kind, Leg

#: Why the profit of a vault cannot be told.
UNPRICED = "legs moved at a moment of which no node knew the prices"
SOLD = "the vault has changed hands"


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
        paid_in: Tokens, and value of legs of other vaults of its owner, that came in [wad].
        taken_out: The same that went out [wad].
        fees: Fees of trades, and what takes paid into insurance [wad].
        bonuses: What takes gave it against mark, below 0 for what they cost it [wad].
        tips: Tips that left it, less those that came in [wad].
        claim_left: What its cell has not paid of its claim [native].
        debt_left: What it owes its cell because its token refused to move [native].
        deficit: What its cell counts as lacking in it [1e-6 token].
        packages: What it paid for what it holds.
        unknown: Why its profit cannot be told, empty when it can.
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
    paid_in: int = 0
    taken_out: int = 0
    fees: int = 0
    bonuses: int = 0
    tips: int = 0
    claim_left: int = 0
    debt_left: int = 0
    deficit: int = 0
    packages: Packages = field(default_factory=Packages)
    unknown: str = ""
    _before: tuple[Leg, ...] = field(default=(), repr=False)

    # --- what happens -----------------------------------------------------------------------------------------

    def take(self, log: Log, native: int) -> None:
        """Takes in a log about the vault that is no novation.

        Args:
            log: The log.
            native: Wad in one native unit of its token.
        """
        v = log.values
        if log.event == "VaultUpdated":
            self._updated(log)
        elif log.event == "Deposited":
            self.balance, self.paid_in = v.balance, self.paid_in + v.amount * native
        elif log.event == "Withdrawn":
            self.balance, self.taken_out = v.balance, self.taken_out + v.amount * native
        elif log.event == "VaultTransferred":
            self._sold(v.receiver, v.epoch)
        elif log.event == "VaultClosed":
            self.closed, self.balance, self.legs = True, 0, ()
            self.taken_out += v.amount * native
        elif log.event == "TipPaid":
            self.tips += v.amount * native
        elif log.event == "VaultSettled":
            held = self.legs or self._before
            self.packages.settle((v.net + v.shortfall) * native - money_of(held, self.packages.inverse))
            self.claim_left, self.debt_left = max(v.net, 0), v.debt
        elif log.event == "ClaimPaid":
            self._claimed(v, native)
        elif log.event == "DebtRepaid":
            self.debt_left = v.debt
        elif log.event == "DeficitRecorded":
            self.deficit = v.deficit

    def receive_tip(self, amount: int, native: int) -> None:
        """Takes in a tip that went to the vault's address; the update that follows knows the new balance."""
        self.tips -= amount * native

    def top_up(self, amount: int, native: int) -> None:
        """Takes in what insurance added to a take [native]: it comes after the update of the vault."""
        self.balance += amount
        self.bonuses += amount * native

    def _sold(self, receiver: str, epoch: int) -> None:
        """The vault has another owner: its word says so from then on, and no update follows."""
        self.owner, self.unknown = receiver, self.unknown or SOLD
        self.word = VaultWord.handed_over(self.word, receiver, epoch)

    def _claimed(self, v: Record, native: int) -> None:
        """Part of a claim came in. Only the last part is followed by an update of the vault, which has come before."""
        if v.final:
            self.claim_left = 0
            self.packages.realised -= (v.claim - v.paid) * native
        else:
            self.balance += v.amount
            self.claim_left = v.claim - v.paid

    def _updated(self, log: Log) -> None:
        v = log.values
        word = VaultWord.unpack(v.word)
        self._before = self.legs
        self.owner, self.word, self.terms, self.balance = word.owner, v.word, v.terms, v.balance
        self.model = int(word.model)
        self.legs = tuple(Leg.unpack(one) for one in v.legs)

    def move(self, legs: Sequence[Leg], cash: int, fee: int, kind: str, value: int | None) -> None:
        """Legs and tokens that came in by a novation.

        Args:
            legs: The legs, with their sign for this vault.
            cash: Tokens that came in [wad].
            fee: Fee it paid [wad].
            kind: "fill", "take" or "move".
            value: Mark of the legs [wad]; None when no node knew it. A fill needs none.
        """
        self.fees += fee
        if kind == "fill":
            self.packages.trade(legs, -cash)
        elif value is None:
            self.unknown = self.unknown or UNPRICED
            self.packages.lots.clear()
        else:
            self.packages.give(legs, value)
            gain = value + cash
            if kind == "take":
                self.bonuses += gain
            elif gain >= 0:
                self.paid_in += gain
            else:
                self.taken_out -= gain

    def rest(self) -> None:
        """At the end of a block: without legs there is nothing that something was paid for."""
        if all(leg.is_money(self.packages.inverse) for leg in self.legs):
            self.packages.end()

    # --- as the database keeps it -----------------------------------------------------------------------------

    def row(self, deployment: int, block: int, at: int) -> dict[str, Any]:
        """A row of `vaults` and of `vault_states`."""
        word, terms = VaultWord.unpack(self.word), Terms.unpack(self.terms)
        return {
            "deployment": deployment, "vault_id": self.vault_id, "owner": self.owner, "market": self.market,
            "model": self.model, "custody": self.custody, "expiry": terms.expiry, "epoch": word.epoch,
            "flagged": word.flagged, "debt": word.debt, "claim": word.claim, "closed": self.closed,
            "word": self.word, "terms": self.terms, "balance": self.balance,
            "legs": [[int(leg.kind), leg.strike, leg.quantity] for leg in self.legs],
            "opened_block": self.opened_block, "opened_at": self.opened_at, "block": block, "at": at,
            "paid_in": self.paid_in, "taken_out": self.taken_out, "fees": self.fees, "bonuses": self.bonuses,
            "tips": self.tips, "claim_left": self.claim_left, "debt_left": self.debt_left, "deficit": self.deficit,
            "realised": self.packages.realised, "packages": self.packages.dump(),
            "unknown": self.unknown,
        }  # fmt: skip

    @classmethod
    def load(cls, row: Mapping[str, Any], inverse: bool) -> Account:
        """From such a row, of a market that counts coins or not."""
        return cls(
            vault_id=row["vault_id"], owner=row["owner"], market=row["market"], model=row["model"],
            custody=row["custody"], opened_block=row["opened_block"], opened_at=row["opened_at"], word=row["word"],
            terms=row["terms"], balance=row["balance"], legs=legs_from(row["legs"]), closed=row["closed"],
            paid_in=row["paid_in"], taken_out=row["taken_out"], fees=row["fees"], bonuses=row["bonuses"],
            tips=row["tips"], claim_left=row["claim_left"], debt_left=row["debt_left"], deficit=row["deficit"],
            packages=Packages.load(row["packages"], row["realised"], inverse), unknown=row["unknown"],
        )  # fmt: skip

    @classmethod
    def opened(cls, log: Log, at: int, inverse: bool) -> Account:
        """From the log of its opening, in a market that counts coins or not."""
        v = log.values
        model = Model(v.model)
        word = VaultWord.opened(v.owner, v.market, model)
        return cls(
            v.vault_id, v.owner, v.market, int(model), v.custody, log.block, at, word, packages=Packages(inverse)
        )


def legs_from(content: Sequence[Sequence[int]]) -> tuple[Leg, ...]:
    """Legs as the database keeps them."""
    return tuple(Leg(Kind(kind), strike, quantity) for kind, strike, quantity in content)
