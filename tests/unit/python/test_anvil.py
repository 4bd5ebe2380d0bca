"""Going back to a remembered state, also while blocks are being mined."""

from __future__ import annotations

import pytest

from bulkhead.chain import anvil
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.messages import to_int

#: Emits an empty log whenever it is called: PUSH0 PUSH0 LOG0.
LOUD, SPEAKS = "0x" + "cd" * 20, "0x5f5fa000"


@pytest.fixture(scope="module")
def chain():
    with Anvil(timestamp=1_700_000_000) as node:
        node.rpc.call("anvil_setCode", LOUD, SPEAKS)
        yield node


def logs(chain: Anvil) -> list[object]:
    return list(chain.rpc.call("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest", "address": LOUD}))


@pytest.mark.parametrize("automine", [True, False])
def test_revert__transactions_still_being_mined__leave_nothing_behind(chain, automine):
    sender = chain.rpc.call("eth_accounts")[0]
    chain.rpc.call("evm_setAutomine", automine)
    for _ in range(10):
        head, kept = chain.rpc.block_number(), chain.snapshot()
        for _ in range(5):
            chain.send_as(sender, LOUD, b"", 100_000)
        chain.revert(kept)
        assert chain.rpc.block_number() == head
        chain.mine()
        assert logs(chain) == [] and to_int(chain.rpc.call("eth_getTransactionCount", sender, "pending")) == 0
    assert chain.rpc.call("anvil_getAutomine") is automine


def test_wait_until_mined__sends_that_were_answered__are_in_blocks(chain):
    sender = chain.rpc.call("eth_accounts")[1]
    chain.rpc.call("evm_setAutomine", True)
    for count in range(1, 21):
        chain.send_as(sender, LOUD, b"", 100_000)
        chain.wait_until_mined(60)
        assert to_int(chain.rpc.call("eth_getTransactionCount", sender, "latest")) == count


def test_wait_until_mined__nobody_mines__says_how_many_wait(chain):
    kept = chain.snapshot()
    chain.rpc.call("evm_setAutomine", False)
    chain.send_as(chain.rpc.call("eth_accounts")[2], LOUD, b"", 100_000)
    with pytest.raises(BulkheadError, match="has not mined 1 transactions in 0 s"):
        chain.wait_until_mined(0)
    chain.rpc.call("evm_setAutomine", True)
    chain.revert(kept)


def test_revert__unknown_snapshot__is_refused(chain):
    with pytest.raises(BulkheadError, match="does not know snapshot 999"):
        anvil.revert(chain.rpc, 999)
