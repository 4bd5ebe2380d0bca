"""The rule of profit against wallets that are counted apart: nothing is made that nobody paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bulkhead.profit.packages import MICRO_WAD, Packages, entry_price
from bulkhead.profit.rule import UNPRICED, Made, bonus_of, profit_of, worth_of
from bulkhead.risk.words import Kind, Leg

#: Vaults of two people, by their place in a list.
OWNERS = ("Ada", "Ada", "Ben", "Ben")
SERIES = ((Kind.CALL, 200), (Kind.PUT, 200), (Kind.CALL, 250), (Kind.FUTURE, 0))
WAD = 10**18


@dataclass
class Place:
    """A vault as a ledger would count it.

    Attributes:
        made: What the rule says of it.
    """

    made: Made
    tokens: int = 0
    legs: Counter[tuple[Kind, int]] = field(default_factory=Counter)
    debt: int = 0


class World:
    """Four vaults, two wallets, and who else pays or is paid. Amounts are wad, marks wad of 1e-6 contracts."""

    def __init__(self, inverse: bool) -> None:
        self.inverse = inverse
        money = Kind.FUTURE if inverse else Kind.CASH
        self.money = (money, 0)
        self.series = [*SERIES[:3], (Kind.CASH, 0) if inverse else SERIES[3]]
        self.places = [Place(Made(packages=Packages(inverse))) for _ in OWNERS]
        self.wallets: Counter[str] = Counter()
        self.tips: Counter[str] = Counter()
        self.marks = dict.fromkeys(self.series, 20 * MICRO_WAD) | {self.money: MICRO_WAD}

    def value(self, legs: Sequence[Leg]) -> int:
        return sum(self.marks[leg.kind, leg.strike] * leg.quantity for leg in legs)

    def held(self, place: Place) -> list[Leg]:
        return [Leg(kind, strike, q) for (kind, strike), q in place.legs.items() if q]

    def worth(self, place: Place) -> int:
        return worth_of(place.tokens, self.value(self.held(place)), 0, place.debt)

    def _move(self, place: Place, legs: Sequence[Leg], tokens: int) -> None:
        place.tokens += tokens
        for leg in legs:
            place.legs[leg.kind, leg.strike] += leg.quantity

    def rest(self) -> None:
        for place in self.places:
            if all(leg.is_money(self.inverse) for leg in self.held(place)):
                place.made.packages.end()

    # --- what happens -------------------------------------------------------------------------------------------------

    def pay_in(self, at: int, amount: int, tip: int) -> None:
        """A deposit, or with a tip the standing top-up of a flagged vault, which brings the tip back."""
        place = self.places[at]
        self.wallets[OWNERS[at]] -= amount
        place.tokens += amount
        place.made.deposit(amount, from_top_up=tip > 0)
        if tip:
            place.made.pay_tip(tip, to_top_up=True)
            place.made.deposit(tip, from_top_up=True)

    def pay_out(self, at: int, amount: int) -> None:
        self.places[at].tokens -= amount
        self.wallets[OWNERS[at]] += amount
        self.places[at].made.withdraw(amount)

    def tip(self, at: int, amount: int, to: int) -> None:
        """To the wallet of somebody, or with `to` below 4 to the address of a vault."""
        place = self.places[at]
        place.tokens -= amount
        place.made.pay_tip(amount)
        if to < len(OWNERS):
            self.places[to].tokens += amount
            self.places[to].made.receive_tip(amount)
        else:
            who = (*OWNERS[1:3], "keeper")[to - len(OWNERS)]
            self.wallets[who] += amount
            self.tips[who] += amount

    def fill(self, seller: int, buyer: int, legs: Sequence[Leg], price: int, fees: tuple[int, int], late: bool) -> None:
        """A trade; a premium that is paid late is a leg of money."""
        moved, cash = list(legs), -price
        if late:
            moved.append(Leg(*self.money, -price // MICRO_WAD))
            cash = -(price % MICRO_WAD)
        for at, sign, fee in ((seller, -1, fees[0]), (buyer, 1, fees[1])):
            mine = [Leg(leg.kind, leg.strike, sign * leg.quantity) for leg in moved]
            self._move(self.places[at], mine, sign * cash - fee)
            self.places[at].made.trade(mine, sign * cash, fee)
            self.wallets["exchange"] += fee

    def hand_on(self, source: int, target: int, share: int, cash: int, take: tuple[int, int] | None) -> None:
        """A share [1/8] of all legs with some tokens: to a vault of the owner, or by a take with (cut, top-up)."""
        out = [Leg(leg.kind, leg.strike, leg.quantity * share // 8) for leg in self.held(self.places[source])]
        moved = [leg for leg in out if leg.quantity]
        value = self.value(moved)
        for at, sign, fee in ((source, -1, take[0] if take else 0), (target, 1, 0)):
            mine = [Leg(leg.kind, leg.strike, sign * leg.quantity) for leg in moved]
            place = self.places[at]
            self._move(place, mine, sign * cash - fee)
            change = place.made.taken if take else place.made.regroup
            change(mine, sign * cash, fee, sign * value)
            self.wallets["insurance"] += fee
        if take:
            self.places[target].tokens += take[1]
            self.places[target].made.receive_from_insurance(take[1])
            self.wallets["insurance"] -= take[1]

    def settle(self, at: int, refused: bool) -> None:
        """All legs end at their marks; what the token refuses to move stays as debt."""
        place = self.places[at]
        legs = self.held(place)
        net = self.value(legs)
        money = sum(leg.quantity for leg in legs if leg.is_money(self.inverse)) * MICRO_WAD
        place.legs.clear()
        place.debt += -net if net < 0 and refused else 0
        place.tokens += 0 if net < 0 and refused else net
        self.wallets["cell"] -= net
        place.made.settle(net - money)


amounts = st.integers(0, 10**6).map(lambda n: n * MICRO_WAD + n)
vaults = st.integers(0, len(OWNERS) - 1)


def package(draw: Any, world: World) -> list[Leg]:
    chosen = draw(st.lists(st.sampled_from(world.series), min_size=1, max_size=3, unique=True))
    size = draw(st.integers(1, 50)) * 10**5
    return [Leg(kind, strike, draw(st.sampled_from((-2, -1, 1, 2))) * size) for kind, strike in chosen]


def step(draw: Any, world: World) -> None:
    what, at, other = draw(st.sampled_from("ioftmkps")), draw(vaults), draw(vaults)
    stranger = next(i for i, owner in enumerate(OWNERS) if owner != OWNERS[at])
    sister = next(i for i, owner in enumerate(OWNERS) if owner == OWNERS[at] and i != at)
    if what == "i":
        world.pay_in(at, draw(amounts), draw(st.sampled_from((0, 10**18))))
    elif what == "o":
        world.pay_out(at, draw(amounts))
    elif what in "ft":
        fees = draw(amounts) // 100, draw(amounts) // 100
        world.fill(at, stranger, package(draw, world), draw(amounts) - 5 * 10**17, fees, draw(st.booleans()))
    elif what == "m":
        world.hand_on(at, sister, draw(st.integers(1, 8)), draw(amounts) - 5 * 10**17, None)
    elif what == "k" and other != at:
        world.hand_on(at, other, draw(st.integers(1, 8)), draw(amounts), (draw(amounts) // 50, draw(amounts) // 50))
    elif what == "p":
        world.marks[draw(st.sampled_from(world.series))] = draw(st.integers(0, 60 * MICRO_WAD))
    elif what == "s":
        world.tip(at, draw(amounts) // 100, draw(st.integers(0, len(OWNERS) + 2)))
    world.rest()


def check(world: World) -> None:
    profits = [profit_of(world.worth(p), p.made.paid_in, p.made.taken_out) for p in world.places]
    for place, profit in zip(world.places, profits, strict=True):
        made = place.made
        legs = world.value([leg for leg in world.held(place) if not leg.is_money(world.inverse)])
        cost = sum(lot.cost for lot in made.packages.lots.values())
        assert profit == made.packages.realised + legs - cost - made.fees + made.bonuses - made.tips
    for owner in set(OWNERS):
        mine = [i for i, one in enumerate(OWNERS) if one == owner]
        # what tips brought the wallet stands apart
        gained = world.wallets[owner] - world.tips[owner]
        assert gained + sum(world.worth(world.places[i]) for i in mine) == sum(profits[i] for i in mine), owner
    others = world.wallets["exchange"] + world.wallets["insurance"]
    # one's gain is another's loss, settled or not
    assert sum(profits) + others + sum(world.tips.values()) == 0


@settings(max_examples=150, deadline=None)
@given(st.data(), st.booleans())
def test_profit__of_any_life__adds_up_with_wallets_fees_bonuses_and_tips(data: Any, inverse: bool):
    world = World(inverse)
    for _ in range(data.draw(st.integers(1, 14))):
        step(data.draw, world)
        check(world)
    for at in range(len(OWNERS)):
        world.settle(at, data.draw(st.booleans()))
        world.rest()
        check(world)
    assert world.wallets["cell"] == 0 and not any(place.made.packages.lots for place in world.places)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 100), st.integers(0, 10**6)), min_size=1, max_size=8), st.integers(0, 99))
def test_entry__of_what_was_bought_and_partly_sold__is_its_average(bought: list[tuple[int, int]], sold: int):
    straddle, made = ((Kind.CALL, 200), (Kind.PUT, 200)), Made()

    def trade(size: int, price: int) -> None:
        legs = [Leg(kind, strike, size * 10**6) for kind, strike in straddle]
        made.trade(legs, -size * price * MICRO_WAD, 0)

    for size, price in bought:
        trade(size, price)
    count, cost = sum(size for size, _ in bought), sum(size * price for size, price in bought)
    part = count * sold // 100
    if part:
        trade(-part, 10**6)
    # one package of two legs, never two legs with prices of their own
    ((shape, lot),) = made.packages.lots.items()
    assert [ratio for _, _, ratio in shape] == [1, 1] and lot.size == (count - part) * 10**6
    assert abs(lot.price - cost * MICRO_WAD // count) <= 1 + count // (count - part)
    assert lot.price == entry_price(lot.size, lot.cost)


def test_taken__without_a_price_of_that_moment__makes_the_profit_unknown_and_forgets_entries():
    made = Made()
    made.trade([Leg(Kind.CALL, 200, 10**6)], -WAD, 0)
    made.taken([Leg(Kind.CALL, 200, -(10**6))], WAD, 0, None)
    assert made.unknown == UNPRICED and not made.packages.lots and made.bonuses == 0


def test_regroup__of_money_alone__is_paid_in():
    """What is left of a deferred premium when its options are closed."""
    made = Made()
    made.regroup([Leg(Kind.CASH, 0, 50 * 10**6)], 0, 0, 50 * WAD)
    assert made.paid_in == 50 * WAD and not made.packages.lots and made.packages.realised == 0


def test_worth_and_profit__in_decimals__are_the_same_rule():
    told = worth_of(Decimal(5), Decimal("1.5"), Decimal(2), Decimal("0.5"))
    assert told == 8 and profit_of(told, Decimal(10), Decimal(3)) == 1
    assert bonus_of(-3, 5, 1) == 3
