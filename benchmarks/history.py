"""How fast the index reads a million logs from a node next door, how it keeps up after that, and the memory it takes.

The logs are those of real fills on a local chain, repeated for as many vaults as it takes: a node in another process
serves them over HTTP, with ranges, headers and receipts, so that everything an indexer does is measured but the wire.
When all of them are in, the chain grows by some blocks a second, each with a fill; a block is in when its rows are
written, and its age is counted from the moment at which the node has it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bulkhead.chain.deployment import Deployment
from bulkhead.chain.rpc import Rpc, to_hex, to_int
from bulkhead.history.follow import Follower
from bulkhead.replay.market import LocalMarket
from bulkhead.replay.participants import MAKER
from bulkhead.replay.price_paths.rounds import Round
from tests.worlds.answering import Answering

#: Transactions in a block of the served chain, and fills that follow each opening.
A_BLOCK, FILLS = 20, 9
#: 2020-03-12 05:00 UTC, and an expiry two days later.
START, EXPIRY = 1_583_989_200, 1_584_172_800
Json = dict[str, Any]


@dataclass(frozen=True)
class Recorded:
    """What a real market left.

    Attributes:
        deployment: Its contracts.
        codes: Their code by address, in small letters.
        first: Raw logs until it was there.
        opening: Those of an opening with a fill.
        fill: Those of a fill of a vault that is open.
        vault: That vault.
    """

    deployment: Deployment
    codes: dict[str, str]
    first: list[Json]
    opening: list[Json]
    fill: list[Json]
    vault: int


def record() -> Recorded:
    """Plays a market with two fills."""
    with LocalMarket("ETH", Round(START, 200 * 10**8)) as local:
        maker, trader = local.people[MAKER], local.people["Ada"]
        desk = maker.vaults.open("ETH", deposit=20_000)
        rpc = local.anvil.rpc
        addresses = [contract.address for contract in local.chain.speakers.values()]
        head = rpc.block_number()
        first = rpc.logs(addresses, local.chain.deployment.block, head)
        offer = maker.orders.sign(desk, EXPIRY, ["call:200"], "sell", 12, 50, good_for=10**6)
        vault = trader.orders.fill(offer, size=1, deposit=100)
        middle = rpc.block_number()
        opening = rpc.logs(addresses, head + 1, middle)
        trader.orders.fill(offer, vault, size=1)
        fill = rpc.logs(addresses, middle + 1, rpc.block_number())
        known = [str(parameters[0]) for method, parameters in local.chain.deployment.check_calls() if parameters]
        codes = {address.lower(): "0x" + rpc.code(address).hex() for address in known}
        return Recorded(local.chain.deployment, codes, first, opening, fill, vault)


class Chain:
    """A chain of repeated transactions. Blocks are made when they are asked for."""

    def __init__(self, recorded: Recorded, logs: int):
        self.deployment, self.codes = recorded.deployment, recorded.codes
        self.first, self.opening, self.fill, self.vault = (
            recorded.first, recorded.opening, recorded.fill, recorded.vault
        )  # fmt: skip
        self.base = max(to_int(log["blockNumber"]) for log in self.first) + 1
        per_vault = len(self.opening) + FILLS * len(self.fill)
        self.transactions = (logs // per_vault + 1) * (1 + FILLS)
        #: The newest block before it grows; after that blocks a second since a moment.
        self.last = self.base + self.transactions // A_BLOCK + 80
        self.rate, self.since = 0.0, 0.0

    @property
    def head(self) -> int:
        """The newest block of now."""
        return self.last + int((time.monotonic() - self.since) * self.rate)

    def grow(self, rate: float) -> Json:
        """Begins to grow, or stops; where and when."""
        if not rate:
            self.last, self.rate = self.head, 0.0
        else:
            self.rate, self.since = rate, time.monotonic()
        return {"block": self.last, "at": self.since}

    def block(self, number: int) -> Json:
        return {
            "number": to_hex(number), "hash": f"0x{number + 1:064x}", "parentHash": f"0x{number:064x}",
            "timestamp": to_hex(START + number),
        }  # fmt: skip

    def logs(self, first: int, last: int) -> list[Json]:
        found = [self._placed(log, to_int(log["blockNumber"]), to_int(log["logIndex"]), log["transactionHash"])
                 for log in self.first if first <= to_int(log["blockNumber"]) <= last]  # fmt: skip
        for number in range(max(first, self.base), last + 1):
            index = 0
            for n in self._transactions(number):
                # blocks that are made as they come have fills of vaults that are there
                vault, step = divmod(n, 1 + FILLS) if n < self.transactions else (n % (self.transactions // 10), 1)
                topic = f"0x{self.vault + vault:064x}"
                for log in self.opening if step == 0 else self.fill:
                    copy = self._placed(log, number, index, f"0x{n + 1:064x}")
                    mine = f"0x{self.vault:064x}"
                    copy["topics"] = [topic if one == mine else one for one in log["topics"]]
                    found.append(copy)
                    index += 1
        return found

    def _transactions(self, number: int) -> range:
        """Numbers of the transactions of a block."""
        start = (number - self.base) * A_BLOCK
        if number > self.last:
            return range(self.transactions + number, self.transactions + number + 1)
        return range(start, min(start + A_BLOCK, self.transactions))

    def _placed(self, log: Json, number: int, index: int, transaction: str) -> Json:
        return {
            **log, "blockNumber": to_hex(number), "blockHash": f"0x{number + 1:064x}", "logIndex": to_hex(index),
            "transactionHash": transaction, "blockTimestamp": to_hex(START + number),
        }  # fmt: skip

    def receipt(self, name: str) -> Json:
        n = to_int(name)
        number = n - 1 - self.transactions
        if n <= self.transactions:
            number = self.base + (n - 1) // A_BLOCK
        elif not self.last < number <= self.head:
            number = next(to_int(log["blockNumber"]) for log in self.first if log["transactionHash"] == name)
        return {
            "transactionHash": name, "blockNumber": to_hex(number), "from": self.deployment.deployer,
            "to": self.deployment.address("Exchange"), "gasUsed": "0x55555", "effectiveGasPrice": "0x3b9aca00",
        }  # fmt: skip

    def answer(self, call: Json) -> Json:
        method, given = call["method"], call["params"]
        head = {"jsonrpc": "2.0", "id": call["id"]}
        if method == "eth_getLogs" and "blockHash" in given[0]:
            number = to_int(given[0]["blockHash"]) - 1
            return {**head, "result": self.logs(number, number)}
        answers: dict[str, Any] = {
            "eth_chainId": lambda: to_hex(self.deployment.chain_id),
            "eth_blockNumber": lambda: to_hex(self.head),
            "eth_getCode": lambda: self.codes[given[0].lower()],
            "eth_getBlockByNumber": lambda: self.block(self.head if given[0] == "latest" else to_int(given[0])),
            "eth_getLogs": lambda: self.logs(to_int(given[0]["fromBlock"]), to_int(given[0]["toBlock"])),
            "eth_getTransactionReceipt": lambda: self.receipt(given[0]),
            "benchmark_grow": lambda: self.grow(given[0]),
        }
        if method not in answers:
            return {**head, "error": {"code": -32601, "message": "not here"}}
        return {**head, "result": answers[method]()}


class Handler(Answering):
    """JSON-RPC over HTTP."""

    chain: Chain

    def answer(self, body: bytes) -> bytes:
        """The chain's answers."""
        asked = json.loads(body)
        made = [self.chain.answer(c) for c in asked] if isinstance(asked, list) else self.chain.answer(asked)
        return json.dumps(made).encode()


