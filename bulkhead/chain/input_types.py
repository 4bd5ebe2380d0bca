"""What a deployment starts from: its tokens, feeds, markets and owners, as `bulkhead.chain.inputs` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from bulkhead.chain.listing import CoinUnits
from bulkhead.chain.parameters import ParameterSet


@dataclass(frozen=True)
class MockToken:
    """A test token to create.

    Attributes:
        name: Its name.
        symbol: Its symbol.
        decimals: 6 to 18.
    """

    name: str
    symbol: str
    decimals: int


@dataclass(frozen=True)
class MockFeed:
    """A test feed to create.

    Attributes:
        decimals: Of its answers.
        price: First answer.
    """

    decimals: int
    price: Decimal

    @property
    def answer(self) -> int:
        """First answer [feed decimals]."""
        return int(self.price * 10**self.decimals)


#: Whose part of brought prices can be played on a local chain.
PULL_FORMS = ("pyth", "redstone")


@dataclass(frozen=True)
class PullFeed:
    """A test feed of brought prices to create: an adapter, and on its other side a test Pyth or local signers.

    Attributes:
        form: One of `PULL_FORMS`.
        price: First spot.
    """

    form: str
    price: Decimal

    @property
    def answer(self) -> int:
        """First spot [1e-8]."""
        return int(self.price * 10**8)


@dataclass(frozen=True)
class MakerInputs:
    """A maker vault to create beside a market.

    Attributes:
        owner: Who sets its bounds afterwards, None for the deployer.
        quoter: Key that signs its quotes, None for nobody yet.
        edge_bps: Least distance of a quote from mark, of notional.
        quote_seconds: Longest life of a quote.
        max_contracts: Most contracts of one order, over its legs [1e-6].
        cap: Most that deposits may bring the assets to [native].
        max_deficit: Largest recorded deficit of a cell at which a quote may be filled [wad].
    """

    owner: str | None
    quoter: str | None
    edge_bps: int
    quote_seconds: int
    max_contracts: int
    cap: int
    max_deficit: int = 0


#: Delay of a timelock [seconds]: default, least and greatest, as `contracts/governance/Timelock.vy` bounds it.
TIMELOCK_SECONDS = (8 * 86_400, 8 * 86_400, 30 * 86_400)


@dataclass(frozen=True)
class TimelockInputs:
    """A timelock that is to own the parameters.

    Attributes:
        proposers: Accounts that schedule, cancel and execute.
        delay_seconds: Between a proposal and its execution.
    """

    proposers: tuple[str, ...]
    delay_seconds: int


AnyFeed = str | MockFeed | PullFeed


@dataclass(frozen=True)
class MarketInputs:
    """One market.

    Attributes:
        symbol: Name of the underlying.
        index: Index on chain.
        token: Name of its token in `Inputs.tokens`.
        primary: Feed.
        fallback: Second feed, None where there is none.
        sequencer: Uptime feed of a roll-up, None where there is none.
        kinds: How primary and fallback keep their past (risk/words, FeedKind).
        heartbeats: Of primary and fallback [seconds].
        lot: Step of quantities [1e-6 contracts].
        units: What an inverse market counts in, None for a linear one.
        price_market: Earlier market whose prices it goes by, "" for prices of its own. Its feeds are that one's.
        parameters: Everything RiskParameters bounds.
        maker: Its maker vault, None for none.
    """

    symbol: str
    index: int
    token: str
    primary: str | MockFeed | PullFeed
    fallback: str | MockFeed | PullFeed | None = None
    sequencer: str | MockFeed | PullFeed | None = None
    kinds: tuple[int, int] = (0, 0)
    heartbeats: tuple[int, int] = (3600, 0)
    lot: int = 10_000
    units: CoinUnits | None = None
    price_market: str = ""
    parameters: ParameterSet = field(default_factory=ParameterSet)
    maker: MakerInputs | None = None

    @property
    def feeds(self) -> tuple[AnyFeed | None, AnyFeed | None, AnyFeed | None]:
        """Primary, fallback, sequencer."""
        return self.primary, self.fallback, self.sequencer


@dataclass(frozen=True)
class Inputs:
    """One deployment.

    Attributes:
        network: Name, and folder under deployments/.
        chain_id: Chain that it is for.
        owner: Account that may change parameters, None for the deployer or the timelock.
        guardian: Account that may pause opening, None for the deployer.
        tokens: Tokens by name: quote of linear markets, the underlying of inverse ones.
        markets: Markets in the order of listing.
        timelock: Timelock to create as the owner, None for none.
    """

    network: str
    chain_id: int
    owner: str | None
    guardian: str | None
    tokens: Mapping[str, str | MockToken]
    markets: tuple[MarketInputs, ...]
    timelock: TimelockInputs | None = None

    @property
    def addresses(self) -> dict[str, str]:
        """Everything that must have code already, by what it is."""
        found = {f"token {name}": token for name, token in self.tokens.items() if isinstance(token, str)}
        for market in self.markets:
            for role, feed in zip(("primary", "fallback", "sequencer"), market.feeds, strict=True):
                if isinstance(feed, str):
                    found[f"{role} feed of {market.symbol}"] = feed
        return found

    @property
    def needs_mocks(self) -> bool:
        """Whether test contracts would be created."""
        things = [*self.tokens.values(), *(feed for market in self.markets for feed in market.feeds)]
        return any(isinstance(thing, MockToken | MockFeed | PullFeed) for thing in things)
