"""A market of one's own to try things on: `make market`, until Ctrl-C.

An Anvil with every contract deployed, the first positions of scripts/seed.py, accounts with test dollars, a block every
two seconds, and feeds that repeat their price before it goes stale. The keys are Anvil's public ones.

With `PULL=1` ETH is on brought prices: RedStone's form (or `PULL=pyth`), signed by five local keys, served on loopback,
and brought by a keeper beside it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import click
import yaml

from bulkhead.chain import anvil, deploy, inputs
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.connection import Connection, connect
from bulkhead.chain.contract import Contract
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.price_messages import local_signers, pyth_id
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.progress import shown
from bulkhead.replay.price_service import SERVICE, PriceService, wandering

ROOT = Path(__file__).resolve().parent.parent
BLOCK_SECONDS = 2
#: Forms of brought prices, and what the keeper's settings call the services that hand them out.
FORMS = {"pyth": "hermes", "redstone": "redstone"}
#: Well inside the heartbeats of deployments/local.
ROUND_SECONDS = 600
#: Place of the account that deploys and owns, in Anvil's mnemonic: beyond those that have coins.
OWNER = 1_000


#: The market that is on brought prices when asked, and the account that brings them.
PULLED, BRINGER = "ETH", 4
#: Bounds of a maker vault to try (docs/deployments.md).
MAKER_VAULT = {"edge_bps": 50, "quote_seconds": 120, "max_contracts": 20_000_000, "cap": 10**11}
#: What the keeper beside a pulled market does, and how young it keeps spot [seconds]: people fill orders at any time.
ROLES, KEEP_FRESH_SECONDS = ("bring", "poke", "fix", "settle", "claim", "sweep"), 30


@contextmanager
def brought(content: dict[str, Any], form: str) -> Iterator[PriceService]:
    """Puts the pulled market of the inputs on brought prices of a form, and serves them."""
    primary = content["markets"][PULLED]["feeds"]["primary"]["mock"]
    primary["pull"] = form
    del primary["decimals"]
    price = int(Decimal(primary["price"]) * 10**8)
    with PriceService(PULLED, wandering(price), lambda: int(time.time())) as service:
        yield service


@contextmanager
def bringing(url: str, place: Path, form: str, service: PriceService) -> Iterator[None]:
    """A keeper that brings them, as anybody would run it."""
    feed = f"0x{pyth_id(PULLED).hex()}" if form == "pyth" else PULLED
    settings = place / "keeper.toml"
    settings.write_text(
        f"deployment = {json.dumps(str(place))}\njournal = {json.dumps(str(place / 'keeper.sqlite'))}\n"
        f"roles = {json.dumps(ROLES)}\n[[providers]]\nurl = {json.dumps(url)}\n"
        f'[[prices]]\nmarket = "{PULLED}"\nform = "{FORMS[form]}"\nurl = "{service.url}"\nfeed = "{feed}"\n'
        f'service = "{SERVICE}"\nsigners = {json.dumps(local_signers())}\nkeep_fresh_seconds = {KEEP_FRESH_SECONDS}\n'
    )
    command = [sys.executable, "-m", "bulkhead", "keeper", "run", "--config", str(settings)]
    with (place / "keeper.log").open("w") as log:
        keeper = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "BULKHEAD_KEEPER_KEY": anvil.key(BRINGER)}, stdout=log, stderr=log
        )
        click.echo(f"# prices of {PULLED} come from {service.url} and are brought by a keeper: {settings}, {log.name}")
        try:
            yield
        finally:
            keeper.terminate()
            keeper.wait()


def tell(url: str, place: Path) -> None:
    """What a shell needs to use it."""
    from scripts.seed import MAKER, PROVIDER, TRADER

    click.echo("# a market on a chain of its own until Ctrl-C; paste this into another shell:")
    for name, value in (
        ("BULKHEAD_RPC_URL", url),
        ("BULKHEAD_DEPLOYMENT", place),
        ("MAKER_KEY", anvil.key(MAKER)),
        ("TRADER_KEY", anvil.key(TRADER)),
        ("BOT_KEY", anvil.key(PROVIDER + 1)),
        ("BULKHEAD_KEY", anvil.key(TRADER)),
        ("BULKHEAD_MAKER_KEY", anvil.key(MAKER)),
        ("BULKHEAD_KEEPER_KEY", anvil.key(PROVIDER)),
        ("OWNER_KEY", anvil.key(OWNER)),
    ):
        click.echo(f"export {name}={value}")
    sys.stdout.flush()


class LocalMarket(NamedTuple):
    """A deployed and funded market on a chain of its own.

    Attributes:
        chain: Its node.
        connection: Its contracts.
        owner: An account that nobody else is told of, so that nobody else uses its nonces.
        feeds: Test feeds that fall silent unless somebody writes them.
    """

    chain: Anvil
    connection: Connection
    owner: Sender
    feeds: tuple[Contract, ...]

    def repeat_prices(self) -> None:
        """Writes every feed's newest answer again, before it goes stale."""
        try:
            for feed in self.feeds:
                answer = feed.call("latestRoundData")[1]
                self.owner.execute(feed, "push", answer, self.connection.rpc.timestamp())
        except BulkheadError as error:
            # somebody plays with the chain: the next round comes
            click.echo(f"market: {error}", err=True)


