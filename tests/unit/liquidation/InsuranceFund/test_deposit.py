from __future__ import annotations

import boa

from tests.contracts import deployer, write
from tests.evm import Env
from tests.worlds.doubles import refusing_token
from tests.worlds.liquidation import EXPIRY, MARKET, World, address

PAYER = address("insurer")


def test_deposit__first__fills_the_pot_and_gives_shares(world):
    world.insure(1000)
    assert world.balance(world.pot) == 1000 * world.unit
    assert world.fund.shares(MARKET, PAYER) == world.fund.total_shares(MARKET) > 0


def test_deposit__after_a_gain__costs_more_per_share(world):
    world.insure(1000)
    first = world.fund.shares(MARKET, PAYER)
    world.token.mint(world.pot, 1000 * world.unit)
    world.insure(1000, address("second"))
    second = world.fund.shares(MARKET, address("second"))
    assert abs(second * 2 - first) <= first // 10**6


def test_deposit__donation_before_the_first__robs_nobody(world):
    world.token.mint(world.pot, 10**6 * world.unit)
    world.insure(1000)
    shares, total = world.fund.shares(MARKET, PAYER), world.fund.total_shares(MARKET)
    assert shares == total > 0


def test_deposit__zero__reverts(world):
    with boa.reverts("insurance/zero-amount"):
        world.fund.deposit(MARKET, 0)


def test_deposit__unknown_market__reverts(world):
    with boa.reverts("insurance/unknown-market"):
        world.fund.deposit(77, 1)


def test_deposit__less_than_a_share__reverts(world):
    world.insure(1)
    world.token.mint(world.pot, 10**13 * world.unit)
    world.token.mint(PAYER, 1)
    with boa.env.prank(PAYER), boa.reverts("insurance/zero-shares"):
        world.fund.deposit(MARKET, 1)


def test_deposit__token_answers_false__reverts(world):
    refusing = refusing_token()
    token_word = int(refusing.address, 16) | 6 << 160 | 1 << 168 | 10_000 << 176
    write("Clearinghouse", world.clearinghouse.address, "tokens", token_word, 9)
    with boa.reverts("insurance/transfer-failed"):
        world.fund.deposit(9, 100)


def test_deposit__pot_is_paid_from_within_the_token__shares_of_what_was_deposited_alone():
    """A token that calls the payer first: the dust of a cell that is swept meanwhile is every depositor's."""
    with boa.swap_env(Env()):
        world = World(token=deployer("HostileERC20").deploy(6))
        world.insure(1_000)
        world.expire(2000)
        world.token.mint(world.cell, 500 * world.unit)
        world.token.arm(world.settlement.address, world.settlement.sweep.prepare_calldata(MARKET, EXPIRY))
        second = address("second")
        world.insure(10, second)
        (added,) = [event for event in world.fund.get_logs() if type(event).__name__ == "InsuranceAdded"]
        assert world.token.hook_passed() and world.balance(world.pot) == 1_510 * world.unit
        assert added.amount == 10 * world.unit
        assert world.fund.shares(MARKET, second) * 100 <= world.fund.shares(MARKET, PAYER)


def test_pot__before_any_deposit__is_where_money_will_lie(world):
    pot = world.pot
    assert not boa.env.get_code(pot)
    world.insure(1)
    assert boa.env.get_code(pot) and world.pot == pot
