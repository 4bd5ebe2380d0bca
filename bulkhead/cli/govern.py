"""`bulkhead govern ...`: parameters in force and on their way, proposals to a timelock, ramps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bulkhead.chain.parameters import PARAMETERS
from bulkhead.cli.common import Place, chain_options, key_option, moment

if TYPE_CHECKING:
    from bulkhead.chain.connection import Connection
    from bulkhead.chain.sender import Sender
    from bulkhead.governance import Governance


@click.group()
def govern() -> None:
    """Parameters: what is in force and on its way, proposals to a timelock, ramps."""


def _governance(chain: Connection) -> Governance:
    from bulkhead.governance import Governance

    return Governance(chain)


def _governor(place: Place) -> tuple[Governance, Sender]:
    chain = place.connection()
    return _governance(chain), place.sender(chain)


@govern.command("show")
@click.argument("market")
@chain_options
def govern_show(market: str, place: Place) -> None:
    """Parameters of MARKET that differ from the defaults, ramps on their way, and open proposals."""
    chain = place.connection()
    rules = _governance(chain)
    click.echo(f"owner {rules.owner}{' (timelock)' if rules.timelock is not None else ''}")
    for name, value in rules.values(market).items():
        p = PARAMETERS[name]
        if value != p.default:
            click.echo(f"{name} {value} {p.unit}, default {p.default}")
    for ramp in rules.ramps(market):
        click.echo(f"{ramp.parameter.name} {ramp.value} -> {ramp.target}, at least {ramp.hours:.0f} hours")
    for notice in rules.notices() if rules.timelock is not None else ():
        times = f"from {moment(notice.ready_at)} to {moment(notice.lapses_at)}"
        click.echo(f"0x{notice.id.hex()[:8]} {times}: {'; '.join(notice.words)}")


@govern.command("set")
@click.argument("market")
@click.argument("name")
@click.argument("number", type=int)
@chain_options
@key_option()
def govern_set(market: str, name: str, number: int, place: Place) -> None:
    """Change parameter NAME of MARKET to NUMBER, as stored; through a timelock, propose it."""
    rules, sender = _governor(place)
    made = rules.set(sender, market, name, number)
    click.echo("changed" if made is None else f"proposed 0x{made.hex()}")


@govern.command("execute")
@click.argument("proposal")
@chain_options
@key_option()
def govern_execute(proposal: str, place: Place) -> None:
    """Carry out PROPOSAL, the beginning of an id, once it is due."""
    rules, sender = _governor(place)
    click.echo("done: " + "; ".join(rules.execute(sender, proposal).words))


@govern.command("cancel")
@click.argument("proposal")
@chain_options
@key_option()
def govern_cancel(proposal: str, place: Place) -> None:
    """Withdraw PROPOSAL, the beginning of an id."""
    rules, sender = _governor(place)
    click.echo("cancelled: " + "; ".join(rules.cancel(sender, proposal).words))


@govern.command("advance")
@click.argument("market")
@chain_options
@key_option()
def govern_advance(market: str, place: Place) -> None:
    """Push on the ramps of MARKET that are due; anyone may, once an hour is enough."""
    rules, sender = _governor(place)
    for ramp in rules.advance(sender, market):
        click.echo(f"{ramp.parameter.name} {ramp.value} -> {ramp.due}, target {ramp.target}")
