"""How fast and how frugal the keeper is: `python -m benchmarks.keeper [--vaults 10000] [--json FILE]`.

A market on an Anvil of its own holds that many real vaults, opened through the Exchange. The keeper runs as a process
of its own, exactly as `bulkhead keeper run` does, and blocks come every second. At every tick of the price about 50
vaults become unsafe (`--unsafe`); the latency of each flag is the log line after its node has answered, less the
moment before the block with the new price was mined. Posts are all HTTP posts of the keeper, sending included; quiet
blocks are those in which nothing was sent or in flight, nor in the block before. Memory is the process's peak resident
set.

The second part has the same keeper, in this process, know `--many` vaults: the real ones and copies of them that are
far from their edge, and times a tick whose price forces every one of them to be revalued.

Nothing here is asserted: the goals are printed beside the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from bulkhead.chain import anvil
from bulkhead.chain.lens import read_cells
from bulkhead.chain.rpc import to_int
from bulkhead.chain.sender import account_from_key
from bulkhead.keeper.json_log import JsonLog
from bulkhead.keeper.launch import assemble
from bulkhead.keeper.node import Node
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.safe_ranges import Shelf
from bulkhead.replay.drill import HISTORY
from bulkhead.replay.keepers import KeeperProcess
from bulkhead.replay.many_vaults import ManyVaults, Member, members
from bulkhead.replay.market import PUSH_GAS, LocalMarket
from bulkhead.replay.participants import ROLES
from bulkhead.replay.price_paths.rounds import Round
from bulkhead.risk import batch
from bulkhead.risk.liquidation_price import liquidation_prices
from bulkhead.risk.words import WAD, RiskWord

START = 1_583_971_200
EXPIRY = START + 2 * 86_400 + 8 * 3600
SPOT = 200 * 10**8
#: Blocks before the first tick of the price, and between two.
QUIET, BETWEEN = 15, 4


def spread_of(count: int, thin: int) -> list[Member]:
    """Mostly well-margined vaults; `thin` short puts are nearer to their edge, each at its own price."""
    near = [Member(0, Decimal(str(round(1.1 + 0.9 * i / thin, 5)))) for i in range(thin)]
    return near + members(count - thin, least=4.0, most=8.0)


def edges(local: LocalMarket, vaults: ManyVaults) -> np.ndarray:
    """Liquidation prices below spot, highest first [quote]."""
    view = read_cells(local.chain, [vaults.cell])[vaults.cell]
    records = [r for r in local.chain.book().vaults.values() if r.vault_id in vaults.opened]
    shelf = Shelf.of([r for r in records if vaults.opened[r.vault_id].cushion < 2], view)
    cells = batch.Cells.of([view.snapshot])
    down, _ = liquidation_prices(shelf.book, cells, RiskWord.unpack(view.risk), shelf.held)
    return np.sort(down)[::-1]


def ticks(local: LocalMarket, prices: list[int]) -> dict[int, float]:
    """Blocks every second, with a new price now and then; the moment before each priced block was mined, by block."""
    rpc, feed = local.anvil.rpc, local.feed.address
    pusher = local.people["deployer"].address
    started: dict[int, float] = {}
    due = time.monotonic()
    for number in range(QUIET + BETWEEN * len(prices) + QUIET):
        due += 1.0
        turn, rest = divmod(number - QUIET, BETWEEN)
        priced = number >= QUIET and rest == 0 and turn < len(prices)
        now = int(rpc.block()["timestamp"], 16)
        if priced:
            data = local.feed.encode("push", prices[turn], now)
            plan = {"from": pusher, "to": feed, "data": "0x" + data.hex(), "gas": hex(PUSH_GAS)}
            # ahead of everything else in the block
            rpc.call("eth_sendTransaction", {**plan, "maxFeePerGas": hex(10**12), "maxPriorityFeePerGas": hex(10**11)})
        time.sleep(max(due - time.monotonic(), 0.0))
        head = to_int(rpc.call("eth_blockNumber")) + 1
        moment = time.time()
        rpc.call("evm_mine")
        if priced:
            started[head] = moment
    return started


def live(local: LocalMarket, vaults: ManyVaults, rounds: int, unsafe: int) -> dict[str, Any]:
    """Part one: latency, posts and memory of a keeper process."""
    rpc = local.anvil.rpc
    found = edges(local, vaults)
    # a hundredth of a percent below the edge of the last vault that is to fall
    prices = [int(found[min((i + 1) * unsafe, len(found)) - 1] * 0.9999 * 10**8) for i in range(rounds)]
    rpc.call("evm_setAutomine", False)
    rpc.call("evm_setBlockGasLimit", hex(500_000_000))
    began = time.monotonic()
    with KeeperProcess(local, ("flag", "poke")) as process:
        process.wait_for(lambda line: line["event"] == "tick")
        ready = time.monotonic() - began
        started = ticks(local, prices)
        time.sleep(1)
        memory = process.peak_megabytes()
        process.stop()
    first = [line for line in process.events("sent") if line["version"] == 1]
    # flags that share a transaction count each
    sent = [line for line in first if line["call"] == "Liquidator.flag"]
    sent += [line for line in first if line["call"] == "Liquidator.flag_many" for _ in line["vault_ids"]]
    seconds = [line["time"] - started[line["block"]] for line in sent if line["block"] in started]
    looks = process.events("tick")
    posts = [(after, after["posts"] - before["posts"]) for before, after in zip(looks, looks[1:], strict=False)]
    idle = [not tick["sent"] and not tick["pending"] and not tick["planned"] for tick in looks]
    # what follows a tick that sends is counted up to the next one
    quiet = [n for (_, n), before, after in zip(posts, idle, idle[1:], strict=False) if before and after]
    crash = [(tick["sent"], n) for tick, n in posts if tick["block"] in started and tick["sent"]]
    ended = {name: len(process.events(name)) for name in ("mined", "reverted", "bug", "read-failed", "unknown")}
    per_tick = [sum(line["block"] == block for line in sent) for block in started]
    return {
        "vaults": len(vaults.opened),
        "ready_seconds": round(ready, 1),
        "flags": len(seconds),
        "flags_late": len(sent) - len(seconds),
        "per_tick": per_tick,
        "latency_p50_ms": round(statistics.median(seconds) * 1000),
        "latency_p99_ms": round(float(np.percentile(seconds, 99)) * 1000),
        "latency_max_ms": round(max(seconds) * 1000),
        "tick_p99_ms": round(float(np.percentile([t["milliseconds"] for t in looks], 99))),
        "quiet_blocks": len(quiet),
        "quiet_posts_mean": round(statistics.mean(quiet), 2),
        "quiet_posts_max": max(quiet),
        "crash_posts": [f"{n} for {k}" for k, n in crash],
        "crash_posts_max": max(n for _, n in crash),
        "memory_mb": round(memory),
        "ended": ended,
        "load": os.getloadavg()[0],
    }


async def many(local: LocalMarket, count: int) -> dict[str, Any]:
    """Part two: one tick that revalues `count` vaults, in this process."""
    with open(os.devnull, "w") as stream:  # noqa: PTH123
        account = account_from_key(anvil.key(ROLES.index("keeper")))
        keeper = await assemble(
            local.chain.deployment, [Node(local.anvil.url, 60)], account, ":memory:", JsonLog(stream),
            Policy(roles=frozenset({"flag"})),
        )  # fmt: skip
        await keeper.tick()
        discovery, index = keeper.observer.discovery, keeper.observer.ranges
        models = [r for r in discovery.book.vaults.values() if r.legs and r.vault_id not in keeper.observer.watch]
        first = max(discovery.book.vaults) + 1
        for i in range(max(count - len(discovery.book.vaults), 0)):
            copy = replace(models[i % len(models)], vault_id=first + i)
            # far from the edge: what is measured is finding that out, not reading a hundred thousand vaults
            discovery.book.vaults[copy.vault_id] = replace(copy, balance=copy.balance * 4)
            index.change(copy.vault_id, discovery.book.vaults[copy.vault_id])
        began = time.monotonic()
        view = next(iter(keeper.observer.views.items()))
        index.near(dict([view]))
        await index.draw()
        drawn = time.monotonic() - began
        quiet = []
        for _ in range(5):
            local.anvil.mine()
            began = time.monotonic()
            await keeper.tick()
            quiet.append(time.monotonic() - began)
        spot = int(view[1].snapshot.spot / 10**10 * 0.95)
        revalued, before = [], index.revalued
        for i in range(5):
            local.push(Round(local.now() + 1, spot * (100 - 4 * (i % 2)) // 100))
            began = time.monotonic()
            await keeper.tick()
            revalued.append(time.monotonic() - began)
        held = len(index)
        await keeper.close()
    return {
        "vaults": held,
        "grid_seconds": round(drawn, 1),
        "quiet_tick_ms": round(max(quiet) * 1000),
        "revaluing_tick_ms": round(max(revalued) * 1000),
        "revalued": index.revalued - before,
        "spot": spot / 10**8 * WAD / WAD,
    }


def show(found: dict[str, Any]) -> None:
    """The table."""
    a, b = found["live"], found["many"]
    ended = a["ended"]
    rows = [
        (f"price tick to flag sent, p99 of {a['flags']} flags", f"{a['latency_p99_ms']} ms", "500 ms"),
        ("  p50 / worst", f"{a['latency_p50_ms']} / {a['latency_max_ms']} ms", ""),
        (f"HTTP posts in a quiet block, mean of {a['quiet_blocks']}", f"{a['quiet_posts_mean']}", "3"),
        ("  most", f"{a['quiet_posts_max']}", "3"),
        ("HTTP posts in a crash block, sending included, most", f"{a['crash_posts_max']}", "3 + k/200 reads"),
        (f"memory with {a['vaults']} vaults", f"{a['memory_mb']} MB", "400 MB"),
        ("start: all logs read, first tick done", f"{a['ready_seconds']} s", ""),
        (f"tick that revalues {b['vaults']} vaults", f"{b['revaluing_tick_ms']} ms", "1,000 ms (1 block)"),
        (f"quiet tick with {b['vaults']} vaults", f"{b['quiet_tick_ms']} ms", "1,000 ms (1 block)"),
        ("transactions reverted", f"{ended['reverted']} of {ended['mined'] + ended['reverted']}", "1 % of gas"),
    ]
    wide = max(len(name) for name, _, _ in rows)
    print(f"{'':{wide}}  {'measured':>16}  goal")
    for name, value, goal in rows:
        print(f"{name:{wide}}  {value:>16}  {goal}")
    print(f"load average of the machine: {a['load']:.1f} on {os.cpu_count()} cores")


def main() -> None:
    """Runs both parts and prints them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vaults", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--unsafe", type=int, default=50)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with LocalMarket("ETH", Round(START, SPOT), history=HISTORY) as local:
        local.push(Round(START, SPOT))
        local.push(Round(START + 60, SPOT))
        vaults = ManyVaults(local, EXPIRY)
        began = time.monotonic()
        vaults.open(spread_of(options.vaults, min(options.rounds * options.unsafe * 11 // 10, options.vaults)))
        print(f"{options.vaults} vaults opened in {time.monotonic() - began:.0f} s", file=sys.stderr)
        found: dict[str, Any] = {"unsafe": options.unsafe}
        found["live"] = live(local, vaults, options.rounds, options.unsafe)
        local.anvil.rpc.call("evm_setAutomine", True)
        found["many"] = asyncio.run(many(local, options.many))
    show(found)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