def start(stack: ExitStack, port: int, place: Path, form: str = "", maker_vault: str = "") -> LocalMarket:
    """Everything up to the first block by the clock; what is started ends with the stack.

    Args:
        stack: Ends it.
        port: Of the node.
        place: Folder of addresses.json.
        form: Of brought prices; "" for feeds.
        maker_vault: Market that gets a MakerVault; "" for none.
    """
    from scripts.seed import seed  # not above: see scripts/deploy.py

    content = yaml.safe_load((ROOT / "deployments" / "local" / "inputs.yaml").read_text())
    if maker_vault:
        content["markets"][maker_vault]["maker"] = MAKER_VAULT
    service = stack.enter_context(brought(content, form)) if form else None
    chain = stack.enter_context(Anvil(block_seconds=None, port=port))
    with shown("setting the market up"):
        owner = Sender(chain.rpc, account_from_key(anvil.key(OWNER)))
        chain.set_balance(owner.address, 10**24)
        deployment = deploy.deploy(chain.rpc, owner, inputs.parse(content, "inputs.yaml"), ROOT)
        deployment.save(place / "addresses.json")
        seed(chain.url, place)
    connection = connect(chain.url, place)
    # markets may share a feed; a brought one repeats nothing
    told = {m.feeds[0] for m in deployment.markets.values()} - ({deployment.market(PULLED).feeds[0]} if form else set())
    feeds = [connection.aggregator(address) for address in sorted(told)]
    chain.rpc.call("evm_setIntervalMining", BLOCK_SECONDS)
    if service is not None:
        stack.enter_context(bringing(chain.url, place, form, service))
    return LocalMarket(chain, connection, owner, tuple(feeds))


def run(port: int, place: Path, form: str = "") -> None:
    """The command without its way of failing."""
    with ExitStack() as stack:
        market = start(stack, port, place, form)
        tell(market.chain.url, place)
        while True:
            time.sleep(ROUND_SECONDS)
            market.repeat_prices()


def until_interrupted(program: str, work: Callable[[], None]) -> None:
    """Runs until Ctrl-C, or ends with the sentence why it could not."""
    # a shell's background jobs begin with SIGINT ignored
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.default_int_handler)
    try:
        work()
    except KeyboardInterrupt:
        click.echo("\n# gone")
    except BulkheadError as error:
        click.echo(f"{program}: {error}", err=True)
        sys.exit(1)


@click.command()
@click.option("--port", default=8545, show_default=True, help="Where the node listens.")
@click.option("--pull", type=click.Choice(sorted(FORMS)), default=None, help="ETH on brought prices of this form.")
@click.option("--deployment", "place", type=Path, default=ROOT / "deployments" / "local", help="Folder to write.")
def cli(port: int, place: Path, pull: str | None) -> None:
    """A local chain with a deployed and funded market, until Ctrl-C."""
    until_interrupted("market", lambda: run(port, place, pull or ""))


if __name__ == "__main__":
    cli()
