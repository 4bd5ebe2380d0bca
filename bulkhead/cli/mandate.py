"""`bulkhead mandate ...`: standing orders to top up a vault before it is liquidated."""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING

import click
from rich.table import Table

from bulkhead.chain.reasons import sentence
from bulkhead.cli.common import Amount, Place, chain_options, key_option, moment, show

if TYPE_CHECKING:
    from bulkhead.client.mandates import Mandate


@click.group()
def mandate() -> None:
    """Let anyone top up a vault from your wallet, within limits, against a tip."""


@mandate.command("give")
@click.argument("vault_id", type=int)
@click.option("--per-day", type=Amount(), required=True, help="Quote tokens a UTC day, tips included.")
@click.option("--in-all", type=Amount(), required=True, help="Quote tokens in all, tips included.")
@click.option("--trigger", type=Amount(), default="1.1", show_default=True, help="Health below which it may come.")
@click.option("--target", type=Amount(), default="1.3", show_default=True, help="Health that it reaches.")
@click.option("--tip", type=Amount(), help="Quote tokens for the caller; by default twice what the call costs now.")
@click.option("--until", help="End: a date, an ISO time or unix seconds; by default the expiry of the legs.")
@chain_options
@key_option()
def mandate_give(
    vault_id: int,
    per_day: Decimal,
    in_all: Decimal,
    trigger: Decimal,
    target: Decimal,
    tip: Decimal | None,
    until: str | None,
    place: Place,
) -> None:
    """Give VAULT_ID a mandate, or another one."""
    from bulkhead.client.amounts import parse_expiry

    given = place.client().mandates.give(
        vault_id,
        most_per_day=per_day,
        most_in_all=in_all,
        trigger=trigger,
        target=target,
        tip=tip,
        until=None if until is None else parse_expiry(until),
    )
    for warning in given.warnings:
        click.echo(f"note: {warning}", err=True)
    click.echo(given.receipt.hash)


@mandate.command("end")
@click.argument("vault_id", type=int)
@chain_options
@key_option()
def mandate_end(vault_id: int, place: Place) -> None:
    """Take the mandate of VAULT_ID back."""
    click.echo(place.client().mandates.end(vault_id).hash)


@mandate.command("run")
@click.argument("vault_id", type=int)
@chain_options
@key_option()
def mandate_run(vault_id: int, place: Place) -> None:
    """Top VAULT_ID up as its mandate says; the tip is yours."""
    click.echo(place.client().mandates.run(vault_id).hash)


def _rows(found: Mandate) -> tuple[tuple[str, str], ...]:
    return (
        ("vault", str(found.vault_id)),
        ("owner", found.owner),
        ("state", "in force" if found.holds else "ended: expired, or the vault has another owner or epoch"),
        ("below a health of", f"{found.trigger:f}"),
        ("up to a health of", f"{found.target:f}"),
        ("a day at most", f"{found.most_per_day:,}"),
        ("in all at most", f"{found.most_in_all:,}"),
        ("spent in all", f"{found.spent_in_all:,}"),
        ("tip at most", f"{found.tip:,}"),
        ("ends", moment(found.expires_at)),
    )


@mandate.command("show")
@click.argument("vault_id", type=int)
@chain_options
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
def mandate_show(vault_id: int, place: Place, as_json: bool) -> None:
    """The mandate of VAULT_ID, and what a top-up would do now."""
    mandates = place.reader().mandates
    found = mandates.get(vault_id)
    due = mandates.due([vault_id])[0]
    if as_json:
        answer = {"mandate": None if found is None else asdict(found), "now": asdict(due)}
        click.echo(json.dumps(answer, indent=2, default=str))
        return
    if found is None:
        click.echo(f"Vault {vault_id} has no mandate.")
        return
    table = Table(box=None, show_header=False)
    for name, value in _rows(found):
        table.add_row(name, value)
    table.add_row("now", sentence(due.reason) if due.reason else f"{due.amount:,}, tip {due.tip:,}")
    show(table)
