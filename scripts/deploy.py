"""Deploys Bulkhead: `ape run deploy --network ethereum:local:foundry`; a public network takes `--url` and `--account`.

Everything that can be refused is refused before the first transaction. The steps are those of `bulkhead.chain.deploy`,
the numbers those of `deployments/<network>/inputs.yaml`; Ape compiles and signs, and `bulkhead.chain.sender` sends: it
knows chains without EIP-1559, tips, and what nodes mean by their errors.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ape
import click
from ape.exceptions import ApeException

from bulkhead.chain import abi, system
from bulkhead.chain.compiler import Artifact
from bulkhead.chain.deploy import Create, Step, check_tokens, contracts_of, plan, record, send
from bulkhead.chain.errors import BadInput, BulkheadError, MissingDeployment, NodeUnavailable, NoFunds, WrongNetwork
from bulkhead.chain.hardfork import require_cancun
from bulkhead.chain.inputs import Inputs, load
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.sender import Sender, Tips
from bulkhead.progress import clear, shown

ROOT = Path(__file__).resolve().parent.parent


#: How long a receipt is waited for: public chains are full at times [seconds].
WAIT_SECONDS = 600.0
#: Anvil's fork of a chain on a URL (ape-config.yaml): a chain of one's own too.
FORK = "there-fork"


def is_local(choice: str) -> bool:
    """Whether a network choice means a chain of one's own."""
    return choice.startswith("ethereum:local") or choice.split(":")[1:2] == [FORK]


def folder_of(choice: str) -> Path:
    """Folder of a network choice such as ethereum:sepolia:node or arbitrum:sepolia."""
    ecosystem, _, rest = choice.partition(":")
    network = rest.partition(":")[0] or "local"
    return ROOT / "deployments" / (network if ecosystem == "ethereum" else f"{ecosystem}-{network}")


