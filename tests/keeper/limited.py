"""A proxy before a real node that has limits and words of other nodes."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes

from tests.keeper.proxy import SEND, FaultProxy

#: What each says of too large a batch, of too long a range, of too long an answer, of a revert, of a used nonce, of too
#: low a price for a replacement and of too low a tip: (code, words), with {most} for its limit and {said} for the tip.
WORDS: dict[str, dict[str, tuple[int, str]]] = {
    "Geth": {
        "batch": (-32600, "batch too large"),
        "range": (-32005, "query returned more than 10000 results"),
        "size": (-32003, "response too large"),
        "rate": (-32005, "rate limit exceeded"),
        "revert": (3, "execution reverted"),
        "nonce": (-32000, "nonce too low: next nonce 9, tx nonce 1"),
        "price": (-32000, "replacement transaction underpriced"),
        "tip": (-32000, "transaction underpriced: gas tip cap {said}, minimum needed {most}"),
    },
    "Erigon": {
        "batch": (-32000, "batch limit {most} exceeded (can increase by --rpc.batch.limit)"),
        "range": (-32000, "exceed maximum block range: {most}"),
        "size": (-32000, "response size limit exceeded"),
        "rate": (429, "Too Many Requests"),
        "revert": (-32000, "execution reverted"),
        "nonce": (-32000, "nonce too low"),
        "price": (-32000, "could not replace existing tx"),
        "tip": (-32000, "underpriced"),
    },
    "Nethermind": {
        "batch": (-32005, "Batch size limit exceeded"),
        "range": (-32005, "Too many logs requested."),
        "size": (-32005, "Batch response size limit exceeded"),
        "rate": (-32005, "Rate limit exceeded"),
        "revert": (-32015, "VM execution error."),
        "nonce": (-32010, "OldNonce, Current nonce: 9, nonce of rejected tx: 1"),
        "price": (-32010, "ReplacementNotAllowed"),
        "tip": (-32010, "FeeTooLow, EffectivePriorityFeePerGas too low {said} < {most}"),
    },
    "Besu": {
        "batch": (-32005, "Number of requests exceeds max batch size"),
        "range": (-32005, "Requested range exceeds maximum RPC range limit"),
        "size": (-32000, "Timeout expired: timed out"),
        "rate": (429, "Too Many Requests"),
        "revert": (-32000, "Execution reverted"),
        "nonce": (-32001, "Nonce too low"),
        "price": (-32000, "Replacement transaction underpriced"),
        "tip": (-32009, "Gas price below configured minimum gas price"),
    },
    "Reth": {
        "batch": (-32010, "The batch request was too large: Exceeded max limit of {most}"),
        "range": (-32602, "query exceeds max block range {most}"),
        "size": (-32008, "Response is too big: Exceeded max limit of {most}"),
        "rate": (429, "Too Many Requests"),
        "revert": (3, "execution reverted"),
        "nonce": (-32000, "nonce too low: next nonce 9, tx nonce 1"),
        "price": (-32000, "replacement transaction underpriced"),
        "tip": (-32003, "transaction underpriced"),
    },
    "a host that answers 413": {
        "batch": (413, ""),
        "range": (-32600, "You can make eth_getLogs requests with up to a {most} block range."),
        "size": (413, ""),
        "rate": (-32005, "project ID request rate exceeded"),
        "revert": (3, "execution reverted"),
        "nonce": (-32000, "nonce too low"),
        "price": (-32000, "replacement transaction underpriced"),
        "tip": (-32000, "transaction underpriced: tip needed {most}, tip permitted {said}"),
    },
    "a host that answers 400": {
        "batch": (400, "Batch size is too large"),
        "range": (-32614, "eth_getLogs is limited to a {most} range"),
        "size": (-32602, "Response size exceeded: the result is too large"),
        "rate": (-32007, "15/second request limit reached - reduce calls per second"),
        "revert": (-32603, "execution reverted"),
        "nonce": (-32000, "nonce too low"),
        "price": (-32000, "replacement transaction underpriced"),
        "tip": (-32000, "transaction underpriced"),
    },
}


TIP, PRICE = "eth_maxPriorityFeePerGas", "eth_gasPrice"
#: What nodes say of a transaction with EIP-1559's fees that their chain does not take.
TYPED_REFUSALS = (
    (-32000, "transaction type not supported"),
    (-32010, "InvalidTxType: Transaction type EIP1559 is not supported."),
    (-32000, "Transaction type EIP1559 is invalid, accepted transaction types are [FRONTIER, ACCESS_LIST]"),
    (-32003, "eip1559 transactions are disabled"),
    (-32602, "unsupported transaction type: 2"),
)


@dataclass(frozen=True)
class Bounds:
    """What a node bears, everything unless said.

    Attributes:
        calls: Calls in a post.
        blocks: Blocks in a range of logs.
        size: Bytes of an answer to several calls, or to a range of several blocks.
        posts: Posts within half a second.
        retry_after: What it says to who asks more often, nothing when empty.
        tip: Least priority fee that it takes [wei].
    """

    calls: int = 10**9
    blocks: int = 10**9
    size: int = 10**9
    posts: int = 10**9
    retry_after: str = ""
    tip: int = 0


class LimitedProxy(FaultProxy):
    """Refuses what is too much, and says so and everything else in the words of a node.

    Attributes:
        style: Whose words.
        bounds: What it bears.
        refusals: What it has refused so far, by kind.
    """

    WINDOW_SECONDS = 0.5

    def __init__(
        self, target: str, style: str, most_calls: int = 10**9, most_blocks: int = 10**9, bounds: Bounds | None = None
    ) -> None:
        super().__init__(target)
        self.words = WORDS[style]
        self.style, self.bounds = style, bounds or Bounds(most_calls, most_blocks)
        self.refusals: dict[str, int] = {}
        self._recent: deque[float] = deque()

    def _said(self, kind: str, most: int = 0, said: int = 0) -> dict[str, Any]:
        self.refusals[kind] = self.refusals.get(kind, 0) + 1
        code, text = self.words[kind]
        return {"code": code if code < 400 else -32600, "message": text.format(most=most, said=said)}

    def _refused(self, kind: str, most: int, body: Any) -> web.Response:
        """Refuses a post as a whole."""
        self.posts += 1
        error, code = self._said(kind, most), self.words[kind][0]
        if code == 413:
            return web.Response(status=413, text="<html>Payload Too Large</html>")
        single = not isinstance(body, list)
        if self.style == "Geth" and not single:
            return web.json_response([{"jsonrpc": "2.0", "id": body[0]["id"], "error": error}])
        whole = {"jsonrpc": "2.0", "id": body["id"] if single else None, "error": error}
        return web.json_response(whole, status=code if code >= 400 else 200)

    def _is_too_fast(self) -> bool:
        now = time.monotonic()
        while self._recent and self._recent[0] < now - self.WINDOW_SECONDS:
            self._recent.popleft()
        if len(self._recent) >= self.bounds.posts:
            return True
        self._recent.append(now)
        return False

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if self._is_too_fast():
            reply = self._refused("rate", 0, body)
            if self.bounds.retry_after:
                reply.headers["retry-after"] = self.bounds.retry_after
            return reply
        calls = len(body) if isinstance(body, list) else 1
        if calls > self.bounds.calls:
            return self._refused("batch", self.bounds.calls, body)
        answer = await super()._handle(request)
        size = answer.content_length or 0
        if size > self.bounds.size and (calls > 1 or self._fits_in_parts(body)):
            return self._refused("size", self.bounds.size, body)
        return answer

    async def _forward(self, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        offered = {c["id"]: _tip(c) for c in calls if c["method"] == SEND}
        cheap = {name: tip for name, tip in offered.items() if tip < self.bounds.tip}
        told = [
            {"jsonrpc": "2.0", "id": name, "error": self._said("tip", self.bounds.tip, tip)}
            for name, tip in cheap.items()
        ]
        rest = [c for c in calls if c["id"] not in cheap]
        return [*(await super()._forward(rest) if rest else []), *told]

    def _fits_in_parts(self, body: Any) -> bool:
        """Whether a single call is one of logs that could be asked for fewer blocks, and is told so."""
        call = body[0] if isinstance(body, list) else body
        return _blocks(call) > 1 and "Batch" not in self.words["size"][1]

    def _twist(self, call: dict[str, Any], answer: dict[str, Any] | None) -> dict[str, Any]:
        told = super()._twist(call, answer)
        head = {"jsonrpc": "2.0", "id": call["id"]}
        if _blocks(call) > self.bounds.blocks:
            return {**head, "error": self._said("range", self.bounds.blocks)}
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


def _blocks(call: dict[str, Any]) -> int:
    """Blocks whose logs a call reads."""
    query = call["params"][0] if call["params"] else None
    if call["method"] != "eth_getLogs" or "blockHash" in query:
        return 0
    return int(query["toBlock"], 16) - int(query["fromBlock"], 16) + 1


def _tip(call: dict[str, Any]) -> int:
    """What a raw transaction offers beyond the base fee at most [wei]; a plain one says nothing of it."""
    raw = HexBytes(call["params"][0])
    return int(TypedTransaction.from_bytes(raw).as_dict()["maxPriorityFeePerGas"]) if raw[0] == 2 else 2**256


class Overtaken(LimitedProxy):
    """Lets somebody be faster: just before a call of a method is passed on, the node is told something else.

    Attributes:
        faster: What the node is told, by the call that it gets before; none once that has happened.
        after: So many posts with that method are passed on first.
    """

    def __init__(
        self,
        target: str,
        style: str,
        bounds: Bounds,
        method: str,
        faster: Callable[[dict[str, Any]], list[tuple[str, list[Any]]]],
        after: int = 0,
    ) -> None:
        super().__init__(target, style, bounds=bounds)
        self.method, self.after = method, after
        self.faster: Callable[[dict[str, Any]], list[tuple[str, list[Any]]]] | None = faster

    async def _forward(self, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = next((call for call in calls if call["method"] == self.method), None)
        if found is not None and self.after:
            self.after -= 1
        elif found is not None and self.faster is not None:
            told, self.faster = self.faster(found), None
            for number, (method, parameters) in enumerate(told):
                asked = {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
                assert self._http is not None
                async with self._http.post(self.target, json=asked) as reply:
                    assert "error" not in await reply.json(), asked
        return await super()._forward(calls)


def at_its_nonce(account: str, call: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    """A transaction of an unlocked account at the nonce of one that is being sent, at a higher price."""
    nonce = TypedTransaction.from_bytes(HexBytes(call["params"][0])).as_dict()["nonce"]
    fees = {"maxFeePerGas": hex(90 * 10**9), "maxPriorityFeePerGas": hex(9 * 10**9)}
    plan = {"from": account, "to": account, "gas": hex(21_000), "nonce": hex(int(nonce)), **fees}
    return [("eth_sendTransaction", [plan])]


class PlainProxy(LimitedProxy):
    """A chain without EIP-1559 before a real node.

    Attributes:
        headers: Its blocks show a base fee all the same.
        refusal: What it says of a transaction of another type.
        price: What it says that gas costs [wei].
    """

    def __init__(self, target: str, headers: bool, refusal: tuple[int, str], price: int = 3 * 10**9) -> None:
        super().__init__(target, "Geth")
        self.headers, self.refusal, self.price = headers, refusal, price
        self.refused_types = 0

    async def _forward(self, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        typed = [c for c in calls if c["method"] == SEND and c["params"][0].startswith("0x02")]
        self.refused_types += len(typed)
        code, message = self.refusal
        error = {"code": code, "message": message}
        told = [{"jsonrpc": "2.0", "id": c["id"], "error": error} for c in typed]
        rest = [c for c in calls if c not in typed]
        return [*(await super()._forward(rest) if rest else []), *told]

    def _twist(self, call: dict[str, Any], answer: dict[str, Any] | None) -> dict[str, Any]:
        told, head = super()._twist(call, answer), {"jsonrpc": "2.0", "id": call["id"]}
        if call["method"] == TIP and not self.headers:
            return {**head, "error": {"code": -32601, "message": "the method does not exist/is not available"}}
        if call["method"] == PRICE:
            return {**head, "result": hex(self.price)}
        if call["method"].startswith("eth_getBlockBy") and not self.headers and isinstance(told.get("result"), dict):
            return {**told, "result": {k: v for k, v in told["result"].items() if k != "baseFeePerGas"}}
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
