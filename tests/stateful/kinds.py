"""What people do in the two markets of tests/stateful/two_kinds.py, and what they try across."""

from __future__ import annotations

from collections.abc import Callable

from bulkhead.chain.parameters import ParameterSet
from bulkhead.risk import exact
from bulkhead.risk.words import WAD, Kind, Leg, Model, RiskWord, Snapshot
from tests.stateful.two_kinds import EXPIRY, Place, TwoKinds
from tests.worlds.system import cash, future

STRIKES = (1600, 1800, 2000, 2200, 2600)
LIMITS = (-(2**255), 0, 0, 0, 0)
MAX = 2**256 - 1


class Kinds(TwoKinds):
    """The actions. Each returns what refused it, none when it passed."""

    def acts(self) -> dict[str, Callable[[Place], str | None]]:
        return {
            "trade": self.trade, "price moves": self.move, "price jumps": self.jump, "deposit": self.deposit,
            "withdraw": self.withdraw, "regroup": self.regroup, "another model": self.switch, "flag": self.flag,
            "take": self.take, "clear": self.clear, "refresh": self.refresh, "a trade across": self.across,
            "legs moved across": self.move_across, "a take across": self.take_across,
        }  # fmt: skip

    def open_positions(self) -> None:
        """Small vaults have sold options near the money, as a market has it when something happens."""
        for place in self.places:
            for vault in place.vaults[::2]:
                kind = self.draw.choice((Kind.CALL, Kind.PUT))
                legs = [Leg(kind, 2000 * 10**8, self.draw.randint(150, 500) * 10**4).pack()]
                cash_moved = -self._worth(place, legs, self.prices(place)) // place.native
                order = (vault, place.vaults[-1], EXPIRY, legs, cash_moved, [0, 0], self.system.at["Exchange"])
                seen = self.system.oracle.observe(place.market.index, EXPIRY)
                named = (vault, place.vaults[-1])
                house, exchange = self.system.clearinghouse, self.system.at["Exchange"]
                self.call(place, house, "novate", exchange, order, seen, named=named)

    def _owner(self, vault: int) -> str:
        return self.system.owner_of(vault)

    def _legs(self, place: Place, sold: bool) -> list[int]:
        """A leg or two, sometimes against money; all positive when they are sold."""
        count, inverse = self.draw.choice((1, 1, 2)), place.units.inverse
        made = {}
        for _ in range(count):
            kind, side = self.draw.choice((Kind.CALL, Kind.PUT)), 1 if sold else self.draw.choice((-1, 1))
            lots = round(10 ** self.draw.uniform(0.5, 2.8))
            one = Leg(kind, self.draw.choice(STRIKES) * 10**8, side * lots * 10**4)
            made[one.key] = one.pack()
        if self.draw.random() < 0.3:
            quote = self.draw.choice((-1, 1)) * self.draw.randint(1, 2000)
            made["cash"] = cash(quote)
            if self.draw.random() < 0.5:
                made["future"] = future(round(-quote / self.spot, 2 if not inverse else 6) or 0.01)
        return list(made.values())

    def trade(self, place: Place) -> str | None:
        giver, receiver = self.draw.sample(place.vaults, 2)
        sold = self.draw.random() < 0.6
        if sold:
            # the common case: a small vault sells to a large one
            giver, receiver = self.draw.choice(place.vaults[::2]), place.vaults[-1]
        legs, old = self._legs(place, sold), self.books[place.number]
        prices, market = self.prices(place), place.market
        if prices.seconds == 0:
            return "too late"
        cash_moved = 0
        if self.draw.random() < 0.8:
            # the receiver pays about what it gets
            worth = self._worth(place, legs, prices) * self.draw.choice((90, 100, 100, 110)) // 100
            cash_moved = -worth // place.native
        order = (giver, receiver, EXPIRY, legs, cash_moved, [0, 0], self.system.at["Exchange"])
        seen = self.system.oracle.observe(market.index, EXPIRY)
        told = self.call(
            place, self.system.clearinghouse, "novate", self.system.at["Exchange"], order, seen, named=(giver, receiver)
        )
        if told is None:
            self.gated(place, old, True, (giver, receiver))
        return told

    @staticmethod
    def _worth(place: Place, legs: list[int], prices: Snapshot) -> int:
        """Of legs at the mark [wad token]."""
        words, risk = [Leg.unpack(one) for one in legs], RiskWord.unpack(ParameterSet.default().words[0])
        return exact.assess(words, prices, risk, inverse=place.units.inverse).value

    def _push(self, factor: float, seconds: int) -> None:
        self.spot = min(max(self.spot * factor, 700.0), 5000.0)
        self.system.wait(max(min(seconds, EXPIRY - 3600 - self.system.now), 1))
        for place in self.places:
            self.system.push(self.spot, place.market)
            self.system.oracle.poke(place.market.index, 64)

    def move(self, place: Place) -> None:
        self._push(self.draw.uniform(0.98, 1.02), self.draw.randint(30, 3000))

    def jump(self, place: Place) -> None:
        self._push(self.draw.choice((0.8, 0.9, 1.1, 1.2)), 60)

    def deposit(self, place: Place) -> str | None:
        vault, number = self.draw.choice(place.vaults), place.number
        person, amount = self._owner(vault), self.draw.randint(0, place.market.unit)
        place.market.token.mint(person, amount)
        self.minted[number] += amount
        house = self.system.clearinghouse
        return self.call(place, house, "deposit", person, vault, person, amount, named=(vault,))

    def withdraw(self, place: Place) -> str | None:
        vault = self._holding(place)
        old, person = self.books[place.number], self._owner(vault)
        amount = int(old.vaults[vault].stored * self.draw.choice((0.05, 0.3, 0.8, 1.0)))
        found = self.standing(place, vault)
        if found is not None and self.draw.random() < 0.6:
            # what initial margin leaves, as people do who want leverage
            amount = max(found[0].equity - found[0].initial_margin * 21 // 20, 0) // place.native
        told = self.call(place, self.system.clearinghouse, "withdraw", person, vault, amount, person, named=(vault,))
        if told is None and amount:
            self.gated(place, old, False, (vault,))
        return told

    def regroup(self, place: Place) -> str | None:
        source = self._holding(place)
        person, old = self._owner(source), self.books[place.number]
        target = self.draw.choice([v for v in place.vaults if v != source and self._owner(v) == person])
        legs = list(old.vaults[source].legs)
        if not legs:
            return "nothing to move"
        moved = legs[: self.draw.randint(1, len(legs))]
        amount = self.draw.randint(-1, 1) * self.draw.randint(0, place.market.unit // 2)
        told = self.call(
            place, self.system.clearinghouse, "transfer_legs", person, source, target, moved, amount,
            named=(source, target),
        )  # fmt: skip
        if told is None:
            self.gated(place, old, False, (source, target))
        return told

    def switch(self, place: Place) -> str | None:
        vault = self.draw.choice(place.vaults)
        old, model = self.books[place.number], int(self.draw.choice(list(Model)))
        told = self.call(
            place, self.system.clearinghouse, "set_model", self._owner(vault), vault, model, named=(vault,)
        )
        if told is None:
            self.gated(place, old, False, (vault,))
        return told

    def _holding(self, place: Place) -> int:
        """A vault, rather one with legs."""
        held = [v for v, book in self.books[place.number].vaults.items() if book.legs]
        return self.draw.choice(held if held and self.draw.random() < 0.8 else place.vaults)

    def _unsafe(self, place: Place) -> list[int]:
        """Vaults that can be flagged, by the mirror."""
        found = {v: self.standing(place, v) for v, book in self.books[place.number].vaults.items() if not book.flagged}
        return [v for v, told in found.items() if told and not told[1] and told[0].equity < told[0].maintenance_margin]

    def _flagged(self, place: Place) -> int:
        books = self.books[place.number].vaults
        return self.draw.choice([v for v, book in books.items() if book.flagged] or place.vaults)

    def flag(self, place: Place) -> str | None:
        if self.draw.random() < 0.5:
            self._push(self.draw.choice((0.85, 1.15)), 60)
        # rather one that can be flagged: most are sound
        vault = self.draw.choice(self._unsafe(place) or [self._holding(place)])
        return self.call(place, self.system.liquidator, "flag", self.people[0], vault, named=(vault,))

    def take(self, place: Place) -> str | None:
        if self._unsafe(place):
            self.flag(place)
            self._push(1.0, 150)
        vault, taker = self._flagged(place), self.people[3]
        into = self.draw.choice([v for v in place.vaults if self._owner(v) == taker])
        share = self.draw.choice((WAD // 10, WAD // 2, WAD))
        return self.call(
            place, self.system.liquidator, "take", taker, vault, share, into, LIMITS, MAX, b"", named=(vault, into)
        )

    def clear(self, place: Place) -> str | None:
        vault = self._flagged(place)
        if self.draw.random() < 0.8:
            # back to where most of it was sold
            self._push(2000 / self.spot, 60)
        return self.call(place, self.system.liquidator, "clear", self.people[1], vault, named=(vault,))

    def refresh(self, place: Place) -> str | None:
        vault = self._flagged(place)
        return self.call(place, self.system.liquidator, "refresh", self.people[1], [vault], named=(vault,))

    def across(self, place: Place) -> str | None:
        here, there = self.draw.choice(place.vaults), self.draw.choice(self._other(place).vaults)
        order = (here, there, EXPIRY, self._legs(place, False), 0, [0, 0], self.system.at["Exchange"])
        seen = self.system.oracle.observe(place.market.index, EXPIRY)
        house, exchange = self.system.clearinghouse, self.system.at["Exchange"]
        return self.call(place, house, "novate", exchange, order, seen, named=(here, there))

    def move_across(self, place: Place) -> str | None:
        here = self.draw.choice(place.vaults)
        person = self._owner(here)
        there = self.draw.choice([v for v in self._other(place).vaults if self._owner(v) == person])
        legs = list(self.books[place.number].vaults[here].legs) or self._legs(place, False)
        house = self.system.clearinghouse
        return self.call(place, house, "transfer_legs", person, here, there, legs[:1], 0, named=(here, there))

    def take_across(self, place: Place) -> str | None:
        vault, taker = self._flagged(place), self.people[3]
        into = next(v for v in self._other(place).vaults if self._owner(v) == taker)
        return self.call(
            place, self.system.liquidator, "take", taker, vault, WAD, into, LIMITS, MAX, b"", named=(vault, into)
        )

    def _other(self, place: Place) -> Place:
        return self.places[1 - place.number]
