"""`bulkhead explain`: how the margin of a vault, or of a position that is only thought of, comes about."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from bulkhead.chain.errors import BadInput
from bulkhead.cli.common import Amount, PackageCommand, Place, chain_options
from bulkhead.cli.output import Output, printing

if TYPE_CHECKING:
    from bulkhead.risk.explain import Explanation

WAD = 10**18


@click.command(cls=PackageCommand)
@click.argument("what", metavar="VAULT | LEGS", nargs=-1, required=True)
@click.option("--size", type=Amount(), default="1", show_default=True, help="Packages of the LEGS.")
@click.option("--spot", type=Amount(), help="Price of the underlying; with LEGS.")
@click.option("--vol", type=Amount(), help="Implied vol of every strike, 0.6 for 60 %; with LEGS.")
@click.option("--days", type=Amount(), default="7", show_default=True, help="To expiry.")
@click.option(
    "--sigma", type=Amount(), help="Vol that scales the shocks; the implied vol, 40 % at least, when left out."
)
@click.option("--vol-ratio", type=Amount(), default="1", show_default=True, help="Fast over slow realised vol.")
@click.option("--collateral", type=Amount(), help="Quote units; the least that opens the position when left out.")
@click.option("--model", default="ES", show_default=True, help="ES, GREEKS or STATIC.")
@click.option("--html", type=Path, help="Also write a page with plots.")
@chain_options
@printing
def explain(what: tuple[str, ...], html: Path | None, place: Place, out: Output, **given: Decimal | str | None) -> None:
    """How a margin comes about: of the vault with the id VAULT, or without a chain of LEGS such as -call:2200 put:1800.

    Prints the scenarios of the tail, decay, floor, cap, kappa and add-ons, and equity and maintenance margin over moves
    of spot and vol.
    """
    from bulkhead.report.explanation import as_json, render
    from bulkhead.report.outputs import check_outputs

    check_outputs(html)
    if len(what) == 1 and what[0].isdigit():
        found, title = _of_vault(int(what[0]), place, given), f"Margin of vault {what[0]}"
    else:
        found, title = _of_legs(what, given), f"Margin of {' '.join(what)}"
    if html is not None:
        html.write_text(render(found, title))
    if out.as_json:
        out.show(as_json(found), "")
    else:
        _print(found, out)


def _of_vault(vault_id: int, place: Place, given: dict[str, Decimal | str | None]) -> Explanation:
    from bulkhead.client.explanation import explain_vault

    context = click.get_current_context()
    for name in given:
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise BadInput(f"--{name.replace('_', '-')} is for LEGS; a vault has its own.")
    return explain_vault(place.connection(), vault_id)


def _of_legs(legs: tuple[str, ...], given: dict[str, Decimal | str | None]) -> Explanation:
    from bulkhead.client.explanation import Market, explain_book

    missing = [f"--{name}" for name in ("spot", "vol") if given[name] is None]
    if missing:
        raise BadInput(f"LEGS need {' and '.join(missing)}.")
    market = Market(given["spot"], given["vol"], given["days"], given["sigma"], given["vol_ratio"])  # type: ignore[arg-type]
    size, model = given["size"], str(given["model"])
    return explain_book([(leg, size) for leg in legs], market, given["collateral"], model)  # type: ignore[misc]


def _print(found: Explanation, out: Output) -> None:
    from bulkhead.report import explanation

    snapshot = found.position.snapshot
    out.line(
        f"{found.position.model.name}, spot {snapshot.spot / WAD:,.2f}, {snapshot.seconds / 86_400:.2f} days, "
        f"sigma_m {snapshot.sigma / WAD:.1%}, fast over slow vol {snapshot.vol_ratio / WAD:.2f}\n"
    )
    legs = _table("Legs", "leg", "price", "vol", "value")
    for line in found.legs:
        vol = "-" if line.iv is None else f"{line.iv / WAD:.1%}"
        legs.add_row(explanation.name_of(line.leg), _amount(line.price), vol, _amount(line.value))
    out.table(None, legs)
    steps = _table("How the margin comes about", "", "quote", "")
    for row in explanation.rows(found):
        steps.add_row(row.name, "-" if row.amount is None else _amount(row.amount), row.note)
    out.table(None, steps)
    if found.scenarios:
        worst = _table("Scenarios of the tail", "standard deviations", "forward", "vols", "loss", "probability")
        for one in explanation.tail(found):
            worst.add_row(
                f"{one.node / WAD:+g}", _amount(one.forward), explanation.vol_move(one), _amount(one.loss),
                f"{one.in_tail / WAD:.3%}",
            )  # fmt: skip
        out.table(None, worst)
    moves = list(dict.fromkeys(cell.vol for cell in found.grid))
    grid = _table("Equity / MM; * liquidatable", "spot", *(f"vols {vol:+d} %" for vol in moves))
    for spot in dict.fromkeys(cell.spot for cell in found.grid):
        cells = [cell for cell in found.grid if cell.spot == spot]
        grid.add_row(
            f"{spot:+d} %",
            *(
                f"{_amount(c.equity)} / {_amount(c.maintenance_margin)}{'*' if c.equity < c.maintenance_margin else ''}"
                for c in cells
            ),
        )
    out.table(None, grid)


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(box=None, title=title, title_justify="left")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right" if name else "left")
    return table


def _amount(wad: int) -> str:
    return f"{wad / WAD:,.2f}"
