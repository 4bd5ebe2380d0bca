"""`bulkhead anvil ...`: prices and time of a chain of one's own."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import click

from bulkhead.chain.errors import BadInput
from bulkhead.cli.common import Amount, Place, chain_options, moment, units
from bulkhead.cli.output import Output, printing

if TYPE_CHECKING:
    from bulkhead.chain.local import LocalChain


class Span(click.ParamType):
    """A stretch of time such as 90s, 30m, 2h, 5d or 8w."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds, or a usage error."""
        from bulkhead.client.amounts import parse_span

        try:
            return parse_span(value if isinstance(value, int) else str(value))
        except BadInput as error:
            self.fail(str(error), param, ctx)


@click.group()
def anvil() -> None:
    """Move prices and time, on an Anvil of one's own only."""


def _local(place: Place) -> LocalChain:
    from bulkhead.chain.local import LocalChain

    return LocalChain(place.connection())


@anvil.command("crash")
@click.argument("market")
@click.option("--by", "percent", type=Amount(), help="Fall in percent of the price; negative to rise.")
@click.option("--to", "price", type=Amount(), help="Price to end at.")
@click.option("--over", "seconds", type=Span(), default="0s", show_default=True, help="How long it takes, e.g. 30m.")
@chain_options
@printing
def anvil_crash(
    market: str, percent: Decimal | None, price: Decimal | None, seconds: int, place: Place, out: Output
) -> None:
    """Move the price of MARKET, by default down by 20 %; with --over in steps of a minute."""
    if percent is not None and price is not None:
        raise BadInput("A crash goes --by percent or --to a price, not both.")
    local = _local(place)
    entry = local.chain.deployment.market(market)
    before = local.price(entry)
    target = before * (1 - (Decimal(20) if percent is None else percent) / 100) if price is None else price
    rounds = local.crash(entry, target, seconds)
    after, now = local.price(entry), local.rpc.timestamp()
    out.show(
        {"market": entry.symbol, "from": before, "to": after, "rounds": rounds, "now": now},
        f"{entry.symbol} from {units(before)} to {units(after)}, {rounds} rounds; it is {moment(now)} UTC",
    )


@anvil.command("warp")
@click.argument("span", type=Span(), required=False)
@click.option("--to", "until", help="Moment to end at instead: a date (08:00 UTC), an ISO time or unix seconds.")
@chain_options
@printing
def anvil_warp(span: int | None, until: str | None, place: Place, out: Output) -> None:
    """Move time on by SPAN such as 30m, 2h or 5d; feeds repeat their prices on the way."""
    from bulkhead.client import parse_expiry

    if (span is None) == (until is None):
        raise BadInput("Time moves on by a stretch such as 2h, or --to a moment.")
    local = _local(place)
    at = parse_expiry(until) if until is not None else local.rpc.timestamp() + (span or 0)
    rounds = local.warp(at)
    now = local.rpc.timestamp()
    out.show({"now": now, "rounds": rounds}, f"it is {moment(now)} UTC; {rounds} rounds")
