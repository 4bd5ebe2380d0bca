"""`bulkhead markets`: what a deployment trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.table import Table

from bulkhead.cli.common import Place, chain_options, moment, show

if TYPE_CHECKING:
    from bulkhead.chain.condition import PriceCondition
    from bulkhead.chain.connection import Connection


def _open_expiries(chain: Connection) -> dict[int, list[int]]:
    cells = chain.book().cells()
    return {m.index: sorted(e for i, e in cells if i == m.index) for m in chain.deployment.markets.values()}


def _why(found: PriceCondition, is_fresh: bool) -> str:
    """Why a price is not active, and until when."""
    state = "fresh, not active" if is_fresh else "not fresh"
    until = f", until {moment(found.until)}" if found.until else ""
    return f"{state}{until} ({found.sentence})" if found.sentence else f"{state}{until}"


@click.command()
@chain_options
def markets(place: Place) -> None:
    """Markets of a deployment: price, volatility, open interest, insurance."""
    from bulkhead.chain import condition
    from bulkhead.chain.lens import read_cells

    chain = place.connection()
    expiries = _open_expiries(chain)
    table = Table(box=None)
    for name in ("market", "expiry", "spot", "sigma", "price is", "open interest", "insurance"):
        table.add_column(name)
    for entry in chain.deployment.markets.values():
        cells = [(entry.index, expiry) for expiry in expiries[entry.index] or [0]]
        for cell, view in read_cells(chain, cells).items():
            table.add_row(
                entry.symbol, moment(cell[1]), f"{view.snapshot.spot / 10**18:,.2f}",
                f"{view.snapshot.sigma / 10**18:.1%}",
                "active" if view.active else _why(condition.read(chain, *cell), view.snapshot.is_fresh),
                f"{view.open_interest / 10**6:,.2f}", f"{view.insurance / 10**view.decimals:,.2f}",
            )  # fmt: skip
    show(table)
