"""The maker's server under load: how many are heard, and that its ladder waits for none of them."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any

import aiohttp
import httpx
import pytest
from aiohttp import web

from bulkhead.chain import anvil
from bulkhead.chain.sender import account_from_key
from bulkhead.client import Bulkhead
from bulkhead.maker.desk import Maker
from bulkhead.maker.ladder import Style
from bulkhead.maker.limits import RiskLimits
from bulkhead.maker.server import ALL, EACH, QuoteServer
from bulkhead.maker.waiting_orders import WaitingOrders
from bulkhead.risk.words import Kind, Series
from examples.common import friday
from tests.keeper.proxy import SEND, FaultProxy
from tests.keeper.world import awaited, until
from tests.maker.test_client import market, people
from tests.maker.test_orders import MINUTE, position, push

__all__ = ["market", "people"]

STYLE = Style(size=5 * 10**6, strikes=1, step=50 * 10**8)
#: Askers who ask at once: of many machines and accounts.
ASKERS = 20


class Holding(FaultProxy):
    """A node that keeps whoever sends some words waiting until it is told to answer.

    Attributes:
        words: What it waits at, in small letters.
        release: Lets all of them through.
        held: Posts that have waited.
    """

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.words: tuple[str, ...] = ()
        self.release = asyncio.Event()
        self.held = 0

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        text = (await request.text()).lower()
        if any(word in text for word in self.words):
            self.held += 1
            await self.release.wait()
        return await super()._handle(request)


@asynccontextmanager
async def running(
    maker: Bulkhead, url: str, clock: Callable[[], float] | None = None
) -> AsyncIterator[tuple[QuoteServer, str, Maker]]:
    """A server whose maker speaks to a node at a URL, in this loop: it, its address and its maker."""
    client = await asyncio.to_thread(Bulkhead, url, maker.chain.deployment, maker.key())
    quoting = await asyncio.to_thread(Maker, client, "ETH", [friday(maker, 1)], STYLE, Decimal(20_000))
    await asyncio.to_thread(quoting.open)
    options = {"clock": clock} if clock else {}
    server = await asyncio.to_thread(partial(QuoteServer, quoting, 5, io.StringIO(), **options))
    runner = web.AppRunner(server.application(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield server, f"http://127.0.0.1:{runner.addresses[0][1]}", quoting
    finally:
        await runner.cleanup()


def request_of(taker: str, expiry: int) -> dict[str, Any]:
    """A request for a call, as the client sends it."""
    legs = [{"series": str(Series(1, Kind.CALL, expiry, 2_000 * 10**8).pack()), "ratio": 1}]
    return {"legs": legs, "size": 10**6, "side": "buy", "taker": taker}


async def asks(url: str, machine: int, times: int, body: object) -> list[int]:
    """Status of each of some requests that a machine sends at once."""
    connector = aiohttp.TCPConnector(local_addr=(f"127.0.0.{machine}", 0))
    async with aiohttp.ClientSession(connector=connector) as http:

        async def one() -> int:
            async with http.post(f"{url}/rfq", json=body) as reply:
                return reply.status

        return list(await asyncio.gather(*(one() for _ in range(times))))


# --- how many are heard ---------------------------------------------------------------------------------------------


@awaited
async def test_server__many_machines_at_once__fifty_are_heard_in_all(people: tuple[Bulkhead, Bulkhead]) -> None:
    now = [0.0]
    async with running(people[0], people[0].chain.rpc.url, lambda: now[0]) as (server, url, _):
        await server.refresh()
        for moment, heard in ((0.0, ALL), (0.0, 0), (0.5, ALL // 2), (9.0, ALL)):
            now[0] = moment
            found = [await asks(url, 2 + machine, EACH, {}) for machine in range(ASKERS)]
            codes = [code for one in found for code in one]
            assert (codes.count(400), codes.count(429)) == (heard, ASKERS * EACH - heard)


@awaited
async def test_server__one_machine_that_floods__takes_nothing_of_what_the_others_have(
    people: tuple[Bulkhead, Bulkhead],
) -> None:
    async with running(people[0], people[0].chain.rpc.url, lambda: 0.0) as (server, url, _):
        await server.refresh()
        flood = await asks(url, 2, 3 * ALL, {})
        assert (flood.count(400), flood.count(429)) == (EACH, 3 * ALL - EACH)
        others = [await asks(url, 3 + machine, EACH, {}) for machine in range(ALL // EACH - 1)]
        assert {code for one in others for code in one} == {400}


@awaited
async def test_server__one_taker_from_many_machines__is_heard_five_times(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    async with running(maker, maker.chain.rpc.url, lambda: 0.0) as (server, url, _):
        await server.refresh()
        body = request_of(trader.address, friday(maker, 1))
        found = [await asks(url, 2 + machine, 1, body) for machine in range(EACH + 3)]
        assert found == [[200]] * EACH + [[429]] * 3


@awaited
async def test_server__fifty_who_ask_at_once__all_get_the_one_price(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, _ = people
    async with running(maker, maker.chain.rpc.url, lambda: 0.0) as (server, url, _):
        await server.refresh()
        takers = [account_from_key("0x" + f"{i + 1:064x}").address for i in range(ALL)]

        async def ask(index: int) -> dict[str, Any]:
            connector = aiohttp.TCPConnector(local_addr=(f"127.0.0.{2 + index // EACH}", 0))
            async with (
                aiohttp.ClientSession(connector=connector) as http,
                http.post(f"{url}/rfq", json=request_of(takers[index], friday(maker, 1))) as reply,
            ):
                (answer,) = (await reply.json())["answers"]
                return dict(answer)

        answers = await asyncio.gather(*(ask(i) for i in range(ALL)))
        assert len({one["price"] for one in answers}) == 1
        # nobody of them has anything at all: prices, and no signature to lean on
        assert all("unsigned" in one for one in answers)


# --- the ladder goes first ------------------------------------------------------------------------------------------


@awaited
async def test_ladder__askers_who_wait_for_the_node__do_not_hold_it_up(people: tuple[Bulkhead, Bulkhead]) -> None:
    """The node answers no question about any of fifty askers: ladders are signed all the same, one after the other."""
    maker, _ = people
    takers = [account_from_key("0x" + f"{i + 1:064x}").address for i in range(ALL)]
    async with Holding(maker.chain.rpc.url) as node, running(maker, node.url, lambda: 0.0) as (server, url, _):
        await server.refresh()
        node.words = tuple(taker[2:].lower() for taker in takers)
        body = [request_of(taker, friday(maker, 1)) for taker in takers]
        requests = [asyncio.create_task(asks(url, 2 + i // EACH, 1, body[i])) for i in range(ALL)]
        await until(lambda: node.held > 0, "nobody has asked")
        for _ in range(3):
            await server.refresh()
        assert not any(one.done() for one in requests)
        log = [json.loads(line) for line in server._log.getvalue().splitlines()]  # type: ignore[attr-defined]
        assert [line["event"] for line in log] == ["quoted"] * 4 and log[-1]["quotes"]
        node.release.set()
        assert {code for one in await asyncio.gather(*requests) for code in one} == {200}


async def within(seconds: float, work: Awaitable[Any]) -> None:
    await asyncio.wait_for(work, seconds)


@awaited
async def test_ladder__fill_that_waits_for_its_block__does_not_hold_it_up(people: tuple[Bulkhead, Bulkhead]) -> None:
    """A stop is filled, and no block comes: ladders and answers go on, and the fill is told once it is mined."""
    maker, trader = people
    vault, _ = position(maker, trader)
    async with Holding(maker.chain.rpc.url) as node, running(maker, node.url) as (server, url, _):
        stop = await asyncio.to_thread(trader.stops.stop, vault, below=1_900)
        async with aiohttp.ClientSession() as http, http.post(f"{url}/orders", json=stop.to_dict()) as reply:
            assert reply.status == 200
        for age in (0, 10 * MINUTE):
            await asyncio.to_thread(push, maker, 1_890, age)
        node.words = (SEND.lower(),)
        await server.refresh()
        filling = asyncio.create_task(server.fill())
        await until(lambda: node.held > 0, "nothing was filled")
        for _ in range(3):
            await within(60, server.refresh())
        assert not filling.done()
        assert await asks(url, 2, 1, request_of(trader.address, friday(maker, 1))) == [200]
        node.release.set()
        await filling
        log = [json.loads(line)["event"] for line in server._log.getvalue().splitlines()]  # type: ignore[attr-defined]
        assert log == ["quoted"] * 4 + ["filled"]
    assert trader.vaults.get(vault).legs == ()


def test_quotes__are_written_once_for_all_who_ask(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, _ = people

    async def play() -> None:
        async with running(maker, maker.chain.rpc.url) as (server, url, _):
            await server.refresh()
            async with httpx.AsyncClient(trust_env=False) as http:
                first, second = await http.get(f"{url}/quotes"), await http.get(f"{url}/quotes")
            assert first.content == second.content == server._latest
            assert first.json()["quotes"] and first.headers["Content-Type"].startswith("application/json")

    asyncio.run(play())


# --- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "count"), [("1.5", 1), ("0", 2)])
def test_fill__several_in_one_look__each_counts_against_the_limits_at_once(
    people: tuple[Bulkhead, Bulkhead], limit: str, count: int
) -> None:
    """Two stops that each fit and together do not: without counting the first, one look took both."""
    maker, trader = people
    quoting = Maker(maker, "ETH", [friday(maker, 1)], STYLE, Decimal(20_000), RiskLimits(delta=Decimal(limit)))
    quoting.open()
    # the chain's caps would refuse the second fill: only what the maker counts itself is looked at here
    maker.vaults.set_caps(quoting.desks[friday(maker, 1)], Decimal(0), Decimal(0))
    waiting = WaitingOrders(quoting)
    vaults = [position(maker, trader)[0] for _ in range(2)]
    for vault in vaults:
        waiting.add(trader.stops.stop(vault, below=1_990))
    push(maker, 1_980)
    push(maker, 1_980, 30 * MINUTE)
    assert len(waiting.fill(quoting.look())) == count


def test_fill__newer_look_is_there__leaves_the_rest_to_it(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    quoting = Maker(maker, "ETH", [friday(maker, 1)], STYLE, Decimal(20_000))
    quoting.open()
    waiting = WaitingOrders(quoting)
    for _ in range(2):
        waiting.add(trader.stops.stop(position(maker, trader)[0], below=1_990))
    push(maker, 1_980)
    push(maker, 1_980, 30 * MINUTE)
    looks = iter([True, True, False])
    assert len(waiting.fill(quoting.look(), lambda: next(looks))) == 1
    assert len(waiting.fill(quoting.look())) == 1


def test_beside__maker_of_a_web3_object__shares_its_desks_and_signs_alike(people: tuple[Bulkhead, Bulkhead]) -> None:
    from web3 import HTTPProvider

    maker, _ = people
    client = Bulkhead(HTTPProvider(maker.chain.rpc.url), maker.chain.deployment, key=anvil.key(1))
    quoting = Maker(client, "ETH", [friday(maker, 1)], STYLE, Decimal(20_000))
    other = quoting.beside()
    quoting.desks[1] = 5
    assert other.desks == {1: 5} and other.client.address == client.address
    assert other.client.chain.rpc is not client.chain.rpc and other.client.chain.rpc.chain_id == 31337
