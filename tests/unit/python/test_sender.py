"""The client's sender: tips as chains want them, a nonce asked for again once, and coins that are missing."""

from __future__ import annotations

import time

import httpx
import pytest
from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes

from bulkhead.chain import anvil
from bulkhead.chain.errors import BadInput, NoFunds, RpcError, TransactionReplaced
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.sender import RECEIPTS_LAG, Sender, Tips, account_from_key
from tests.worlds.scripted_node import ScriptedNode

GWEI = 10**9
TO = "0x" + "11" * 20


class Chain(ScriptedNode):
    """A node that refuses what its chain would not take.

    Attributes:
        suggested: What it suggests as a tip [wei]; None knows no such method.
        least: The least tip that it takes [wei].
        nonce: The next nonce of the account, which somebody else may have moved on.
        base: Base fee [wei]; None for a chain without one.
    """

    def __init__(self, suggested=GWEI, least=0, base=GWEI, words="gas tip cap {tip}, minimum needed {least}"):
        self.suggested, self.least, self.base = suggested, least, base
        self.nonce = 0
        self.sent: list[dict] = []
        self.words = {"nonce": (-32000, "nonce too low"), "price": words}

    def answer(self, method, params):
        if method == "eth_getBlockByNumber":
            return {
                "result": {
                    "gasLimit": hex(30_000_000),
                    **({} if self.base is None else {"baseFeePerGas": hex(self.base)}),
                }
            }
        if method == "eth_maxPriorityFeePerGas":
            if self.suggested is None:
                return {"error": {"code": -32601, "message": "the method does not exist/is not available"}}
            return {"result": hex(self.suggested)}
        if method == "eth_sendRawTransaction":
            return self.take(HexBytes(params[0]))
        known = {
            "eth_getBalance": 10**20, "eth_estimateGas": 100_000, "eth_chainId": 137, "eth_gasPrice": 3 * GWEI,
            "eth_getTransactionCount": self.nonce,
        }  # fmt: skip
        return {"result": hex(known[method])}

    def take(self, raw):
        if raw[0] == 2:
            parts = TypedTransaction.from_bytes(raw).as_dict()
            tip, nonce = int(parts["maxPriorityFeePerGas"]), int(parts["nonce"])
            if tip < self.least:
                said = "transaction underpriced: " + self.words["price"].format(tip=tip, least=self.least)
                return {"error": {"code": -32000, "message": said}}
            if nonce < self.nonce:
                code, message = self.words["nonce"]
                return {"error": {"code": code, "message": message}}
            self.nonce = nonce + 1
            self.sent.append({"tip": tip, "nonce": nonce, "fee": int(parts["maxFeePerGas"])})
        else:
            self.sent.append({"by": Account.recover_transaction(raw)})
        return {"result": "0x" + "ab" * 32}


def sender(chain, **options) -> Sender:
    return Sender(Rpc("http://node", transport=httpx.MockTransport(chain)), account_from_key(anvil.key(3)), **options)


