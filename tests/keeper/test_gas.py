"""Gas limits of what is sent without asking a node: enough for the largest vault."""

from __future__ import annotations

import boa
import pytest

from bulkhead.keeper.calls import DEPOSIT_GAS, FLAG_GAS, FLAG_LEG_GAS, MANY_GAS, MANY_LEG_GAS
from tests.evm import Env
from tests.worlds.liquidation import World, address, call

#: What the real oracle needs beyond the scripted one, and what a transaction costs before its first opcode.
ORACLE_GAS, BASE_GAS = 150_000, 22_000


@pytest.fixture(scope="module")
def world():
    with boa.swap_env(Env()):
        yield World()


def short(world: World, count: int) -> int:
    """A vault with so many short calls."""
    seller, buyer = world.open(address("seller"), 100_000), world.open(address("buyer"), 100_000)
    world.trade(seller, buyer, [call(2100 + 100 * i, -1) for i in range(count)])
    return buyer


def flagged(world: World, count: int) -> int:
    """A vault with so many short calls that has just been flagged."""
    buyer = short(world, count)
    world.move(spot=200_000)
    world.flag(buyer, address("keeper"))
    return buyer


@pytest.mark.parametrize("count", [1, 8, 16])
def test_flag__any_number_of_legs__fits_its_gas_limit(world, count):
    with boa.env.anchor():
        flagged(world, count)
        used = world.liquidator._computation.get_gas_used()
    world.move(spot=2000)
    assert 50_000 < used < FLAG_GAS + FLAG_LEG_GAS * count - ORACLE_GAS - BASE_GAS


@pytest.mark.parametrize(("vaults", "count"), [(4, 1), (32, 1), (16, 8), (4, 16), (32, 16)])
def test_flag_many__any_number_of_vaults_and_legs__fits_its_gas_limit(world, vaults, count):
    """A third is left over, for markets that count coins; hardly more: what a batch leaves, nobody else can use."""
    with boa.env.anchor():
        sold = [short(world, count) for _ in range(vaults)]
        world.move(spot=200_000)
        world.liquidator.flag_many(sold, sender=address("keeper"))
        used = world.liquidator._computation.get_gas_used()
    world.move(spot=2000)
    limit = FLAG_GAS + MANY_GAS * vaults + MANY_LEG_GAS * count * vaults - ORACLE_GAS - BASE_GAS
    assert used * 4 // 3 < limit < used * 3


@pytest.mark.parametrize("count", [1, 16])
def test_deposit__into_a_flagged_vault_of_any_number_of_legs__fits_its_gas_limit(world, count):
    """It is assessed again, and its flag ends or goes on."""
    with boa.env.anchor():
        buyer = flagged(world, count)
        world.deposit(buyer, 100, address("buyer"))
        used = world.clearinghouse._computation.get_gas_used()
    world.move(spot=2000)
    assert 50_000 < used < DEPOSIT_GAS + FLAG_GAS + FLAG_LEG_GAS * count - ORACLE_GAS - BASE_GAS
