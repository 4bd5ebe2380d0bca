"""`bulkhead demo`, `replay` and `drill`: prices of the past through the real contracts."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from bulkhead.chain.errors import BulkheadError
from bulkhead.cli.common import Command
from bulkhead.cli.output import Output

if TYPE_CHECKING:
    from bulkhead.replay.price_paths.path import PricePath


#: What stands for standard output where a file belongs.
STANDARD_OUTPUT = Path("-")

json_file = click.option(
    "--json",
    "json_path",
    type=Path,
    help="File for the outcome as JSON; - is standard output, words go to the other.",
)


def price_options(command: Command) -> Command:
    """Which prices of a file, and for what market; the command gets `path_of`, from the file to its prices."""

    @functools.wraps(command)
    def named(*arguments: Any, asset: str | None, symbol: str, **options: Any) -> Any:
        return command(*arguments, path_of=lambda file: _price_path(file, asset, symbol), **options)

    columns = click.option("--asset", help="Prefix of the price columns, when the file has several.")
    market = click.option("--symbol", default="ETH", show_default=True, help="Name of the market.")
    return columns(market(named))


def _file(path: Path | None) -> Path | None:
    return None if path == STANDARD_OUTPUT else path


def _write_json(path: Path | None, content: dict[str, Any]) -> None:
    if path is None:
        return
    text = json.dumps(content, indent=1)
    if path == STANDARD_OUTPUT:
        Output.line(text)
    else:
        path.write_text(text + "\n")


def _price_path(data: str | None, asset: str | None, symbol: str) -> PricePath:
    from bulkhead.replay import scenarios
    from bulkhead.replay.price_paths.bars import read_prices
    from bulkhead.replay.price_paths.path import PricePath

    if data is None:
        return PricePath.of(scenarios.bars(), scenarios.LABEL, "ETH")
    prices = read_prices(data, asset, prefer=symbol)
    return PricePath.of(prices.bars, prices.source(symbol), symbol)


@click.command()
@click.option("--data", help="File of price bars instead of the bundled scenario.")
@price_options
@click.option("--report", type=Path, default=Path("out/demo.html"), show_default=True, help="HTML report to write.")
@click.option("--keeper-log", type=Path, help="File for the keeper's log lines.")
@click.option("--ape/--no-ape", default=True, help="Deploy with Ape, or over plain JSON-RPC.")
@json_file
def demo(
    data: str | None,
    path_of: Callable[[str | None], PricePath],
    report: Path,
    keeper_log: Path | None,
    ape: bool,
    json_path: Path | None,
) -> None:
    """A market on an Anvil of its own through a crash, with a keeper process, to the last claim."""
    from bulkhead.replay.demo import Options, play
    from bulkhead.report.outputs import check_outputs

    check_outputs(report, keeper_log, _file(json_path))
    stream = sys.stderr if json_path == STANDARD_OUTPUT else sys.stdout
    # a log file has no width of its own
    console = Console(file=stream) if stream.isatty() else Console(file=stream, width=132)
    record = play(path_of(data), Options(report, keeper_log, ape), console)
    _write_json(json_path, record.to_json())


@click.command()
@click.argument("file", required=False)
@price_options
@click.option("--report", type=Path, help="HTML report to write.")
@click.option("--keeper-log", type=Path, help="File for the keeper's log lines.")
@click.option("--fork", "fork_url", help="Play on a fork of this node's chain, after its newest block.")
@json_file
def replay(
    file: str | None,
    path_of: Callable[[str | None], PricePath],
    json_path: Path | None,
    report: Path | None,
    keeper_log: Path | None,
    fork_url: str | None,
) -> None:
    """Replay prices (FILE, or the bundled scenario) through the real contracts on an Anvil of its own."""
    from bulkhead.keeper.json_log import JsonLog
    from bulkhead.replay.keepers import InlineKeeper
    from bulkhead.replay.run import run
    from bulkhead.report import write
    from bulkhead.report.outputs import check_outputs

    check_outputs(_file(json_path), report, keeper_log)
    path = path_of(file)
    Output.note(f"{path.source[:1].upper()}{path.source[1:]}.")
    with (keeper_log or Path(os.devnull)).open("w") as stream:
        record = run(path, lambda local: InlineKeeper(local, JsonLog(stream)), fork=fork_url)
    _write_json(json_path, record.to_json())
    say = Output.note if json_path == STANDARD_OUTPUT else Output.line
    if fork_url is not None:
        Output.note(f"On a fork, {record.source}.")
    if report is not None:
        write(record, report)
    taken = [v for v in record.vaults if v.takes]
    say(
        f"{len(path.rounds)} rounds, {len(record.vaults)} vaults, {len(taken)} taken over, insurance used "
        f"{record.amount(record.totals['insurance_used']):,.2f}, conservation difference "
        f"{record.totals['conservation_difference']} native units, {record.seconds:.0f} s"
    )
    for check in record.checks:
        say(f"{'passed' if check.passed else 'FAILED'}  {check.name}: {check.detail}")
    if not record.passed:
        raise BulkheadError("The replay ran, but not every check passed.")


@click.command()
@click.argument("file", required=False)
@click.option("--asset", help="Prefix of the price columns, when the file has several.")
@click.option("--vaults", type=click.IntRange(1, 5000), default=300, show_default=True, help="How many vaults.")
@click.option("--hours", type=float, default=0.0, help="Only the stretch of so many hours with the deepest fall.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the cushions of the vaults.")
@click.option("--keeper-log", type=Path, help="File for the keeper's log lines.")
@json_file
def drill(
    file: str | None,
    asset: str | None,
    vaults: int,
    hours: float,
    seed: int,
    keeper_log: Path | None,
    json_path: Path | None,
) -> None:
    """Hundreds of vaults in a crash (FILE, or the bundled scenario) with the keeper; what was missed or late."""
    from bulkhead.replay import scenarios
    from bulkhead.replay.drill import run_drill, window
    from bulkhead.replay.price_paths.bars import read_bars
    from bulkhead.report.outputs import check_outputs

    check_outputs(keeper_log, _file(json_path))
    bars = read_bars(file, asset, prefer="ETH") if file is not None else scenarios.bars()
    with (keeper_log or Path(os.devnull)).open("w") as stream:
        found = run_drill(window(bars, hours), vaults, stream, seed, Output.note)
    _write_json(json_path, asdict(found))
    for line in found.lines():
        (Output.note if json_path == STANDARD_OUTPUT else Output.line)(line)
    if not found.passed:
        raise BulkheadError(f"Missed: {found.missed}; late: {found.late}; gas reverted: {found.gas_reverted}.")
