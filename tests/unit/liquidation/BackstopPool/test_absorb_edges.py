"""Where the pool puts what it takes over, what it asks for it, and the last second and unit at which it does."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.contracts import write
from tests.evm import Env
from tests.unit.liquidation.BackstopPool.test_absorb import KEEPER, LIVE, OWNER, absorb, flagged, short_puts, taken_over
from tests.unit.liquidation.BackstopPool.test_pool_edges import own_vault, pool_vault
from tests.worlds.liquidation import EXPIRY, WAD, World, address, call, cash, put, unchanged

FLAGGED, DEBT, CLAIM = (bit << 188 for bit in (1, 4, 8))

#: Stands in the Liquidator's place while a taker's callback runs.
RUNNING = """
# pragma version 0.4.3
@external
@view
def in_callback() -> bool:
    return True
"""


def receivers(world: World) -> dict[int, int]:
    """Legs of each vault of the pool."""
    return {vault: len(world.legs(vault)) for vault in world.pool.vaults()}


@pytest.mark.parametrize(("ahead", "reason"), [(1, "liquidator/healthy"), (0, "backstop/expired")])
def test_absorb__until_the_second_before_expiry__is_judged(world, ahead, reason):
    world.backstop(10_000)
    vault = flagged(world)
    world.wait(EXPIRY - ahead - world.now)
    with unchanged(world, vault), boa.reverts(reason):
        absorb(world, vault)


def test_absorb__first_vault_of_all_is_the_pools__goes_into_it(world):
    """No number is special, not even the first."""
    world.backstop(20_000)
    assert pool_vault(world, 3_000) == 1
    absorb(world, flagged(world))
    assert receivers(world) == {1: 1} and world.pool.cell_vault(EXPIRY) == 1


def test_absorb__vault_of_the_cell_was_merged_away__opens_a_fresh_one(world):
    world.backstop(20_000)
    kept = pool_vault(world, 3_000)
    gone = pool_vault(world, 3_000)
    world.pool.merge(gone, kept, 0)
    assert world.pool.cell_vault(EXPIRY) == gone and world.clearinghouse.vault_word(gone) == 0
    absorb(world, flagged(world))
    fresh = world.pool.cell_vault(EXPIRY)
    assert receivers(world) == {kept: 1, fresh: 1}


def test_absorb__vault_of_the_cell_has_no_legs__opens_a_fresh_one(world):
    """It waits to be collected: what is taken over lies in a vault whose gain can be told apart."""
    world.backstop(20_000)
    empty = own_vault(world, 3_000)
    absorb(world, flagged(world))
    fresh = world.pool.cell_vault(EXPIRY)
    assert receivers(world) == {empty: 0, fresh: 1}


@pytest.mark.parametrize("mark", [0, FLAGGED, DEBT, CLAIM])
def test_absorb__vault_of_the_cell_is_marked__opens_a_fresh_one(world, mark):
    """Healthy again or not: a flag, a debt or a claim is somebody else's business with that vault."""
    world.backstop(20_000)
    own = pool_vault(world, 3_000)
    vault = flagged(world)
    word = world.clearinghouse.vault_word(own)
    write("Clearinghouse", world.clearinghouse.address, "words", word | mark, own)
    absorb(world, vault)
    assert (world.pool.cell_vault(EXPIRY) == own) == (mark == 0)


@pytest.mark.parametrize(("own", "shares_one"), [(14, True), (15, False)])
def test_absorb__to_sixteen_legs__fits(world, own, shares_one):
    """A vault may get full; one leg more, and it is left as it is."""
    world.backstop(50_000)
    first = world.open(OWNER, 5_700 - 560 * (15 - own))
    world.trade(world.maker(), first, [put(1500 + 40 * i, -1) for i in range(own)])
    second = world.open(address("second"), 2_580)
    world.trade(world.open(address("other maker"), 100_000), second, [put(1990, -4), call(2410, -4)])
    world.move(1500, status=LIVE)
    for vault in (first, second):
        world.flag(vault, address("flagger"))
    world.wait(60)
    absorb(world, first)
    absorb(world, second)
    assert sorted(receivers(world).values()) == ([own + 2] if shares_one else [2, own])


@pytest.mark.parametrize("short_by", [1, 0])
def test_absorb__vault_of_the_cell_at_its_maintenance_margin__still_takes(short_by):
    with boa.swap_env(Env()):
        world = World(decimals=18)
        world.backstop(20_000)
        own = pool_vault(world, 600)
        vault = flagged(world)
        equity, margin, _ = world.standing(own)
        assert equity < margin
        world.token.mint(world.custody(own), margin - equity - short_by)
        absorb(world, vault)
        assert (world.pool.cell_vault(EXPIRY) == own) == (short_by == 0)


