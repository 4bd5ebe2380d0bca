"""`bulkhead keeper ...`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from bulkhead.chain.errors import BulkheadError
from bulkhead.cli.output import Output, printing
from bulkhead.keeper.config import Settings, load
from bulkhead.keeper.plan import ROLES
from bulkhead.progress import doing

#: Options that every process of a keeper has, and the name each has as a setting.
COMMON: tuple[Callable[[Any], Any], ...] = (
    click.option("--config", type=Path, help="TOML file with settings; options beat it."),
    click.option("--rpc", multiple=True, help="URL of a node; may be given several times."),
    click.option("--deployment", help="addresses.json or its folder."),
    click.option("--key-env", help="Environment variable with the private key; every process needs its own account."),
    click.option("--journal", help="File of the write-ahead journal."),
)


def common(command: Callable[..., None]) -> Callable[..., None]:
    """Adds those options."""
    for option in reversed(COMMON):
        command = option(command)
    return command


def settings_of(config: Path | None, rpc: tuple[str, ...], options: Mapping[str, Any]) -> Settings:
    """Settings of a command line."""
    return load(config, providers=[{"url": url} for url in rpc] or None, **options)


@click.group()
def keeper() -> None:
    """Flag, take, settle and claim for pay."""


@keeper.command("run")
@common
@click.option("--roles", help=f"What to do, separated by commas: {','.join(ROLES)}.")
@click.option("--min-bonus", help="Least bonus share to take at.")
@click.option("--min-profit", help="Least gain at mark [quote].")
@click.option("--poll", "poll_seconds", type=float, help="Seconds between looks for a new block.")
@click.option("--listen", help="host:port of /healthz and /metrics.")
@click.option("--once", is_flag=True, help="One look, then end; exit code 1 when something failed.")
@click.option("--dry-run", is_flag=True, default=None, help="Log what would be done and send nothing.")
def keeper_run(config: Path | None, rpc: tuple[str, ...], once: bool, **options: Any) -> None:
    """Watch every vault and act, one look per block; JSON log lines on standard output."""
    from bulkhead.keeper.launch import serve

    done = asyncio.run(serve(settings_of(config, rpc, options), sys.stdout, once))
    if once and (done.failed or done.block < 0):
        raise BulkheadError("The look or an action failed; the log lines above say why.")


@keeper.command("worker")
@click.argument("index", type=int)
@common
def keeper_worker(index: int, config: Path | None, rpc: tuple[str, ...], **options: Any) -> None:
    """Send what a keeper queues for worker INDEX (0 and up) behind the Redis in BULKHEAD_REDIS_URL."""
    from bulkhead.keeper.launch import work

    asyncio.run(work(settings_of(config, rpc, options), sys.stdout, index))


@keeper.command("status")
@click.option("--at", default="127.0.0.1:9100", show_default=True, help="host:port that the keeper listens on.")
@printing
def keeper_status(at: str, out: Output) -> None:
    """What a running keeper holds, is exposed to, has in flight, and which nodes it does not believe and why."""
    from bulkhead.keeper.status import fetch, lines_of

    with doing(f"asking the keeper at {at}"):
        found = fetch(at)
    out.show(found, lines_of(found))
