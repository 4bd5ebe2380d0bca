"""`bulkhead calibrate`: what a margin is made with, out of prices of the past."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from bulkhead.chain.errors import BadInput
from bulkhead.cli.output import Output, columns, printing
from bulkhead.replay.price_paths.history import read_history, read_hours, read_window
from bulkhead.risk import calibration
from bulkhead.risk.nodes import NODES

if TYPE_CHECKING:
    from bulkhead.risk.frontier import Choice, Grid, Market, Row, Setting

#: Endings of files that a folder of crashes may hold beside its crashes.
NOT_PRICES = {".md", ".txt"}
#: Most steps of kappas.
MOST_KAPPAS = 1_000


@click.command()
@click.argument("files", nargs=-1, required=True, type=Path)
@click.option("--hours", default=14, show_default=True, type=click.IntRange(1, 48), help="Length of a return.")
@click.option("--half-life", default=calibration.HALF_LIFE_HOURS, show_default=True, help="Of the vol forecast, hours.")
@click.option("--asset", help="Prefix of the price columns, when a file has several.")
@click.option(
    "--crashes", type=Path, help="Folder of crashes in finer bars: chooses horizon, kappa and stress blend too."
)
@click.option(
    "--fit-to", default=2021, show_default=True, type=click.IntRange(1970, 9998),
    help="Last year of the fit; the years after judge.",
)  # fmt: skip
@click.option("--horizons", default="4,6,8,10,12,14", show_default=True, help="Horizons to try, hours.")
@click.option("--kappas", default="1.1:2.2:0.05", show_default=True, help="IM/MM to try: least:most:step.")
@click.option("--shares", default="0,0.25", show_default=True, help="Shares of the stress vol to try.")
@click.option("--fit-nodes", is_flag=True, help="Try nodes fitted to the years of the fit beside those in force.")
@click.option("--stress-vol", default=0.75, show_default=True, help="The stress vol.")
@click.option(
    "--vaults", default=30, show_default=True, type=click.IntRange(1, 10_000), help="Opened a week and crash."
)
@click.option("--plot", type=Path, help="Write the frontier as a picture (SVG).")
@click.option("--write", is_flag=True, help="Write what was taken where deployments and mirrors read it.")
@printing
def calibrate(
    files: tuple[Path, ...],
    hours: int,
    half_life: float,
    asset: str | None,
    crashes: Path | None,
    fit_to: int,
    horizons: str,
    kappas: str,
    shares: str,
    fit_nodes: bool,
    stress_vol: float,
    vaults: int,
    plot: Path | None,
    write: bool,
    out: Output,
) -> None:
    """Scenario nodes from FILES of hourly bars, beside those in force; with --crashes also horizon, kappa and blend.

    The returns of all files are standardised by an exponentially weighted vol and pooled; a node is the mean of its
    bin. With --crashes every combination of the horizons, kappas and blends is measured on calm weeks and on the
    crashes, the criterion fixed beforehand takes one in the years of the fit, and the years after judge it. Nothing is
    written without --plot or --write.
    """
    from bulkhead.report.outputs import check_outputs
    from bulkhead.risk.frontier.write import HOME

    check_outputs(plot, HOME if write else None)
    if crashes is not None:
        grid = _grid(horizons, kappas, shares, stress_vol)
        _choose(files, crashes, fit_to, grid, hours if fit_nodes else 0, vaults, plot, write, out)
        return
    if plot or write or fit_nodes:
        raise BadInput("A frontier needs --crashes, the folder of crashes it is measured on.")
    histories = [read_history(file, asset) for file in files]
    try:
        parts = [history.returns(hours, half_life) for history in histories]
        found = calibration.nodes_of(np.concatenate(parts))
    except ValueError as error:
        raise BadInput(str(error)) from None
    source = [
        f"{h.name}: {len(part):,} returns of {hours} h, {datetime.fromtimestamp(h.at[0], UTC):%Y-%m-%d} to "
        f"{datetime.fromtimestamp(h.at[-1], UTC):%Y-%m-%d}{_missing(h.missing)}"
        for h, part in zip(histories, parts, strict=True)
    ]
    title = f"standardised by an EWMA with a half-life of {half_life:g} h"
    table = columns("p", "returns", "z", "default z", "difference", title=title, justify="right")
    for node, usual in zip(found, calibration.defaults(), strict=True):
        table.add_row(f"{node.p:g}", f"{node.count:,}", f"{node.z:+.2f}", f"{usual.z:+.2f}", f"{node.z - usual.z:+.2f}")
    below = []
    for name, side in (("down", -1), ("up", 1)):
        mine, usual_mean = (calibration.tail_mean(n, 0.01, side) for n in (found, calibration.defaults()))
        below.append(f"mean of the worst 1 % {name}: {mine:+.2f}, by default {usual_mean:+.2f}")
    out.table({"source": source, "half_life_hours": half_life, "nodes": found}, table, *below, *source)


def _grid(horizons: str, kappas: str, shares: str, stress_vol: float) -> Grid:
    """The grid that the options ask for; every number within the bounds of RiskParameters."""
    from bulkhead.risk.frontier import Grid

    try:
        least, most, step = (float(part) for part in kappas.split(":"))
        count = (most - least) / step
        if not 0 <= count <= MOST_KAPPAS:
            raise BadInput(f"{kappas} are no kappas: least is at most most, and there are up to {MOST_KAPPAS:,} steps.")
        grid = Grid(
            tuple(round(float(h) * 3600) for h in horizons.split(",")),
            tuple(round(k * 1e4) for k in np.arange(least, most + step / 2, step)),
            tuple(round(float(s) * 1e4) for s in shares.split(",")),
            round(stress_vol * 1e4),
        )
    except (ValueError, OverflowError, ZeroDivisionError):
        raise BadInput(
            "Horizons, shares and the stress vol are numbers, with commas between, kappas least:most:step."
        ) from None
    try:
        grid.check()
    except ValueError as error:
        raise BadInput(str(error)) from None
    return grid


def _missing(hours: int) -> str:
    """What the line of a file says of its holes."""
    return f"; {hours:,} hours are missing, and no return spans them" if hours else ""


def markets_of(files: Sequence[Path], folder: Path) -> list[Market]:
    """One market for each file, whose name begins with the asset's symbol, with its columns of the crashes."""
    from bulkhead.risk.frontier import Market

    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}.")
    found = sorted(f for f in folder.iterdir() if f.is_file() and f.suffix not in NOT_PRICES)
    if not found:
        raise BadInput(f"The folder {folder} holds no crashes.")
    markets: list[Market] = []
    for file in files:
        named = re.match(r"([A-Za-z]+?)(USD|[^A-Za-z])", file.name)
        if named is None:
            raise BadInput(f"{file.name} does not begin with an asset's symbol, as in ETHUSD_1h.csv.")
        if any(market.name == named[1].upper() for market in markets):
            raise BadInput(f"{file.name} holds {named[1].upper()} once more: a market has one file of hours.")
        history = read_history(file)
        windows = [read_window(crash, named[1].lower()) for crash in found]
        try:
            markets.append(Market.of(named[1].upper(), history.at.astype(np.int64), history.close, windows))
        except ValueError as error:
            raise BadInput(str(error)) from None
    return markets


