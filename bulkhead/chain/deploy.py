"""The steps of a deployment, in order, and their execution over plain JSON-RPC.

`plan` is pure: from inputs, deployer and nonce to a list of creations and calls. `send` executes it: on real networks
for `scripts/deploy.py`, where Ape compiles and signs; `deploy` on a chain of one's own, for the replay and for tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bulkhead.chain import abi as abis
from bulkhead.chain import compiler, system
from bulkhead.chain.abi import encode_values
from bulkhead.chain.contract import Contract
from bulkhead.chain.deploy_steps import Create, Invoke, Plan, Step, listing, maker_bounds
from bulkhead.chain.deployment import Deployed, Deployment, MarketEntry
from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.chain.hardfork import require_cancun
from bulkhead.chain.inputs import Inputs
from bulkhead.chain.listing import EMPTY
from bulkhead.chain.rpc import Rpc, to_int
from bulkhead.chain.sender import Sender
from bulkhead.progress import doing
from bulkhead.risk.words import NODES, WEIGHTS

__all__ = [
    "Create",
    "Invoke",
    "Plan",
    "Step",
    "check_tokens",
    "contracts_of",
    "deploy",
    "execute",
    "listing",
    "maker_bounds",
    "plan",
    "record",
    "send",
]


def plan(inputs: Inputs, deployer: str, nonce: int, now: int) -> list[Step]:
    """Steps of a deployment whose first transaction has `nonce`; every step is exactly one transaction.

    Args:
        inputs: What to deploy.
        deployer: Account that sends every step.
        nonce: Its next nonce.
        now: Stamp of the first rounds of mock feeds [unix seconds].
    """
    made = Plan(deployer, nonce, now)
    tokens = {name: made.token(name, token) for name, token in inputs.tokens.items()}
    feeds = {market.symbol: made.feeds(market) for market in inputs.markets}
    index = {market.symbol: market.index for market in inputs.markets}
    at = system.predict(deployer, made.next_nonce)
    config = system.SystemConfig(deployer, inputs.guardian or deployer, NODES, WEIGHTS)
    for name, contract in system.CONTRACTS:
        made.create(name, contract, *system.constructor_arguments(name, at, config))
    for market in inputs.markets:
        words = listing(market, tokens[market.token], feeds[market.symbol], at, index.get(market.price_market))
        made.invoke("RiskParameters", "list_market", *words.arguments)
        made.invoke("RiskParameters", "set_backstop", market.index, made.pool(market, at))
        made.maker(market, at)
    if inputs.timelock is not None:
        lock = made.create("Timelock", "Timelock", inputs.timelock.delay_seconds, list(inputs.timelock.proposers))
        made.invoke("RiskParameters", "transfer_ownership", lock)
        made.invoke("Timelock", "accept", at["RiskParameters"])
    elif inputs.owner and inputs.owner != deployer:
        made.invoke("RiskParameters", "transfer_ownership", inputs.owner)
    return made.steps


def record(inputs: Inputs, steps: Sequence[Step], deployer: str, block: int, hashes: Mapping[str, str]) -> Deployment:
    """What `addresses.json` says after the steps; `hashes` are the ABIs' by contract."""
    created = {s.name: s for s in steps if isinstance(s, Create)}
    listed = {s.arguments[0]: s.arguments for s in steps if isinstance(s, Invoke) and s.function == "list_market"}
    markets: dict[str, MarketEntry] = {}
    for market in inputs.markets:
        _, token, *_ = listed[market.index]
        # a market with a price market has that one's feeds
        primary, fallback, sequencer = _feeds_listed(listed, market.index)
        shown = tuple("" if feed == EMPTY else str(feed) for feed in (primary[0], fallback[0], sequencer))
        backstop = created[f"{market.symbol}Backstop"].address
        maker = created[f"{market.symbol}Maker"].address if market.maker is not None else ""
        markets[market.symbol] = MarketEntry(
            market.index, market.symbol, str(token), shown, backstop, maker, market.token
        )
    chosen = [(name, name) for name in system.CHOSEN_CONTRACTS if name in created]
    contracts = {name: Deployed(created[name].address, c, hashes[c]) for name, c in (*system.CONTRACTS, *chosen)}
    return Deployment(inputs.network, inputs.chain_id, block, deployer, contracts, markets)


