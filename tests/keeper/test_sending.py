"""Sending when it matters: dear gas, full pools, lying answers and an end at any moment, on a real Anvil.

What each test wants is the same: what is urgent is neither lost nor late, and nothing is paid for twice.
"""

from __future__ import annotations

import asyncio
import stat
from typing import Any

import pytest

from bulkhead.chain.errors import BadInput
from bulkhead.chain.sender import account_from_key
from bulkhead.keeper import decide
from bulkhead.keeper import sender as sending
from bulkhead.keeper.executor import SenderExecutor
from bulkhead.keeper.fees import GWEI, FeePolicy
from bulkhead.keeper.journal import Journal
from bulkhead.keeper.node import Node
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.service import Keeper
from bulkhead.replay.price_paths.rounds import Round
from bulkhead.risk.words import WAD
from tests.keeper.proxy import SEND, FaultProxy
from tests.keeper.world import FLAGS, KEY, RIVALS, World, automine, lines, seen, until, world
from tests.worlds.local_market import EXPIRY, START

#: Coins so cheap that a flag is worth hundreds of gwei of gas.
RICH = FeePolicy(coin_price=10 * WAD)


@pytest.fixture
def place(market):
    with world(market) as found:
        # what a test does to fees outlives it
        priced(found, 1)
        found.mine()
        yield found


def priced(place: World, gwei: int) -> None:
    """Base fee of the next block."""
    place.node.call("anvil_setNextBlockBaseFeePerGas", hex(gwei * GWEI))


def said(place: World, event: str) -> list[dict[str, Any]]:
    """What the world's first keeper has logged of an event."""
    return [line for line in lines(place.keepers[0][1]) if line["event"] == event]


async def step(place: World, gwei: int) -> None:
    """A block at that base fee, on which the keepers have acted."""
    priced(place, gwei)
    await place.step()


# --- gas ------------------------------------------------------------------------------------------------------------


def test_spike__gas_at_500_gwei__holds_back_and_says_so_and_flags_within_two_blocks_of_its_end(place):
    async def play() -> None:
        async with place.keeper(place.scene.local.anvil.url) as keeper:
            priced(place, 500)
            place.crash()
            assert place.unsafe and place.flagged() == set()
            for _ in range(4):
                await step(place, 500)
                head = place.node.block("latest")
                assert int(head["baseFeePerGas"], 16) == 500 * GWEI
                # it has seen each of them at this very block, and told why it waits
                held = {
                    line["vault_id"]
                    for line in said(place, "action-failed")
                    if line["block"] == int(head["number"], 16) and "dearer than this is worth" in line["reason"]
                }
                assert held == place.unsafe
            assert keeper.sender.counts.sent == 0 and not keeper.sender.pending and said(place, "sent") == []
            # the first block at a price that does
            await step(place, 1)
            assert {line["vault_id"] for line in said(place, "sent")} == place.unsafe
            place.mine()
            assert place.flagged() == place.unsafe
        place.check_sends()

    asyncio.run(play())


def test_spike__a_duty_waits_at_its_cap__what_is_worth_more_does_not_wait_behind_it(place):
    roles = Policy(roles=frozenset({"flag", "poke"}))

    async def play() -> None:
        async with place.keeper(place.scene.local.anvil.url, policy=roles, fees=RICH) as keeper:
            automine(place.node, True)
            place.scene.local.push(Round(START + 300, 199 * 10**8))
            automine(place.node, False)
            await step(place, 40)
            # one that brings nothing is in flight when gas leaves its cap behind
            (poke,) = keeper.sender.pending
            assert poke.name == "OracleAdapter.poke" and poke.cap == RICH.duty_cap
            await step(place, 100)
            assert keeper.sender.pending == [poke] and not poke.last.cancels, "nothing waits behind it: it stays"
            priced(place, 100)
            place.crash()
            for _ in range(3):
                if place.flagged() == place.unsafe:
                    break
                await step(place, 100)
            assert place.flagged() == place.unsafe
            await place.step()
            # its nonce was given away, for the gas of an empty transaction
            assert poke.last.cancels and keeper.sender.counts.cancelled == 1

    asyncio.run(play())


def test_fees__coin_gets_dearer__what_gas_may_cost_follows(place):
    async def play() -> None:
        async with place.keeper(place.scene.local.anvil.url) as keeper:
            assert keeper.sender.fees.coin_price == 200 * WAD
            place.crash()
            await place.step()
            assert keeper.sender.fees.coin_price == 178 * WAD

    asyncio.run(play())


