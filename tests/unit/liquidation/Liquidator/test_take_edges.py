"""The second guards of a take: what the first one promised and the token then refused."""

from __future__ import annotations

import boa
import pytest

from tests.contracts import deployer
from tests.evm import Env
from tests.worlds.liquidation import FOREVER, LIMITS, WAD, World, address, put

KEEPER, TAKER = address("keeper"), address("taker")


@pytest.mark.parametrize("frozen", [False, True])
def test_take__top_up_that_the_token_refuses__counts_against_what_the_taker_asks(frozen):
    with boa.swap_env(Env()):
        world = World(token=deployer("HostileERC20").deploy(6))
        world.insure(100_000)
        vault = world.short_put(600)
        world.move(1_300)
        world.flag(vault, KEEPER)
        world.wait(1_200)
        into = world.open(TAKER, 100_000)
        quote = world.liquidator.quote(vault, WAD)
        assert quote.top_up > 0
        world.token.freeze(world.pot, frozen)
        limits = [quote.cash + quote.top_up, *LIMITS[1:]]
        with boa.env.prank(TAKER):
            if frozen:
                with boa.reverts("liquidator/limits"):
                    world.liquidator.take(vault, WAD, into, limits, FOREVER, b"")
                # an item that is done cannot be skipped any more: all of the batch is undone
                with boa.reverts("liquidator/limits"):
                    world.liquidator.take_many([vault], [WAD], [into], limits, FOREVER)
                assert world.liquidator.take_many([vault], [WAD], [into], [quote.cash, *LIMITS[1:]], FOREVER) == 1
            else:
                with boa.env.anchor():
                    assert world.liquidator.take_many([vault], [WAD], [into], limits, FOREVER) == 1
                assert world.liquidator.take(vault, WAD, into, limits, FOREVER, b"") == limits[0]


def test_flag__fully_collateralised_to_the_last_digit__is_refused():
    """C equal to the worst settlement: MM is capped by what is left to lose, whatever the marks say."""
    with boa.swap_env(Env()):
        world = World(decimals=18)
        for quote, spot in ((2_010, 900), (2_010, 100)):
            vault = world.open(address(f"trader{spot}"), quote)
            world.trade(vault, world.maker(), [put(2000, 1)], 0)
            world.move(spot)
            with boa.reverts("liquidator/healthy"):
                world.flag(vault, KEEPER)
            world.move(2000)
