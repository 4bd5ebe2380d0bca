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
from scripts import verify
from tests.keeper.limited import WORDS, LimitedProxy, served
from tests.keeper.world import automine, lines

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
def test_verify__node_that_bears_little__finds_the_same(place, style):
    node = LimitedProxy(place.scene.local.anvil.url, style, 1, 50)
    with served(node) as url, Rpc(url) as rpc:
        chain = Connection(rpc, place.scene.local.chain.deployment)
        assert verify.first_nonce(chain) == verify.first_nonce(place.chain)
        told, wanted = (verify.since_deployment(c, c["Clearinghouse"], "VaultUpdated") for c in (chain, place.chain))
        assert [(log.block, log.index) for log in told] == [(log.block, log.index) for log in wanted] != []
