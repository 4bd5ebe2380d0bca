"""Session keys as actors: what a key that may only trade can take out of a vault, whatever it and its friend do.

The bound (docs/orders.md): a fill by such a key costs the vault at mark at most 1 % of notional and the fee, all fills
of a UTC day together at most 5 % of its equity; without a live grant a key moves nothing. The cost is measured here as
the change of the vault's worth, tokens and legs at mark, not by the contract's own sums. `HYPOTHESIS_PROFILE=long`
plays more sequences.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import boa
import pytest
from boa.contracts.base_evm_contract import BoaError
from eth_account import Account
from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st

from bulkhead import orders
from bulkhead.orders import Order, OrderLeg, PremiumStyle
from bulkhead.risk.words import Kind, Leg, Series
from tests.worlds.exchange import EXPIRY, PARAMETERS, STRIKE, World, key
from tests.worlds.system import System

LOT = 10**4
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"


PACKAGES = (
    [(Kind.FUTURE, 0, 1)],
    [(Kind.CALL, STRIKE, 1)],
    [(Kind.PUT, STRIKE - 100 * 10**8, -1)],
    [(Kind.CALL, STRIKE, 1), (Kind.CALL, STRIKE + 100 * 10**8, -2)],
)
#: What the owner's vault starts with [quote]: poor enough that the daily bound matters.
STAKE = 4000

key_steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["sign", "sign", "take", "take", "owner", "grant", "manage", "revoke", "transfer", "move", "wait", "steal"]
        ),
        st.sampled_from(PACKAGES),
        st.booleans(),
        st.integers(-120, 120),  # price off mark [1e-4 of notional]; a key may lose 100
        st.integers(1, 300).map(lambda n: n * LOT),
    ),
    min_size=4,
    max_size=12,
)


class Scene:
    """An owner with one vault, a key that may or may not trade for it, the key's friend on the other side."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.bot = Account.from_key(key(21))
        self.friend = Account.from_key(key(22))
        self.vault = world.system.open(world.maker.address, STAKE)
        self.desk = world.system.open(self.friend.address, 10**6)
        self.loot = world.system.open(self.bot.address, 1000)
        self.ids = [self.vault, self.desk, self.loot, world.maker_vault, world.taker_vault]
        self.epoch, self.salt = 0, 0
        self.may_trade = False
        self.day, self.lost = -1, 0
        self.worst = 0.0
        self.grant(1)

    def grant(self, permissions: int) -> None:
        world = self.world
        world.operators.grant(self.vault, self.bot.address, permissions, world.now + 10**7, sender=world.maker.address)
        self.may_trade = permissions & 1 == 1

    def value(self, legs: list[int]) -> int:
        prices = self.world.system.oracle.snapshot(1, EXPIRY)
        return int(self.world.system.EsEngine.value(legs, prices)) if legs else 0  # type: ignore[attr-defined]

    def worth(self) -> int:
        """Tokens and legs of the owner's vault at mark, its liquidation deposit included [wad]."""
        words, legs = self.world.clearinghouse.load(self.vault)
        return int(words[6]) * 10**12 + self.value(list(legs))

    def order(self, who: Any, vault: int, package: Any, is_bid: bool, off: int, size: int) -> Order:
        self.salt += 1
        legs = tuple(sorted((Series(1, k, EXPIRY, s).pack(), r) for k, s, r in package))
        words = [Leg(k, s, r * 10**6).pack() for k, s, r in package]
        notional = sum(abs(r) for _, _, r in package) * self.world.system.snapshot(EXPIRY).spot
        # the owner's vault pays `off` whichever side it is on
        buys = is_bid == (vault == self.vault)
        price = self.value(words) + notional * off // 10**4 * (1 if buys else -1)
        return Order(
            maker_vault=vault, signer=who.address, legs=tuple(OrderLeg(*one) for one in legs), is_bid=is_bid,
            price=price, size=size, expiry=self.world.now + 60, salt=self.salt, premium_style=PremiumStyle.DEFERRED,
            epoch=self.epoch if vault == self.vault else 0,
        )  # fmt: skip

    def trade(self, action: str, package: Any, is_bid: bool, off: int, size: int) -> None:
        """One fill of the owner's vault: signed by the key, taken by the key, or signed by the owner."""
        world = self.world
        who = {"sign": self.bot, "owner": world.maker, "take": self.friend}[action]
        vault = self.desk if action == "take" else self.vault
        order = self.order(who, vault, package, is_bid, off, size)
        into = self.vault if action == "take" else self.desk
        caller = self.bot if action == "take" else self.friend
        before, worth, equity = world.holdings(self.ids), self.worth(), world.system.state(self.vault).equity
        signature = orders.sign(order, world.domain, who.key)
        try:
            world.fill(order, size, signature=signature, vault=into, sender=caller.address)
        except BoaError:
            assert world.holdings(self.ids) == before
            return
        after = world.holdings(self.ids)
        assert [after[i] for i in self.ids[2:]] == [before[i] for i in self.ids[2:]]
        event = world.log("OrderFilled")
        assert event.price == order.price and event.size == size
        if action == "owner":
            return
        assert self.may_trade
        fee = (event.taker_fee if action == "take" else event.maker_fee) * 10**12
        cost = worth - self.worth()
        notional = sum(abs(r) for _, _, r in package) * world.system.snapshot(EXPIRY).spot * size // 10**6
        # one fill: 1 % of notional and the fee, to the unit the premium is rounded to
        assert cost - fee <= notional // 100 + 10**12
        today = world.now // 86400
        if today != self.day:
            self.day, self.lost = today, 0
        self.lost += max(cost, 0)
        # a day: 5 % of equity
        assert (self.lost - 2 * 10**12) * 20 <= equity
        assert abs(world.limits.lost_today(self.vault) - self.lost) <= 16 * 10**12
        self.worst = max(self.worst, self.lost / equity)

    def steal(self) -> None:
        """Whatever else moves tokens out of a vault, or the vault itself, refuses the key."""
        world, bot = self.world, self.bot.address
        house = world.clearinghouse
        attempts = (
            lambda: house.withdraw(self.vault, 1, bot, sender=bot),
            lambda: house.transfer_legs(self.vault, self.loot, [], 1, sender=bot),
            lambda: house.close(self.vault, bot, sender=bot),
            lambda: world.system.token_nft.transferFrom(world.maker.address, bot, self.vault, sender=bot),
            lambda: world.operators.grant(self.vault, bot, 7, 2**40, sender=bot),
            lambda: world.exchange.set_caps(self.vault, 0, 0, sender=bot),
        )
        for attempt in attempts:
            with pytest.raises(BoaError):
                attempt()

    def transfer(self) -> None:
        """The vault changes hands and comes back: every key is dead."""
        world = self.world
        world.give_vault(self.vault, world.maker.address, world.taker)
        world.give_vault(self.vault, world.taker, world.maker.address)
        self.epoch += 2
        self.may_trade = False


