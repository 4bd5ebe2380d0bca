"""What nodes mean by their errors, in the words of each."""

from __future__ import annotations

import pytest
from eth_abi import encode

from bulkhead.chain import revert_data
from bulkhead.chain.errors import Reverted, RpcError
from bulkhead.chain.messages import as_exception
from bulkhead.chain.node_errors import Meaning, least_tip, meaning, stated_limit

SEND, LOGS, CALL, BATCH = "eth_sendRawTransaction", "eth_getLogs", "eth_call", "a batch"
REVERT = "0x" + (revert_data.ERROR_SELECTOR + encode(["string"], ["exchange/order-expired"])).hex()


@pytest.mark.parametrize(
    ("node", "error"),
    [
        ("Geth", {"code": 3, "message": "execution reverted: exchange/order-expired", "data": REVERT}),
        ("Erigon", {"code": 3, "message": "execution reverted: exchange/order-expired", "data": REVERT}),
        ("Erigon of old", {"code": -32000, "message": "execution reverted: exchange/order-expired"}),
        ("Nethermind", {"code": -32015, "message": "VM execution error.", "data": f"Reverted {REVERT}"}),
        ("Nethermind of now", {"code": 3, "message": "execution reverted: exchange/order-expired", "data": REVERT}),
        ("Besu", {"code": -32000, "message": "Execution reverted", "data": REVERT}),
        ("Besu of now", {"code": 3, "message": "Execution reverted: exchange/order-expired", "data": REVERT}),
        ("Reth", {"code": 3, "message": "execution reverted: exchange/order-expired", "data": REVERT}),
        ("Alchemy", {"code": 3, "message": "execution reverted: exchange/order-expired", "data": REVERT}),
        ("Infura", {"code": -32603, "message": "failed", "originalError": {"code": 3, "data": REVERT, "message": "x"}}),
        ("Hardhat", {"code": -32603, "message": "reverted with reason string 'x'", "data": {"data": REVERT}}),
    ],
)  # fmt: skip
def test_as_exception__revert_in_the_words_of_a_node__carries_its_reason(node, error):
    found = as_exception(CALL, error)
    assert isinstance(found, Reverted) and found.reason == "exchange/order-expired", node


@pytest.mark.parametrize(
    ("wanted", "code", "message"),
    [
        (Meaning.KNOWN, -32000, "already known"),
        (Meaning.KNOWN, -32000, "existing tx with same hash"),
        (Meaning.KNOWN, -32010, "AlreadyKnown"),
        (Meaning.KNOWN, -32000, "Known transaction"),
        (Meaning.KNOWN, -32010, "Transaction with the same hash was already imported."),
        (Meaning.OCCUPIED, -32000, "replacement transaction underpriced"),
        (Meaning.OCCUPIED, -32000, "could not replace existing tx"),
        (Meaning.OCCUPIED, -32010, "ReplacementNotAllowed"),
        (Meaning.OCCUPIED, -32000, "Replacement transaction underpriced"),
        (Meaning.OCCUPIED, -32010, "Transaction gas price is too low. There is another transaction with same nonce"),
        (Meaning.USED, -32000, "nonce too low: next nonce 5, tx nonce 4"),
        (Meaning.USED, -32010, "OldNonce, Current nonce: 5, nonce of rejected tx: 4"),
        (Meaning.USED, -32001, "Nonce too low"),
        (Meaning.USED, -32000, "nonce too low: address 0x00, tx: 4 state: 5"),
        (Meaning.USED, -32010, "Transaction nonce is too low. Try incrementing the nonce."),
        (Meaning.UNDERPRICED, -32000, "transaction underpriced: gas tip cap 1, minimum needed 25000000000"),
        (Meaning.UNDERPRICED, -32000, "max fee per gas less than block base fee: address 0x00"),
        (Meaning.UNDERPRICED, -32010, "FeeTooLow, EffectivePriorityFeePerGas too low 1 < 2"),
        (Meaning.UNDERPRICED, -32009, "Gas price below configured minimum gas price"),
        (Meaning.UNDERPRICED, -32003, "transaction underpriced"),
        (Meaning.POOR, -32000, "insufficient funds for gas * price + value: balance 0, tx cost 1, overshot 1"),
        (Meaning.POOR, -32010, "InsufficientFunds, Account balance: 0, cumulative cost: 1"),
        (Meaning.POOR, -32004, "Upfront cost exceeds account balance"),
        (Meaning.RATE, -32005, "daily request count exceeded, request rate limited"),
        (Meaning.OTHER, -32000, "internal error"),
    ],
)
def test_meaning__answers_to_a_transaction__are_told_apart(wanted, code, message):
    assert meaning(SEND, code, message) is wanted