@contextmanager
def connected(choice: str, url: str | None, chain_id: int) -> Iterator[None]:
    """A connection to the right chain, or one sentence about why there is none."""
    if url is None and not is_local(choice):
        # Ape would try public nodes at random
        raise BadInput(f"{choice} is a public network: name your node with --url or BULKHEAD_RPC_URL.")
    if url is not None:
        # our own client first: its errors are sentences
        with Rpc(url) as rpc:
            if rpc.chain_id != chain_id:
                raise WrongNetwork(f"The node at {url} serves chain {rpc.chain_id}, the inputs are for {chain_id}.")
        if is_local(choice):
            os.environ["APE_FOUNDRY_HOST"] = url
        else:
            choice = ":".join([*choice.split(":")[:2], url])
    try:
        context = ape.networks.parse_network_choice(choice)
        context.__enter__()
    except (ApeException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise NodeUnavailable(f"No node of {choice} could be reached, nothing was sent: {reason}") from error
    try:
        if ape.chain.chain_id != chain_id:
            raise WrongNetwork(f"{choice} is chain {ape.chain.chain_id}, the inputs are for {chain_id}.")
        yield
    finally:
        context.__exit__(None, None, None)


def account_of(alias: str | None) -> Any:
    """Ape's account of that name; None is the first one of a local chain."""
    if alias is None:
        return ape.accounts.test_accounts[0]
    try:
        return ape.accounts.load(alias)
    except KeyError:
        raise BadInput(f"Ape has no account {alias!r} (`ape accounts list` names them); nothing was sent.") from None


def check(inputs: Inputs, steps: list[Step], deployer: Any, local: bool) -> None:
    """Refuses what would otherwise fail half way."""
    if inputs.needs_mocks and not local:
        raise BadInput(f"{inputs.network} is a public network: test tokens and feeds are for local chains.")
    with Rpc(str(ape.chain.provider.uri)) as rpc:
        require_cancun(rpc)
    for what, address in inputs.addresses.items():
        if not ape.chain.provider.get_code(address):
            raise MissingDeployment(f"The {what} has no code at {address} on {inputs.network}; nothing was sent.")
    with Rpc(str(ape.chain.provider.uri)) as rpc:
        check_tokens(rpc, inputs)
    if deployer.balance == 0:
        raise NoFunds(f"The deployer {deployer.address} has no coins on {inputs.network}; nothing was sent.")
    from scripts.build import refresh  # Ape runs each script as a module: none may import another before that

    refresh()
    for contract in contracts_of(steps):
        entries = getattr(ape.project, contract).contract_type.model_dump(mode="json", by_alias=True)["abi"]
        if abi.digest(entries) != abi.load(contract).sha256:
            raise BadInput(f"The shipped ABI of {contract} is stale: run `make snapshots`. Nothing was sent.")


class ApeSender(Sender):
    """A `Sender` whose transactions an account of Ape's signs."""

    def __init__(self, rpc: Rpc, account: Any, **options: Any) -> None:
        """Sends through a node.

        Args:
            rpc: The node.
            account: Ape's account.
            **options: As of `Sender`.
        """
        super().__init__(rpc, None, **options)
        self._signer = account

    @property
    def address(self) -> str:
        """Address of the account."""
        return str(self._signer.address)

    def _signed(self, parts: dict[str, Any], nonce: int) -> bytes:
        kind = 0 if "gasPrice" in parts else 2
        unsigned = ape.chain.provider.network.ecosystem.create_transaction(
            **parts, type=kind, nonce=nonce, sender=self.address
        )
        try:
            signed = self._signer.sign_transaction(unsigned)
        except ApeException as error:
            raise BulkheadError(f"Ape's account {self.address} did not sign: {error}") from error
        if signed is None:
            raise BulkheadError(f"Ape's account {self.address} did not sign; what was made so far is useless.")
        return bytes(signed.serialize_transaction())


def artifacts_of(steps: list[Step]) -> dict[str, Artifact]:
    """What Ape has compiled for some steps."""
    found: dict[str, Artifact] = {}
    for name in contracts_of(steps):
        compiled = getattr(ape.project, name).contract_type
        entries = compiled.model_dump(mode="json", by_alias=True)["abi"]
        found[name] = Artifact(name, entries, bytes(compiled.get_deployment_bytecode()), {})
    return found


def execute(steps: list[Step], deployer: Any) -> None:
    """Sends one transaction for each step, says what it was, and checks where contracts come to."""
    with Rpc(str(ape.chain.provider.uri)) as rpc:

        def told(step: Step) -> None:
            clear()
            if not isinstance(step, Create):
                click.echo(f"{step.name}.{step.function}")
                return
            size = len(rpc.code(step.address))
            remark = "  above the project's limit" if size >= system.CODE_LIMIT else ""
            click.echo(f"{step.name:<16} {step.address} {size:>6,} bytes{remark}")

        sender = ApeSender(rpc, deployer, wait_seconds=WAIT_SECONDS, tips=Tips.of_environment(os.environ))
        send(sender, steps, {}, artifacts_of(steps), told)


@click.command()
@click.option("--network", default="ethereum:local:foundry", show_default=True, help="Ape's network choice.")
@click.option("--url", envvar="BULKHEAD_RPC_URL", help="Node to use; for a local network an Anvil already running.")
@click.option("--account", help="Ape account that deploys; needed on public networks.")
@click.option("--inputs", "inputs_path", type=Path, help="Inputs file. [default: deployments/<network>/inputs.yaml]")
@click.option("--out", type=Path, help="File to write. [default: deployments/<network>/addresses.json]")
def cli(network: str, url: str | None, account: str | None, inputs_path: Path | None, out: Path | None) -> None:
    """Deploy every contract, list the markets of the inputs, write addresses.json."""
    try:
        with shown("deploying"):
            run(network, url, account, inputs_path, out)
    except BulkheadError as error:
        click.echo(f"deploy: {error}", err=True)
        sys.exit(1)


def run(network: str, url: str | None, account: str | None, inputs_path: Path | None, out: Path | None) -> None:
    """The command without its way of failing."""
    inputs = load(inputs_path or folder_of(network) / "inputs.yaml")
    if account is None and not is_local(network):
        raise BadInput(f"{network} is a public network: name the deploying account with --account.")
    with connected(network, url, inputs.chain_id):
        deployer = account_of(account)
        head = ape.chain.blocks.head
        steps = plan(inputs, deployer.address, deployer.nonce, head.timestamp)
        check(inputs, steps, deployer, is_local(network))
        if inputs.needs_mocks:
            # first prices are as of now: compiling takes longer than a brought one is good for
            steps = plan(inputs, deployer.address, deployer.nonce, ape.chain.pending_timestamp)
        execute(steps, deployer)
        if inputs.timelock is not None:
            days = inputs.timelock.delay_seconds / 86_400
            click.echo(f"the parameters belong to a timelock of {days:g} days")
        elif not is_local(network) and not inputs.owner:
            click.echo(
                "the deployer alone owns the parameters: name a timelock in the inputs before others rely on them"
            )
        if inputs.owner and inputs.owner != deployer.address:
            click.echo(f"{inputs.owner} still has to call RiskParameters.accept_ownership")
        hashes = {contract: abi.load(contract).sha256 for contract in contracts_of(steps)}
        target = out or folder_of(network) / "addresses.json"
        record(inputs, steps, deployer.address, head.number + 1, hashes).save(target)
        click.echo(f"wrote {target}")
