"""An Anvil of one's own: started on a free port, controlled by its cheat methods, always ended."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

from eth_account.hdaccount import key_from_seed, seed_from_mnemonic

from bulkhead.chain.cleanup import Closing
from bulkhead.chain.errors import BadInput, BulkheadError, NodeUnavailable
from bulkhead.chain.rpc import Rpc, to_hex, to_int
from bulkhead.progress import doing

MNEMONIC = "test test test test test test test test test test test junk"
CHAIN_ID = 31337


def find_anvil() -> str:
    """Path of the anvil binary: the project's npm package, or one on PATH."""
    from shutil import which

    for folder in (Path.cwd(), *Path.cwd().parents, Path(__file__).resolve().parents[2]):
        candidate = folder / "node_modules" / ".bin" / "anvil"
        if candidate.exists():
            return str(candidate.resolve())
    found = which("anvil")
    if found is None:
        raise BulkheadError("Anvil was not found: run `make setup`, or install Foundry and put 'anvil' on PATH.")
    return found


def free_port() -> int:
    """A TCP port that nobody uses right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free(port: int) -> None:
    """Refuses a port at which somebody listens: a deployment would go onto somebody else's chain.

    Raises:
        BadInput: It is in use, or no port.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            raise BadInput(f"Port {port} is in use, or is none; name another.") from None


def _die_with_parent() -> None:
    """On Linux the kernel ends the child when this process is gone, even by SIGKILL."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)


class Anvil(Closing):
    """A running Anvil. Use it in a `with`, or call `stop`.

    Attributes:
        url: Where it answers.
        rpc: A client of it.
    """

    def __init__(
        self,
        timestamp: int | None = None,
        accounts: int = 20,
        chain_id: int = CHAIN_ID,
        block_seconds: int | None = 1,
        history: int | None = None,
        extra: tuple[str, ...] = (),
        port: int | None = None,
        fork: str | None = None,
    ) -> None:
        """Starts it and waits until it answers.

        Args:
            timestamp: Stamp of the first block [unix seconds]; None is now, on a fork after the node's newest block.
            accounts: Accounts of the well-known mnemonic with coins.
            chain_id: Chain id.
            block_seconds: Stamp of each block minus that of its parent; None lets stamps follow the clock.
            history: Blocks whose state is kept, in memory; None keeps all of them, beyond some hundreds on disk, which
                for thousands of blocks with many vaults takes tens of gigabytes.
            extra: More arguments for the binary.
            port: Where it listens; None takes a free port.
            fork: URL of a node whose chain is forked.
        """
        if port is not None:
            require_free(port)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        if fork is not None:
            extra = ("--fork-url", fork, *extra)
        command = [
            find_anvil(), "--port", str(self.port), "--accounts", str(accounts), "--chain-id", str(chain_id),
            "--mnemonic", MNEMONIC, "--silent", "--balance", "1000000", "--hardfork", "prague",
            *(("--timestamp", str(timestamp)) if timestamp is not None else ()),
            *(("--prune-history", str(history)) if history is not None else ()), *extra,
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=_die_with_parent if os.name == "posix" else None,
        )
        atexit.register(self.stop)
        self.rpc = Rpc(self.url, timeout_seconds=60)
        with doing("starting Anvil"):
            self._wait_until_up()
        if block_seconds is not None:
            self.rpc.call("anvil_setBlockTimestampInterval", block_seconds)

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            if self._process.poll() is not None:
                assert self._process.stderr is not None
                raise BulkheadError(f"Anvil ended at once: {self._process.stderr.read().decode().strip()}")
            try:
                self.rpc.block_number()
                break
            except NodeUnavailable:
                if time.monotonic() > deadline:
                    self.stop()
                    raise BulkheadError("Anvil did not answer within 20 seconds.") from None
                time.sleep(0.02)
        # another program may have taken the port in the meantime, and answer in its place
        time.sleep(0.02)
        if self._process.poll() is not None:
            raise BadInput(f"Port {self.port} is in use: another node answers there.")

    def close(self) -> None:
        """Ends the process."""
        self.stop()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def stop(self) -> None:
        """Ends the process; calling it again does nothing."""
        atexit.unregister(self.stop)
        self.rpc.close()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    # --- cheats -----------------------------------------------------------------------------------------------

    def set_next_timestamp(self, timestamp: int) -> None:
        """Stamp of the next block [unix seconds]."""
        self.rpc.call("evm_setNextBlockTimestamp", timestamp)

    def mine(self, timestamp: int | None = None) -> None:
        """One empty block, at a stamp if given."""
        if timestamp is not None:
            self.set_next_timestamp(timestamp)
        self.rpc.call("evm_mine")

    def set_balance(self, account: str, wei: int) -> None:
        """Native coin of an account."""
        self.rpc.call("anvil_setBalance", account, to_hex(wei))

    def send_as(self, account: str, to: str, data: bytes, gas: int) -> str:
        """Sends for an account that Anvil holds the key of; returns the hash, perhaps before it is mined."""
        plan = {"from": account, "to": to, "data": "0x" + data.hex(), "gas": to_hex(gas)}
        return str(self.rpc.call("eth_sendTransaction", plan))

    def snapshot(self) -> int:
        """Remembers the state for `revert`."""
        return to_int(self.rpc.call("evm_snapshot"))

    def wait_until_mined(self, patience: float) -> None:
        """Returns when no transaction waits that could be mined: Anvil answers a send before it has mined it.

        Raises:
            BulkheadError: One still waits after so many seconds.
        """
        deadline = time.monotonic() + patience
        while waiting := to_int(self.rpc.call("txpool_status")["pending"]):
            if time.monotonic() > deadline:
                raise BulkheadError(f"Anvil has not mined {waiting} transactions in {patience:.0f} s.")
            time.sleep(0.003)

    def revert(self, snapshot: int) -> None:
        """Goes back to a remembered state, as `revert` does."""
        revert(self.rpc, snapshot)


def revert(rpc: Rpc, snapshot: int) -> None:
    """Goes back to a remembered state.

    Anvil does not wait for a block that it is mining: the state would be the old one and the logs keep the block's.
    So what waits is dropped, and one more block is mined, before it goes back.

    Raises:
        BulkheadError: Anvil does not know the snapshot.
    """
    mining = rpc.call("anvil_getAutomine")
    rpc.call("evm_setAutomine", False)
    rpc.call("anvil_dropAllTransactions")
    rpc.call("evm_mine")
    rpc.call("evm_setAutomine", mining)
    if rpc.call("evm_revert", to_hex(snapshot)) is not True:
        raise BulkheadError(f"Anvil does not know snapshot {snapshot}.")


@cache
def key(index: int) -> str:
    """Private key of account `index` of the mnemonic."""
    seed = seed_from_mnemonic(MNEMONIC, "")
    return "0x" + bytes(key_from_seed(seed, f"m/44'/60'/0'/0/{index}")).hex()