@pytest.fixture(scope="module")
def deployed() -> Iterator[World]:
    """One system; every example starts from it."""
    with boa.swap_env(boa.Env()):
        yield World(System(**PARAMETERS))


@settings(
    max_examples=150 if LONG else 5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sequence=key_steps)
def test_session_key__any_sequence__takes_out_no_more_than_the_bounds(
    deployed: World, sequence: list[tuple[str, Any, bool, int, int]]
) -> None:
    with boa.env.anchor():
        scene = Scene(deployed)
        supply = deployed.token.totalSupply()
        for action, package, is_bid, off, size in sequence:
            if action in ("sign", "take", "owner"):
                scene.trade(action, package, is_bid, off, size)
            elif action in ("grant", "manage", "revoke"):
                scene.grant({"grant": 1, "manage": 4, "revoke": 0}[action])
            elif action == "transfer":
                scene.transfer()
            elif action == "steal":
                before = deployed.holdings(scene.ids)
                scene.steal()
                assert deployed.holdings(scene.ids) == before
            # what is expired trades no more, and has no mark
            elif action == "wait" and deployed.now + 8 * 3600 < EXPIRY:
                deployed.system.wait(8 * 3600, deployed.system.snapshot(EXPIRY).spot / 1e18)
            else:
                deployed.system.wait(60, 2000 * (1 + off / 4000))
        target(scene.worst)
        assert scene.worst <= 0.05 + 1e-9
        assert deployed.token.totalSupply() == supply


def test_session_key__greedy_friend__reaches_the_daily_bound_and_stops(deployed: World) -> None:
    """The bound is no figure of speech: a key bent on it takes out 5 % of equity and not a lot more."""
    with boa.env.anchor():
        scene = Scene(deployed)
        for i in range(12):
            # sold a hair below 1 % off mark, and bought back a hair above
            scene.trade("sign", PACKAGES[0], i % 2 == 1, 99, 10**6 if i < 9 else 10 * LOT)
        assert 0.045 < scene.worst <= 0.05 + 1e-9
