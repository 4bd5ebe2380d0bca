"""The steps of a deployment, in order, and their execution over plain JSON-RPC.

`plan` is pure: from inputs, deployer and nonce to a list of creations and calls. Ape's `scripts/deploy.py` executes
the same order on real networks; `deploy` executes it on a chain of one's own, for the replay and for tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkhead.chain import abi as abis
from bulkhead.chain import compiler, system
from bulkhead.chain import price_messages as messages
from bulkhead.chain.abi import encode_values
from bulkhead.chain.deployment import Deployed, Deployment, MarketEntry
from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.chain.inputs import Inputs, MakerInputs, MockFeed, MockToken, PullFeed
from bulkhead.chain.listing import EMPTY, MarketListing
from bulkhead.chain.rpc import Rpc, to_int
from bulkhead.chain.sender import Sender
from bulkhead.risk.words import NODES, WEIGHTS


@dataclass(frozen=True)
class Create:
    """Creation of a contract under a name."""

    name: str
    contract: str
    arguments: tuple[object, ...]
    address: str


@dataclass(frozen=True)
class Invoke:
    """A call of a deployed contract, with so many coins [wei]."""

    name: str
    function: str
    arguments: tuple[object, ...]
    value: int = 0


Step = Create | Invoke

#: Adds the creation of a contract (name, contract, arguments) and says where it comes to.
Creator = Callable[..., str]


def plan(inputs: Inputs, deployer: str, nonce: int, now: int) -> list[Step]:
    """Steps of a deployment whose first transaction has `nonce`; every step is exactly one transaction.

    Args:
        inputs: What to deploy.
        deployer: Account that sends every step.
        nonce: Its next nonce.
        now: Stamp of the first rounds of mock feeds [unix seconds].
    """
    steps: list[Step] = []

    def create(name: str, contract: str, *arguments: object) -> str:
        address = system.create_address(deployer, nonce + len(steps))
        steps.append(Create(name, contract, arguments, address))
        return address

    tokens: dict[str, str] = {}
    for name, token in inputs.tokens.items():
        if isinstance(token, MockToken):
            token = create(f"{name}Token", "MockERC20", token.name, token.symbol, token.decimals)
        tokens[name] = token
    feeds: dict[str, tuple[str, str, str]] = {}
    for market in inputs.markets:
        found: list[str] = []
        for role, feed in zip(("Primary", "Fallback", "Sequencer"), market.feeds, strict=True):
            if isinstance(feed, MockFeed):
                feed = _test_feed(steps, create, f"{market.symbol}{role}", feed, market.symbol, now)
            elif isinstance(feed, PullFeed):
                feed = _pull_feed(steps, create, f"{market.symbol}{role}", feed, market.symbol, now)
            found.append(feed or EMPTY)
        feeds[market.symbol] = (found[0], found[1], found[2])
    at = system.predict(deployer, nonce + len(steps))
    config = system.SystemConfig(deployer, inputs.guardian or deployer, NODES, WEIGHTS)
    for name, contract in system.CONTRACTS:
        create(name, contract, *system.constructor_arguments(name, at, config))
    for market in inputs.markets:
        listing = MarketListing(
            market=market.index,
            token=tokens[market.token],
            feeds=feeds[market.symbol],
            heartbeats=market.heartbeats,
            engines=system.engines(at),
            lot=market.lot,
            kinds=market.kinds,
            parameters=market.parameters,
        )
        steps.append(Invoke("RiskParameters", "list_market", listing.arguments))
        pool = system.backstop_arguments(market.index, market.symbol, at)
        address = create(f"{market.symbol}Backstop", "BackstopPool", *pool)
        steps.append(Invoke("RiskParameters", "set_backstop", (market.index, address)))
        if market.maker is not None:
            maker = market.maker
            create(f"{market.symbol}Maker", "MakerVault", *system.maker_arguments(market.index, market.symbol, at))
            steps.append(Invoke(f"{market.symbol}Maker", "set_bounds", maker_bounds(maker)))
            if maker.owner and maker.owner != deployer:
                steps.append(Invoke(f"{market.symbol}Maker", "transfer_ownership", (maker.owner,)))
    if inputs.timelock is not None:
        lock = create("Timelock", "Timelock", inputs.timelock.delay_seconds, list(inputs.timelock.proposers))
        steps.append(Invoke("RiskParameters", "transfer_ownership", (lock,)))
        steps.append(Invoke("Timelock", "accept", (at["RiskParameters"],)))
    elif inputs.owner and inputs.owner != deployer:
        steps.append(Invoke("RiskParameters", "transfer_ownership", (inputs.owner,)))
    return steps


def _test_feed(steps: list[Step], create: Creator, name: str, feed: MockFeed, symbol: str, now: int) -> str:
    """A feed that anyone may write; a listing asks it for its history."""
    address = create(f"{name}Feed", "MockAggregator", feed.decimals, f"{symbol} / USD {name[len(symbol) :].lower()}")
    steps.append(Invoke(f"{name}Feed", "push", (feed.answer, now - 60)))
    steps.append(Invoke(f"{name}Feed", "push", (feed.answer, now)))
    return address


def _pull_feed(steps: list[Step], create: Creator, name: str, feed: PullFeed, symbol: str, now: int) -> str:
    """An adapter of brought prices with its first spot: of local signers, or before a test Pyth."""
    if feed.form == "redstone":
        named = symbol.encode().ljust(32, b"\0")
        arguments = (named, list(messages.local_signers()), messages.THRESHOLD, messages.MAX_WIDTH_BPS)
        address = create(f"{name}Feed", "RedStoneAdapter", *arguments)
        first = messages.local_payload(symbol, feed.answer, now)
        steps.append(Invoke(f"{name}Feed", "update", ([first],)))
        return address
    pyth = create(f"{name}Pyth", "MockPyth")
    address = create(f"{name}Feed", "PythAdapter", pyth, messages.pyth_id(symbol), messages.MAX_WIDTH_BPS)
    first = messages.pyth_message(symbol, feed.answer, now, now - 1)
    steps.append(Invoke(f"{name}Feed", "update", ([first],), value=1))
    return address


def maker_bounds(maker: MakerInputs) -> tuple[object, ...]:
    """Arguments of `MakerVault.set_bounds`."""
    bounds = (maker.edge_bps, maker.quote_seconds, maker.max_contracts, maker.cap, maker.max_deficit)
    return ((maker.quoter or EMPTY, *bounds),)


def record(inputs: Inputs, steps: Sequence[Step], deployer: str, block: int, hashes: Mapping[str, str]) -> Deployment:
    """What `addresses.json` says after the steps; `hashes` are the ABIs' by contract."""
    created = {s.name: s for s in steps if isinstance(s, Create)}
    listed = {s.arguments[0]: s.arguments for s in steps if isinstance(s, Invoke) and s.function == "list_market"}
    markets: dict[str, MarketEntry] = {}
    for market in inputs.markets:
        _, token, _, _, feeds, *_ = listed[market.index]
        assert isinstance(feeds, tuple)
        primary, fallback, sequencer, _ = feeds
        shown = tuple("" if feed == EMPTY else str(feed) for feed in (primary[0], fallback[0], sequencer))
        backstop = created[f"{market.symbol}Backstop"].address
        maker = created[f"{market.symbol}Maker"].address if market.maker is not None else ""
        markets[market.symbol] = MarketEntry(market.index, market.symbol, str(token), shown, backstop, maker)
    chosen = [(name, name) for name in system.CHOSEN_CONTRACTS if name in created]
    contracts = {name: Deployed(created[name].address, c, hashes[c]) for name, c in (*system.CONTRACTS, *chosen)}
    return Deployment(inputs.network, inputs.chain_id, block, deployer, contracts, markets)


