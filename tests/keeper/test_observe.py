"""One look: what cannot be read counts as unhealthy, and what logs or mirror got wrong is found on chain."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from typing import Any

import pytest

from bulkhead.chain.contract import Contract
from bulkhead.chain.sender import account_from_key
from bulkhead.keeper import queries
from bulkhead.keeper.json_log import JsonLog
from bulkhead.keeper.launch import assemble
from bulkhead.keeper.node import Node
from bulkhead.keeper.observe import Observer
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.price_updater import FeedPlan
from bulkhead.keeper.reconcile import PATIENT_SECONDS
from bulkhead.keeper.service import Keeper, Tick
from tests.keeper.proxy import FaultProxy
from tests.keeper.world import KEY, Play, fall, flagged, keep, lines, settle


class Blind(FaultProxy):
    """A node that fails every read of one vault by the Lens."""

    lens, word = "", ""

    async def _forward(self, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answers = await super()._forward(calls)
        for call, answer in zip(calls, answers, strict=True):
            if call["method"] == "eth_call" and call["params"][0].get("to", "").lower() == self.lens:
                data = call["params"][0]["data"][10:]
                if self.word in [data[i : i + 64] for i in range(128, len(data), 64)]:
                    answer.pop("result", None)
                    answer["error"] = {"code": -32000, "message": "missing trie node"}
        return answers


def blinded(scene, vault_id: int, play: Play) -> tuple[Any, list[dict[str, Any]]]:
    """`keep` through a node that cannot read one vault."""
    stream = io.StringIO()

    async def run() -> Any:
        proxy = Blind(scene.local.anvil.url)
        proxy.lens, proxy.word = scene.local.chain["Lens"].address.lower(), f"{vault_id:064x}"
        async with proxy:
            keeper = await assemble(
                scene.local.chain.deployment, [Node(proxy.url)], account_from_key(KEY), ":memory:", JsonLog(stream)
            )
            try:
                return await play(keeper)
            finally:
                await keeper.close()

    return asyncio.run(run()), lines(stream)


def test_tick__vault_that_cannot_be_read__is_flagged_all_the_same(scene):
    unsafe = fall(scene)
    hidden = max(unsafe)
    _, said = blinded(scene, hidden, lambda keeper: keeper.tick())
    assert any(line["event"] == "unknown" and f"vault {hidden}" in line["reason"] for line in said)
    sent = [line for line in said if line["event"] == "sent" and line["action"] == "flag"]
    assert {line["vault_id"]: line["certain"] for line in sent}[hidden] is False
    assert {line["vault_id"] for line in sent} == unsafe


class Selective(FaultProxy):
    """A node that fails every call of one function, or answers it with an empty list."""

    to, selector, empty = "", "", False

    def spoil(self, contract: Contract, function: str, arguments: tuple[object, ...], empty: bool = False) -> None:
        """From now on."""
        self.to, self.empty = contract.address.lower(), empty
        self.selector = "0x" + contract.encode(function, *arguments)[:4].hex()

    def _twist(self, call: dict[str, Any], answer: dict[str, Any] | None) -> dict[str, Any]:
        told = super()._twist(call, answer)
        if call["method"] != "eth_call" or call["params"][0].get("to", "").lower() != self.to:
            return told
        if not call["params"][0]["data"].startswith(self.selector):
            return told
        head = {"jsonrpc": "2.0", "id": call["id"]}
        if self.empty:
            return {**head, "result": f"0x{32:064x}{0:064x}"}
        return {**head, "error": {"code": -32000, "message": "missing trie node"}}


@pytest.mark.parametrize(
    ("function", "arguments", "empty"),
    [("market", (1, 1), False), ("vaults", ([1],), False), ("vaults", ([1],), True)],
)
def test_tick__what_the_lens_cannot_tell__hides_no_unsafe_vault(scene, function, arguments, empty):
    """Prices of a cell fail, or every vault does, or a node describes none: unknown is never healthy."""
    lens = scene.local.chain["Lens"]
    stream = io.StringIO()

    async def run() -> set[int]:
        proxy = Selective(scene.local.anvil.url)
        async with proxy:
            keeper = await assemble(
                scene.local.chain.deployment, [Node(proxy.url)], account_from_key(KEY), ":memory:", JsonLog(stream)
            )
            try:
                # it has seen the market at its old price
                await keeper.tick()
                proxy.spoil(lens, function, arguments, empty)
                unsafe = fall(scene)
                await settle(keeper)
                return unsafe
            finally:
                await keeper.close()

    unsafe = asyncio.run(run())
    assert flagged(scene) == unsafe
    assert not [line for line in lines(stream) if line["event"] == "bug"]


def test_tick__healthy_vault_that_cannot_be_read__is_refused_by_the_chain_and_logged(scene):
    safe = next(v.vault_id for v in scene.vaults.values() if v.title == "short call")

    async def play(keeper: Keeper) -> Tick:
        await keeper.tick()
        # near its edge by what the keeper believes, and then unreadable
        keeper.observer.registry.suspects.add(safe)
        return await keeper.tick()

    done, said = blinded(scene, safe, play)
    failures = [line for line in said if line["event"] == "action-failed"]
    assert done.failed == 1 and [f["vault_id"] for f in failures] == [safe]
    assert "liquidator/healthy" in failures[0]["reason"] and flagged(scene) == set()


def test_observer__state_by_logs__is_that_of_the_lens(scene):
    async def play(keeper: Keeper) -> None:
        await keeper.tick()
        head = await keeper.providers.head()
        while await keeper.observer.reconcile(head):
            pass
        assert len(keeper.observer.discovery.book.vaults) == len(scene.vaults)
        assert keeper.observer.problems == [] and keeper.observer.registry.mismatches == 0

    keep(scene, play, policy=Policy(roles=frozenset()))


def test_look__shard__reads_the_vaults_of_others_neither_near_their_edge_nor_flagged(scene):
    """Three keepers that share 20,000 unsafe vaults would read each of them three times a block."""
    unsafe = fall(scene)
    mine, other = min(unsafe), max(unsafe)
    roles = Policy(roles=frozenset({"flag", "take", "refresh"}), shard=(mine % 7, 7))
    assert roles.mine(mine) and not roles.mine(other)
    own = {v.vault_id for v in scene.local.chain.book().vaults.values() if roles.mine(v.vault_id)}

    async def play(keeper: Keeper) -> None:
        look, observer = keeper.observer.look, keeper.observer
        first = await look(await keeper.providers.head())
        assert mine in first.vaults and set(first.vaults) <= own and first.elsewhere == frozenset()
        await settle(keeper)
        assert flagged(scene) == {mine}
        # another shard's keeper flags the other one
        scene.local.people["deployer"].signer.execute(scene.local.chain["Liquidator"], "flag", other)
        second = await look(await keeper.providers.head())
        assert mine in second.vaults and set(second.vaults) <= own | observer.registry.kept
        assert set(second.quotes) == {mine}
        cell = observer.discovery.book.vaults[other].cell
        assert second.elsewhere == {cell} and cell in second.auctions()
        # what the reconciler reads of another shard it does not take for a mistake
        observer.registry.checked_at.clear()
        while await observer.reconcile(await keeper.providers.head()):
            pass
        assert observer.registry.mismatches == 0 and observer.registry.suspects == set()

    keep(scene, play, policy=roles)


def test_look__keeper_that_brings_prices__minds_the_vaults_of_all_shards(scene):
    """Whoever brings prices brings them when any vault is near its edge."""

    async def play(keeper: Keeper) -> None:
        for plans, others in (((), False), ((FeedPlan(1, "ETH", None),), True)):
            made = Observer(
                keeper.chain, keeper.providers, keeper.wallets, plans=plans, mine=lambda vault_id: vault_id == 1
            )
            assert made.mine(1) and made.mine(2) is others

    keep(scene, play)


def test_reconcile__logs_that_tell_of_too_few_vaults__are_found_on_chain(scene):
    async def play(keeper: Keeper) -> None:
        await keeper.tick()
        book = keeper.observer.discovery.book
        lost = max(book.vaults)
        record = book.vaults.pop(lost)
        await keeper.tick()
        assert keeper.observer.registry.mismatches == 1
        await keeper.observer.reconcile(await keeper.providers.head())
        found = keeper.observer.discovery.book.vaults[lost]
        assert replace(found, updated_block=record.updated_block) == record

    keep(scene, play, policy=Policy(roles=frozenset()))


def test_reconcile__block_with_no_post_to_spare__waits_for_a_later_one_but_not_for_ever(scene):
    async def play(keeper: Keeper) -> None:
        await keeper.tick()
        observer = keeper.observer
        observer.registry.checked_at.clear()
        head = await keeper.providers.head()
        assert await observer.reconcile(head) > 0
        observer.registry.checked_at.clear()
        observer.reconciler._reconciled_at = head.timestamp - PATIENT_SECONDS + 1
        posts = keeper.providers.posts
        assert await observer.reconcile(head, spare=False) == 0 and keeper.providers.posts == posts
        observer.reconciler._reconciled_at = head.timestamp - PATIENT_SECONDS
        assert await observer.reconcile(head, spare=False) > 0

    keep(scene, play, policy=Policy(roles=frozenset()))


def test_reconcile__vault_whose_legs_the_logs_have_lost__is_found_and_flagged(scene):
    hidden = next(v.vault_id for v in scene.vaults.values() if v.title == "short put")

    async def play(keeper: Keeper) -> set[int]:
        await keeper.tick()
        discovery = keeper.observer.discovery
        discovery.book.vaults[hidden] = replace(discovery.book.vaults[hidden], word=None, terms=None, legs=())
        discovery.touched.add(hidden)
        unsafe = fall(scene)
        await settle(keeper)
        assert flagged(scene) == unsafe - {hidden}
        keeper.observer.registry.checked_at.clear()
        for _ in range(3):
            # a round is more than fits one look
            keeper.observer.reconciler._reconciled_at = 0
            await keeper.observer.reconcile(await keeper.providers.head())
        assert keeper.observer.discovery.book.vaults[hidden].legs, "its legs are not known for good"
        await settle(keeper)
        return unsafe

    unsafe, _ = keep(scene, play, policy=Policy(roles=frozenset({"flag"})))
    assert flagged(scene) == unsafe


def test_reconcile__logs_of_all_vaults_lost_for_good__they_are_found_kept_and_flagged(scene):
    """What a node has lost is missing in every reading of the logs: the chain itself knows better."""

    async def play(keeper: Keeper) -> set[int]:
        await keeper.tick()
        whole = dict(keeper.observer.discovery.book.vaults)
        keeper.observer.discovery.book.vaults.clear()
        keeper.observer.discovery.touched.update(whole)
        keeper.observer.registry.take_changes()
        assert not len(keeper.observer.registry)
        for _ in range(2):
            await keeper.tick()
            await keeper.observer.reconcile(await keeper.providers.head())
        found = keeper.observer.discovery.book.vaults
        assert {i: (v.owner, v.legs, v.terms, v.balance) for i, v in found.items()} == {
            i: (v.owner, v.legs, v.terms, v.balance) for i, v in whole.items()
        }
        assert keeper.observer.registry.mismatches == 1 and not keeper.observer.reconciler.looked_for
        unsafe = fall(scene)
        await settle(keeper)
        return unsafe

    unsafe, _ = keep(scene, play, policy=Policy(roles=frozenset({"flag"})))
    assert flagged(scene) == unsafe


def test_look__vaults_of_many_legs__are_asked_for_in_smaller_calls(scene, monkeypatch):
    """Nodes bound the gas of a call, and whoever holds sixteen legs makes his the dearest."""
    monkeypatch.setattr(queries, "MOST_LEGS", 3)

    async def play(keeper: Keeper) -> None:
        await keeper.tick()
        book = keeper.observer.discovery.book.vaults
        wanted = queries.QueryBatch()
        keeper.observer.queries.vaults(wanted, book)
        parts = [ids for _, ids in wanted.names]
        assert sorted(i for ids in parts for i in ids) == sorted(book)
        assert all(len(ids) == 1 or sum(len(book[i].legs) for i in ids) <= 3 for ids in parts)
        assert 1 < len(parts) < len(book)

    keep(scene, play, policy=Policy(roles=frozenset()))


def test_reconcile__tokens_sent_to_a_vault__reach_the_ranges(scene):
    vault_id = next(v.vault_id for v in scene.vaults.values() if v.title == "short call")

    async def play(keeper: Keeper) -> None:
        await keeper.tick()
        record = keeper.observer.discovery.book.vaults[vault_id]
        trader = scene.local.people["Boris"]
        trader.signer.execute(scene.local.market.token, "transfer", record.custody, 5 * 10**6)
        await keeper.tick()
        keeper.observer.registry.checked_at.clear()
        while await keeper.observer.reconcile(await keeper.providers.head()):
            pass
        assert keeper.observer.discovery.book.vaults[vault_id].balance == record.balance + 5 * 10**6

    keep(scene, play, policy=Policy(roles=frozenset()))
