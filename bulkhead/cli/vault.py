"""`bulkhead vault ...`: open, fund, split, merge, lend, close and inspect vaults."""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from bulkhead.chain.words import describe
from bulkhead.cli.common import Amount, PackageCommand, Place, chain_options, deficit_rows, key_option, moment, show

if TYPE_CHECKING:
    from bulkhead.client import VaultInfo


@click.group()
def vault() -> None:
    """Open, fund, close and inspect vaults."""


def _vault_json(info: VaultInfo) -> dict[str, Any]:
    found = {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(info).items()}
    found["legs"] = [describe(leg) for leg in info.legs]
    return found


@vault.command("show")
@click.argument("vault_id", type=int)
@chain_options
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
def vault_show(vault_id: int, place: Place, as_json: bool) -> None:
    """One vault: collateral, legs, margins, health."""
    info = place.reader().vaults.get(vault_id)
    if as_json:
        click.echo(json.dumps(_vault_json(info), indent=2))
        return
    table = Table(box=None, show_header=False)
    health = "no margin needed" if info.health is None else f"{info.health:.4f}"
    for name, value in (
        ("vault", str(info.vault_id)),
        ("owner", info.owner),
        ("market", info.market),
        ("model", info.model),
        ("expiry", moment(info.expiry)),
        ("custody", info.custody),
        ("collateral", f"{info.collateral:,.6f}"),
        ("value of the legs", f"{info.value:,.6f}"),
        ("equity", f"{info.equity:,.6f}"),
        ("maintenance margin", f"{info.maintenance_margin:,.6f}"),
        ("initial margin", f"{info.initial_margin:,.6f}"),
        ("health", health),
        ("state", info.state + ("" if info.priced else " (the price is not fresh)")),
        *deficit_rows(info),
        ("legs", ", ".join(describe(leg) for leg in info.legs) or "none"),
    ):
        table.add_row(name, value)
    show(table)


@vault.command("list")
@click.option("--owner", help="Only vaults of this address.")
@chain_options
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
def vault_list(owner: str | None, place: Place, as_json: bool) -> None:
    """All open vaults."""
    found = place.reader().vaults.list(owner)
    if as_json:
        click.echo(json.dumps([_vault_json(info) for info in found], indent=2))
        return
    table = Table(box=None)
    for name in ("vault", "owner", "market", "expiry", "equity", "MM", "health", "state", "legs"):
        table.add_column(name)
    for info in found:
        table.add_row(
            str(info.vault_id), info.owner, info.market, moment(info.expiry), f"{info.equity:,.2f}",
            f"{info.maintenance_margin:,.2f}", "-" if info.health is None else f"{info.health:.2f}", info.state,
            ", ".join(describe(leg) for leg in info.legs),
        )  # fmt: skip
    show(table)


@vault.command("open")
@click.option("--market", default="ETH", show_default=True, help="Symbol.")
@click.option("--deposit", type=Amount(), default="0", show_default=True, help="Quote tokens to put in.")
@click.option("--model", default="ES", show_default=True, help="ES, GREEKS or STATIC.")
@chain_options
@key_option()
def vault_open(market: str, deposit: Decimal, model: str, place: Place) -> None:
    """Open an empty vault."""
    click.echo(place.client().vaults.open(market, deposit, model))


@vault.command("deposit")
@click.argument("vault_id", type=int)
@click.argument("amount", type=Amount())
@chain_options
@key_option()
def vault_deposit(vault_id: int, amount: Decimal, place: Place) -> None:
    """Put quote tokens into a vault."""
    click.echo(place.client().vaults.deposit(vault_id, amount).hash)


@vault.command("withdraw")
@click.argument("vault_id", type=int)
@click.argument("amount", type=Amount())
@chain_options
@key_option()
def vault_withdraw(vault_id: int, amount: Decimal, place: Place) -> None:
    """Take collateral out of a vault."""
    click.echo(place.client().vaults.withdraw(vault_id, amount).hash)


@vault.command("close")
@click.argument("vault_id", type=int)
@click.option("--give-up", is_flag=True, help="Close it although its claim is not paid in full; the rest is lost.")
@chain_options
@key_option()
def vault_close(vault_id: int, give_up: bool, place: Place) -> None:
    """End a vault without legs; its tokens come home."""
    click.echo(place.client().vaults.close(vault_id, give_up=give_up).hash)


@vault.command("split", cls=PackageCommand)
@click.argument("vault_id", type=int)
@click.argument("legs", nargs=-1, required=True)
@click.option("--size", type=Amount(), default="1", show_default=True, help="Packages of the legs.")
@click.option("--cash", type=Amount(), default="0", show_default=True, help="Quote tokens that go along.")
@chain_options
@key_option()
def vault_split(vault_id: int, legs: tuple[str, ...], size: Decimal, cash: Decimal, place: Place) -> None:
    """Move LEGS such as call:200 or -put:160 and tokens of a vault into a new one."""
    click.echo(place.client().vaults.split(vault_id, [(leg, size) for leg in legs], cash))


@vault.command("merge")
@click.argument("vault_id", type=int)
@click.argument("into", type=int)
@chain_options
@key_option()
def vault_merge(vault_id: int, into: int, place: Place) -> None:
    """Move everything of a vault into another of the same expiry and close it."""
    click.echo(place.client().vaults.merge(vault_id, into).hash)


@vault.command("grant")
@click.argument("vault_id", type=int)
@click.argument("operator")
@click.argument("permissions", nargs=-1, type=click.Choice(["trade", "withdraw", "manage"]))
@click.option("--days", type=Amount(), default="1", show_default=True, help="How long.")
@chain_options
@key_option()
def vault_grant(vault_id: int, operator: str, permissions: tuple[str, ...], days: Decimal, place: Place) -> None:
    """Let another account act for a vault; without PERMISSIONS, no longer."""
    from bulkhead.operators import Permission

    mask = Permission(sum(Permission[name.upper()] for name in set(permissions)))
    click.echo(place.client().vaults.grant(vault_id, operator, mask, int(days * 86_400)).hash)
