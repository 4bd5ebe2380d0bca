"""The steps of a deployment in the making: creations and calls, each exactly one transaction of one account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bulkhead.chain import price_messages as messages
from bulkhead.chain import system
from bulkhead.chain.inputs import MakerInputs, MarketInputs, MockFeed, MockToken, PullFeed
from bulkhead.chain.listing import EMPTY, MarketListing


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


class Plan:
    """Steps in the making, each exactly one transaction of one account.

    Attributes:
        steps: Steps so far.
    """

    def __init__(self, deployer: str, nonce: int, now: int) -> None:
        """Begins with nothing.

        Args:
            deployer: Account that sends every step.
            nonce: Its next nonce.
            now: Stamp of the first rounds of mock feeds [unix seconds].
        """
        self.deployer, self.nonce, self.now = deployer, nonce, now
        self.steps: list[Step] = []
        self._feeds: dict[str, tuple[str, str, str]] = {}

    @property
    def next_nonce(self) -> int:
        """Nonce of the next step."""
        return self.nonce + len(self.steps)

    def create(self, name: str, contract: str, *arguments: object) -> str:
        """A contract; returns where it will be."""
        address = system.create_address(self.deployer, self.next_nonce)
        self.steps.append(Create(name, contract, arguments, address))
        return address

    def invoke(self, name: str, function: str, *arguments: object, value: int = 0) -> None:
        """A call of a contract by its name, with so many coins [wei]."""
        self.steps.append(Invoke(name, function, arguments, value))

    def token(self, name: str, token: str | MockToken) -> str:
        """A token; a test token is created."""
        if isinstance(token, MockToken):
            return self.create(f"{name}Token", "MockERC20", token.name, token.symbol, token.decimals)
        return token

    def feeds(self, market: MarketInputs) -> tuple[str, str, str]:
        """Primary, fallback and sequencer feed; test feeds and adapters of brought prices are created.

        A market with a price market has that one's, where this plan made those.
        """
        if market.price_market in self._feeds:
            return self._feeds[market.price_market]
        found: list[str] = []
        for role, feed in zip(("Primary", "Fallback", "Sequencer"), market.feeds, strict=True):
            if isinstance(feed, MockFeed):
                feed = self._test_feed(f"{market.symbol}{role}", feed, market.symbol)
            elif isinstance(feed, PullFeed):
                feed = self._pull_feed(f"{market.symbol}{role}", feed, market.symbol)
            found.append(feed or EMPTY)
        self._feeds[market.symbol] = found[0], found[1], found[2]
        return self._feeds[market.symbol]

    def _test_feed(self, name: str, feed: MockFeed, symbol: str) -> str:
        """A feed that anyone may write; a listing asks it for its history."""
        described = f"{symbol} / USD {name[len(symbol) :].lower()}"
        address = self.create(f"{name}Feed", "MockAggregator", feed.decimals, described)
        self.invoke(f"{name}Feed", "push", feed.answer, self.now - 60)
        self.invoke(f"{name}Feed", "push", feed.answer, self.now)
        return address

    def _pull_feed(self, name: str, feed: PullFeed, symbol: str) -> str:
        """An adapter of brought prices with its first spot: of local signers, or before a test Pyth."""
        if feed.form == "redstone":
            named = symbol.encode().ljust(32, b"\0")
            arguments = (named, list(messages.local_signers()), messages.THRESHOLD, messages.MAX_WIDTH_BPS)
            address = self.create(f"{name}Feed", "RedStoneAdapter", *arguments)
            self.invoke(f"{name}Feed", "update", [messages.local_payload(symbol, feed.answer, self.now)])
            return address
        pyth = self.create(f"{name}Pyth", "MockPyth")
        address = self.create(f"{name}Feed", "PythAdapter", pyth, messages.pyth_id(symbol), messages.MAX_WIDTH_BPS)
        first = messages.pyth_message(symbol, feed.answer, self.now, self.now - 1)
        self.invoke(f"{name}Feed", "update", [first], value=1)
        return address

    def pool(self, market: MarketInputs, at: Mapping[str, str]) -> str:
        """The backstop pool of a listed market; its registration is the owner's."""
        return self.create(
            f"{market.symbol}Backstop", "BackstopPool", *system.backstop_arguments(market.index, market.symbol, at)
        )

    def maker(self, market: MarketInputs, at: Mapping[str, str]) -> str:
        """The maker vault of a listed market, if the inputs want one; its address, empty for none."""
        maker = market.maker
        if maker is None:
            return ""
        name = f"{market.symbol}Maker"
        address = self.create(name, "MakerVault", *system.maker_arguments(market.index, market.symbol, at))
        self.invoke(name, "set_bounds", *maker_bounds(maker))
        if maker.owner and maker.owner != self.deployer:
            self.invoke(name, "transfer_ownership", maker.owner)
        return address


def listing(
    market: MarketInputs, token: str, feeds: tuple[str, str, str], at: Mapping[str, str], price_market: int | None
) -> MarketListing:
    """What `RiskParameters.list_market` is told of a market; `price_market` is the index of the one it names."""
    return MarketListing(
        market=market.index,
        token=token,
        feeds=feeds,
        heartbeats=market.heartbeats,
        engines=system.engines(at, inverse=market.units is not None),
        lot=market.lot,
        units=market.units,
        kinds=market.kinds,
        parameters=market.parameters,
        price_market=price_market,
    )


def maker_bounds(maker: MakerInputs) -> tuple[object, ...]:
    """Arguments of `MakerVault.set_bounds`."""
    bounds = (maker.edge_bps, maker.quote_seconds, maker.max_contracts, maker.cap, maker.max_deficit)
    return ((maker.quoter or EMPTY, *bounds),)
