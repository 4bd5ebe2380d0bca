"""What no `VaultUpdated` tells: each of these was once missing from the index of a walk (tests/stateful/folded.py)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import boa
import pytest
from sqlalchemy import RowMapping, select

from bulkhead.history import tables
from bulkhead.risk.words import WAD
from tests.evm import Env
from tests.matrix.scene import EXPIRY, MARKET, MAX, OLDER, WINDOW, Scene
from tests.stateful.folded import Folded
from tests.worlds.system import put

#: The legs of the scene moved without a trade and before the index followed: as if their prices had been known.
PRICED = {"unknown": ""}
LIMITS = (-(2**255), 0, 0, 0, 0)


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Scene, Folded]]:
    with boa.swap_env(Env(keeps_logs=True)):
        scene = Scene()
        pools = {name: scene.contracts[name].address for name in ("BackstopPool", "MakerVault")}
        folded = Folded(scene.system, pools)
        assert folded.begin() == []
        yield scene, folded
        folded.close()


@pytest.fixture
def scene(world: tuple[Scene, Folded]) -> Iterator[Scene]:
    spot, vaults = world[0].spot, dict(world[0].vaults)
    with boa.env.anchor():
        yield world[0]
    world[0].spot, world[0].vaults = spot, vaults


@pytest.fixture
def folded(world: tuple[Scene, Folded]) -> Folded:
    return world[1]


def row(folded: Folded, vault_id: int) -> RowMapping:
    """A vault in the index as the chain is now, after the two were found to be alike."""
    assert folded.differences() == []
    table = tables.vaults
    return folded.read(select(table).where(table.c.vault_id == vault_id))[0]


def fall(scene: Scene, factor: float) -> None:
    scene.push(scene.spot * factor)
    scene.observe()


def test_fold__vault_handed_over__has_the_new_owner_and_epoch_in_its_word(scene: Scene, folded: Folded):
    vault, heir = scene.vaults["margined"], scene.people["heir"]
    before = row(folded, vault)
    scene.contracts["VaultToken"].transferFrom(before["owner"], heir, vault, sender=before["owner"])
    after = row(folded, vault)
    assert (after["owner"], after["epoch"]) == (heir, before["epoch"] + 1) and after["word"] != before["word"]


def test_fold__vault_handed_over_before_its_first_trade__has_a_word_too(scene: Scene, folded: Folded):
    scene.open("new", "owner", 10)
    vault, owner, heir = scene.vaults["new"], scene.people["owner"], scene.people["heir"]
    assert row(folded, vault)["epoch"] == 0
    scene.contracts["VaultToken"].transferFrom(owner, heir, vault, sender=owner)
    assert (row(folded, vault)["owner"], row(folded, vault)["epoch"]) == (heir, 1)


def test_fold__deficit_recorded_between_two_trades__counts_in_its_cell(scene: Scene, folded: Folded):
    vault = scene.vaults["weak"]
    scene.lean("weak", "owner")
    fall(scene, 0.6)
    scene.contracts["Liquidator"].flag(vault, sender=scene.people["keeper"])
    found = row(folded, vault)
    cell = scene.system.clearinghouse.cell(MARKET, EXPIRY)
    # no trade has told of the cell since
    newest = folded.read(select(tables.cells).order_by(tables.cells.c.block.desc(), tables.cells.c.log_index.desc()))[0]
    assert found["deficit"] == cell >> 112 > 0 == newest["deficit"]


@pytest.mark.parametrize("kept_bps", [0, 100])
def test_fold__take_that_insurance_pays_for__counts_what_came_after_the_update(
    scene: Scene, folded: Folded, kept_bps: int
):
    vault, into, liquidator = scene.vaults["weak"], scene.vaults["into"], scene.contracts["Liquidator"]
    scene.lean("weak", "owner")
    fall(scene, 0.6)
    liquidator.flag(vault, sender=scene.people["keeper"])
    # insurance helps at the end of an auction only
    scene.pass_time(1_200, 300)
    before = row(folded, into)
    # a token that keeps a part of what is sent: less comes than insurance drew
    scene.system.market.token.misbehave(False, kept_bps)
    liquidator.take(vault, WAD, into, LIMITS, MAX, b"", sender=scene.people["taker"])
    after = row(folded, into)
    (taken,) = folded.read(select(tables.takes))
    assert taken["top_up"] > 0
    tip = (before["tips"] - after["tips"]) // 10**12
    # `row` has held the balance against the chain
    sent = taken["cash"] + taken["top_up"] + tip
    assert (after["balance"] - before["balance"] < sent) is (kept_bps > 0)
    assert kept_bps or after["balance"] - before["balance"] == sent


def test_fold__claim_paid_in_parts__keeps_what_is_left_of_it_and_of_the_debt(scene: Scene, folded: Folded):
    winner, debtor, settlement = scene.vaults["winner"], scene.vaults["debtor"], scene.contracts["Settlement"]
    claim, debt = settlement.claim_of(winner).amount, settlement.debt_of(debtor)
    before = row(folded, winner)
    assert before["claim_left"] == claim > 0 and row(folded, debtor)["debt_left"] == debt > 0
    first = settlement.claim(winner)
    part = row(folded, winner)
    assert 0 < first < claim and part["claim_left"] == claim - first
    assert part["balance"] == before["balance"] + first
    settlement.repay(debtor)
    assert row(folded, debtor)["debt_left"] == 0
    settlement.insure(MARKET, OLDER)
    second = settlement.claim(winner)
    whole = row(folded, winner)
    assert whole["balance"] == before["balance"] + first + second
    assert whole["claim_left"] == settlement.claim_of(winner).amount - settlement.claim_of(winner).paid


def test_service__claim_after_one_that_was_paid__counts_the_new_one(scene: Scene, folded: Folded):
    vault, settlement = scene.vaults["past winner"], scene.contracts["Settlement"]
    paid = folded.read(select(tables.claims).where(tables.claims.c.vault_id == vault))
    assert [one["final"] for one in paid] == [True] and row(folded, vault)["claim_left"] == 0
    scene.trade("margined", "past winner", [put(2100, 1)], EXPIRY, 90)
    scene.until(EXPIRY - WINDOW - 10)
    scene.until(EXPIRY, 600)
    scene.system.wait(301, scene.spot)
    settlement.fix(MARKET, EXPIRY, [])
    # nobody who owes has settled: its claim waits
    settlement.settle_many([vault])
    claim = settlement.claim_of(vault)
    left = claim.amount - claim.paid
    assert row(folded, vault)["claim_left"] == left > 0
    shown = folded.shown(vault, **PRICED)
    assert shown.state == "claim" and shown.worth is not None
    assert shown.worth == shown.balance + Decimal(left).scaleb(-6)
    assert shown.profit == shown.worth + shown.taken_out - shown.paid_in


def test_service__debt__is_taken_off_what_a_vault_is_worth(scene: Scene, folded: Folded):
    vault, settlement = scene.vaults["debtor"], scene.contracts["Settlement"]
    debt = settlement.debt_of(vault)
    assert row(folded, vault)["debt_left"] == debt > 0
    before = folded.shown(vault, **PRICED)
    assert before.state == "debt" and before.worth == before.balance - Decimal(debt).scaleb(-6)
    assert before.profit == before.worth + before.taken_out - before.paid_in
    settlement.repay(vault)
    assert row(folded, vault)["debt_left"] == 0
    after = folded.shown(vault, **PRICED)
    # what was paid was not the vault's own before either
    assert (after.worth, after.profit) == (before.worth, before.profit) and after.balance < before.balance


def test_fold__blocks_undone_by_the_chain__are_undone_in_the_index(scene: Scene, folded: Folded):
    vault = scene.vaults["idle"]
    before = row(folded, vault)
    with boa.env.anchor():
        for _ in range(3):
            scene.system.deposit(vault, 1, scene.people["trader"])
            scene.system.wait(12)
        assert row(folded, vault)["balance"] == before["balance"] + 3 * 10**6
    scene.system.deposit(vault, 7, scene.people["trader"])
    assert row(folded, vault)["balance"] == before["balance"] + 7 * 10**6


def test_profit__top_up_that_ends_a_flag__counts_what_left_the_wallet_and_not_the_tip_it_brings_back(
    scene: Scene, folded: Folded
):
    vault, keeper = scene.vaults["frail"], scene.people["keeper"]
    scene.lean("frail", "owner")
    fall(scene, 0.968)
    scene.contracts["Liquidator"].flag(vault, sender=keeper)
    before = row(folded, vault)
    added = scene.contracts["AutoTopUp"].top_up(vault, sender=keeper)
    after = row(folded, vault)
    assert before["flagged"] and not after["flagged"]
    transfers = folded.read(select(tables.transfers).where(tables.transfers.c.vault_id == vault))
    back = [one["amount"] for one in transfers if one["kind"] == "tip"][-1]
    # the tip for the end of the flag went to the top-up and came back as a second deposit
    assert [one["amount"] for one in transfers if one["kind"] == "deposit"][-2:] == [added, back]
    assert after["paid_in"] - before["paid_in"] == added * 10**12 and after["tips"] == before["tips"]
    assert after["balance"] == before["balance"] + added


@pytest.mark.parametrize("remembered", [True, False])
def test_profit__withdrawn_straight_into_another_own_vault__is_a_deposit_there(
    scene: Scene, folded: Folded, remembered: bool
):
    giver, taker, house = scene.vaults["idle"], scene.vaults["second"], scene.system.clearinghouse
    before = [row(folded, one) for one in (giver, taker)]
    if not remembered:
        folded.follower._accounts.clear()
    house.withdraw(giver, 40 * 10**6, house.custody(taker), sender=scene.people["trader"])
    # `row` has held the balances against the chain: nothing is there that nobody gave
    after = [row(folded, one) for one in (giver, taker)]
    assert [b["balance"] - a["balance"] for a, b in zip(before, after, strict=True)] == [-40 * 10**6, 40 * 10**6]
    assert [b["taken_out"] - a["taken_out"] for a, b in zip(before, after, strict=True)] == [40 * WAD, 0]
    assert [b["paid_in"] - a["paid_in"] for a, b in zip(before, after, strict=True)] == [0, 40 * WAD]


def test_profit__withdrawn_into_itself__is_nothing_made(scene: Scene, folded: Folded):
    vault, house = scene.vaults["idle"], scene.system.clearinghouse
    before = row(folded, vault)
    house.withdraw(vault, 40 * 10**6, house.custody(vault), sender=scene.people["trader"])
    after = row(folded, vault)
    assert after["balance"] == before["balance"]
    assert after["paid_in"] - before["paid_in"] == after["taken_out"] - before["taken_out"] == 40 * WAD
