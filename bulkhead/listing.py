"""A market that a deployment gets after its deployment: listed by the owner, or proposed to its timelock.

Each call of `add_market` takes the next steps that can be taken now; with a timelock it is called again once a proposal
has been executed. What is there already is found on the chain, so nothing is done twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bulkhead.chain import deploy
from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import decode_logs
from bulkhead.chain.deployment import Deployment, MarketEntry
from bulkhead.chain.errors import BadInput, MissingDeployment
from bulkhead.chain.inputs import Inputs, MarketInputs
from bulkhead.chain.listing import EMPTY
from bulkhead.chain.rpc import to_int
from bulkhead.chain.sender import Sender
from bulkhead.chain.words import TokenWord
from bulkhead.governance import Governance


@dataclass(frozen=True)
class Added:
    """What `add_market` did.

    Attributes:
        deployment: The deployment with the market in it, None while it is not listed.
        lines: What was done, for people.
        proposal: Id of what was proposed, None for nothing.
    """

    deployment: Deployment | None
    lines: tuple[str, ...]
    proposal: bytes | None = None


def find_market(inputs: Inputs, symbol: str) -> MarketInputs:
    """A market of the inputs by its name."""
    for market in inputs.markets:
        if market.symbol.upper() == symbol.upper():
            return market
    known = ", ".join(market.symbol for market in inputs.markets)
    raise BadInput(f"There is no market {symbol!r} in the inputs (there: {known}).")


def add_market(chain: Connection, sender: Sender, inputs: Inputs, symbol: str, root: Path) -> Added:
    """Lists a market of the inputs, gives it its pool and its maker vault, and records it.

    Args:
        chain: The deployment.
        sender: The owner of the parameters, or a proposer of their timelock.
        inputs: Inputs that name the market.
        symbol: The market.
        root: Folder of the contracts' sources.

    Raises:
        BadInput: The market or its index is taken, or the inputs are of another chain.
    """
    return _Adding(chain, sender, inputs, find_market(inputs, symbol), root).run()


class _Adding:
    """Adds one market."""

    def __init__(self, chain: Connection, sender: Sender, inputs: Inputs, market: MarketInputs, root: Path) -> None:
        self.chain, self.sender, self.inputs, self.market, self.root = chain, sender, inputs, market, root
        self.rules = Governance(chain)
        self.known = {name: (one.address, one.contract) for name, one in chain.deployment.contracts.items()}
        self.at = {name: address for name, (address, _) in self.known.items()}
        self.lines: list[str] = []

    def run(self) -> Added:
        """Every step that can be taken now."""
        market, index = self.market, self.market.index
        self._check()
        if index not in self.chain["RiskParameters"].call("markets"):
            proposal, waits = self._own("list_market", self._listing)
            if waits:
                return Added(None, tuple(self.lines), proposal)
            self.lines.append(f"{market.symbol} is listed as market {index}")
        pool = self._pool()
        proposal = None
        if pool == EMPTY:
            proposal, waits = self._own("set_backstop", self._registration)
            pool = EMPTY if waits else self._pool()
        entry = self._entry("" if pool == EMPTY else pool)
        markets = {**self.chain.deployment.markets, market.symbol: entry}
        return Added(replace(self.chain.deployment, markets=markets), tuple(self.lines), proposal)

    def _check(self) -> None:
        """Refuses before the first transaction."""
        known, market = self.chain.deployment, self.market
        if self.inputs.chain_id != known.chain_id:
            raise BadInput(f"The inputs are for chain {self.inputs.chain_id}, the deployment is on {known.chain_id}.")
        for entry in known.markets.values():
            if (entry.symbol.upper() == market.symbol.upper()) != (entry.index == market.index):
                raise BadInput(
                    f"The deployment has {entry.symbol} as market {entry.index}; {market.symbol} with index "
                    f"{market.index} would take its place."
                )
        if self.rules.timelock is None and int(self.rules.owner, 16) != int(self.sender.address, 16):
            raise BadInput(f"The parameters belong to {self.rules.owner}; only that account can list a market.")
        self._price_market()
        wanted: dict[str, object] = {"token": self.inputs.tokens[market.token]}
        for role, feed in zip(("primary", "fallback", "sequencer"), market.feeds, strict=True):
            wanted[f"{role} feed"] = feed
        for what, address in wanted.items():
            if isinstance(address, str) and not self.chain.rpc.code(address):
                raise MissingDeployment(f"The {what} of {market.symbol} has no code at {address}; nothing was sent.")
        deploy.check_tokens(self.chain.rpc, replace(self.inputs, markets=(market,)))

    def _own(self, function: str, arguments: object) -> tuple[bytes | None, bool]:
        """(proposal, whether it still waits) of a call that is the owner's."""
        waiting = self.rules.waiting(function, self.market.index)
        if waiting is None:
            assert callable(arguments)
            proposal = self.rules.do(self.sender, function, *arguments())
            if proposal is None:
                return None, False
            self.lines.append(f"proposed {function}: 0x{proposal.hex()}")
            waiting = self.rules.waiting(function, self.market.index)
        assert waiting is not None
        self.lines.append(
            f"{function} waits in the timelock: `bulkhead govern execute 0x{waiting.id.hex()[:8]}` once it is due, "
            "then this command again"
        )
        return waiting.id, True

    def _send(self, made: deploy.Plan) -> None:
        deploy.execute(self.sender, made.steps, self.known, self.root)
        self.lines += [f"{step.name} {step.address}" for step in made.steps if isinstance(step, deploy.Create)]

    def _plan(self) -> deploy.Plan:
        nonce = to_int(self.chain.rpc.call("eth_getTransactionCount", self.sender.address, "latest"))
        return deploy.Plan(self.sender.address, nonce, self.chain.rpc.timestamp())

    def _listing(self) -> tuple[object, ...]:
        made = self._plan()
        token = self._token() or made.token(self.market.token, self.inputs.tokens[self.market.token])
        priced = self._price_market()
        feeds = (EMPTY, EMPTY, EMPTY) if priced is not None else made.feeds(self.market)
        self._send(made)
        return deploy.listing(self.market, token, feeds, self.at, None if priced is None else priced.index).arguments

    def _price_market(self) -> MarketEntry | None:
        """The deployment's market whose prices it goes by, None for prices of its own."""
        name = self.market.price_market
        if not name:
            return None
        found = self.chain.deployment.markets.get(name)
        if found is None:
            raise BadInput(f"The price market {name} of {self.market.symbol} is not in the deployment; add it first.")
        return found

    def _token(self) -> str:
        """The token where a market of the deployment has it already, empty where none has."""
        wanted = self.inputs.tokens[self.market.token]
        if isinstance(wanted, str):
            return wanted
        for other in self.inputs.markets:
            entry = self.chain.deployment.markets.get(other.symbol)
            if entry is not None and other.token == self.market.token:
                return entry.token
        return ""

    def _registration(self) -> tuple[object, ...]:
        made = self._plan()
        address = made.pool(self.market, self.at)
        self._send(made)
        return self.market.index, address

    def _pool(self) -> str:
        return str(self.chain["RiskParameters"].call("backstop", self.market.index))

    def _entry(self, pool: str) -> MarketEntry:
        """What addresses.json says of the market; its maker vault is created unless it has one."""
        before = self.chain.deployment.markets.get(self.market.symbol)
        maker = before.maker if before is not None else ""
        if not maker and self.market.maker is not None:
            made = self._plan()
            maker = made.maker(self.market, self.at)
            self._send(made)
        index = self.market.index
        word = TokenWord.unpack(self.chain["Clearinghouse"].call("market", index).token_word)
        return MarketEntry(index, self.market.symbol, word.token, self._feeds(), pool, maker, self.market.token)

    def _feeds(self) -> tuple[str, str, str]:
        """Primary, fallback and sequencer feed as the market was listed with them, or its price market's."""
        priced = self._price_market()
        if priced is not None:
            primary, fallback, sequencer = priced.feeds
            return primary, fallback, sequencer
        oracle = self.chain["OracleAdapter"]
        topics = ["0x" + oracle.abi.event("MarketListed").topic.hex(), f"0x{self.market.index:064x}"]
        found = self.chain.rpc.logs([oracle.address], self.chain.deployment.block, "latest", topics)
        log = decode_logs(found[-1:], {"OracleAdapter": oracle})[0].values
        feeds = (log.primary, log.fallback_feed, log.sequencer_feed)
        return tuple("" if feed == EMPTY else str(feed) for feed in feeds)  # type: ignore[return-value]
