"""Takes of a walk by a contract whose callback tries what must stay shut, into vaults of every model."""

from __future__ import annotations

from collections.abc import Callable

import boa

from bulkhead.risk.words import WAD, Model
from tests.contracts import deployer
from tests.fuzz.boundary import targets_of
from tests.matrix.scene import MARKET, MAX
from tests.stateful.state import WEAK, State

#: As State.call wants it.
TAKE = next(target for target in targets_of("HostileTaker") if target.function.name == "take")


class Takers(State):
    """Takes with a callback. Each returns what refused it, none when it passed."""

    def takes(self) -> dict[str, Callable[[], str | None]]:
        """All of them, by name."""
        return {"take with a callback": self.take_with_a_callback}

    def hire(self) -> None:
        """A contract with money, and a vault of each model."""
        house, token = self.scene.system.clearinghouse, self.scene.token
        self.taker = deployer("HostileTaker").deploy()
        self.contracts["HostileTaker"] = self.taker
        self.holders.add(self.taker.address.lower())
        token.mint(self.taker.address, 10**12)
        self.minted += 10**12
        self.taker.act(token.address, token.approve.prepare_calldata(house.address, MAX))
        self.into = {}
        for model in Model:
            self.into[model] = int(house.next_id())
            opened = house.open.prepare_calldata(MARKET, int(model), self.taker.address, 2 * 10**11)
            self.taker.act(house.address, opened)

    def take_with_a_callback(self) -> str | None:
        """Inside of the callback deposits work, and withdrawals, flags and transfers do not."""
        scene, house = self.scene, self.scene.system.clearinghouse
        model = self.draw.choice(list(Model))
        into, vault = self.into[model], scene.vaults[self.draw.choice(WEAK)]
        liquidator, me = self.contracts["Liquidator"], self.taker.address
        calls = [
            (house, "withdraw", into, 1, me), (liquidator, "flag", scene.vaults["frail"]),
            (liquidator, "refresh", [vault]), (house, "set_model", into, int(Model.ES)),
            (scene.system.token_nft, "transferFrom", me, scene.people["heir"], into),
            (house, "deposit", into, me, 1),
        ]  # fmt: skip
        self.taker.script([(to.address, getattr(to, name).prepare_calldata(*rest), False) for to, name, *rest in calls])
        share = self.draw.choice((WAD // 10, WAD // 3, WAD))
        # both vaults stand in the call
        told = self.call(TAKE, boa.env.eoa, (liquidator.address, vault, share, into, b"x"))
        passed = self.taker.passed()
        if told is None and passed & 0b11111:
            self.demand(
                [f"open inside of a callback: {[c[1] for i, c in enumerate(calls) if passed >> i & 1]}"], "take"
            )
        return told
