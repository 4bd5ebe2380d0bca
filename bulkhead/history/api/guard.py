"""Before and after every request: how many at once and how fast, what took how long, and failures as problems."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.exceptions import HTTPException

from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.history.database import HistoryError

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
PROBLEM = "application/problem+json"
#: Longest path with its query [bytes].
LONGEST = 2_000
#: Clients whose speed is remembered.
REMEMBERED = 10_000


class NotThere(BulkheadError):
    """What was asked for is not in the database."""


class Unchanged(Exception):
    """The client has this answer already."""

    def __init__(self, tag: str) -> None:
        self.tag = tag


class Gauges:
    """What the service measures of itself."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("bulkhead_requests", "Requests.", ["route", "status"], registry=self.registry)
        self.seconds = Histogram(
            "bulkhead_request_seconds", "Seconds of a request.", ["route"], registry=self.registry,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
        )  # fmt: skip
        self.streams = Gauge("bulkhead_streams", "Open streams of blocks.", registry=self.registry)
        self.block = Gauge("bulkhead_block", "Newest block that is in.", ["deployment"], registry=self.registry)


class Guard:
    """Counts, times and limits; plain ASGI, for it is in the way of everything.

    Attributes:
        app: What is guarded.
        gauges: Where it is counted.
        rate: Requests a second of one address, 0 for as many as it likes.
    """

    def __init__(self, app: Any, gauges: Gauges, rate: float = 0.0) -> None:
        self.app, self.gauges, self.rate = app, gauges, rate
        self._left: dict[str, tuple[float, float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        started, status = time.perf_counter(), 500

        async def told(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await (refusal or self.app)(scope, receive, told)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self.gauges.requests.labels(route, status).inc()
            self.gauges.seconds.labels(route).observe(time.perf_counter() - started)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        if len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"") > LONGEST:
            return problem(414, "Too long", f"A path with its query has at most {LONGEST} bytes.")
        if not self.rate:
            return None
        now, client = time.monotonic(), (scope.get("client") or ("",))[0]
        left, then = self._left.get(client, (self.rate, now))
        left = min(left + (now - then) * self.rate, self.rate)
        if len(self._left) > REMEMBERED:
            self._left.clear()
        self._left[client] = (max(left - 1, 0.0), now)
        if left >= 1:
            return None
        return problem(
            429, "Too many requests", f"One address may ask {self.rate:g} times a second.", {"retry-after": "1"}
        )


def problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """A failure as RFC 9457 has it."""
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(content, status, headers, PROBLEM)


def handle(app: FastAPI) -> None:
    """Turns every failure into a problem."""

    @app.exception_handler(BulkheadError)
    async def _(_request: Request, error: BulkheadError) -> Response:
        if isinstance(error, NotThere):
            return problem(404, "Not there", str(error))
        if isinstance(error, HistoryError):
            return problem(503, "Database", str(error), {"retry-after": "5"})
        return problem(400 if isinstance(error, BadInput) else 500, "Bad input", str(error))

    @app.exception_handler(RequestValidationError)
    async def _(_request: Request, error: RequestValidationError) -> Response:
        places = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors()[:5])
        return problem(422, "Bad input", f"{places}."[:600])

    @app.exception_handler(HTTPException)
    async def _(_request: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), f"{error.detail}.", dict(error.headers or {}))

    @app.exception_handler(Unchanged)
    async def _(_request: Request, error: Unchanged) -> Response:
        return Response(status_code=304, headers={"etag": error.tag})


def text_of(content: object) -> str:
    """JSON without spaces."""
    return json.dumps(content, separators=(",", ":"))
