"""How long the page of one vault takes at `bulkhead serve`, beside a bare SELECT of ten rows, under the same load.

Requests are sent at their times whether or not earlier ones were answered, so that a server which falls behind is seen.
The database is one of `python -m benchmarks.history --database FILE`; without it a smaller one is made.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import uvicorn
from fastapi import FastAPI
from sqlalchemy import func, select

from bulkhead.history.database import Database
from bulkhead.history.server import listening_socket
from bulkhead.history.tables import vault_states, vaults

#: Requests a second and seconds of the comparison, and of the test of what is held.
RATE, SECONDS, HELD, HELD_SECONDS = 200, 15, 500, 10


@dataclass(frozen=True)
class Load:
    """What a load met.

    Attributes:
        median: Of the answers [ms].
        p99: Of the answers [ms].
        failed: Requests without an answer, or with another one than 200.
        rate: Answers a second.
        cpu: What an answer took of one core, in the server [ms]: this does not depend on what else the machine does.
    """

    median: float
    p99: float
    failed: int
    rate: float
    cpu: float


@dataclass(frozen=True)
class Server:
    """A server in a process of its own."""

    url: str
    process: int

    def cpu(self) -> float:
        """Seconds of one core that it has taken so far (Linux)."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bare(place: str) -> FastAPI:
    """A server that does nothing but read ten rows."""
    app, database = FastAPI(), Database(place)

    @app.get("/rows/{vault_id}")
    def rows(vault_id: int) -> list[list[str]]:
        wanted = select(vault_states).where(vault_states.c.vault_id >= vault_id).limit(10)
        with database.read() as connection:
            return [[str(value) for value in row] for row in connection.execute(wanted)]

    return app


@contextmanager
def server(arguments: list[str]) -> Iterator[Server]:
    """A server; its address is what it prints first."""
    with subprocess.Popen([sys.executable, "-m", *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(process.stdout.readline().strip(), process.pid)
        finally:
            process.terminate()


async def load(to: Server, names: list[str], rate: int, seconds: int) -> Load:
    """Asks for paths at their times."""
    paths = [to.url + name for name in names]
    took: list[float] = []
    failed = 0
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30)) as session:

        async def ask(path: str) -> None:
            nonlocal failed
            began = time.perf_counter()
            try:
                async with session.get(path) as reply:
                    await reply.read()
                    failed += reply.status != 200
            except (aiohttp.ClientError, TimeoutError):
                failed += 1
            took.append(1_000 * (time.perf_counter() - began))

        await asyncio.gather(*(ask(path) for path in paths[:8]))  # connections and caches, not measured
        took.clear()
        failed = 0
        start, used, tasks = time.perf_counter(), to.cpu(), []
        for number in range(rate * seconds):
            await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
            tasks.append(asyncio.create_task(ask(paths[number % len(paths)])))
        await asyncio.gather(*tasks)
        spent = time.perf_counter() - start
        used = to.cpu() - used
    p99, each = statistics.quantiles(took, n=100)[98], 1_000 * used / len(took)
    return Load(statistics.median(took), p99, failed, len(took) / spent, each)


def main() -> None:
    """The benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", help="an index; without it one of 50,000 logs is made")
    parser.add_argument("--bare", metavar="DATABASE", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        listen(given.bare)
        return
    with tempfile.TemporaryDirectory() as folder:
        place = given.database or str(Path(folder) / "index.sqlite")
        if given.database is None:
            making = [sys.executable, "-m", "benchmarks.history", "--logs", "50000", "--database", place]
            subprocess.run(making, check=True)
        compare(place)


def listen(place: str) -> None:
    """Serves bare rows, until it is ended."""
    with listening_socket("127.0.0.1", 0) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        settings = uvicorn.Config(bare(place), log_level="warning", access_log=False)
        asyncio.run(uvicorn.Server(settings).serve(sockets=[listening]))


def compare(place: str) -> None:
    """Prints both under the same load, then what is held."""
    with Database(place).read() as reader:
        last = reader.execute(select(func.max(vaults.c.vault_id))).scalar_one()
        states = reader.execute(select(func.count()).select_from(vault_states)).scalar_one()
    ids = [random.Random(1).randint(2, last) for _ in range(5_000)]
    with server(["benchmarks.service", "--bare", place]) as rows:
        row = asyncio.run(load(rows, [f"/rows/{i}" for i in ids], RATE, SECONDS))
    with server(["bulkhead", "serve", "--database", place, "--port", "0"]) as pages:
        paths = [f"/v1/1/vaults/{i}" for i in ids]
        page = asyncio.run(load(pages, paths, RATE, SECONDS))
        held = asyncio.run(load(pages, paths, HELD, HELD_SECONDS))
    print(f"{last:,} vaults, {states:,} states of vaults")
    for name, found in ((f"ten rows, {RATE}/s", row), (f"a vault, {RATE}/s", page), (f"a vault, {HELD}/s", held)):
        line = f"median {found.median:6.1f} ms  p99 {found.p99:7.1f} ms  {found.rate:5.0f} answers/s"
        print(f"{name:16} {line}  {found.failed} failed  {found.cpu:.2f} ms of one core each")
    print(f"p99 of a vault's page: {page.p99 / row.p99:.1f} times that of ten rows")


if __name__ == "__main__":
    main()
