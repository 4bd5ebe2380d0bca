"""A market of one's own to try things on: `make market`, until Ctrl-C.

An Anvil with every contract deployed, the first positions of scripts/seed.py, accounts with test dollars, a block every
two seconds, and feeds that repeat their price before it goes stale. The keys are Anvil's public ones.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import click
import yaml

from bulkhead.chain import anvil, deploy, inputs
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.connection import connect
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.sender import Sender, account_from_key

ROOT = Path(__file__).resolve().parent.parent
BLOCK_SECONDS = 2
#: Well inside the heartbeats of deployments/local.
ROUND_SECONDS = 600


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
    ):
        click.echo(f"export {name}={value}")
    sys.stdout.flush()


def run(port: int, place: Path) -> None:
    """The command without its way of failing."""
    from scripts.seed import seed  # not above: see scripts/deploy.py

    content = inputs.parse(yaml.safe_load((ROOT / "deployments" / "local" / "inputs.yaml").read_text()), "inputs.yaml")
    with Anvil(block_seconds=None, port=port) as chain:
        owner = Sender(chain.rpc, account_from_key(anvil.key(0)))
        deployment = deploy.deploy(chain.rpc, owner, content, ROOT)
        deployment.save(place / "addresses.json")
        seed(chain.url, place)
        connection = connect(chain.url, place)
        feeds = [connection.feed(market) for market in deployment.markets.values()]
        chain.rpc.call("evm_setIntervalMining", BLOCK_SECONDS)
        tell(chain.url, place)
        while True:
            time.sleep(ROUND_SECONDS)
            for feed in feeds:
                owner.execute(feed, "push", feed.call("latestRoundData")[1], connection.rpc.timestamp())


@click.command()
@click.option("--port", default=8545, show_default=True, help="Where the node listens.")
@click.option("--deployment", "place", type=Path, default=ROOT / "deployments" / "local", help="Folder to write.")
def cli(port: int, place: Path) -> None:
    """A local chain with a deployed and funded market, until Ctrl-C."""
    # a shell's background jobs begin with SIGINT ignored
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.default_int_handler)
    try:
        run(port, place)
    except KeyboardInterrupt:
        click.echo("\n# gone")
    except BulkheadError as error:
        click.echo(f"market: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    cli()