@pytest.mark.parametrize(
    ("wanted", "method", "code", "message", "asked", "stated"),
    [
        # Geth
        (Meaning.BATCH, CALL, -32600, "batch too large", 150, 0),
        (Meaning.SIZE, CALL, -32003, "response too large", 150, 0),
        (Meaning.RANGE, LOGS, -32005, "query returned more than 10000 results", 40_000, 0),
        (Meaning.RANGE, LOGS, -32000, "exceed maximum block range: 5000", 20_000, 5_000),
        # Erigon
        (Meaning.BATCH, BATCH, -32000, "batch limit 100 exceeded (can increase by --rpc.batch.limit). Requested batch "
         "of size: 150", 150, 100),
        # Nethermind
        (Meaning.BATCH, BATCH, -32005, "Batch size limit exceeded", 150, 0),
        (Meaning.RANGE, LOGS, -32005, "Too many logs requested. Max logs per response is 20000.", 50_000, 20_000),
        # Besu
        (Meaning.BATCH, BATCH, -32005, "Number of requests exceeds max batch size", 150, 0),
        (Meaning.RANGE, LOGS, -32005, "Requested range exceeds maximum RPC range limit", 10_000, 0),
        # Reth
        (Meaning.BATCH, BATCH, -32010, "The batch request was too large Exceeded max limit of 50", 150, 50),
        (Meaning.BATCH, BATCH, -32011, "The batch response was too large", 150, 0),
        (Meaning.SIZE, CALL, -32008, "Response is too big", 150, 0),
        (Meaning.RANGE, LOGS, -32602, "query exceeds max block range 100000", 200_000, 100_000),
        (Meaning.RANGE, LOGS, -32602, "query exceeds max results 20000, retry with the range 100-200", 50_000, 20_000),
        # hosts
        (Meaning.RANGE, LOGS, -32600, "Under the Free tier plan, you can make eth_getLogs requests with up to a "
         "10 block range.", 2_000, 10),
        (Meaning.RANGE, LOGS, -32602, "Log response size exceeded. You can make eth_getLogs requests with up to a "
         "2K block range and no limit on the response size", 10_000, 2_000),
        (Meaning.RANGE, LOGS, -32614, "eth_getLogs is limited to a 10,000 range", 50_000, 10_000),
        (Meaning.RANGE, LOGS, 35, "ranges over 10000 blocks are not supported on freetier", 50_000, 10_000),
        (Meaning.RANGE, LOGS, -32000, "query timeout exceeded: timed out", 2_000, 0),
        (Meaning.RANGE, LOGS, -32005, "no", 2_000, 0),
        (Meaning.RANGE, LOGS, -32015, "no", 2_000, 0),
        (Meaning.BATCH, BATCH, 31, "Batch of more than 3 requests are not allowed on free tier", 150, 3),
        (Meaning.RATE, CALL, 429, "Your app has exceeded its compute units per second capacity", 1, 0),
        (Meaning.RATE, CALL, -32005, "project ID request rate exceeded", 1, 0),
        (Meaning.RATE, CALL, -32007, "50/second request limit reached", 1, 0),
        (Meaning.RATE, CALL, -32005, "no", 1, 0),
        (Meaning.UNSUPPORTED, "eth_maxPriorityFeePerGas", -32601, "no", 1, 0),
        (Meaning.UNSUPPORTED, "eth_maxPriorityFeePerGas", -32000, "the method x does not exist/is not available", 1, 0),
        # no limits
        (Meaning.OTHER, LOGS, -32000, "unknown block", 2_000, 0),
        (Meaning.OTHER, LOGS, -32602, "block range extends beyond current head block", 2_000, 0),
        (Meaning.OTHER, CALL, -32000, "header not found", 150, 0),
        (Meaning.OTHER, CALL, -32000, "missing trie node 0x12 (path )", 150, 0),
    ],
)  # fmt: skip
def test_meaning__limits__are_told_from_other_failures(wanted, method, code, message, asked, stated):
    assert meaning(method, code, message) is wanted
    if wanted in (Meaning.BATCH, Meaning.RANGE):
        assert stated_limit(message, asked) == stated


def test_least_tip__what_a_node_asks_for__is_read():
    assert least_tip("transaction underpriced: gas tip cap 1, minimum needed 25000000000") == 25 * 10**9
    assert least_tip("transaction underpriced: tip needed 1200000000, tip permitted 1000000000") == 12 * 10**8
    assert least_tip("transaction underpriced") == 0


def test_as_exception__words_of_nethermind_that_are_no_revert__stay_an_error():
    found = as_exception(CALL, {"code": -32015, "message": "VM execution error.", "data": "OutOfGas"})
    assert isinstance(found, RpcError) and "OutOfGas" in found.node_message
