"""`bulkhead markets` and `bulkhead market ...`: what a deployment trades, expiry prices, and markets added later."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkhead.chain.errors import BadInput
from bulkhead.cli.common import Place, chain_options, key_option, moment, money, units
from bulkhead.cli.output import Output, acting, columns, printing

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
@printing
def markets(place: Place, out: Output) -> None:
    """Markets of a deployment: price, volatility, open interest, insurance."""
    from bulkhead.chain import condition
    from bulkhead.chain.lens import read_cells
    from bulkhead.client import from_wad
    from bulkhead.client.amounts import from_native

    chain = place.connection()
    expiries = _open_expiries(chain)
    table = columns("market", "counts", "expiry", "spot", "sigma", "price is", "open interest", "insurance")
    found = []
    for entry in chain.deployment.markets.values():
        cells = [(entry.index, expiry) for expiry in expiries[entry.index] or [0]]
        for cell, view in read_cells(chain, cells).items():
            spot, sigma = from_wad(view.snapshot.spot), from_wad(view.snapshot.sigma)
            price = "active" if view.active else _why(condition.read(chain, *cell), view.snapshot.is_fresh)
            # an inverse market counts its CASH apart, in quote: at the forward it is so many contracts more
            interest, insurance = from_native(view.open_contracts, 6), from_native(view.insurance, view.decimals)
            kind = "coins" if view.units.inverse else "quote"
            found.append({
                "market": entry.symbol, "kind": "inverse" if view.units.inverse else "linear",
                "currency": entry.currency, "expiry": cell[1], "spot": spot, "sigma": sigma, "price": price,
                "open_interest": interest, "insurance": insurance,
            })  # fmt: skip
            table.add_row(
                entry.symbol,
                kind,
                moment(cell[1]),
                units(spot),
                f"{sigma:.1%}",
                price,
                units(interest),
                money(insurance, entry.currency, 2),
            )
    out.table(found, table)


@click.group()
def market() -> None:
    """Expiry prices and insurance of a market; markets added after deployment."""


@market.command("fix")
@click.argument("symbol")
@click.argument("expiry")
@acting
def market_fix(symbol: str, expiry: str, place: Place, out: Output) -> None:
    """Prove the price of EXPIRY (a date, an ISO time or unix seconds) out of the feeds' own rounds."""
    from bulkhead.client import from_wad

    client = place.client()
    receipt = client.markets.fix(symbol, expiry)
    price = from_wad(client.markets.expiry_price(symbol, expiry))
    words = f"the price is {units(price, 6)}" if price else "the price is not final yet; call it again"
    out.show({"transaction": receipt.hash, "price": price if price else None}, f"{receipt.hash}: {words}")


def _cell_command(name: str, words: str) -> None:
    """A command that does one thing for an expiry."""

    @market.command(name, help=words)
    @click.argument("symbol")
    @click.argument("expiry")
    @chain_options
    @key_option()
    @printing
    def command(symbol: str, expiry: str, place: Place, out: Output) -> None:
        out.receipt(getattr(place.client().markets, name)(symbol, expiry))


_cell_command("reserve", "Set insurance aside for what EXPIRY lacks.")
_cell_command("insure", "Draw what an earlier draw of insurance for EXPIRY left open.")
_cell_command("sweep", "Bring what EXPIRY has left after its last claim to the market's insurance.")


@market.command("add")
@click.argument("symbol")
@click.option("--inputs", "path", type=Path, help="Inputs that name it. [default: inputs.yaml beside addresses.json]")
@acting
def market_add(symbol: str, path: Path | None, place: Place, out: Output) -> None:
    """List SYMBOL of the inputs on a running deployment, with its pool; under a timelock, propose it.

    Needs a clone of the project: what is created is compiled here.
    """
    from bulkhead.chain.compiler import project_root
    from bulkhead.chain.inputs import load
    from bulkhead.listing import add_market

    place_file = Path(place.deployment)
    file = place_file / "addresses.json" if place_file.is_dir() else place_file
    chain = place.connection()
    inputs = load(path or file.parent / "inputs.yaml")
    done = add_market(chain, place.sender(chain), inputs, symbol, project_root())
    if done.deployment is not None:
        try:
            done.deployment.save(file)
        except OSError as error:
            raise BadInput(f"{file} cannot be written: {error.strerror}.") from None
    content = {"listed": done.deployment is not None, "done": done.lines, "proposal": done.proposal}
    out.show(content, [*done.lines, *([f"wrote {file}"] if done.deployment is not None else [])])
