"""A JSON-RPC proxy that misbehaves on command: between a keeper and a real node, in the test's own event loop."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import aiohttp
from aiohttp import web

SEND = "eth_sendRawTransaction"


class FaultProxy:
    """Forwards posts to a node, but for the faults that are switched on.

    Attributes:
        target: URL of the node.
        down: Connections are cut.
        hang: Seconds before an answer.
        status: HTTP status instead of an answer, 0 for none.
        garbage: Answers are noise.
        drop: Share of connections that are cut.
        frozen: The head stands still at this header, None for not.
        lose_sends: Transactions are acknowledged and thrown away.
        deny_sends: Transactions are passed on and answered with an error.
        posts: Posts so far.
        sent: Raw transactions that came in.
    """

    def __init__(self, target: str, seed: int = 1) -> None:
        self.target = target
        self.down = False
        self.hang = 0.0
        self.status = 0
        self.garbage = False
        self.drop = 0.0
        self.frozen: dict[str, Any] | None = None
        self.lose_sends = False
        self.deny_sends = False
        self.posts = 0
        self.sent: list[str] = []
        self.url = ""
        self._random = random.Random(seed)
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> FaultProxy:
        app = web.Application(client_max_size=2**28)
        app.router.add_post("/", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"
        self._http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None and self._http is not None
        await self._http.close()
        await self._runner.cleanup()

    def heal(self) -> None:
        """No more faults."""
        self.down, self.hang, self.status, self.garbage, self.drop = False, 0.0, 0, False, 0.0
        self.frozen, self.lose_sends, self.deny_sends = None, False, False

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.posts += 1
        body = await request.json()
        calls = body if isinstance(body, list) else [body]
        if self.hang:
            await asyncio.sleep(self.hang)
        if self.down or self._random.random() < self.drop:
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=500)
        if self.status:
            return web.Response(status=self.status, headers={"retry-after": "0"})
        if self.garbage:
            noise = ["<html>busy</html>", "[]", "null", '[{"jsonrpc":"2.0","id":1,"result":"0xzz"}]', '{"a":', "[1,2]"]
            honest = [json.dumps([{"jsonrpc": "2.0", "id": c["id"], "result": "0x"} for c in calls])]
            return web.Response(text=self._random.choice(noise + honest), content_type="application/json")
        answers = await self._forward(calls)
        return web.json_response(answers if isinstance(body, list) else answers[0])

    async def _forward(self, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        passed = [c for c in calls if not (c["method"] == SEND and self.lose_sends)]
        found: dict[Any, dict[str, Any]] = {}
        if passed:
            assert self._http is not None
            async with self._http.post(self.target, json=passed) as reply:
                found = {a["id"]: a for a in await reply.json()}
        return [self._twist(call, found.get(call["id"])) for call in calls]

    def _twist(self, call: dict[str, Any], answer: dict[str, Any] | None) -> dict[str, Any]:
        head = {"jsonrpc": "2.0", "id": call["id"]}
        if call["method"] == SEND:
            self.sent.append(call["params"][0])
            if answer is None:
                return {**head, "result": "0x" + "00" * 32}
            if self.deny_sends:
                return {**head, "error": {"code": -32000, "message": "internal error"}}
        if self.frozen is not None and call["method"] == "eth_getBlockByNumber" and call["params"][0] == "latest":
            return {**head, "result": self.frozen}
        return answer or {**head, "error": {"code": -32603, "message": "nothing"}}
