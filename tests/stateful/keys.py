"""Who holds keys that may only trade, and wants to drain who gave them: every order and act that he can think of.

A linear market with two feeds and a coin-margined one. An owner grants and revokes keys for two vaults in each; the
holder of the keys signs, takes and trades the owner's vaults against each other, his own and those of a friend: beside
the mark, by vol, with slip and patience, on credit, with money in the package, deep in the money, boxes, from orders
signed before a grant shrank, in cells that cannot pay, at prices that are uncertain, over midnight, with fees at their
bounds. After each step all promises of `TwoKinds`, and `KeyLedger` counts what each fill and day has cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boa
from eth_account import Account

from bulkhead.operators import Grant, sign_grant
from bulkhead.orders import Flags, Order, OrderLeg, PremiumStyle, sign
from bulkhead.risk import exact
from bulkhead.risk.words import WAD, Kind, Leg, Series
from tests.matrix.run import reason_of
from tests.stateful.key_ledger import DUST, Fill, KeyLedger
from tests.stateful.kinds import MAX
from tests.stateful.two_kinds import EXPIRY, Place, TwoKinds
from tests.worlds.exchange import key

#: Fills that the ledger judged.
FILLS = ("keys' fills", "keys' fills where a cell cannot pay")
OWNER, BOT, FRIEND, FAILING, HOUSE = range(5)
#: Packages by ratio: futures, options near and deep in the money, spreads, boxes, and money beside them.
CALL, PUT, FUTURE, CASH = Kind.CALL, Kind.PUT, Kind.FUTURE, Kind.CASH
PACKAGES: tuple[tuple[tuple[Kind, int, int], ...], ...] = (
    ((FUTURE, 0, 1),), ((CASH, 0, 1000),), ((CALL, 2000, 1),), ((PUT, 1900, 1),), ((PUT, 2000, 1),), ((PUT, 1900, -1),),
    ((CALL, 1000, 1),), ((PUT, 4000, 1),), ((CALL, 5000, 3),), ((CALL, 2000, 1), (CALL, 2100, -2)),
    ((CALL, 2000, 1), (PUT, 2000, 1)), ((CALL, 1000, 1), (CALL, 3000, -1)), ((PUT, 1000, -1), (PUT, 3000, 1)),
    ((CALL, 1000, 1), (CALL, 3000, -1), (PUT, 1000, -1), (PUT, 3000, 1)), ((CALL, 2000, 1), (CASH, 0, 3000)),
    ((PUT, 1900, 1), (CASH, 0, -3000)), ((CALL, 2000, 1), (PUT, 2000, -1), (FUTURE, 0, -1)),
)  # fmt: skip


class Keys(TwoKinds):
    """The actions. Each returns what refused it, none when it passed.

    Attributes:
        ledger: What keys may and what they have cost, in an episode.
        worst: The largest share of its equity that keys have cost a vault in a day, in all episodes but this one.
    """

    second_feed = True
    stakes = ((4_000, 25_000), (20_000,), (400_000, 400_000), (700,), (400_000,))

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.ledger, self.salt, self.worst = KeyLedger(), 0, 0.0

    def acts(self) -> dict[str, Callable[[Place], str | None]]:
        return {
            "key signs": self.key_signs, "key takes": self.key_takes, "key on both sides": self.key_on_both,
            "an old order": self.old_order, "owner signs, key takes": self.owner_signs, "close and roll": self.roll,
            "grant": self.grant, "signed grant": self.grant_signed, "revoke": self.revoke, "transfer": self.transfer,
            "steal": self.steal, "price moves": self.move, "feeds part": self.part, "time passes": self.wait,
            "fees at a bound": self.fees, "a cell that cannot pay": self.fail, "owner deposits": self.deposit,
        }  # fmt: skip

    def folk(self) -> list[str]:
        self.accounts = [Account.from_key(key(31 + i)) for i in range(len(self.stakes))]
        return [one.address for one in self.accounts]

    def open_positions(self) -> None:
        """The owner's vaults have their first keys."""
        self.worst = max(self.worst, self.ledger.worst)
        self.ledger, self.apart = KeyLedger(), 1.0
        self.signed: list[tuple[Place, Order, bytes]] = []
        for place in self.places:
            for vault in self._of(place, OWNER):
                self._granted(vault, 1, self.system.now + 10**6)

    def _of(self, place: Place, person: int) -> list[int]:
        """Vaults that a person began with."""
        start = sum(len(one) for one in self.stakes[:person])
        return place.vaults[start : start + len(self.stakes[person])]

    def _owner(self, vault: int) -> int:
        """Which person a vault belongs to now."""
        return self.people.index(self.system.owner_of(vault))

    # --- time and prices --------------------------------------------------------------------------------------------

    def _push(self, factor: float, seconds: int) -> None:
        self.spot = min(max(self.spot * factor, 900.0), 4500.0)
        self.system.wait(max(min(seconds, EXPIRY - 3600 - self.system.now), 1))
        for place in self.places:
            self.system.push(self.spot, place.market)
            if place.number == 0:
                self.system.fallback.push(round(self.spot * self.apart * 10**8), self.system.now)
            self.system.oracle.poke(place.market.index, 64)

    def move(self, place: Place) -> None:
        self.apart = 1.0
        self._push(self.draw.choice((0.93, 0.985, 1.0, 1.0, 1.015, 1.07)), self.draw.randint(30, 900))

    def part(self, place: Place) -> None:
        """One feed ahead of the other: an uncertain price, or a disputed one."""
        self.apart = self.draw.choice((0.95, 0.985, 0.993, 0.996, 1.004, 1.007, 1.015))
        self._push(1.0, 60)

    def wait(self, place: Place) -> None:
        """Hours, some of them over midnight; the week of the cell is never used up."""
        for _ in range(self.draw.randint(1, 6)):
            self._push(1.0, 3000)

    def fees(self, place: Place) -> str | None:
        name = self.draw.choice(("taker_fee_bps", "maker_fee_bps", "fee_cap_bps"))
        number = self.draw.choice((0, 3, 30, 30) if name != "fee_cap_bps" else (0, 1_250, 2_500))
        self.system.RiskParameters.set_parameter(  # type: ignore[attr-defined]
            place.market.index, name, number, sender=self.system.owner
        )
        return None

    def fail(self, place: Place) -> str | None:
        """A small vault sells what it cannot pay, the price jumps, and somebody flags it."""
        [vault] = self._of(place, FAILING)
        if not self.books[place.number].vaults[vault].legs:
            house = self._of(place, HOUSE)[0]
            sold = [Leg(Kind.CALL, 2200 * 10**8, 10**6).pack()]
            order = (vault, house, EXPIRY, sold, 0, [0, 0], self.system.at["Exchange"])
            seen = self.system.oracle.observe(place.market.index, EXPIRY)
            exchange = self.system.at["Exchange"]
            told = self.call(place, self.system.clearinghouse, "novate", exchange, order, seen, named=(vault, house))
            if told is not None:
                return told
        self.apart, self.spot = 1.0, max(self.spot, 3000.0)
        self._push(1.15, 60)
        told = self.call(place, self.system.liquidator, "flag", self.people[HOUSE], vault, named=(vault,))
        return None if self._deficit(place) else told or "it can pay"

    def _deficit(self, place: Place) -> int:
        """Recorded in the cell [wad]."""
        return int(self.system.clearinghouse.cell(place.market.index, EXPIRY) >> 112) * 10**12

    def deposit(self, place: Place) -> str | None:
        vault = self.draw.choice(self._of(place, OWNER))
        person, amount = self.system.owner_of(vault), self.draw.randint(1, 500) * place.market.unit
        amount = amount // 2000 if place.units.inverse else amount
        place.market.token.mint(person, amount)
        place.market.token.approve(self.system.at["Clearinghouse"], MAX, sender=person)
        self.minted[place.number] += amount
        house = self.system.clearinghouse
        return self.call(place, house, "deposit", person, vault, person, amount, named=(vault,))

    # --- orders -----------------------------------------------------------------------------------------------------

    def order(self, place: Place, vault: int, signer: int, price_off: float | None = None) -> Order | None:
        """An order beside the mark, priced by one of the bounds that a signer has; None without a mark."""
        package, prices, inverse = self.draw.choice(PACKAGES), self.prices(place), place.units.inverse
        words = [Leg(kind, strike * 10**8, ratio * 10**6) for kind, strike, ratio in package]
        try:
            mark = exact.mark(words, prices, inverse)
        except (ValueError, ZeroDivisionError):
            return None
        contracts = sum(abs(ratio) for kind, _, ratio in package if kind != CASH) or 1
        unit = WAD if inverse else prices.spot
        off = (
            self.draw.choice((-200, -101, -99, -60, -10, 0, 0, 10, 60, 99, 101, 200))
            if price_off is None
            else price_off
        )
        is_bid = self.draw.random() < 0.5
        market, extra = place.market.index, self._bounds()
        legs = sorted((Series(market, kind, EXPIRY, strike * 10**8).pack(), ratio) for kind, strike, ratio in package)
        self.salt += 1
        size = round(10 ** self.draw.uniform(0, 2.3)) * 10**4
        price = mark + round(contracts * unit * off / 10_000)
        if "slip" in extra or "iv" in extra:
            # the other bound decides
            price = mark + (1 if is_bid else -1) * contracts * unit // 5
        return Order(
            maker_vault=vault, signer=self.people[signer], legs=tuple(OrderLeg(*one) for one in legs), is_bid=is_bid,
            price=price, size=size, expiry=self.system.now + self.draw.choice((60, 10**5)), salt=self.salt,
            premium_style=self.draw.choice(tuple(PremiumStyle)), max_deficit=2**127,
            epoch=int(self.system.exchange.epoch_for(vault, [one for one, _ in legs])), **extra,
        )  # fmt: skip

    def _bounds(self) -> dict[str, Any]:
        """How a price is bound beside `price`, and flags."""
        spot, now, kind = round(self.spot) * WAD, self.system.now, self.draw.random()
        found: dict[str, Any] = {"flags": self.draw.choice((*Flags, *[Flags.NONE] * 9))}
        if kind < 0.15:
            found["iv"] = self.draw.choice((1, 3, 6, 9, 20)) * WAD // 10
        elif kind < 0.4:
            found["slip"] = self.draw.choice((20, 99, 101, 300, 10_000))
            if kind < 0.25:
                found |= {"patience": 60, "spot_min": spot // 2, "spot_max": spot * 2, "since": now - 3600}
        return found

    def _fill(self, place: Place, order: Order | None, into: int, taker: int, signature: bytes = b"") -> str | None:
        """Fills, and asks what it has cost each side that a key acted for."""
        if order is None:
            return "no mark"
        signer = self.people.index(order.signer)
        signature = signature or sign(order, self.system.domain, self.accounts[signer].key)
        self.signed = [*self.signed[-30:], (place, order, signature)]
        round_id = int(place.market.feed.latestRoundData()[0]) if order.patience else 0
        size = self.draw.choice((order.size, order.size // 10**4 // 2 * 10**4 or 10**4))
        limit = -(2**255) if order.is_bid else 2**255 - 1
        asked = (order.to_tuple(), signature, into, size, limit, MAX, MAX, round_id)
        return self._judged(place, "fill", taker, [(order, into)], asked)

    def _judged(
        self, place: Place, name: str, taker: int, trades: list[tuple[Order, int]], *arguments: Any
    ) -> str | None:
        old, prices, deficit = self.books[place.number].vaults, self.prices(place), self._deficit(place)
        named = sorted({vault for order, into in trades for vault in (order.maker_vault, into)})
        acts = {(order.maker_vault, order.signer, True) for order, _ in trades}
        acts |= {(into, self.people[taker], False) for _, into in trades}
        told = self.call(place, self.system.exchange, name, self.people[taker], *arguments, named=named)
        if told is not None:
            return told
        new, now = self.books[place.number].vaults, self.system.now
        fees: dict[tuple[int, bool], int] = {}
        for log in self.system.exchange.get_logs():
            if type(log).__name__ == "OrderFilled":
                for vault, fee, makes in (
                    (log.maker_vault, log.maker_fee, True),
                    (log.taker_vault, log.taker_fee, False),
                ):
                    fees[vault, makes] = fees.get((vault, makes), 0) + fee
        for vault, account, makes in sorted(acts):
            rights = self.ledger.rights(old[vault], account, now)
            self.demand([] if rights & 1 else [f"{account} traded vault {vault} without a grant"], name)
            if self.ledger.is_key(old[vault], account, now):
                side = Fill(old[vault], new[vault], fees[vault, makes], deficit, prices, place.native, place.units)
                self.demand(self.ledger.fill(side, now), name)
                self.seen["keys' fills"] += 1
                self.seen["keys' fills where a cell cannot pay"] += deficit != 0
                told_lost = int(self.system.TradeLimits.lost_today(vault))  # type: ignore[attr-defined]
                mine = self.ledger.today(old[vault], now)
                wrong = abs(told_lost - mine) > DUST * 100
                self.demand([f"keys cost {mine} by the books, {told_lost} as told"] if wrong else [], name)
        return None

    def _others(self, place: Place) -> list[int]:
        return [*self._of(place, BOT), *self._of(place, FRIEND)]

    def key_signs(self, place: Place) -> str | None:
        into = self.draw.choice(self._others(place))
        return self._fill(
            place, self.order(place, self.draw.choice(self._of(place, OWNER)), BOT), into, self._owner(into)
        )

    def key_takes(self, place: Place) -> str | None:
        vault = self.draw.choice(self._others(place))
        return self._fill(
            place, self.order(place, vault, self._owner(vault)), self.draw.choice(self._of(place, OWNER)), BOT
        )

    def key_on_both(self, place: Place) -> str | None:
        """The owner's two vaults trade with each other, the key on both sides."""
        first, second = self.draw.sample(self._of(place, OWNER), 2)
        return self._fill(place, self.order(place, first, BOT), second, BOT)

    def owner_signs(self, place: Place) -> str | None:
        """An order of the owner, which binds him and no key, filled by the key for whom it likes."""
        first, second = self.draw.sample(self._of(place, OWNER), 2)
        into = self.draw.choice((second, *self._of(place, BOT)))
        return self._fill(place, self.order(place, first, self._owner(first)), into, BOT)

    def old_order(self, place: Place) -> str | None:
        """Signed when the grant, the price or the day was another."""
        if not self.signed:
            return "none is signed"
        where, order, signature = self.draw.choice(self.signed)
        into = self.draw.choice([v for v in (*self._others(where), *self._of(where, OWNER)) if v != order.maker_vault])
        taker = BOT if into in self._of(where, OWNER) else self._owner(into)
        return self._fill(where, order, into, taker, signature)

    def roll(self, place: Place) -> str | None:
        """Two fills in one call by the key, which asks that the owner's tokens go with it."""
        vault = self.draw.choice(self._of(place, OWNER))
        friends, amount = self._of(place, FRIEND), self.draw.choice((0, 0, MAX))
        pairs = [(self.order(place, friends[i], FRIEND, off), vault) for i, off in enumerate((10, -10))]
        made = [(order, into) for order, into in pairs if order is not None]
        asked = [
            (order.to_tuple(), sign(order, self.system.domain, self.accounts[FRIEND].key), into, order.size,
             -(2**255) if order.is_bid else 2**255 - 1, MAX, MAX, 0)
            for order, into in made
        ]  # fmt: skip
        with boa.env.anchor():
            # whatever two fills do, they do it by the bounds of each: here only that nothing else is moved
            try:
                self.system.exchange.fill_many(asked, 0, amount, 0, sender=self.people[BOT])
            except boa.BoaError as error:
                return reason_of(error)
            self.demand([f"a key moved {amount} tokens with a roll"] if amount else [], "roll")
        return None

    # --- grants -----------------------------------------------------------------------------------------------------

    def _granted(self, vault: int, mask: int, until: int) -> None:
        word = int(self.system.clearinghouse.vault_word(vault))
        owner, epoch, bot = self.system.owner_of(vault), word >> 192 & 0xFFFF, self.people[BOT]
        self.system.Operators.grant(vault, bot, mask, until, sender=owner)  # type: ignore[attr-defined]
        self.ledger.grants[vault, epoch, bot] = mask, until

    def grant(self, place: Place) -> None:
        until = self.system.now + self.draw.choice((120, 10**6, 10**6))
        self._granted(self.draw.choice(self._of(place, OWNER)), self.draw.choice((1, 1, 1, 1, 1, 3, 4, 5, 6, 7)), until)

    def revoke(self, place: Place) -> None:
        self._granted(self.draw.choice(self._of(place, OWNER)), self.draw.choice((0, 1, 4)), self.system.now)

    def grant_signed(self, place: Place) -> str | None:
        """Signed by the owner, handed in by the key, a second time too."""
        vault = self.draw.choice(self._of(place, OWNER))
        word, bot = int(self.system.clearinghouse.vault_word(vault)), self.people[BOT]
        epoch, owner, now = word >> 192 & 0xFFFF, self._owner(vault), self.system.now
        operators: Any = self.system.Operators  # type: ignore[attr-defined]
        nonce, mask = int(operators.nonce_of(vault, epoch, bot)), self.draw.choice((1, 1, 5))
        grant = Grant(vault, self.people[owner], epoch, bot, mask, now + 10**4, nonce, now + 60)
        chain = int(boa.env.evm.patch.chain_id)
        signature = sign_grant(grant, chain, operators.address, self.accounts[owner].key)
        arguments = (vault, bot, mask, now + 10**4, now + 60, signature)
        operators.grant_signed(*arguments, sender=bot)
        self.ledger.grants[vault, epoch, bot] = mask, now + 10**4
        with boa.reverts("operators/bad-signature"):
            operators.grant_signed(*arguments, sender=bot)
        return None

    def transfer(self, place: Place) -> str | None:
        """The vault goes to its next owner: every key and order of the last one is dead."""
        vault = self.draw.choice(self._of(place, OWNER))
        owner = self.system.owner_of(vault)
        heir = self.people[HOUSE if owner == self.people[OWNER] else OWNER]
        told = self.call(place, self.system.token_nft, "transferFrom", owner, owner, heir, vault, named=(vault,))
        if told is None and self.draw.random() < 0.7:
            self._granted(vault, 1, self.system.now + 10**6)
        return told

    def steal(self, place: Place) -> str | None:
        """Whatever else moves tokens out of a vault, or the vault itself, refuses who may only trade."""
        vault, loot = self.draw.choice(self._of(place, OWNER)), self._of(place, BOT)[0]
        bot, owner, system = self.people[BOT], self.system.owner_of(vault), self.system
        book = self.books[place.number].vaults[vault]
        if self.ledger.rights(book, bot, system.now) & 6:
            return "it may more than trade"
        house, operators = system.clearinghouse, system.Operators  # type: ignore[attr-defined]
        attempts: dict[str, Callable[[], Any]] = {
            "withdraw": lambda: house.withdraw(vault, 1, bot, sender=bot),
            "transfer_legs": lambda: house.transfer_legs(vault, loot, list(book.legs[:1]), 1, sender=bot),
            "set_model": lambda: house.set_model(vault, 0, sender=bot),
            "close": lambda: house.close(vault, bot, sender=bot),
            "transferFrom": lambda: system.token_nft.transferFrom(owner, bot, vault, sender=bot),
            "grant": lambda: operators.grant(vault, bot, 7, 2**40, sender=bot),
            "set_caps": lambda: system.exchange.set_caps(vault, 0, 0, sender=bot),
        }
        for name, attempt in attempts.items():
            try:
                attempt()
            except boa.BoaError:
                continue
            self.demand([f"{name} passed for a key that may only trade"], "steal")
        return None

    def step(self) -> None:
        """One action, twice as often a fill as anything else."""
        self.steps += 1
        fills = ("key signs", "key takes", "key on both sides", "an old order", "owner signs, key takes")
        name, place = self.draw.choice([*self.actions, *fills * 3]), self.draw.choice(self.places)
        self.count(name, self.actions[name](place))
        for one in self.places:
            self.compare(one, self.draw.choice(one.vaults))

    def never(self) -> list[str]:
        """Actions that were never accepted."""
        return self.lacking([*self.actions, *FILLS, "settled"])

    def text(self) -> str:
        """How often each action and each reason was seen, and the most that keys took in a day."""
        names = [*self.actions, *FILLS, "settled"]
        head = f"keys that may only trade: {self.steps} steps; at most {self.worst:.4f} of a vault's equity in a day"
        return "\n".join([head, *self.lines(names)])
