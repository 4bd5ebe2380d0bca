"""What a sender does with each answer of a node: once, to the wei, and what it holds is what it pays."""

from __future__ import annotations

import pytest

from bulkhead.chain import sender as module
from bulkhead.chain.errors import NoFunds, Reverted, RpcError, TransactionLost
from bulkhead.chain.sender import GAS_SHARE, LEAST_TIP, MOST_TRIES, Tips
from tests.unit.python.test_sender import GWEI, TO, Chain, sender


def refused(message: str, code: int = -32000) -> RpcError:
    return RpcError("eth_sendRawTransaction", code, message)


@pytest.mark.parametrize(
    ("said", "tip", "better"),
    [
        ("transaction underpriced: gas tip cap 1, minimum needed 7000000000", GWEI, 7 * GWEI),
        # less than what was sent says nothing
        (f"transaction underpriced: minimum needed {GWEI}", GWEI, 2 * GWEI),
        (f"transaction underpriced: minimum needed {GWEI + 1}", GWEI, GWEI + 1),
        ("transaction underpriced", GWEI, 2 * GWEI),
        ("transaction underpriced", 0, LEAST_TIP),
        ("transaction underpriced", LEAST_TIP // 2 + 1, LEAST_TIP + 2),
        ("transaction underpriced", 50 * GWEI, 100 * GWEI),
        ("transaction underpriced", 99 * GWEI, 100 * GWEI),
        ("transaction underpriced", 100 * GWEI, None),
        ("transaction underpriced: less than block base fee", GWEI, None),
        ("insufficient funds for gas * price + value", GWEI, None),
        ("nonce too low", GWEI, None),
        ("something else", GWEI, None),
    ],
)
def test_better_tip__only_of_what_was_too_low_a_tip(said, tip, better):
    parts = {"maxFeePerGas": 10 * GWEI + tip, "maxPriorityFeePerGas": tip, "gas": 5}
    found = sender(Chain())._better_tip(refused(said), parts)
    if better is None:
        assert found is None
    else:
        assert found == {"maxFeePerGas": 10 * GWEI + better, "maxPriorityFeePerGas": better, "gas": 5}


def test_better_tip__plain_price__has_none():
    assert sender(Chain())._better_tip(refused("transaction underpriced"), {"gasPrice": GWEI}) is None


@pytest.mark.parametrize("message", ["insufficient funds for gas * price + value", "something else"])
def test_send__refused_for_good__is_sent_once(message):
    chain, tries = Chain(), []
    chain.take = lambda raw: tries.append(raw) or {"error": {"code": -32000, "message": message}}
    with pytest.raises((NoFunds, RpcError)):
        sender(chain).send(TO, b"")
    assert len(tries) == 1


class Held(Chain):
    """A node with coins and a block limit that a test chooses."""

    coins, block_gas = 10**20, 30_000_000

    def answer(self, method, params):
        found = super().answer(method, params)
        if method == "eth_getBalance":
            return {"result": hex(self.coins)}
        if method == "eth_getBlockByNumber":
            found["result"]["gasLimit"] = hex(self.block_gas)
        return found


@pytest.mark.parametrize(("short", "value"), [(0, 0), (1, 0), (0, 7), (1, 7)])
def test_send__coins_exactly_what_it_may_cost__are_enough(monkeypatch, short, value):
    monkeypatch.setattr(module.secrets, "randbelow", lambda most: 0)
    chain = Held()
    most = int(100_000 * GAS_SHARE) * 3 * GWEI + value
    chain.coins = most - short
    if short:
        with pytest.raises(NoFunds, match="may need"):
            sender(chain).send(TO, b"", value=value)
        assert chain.sent == []
    else:
        sender(chain).send(TO, b"", value=value)
        assert len(chain.sent) == 1


@pytest.mark.parametrize(
    ("block_gas", "gas", "limit"), [(30_000_000, None, 130_000), (120_000, None, 120_000), (10**6, 5, 5)]
)
def test_send__gas__is_the_estimate_with_room_and_no_more_than_a_block(monkeypatch, block_gas, gas, limit):
    monkeypatch.setattr(module.secrets, "randbelow", lambda most: 0)
    chain, mine = Held(), []
    chain.block_gas = block_gas
    made = sender(chain)
    monkeypatch.setattr(made, "_deliver", lambda parts: mine.append(parts) or "0x")
    made.send(TO, b"", gas=gas)
    made.send(None, b"\x01", gas=gas)
    assert [parts["gas"] for parts in mine] == [limit, limit]
    assert mine[0]["to"].lower() == TO and "to" not in mine[1] and "accessList" not in mine[0]


def test_fees__suggestion_that_is_missing__is_the_price_beyond_the_base_fee_or_nothing():
    made, gone = sender(Chain(), tips=Tips(floor=5)), refused("no such method")
    header = {"baseFeePerGas": hex(100)}
    assert made._fees(header, hex(7), gone) == {"maxFeePerGas": 207, "maxPriorityFeePerGas": 7}
    assert made._fees(header, gone, hex(109)) == {"maxFeePerGas": 209, "maxPriorityFeePerGas": 9}
    assert made._fees(header, gone, hex(90)) == made._fees(header, gone, gone) == {
        "maxFeePerGas": 205, "maxPriorityFeePerGas": 5,
    }  # fmt: skip
    assert made._fees({}, gone, hex(90)) == {"gasPrice": 90} and made._fees({}, gone, hex(4)) == {"gasPrice": 5}
    with pytest.raises(RpcError):
        made._fees({}, hex(1), gone)
    # a chain that refuses typed transactions has been found out
    made._refuses_types = True
    assert made._fees(header, hex(7), hex(90)) == {"gasPrice": 90}


def test_plain__keeps_everything_but_the_other_fees():
    parts = {"chainId": 1, "gas": 5, "maxFeePerGas": 9, "maxPriorityFeePerGas": 1, "accessList": [], "to": TO}
    assert sender(Chain())._plain(parts) == {"chainId": 1, "gas": 5, "to": TO, "gasPrice": 3 * GWEI}


def test_deliver__nonces_that_others_use_for_ever__end():
    chain, tries = Chain(), []

    def take(raw):
        tries.append(raw)
        chain.nonce += 1
        return {"error": {"code": -32000, "message": "nonce too low"}}

    chain.take = take
    with pytest.raises(RpcError, match="nonce"):
        sender(chain).send(TO, b"")
    assert len(tries) == MOST_TRIES


def test_wait__no_receipt_in_time__is_lost_and_the_nonce_is_asked_for_again():
    class Silent(Chain):
        def answer(self, method, params):
            return {"result": None} if method == "eth_getTransactionReceipt" else super().answer(method, params)

    made = sender(Silent(), wait_seconds=0.05)
    transaction = made.send(TO, b"")
    assert made._nonce == 1
    with pytest.raises(TransactionLost, match="no receipt after 0 s"):
        made.wait(transaction)
    assert made._nonce is None


@pytest.mark.parametrize(
    ("sent", "mined", "known", "gone"),
    [(True, 1, False, True), (True, 0, False, False), (True, 1, True, False), (False, 1, False, False)],
)
def test_gone__nonce_used_and_hash_unknown__of_the_last_transaction_alone(sent, mined, known, gone):
    class Node(Chain):
        def answer(self, method, params):
            if method == "eth_getTransactionByHash":
                return {"result": {} if known else None}
            return {"result": hex(mined)} if method == "eth_getTransactionCount" else super().answer(method, params)

    made = sender(Node())
    made._sent = ("0x01", 0)
    assert made._gone("0x01" if sent else "0x02") is gone


def test_wait__mined_and_reverted__says_why_or_that_alone_it_would_pass():
    class Node(Chain):
        def answer(self, method, params):
            if method == "eth_getTransactionReceipt":
                found = {"blockNumber": "0x5", "gasUsed": "0x5208", "logs": [], "status": "0x0"}
                return {"result": found}
            if method == "eth_getTransactionByHash":
                return {"result": {"to": TO, "input": "0x01"}}
            if method == "eth_call":
                # at the state before its block
                assert params[1] == "0x4"
                return {"result": "0x"}
            return super().answer(method, params)

    made = sender(Node())
    with pytest.raises(Reverted, match="run alone it would pass"):
        made.wait(made.send(TO, b""))
