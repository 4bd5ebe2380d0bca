"""Raw JSON-RPC over one kept-alive HTTP connection, single or batched.

web3.py makes up to three posts per call; here one post carries as many calls as the caller likes and the node bears.
Numbers are plain `int`, data is `bytes`; an error of the node is an exception and never an empty result.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from typing import Any

import httpx

from bulkhead.chain.cleanup import Closing
from bulkhead.chain.errors import BulkheadError, NodeTimeout, NodeUnavailable
from bulkhead.chain.limits import NodeLimits, limits_of
from bulkhead.chain.messages import Call, block_tag, call_of, to_bytes, to_hex, to_int
from bulkhead.chain.rpc_batching import Post, Reply, exchange, seconds_of
from bulkhead.progress import doing

__all__ = ["Call", "Rpc", "block_tag", "call_of", "to_bytes", "to_hex", "to_int"]

#: How often something is sent again that the node finds too fast, and the longest wait before it [seconds].
TRIES, LONGEST_WAIT = 5, 30.0


class Rpc(Closing):
    """A client of one node. Not safe for several threads at once.

    Attributes:
        url: Where the node is.
        posts: HTTP posts so far.
        limits: What the node bears, learned from what it refused.
    """

    def __init__(self, url: str, timeout_seconds: float = 20.0, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        self._options: dict[str, Any] = {"timeout_seconds": timeout_seconds, "transport": transport}
        self.posts = 0
        # a transport of its own need not lead to that address
        self.limits = limits_of(url) if transport is None else NodeLimits()
        self._ids = itertools.count(1)
        self._chain_id: int | None = None
        # the certificates of the world take 30 ms to read, and a node next door needs none
        verify = not url.startswith("http://")
        self._http = httpx.Client(timeout=timeout_seconds, transport=transport, trust_env=False, verify=verify)

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    def beside(self) -> Rpc:
        """Another connection to the same node, for another thread."""
        return Rpc(self.url, **self._options)

    # --- transport --------------------------------------------------------------------------------------------

    def _post(self, post: Post) -> Reply:
        wait = min(self.limits.pause(), LONGEST_WAIT)
        if wait:
            with doing(f"waiting as the node at {self.url} wants fewer requests"):
                time.sleep(wait)
        self.posts += 1
        with doing(f"waiting for the node at {self.url}"):
            return self._send(post)

    def _send(self, post: Post) -> Reply:
        """Sends a post and waits for the reply."""
        try:
            reply = self._http.post(
                self.url, content=json.dumps(post.payload), headers={"content-type": "application/json"}
            )
        except httpx.InvalidURL as error:
            raise NodeUnavailable(f"{self.url!r} is not the address of a node: {error}.") from error
        except httpx.TimeoutException as error:
            post.timed_out(self.limits)
            raise NodeTimeout(f"No node answers at {self.url} ({str(error) or type(error).__name__}).") from error
        except (httpx.UnsupportedProtocol, httpx.TransportError) as error:
            what = str(error) or type(error).__name__
            raise NodeUnavailable(f"No node answers at {self.url} ({what}).") from error
        try:
            body = reply.json()
        except ValueError as error:
            if reply.status_code == 200:
                raise NodeUnavailable(f"The node at {self.url} answered something that is not JSON.") from error
            body = None
        return Reply(reply.status_code, body, seconds_of(reply.headers.get("retry-after")))

    def call(self, method: str, *params: object) -> Any:
        """One call. Raises when the node answers with an error."""
        (result,) = self.batch([(method, params)])
        if isinstance(result, BulkheadError):
            raise result
        return result

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Many calls in as few posts as the node bears, in order. An entry that failed is its exception, not raised.

        Raises:
            NodeUnavailable: The node does not answer.
        """
        work = exchange(calls, self.limits, self._ids, f"at {self.url}", TRIES)
        try:
            posts = next(work)
            while True:
                posts = work.send([self._post(post) for post in posts])
        except StopIteration as done:
            return list(done.value)

    def batch_strict(self, calls: Sequence[Call]) -> list[Any]:
        """`batch` that raises the first failure."""
        results = self.batch(calls)
        for result in results:
            if isinstance(result, BulkheadError):
                raise result
        return results

    # --- the few methods everybody needs ----------------------------------------------------------------------

    @property
    def chain_id(self) -> int:
        """Chain id of the node, asked once."""
        if self._chain_id is None:
            self._chain_id = to_int(self.call("eth_chainId"))
        return self._chain_id

    def block_number(self) -> int:
        """Number of the newest block."""
        return to_int(self.call("eth_blockNumber"))

    def block(self, block: int | str = "latest") -> dict[str, Any]:
        """Header of a block. Raises when the node does not know it."""
        found = self.call("eth_getBlockByNumber", block_tag(block), False)
        if found is None:
            raise NodeUnavailable(f"The node does not know block {block}.")
        return dict(found)

    def timestamp(self, block: int | str = "latest") -> int:
        """Stamp of a block [unix seconds]."""
        return to_int(self.block(block)["timestamp"])

    def eth_call(self, to: str, data: bytes, block: int | str = "latest", sender: str | None = None) -> bytes:
        """One read-only call."""
        return to_bytes(self.call(*call_of(to, data, block, sender)))

    def balance(self, account: str) -> int:
        """Native coin of an account [wei]."""
        return to_int(self.call("eth_getBalance", account, "latest"))

    def code(self, account: str) -> bytes:
        """Code at an address."""
        return to_bytes(self.call("eth_getCode", account, "latest"))

    def logs(
        self, addresses: Sequence[str], first: int, last: int | str, topics: Sequence[object] = ()
    ) -> list[dict[str, Any]]:
        """Logs of some contracts, in ranges that the node bears."""
        end = self.block_number() if isinstance(last, str) else last
        if end < first:
            return []
        query: dict[str, object] = {"address": list(addresses), "fromBlock": to_hex(first), "toBlock": to_hex(end)}
        if topics:
            query["topics"] = list(topics)
        found = self.call("eth_getLogs", query)
        if not isinstance(found, list):
            raise NodeUnavailable("The node sent something that is no list of logs.")
        return found
