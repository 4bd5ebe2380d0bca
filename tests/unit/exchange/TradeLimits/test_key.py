"""A session key that may trade: what it can do, and how little value it can move out of the vault."""

from __future__ import annotations

import dataclasses

import boa
import pytest
from eth_account import Account

from bulkhead import orders
from bulkhead.orders import OrderLeg
from bulkhead.risk.words import Kind, Leg, Status
from tests.worlds.exchange import DAY, EXPIRY, MAX, RICH, WAD, World, key

BOT = Account.from_key(key(77))
#: 1 % of 2,000.
SHARE = 20 * WAD


@pytest.fixture(autouse=True)
def granted(world: World) -> None:
    """The bot may trade for the maker's vault, and no more."""
    world.operators.grant(world.maker_vault, BOT.address, 1, world.now + 30 * DAY, sender=world.maker.address)


def bot_order(world: World, **changes: object) -> orders.Order:
    return world.order(signer=BOT.address, **changes)


def fill(world: World, order: orders.Order, size: int = 10**6) -> None:
    world.fill(order, size, signature=orders.sign(order, world.domain, BOT.key))


def mark(world: World) -> int:
    """Mark of one call of `world.series()` [wad]: what the vault's own engine says."""
    engine = world.system.EsEngine  # type: ignore[attr-defined]
    snapshot = world.system.oracle.snapshot(1, EXPIRY)
    return int(engine.value([Leg(Kind.CALL, 2000 * 10**8, 10**6).pack()], snapshot))


def equity(world: World) -> int:
    return int(world.system.state(world.maker_vault).equity)


def test_key__signs_and_takes__both_pass(world: World) -> None:
    fill(world, bot_order(world))
    assert world.state(bot_order(world), b"").reason == "exchange/bad-signature"
    order = bot_order(world, salt=5)
    assert world.state(order, orders.sign(order, world.domain, BOT.key)).status == 1
    # as the caller: a bid of the maker's other vault
    other = world.system.open(world.maker.address, RICH)
    bid = world.order(maker_vault=other, is_bid=True, price=mark(world))
    world.fill(bid, vault=world.maker_vault, sender=BOT.address)


def test_key__revoked_expired_or_without_trade__refused(world: World) -> None:
    order = bot_order(world)
    signature = orders.sign(order, world.domain, BOT.key)
    world.operators.grant(world.maker_vault, BOT.address, 6, world.now + DAY, sender=world.maker.address)
    world.refused_and_told(order, "exchange/signer-not-owner", signature=signature)
    world.operators.grant(world.maker_vault, BOT.address, 1, world.now, sender=world.maker.address)
    fill(world, order)
    world.system.wait(1)
    world.refused_and_told(order, "exchange/signer-not-owner", signature=signature)


def test_key__caller_without_a_grant__refused(world: World) -> None:
    other = world.system.open(world.maker.address, RICH)
    bid = world.order(maker_vault=other, is_bid=True)
    world.refused(bid, "exchange/not-taker-owner", vault=world.maker_vault, sender=world.taker)
    world.operators.grant(world.maker_vault, BOT.address, 6, world.now + DAY, sender=world.maker.address)
    world.refused(bid, "exchange/not-taker-owner", vault=world.maker_vault, sender=BOT.address)


def test_key__after_a_transfer__refused(world: World) -> None:
    world.give_vault(world.maker_vault, world.maker.address, world.taker)
    order = bot_order(world, epoch=1)
    with boa.reverts("exchange/signer-not-owner"):
        fill(world, order)


