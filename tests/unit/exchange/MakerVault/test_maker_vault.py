"""Pooled tokens that quote: what its quoter may sign, what shares cost, and that nobody else moves anything."""

from __future__ import annotations

import boa
import pytest

from bulkhead.chain.system import maker_arguments
from bulkhead.orders import OrderLeg, PremiumStyle
from bulkhead.risk.words import Kind, Leg, Status
from tests.contracts import deployer
from tests.evm import Env
from tests.worlds.exchange import DAY, EXPIRY, HOUR, MAX, STRIKE, WAD, World
from tests.worlds.maker import EDGE, QUOTER, Desk, funded_desk, new_vault, two_feed_desk
from tests.worlds.system import System


@pytest.fixture
def desk(world: World) -> Desk:
    return funded_desk(world)


def test_quote__within_bounds__fills_and_gains_the_edge_at_mark(desk: Desk) -> None:
    before = desk.vault.totalAssets()
    order = desk.order()
    assert desk.says(order)
    desk.world.fill(order, 10**6, signature=desk.sign(order))
    # 10 quote of edge, less a maker fee of 1 bp of 2,000
    assert 9 * 10**6 < desk.vault.totalAssets() - before <= 10 * 10**6
    bid = desk.order(is_bid=True, price=desk.mark() - 2000 * WAD * EDGE // 10**4)
    assert desk.world.state(bid, desk.sign(bid)).status == 1
    desk.world.fill(bid, 10**6, signature=desk.sign(bid))


def test_quote__four_legs__fit_a_signature(desk: Desk) -> None:
    legs = tuple(OrderLeg(desk.world.series(strike=STRIKE + i * 50 * 10**8), 1) for i in range(4))
    order = desk.order(legs=legs, price=1000 * WAD, size=10**6)
    assert len(desk.sign(order)) == 1024 and desk.says(order)
    desk.world.fill(order, 10**6, signature=desk.sign(order))


def test_quote__outside_any_bound__is_refused(desk: Desk) -> None:
    world, edge = desk.world, 2000 * WAD * EDGE // 10**4
    other = world.system.open(world.maker.address, 10**6)
    for changes in (
        {"price": desk.mark() + edge - 1}, {"is_bid": True, "price": desk.mark() - edge + 1}, {"iv": WAD},
        {"expiry": world.now + 121}, {"size": 20 * 10**6 + 10**4}, {"max_fee": edge + 1}, {"maker_vault": other},
        {"signer": world.maker.address}, {"legs": ()}, {"legs": (OrderLeg(world.series(market=2), 1),)},
        {"legs": (OrderLeg(world.series(), 21),), "size": 10**6}, {"slip": 1}, {"max_deficit": 1},
        {"slip": 1, "patience": 1, "spot_min": 1},
    ):  # fmt: skip
        assert not desk.says(desk.order(**changes)), changes
    order = desk.order()
    assert not desk.says(order, world.maker)
    assert desk.vault.isValidSignature(bytes(32), desk.sign(order)) == bytes(4)
    world.refused_and_told(order, "exchange/bad-signature", signature=desk.sign(order, world.maker))
    # a signature that is no encoding at all
    world.refused(order, "exchange/bad-signature", signature=b"\xff" * 1024)


def test_quote__max_deficit__is_the_owners_at_most(desk: Desk) -> None:
    bounds = (QUOTER.address, EDGE, 120, 20 * 10**6, MAX)
    desk.vault.set_bounds((*bounds, 50 * WAD), sender=desk.owner)
    assert desk.vault.max_deficit() == 50 * WAD
    assert desk.says(desk.order(max_deficit=50 * WAD)) and not desk.says(desk.order(max_deficit=50 * WAD + 1))
    # which the owner may take back from quotes that are out
    desk.vault.set_bounds((*bounds, 0), sender=desk.owner)
    assert not desk.says(desk.order(max_deficit=50 * WAD))


def test_quote__mark_came_closer_than_the_edge__dies_without_a_transaction(desk: Desk) -> None:
    order = desk.order(expiry=desk.world.now + 100)
    signature = desk.sign(order)
    assert desk.says(order)
    desk.world.system.wait(30, 2040)
    assert not desk.says(order)
    desk.world.refused(order, "exchange/bad-signature", signature=signature)


def test_quote__price_not_active_or_nobody_quotes__nothing_is_signed(desk: Desk) -> None:
    order = desk.order()
    desk.vault.set_bounds(("0x" + "00" * 20, EDGE, 120, 20 * 10**6, MAX, 0), sender=desk.owner)
    assert not desk.says(order)
    desk.vault.set_bounds((QUOTER.address, EDGE, 120, 20 * 10**6, MAX, 0), sender=desk.owner)
    desk.world.stale()
    assert not desk.says(desk.order(price=1000 * WAD))


def test_quoter__moves_tokens_between_hand_and_desks_only(desk: Desk) -> None:
    desk.vault.defund(desk.desk, 10**6, sender=QUOTER.address)
    desk.vault.fund(desk.desk, 10**6, sender=desk.owner)
    desk.vault.cancel_quotes(desk.desk, 1, sender=QUOTER.address)
    assert not desk.says(desk.order()) or desk.world.state(desk.order()).reason == "exchange/stale-epoch"
    other = desk.world.system.open(desk.world.maker.address)
    for call in (desk.vault.fund, desk.vault.defund):
        with boa.reverts("maker/not-a-desk"):
            call(other, 1, sender=QUOTER.address)
    with boa.reverts("maker/not-authorized"):
        desk.vault.set_bounds((QUOTER.address, 5, 1, 1, 1, 0), sender=QUOTER.address)
    with boa.reverts("maker/not-authorized"):
        desk.vault.set_caps(desk.desk, 1, 1, sender=QUOTER.address)
    for call, arguments in (
        (desk.vault.fund, (desk.desk, 1)), (desk.vault.defund, (desk.desk, 1)), (desk.vault.open_desk, (0,)),
        (desk.vault.cancel_quotes, (desk.desk, 2)),
    ):  # fmt: skip
        with boa.reverts("maker/not-authorized"):
            call(*arguments, sender=desk.lender)


def test_caps__of_a_desk__bind_its_fills(desk: Desk) -> None:
    desk.vault.set_caps(desk.desk, WAD, 0, sender=desk.owner)
    legs = (OrderLeg(desk.world.series(Kind.FUTURE), 1),)
    order = desk.order(legs=legs, price=2000 * WAD + 2000 * WAD * EDGE // 10**4, premium_style=1)
    signature = desk.sign(order)
    desk.world.fill(order, 10**6, signature=signature)
    desk.world.refused(order, "limits/delta-cap", signature=signature)


@pytest.mark.parametrize("bounds", [(4, 1, 1), (2001, 1, 1), (5, 3601, 1), (5, 1, 2**63 + 1)])
def test_set_bounds__beyond_theirs__reverts(desk: Desk, bounds: tuple[int, int, int]) -> None:
    with boa.reverts("maker/out-of-bounds"):
        desk.vault.set_bounds((QUOTER.address, *bounds, 1, 0), sender=desk.owner)


def test_open_desk__seventeenth__reverts(desk: Desk) -> None:
    for _ in range(15):
        desk.vault.open_desk(0, sender=desk.owner)
    with boa.reverts("maker/too-many-desks"):
        desk.vault.open_desk(0, sender=desk.owner)
    assert len(desk.vault.desks()) == 16


def test_shares__round_trip__never_gains(desk: Desk) -> None:
    order = desk.order()
    desk.world.fill(order, 5 * 10**6, signature=desk.sign(order))
    stranger = str(boa.env.generate_address("stranger"))
    desk.world.token.mint(stranger, 10**10)
    desk.world.token.approve(desk.vault.address, MAX, sender=stranger)
    shares = desk.vault.deposit(10**10, stranger, sender=stranger)
    assert desk.vault.convertToAssets(shares) <= 10**10
    desk.world.system.wait(2 * HOUR, 2000)
    assert desk.vault.redeem(shares, stranger, stranger, sender=stranger) < 10**10
    minted = desk.vault.previewMint(10**12)
    assert desk.vault.mint(10**12, stranger, sender=stranger) == minted
    assert desk.vault.previewRedeem(10**12) <= minted


def test_redeem__more_than_at_hand__desks_give_what_margin_spares(desk: Desk) -> None:
    shares = desk.vault.balanceOf(desk.lender)
    assert desk.vault.maxWithdraw(desk.lender) == 40_000 * 10**6
    desk.vault.redeem(shares * 7 // 10, desk.lender, desk.lender, sender=desk.lender)
    assert desk.world.token.balanceOf(desk.lender) == 10**12 - 30_000 * 10**6
    # a short book keeps its margin whatever its lenders want
    order = desk.order()
    desk.world.fill(order, 10 * 10**6, signature=desk.sign(order))
    with boa.reverts("maker/not-liquid"):
        desk.vault.redeem(desk.vault.balanceOf(desk.lender), desk.lender, desk.lender, sender=desk.lender)


def test_withdraw__of_others_shares__needs_an_allowance(desk: Desk) -> None:
    stranger = str(boa.env.generate_address("stranger"))
    with boa.reverts():
        desk.vault.withdraw(10**6, stranger, desk.lender, sender=stranger)
    desk.vault.approve(stranger, MAX, sender=desk.lender)
    burnt = desk.vault.withdraw(10**6, stranger, desk.lender, sender=stranger)
    assert desk.world.token.balanceOf(stranger) == 10**6 and burnt > 0


def test_deposit__above_the_cap_or_for_nothing__reverts(desk: Desk) -> None:
    assert desk.vault.maxDeposit(desk.lender) == 100_000 * 10**6
    with boa.reverts("maker/above-cap"):
        desk.vault.deposit(100_000 * 10**6 + 1, desk.lender, sender=desk.lender)
    with boa.reverts("maker/zero-shares"):
        desk.vault.deposit(0, desk.lender, sender=desk.lender)


@pytest.mark.parametrize("first", [1, 10**6])
@pytest.mark.parametrize("donation", [10**8, 10**9])
@pytest.mark.parametrize("to_desk", [False, True])
def test_shares__first_depositor__is_paid_by_no_donation(
    world: World, first: int, donation: int, to_desk: bool
) -> None:
    """The first holder inflates the price of shares, by a gift at hand or to a desk, and loses by it."""
    vault = new_vault(world.system.at, str(boa.env.generate_address("owner")), MAX // 2)
    thief, victim = (str(boa.env.generate_address(name)) for name in ("thief", "victim"))
    for account in (thief, victim):
        world.token.mint(account, 10**10)
        world.token.approve(vault.address, MAX, sender=account)
    vault.deposit(first, thief, sender=thief)
    desk = vault.open_desk(0, sender=QUOTER.address)
    world.token.transfer(
        world.clearinghouse.custody(desk) if to_desk else vault.address, donation, sender=thief
    )  # fmt: skip
    shares = vault.deposit(10**8, victim, sender=victim)
    assert vault.convertToAssets(shares) > 999 * 10**5
    world.system.wait(2 * HOUR, 2000)
    vault.redeem(vault.balanceOf(thief), thief, thief, sender=thief)
    assert world.token.balanceOf(thief) < 10**10
    vault.redeem(shares, victim, victim, sender=victim)
    assert world.token.balanceOf(victim) > 10**10 - 10**5


def test_shares__donation_later_on__belongs_to_the_holders(desk: Desk) -> None:
    giver = str(boa.env.generate_address("giver"))
    desk.world.token.mint(giver, 10**9)
    before = desk.vault.convertToAssets(desk.vault.balanceOf(desk.lender))
    desk.world.token.transfer(desk.world.clearinghouse.custody(desk.desk), 10**9, sender=giver)
    gained = desk.vault.convertToAssets(desk.vault.balanceOf(desk.lender)) - before
    assert 10**9 - 2 <= gained <= 10**9


def test_shares__without_a_price_or_before_settlement__are_not_priced(desk: Desk) -> None:
    order = desk.order()
    desk.world.fill(order, 10**6, signature=desk.sign(order))
    with boa.env.anchor():
        told = desk.vault.totalAssets()
        desk.world.stale()
        assert (desk.vault.maxDeposit(desk.lender), desk.vault.maxRedeem(desk.lender)) == (0, 0)
        # views go on, at the undisputed price
        assert abs(desk.vault.totalAssets() - told) < told // 1000
        assert desk.vault.previewRedeem(10**12) <= desk.vault.convertToAssets(10**12)
        with boa.reverts("maker/not-priceable"):
            desk.vault.redeem(1, desk.lender, desk.lender, sender=desk.lender)
    desk.world.system.wait(EXPIRY - desk.world.now + DAY, 2000)
    assert desk.vault.totalAssets() > 0 < desk.vault.previewRedeem(10**12)
    with boa.reverts("maker/not-priceable"):
        desk.vault.redeem(1, desk.lender, desk.lender, sender=desk.lender)


def buyer(desk: Desk, name: str, amount: int) -> str:
    account = str(boa.env.generate_address(name))
    desk.world.token.mint(account, amount)
    desk.world.token.approve(desk.vault.address, MAX, sender=account)
    return account


def test_redeem__bought_just_before_a_round__is_locked_for_an_hour(desk: Desk) -> None:
    """Who knows the coming round would buy the desk's gain with borrowed tokens and leave a second later."""
    order = desk.order(is_bid=True, price=desk.mark() - 2000 * WAD * EDGE // 10**4)
    desk.world.fill(order, 10 * 10**6, signature=desk.sign(order))
    thief, friend = buyer(desk, "thief", 10**11), str(boa.env.generate_address("friend"))
    desk.world.system.wait(HOUR - desk.world.now % HOUR + HOUR - 1, 2000)  # the last second of an hour
    shares = desk.vault.deposit(90_000 * 10**6, thief, sender=thief)
    for later in (1, HOUR - 1):
        desk.world.system.wait(later, 2020)
        assert desk.vault.free_shares(thief) == desk.vault.maxRedeem(thief) == desk.vault.maxWithdraw(thief) == 0
        for call, arguments in (
            (desk.vault.redeem, (shares, thief, thief)), (desk.vault.withdraw, (1, thief, thief)),
            (desk.vault.transfer, (friend, 1)),
        ):  # fmt: skip
            with boa.reverts("maker/shares-locked"):
                call(*arguments, sender=thief)
        desk.vault.approve(friend, MAX, sender=thief)
        with boa.reverts("maker/shares-locked"):
            desk.vault.transferFrom(thief, friend, 1, sender=friend)
    desk.world.system.wait(1, 2020)
    assert desk.vault.free_shares(thief) == shares
    desk.vault.transfer(friend, shares, sender=thief)
    assert desk.vault.free_shares(friend) == shares
    desk.vault.redeem(10**12, friend, friend, sender=friend)


BOOKS = {
    "long future": ((Kind.FUTURE, 0, 1),),
    "short future": ((Kind.FUTURE, 0, -1),),
    "short straddle": ((Kind.CALL, 2000, -1), (Kind.PUT, 2000, -1)),
    "short strangle": ((Kind.CALL, 2200, -1), (Kind.PUT, 1800, -1)),
    "short call spread": ((Kind.CALL, 2000, -1), (Kind.CALL, 2200, 1)),
    "long call": ((Kind.CALL, 2000, 1),),
    "long put": ((Kind.PUT, 2000, 1),),
}


@pytest.mark.parametrize("name", BOOKS)
def test_redeem__bought_before_a_pending_round__pays_more_than_half_a_percent_brings(desk: Desk, name: str) -> None:
    """A feed lags by up to half a percent: what a buyer who knows the next round takes out an hour later, at best.

    docs/maker.md says what is left: a book of long options, whose IM is no more than it is worth.
    """
    world = desk.world
    for kind, strike, sign in BOOKS[name]:
        legs = (OrderLeg(world.series(kind, strike * 10**8), 1),)
        price = desk.mark(kind, strike * 10**8) - sign * 2000 * WAD * EDGE // 10**4
        style = PremiumStyle.DEFERRED if kind == Kind.FUTURE else PremiumStyle.UPFRONT
        order = desk.order(legs=legs, is_bid=sign > 0, price=price, premium_style=style)
        world.fill(order, 10 * 10**6, signature=desk.sign(order))
    world.system.wait(HOUR - world.now % HOUR + HOUR - 1, 2000)  # the last second of an hour
    paid, gains = 90_000 * 10**6, []
    for spot in (2010, 1990):
        with boa.env.anchor():
            thief = buyer(desk, "thief", paid)
            shares = desk.vault.deposit(paid, thief, sender=thief)
            for _ in range(4):
                world.system.wait(901, spot)
            gains.append(desk.vault.redeem(shares, thief, thief, sender=thief) - paid)
    if name.startswith("long ") and name != "long future":
        assert 0 < max(gains) < paid // 10_000
    else:
        assert max(gains) < 0


def test_redeem__others_send_dust__locks_nothing_that_was_held(desk: Desk) -> None:
    held = desk.vault.balanceOf(desk.lender)
    assert desk.vault.free_shares(desk.lender) == held
    enemy = buyer(desk, "enemy", 10**9)
    own = buyer(desk, "own", 10**9)
    desk.vault.deposit(10**8, own, sender=own)
    for _ in range(3):
        dust = desk.vault.deposit(1, desk.lender, sender=enemy)
        desk.vault.deposit(1, own, sender=enemy)
        assert desk.vault.free_shares(desk.lender) >= held
        desk.world.system.wait(HOUR, 2000)
    # his own purchase is free although dust came in every hour
    assert desk.vault.free_shares(own) >= desk.vault.balanceOf(own) - 2 * dust
    desk.vault.redeem(held, desk.lender, desk.lender, sender=desk.lender)


def test_shares__feeds_apart__are_not_dealt_at_the_primary_alone(world: World) -> None:
    """A fresh price of two feeds that differ marks a desk for nobody: the primary may be the wrong one."""
    system = world.system
    made, (primary, fallback) = two_feed_desk(world)
    vault, lender, desk = made.vault, made.lender, made.desk
    with boa.env.prank(lender):
        other = system.clearinghouse.open(2, 0, lender, 0)
        world.token.approve(system.clearinghouse.address, MAX)
        system.clearinghouse.deposit(other, lender, 10**11)
    with boa.env.prank(system.at["Exchange"]):
        system.clearinghouse.novate(
            (other, desk, EXPIRY, [Leg(Kind.CALL, STRIKE, 10**6).pack()], 0, [0, 0], system.at["Exchange"]),
            system.oracle.observe(2, EXPIRY),
        )  # fmt: skip
    vault.totalAssets()
    system.wait(2 * HOUR)
    primary.push(1880 * 10**8, system.now)
    fallback.push(2000 * 10**8, system.now)
    status = system.oracle.snapshot(2, EXPIRY).status
    assert status & Status.FRESH and not status & Status.ACTIVE
    assert (vault.maxDeposit(lender), vault.maxRedeem(lender)) == (0, 0)
    for call, arguments in ((vault.deposit, (10**6, lender)), (vault.redeem, (10**6, lender, lender))):
        with boa.reverts("maker/not-priceable"):
            call(*arguments, sender=lender)


def test_constructor__unknown_market__reverts(world: World) -> None:
    with boa.reverts("maker/unknown-market"):
        deployer("MakerVault").deploy(*maker_arguments(9, "ETH", world.system.at))


def test_deposit__of_a_token_that_takes_a_fee__reverts() -> None:
    with boa.swap_env(Env()):
        token = deployer("HostileERC20").deploy(6)
        system = System(token=token)
        vault = deployer("MakerVault").deploy(*maker_arguments(1, "ETH", system.at))
        vault.set_bounds((QUOTER.address, EDGE, 1, 1, MAX // 2, 0))
        lender = str(boa.env.generate_address("lender"))
        token.mint(lender, 10**9)
        token.approve(vault.address, MAX, sender=lender)
        token.misbehave(False, 100)
        with boa.reverts("maker/transfer-failed"):
            vault.deposit(10**6, lender, sender=lender)
