"""Orders attacked: who gains by filling, cancelling or replaying at the worst moment."""

from __future__ import annotations

import boa
import pytest
from eth_account import Account

from bulkhead import orders
from bulkhead.orders import OrderLeg, PremiumStyle
from bulkhead.risk.words import Kind
from tests.worlds.exchange import EXPIRY, MAX, RICH, SPOT, WAD, World, key

LOT = 10**4


def test_cancel__front_run_by_a_fill__leaves_what_was_filled_and_nothing_more(world: World) -> None:
    """A cancel may come too late for a part; it never comes too late for the rest, and cannot be undone."""
    order = world.order()
    world.fill(order, 10**6)
    world.exchange.cancel([world.hash(order)], sender=world.maker.address)
    world.refused_and_told(order, "exchange/cancelled")
    assert world.exchange.filled_of(world.maker.address, world.hash(order)) == (10**6, True)
    # cancelling twice, or by anybody else, changes nothing
    world.exchange.cancel([world.hash(order)] * 2, sender=world.maker.address)
    other = world.order(salt=1)
    world.exchange.cancel([world.hash(other)], sender=world.taker)
    world.fill(other)


def test_epochs__of_a_vault_that_came_back__revive_no_order(world: World) -> None:
    """Sold and bought back, a vault has another epoch: nothing signed before, by either owner, is good again."""
    buyer = Account.from_key(key(31))
    old = world.order()
    world.give_vault(world.maker_vault, world.maker.address, buyer.address)
    world.refused_and_told(old, "exchange/stale-epoch")
    # the old owner signs for the new epoch, the buyer for the old one
    world.refused_and_told(world.order(epoch=1), "exchange/signer-not-owner")
    theirs = world.order(signer=buyer.address)
    world.refused_and_told(theirs, "exchange/stale-epoch", signature=orders.sign(theirs, world.domain, buyer.key))
    good = world.order(signer=buyer.address, epoch=1)
    signature = orders.sign(good, world.domain, buyer.key)
    with boa.env.anchor():
        world.fill(good, signature=signature)
    world.give_vault(world.maker_vault, buyer.address, world.maker.address)
    world.refused_and_told(old, "exchange/stale-epoch")
    world.refused_and_told(good, "exchange/stale-epoch", signature=signature)


def test_signature__of_one_vault__moves_no_other_vault_of_the_same_signer(world: World) -> None:
    twin = world.system.open(world.maker.address, RICH)
    order = world.order()
    moved = orders.with_changes(order, maker_vault=twin)
    world.refused_and_told(moved, "exchange/bad-signature", signature=world.sign(order))
    before = world.holdings([twin])
    world.fill(order)
    assert world.holdings([twin]) == before