@pytest.mark.parametrize("first", [0, 1])
def test_absorb__one_series_known_and_one_new__pays_for_one_slot(world, first):
    """Known wherever it lies among the legs of the pool's vault: a take worth one minimum and not two passes."""
    world.backstop(20_000)
    own = own_vault(world, 10_000)
    known = [put(2000, 1), put(2300, 1)]
    world.trade(own, world.maker(), known if first == 0 else known[::-1])
    vault = short_puts(world, OWNER, (2000, 2010), 600, 0.5)
    world.move(1500, status=LIVE)
    world.flag(vault, address("flagger"))
    world.wait(60)
    assert 100 * WAD < taken_over(world, vault) < 200 * WAD
    absorb(world, vault)
    assert receivers(world) == {own: 3}


@pytest.mark.parametrize(("count", "passes"), [(128, True), (129, False)])
def test_absorb__to_384_legs_of_the_pool__passes(world, count, passes):
    world.backstop(20_000)
    vault = flagged(world)
    for legs in (255, count):
        own = own_vault(world, 1)
        word = world.clearinghouse.vault_word(own)
        write("Clearinghouse", world.clearinghouse.address, "words", word | legs << 176, own)
    write("BackstopPool", world.pool.address, "cell_vault", 0, EXPIRY)
    write("BackstopPool", world.pool.address, "cap", 0)
    if passes:
        absorb(world, vault)
    else:
        with boa.reverts("backstop/too-many-legs"):
            absorb(world, vault)


def payable(world: World, quote: float) -> int:
    """A flagged vault of long calls to be paid for later, a minute into its auction, of the same equity always."""
    vault = world.open(OWNER, -5_940 - quote)
    world.trade(world.maker(), vault, [call(1000, 9), cash(quote)])
    world.move(1840, status=LIVE)
    world.flag(vault, KEEPER)
    world.wait(60)
    return vault


@pytest.mark.parametrize("owed", [0, 1])
def test_absorb__taker_would_pay_nothing_or_a_unit(world, owed):
    world.backstop(10_000)
    world.maker()
    with boa.env.anchor():
        price = world.liquidator.quote(payable(world, -6_000), WAD).price
    # money moves the price of the whole by as much and leaves the margin as it is
    world.move(2_000)
    vault = payable(world, -6_000 + (price + owed) / world.unit)
    assert world.liquidator.quote(vault, WAD).price == -owed
    if owed:
        with unchanged(world, vault), boa.reverts("backstop/would-pay"):
            absorb(world, vault)
    else:
        assert absorb(world, vault) > 0


@pytest.mark.parametrize("into", [0, 1])
def test_on_take__of_no_absorb__is_refused_whatever_the_vault(world, into):
    """Outside of an absorb the vault under way is none, and none is no vault."""
    world.backstop(10_000)
    with boa.reverts("backstop/not-authorized"):
        world.pool.on_take(1, into, WAD, 0, b"", sender=world.at["Liquidator"])


def test_absorb__tokens_of_a_cell__are_counted_over_all_that_was_added(world):
    world.backstop(20_000)
    vault = flagged(world)
    with boa.env.anchor():
        into = absorb(world, vault) and world.pool.cell_vault(EXPIRY)
        (told,) = [log for log in world.pool.get_logs() if type(log).__name__ == "VaultAbsorbed"] or [None]
    absorb(world, vault)
    (told,) = [log for log in world.pool.get_logs() if type(log).__name__ == "VaultAbsorbed"]
    assert told.into_id == into and told.added > 0 and told.tip == 3 * world.unit
    assert world.pool.cell_added(EXPIRY) == told.added
    world.move(1450)
    more = world.pool.refill(into)
    assert more > 0 and world.pool.cell_added(EXPIRY) == told.added + more


def callable_in_calm(world: World) -> list[tuple[str, tuple[Any, ...]]]:
    """Calls that all pass, as a pool with vaults in every state gets them."""
    pool = world.backstop(20_000)
    thin, full, spare = pool_vault(world, 600), pool_vault(world, 3_000), pool_vault(world, 3_000)
    empty = own_vault(world, 5)
    vault = flagged(world)
    for account in (OWNER, KEEPER):
        world.token.mint(account, 100 * world.unit)
        world.token.approve(pool.address, 2**256 - 1, sender=account)
    return [
        ("deposit", (world.unit, KEEPER)), ("mint", (10**12, KEEPER)), ("serve", (1,)), ("absorb", (vault,)),
        ("withdraw", (0, KEEPER, KEEPER)), ("redeem", (0, KEEPER, KEEPER)), ("refill", (thin,)),
        ("merge", (spare, full, 0)), ("collect", (empty,)),
    ]  # fmt: skip


