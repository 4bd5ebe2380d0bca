"""Access lists: what is worth naming, what is attached, and nodes that give none."""

from __future__ import annotations

import httpx
import pytest
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes

from benchmarks import access_lists as benchmark
from bulkhead.chain import access_lists, anvil
from bulkhead.chain.access_lists import ACCOUNT_GAS, DATA_FEES, SAVED_GAS, SLOT_GAS, Named, worth_naming
from bulkhead.chain.errors import BadInput
from bulkhead.chain.node_sender import NodeSender
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.sender import DIFFERENT_GAS, GAS_SHARE, Sender, account_from_key
from tests.worlds.scripted_node import ScriptedNode

TO, OTHER = "0x" + "11" * 20, "0x" + "22" * 20
SLOTS = ["0x" + f"{i:064x}" for i in range(30)]
#: Gas of the call whose answers the node below gives.
PLAIN = 100_000


def entry(address: str, count: int) -> dict:
    return {"address": address, "storageKeys": SLOTS[:count]}


class Node(ScriptedNode):
    """A node with a call that touches `touched` cold, and the answers that `says` has in place of its own.

    Attributes:
        touched: What the call touches, as an access list has it.
        says: Replies by method.
        asked: Methods that it was asked.
        sent: Transactions that it took.
    """

    def __init__(self, touched=(), says=None):
        self.touched, self.says = list(touched), says or {}
        self.asked: list[str] = []
        self.sent: list[dict] = []

    def answer(self, method, params):
        self.asked.append(method)
        if method in self.says:
            return self.says[method]
        if method == "eth_estimateGas":
            return {"result": hex(self.estimate(params[0].get("accessList", [])))}
        if method == "eth_sendRawTransaction":
            self.sent.append(TypedTransaction.from_bytes(HexBytes(params[0])).as_dict())
        known = {
            "eth_getBlockByNumber": {"gasLimit": hex(30_000_000), "baseFeePerGas": hex(10**9)},
            "eth_getBalance": hex(10**20), "eth_chainId": "0x1", "eth_gasPrice": hex(10**9), "eth_getCode": "0x",
            "eth_getTransactionCount": "0x0", "eth_maxPriorityFeePerGas": "0x1", "eth_sendTransaction": SLOTS[1],
            "eth_sendRawTransaction": SLOTS[1],
            "eth_createAccessList": {"accessList": self.touched, "gasUsed": hex(PLAIN)},
        }  # fmt: skip
        return {"result": known[method]}

    def estimate(self, named) -> int:
        """By the rules of EIP-2929 and EIP-2930."""
        touched = {(one["address"], slot) for one in self.touched for slot in [None, *one["storageKeys"]]}
        gas = PLAIN
        for one in named:
            gas += ACCOUNT_GAS + SLOT_GAS * len(one["storageKeys"])
            gas -= (ACCOUNT_GAS + SAVED_GAS) * ((one["address"], None) in touched and one["address"] != TO)
            gas -= (SLOT_GAS + SAVED_GAS) * sum((one["address"], slot) in touched for slot in one["storageKeys"])
        return gas


def sender(node: Node, **options) -> Sender:
    rpc = Rpc("http://node", transport=httpx.MockTransport(node))
    return Sender(rpc, account_from_key(anvil.key(3)), **{"lists_access": True, **options})


def named(sent: dict) -> dict[str, int]:
    """Slots by account of a transaction's list."""
    return {"0x" + one["address"].hex(): len(one["storageKeys"]) for one in sent["accessList"]}


def test_send__call_that_touches_others__names_them_and_not_its_receiver():
    node = Node([entry(TO, 5), entry(OTHER, 3)])
    sender(node).send(TO, b"")
    assert named(node.sent[0]) == {OTHER: 3}
    # an account and three slots, and the limit follows from what is left
    assert node.estimate([entry(OTHER, 3)]) == PLAIN - 4 * SAVED_GAS
    assert 0 <= node.sent[0]["gas"] - int((PLAIN - 4 * SAVED_GAS) * GAS_SHARE) < DIFFERENT_GAS


def test_send__receiver_with_many_slots__is_named():
    node = Node([entry(TO, 25)])
    sender(node).send(TO, b"")
    assert named(node.sent[0]) == {TO: 25}
    node = Node([entry(TO, 24)])
    sender(node).send(TO, b"")
    assert named(node.sent[0]) == {}


def test_send__list_that_does_not_pay__is_left_off():
    node = Node([entry(OTHER, 3)])
    # the call made that account itself: naming it costs what it saves nothing of
    node.says["eth_createAccessList"] = {"result": {"accessList": [entry("0x" + "33" * 20, 0)], "gasUsed": hex(PLAIN)}}
    mine = sender(node)
    mine.send(TO, b"")
    assert named(node.sent[0]) == {} and node.sent[0]["gas"] >= PLAIN * GAS_SHARE
    assert node.asked.count("eth_estimateGas") == 2 and not mine.access_lists.refused


