"""What somebody might try with a mandate: to be paid for nothing, to drain a wallet, to keep a vault from its flag."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest
from eth_account import Account

from bulkhead import orders
from bulkhead.orders import Order, OrderLeg
from bulkhead.risk.words import Kind, Series
from tests.contracts import deployer
from tests.unit.periphery.AutoTopUp.scene import DAY, Mandate, Scene
from tests.worlds.system import NO_PERMIT, WAD, call, put

MAX = 2**256 - 1


def spot(scene: Scene) -> float:
    """What the feed says."""
    return int(scene.system.market.feed.latestRoundData()[1]) / 10**8


def at_once(scene: Scene, *calls: tuple[Any, bytes]) -> Any:
    """Several calls in one transaction of one contract: the contract."""
    attacker = deployer("HostileTaker").deploy()
    attacker.script([(contract.address, data, True) for contract, data in calls])
    attacker.on_take(0, 0, 0, 0, b"")
    return attacker


# --- vaults that need nothing ----------------------------------------------------------------------------------------


def test_gap_to_negative_equity__nothing_is_paid_at_any_trigger(scene: Scene) -> None:
    """From health above the trigger to E < 0 in one round: the hole is the cell's, the wallet's it never was."""
    for trigger in (1.0, 1.1, 1.6, 90.0):
        with boa.env.anchor():
            scene.give(trigger=trigger, target=trigger + 0.05)
            wallet, before = scene.wallet(), scene.state
            assert before.equity > 0
            scene.system.wait(12, 1000)
            assert scene.state.equity < 0
            with boa.reverts("top-up/negative-equity"):
                scene.run()
            # flagged it is no other vault
            scene.flag()
            with boa.reverts("top-up/negative-equity"):
                scene.run()
            assert scene.wallet() == wallet


def test_covered_spread_and_paid_up_long__at_a_health_of_little_more_than_one__get_nothing(scene: Scene) -> None:
    """Their margin is capped at what they can lose, so health comes close to 1 and means nothing."""
    spread = scene.system.open(scene.owner, 1_015)
    scene.system.novate(spread, scene.rich, [put(1900, 10), put(1800, -10)], scene.expiry)
    long_id = scene.system.open(scene.owner, 120)
    scene.system.novate(scene.rich, long_id, [call(2000, 100)], scene.expiry, 1)
    for vault_id in (spread, long_id):
        scene.give(vault_id=vault_id, trigger=99, target=100)
    wallet, low = scene.wallet(), dict.fromkeys((spread, long_id), 10.0)
    for price, hours in ((2000, 0), (1900, 1), (1850, 1), (1800, 1), (1995, 24), (1995, 24), (1995, 48), (1995, 48)):
        scene.system.wait(3600 * hours + 60, price)
        for vault_id in low:
            state = scene.system.state(vault_id)
            if state.maintenance_margin:
                low[vault_id] = min(low[vault_id], state.health / WAD)
            assert scene.due(vault_id).reason == "top-up/fully-collateralised"
            with boa.reverts("top-up/fully-collateralised"):
                scene.run(vault_id=vault_id)
    assert scene.wallet() == wallet
    assert all(health <= 1.1 for health in low.values()), low


# --- wallets that have too little ------------------------------------------------------------------------------------


def test_four_fifths_of_what_is_missing__moves_nothing_below_the_trigger_and_all_of_it_above(scene: Scene) -> None:
    scene.give(trigger=1.1, target=1.5, tip=0)
    scene.fall(1.0)
    state, wallet = scene.state, scene.wallet()
    to_trigger = -(-(state.maintenance_margin * 11 // 10 - state.equity) // 10**12)
    scene.allow(to_trigger * 8 // 10)
    with boa.reverts("top-up/not-enough"):
        scene.run()
    assert (scene.wallet(), scene.top_up.record(scene.vault_id).spent_in_all) == (wallet, 0)
    # four fifths of what is missing to the target leave the vault above the trigger: all of that is given
    part = scene.due_with(2**255).amount * 8 // 10
    scene.allow(part)
    assert scene.run() == part
    assert 1.1 <= scene.health < 1.5


def test_crash__that_drains_the_limit_of_a_day__takes_no_more_and_hides_nothing_from_the_flag(scene: Scene) -> None:
    scene.give(trigger=1.1, target=1.3, most_per_day=2_000, most_in_all=50_000)
    start = (scene.system.now // DAY + 1) * DAY
    boa.env.evm.patch.timestamp = start
    scene.system.push(spot(scene))
    wallet, runs = scene.wallet(), 0
    while scene.state.status & 32 == 0:
        scene.system.wait(60, spot(scene) * 0.995)
        if not scene.due().reason:
            scene.run()
            runs += 1
    assert runs > 1 and wallet - scene.wallet() <= scene.native(2_000)
    assert scene.due().reason == "top-up/not-enough"
    scene.flag()
    with boa.reverts("top-up/not-enough"):
        scene.run()
    # the next day begins with the rest of the mandate, which ends the flag
    boa.env.evm.patch.timestamp = start + DAY
    scene.system.push(spot(scene))
    assert scene.state.equity >= 0
    scene.run()
    assert scene.state.status & 1 == 0
    assert wallet - scene.wallet() <= scene.native(4_000)


def test_seller__who_uses_up_the_day__leaves_the_buyer_with_a_whole_one(new_scene) -> None:
    def sold(used_up: bool) -> tuple[int, str]:
        """The deposit that the buyer's mandate makes an hour after the sale, or why it makes none."""
        scene = new_scene(6)
        terms = Mandate(trigger=1.3, target=1.6, most_per_day=500, most_in_all=50_000)
        boa.env.evm.patch.timestamp = (scene.system.now // DAY + 1) * DAY
        scene.system.push(spot(scene))
        if used_up:
            scene.give(replace(terms, most_per_day=20_000, trigger=1.6, target=2.4))
            scene.fall(1.59)
            scene.run()
            assert scene.top_up.record(scene.vault_id).spent_that_day > scene.native(500)
        with boa.env.prank(scene.owner):
            scene.system.token_nft.transferFrom(scene.owner, scene.stranger, scene.vault_id)
        scene.owner = scene.stranger
        scene.fill_wallet(50_000)
        scene.allow(2**255)
        scene.give(terms)
        scene.fall(1.29)
        due = scene.due()
        return due.amount, due.reason

    assert sold(False)[1] == ""
    amount, reason = sold(True)
    # else the seller flags the vault before midnight and takes it
    assert (amount > 0, reason) == (True, "")


def test_day__of_one_owner__survives_a_new_mandate_and_one_taken_back(scene: Scene) -> None:
    terms = scene.give(trigger=1.5, target=3.0, most_per_day=500, most_in_all=5_000, tip=0)
    scene.fall(1.45)
    assert scene.run() == scene.native(500)
    with boa.env.prank(scene.owner):
        scene.top_up.end_mandate(scene.vault_id)
    scene.give(terms)
    assert scene.top_up.record(scene.vault_id).spent_that_day == scene.native(500)
    scene.fall(1.45)
    with boa.reverts("top-up/not-enough"):
        scene.run()


# --- flags -----------------------------------------------------------------------------------------------------------


def test_flag_and_top_up__in_one_transaction__gain_both_tips_and_leave_a_healthy_vault(scene: Scene) -> None:
    mandate = scene.give(tip=2)
    scene.fall(1.0)
    wallet = scene.wallet()
    with boa.env.anchor():
        alone = scene.run()
    flag = scene.system.liquidator.flag.prepare_calldata(scene.vault_id)
    run = scene.top_up.top_up.prepare_calldata(scene.vault_id)
    with boa.env.anchor():
        flag_tip = scene.wallet(at_once(scene, (scene.system.liquidator, flag)).address)
    attacker = at_once(scene, (scene.system.liquidator, flag), (scene.top_up, run))
    assert scene.wallet(attacker.address) == flag_tip + scene.native(2)
    state = scene.state
    assert state.status & 1 == 0 and state.health >= mandate.target * WAD
    # what the flag cost the owner: its tip and the refill of the deposit, at most half of it
    deposit = scene.system.words(scene.vault_id)[1] >> 184 & (2**40 - 1)
    assert wallet - scene.wallet() - alone - scene.native(2) <= deposit
    # again in the next transaction there is nothing to earn
    with boa.reverts():
        at_once(scene, (scene.system.liquidator, flag), (scene.top_up, run))


@pytest.mark.parametrize(("trigger", "target"), [(1.4, 1.45), (1.0, 1.05)])
def test_trigger_on_either_side_of_theta__ends_the_flag_and_reaches_the_target(
    scene: Scene, trigger: float, target: float
) -> None:
    """A flag ends at R_t, 1.15 of MM at first. A mandate below it gives what ends the flag, one above it its target."""
    scene.give(trigger=trigger, target=target, tip=0)
    scene.fall(1.0)
    if trigger > 1.15:
        with boa.env.anchor():
            # not flagged, and above theta: it is topped up all the same
            scene.system.deposit(scene.vault_id, 300, scene.owner)
            assert 1.15 < scene.health < trigger
            scene.run()
            assert scene.health >= target
    scene.flag()
    full = scene.due()
    state = scene.state
    to_theta = -(-(state.maintenance_margin * 115 // 100 - state.equity) // 10**12)
    if trigger > 1.15:
        # what would end the flag and leave the vault below the trigger is refused
        scene.allow(to_theta + (full.amount - to_theta) // 4)
        with boa.reverts("top-up/not-enough"):
            scene.run()
        scene.allow(MAX)
    assert scene.run() == full.amount
    assert scene.state.status & 1 == 0
    assert scene.health >= max(target, 1.15)
    with boa.reverts("top-up/above-trigger"):
        scene.run()


# --- keys ------------------------------------------------------------------------------------------------------------


def test_trade_only_key__with_a_trigger_of_1_6__draws_the_limits_into_the_vault_and_nothing_out(scene: Scene) -> None:
    """Fills down to initial margin (health 1.25) start the mandate, again and again, up to its limit."""
    system = scene.system
    maker = Account.from_key("0x" + "77" * 32)
    desk = system.open(maker.address, 10_000_000)
    scene.give(trigger=1.6, target=2.0, most_per_day=3_000, most_in_all=5_000, tip=0)
    with boa.env.prank(scene.owner):
        system.Operators.grant(scene.vault_id, scene.stranger, 1, system.now + 9 * DAY)  # type: ignore[attr-defined]
    wallet, assets = scene.wallet(), scene.system.balance(scene.vault_id)
    filled = 0
    for turn in range(6):
        for size in (8, 4, 2, 1):
            order = _bid(scene, maker, desk, size, turn * 10 + size)
            asked = orders.Asked(-(2**255), scene.vault_id, size * 10**6, max_deficit=MAX)
            try:
                system.exchange.fill(
                    asked.to_tuple(order, orders.sign(order, system.domain, maker.key)), sender=scene.stranger
                )
                filled += 1
            except boa.BoaError as refused:
                assert "margin/below-initial" in str(refused) or "limits/key-" in str(refused)
        if not scene.due().reason:
            scene.run()
    assert filled > 1
    spent = wallet - scene.wallet()
    assert 0 < spent <= scene.native(3_000)
    # all of it is in the vault, with what the puts brought, less 5 % of equity a day at most
    assert system.balance(scene.vault_id) >= assets + spent - scene.native(500)
    assert scene.wallet(scene.stranger) == 0
    for attempt in (
        lambda: system.clearinghouse.withdraw(scene.vault_id, 1, scene.stranger, sender=scene.stranger),
        lambda: scene.top_up.set_mandate(scene.vault_id, scene.words(scene.give()), NO_PERMIT, sender=scene.stranger),
    ):
        with boa.reverts():
            attempt()


def _bid(scene: Scene, maker: Any, desk: int, size: int, salt: int) -> Order:
    """The maker buys puts at mark."""
    series = Series(1, Kind.PUT, scene.expiry, 1900 * 10**8).pack()
    worth = scene.system.EsEngine.value(  # type: ignore[attr-defined]
        [put(1900, 1)], scene.system.oracle.snapshot(1, scene.expiry)
    )
    return Order(
        maker_vault=desk, signer=maker.address, legs=(OrderLeg(series, 1),), is_bid=True, price=int(worth),
        size=size * 10**6, expiry=scene.system.now + 60, max_deficit=MAX, salt=salt,
    )  # fmt: skip


# --- many ------------------------------------------------------------------------------------------------------------


def test_a_thousand_mandates_of_one_owner__give_in_all_what_the_wallet_has(scene: Scene) -> None:
    """Every one of them is due; the first calls win, the others fail with a reason, and no vault gets a part."""
    system = scene.system
    many = []
    for _ in range(1_000):
        with boa.env.prank(scene.owner):
            many.append(int(system.clearinghouse.open(1, 0, scene.owner, 0)))
    due = many[:6]
    for vault_id in due:
        system.deposit(vault_id, 700, scene.owner)
        system.novate(vault_id, scene.rich, [put(1900, 1)], scene.expiry)
    for vault_id in many:
        scene.give(vault_id=vault_id, trigger=20, target=20.05)
    asked = [scene.top_up.top_ups(many[start : start + 64]) for start in range(0, 1_000, 64)]
    told = [one.reason for part in asked for one in part]
    assert told == [""] * 6 + ["top-up/nothing-open"] * 994
    cost = scene.due(due[0]).amount + scene.due(due[0]).tip
    scene.allow(2 * cost + 10)
    wallet = scene.wallet()
    for vault_id in due[:2]:
        scene.run(vault_id=vault_id)
    for vault_id in due[2:]:
        before = system.balance(vault_id)
        with boa.reverts("top-up/not-enough"):
            scene.run(vault_id=vault_id)
        assert system.balance(vault_id) == before
    assert wallet - scene.wallet() <= 2 * cost + 10
