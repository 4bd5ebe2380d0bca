"""The gas limit of a flag that is sent without asking a node: enough for the largest vault."""

from __future__ import annotations

import boa
import pytest

from bulkhead.keeper.calls import FLAG_GAS, FLAG_LEG_GAS
from tests.evm import Env
from tests.worlds.liquidation import World, address, call

#: What the real oracle needs beyond the scripted one, and what a transaction costs before its first opcode.
ORACLE_GAS, BASE_GAS = 150_000, 22_000


@pytest.fixture(scope="module")
def world():
    with boa.swap_env(Env()):
        yield World()


@pytest.mark.parametrize("count", [1, 8, 16])
def test_flag__any_number_of_legs__fits_its_gas_limit(world, count):
    legs = [call(2100 + 100 * i, -1) for i in range(count)]
    with boa.env.anchor():
        seller, buyer = world.open(address("seller"), 100_000), world.open(address("buyer"), 100_000)
        world.trade(seller, buyer, legs)
        world.move(spot=200_000)
        world.flag(buyer, address("keeper"))
        used = world.liquidator._computation.get_gas_used()
    world.move(spot=2000)
    assert 50_000 < used < FLAG_GAS + FLAG_LEG_GAS * count - ORACLE_GAS - BASE_GAS
