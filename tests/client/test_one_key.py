"""Two processes that send with one key at once: neither stops the other."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from bulkhead.chain import anvil
from bulkhead.chain.rpc import to_int
from bulkhead.chain.sender import account_from_key
from tests.worlds.served_market import ROOT, ServedMarket

#: Sends to itself so many times, as fast as it can, and waits for each; it starts when it is told to.
EACH = 25
PROGRAM = f"""
import sys
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.sender import Sender, account_from_key
with Rpc(sys.argv[1]) as rpc:
    sender = Sender(rpc, account_from_key(sys.argv[2]))
    rpc.chain_id
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range({EACH}):
        sender.transact(sender.address, b"")
"""


@pytest.mark.parametrize("block_seconds", [0, 1])
def test_processes__of_one_key__each_get_all_their_transactions_mined(market: ServedMarket, block_seconds: int) -> None:
    rpc = market.chain.rpc
    key, count = anvil.key(9), 2 if block_seconds else EACH
    program = PROGRAM.replace(f"range({EACH})", f"range({count})")
    sender = account_from_key(key).address
    before = to_int(rpc.call("eth_getTransactionCount", sender, "latest"))
    if block_seconds:
        rpc.call("evm_setAutomine", False)
        rpc.call("evm_setIntervalMining", block_seconds)
    try:
        command = [sys.executable, "-c", program, market.anvil.url, key]
        processes = [
            subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        for process in processes:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        until = time.monotonic() + 60
        while any(process.poll() is None for process in processes) and time.monotonic() < until:
            time.sleep(0.5)
            if not block_seconds:
                # Anvil mines what comes in, but not what waited for an earlier nonce that came in later
                rpc.call("evm_mine")
        codes = [process.wait(1) for process in processes]
    finally:
        rpc.call("evm_setIntervalMining", 0)
        rpc.call("evm_setAutomine", True)
    assert codes == [0, 0, 0]
    assert to_int(rpc.call("eth_getTransactionCount", sender, "latest")) == before + 3 * count
