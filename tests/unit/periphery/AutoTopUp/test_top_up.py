"""AutoTopUp: a mandate moves what it says, to whom it says, when it says, and nothing else (INV-14)."""

from __future__ import annotations

import boa
import pytest

from tests.contracts import deployer
from tests.unit.periphery.AutoTopUp.scene import DAY, Mandate, Scene
from tests.worlds.system import NO_PERMIT, WAD, call, put


def test_top_up__reaches_the_target_and_pays_the_tip(scene: Scene):
    scene.give()
    scene.fall(1.1)
    wallet, vault, said = scene.wallet(), scene.system.balance(scene.vault_id), scene.due()
    amount = scene.run()
    assert (said.amount, said.tip, said.reason) == (amount, scene.native(2), "")
    assert scene.system.balance(scene.vault_id) == vault + amount
    assert scene.wallet() == wallet - amount - scene.native(2)
    assert scene.wallet(scene.keeper) == scene.native(2)
    assert 1.3 <= scene.health < 1.3001
    assert scene.wallet(scene.top_up.address) == 0


@pytest.mark.parametrize("decimals", [6, 8, 18])
def test_top_up__rounds_up_by_less_than_one_native_unit(new_scene, decimals):
    scene = new_scene(decimals)
    scene.give(tip=0)
    scene.fall(1.1)
    scene.run()
    state = scene.state
    over = state.equity * WAD - state.maintenance_margin * 13 * 10**17
    assert 0 <= over <= WAD * 10 ** (18 - decimals) + WAD


def test_top_up__waits_for_the_trigger(scene: Scene):
    scene.give()
    assert scene.due().reason == "top-up/above-trigger"
    with boa.reverts("top-up/above-trigger"):
        scene.run()


@pytest.mark.parametrize("trigger", [1.0, 1.1, 1.6])
def test_top_up__trigger_is_exact(scene: Scene, trigger):
    scene.give(trigger=trigger, target=2.0)
    state = scene.state
    # collateral that leaves the health at the trigger, and one unit less than that
    exact = -(-state.maintenance_margin * round(trigger * 10) // 10) - state.equity
    at = scene.system.balance(scene.vault_id) + -(-exact // 10**12)
    token = scene.system.market.token
    custody = scene.system.clearinghouse.custody(scene.vault_id)
    with boa.env.anchor():
        _set_balance(scene, token, custody, at)
        assert scene.due().reason == "top-up/above-trigger"
    _set_balance(scene, token, custody, at - 1)
    assert scene.due().reason == ""
    scene.run()
    assert scene.health >= 2


def _set_balance(scene: Scene, token, holder: str, amount: int) -> None:
    held = token.balanceOf(holder)
    if amount > held:
        token.mint(holder, amount - held)
    elif amount < held:
        with boa.env.prank(scene.system.at["Clearinghouse"]):
            deployer("Vault").at(holder).pay(token.address, ["0x" + "11" * 20, "0x" + "22" * 20], [held - amount, 0])


def test_top_up__by_nobody_else_for_nobody_else(scene: Scene):
    with boa.env.prank(scene.stranger), boa.reverts("top-up/not-owner"):
        scene.top_up.set_mandate(scene.vault_id, scene.words(Mandate()), NO_PERMIT)
    with boa.env.prank(scene.owner), boa.reverts("top-up/not-owner"):
        scene.top_up.set_mandate(999, scene.words(Mandate()), NO_PERMIT)
    scene.give()
    with boa.env.prank(scene.stranger), boa.reverts("top-up/not-owner"):
        scene.top_up.end_mandate(scene.vault_id)


def test_mandate__no_operator_sets_it(scene: Scene):
    with boa.env.prank(scene.owner):
        scene.system.Operators.grant(scene.vault_id, scene.stranger, 7, scene.system.now + DAY)
    with boa.env.prank(scene.stranger), boa.reverts("top-up/not-owner"):
        scene.top_up.set_mandate(scene.vault_id, scene.words(Mandate()), NO_PERMIT)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trigger": 0.999999}, "top-up/trigger-below-one"),
        ({"trigger": 1.2, "target": 1.249999}, "top-up/target-too-low"),
        ({"trigger": 1.2, "target": 1.1}, "top-up/target-too-low"),
        ({"trigger": 2**80, "target": 1.1}, "top-up/target-too-low"),
        ({"target": 100.000001}, "top-up/target-too-high"),
        ({"most_per_day": 0}, "top-up/limit-zero"),
        ({"most_in_all": 0}, "top-up/limit-zero"),
        ({"lasts": 0}, "top-up/mandate-expired"),
        ({"lasts": -1}, "top-up/mandate-expired"),
    ],
)
def test_mandate__is_refused(scene: Scene, fields, reason):
    with boa.env.prank(scene.owner), boa.reverts(reason):
        scene.top_up.set_mandate(scene.vault_id, scene.words(Mandate(**fields)), NO_PERMIT)
    assert int(scene.top_up.record(scene.vault_id).owner, 16) == 0


