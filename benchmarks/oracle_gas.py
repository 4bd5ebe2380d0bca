"""Gas of the oracle adapter: `rows(url)` on a running node, or a table when run as a script (starts its own Anvil)."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import boa  # noqa: E402
import httpx  # noqa: E402
from eth_account import Account  # noqa: E402

from bulkhead.chain.system import create_address  # noqa: E402
from bulkhead.risk.volatility import OracleWord  # noqa: E402
from bulkhead.vol import surface  # noqa: E402
from tests.contracts import deployer  # noqa: E402
from tests.surface_world import smile  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
UNIT = 10**8
EMPTY = "0x" + "00" * 20
# publishers, in the order of their addresses
PUBLISHERS = sorted(("0x" + f"{n:064x}" for n in (11, 12)), key=lambda key: int(Account.from_key(key).address, 16))
# first account of Anvil's public mnemonic
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"

PROBE = """# pragma version 0.4.3
interface Adapter:
    def snapshot(market: uint256, expiry: uint256) -> uint256[16]: view

owner: public(address)

@deploy
def __init__():
    self.owner = msg.sender

@external
@view
def run(adapter: address, market: uint256, expiry: uint256) -> (uint256, uint256):
    a: uint256 = msg.gas
    facts: uint256[16] = staticcall Adapter(adapter).snapshot(market, expiry)
    b: uint256 = msg.gas
    facts = staticcall Adapter(adapter).snapshot(market, expiry)
    return a - b, b - msg.gas
"""


def rows(url: str) -> list[dict[str, Any]]:
    """Measured operations: {"operation", "gas"}; snapshot as a call (cold, warm), poke and fix as transactions."""
    client = httpx.Client()

    def rpc(method: str, *params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        return client.post(url, json=body).json()["result"]

    def latest() -> dict[str, Any]:
        return rpc("eth_getBlockByNumber", "latest", False)

    def used() -> int:
        return int(latest()["gasUsed"], 16)

    def now() -> int:
        return int(latest()["timestamp"], 16)

    def at(stamp: int) -> int:
        rpc("evm_setNextBlockTimestamp", hex(stamp))
        return stamp

    boa.set_network_env(url)
    boa.env.add_account(Account.from_key(KEY), force_eoa=True)
    # RiskParameters is the account itself, and for VolSurface the probe, which names it as its owner
    nonce = int(rpc("eth_getTransactionCount", boa.env.eoa, "latest"), 16)
    vol_at = create_address(boa.env.eoa, nonce + 4)  # adapter, two feeds, probe
    adapter = deployer("OracleAdapter").deploy(boa.env.eoa, vol_at)
    feeds = [deployer("MockAggregator").deploy(8, "TEST / USD") for _ in range(2)]
    probe = boa.loads(PROBE)
    vol = deployer("VolSurface").deploy(probe.address, adapter.address)
    assert str(vol.address) == vol_at
    for feed in feeds:
        feed.push(2000 * UNIT, now())
    adapter.list_market(1, [feeds[0].address, feeds[1].address, EMPTY], [3600, 3600], OracleWord().pack())
    expiry = now() + 7 * 86400
    table: list[dict[str, Any]] = []

    def add(operation: str, gas: int) -> None:
        table.append({"operation": operation, "gas": gas})

    cold, warm = probe.run(adapter.address, 1, expiry)
    add("snapshot_cold", cold)
    add("snapshot_warm", warm)
    feeds[0].push(2010 * UNIT, now())
    cold, warm = probe.run(adapter.address, 1, expiry)
    add("snapshot_cold_unpoked", cold)
    add("snapshot_warm_unpoked", warm)
    for i in range(21):
        feeds[0].push((2000 + i) * UNIT, now())
    adapter.poke(1, 1)
    adapter.poke(1, 1)
    one = used()
    adapter.poke(1, 11)
    add("poke_round", (used() - one) // 10)
    adapter.poke(1, 256)
    adapter.observe(1, expiry)
    add("observe_tx", used())

    vol.set_publishers(1, [Account.from_key(key).address for key in PUBLISHERS], 2, 3600, 1000)
    number = 0
    for days in ((30,), tuple(range(7, 39)[::4])):
        for turn in ("first", "again"):
            number += 1
            made_at = at(now() + 600)
            rpc("evm_mine")
            expiries = tuple(made_at // 86400 * 86400 + 8 * 3600 + day * 86400 for day in days)
            made = surface.Surface(1, made_at, expiries, tuple(smile(0.6, e - made_at) for e in expiries))
            domain = surface.Domain(int(rpc("eth_chainId"), 16), str(vol.address))
            signed = surface.sign(made, number, 1, domain, PUBLISHERS)
            data = vol.publish.prepare_calldata(1, number, made_at, made.index, made.words, signed)
            # straight to the node: a simulation beside it has another chain id, and the signatures would not hold there
            call = {"from": str(boa.env.eoa), "to": str(vol.address), "data": "0x" + data.hex(), "gas": hex(5_000_000)}
            sent, receipt = rpc("eth_sendTransaction", call), None
            while receipt is None:
                receipt = rpc("eth_getTransactionReceipt", sent)
            assert receipt["status"] == "0x1"
            add(f"publish_{len(days)}_{turn}", used())
            add(f"publish_{len(days)}_{turn}_each", used() // len(days))
    feeds[0].push(2020 * UNIT, now())
    feeds[1].push(2020 * UNIT, now())
    adapter.poke(1, 16)
    for name, expiry in (("listed", made.expiries[3]), ("between", made.expiries[3] + 86400)):
        cold, warm = probe.run(adapter.address, 1, expiry)
        add(f"snapshot_cold_{name}", cold)
        add(f"snapshot_warm_{name}", warm)

    expiry = now() + 3600
    feeds[0].push(2100 * UNIT, at(expiry - 3000))
    for i, before in enumerate((1500, 1000, 500)):
        feeds[0].push((2100 + i) * UNIT, at(expiry - before))
    hint = feeds[0].latest_id() - 3
    feeds[0].push(2200 * UNIT, at(expiry + 100))
    adapter.fix_price(1, expiry, [hint])
    add("fix", used())
    return table


def main() -> None:
    """Starts an Anvil, measures, prints."""
    local = ROOT / "node_modules" / ".bin" / "anvil"
    anvil = str(local) if local.exists() else shutil.which("anvil")
    if anvil is None:
        raise SystemExit("no anvil: run `npm ci` or put one on PATH")
    port = 18_778
    node = subprocess.Popen([anvil, "--port", str(port), "--silent", "--timestamp", "1800000000"])
    try:
        time.sleep(2)
        table = rows(f"http://127.0.0.1:{port}")
    finally:
        node.terminate()
    for row in table:
        print(f"{row['operation']:<24}{row['gas']:>10,}")


if __name__ == "__main__":
    main()
