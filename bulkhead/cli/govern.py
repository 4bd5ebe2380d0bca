"""`bulkhead govern ...`: parameters in force and on their way, proposals to a timelock, ramps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from bulkhead.chain.parameters import PARAMETERS
from bulkhead.cli.common import Place, chain_options, moment
from bulkhead.cli.output import Output, acting, printing

if TYPE_CHECKING:
    from bulkhead.chain.connection import Connection
    from bulkhead.chain.sender import Sender
    from bulkhead.governance import Governance, Notice, Ramp


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
@printing
def govern_show(market: str, place: Place, out: Output) -> None:
    """Parameters of MARKET that differ from the defaults, ramps on their way, and open proposals."""
    chain = place.connection()
    rules = _governance(chain)
    lines = [f"owner {rules.owner}{' (timelock)' if rules.timelock is not None else ''}"]
    values = rules.values(market)
    for name, value in values.items():
        p = PARAMETERS[name]
        if value != p.default:
            lines.append(f"{name} {value} {p.unit}, default {p.default}")
    ramps = rules.ramps(market)
    lines += [f"{r.parameter.name} {r.value} -> {r.target}, at least {r.hours:.0f} hours" for r in ramps]
    notices = rules.notices() if rules.timelock is not None else []
    for notice in notices:
        times = f"from {moment(notice.ready_at)} to {moment(notice.lapses_at)}"
        lines.append(f"0x{notice.id.hex()[:8]} {times}: {'; '.join(notice.words)}")
    content = {
        "owner": rules.owner, "timelock": rules.timelock is not None, "parameters": values,
        "ramps": [_ramp(ramp) for ramp in ramps], "proposals": [_notice(notice) for notice in notices],
    }  # fmt: skip
    out.show(content, lines)


def _ramp(ramp: Ramp) -> dict[str, object]:
    return {"parameter": ramp.parameter.name, "value": ramp.value, "target": ramp.target, "due": ramp.due}


def _notice(notice: Notice) -> dict[str, object]:
    return {"id": notice.id, "ready_at": notice.ready_at, "lapses_at": notice.lapses_at, "calls": notice.words}


@govern.command("set")
@click.argument("market")
@click.argument("name")
@click.argument("number", type=int)
@acting
def govern_set(market: str, name: str, number: int, place: Place, out: Output) -> None:
    """Change parameter NAME of MARKET to NUMBER, as stored; through a timelock, propose it."""
    rules, sender = _governor(place)
    made = rules.set(sender, market, name, number)
    out.show({"proposal": made}, "changed" if made is None else f"proposed 0x{made.hex()}")


def _decided(place: Place, out: Output, how: Callable[..., Notice], said: str, proposal: str) -> None:
    rules, sender = _governor(place)
    notice = how(rules, sender, proposal)
    out.show(_notice(notice), f"{said}: " + "; ".join(notice.words))


@govern.command("execute")
@click.argument("proposal")
@acting
def govern_execute(proposal: str, place: Place, out: Output) -> None:
    """Carry out PROPOSAL, the beginning of an id, once it is due."""
    _decided(place, out, lambda rules, *what: rules.execute(*what), "done", proposal)


@govern.command("cancel")
@click.argument("proposal")
@acting
def govern_cancel(proposal: str, place: Place, out: Output) -> None:
    """Withdraw PROPOSAL, the beginning of an id."""
    _decided(place, out, lambda rules, *what: rules.cancel(*what), "cancelled", proposal)


@govern.command("advance")
@click.argument("market")
@acting
def govern_advance(market: str, place: Place, out: Output) -> None:
    """Push on the ramps of MARKET that are due; anyone may, once an hour is enough."""
    rules, sender = _governor(place)
    moved = rules.advance(sender, market)
    lines = [f"{ramp.parameter.name} {ramp.value} -> {ramp.due}, target {ramp.target}" for ramp in moved]
    out.show([_ramp(ramp) for ramp in moved], lines)
