"""What keys that may only trade have cost a vault, counted from its books before and after each fill.

Stated from the specification (docs/orders.md) and not from the contract's own sums: what tokens and legs
at mark of a vault are worth less afterwards, at each point of an uncertain price, with tokens that come back only at
the expiry and claims that known deficits may cut counted as gone. Who may do what is kept here too, by the grants that
passed: a fill by an owner, or by who may withdraw, is no key's and is not bounded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from bulkhead.chain.words import VaultWord, legs_of
from bulkhead.operators import Permission
from bulkhead.risk import exact
from bulkhead.risk.invariants import VaultBook
from bulkhead.risk.words import WAD, Kind, Leg, Snapshot, Units
from tests.stateful.rows import notional

DAY = 86_400
ALL = Permission.TRADE | Permission.WITHDRAW | Permission.MANAGE
#: A fill by a key may cost one part in so many of its notional, and a day one part in so many of the equity.
FILL_SHARE, DAY_SHARE = 100, 20
#: What a payoff is beyond so many times spot counts for nothing.
FAR = 4
#: Rounding of marks [wad].
DUST = 10**9


@dataclass(frozen=True)
class Fill:
    """One side of a fill as its books tell it.

    Attributes:
        old: The vault before.
        new: After.
        fee: What it paid [native].
        deficit: Recorded in its cell before [wad].
        prices: Of the cell.
        native: Wad of one unit of the token.
        units: What the market counts in.
    """

    old: VaultBook
    new: VaultBook
    fee: int
    deficit: int
    prices: Snapshot
    native: int
    units: Units

    @property
    def moved(self) -> list[Leg]:
        """What the vault received."""
        quantities: dict[int, int] = {}
        words: dict[int, Leg] = {}
        for book, sign in ((self.new, 1), (self.old, -1)):
            for leg in legs_of(book.legs):
                quantities[leg.key] = quantities.get(leg.key, 0) + sign * leg.quantity
                words[leg.key] = leg
        return [Leg(words[key].kind, words[key].strike, many) for key, many in quantities.items() if many]

    @property
    def received(self) -> int:
        """Tokens without the fee [wad]; less than 0 for what it paid."""
        return (self.new.stored - self.old.stored + self.fee) * self.native

    def worth(self, book: VaultBook, at: Snapshot) -> int:
        """Legs at mark [wad]."""
        return exact.mark(list(legs_of(book.legs)), at, self.units.inverse) if book.legs else 0

    def locked(self) -> int:
        """Of the tokens paid, what comes back at expiry whatever the price; not what repays its own debt [wad]."""
        paid = max(-self.received, 0)
        money = Kind.FUTURE if self.units.inverse else Kind.CASH
        claim = sum(leg.quantity for leg in self.moved if leg.kind == money)
        owed = sum(max(-leg.quantity, 0) for leg in legs_of(self.old.legs) if leg.kind == money)
        spot = Fraction(self.prices.spot, WAD)
        prices = [spot / FAR if self.units.inverse else Fraction(0), spot * FAR]
        prices += [Fraction(leg.strike, 10**8) for leg in self.moved if leg.strike]
        least = min(self._payoff(price) for price in prices)
        certain = max(claim * 10**12, int(least * 10**12))
        return min(paid, max(certain - min(owed, max(claim, 0)) * 10**12, 0))

    def _payoff(self, price: Fraction) -> Fraction:
        """Of what was received, at a settlement price [1e-6 token]."""
        total = Fraction(0)
        for leg in self.moved:
            strike = Fraction(leg.strike, 10**8)
            each = {
                Kind.CALL: max(price - strike, Fraction(0)), Kind.PUT: max(strike - price, Fraction(0)),
                Kind.FUTURE: price, Kind.CASH: Fraction(1),
            }[leg.kind]  # fmt: skip
            total += leg.quantity * each
        return total / price if self.units.inverse else total

    def losses(self) -> list[tuple[int, int, int]]:
        """(what the fill alone cost, what counts for the day, equity before) at each point of the price [wad]."""
        found = []
        for at in self.prices.points():
            old, new = self.worth(self.old, at), self.worth(self.new, at)
            alone = self.locked() - (new - old + self.received)
            # inside of a vault debts pay for claims: others owe it what it is worth above nothing
            claim = max(max(new, 0) - max(old, 0), 0)
            whole = alone + self.fee * self.native + min(self.deficit, claim)
            found.append((alone, max(whole, 0), self.old.collateral + old))
        return found


@dataclass
class KeyLedger:
    """Grants that passed, and what keys have cost.

    Attributes:
        grants: (permissions, last moment) by vault, epoch and account.
        lost: ((day, epoch), what it has cost) by vault [wad]: what another owner lost binds nobody.
        worst: The largest share of its equity that keys have cost a vault in a day.
    """

    grants: dict[tuple[int, int, str], tuple[int, int]] = field(default_factory=dict)
    lost: dict[int, tuple[tuple[int, int], int]] = field(default_factory=dict)
    worst: float = 0.0

    def rights(self, book: VaultBook, account: str, now: int) -> Permission:
        """What an account may do for a vault."""
        word = VaultWord.unpack(book.own[0])
        if int(word.owner, 16) == int(account, 16):
            return ALL
        mask, until = self.grants.get((book.vault_id, word.epoch, account), (0, 0))
        return Permission(mask if now <= until else 0)

    def is_key(self, book: VaultBook, account: str, now: int) -> bool:
        """Whether it acts as one who may trade and not withdraw."""
        rights = self.rights(book, account, now)
        return bool(rights & Permission.TRADE) and not rights & Permission.WITHDRAW

    def fill(self, side: Fill, now: int) -> list[str]:
        """A fill by a key that passed; what it broke."""
        if not side.prices.is_usable:
            return ["a key traded without a usable price"]
        day, vault, earlier = _day(side.old, now), side.old.vault_id, self.today(side.old, now)
        most, broken = earlier, []
        for (alone, whole, equity), at in zip(side.losses(), side.prices.points(), strict=True):
            allowed = notional(side.moved, at, side.units.inverse) // FILL_SHARE
            if alone > allowed + DUST:
                broken.append(f"a key's fill of vault {vault} cost {alone / WAD:f} of {allowed / WAD:f}")
            if not whole:
                continue
            most = max(most, earlier + whole)
            if (earlier + whole - DUST) * DAY_SHARE > equity:
                broken.append(f"keys cost vault {vault} {(earlier + whole) / WAD:f} of {equity / WAD:f} today")
            self.worst = max(self.worst, (earlier + whole) / max(equity, 1))
        self.lost[vault] = day, most
        return broken

    def today(self, book: VaultBook, now: int) -> int:
        """What keys have cost a vault today, under this owner [wad]."""
        day, lost = self.lost.get(book.vault_id, ((0, 0), 0))
        return lost if day == _day(book, now) else 0


def _day(book: VaultBook, now: int) -> tuple[int, int]:
    return now // DAY, VaultWord.unpack(book.own[0]).epoch