def _choose(
    files: Sequence[Path],
    folder: Path,
    fit_to: int,
    grid: Grid,
    fit_hours: int,
    vaults: int,
    plot: Path | None,
    write: bool,
    out: Output,
) -> None:
    from bulkhead.chain.files import write_whole
    from bulkhead.risk.frontier import Effort, Span, choose, fit
    from bulkhead.risk.frontier.write import HOME, constants
    from bulkhead.risk.frontier.write import plot as drawn

    markets = markets_of(files, folder)

    def year(number: int) -> int:
        return int(datetime(number, 1, 1, tzinfo=UTC).timestamp())

    spans = Span(0, year(fit_to + 1)), Span(year(fit_to + 1), 2**40)
    for span, what in zip(spans, ("the fit", "the judgement"), strict=True):
        if any(not len(m.weeks(span.first, span.last)) for m in markets):
            raise BadInput(f"No whole week of the prices lies in the years of {what}.")
    if fit_hours:
        try:
            fitted = fit.nodes(fit.measured(markets, spans[0].first, spans[0].last, fit_hours))
        except ValueError as error:
            raise BadInput(str(error)) from None
        grid = replace(grid, nodes=(*grid.nodes, fitted))
    choice = choose(markets, *spans, grid, Effort(vaults, vaults), told=out.note)
    earned = _pairs(files, markets, choice)
    if out.as_json:
        out.show({**choice.plain(), "pairs": earned}, "")
    else:
        _print(choice, fit_to, out)
        for name, (leg, gain) in earned.items():
            out.line(
                f"Pair of own vaults that earns most, {name}: {leg}, {gain * 1e4:+.2f} bp of notional after the fee."
            )
    if plot:
        write_whole(plot, drawn(choice))
    if write:
        if choice.taken is None:
            raise BadInput(f"Nothing was taken, so nothing is written: {choice.why}")
        setting = choice.rows[choice.taken].setting
        assert setting is not None
        write_whole(HOME, constants(setting, f"Fit on {', '.join(m.name for m in markets)} to {fit_to}."))
        out.note(f"wrote {HOME.name}; now `python -m scripts.generate_scenarios` and `make docs`")


