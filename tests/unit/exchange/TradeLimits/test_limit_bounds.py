"""Caps met to the last digit by buyers and sellers, words that are full, and money that repays what a vault owes."""

from __future__ import annotations

from contextlib import nullcontext

import boa
import pytest
from eth_abi import encode
from eth_utils import keccak

from bulkhead.risk.words import Kind, Leg
from tests.contracts import write
from tests.unit.exchange.TradeLimits.test_key import look
from tests.worlds.exchange import EXPIRY, RICH, STRIKE, WAD, World

CALLS = [Leg(Kind.CALL, STRIKE, 10**6)]
CAPS = 2


def greeks(world: World) -> tuple[int, int]:
    """Delta and vega of one call [wad]."""
    engine, prices = world.system.EsEngine, world.system.oracle.snapshot(1, EXPIRY)  # type: ignore[attr-defined]
    assessed = engine.assess(
        [leg.pack() for leg in CALLS], prices, world.system.clearinghouse.market(1).risk, -(2**255)
    )
    assert assessed.delta > 0 < assessed.vega
    return int(assessed.delta), int(assessed.vega)


def asks(world: World, receives: bool) -> None:
    """Whether the maker's caps let a call through, as its buyer or seller."""
    words, prices = [leg.pack() for leg in CALLS], world.system.snapshot(EXPIRY).words()
    world.limits.preview_check(world.maker_vault, CAPS, 0, words, receives, 0, 0, prices)


def use(world: World, delta: int, vega: int) -> None:
    """Writes what has been used under the caps in force."""
    setting = 1
    key = keccak(encode(["uint256"] * 4, [world.maker_vault, 0, setting, 0]))
    word = (vega % 2**128) << 128 | delta % 2**128
    write("TradeLimits", world.limits.address, "used", word, int.from_bytes(key, "big"))
    assert tuple(world.limits.caps_of(world.maker_vault, 0, 0))[2:] == (delta, vega)


@pytest.mark.parametrize("receives", [True, False])
@pytest.mark.parametrize("which", ["delta", "vega"])
@pytest.mark.parametrize(("short_by", "passes"), [(0, True), (1, False)])
def test_caps__to_the_last_digit__on_either_side(
    world: World, receives: bool, which: str, short_by: int, passes: bool
) -> None:
    delta, vega = greeks(world)
    caps = (delta - short_by, 0) if which == "delta" else (0, vega - short_by)
    world.exchange.set_caps(world.maker_vault, *caps, sender=world.maker.address)
    with nullcontext() if passes else boa.reverts(f"limits/{which}-cap"):
        asks(world, receives)


@pytest.mark.parametrize("which", ["delta", "vega"])
@pytest.mark.parametrize(("beyond", "passes"), [(0, True), (1, False)])
def test_caps__what_comes_back_to_the_same_distance__is_no_nearer(
    world: World, which: str, beyond: int, passes: bool
) -> None:
    """A fill that crosses zero may end as far from it as the cap, and no farther, whatever was used before."""
    delta, vega = greeks(world)
    one = delta if which == "delta" else vega
    cap = one // 2
    world.exchange.set_caps(
        world.maker_vault, cap if which == "delta" else 0, cap if which == "vega" else 0, sender=world.maker.address
    )
    # a bought call adds its Greek to what was sold before
    before = cap - one + beyond
    use(world, before if which == "delta" else 0, before if which == "vega" else 0)
    with nullcontext() if passes else boa.reverts(f"limits/{which}-cap"):
        asks(world, True)


@pytest.mark.parametrize("receives", [True, False])
@pytest.mark.parametrize("which", ["delta", "vega"])
@pytest.mark.parametrize(("beyond", "passes"), [(0, True), (1, False)])
def test_usage__that_its_half_word_cannot_hold__is_refused(
    world: World, receives: bool, which: str, beyond: int, passes: bool
) -> None:
    """Written, it would read as the other sign, or run into the other half."""
    delta, vega = greeks(world)
    world.exchange.set_caps(world.maker_vault, 2**128 - 1, 2**128 - 1, sender=world.maker.address)
    one = delta if which == "delta" else vega
    full = 2**127 - 1 - one + beyond if receives else -(2**127) + one - beyond
    use(world, full if which == "delta" else 0, full if which == "vega" else 0)
    with nullcontext() if passes else boa.reverts("limits/out-of-range"):
        asks(world, receives)


