"""How long a hundred reads of a vault take, over our own connection, over a user's web3.py, and by web3's own calls.

    python -m benchmarks.transports [--docs]

A local Anvil with the deployment of `make market`; each read is `Lens.vaults` of one vault, decoded. Least of a few.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from web3 import AsyncHTTPProvider, AsyncWeb3, HTTPProvider, IPCProvider, Web3, WebSocketProvider

import bulkhead
from benchmarks import generated
from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import read
from bulkhead.chain.web3_transport import rpc_of
from tests.worlds.served_market import TRADER, ServedMarket, serve

READS, RUNS = 100, 7


def best_of(times: int, what: Callable[[], Any]) -> float:
    """Least seconds of a core of several runs."""
    found = []
    for _ in range(times):
        begun = time.process_time()
        what()
        found.append(time.process_time() - begun)
    return min(found)


def ours(market: ServedMarket, node: Any, vault: int) -> float:
    """Seconds over a connection, decoded by this package."""
    rpc = rpc_of(node)
    lens = Connection(rpc, market.chain.deployment)["Lens"]
    queries = [lens.query("vaults", [vault])] * READS
    try:
        read(rpc, queries)  # connects
        return best_of(RUNS, lambda: read(rpc, queries))
    finally:
        rpc.close()


def by_web3(market: ServedMarket, vault: int) -> tuple[float, float]:
    """Seconds by web3's own contract objects: in one batch of web3's, and call by call."""
    node = Web3(HTTPProvider(market.anvil.url))
    function = bulkhead.contracts(node, market.place).Lens.functions.vaults([vault])

    def together() -> None:
        with node.batch_requests() as batch:
            for _ in range(READS):
                batch.add(function)
            batch.execute()

    return best_of(RUNS, together), best_of(3, lambda: [function.call() for _ in range(READS)])


def rows() -> list[tuple[str, float]]:
    """Ways and their seconds."""
    with tempfile.TemporaryDirectory() as folder:
        pipe = str(Path(folder) / "anvil.ipc")
        with serve(Path(folder), extra=("--ipc", pipe)) as market:
            vault = market.client(TRADER).vaults.open("ETH", deposit=50)
            url = market.anvil.url
            nodes: dict[str, Callable[[], Any]] = {
                "our own connection (URL), as keepers use it": lambda: url,
                "`Web3(HTTPProvider)`": lambda: Web3(HTTPProvider(url)),
                "`Web3(IPCProvider)`, which has no batches": lambda: Web3(IPCProvider(pipe)),
                "`AsyncWeb3(AsyncHTTPProvider)`": lambda: AsyncWeb3(AsyncHTTPProvider(url)),
                "`AsyncWeb3(WebSocketProvider)`": lambda: AsyncWeb3(WebSocketProvider(url.replace("http", "ws"))),
            }
            found = [(name, ours(market, node(), vault)) for name, node in nodes.items()]
            batch, single = by_web3(market, vault)
    return [
        *found,
        ("web3's contract objects, `batch_requests`", batch),
        ("web3's contract objects, `.call()`", single),
    ]


def main() -> None:
    """Prints the table, or writes it into the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", action="store_true", help="Write it into docs/integrator.md.")
    given = parser.parse_args()
    lines = [f"| {READS} reads of a vault over | ms |", "|---|---:|"]
    table = "\n".join([*lines, *(f"| {name} | {seconds * 1000:.0f} |" for name, seconds in rows())])
    print(table)
    if given.docs:
        path = generated.ROOT / "docs" / "integrator.md"
        generator = "benchmarks.transports --docs"
        path.write_text(generated.with_block(path.read_text(), "transports", table, generator, generated.MARKDOWN))


if __name__ == "__main__":
    main()
