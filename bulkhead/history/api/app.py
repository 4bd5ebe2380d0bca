"""The application: what every route shares, and the routes put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from bulkhead.chain.background import end
from bulkhead.history.api import events, sums, vaults
from bulkhead.history.api.guard import Gauges, Guard, handle
from bulkhead.history.api.shared import Service
from bulkhead.history.api.stream import Hub, router
from bulkhead.history.database import Database

ABOUT = """Vaults, fills and liquidations of Bulkhead deployments, as an index of their logs has them. Read-only.

Amounts are exact decimals in text. Lists come in pages, newest first: `next` of one is `cursor` of the following.
Answers carry an ETag that changes with the block. Failures are problems (RFC 9457)."""


def build(database: Database, origins: tuple[str, ...] = ("*",), rate: float = 0.0) -> FastAPI:
    """The service of a database.

    Args:
        database: Where the past is.
        origins: Web pages that may ask.
        rate: Requests a second of one address, 0 for as many as it likes.
    """
    gauges = Gauges()
    service = Service(database, gauges)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(app.state.hub.watch())
        yield
        await end([watching])
        service.close()

    app = FastAPI(
        title="Bulkhead history", version=version("bulkhead"), description=ABOUT, docs_url=None, redoc_url=None,
        lifespan=lifespan, openapi_url="/openapi.json",
    )  # fmt: skip
    app.state.service, app.state.hub = service, Hub(service)
    for one in (vaults.router, events.router, sums.router, router):
        app.include_router(one, prefix="/v1")
    handle(app)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(gauges.registry), media_type=CONTENT_TYPE_LATEST)

    app.add_middleware(
        CORSMiddleware, allow_origins=list(origins), allow_methods=["GET"], allow_headers=["if-none-match"],
        expose_headers=["etag"],
    )  # fmt: skip
    app.add_middleware(Guard, gauges=gauges, rate=rate)
    return app
