"""A walk through a whole market: every call of the matrix by its person, and everything the world does to them.

The scene of the matrix has two feeds, a pool with its queue, insurance with a depositor who leaves, a maker vault,
mandates, session keys and an older cell in debt. A step is one call with some of its arguments drawn anew, now and then
with little gas, or one thing that happens: feeds part and meet, a phase changes, a feed falls silent, tokens freeze,
governance moves a parameter to a bound. An episode ends with the settlement of the cell through the real adapter.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import boa
from boa.util.abi import Address
from eth.exceptions import Revert

from bulkhead.chain.parameters import PARAMETERS
from bulkhead.orders import Flags, PremiumStyle
from bulkhead.risk import promises
from bulkhead.risk.words import WAD, Kind
from tests.fuzz.boundary import Boundary, Target
from tests.fuzz.outcome import Outcome, judged
from tests.matrix import table
from tests.matrix.rows import Row
from tests.matrix.scene import EXPIRY, MARKET, MAX, WINDOW, Scene
from tests.stateful.ledger import Ledger

MINUTE = 60
#: Steps of an episode before its cell settles.
EPISODE = 120
PLENTY = 30_000_000
WEAK = ("weak", "big", "frail", "healed")
#: What is called about one of these as often as about the vault of the row.
OTHERS = ("margined", "second", "covered", "idle", "weak", "big", "frail", "healed", "into", "desk", "rich", "winner")


class Broken(AssertionError):
    """A promise that did not hold."""


class Walk(Boundary):
    """The scene, what was seen of it, and the ledger beside it.

    Attributes:
        seen: Accepted steps, by action.
        refused: Refused ones, by action and reason.
        steps: All.
    """

    def __init__(self, scene: Scene, seed: int) -> None:
        super().__init__(scene, seed)
        self.draw = self.words.random
        self.seen: Counter[str] = Counter()
        self.refused: Counter[tuple[str, str]] = Counter()
        self.steps = 0
        self.frozen: set[str] = set()
        self.phase = 1
        self.world: dict[str, Callable[[], str | None]] = {
            "price moves": self.move, "price jumps": self.jump, "feeds part": self.part, "feeds meet": self.meet,
            "one feed alone": self.alone, "new phase": self.change_phase, "silence": self.silence,
            "time passes": self.wait, "tokens freeze": self.freeze, "tokens thaw": self.thaw,
            "token answers false": self.quiet, "governance to a bound": self.govern, "donation": self.donate,
            "order": self.trade, "order with slip and patience": self.slip, "order that only reduces": self.reduce,
            "fill by a session key": self.key, "deficit traded away": self.trade_away,
        }  # fmt: skip
        # what the matrix refuses in every state is tried too
        cells = table.read(table.committed()).values()
        allowed = {name for column in cells for name, told in column.items() if told == "yes"}
        self.names = [*(row.name for row in self.rows if row.name in allowed), *self.world, "settlement"]

    def _addresses(self) -> list[str]:
        # who calls without a name settles, and gets the tips for it
        return [*super()._addresses(), str(boa.env.eoa)]

    # --- one step ---------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """One action, and all promises."""
        self.steps += 1
        if self.draw.random() < 0.3:
            name = self.draw.choice(list(self.world))
            told = self.world[name]()
        else:
            # what was seen least gets more tries: some calls pass in few states only
            rare = self.draw.random() < 0.3
            row = min(self.rows, key=lambda one: self.seen[one.name]) if rare else self.draw.choice(self.rows)
            name, told = row.name, self._row(row)
        self._count(name, told)
        one = self.draw.choice(list(self.books.vaults)) if self.books and self.books.vaults else 0
        if one:
            self._demand(self.ledger.unequal(one), f"after {name}")
            self._safe(one)

    def _count(self, name: str, told: str | None) -> None:
        if told is None:
            self.seen[name] += 1
        else:
            self.refused[name, told] += 1

    def _demand(self, problems: list[str], where: str) -> None:
        if problems:
            raise Broken(f"step {self.steps}, {where}: {'; '.join(problems[:3])}")

    def _safe(self, one: int) -> None:
        """INV-13, INV-06, INV-12: a vault can be flagged when the mirror says so at an active price, and only then."""
        found = self.ledger.standing(one)
        if found is None or self.books is None or self.books.vaults[one].flagged:
            return
        standing, covered, prices = found
        unsafe = prices.is_active and not covered and standing.equity < standing.maintenance_margin
        with boa.env.anchor():
            try:
                self.contracts["Liquidator"].flag(one)
                flagged = True
            except boa.BoaError:
                flagged = False
        if flagged != unsafe:
            self._demand([f"INV-06, INV-12, INV-13: vault {one} unsafe {unsafe}, flagged {flagged}"], "flag")

    # --- calls ------------------------------------------------------------------------------------------------------

    def _row(self, row: Row) -> str | None:
        scene = self.scene
        vault = scene.vaults.get(row.vault, 0)
        if vault and self.draw.random() < 0.25:
            vault = scene.vaults[self.draw.choice(OTHERS)]
        try:
            arguments = tuple(row.arguments(scene, vault))
        except (boa.BoaError, ValueError, OverflowError, ZeroDivisionError, KeyError, AssertionError):
            return "nothing to call it about"
        function = self.known[f"{row.contract}.{row.function}"].function
        if len(arguments) != len(function.inputs):
            function = next(
                t.function
                for t in self.targets
                if t.name == f"{row.contract}.{row.function}" and len(t.function.inputs) == len(arguments)
            )
        if self.draw.random() < 0.3:
            pairs = zip(function.inputs, arguments, strict=True)
            arguments = tuple(self.words.varied(kind, value, 0.15) for kind, value in pairs)
        gas = round(math.exp(self.draw.uniform(math.log(40_000), math.log(2_000_000)))) if self._seldom() else PLENTY
        return self.call(Target(row.contract, function), scene.people[row.who], arguments, gas)

    def _seldom(self) -> bool:
        return self.draw.random() < 0.05

    def call(self, target: Target, caller: str, arguments: tuple[Any, ...], gas: int = PLENTY) -> str | None:
        """Makes a call and asks after everything; what refused it."""
        data = target.function.encode(arguments)
        assert self.books is not None
        before = self.ledger.wealth(caller, self.books)
        entitled = self.ledger.entitled(target.name, arguments, 10**7) if before is not None else None
        made = boa.env.evm._call(
            Address(caller), Address(self.contracts[target.contract].address), data, 0, gas, target.function.view
        )
        if made.is_error:
            if gas != PLENTY and not isinstance(made.error, Revert):
                return "out of gas"
            outcome, told = judged(target.name, made, arguments)
            if outcome is Outcome.BAD and gas == PLENTY:
                self._demand([f"{told or 'no name'} of {target.name}, 0x{data.hex()}"], "refusal")
            return told or outcome.value
        where = f"{target.name} by {caller} with 0x{data.hex()}"
        self.ledger.take(made)
        self._meet(target, data)
        self._demand(self._check(target, data), where)
        self._demand(self.ledger.differences(self.donated, self.books), where)
        after = self.ledger.wealth(caller, self.books)
        if before is not None and after is not None and entitled is not None and after > before + entitled:
            self._demand([f"the caller gained {(after - before) / WAD:f}, entitled to {entitled / WAD:f}"], where)
        return None

    # --- what happens -----------------------------------------------------------------------------------------------

    def _push(self, primary: float, fallback: float | None = None) -> None:
        self.scene.push(min(max(primary, 900.0), 4_500.0), fallback)
        self.scene.observe()

    def _pass(self, seconds: int) -> None:
        self.scene.system.wait(max(min(seconds, EXPIRY - WINDOW - 120 - self.scene.now), 1))

    def move(self) -> None:
        self._pass(self.draw.randint(30, 300))
        self._push(self.scene.spot * self.draw.uniform(0.985, 1.015))

    def jump(self) -> None:
        self._pass(30)
        self._push(self.scene.spot * self.draw.choice((0.85, 0.93, 1.07, 1.15)))

    def part(self) -> None:
        self._pass(30)
        self._push(self.scene.spot, self.scene.spot * self.draw.choice((0.5, 0.9, 0.96, 0.99, 1.01, 1.1)))

    def meet(self) -> None:
        self._pass(30)
        self._push(self.scene.spot)

    def alone(self) -> None:
        self._pass(60)
        feed = self.draw.choice((self.scene.system.market.feed, self.scene.system.fallback))
        feed.push(round(self.scene.spot * self.draw.uniform(0.99, 1.01) * 10**8), self.scene.now)
        self.scene.observe()

    def change_phase(self) -> None:
        self.phase += 1
        for feed in (self.scene.system.market.feed, self.scene.system.fallback):
            feed.set_phase(self.phase)
        self.meet()

    def silence(self) -> None:
        self._pass(self.draw.randint(50, 100) * MINUTE)

    def wait(self) -> None:
        for _ in range(self.draw.randint(1, 4)):
            self._pass(self.draw.randint(1, 9) * MINUTE)
            self._push(self.scene.spot)

    def freeze(self) -> None:
        pot = self.contracts["InsuranceFund"].pot(MARKET)
        holders = [*map(self.scene.custody, OTHERS), pot, self.contracts["Exchange"].address, self.scene.pool.address]
        holder = self.draw.choice([*holders, *self.scene.people.values()])
        self.scene.token.freeze(holder, True)
        self.frozen.add(holder)

    def thaw(self) -> None:
        for holder in sorted(self.frozen):
            self.scene.token.freeze(holder, False)
        self.frozen.clear()
        self.scene.token.misbehave(False, 0)

    def quiet(self) -> None:
        self.scene.token.misbehave(True, 0)

    def govern(self) -> str | None:
        name = self.draw.choice(sorted(PARAMETERS))
        one = PARAMETERS[name]
        number = self.draw.choice((one.least, one.greatest, one.default))
        target = self.known["RiskParameters.set_parameter"]
        return self.call(target, self.scene.people["governor"], (MARKET, name, number))

    def donate(self) -> None:
        vault = self.scene.vaults[self.draw.choice(OTHERS)]
        amount = self.draw.randint(1, 300 * 10**6)
        self.scene.token.mint(self.scene.system.clearinghouse.custody(vault), amount)
        self.minted += amount
        self.donated.add(vault)
        self.books = self._read()

    # --- orders -----------------------------------------------------------------------------------------------------

    def _fill(self, taker: str, vault: int, size: int, kind: Kind, is_bid: bool, **changes: Any) -> str | None:
        scene = self.scene
        if scene.now >= EXPIRY - WINDOW:
            return "too late"
        try:
            order = scene.order(kind, is_bid, size, strike=self.draw.choice((1900, 2000, 2100)), **changes)
        except (boa.BoaError, ValueError, OverflowError, ZeroDivisionError):
            return "no mark"
        limit = -(2**255) if is_bid else 2**255 - 1
        asked = (*order, vault, size, limit, MAX, MAX, changes.get("round_id", 0))
        return self.call(self.known["Exchange.fill"], taker, (asked,))

    def _anybody(self) -> tuple[str, int]:
        name = self.draw.choice(("margined", "second", "covered", "weak", "frail", "healed", "into", "idle"))
        vault = self.scene.vaults[name]
        return self.scene.system.owner_of(vault), vault

    def _size(self) -> int:
        return self.draw.choice((10**4, 10**5, 5 * 10**5, 10**6))

    def trade(self) -> str | None:
        style = self.draw.choice(tuple(PremiumStyle))
        kind, is_bid = self.draw.choice((Kind.CALL, Kind.PUT)), self.draw.random() < 0.5
        return self._fill(*self._anybody(), self._size(), kind, is_bid, premium_style=style, salt=self.steps)

    def slip(self) -> str | None:
        spot, kind, is_bid = (
            round(self.scene.spot) * WAD,
            self.draw.choice((Kind.CALL, Kind.PUT)),
            self.draw.random() < 0.5,
        )
        bounds = {"spot_min": spot * 9 // 10, "spot_max": spot * 11 // 10, "since": self.scene.now - 3600}
        changes = {"slip": self.draw.randint(1, 300), "patience": self.draw.choice((0, 60, 1800)), **bounds}
        price = 0 if not is_bid else 3000 * WAD
        return self._fill(*self._anybody(), self._size(), kind, is_bid, price=price, salt=self.steps, **changes)

    def reduce(self) -> str | None:
        return self._fill(
            *self._anybody(), 10**5, Kind.PUT, self.draw.random() < 0.5, flags=Flags.REDUCE_ONLY, salt=self.steps
        )

    def key(self) -> str | None:
        scene, vault = self.scene, self.scene.vaults["margined"]
        trader, stranger = scene.people["trader"], scene.people["stranger"]
        self.call(self.known["Operators.grant"], trader, (vault, stranger, 1, scene.now + 3600))
        return self._fill(stranger, vault, 10**4, Kind.PUT, False, salt=self.steps)

    def trade_away(self) -> str | None:
        """Who lost asks for a trade while his vault is below zero."""
        name = self.draw.choice(WEAK)
        vault = self.scene.vaults[name]
        return self._fill(self.scene.system.owner_of(vault), vault, 10**5, Kind.PUT, False, salt=self.steps)

    # --- an episode -------------------------------------------------------------------------------------------------

    def episode(self, steps: int) -> None:
        """So many steps from the scene as it was made; what was done is undone after it."""
        scene = self.scene
        with boa.env.anchor():
            spot, vaults = scene.spot, dict(scene.vaults)
            self.frozen, self.phase, self.donated = set(), 1, set()
            if self.draw.random() < 0.7:
                scene.weaken()
            self._start()
            self.ledger = Ledger(scene)
            for _ in range(steps):
                self.step()
            self._count("settlement", self.settle())
            scene.spot, scene.vaults = spot, vaults

    def settle(self) -> str | None:
        """The cell runs to its end through the real adapter; one ratio for every claim, whatever was frozen before."""
        scene = self.scene
        self.thaw()
        settlement, house = self.contracts["Settlement"], scene.system.clearinghouse
        while scene.now < EXPIRY:
            scene.system.wait(min(300, EXPIRY - scene.now))
            scene.push(scene.spot)
            if scene.now < EXPIRY:
                scene.observe()
        start = scene.system.market.feed.latest_id()
        scene.system.wait(301)
        scene.push(scene.spot)
        self.books = self._read()
        fix = next(row for row in self.rows if row.name == "ExpiryPrices.fix")
        self._count(fix.name, self._row(fix))
        for _ in range(20):
            if settlement.fix(MARKET, EXPIRY, [start - i for i in range(0, 24)]):
                break
            scene.system.wait(1800)
        if not scene.system.expiries.price(MARKET, EXPIRY):
            self._demand(["INV-12: the cell has no price"], "settlement")
        for row in self.rows:
            if row.contract in ("ExpiryPrices", "Settlement"):
                self._count(row.name, self._row(row))
        books = self._read()
        holders = [one for one, book in books.vaults.items() if book.expiry == EXPIRY and book.legs]
        self.draw.shuffle(holders)
        for vault in holders:
            settlement.settle(vault)
        self._demand([] if house.cell(MARKET, EXPIRY) & 2**112 - 1 == 0 else ["INV-01 in settlement"], "settlement")
        claims = {one: settlement.claim_of(one).amount for one in holders if settlement.claim_of(one).amount}
        cell = settlement.cell_state(MARKET, EXPIRY)
        for vault, amount in claims.items():
            settlement.claim(vault)
            paid, due = settlement.claim_of(vault).paid, min(amount, amount * cell.received // max(cell.claims, 1))
            # a claim that is paid in full is forgotten
            if paid and abs(paid - due) > 1:
                self._demand([f"INV-11: vault {vault} got {paid} of {amount}, due {due}"], "claim")
        self.books = self._read()
        held = sum(scene.token.balanceOf(one) for one in self.holders)
        self._demand(promises.conservation([held], self.minted), "settlement")
        self._demand(promises.broken(self.books), "settlement")
        return None

    def go(self, steps: int) -> Walk:
        """So many steps, in episodes."""
        while self.steps < steps:
            self.episode(min(EPISODE, steps - self.steps))
        return self

    def never(self) -> list[str]:
        """Actions that were never accepted."""
        return [name for name in self.names if not self.seen[name]]

    def text(self) -> str:
        """How often each action and each reason was seen."""
        lines = [f"{self.steps} steps, {sum(self.seen.values())} accepted, {len(self.refused)} kinds of refusals"]
        for name in self.names:
            told = ", ".join(f"{r} {n}" for (a, r), n in sorted(self.refused.items(), key=lambda x: -x[1]) if a == name)
            lines.append(f"{self.seen[name]:6} {name}" + (f" (refused: {told})" if told else ""))
        return "\n".join(lines)