@pytest.mark.parametrize(
    "reply",
    [
        {"error": {"code": -32601, "message": "the method eth_createAccessList does not exist/is not available"}},
        {"error": {"code": -32000, "message": "unexpected end of JSON input"}},
        {"result": None},
        {"result": "0x"},
        {"result": {"accessList": "0x"}},
        {"result": {"accessList": [{"address": OTHER[:-2], "storageKeys": []}]}},
        {"result": {"accessList": [{"address": OTHER, "storageKeys": ["0x1"]}]}},
        {"result": {"accessList": [OTHER]}},
    ],
)
def test_send__node_without_lists__is_noticed_once_and_the_call_goes_out(reply):
    node = Node([entry(OTHER, 3)], {"eth_createAccessList": reply})
    mine = sender(node)
    mine.send(TO, b"")
    mine.send(TO, b"")
    assert [named(sent) for sent in node.sent] == [{}, {}]
    assert node.asked.count("eth_createAccessList") == 1 and mine.access_lists.refused


def test_send__node_that_is_busy__is_asked_again():
    node = Node(
        [entry(OTHER, 3)], {"eth_createAccessList": {"error": {"code": -32000, "message": "query timeout exceeded"}}}
    )
    mine = sender(node)
    mine.send(TO, b"")
    del node.says["eth_createAccessList"]
    mine.send(TO, b"")
    assert [named(sent) for sent in node.sent] == [{}, {OTHER: 3}]


@pytest.mark.parametrize("address", DATA_FEES)
def test_send__chain_that_charges_for_data__gets_none(address):
    node = Node([entry(OTHER, 3)])
    plain = node.answer
    node.answer = lambda method, params: (
        {"result": "0xfe"} if method == "eth_getCode" and params[0] == address else plain(method, params)
    )
    mine = sender(node)
    mine.send(TO, b"")
    mine.send(TO, b"")
    assert "eth_createAccessList" not in node.asked and [named(sent) for sent in node.sent] == [{}, {}]


def test_send__off_or_with_a_limit_of_its_own__asks_for_none():
    node = Node([entry(OTHER, 3)])
    sender(node, lists_access=False).send(TO, b"")
    sender(node).send(TO, b"", gas=50_000)
    assert "eth_createAccessList" not in node.asked and [named(sent) for sent in node.sent] == [{}, {}]


def test_send__chain_of_plain_transactions__gets_none():
    header = {"result": {"gasLimit": hex(30_000_000)}}
    node = Node([entry(OTHER, 3)], {"eth_getBlockByNumber": header})
    node.says["eth_sendRawTransaction"] = {"result": SLOTS[1]}
    sender(node).send(TO, b"")
    assert node.asked.count("eth_estimateGas") == 1 and node.asked.count("eth_sendRawTransaction") == 1


def test_send__key_elsewhere__hands_the_list_over():
    node = Node([entry(OTHER, 3)])
    plans = []
    plain = node.answer
    node.answer = lambda method, params: plans.append((method, params)) or plain(method, params)
    NodeSender(Rpc("http://node", transport=httpx.MockTransport(node)), TO[:-1] + "2", lists_access=True).send(TO, b"")
    ((plan,),) = [params for method, params in plans if method == "eth_sendTransaction"]
    assert plan["accessList"] == [entry(OTHER, 3)]


def test_worth_naming__sender__counts_as_warm():
    few, many = Named(OTHER, tuple(SLOTS[:24])), Named(OTHER, tuple(SLOTS[:25]))
    assert worth_naming([few, many], {"from": OTHER.upper().replace("0X", "0x"), "to": TO}) == [many]
    assert many.gas == ACCOUNT_GAS + 25 * SLOT_GAS


def test_wanted__of_an_environment__is_on_or_off():
    assert not access_lists.wanted({}) and not access_lists.wanted({"BULKHEAD_ACCESS_LISTS": "0"})
    assert access_lists.wanted({"BULKHEAD_ACCESS_LISTS": "On"})
    with pytest.raises(BadInput, match="BULKHEAD_ACCESS_LISTS"):
        access_lists.wanted({"BULKHEAD_ACCESS_LISTS": "perhaps"})


def test_table__of_what_was_measured__never_costs_more_and_by_the_rule_saves():
    found = benchmark.kept()
    assert {"margin_1", "fill_existing", "flag_1", "take_16", "settle_1"} <= {one.operation for one in found}
    assert len(benchmark.table(found).splitlines()) == 2 + len(found)
    for one in found:
        assert one.cost == ACCOUNT_GAS * one.accounts + SLOT_GAS * one.slots
        # writes save twice as much as reads, and an account that the call makes costs what it saves nothing of
        assert one.listed <= one.without <= one.listed + 2 * SAVED_GAS * (one.accounts + one.slots)
        assert (one.listed < one.without) == (one.accounts > 0)
