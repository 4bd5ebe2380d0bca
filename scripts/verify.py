"""Checks a deployment against this clone: `ape run verify --url URL`.

Code, roles and parameters: the code on chain is what Ape compiles from these sources, the immutables hold the predicted
addresses, markets started with the parameters of the inputs file, and every contract works with those of now. What an
owner has changed within the contracts' bounds since, as the logs tell, is said and no failure. Reads only.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import ape
import click

from bulkhead.chain import abi, system
from bulkhead.chain.connection import Connection, connect
from bulkhead.chain.contract import Contract, Log, decode_logs, read
from bulkhead.chain.deploy import maker_bounds
from bulkhead.chain.errors import BulkheadError, MissingDeployment
from bulkhead.chain.feed_health import check_feeds
from bulkhead.chain.inputs import Inputs, MarketInputs, load
from bulkhead.chain.parameters import PAUSED_UNTIL_AT, WORDS, ParameterSet
from bulkhead.chain.words import TokenWord
from bulkhead.progress import shown
from bulkhead.risk.words import NODES, WEIGHTS

ROOT = Path(__file__).resolve().parent.parent

#: What changed since the deployment by right: neither a check that holds nor one that fails.
CHANGED = None

Finding = tuple[bool | None, str]


def since_deployment(chain: Connection, contract: Contract, *events: str) -> list[Log]:
    """Some logs of a contract, oldest first."""
    found = chain.rpc.logs([contract.address], chain.deployment.block, "latest")
    return [log for log in decode_logs(found, {"contract": contract}) if log.event in events]


def differences(before: ParameterSet, now: ParameterSet) -> str:
    """Parameters that are others now, by name."""
    return ", ".join(f"{n} {v} -> {now.values[n]}" for n, v in before.values.items() if now.values[n] != v)


def check_runtime(
    chain: Connection, name: str, contract: str, address: str, roles: Sequence[object] | None = None
) -> list[Finding]:
    """Whether an address runs the code of this clone and, if some are given, holds the addresses it should."""
    compiled = bytes(getattr(ape.project, contract).contract_type.get_runtime_bytecode())
    code = chain.rpc.code(address)
    findings: list[Finding] = [(code.startswith(compiled), f"{name} runs the code of this clone ({len(code):,} bytes)")]
    if roles is not None:
        held = all(bytes.fromhex(str(role)[2:]) in code[len(compiled) :] for role in roles)
        findings.append((held, f"{name} holds its {len(roles)} roles"))
    return findings


def first_nonce(chain: Connection) -> int:
    """Nonce with which the first contract was created."""
    known = chain.deployment
    used = int(chain.rpc.call("eth_getTransactionCount", known.deployer, "latest"), 16)
    first = known.address(system.CONTRACTS[0][0])
    for nonce in range(used):
        if system.create_address(known.deployer, nonce) == first:
            return nonce
    raise MissingDeployment(f"{known.deployer} did not create {first}: addresses.json names another deployer.")


def check_code(chain: Connection) -> list[Finding]:
    """Runtime code and immutables of every contract."""
    known = chain.deployment
    at = system.predict(known.deployer, first_nonce(chain))
    config = system.SystemConfig(known.deployer, known.deployer, NODES, WEIGHTS)
    findings: list[Finding] = []
    from scripts.build import refresh  # Ape runs each script as a module: none may import another before that

    refresh()
    for name, contract in system.CONTRACTS:
        findings.append((at[name] == known.address(name), f"{name} is at its predicted address"))
        roles = [a for a in system.constructor_arguments(name, at, config) if a in at.values()]
        findings += check_runtime(chain, name, contract, at[name], roles)
    return findings


def check_maker(chain: Connection, market: MarketInputs, at: dict[str, str]) -> list[Finding]:
    """Code, roles, owner and bounds of the maker vault that came with a market."""
    known = chain.deployment
    address = known.market(market.symbol).maker
    if market.maker is None and not address:
        return []
    name = f"{market.symbol}'s maker vault"
    if market.maker is None or not address:
        return [(False, f"{name} is in the {'deployment' if address else 'inputs'} alone")]
    roles = system.maker_arguments(market.index, market.symbol, at)[-1]
    assert isinstance(roles, list)
    findings = check_runtime(chain, name, "MakerVault", address, roles)
    vault = Contract(chain.rpc, abi.load("MakerVault"), address)
    names = ("quoter", "edge_bps", "quote_seconds", "max_contracts", "cap", "max_deficit")
    index, owner, *bounds = read(chain.rpc, [vault.query(n) for n in ("market", "owner", *names)])
    findings.append((index == market.index, f"{name} quotes in market {index}"))
    findings.append((owner == (market.maker.owner or known.deployer), f"{name} belongs to {owner}"))
    (wanted,) = maker_bounds(market.maker)
    first = [log.values for log in since_deployment(chain, vault, "BoundsChanged")][:1]
    # no bounds were set: all of them are still 0
    started = tuple(getattr(first[0], n) for n in names) if first else tuple(bounds)
    findings.append((started == wanted, f"{name} started with the bounds of the inputs"))
    moved = [f"{n} {a} -> {b}" for n, a, b in zip(names, started, bounds, strict=True) if a != b]
    if moved:
        findings.append((CHANGED, f"{name} changed since deployment: {', '.join(moved)}"))
    return findings


def check_pool(chain: Connection, market: MarketInputs, at: dict[str, str]) -> list[Finding]:
    """Code, roles, asset, market and cap of a market's backstop pool."""
    entry = chain.deployment.market(market.symbol)
    (registered,) = read(chain.rpc, [chain["RiskParameters"].query("backstop", market.index)])
    if int(registered, 16) == 0 and not entry.backstop:
        return []
    name = f"{market.symbol}'s backstop pool"
    same = bool(entry.backstop) and int(registered, 16) == int(entry.backstop, 16)
    findings = [(same, f"{name} is registered at {registered}, in the deployment at {entry.backstop or 'none'}")]
    if not same:
        return findings
    *_, cap, roles = system.backstop_arguments(market.index, market.symbol, at)
    assert isinstance(roles, list)
    findings += check_runtime(chain, name, "BackstopPool", entry.backstop, roles)
    pool = chain.backstop(entry)
    asset, index, bound = read(chain.rpc, [pool.query(n) for n in ("asset", "market", "cap")])
    findings.append((int(asset, 16) == int(entry.token, 16), f"{name} takes {asset}"))
    findings.append((index == market.index, f"{name} serves market {index}"))
    if bound != cap and since_deployment(chain, pool, "CapChanged"):
        findings.append((CHANGED, f"{name} changed since deployment: cap {cap} -> {bound}"))
    else:
        findings.append((bound == cap, f"{name} has a cap of {bound:,}"))
    return findings


