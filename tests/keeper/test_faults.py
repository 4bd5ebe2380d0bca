"""What a keeper survives, each on a real Anvil behind a proxy that misbehaves.

Passed means: two blocks after the fault is gone every unsafe vault is flagged, nothing was sent twice, and the keeper
is alive.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest

from bulkhead.chain.anvil import Anvil
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.keeper import discovery, logs
from bulkhead.keeper.fees import GWEI
from bulkhead.keeper.journal import Journal
from bulkhead.keeper.service import Keeper
from tests.keeper.proxy import FaultProxy
from tests.keeper.world import KEY, PATIENCE, RIVALS, World, awaited, dumped, lines, proxied, seen, until


def faulty(place: World, switch: Callable[[FaultProxy], None], posts: int = 1) -> None:
    """A crash during a fault of the only node, then the fault ends."""

    async def play() -> None:
        async with proxied(place) as (proxy,), place.keeper(proxy.url) as keeper:
            (node,) = keeper.providers.nodes
            place.crash()
            switch(proxy)
            # how long it hangs tells from a slow machine only while it hangs
            node.timeout = 0.3 if proxy.hang else node.timeout
            await place.ignored([proxy], 2, posts)
            assert place.flagged() == set()
            proxy.heal()
            node.timeout = PATIENCE
            await seen(keeper, place.node.block_number())
            assert await place.rescued()
            await place.step()
            assert not keeper.sender.pending
        place.check_sends()

    asyncio.run(play())


@awaited
async def test_keeper__no_fault__flags_within_two_blocks(place):
    async with place.keeper(place.scene.local.anvil.url) as keeper:
        place.crash()
        assert await place.rescued()
        await place.step()
        assert keeper.sender.counts.mined == 2 and keeper.sender.counts.bumped == 0
    place.check_sends()


def test_keeper__node_gone_for_a_while__comes_back(place):
    faulty(place, lambda proxy: setattr(proxy, "down", True))


def test_keeper__hanging_node__is_given_up_and_asked_again(place):
    faulty(place, lambda proxy: setattr(proxy, "hang", 5.0))


@awaited
async def test_keeper__one_of_two_nodes_hangs__does_not_wait_for_it(place):
    async with proxied(place, 2) as (good, hanging), place.keeper(good.url, hanging.url, timeout=60.0) as keeper:
        hanging.hang = 40.0
        # as after its first timeout: reads go to the other one
        keeper.providers.nodes[1].latency = 60.0
        started = time.monotonic()
        place.crash()
        assert await place.rescued()
        await place.step(3)
        # neither for its head nor for what it says of a transaction
        assert time.monotonic() - started < hanging.hang / 2
        hanging.hang = 0.0
        assert not keeper.sender.pending
    place.check_sends()


def test_keeper__too_many_requests__waits_and_goes_on(place):
    faulty(place, lambda proxy: setattr(proxy, "status", 429))


def test_keeper__garbage_replies__are_not_believed(place):
    faulty(place, lambda proxy: setattr(proxy, "garbage", True), posts=4)


@awaited
async def test_keeper__a_third_of_all_connections_cut__gets_through(place):
    async with proxied(place, 2) as proxies, place.keeper(*(p.url for p in proxies)) as keeper:
        for proxy in proxies:
            proxy.drop = 0.3
        place.crash()
        # the fault never ends here: the keeper works through it
        for _ in range(12):
            await place.step()
            if place.flagged() == place.unsafe and not keeper.sender.pending:
                break
        assert place.flagged() == place.unsafe
    place.check_sends()


@awaited
async def test_keeper__stale_head__the_node_that_is_behind_is_not_asked(place):
    async with proxied(place, 2) as (stale, fresh), place.keeper(stale.url, fresh.url) as keeper:
        # the fresh one is slower, so that the stale one would be preferred
        fresh.hang = 0.02
        stale.frozen = place.node.block("latest")
        place.crash()
        head = place.mine(4)
        await seen(keeper, head)
        assert await place.rescued()
    place.check_sends()


@awaited
async def test_keeper__only_node_is_stale__acts_when_it_catches_up(place):
    async with proxied(place) as (node,), place.keeper(node.url) as keeper:
        node.frozen = place.node.block("latest")
        place.crash()
        await place.ignored([node], 5)
        assert not keeper.sender.pending
        node.heal()
        await seen(keeper, place.node.block_number())
        assert await place.rescued()
    place.check_sends()


async def flags_again(place: World, keeper: Keeper, depth: int) -> None:
    """A reorganisation undoes the flags; the keeper notices and sends them again."""
    place.node.call("anvil_reorg", depth, [])
    place.node.call("anvil_dropAllTransactions")
    assert place.flagged() == set()
    await until(lambda: keeper.observer.discovery.reorgs > 0, "the keeper has not noticed")
    assert await place.rescued()


@awaited
async def test_keeper__reorg_of_six_blocks__flags_again_what_was_unflagged(place):
    # flags of a chain that disappears must not count
    async with place.keeper(place.scene.local.anvil.url) as keeper:
        place.crash()
        place.mine(2)
        await seen(keeper, place.node.block_number())
        place.node.call("anvil_dropAllTransactions")
        head = place.mine()
        await seen(keeper, head)
        await place.step(3)
        assert place.flagged() == place.unsafe
        await flags_again(place, keeper, depth=6)
    place.check_sends()


def test_keeper__reorg_deeper_than_it_remembers__reads_everything_again(place, monkeypatch):
    monkeypatch.setattr(discovery, "MEMORY", 3)
    # and not in one range that a node would refuse
    monkeypatch.setattr(logs, "LOG_BLOCKS", 40)

    async def play() -> None:
        async with place.keeper(place.scene.local.anvil.url) as keeper:
            place.crash()
            await place.step(8)
            assert place.flagged() == place.unsafe
            await flags_again(place, keeper, depth=8)
            assert keeper.observer.discovery.book.vaults == place.chain.book().vaults
        place.check_sends()

    asyncio.run(play())


@awaited
async def test_keeper__lost_transactions__are_sent_again(place):
    async with proxied(place) as (node,), place.keeper(node.url) as keeper:
        node.lose_sends = True
        place.crash()
        await place.step(2)
        assert len(node.sent) >= 2 and place.flagged() == set()
        node.heal()
        assert await place.rescued(3)
        await place.step()
        assert not keeper.sender.pending and keeper.sender.counts.sent == 2
    place.check_sends()


@awaited
async def test_keeper__stuck_transactions__pay_an_eighth_more_every_two_blocks(place):
    async with place.keeper(place.scene.local.anvil.url) as keeper:
        place.crash()
        head = place.mine()
        await seen(keeper, head)
        first = [(a.last.max_fee, a.last.tip) for a in keeper.sender.pending]
        assert len(first) == 2
        # miners ignore them: blocks pass while the pool is emptied before each
        for _ in range(4):
            place.node.call("anvil_dropAllTransactions")
            await place.step()
        pending = keeper.sender.pending
        assert [len(a.sends) for a in pending] == [3, 3]
        for (fee, tip), attempt in zip(first, pending, strict=True):
            for send in attempt.sends[1:]:
                assert send.max_fee * 8 >= fee * 9 and send.tip * 8 >= tip * 9
                fee, tip = send.max_fee, send.tip
        assert await place.rescued()
        assert keeper.sender.counts.bumped == 4
    place.check_sends()


@awaited
async def test_keeper__accepted_but_answered_with_an_error__is_not_sent_as_another(place):
    async with proxied(place) as (node,), place.keeper(node.url) as keeper:
        node.deny_sends = True
        place.crash()
        assert await place.rescued()
        await place.step()
        assert not keeper.sender.pending and keeper.sender.counts.mined == 2
    place.check_sends()


@awaited
async def test_keeper__empty_wallet__says_so_and_acts_once_it_is_filled(place):
    place.scene.local.anvil.set_balance(place.address, 10**12)
    async with place.keeper(place.scene.local.anvil.url) as keeper:
        place.crash()
        await place.step(2)
        assert place.flagged() == set() and keeper.sender.counts.poor > 0 and not keeper.sender.pending
        said = [line for _, stream in place.keepers for line in lines(stream) if line["event"] == "alert"]
        assert [line["kind"] for line in said].count("no-funds") == 1
        place.scene.local.anvil.set_balance(place.address, 10**19)
        assert await place.rescued()
    place.check_sends()


@awaited
async def test_keeper__nonce_used_by_somebody_else__takes_the_next(place):
    async with place.keeper(place.scene.local.anvil.url) as keeper:
        nonce = int(place.node.call("eth_getTransactionCount", place.address, "latest"), 16)
        rival = Sender(place.node, account_from_key(KEY))
        place.crash()
        # a transaction of the same key, waiting at the nonce the keeper will want, and paying more
        place.node.call("eth_sendTransaction", {"from": place.address, "to": rival.address, "gas": hex(21000),
                        "nonce": hex(nonce), "maxFeePerGas": hex(900 * GWEI),
                        "maxPriorityFeePerGas": hex(800 * GWEI)})  # fmt: skip
        await seen(keeper, place.node.block_number())
        assert await place.rescued(4)
        await place.step(4)
        assert not keeper.sender.pending
    place.check_sends()


@pytest.mark.parametrize("rivals", [1, 2])
@awaited
async def test_keepers__racing__each_vault_is_flagged_once(place, rivals):
    url = place.scene.local.anvil.url
    for key in RIVALS[:rivals]:
        place.scene.local.anvil.set_balance(str(account_from_key(key).address), 10**20)
    async with AsyncExitStack() as stack:
        keepers = [await stack.enter_async_context(place.keeper(url, key=k)) for k in (KEY, *RIVALS[:rivals])]
        place.crash()
        assert await place.rescued()
        await place.step(3)
        for keeper in keepers:
            assert not keeper.sender.pending
            # a lost race costs one revert, never a second try
            assert keeper.sender.counts.sent <= len(place.unsafe)
        assert sum(keeper.sender.counts.mined for keeper in keepers) == len(place.unsafe)


@awaited
async def test_keeper__node_restarted_with_an_empty_pool__goes_on(place, tmp_path):
    async with proxied(place) as (node,), place.keeper(node.url) as keeper:
        place.crash()
        head = place.mine()
        await seen(keeper, head)
        assert len(keeper.sender.pending) == 2
        # the node dies with the transactions in its pool
        node.down = True
        state = dumped(place.node, tmp_path / "state.json")
        asked = node.posts
        await until(lambda: node.posts > asked, "the keeper has stopped asking")
        now = place.node.timestamp()
        with Anvil(extra=("--load-state", str(state), "--no-mining")) as again:
            again.rpc.call("evm_setTime", now)
            assert again.rpc.block_number() == head
            node.target, place.node = again.url, again.rpc
            node.heal()
            assert await place.rescued(3)
            assert keeper.sender.counts.sent == 2
            place.check_sends()
            node.target, place.node = place.scene.local.anvil.url, place.scene.local.anvil.rpc


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A keeper's process that has said its first word; gone at the end, whatever happens."""
    environment = {**os.environ, "THE_KEY": KEY}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and '"event"' in process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def test_keeper__killed_at_random_moments__sends_nothing_twice(place, tmp_path):
    where, journal = tmp_path / "addresses.json", tmp_path / "journal.sqlite"
    place.scene.local.chain.deployment.save(where)
    command = [sys.executable, "-m", "bulkhead", "keeper", "run", "--rpc", place.scene.local.anvil.url, "--deployment",
               str(where), "--key-env", "THE_KEY", "--poll", "0.01", "--roles", "flag", "--journal",
               str(journal)]  # fmt: skip
    chance = random.Random(7)
    place.crash()
    for _ in range(4):
        with started(command) as process:
            time.sleep(chance.uniform(0.0, 0.25))
            process.send_signal(signal.SIGKILL)
    with started(command) as process:
        deadline = time.monotonic() + PATIENCE
        while place.flagged() != place.unsafe:
            assert process.poll() is None and time.monotonic() < deadline
            place.mine()
            time.sleep(0.3)
        process.terminate()
        assert process.wait(timeout=PATIENCE) == 0
    place.check_sends()
    genesis = place.node.call("eth_getBlockByNumber", "0x0", False)["hash"]
    with Journal(journal, f"31337-{genesis}", place.address) as book:
        nonces = [a.nonce for a in book.all()]
        assert len(nonces) == len(set(nonces)) == len(place.unsafe)
