from __future__ import annotations

import boa
import pytest

from tests.contracts import write
from tests.worlds.liquidation import EXPIRY, MARKET, address

LOSER = address("cell")


def draw(world, amount, caller="Liquidator", expiry=EXPIRY, vault=7, gas=None):
    with boa.env.prank(world.at[caller]):
        return world.fund.draw(MARKET, expiry, vault, LOSER, amount)


@pytest.mark.parametrize("caller", ["Liquidator", "Settlement"])
def test_draw__within_caps__pays(world, caller):
    world.insure(1000)
    assert draw(world, 100 * world.unit, caller) == 100 * world.unit
    assert world.balance(LOSER) == 100 * world.unit
    assert world.fund.vault_drawn(7, EXPIRY) == 100 * world.unit


def test_draw__anyone_else__reverts(world):
    world.insure(1000)
    for caller in ("Clearinghouse", "RiskParameters", "Exchange"):
        with boa.reverts("insurance/not-authorized"):
            draw(world, 1, caller)


def test_draw__more_than_the_cell_cap__pays_a_quarter(world):
    world.insure(1000)
    assert draw(world, 10**30) == 250 * world.unit
    assert world.fund.available(MARKET, EXPIRY) == 0
    assert draw(world, 1) == 0


def test_draw__several_cells_in_a_day__stay_within_half(world):
    world.insure(1000)
    paid = [draw(world, 10**30, expiry=EXPIRY + i) for i in range(4)]
    # a quarter of what is left each time, and half of the fund at the day's first draw in all
    assert paid == [round(share * world.unit) for share in (250, 187.5, 62.5, 0)]


def test_draw__next_day__opens_again(world):
    world.insure(1000)
    for i in range(4):
        draw(world, 10**30, expiry=EXPIRY + i)
    world.wait(86_400)
    assert draw(world, 10**30, expiry=EXPIRY + 9) == 125 * world.unit


def test_draw__refill_between_draws__opens_nothing_beyond_the_day(world):
    """The base of the day's cap is never more than the fund at its first draw."""
    world.insure(1000)
    assert draw(world, 10**30) == 250 * world.unit
    world.insure(100_000)
    assert draw(world, 10**30) == 250 * world.unit
    assert world.fund.available(MARKET, EXPIRY) == 0 < world.fund.cell_room(MARKET, EXPIRY)


def test_draw__refill_past_expiry__opens_nothing(world):
    """Nor is that of a cell past its expiry more than the fund at its first draw from then on."""
    world.insure(1000)
    world.expire(1000)
    assert draw(world, 10**30, "Settlement", vault=0) == 250 * world.unit
    world.insure(100_000)
    world.wait(86_400)
    assert draw(world, 10**30, "Settlement", vault=0) == 0 == world.fund.cell_room(MARKET, EXPIRY)


@pytest.mark.parametrize("expired", [False, True])
@pytest.mark.parametrize("pieces", [1, 3, 40])
def test_draw__in_slices__pays_what_one_draw_pays(world, pieces, expired):
    world.insure(1000)
    if expired:
        world.expire(1000)
    each = 250 * world.unit // pieces + 1
    assert sum(draw(world, each) for _ in range(pieces + 1)) == 250 * world.unit
    assert world.fund.cell_room(MARKET, EXPIRY) == 0


def test_draw__top_ups_before_expiry__count_after_it(world):
    world.insure(1000)
    draw(world, 100 * world.unit)
    world.expire(1000)
    # a quarter of the 900 that are left, of which 100 are spent
    assert draw(world, 10**30, "Settlement", vault=0) == 125 * world.unit


def test_draw__empty_fund__pays_nothing(world):
    assert draw(world, 100) == 0


def test_draw__donation_to_the_pot__counts(world):
    world.token.mint(world.pot, 400 * world.unit)
    assert draw(world, 10**30) == 100 * world.unit


def test_draw__token_refuses__pays_nothing_and_counts_nothing(world):
    world.insure(1000)
    write("MockERC20", world.token.address, "balanceOf", 2**256 - 1, LOSER)
    assert draw(world, 100) == 0
    assert world.fund.available(MARKET, EXPIRY) == 250 * world.unit


def test_draw__little_gas__reverts_rather_than_pay_nothing(world):
    """Whoever picks the gas must not make a willing token look like one that refuses."""
    world.insure(1000)
    starved = 0
    with boa.env.prank(world.at["Settlement"]):
        for gas in range(20_000, 200_000, 3_000):
            with boa.env.anchor():
                try:
                    assert world.fund.draw(MARKET, EXPIRY, 7, LOSER, 100, gas=gas) == 100
                except boa.BoaError as error:
                    starved += "insurance/out-of-gas" in str(error)
    assert starved
