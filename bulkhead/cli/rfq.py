"""`bulkhead rfq`: ask makers for a package and take the answer you choose."""

from __future__ import annotations

from decimal import Decimal

import click

from bulkhead.chain.errors import BadInput
from bulkhead.cli.common import Amount, PackageCommand, Place, units
from bulkhead.cli.output import Output, acting, columns


@click.command("rfq", cls=PackageCommand)
@click.argument("legs", nargs=-1, required=True)
@click.option("--size", type=Amount(), required=True, help="Packages.")
@click.option("--expiry", required=True, help="Of the series: a date (08:00 UTC), an ISO time or unix seconds.")
@click.option("--market", default="ETH", show_default=True, help="Symbol.")
@click.option("--side", type=click.Choice(["buy", "sell", "both"]), default="both", show_default=True, help="Yours.")
@click.option("--deferred", is_flag=True, help="The premium becomes a cash leg instead of tokens.")
@click.option("--maker", "makers", multiple=True, envvar="BULKHEAD_MAKERS", show_envvar=True,
              help="URL of a maker server; repeatable. Without one the QuoteBoard is looked through.")  # fmt: skip
@click.option("--vault", "vault_id", type=int, default=0, help="Own vault to fill into; without it one is opened.")
@click.option("--take", type=click.IntRange(1), help="Take the answer with this number; you are asked first.")
@click.option("--yes", is_flag=True, help="Take it without asking.")
@click.option("--deposit", type=Amount(), default="0", show_default=True, help="Tokens for a new vault.")
@click.option("--tolerance", type=Amount(), default="0", show_default=True, help="Worse than shown at most, a package.")
@acting
def rfq(
    legs: tuple[str, ...],
    size: Decimal,
    expiry: str,
    market: str,
    side: str,
    deferred: bool,
    makers: tuple[str, ...],
    vault_id: int,
    take: int | None,
    yes: bool,
    deposit: Decimal,
    tolerance: Decimal,
    place: Place,
    out: Output,
) -> None:
    """Ask makers for a package of LEGS such as put:180, and see their answers side by side."""
    client = place.client()
    request = client.rfq.request(legs, size, expiry, market=market, side=side, deferred=deferred, vault_id=vault_id)
    answers = client.rfq.ask(request, makers)
    if not answers:
        raise BadInput("Nobody quotes that: no order on the QuoteBoard fits. Name a maker server with --maker.")
    table = columns("", "you", "price", "mark", "IV", "fee", "total", "good for", "from", "remark")
    for number, one in enumerate(answers, 1):
        table.add_row(
            str(number) if one.signed else "-",
            one.side,
            units(one.price, 6),
            units(one.mark, 6),
            "-" if one.iv is None else f"{one.iv:.1%}",
            units(one.fee, 6),
            units(one.total, 6),
            f"{one.seconds} s" if one.signed else "-",
            one.source,
            one.remark,
        )
    if take is None:
        out.table(answers, table)
        return
    if take > len(answers):
        raise BadInput(f"There are {len(answers)} answers; none has the number {take}.")
    if not yes:
        out.table(answers, table)
        if not click.confirm(f"Take number {take}?", err=True):
            raise BadInput("Nothing was taken.")
    vault = client.rfq.take(request, answers[take - 1], deposit, tolerance=tolerance)
    out.show({"vault_id": vault, "answer": answers[take - 1]}, str(vault))
