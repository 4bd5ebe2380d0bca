"""Serves a maker over HTTP.

`GET /quotes` and `GET /stream` have its ladder, `POST /rfq` answers requests for quotes, `POST /orders` takes orders
that wait for a price. A taker fills a quote as it is: each is a signed order (`SignedOrder.to_json`). Quotes live
for seconds and carry a spot band, so an old one is dead without a transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any, TextIO

from aiohttp import web

from bulkhead import orders
from bulkhead.chain.background import end
from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.client import SignedOrder, from_wad
from bulkhead.maker.answers import Answers, Request
from bulkhead.maker.desk import Look, Maker
from bulkhead.maker.rates import RateLimit
from bulkhead.maker.waiting_orders import WaitingOrders

#: Requests a second of one address or IP, and in all.
EACH, ALL = 5, 50
#: Bytes of a request.
LARGEST = 8 * 1024
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "86400",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine's own."""
    name = host.rsplit(":", 1)[0] if host.count(":") == 1 or host.startswith("[") and not host.endswith("]") else host
    name = name.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def require_place(host: str, port: int) -> None:
    """Refuses a place at which nobody can listen, before tokens go into a desk.

    Raises:
        BadInput: It is in use, or is none.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.create_server((host, port), family=family):
            pass
    except OSError as error:
        raise BadInput(f"{host}:{port} cannot be listened on: {error.strerror or error}.") from None
    except (OverflowError, ValueError):
        raise BadInput(f"{host!r} and {port} are no place to listen at.") from None


class QuoteServer:
    """Serves the newest quotes of a maker, and fills what others left for it."""

    def __init__(self, maker: Maker, refresh: float, log: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        """Sets it up; `run` starts it.

        Args:
            maker: Who quotes; its desks are open.
            refresh: Seconds between ladders.
            log: Gets one JSON line per ladder, and one per fill.
            clock: Counts requests [seconds].
        """
        self._maker, self._refresh, self._log = maker, refresh, log
        self._latest = _text(0, [])
        self._news, self._fresh = asyncio.Condition(), asyncio.Event()
        self._look: Look | None = None
        # the ladder waits for nobody: neither for those who ask, nor for fills that wait for their blocks
        asked = maker.beside()
        self._answers, self._answering = Answers(asked), asyncio.Lock()
        self._waiting = WaitingOrders(maker.beside(), asked.client.chain.rpc)
        self._by_ip, self._by_address, self._all = RateLimit(EACH, clock), RateLimit(EACH, clock), RateLimit(ALL, clock)
        self._loopback = True

    async def refresh(self) -> None:
        """Signs one ladder; a node that does not answer leaves none to fill rather than an old one."""
        try:
            look = await asyncio.to_thread(self._maker.look)
            quotes = await asyncio.to_thread(self._maker.quotes, look)
            said: dict[str, Any] = {"event": "quoted", "quotes": len(quotes)}
        except BulkheadError as error:
            look, quotes, said = None, [], {"event": "failed", "error": str(error)}
        self._look = look
        self._answers.update(look)
        async with self._news:
            self._latest = _text(int(time.time()), quotes)
            self._news.notify_all()
        self._fresh.set()
        self._say(said)

    async def _fill_on(self) -> None:
        """Fills what waits, at each ladder again, until cancelled."""
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            await self.fill()

    async def fill(self) -> None:
        """Fills orders of others that wait and pay now."""
        look = self._look
        if look is None:
            return
        try:
            await asyncio.to_thread(self._waiting.watch_board)
            taken = await asyncio.to_thread(self._waiting.fill, look, lambda: self._look is look)
        except BulkheadError as error:
            self._say({"event": "failed", "error": str(error)})
            return
        for one in taken:
            vault = one.signed.order.maker_vault
            price, packages = str(from_wad(one.price)), str(from_wad(one.packages * 10**12))
            self._say({"event": "filled", "vault": vault, "packages": packages, "price": price})

    def _say(self, event: dict[str, Any]) -> None:
        print(json.dumps(event), file=self._log, flush=True)

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=LARGEST, middlewares=[self._guarded])
        app.add_routes(
            [
                web.get("/quotes", self._get),
                web.get("/stream", self._stream),
                web.post("/rfq", self._ask),
                web.post("/orders", self._post),
                web.options("/{path:.*}", self._options),
            ]
        )
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Any origin may read, none with its user's cookies; on loopback only who means this machine is heard."""
        if self._loopback and not is_loopback(request.host):
            raise web.HTTPForbidden(text="This server listens on loopback and was called by another name.\n")
        try:
            response = await handler(request)
        except web.HTTPException as refused:
            response = _refused(refused.status, (refused.text or refused.reason).strip())
        except BulkheadError as error:
            response = _refused(400 if isinstance(error, BadInput) else 502, str(error))
        except orders.OrderError as error:
            response = _refused(400, f"The order is not valid: {error}.")
        if not response.prepared:
            response.headers.update(CORS)
        return response

    async def _options(self, _request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _get(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._latest, content_type="application/json")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", **CORS})
        await response.prepare(request)
        with contextlib.suppress(ConnectionResetError):
            while True:
                await response.write(self._latest + b"\n")
                async with self._news:
                    await self._news.wait()
        return response

    async def _ask(self, request: web.Request) -> web.Response:
        asked = Request.parse(await self._body(request))
        if not self._by_address.allows(asked.taker):
            return _refused(429, f"One taker asks at most {EACH} times a second.")
        async with self._answering:
            return web.json_response({"answers": await asyncio.to_thread(self._answers.answer, asked)})

    async def _post(self, request: web.Request) -> web.Response:
        signed = SignedOrder.from_dict(await self._body(request))
        async with self._answering:
            await asyncio.to_thread(self._waiting.add, signed)
        return web.json_response({"waiting": True})

    async def _body(self, request: web.Request) -> Any:
        # in this order: who asks too often takes nothing of what is there for all
        if not (self._by_ip.allows(request.remote or "") and self._all.allows("")):
            raise web.HTTPTooManyRequests(text=f"At most {EACH} requests a second from one address, {ALL} in all.\n")
        try:
            return json.loads(await request.text())
        except (ValueError, RecursionError):
            raise BadInput("The body is not JSON.") from None

    async def run(self, host: str, port: int, rounds: int | None = None) -> None:
        """Serves until cancelled, or for so many ladders."""
        self._loopback = is_loopback(host)
        runner = web.AppRunner(self.application(), shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise BadInput(f"{host}:{port} cannot be listened on: {error.strerror}.") from None
        except (OverflowError, ValueError):
            raise BadInput(f"{host!r} and {port} are no place to listen at.") from None
        filling = asyncio.create_task(self._fill_on())
        try:
            while rounds is None or rounds > 0:
                await self.refresh()
                rounds = None if rounds is None else rounds - 1
                await asyncio.sleep(self._refresh)
                if filling.done():
                    filling.result()
        finally:
            await end([filling])
            await runner.cleanup()


def _text(at: int, quotes: list[dict[str, Any]]) -> bytes:
    """A ladder as those get it who ask for it, made once for all of them."""
    return json.dumps({"at": at, "quotes": quotes}).encode()


def _refused(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)