def _feeds_listed(listed: Mapping[object, tuple[Any, ...]], market: int) -> tuple[Any, Any, Any]:
    """Primary, fallback and sequencer of a listing's arguments, of its price market's where it names one."""
    primary, fallback, sequencer, _, price_market = listed[market][4]
    return (primary, fallback, sequencer) if price_market == market else _feeds_listed(listed, price_market)


def check_tokens(rpc: Rpc, inputs: Inputs) -> None:
    """Refuses an inverse market whose token has other decimals than the inputs state: its unit hangs on them.

    Raises:
        BadInput: Names the market.
    """
    for market in inputs.markets:
        token = inputs.tokens[market.token]
        if market.units is None or not isinstance(token, str):
            continue
        found = int(Contract(rpc, abis.load("MockERC20"), token).call("decimals"))
        if found != market.units.decimals:
            raise BadInput(
                f"{market.symbol}: the inputs state {market.units.decimals} decimals, and {market.token} at {token} "
                f"has {found}; nothing was sent."
            )


def contracts_of(steps: Sequence[Step]) -> list[str]:
    """Contracts that the steps create, each once."""
    return list(dict.fromkeys(s.contract for s in steps if isinstance(s, Create)))


def deploy(rpc: Rpc, sender: Sender, inputs: Inputs, root: Path | None = None) -> Deployment:
    """Compiles and deploys over JSON-RPC, each step checked.

    Raises:
        BulkheadError: A contract landed at another address than predicted (somebody else uses the deployer's nonce).
    """
    base = root or compiler.project_root()
    require_cancun(rpc)
    check_tokens(rpc, inputs)
    nonce = to_int(rpc.call("eth_getTransactionCount", sender.address, "latest"))
    compiler.compile_contracts(base, contracts_of(plan(inputs, sender.address, nonce, rpc.timestamp())))
    # first prices are as of now, however long that took: a brought one is only good for a minute
    steps = plan(inputs, sender.address, nonce, rpc.timestamp())
    block = rpc.block_number() + 1
    hashes = execute(sender, steps, {}, base)
    return record(inputs, steps, sender.address, block, hashes)


def execute(sender: Sender, steps: Sequence[Step], known: Mapping[str, tuple[str, str]], root: Path) -> dict[str, str]:
    """Compiles what the steps need, and sends one transaction for each.

    Args:
        sender: The account that the steps were planned for.
        steps: The steps.
        known: (address, contract) of what is there already, by name.
        root: Folder of the sources.

    Returns:
        Digests of the ABIs, by contract.

    Raises:
        BulkheadError: A contract landed at another address than predicted.
    """
    wanted = [*contracts_of(steps), *(known[s.name][1] for s in steps if s.name in known)]
    artifacts = compiler.compile_contracts(root, wanted)
    send(sender, steps, known, artifacts)
    return {name: abis.digest(artifact.abi) for name, artifact in artifacts.items()}


def send(
    sender: Sender,
    steps: Sequence[Step],
    known: Mapping[str, tuple[str, str]],
    artifacts: Mapping[str, compiler.Artifact],
    done: Callable[[Step], None] | None = None,
) -> None:
    """Sends one transaction for each step.

    Args:
        sender: The account that the steps were planned for.
        steps: The steps.
        known: (address, contract) of what is there already, by name.
        artifacts: What was compiled, by contract.
        done: Is told of each step that is mined.

    Raises:
        BulkheadError: A contract landed at another address than predicted.
    """
    addresses = dict(known)
    with doing("sending the transactions of the deployment", len(steps)) as activity:
        for step in steps:
            if isinstance(step, Create):
                artifact = artifacts[step.contract]
                address, _ = sender.create(artifact.bytecode + _constructor(artifact.abi, step))
                if address != step.address:
                    raise BulkheadError(
                        f"{step.name} was created at {address}, not at {step.address} as predicted: another "
                        f"transaction of {sender.address} came between. What was made is useless; deploy again from "
                        "an account that nothing else uses."
                    )
                addresses[step.name] = (address, step.contract)
            else:
                address, contract = addresses[step.name]
                function = abis.Abi(contract, artifacts[contract].abi).function(step.function, len(step.arguments))
                sender.transact(address, function.encode(step.arguments), value=step.value)
            if done is not None:
                done(step)
            activity.step()


def _constructor(abi: Sequence[Mapping[str, Any]], step: Create) -> bytes:
    for entry in abi:
        if entry["type"] == "constructor":
            return encode_values(entry["inputs"], step.arguments, f"the constructor of {step.contract}")
    if step.arguments:
        raise BadInput(f"{step.contract} has no constructor but was given arguments.")
    return b""