@pytest.mark.parametrize("tip", [0, GWEI // 100, 30 * GWEI])
def test_send__tip__is_what_the_node_suggests(tip):
    chain = Chain(suggested=tip, least=tip)
    sender(chain).send(TO, b"")
    assert chain.sent == [{"tip": tip, "nonce": 0, "fee": 2 * GWEI + tip}]


def test_send__suggestion__counts_between_floor_and_cap():
    dear, free = Chain(suggested=500 * GWEI), Chain(suggested=0)
    sender(dear, tips=Tips(cap=40 * GWEI)).send(TO, b"")
    sender(free, tips=Tips(floor=2 * GWEI)).send(TO, b"")
    assert (dear.sent[0]["tip"], free.sent[0]["tip"]) == (40 * GWEI, 2 * GWEI)


def test_send__node_that_suggests_nothing__is_paid_what_gas_costs_beyond_the_base_fee():
    chain = Chain(suggested=None, least=GWEI)
    sender(chain).send(TO, b"")
    assert chain.sent[0]["tip"] == 2 * GWEI


def test_send__tip_found_too_low__is_raised_to_what_is_wanted():
    chain = Chain(suggested=GWEI, least=25 * GWEI)
    sender(chain).send(TO, b"")
    assert chain.sent[0]["tip"] == 25 * GWEI
    chain = Chain(suggested=GWEI, least=25 * GWEI)
    with pytest.raises(RpcError, match="underpriced"):
        sender(chain, tips=Tips(cap=10 * GWEI)).send(TO, b"")


def test_send__tip_found_too_low_by_a_node_that_does_not_say_more__is_doubled_up_to_the_cap():
    for suggested, least, paid in ((GWEI, 3 * GWEI, 4 * GWEI), (0, GWEI // 4, 4 * GWEI // 10)):
        chain = Chain(suggested=suggested, least=least, words="no")
        sender(chain).send(TO, b"")
        assert chain.sent == [{"tip": paid, "nonce": 0, "fee": 2 * GWEI + paid}]
    chain = Chain(suggested=GWEI, least=25 * GWEI, words="no")
    with pytest.raises(RpcError, match="underpriced"):
        sender(chain, tips=Tips(cap=10 * GWEI)).send(TO, b"")
    assert not chain.sent
    # another fee than the tip
    chain = Chain(suggested=GWEI, least=2 * GWEI, words="max fee per gas less than block base fee")
    with pytest.raises(RpcError, match="base fee"):
        sender(chain).send(TO, b"")


def test_send__chain_without_base_fee__gets_a_plain_price():
    chain = Chain(base=None)
    account = account_from_key(anvil.key(3))
    sender(chain).send(TO, b"")
    assert chain.sent == [{"by": account.address}]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (-32000, "nonce too low: next nonce 5, tx nonce 0"),
        (-32010, "OldNonce, Current nonce: 5, nonce of rejected tx: 0"),
        (-32001, "Nonce too low"),
        (-32000, "replacement transaction underpriced"),
    ],
)
def test_send__other_process_of_the_key_was_faster__asks_for_the_nonce_again_once(code, message):
    chain = Chain()
    chain.words["nonce"] = (code, message)
    mine = sender(chain)
    mine.send(TO, b"")
    chain.nonce = 5
    mine.send(TO, b"")
    assert [sent["nonce"] for sent in chain.sent] == [0, 5]
    # a node that never takes one is not asked for ever
    tries = []
    chain.take = lambda raw: tries.append(raw) or {"error": {"code": code, "message": message}}
    with pytest.raises(RpcError):
        mine.send(TO, b"")
    assert len(tries) == 2


@pytest.mark.parametrize(
    "message",
    [
        "insufficient funds for gas * price + value",
        "InsufficientFunds, Account balance: 0",
        "Upfront cost exceeds account balance",
    ],
)
def test_send__no_coins__is_said_whatever_the_words(message):
    chain = Chain()
    chain.take = lambda raw: {"error": {"code": -32000, "message": message}}
    with pytest.raises(NoFunds, match="has not enough coins"):
        sender(chain).send(TO, b"")


def test_send__node_that_has_it_already__is_no_failure():
    chain = Chain()
    chain.take = lambda raw: {"error": {"code": -32000, "message": "already known"}}
    assert sender(chain).send(TO, b"").startswith("0x")


class Lagging(Chain):
    """A host that counts a nonce before it has the receipt, or never has one: another transaction was mined there.

    Attributes:
        lag: Seconds from the send to the receipt.
        knows: Whether it finds the transaction by its hash meanwhile.
    """

    def __init__(self, lag: float, knows: bool = False):
        super().__init__()
        self.lag, self.knows, self.began = lag, knows, time.monotonic()

    def answer(self, method, params):
        if method == "eth_getTransactionByHash":
            return {"result": {"hash": params[0]} if self.knows else None}
        if method == "eth_getTransactionReceipt":
            late = time.monotonic() < self.began + self.lag
            found = {"blockNumber": "0x5", "gasUsed": "0x5208", "logs": [], "status": "0x1"}
            return {"result": None if late else found}
        return super().answer(method, params)


@pytest.mark.parametrize(("lag", "knows"), [(1.0, False), (RECEIPTS_LAG + 1, True)])
def test_transact__receipt_that_comes_after_its_nonce__is_waited_for_and_nothing_sent_twice(lag, knows):
    chain = Lagging(lag, knows)
    sender(chain).transact(TO, b"")
    assert len(chain.sent) == 1


def test_wait__nonce_used_and_transaction_gone_for_long__is_replaced():
    chain = Lagging(1e9)
    mine = sender(chain)
    with pytest.raises(TransactionReplaced):
        mine.wait(mine.send(TO, b""))
    assert time.monotonic() - chain.began >= RECEIPTS_LAG


def test_tips__of_an_environment__are_gwei_and_in_order():
    assert Tips.of_environment({}) == Tips(0, 100 * GWEI)
    said = {"BULKHEAD_TIP_FLOOR_GWEI": "25", "BULKHEAD_TIP_CAP_GWEI": "30.5"}
    assert Tips.of_environment(said) == Tips(25 * GWEI, 30_500_000_000)
    for name, text in (("FLOOR", "much"), ("FLOOR", "-1"), ("FLOOR", "101"), ("CAP", "nan"), ("CAP", "1e999999999")):
        with pytest.raises(BadInput, match="BULKHEAD_TIP"):
            Tips.of_environment({f"BULKHEAD_TIP_{name}_GWEI": text})
