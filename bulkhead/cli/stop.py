"""`bulkhead order stop` and `take-profit`: orders that wait for a price."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.chain.files import read_text
from bulkhead.cli.common import Amount, Command, Place
from bulkhead.cli.output import Output, acting
from bulkhead.progress import doing

if TYPE_CHECKING:
    from bulkhead.client import Bulkhead, SignedOrder


@dataclass(frozen=True)
class Receivers:
    """Who gets a signed order.

    Attributes:
        post: The QuoteBoard, where others look.
        makers: URLs of maker servers.
    """

    post: bool
    makers: tuple[str, ...]

    def send(self, client: Bulkhead, signed: SignedOrder, out: Output) -> None:
        """Shows an order and hands it to who may fill it."""
        out.show(signed.to_dict(), signed.to_json())
        if self.post:
            out.note(f"posted in {client.orders.post(signed).hash}")
        if self.makers:
            from bulkhead.client.makers import hand_over

            for url, said in hand_over(self.makers, signed).items():
                out.note(f"{url}: {said}")


def handing(command: Command) -> Command:
    """Options of who gets a signed order; the command gets `Receivers` as `to`."""
    signs = command

    @functools.wraps(signs)
    def handed(*arguments: Any, post: bool, makers: tuple[str, ...], **options: Any) -> Any:
        return signs(*arguments, to=Receivers(post, makers), **options)

    command = handed
    for option in (
        click.option("--post", is_flag=True, help="Leave it on the QuoteBoard, where others look."),
        click.option("--to", "makers", multiple=True, help="URL of a maker server that gets it; repeatable."),
    ):
        command = option(command)
    return command


def sending(command: Command) -> Command:
    """Options of an order that waits."""
    for option in (
        handing,
        click.option("--good-for", type=click.IntRange(1), help="Seconds from now; without it until the expiry."),
        click.option("--size", type=Amount(), help="Packages; without it the whole position."),
    ):
        command = option(command)
    return command


@click.command("stop")
@click.argument("vault_id", type=int)
@click.option("--below", type=Amount(), help="Close from this spot downwards.")
@click.option("--above", type=Amount(), help="Close from this spot upwards.")
@click.option("--slip", type=click.IntRange(1, 10_000), default=300, show_default=True, help="Off mark at most [bps].")
@click.option("--patience", type=click.IntRange(0, 3_600), default=1_800, show_default=True, help="Until that [s].")
@click.option("--worst", type=Amount(), help="Lowest price of a package; without it that of a gap of half the trigger.")
@click.option("--trail", type=Amount(), help="Follow the price at this distance, signing a new level when it moves.")
@click.option(
    "--every", type=click.FloatRange(0.1, 3_600), default=12, show_default=True, help="Seconds between looks."
)
@click.option("--rounds", type=click.IntRange(0), help="Looks until it ends; without it a trailing stop never does.")
@sending
@acting
def stop(
    vault_id: int,
    trail: Decimal | None,
    every: float,
    rounds: int | None,
    to: Receivers,
    place: Place,
    out: Output,
    **terms: Any,
) -> None:
    """Sign an order that closes VAULT_ID when spot reaches a price, and trail it if asked."""
    client = place.client()
    if trail is not None and trail <= 0:
        raise BadInput("--trail is a distance above 0.")
    signed = client.stops.stop(vault_id, **terms)
    to.send(client, signed, out)
    while trail is not None and (rounds is None or rounds > 0):
        rounds = None if rounds is None else rounds - 1
        with doing("waiting for the price to move"):
            time.sleep(every)
        try:
            newer = client.stops.trail(signed, trail)
        except BulkheadError as error:  # the level that is signed stands; the next look may see more
            out.note(f"not moved: {error}")
            continue
        if newer is not None:
            signed = newer
            to.send(client, signed, out)


@click.command("take-profit")
@click.argument("vault_id", type=int)
@click.argument("price", type=Amount())
@click.option("--with", "file", help="File of the position's stop: the two take from one another.")
@sending
@acting
def take_profit(
    vault_id: int,
    price: Decimal,
    file: str | None,
    to: Receivers,
    place: Place,
    out: Output,
    **terms: Any,
) -> None:
    """Sign an order that sells the position of VAULT_ID at PRICE per package."""
    from bulkhead.client import SignedOrder

    client = place.client()
    salt = None
    if file is not None:
        beside = SignedOrder.from_json(read_text(file)).order
        if beside.maker_vault != vault_id:
            raise BadInput(f"{file} is an order of vault {beside.maker_vault}, not of {vault_id}.")
        salt = beside.salt
    to.send(client, client.stops.take_profit(vault_id, price, salt=salt, **terms), out)
