"""What lies exactly on a boundary: equity equal to MM or to the target, limits met to the unit, the last second."""

from __future__ import annotations

import boa
import pytest

from tests.evm import Env
from tests.worlds.liquidation import EXPIRY, FOREVER, LIMITS, WAD, World, address, put

KEEPER, TAKER = address("keeper"), address("taker")


@pytest.fixture
def fine():
    """A market whose token has a unit of 1 wad, so that equity can be set to the last digit."""
    with boa.swap_env(Env()):
        yield World(decimals=18)


def pay_in(world, vault: int, amount: int) -> None:
    """Native units straight into a vault's custody: no deposit, nothing is looked at."""
    world.token.mint(world.custody(vault), amount)


def missing_to(world, vault: int, number: int) -> int:
    """What equity lacks to reach a number of the standing (1 MM, 2 target) [wad]."""
    standing = world.standing(vault)
    return standing[number] - standing[0]


@pytest.mark.parametrize(("short_by", "flags"), [(1, True), (0, False), (-1, False)])
def test_flag__equity_to_the_last_digit(fine, short_by, flags):
    vault = fine.short_put(600)
    fine.move(1500)
    pay_in(fine, vault, missing_to(fine, vault, 1) - short_by)
    if flags:
        fine.flag(vault, KEEPER)
    else:
        with boa.reverts("liquidator/healthy"):
            fine.flag(vault, KEEPER)


@pytest.mark.parametrize(("short_by", "ends"), [(1, False), (0, True)])
def test_clear__ends_the_flag_at_the_target_and_what_is_missing_exactly(fine, short_by, ends):
    """d is part of the bar: half the deposit, gone to the flagger, and the tip of the end."""
    vault = fine.short_put(600)
    fine.move(1500)
    fine.flag(vault, KEEPER)
    d = 8 * WAD
    pay_in(fine, vault, missing_to(fine, vault, 2) + d - short_by)
    with boa.env.prank(KEEPER):
        fine.liquidator.clear(vault)
    assert fine.is_flagged(vault) != ends


@pytest.mark.parametrize(("short_by", "restarts"), [(1, False), (0, True)])
def test_clear__sets_the_clock_back_at_equity_equal_to_mm(fine, short_by, restarts):
    vault = fine.short_put(600)
    fine.move(1500)
    fine.flag(vault, KEEPER)
    fine.wait(100)
    pay_in(fine, vault, missing_to(fine, vault, 1) - short_by)
    began, flagged_at = fine.words(vault)[1] >> 40 & (2**40 - 1), fine.words(vault)[1] >> 80 & (2**40 - 1)
    with boa.env.prank(KEEPER):
        if restarts:
            fine.liquidator.clear(vault)
        else:
            with boa.reverts("liquidator/still-unhealthy"):
                fine.liquidator.clear(vault)
    clock = fine.words(vault)[1] >> 40 & (2**40 - 1)
    assert (clock == began + 100) == restarts
    # both the market's clock and the time from which an auction near expiry is shortened
    assert flagged_at == boa.env.evm.patch.timestamp - 100
    assert (fine.words(vault)[1] >> 80 & (2**40 - 1) == flagged_at + 100) == restarts


def taken(world, vault: int, **limits) -> int:
    """A take with limits by name, into a rich vault."""
    names = ("min_received", "min_bonus", "max_fraction", "min_spot", "max_spot")
    values = [limits.get(name, plain) for name, plain in zip(names, LIMITS, strict=True)]
    into = world.open(TAKER, 100_000)
    with boa.env.prank(TAKER):
        return world.liquidator.take(vault, WAD, into, values, FOREVER, b"")


@pytest.mark.parametrize("limit", ["min_received", "min_bonus", "max_fraction", "min_spot", "max_spot"])
def test_take__limits_met_exactly__pass_and_one_more_does_not(world, limit):
    vault = world.short_put(600)
    world.move(1500)
    world.flag(vault, KEEPER)
    world.wait(60)
    quote = world.liquidator.quote(vault, WAD)
    spot = 1500 * WAD
    exact = {
        "min_received": quote.cash + quote.top_up,
        "min_bonus": quote.bonus_share,
        "max_fraction": quote.fraction,
        "min_spot": spot,
        "max_spot": spot,
    }[limit]
    beyond = exact - 1 if limit.startswith("max") else exact + 1
    with boa.reverts("liquidator/limits"):
        taken(world, vault, **{limit: beyond})
    taken(world, vault, **{limit: exact})


def test_take__deadline__is_the_last_second(world):
    vault = world.short_put(600)
    world.move(1500)
    world.flag(vault, KEEPER)
    world.wait(60)
    into = world.open(TAKER, 100_000)
    with boa.env.prank(TAKER), boa.reverts("liquidator/past-deadline"):
        world.liquidator.take(vault, WAD, into, LIMITS, world.now - 1, b"")
    with boa.env.prank(TAKER):
        world.liquidator.take(vault, WAD, into, LIMITS, world.now, b"")


@pytest.mark.parametrize("ahead", [1, 0])
def test_flag__until_the_second_before_expiry(world, ahead):
    vault = world.short_put(600)
    world.wait(EXPIRY - ahead - world.now)
    world.move(1400)
    if ahead:
        world.flag(vault, KEEPER)
    else:
        with boa.reverts("liquidator/expired"):
            world.flag(vault, KEEPER)


def test_deposit__from_expiry_on__does_not_look_at_the_flag(world):
    """A flag stops nothing then: its A and the recorded deficit stand until the vault is settled (docs/margin.md)."""
    vault = world.short_put(500)
    world.move(1300)
    world.flag(vault, KEEPER)
    before = world.words(vault)[1]
    cell = world.clearinghouse.cell(1, EXPIRY)
    world.wait(EXPIRY - world.now)
    world.deposit(vault, 5_000, address("trader"))
    assert world.is_flagged(vault) and world.words(vault)[1] == before
    assert world.clearinghouse.cell(1, EXPIRY) == cell


def test_flag__tip__is_what_is_there_when_the_token_took_the_rest(world):
    """A token that takes balances away leaves less than the tip: the flag stands, and pays what there is."""
    vault = world.short_put(600)
    world.move(1300)
    held = world.balance(vault)
    custody = world.custody(vault)
    with boa.env.prank(custody):
        world.token.transfer(address("issuer"), held - 2 * world.unit)
    world.flag(vault, KEEPER)
    assert world.balance(KEEPER) == 2 * world.unit and world.balance(vault) == 0


def test_trade__last_leg_of_a_flagged_vault_leaves__ends_the_flag(world):
    vault, other = world.short_put(750), world.maker()
    world.move(1300)
    world.flag(vault, KEEPER)
    assert world.clearinghouse.cell(1, EXPIRY) >> 112 == 0
    world.trade(other, vault, [put(2000, 1)], 600)
    assert not world.is_flagged(vault) and world.legs(vault) == []
    assert world.words(vault)[1] == 0