@pytest.mark.parametrize("caps", [(2**128 - 1, 0), (0, 2**128 - 1), (2**128 - 1, 2**128 - 1)])
def test_set_caps__largest_that_fit__are_told_as_they_were_set(world: World, caps: tuple[int, int]) -> None:
    world.exchange.set_caps(world.maker_vault, *caps, sender=world.maker.address)
    assert tuple(world.limits.caps_of(world.maker_vault, 0, 0)) == (*caps, 0, 0)


@pytest.mark.parametrize("owes", [0, 700])
@pytest.mark.parametrize("receives", [True, False])
@pytest.mark.parametrize(("more", "lost"), [(-1, 0), (0, 0), (5, 5), (20, 20), (20.000001, None)])
def test_key__money_that_repays_what_the_vault_owes__is_not_lost(
    world: World, owes: int, receives: bool, more: float, lost: int | None
) -> None:
    """Beside a future, which is worth spot and may be worth nothing at expiry: only money beyond the debt is locked."""
    vault, other = world.maker_vault, world.system.open(world.taker, RICH)
    if owes:
        world.system.novate(other, vault, [Leg(Kind.CASH, 0, -owes * 10**6).pack()], EXPIRY, 0)
    sign = 1 if receives else -1
    money = owes + more
    legs = [Leg(Kind.FUTURE, 0, sign * 10**6)]
    if money:
        legs.append(Leg(Kind.CASH, 0, sign * round(money * 10**6)))
    if lost is None:
        with boa.reverts("limits/key-fill-loss"):
            look(world, legs, -2_000 - money, receives)
    else:
        assert look(world, legs, -2_000 - money, receives) == (lost * WAD if more > 0 else 0)


@pytest.mark.parametrize("claim", [700, -700])
def test_key__only_a_debt_makes_room_for_money(world: World, claim: int) -> None:
    """A vault that is owed money locks more of it with what it buys; one that owes it frees itself."""
    vault, other = world.maker_vault, world.system.open(world.taker, RICH)
    world.system.novate(other, vault, [Leg(Kind.CASH, 0, claim * 10**6).pack()], EXPIRY, 0)
    legs = [Leg(Kind.FUTURE, 0, 10**6), Leg(Kind.CASH, 0, 10 * 10**6)]
    assert look(world, legs, -2_010) == (10 * WAD if claim > 0 else 0)


@pytest.mark.parametrize(("held", "negative"), [(0, False), (1, False)])
def test_is_negative__of_a_vault_that_holds_nothing__is_false(world: World, held: int, negative: bool) -> None:
    """Nothing owed by nobody is no hole, at a price and without one."""
    vault = world.system.open(world.taker)
    world.token.mint(world.clearinghouse.custody(vault), held)
    prices = world.system.snapshot(EXPIRY)
    assert world.limits.is_negative(vault, prices.words()) is negative
    world.stale()
    stale = world.system.snapshot(EXPIRY)
    assert stale.undisputed
    assert world.limits.is_negative(vault, stale.words()) is negative


@pytest.mark.parametrize("active", [True, False])
def test_is_negative__of_a_vault_in_debt_beyond_its_tokens__to_the_unit(world: World, active: bool) -> None:
    """Money owed is worth what it is at any price; C + v of zero is not below it."""
    vault, other = world.system.open(world.taker, 1_000), world.system.open(world.maker.address, RICH)
    world.system.novate(other, vault, [Leg(Kind.CASH, 0, -(500 * 10**6)).pack()], EXPIRY, 0)
    if not active:
        world.stale()
    prices = world.system.snapshot(EXPIRY).words()
    # the liquidation deposit of 10 is no collateral
    for tokens, negative in ((510 * 10**6, False), (510 * 10**6 - 1, True)):
        write("MockERC20", world.token.address, "balanceOf", tokens, world.clearinghouse.custody(vault))
        assert world.limits.is_negative(vault, prices) is negative
