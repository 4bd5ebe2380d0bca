"""Refilling, merging and collecting the pool's vaults, and what is closed while a taker's callback runs."""

from __future__ import annotations

import boa
import pytest

from bulkhead.risk.auction import WAD
from tests.contracts import deployer, write
from tests.evm import Env
from tests.unit.liquidation.BackstopPool.test_absorb import absorb, flagged, initial
from tests.worlds.doubles import refusal_in_callback
from tests.worlds.liquidation import EXPIRY, MARKET, address, unchanged
from tests.worlds.system import System

KEEPER = address("keeper")


@pytest.fixture
def held(world):
    """A pool with one vault in its cell."""
    world.backstop(20_000)
    absorb(world, flagged(world))
    (own,) = world.pool.vaults()
    return own


def test_refill__below_initial__adds_exactly_that(world, held):
    world.move(1450)
    short = world.pool.shortage(held)
    idle = world.pool.idle()
    assert short > 0
    with boa.env.prank(KEEPER):
        assert world.pool.refill(held) == short
    equity, required = initial(world, held)
    assert 0 <= equity - required < 10**13
    assert world.pool.idle() == idle - short and world.balance(KEEPER) == 3 * world.unit


def test_refill__flagged__ends_the_flag(world, held):
    world.move(1400)
    world.flag(held, address("flagger"))
    world.pool.refill(held)
    assert not world.is_flagged(held)


def test_refill__above_initial__reverts(world, held):
    with unchanged(world, held), boa.reverts("backstop/nothing-missing"):
        world.pool.refill(held)


def test_refill__insolvent__is_left_to_its_own_tokens(world, held):
    world.move(900)
    with unchanged(world, held), boa.reverts("backstop/insolvent"):
        world.pool.refill(held)


def test_refill__price_not_fresh__reverts(world, held):
    world.move(1450, status=0)
    with unchanged(world, held), boa.reverts("backstop/price-not-fresh"):
        world.pool.refill(held)


def test_refill__vault_of_another__reverts(world, held):
    other = world.open(KEEPER, 100)
    for function in (world.pool.refill, world.pool.collect, world.pool.shortage):
        with boa.reverts("backstop/not-a-pool-vault"):
            function(other)


def test_refill__pool_too_poor__vault_is_taken_like_any(world):
    world.backstop(800)
    absorb(world, flagged(world))
    (own,) = world.pool.vaults()
    world.move(1350)
    write("MockERC20", world.token.address, "balanceOf", world.unit, world.pool.address)
    with unchanged(world, own), boa.reverts("backstop/low-funds"):
        world.pool.refill(own)
    world.flag(own, KEEPER)
    into = world.open(KEEPER, 5_000)
    world.wait(60)
    world.take(own, into, KEEPER)
    assert world.legs(into) != []


@pytest.fixture
def pair(world, held):
    """Two healthy vaults of one cell."""
    vault = flagged(world, owner=address("another"), spot=1500)
    write("BackstopPool", world.pool.address, "cell_vault", 0, EXPIRY)
    absorb(world, vault)
    return list(world.pool.vaults())


