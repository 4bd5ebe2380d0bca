"""Many actors, random prices, every contract real: the promises of docs/invariants.md after every step.

Vaults of all three margin models, the backstop pool, and a token that freezes addresses, answers false and for a while
keeps a fee take part. Each `inv_NN_*` is one row of that table. Orders are signed and filled through the Exchange,
vaults are flagged and taken through the Liquidator, cells settle through Settlement. The default profile is short;
`HYPOTHESIS_PROFILE=long` runs 20,000 steps. The number of steps is printed at the end.
"""

from __future__ import annotations

import boa
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant

from bulkhead.risk import invariants
from bulkhead.risk.invariants import Books, CellBook, VaultBook
from tests.stateful.traders.expiries import Expiries
from tests.stateful.traders.liquidations import Liquidations
from tests.stateful.traders.market import (
    COMPARED,
    EXAMPLES,
    EXPIRIES,
    FLAGGED,
    LONG,
    STEPS,
    steps,
)
from tests.stateful.traders.owners import Owners
from tests.worlds.system import WAD


class Bulkheads(Owners, Liquidations, Expiries):
    """The protocol under random traders, keepers and prices."""

    def teardown(self) -> None:
        """Every run ends with a crash and a settlement, so that no run is idle."""
        if not hasattr(self, "world"):
            return
        try:
            self._thaw()
            # the short call: a slide downwards does not need it
            self._give_mandate(self.vaults[2], 99 * WAD // 10, 4_000, 4_000, 3)
            self._top_up(self.vaults[2])
            self._slide()
            self.move_price(0.8, 1)
            for vault in self._unsafe():
                if self._flag(vault):
                    self._take_with_a_callback(vault, WAD // 10)
            self._play_three_roles(WAD // 2)
            self.crash(0.65, WAD // 2, 4)
            if self._live():
                self._expire(0.9, False, list, lambda holders: list(reversed(holders)))
            assert self.folded.differences(self.donated) == []
            self.folded.close()
        finally:
            self.world.__exit__(None, None, None)

    def _books(self) -> Books:
        """As the promises want them; the balance of a vault is read from the token as well."""
        vaults = {}
        for vault in self.vaults:
            words, legs = self._all()[vault]
            vaults[vault] = VaultBook(
                vault_id=vault,
                market=1,
                expiry=words[1] & (2**40 - 1),
                legs=legs,
                flagged=bool(words[0] & FLAGGED),
                stored=words[6],
                held=self.token.balanceOf(self.custodies[vault]),
            )
        cells = {(1, expiry): self.system.clearinghouse.cell(1, expiry) for expiry in EXPIRIES}
        counted = {cell: CellBook(word & (2**112 - 1), word >> 112) for cell, word in cells.items()}
        return Books(vaults, counted, {1: self.system.clearinghouse.market(1)[2]})

    @invariant()
    def inv_01_03_10_books(self) -> None:
        if not hasattr(self, "system"):
            return
        steps["steps"] += 1
        assert invariants.broken(self._books()) == []

    @invariant()
    def inv_04_conservation(self) -> None:
        if not hasattr(self, "pool"):
            return
        assert self.token.totalSupply() == self.minted
        # every token is at a known address: now and then, as it reads dozens of balances
        self.count = getattr(self, "count", 0) + 1
        if self.count % 8 == 0:
            held = sum(self.token.balanceOf(h) for h in {*self.holders, *self.custodies.values()})
            assert held == self.minted or (self.kept and held < self.minted), "INV-04"

    @invariant()
    def index_is_the_chain(self) -> None:
        """Now and then; at the end of each run in any case."""
        if hasattr(self, "folded") and steps["steps"] % COMPARED == 0:
            assert self.folded.differences(self.donated) == []

    @invariant()
    def inv_13_fully_collateralised(self) -> None:
        if not hasattr(self, "system"):
            return
        # one vault a step, in turn
        self.turn = getattr(self, "turn", 0) + 1
        vault = self.vaults[self.turn % len(self.vaults)]
        view = self._view(vault)
        if view.legs and view.covered:
            with boa.env.anchor():
                try:
                    self.system.liquidator.flag(vault)
                except boa.BoaError:
                    return
            raise AssertionError(f"INV-13: vault {vault} was flagged")


def test_invariants__random_traders_and_crashes__hold() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Bulkheads,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not LONG,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
    # the first look of each example comes before its first step
    print(f"\n{steps.pop('steps') - EXAMPLES} steps, calls by kind: {dict(steps)}")
    # the machine did what it is for
    kinds = (
        "filled",
        "flagged",
        "taken",
        "taken with a callback",
        "played three roles",
        "absorbed",
        "settled",
        "topped up",
    )
    for kind in kinds:
        assert steps[kind] > 0, f"no {kind} in {dict(steps)}"
