"""A maker's server on a thread of its own."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

from aiohttp import web

from bulkhead.chain.anvil import free_port
from bulkhead.client import Bulkhead
from bulkhead.maker.desk import Maker
from bulkhead.maker.ladder import Style
from bulkhead.maker.limits import RiskLimits
from bulkhead.maker.server import QuoteServer
from examples.common import friday

STYLE = Style(size=5 * 10**6, strikes=1, step=50 * 10**8)


@contextmanager
def served(application: Callable[[], web.Application]) -> Iterator[str]:
    """A server on a thread of its own: its URL."""
    port, ready, loop = free_port(), threading.Event(), asyncio.new_event_loop()

    async def start() -> None:
        runner = web.AppRunner(application())
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        ready.set()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(start())
        loop.run_forever()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


@contextmanager
def serving(client: Bulkhead, style: Style = STYLE, limits: RiskLimits | None = None, expiry: int = 0) -> Iterator[str]:
    """A maker's server after one look: its URL; of the Friday after next unless an expiry is named."""
    quoting = Maker(client, "ETH", [expiry or friday(client, 1)], style, Decimal(20_000), limits or RiskLimits())
    quoting.open()
    made: list[QuoteServer] = []

    def application() -> web.Application:
        made.append(QuoteServer(quoting, 5, io.StringIO()))
        return made[0].application()

    with served(application) as url:
        asyncio.run(asyncio.wait_for(made[0].refresh(), 20))
        yield url
