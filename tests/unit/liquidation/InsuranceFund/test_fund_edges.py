"""What the fund tells, and reserves."""

from __future__ import annotations

import boa
import pytest

from tests.evm import Env
from tests.worlds.liquidation import EXPIRY, MARKET, World, address

PAYER, WEEK = address("insurer"), 7 * 86_400


def told(world, name: str):
    """The last event of a name."""
    return next(e for e in reversed(world.fund.get_logs()) if type(e).__name__ == name)


def test_withdraw__event__tells_what_is_left_in_the_pot(world):
    world.insure(1_000)
    shares = world.fund.shares(MARKET, PAYER)
    with boa.env.prank(PAYER):
        world.fund.request(MARKET, shares // 4)
    world.wait(WEEK)
    with boa.env.prank(PAYER):
        paid = world.fund.withdraw(MARKET, PAYER)
    event = told(world, "InsuranceWithdrawn")
    assert paid and (event.amount, event.shares) == (paid, shares // 4)
    assert event.balance == world.balance(world.pot) == 1_000 * world.unit - paid


@pytest.mark.parametrize("decimals", [6, 8, 18])
def test_reserve__deficit_that_in_any_token__is_reserved_to_the_unit(decimals):
    """Deficits are counted in 1e-6 quote, of which every token's unit is a part."""
    with boa.swap_env(Env()):
        world = World(decimals=decimals)
        world.insure(10_000)
        vault = world.short_put(600)
        world.move(1_300)
        world.flag(vault, address("keeper"))
        deficit = world.clearinghouse.cell(MARKET, EXPIRY) >> 112
        assert deficit
        assert world.fund.reserve(MARKET, EXPIRY) == deficit * 10 ** (decimals - 6)
