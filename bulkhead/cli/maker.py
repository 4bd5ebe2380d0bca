"""`bulkhead maker ...`: quote both sides."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from decimal import Decimal

import click

from bulkhead.chain.errors import BadInput
from bulkhead.cli.common import Amount, Place, chain_options, key_option

#: Contracts of a quote at most: more than all of a market, and what an order can say at any price.
MOST_SIZE = 10_000_000


@click.group()
def maker() -> None:
    """Quote both sides around the mirror's marks."""


@maker.command("run")
@chain_options
@key_option("BULKHEAD_MAKER_KEY")
@click.option("--market", default="ETH", show_default=True, help="Symbol.")
@click.option("--expiry", "expiries", multiple=True, required=True, help="As in `order sign`; repeatable.")
@click.option("--deposit", type=Amount(), default="10000", show_default=True, help="Tokens for a new desk.")
@click.option("--size", type=Amount(), default="5", show_default=True, help="Contracts per quote.")
@click.option("--edge-bps", type=click.IntRange(1), default=20, show_default=True, help="Distance from mark, of spot.")
@click.option("--strikes", type=click.IntRange(0, 20), default=3, show_default=True, help="On either side of spot.")
@click.option("--step", type=Amount(), default="50", show_default=True, help="Between strikes [quote].")
@click.option("--in-the-money", is_flag=True, help="Quote calls below spot and puts above it too.")
@click.option("--seconds", type=click.IntRange(1), default=30, show_default=True, help="Life of a quote.")
@click.option(
    "--skew-bps", type=click.IntRange(0), default=10, show_default=True, help="Lean at the delta limit, of spot."
)
@click.option("--max-delta", type=Amount(), default="0", help="Most delta of an expiry either way [contracts]; 0: any.")
@click.option("--max-gamma", type=Amount(), default="0", help="Most gamma [contracts for a unit of spot]; 0: any.")
@click.option("--max-vega", type=Amount(), default="0", help="Most vega [quote for a vol point]; 0: any.")
@click.option("--hedger", help="Gets the delta of all desks: paper, or module:Class of your own.")
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
    in_the_money: bool,
    seconds: int,
    skew_bps: int,
    max_delta: Decimal,
    max_gamma: Decimal,
    max_vega: Decimal,
    hedger: str | None,
    refresh: float,
    host: str,
    port: int,
    rounds: int | None,
) -> None:
    """Open a desk per expiry, serve signed two-sided quotes, answer requests and fill stops that pay."""
    if size <= 0 or step <= 0:
        raise BadInput("--size and --step are above 0.")
    if size > MOST_SIZE:
        raise BadInput(f"--size is at most {MOST_SIZE:,} contracts.")
    if not 0 < refresh < seconds:  # a quote that lapses before the next ladder leaves no quote at all
        raise BadInput(f"--refresh is above 0 and below the life of a quote, {seconds} s.")
    from bulkhead.client import parse_expiry, to_quantity, to_strike
    from bulkhead.maker import hedging
    from bulkhead.maker.desk import Maker
    from bulkhead.maker.ladder import Style
    from bulkhead.maker.limits import RiskLimits
    from bulkhead.maker.server import QuoteServer, require_place

    style = Style(
        edge_bps=edge_bps,
        size=to_quantity(size),
        strikes=strikes,
        step=to_strike(step),
        seconds=seconds,
        skew_bps=skew_bps,
        in_the_money=in_the_money,
    )
    limits = RiskLimits(max_delta, max_gamma, max_vega)
    plugged = None if hedger is None else hedging.load(hedger)
    expiry_times = [parse_expiry(e) for e in expiries]
    quoting = Maker(place.client(), market, expiry_times, style, deposit, limits, plugged)
    require_place(host, port)
    quoting.open()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(QuoteServer(quoting, refresh, sys.stdout).run(host, port, rounds))