def test_entry__in_a_takers_callback__names_it(world):
    """Each of them would pass a moment later: nothing else refuses."""
    tried, liquidator = callable_in_calm(world), world.at["Liquidator"]
    for name, arguments in tried:
        with boa.env.anchor():
            getattr(world.pool, name)(*arguments, sender=KEEPER)
    assert world.pool.maxDeposit(KEEPER) > 0 < world.pool.maxMint(KEEPER)
    boa.env.set_code(liquidator, boa.env.get_code(boa.loads(RUNNING).address))
    for name, arguments in tried:
        with boa.reverts("backstop/in-callback"):
            getattr(world.pool, name)(*arguments, sender=KEEPER)
    assert world.pool.maxDeposit(KEEPER) == 0 == world.pool.maxMint(KEEPER)


# --- keeping --------------------------------------------------------------------------------------------------------


@pytest.fixture
def fine():
    """A market whose token has a unit of 1 wad, so that equity can be set to the last digit."""
    with boa.swap_env(Env()):
        yield World(decimals=18)


@pytest.mark.parametrize(("equity", "reason"), [(1, ""), (0, ""), (-1, "backstop/insolvent")])
def test_refill__equity_of_zero__is_no_hole(fine, equity, reason):
    pool = fine.backstop(20_000)
    own = pool_vault(fine, 600)
    fine.move(1_300)
    held = fine.standing(own)[0]
    assert held < 0
    fine.token.mint(fine.custody(own), equity - held)
    if reason:
        with unchanged(fine, own), boa.reverts(reason):
            pool.refill(own)
    else:
        assert pool.refill(own) > 0 == pool.shortage(own)


@pytest.mark.parametrize("missing", [0, 1])
def test_refill_and_merge__a_unit_below_the_initial_margin(fine, missing):
    """One wei is missing or is not: it is added, and two vaults of which one lacks it do not become one."""
    pool = fine.backstop(20_000)
    own, other = pool_vault(fine, 600), pool_vault(fine, 3_000)
    fine.move(1_500)
    fine.token.mint(fine.custody(own), pool.shortage(own) - missing)
    assert (pool.shortage(own), pool.shortage(other)) == (missing, 0)
    if missing:
        for pair in ((own, other), (other, own)):
            with unchanged(fine, *pair), boa.reverts("backstop/below-initial"):
                pool.merge(*pair, 0)
        assert pool.refill(own) == 1 and pool.shortage(own) == 0
    else:
        with unchanged(fine, own), boa.reverts("backstop/nothing-missing"):
            pool.refill(own)
    pool.merge(own, other, 0)
    assert list(pool.vaults()) == [other]


def test_refill__all_that_is_at_hand__is_too_much_for_one_cell(world):
    """Having the tokens is not enough, and lacking one is named as that."""
    pool = world.backstop(20_000)
    own = pool_vault(world, 600)
    world.move(1_500)
    short = pool.shortage(own)
    write("MockERC20", world.token.address, "balanceOf", short, pool.address)
    with boa.reverts("backstop/cell-cap"):
        pool.refill(own)
    write("MockERC20", world.token.address, "balanceOf", short - 1, pool.address)
    with boa.reverts("backstop/low-funds"):
        pool.refill(own)


def test_shortage__of_a_vault_without_legs__is_no_question(world):
    pool = world.backstop(20_000)
    own, empty = pool_vault(world, 3_000), own_vault(world, 5)
    for function, arguments in (
        (pool.shortage, (empty,)),
        (pool.refill, (empty,)),
        (pool.merge, (empty, own, 0)),
        (pool.merge, (own, empty, 0)),
    ):
        with boa.reverts("backstop/no-legs"):
            function(*arguments)


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_collect__any_of_three__leaves_the_others_in_the_list(world, gone):
    pool = world.backstop(1_000)
    owned = [own_vault(world, 5) for _ in range(3)]
    assert list(pool.vaults()) == owned
    assert pool.collect(owned[gone]) == 5 * world.unit
    assert sorted(pool.vaults()) == [vault for vault in owned if vault != owned[gone]]
    assert pool.totalAssets() == 1_015 * world.unit


@pytest.mark.parametrize("more", [0, 1])
def test_merge__adds_an_eighth_at_most(world, more):
    pool = world.backstop(20_000)
    kept, gone = pool_vault(world, 3_000), pool_vault(world, 3_000)
    most = world.balance(gone) // 8
    if more:
        with unchanged(world, kept, gone), boa.reverts("backstop/adds-too-much"):
            pool.merge(gone, kept, most + 1)
    else:
        pool.merge(gone, kept, most)
        assert world.balance(kept) == 6_000 * world.unit + most == 6_000 * world.unit + pool.cell_added(EXPIRY)


def test_merge__adds_one_unit__moves_it(world):
    pool = world.backstop(20_000)
    kept, gone = pool_vault(world, 3_000), pool_vault(world, 3_000)
    pool.merge(gone, kept, 1)
    assert world.balance(kept) == 6_000 * world.unit + 1 and pool.cell_added(EXPIRY) == 1
