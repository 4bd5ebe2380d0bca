"""Keeper, client and verification behind nodes that bear little and say so in words of their own."""

from __future__ import annotations

import asyncio

import pytest

from bulkhead.chain import anvil
from bulkhead.chain.connection import Connection, connect
from bulkhead.chain.errors import Reverted
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.client import Bulkhead
from bulkhead.keeper.fees import GWEI
from scripts import verify
from tests.keeper.limited import WORDS, Bounds, LimitedProxy, Overtaken, at_its_nonce, served
from tests.keeper.proxy import SEND
from tests.keeper.world import automine, lines, seen

LIMITS = [(100, 10_000), (20, 500), (1, 50)]


@pytest.mark.parametrize("style", WORDS)
@pytest.mark.parametrize(("calls", "blocks"), LIMITS)
def test_keeper__node_that_bears_little__sees_everything_and_flags_in_time(place, style, calls, blocks):
    async def play() -> None:
        node = LimitedProxy(place.scene.local.anvil.url, style, calls, blocks)
        async with node, place.keeper(node.url) as keeper:
            assert set(keeper.observer.discovery.book.vaults) == set(place.chain.book().vaults)
            place.crash()
            assert await place.rescued()
            said = lines(place.keepers[0][1])
            assert not [line for line in said if line["event"] in ("read-failed", "send-failed", "unknown")]
            learned = sum(node.refusals.values())
            await place.step(3)
            # it is remembered, though doubted now and then
            assert sum(node.refusals.values()) <= learned + 1
            assert calls > 1 or node.refusals["batch"]
        place.check_sends()

    asyncio.run(play())


@pytest.mark.parametrize("style", WORDS)
@pytest.mark.parametrize(("calls", "blocks"), LIMITS)
def test_client__node_that_bears_little__reads_the_same(place, style, calls, blocks):
    node = LimitedProxy(place.scene.local.anvil.url, style, calls, blocks)
    with served(node) as url, Rpc(url) as rpc:
        chain = connect(rpc, place.scene.local.chain.deployment)
        assert chain.book().vaults == place.chain.book().vaults
        wanted = place.chain.rpc.batch([("eth_getBlockByNumber", (hex(i), False)) for i in range(130)])
        assert rpc.batch([("eth_getBlockByNumber", (hex(i), False)) for i in range(130)]) == wanted
        direct, limited = Bulkhead(place.chain), Bulkhead(chain)
        for vault_id in place.chain.book().vaults:
            assert limited.vaults.get(vault_id) == direct.vaults.get(vault_id)


@pytest.mark.parametrize("style", WORDS)
def test_client__refusals_in_the_words_of_a_node__are_what_they_mean(place, style):
    node = LimitedProxy(place.scene.local.anvil.url, style, 20, 500)
    stranger = account_from_key(anvil.key(17))
    with served(node) as url, Rpc(url) as rpc:
        chain = Connection(rpc, place.scene.local.chain.deployment)
        house = chain["Clearinghouse"]
        vault_id = min(place.chain.book().vaults)
        with pytest.raises(Reverted, match="vault") as caught:
            house.call("withdraw", vault_id, 1, stranger.address, sender=stranger.address)
        with pytest.raises(Reverted) as plain:
            place.chain["Clearinghouse"].call("withdraw", vault_id, 1, stranger.address, sender=stranger.address)
        assert caught.value.reason == plain.value.reason != ""
        automine(place.node, True)
        first, second = Sender(rpc, stranger), Sender(place.node, stranger)
        first.transact(stranger.address, b"")
        second.transact(stranger.address, b"")
        # the other process of this key has used the nonce that this one takes for the next
        first.transact(stranger.address, b"")
        assert node.refusals.get("nonce", 0) == 1


@pytest.mark.parametrize("style", WORDS)
def test_client__nonce_at_which_another_process_waits__takes_the_next(place, style):
    stranger = account_from_key(anvil.key(17))

    def faster(call):
        return at_its_nonce(stranger.address, call)

    node = Overtaken(place.scene.local.anvil.url, style, Bounds(20, 500), SEND, faster)
    with served(node) as url, Rpc(url) as rpc:
        sender = Sender(rpc, stranger)
        first = int(place.node.call("eth_getTransactionCount", stranger.address, "latest"), 16)
        sent = sender.send(stranger.address, b"")
        place.mine()
        sender.wait(sent)
        assert node.refusals["price"] == 1
        assert place.node.call("eth_getTransactionByHash", sent)["nonce"] == hex(first + 1)


