"""Cancelling, opening with a deposit, parameters and fees of the Exchange."""

from __future__ import annotations

import boa
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from bulkhead import eip712
from tests.worlds.doubles import refusing_token
from tests.worlds.exchange import EXPIRY, MARKET, MAX, NO_PERMIT, World, key


def test_configure__not_parameters__reverts(world: World) -> None:
    with boa.reverts("exchange/only-parameters"):
        world.exchange.configure(MARKET, 1, sender=world.taker)
    world.set_parameter("taker_fee_bps", 7)
    assert world.exchange.trading(MARKET) & 65535 == 7


def test_cancel__partly_filled__keeps_what_was_filled(world: World) -> None:
    order = world.order()
    world.fill(order, 3 * 10**6)
    world.exchange.cancel([world.hash(order)], sender=world.maker.address)
    assert world.exchange.filled_of(world.maker.address, world.hash(order)) == (3 * 10**6, True)
    assert world.state(order).status == 5


def test_cancel__by_someone_else__changes_nothing(world: World) -> None:
    order = world.order()
    world.exchange.cancel([world.hash(order)], sender=world.taker)
    world.fill(order)


def test_bump_epoch__not_owner__reverts(world: World) -> None:
    for vault_id in (world.maker_vault, 99):
        with boa.reverts("exchange/not-vault-owner"):
            world.exchange.bump_epoch(vault_id, 1, sender=world.taker)


def test_bump_epoch__not_higher__reverts(world: World) -> None:
    world.exchange.bump_epoch(world.maker_vault, 5, sender=world.maker.address)
    for minimum in (0, 5, 2**64):
        with boa.reverts("exchange/epoch-not-higher"):
            world.exchange.bump_epoch(world.maker_vault, minimum, sender=world.maker.address)


@pytest.mark.parametrize("start", [0, 5])
def test_counters__of_a_sold_vault__cannot_be_used_up_by_the_seller(world: World, start: int) -> None:
    seller, buyer, vault = world.maker.address, world.taker, world.maker_vault
    raises = [
        lambda minimum, sender: world.exchange.bump_epoch(vault, minimum, sender=sender),
        lambda minimum, sender: world.exchange.cancel_series(vault, world.series(), minimum, sender=sender),
    ]
    for bump in raises:
        if start:
            bump(start, seller)
        for minimum in (start + 2**32 + 1, 2**64 - 1):
            with boa.reverts("exchange/epoch-too-high"):
                bump(minimum, seller)
        bump(start + 2**32, seller)
    world.give_vault(vault, seller, buyer)
    # the buyer still ends orders of a counter
    for bump in raises:
        bump(start + 2**32 + 1, buyer)


def test_cancel_series__not_owner__reverts(world: World) -> None:
    with boa.reverts("exchange/not-vault-owner"):
        world.exchange.cancel_series(world.maker_vault, world.series(), 1, sender=world.taker)


def test_cancel_series__not_higher__reverts(world: World) -> None:
    world.exchange.cancel_series(world.maker_vault, world.series(), 3, sender=world.maker.address)
    for minimum in (0, 3, 2**64):
        with boa.reverts("exchange/epoch-not-higher"):
            world.exchange.cancel_series(world.maker_vault, world.series(), minimum, sender=world.maker.address)


def test_epoch_for__after_cancels__is_the_least_live_epoch(world: World) -> None:
    world.exchange.bump_epoch(world.maker_vault, 2, sender=world.maker.address)
    world.exchange.cancel_series(world.maker_vault, world.series(), 7, sender=world.maker.address)
    assert world.exchange.epoch_for(world.maker_vault, []) == 2 << 64
    assert world.exchange.epoch_for(world.maker_vault, [world.series()]) == 7 << 64
    world.fill(world.order(epoch=7 << 64))
    world.refused(world.order(epoch=6 << 64), "exchange/stale-epoch")


# --- open_and_fill -------------------------------------------------------------------------------------------------


def open_and_fill(world: World, sender: str, permit=NO_PERMIT, deposit: int = 10**9, order=None):  # type: ignore[no-untyped-def]
    order = world.order() if order is None else order
    return world.exchange.open_and_fill(world.asked(order), 0, deposit, permit, sender=sender)


def test_open_and_fill__with_allowance__opens_deposits_fills(world: World) -> None:
    world.token.mint(world.taker, 10**9)
    world.token.approve(world.clearinghouse.address, 10**9, sender=world.taker)
    vault_id = open_and_fill(world, world.taker)
    assert world.novation()[1] == vault_id
    assert world.token.balanceOf(world.taker) == 0
    words = world.system.words(vault_id)
    assert words[0] & (2**160 - 1) == int(world.taker, 16)
    # the deposit less the premium and 3 bp of 2000
    assert words[6] == 10**9 - 100 * 10**6 - 600_000


def test_open_and_fill__no_legs__reverts(world: World) -> None:
    with boa.reverts("order/no-legs"):
        open_and_fill(world, world.taker, order=world.order(legs=()))


