"""How far horizon, kappa, stress blend and nodes go: docs/frontier.md, its figure and the numbers they come from.

python -m benchmarks.frontier            # measures, some minutes (market data in BULKHEAD_DATA), and writes all three
python -m benchmarks.frontier --docs     # writes the page and the figure again from the last numbers
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.crash import data_folder
from benchmarks.crash_page import cells, rounded, table
from bulkhead.cli.calibrate import markets_of
from bulkhead.risk.calibration import Node, defaults
from bulkhead.risk.frontier import Choice, Effort, Grid, Market, Row, Setting, Span, choose, fit, frontier
from bulkhead.risk.frontier.choose import NOTHING, PEER, criterion
from bulkhead.risk.frontier.write import plot
from bulkhead.risk.nodes import NODES
from bulkhead.risk.scales import HOUR
from bulkhead.risk.words import RiskWord

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "frontier.results.json"
FIT_HOURS = 14
KAPPAS = tuple(range(11_000, 22_001, 500))
#: Those of the tables.
SHOWN = (11_000, 12_000, 12_500, 13_000, 14_000, 15_000, 16_000, 17_000, 18_000, 20_000)
#: Horizons without a stress vol; shares of one, and fitted nodes, at the horizon in force.
HORIZONS, SHARES = (8, 10, 12, 14, 16), (2_500, 5_000)
#: Random vaults a week, and a crash: what is lost in half an hour is lost by few of them.
EFFORT = Effort(idle=60, crash=1_200)


def year(number: int) -> int:
    """When a year begins [unix seconds]."""
    return int(datetime(number, 1, 1, tzinfo=UTC).timestamp())


FIT, JUDGE = Span(0, year(2022)), Span(year(2022), year(2025))


def measure() -> dict[str, Any]:
    """The whole frontier and the fitted nodes, as they are kept."""
    folder = data_folder()
    markets = markets_of(sorted((folder / "ohlc").glob("*_1h_*")), folder / "crash")
    found = measured_nodes(markets)
    nodes = fit.nodes(found["2018 to 2021"])
    choice = choose(markets, FIT, JUDGE, grids(nodes)[0], EFFORT, told)
    for grid in grids(nodes)[1:]:
        rows, judged = (frontier(markets, span, grid, EFFORT, told) for span in (FIT, JUDGE))
        choice = replace(choice, rows=[*choice.rows, *rows], judged=[*choice.judged, *judged])
    taken, why = criterion(choice.rows, choice.peer[0], choice.rows[choice.today].mean_im)
    return kept_of(replace(choice, taken=taken, why=why), found, nodes)


def grids(nodes: tuple[int, ...]) -> list[Grid]:
    """What is tried; the first holds what is in force."""
    usual = (RiskWord().horizon_seconds,)
    return [
        Grid(tuple(h * HOUR for h in HORIZONS), KAPPAS, (0,)),
        Grid(usual, KAPPAS, SHARES),
        Grid(usual, KAPPAS, (0,), nodes=(nodes,)),
    ]


def measured_nodes(markets: Sequence[Market]) -> dict[str, list[Node]]:
    """Nodes by the years whose returns they are; by 2018 the long vol is mature in all of them."""
    spans = {"2018 to 2021": (year(2018), year(2022)), "2022 to 2024": (year(2022), year(2025))}
    return {name: fit.measured(markets, *span, FIT_HOURS) for name, span in spans.items()}


def told(text: str) -> None:
    """Says what is measured now."""
    print(text, flush=True)


def kept_of(choice: Choice, found: dict[str, list[Node]], nodes: Sequence[int]) -> dict[str, Any]:
    """A frontier as it is kept: figures in columns."""
    kept: dict[str, Any] = rounded(
        {
            "names": ["horizon", "kappa", "share", "fitted", *_numbers(choice.rows[0])],
            "fit": [_kept(row) for row in choice.rows],
            "judged": [_kept(row) for row in choice.judged],
            "peer": [list(_numbers(row).values()) for row in choice.peer],
            "nodes": {name: [node.z for node in some] for name, some in found.items()},
        }
    )
    return {**kept, "fitted": list(nodes), "today": choice.today, "taken": choice.taken, "why": choice.why}


def _numbers(row: Row) -> dict[str, float]:
    plain = {name: value for name, value in asdict(row).items() if name != "setting"}
    losses, worst = plain.pop("losses"), plain.pop("worst")
    return plain | {f"loss {k}": v for k, v in losses.items()} | {f"worst {k}": v for k, v in worst.items()}


def _kept(row: Row) -> list[float]:
    s = row.setting
    assert s is not None
    own = [s.horizon_seconds, s.kappa_bps, s.stress_share_bps, int(s.nodes != NODES)]
    return [*own, *_numbers(row).values()]


def choice_of(kept: dict[str, Any]) -> Choice:
    """The frontier out of what was kept."""
    names, fitted = kept["names"][4:], tuple(kept["fitted"])

    def row(own: Sequence[int], values: Sequence[float]) -> Row:
        named = dict(zip(names, values, strict=True))
        setting = Setting(own[0], own[1], own[2], nodes=fitted if own[3] else NODES) if own else None
        losses, worst = (
            {k.removeprefix(f"{kind} "): v for k, v in named.items() if k.startswith(f"{kind} ")}
            for kind in ("loss", "worst")
        )
        return Row(
            setting, named["mean_im"], named["liquidated"], losses, worst, named["jumps"], named["swing"]
        )  # fmt: skip

    rows, judged = ([row(r[:4], r[4:]) for r in kept[name]] for name in ("fit", "judged"))
    first, second = (row((), values) for values in kept["peer"])
    return Choice(rows, judged, (first, second), kept["today"], kept["taken"], kept["why"])


def page(kept: dict[str, Any]) -> str:
    """docs/frontier.md."""
    choice = choice_of(kept)
    out = [HEAD.format(idle=EFFORT.idle, crash=EFFORT.crash, hours=FIT_HOURS), *table("", *_weights())]
    for name, some in (*kept["nodes"].items(), ("fitted, as the engine would take them", _z(kept["fitted"]))):
        out += cells(name if name.startswith("fitted") else f"measured, {name}", *(f"{z:+.2f}" for z in some))
    out += cells("in force", *(f"{z:+.2f}" for z in _z(NODES)))
    out += [RULE]
    columns = ("mean IM", "liquidated", "12 s", "5 min", "30 min", "worst, 30 min", "24 h", "> 25 %", "swing")
    for title, rows, peer in (
        ("To 2021: the fit", choice.rows, choice.peer[0]),
        ("2022 to 2024: the judgement", choice.judged, choice.peer[1]),
    ):
        out += ["", f"## {title}", "", *table("nodes", "h", "stress", "kappa", *columns)]
        for i, row in enumerate(rows):
            s = row.setting
            if s is None or (s.kappa_bps not in SHOWN and i != choice.taken):
                continue
            bold = "**" if i == choice.today else "*" if i == choice.taken else ""
            own = (f"{s.horizon_seconds / HOUR:g} h", f"{s.stress_share_bps / 1e4:.0%}", f"{s.kappa_bps / 1e4:.2f}")
            name = "in force" if s.nodes == NODES else "fitted"
            out += cells(*(f"{bold}{text}{bold}" for text in (name, *own)), *_figures(row))
        out += cells(PEER, "", "", "", *_figures(peer))
    return "\n".join(out) + "\n"


def _weights() -> list[str]:
    return [f"{node.p:g}" for node in defaults()]


def _z(nodes: Sequence[int]) -> list[float]:
    return [z / 1e18 for z in nodes]


def _figures(row: Row) -> list[str]:
    lost = {name: f"{loss * 1e4:.2f} bp" for name, loss in row.losses.items()}
    worst = "0" if row.prompt_loss <= NOTHING else f"{row.prompt_loss * 1e4:.2f} bp"
    return [
        f"{row.mean_im:.2%}", f"{row.liquidated:.1%}", lost["12 s"], lost["5 min"], lost["30 min"], worst, lost["24 h"],
        f"{row.jumps:.2%}", f"{row.swing:.1f}",
    ]  # fmt: skip


HEAD = """# How far horizon, kappa, blend and nodes go

