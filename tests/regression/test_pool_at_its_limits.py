"""Pricing all that a pool may hold fits into one transaction, so nobody can make its shares too dear to move."""

from __future__ import annotations

import boa
import pytest

from tests.contracts import deployer, write
from tests.unit.liquidation.BackstopPool.test_absorb import LIVE
from tests.worlds.liquidation import MARKET, address, call, put

#: What one transaction may use (EIP-7825).
MOST = 2**24
ALICE = address("alice")


@pytest.mark.parametrize(("vaults", "held"), [(24, 16), (64, 6)])
def test_serve_and_deposit__384_legs__fit_into_one_transaction(world, vaults, held):
    pool = world.backstop(1_000_000, ALICE)
    strikes = [1400 + 75 * i for i in range(held // 2)]
    legs = sorted([put(strike, 0.01) for strike in strikes] + [call(strike, 0.01) for strike in strikes])
    slot = deployer("BackstopPool").artifact.layout["storage_layout"]["_vaults"]["slot"]
    write("BackstopPool", pool.address, "_vaults", vaults)
    for i in range(vaults):
        with boa.env.prank(pool.address):
            own = world.clearinghouse.open(MARKET, 0, pool.address, 0)
        world.token.mint(world.custody(own), 1_000 * world.unit)
        world.trade(world.maker(), own, legs, 100)
        boa.env.set_storage(pool.address, slot + 1 + i, own)
    world.move(status=LIVE)
    assert sum(len(world.legs(own)) for own in pool.vaults()) == vaults * held
    used = {}
    with boa.env.prank(ALICE):
        world.token.mint(ALICE, world.unit)
        pool.deposit(world.unit, ALICE)
        used["deposit"] = pool._computation.get_gas_used()
        pool.request_redeem(10**12, 0)
    boa.env.evm.patch.timestamp += 7 * 86_400
    world.refresh()
    assert pool.serve(1) == 1
    used["serve"] = pool._computation.get_gas_used()
    assert max(used.values()) < MOST, used
