"""Shares to the unit, quotes exactly at each bound, and what a redemption takes out of which desk."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from bulkhead.orders import OrderLeg
from bulkhead.risk.words import Kind
from tests.evm import Env
from tests.unit.exchange.MakerVault.test_maker_vault import buyer
from tests.unit.liquidation.BackstopPool.test_absorb_edges import RUNNING
from tests.worlds.exchange import HOUR, MAX, STRIKE, WAD, World
from tests.worlds.liquidation import World as Scripted
from tests.worlds.maker import EDGE, QUOTER, Desk, funded_desk, new_vault

UNIT, SHARE, VIRTUAL = 10**6, 10**12, 10**6
BOUNDS = (QUOTER.address, EDGE, 120, 20 * 10**6)


@pytest.fixture
def desk(world: World) -> Desk:
    return funded_desk(world)


def odd_price(desk: Desk) -> tuple[Any, int, int]:
    """Shares get a price that divides nothing; (the vault, its assets and 1, its shares and the virtual ones)."""
    desk.world.token.mint(desk.vault.address, 333_333_333)
    return desk.vault, int(desk.vault.totalAssets()) + 1, int(desk.vault.totalSupply()) + VIRTUAL


def up(number: int, by: int) -> int:
    return -(-number // by)


# --- shares ---------------------------------------------------------------------------------------------------------


def test_views__odd_share_price__round_for_the_pool(desk: Desk) -> None:
    vault, total, supply = odd_price(desk)
    amount, shares = 7 * UNIT, 7 * SHARE
    assert amount * supply % total and shares * total % supply
    assert vault.convertToShares(amount) == vault.previewDeposit(amount) == amount * supply // total
    assert vault.convertToAssets(shares) == vault.previewRedeem(shares) == shares * total // supply
    assert vault.previewWithdraw(amount) == up(amount * supply, total)
    assert vault.previewMint(shares) == up(shares * total, supply)


@pytest.mark.parametrize("entry", ["deposit", "mint"])
def test_buying__odd_share_price__costs_what_the_preview_says(desk: Desk, entry: str) -> None:
    vault, total, supply = odd_price(desk)
    amount = {"deposit": 7 * UNIT, "mint": 7 * SHARE}[entry]
    account = buyer(desk, "buyer", 10 * UNIT)
    wanted = {"deposit": amount * supply // total, "mint": up(amount * total, supply)}[entry]
    assert getattr(vault, entry)(amount, account, sender=account) == wanted
    cost, bought = (amount, wanted) if entry == "deposit" else (wanted, amount)
    assert vault.balanceOf(account) == bought
    assert desk.world.token.balanceOf(account) == 10 * UNIT - cost


@pytest.mark.parametrize("entry", ["withdraw", "redeem"])
@pytest.mark.parametrize("allowed", [0, 1])
def test_leaving__odd_share_price__burns_and_pays_what_the_preview_says(desk: Desk, entry: str, allowed: int) -> None:
    """For somebody else within an allowance of exactly the shares that it costs."""
    vault, total, supply = odd_price(desk)
    amount = {"withdraw": 7 * UNIT, "redeem": 7 * SHARE}[entry]
    burnt = {"withdraw": up(amount * supply, total), "redeem": amount}[entry]
    paid = {"withdraw": amount, "redeem": amount * total // supply}[entry]
    friend, held = str(boa.env.generate_address("friend")), vault.balanceOf(desk.lender)
    vault.approve(friend, burnt - 1 + allowed, sender=desk.lender)
    if not allowed:
        with boa.reverts("erc20: insufficient allowance"):
            getattr(vault, entry)(amount, friend, desk.lender, sender=friend)
        return
    assert (
        getattr(vault, entry)(amount, friend, desk.lender, sender=friend) == {"withdraw": burnt, "redeem": paid}[entry]
    )
    assert desk.world.token.balanceOf(friend) == paid and vault.balanceOf(desk.lender) == held - burnt
    assert vault.allowance(desk.lender, friend) == 0


def test_leaving__with_ones_own__spends_no_allowance(desk: Desk) -> None:
    desk.vault.approve(desk.lender, 5, sender=desk.lender)
    desk.vault.redeem(SHARE, desk.lender, desk.lender, sender=desk.lender)
    assert desk.vault.allowance(desk.lender, desk.lender) == 5


def test_max__of_a_small_and_of_a_large_holder__is_what_they_have_or_what_is_at_hand(desk: Desk) -> None:
    vault, total, supply = odd_price(desk)
    small = buyer(desk, "small", 0)
    vault.transfer(small, 7 * SHARE, sender=desk.lender)
    idle = desk.world.token.balanceOf(vault.address)
    assert idle == 40_000 * UNIT + 333_333_333
    assert (vault.maxWithdraw(small), vault.maxRedeem(small)) == (7 * SHARE * total // supply, 7 * SHARE)
    assert (vault.maxWithdraw(desk.lender), vault.maxRedeem(desk.lender)) == (idle, idle * supply // total)
    # what is told can be had, without a desk
    with boa.env.anchor():
        vault.redeem(vault.maxRedeem(desk.lender), desk.lender, desk.lender, sender=desk.lender)
    vault.withdraw(vault.maxWithdraw(desk.lender), desk.lender, desk.lender, sender=desk.lender)
    assert desk.world.token.balanceOf(vault.address) == 0
    assert (vault.maxWithdraw(desk.lender), vault.maxRedeem(desk.lender)) == (0, 0)


@pytest.mark.parametrize("room", [0, 1, UNIT])
def test_max_deposit__up_to_the_cap__passes_and_a_unit_more_does_not(desk: Desk, room: int) -> None:
    vault, total, supply = odd_price(desk)
    vault.set_bounds((*BOUNDS, total - 1 + room, 0), sender=desk.owner)
    assert (vault.maxDeposit(desk.lender), vault.maxMint(desk.lender)) == (room, room * supply // total)
    with boa.reverts("maker/above-cap"):
        vault.deposit(room + 1, desk.lender, sender=desk.lender)
    if room:
        vault.deposit(room, desk.lender, sender=desk.lender)
        assert vault.maxDeposit(desk.lender) == 0


@pytest.mark.parametrize("room", [2**112 - 1, 2**112, 2**113])
def test_max_deposit__beyond_any_supply__is_two_to_the_112(desk: Desk, room: int) -> None:
    vault, total, supply = odd_price(desk)
    vault.set_bounds((*BOUNDS, total - 1 + room, 0), sender=desk.owner)
    most = min(room, 2**112)
    assert (vault.maxDeposit(desk.lender), vault.maxMint(desk.lender)) == (most, most * supply // total)


@pytest.mark.parametrize("entry", ["transfer", "transferFrom", "redeem"])
def test_locked_shares__all_but_them_can_go(desk: Desk, entry: str) -> None:
    """One more is locked; more than there are is for the token to refuse."""
    vault, lender = desk.vault, desk.lender
    friend = str(boa.env.generate_address("friend"))
    free = vault.balanceOf(lender)
    bought = vault.deposit(7 * UNIT, lender, sender=lender)
    vault.approve(friend, MAX, sender=lender)
    assert vault.free_shares(lender) == free == vault.balanceOf(lender) - bought

    def move(shares: int) -> None:
        if entry == "transfer":
            vault.transfer(friend, shares, sender=lender)
        elif entry == "transferFrom":
            vault.transferFrom(lender, friend, shares, sender=friend)
        else:
            vault.redeem(shares, friend, lender, sender=friend)

    for shares in (free + 1, free + bought):
        with boa.reverts("maker/shares-locked"):
            move(shares)
    with boa.reverts(
        "erc20: burn amount exceeds balance" if entry == "redeem" else "erc20: transfer amount exceeds balance"
    ):
        move(free + bought + 1)
    move(free)
    assert vault.balanceOf(lender) == bought and vault.free_shares(lender) == 0


def test_locked_shares__of_two_hours__are_free_one_after_the_other(desk: Desk) -> None:
    vault, system = desk.vault, desk.world.system
    account = buyer(desk, "own", 100 * UNIT)
    system.wait(-desk.world.now % HOUR, 2000)
    first = [vault.deposit(amount, account, sender=account) for amount in (3 * UNIT, 4 * UNIT)]
    assert vault.free_shares(account) == 0
    system.wait(HOUR, 2000)
    second = vault.deposit(5 * UNIT, account, sender=account)
    assert vault.free_shares(account) == 0 and vault.balanceOf(account) == sum(first) + second
    system.wait(HOUR - 1, 2000)
    assert vault.free_shares(account) == 0
    system.wait(1, 2000)
    assert vault.free_shares(account) == sum(first)
    third = vault.deposit(6 * UNIT, account, sender=account)
    assert vault.free_shares(account) == sum(first)
    system.wait(HOUR, 2000)
    assert vault.free_shares(account) == sum(first) + second
    system.wait(HOUR, 2000)
    assert vault.free_shares(account) == sum(first) + second + third == vault.balanceOf(account)


@pytest.mark.parametrize("hours", [1, 2, 3, 5])
def test_locked_shares__bought_some_hours_ago__count_no_more_than_once(desk: Desk, hours: int) -> None:
    """What was bought in the slot just before is locked; whatever was bought earlier is not, when one buys again."""
    vault, system = desk.vault, desk.world.system
    account = buyer(desk, "own", 100 * UNIT)
    first = vault.deposit(3 * UNIT, account, sender=account)
    for _ in range(hours):
        system.wait(HOUR, 2000)
    vault.deposit(4 * UNIT, account, sender=account)
    assert vault.free_shares(account) == (first if hours > 1 else 0)


# --- desks ----------------------------------------------------------------------------------------------------------


def withdrawn(desk: Desk) -> list[tuple[int, int]]:
    """(vault, amount) of what desks gave in the last call."""
    logs = [log for log in desk.vault.get_logs() if type(log).__name__ == "Withdrawn"]
    return [(log.vault_id, log.amount) for log in logs]


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_withdraw__about_what_is_at_hand__takes_only_what_is_missing(desk: Desk, more: int) -> None:
    desk.vault.withdraw(40_000 * UNIT + more, desk.lender, desk.lender, sender=desk.lender)
    assert withdrawn(desk) == ([(desk.desk, 1)] if more > 0 else [])
    assert desk.world.token.balanceOf(desk.vault.address) == max(-more, 0)


def test_withdraw__more_than_the_first_desk_holds__empties_it_and_goes_on(desk: Desk) -> None:
    vault = desk.vault
    second, third = (vault.open_desk(0, sender=desk.owner) for _ in range(2))
    vault.fund(second, 30_000 * UNIT, sender=desk.owner)
    vault.fund(third, 10_000 * UNIT, sender=desk.owner)
    vault.withdraw(75_000 * UNIT, desk.lender, desk.lender, sender=desk.lender)
    assert withdrawn(desk) == [(desk.desk, 60_000 * UNIT), (second, 15_000 * UNIT)]
    assert [desk.world.system.state(one).balance for one in (desk.desk, second, third)] == [
        0,
        15_000 * UNIT,
        10_000 * UNIT,
    ]


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_close_desk__any_of_three__leaves_the_others_in_the_list(desk: Desk, gone: int) -> None:
    owned = [desk.desk, *(desk.vault.open_desk(0, sender=desk.owner) for _ in range(2))]
    assert list(desk.vault.desks()) == owned
    total = desk.vault.totalAssets()
    desk.vault.close_desk(owned[gone], sender=QUOTER.address)
    assert sorted(desk.vault.desks()) == [one for one in owned if one != owned[gone]]
    assert desk.world.clearinghouse.vault_word(owned[gone]) == 0 and desk.vault.totalAssets() == total


# --- quotes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bounds", [(5, 3600, 2**63), (2000, 0, 0)])
def test_set_bounds__at_the_ends_of_what_they_may_be__are_in_force(desk: Desk, bounds: tuple[int, int, int]) -> None:
    desk.vault.set_bounds((desk.lender, *bounds, 11, 13), sender=desk.owner)
    vault = desk.vault
    assert (vault.quoter(), vault.cap(), vault.max_deficit()) == (desk.lender, 11, 13)
    assert (vault.edge_bps(), vault.quote_seconds(), vault.max_contracts()) == bounds


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("is_bid", [False, True])
def test_quote__at_each_bound__is_good_and_one_more_is_not(desk: Desk, more: int, is_bid: bool) -> None:
    world, edge = desk.world, 2000 * WAD * EDGE // 10**4
    beside = desk.mark() - edge if is_bid else desk.mark() + edge
    worse = more if is_bid else -more
    for changes in (
        {"price": beside + worse}, {"expiry": world.now + 120 + more}, {"max_fee": edge + more},
        {"size": 20 * 10**6 + more * 10**4},
    ):  # fmt: skip
        assert desk.says(desk.order(**{"is_bid": is_bid, "price": beside, **changes})) == (more == 0), changes


@pytest.mark.parametrize(("first", "passes"), [(9, True), (10, False)])
def test_quote__most_contracts__are_those_of_all_its_legs(desk: Desk, first: int, passes: bool) -> None:
    """A short leg counts as a long one does, and money not at all."""
    series = [desk.world.series(strike=STRIKE + i * 50 * 10**8) for i in range(2)]
    legs = (OrderLeg(series[0], first), OrderLeg(series[1], -11), OrderLeg(desk.world.series(Kind.CASH), 1000))
    order = desk.order(legs=legs, price=10_000 * WAD, size=10**6, premium_style=1)
    assert desk.says(order) == passes


# --- a taker's callback ---------------------------------------------------------------------------------------------


def test_entry__in_a_takers_callback__prices_nothing() -> None:
    """Each of them would pass a moment later: nothing else refuses."""
    with boa.swap_env(Env()):
        market = Scripted()
        lender = str(boa.env.generate_address("lender"))
        vault = new_vault(market.at, str(boa.env.generate_address("owner")))
        market.token.mint(lender, 1_000 * UNIT)
        market.token.approve(vault.address, MAX, sender=lender)
        vault.deposit(100 * UNIT, lender, sender=lender)
        market.wait(2 * HOUR)
        changing = [
            ("deposit", (UNIT, lender)), ("mint", (SHARE, lender)), ("withdraw", (UNIT, lender, lender)),
            ("redeem", (SHARE, lender, lender)),
        ]  # fmt: skip
        reading = [
            ("totalAssets", ()), ("convertToShares", (1,)), ("convertToAssets", (1,)), ("previewDeposit", (1,)),
            ("previewMint", (1,)), ("previewWithdraw", (1,)), ("previewRedeem", (1,)),
        ]  # fmt: skip
        told = [(name, (lender,)) for name in ("maxDeposit", "maxMint", "maxWithdraw", "maxRedeem")]
        for name, arguments in changing + reading:
            with boa.env.anchor():
                getattr(vault, name)(*arguments, sender=lender)
        assert all(getattr(vault, name)(*arguments) for name, arguments in told)
        boa.env.set_code(market.at["Liquidator"], boa.env.get_code(boa.loads(RUNNING).address))
        for name, arguments in changing + reading:
            with boa.reverts("maker/not-priceable"):
                getattr(vault, name)(*arguments, sender=lender)
        assert not any(getattr(vault, name)(*arguments) for name, arguments in told)
