"""JSON-RPC messages: quantities, data, calls and errors as they travel. Unknown is an exception, never a zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bulkhead.chain import reasons, revert_data
from bulkhead.chain.errors import BulkheadError, NodeUnavailable, Reverted, RpcError
from bulkhead.chain.node_errors import Meaning, meaning

Call = tuple[str, Sequence[object]]

#: Characters of the longest quantity, and most of what a node sent that a sentence shows.
LONGEST, MOST_TOLD = 66, 100


def to_hex(number: int) -> str:
    """Quantity in the form of JSON-RPC."""
    return hex(number)


def to_int(quantity: object) -> int:
    """Number from a JSON-RPC quantity, of 256 bits at most."""
    try:
        if isinstance(quantity, str) and quantity.startswith("0x") and len(quantity) <= LONGEST:
            return int(quantity, 16)
    except ValueError:
        pass
    raise NodeUnavailable(f"The node sent {_short(quantity)} where a hexadecimal number belongs.")


def to_bytes(data: object) -> bytes:
    """Bytes from JSON-RPC data."""
    try:
        if isinstance(data, str) and data.startswith("0x"):
            return bytes.fromhex(data[2:])
    except ValueError:
        pass
    raise NodeUnavailable(f"The node sent {_short(data)} where hexadecimal data belongs.")


def _short(told: object) -> str:
    """What a node sent, for a sentence."""
    text = repr(told)
    return text if len(text) <= MOST_TOLD else f"{text[:MOST_TOLD]}..."


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
    inner = error.get("originalError", {})
    if isinstance(inner, dict) and "code" in inner:  # some hosts wrap what their node said
        error = {**error, **inner}
    message, data = str(error.get("message", "")), error.get("data")
    code = error["code"] if isinstance(error.get("code"), int) else 0
    if isinstance(data, dict):  # some nodes wrap the bytes
        data = data.get("data")
    if isinstance(data, str) and not data.startswith("0x"):
        # Nethermind and Parity: words, and perhaps the bytes behind them
        message, data = f"{message} {data}", next((word for word in data.split() if word.startswith("0x")), None)
    if meaning(method, code, message) is Meaning.REVERTED:
        try:
            raw = to_bytes(data)
        except NodeUnavailable:  # a revert without data, or with garbage for it
            raw = b""
        reason = revert_data.decode(raw) or revert_data.from_message(message)
        return Reverted(reason, reasons.sentence(reason))
    return RpcError(method, code, message, data)
