"""The page on a market of one's own: `make app`, until Ctrl-C.

What scripts/market.py starts, with a maker that serves quotes in every market, a keeper and the built page beside it.
The page finds the deployment in `deployment.js`, which is written here and nowhere else.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import click

from bulkhead.chain import anvil
from bulkhead.chain.errors import BadInput
from scripts.market import ROOT, ROUND_SECONDS, LocalMarket, start, until_interrupted
from scripts.seed import DAY, MAKER, PROVIDER, TRADER, next_friday

BUILT = ROOT / "web" / "app" / "dist"
#: Fridays that the makers quote.
EXPIRIES = 2
#: Strikes on either side of spot that they quote, and how far apart: of spot, before it is rounded to the tick.
STRIKES, STEP_OF_SPOT = 6, Decimal("0.05")
#: Makers of every market, by their places in Anvil's mnemonic: how far from mark each quotes [bps of spot], and how
#: often its ladder is made anew [seconds].
MAKERS = {MAKER: (5, 5), 7: (9, 8)}
#: Test tokens of a maker whom the seed leaves out [whole tokens].
MAKER_TOKENS = 1_000_000
#: The market that has a maker vault to put money into.
MAKER_VAULT_OF = "ETH"
#: What a keeper does here. It leaves topping up to those who try it.
KEEPER = 5
#: Accounts the page offers: names and places in Anvil's mnemonic.
ACCOUNTS = {"Trader": TRADER, "Maker": MAKER, "Provider": PROVIDER, "Newcomer": 6}


def step_of(spot: Decimal) -> Decimal:
    """A round distance between strikes: 1, 2 or 5 times a power of ten, never below one unit."""
    wanted = spot * STEP_OF_SPOT
    power = Decimal(1).scaleb(max(wanted.adjusted(), 0))
    return max((power * digit for digit in (1, 2, 5, 10) if power * digit <= wanted), default=power)


def expiries_of(now: int) -> list[int]:
    """The Fridays that are quoted [unix seconds]."""
    return [next_friday(now) + week * 7 * DAY for week in range(EXPIRIES)]


@contextmanager
def beside(arguments: list[str], key: str, log: Path, url: str, place: Path) -> Iterator[None]:
    """A command of our own as a process beside, its output in a file."""
    environment = {
        **os.environ, "BULKHEAD_RPC_URL": url, "BULKHEAD_DEPLOYMENT": str(place), "APP_KEY": key,
    }  # fmt: skip
    with log.open("w") as stream:
        running = subprocess.Popen(
            [sys.executable, "-m", "bulkhead", *arguments], cwd=ROOT, env=environment, stdout=stream, stderr=stream
        )
        try:
            yield
        finally:
            running.terminate()
            running.wait()


def makers(stack: ExitStack, market: LocalMarket, place: Path) -> list[str]:
    """Two servers of quotes for every market; where each answers."""
    urls = []
    moments = [
        f"{datetime.fromtimestamp(e, UTC):%Y-%m-%dT%H:%M}" for e in expiries_of(market.connection.rpc.timestamp())
    ]
    for symbol in market.connection.deployment.markets:
        entry = market.connection.market(symbol)
        spot = market.connection["OracleAdapter"].call(
            "snapshot", entry.index, next_friday(market.connection.rpc.timestamp())
        ).spot  # fmt: skip
        step = f"{step_of(Decimal(spot).scaleb(-18)):f}"
        for place_of_key, (edge, refresh) in MAKERS.items():
            if place_of_key != MAKER:
                receiver = anvil_address(market, place_of_key)
                market.owner.execute(entry.token, "mint", receiver, MAKER_TOKENS * 10**entry.decimals)
            port = anvil.free_port()
            arguments = ["maker", "run", "--market", symbol, "--port", str(port), "--key-env", "APP_KEY"]
            arguments += ["--step", step, "--strikes", str(STRIKES), "--size", "25", "--edge-bps", str(edge)]
            arguments += ["--refresh", str(refresh), "--in-the-money"]
            for moment in moments:
                arguments += ["--expiry", moment]
            log = place / f"maker-{symbol}-{edge}bps.log"
            stack.enter_context(beside(arguments, anvil.key(place_of_key), log, market.chain.url, place))
            urls.append(f"http://127.0.0.1:{port}/quotes")
    return urls


def keeper(stack: ExitStack, market: LocalMarket, place: Path) -> None:
    """A keeper with an account of its own."""
    for symbol in market.connection.deployment.markets:
        found = market.connection.market(symbol)
        market.owner.execute(found.token, "mint", anvil_address(market, KEEPER), 10 ** (6 + found.decimals))
    arguments = ["keeper", "run", "--rpc", market.chain.url, "--deployment", str(place)]
    arguments += ["--key-env", "APP_KEY", "--journal", str(place / "keeper.sqlite")]
    stack.enter_context(beside(arguments, anvil.key(KEEPER), place / "keeper.log", market.chain.url, place))


def anvil_address(market: LocalMarket, index: int) -> str:
    """Address of an account of the mnemonic."""
    return str(market.chain.rpc.call("eth_accounts")[index])


def configuration(market: LocalMarket, quotes: list[str]) -> str:
    """What the page is told about the place it runs in."""
    content = {
        "deployment": market.connection.deployment.dump(),
        "rpc": market.chain.url,
        "quotes": quotes,
        "accounts": [{"name": name, "address": anvil_address(market, index)} for name, index in ACCOUNTS.items()],
    }
    return f"globalThis.BULKHEAD = {json.dumps(content, indent=1)}\n"


class Page(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, without a line on the screen for each."""

    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript"}

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""


@contextmanager
def served(folder: Path, port: int) -> Iterator[str]:
    """A folder over HTTP on loopback."""
    anvil.require_free(port)
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), functools.partial(Page, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.shutdown()


def run(port: int, page_port: int, place: Path, with_keeper: bool) -> None:
    """The command without its way of failing."""
    if not (BUILT / "index.html").exists():
        raise BadInput("The page is not built: `make app` builds it.")
    place.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        market = start(stack, port, place, maker_vault=MAKER_VAULT_OF)
        quotes = makers(stack, market, place)
        if with_keeper:
            keeper(stack, market, place)
        site = place / "site"
        shutil.copytree(BUILT, site, dirs_exist_ok=True)
        for folder in (site, site / "file"):
            (folder / "deployment.js").write_text(configuration(market, quotes))
        url = stack.enter_context(served(site, page_port))
        click.echo(f"# chain {market.chain.url}, logs in {place}; until Ctrl-C\n{url}")
        sys.stdout.flush()
        while True:
            time.sleep(ROUND_SECONDS)
            market.repeat_prices()


@click.command()
@click.option("--port", default=8545, show_default=True, help="Where the node listens.")
@click.option("--page-port", default=8080, show_default=True, help="Where the page is served.")
@click.option("--place", type=Path, default=ROOT / "out" / "app", help="Folder for addresses, logs and the page.")
@click.option("--keeper/--no-keeper", "with_keeper", default=True, help="Whether a keeper runs beside.")
def cli(port: int, page_port: int, place: Path, with_keeper: bool) -> None:
    """A local market with makers, a keeper and the page, until Ctrl-C."""
    until_interrupted("app", lambda: run(port, page_port, place, with_keeper))


if __name__ == "__main__":
    cli()
