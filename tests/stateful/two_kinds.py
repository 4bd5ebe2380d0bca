"""A market that counts coins beside a linear one, in tokens of 6, 8 and 18 decimals: nothing crosses.

Both are real, on one Clearinghouse; an episode draws what their tokens are, and every other one has one price. Four
people with vaults in both trade, withdraw, switch models, flag, take and cure at random, and try to move legs across;
then both cells settle. After each step: all sums, custody, conservation of either token to its unit, the ring-fence,
vaults of the other market as they were, the book of the logs equal to the chain, the mirror equal to the wei, a row for
each changed vault, and a vault flaggable exactly when its mirror says so.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import boa

from bulkhead.chain.invariant_state import untold
from bulkhead.chain.vaults_from_logs import Book
from bulkhead.chain.words import VaultWord, legs_of
from bulkhead.risk import exact, invariants, margin
from bulkhead.risk.invariants import Books
from bulkhead.risk.words import LINEAR, WAD, Model, RiskWord, Snapshot, Units
from tests.evm import Env
from tests.matrix.run import reason_of
from tests.stateful.folded import Folded
from tests.stateful.ledger import TOLD, events_of, told_as_now
from tests.stateful.rows import Change, Terms, row_of
from tests.stateful.tally import Tally
from tests.worlds.books import cell_book, vault_book
from tests.worlds.system import Market, System, weekly

EXPIRY = weekly()
#: (decimals, digits of the unit) of a coin.
COINS = ((18, 3), (8, 5), (6, 3))
EPISODE = 120
#: So often the index is compared with the chain [steps].
COMPARED = 100
#: Nobody gets these past the Clearinghouse.
FORBIDDEN = ("a trade across", "legs moved across", "a take across")


@dataclass
class Place:
    """One market of an episode.

    Attributes:
        market: It.
        units: What it counts in.
        vaults: Ids.
    """

    market: Market
    units: Units
    vaults: list[int]

    @property
    def number(self) -> int:
        """0 or 1."""
        return self.market.index - 1

    @property
    def native(self) -> int:
        """Wad of one unit of its token."""
        return int(10 ** (18 - self.market.decimals))


class TwoKinds(Tally):
    """The two markets, their people, and what was seen.

    Attributes:
        by_row: How often each row of the margin table let a vault through, by kind of market.
        tokens: Episodes, by the decimals of their tokens.
        priced: Episodes, by whether the coin market goes by the linear one's prices.
        second_feed: Whether the linear market has one.
        stakes: What the vaults of each person start with [quote].
    """

    second_feed = False
    stakes: tuple[tuple[int, ...], ...] = ((2_500, 25_000),) * 3 + ((2_500, 400_000),)

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.draw = random.Random(seed)
        self.by_row: Counter[tuple[str, int]] = Counter()
        self.tokens: Counter[str] = Counter()
        self.priced: Counter[str] = Counter()
        self.actions: dict[str, Callable[[Place], str | None]] = self.acts()

    def acts(self) -> dict[str, Callable[[Place], str | None]]:
        """What can happen in a market, by name."""
        raise NotImplementedError

    # --- an episode -------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Two markets, a rich and a poor vault of each person in both."""
        linear, (coin, digits) = self.draw.choice((6, 8, 18)), self.draw.choice(COINS)
        self.tokens[f"{linear} and {coin} decimals"] += 1
        # every other episode; with a second feed the two markets are to meet different prices
        one_price = not self.second_feed and self.priced.total() % 2 == 1
        self.priced["one price" if one_price else "a price each"] += 1
        self.spot = 2000.0
        self.system = system = System(decimals=linear, second_feed=self.second_feed)
        self.people = self.folk()
        coins = system.list_market(2, coin, digits=digits, price_market=system.market if one_price else None)
        self.places = [Place(system.market, LINEAR, []), Place(coins, Units(True, digits), [])]
        for place in self.places:
            for number, person in enumerate(self.people):
                for quote in self.stakes[number]:
                    size = quote / 2000 if place.units.inverse else quote
                    place.vaults.append(system.open(person, size, place.market, self.draw.choice(list(Model))))
        self.speakers = {name: system.at[name] for name in TOLD}
        house = system.clearinghouse
        self.holders = [
            *self.people, boa.env.eoa, system.at["Exchange"],
            *(system.insurance.pot(p.market.index) for p in self.places),
            *(house.cell_custody(p.market.index, EXPIRY) for p in self.places),
        ]  # fmt: skip
        self.custodies = {v: house.custody(v) for place in self.places for v in place.vaults}
        self.minted = [place.market.token.totalSupply() for place in self.places]
        self.books = [self._read(place) for place in self.places]
        self.book = Book()
        for place in self.places:
            for vault in place.vaults:
                self.book.apply(told_as_now(house, vault))
        self.folded = Folded(system)
        self.open_positions()

    def folk(self) -> list[str]:
        """Who owns vaults."""
        return [str(boa.env.generate_address(f"person {i}")) for i in range(len(self.stakes))]

    def open_positions(self) -> None:
        """What there is before the first step."""
        raise NotImplementedError

    def _read(self, place: Place) -> Books:
        house, system = self.system.clearinghouse, self.system
        vaults = {
            v: vault_book(house, place.market.token, v, self.custodies[v], place.native, place.units)
            for v in place.vaults
        }
        cell = place.market.index, EXPIRY
        counted = cell_book(house, *cell, settling=system.expiries.price(*cell) != 0)
        return Books(vaults, {cell: counted}, {cell[0]: house.market(cell[0])[2]})

    # --- one call ---------------------------------------------------------------------------------------------------

    def call(
        self, place: Place, contract: Any, name: str, sender: str, *arguments: Any, named: Sequence[int]
    ) -> str | None:
        """Makes a call about some vaults of a market and asks after everything; what refused it."""
        try:
            getattr(contract, name)(*arguments, sender=sender)
        except boa.BoaError as error:
            return reason_of(error)
        where = f"{name} of {list(named)} in market {place.market.index}"
        self.book.apply(events_of(contract._computation, self.speakers))
        self._check(where, named)
        return None

    def _check(self, where: str, named: Sequence[int]) -> None:
        before, self.books = self.books, [self._read(place) for place in self.places]
        everything = Books({**self.books[0].vaults, **self.books[1].vaults}, {})
        self.demand(untold(self.book, everything), where)
        for place, old, new, minted in zip(self.places, before, self.books, self.minted, strict=True):
            held = sum(place.market.token.balanceOf(one) for one in {*self.holders, *self.custodies.values()})
            self.demand(invariants.ring_fence(old, new, named), where)
            self.demand(invariants.broken(new), where)
            self.demand(invariants.conservation([held], minted), where)

    def gated(self, place: Place, old: Books, fill: bool, named: Sequence[int]) -> None:
        """INV-05 of vaults whose owners acted, in either kind of market."""
        prices = self.prices(place)
        new = self.books[place.number]
        kind = "inverse" if place.units.inverse else "linear"
        for vault in named:
            risk = self.system.clearinghouse.load(vault).vault.risk
            terms = Terms(prices, place.native, place.units)
            change = Change.of((old.vaults[vault], new.vaults[vault]), risk, terms, 0)
            row = row_of(change, fill)
            self.by_row[kind, row] += 1
            self.demand(
                [] if row else [f"INV-05: vault {vault} of a {kind} market passed no row of the margin table"], "gate"
            )

    # --- the mirror -------------------------------------------------------------------------------------------------

    def prices(self, place: Place) -> Snapshot:
        return self.system.snapshot(EXPIRY, place.market)

    def standing(self, place: Place, vault: int) -> tuple[margin.Standing, bool] | None:
        """(standing, covered) by the mirror alone, none without legs."""
        loaded = self.system.clearinghouse.load(vault)
        legs, prices = list(legs_of(loaded.legs)), self.prices(place)
        if not legs or prices.seconds == 0:
            return None
        book = self.books[place.number].vaults[vault]
        word, risk = VaultWord.unpack(loaded.vault.word), RiskWord.unpack(loaded.vault.risk)
        own = risk.stamped(loaded.vault.terms >> 225) if word.model == Model.STATIC else risk
        assessed = exact.assess(legs, prices, own, model=word.model, inverse=place.units.inverse)
        return margin.resolve(assessed, book.collateral, risk, prices, units=place.units), book.is_covered

    def compare(self, place: Place, vault: int) -> None:
        """`quote` sees a vault as the mirror does, and a flag passes exactly when the mirror says so."""
        found, prices = self.standing(place, vault), self.prices(place)
        if found is None or not prices.is_active:
            return
        standing, covered = found
        quoted = self.system.liquidator.quote(vault, WAD)
        told = quoted.equity, quoted.mm, quoted.target
        mirror = standing.equity, standing.maintenance_margin, standing.target
        self.demand([] if told in (mirror, (0, 0, 0)) else [f"mirror: {told} on chain, {mirror} here"], "quote")
        if self.books[place.number].vaults[vault].flagged:
            return
        unsafe = not covered and standing.equity < standing.maintenance_margin
        with boa.env.anchor():
            try:
                self.system.liquidator.flag(vault)
                flagged = True
            except boa.BoaError:
                flagged = False
        wrong = [] if flagged == unsafe else [f"INV-06, INV-12, INV-13: unsafe {unsafe}, flagged {flagged}"]
        self.demand(wrong, "flag")

    # --- steps -------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """One action in one of the markets, and all promises."""
        self.steps += 1
        # there is something to flag where many have traded
        often = ("trade", "trade", "withdraw", "price jumps", "flag", "take")
        name, place = self.draw.choice([*self.actions, *often]), self.draw.choice(self.places)
        told = self.actions[name](place)
        self.count(name, told)
        self.demand([] if told or name not in FORBIDDEN else [f"{name} passed"], name)
        for one in self.places:
            self.compare(one, self.draw.choice(one.vaults))

    # --- the end ----------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Both cells settle: one ratio for every claim, nothing but dust is left, and nothing has crossed."""
        system = self.system
        while system.now < EXPIRY:
            system.wait(min(600, EXPIRY - system.now))
            for place in self.places:
                system.push(self.spot, place.market)
        system.wait(301)
        for place in self.places:
            self._settle(place)
        self.seen["settled"] += 1

    def _settle(self, place: Place) -> None:
        system, index = self.system, place.market.index
        for _ in range(4):
            if system.settlement.fix(index, EXPIRY, []):
                break
        vaults = list(place.vaults)
        self.draw.shuffle(vaults)
        for vault in vaults:
            if self.books[place.number].vaults[vault].legs:
                told = self.call(place, system.settlement, "settle", boa.env.eoa, vault, named=(vault,))
                self.demand([f"INV-12: settle is refused, {told}"] if told else [], "settlement")
        cell = system.settlement.cell_state(index, EXPIRY)
        claims = {v: system.settlement.claim_of(v).amount for v in vaults}
        self.demand([] if cell.claims == sum(claims.values()) else ["INV-11: claims"], "settlement")
        for vault, amount in claims.items():
            if amount:
                before = self.books[place.number].vaults[vault].stored
                self.call(place, system.settlement, "claim", boa.env.eoa, vault, named=(vault,))
                paid = self.books[place.number].vaults[vault].stored - before
                due = min(amount, amount * cell.received // cell.claims)
                self.demand([] if paid == due else [f"INV-11: {paid} paid, {due} due"], "claim")

    def go(self, steps: int) -> Self:
        """So many steps, in episodes."""
        while self.steps < steps:
            with boa.swap_env(Env(keeps_logs=True)):
                self.begin()
                for number in range(1, min(EPISODE, steps - self.steps) + 1):
                    self.step()
                    if number % COMPARED == 0:
                        self.demand(self.folded.differences(), "index")
                self.settle()
                self.demand(self.folded.differences(), "index after the settlement")
                self.folded.close()
        return self

    def never(self) -> list[str]:
        """Actions that were never accepted, and those that must not be and were never tried."""
        return self.lacking([*self.actions, "settled"], FORBIDDEN)

    def text(self) -> str:
        """How often each action and each reason was seen."""
        head = f"markets of both kinds: {self.steps} steps; episodes: {dict(self.tokens)}, {dict(self.priced)}"
        rows = ", ".join(f"{kind} {row}: {n}" for (kind, row), n in sorted(self.by_row.items()))
        return "\n".join([head, *self.lines([*self.actions, "settled"]), f"rows of the margin table: {rows}"])
