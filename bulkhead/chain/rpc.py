"""Raw JSON-RPC over one kept-alive HTTP connection, single or batched.

web3.py makes up to three posts per call; here one post carries as many calls as the caller likes. Numbers are
plain `int`, data is `bytes`; an error of the node is an exception and never an empty result.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import httpx

from bulkhead.chain import reasons
from bulkhead.chain.errors import BulkheadError, NodeUnavailable, Reverted, RpcError

#: Calls in one HTTP post at most; public nodes refuse more.
BATCH_LIMIT = 500

Call = tuple[str, Sequence[object]]


def to_hex(number: int) -> str:
    """Quantity in the form of JSON-RPC."""
    return hex(number)


def to_int(quantity: object) -> int:
    """Number from a JSON-RPC quantity."""
    try:
        if isinstance(quantity, str) and quantity.startswith("0x"):
            return int(quantity, 16)
    except ValueError:
        pass
    raise NodeUnavailable(f"The node sent {quantity!r} where a hexadecimal number belongs.")


def to_bytes(data: object) -> bytes:
    """Bytes from JSON-RPC data."""
    try:
        if isinstance(data, str) and data.startswith("0x"):
            return bytes.fromhex(data[2:])
    except ValueError:
        pass
    raise NodeUnavailable(f"The node sent {data!r} where hexadecimal data belongs.")


def block_tag(block: int | str) -> str:
    """Block argument: a number or one of the node's words."""
    return to_hex(block) if isinstance(block, int) else block


def result_of(method: str, reply: Any) -> Any:
    """Result of one reply, or its error as an exception."""
    if not isinstance(reply, dict) or ("result" not in reply and "error" not in reply):
        raise NodeUnavailable(f"The node answered {method} with neither a result nor an error.")
    if reply.get("error") is not None:
        raise as_exception(method, reply["error"])
    return reply["result"]


def pack_batch(calls: Sequence[Call], first: int) -> list[dict[str, object]]:
    """Body of a batch whose entries are numbered from `first`."""
    return [
        {"jsonrpc": "2.0", "id": first + i, "method": method, "params": list(params)}
        for i, (method, params) in enumerate(calls)
    ]


def unpack_batch(calls: Sequence[Call], first: int, replies: Any) -> list[Any]:
    """Results of a batch in the order of its calls; an entry that failed is its exception.

    Raises:
        BulkheadError: The node refused the batch as a whole.
    """
    if isinstance(replies, dict) and replies.get("error") is not None:
        raise as_exception("a batch", replies["error"])
    if not isinstance(replies, list):
        raise NodeUnavailable("The node does not answer batches.")
    by_id = {reply["id"]: reply for reply in replies if isinstance(reply, dict) and isinstance(reply.get("id"), int)}
    results: list[Any] = []
    for i, (method, _) in enumerate(calls, first):
        if i not in by_id:
            results.append(NodeUnavailable(f"The node left {method} out of a batch's reply."))
            continue
        try:
            results.append(result_of(method, by_id[i]))
        except BulkheadError as error:
            results.append(error)
    return results


class Rpc:
    """A client of one node. Not safe for several threads at once."""

    def __init__(self, url: str, timeout_seconds: float = 20.0, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        self.posts = 0
        self._ids = itertools.count(1)
        self._chain_id: int | None = None
        self._http = httpx.Client(timeout=timeout_seconds, transport=transport, trust_env=False)

    def __enter__(self) -> Rpc:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    # --- transport --------------------------------------------------------------------------------------------

    def _post(self, payload: object) -> Any:
        self.posts += 1
        try:
            reply = self._http.post(self.url, content=json.dumps(payload), headers={"content-type": "application/json"})
        except httpx.InvalidURL as error:
            raise NodeUnavailable(f"{self.url!r} is not the address of a node: {error}.") from error
        except (httpx.UnsupportedProtocol, httpx.TransportError) as error:
            what = str(error) or type(error).__name__
            raise NodeUnavailable(f"No node answers at {self.url} ({what}).") from error
        if reply.status_code != 200:
            raise NodeUnavailable(f"The node at {self.url} answered HTTP {reply.status_code}.")
        try:
            return reply.json()
        except ValueError as error:
            raise NodeUnavailable(f"The node at {self.url} answered something that is not JSON.") from error

    def call(self, method: str, *params: object) -> Any:
        """One call. Raises when the node answers with an error."""
        reply = self._post({"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)})
        return result_of(method, reply)

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Many calls in one post, in order. An entry that failed is its exception, not raised."""
        results: list[Any] = []
        for start in range(0, len(calls), BATCH_LIMIT):
            results.extend(self._batch(calls[start : start + BATCH_LIMIT]))
        return results

    def _batch(self, calls: Sequence[Call]) -> list[Any]:
        first = next(self._ids)
        for _ in calls[1:]:
            next(self._ids)
        return unpack_batch(calls, first, self._post(pack_batch(calls, first)))

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
        self,
        addresses: Sequence[str],
        first: int,
        last: int | str,
        topics: Sequence[object] = (),
        chunk: int = 50_000,
    ) -> list[dict[str, Any]]:
        """Logs of some contracts, fetched in chunks of blocks."""
        end = self.block_number() if isinstance(last, str) else last
        found: list[dict[str, Any]] = []
        for start in range(first, end + 1, chunk):
            query: dict[str, object] = {
                "address": list(addresses),
                "fromBlock": to_hex(start),
                "toBlock": to_hex(min(start + chunk - 1, end)),
            }
            if topics:
                query["topics"] = list(topics)
            found.extend(self.call("eth_getLogs", query))
        return found


def call_of(
    to: str, data: bytes, block: int | str = "latest", sender: str | None = None, value: int = 0
) -> tuple[Any, ...]:
    """Method and parameters of an `eth_call`, splattable into `Rpc.call`."""
    transaction = {"to": to, "data": "0x" + data.hex()}
    if sender is not None:
        transaction["from"] = sender
    if value:
        transaction["value"] = to_hex(value)
    return "eth_call", transaction, block_tag(block)


def as_exception(method: str, error: Any) -> BulkheadError:
    """The exception that an error object of the node stands for."""
    if not isinstance(error, dict):
        return NodeUnavailable(f"The node answered {method} with a malformed error.")
    message = str(error.get("message", ""))
    code = error.get("code", 0)
    data = error.get("data")
    if isinstance(data, dict):  # some nodes wrap the bytes
        data = data.get("data")
    reverted = code == 3 or "revert" in message.lower()
    if reverted:
        try:
            raw = to_bytes(data)
        except NodeUnavailable:  # a revert without data, or with garbage for it
            raw = b""
        reason = reasons.decode(raw) or reasons.from_message(message)
        return Reverted(reason, reasons.sentence(reason))
    return RpcError(method, int(code) if isinstance(code, int) else 0, message, data)
