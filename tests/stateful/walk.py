"""A walk through a whole market: every call of the matrix by its person, and everything the world does to them.

The scene of the matrix has two feeds, a pool with its queue, insurance with a depositor who leaves, a maker vault,
mandates, session keys and an older cell in debt. A step is one call with some of its arguments drawn anew, now and then
with little gas, or one thing that happens: feeds part and meet, a phase changes, a feed falls silent, tokens freeze,
governance moves a parameter to a bound. An episode ends with the settlement of the cell through the real adapter.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import boa

from tests.fuzz.boundary import Target
from tests.matrix import table
from tests.matrix.rows import Row
from tests.matrix.scene import Scene
from tests.stateful.ending import Ending
from tests.stateful.folded import Folded
from tests.stateful.ledger import Ledger
from tests.stateful.state import OTHERS, PLENTY
from tests.stateful.takers import Takers
from tests.stateful.trades import Trades

#: Steps of an episode before its cell settles.
EPISODE = 120
#: So often the index is compared with the chain [steps].
COMPARED = 100


class Walk(Trades, Takers, Ending):
    """Steps and episodes."""

    def __init__(self, scene: Scene, seed: int) -> None:
        super().__init__(scene, seed)
        self.deals = {**self.orders(), **self.takes()}
        self.world: dict[str, Callable[[], str | None]] = {**self.happenings(), **self.deals}
        # what the matrix refuses in every state is tried too
        cells = table.read(table.committed()).values()
        allowed = {name for column in cells for name, told in column.items() if told == "yes"}
        pools = {name: scene.contracts[name].address for name in ("BackstopPool", "MakerVault")}
        self.folded = Folded(scene.system, pools)
        self.names = [*(row.name for row in self.rows if row.name in allowed), *self.world, "settlement"]

    # --- one step ---------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """One action, and all promises."""
        self.steps += 1
        kind = self.draw.random()
        if kind < 0.42:
            # twice as many deals as things that happen: most of the promises are about them
            name = self.draw.choice(list(self.deals if kind < 0.25 else self.world))
            told = self.world[name]()
        else:
            # what was seen least gets more tries: some calls pass in few states only
            rare = self.draw.random() < 0.3
            row = min(self.rows, key=lambda one: self.seen[one.name]) if rare else self.draw.choice(self.rows)
            name, told = row.name, self._row(row)
        self.count(name, told)
        one = self.draw.choice(list(self.books.vaults)) if self.books and self.books.vaults else 0
        if one:
            self.demand(self.ledger.unequal(one), f"after {name}")
            self._safe(one)

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
            self.demand([f"INV-06, INV-12, INV-13: vault {one} unsafe {unsafe}, flagged {flagged}"], "flag")

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
        # what skips what it cannot do may skip it for want of gas
        little = self.draw.random() < (0.3 if row.skips else 0.05)
        gas = round(math.exp(self.draw.uniform(math.log(40_000), math.log(2_000_000)))) if little else PLENTY
        return self.call(Target(row.contract, function), scene.people[row.who], arguments, gas)

    # --- an episode -------------------------------------------------------------------------------------------------

    def episode(self, steps: int) -> None:
        """So many steps from the scene as it was made; what was done is undone after it."""
        scene = self.scene
        with boa.env.anchor():
            spot, vaults = scene.spot, dict(scene.vaults)
            self.frozen, self.phase, self.donated, self.is_quiet = set(), 1, set(), False
            if self.draw.random() < 0.7:
                scene.weaken()
            self._start()
            self.hire()
            self.books = self._read()
            self.ledger = Ledger(scene)
            self.demand(self.folded.begin(), "index")
            for number in range(1, steps + 1):
                self.step()
                if number % COMPARED == 0:
                    self.demand(self.folded.differences(self.donated), "index")
            self.count("settlement", self.settle())
            self.demand(self.folded.differences(self.donated), "index after the settlement")
            scene.spot, scene.vaults = spot, vaults

    def go(self, steps: int) -> Walk:
        """So many steps, in episodes."""
        while self.steps < steps:
            self.episode(min(EPISODE, steps - self.steps))
        return self

    def never(self) -> list[str]:
        """Actions that were never accepted."""
        return self.lacking(self.names)

    def text(self) -> str:
        """How often each action and each reason was seen."""
        head = f"{self.steps} steps, {sum(self.seen.values())} accepted, {len(self.refused)} kinds of refusals"
        rows = ", ".join(f"{row}: {self.by_row[row]}" for row in sorted(self.by_row))
        return "\n".join([head, *self.lines(self.names), f"rows of the margin table: {rows}"])