@pytest.mark.parametrize("style", WORDS)
def test_client__tip_that_a_node_finds_too_low__is_raised(place, style):
    node = LimitedProxy(place.scene.local.anvil.url, style, bounds=Bounds(20, 500, tip=15 * GWEI // 10))
    automine(place.node, True)
    with served(node) as url, Rpc(url) as rpc:
        sender = Sender(rpc, account_from_key(anvil.key(17)))
        sent = sender.transact(sender.address, b"").hash
        paid = int(place.node.call("eth_getTransactionByHash", sent)["maxPriorityFeePerGas"], 16)
        assert node.refusals["tip"] == 1 and node.bounds.tip <= paid <= 2 * node.bounds.tip


def overtaken(place, style, method, faster, blocks):
    """Flags everything in time although somebody was faster once; returns what was refused."""

    async def play() -> dict[str, int]:
        node = Overtaken(place.scene.local.anvil.url, style, Bounds(20, 500), method, faster)
        async with node, place.keeper(node.url):
            place.crash()
            assert await place.rescued(blocks)
            assert node.faster is None
            return node.refusals

    return asyncio.run(play())


@pytest.mark.parametrize("style", WORDS)
def test_keeper__nonce_that_another_process_has_used__flags_with_the_next(place, style):
    def faster(call):
        return [*at_its_nonce(place.address, call), ("evm_mine", [])]

    assert overtaken(place, style, SEND, faster, 4)["nonce"] >= 1
    place.check_sends()


@pytest.mark.parametrize("style", WORDS)
def test_keeper__nonce_at_which_another_process_waits__flags_with_the_next(place, style):
    assert overtaken(place, style, SEND, lambda call: at_its_nonce(place.address, call), 4)["price"] >= 1
    place.check_sends()


@pytest.mark.parametrize("style", WORDS)
def test_keeper__flag_that_reverts_by_now__is_withdrawn_and_the_others_go_on(place, style):
    """Blocks are too dear for what this keeper has sent, and another flags one of the vaults meanwhile."""
    rival, liquidator = account_from_key(anvil.key(17)).address, place.chain["Liquidator"]

    async def play() -> None:
        node = LimitedProxy(place.scene.local.anvil.url, style, bounds=Bounds(20, 500))
        async with node, place.keeper(node.url) as keeper:
            place.crash()
            await seen(keeper, place.node.block_number())
            data = "0x" + liquidator.encode("flag", min(place.unsafe)).hex()
            plan = {"from": rival, "to": liquidator.address, "data": data, "gas": hex(3_000_000)}
            place.node.call("eth_sendTransaction", {**plan, "maxFeePerGas": hex(900 * GWEI)})
            for base in (200, 200, 200, 1, 1, 1):
                place.node.call("anvil_setNextBlockBaseFeePerGas", hex(base * GWEI))
                await place.step()
            assert place.flagged() == place.unsafe
            assert node.refusals["revert"] >= 1
        assert [well for _, well, _ in place.transactions(rival)] == [True]
        sent = place.transactions()
        assert all(well for _, well, _ in sent)
        assert len([data for data, _, _ in sent if data != "0x"]) == len(place.unsafe) - 1

    asyncio.run(play())


@pytest.mark.parametrize("style", WORDS)
def test_keeper__tip_that_a_node_finds_too_low__flags_with_a_better_one(place, style):
    async def play() -> None:
        node = LimitedProxy(place.scene.local.anvil.url, style, bounds=Bounds(20, 500, tip=15 * GWEI // 10))
        async with node, place.keeper(node.url):
            place.crash()
            assert await place.rescued(8)
            assert node.refusals["tip"]
        place.check_sends()

    asyncio.run(play())


@pytest.mark.parametrize("style", WORDS)
def test_verify__node_that_bears_little__finds_the_same(place, style):
    node = LimitedProxy(place.scene.local.anvil.url, style, 1, 50)
    with served(node) as url, Rpc(url) as rpc:
        chain = Connection(rpc, place.scene.local.chain.deployment)
        assert verify.first_nonce(chain) == verify.first_nonce(place.chain)
        told, wanted = (verify.since_deployment(c, c["Clearinghouse"], "VaultUpdated") for c in (chain, place.chain))
        assert [(log.block, log.index) for log in told] == [(log.block, log.index) for log in wanted] != []
