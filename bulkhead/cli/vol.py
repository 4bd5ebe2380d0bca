"""`bulkhead vol ...`: fit SVI to option chains, publish surfaces, report the error."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkhead.chain import reasons
from bulkhead.chain.errors import BadInput
from bulkhead.cli.common import Place, moment, secret
from bulkhead.cli.output import Output, acting, columns, printing

if TYPE_CHECKING:
    from bulkhead.vol import options


@click.group()
def vol() -> None:
    """Vol surfaces: fit SVI to option chains, publish, report the error."""


def _chain_at(file: Path, asset: str, at: str | None) -> options.Chain:
    from bulkhead.vol import options

    chains = options.read(file, asset)
    if at is not None:
        chains = [chain for chain in chains if moment(chain.made_at).startswith(at)]
    if not chains:
        raise BadInput(
            f"{file.name} has no chain of {asset}{f' at {at}' if at else ''}: five strikes of an expiry to come, each "
            "with a vol and a forward."
        )
    return chains[-1]


@vol.command("fit")
@click.argument("file", type=Path)
@click.option("--asset", default="ETH", show_default=True, help="Underlying, as the file names it.")
@click.option("--at", help="Beginning of the time of the quotes, e.g. 2026-01-14; the last ones when left out.")
@printing
def vol_fit(file: Path, asset: str, at: str | None, out: Output) -> None:
    """Fit the chain in FILE and show smiles and errors; what is shown passes the contract's checks of smiles."""
    from bulkhead.risk.svi import total_variance_float
    from bulkhead.vol.fit import fit_chain
    from bulkhead.vol.report import refusal
    from bulkhead.vol.surface import SurfaceError

    chain = _chain_at(file, asset, at)
    try:
        fits = fit_chain(chain)
    except SurfaceError as error:
        raise BadInput(f"No surface can be made of these quotes: {reasons.sentence(str(error))}") from None
    refused = refusal(chain, fits)
    names = ("expiry", "strikes", "at the money", "a", "b", "rho", "m", "sigma", "median", "p95, vol points")
    table = columns(*names, title=f"{asset}, quotes of {moment(chain.made_at)}", justify="right")
    found = []
    for fit in fits:
        errors = sorted(abs(float(error)) * 100 for error in fit.inner)
        middle = float(total_variance_float(fit.slice.floats(), 0.0) / fit.tau) ** 0.5
        median, tail = (errors[min(len(errors) * n // 20, len(errors) - 1)] if errors else None for n in (10, 19))
        row = {
            "expiry": fit.expiry.at, "strikes": len(fit.expiry.k), "at_the_money": middle,
            **dict(zip(("a", "b", "rho", "m", "sigma"), fit.slice.floats(), strict=True)),
            "median": median, "p95": tail,
        }  # fmt: skip
        found.append(row)
        table.add_row(
            moment(fit.expiry.at), str(len(fit.expiry.k)), f"{middle:.1%}",
            *(f"{number:.5f}" for number in fit.slice.floats()),
            *("-" if error is None else f"{error:.2f}" for error in (median, tail)),
        )  # fmt: skip
    below = [f"Each smile holds, but these expiries are no surface: {reasons.sentence(refused)}"] if refused else []
    content = {"asset": asset, "made_at": chain.made_at, "smiles": found, "refusal": refused}
    out.table(content, table, *below)


@vol.command("publish")
@click.argument("file", type=Path)
@click.option("--market", required=True, help="Symbol or index of the market.")
@click.option("--asset", help="Underlying, as the file names it; the market's symbol when left out.")
@click.option("--at", help="Beginning of the time of the quotes; the last ones when left out.")
@click.option(
    "--publishers-env", default="BULKHEAD_PUBLISHER_KEYS", show_default=True,
    help="Environment variable with the publishers' keys, comma between them.",
)  # fmt: skip
@acting
def vol_publish(
    file: Path, market: str, asset: str | None, at: str | None, publishers_env: str, place: Place, out: Output
) -> None:
    """Fit the chain in FILE, sign with the publishers' keys and put the surface in force, as far as the cap allows."""
    from bulkhead.vol import surface as surfaces
    from bulkhead.vol.publish import plan, publish

    connection = place.connection()
    entry = connection.deployment.market(int(market) if market.isdigit() else market)
    keys = [key.strip() for key in secret(publishers_env).split(",") if key.strip()]
    sender = place.sender(connection)
    before, in_force = surfaces.decode(entry.index, connection["OracleAdapter"].call("surface", entry.index))
    cap_bps = int(connection["VolSurface"].call("settings", entry.index).cap)
    made_at = connection.rpc.timestamp()
    try:
        made = plan(
            _chain_at(file, asset or entry.symbol, at), entry.index, made_at, before if in_force else None, cap_bps
        )
    except surfaces.SurfaceError as error:
        raise BadInput(f"No surface can be made of these quotes: {reasons.sentence(str(error))}") from None
    receipt = publish(connection, sender, made, keys)
    content = {
        "transaction": receipt.hash, "gas_used": receipt.gas_used, "expiries": made.surface.expiries,
        "sigma": made.surface.sigma_atm() / 10**18, "share": made.share,
    }  # fmt: skip
    out.show(
        content,
        f"{receipt.hash}: {len(made.surface.expiries)} expiries, 30-day vol {content['sigma']:.1%}, "
        f"{made.share:.0%} of the way to the quotes, {receipt.gas_used:,} gas",
    )


@vol.command("report")
@click.option(
    "--data", type=Path, help="Folder of chains. [default: deribit in the folder BULKHEAD_DATA, else in ../shared/data]"
)
@click.option(
    "--out", "folder", type=Path, default=Path("docs"), show_default=True, help="Folder for vol-fit.md and vol-fit.svg."
)
@printing
def vol_report(data: Path | None, folder: Path, out: Output) -> None:
    """Fit every chain of a folder and write how far the fits are off."""
    from bulkhead.report.outputs import check_outputs
    from bulkhead.vol.report import write

    page = folder / "vol-fit.md"
    check_outputs(page, folder / "vol-fit.svg")
    chains = data or Path(os.environ.get("BULKHEAD_DATA", "../shared/data")) / "deribit"
    fitted = len(write(chains, folder))
    out.show({"expiries": fitted, "page": page}, f"{fitted} expiries fitted; {page}")
