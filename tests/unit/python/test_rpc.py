"""The JSON-RPC client: batches in order, errors as exceptions, nothing unknown read as zero."""

from __future__ import annotations

import json

import httpx
import pytest
from eth_abi import encode

from bulkhead.chain import revert_data
from bulkhead.chain.errors import NodeUnavailable, Reverted, RpcError
from bulkhead.chain.rpc import Rpc, to_bytes, to_int


def client(answer):
    """A client whose node is a function from payload to reply."""

    def handle(request: httpx.Request) -> httpx.Response:
        reply = answer(json.loads(request.content))
        return reply if isinstance(reply, httpx.Response) else httpx.Response(200, json=reply)

    return Rpc("http://node", transport=httpx.MockTransport(handle))


def result(payload, value):
    return {"jsonrpc": "2.0", "id": payload["id"], "result": value}


def test_batch__replies_in_any_order__come_back_in_order_in_one_post():
    rpc = client(lambda calls: [result(c, hex(int(c["params"][0]) * 2)) for c in reversed(calls)])
    assert [to_int(x) for x in rpc.batch([("double", (i,)) for i in range(5)])] == [0, 2, 4, 6, 8]
    assert rpc.posts == 1


def test_batch__one_failure__is_its_exception_and_hides_no_other():
    def answer(calls):
        failed = {"id": calls[0]["id"], "error": {"code": -32000, "message": "header not found"}}
        return [failed, result(calls[1], "0x1")]

    first, second = client(answer).batch([("a", ()), ("b", ())])
    assert isinstance(first, RpcError) and "header not found" in str(first)
    assert second == "0x1"


def test_batch__reply_left_out__is_unknown_not_zero():
    first, second = client(lambda calls: [result(calls[0], "0x1")]).batch([("a", ()), ("b", ())])
    assert first == "0x1" and isinstance(second, NodeUnavailable)
    with pytest.raises(NodeUnavailable, match="left b out"):
        client(lambda calls: [result(calls[0], "0x1")]).batch_strict([("a", ()), ("b", ())])


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(429),
        httpx.Response(200, text="<html>"),
        {"id": 1, "jsonrpc": "2.0"},
        ["nonsense"],
    ],
)
def test_call__garbage__is_unavailable(reply):
    with pytest.raises(NodeUnavailable):
        client(lambda payload: reply).call("eth_blockNumber")


def test_call__no_node__says_where():
    with pytest.raises(NodeUnavailable, match="No node answers at http://127.0.0.1:1"):
        Rpc("http://127.0.0.1:1").call("eth_blockNumber")
    with pytest.raises(NodeUnavailable):
        Rpc("nowhere").call("eth_blockNumber")


def test_call__revert__carries_reason_and_sentence():
    data = "0x" + (revert_data.ERROR_SELECTOR + encode(["string"], ["exchange/order-expired"])).hex()
    rpc = client(lambda p: {"id": p["id"], "error": {"code": 3, "message": "execution reverted", "data": data}})
    with pytest.raises(Reverted, match="The order has expired") as caught:
        rpc.eth_call("0x" + "11" * 20, b"")
    assert caught.value.reason == "exchange/order-expired"


@pytest.mark.parametrize("value", [None, 5, "12", ""])
def test_numbers_and_data__of_another_form__are_refused(value):
    with pytest.raises(NodeUnavailable):
        to_int(value)
    with pytest.raises(NodeUnavailable):
        to_bytes(value)


def test_quantity__longer_than_a_word__is_none_and_is_not_told_in_full():
    assert to_int("0x" + "ff" * 32) == 2**256 - 1
    with pytest.raises(NodeUnavailable) as caught:
        to_int("0x" + "ff" * 33_000)
    assert len(str(caught.value)) < 200
