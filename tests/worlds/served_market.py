"""The deployment of `make market` on an Anvil of its own, with people who have money, for tests of what people type."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from bulkhead.chain import anvil, deploy, inputs
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.connection import Connection
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.cli import main
from bulkhead.client import Bulkhead

ROOT = Path(__file__).resolve().parents[2]
#: 2027-01-14 12:00 UTC, two weeks before the expiry that the documents trade.
START = 1_799_928_000
EXPIRY = "2027-01-29"
#: Accounts of Anvil's mnemonic by role.
DEPLOYER, MAKER, TRADER, BOT = range(4)


def local_inputs() -> dict[str, Any]:
    """Content of deployments/local/inputs.yaml."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "deployments" / "local" / "inputs.yaml").read_text())
    return content


@dataclass
class ServedMarket:
    """A deployment that serves.

    Attributes:
        anvil: The chain.
        place: Folder of addresses.json.
        chain: The deployment.
    """

    anvil: Anvil
    place: Path
    chain: Connection
    clients: dict[int, Bulkhead] = field(default_factory=dict)

    def client(self, role: int) -> Bulkhead:
        """A client with the key of a role."""
        return self.clients.setdefault(role, Bulkhead(self.chain, key=anvil.key(role)))

    @property
    def variables(self) -> dict[str, str]:
        """What `make market` prints."""
        return {
            "BULKHEAD_RPC_URL": self.anvil.url, "BULKHEAD_DEPLOYMENT": str(self.place),
            "MAKER_KEY": anvil.key(MAKER), "TRADER_KEY": anvil.key(TRADER), "BOT_KEY": anvil.key(BOT),
            "BULKHEAD_KEY": anvil.key(TRADER), "BULKHEAD_MAKER_KEY": anvil.key(MAKER),
            "BULKHEAD_KEEPER_KEY": anvil.key(BOT),
        }  # fmt: skip

    def run(self, *arguments: object, key: int = TRADER, **environment: str) -> Result:
        """A command as somebody with a key types it; an unexpected exception is raised."""
        given = {**self.variables, "BULKHEAD_KEY": anvil.key(key), **environment}
        runner = CliRunner(mix_stderr=False)
        return runner.invoke(main, [str(one) for one in arguments], env=given, catch_exceptions=False)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """What happens inside is undone on the chain."""
        snapshot = self.anvil.snapshot()
        try:
            yield
        finally:
            self.anvil.revert(snapshot)
            for client in self.clients.values():
                client.signer.forget_nonce()


@contextmanager
def serve(
    place: Path, content: Mapping[str, Any] | None = None, timestamp: int = START, extra: tuple[str, ...] = ()
) -> Iterator[ServedMarket]:
    """Deploys inputs and gives the first accounts money of every market."""
    made = inputs.parse(content or local_inputs(), "inputs.yaml")
    with Anvil(timestamp=timestamp, extra=extra) as chain:
        deployer = Sender(chain.rpc, account_from_key(anvil.key(DEPLOYER)))
        deployment = deploy.deploy(chain.rpc, deployer, made, ROOT)
        deployment.save(place / "addresses.json")
        connection = Connection(chain.rpc, deployment)
        market = connection.market(next(iter(deployment.markets)))
        for role in (DEPLOYER, MAKER, TRADER, BOT):
            address = account_from_key(anvil.key(role)).address
            deployer.execute(market.token, "mint", address, 1_000_000 * 10**market.decimals)
        yield ServedMarket(chain, place, connection)


def environment(market: ServedMarket) -> dict[str, str]:
    """The environment of a shell in which everything that `make market` prints was exported."""
    path = f"{ROOT / '.venv' / 'bin'}:{ROOT / 'node_modules' / '.bin'}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, **market.variables}
