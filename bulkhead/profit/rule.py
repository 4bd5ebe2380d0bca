"""The one rule of profit and entry: what a vault has made, and what it paid for what it holds.

    profit = worth + taken_out - paid_in        worth = tokens + legs at mark + claim - debt
           = realised + (legs at mark - their cost) - fees + bonuses - tips

A deposit of the standing top-up is its owner's. What one vault withdraws straight to the address of another is a
deposit there. Legs that change vaults without a trade count at mark: between vaults
of one owner they are paid in and taken out; in a take what they miss the mark by is a bonus. Entry is the average cost
of a package as it was traded (`profit/packages`). Amounts are wad of the market's token. Whoever shows, sums or
exports a profit asks here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from bulkhead.profit.packages import Packages
from bulkhead.risk.marks import mark
from bulkhead.risk.words import Leg, Snapshot

Amount = TypeVar("Amount", int, Decimal)

#: Why the profit of a vault cannot be told.
UNPRICED = "legs moved at a moment of which no node knew the prices"
SOLD = "the vault has changed hands"


def value_of(legs: Sequence[Leg], prices: Snapshot | None, inverse: bool) -> int | None:
    """Legs at mark, what comes in being above 0; None without prices, or where they give none."""
    if prices is None or not prices.spot:
        return None
    try:
        return mark(legs, prices, inverse)
    except (ValueError, ArithmeticError):
        return None


def worth_of(tokens: Amount, value: Amount, claim: Amount, debt: Amount) -> Amount:
    """What a vault is worth.

    Args:
        tokens: Tokens at its address.
        value: Its legs at mark.
        claim: What its cell has not paid of its claim.
        debt: What it owes its cell because its token refused to move.
    """
    return tokens + value + claim - debt


def profit_of(worth: Amount, paid_in: Amount, taken_out: Amount) -> Amount:
    """What a vault has made."""
    return worth + taken_out - paid_in


def bonus_of(value: int, cash: int, top_up: int) -> int:
    """What a take gave the taker against mark.

    Args:
        value: Mark of the legs that the taker got.
        cash: Tokens that came with them, below 0 for what the taker paid.
        top_up: What insurance added.
    """
    return value + cash + top_up


@dataclass
class Made:
    """What came into one vault and left it.

    Attributes:
        paid_in: Tokens, and value of legs of other vaults of its owner, that came in.
        taken_out: The same that went out.
        fees: Fees of trades, and what takes paid into insurance.
        bonuses: What takes gave it against mark, below 0 for what they cost it.
        tips: Tips that left it, less those that came in.
        packages: What it paid for what it holds.
        unknown: Why its profit cannot be told, empty when it can.
    """

    paid_in: int = 0
    taken_out: int = 0
    fees: int = 0
    bonuses: int = 0
    tips: int = 0
    packages: Packages = field(default_factory=Packages)
    unknown: str = ""
    _on_their_way: int = field(default=0, repr=False)

    # --- tokens -----------------------------------------------------------------------------------------------

    def deposit(self, amount: int, from_top_up: bool = False) -> None:
        """Tokens came in; the standing top-up also brings back a tip that went to it."""
        back = min(amount, self._on_their_way) if from_top_up else 0
        self._on_their_way -= back
        self.paid_in += amount - back

    def withdraw(self, amount: int) -> None:
        """Tokens went out to whom the owner named."""
        self.taken_out += amount

    def pay_tip(self, amount: int, to_top_up: bool = False) -> None:
        """A tip left; what the standing top-up gets it puts back into the vault within the same call."""
        if to_top_up:
            self._on_their_way += amount
        else:
            self.tips += amount

    def receive_tip(self, amount: int) -> None:
        """A tip came in."""
        self.tips -= amount

    def receive_from_insurance(self, amount: int) -> None:
        """Insurance added to what a take gave."""
        self.bonuses += amount

    # --- legs -------------------------------------------------------------------------------------------------

    def trade(self, legs: Sequence[Leg], cash: int, fee: int) -> None:
        """A fill: legs and tokens that came in, with their signs, and the fee."""
        self.fees += fee
        self.packages.trade(legs, -cash)

    def taken(self, legs: Sequence[Leg], cash: int, fee: int, value: int | None) -> None:
        """A take from this vault or into it: the same, with the mark of the legs; None when no node knew it."""
        gain = self._moved(legs, cash, fee, value)
        self.bonuses += gain

    def regroup(self, legs: Sequence[Leg], cash: int, fee: int, value: int | None) -> None:
        """A move between vaults of one owner."""
        gain = self._moved(legs, cash, fee, value)
        self.paid_in += max(gain, 0)
        self.taken_out += max(-gain, 0)

    def _moved(self, legs: Sequence[Leg], cash: int, fee: int, value: int | None) -> int:
        """What came in by legs that moved at mark."""
        self.fees += fee
        if value is None:
            self.unknown = self.unknown or UNPRICED
            self.packages.lots.clear()
            return 0
        self.packages.give(legs, value)
        return value + cash

    def settle(self, net: int) -> None:
        """Everything ends and gives so much, without what was never there to be paid."""
        self.packages.settle(net)

    def give_up(self, amount: int) -> None:
        """The rest of a claim will never be paid."""
        self.packages.realised -= amount

    def change_hands(self) -> None:
        """What the buyer paid is not known."""
        self.unknown = self.unknown or SOLD
