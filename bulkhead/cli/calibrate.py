"""`bulkhead calibrate`: scenario nodes out of prices of the past."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np
from rich.table import Table

from bulkhead.chain.errors import BadInput
from bulkhead.cli.common import show
from bulkhead.replay.price_paths.history import read_history
from bulkhead.risk import calibration


@click.command()
@click.argument("files", nargs=-1, required=True, type=Path)
@click.option("--hours", default=14, show_default=True, type=click.IntRange(1, 48), help="Length of a return.")
@click.option("--half-life", default=calibration.HALF_LIFE_HOURS, show_default=True, help="Of the vol forecast, hours.")
@click.option("--asset", help="Prefix of the price columns, when a file has several.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
def calibrate(files: tuple[Path, ...], hours: int, half_life: float, asset: str | None, as_json: bool) -> None:
    """Scenario nodes and probabilities from FILES of hourly bars, beside the defaults.

    The returns of all files are standardised by an exponentially weighted vol and pooled; a node is the mean of its
    bin. Nothing is written anywhere: nodes belong to an engine's deployment.
    """
    histories = [read_history(file, asset) for file in files]
    try:
        parts = [history.returns(hours, half_life) for history in histories]
        found = calibration.nodes_of(np.concatenate(parts))
    except ValueError as error:
        raise BadInput(str(error)) from None
    source = [
        f"{h.name}: {len(part):,} returns of {hours} h, {datetime.fromtimestamp(h.at[0], UTC):%Y-%m-%d} to "
        f"{datetime.fromtimestamp(h.at[-1], UTC):%Y-%m-%d}"
        for h, part in zip(histories, parts, strict=True)
    ]
    if as_json:
        click.echo(json.dumps({"source": source, "half_life_hours": half_life, "nodes": [asdict(n) for n in found]}))
        return
    table = Table(box=None, title=f"standardised by an EWMA with a half-life of {half_life:g} h")
    for name in ("p", "returns", "z", "default z", "difference"):
        table.add_column(name, justify="right")
    for node, usual in zip(found, calibration.defaults(), strict=True):
        table.add_row(f"{node.p:g}", f"{node.count:,}", f"{node.z:+.2f}", f"{usual.z:+.2f}", f"{node.z - usual.z:+.2f}")
    show(table)
    for name, side in (("down", -1), ("up", 1)):
        mine, usual_mean = (calibration.tail_mean(n, 0.01, side) for n in (found, calibration.defaults()))
        click.echo(f"mean of the worst 1 % {name}: {mine:+.2f}, by default {usual_mean:+.2f}")
    for line in source:
        click.echo(line)