@pytest.mark.parametrize("fields", [{"trigger": 1.0, "target": 1.05}, {"target": 100.0}, {"lasts": 1}])
def test_mandate__bounds_themselves_pass(scene: Scene, fields):
    scene.give(**fields)
    assert scene.top_up.record(scene.vault_id).owner == scene.owner


def test_mandate__ends_with_its_time(scene: Scene):
    scene.give(lasts=3600)
    scene.fall(1.1)
    boa.env.evm.patch.timestamp = scene.top_up.record(scene.vault_id).mandate.expires_at - 1
    scene.system.push(scene.system.market.feed.latestRoundData()[1] / 10**8)
    assert scene.due().reason == ""
    boa.env.evm.patch.timestamp += 1
    with boa.reverts("top-up/mandate-expired"):
        scene.run()


def test_mandate__taken_back_by_who_gave_it(scene: Scene):
    scene.give()
    scene.fall(1.1)
    with boa.env.prank(scene.owner):
        scene.top_up.end_mandate(scene.vault_id)
    with boa.reverts("top-up/no-mandate"):
        scene.run()
    with boa.env.prank(scene.owner), boa.reverts("top-up/not-owner"):
        scene.top_up.end_mandate(scene.vault_id)


def test_mandate__does_not_follow_a_sold_vault(scene: Scene):
    scene.give()
    with boa.env.prank(scene.owner):
        scene.system.token_nft.transferFrom(scene.owner, scene.stranger, scene.vault_id)
    scene.fall(1.1)
    wallet = scene.wallet()
    with boa.reverts("top-up/no-mandate"):
        scene.run()
    # nor does it come back with the vault: its epoch is another one
    with boa.env.prank(scene.stranger):
        scene.system.token_nft.transferFrom(scene.stranger, scene.owner, scene.vault_id)
    with boa.reverts("top-up/no-mandate"):
        scene.run()
    assert scene.wallet() == wallet
    # who gave it can still take it back
    with boa.env.prank(scene.owner):
        scene.top_up.end_mandate(scene.vault_id)


