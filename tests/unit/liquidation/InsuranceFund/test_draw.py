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
    # half of the smaller of the fund now and at first: 250, then half of 750 less 250, then nothing
    assert paid == [250 * world.unit, 125 * world.unit, 0, 0]


def test_draw__next_day__opens_again(world):
    world.insure(1000)
    for i in range(4):
        draw(world, 10**30, expiry=EXPIRY + i)
    world.wait(86_400)
    assert draw(world, 10**30, expiry=EXPIRY + 9) == 625 * world.unit // 4


def test_draw__caps_read_again_after_a_refill__stay(world):
    """The base of a cap is the smaller of the fund now and at the first draw: refilling opens nothing."""
    world.insure(1000)
    assert draw(world, 10**30) == 250 * world.unit
    world.insure(100_000)
    assert draw(world, 10**30) == 0
    assert world.fund.available(MARKET, EXPIRY) == 0


def test_draw__in_slices__pays_no_more_than_once(world):
    world.insure(1000)
    total = sum(draw(world, 10 * world.unit) for _ in range(40))
    assert total <= 250 * world.unit


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
    world.insure(1000)
    write("MockERC20", world.token.address, "balanceOf", 2**256 - 1, LOSER)
    reasons = set()
    with boa.env.prank(world.at["Settlement"]):
        for gas in range(12_000, 60_000, 1_000):
            with boa.env.anchor():
                try:
                    world.fund.draw(MARKET, EXPIRY, 7, LOSER, 100, gas=gas)
                except boa.BoaError as error:
                    reasons.add("insurance/out-of-gas" in str(error))
    assert True in reasons
