"""What is refused before the first transaction: a chain without Cancun, and a port at which another node answers."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bulkhead.chain import anvil, deploy, inputs
from bulkhead.chain.anvil import Anvil, find_anvil, free_port
from bulkhead.chain.errors import BadInput, NodeUnavailable, WrongNetwork
from bulkhead.chain.hardfork import require_cancun
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.sender import Sender, account_from_key
from tests.worlds.served_market import ROOT, local_inputs


@contextmanager
def chain_of(hardfork: str) -> Iterator[Rpc]:
    """A chain at an older rule set."""
    port = free_port()
    node = subprocess.Popen([find_anvil(), "--port", str(port), "--hardfork", hardfork, "--silent"])
    try:
        rpc = Rpc(f"http://127.0.0.1:{port}")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                rpc.block_number()
                break
            except NodeUnavailable:
                time.sleep(0.05)
        yield rpc
    finally:
        node.kill()
        node.wait()


@pytest.mark.parametrize("hardfork", ["london", "paris", "shanghai"])
def test_deploy__on_a_chain_without_cancun__sends_nothing_and_names_those_with_it(hardfork: str) -> None:
    with chain_of(hardfork) as rpc:
        sender = Sender(rpc, account_from_key(anvil.key(0)))
        with pytest.raises(WrongNetwork, match="does not run the opcodes of Cancun") as refused:
            deploy.deploy(rpc, sender, inputs.parse(local_inputs(), "inputs.yaml"), ROOT)
        assert "Arbitrum One" in str(refused.value) and "nothing was sent" in str(refused.value)
        assert rpc.block_number() == 0


@pytest.mark.parametrize("hardfork", ["cancun", "prague"])
def test_hardfork__of_today__passes(hardfork: str) -> None:
    with chain_of(hardfork) as rpc:
        require_cancun(rpc)


def test_anvil__port_in_use__is_refused_whoever_listens() -> None:
    with Anvil() as other, pytest.raises(BadInput, match=f"Port {other.port} is in use"):
        Anvil(port=other.port)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(BadInput, match="is in use"):
            Anvil(port=port)


def test_market__port_in_use__ends_in_a_sentence_and_leaves_the_other_chain_alone(tmp_path: Path) -> None:
    with Anvil() as other:
        command = [sys.executable, "-m", "scripts.market", "--port", str(other.port), "--deployment", str(tmp_path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and "is in use" in done.stderr and "Traceback" not in done.stderr
        assert other.rpc.block_number() == 0 and list(tmp_path.iterdir()) == []