def test_merge__two_of_a_cell__become_one(world, pair):
    first, second = pair
    total = world.pool.totalAssets()
    held = [world.balance(v) for v in pair]
    with boa.reverts("margin/below-initial"):
        world.pool.merge(second, first, 0)
    world.pool.merge(second, first, held[1] // 8)
    assert list(world.pool.vaults()) == [first]
    assert world.balance(first) == sum(held) + held[1] // 8
    assert world.pool.totalAssets() == total
    assert world.clearinghouse.vault_word(second) == 0


def test_merge__adds_too_much__reverts(world, pair):
    with boa.reverts("backstop/adds-too-much"):
        world.pool.merge(pair[1], pair[0], world.balance(pair[1]) // 8 + 1)


def test_merge__one_below_initial__reverts(world, pair):
    """Merging a sick vault into a healthy one would make the pool pay what it could leave behind."""
    world.move(1490)
    world.pool.refill(pair[0])
    with unchanged(world, *pair), boa.reverts("backstop/below-initial"):
        world.pool.merge(pair[1], pair[0], 0)


def test_merge__into_itself_or_a_stranger__reverts(world, pair):
    with boa.reverts("clearinghouse/same-vault"):
        world.pool.merge(pair[0], pair[0], 0)
    with boa.reverts("backstop/not-a-pool-vault"):
        world.pool.merge(pair[0], world.maker_id, 0)


def test_collect__legs_still_there__reverts(world, held):
    with unchanged(world, held), boa.reverts("clearinghouse/has-legs"):
        world.pool.collect(held)
    with boa.reverts("backstop/no-legs"):
        world.pool.absorb(world.open(KEEPER, 1))


def test_absorb__more_legs_than_one_transaction_can_price__reverts(world, pair):
    """Whoever fills the pool with legs must not be able to make its shares too dear to price."""
    vault = flagged(world, owner=address("third"))
    for own in pair:
        word = world.clearinghouse.vault_word(own) | 255 << 176
        write("Clearinghouse", world.clearinghouse.address, "words", word, own)
    with unchanged(world, vault), boa.reverts("backstop/too-many-legs"):
        absorb(world, vault)


def test_callback__every_entry_that_prices_shares__is_closed(world, held):
    """While a taker's callback runs, margin is not yet checked: no share is sold, served, or priced."""
    vault = flagged(world, owner=address("third"))
    taker = deployer("HostileTaker").deploy()
    world.token.mint(taker.address, 10_000 * world.unit)
    pool, clearinghouse = world.pool, world.clearinghouse
    into = clearinghouse.next_id()

    def act(contract, name, *arguments):
        taker.act(contract.address, getattr(contract, name).prepare_calldata(*arguments))

    for spender in (clearinghouse.address, pool.address):
        act(world.token, "approve", spender, 2**256 - 1)
    act(clearinghouse, "open", MARKET, 0, taker.address, 0)
    act(clearinghouse, "deposit", into, taker.address, 5_000 * world.unit)
    tried = [
        ("deposit", world.unit, taker.address),
        ("mint", 10**12, taker.address),
        ("serve", 1),
        ("withdraw", 0, taker.address, taker.address),
        ("redeem", 0, taker.address, taker.address),
        ("absorb", vault),
        ("refill", held),
        ("merge", held, held, 0),
        ("collect", held),
        ("on_take", vault, held, WAD, 0, b""),
        ("totalAssets",),
        ("convertToShares", 1),
        ("convertToAssets", 1),
        ("previewDeposit", 1),
        ("previewMint", 1),
        ("previewWithdraw", 1),
        ("previewRedeem", 1),
    ]
    assert b"backstop/in-callback" in refusal_in_callback(world, taker, pool, tried, (vault, into))


def test_set_cap_and_registration__only_the_owner_once():
    with boa.swap_env(Env()):
        system = System()
        pool = system.pool()
        stranger = boa.env.generate_address("stranger")
        with boa.env.prank(stranger):
            with boa.reverts("backstop/not-authorized"):
                pool.set_cap(1)
            with boa.reverts("parameters/not-owner"):
                system.RiskParameters.set_backstop(1, pool.address)
        with boa.env.prank(system.owner):
            pool.set_cap(7)
            with boa.reverts("parameters/backstop-exists"):
                system.RiskParameters.set_backstop(1, pool.address)
            system.list_market(2)
            with boa.reverts("parameters/not-a-pool"):
                system.RiskParameters.set_backstop(2, pool.address)
            with boa.reverts("parameters/not-a-pool"):
                system.RiskParameters.set_backstop(2, stranger)
            with boa.reverts("backstop/wrong-market"):
                pool.absorb(system.open(system.owner, market=system.markets[1]))
            with boa.reverts("parameters/unknown-market"):
                system.RiskParameters.set_backstop(3, pool.address)
        assert pool.cap() == 7 and system.RiskParameters.backstop(1) == pool.address
        assert len(boa.env.get_code(pool.address)) < 22_000