def permit_of(world: World, key: str, amount: int, deadline: int) -> tuple[int, int, int, bytes, bytes]:
    account = Account.from_key(key)
    message = encode_typed_data(
        {"name": "Dollar", "version": "1", "chainId": world.domain.chain_id, "verifyingContract": world.token.address},
        {
            "Permit": eip712.fields(
                "address owner, address spender, uint256 value, uint256 nonce, uint256 deadline"
            )
        },
        {
            "owner": account.address, "spender": world.clearinghouse.address, "value": amount, "nonce": 0,
            "deadline": deadline,
        },
    )  # fmt: skip
    signed = account.sign_message(message)
    return (amount, deadline, signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big"))


def test_open_and_fill__with_permit__needs_no_approval(world: World) -> None:
    account = Account.from_key(key(3))
    world.token.mint(account.address, 10**9)
    permit = permit_of(world, key(3), 10**9, world.now + 60)
    open_and_fill(world, account.address, permit)
    assert world.token.balanceOf(account.address) == 0


def test_open_and_fill__permit_used_by_a_front_runner__still_passes(world: World) -> None:
    account = Account.from_key(key(3))
    world.token.mint(account.address, 10**9)
    amount, deadline, v, r, s = permit = permit_of(world, key(3), 10**9, world.now + 60)
    world.token.permit(
        account.address, world.clearinghouse.address, amount, deadline, v, r, s, sender=world.maker.address
    )
    open_and_fill(world, account.address, permit)


def test_open_and_fill__expired_permit_and_no_allowance__reverts(world: World) -> None:
    account = Account.from_key(key(3))
    world.token.mint(account.address, 10**9)
    with boa.reverts("token/allowance"):
        open_and_fill(world, account.address, permit_of(world, key(3), 10**9, world.now - 1))


# --- fees -----------------------------------------------------------------------------------------------------------


def test_collect_fees__owner_of_parameters__decides_the_receiver(world: World) -> None:
    world.token.mint(world.exchange.address, 777)
    with boa.reverts("exchange/only-owner"):
        world.exchange.collect_fees(world.token.address, world.taker, sender=world.taker)
    assert world.exchange.collect_fees(world.token.address, world.maker.address, sender=world.system.owner) == 777
    assert world.token.balanceOf(world.maker.address) == 777


def test_collect_fees__token_answers_false__reverts(world: World) -> None:
    token = refusing_token(balance=1)
    with boa.reverts("exchange/transfer-refused"):
        world.exchange.collect_fees(token.address, world.taker, sender=world.system.owner)


# --- order_states ---------------------------------------------------------------------------------------------------


def test_order_states__batch__one_answer_each(world: World) -> None:
    orders_ = [world.order(salt=i) for i in range(16)]
    world.fill(orders_[3], MAX)
    world.fill(orders_[4], 10**6)
    signatures = [world.sign(order) for order in orders_[:15]]
    states = world.states(orders_, signatures)
    assert [state.status for state in states] == [1, 1, 1, 4] + [1] * 11 + [0]
    assert states[3].reason == "exchange/filled"
    assert states[4].fillable == 9 * 10**6
    assert states[15].reason == "exchange/bad-signature"
    assert world.states([], []) == []


def test_order_states__maker_cannot_pay__says_how_much_it_can(world: World) -> None:
    poor = world.system.open(world.maker.address, 250)
    state = world.state(world.order(is_bid=True, maker_vault=poor))
    # 250 pay for 2.39 packages at 100, 1 bp of fee and the liquidation deposit of 10 that a first leg locks
    assert (state.status, state.fillable) == (1, 2_390_000)
    empty = world.system.open(world.maker.address)
    state = world.state(world.order(is_bid=True, maker_vault=empty))
    assert (state.status, state.fillable, state.reason) == (3, 0, "clearinghouse/transfer-refused")


@pytest.mark.parametrize("signature", [b"", b"\x00" * 64, b"\xff" * 65, b"\x01" * 1024])
def test_order_states__garbage_signature__does_not_revert(world: World, signature: bytes) -> None:
    assert world.state(world.order(), signature).reason == "exchange/bad-signature"


def test_order_states__extreme_numbers__do_not_revert(world: World) -> None:
    for changes in (
        {"price": -(2**255)},
        {"size": MAX, "min_fill": MAX},
        {"epoch": MAX, "salt": MAX},
        {"price": 2**127, "size": 2**63 - 1, "is_bid": True},
        {"price": -(2**127), "size": 2**63 - 1, "max_fee": MAX},
        {"spot_min": MAX, "spot_max": 0},
        {"expiry": MAX},
        {"iv": 100 * 10**18},
    ):
        world.state(world.order(**changes))


def test_order_states__other_reasons__are_statuses(world: World) -> None:
    assert world.state(world.order(expiry=world.now - 1)).status == 6
    assert world.state(world.order(spot_min=MAX)).status == 3
    world.system.wait(EXPIRY - world.now)
    assert world.state(world.order(expiry=EXPIRY)).status == 0
