"""A proxy before a real node that has limits and words of other nodes."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from tests.keeper.proxy import FaultProxy

#: What each says of too large a batch, of too long a range, of a revert, of a used nonce and of too low a price:
#: (code, words), with {most} for its limit.
WORDS: dict[str, dict[str, tuple[int, str]]] = {
    "Geth": {
        "batch": (-32600, "batch too large"),
        "range": (-32005, "query returned more than 10000 results"),
        "revert": (3, "execution reverted"),
        "nonce": (-32000, "nonce too low: next nonce 9, tx nonce 1"),
        "price": (-32000, "replacement transaction underpriced"),
    },
    "Erigon": {
        "batch": (-32000, "batch limit {most} exceeded (can increase by --rpc.batch.limit)"),
        "range": (-32000, "exceed maximum block range: {most}"),
        "revert": (-32000, "execution reverted"),
        "nonce": (-32000, "nonce too low"),
        "price": (-32000, "could not replace existing tx"),
    },
    "Nethermind": {
        "batch": (-32005, "Batch size limit exceeded"),
        "range": (-32005, "Too many logs requested."),
        "revert": (-32015, "VM execution error."),
        "nonce": (-32010, "OldNonce, Current nonce: 9, nonce of rejected tx: 1"),
        "price": (-32010, "ReplacementNotAllowed"),
    },
    "Besu": {
        "batch": (-32005, "Number of requests exceeds max batch size"),
        "range": (-32005, "Requested range exceeds maximum RPC range limit"),
        "revert": (-32000, "Execution reverted"),
        "nonce": (-32001, "Nonce too low"),
        "price": (-32000, "Replacement transaction underpriced"),
    },
    "Reth": {
        "batch": (-32010, "The batch request was too large: Exceeded max limit of {most}"),
        "range": (-32602, "query exceeds max block range {most}"),
        "revert": (3, "execution reverted"),
        "nonce": (-32000, "nonce too low: next nonce 9, tx nonce 1"),
        "price": (-32000, "replacement transaction underpriced"),
    },
    "a host that answers 413": {
        "batch": (413, ""),
        "range": (-32600, "You can make eth_getLogs requests with up to a {most} block range."),
        "revert": (3, "execution reverted"),
        "nonce": (-32000, "nonce too low"),
        "price": (-32000, "replacement transaction underpriced"),
    },
    "a host that answers 400": {
        "batch": (400, "Batch size is too large"),
        "range": (-32614, "eth_getLogs is limited to a {most} range"),
        "revert": (-32603, "execution reverted"),
        "nonce": (-32000, "nonce too low"),
        "price": (-32000, "replacement transaction underpriced"),
    },
}


class LimitedProxy(FaultProxy):
    """Refuses what is too much, and says so and everything else in the words of a node.

    Attributes:
        style: Whose words.
        most_calls: Calls in a post.
        most_blocks: Blocks in a range of logs.
        refusals: What it has refused so far, by kind.
    """

    def __init__(self, target: str, style: str, most_calls: int, most_blocks: int) -> None:
        super().__init__(target)
        self.words = WORDS[style]
        self.style, self.most_calls, self.most_blocks = style, most_calls, most_blocks
        self.refusals: dict[str, int] = {}

    def _said(self, kind: str, most: int = 0) -> dict[str, Any]:
        self.refusals[kind] = self.refusals.get(kind, 0) + 1
        code, text = self.words[kind]
        return {"code": code if code < 400 else -32600, "message": text.format(most=most)}

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if not isinstance(body, list) or len(body) <= self.most_calls:
            return await super()._handle(request)
        self.posts += 1
        error = self._said("batch", self.most_calls)
        status = self.words["batch"][0] if self.words["batch"][0] >= 400 else 200
        if status == 413:
            return web.Response(status=413, text="<html>Payload Too Large</html>")
        if self.style == "Geth":
            return web.json_response([{"jsonrpc": "2.0", "id": body[0]["id"], "error": error}])
        return web.json_response({"jsonrpc": "2.0", "id": None, "error": error}, status=status)

    def _twist(self, call: dict[str, Any], answer: dict[str, Any] | None) -> dict[str, Any]:
        told = super()._twist(call, answer)
        head = {"jsonrpc": "2.0", "id": call["id"]}
        query = call["params"][0] if call["params"] else None
        ranged = call["method"] == "eth_getLogs" and "blockHash" not in query
        if ranged and int(query["toBlock"], 16) - int(query["fromBlock"], 16) >= self.most_blocks:
            return {**head, "error": self._said("range", self.most_blocks)}
        error = told.get("error")
        if not error:
            return told
        words = json.dumps(error).lower()
        if "revert" in words:
            data = error.get("data", "0x")
            if self.style == "Nethermind":
                data = f"Reverted {data}"
            return {**head, "error": {**self._said("revert"), "data": data}}
        for kind, sign in (("nonce", "nonce too low"), ("price", "underpriced")):
            if sign in words:
                return {**head, "error": self._said(kind)}
        return told


@contextmanager
def served(proxy: LimitedProxy) -> Iterator[str]:
    """A proxy in a thread of its own, for code that blocks."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(proxy.__aenter__(), loop).result()
    try:
        yield proxy.url
    finally:
        asyncio.run_coroutine_threadsafe(proxy.__aexit__(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
