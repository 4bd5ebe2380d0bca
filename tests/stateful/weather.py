"""What the world does to a walk: prices, feeds, silence, tokens that freeze, governance, gifts."""

from __future__ import annotations

from collections.abc import Callable

from bulkhead.chain.parameters import PARAMETERS
from tests.matrix.scene import EXPIRY, MARKET
from tests.stateful.state import MINUTE, OTHERS, State

#: What a cell settles by, as it was when it was first observed.
TERMS = ("window_seconds", "settle_delay", "deviation_bps")


class Weather(State):
    """Things that happen. Each returns what refused it, none when it happened."""

    def happenings(self) -> dict[str, Callable[[], str | None]]:
        """All of them, by name."""
        return {
            "price moves": self.move, "price jumps": self.jump, "feeds part": self.part, "feeds meet": self.meet,
            "one feed alone": self.alone, "new phase": self.change_phase, "silence": self.silence,
            "time passes": self.wait, "tokens freeze": self.freeze, "tokens thaw": self.thaw,
            "token answers false": self.quiet, "governance to a bound": self.govern, "donation": self.donate,
            "round out of order": self.shuffle,
        }  # fmt: skip

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
        self.is_quiet = False

    def quiet(self) -> None:
        self.scene.token.misbehave(True, 0)
        self.is_quiet = True

    def shuffle(self) -> None:
        self._pass(40)
        self.scene.push(self.scene.spot)
        self._push_late(35)
        self.meet()

    def _push_late(self, seconds: int) -> None:
        """A round of each feed whose stamp lies so far before that of the one in front of it: it does not count."""
        for feed in (self.scene.system.market.feed, self.scene.system.fallback):
            feed.push(round(self.scene.spot * self.draw.choice((0.9, 1.1)) * 10**8), self.scene.now - seconds)

    def govern(self) -> str | None:
        name = self.draw.choice(TERMS if self.draw.random() < 0.25 else sorted(PARAMETERS))
        one = PARAMETERS[name]
        number = self.draw.choice((one.least, one.greatest, one.default))
        target = self.known["RiskParameters.set_parameter"]
        before, terms = self.margins(), self._terms()
        told = self.call(target, self.scene.people["governor"], (MARKET, name, number))
        # INV-06: what is open is moved by a ramp, never by the proposal itself
        after = self.margins()
        self.demand([f"INV-06: MM of vault {v} moved by a parameter" for v in before if after[v] != before[v]], name)
        self.demand([] if self._terms() == terms else ["terms of open contracts moved by a parameter"], name)
        return told

    def _terms(self) -> tuple[int, int, int]:
        """Window, delay and deviation by which the cell will settle: it was observed long ago."""
        told = self.scene.system.oracle.cell_terms(MARKET, EXPIRY)
        return int(told.window), int(told.delay), int(told.deviation)

    def donate(self) -> None:
        vault = self.scene.vaults[self.draw.choice(OTHERS)]
        amount = self.draw.randint(1, 300 * 10**6)
        self.scene.token.mint(self.scene.system.clearinghouse.custody(vault), amount)
        self.minted += amount
        self.donated.add(vault)
        self.books = self._read()
