"""A user's web3.py as transport: its provider, its middleware, its signer, and batches where the provider has them.

Only posts go through it; what they say is coded and decoded here, as over our own connection. Everything that `Rpc`
learns about a node (batches, ranges, rates) holds for it as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Coroutine, Mapping
from typing import Any

from bulkhead.chain.errors import NodeTimeout, NodeUnavailable
from bulkhead.chain.limits import NodeLimits
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.rpc_batching import TOO_LARGE, Post, Reply, seconds_of

#: Longest wait for an answer of an asynchronous provider [seconds].
PATIENCE = 60.0
#: HTTP status of what a host does not like.
BAD_REQUEST = 400


def _plain(value: Any) -> Any:
    """A value without web3's own types."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _address(provider: Any) -> str:
    """Where a provider's node is, empty when it does not say."""
    return str(getattr(provider, "endpoint_uri", None) or getattr(provider, "ipc_path", None) or "")


def _name(provider: Any) -> str:
    """What errors call the node."""
    return _address(provider) or type(provider).__name__


class _Onion:
    """A user's middleware without web3's validation of chain ids, which asks for the chain id twice in each call."""

    def __init__(self, w3: Any) -> None:
        self._onion = w3.middleware_onion

    def as_tuple_of_middleware(self) -> tuple[Any, ...]:
        """What requests pass, as providers ask for it; the user may add to it at any time."""
        from web3.middleware import ValidationMiddleware

        return tuple(one for one in self._onion.as_tuple_of_middleware() if one is not ValidationMiddleware)


class _Loop:
    """A thread whose event loop runs what an asynchronous provider does."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="web3", daemon=True)
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of a coroutine, waited for."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)

    def stop(self) -> None:
        """Ends the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


class Web3Rpc(Rpc):
    """`Rpc` over a `Web3` or an `AsyncWeb3`.

    An `AsyncWeb3` is driven by a thread of its own. One that keeps a connection open (websockets, IPC) is connected
    here, unless it is connected already: then it has to be used from another thread than its own loop's.

    Attributes:
        w3: The user's object.
    """

    def __init__(self, w3: Any) -> None:
        super().__init__(_name(w3.provider))
        if not _address(w3.provider):
            self.limits = NodeLimits()
        self.w3 = w3
        self._onion = _Onion(w3)
        self._loop = _Loop() if _is_async(w3) else None
        self._connected = False
        # a provider says here whether it can batch, by being able to
        self._batches = hasattr(w3.provider, "make_batch_request")

    def close(self) -> None:
        """Ends the thread; the user's provider stays as it is, but for a connection that was opened here."""
        super().close()
        if self._loop is not None:
            if self._connected:
                with contextlib.suppress(Exception):  # what a broken connection raises when it is left
                    self._loop.run(self.w3.provider.disconnect())
            self._loop.stop()

    def beside(self) -> Rpc:
        """The same provider for another thread; an asynchronous one is driven by one thread for all."""
        return self if self._loop is not None else Web3Rpc(self.w3)

    def _send(self, post: Post) -> Reply:
        calls = [piece.call for piece in post.pieces]
        try:
            if len(calls) > 1 and self._batches:
                body = self._batch(calls)
            else:
                # a list even for one: an entry that the provider refused is told apart by its place
                body = [self._single(method, list(parameters)) for method, parameters in calls]
        except Exception as error:  # whatever a user's provider and middleware raise
            return self._failed(error, len(calls))
        if isinstance(body, Mapping):
            return Reply(200, _plain(body))
        numbered = [{**_plain(one), "id": post.first_id + i} for i, one in enumerate(body)]
        return Reply(200, numbered if len(numbered) > 1 else numbered[0])

    def _single(self, method: str, parameters: list[object]) -> Any:
        provider, onion = self.w3.provider, self._onion
        if self._loop is None:
            return provider.request_func(self.w3, onion)(method, parameters)

        async def ask() -> Any:
            await self._connect()
            function = await provider.request_func(self.w3, onion)
            return await function(method, parameters)

        return self._loop.run(ask())

    def _batch(self, calls: list[Any]) -> Any:
        provider, onion = self.w3.provider, self._onion
        entries = [(method, list(parameters)) for method, parameters in calls]
        if self._loop is None:
            return provider.batch_request_func(self.w3, onion)(entries)

        async def ask() -> Any:
            await self._connect()
            function = await provider.batch_request_func(self.w3, onion)
            return await function(entries)

        return self._loop.run(ask())

    async def _connect(self) -> None:
        """Opens the connection of a provider that keeps one."""
        provider = self.w3.provider
        if self._connected or not hasattr(provider, "send_batch_request"):
            return
        if not await provider.is_connected():
            await provider.connect()
        self._connected = True

    def _failed(self, error: Exception, together: int) -> Reply:
        """What an exception of the provider comes to: an HTTP status with its body, or no answer.

        Args:
            error: The exception.
            together: Calls in the post.

        Raises:
            NodeUnavailable: There was no answer.
        """
        refusal = getattr(error, "rpc_response", None) or (error.args[0] if error.args else None)
        if isinstance(refusal, Mapping) and {"code", "message"} <= set(refusal.get("error", refusal)):
            # websockets raise what was said of a post as a whole
            return Reply(200, {"error": _plain(refusal.get("error", refusal))})
        response = getattr(error, "response", None)
        status = getattr(response, "status_code", None) or getattr(error, "status", None)
        if isinstance(status, int) and status >= 400:
            headers = getattr(response, "headers", None) or getattr(error, "headers", None) or {}
            body = _body(response)
            if status == BAD_REQUEST and body is None and together > 1:
                # aiohttp drops what a host says about too large a batch
                status = TOO_LARGE
            return Reply(status, body, seconds_of(headers.get("retry-after")))
        if isinstance(error, TimeoutError) or "timeout" in type(error).__name__.lower():
            raise NodeTimeout(f"No node answers at {self.url} ({type(error).__name__}).") from error
        what = " ".join(str(error).split())[:300] or type(error).__name__
        raise NodeUnavailable(f"No node answers at {self.url} ({what}).") from error


def _body(response: Any) -> Any:
    try:
        return json.loads(response.text) if response is not None else None
    except (AttributeError, TypeError, ValueError):
        return None


def _is_async(w3: Any) -> bool:
    from web3 import AsyncWeb3

    return isinstance(w3, AsyncWeb3)


def rpc_of(node: Any) -> Rpc:
    """A connection to a node: a URL, an `Rpc`, a `Web3`, an `AsyncWeb3` or a provider of either.

    Raises:
        TypeError: It is none of these.
    """
    if isinstance(node, Rpc):
        return node
    if isinstance(node, str):
        return Rpc(node)
    from web3 import AsyncWeb3, Web3
    from web3.providers import AsyncBaseProvider, BaseProvider

    if isinstance(node, Web3 | AsyncWeb3):
        return Web3Rpc(node)
    if isinstance(node, BaseProvider):
        return Web3Rpc(Web3(node))
    if isinstance(node, AsyncBaseProvider):
        return Web3Rpc(AsyncWeb3(node))
    raise TypeError(f"{type(node).__name__} is no node: give a URL, a Web3, an AsyncWeb3 or a provider of theirs.")


def default_account(rpc: Rpc) -> str | None:
    """The account that a user's `Web3` sends for unless told otherwise, None for none."""
    found = getattr(rpc.w3.eth, "default_account", None) if isinstance(rpc, Web3Rpc) else None
    return found if isinstance(found, str) else None
