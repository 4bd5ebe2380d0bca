"""Deploys Bulkhead: `ape run deploy --network ethereum:local:foundry`; a public network takes `--url` and `--account`.

Everything that can be refused is refused before the first transaction. The steps are those of `bulkhead.chain.deploy`,
the numbers those of `deployments/<network>/inputs.yaml`; Ape compiles, signs and sends.
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
from bulkhead.chain.deploy import Create, Step, check_tokens, contracts_of, plan, record
from bulkhead.chain.errors import BadInput, BulkheadError, MissingDeployment, NodeUnavailable, NoFunds, WrongNetwork
from bulkhead.chain.hardfork import require_cancun
from bulkhead.chain.inputs import Inputs, load
from bulkhead.chain.rpc import Rpc
from bulkhead.progress import clear, doing, shown

ROOT = Path(__file__).resolve().parent.parent


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


def execute(steps: list[Step], deployer: Any) -> None:
    """Sends one transaction for each step and checks where contracts come to."""
    at: dict[str, Any] = {}
    with doing("sending the transactions of the deployment", len(steps)) as activity:
        for step in steps:
            _execute(step, at, deployer)
            activity.step()


def _execute(step: Step, at: dict[str, Any], deployer: Any) -> None:
    if isinstance(step, Create):
        made = deployer.deploy(getattr(ape.project, step.contract), *step.arguments)
        if made.address != step.address:
            raise BulkheadError(
                f"{step.name} came to {made.address} instead of {step.address}: another transaction of the "
                "deployer came between. What was made is useless; deploy again from an account of its own."
            )
        at[step.name] = made
        size = len(ape.chain.provider.get_code(made.address))
        remark = "  above the project's limit" if size >= system.CODE_LIMIT else ""
        clear()
        click.echo(f"{step.name:<16} {made.address} {size:>6,} bytes{remark}")
    else:
        getattr(at[step.name], step.function)(*step.arguments, sender=deployer, value=step.value)
        clear()
        click.echo(f"{step.name}.{step.function}")


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