@pytest.mark.parametrize("is_bid", [False, True])
@pytest.mark.parametrize("price", [WAD // 3, 10**10 + 1, -WAD // 7])
@pytest.mark.parametrize("style", list(PremiumStyle))
def test_dust__many_least_fills__never_pay_the_taker_more_than_one_whole_fill(
    world: World, is_bid: bool, price: int, style: PremiumStyle
) -> None:
    """Rounding goes against the taker in every part, and each part's fee is rounded up: splitting only costs."""
    order = world.order(price=price, is_bid=is_bid, premium_style=style, size=5 * LOT)

    def paid() -> tuple[int, int]:
        event = world.log("OrderFilled")
        return (event.premium if not is_bid else -event.premium), event.taker_fee

    with boa.env.anchor():
        world.fill(order, MAX)
        whole = paid()
    parts = []
    for _ in range(5):
        world.fill(order, LOT)
        parts.append(paid())
    assert sum(p for p, _ in parts) >= whole[0] and sum(f for _, f in parts) >= whole[1]
    # and the maker gets what it signed, to the unit, in every part
    unit = 10**18
    assert all(p * unit >= (price if not is_bid else -price) * LOT for p, _ in parts)


def test_vol_order__at_another_surface__is_priced_by_its_own_vol_and_capped_in_premium(world: World) -> None:
    """The taker cannot choose a moment at which the surface makes a vol order cheaper than its signed premium."""
    order = world.order(iv=5 * 10**17, price=10 * WAD, size=10**6, expiry=world.now + 10**4)
    with boa.env.anchor():
        world.fill(order, LOT)
        first = world.log("OrderFilled").price
    # the market's own vol jumps: the order's price does not, spot alone moves it, never below the signed premium
    world.system.wait(60, 2001.0)
    world.system.wait(60, 1700.0)
    world.fill(order, LOT)
    assert world.log("OrderFilled").price == 10 * WAD < first
    # and a price that is not fresh gives no vol price at all
    world.stale()
    world.refused_and_told(order, "exchange/spot-unknown", LOT)


def test_spot_band__at_its_edges__includes_them_and_no_wei_beyond(world: World) -> None:
    for low, high, inside in (
        (SPOT, SPOT, True), (SPOT, SPOT + 1, True), (SPOT - 1, SPOT, True),
        (SPOT + 1, SPOT + 1, False), (SPOT - 1, SPOT - 1, False), (SPOT + 1, SPOT - 1, False), (1, 0, False),
    ):  # fmt: skip
        order = world.order(spot_min=low, spot_max=high)
        if inside:
            with boa.env.anchor():
                world.fill(order)
        else:
            world.refused_and_told(order, "exchange/spot-outside")


def test_max_fee__raised_after_signing__binds_the_fill_to_what_was_signed(world: World) -> None:
    """Governance moves the fee between signature and fill: neither side pays beyond its own limit."""
    order = world.order(max_fee=WAD // 5)
    world.fill(order)
    world.set_parameter("maker_fee_bps", 2)
    world.refused_and_told(order, "exchange/maker-fee")
    world.set_parameter("maker_fee_bps", 1)
    world.set_parameter("taker_fee_bps", 4)
    world.refused(order, "exchange/taker-fee", max_fee=600_000)


def test_deferred_premium__of_a_poor_payer__is_margined_like_any_debt(world: World) -> None:
    """A dear option bought on credit by an empty vault is refused: what is owed at expiry counts now."""
    poor = world.system.open(world.taker, 30)
    dear = world.order(price=1000 * WAD, premium_style=PremiumStyle.DEFERRED)
    world.refused(dear, "margin/below-initial", 10**6, vault=poor)
    [state] = world.states([dear], [world.sign(dear)], world.taker, poor)
    assert state.fillable < 10**5
    # a bid of a poor maker that promises the same is refused on its own side
    desk = world.system.open(world.maker.address, 30)
    promise = world.order(maker_vault=desk, price=1000 * WAD, premium_style=PremiumStyle.DEFERRED, is_bid=True)
    world.refused(promise, "margin/below-initial", 10**6)


def test_multicall_and_fill__with_coins__are_refused(world: World) -> None:
    """Nothing here takes the chain's own coin, so nothing can be charged twice for one payment of it."""
    boa.env.set_balance(world.taker, 10**18)
    order = world.order()
    for contract, data in (
        (world.exchange, world.exchange.fill.prepare_calldata(world.asked(order))),
        (world.clearinghouse, world.clearinghouse.multicall.prepare_calldata([])),
    ):
        with boa.env.anchor():
            result = boa.env.execute_code(contract.address, world.taker, data=data, value=1)
            assert not result.is_success
            assert boa.env.get_balance(contract.address) == 0


def test_multicall__cannot_reach_what_only_roles_may_call(world: World) -> None:
    house = world.clearinghouse
    for data in (
        house.novate.prepare_calldata(
            (world.maker_vault, world.taker_vault, EXPIRY, [], 1, [0, 0], world.taker), [0] * 19
        ),
        house.open.prepare_calldata(1, 0, world.maker.address, 1),
        house.withdraw.prepare_calldata(world.maker_vault, 1, world.taker),
    ):
        with boa.reverts():
            house.multicall([data], sender=world.taker)


def test_taker_named__cannot_be_impersonated_by_a_key_of_the_named(world: World) -> None:
    """An order for one taker is for that account, not for whoever may trade for its vault."""
    bot = Account.from_key(key(32))
    world.operators.grant(world.taker_vault, bot.address, 1, world.now + 1000, sender=world.taker)
    order = world.order(taker=world.taker, legs=(OrderLeg(world.series(Kind.CALL), 1),))
    world.refused(order, "exchange/wrong-taker", sender=bot.address)
    world.fill(order)
