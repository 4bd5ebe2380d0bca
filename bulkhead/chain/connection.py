"""A deployment seen through one node: its contracts, its markets, its logs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bulkhead.chain import abi as abis
from bulkhead.chain import deployment as deployments
from bulkhead.chain.abi.codec import Record
from bulkhead.chain.contract import Contract, Log, decode_logs, read
from bulkhead.chain.deployment import Deployment, MarketEntry
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.vaults_from_logs import Book
from bulkhead.chain.web3_transport import rpc_of
from bulkhead.chain.words import TokenWord
from bulkhead.risk.words import LINEAR, Units

#: Contracts whose logs describe the state.
SPEAKERS = (
    "Clearinghouse",
    "Exchange",
    "Liquidator",
    "Settlement",
    "InsuranceFund",
    "OracleAdapter",
    "RiskParameters",
    "VolSurface",
)


@dataclass(frozen=True)
class Market:
    """A market as the chain has it.

    Attributes:
        index: Its number.
        symbol: Its name in the deployment.
        token: Its token: quote, or in an inverse market the underlying.
        decimals: Decimals of the token.
        lot: Step of quantities [1e-6 contracts].
        risk: Packed risk word.
        open_interest: Options and futures [1e-6 contracts]; an inverse market's CASH [1e-6 quote] stands 128 bits up.
        units: What it counts in.
        currency: Name of its token, in which amounts are told.
    """

    index: int
    symbol: str
    token: Contract
    decimals: int
    lot: int
    risk: int
    open_interest: int
    units: Units = LINEAR
    currency: str = ""

    @property
    def inverse(self) -> bool:
        """Its token is the underlying: amounts, prices of packages and margins are coins."""
        return self.units.inverse

    @property
    def native(self) -> int:
        """Wad in one native unit of the token."""
        return int(10 ** (18 - self.decimals))


class Connection:
    """Contracts of a deployment at a node. Use `connect` to get a checked one."""

    def __init__(self, rpc: Rpc, deployment: Deployment) -> None:
        self.rpc = rpc
        self.deployment = deployment
        self._units: dict[int, Units] = {}
        self.contracts: dict[str, Contract] = {
            name: Contract(rpc, abis.load(deployed.contract), deployed.address)
            for name, deployed in deployment.contracts.items()
        }

    def __getitem__(self, name: str) -> Contract:
        """A contract by its name in the deployment."""
        self.deployment.address(name)
        return self.contracts[name]

    @cached_property
    def speakers(self) -> dict[str, Contract]:
        """The contracts whose logs matter."""
        return {name: self.contracts[name] for name in SPEAKERS if name in self.contracts}

    def units(self, index: int) -> Units:
        """What a market counts in: asked once, it never changes after the listing."""
        if index not in self._units:
            (words,) = read(self.rpc, [self["Clearinghouse"].query("market", index)])
            self._units[index] = TokenWord.unpack(words.token_word).units
        return self._units[index]

    def market(self, name: str | int) -> Market:
        """A market by symbol or index, read now."""
        entry = self.deployment.market(name)
        (words,) = read(self.rpc, [self["Clearinghouse"].query("market", entry.index)])
        return self.market_of(entry, words)

    def market_of(self, entry: MarketEntry, words: Record) -> Market:
        """A market by what `Clearinghouse.market` answers."""
        word, token = TokenWord.unpack(words.token_word), self.token
        return Market(
            entry.index, entry.symbol, token(word.token), word.decimals, word.lot, words.risk, words.open_interest,
            word.units, entry.currency,
        )  # fmt: skip

    def token(self, address: str) -> Contract:
        """An ERC-20."""
        return Contract(self.rpc, abis.load("MockERC20"), address)

    def backstop(self, market: MarketEntry) -> Contract:
        """The backstop pool of a market."""
        return Contract(self.rpc, abis.load("BackstopPool"), market.backstop)

    def feed(self, market: MarketEntry) -> Contract:
        """The primary feed of a market."""
        return self.aggregator(market.feeds[0])

    def aggregator(self, address: str) -> Contract:
        """A price feed."""
        return Contract(self.rpc, abis.load("MockAggregator"), address)

    def pull_feed(self, address: str) -> Contract:
        """A feed of brought prices: Pyth's and RedStone's adapters have one interface."""
        return Contract(self.rpc, abis.load("PythAdapter"), address)

    def logs(self, first: int | None = None, last: int | str = "latest") -> list[Log]:
        """Decoded logs of the deployment's contracts, in chain order."""
        start = self.deployment.block if first is None else first
        addresses = [contract.address for contract in self.speakers.values()]
        return decode_logs(self.rpc.logs(addresses, start, last), self.speakers)

    def book(self) -> Book:
        """All vaults, rebuilt from logs."""
        book = Book()
        head = self.rpc.block_number()
        book.apply(self.logs(last=head))
        book.block = head
        return book


def connect(rpc: Any, deployment: Deployment | Path | str, check: bool = True) -> Connection:
    """A connection to a deployment, after making sure that it is on the node's chain.

    Args:
        rpc: The node: a URL, an `Rpc`, a `Web3`, an `AsyncWeb3`, or a provider of either.
        deployment: A deployment, `addresses.json` or its folder.
        check: Make sure that the deployment is there.
    """
    node = Rpc(rpc) if isinstance(rpc, str) else rpc_of(rpc)
    known = deployment if isinstance(deployment, Deployment) else deployments.load(deployment)
    if check:
        known.check(node)
    return Connection(node, known)
