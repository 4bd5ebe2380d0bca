"""What the client calls for each of its sentences, argument by argument; and what it refuses before."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from bulkhead.chain.errors import BadInput
from bulkhead.chain.lens import CLAIM
from bulkhead.client import vaults as module
from bulkhead.client.vaults import MOST_REFRESHED, MOST_SETTLED, Vaults
from bulkhead.operators import Permission
from bulkhead.risk.words import MAX_LEGS, WAD, Kind, Leg, Series
from tests.keeper.states import EXPIRY, KEEPER, OTHER, vault

ME, UNIT, NOW = KEEPER, 10**6, 1_000_000


class Contract:
    """Answers reads and names itself; what is encoded is told in words."""

    def __init__(self, name: str, world: World) -> None:
        self.name, self.world = name, world

    def call(self, function: str, *arguments: Any) -> Any:
        return self.world.answers[function](*arguments)

    def encode(self, function: str, *arguments: Any) -> tuple[Any, ...]:
        return function, *arguments


class World:
    """An account of a deployment that notes what it is asked to do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.allowed: list[int] = []
        self.views = {1: vault(1), 2: vault(2)}
        self.answers: dict[str, Any] = {"next_id": lambda: 9, "epoch_for": self.epoch}
        world = self
        market = SimpleNamespace(index=1, decimals=6, symbol="ETH")

        class Chain:
            rpc = SimpleNamespace(timestamp=lambda: NOW)
            deployment = SimpleNamespace(market=lambda index: SimpleNamespace(symbol={1: "ETH", 2: "BTC"}[index]))

            def __getitem__(self, name: str) -> Contract:
                return Contract(name, world)

            def market(self, key: Any) -> Any:
                assert key in (1, "ETH")
                return market

        signer = SimpleNamespace(execute=lambda contract, *call: self.done.append((contract.name, *call)) or "receipt")
        account: Any = SimpleNamespace(
            chain=Chain(), signer=signer, address=ME, ensure_allowance=lambda m, c, amount: self.allowed.append(amount)
        )
        monkeypatch.setattr(Vaults, "view", lambda me, vault_id: self.views[vault_id])
        monkeypatch.setattr(module, "opened", lambda chain, receipt: (7, receipt))
        self.vaults = Vaults(account)

    def epoch(self, vault_id: int, series: list[int]) -> int:
        """Its vault's epoch, and counters of 4 for all orders and 6 for one series."""
        return ((6 if series else 4) << 64) | 3


@pytest.fixture
def world(monkeypatch):
    return World(monkeypatch)


HOUSE, VENUE = "Clearinghouse", "Exchange"


@pytest.mark.parametrize(
    ("deposit", "allowed", "amount"), [(0, [], 0), ("0.000001", [1], 1), (25, [25 * UNIT], 25 * UNIT)]
)
def test_open__deposit__is_allowed_first_and_none_asks_for_nothing(world, deposit, allowed, amount):
    assert world.vaults.open("ETH", deposit, "GREEKS") == 7
    assert world.done == [(HOUSE, "open", 1, 1, ME, amount)] and world.allowed == allowed


def test_deposit_and_withdraw__name_owner_and_receiver(world):
    world.vaults.deposit(1, 5)
    world.vaults.withdraw(1, 6)
    world.vaults.withdraw(1, 7, OTHER)
    assert world.allowed == [5 * UNIT] and world.done == [
        (HOUSE, "deposit", 1, OTHER, 5 * UNIT), (HOUSE, "withdraw", 1, 6 * UNIT, ME),
        (HOUSE, "withdraw", 1, 7 * UNIT, world.done[2][4]),
    ]  # fmt: skip
    assert world.done[2][4].lower() == OTHER


def test_split__nothing_said__moves_no_tokens_into_the_next_id(world):
    moved = [Leg(Kind.PUT, 160 * 10**8, 2 * UNIT).pack()]
    assert world.vaults.split(1, [("put:160", 2)]) == 9
    world.vaults.split(1, [("put:160", 2)], 3)
    calls = [[("open", 1, 0, ME, 0), ("transfer_legs", 1, 9, moved, cash)] for cash in (0, 3 * UNIT)]
    assert world.done == [(HOUSE, "multicall", one) for one in calls]


