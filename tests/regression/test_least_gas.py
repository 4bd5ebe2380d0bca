"""Whatever gas a batch or a payment passes with, it does every item (docs/liquidation.md)."""

from __future__ import annotations

from functools import partial

import boa
import pytest

from bulkhead.risk.auction import WAD
from tests.contracts import deployer
from tests.matrix import columns, rows_vaults
from tests.matrix.fixtures import made, scene
from tests.matrix.run import bisected
from tests.matrix.scene import EXPIRY, MARKET, MAX, OLDER
from tests.worlds.system import EMPTY, put

__all__ = ["made", "scene"]

LIMITS = (-(2**255), 0, 0, 0, 0)


def thin(scene, *names):
    """Vaults that have lost what a jump of the price would have cost them."""
    for name in names:
        scene.open(name, "owner", 2_000)
        scene.trade(name, "rich", [put(2000, 1)], EXPIRY, 60)
        with boa.env.prank(scene.system.clearinghouse.address):
            held = deployer("Vault").at(scene.custody(name))
            held.pay(scene.token.address, [scene.people["maker"], EMPTY], [1_850 * 10**6, 0])
    return [scene.vaults[name] for name in names]


def freeze(scene, *holders):
    for holder in holders:
        scene.token.freeze(holder, True)


def every(scene, contract, function, *arguments, who="keeper", items=None):
    """The call, at the least gas, does what it does with plenty; with plenty it does so many items."""
    target = scene.contracts[contract]
    call = partial(getattr(target, function), *arguments, sender=scene.people[who])
    if items is not None:
        with boa.env.anchor():
            assert call() == items
    assert bisected(target, call) == ""


def test_flag_many(scene):
    columns.active(scene)
    ids = thin(scene, "a", "b", "c")
    every(scene, "Liquidator", "flag_many", [*ids[:2], scene.vaults["weak"], ids[2]], items=0b1011)


@pytest.mark.parametrize("frozen", ["nothing", "insurance", "a taken vault"])
def test_take_many(scene, frozen):
    columns.active(scene)
    if frozen == "insurance":
        freeze(scene, scene.contracts["InsuranceFund"].pot(MARKET))
    if frozen == "a taken vault":
        freeze(scene, scene.custody("big"))
    ids = [scene.vaults[name] for name in ("weak", "frail", "big", "covered again")]
    done = 0b0001 if frozen == "a taken vault" else 0b0101
    many = [WAD] * 4
    every(scene, "Liquidator", "take_many", ids, many, [scene.vaults["into"]] * 4, LIMITS, MAX, who="taker", items=done)


def test_refresh(scene):
    columns.active(scene)
    for name in ("weak", "big"):
        scene.token.mint(scene.custody(name), 10**11)
    ids = [scene.vaults[name] for name in ("weak", "frail", "healed", "big")]
    every(scene, "Liquidator", "refresh", ids, items=0b1101)


@pytest.mark.parametrize("frozen", [False, True])
def test_settle_many(scene, frozen):
    columns.fixed(scene)
    if frozen:
        freeze(scene, scene.custody("weak"), scene.custody("second"))
    ids = [scene.vaults[name] for name in ("margined", "weak", "idle", "second", "rich", "margined", "covered")]
    every(scene, "Settlement", "settle_many", ids, items=5)


def test_settle_many__last_one__insures_the_cell(scene):
    """The draw of insurance hangs on the last item."""
    thin(scene, "gap")
    columns.fixed(scene)
    ids = list(range(1, scene.system.clearinghouse.next_id()))
    settle = scene.contracts["Settlement"].settle_many
    assert settle(ids[:-1]) > 0
    every(scene, "Settlement", "settle_many", ids[-1:], items=1)


@pytest.mark.parametrize("frozen", [False, True])
def test_claim_many(scene, frozen):
    columns.settled(scene)
    if frozen:
        freeze(scene, scene.custody("rich"))
    ids = [scene.vaults[name] for name in ("rich", "idle", "winner")]
    every(scene, "Settlement", "claim_many", ids, items=1 if frozen else 2)


def test_fill_many(scene):
    columns.active(scene)
    arguments = rows_vaults.both(scene, scene.vaults["margined"])
    every(scene, "Exchange", "fill_many", *arguments, who="trader")


@pytest.mark.parametrize("frozen", ["fees", "nothing"])
def test_fill(scene, frozen):
    columns.active(scene)
    if frozen == "fees":
        freeze(scene, scene.contracts["Exchange"].address)
    every(scene, "Exchange", "fill", *rows_vaults.closing(scene, scene.vaults["margined"]), who="trader")


def test_multicall(scene):
    columns.active(scene)
    house, receiver = scene.system.clearinghouse, scene.people["trader"]
    ids = [scene.vaults[name] for name in ("covered", "margined", "idle")]
    calls = [house.withdraw.prepare_calldata(vault, 10**7, receiver) for vault in ids]
    every(scene, "Clearinghouse", "multicall", calls, who="trader")


@pytest.mark.parametrize("frozen", [False, True])
def test_shares__claims_of_their_vaults__are_paid_in_first(scene, frozen):
    scene.trade("rich", "pool a", [put(2000, 2)], EXPIRY)
    scene.trade("rich", "desk", [put(2000, 2)], EXPIRY)
    columns.settled(scene)
    assert all(scene.contracts["Settlement"].claim_of(scene.vaults[name])[1] for name in ("pool a", "desk"))
    if frozen:
        freeze(scene, scene.custody("pool a"), scene.custody("desk"))
    lender = scene.people["lender"]
    every(scene, "BackstopPool", "serve", 1, items=1)
    every(scene, "MakerVault", "redeem", 10**12, lender, lender, who="lender")
    every(scene, "BackstopPool", "collect", scene.vaults["pool empty"])


@pytest.mark.parametrize("holder", ["vault", "keeper", "insurance"])
def test_tips_and_cuts__receiver_is_frozen__are_left_and_nothing_else(scene, holder):
    columns.active(scene)
    frozen = {"vault": scene.custody("frail"), "keeper": scene.people["keeper"],
              "insurance": scene.contracts["InsuranceFund"].pot(MARKET)}[holder]  # fmt: skip
    freeze(scene, frozen)
    every(scene, "Liquidator", "flag", scene.vaults["frail"])
    every(scene, "Liquidator", "clear", scene.vaults["covered again"])
    into = scene.vaults["into"]
    every(scene, "Liquidator", "take", scene.vaults["weak"], WAD, into, LIMITS, MAX, b"", who="taker")
    every(scene, "Settlement", "insure", MARKET, OLDER)


def test_take__top_up_from_insurance(scene):
    columns.active(scene)
    (vault,) = thin(scene, "broke")
    scene.push(scene.spot * 0.9)
    scene.contracts["Liquidator"].flag(vault, sender=scene.people["keeper"])
    scene.pass_time(900, 300)
    assert scene.contracts["Liquidator"].quote(vault, WAD).top_up > 0
    into = scene.vaults["into"]
    every(scene, "Liquidator", "take", vault, WAD, into, LIMITS, MAX, b"", who="taker")
    every(scene, "Liquidator", "take_many", [vault], [WAD], [into], LIMITS, MAX, who="taker", items=1)


def test_top_up_by_mandate(scene):
    columns.active(scene)
    every(scene, "AutoTopUp", "top_up", scene.vaults["frail"])