# --- nodes and pools ------------------------------------------------------------------------------------------------


class Underpriced(FaultProxy):
    """A node that wants a larger tip than the keeper offers at first."""

    least = 12 * GWEI // 10
    words = "transaction underpriced"

    async def _forward(self, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        from eth_account.typed_transactions import TypedTransaction
        from hexbytes import HexBytes

        def cheap(call: dict[str, Any]) -> bool:
            if call["method"] != SEND:
                return False
            parts = TypedTransaction.from_bytes(HexBytes(call["params"][0])).as_dict()
            return int(parts["maxPriorityFeePerGas"]) < self.least

        refused = [c for c in calls if cheap(c)]
        found = {a["id"]: a for a in await super()._forward([c for c in calls if c not in refused])}
        error = {"code": -32000, "message": self.words}
        told = [{"jsonrpc": "2.0", "id": c["id"], "error": error} for c in refused]
        return [*found.values(), *told]


@pytest.mark.parametrize(
    ("least", "words", "blocks"),
    [
        (12 * GWEI // 10, "transaction underpriced: tip needed 1200000000, tip permitted 1000000000", 8),
        (12 * GWEI // 10, "FeeTooLow, EffectivePriorityFeePerGas too low", 8),
        # Polygon's: the first replacement pays what is wanted
        (25 * GWEI, "transaction underpriced: gas tip cap 1000000000, minimum needed 25000000000", 4),
    ],
)
def test_broadcast__node_that_wants_a_larger_tip__gets_it_and_no_nonce_is_left_out(place, least, words, blocks):
    async def play() -> None:
        node = Underpriced(place.scene.local.anvil.url)
        node.least, node.words = least, words
        async with node, place.keeper(node.url):
            place.crash()
            assert await place.rescued(blocks)
        place.check_sends()

    asyncio.run(play())


class Suggesting(FaultProxy):
    """A node that suggests a tip of its own, or knows no such method."""

    tip: int | None = 0
    asked = 0

    def _twist(self, call: dict[str, Any], answer: dict[str, Any] | None) -> dict[str, Any]:
        head = {"jsonrpc": "2.0", "id": call["id"]}
        if call["method"] != "eth_maxPriorityFeePerGas":
            return super()._twist(call, answer)
        self.asked += 1
        if self.tip is None:
            return {**head, "error": {"code": -32601, "message": "Method not found"}}
        return {**head, "result": hex(self.tip)}


@pytest.mark.parametrize(("tip", "paid"), [(0, 0), (30 * GWEI, 30 * GWEI), (10**18, 40 * GWEI), (None, GWEI // 2)])
def test_fees__tip_that_a_node_suggests__is_paid_between_floor_and_cap(place, tip, paid):
    async def play() -> None:
        node = Suggesting(place.scene.local.anvil.url)
        node.tip = tip
        floor = GWEI // 2 if tip is None else 0
        fees = FeePolicy(tip=floor, tip_floor=floor, tip_cap=40 * GWEI)
        async with node, place.keeper(node.url, fees=fees):
            place.crash()
            assert await place.rescued()
            assert {line["tip"] for line in said(place, "sent")} == {paid}
            if tip is None:
                assert node.asked == 1
        place.check_sends()

    asyncio.run(play())


def test_broadcast__unknown_transaction_waits_at_the_next_nonce_for_a_price_of_the_past__is_outbid(place):
    """A journal that was lost with its machine, while a transaction of calmer times is still in the pools."""

    async def play() -> None:
        async with place.keeper(place.scene.local.anvil.url, fees=RICH) as keeper:
            nonce = int(place.node.call("eth_getTransactionCount", place.address, "latest"), 16)
            priced(place, 30)
            place.crash()
            place.node.call("eth_sendTransaction", {"from": place.address, "to": place.address, "gas": hex(21000),
                            "nonce": hex(nonce), "maxFeePerGas": hex(90 * GWEI),
                            "maxPriorityFeePerGas": hex(3 * GWEI)})  # fmt: skip
            await seen(keeper, place.node.block_number())
            # the keeper offers less than what waits there, and both less than the next blocks cost
            for _ in range(8):
                await step(place, 100)
                if place.flagged() == place.unsafe:
                    break
            assert place.flagged() == place.unsafe
        place.check_sends()

    asyncio.run(play())


class Sluggish(FaultProxy):
    """A node that takes forever to estimate gas."""

    async def _handle(self, request: Any) -> Any:
        if b"eth_estimateGas" in await request.read():
            self.hang = 3.0
        try:
            return await super()._handle(request)
        finally:
            self.hang = 0.0


def test_submit__node_that_does_not_estimate__keeps_no_flag_from_going_out(place):
    roles = Policy(roles=frozenset({"flag", "poke"}))

    async def play() -> None:
        node = Sluggish(place.scene.local.anvil.url)
        async with node, place.keeper(node.url, policy=roles, timeout=0.5):
            place.crash()
            assert await place.rescued()

    asyncio.run(play())


def test_submit__many_duties__leave_room_in_the_block_and_get_their_turn(place, monkeypatch):
    monkeypatch.setattr(decide, "BATCH", 1)
    monkeypatch.setattr(sending, "DUTY_SHARE", 60)
    room = int(place.node.block("latest")["gasLimit"], 16) // 60
    most = 0

    async def play() -> None:
        nonlocal most
        roles = Policy(roles=frozenset({"fix", "settle"}))
        async with place.keeper(place.scene.local.anvil.url, policy=roles) as keeper:
            automine(place.node, True)
            for at in (EXPIRY - 3_000, EXPIRY - 1_200, EXPIRY + 300):
                place.scene.local.push(Round(at, 200 * 10**8))
            automine(place.node, False)
            for _ in range(40):
                await place.step()
                most = max(most, sum(a.gas for a in keeper.sender.pending))
                if not any(v.legs for v in place.chain.book().vaults.values()):
                    break
            assert not any(v.legs for v in place.chain.book().vaults.values())
            assert keeper.sender.counts.reverted == 0
        assert 0 < most <= max(room, 400_000)

    asyncio.run(play())


class Behind(FaultProxy):
    """A node whose calls at the newest block are answered by one that has stopped before the crash."""

    old = ""

    async def _forward(self, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for call in calls:
            if self.old and call["method"] == "eth_call" and call["params"][-1] == "latest":
                call["params"][-1] = self.old
        return await super()._forward(calls)


async def crash_that_miners_ignore(place) -> None:
    """Prices fall, and none of the flags of four looks is mined."""
    place.crash()
    for _ in range(4):
        await place.step()
        if place.flagged() == set():
            place.node.call("anvil_dropAllTransactions")


def test_maintain__node_that_is_behind_finds_no_purpose__the_flag_stays(place):
    async def play() -> None:
        node = Behind(place.scene.local.anvil.url)
        async with node, place.keeper(node.url) as keeper:
            node.old = hex(place.node.block_number())
            await crash_that_miners_ignore(place)
            assert not any(send.cancels for a in keeper.sender.pending for send in a.sends)
            assert await place.rescued()
        place.check_sends()

    asyncio.run(play())


class Purposeless(FaultProxy):
    """A node that answers with the honest block hash and finds no purpose in any flag."""

    lying = False

    def _twist(self, call: dict[str, Any], answer: dict[str, Any] | None) -> dict[str, Any]:
        plan = call["params"][0] if call["params"] else None
        if self.lying and call["method"] == "eth_call" and isinstance(plan, dict) and "from" in plan:
            return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": 3, "message": "execution reverted"}}
        return super()._twist(call, answer)


@pytest.mark.parametrize("place_of_liar", [0, 1])
def test_maintain__one_of_two_nodes_finds_no_purpose__the_flag_stays(place, place_of_liar):
    async def play() -> None:
        honest, liar = FaultProxy(place.scene.local.anvil.url), Purposeless(place.scene.local.anvil.url)
        nodes = [honest, liar]
        nodes.insert(place_of_liar, nodes.pop())
        async with honest, liar, place.keeper(*(node.url for node in nodes)) as keeper:
            # the liar is the one that is asked first
            honest.hang, liar.lying = 0.05, True
            await crash_that_miners_ignore(place)
            assert not any(send.cancels for a in keeper.sender.pending for send in a.sends)
            assert await place.rescued()
        place.check_sends()

    asyncio.run(play())


def test_reorganised__transactions_that_had_reverted__leave_no_gap_of_nonces(place):
    async def play() -> None:
        rival = str(account_from_key(RIVALS[0]).address)
        place.scene.local.anvil.set_balance(rival, 10**20)
        async with place.keeper(place.scene.local.anvil.url) as keeper:
            place.crash()
            await seen(keeper, place.node.block_number())
            # a rival is faster, so that the keeper's flags revert
            for vault_id in place.unsafe:
                plan = {"from": rival, "to": place.chain["Liquidator"].address, "gas": hex(900_000),
                        "data": "0x" + place.chain["Liquidator"].encode("flag", vault_id).hex(),
                        "maxFeePerGas": hex(500 * GWEI), "maxPriorityFeePerGas": hex(400 * GWEI)}  # fmt: skip
                place.node.call("anvil_impersonateAccount", rival)
                place.node.call("eth_sendTransaction", plan)
            await place.step(2)
            assert keeper.sender.counts.reverted == len(place.unsafe)
            place.node.call("anvil_reorg", 2, [])
            place.node.call("anvil_dropAllTransactions")
            assert place.flagged() == set()
            await until(lambda: keeper.observer.discovery.reorgs > 0, "the keeper has not noticed")
            assert await place.rescued(4)

    asyncio.run(play())


# --- the journal ----------------------------------------------------------------------------------------------------


def test_journal__that_cannot_be_written__sends_nothing_and_tells_and_goes_on_once_it_can(place, tmp_path):
    async def play() -> None:
        async with place.keeper(place.scene.local.anvil.url, journal=str(tmp_path / "journal.sqlite")) as keeper:
            disk = keeper.sender.journal._db
            disk.execute("PRAGMA query_only=ON")
            place.crash()
            await place.step(3)
            assert place.flagged() == set() and said(place, "sent") == [] and not keeper.sender.pending
            assert [line["kind"] for line in said(place, "alert")].count("journal") == 1
            disk.execute("PRAGMA query_only=OFF")
            assert await place.rescued()
        place.check_sends()

    asyncio.run(play())


def test_journal__second_keeper_of_the_account__is_refused_with_a_sentence(tmp_path):
    path = tmp_path / "journal.sqlite"
    with Journal(path, "chain", "me"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(BadInput, match="cannot be opened"):
            Journal(path, "chain", "me")
    Journal(path, "chain", "me").close()
    with pytest.raises(BadInput, match="cannot be opened"):
        Journal(tmp_path, "chain", "me")


class Killed(BaseException):
    """The end of a process, at a point of our choice."""


def kill(keeper: Keeper, point: str) -> None:
    """Arranges for the keeper to end at a point of its next send."""
    sender = keeper.sender
    write, broadcast, take_in = sender.journal.write, sender.providers.broadcast, sender.take_in

    def before_write(attempts: Any) -> None:
        raise Killed

    def after_write(attempts: Any) -> None:
        write(attempts)
        raise Killed

    async def after_send(calls: Any) -> Any:
        await broadcast(calls)
        raise Killed

    def after_receipts(head: Any, answers: Any) -> Any:
        if sender.pending and any(isinstance(a, dict) for a in answers):
            raise Killed
        return take_in(head, answers)

    if point == "before the journal":
        sender.journal.write = before_write  # type: ignore[method-assign]
    elif point == "before the send":
        sender.journal.write = after_write  # type: ignore[method-assign]
    elif point == "before the answer":
        sender.providers.broadcast = after_send  # type: ignore[method-assign]
    else:
        sender.take_in = after_receipts  # type: ignore[method-assign]


@pytest.mark.parametrize("point", ["before the journal", "before the send", "before the answer", "before the receipt"])
def test_keeper__killed_at_any_point_of_a_send__flags_each_vault_once_and_leaves_no_gap(place, tmp_path, point):
    from bulkhead.keeper.json_log import JsonLog
    from bulkhead.keeper.launch import assemble

    path = tmp_path / "journal.sqlite"

    async def first() -> None:
        with (tmp_path / "log").open("w") as stream:
            keeper = await assemble(
                place.scene.local.chain.deployment, [Node(place.scene.local.anvil.url)], account_from_key(KEY),
                str(path), JsonLog(stream), FLAGS,
            )  # fmt: skip
            kill(keeper, point)
            try:
                with pytest.raises(Killed):
                    for _ in range(4):
                        await keeper.tick()
                        place.mine()
            finally:
                # the kernel frees what a killed process held, and nothing else
                keeper.sender.journal.close()
                await keeper.providers.close()

    async def second() -> None:
        async with place.keeper(place.scene.local.anvil.url, journal=str(path)) as keeper:
            assert isinstance(keeper.executor, SenderExecutor)
            assert await place.rescued(3)
            await place.step(2)
            assert not keeper.sender.pending

    place.crash()
    asyncio.run(first())
    asyncio.run(second())
    place.check_sends()
    nonces = [nonce for _, _, nonce in place.transactions()]
    assert nonces == list(range(nonces[0], nonces[0] + len(place.unsafe)))