def contracts_of(steps: Sequence[Step]) -> list[str]:
    """Contracts that the steps create, each once."""
    return list(dict.fromkeys(s.contract for s in steps if isinstance(s, Create)))


def deploy(rpc: Rpc, sender: Sender, inputs: Inputs, root: Path | None = None) -> Deployment:
    """Compiles and deploys over JSON-RPC, each step checked.

    Raises:
        BulkheadError: A contract landed at another address than predicted (somebody else uses the deployer's nonce).
    """
    base = root or compiler.project_root()
    nonce = to_int(rpc.call("eth_getTransactionCount", sender.address, "latest"))
    names = contracts_of(plan(inputs, sender.address, nonce, rpc.timestamp()))
    artifacts = compiler.compile_contracts(base, names)
    # first prices are as of now, however long that took: a brought one is only good for a minute
    steps = plan(inputs, sender.address, nonce, rpc.timestamp())
    block = rpc.block_number() + 1
    addresses: dict[str, tuple[str, str]] = {}
    for step in steps:
        if isinstance(step, Create):
            artifact = artifacts[step.contract]
            data = artifact.bytecode + _constructor(artifact.abi, step)
            address, _ = sender.create(data)
            if address != step.address:
                raise BulkheadError(f"{step.name} was created at {address}, not at {step.address} as predicted.")
            addresses[step.name] = (address, step.contract)
        else:
            address, contract = addresses[step.name]
            function = abis.Abi(contract, artifacts[contract].abi).function(step.function, len(step.arguments))
            sender.transact(address, function.encode(step.arguments), value=step.value)
    hashes = {name: abis.digest(artifact.abi) for name, artifact in artifacts.items()}
    return record(inputs, steps, sender.address, block, hashes)


def _constructor(abi: Sequence[Mapping[str, Any]], step: Create) -> bytes:
    for entry in abi:
        if entry["type"] == "constructor":
            return encode_values(entry["inputs"], step.arguments, f"the constructor of {step.contract}")
    if step.arguments:
        raise BadInput(f"{step.contract} has no constructor but was given arguments.")
    return b""
