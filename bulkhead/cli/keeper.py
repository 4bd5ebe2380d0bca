"""`bulkhead keeper ...`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from bulkhead.chain.errors import BulkheadError
from bulkhead.cli.output import Output, printing
from bulkhead.keeper.config import Settings, load
from bulkhead.keeper.policy import ROLES
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


@keeper.command("rehearse")
@common
@click.option("--roles", help=f"What to do, separated by commas: {','.join(ROLES)}.")
@click.option("--fall", type=float, default=0.3, show_default=True, help="Share that prices lose; negative to rise.")
@click.option("--minutes", type=float, default=60, show_default=True, help="Over how long.")
@click.option("--after", type=float, default=30, show_default=True, help="Minutes for which prices then stay.")
@click.option("--vol", type=float, default=1.5, show_default=True, help="What vols of live surfaces are multiplied by.")
@click.option("--block-seconds", type=int, default=12, show_default=True, help="Between blocks.")
@click.option("--base-fee", type=float, help="Base fee of every block [gwei]; the node's own by default.")
@click.option("--keeper-log", type=Path, help="File for the keeper's log lines.")
@printing
def keeper_rehearse(
    config: Path | None,
    rpc: tuple[str, ...],
    keeper_log: Path | None,
    base_fee: float | None,
    out: Output,
    **options: Any,
) -> None:
    """Show what the keeper would do and earn in a crash that begins now, on a private fork of its node."""
    from bulkhead.replay.rehearse import Shake, rehearse
    from bulkhead.replay.rehearsed import lines_of
    from bulkhead.report.outputs import check_outputs

    check_outputs(keeper_log)
    given = {name: options.pop(name) for name in ("fall", "minutes", "after", "vol", "block_seconds")}
    shake = Shake(**given, base_fee=None if base_fee is None else round(base_fee * 10**9))
    settings = settings_of(config, rpc, options)
    with (keeper_log or Path(os.devnull)).open("w") as stream:
        found = rehearse(settings, shake, stream)
    out.show(found, lines_of(found))


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


@keeper.command("report")
@click.option("--at", default="127.0.0.1:9100", show_default=True, help="host:port that the keeper listens on.")
@click.option("--journal", type=Path, help="File of the journal of a keeper that does not run, instead.")
@printing
def keeper_report(at: str, journal: Path | None, out: Output) -> None:
    """What a keeper has earned, realised and marked: per take, day and market; tips, gas and capital."""
    from bulkhead.keeper.report import lines_of, of_journal
    from bulkhead.keeper.status import fetch

    with doing("reading the books"):
        found = of_journal(journal) if journal is not None else fetch(at, "report", "markets")
    out.show(found, lines_of(found))