@pytest.mark.parametrize(("count", "fits"), [(MAX_LEGS, True), (MAX_LEGS + 1, False)])
def test_split__legs__no_more_than_a_vault_holds(world, count, fits):
    legs = [(f"put:{100 + i}", 1) for i in range(count)]
    if fits:
        world.vaults.split(1, legs)
        assert len(world.done) == 1
    else:
        with pytest.raises(BadInput, match="at most"):
            world.vaults.split(1, legs)
        assert world.done == []


def test_merge__all_legs_and_tokens__then_the_vault_is_closed(world):
    world.vaults.merge(1, 2)
    legs = [leg.pack() for leg in world.views[1].legs]
    assert world.done == [(HOUSE, "multicall", [("transfer_legs", 1, 2, legs, 10**9), ("close", 1, ME)])]
    world.views[2] = replace(world.views[2], market=2)
    with pytest.raises(BadInput, match="of the market ETH and vault 2 of BTC"):
        world.vaults.merge(1, 2)


def test_grant__until__is_so_many_seconds_from_now(world):
    world.vaults.grant(1, OTHER, Permission.TRADE)
    world.vaults.grant(1, OTHER, Permission(0), 5)
    assert [(call[1], call[2], call[4], call[5]) for call in world.done] == [
        ("grant", 1, int(Permission.TRADE), NOW + 86_400), ("grant", 1, 0, NOW + 5),
    ]  # fmt: skip


def test_close__vault_with_a_claim__only_when_it_is_given_up(world):
    world.views[1] = replace(world.views[1], status=CLAIM)
    with pytest.raises(BadInput, match="a claim that is not paid in full"):
        world.vaults.close(1)
    world.vaults.close(1, give_up=True)
    world.vaults.close(2)
    assert world.done == [(HOUSE, "close", 1, ME), (HOUSE, "close", 2, ME)]


@pytest.mark.parametrize("function", ["settle", "claim"])
def test_each__one_vault_says_why_and_several_skip__each_once(world, function):
    call = getattr(world.vaults, function)
    call([5])
    call([5, 6, 5])
    call(range(1, MOST_SETTLED + 1))
    assert world.done[0] == ("Settlement", function, 5) and world.done[1] == ("Settlement", f"{function}_many", [5, 6])
    assert len(world.done[2][2]) == MOST_SETTLED
    for wrong in ([], range(1, MOST_SETTLED + 2)):
        with pytest.raises(BadInput, match="at a time"):
            call(wrong)


def test_refresh__and_repay(world):
    world.vaults.refresh(range(1, MOST_REFRESHED + 1))
    world.vaults.refresh([4])
    world.vaults.repay(4)
    assert world.done[1:] == [("Liquidator", "refresh", [4]), ("Settlement", "repay", 4)]
    with pytest.raises(BadInput, match="at a time"):
        world.vaults.refresh(range(1, MOST_REFRESHED + 2))


def test_cancel_all__every_order_or_those_of_a_series__from_the_next_counter_on(world):
    world.vaults.cancel_all(1)
    world.vaults.cancel_all(1, EXPIRY, "call:200")
    series = Series(1, Kind.CALL, EXPIRY, 200 * 10**8).pack()
    assert world.done == [(VENUE, "bump_epoch", 1, 5), (VENUE, "cancel_series", 1, series, 7)]
    for half in ({"expiry": EXPIRY}, {"leg": "call:200"}):
        with pytest.raises(BadInput, match="name both, or neither"):
            world.vaults.cancel_all(1, **half)


def test_caps__are_of_the_vaults_epoch_and_the_counter_of_its_orders(world):
    asked: list[tuple[int, ...]] = []

    def caps_of(*key: int) -> Any:
        asked.append(key)
        return SimpleNamespace(delta_cap=WAD, vega_cap=2 * WAD, delta_used=-3 * WAD, vega_used=4 * WAD)

    world.answers["caps_of"] = caps_of
    world.views[1] = replace(world.views[1], epoch=8)
    found = world.vaults.caps(1)
    assert (found.delta, found.vega, found.delta_used, found.vega_used) == (1, 2, -3, 4) and asked == [(1, 8, 4)]
    world.vaults.set_caps(1)
    world.vaults.set_caps(1, "1.5", 2)
    assert world.done == [(VENUE, "set_caps", 1, 0, 0), (VENUE, "set_caps", 1, 15 * 10**17, 2 * WAD)]
    for wrong in ((-1, 0), (0, -1)):
        with pytest.raises(BadInput, match="not below 0"):
            world.vaults.set_caps(1, *wrong)
