"""A node that is a script: answers to JSON-RPC calls, for an httpx transport in place of a network."""

from __future__ import annotations

import json
from typing import Any

import httpx


class ScriptedNode:
    """Answers calls one by one, alone or in batches; what a node says is `answer`."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """The handler of an `httpx.MockTransport`."""
        body = json.loads(request.content)
        calls = body if isinstance(body, list) else [body]
        told = [{"jsonrpc": "2.0", "id": c["id"], **self.answer(c["method"], c["params"])} for c in calls]
        return httpx.Response(200, json=told if isinstance(body, list) else told[0])

    def answer(self, method: str, params: list[Any]) -> dict[str, Any]:
        """`{"result": ...}` or `{"error": ...}` for one call."""
        raise NotImplementedError