Written by `python -m benchmarks.frontier`, which measures ([market data](development.md#market-data));
`--docs` writes it again from `benchmarks/frontier.results.json`.
`bulkhead calibrate FILES --crashes FOLDER --fit-nodes` does the same on any prices.
What was decided with it, and why: [ADR 34](adr/0034-what-calibration-may-choose.md),
[ADR 56](adr/0056-no-stress-blend-by-default.md).

![Idle vaults that a calm week liquidates, over mean IM, 2022 to 2024](frontier.svg)

{idle} random vaults of ETH and of BTC are opened at exactly IM at the start of each week; those of the calm half of
the weeks are left alone for it. {crash} more are opened when the file of each crash begins and taken at the mark 12 s,
5 min, 30 min and 24 h after they were first below MM; *worst* is the crash in which most is lost up to half an hour.
Losses are means over the crashes, of notional. *> 25 %* is the share of hours in which MM of a short 30-day straddle
rises by more than a quarter, *swing* its highest over its lowest week. Bold: what is in force; italic: what the
criterion takes by the years of the fit.

## Nodes

Returns over {hours} hours over the sigma_m that scales them, ETH and BTC, bin means:
"""

RULE = """
Fitted nodes are scaled until three on each side lie beyond three deviations, as the engine wants them: the scale of the
nodes is the horizon's."""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", action="store_true", help="from the last numbers")
    if not parser.parse_args().docs:
        RESULTS.write_text(json.dumps(measure(), separators=(",", ":")) + "\n")
    kept = json.loads(RESULTS.read_text())
    (ROOT / "docs" / "frontier.md").write_text(page(kept))
    (ROOT / "docs" / "frontier.svg").write_text(plot(choice_of(kept)))


if __name__ == "__main__":
    main()
