"""Caps of the pool to the unit, and what debts and haircuts take off a share, rounded for those who stay."""

from __future__ import annotations

import boa
import pytest

from bulkhead.risk import exact, margin
from bulkhead.risk.words import Leg, RiskWord
from tests.contracts import deployer, write
from tests.evm import Env
from tests.worlds.liquidation import EXPIRY, World, address, put

ALICE, OWNER = address("alice"), address("owner")
VIRTUAL = 10**6


def own_vault(world: World, quote: float) -> int:
    """A vault of the pool, without legs, in which the next absorb of the cell would look first."""
    pool = world.backstop()
    with boa.env.prank(pool.address):
        vault = int(world.clearinghouse.open(1, 0, pool.address, 0))
    world.token.mint(world.custody(vault), round(quote * world.unit))
    slot = deployer("BackstopPool").artifact.layout["storage_layout"]["_vaults"]["slot"]
    count = len(pool.vaults())
    boa.env.set_storage(pool.address, slot, count + 1)
    boa.env.set_storage(pool.address, slot + 1 + count, vault)
    write("BackstopPool", pool.address, "cell_vault", vault, EXPIRY)
    return vault


def pool_vault(world: World, quote: float) -> int:
    """A vault of the pool that has sold a put, as an absorb would leave it."""
    vault = own_vault(world, quote)
    world.trade(vault, world.maker(), [put(2000, 1)], 0)
    return vault


@pytest.mark.parametrize(("more", "passes"), [(0, True), (1, False)])
def test_deposit__up_to_the_cap__passes(world, more, passes):
    pool = world.backstop(1_000, ALICE)
    write("BackstopPool", pool.address, "cap", 1_500 * world.unit)
    assert pool.maxDeposit(ALICE) == 500 * world.unit
    amount = 500 * world.unit + more
    world.token.mint(ALICE, amount)
    with boa.env.prank(ALICE):
        if passes:
            pool.deposit(amount, ALICE)
            assert pool.totalAssets() == 1_500 * world.unit and pool.maxDeposit(ALICE) == 0
        else:
            with boa.reverts("backstop/above-cap"):
                pool.deposit(amount, ALICE)


@pytest.mark.parametrize(("more", "passes"), [(0, True), (1, False)])
def test_refill__second_time__counts_what_the_cell_has_had_on_both_sides(world, more, passes):
    """Half of what was at hand before the first: of 130 with 30 in the cell 35 more may go in, not 20."""
    pool = world.backstop(100, ALICE)
    vault = pool_vault(world, 900)
    write("BackstopPool", pool.address, "cell_added", 30 * world.unit, EXPIRY)
    world.move(1_200)
    wanted = 35 * world.unit + more
    world.token.mint(world.custody(vault), pool.shortage(vault) - wanted)
    assert pool.shortage(vault) == wanted
    if passes:
        assert pool.refill(vault) == wanted
    else:
        with boa.reverts("backstop/cell-cap"):
            pool.refill(vault)


def test_total__vault_in_debt_to_its_cell__is_worth_what_it_holds_less_the_debt():
    """The token refused the pay-in: the tokens are still there and somebody else's."""
    with boa.swap_env(Env()):
        world = World(token=deployer("HostileERC20").deploy(6))
        pool = world.backstop(1_000, ALICE)
        vault = pool_vault(world, 900)
        world.expire(1_500)
        world.token.freeze(world.custody(vault), True)
        world.settlement.settle(vault)
        debt = world.settlement.debt_of(vault)
        assert debt == 500 * world.unit and world.balance(vault) == 900 * world.unit
        assert pool.totalAssets() == 1_400 * world.unit
        assert pool.previewRedeem(pool.totalSupply() + VIRTUAL) == 1_400 * world.unit + 1


@pytest.mark.parametrize("price", [1_900.0, 1_900.00000001, 1_900.00000002, 1_900.00000003])
def test_previews__haircut__is_rounded_up_to_the_wad(price):
    """A token whose unit is a wad shows each one."""
    with boa.swap_env(Env()):
        world = World(decimals=18)
        pool = world.backstop(1_000, ALICE)
        vault = pool_vault(world, 900)
        world.move(price)
        loaded, prices = world.clearinghouse.load(vault), world.snapshot()
        risk = RiskWord.unpack(loaded.vault.risk)
        deposit = loaded.vault.terms >> 184 & (2**40 - 1)
        assessed = exact.assess([Leg.unpack(word) for word in loaded.legs], prices, risk)
        standing = margin.resolve(assessed, loaded.vault.balance - deposit * 10**12, risk, prices)
        cut = -(-standing.initial_margin // 4)
        total = 1_000 * world.unit + standing.equity - cut
        assert pool.previewRedeem(pool.totalSupply() + VIRTUAL) == total + 1