def _pairs(files: Sequence[Path], markets: Sequence[Market], choice: Choice) -> dict[str, tuple[str, float]]:
    """For today's setting and the one taken, the pair of own vaults that earns most until its expiry."""
    from bulkhead.risk.frontier import pairs

    hours = [(read_hours(file), market.path) for file, market in zip(files, markets, strict=True)]
    found = {}
    for name, at in (("today", choice.today), ("taken", choice.taken)):
        setting = None if at is None else choice.rows[at].setting
        if setting is not None:
            found[name] = pairs.worst(hours, setting)
    return found


def _print(choice: Choice, fit_to: int, out: Output) -> None:
    from bulkhead.risk.frontier.choose import PEER
    from bulkhead.risk.frontier.write import best

    shown = sorted({*best(choice.judged), choice.today, *([] if choice.taken is None else [choice.taken])})
    for title, rows, peer in (
        (f"to {fit_to}: fit", choice.rows, choice.peer[0]),
        (f"after {fit_to}: judgement", choice.judged, choice.peer[1]),
    ):
        names = ("nodes", "h", "kappa", "stress", "mean IM", "liquidated", *rows[0].losses, "moves > 25 %", "swing", "")
        table = columns(*names, title=title, justify="right")
        for i in sorted(shown, key=lambda i: rows[i].mean_im):
            mark = " ".join(n for n, at in (("today", choice.today), ("taken", choice.taken)) if at == i)
            table.add_row(*_setting(rows[i].setting), *_figures(rows[i]), mark)
        table.add_row("", "", "", "", *_figures(peer), PEER)
        out.table(None, table)
    out.line("Losses: mean over the crashes, bp of notional, by how late takers come; shown are settings that no other")
    out.line("beats in both mean IM and liquidations of the judgement, today's, and the one that was taken by the fit.")
    out.line(choice.why)


def _setting(setting: Setting | None) -> list[str]:
    assert setting is not None
    return [
        "in force" if setting.nodes == NODES else "fitted",
        f"{setting.horizon_seconds / 3600:g} h",
        f"{setting.kappa_bps / 1e4:.2f}",
        f"{setting.stress_share_bps / 1e4:.0%}",
    ]


def _figures(row: Row) -> list[str]:
    losses = (f"{loss * 1e4:.2f}" for loss in row.losses.values())
    return [f"{row.mean_im:.2%}", f"{row.liquidated:.1%}", *losses, f"{row.jumps:.2%}", f"{row.swing:.1f}"]
