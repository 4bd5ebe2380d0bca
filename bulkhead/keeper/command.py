"""`bulkhead keeper ...`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from bulkhead.chain.errors import BulkheadError
from bulkhead.keeper.config import load
from bulkhead.keeper.launch import serve, work
from bulkhead.keeper.plan import ROLES


@click.group()
def keeper() -> None:
    """Flag, take, settle and claim for pay."""


@keeper.command("run")
@click.option("--config", type=Path, help="TOML file with settings; options below beat it.")
@click.option("--rpc", envvar="BULKHEAD_RPC_URL", multiple=True, help="URL of a node; may be given several times.")
@click.option("--deployment", envvar="BULKHEAD_DEPLOYMENT", help="addresses.json or its folder.")
@click.option("--key-env", help="Environment variable with the private key.")
@click.option("--journal", help="File of the write-ahead journal.")
@click.option("--roles", help=f"What to do, separated by commas: {','.join(ROLES)}.")
@click.option("--min-bonus", help="Least bonus share to take at.")
@click.option("--min-profit", help="Least gain at mark [quote].")
@click.option("--poll", "poll_seconds", type=float, help="Seconds between looks for a new block.")
@click.option("--listen", help="host:port of /healthz and /metrics.")
@click.option("--once", is_flag=True, help="One look, then end; exit code 1 when something failed.")
@click.option("--dry-run", is_flag=True, default=None, help="Log what would be done and send nothing.")
def keeper_run(
    config: Path | None,
    rpc: tuple[str, ...],
    deployment: str | None,
    key_env: str | None,
    journal: str | None,
    roles: str | None,
    min_bonus: str | None,
    min_profit: str | None,
    poll_seconds: float | None,
    listen: str | None,
    once: bool,
    dry_run: bool | None,
) -> None:
    """Watch every vault and act, one look per block; JSON log lines on standard output."""
    settings = load(
        config,
        providers=[{"url": url} for url in rpc] or None,
        deployment=deployment,
        key_env=key_env,
        journal=journal,
        roles=roles,
        min_bonus=min_bonus,
        min_profit=min_profit,
        poll_seconds=poll_seconds,
        listen=listen,
        dry_run=dry_run,
    )
    done = asyncio.run(serve(settings, sys.stdout, once))
    if once and (done.failed or done.block < 0):
        raise BulkheadError("The look or an action failed; the log lines above say why.")


@keeper.command("worker")
@click.argument("index", type=int)
@click.option("--config", type=Path, help="TOML file with settings.")
@click.option("--rpc", envvar="BULKHEAD_RPC_URL", multiple=True, help="URL of a node; may be given several times.")
@click.option("--deployment", envvar="BULKHEAD_DEPLOYMENT", help="addresses.json or its folder.")
@click.option("--key-env", help="Environment variable with the private key: every worker needs an account of its own.")
@click.option("--journal", help="File of the write-ahead journal.")
def keeper_worker(
    index: int,
    config: Path | None,
    rpc: tuple[str, ...],
    deployment: str | None,
    key_env: str | None,
    journal: str | None,
) -> None:
    """Send what a keeper queues for worker INDEX (0 and up) behind the Redis in BULKHEAD_REDIS_URL."""
    settings = load(
        config,
        providers=[{"url": url} for url in rpc] or None,
        deployment=deployment,
        key_env=key_env,
        journal=journal,
    )
    asyncio.run(work(settings, sys.stdout, index))
