"""`bulkhead maker ...`: quote both sides."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from decimal import Decimal

import click

from bulkhead.chain.errors import BadInput
from bulkhead.cli.common import Amount, Place, chain_options, key_option


@click.group()
def maker() -> None:
    """Quote both sides around the mirror's marks."""


@maker.command("run")
@chain_options
@key_option("BULKHEAD_MAKER_KEY")
@click.option("--market", default="ETH", show_default=True, help="Symbol.")
@click.option("--expiry", "expiries", multiple=True, required=True, help="As in `order sign`; repeatable.")
@click.option("--deposit", type=Amount(), default="10000", show_default=True, help="Quote tokens for a new desk.")
@click.option("--size", type=Amount(), default="5", show_default=True, help="Contracts per quote.")
@click.option("--edge-bps", type=click.IntRange(1), default=20, show_default=True, help="Distance from mark, of spot.")
@click.option("--strikes", type=click.IntRange(0, 20), default=3, show_default=True, help="On either side of spot.")
@click.option("--step", type=Amount(), default="50", show_default=True, help="Between strikes [quote].")
@click.option("--seconds", type=click.IntRange(1), default=30, show_default=True, help="Life of a quote.")
@click.option("--refresh", type=float, default=5.0, show_default=True, help="Seconds between ladders.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=int, default=8650, show_default=True, help="Where to listen.")
@click.option("--rounds", type=int, help="Ladders until it ends; without it, never.")
def maker_run(
    place: Place,
    market: str,
    expiries: tuple[str, ...],
    deposit: Decimal,
    size: Decimal,
    edge_bps: int,
    strikes: int,
    step: Decimal,
    seconds: int,
    refresh: float,
    host: str,
    port: int,
    rounds: int | None,
) -> None:
    """Open a desk per expiry and serve signed two-sided quotes: GET /quotes and GET /stream."""
    if size <= 0 or step <= 0:
        raise BadInput("--size and --step are above 0.")
    if not 0 < refresh < seconds:  # a quote that lapses before the next ladder leaves no quote at all
        raise BadInput(f"--refresh is above 0 and below the life of a quote, {seconds} s.")
    from bulkhead.client import parse_expiry, to_quantity, to_strike
    from bulkhead.maker.ladder import Style
    from bulkhead.maker.server import Maker, QuoteServer

    style = Style(edge_bps=edge_bps, size=to_quantity(size), strikes=strikes, step=to_strike(step), seconds=seconds)
    quoting = Maker(place.client(), market, [parse_expiry(e) for e in expiries], style, deposit)
    quoting.open()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(QuoteServer(quoting, refresh, sys.stdout).run(host, port, rounds))