def serve(chain: Chain, port: Any) -> None:
    """The node, until it is ended."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"chain": chain}))
    port.value = server.server_address[1]
    server.serve_forever()


@dataclass(frozen=True)
class Kept:
    """How a chain that grows was kept up with.

    Attributes:
        blocks: Blocks that came in.
        seconds: In so many.
        behind: Blocks that were missing after a look, at most.
        ages: p50, p99 and the largest age of a block when it was in [s].
        cpu: Seconds of one core.
    """

    blocks: int
    seconds: float
    behind: int
    ages: tuple[float, float, float]
    cpu: float


def keep_up(one: Follower, rpc: Rpc, rate: float, seconds: float) -> Kept:
    """Follows a chain that grows by `rate` blocks a second."""
    grown = rpc.call("benchmark_grow", rate)
    first, began, used = int(grown["block"]), float(grown["at"]), time.process_time()
    known, behind, ages = first, 0, list[float]()
    while time.monotonic() < began + seconds:
        found = one.step()
        now = time.monotonic()
        ages += [now - began - (number - first) / rate for number in range(known + 1, found.block + 1)]
        behind, known = max(behind, found.head - found.block), found.block
        if found.block == found.head:
            time.sleep(0.02)
    taken, used = time.monotonic() - began, time.process_time() - used
    rpc.call("benchmark_grow", 0)
    ages.sort()
    middle, late, last = (round(ages[min(int(len(ages) * part), len(ages) - 1)], 3) for part in (0.5, 0.99, 1))
    return Kept(known - first, round(taken, 1), behind, (middle, late, last), round(used, 1))


def measure(url: str, place: str, database: str, rate: float, seconds: float) -> None:
    """Indexes and prints what it took, as JSON."""
    from bulkhead.chain import deployment as deployments
    from bulkhead.history.database import Database
    from bulkhead.history.follow import followers, run

    started = time.monotonic()
    counted: list[int] = []
    with Database(database).writer() as writer:
        following = followers(writer, [deployments.load(place)], [url])
        run(following, 0.1, True, lambda _, progress: counted.append(progress.logs))
        took, used = time.monotonic() - started, time.process_time()
        kept = keep_up(following[0], Rpc(url), rate, seconds) if seconds else None
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {"logs": sum(counted), "seconds": round(took, 1), "cpu": round(used, 1), "megabytes": round(memory)}
    print(json.dumps({**found, "kept": None if kept is None else asdict(kept)}))


def main() -> None:
    """The benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", type=int, default=1_000_000)
    parser.add_argument("--database", help="where to write; a temporary file without it")
    parser.add_argument("--rate", type=float, default=20, help="blocks a second of the chain that grows (20)")
    parser.add_argument("--live", type=float, default=30, help="how long it grows [seconds] (30), 0 for not at all")
    parser.add_argument("--measure", nargs=3, metavar=("URL", "DEPLOYMENT", "DATABASE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(*given.measure, given.rate, given.live)
        return
    recorded = record()
    chain = Chain(recorded, given.logs)
    port = multiprocessing.Value("i", 0)
    node = multiprocessing.Process(target=partial(serve, chain, port), daemon=True)
    node.start()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "addresses.json"
        recorded.deployment.save(place)
        while not port.value:
            time.sleep(0.05)
        database = given.database or str(Path(folder) / "index.sqlite")
        url = f"http://127.0.0.1:{port.value}"
        command = [sys.executable, "-m", "benchmarks.history", "--measure", url, str(place), database]
        command += ["--rate", str(given.rate), "--live", str(given.live)]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    node.terminate()
    took = f"{found['seconds']} s ({found['cpu']} s of one core)"
    print(f"{found['logs']:,} logs in {took}, at most {found['megabytes']} MB")
    if found["kept"]:
        kept = Kept(**found["kept"])
        rate, ages = kept.blocks / kept.seconds, kept.ages
        print(
            f"{given.rate:g} blocks/s live: {kept.blocks} in {kept.seconds} s ({rate:.1f}/s, {kept.cpu} s of one core)"
        )
        print(f"a block is in after {ages[0]} s (p99 {ages[1]} s, at most {ages[2]} s), {kept.behind} behind at most")


if __name__ == "__main__":
    main()