def test_limits__of_a_day_include_tips_and_end_with_the_day(scene: Scene):
    scene.give(most_per_day=1_000, target=3.0, trigger=1.5, tip=50)
    scene.fall(1.49)
    wallet = scene.wallet()
    amount = scene.run()
    record = scene.top_up.record(scene.vault_id)
    assert wallet - scene.wallet() == scene.native(1_000) == record.spent_that_day == record.spent_in_all
    assert amount == scene.native(950)
    scene.fall(1.49)
    with boa.reverts("top-up/not-enough"):
        scene.run()
    boa.env.evm.patch.timestamp = (scene.system.now // DAY + 1) * DAY
    scene.system.push(scene.system.market.feed.latestRoundData()[1] / 10**8)
    scene.fall(1.49)
    scene.run()
    assert wallet - scene.wallet() <= 2 * scene.native(1_000)


def test_limits__in_all_count_anew_with_a_new_mandate(scene: Scene):
    scene.give(most_in_all=500, most_per_day=800, target=3.0, trigger=1.5, tip=0)
    scene.fall(1.45)
    assert scene.run() == scene.native(500)
    scene.fall(1.45)
    with boa.reverts("top-up/not-enough"):
        scene.run()
    scene.give(most_in_all=500, most_per_day=800, target=3.0, trigger=1.5, tip=0)
    # what went today stays counted
    assert scene.run() == scene.native(300)
    assert scene.top_up.record(scene.vault_id).spent_that_day == scene.native(800)


@pytest.mark.parametrize("source", ["balance", "allowance", "most_per_day", "most_in_all"])
@pytest.mark.parametrize("tip", [0, 7, 400])
def test_limits__never_exceeded_by_deposit_and_tip(scene: Scene, source, tip):
    limits = {source: 700} if source.startswith("most") else {}
    scene.give(trigger=1.5, target=5.0, tip=tip, **limits)
    scene.fall(1.4)
    if source == "balance":
        with boa.env.prank(scene.owner):
            scene.system.market.token.transfer(scene.stranger, scene.wallet() - scene.native(700))
    if source == "allowance":
        scene.allow(scene.native(700))
    wallet = scene.wallet()
    amount = scene.run()
    spent = wallet - scene.wallet()
    paid = scene.wallet(scene.keeper)
    assert scene.native(700) - 1 <= spent <= scene.native(700)
    assert paid == spent - amount == min(scene.native(tip), amount // 10)


def test_part__is_refused_when_it_leaves_the_vault_below_the_trigger(scene: Scene):
    scene.give(tip=0)
    scene.fall(1.0)
    state = scene.state
    missing = (state.maintenance_margin * 11 // 10 - state.equity) // 10**12
    scene.allow(missing)
    wallet = scene.wallet()
    with boa.reverts("top-up/not-enough"):
        scene.run()
    assert scene.wallet() == wallet
    scene.allow(missing + 1)
    assert scene.run() == missing + 1
    assert scene.health >= 1.1


def test_vault__that_cannot_be_liquidated_gets_nothing(scene: Scene):
    scene.give()
    scene.system.deposit(scene.vault_id, 13_100, scene.owner)
    scene.system.wait(60, 700)
    assert scene.due().reason == "top-up/fully-collateralised"
    # bought and paid for: no margin, whatever the trigger
    long_id = scene.system.open(scene.owner, 100)
    scene.system.novate(scene.rich, long_id, [call(2000, 1)], scene.expiry, 1)
    scene.give(vault_id=long_id, trigger=99, target=100)
    assert scene.due(long_id).reason == "top-up/fully-collateralised"


def test_deposit__stops_where_the_vault_is_fully_collateralised(scene: Scene):
    # a spread that can lose 1,000 and not more
    vault_id = scene.system.open(scene.owner, 900)
    scene.system.novate(vault_id, scene.rich, [put(1900, 10), put(1800, -10)], scene.expiry)
    scene.give(vault_id=vault_id, trigger=90, target=100)
    scene.run(vault_id=vault_id)
    assert scene.due(vault_id).reason == "top-up/fully-collateralised"
    state = scene.system.state(vault_id)
    assert 0 <= state.collateral + state.v_min < 10**12


def test_flag__is_ended_and_what_the_deposit_pays_goes_into_the_vault(scene: Scene):
    scene.give()
    scene.fall(1.0)
    scene.flag()
    wallet, keeper = scene.wallet(), scene.wallet(scene.keeper)
    amount = scene.run()
    state = scene.state
    assert state.status & 1 == 0
    assert state.health >= 1.3 * WAD
    assert scene.wallet() == wallet - amount - scene.native(2)
    assert scene.wallet(scene.keeper) == keeper + scene.native(2)
    assert scene.wallet(scene.top_up.address) == 0
    # the deposit is full again
    assert scene.system.words(scene.vault_id)[1] >> 224 & 1 == 0


def test_price__must_be_active(scene: Scene):
    scene.give(trigger=2.0, target=3.0)
    scene.fall(1.5)
    scene.system.wait(4000)
    assert scene.due().reason == "top-up/price-not-active"
    with boa.reverts("top-up/price-not-active"):
        scene.run()


@pytest.mark.parametrize(("apart", "passes"), [(1.0, True), (1.04, True), (1.08, False), (1.6, False)])
def test_price__feeds_that_part(new_scene, apart, passes):
    """Apart for an hour: not active. For longer the primary counts, if they are at most a tenth of spot apart."""
    scene = new_scene(6, second_feed=True)
    scene.give(trigger=90, target=91, most_per_day=10**6, most_in_all=10**6)
    scene.fill_wallet(10**6)
    scene.push_both(1700, 1700 * apart)
    assert (scene.due().reason == "") == passes
    for _ in range(8):
        scene.system.wait(600)
        scene.push_both(1700, 1700 * apart)
    assert (scene.due().reason == "") == (apart < 1.1)
    if apart >= 1.1:
        with boa.reverts("top-up/price-not-active"):
            scene.run()


def test_expiry__ends_it(scene: Scene):
    scene.give(trigger=2.0, target=3.0)
    boa.env.evm.patch.timestamp = scene.expiry
    scene.system.push(1900)
    with boa.reverts("top-up/nothing-open"):
        scene.run()
    empty = scene.system.open(scene.owner, 10)
    scene.give(vault_id=empty)
    assert scene.due(empty).reason == "top-up/nothing-open"


def test_many_small_steps__cost_no_more_than_the_fall(scene: Scene):
    """Rounds that fall by 5 bp each, somebody calling after each one: deposits add up to what the fall cost."""
    scene.give(tip=1, trigger=1.2, target=1.25, most_per_day=50_000, most_in_all=50_000)
    scene.fall(1.21)
    spot = scene.system.market.feed.latestRoundData()[1] / 10**8
    wallet, calls = scene.wallet(), 0
    for _ in range(100):
        spot *= 0.9995
        scene.system.wait(12, spot)
        if not scene.due().reason:
            scene.run()
            calls += 1
    tips = scene.wallet(scene.keeper)
    state = scene.state
    assert tips <= (wallet - scene.wallet()) // 11 + 1
    assert 0 < calls < 60
    assert state.health < 1.25 * WAD + WAD // 10**4


def test_two_mandates__on_one_allowance_share_it(scene: Scene):
    second = scene.system.open(scene.owner, 6_000)
    scene.system.novate(second, scene.rich, [call(2100, 10)], scene.expiry)
    scene.give(tip=0)
    scene.give(vault_id=second, trigger=90, target=91, tip=0)
    scene.fall(1.1)
    needed = scene.due().amount
    scene.allow(needed)
    assert scene.run() == needed
    with boa.reverts("top-up/not-enough"):
        scene.run(vault_id=second)


def test_withdrawing_key__costs_at_most_the_limits(scene: Scene):
    scene.give(trigger=1.6, target=2.0, most_per_day=3_000, most_in_all=5_000, tip=0)
    with boa.env.prank(scene.owner):
        scene.system.Operators.grant(scene.vault_id, scene.stranger, 7, scene.system.now + 9 * DAY)
    wallet = scene.wallet()
    for _ in range(5):
        for share in (1000, 300, 100, 30, 10, 3, 1):
            with boa.env.prank(scene.stranger):
                try:
                    scene.system.clearinghouse.withdraw(scene.vault_id, scene.native(share), scene.stranger)
                except boa.BoaError as refused:
                    assert "margin/below-initial" in str(refused)
        if not scene.due().reason:
            scene.run()
    assert 0 < wallet - scene.wallet() <= scene.native(3_000)


def test_frozen_wallet__nothing_is_spent(new_scene):
    scene = new_scene(6, hostile=True)
    scene.give()
    scene.fall(1.1)
    token = scene.system.market.token
    token.freeze(scene.owner, True)
    with boa.reverts("token/frozen"):
        scene.run()
    token.misbehave(True, 0)
    with boa.reverts("top-up/transfer-refused"):
        scene.run()
    assert scene.top_up.record(scene.vault_id).spent_in_all == 0
    token.freeze(scene.owner, False)
    assert scene.run() > 0


def test_lying_token__is_noticed(new_scene):
    scene = new_scene(6, hostile=True)
    scene.give()
    scene.fall(1.1)
    scene.system.market.token.misbehave(False, 100)
    with boa.reverts("top-up/token-lies"):
        scene.run()


def test_strict_token__two_top_ups(new_scene):
    scene = new_scene(6, hostile=True)
    scene.system.market.token.be_strict(True)
    scene.give()
    for _ in range(2):
        scene.fall(1.1)
        scene.run()
    assert scene.health >= 1.3


def test_token_hook__cannot_come_in_again(new_scene):
    scene = new_scene(6, hostile=True)
    scene.give(trigger=1.5, target=1.6)
    scene.fall(1.4)
    token = scene.system.market.token
    token.arm(scene.top_up.address, scene.top_up.top_up.prepare_calldata(scene.vault_id))
    amount = scene.run()
    assert token.hook_calls() == 1
    assert not token.hook_passed()
    assert scene.top_up.record(scene.vault_id).spent_in_all == amount + scene.native(2)


def test_top_ups__tells_many_and_never_reverts(scene: Scene):
    scene.give()
    scene.fall(1.1)
    asked = [scene.vault_id, 0, 999, scene.rich, 2**200]
    answers = scene.top_up.top_ups(asked)
    assert [a.reason for a in answers] == ["", *["top-up/no-mandate"] * 4]
    assert answers[0].amount == scene.due().amount
    assert len(scene.top_up.top_ups([scene.vault_id] * 64)) == 64


def test_top_ups__a_token_that_reverts_stops_no_other_answer(new_scene):
    scene = new_scene(6, hostile=True)
    scene.give()
    scene.fall(1.1)
    held = boa.env.get_code(scene.system.market.token.address)
    boa.env.set_code(scene.system.market.token.address, bytes.fromhex("5f5ffd"))
    answers = scene.top_up.top_ups([scene.vault_id, 999])
    assert [a.reason for a in answers] == ["top-up/unknown", "top-up/no-mandate"]
    boa.env.set_code(scene.system.market.token.address, held)
    assert scene.top_up.top_ups([scene.vault_id])[0].reason == ""


def test_top_ups__least_gas_tells_the_truth(scene: Scene):
    """Whatever gas a caller brings, an answer is the true one or none (docs/liquidation.md)."""
    scene.give()
    scene.fall(1.1)
    true = scene.due().amount
    told = named = 0
    for gas in range(40_000, 900_000, 20_000):
        try:
            answers = scene.top_up.top_ups([scene.vault_id] * 2, gas=gas)
        except boa.BoaError as refused:
            named += "top-up/out-of-gas" in str(refused)
            continue
        assert [a.amount for a in answers] == [true, true]
        told += 1
    assert told > 0 and named > 0


def test_events__carry_the_whole_mandate(scene: Scene):
    mandate = scene.words(scene.give())
    log = _last(scene, "MandateSet")
    assert (log.trigger, log.target, log.most_per_day, log.most_in_all, log.tip, log.expires_at) == mandate
    scene.fall(1.1)
    amount = scene.run()
    log = _last(scene, "ToppedUp")
    assert (log.vault_id, log.owner, log.caller) == (scene.vault_id, scene.owner, scene.keeper)
    spent = amount + scene.native(2)
    assert (log.amount, log.tip, log.spent_that_day, log.spent_in_all) == (amount, scene.native(2), spent, spent)
    with boa.env.prank(scene.owner):
        scene.top_up.end_mandate(scene.vault_id)
    assert _last(scene, "MandateEnded").owner == scene.owner


def _last(scene: Scene, name: str):
    return [log for log in scene.top_up.get_logs() if type(log).__name__ == name][-1]