def test_key__one_fill__costs_one_percent_of_notional_and_no_more(world: World) -> None:
    fair = mark(world)
    too_cheap = bot_order(world, price=fair - SHARE - 10**12)
    with boa.reverts("limits/key-fill-loss"):
        fill(world, too_cheap)
    # the same price out of the vault as a bid, and with the cash as a leg
    dear = bot_order(world, is_bid=True, price=fair + SHARE + 10**12)
    with boa.reverts("limits/key-fill-loss"):
        fill(world, dear)
    deferred = bot_order(world, price=fair - SHARE - 10**12, premium_style=1)
    with boa.reverts("limits/key-fill-loss"):
        fill(world, deferred)
    before = equity(world)
    fill(world, bot_order(world, price=fair - SHARE + 10**12))
    # the liquidation deposit of 10 and the fee come on top
    assert before - equity(world) - 10 * WAD <= SHARE + WAD


def test_key__the_owners_own_orders__are_not_bounded(world: World) -> None:
    world.fill(world.order(price=1))
    world.operators.grant(world.maker_vault, BOT.address, 3, world.now + DAY, sender=world.maker.address)
    # who may withdraw is not bounded either: it could just take the tokens
    fill(world, bot_order(world, price=1))


def test_key__all_it_can_take_out_in_a_day__is_five_percent_of_equity(world: World) -> None:
    poor = world.system.open(world.maker.address, 4000)
    world.operators.grant(poor, BOT.address, 1, world.now + 30 * DAY, sender=world.maker.address)
    world.set_parameter("taker_fee_bps", 0)
    world.set_parameter("maker_fee_bps", 0)
    # futures sold at 1 % below spot and bought back at 1 % above: the bot's friend gains both times
    future = (OrderLeg(world.series(Kind.FUTURE), 1),)
    start = int(world.system.state(poor).equity)
    trades = [
        bot_order(
            world, maker_vault=poor, legs=future, is_bid=i % 2 == 1, price=2000 * WAD + (SHARE if i % 2 else -SHARE),
            premium_style=1, salt=i,
        )
        for i in range(10)
    ]  # fmt: skip
    for order in trades[:9]:
        fill(world, order)
    with boa.reverts("limits/key-day-loss"):
        fill(world, trades[9])
    taken = 9 * SHARE
    # the liquidation deposit of 10 that the open leg locks is no loss
    lost = start - int(world.system.state(poor).equity) - 10 * WAD
    assert lost == taken <= start // 20
    assert world.limits.lost_today(poor) == lost
    # a new day is a new 5 %, of what is left
    world.system.wait(DAY // 2, 2000)
    assert world.limits.lost_today(poor) == 0


def test_key__gains__make_no_room_for_losses(world: World) -> None:
    poor = world.system.open(world.maker.address, 4000)
    world.operators.grant(poor, BOT.address, 1, world.now + 30 * DAY, sender=world.maker.address)
    future = (OrderLeg(world.series(Kind.FUTURE), 1),)

    def trade(salt: int) -> None:
        # sold too low, bought back as low: no loss at all between them
        fill(
            world,
            bot_order(
                world, maker_vault=poor, legs=future, is_bid=salt % 2 == 1, price=1981 * WAD, premium_style=1, salt=salt
            ),
        )

    for salt in range(20):
        trade(salt)
    with boa.reverts("limits/key-day-loss"):
        trade(20)


def test_key__without_a_fresh_price__may_not_trade(world: World) -> None:
    fill(world, bot_order(world))
    world.stale()
    order = bot_order(world, is_bid=True, price=24 * WAD)
    with boa.reverts("limits/key-needs-price"):
        fill(world, order)
    # the owner may
    world.fill(world.order(is_bid=True, price=24 * WAD))


def look(world: World, legs: list[Leg], cash: float, receives: bool = True, **changes: int) -> int:
    """`preview_check` of a key's fill of the maker's vault, at prices that are changed [wad lost]."""
    snapshot = dataclasses.replace(world.system.snapshot(EXPIRY), **changes)
    words = [leg.pack() for leg in legs]
    return int(
        world.limits.preview_check(world.maker_vault, 1, 0, words, receives, round(cash * 10**6), 0, snapshot.words())
    )


def test_key__price_fresh_but_not_active__may_not_trade(world: World) -> None:
    """What a trade costs is not measured at a price that is disputed or in grace."""
    calls = [Leg(Kind.CALL, 2000 * 10**8, -(10**7))]
    fair = 10 * mark(world) / WAD
    assert look(world, calls, fair + 1) == 0
    for status in (Status.FRESH, Status.FRESH | Status.DEGRADED, Status.FRESH | Status.GRACE, 0):
        for spot in (1_300 * WAD, 2_000 * WAD, 10**10):
            with boa.reverts("limits/key-needs-price"):
                look(world, calls, fair + 1, spot=spot, forward=spot, status=status)


def test_key__uncertain_price__costs_what_it_may_cost_at_either_end(world: World) -> None:
    calls = [Leg(Kind.CALL, 2000 * 10**8, -(10**7))]
    fair = 10 * mark(world) / WAD
    assert look(world, calls, fair + 1, half_width=5 * WAD) == 0
    # at 2,100 the same calls are worth some 500 more
    with boa.reverts("limits/key-fill-loss"):
        look(world, calls, fair + 1, half_width=100 * WAD)
    with boa.reverts("limits/key-needs-price"):
        look(world, calls, fair + 1, half_width=201 * WAD)


def test_key__tokens_paid_for_what_comes_back_at_expiry__count_as_lost(world: World) -> None:
    """Equity at mark stays, but the owner cannot use them for months: CASH, a box of options, or a lot beside it."""
    lot = Leg(Kind.CALL, 20_000 * 10**8, 10**4)
    for sign in (1, -1):
        for legs in (
            [lot, Leg(Kind.CASH, 0, 99_999 * 10**6)],
            [dataclasses.replace(lot, quantity=-(10**4)), Leg(Kind.CASH, 0, 99_999 * 10**6)],
            [Leg(Kind.PUT, 1_000 * 10**8, -(10**4)), Leg(Kind.CASH, 0, 99_999 * 10**6)],
        ):
            given = [dataclasses.replace(leg, quantity=sign * leg.quantity) for leg in legs]
            with boa.reverts("limits/key-fill-loss"):
                look(world, given, -99_999, receives=sign == 1)
    box = [
        Leg(kind, strike * 10**8, sign * 10**8)
        for kind, strike, sign in (
            (Kind.CALL, 1_000, 1), (Kind.CALL, 3_000, -1), (Kind.PUT, 3_000, 1), (Kind.PUT, 1_000, -1),
        )
    ]  # fmt: skip
    with boa.reverts("limits/key-fill-loss"):
        look(world, box, -200_000)
    # an option is no loan, a deferred premium is none either, and what repays a debt frees tokens
    fair = mark(world) / WAD
    assert look(world, [Leg(Kind.CALL, 2000 * 10**8, 10**6)], -fair) <= 10**12
    assert look(world, [Leg(Kind.CALL, 2000 * 10**8, -(10**6)), Leg(Kind.CASH, 0, round(fair * 10**6))], 0) <= 10**12


def test_key__may_cancel_and_bump_but_not_withdraw_or_manage(world: World) -> None:
    world.exchange.bump_epoch(world.maker_vault, 3, sender=BOT.address)
    world.exchange.cancel_series(world.maker_vault, world.series(), 4, sender=BOT.address)
    other = world.system.open(world.maker.address)
    with boa.reverts("clearinghouse/not-owner"):
        world.clearinghouse.withdraw(world.maker_vault, 1, BOT.address, sender=BOT.address)
    with boa.reverts("clearinghouse/not-owner"):
        world.clearinghouse.transfer_legs(world.maker_vault, other, [], 1, sender=BOT.address)
    with boa.reverts("clearinghouse/not-owner"):
        world.clearinghouse.close(world.maker_vault, BOT.address, sender=BOT.address)
    with boa.reverts("exchange/not-vault-owner"):
        world.exchange.set_caps(world.maker_vault, 1, 1, sender=BOT.address)
    with boa.reverts("exchange/not-vault-owner"):
        world.exchange.bump_epoch(world.taker_vault, 3, sender=BOT.address)


def test_key__rolls_but_moves_no_tokens_between_vaults(world: World) -> None:
    later = [world.system.open(owner, RICH) for owner in (world.maker.address, world.taker)]
    own = world.system.open(BOT.address)
    ask = world.order(maker_vault=later[0], salt=9)
    signature = orders.sign(ask, world.domain, world.maker.key)
    # the bot's own vault as the receiver of the maker's freed tokens
    fills = [world.asked(ask, MAX, signature=signature, vault=own)]
    for from_id in (world.maker_vault, later[1]):
        first = world.asked(ask, 10**5, signature=signature, vault=from_id)
        with boa.reverts():
            world.exchange.fill_many([first, *fills], 0, MAX, 0, sender=BOT.address)


def test_key__claims_of_a_cell_that_cannot_pay__count_as_lost(world: World) -> None:
    """A mark knows no deficit: a key that bought claims with tokens at the mark would pay for a hole that is known."""
    small = world.system.open(world.maker.address, 4_000)
    world.operators.grant(small, BOT.address, 1, world.now + DAY, sender=world.maker.address)
    lender, desk = Account.from_key(key(5)), world.system.open(Account.from_key(key(5)).address, 400)
    sold = world.order(signer=lender.address, maker_vault=desk)
    world.fill(sold, 10**6, signature=orders.sign(sold, world.domain, lender.key))
    world.system.wait(60, 2900.0)
    world.system.liquidator.flag(desk, sender=world.taker)
    deficit = int(world.system.lens.market(1, EXPIRY).deficit)
    equity = int(world.system.state(small).equity)
    assert deficit > equity // 20
    fair = mark(world)

    def ask(size: int, **changes: object) -> None:
        fill(world, bot_order(world, maker_vault=small, is_bid=True, **{"price": fair, "salt": size, **changes}), size)

    # four claims at the mark: known deficits may take as much of them as they are
    with boa.reverts("limits/key-day-loss"):
        ask(10**6)
    before = int(world.limits.lost_today(small))
    ask(2 * 10**5)
    counted = int(world.limits.lost_today(small)) - before
    assert min(deficit, fair // 5) <= counted <= min(deficit, fair // 5) + WAD
    # no tokens for a claim: a deferred premium is netted with it, and what is sold leaves the cell
    ask(10**6, premium_style=1)
    fill(world, bot_order(world, maker_vault=small, price=fair, salt=9), 10**5)
    # a debt of its own that it buys back is no claim
    fill(world, bot_order(world, maker_vault=small, price=fair, salt=10), 2 * 10**6)
    held = int(world.limits.lost_today(small))
    ask(8 * 10**5)
    assert int(world.limits.lost_today(small)) - held <= WAD
    # the owner says for himself what he bears
    world.fill(world.order(maker_vault=small, is_bid=True, price=fair, salt=11), 10**6)


def test_check__by_anyone_else__refused(world: World) -> None:
    with boa.reverts("limits/only-exchange"):
        world.limits.check(1, 1, 0, [], True, 0, 0, [0] * 19, sender=world.maker.address)
    with boa.reverts("limits/only-exchange"):
        world.limits.set_caps(1, 0, 1, 1, sender=world.maker.address)


def test_key__package_on_credit_that_costs_nothing__fills(world: World) -> None:
    """A premium of nothing is no leg, and money that a premium takes back is none either."""
    legs = (OrderLeg(world.series(), 1), OrderLeg(world.series(Kind.CASH), -20))
    for salt, changes in enumerate(({"price": 0, "legs": legs}, {"price": -20 * WAD, "legs": legs})):
        fill(world, bot_order(world, is_bid=True, premium_style=1, salt=salt, **changes))
        _, _, _, _, moved = world.novation()
        assert [Leg.unpack(word).kind for word in moved] == [Kind.CALL, Kind.CASH][: 2 - salt]


@pytest.mark.parametrize("receives", [True, False])
@pytest.mark.parametrize(("micro", "passes"), [(0, True), (1, False)])
def test_key__one_percent_to_the_unit__on_either_side(world: World, receives: bool, micro: int, passes: bool) -> None:
    """A future is worth spot exactly: 20 of 2,000 may be lost, and a millionth more may not."""
    beside = -2020 - micro / 10**6 if receives else 1980 - micro / 10**6
    if passes:
        assert look(world, [Leg(Kind.FUTURE, 0, 10**6)], beside, receives) == SHARE
    else:
        with boa.reverts("limits/key-fill-loss"):
            look(world, [Leg(Kind.FUTURE, 0, 10**6)], beside, receives)


@pytest.mark.parametrize(("fee", "passes"), [(0, True), (1, False)])
def test_key__five_percent_to_the_unit__fee_included(world: World, fee: int, passes: bool) -> None:
    small = world.system.open(world.maker.address, 4_000)
    words = [Leg(Kind.FUTURE, 0, 10**7).pack()]
    asked = (small, 1, 0, words, True, -20_200 * 10**6, fee, world.system.snapshot(EXPIRY).words())
    if passes:
        assert world.limits.preview_check(*asked) == 200 * WAD
    else:
        with boa.reverts("limits/key-day-loss"):
            world.limits.preview_check(*asked)


def test_key__as_the_taker__is_bounded_and_told_as_the_signer_is(world: World) -> None:
    """The caller's limits stand beside the signer's; each vault keeps its own loss, and the event names all of it."""
    other = world.system.open(world.maker.address, RICH)
    future = (OrderLeg(world.series(Kind.FUTURE), 1),)

    def bid(off: int, salt: int) -> orders.Order:
        return world.order(maker_vault=other, is_bid=True, legs=future, price=2000 * WAD - off, salt=salt)

    with boa.reverts("limits/key-fill-loss"):
        world.fill(bid(SHARE + 10**12, 1), vault=world.maker_vault, sender=BOT.address)
    world.fill(bid(SHARE, 2), vault=world.maker_vault, sender=BOT.address)
    event, filled = world.log("KeyLossRecorded"), world.log("OrderFilled")
    lost = SHARE + filled.taker_fee * 10**12
    assert filled.taker_fee > filled.maker_fee
    assert world.limits.lost_today(world.maker_vault) == lost and world.limits.lost_today(other) == 0
    assert (event.vault_id, event.day, event.lost) == (world.maker_vault, world.now // DAY, lost)


@pytest.mark.parametrize(("before", "left"), [(1, True), (0, False)])
def test_key__midnight__is_where_a_day_begins(world: World, before: int, left: bool) -> None:
    future = (OrderLeg(world.series(Kind.FUTURE), 1),)
    fill(world, bot_order(world, legs=future, is_bid=True, price=2000 * WAD + SHARE))
    lost = world.limits.lost_today(world.maker_vault)
    assert lost >= SHARE
    world.system.wait(-world.now % DAY - before)
    assert world.limits.lost_today(world.maker_vault) == (lost if left else 0)


def test_key__of_the_buyer_of_a_vault__has_a_day_of_its_own(world: World) -> None:
    seller, buyer, vault = world.maker.address, world.taker, world.maker_vault
    future = (OrderLeg(world.series(Kind.FUTURE), 1),)
    fill(world, bot_order(world, legs=future, is_bid=True, price=2000 * WAD + SHARE, premium_style=1))
    lost = world.limits.lost_today(vault)
    assert lost >= SHARE
    world.give_vault(vault, seller, buyer)
    assert world.limits.lost_today(vault) == 0
    world.operators.grant(vault, BOT.address, 1, world.now + DAY, sender=buyer)
    fill(world, bot_order(world, legs=future, price=2000 * WAD - SHARE, premium_style=1, epoch=1, salt=2))
    assert SHARE <= world.limits.lost_today(vault) < 2 * lost
