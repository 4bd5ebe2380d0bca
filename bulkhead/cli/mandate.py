"""`bulkhead mandate ...`: standing orders to top up a vault before it is liquidated."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import click

from bulkhead.chain.reasons import sentence
from bulkhead.cli.common import Amount, Place, chain_options, moment
from bulkhead.cli.output import Output, acting, printing

if TYPE_CHECKING:
    from bulkhead.client.mandates import Mandate


@click.group()
def mandate() -> None:
    """Let anyone top up a vault from your wallet, within limits, against a tip."""


@mandate.command("give")
@click.argument("vault_id", type=int)
@click.option("--per-day", type=Amount(), required=True, help="Tokens a UTC day, tips included.")
@click.option("--in-all", type=Amount(), required=True, help="Tokens in all, tips included.")
@click.option("--trigger", type=Amount(), default="1.1", show_default=True, help="Health below which it may come.")
@click.option("--target", type=Amount(), default="1.3", show_default=True, help="Health that it reaches.")
@click.option("--tip", type=Amount(), help="Tokens for the caller; by default twice what the call costs now.")
@click.option("--until", help="End: a date, an ISO time or unix seconds; by default the expiry of the legs.")
@acting
def mandate_give(
    vault_id: int,
    per_day: Decimal,
    in_all: Decimal,
    trigger: Decimal,
    target: Decimal,
    tip: Decimal | None,
    until: str | None,
    place: Place,
    out: Output,
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
        out.note(f"note: {warning}")
    out.receipt(given.receipt, warnings=given.warnings)


def _on_vault(name: str, text: str) -> None:
    """Adds a command that does one thing with the mandate of a vault."""

    @mandate.command(name, help=text)
    @click.argument("vault_id", type=int)
    @acting
    def command(vault_id: int, place: Place, out: Output) -> None:
        out.receipt(getattr(place.client().mandates, name)(vault_id))


_on_vault("end", "Take the mandate of VAULT_ID back.")
_on_vault("run", "Top VAULT_ID up as its mandate says; the tip is yours.")


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
@printing
def mandate_show(vault_id: int, place: Place, out: Output) -> None:
    """The mandate of VAULT_ID, and what a top-up would do now."""
    mandates = place.reader().mandates
    found = mandates.get(vault_id)
    due = mandates.due([vault_id])[0]
    answer = {"mandate": found, "now": due}
    if found is None:
        out.show(answer, f"Vault {vault_id} has no mandate.")
        return
    now = sentence(due.reason) if due.reason else f"{due.amount:,}, tip {due.tip:,}"
    out.facts(answer, [*_rows(found), ("now", now)])