def check_timelock(chain: Connection, inputs: Inputs) -> list[Finding]:
    """Code, delay and roles of the timelock that the inputs ask for."""
    known = chain.deployment
    if inputs.timelock is None and "Timelock" not in known.contracts:
        return []
    if inputs.timelock is None or "Timelock" not in known.contracts:
        return [(False, f"the timelock is in the {'inputs' if inputs.timelock else 'deployment'} alone")]
    lock = chain["Timelock"]
    (delay,) = read(chain.rpc, [lock.query("get_minimum_delay")])
    findings = check_runtime(chain, "the timelock", "Timelock", lock.address)
    findings.append((delay == inputs.timelock.delay_seconds, f"the timelock waits {delay:,} seconds"))
    granted: dict[bytes, set[str]] = {}
    for log in since_deployment(chain, lock, "RoleGranted", "RoleRevoked"):
        holders = granted.setdefault(log.values["role"], set())
        (holders.add if log.event == "RoleGranted" else holders.discard)(str(log.values["account"]))
    roles = ("PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE", "DEFAULT_ADMIN_ROLE")
    for name, role in zip(roles, read(chain.rpc, [lock.query(name) for name in roles]), strict=True):
        wanted = {lock.address} if name == "DEFAULT_ADMIN_ROLE" else set(inputs.timelock.proposers)
        findings.append((granted.get(role, set()) == wanted, f"{name}: {', '.join(sorted(granted.get(role, set())))}"))
    return findings


def check_token(chain: Connection, market: MarketInputs, word: TokenWord) -> list[Finding]:
    """Token, kind, unit and lot of a market."""
    token = chain.deployment.market(market.symbol).token
    wanted = market.units
    findings: list[Finding] = [(int(word.token, 16) == int(token, 16), f"{market.symbol} counts {token}")]
    kind = "inverse" if word.units.inverse else "linear"
    findings.append((word.units.inverse == (wanted is not None), f"{market.symbol} is {kind}"))
    findings.append((word.lot == market.lot, f"{market.symbol} trades in lots of {word.lot / 10**6:g}"))
    if wanted is not None:
        same = (word.decimals, word.units.digits) == (wanted.decimals, wanted.digits)
        findings.append((same, f"{market.symbol}: its unit is 10^-{word.units.digits} of {word.decimals} decimals"))
    return findings


