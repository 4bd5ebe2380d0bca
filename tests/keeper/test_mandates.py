"""Role `top_up`: owners' mandates run for their tips, before flags, on a real Anvil."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bulkhead.chain.lens import LIQUIDATABLE
from bulkhead.keeper.decide import decide
from bulkhead.keeper.mandates import DueTopUp, RunMandate
from bulkhead.keeper.plan import Flag
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.service import Keeper
from bulkhead.replay.price_paths.rounds import Round
from tests.keeper.states import state, vault
from tests.keeper.world import flagged, keep, settle

ROLES = Policy(roles=frozenset({"top_up", "flag"}))
UNSAFE = vault(1, equity=90, status=LIQUIDATABLE)


WALLET = ("0x" + "0a" * 20, "0x" + "0b" * 20)


def due(vault_id: int = 1, tip: int = 2 * 10**6, since: int = 7, purse: int = 10**12, payer=WALLET) -> DueTopUp:
    return DueTopUp(vault_id, 1, 50 * 10**6, tip, since, payer, purse)


def test_decide__mandate_that_mends_an_unsafe_vault__comes_before_its_flag_and_holds_it_one_block():
    now = state(UNSAFE, top_ups=(due(),))
    assert [type(a) for a in decide(now, ROLES)] == [RunMandate]
    later = state(UNSAFE, top_ups=(due(since=6),))
    assert [type(a) for a in decide(later, ROLES)] == [RunMandate, Flag]
    # no tip worth it, or not this keeper's role: the flag waits for nothing
    assert [type(a) for a in decide(state(UNSAFE, top_ups=(due(tip=1),)), ROLES)] == [Flag]
    alone = replace(ROLES, roles=frozenset({"flag"}))
    assert [type(a) for a in decide(now, alone)] == [Flag]


def test_decide__the_best_tip_comes_first():
    found = decide(state(top_ups=(due(1), due(2, 9 * 10**6))), ROLES)
    assert [action.vault_id for action in found] == [2, 1]


def test_decide__a_thousand_mandates_on_one_wallet__no_more_are_run_than_it_pays_for_and_the_rest_is_flagged():
    unsafe = [vault(i, equity=90, status=LIQUIDATABLE) for i in range(1, 1_001)]
    purse = 3 * (50 + 2) * 10**6 + 51 * 10**6
    found = decide(state(*unsafe, top_ups=tuple(due(i, purse=purse) for i in range(1, 1_001))), ROLES)
    run = [action.vault_id for action in found if isinstance(action, RunMandate)]
    assert len(run) == 3
    # nobody hides behind a wallet that is spoken for
    assert {action.vault_id for action in found if isinstance(action, Flag)} == set(range(1, 1_001)) - set(run)


def test_decide__wallets_and_tokens__are_counted_apart():
    other, coin = ("0x" + "0c" * 20, WALLET[1]), (WALLET[0], "0x" + "0d" * 20)
    dues = [due(i, purse=60 * 10**6, payer=payer) for i, payer in enumerate((WALLET, WALLET, other, coin), 1)]
    assert [action.vault_id for action in decide(state(top_ups=tuple(dues)), ROLES)] == [1, 3, 4]


def fall(scene, price: float) -> None:
    scene.local.push(Round(scene.local.now() + 60, round(price * 10**8)))


def mandated(scene) -> int:
    """The short put's owner gives a mandate."""
    for person in scene.local.people.values():
        person.signer.forget_nonce()
    found = next(v for v in scene.vaults.values() if v.title == "short put")
    owner = scene.local.people["Ada"]
    owner.mandates.give(found.vault_id, most_per_day=20_000, most_in_all=60_000, tip=3)
    return int(found.vault_id)


def test_keeper__mandate_and_a_falling_price__tops_up_earns_the_tip_and_flags_nothing(scene):
    vault_id = mandated(scene)
    token, me = scene.local.market.token, scene.local.people["keeper"].address

    async def play(keeper: Keeper) -> None:
        await settle(keeper)
        before = token.call("balanceOf", me)
        for price in (190, 182, 178, 172, 168):
            fall(scene, price)
            await settle(keeper)
        assert vault_id not in flagged(scene)
        assert token.call("balanceOf", me) - before >= 3 * scene.local.unit

    _, said = keep(scene, play, policy=ROLES)
    mined = [line for line in said if line["event"] == "mined"]
    assert [line["call"] for line in mined if line["call"] == "AutoTopUp.top_up"]
    assert not [line for line in said if line["event"] in ("bug", "reverted")]


def test_keeper__mandate_whose_wallet_is_empty__the_vault_is_flagged(scene):
    vault_id = mandated(scene)
    owner, token = scene.local.people["Ada"], scene.local.market.token
    owner.signer.execute(
        token, "transfer", scene.local.people["keeper"].address, token.call("balanceOf", owner.address)
    )

    async def play(keeper: Keeper) -> None:
        await settle(keeper)
        for price in (190, 178, 168):
            fall(scene, price)
            await settle(keeper)
        assert vault_id in flagged(scene)

    keep(scene, play, policy=ROLES)


def test_keeper__that_starts_late__knows_mandates_and_their_ends_from_the_logs(scene):
    vault_id = mandated(scene)

    async def play(keeper: Keeper) -> None:
        await settle(keeper)
        assert set(keeper.observer.discovery.notes.mandates) == {vault_id}
        scene.local.people["Ada"].mandates.end(vault_id)
        await settle(keeper)
        assert keeper.observer.discovery.notes.mandates == {}

    keep(scene, play, policy=ROLES)


def test_keeper__two_mandates_due_on_a_wallet_for_one__runs_one_and_pays_for_no_failure(scene):
    for person in scene.local.people.values():
        person.signer.forget_nonce()
    first = next(v.vault_id for v in scene.vaults.values() if v.title == "short put")
    owner, token = scene.local.people["Ada"], scene.local.market.token
    owner.vaults.deposit(first, 600)
    (leg,) = owner.vaults.get(first).legs
    strike = f"put:{Decimal(leg.strike).scaleb(-8):f}"
    ids = [first, owner.vaults.split(first, [(strike, Decimal(leg.quantity).scaleb(-6) / 2)], cash=400)]
    for vault_id in ids:
        owner.mandates.give(vault_id, most_per_day=10_000, most_in_all=50_000, trigger=5, target="5.05", tip=3)
    dearest = max(one.amount + one.tip for one in owner.mandates.due(ids))
    keep_only = int((dearest + 2) * scene.local.unit)
    held = token.call("balanceOf", owner.address)
    owner.signer.execute(token, "transfer", scene.local.people["keeper"].address, held - keep_only)
    assert [one.reason for one in owner.mandates.due(ids)] == ["", ""]

    async def play(keeper: Keeper) -> None:
        await settle(keeper)

    _, said = keep(scene, play, policy=ROLES)
    mined = [line for line in said if line["event"] == "mined" and line["call"] == "AutoTopUp.top_up"]
    assert len(mined) == 1
    assert not [line for line in said if line["event"] in ("bug", "reverted", "action-failed")]