def check_parameters(chain: Connection, inputs: Inputs) -> list[Finding]:
    """Owner, guardian, and the words of every market at every reader."""
    deployer = chain.deployment.deployer
    parameters = chain["RiskParameters"]
    owner, pending, guardian = read(chain.rpc, [parameters.query(n) for n in ("owner", "pending_owner", "guardian")])
    wanted = chain.deployment.address("Timelock") if inputs.timelock is not None else inputs.owner or deployer
    spoken = since_deployment(chain, parameters, "GuardianChanged", "MarketListed")
    first_guardian = next((log.values.guardian for log in spoken if log.event == "GuardianChanged"), guardian)
    findings: list[Finding] = [
        (wanted in (owner, pending), f"owner is {owner}" + (f", {pending} may accept" if wanted == pending else "")),
        (first_guardian == (inputs.guardian or deployer), f"guardian was {first_guardian}"),
    ]
    if guardian != first_guardian:
        findings.append((CHANGED, f"guardian changed since deployment: {first_guardian} -> {guardian}"))
    listed = {
        log.values.market: tuple(getattr(log.values, name) for name, _ in WORDS)
        for log in spoken
        if log.event == "MarketListed"
    }
    index = {market.symbol: market.index for market in inputs.markets}
    for market in inputs.markets:
        expected = market.parameters.words
        words, ledger, trading, liquidation, settlement, oracle, priced = read(
            chain.rpc,
            [
                parameters.query("words", market.index),
                chain["Clearinghouse"].query("market", market.index),
                chain["Exchange"].query("trading", market.index),
                chain["Liquidator"].query("market_word", market.index),
                chain["Settlement"].query("market_word", market.index),
                chain["OracleAdapter"].query("market_words", market.index),
                chain["OracleAdapter"].query("price_market", market.index),
            ],
        )
        started = listed.get(market.index)
        wanted_prices = index.get(market.price_market, market.index)
        findings.append((priced == wanted_prices, f"{market.symbol} goes by the prices of market {priced}"))
        if priced != market.index and started is not None:
            # its oracle word is the price market's, and looked at there
            started, expected = (*started[:3], words[3]), (*expected[:3], words[3])
        same, text = started == expected, f"{market.symbol} was listed with the parameters of the inputs"
        if started is not None and not same:
            text += f": {differences(market.parameters, ParameterSet.unpack(started))}"
        findings.append((same, text))
        if started is not None and tuple(words) != started:
            moved = [differences(ParameterSet.unpack(started), ParameterSet.unpack(words))]
            paused = words[1] >> PAUSED_UNTIL_AT
            moved += [f"opening paused until {paused}"] if paused else []
            findings.append((CHANGED, f"{market.symbol} changed since deployment: {', '.join(filter(None, moved))}"))
        pushed = (
            (ledger.risk, trading, liquidation) == tuple(words[:3]) and settlement == words[2] and words[3] in oracle
        )
        findings.append((pushed, f"{market.symbol}: every contract works with these parameters"))
        findings += check_token(chain, market, TokenWord.unpack(ledger.token_word))
    return findings


@click.command()
@click.option("--url", envvar="BULKHEAD_RPC_URL", default="http://127.0.0.1:8545", show_default=True, help="Node.")
@click.option(
    "--network", default="ethereum:local:foundry", show_default=True, help="Ape's network choice: its folder."
)
@click.option("--deployment", type=Path, help="Folder of addresses.json. [default: deployments/<network>]")
@click.option("--inputs", "inputs_path", type=Path, help="Inputs file. [default: inputs.yaml of that folder]")
def cli(url: str, network: str, deployment: Path | None, inputs_path: Path | None) -> None:
    """Compare a deployment with this clone and its inputs, and ask its feeds."""
    from scripts.deploy import folder_of  # not above: see check_code

    place = deployment or folder_of(network)
    try:
        inputs = load(inputs_path or (place if place.is_dir() else place.parent) / "inputs.yaml")
        with shown("verifying"):
            chain = connect(url, place, check=False)
            chain.deployment.check(chain.rpc, together=False)
            findings = check_code(chain) + check_parameters(chain, inputs)
            at = {name: chain.deployment.address(name) for name, _ in system.CONTRACTS}
            for market in inputs.markets:
                findings += check_pool(chain, market, at) + check_maker(chain, market, at)
            findings += check_timelock(chain, inputs)
            for market in inputs.markets:
                findings += check_feeds(chain, chain.deployment.market(market.symbol))
    except BulkheadError as error:
        click.echo(f"verify: {error}", err=True)
        sys.exit(1)
    for good, text in findings:
        click.echo(f"{'note' if good is CHANGED else 'ok  ' if good else 'FAIL'} {text}")
    checks = [good for good, _ in findings if good is not CHANGED]
    failed = checks.count(False)
    click.echo(f"{len(checks) - failed} of {len(checks)} checks hold")
    sys.exit(1 if failed else 0)
